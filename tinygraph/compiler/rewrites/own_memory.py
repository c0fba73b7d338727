"""Own memory: a copy instead of a view, where the call or the update that comes next takes no view."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from tinygraph.compiler.program.builder import Builder
from tinygraph.compiler.program.facts import PRODUCTS
from tinygraph.compiler.program.loops import loop_result
from tinygraph.compiler.program.predicates import looks_like_view, takes_out
from tinygraph.compiler.program.rewriting import rewritten
from tinygraph.compiler.program.steps import Step
from tinygraph.graph import Graph

__all__ = ["own_operands", "own_updates"]


def own_updates(graph: Graph, updates: int) -> Graph:
    """w, v = v, w  ->  w, v = np.copy(v), np.copy(w): a variable's new value that is, or may be, a view is copied.

    It is written at the end, when the memory that it shows may have been updated.

    Args:
        updates: the number of outputs, the last ones, that are new values of variables.
    """
    count = len(graph.outputs) - updates
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
    if step.function is loop_result and step.args[1] < step.args[0].function.carried:  # a value with its own memory
        return False
    return step.function is None or looks_like_view(step) or bool(step.shape and not takes_out(step))


def own_operands(graph: Graph) -> Graph:
    """np.broadcast_to(c, (8, 5)) @ w  ->  np.copy(np.broadcast_to(c, (8, 5))) @ w: BLAS takes no repeated array."""
    return rewritten(graph, _solid_operands)


def _solid_operands(builder: Builder, step: Step) -> Step | None:
    if step.function not in PRODUCTS:
        return None

    def solid(item: Any) -> Any:
        repeated = type(item) is Step and item.function is np.broadcast_to
        return builder.call(step, np.copy, item) if repeated else item

    args = tuple([solid(item) for item in step.args])
    return builder.add(replace(step, args=args)) if args != step.args else None
