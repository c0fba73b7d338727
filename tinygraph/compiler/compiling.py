"""Compiling: a program is simplified, and written with arrays or, where all values are numbers, with floats."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from tinygraph.compiler.memory import Plan, looks_like_view, plan, takes_out
from tinygraph.compiler.names import is_free, users
from tinygraph.compiler.program.program import Program
from tinygraph.compiler.program.steps import Builder, Step, rewritten, steps_of
from tinygraph.compiler.rewrites import ALL, Rewrite, apply
from tinygraph.compiler.rewrites.imaging import write_out_images
from tinygraph.compiler.rewrites.sharing import drop_dead
from tinygraph.compiler.rewrites.writing_out import write_out
from tinygraph.compiler.run.emitted import Emitted
from tinygraph.compiler.schedule.items import calls_alone, scheduled
from tinygraph.compiler.schedule.one_thread import PRODUCTS, wants_one_thread
from tinygraph.compiler.write.floats import is_of_numbers, named_apart, text_of_numbers
from tinygraph.compiler.write.module import text_of_arrays
from tinygraph.compiler.write.task import Task
from tinygraph.graph import Graph

__all__ = ["compile_program"]


def compile_program(
    program: Program,
    *,
    rewrites: Sequence[Rewrite] = ALL,
    name: str = "step",
    blocks: bool = True,
    threads: int | None = None,
) -> Emitted:
    """Write a program as NumPy, and make it callable.

    Args:
        program: a graph with the meaning of its inputs and outputs. Only shapes, dtypes and constants are taken from
            it, never the values that the inputs had.
        rewrites: what is done to the graph, in order; see `tinygraph.compiler.rewrites`.
        name: of the function in the text, which has an underscore more where that name means something else.
        blocks: evaluate elementwise calls on large arrays block by block.
        threads: 2 lets large work go to two threads, 1 does not; None goes by the number of processors.

    Returns:
        An `Emitted`: `.run(arguments, variables, generators)` computes; `.source` is the text; `.original` and
        `.graph` are the graphs before and after rewriting; `.save(path, values)`, `.cost`, `.profile(...)`.
    """
    name = users(name) if is_free(users(name)) else f"{users(name)}_"
    threads = min(2, os.cpu_count() or 1) if threads is None else threads
    options = {"rewrites": rewrites, "name": name, "blocks": blocks, "threads": threads}

    def again(another: Program = program, **others: Any) -> Emitted:
        return compile_program(another, **{**options, **others})

    original = steps_of(program)
    graph = write_out_images(write_out(original))
    graph = drop_dead(apply(_with_own_updates(graph, program), rewrites))
    graph = drop_dead(rewritten(_with_own_updates(graph, program), _solid_operands))
    task = Task(program, original, graph, name, blocks, threads, again)
    return _with_numbers(named_apart(task)) if is_of_numbers(graph) else _with_arrays(task)


def _with_arrays(task: Task) -> Emitted:
    """Schedule the calls of a program, plan its memory, and write it with NumPy's arrays."""
    graph = task.graph
    items = scheduled(graph, task.overwrites) if task.blocks else calls_alone(graph)
    planned = plan(graph, items, len(task.arguments), task.updates, task.results)
    return Emitted(task, text_of_arrays(task, planned), planned, one_thread=wants_one_thread(graph, planned.items))


def _with_numbers(task: Task) -> Emitted:
    """Write a program with Python's floats, which need no memory; the same with arrays is made where it is needed."""
    empty = Plan([], {}, {}, [], [], {}, {})
    return Emitted(task, text_of_numbers(task), empty, otherwise=lambda: _with_arrays(task))


def _with_own_updates(graph: Graph, program: Program) -> Graph:
    """Copies of the new values of variables that are old arrays, or views, or may be: they are written at the end, when
    what they look into may have been updated.
    """
    count = len(graph.outputs) - sum(variable.updated is not None for variable in program.variables)
    builder = Builder()
    builder.steps = list(graph.nodes)  # type: ignore[arg-type]
    outputs = list(graph.outputs[:count])
    for output in graph.outputs[count:]:
        assert isinstance(output, Step)
        if not output.is_constant and _may_be_a_view(output):
            output = builder.call(output, np.copy, output, name=output.name)
        outputs.append(output)
    return Graph(tuple(builder.steps), tuple(outputs))


def _may_be_a_view(step: Step) -> bool:
    """Return whether a value may lie in another's memory, as inputs and results of functions without out= may."""
    return step.function is None or looks_like_view(step) or bool(step.shape and not takes_out(step))


def _solid_operands(builder: Builder, step: Step) -> Step | None:
    """BLAS does not take an array that a broadcast repeats: it gets memory of its own."""
    if step.function not in PRODUCTS:
        return None

    def solid(item: Any) -> Any:
        repeated = type(item) is Step and item.function is np.broadcast_to
        return builder.call(step, np.copy, item) if repeated else item

    args = tuple([solid(item) for item in step.args])
    return builder.add(replace(step, args=args)) if args != step.args else None
