"""Emission: from a program to the text of a NumPy module that computes it, and to the function in that text.

`compile_program(program)` is the way in. It writes tinygraph's functions out with NumPy's, applies the rewrites,
gathers elementwise calls into runs, plans the memory, and writes the text: first what is done once (memory, views),
then `def step(...)` with one comment for each of the user's lines.
"""

from __future__ import annotations

import copy
import linecache
import os
import re
import textwrap
import threading
import weakref
from collections.abc import Callable, Sequence
from dataclasses import replace
from operator import is_
from typing import Any

import numpy as np

from tinygraph.compiler.assembly import turned_product
from tinygraph.compiler.batches import Batch, batches_of
from tinygraph.compiler.blocks import Run, gathered
from tinygraph.compiler.cost import Cost, flops, traffic
from tinygraph.compiler.image_calls import IMAGE_FUNCTIONS, work_of
from tinygraph.compiler.lines import KEPT_BYTES, LARGE_BYTES, memory_for, on_lines
from tinygraph.compiler.naming import is_free, names_of
from tinygraph.compiler.planning import Memory, Plan, Storage, looks_like_view, plan
from tinygraph.compiler.profiling import TAG, Profile, instrumented, profiled, untagged
from tinygraph.compiler.program import Program
from tinygraph.compiler.rewrites import ALL, Rewrite, apply
from tinygraph.compiler.rewrites.imaging import write_out_images
from tinygraph.compiler.rewrites.sharing import drop_dead
from tinygraph.compiler.rewrites.writing_out import FORMULAS, write_out
from tinygraph.compiler.rowwise import IN_TURNS, IN_TWO, ON_TWO_THREADS, THREADING, text_of_run
from tinygraph.compiler.saving import save_module
from tinygraph.compiler.scalars import is_of_numbers, text_of_numbers
from tinygraph.compiler.sequences import sequences_of
from tinygraph.compiler.steps import Builder, Step, is_node, rewritten, steps_of
from tinygraph.compiler.threads import blas, threads_for
from tinygraph.compiler.writing import WORK, WRITTEN, Writer, dtype_text
from tinygraph.graph import Graph

__all__ = ["Emitted", "compile_program"]

WIDTH = 120


_ALIVE: weakref.WeakSet[Emitted] = weakref.WeakSet()


def _after_fork() -> None:
    """A child process has none of its parent's threads: what has a pool of them is set up anew."""
    for emitted in _ALIVE:
        emitted._bound = None
        emitted._lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


class Emitted:
    """A compiled program.

    Attributes:
        source: the text of the module.
        original: the graph that was given, as steps.
        graph: the graph after rewriting, which the text computes.
        plan: where every value lives.
        constants: by name the arrays that the text refers to.
        names: what the text calls the arguments, in order; and the variables.
    """

    def __init__(
        self, source: str, original: Graph, graph: Graph, plan: Plan, writer: Writer, arguments: list[str],
        variables: list[str], name: str, otherwise: Callable[[], Emitted] | None = None,
    ) -> None:  # fmt: skip
        self.source = source
        self.original = original
        self.graph = graph
        self.plan = plan
        self.name = name
        self.arguments = arguments
        self.variables = variables
        self.constants = writer.constants
        self.functions = writer.functions
        self.imports = writer.imports
        file = f"<compiled {name} {id(self):x}>"
        linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
        weakref.finalize(self, linecache.cache.pop, file, None)
        _ALIVE.add(self)
        self._code = compile(source, file, "exec")
        self.otherwise = otherwise
        self.tagged = source
        self.state_comment = ""
        self.scratch = (0, 0)
        self.program: Program | None = None
        self.options: dict[str, Any] = {}
        self._exact: Emitted | None = None
        self._blas = blas() if _one_thread(graph, plan) else None
        self._bound: list[Any] | None = None
        self._given: tuple[Any, ...] | None = None
        self._step: Callable[..., Any] = self._unbound
        self._lock = threading.Lock()

    def run(self, arguments: Sequence[Any], variables: Sequence[Any] = (), generators: Sequence[Any] = ()) -> Any:
        """Compute the results, and update the variables in place.

        Args:
            arguments: arrays, in the order of the program's arguments, of its shapes and dtypes.
            variables: writable arrays, in the order of its variables. Give the same arrays at each call: for others
                the memory is set up anew.
            generators: `np.random.Generator`s, in the order of the program's.

        Returns:
            The nest of the program's results. No array in it is used again by a later call.
        """
        with self._lock:
            bound = self._bound
            if bound is None or (
                (variables is not self._given or generators) and not all(map(is_, bound, (*variables, *generators)))
            ):
                self._bind(variables, generators)
            if self._blas is not None and (threads := self._blas.get_threads()) > 1:
                self._blas.set_threads(1)
                try:
                    return self._step(*arguments)
                finally:
                    self._blas.set_threads(threads)
            if self.otherwise is None:
                return self._step(*arguments)
            try:
                return self._step(*arguments)
            except (ArithmeticError, ValueError):  # Python's floats raise where NumPy's have an infinity or NaN
                return self._in_arrays().run(arguments, variables, generators)

    def _bind(self, variables: Sequence[Any], generators: Sequence[Any]) -> None:
        """Execute the part of the text that is done once, with these variables."""
        space = self._space(variables, generators)
        exec(self._code, space)
        self._step = space[self.name]
        self._bound = [*variables, *generators]
        self._given = variables if type(variables) is tuple else None  # a tuple has the same arrays the next time

    def _space(self, variables: Sequence[Any], generators: Sequence[Any]) -> dict[str, Any]:
        """The names that the text is executed among."""
        return {
            "__name__": self.name,
            **dict(zip(self.variables, variables, strict=True)),
            **{f"generator_{place}": generator for place, generator in enumerate(generators)},
            **self.constants,
            **self.functions,
        }

    def _in_arrays(self) -> Emitted:
        """This program, or the one that computes the same with NumPy where this one computes with Python's floats."""
        if self.otherwise is None:
            return self
        if self._exact is None:
            self._exact = self.otherwise()
            self._exact.program, self._exact.options = self.program, self.options
        return self._exact

    @property
    def cost(self) -> Cost:
        """Operations, bytes and buffers, by calculation."""
        emitted = self._in_arrays()
        steps = [s for s in emitted.graph.nodes if isinstance(s, Step) and s.function is not None]
        called = [step for step in steps if not emitted.plan.is_view(step)]
        buffers, size = emitted.scratch
        return Cost(
            flops=sum(flops(step) for step in called),
            bytes=sum(traffic(step) for step in called),
            buffers=buffers + len(emitted.plan.memories),
            buffer_bytes=size + sum(memory.nbytes for memory in emitted.plan.memories),
            calls=len(called),
        )

    def save(self, path: str | os.PathLike[str], values: Sequence[Any] = (), *, parameters: str = "beside") -> None:
        """Write a module that computes the same without tinygraph.

        Args:
            path: of the module, ending in ".py".
            values: the variables' values, in order.
            parameters: "beside" puts the values into an npz of the same name, which the module reads when it is
                imported, and updates in memory. "arguments" makes them arguments of the function, after the others;
                where it updates them it returns a pair: what it returned before, and a dict of the new values.

        Raises:
            ValueError: the path does not end in ".py", or `parameters` is something else.
            UnsupportedError: the program calls a function that cannot be written down.
        """
        if parameters not in ("beside", "arguments"):
            raise ValueError(f'save: parameters must be "beside" or "arguments", got {parameters!r}')
        emitted = self._in_arrays()
        if parameters == "arguments" and self.program is not None and self.program.variables:
            emitted = compile_program(_with_arguments(self.program), **self.options)._in_arrays()
            values = ()
        arrays = dict(zip(emitted.variables, values, strict=True))
        arrays.update({name: value for name, value in emitted.constants.items() if not _is_written(value)})
        generators = [f"generator_{place}" for place in range(len(self.program.generators if self.program else ()))]
        save_module(path, emitted.source, emitted.state_comment, arrays, emitted.imports, emitted.functions, generators)

    def profile(
        self, arguments: Sequence[Any], variables: Sequence[Any] = (), generators: Sequence[Any] = (), repeats: int = 20
    ) -> Profile:
        """Measure how long each call takes, on one thread. The variables are copied, and stay as they are.

        Args:
            arguments, variables, generators: as for `run`.
            repeats: how often the program is run; the least time of each call counts.

        Returns:
            A `Profile`: printed, it shows two tables, by line of the user's code and by operation.
        """
        emitted = self._in_arrays()
        if emitted.program is not None and emitted.options.get("threads") != 1:
            emitted = compile_program(emitted.program, **{**emitted.options, "threads": 1})._in_arrays()
        variables = [np.array(value) for value in variables]
        generators = copy.deepcopy(list(generators))
        code = compile(instrumented(emitted.tagged), f"<profiled {self.name}>", "exec")

        def bind(tick: Callable[[int], None]) -> Callable[[], Any]:
            space = emitted._space(variables, generators)
            space["_tick"] = tick
            exec(code, space)
            step = space[emitted.name]
            return lambda: step(*arguments)

        names = {} if emitted.program is None else emitted.program.updates_in(emitted.graph)
        return profiled(bind, lambda: emitted.run(arguments, variables, generators), emitted.graph, repeats, names)

    def _unbound(self, *arguments: Any) -> Any:
        raise AssertionError("not bound")


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
        name: of the function in the text.
        blocks: evaluate elementwise calls on large arrays block by block.
        threads: 2 lets large work go to two threads, 1 does not; None goes by the number of processors.

    Returns:
        An `Emitted`: `.run(arguments, variables, generators)` computes; `.source` is the text; `.original` and
        `.graph` are the graphs before and after rewriting; `.save(path, values)`, `.cost`, `.profile(...)`.
    """
    original = steps_of(program)
    graph = drop_dead(apply(_prepared(original, program), rewrites))
    graph = drop_dead(rewritten(graph, _solid_operands))
    threads = min(2, os.cpu_count() or 1) if threads is None else threads
    emission = _Emission(program, original, graph, name, blocks, threads)
    emitted = emission.of_numbers() if is_of_numbers(graph) else emission.emitted()
    emitted.program = program
    emitted.options = {"rewrites": rewrites, "name": name, "blocks": blocks, "threads": threads}
    return emitted


def _with_arguments(program: Program) -> Program:
    """A program without state: its variables are arguments, and their new values are results."""
    updated = {variable.name: variable.updated for variable in program.variables if variable.updated is not None}
    named = [replace(variable.node, name=variable.name) for variable in program.variables]
    return Program(
        program.graph, (*program.arguments, *named), (), (program.results, updated) if updated else program.results,
        program.sections, program.generators,
    )  # fmt: skip


PRODUCTS = (np.matmul, np.dot, turned_product)

# What the functions for images work in at least: part of the second-level cache.
WORK_BYTES = 1 << 21


def _one_thread(graph: Graph, plan: Plan) -> bool:
    """Whether BLAS should use one thread, and would use more: whether there are products, and none is large.

    Convolutions and the products of sequences are divided between threads here, and not in BLAS.
    """
    if any(isinstance(item, Batch) for item in plan.items):
        return True
    if any(step.function in IMAGE_FUNCTIONS for step in graph.nodes):
        return True
    products = [step for step in graph.nodes if step.function in PRODUCTS and isinstance(step, Step)]
    if any(operand.nbytes >= LONG_TO_READ for step in products for operand in step.operands):
        return False
    largest = max([flops(step) for step in products], default=0)
    return largest > UNDIVIDED and threads_for(largest) == 1


# A matrix of this many bytes takes long to read, however little is computed with it, and two threads share that.
LONG_TO_READ = 1 << 23


# OpenBLAS leaves smaller products to one thread by itself.
UNDIVIDED = 10_000


def _prepared(graph: Graph, program: Program) -> Graph:
    """tinygraph's functions written out; a variable whose new value is an old array, or a view, gets a copy."""
    graph = write_out_images(write_out(graph))
    count = len(graph.outputs) - sum(variable.updated is not None for variable in program.variables)
    builder = Builder()
    builder.steps = list(graph.nodes)  # type: ignore[arg-type]
    outputs = list(graph.outputs[:count])
    for output in graph.outputs[count:]:
        assert isinstance(output, Step)
        if output.shape and (output.function is None or looks_like_view(output)):
            output = builder.call(output, np.copy, output, name=output.name)
        outputs.append(output)
    return Graph(tuple(builder.steps), tuple(outputs))


def _solid_operands(builder: Builder, step: Step) -> Step | None:
    """BLAS does not take an array that a broadcast repeats: it gets memory of its own."""
    if step.function not in PRODUCTS:
        return None

    def solid(item: Any) -> Any:
        repeated = type(item) is Step and item.function is np.broadcast_to
        return builder.call(step, np.copy, item) if repeated else item

    args = tuple([solid(item) for item in step.args])
    return builder.add(replace(step, args=args)) if args != step.args else None


class _Emission:
    """The text of one program, as it is written."""

    def __init__(self, program: Program, original: Graph, graph: Graph, name: str, blocks: bool, threads: int) -> None:
        self.name = name
        self.original = original
        self.graph = graph
        self.blocks = blocks
        self.threads = threads
        self.runs: list[list[str]] = []
        self.scratch_bytes = 0
        self.scratch_count = 0
        self.body: list[str] = []
        self.setup: list[str] = []
        self.group: Any = None
        self.begun: set[int] = set()  # escaping storages that have their memory
        self.kept = 0  # results whose memory is kept
        self.placed: set[int] = set()  # parts of assembled arrays that have their names
        self.imports: set[str] = set()
        self.turns: set[bool] = set()  # whether runs on two threads go in turns, or in halves
        self.quiet = any(step.function in FORMULAS and step.function not in _LOUD for step in original.nodes)
        self.count = len(program.arguments)
        self.program = program
        updated = [place for place, variable in enumerate(program.variables) if variable.updated is not None]
        kept = len(graph.outputs) - len(updated)
        self.results: list[Any] = list(graph.outputs[:kept])
        self.updates: dict[int, Any] = dict(zip(updated, graph.outputs[kept:], strict=True))
        if not is_of_numbers(graph):
            self.plan_memory()

    def plan_memory(self) -> None:
        """Decide where every value lives, and what it is called."""
        graph, name, program = self.graph, self.name, self.program
        items = self.items_of(graph)
        self.plan = plan(graph, items, self.count, self.updates, self.results)
        generators = [f"generator_{place}" for place in range(len(program.generators))]
        self.names = names_of(graph, self.plan, [name, WORK, *generators])
        taken = {*self.names.values(), name, *generators}
        variables = graph.nodes[self.count : self.count + len(program.variables)]
        self.writer = Writer(
            self.names, taken=taken, parts=self.plan.parts, layouts=self.plan.layouts,
            single=frozenset([node.index for node in variables if not node.shape]),
            numbers={number: name for number, name in program.numbers.items() if is_free(name)},
        )  # fmt: skip

    def items_of(self, graph: Graph) -> list[Step | Run]:
        """What is executed, in order."""
        if not self.blocks:
            return [step for step in graph.nodes if isinstance(step, Step) and step.function is not None]
        overwrites = {step.index: graph.nodes[self.count + place].index for place, step in self.updates.items()}
        parts: Sequence[Sequence[Step] | Run] = batches_of(graph, overwrites)
        if len(parts) == 1:
            parts = sequences_of(graph, overwrites) or parts
        items: list[Step | Run] = []
        for part in parts:
            items += [part] if isinstance(part, Run) else gathered(part, overwrites)
        return items

    def of_numbers(self) -> Emitted:
        """The finished program, where every value is a number."""
        variables = [variable.name for variable in self.program.variables]
        outputs = iter(self.results)
        writer = Writer({})
        source = text_of_numbers(
            self.graph, self.count, variables, self.updates, self.results, self.name,
            lambda written: _nest_text(self.program.results, lambda: written(next(outputs)), writer),
        )  # fmt: skip
        arguments = [node.name or "x" for node in self.graph.nodes[: self.count]]

        def otherwise() -> Emitted:
            self.plan_memory()
            return self.emitted()

        empty_plan = Plan([], {}, {}, [], [], {}, {})
        return Emitted(
            source, self.original, self.graph, empty_plan, writer, arguments, variables, self.name, otherwise
        )  # fmt: skip

    def emitted(self) -> Emitted:
        """The finished program."""
        for item in self.plan.items:
            self.write(item)
        returned = self.closing()
        inputs = [self.names[node.index] for node in self.graph.nodes[: self.count + len(self.program.variables)]]
        memory = [*self.memory_lines(), *self.work_lines()]
        lines = [
            f'"""{self.name}: written by tinygraph."""',
            "",
            *sorted(self.imports, key=lambda line: (line.startswith("from"), line)),
            "",
            "import numpy as np",
            *self.writer.imports.values(),
            "",
            *self.state_lines(),
            *self.constant_lines(),
            *[f"{name} = {made}" for made, name in self.writer.made.items()],
            "",
            *memory,
            *self.setup,
            "",
            *[line for text in self.helpers() for line in [*text.split("\n"), "", ""]],
            *[line for run in self.runs for line in [*run, "", ""]],
            *self.decorators(),
            f"def {self.name}({', '.join(inputs[: self.count])}):",
            *[f"    {line}" if line else "" for line in [*self.body, *_wrapped(f"return {returned}")]],
        ]
        tagged = "\n".join(_without_double_blanks(lines)) + "\n"
        emitted = Emitted(
            _fitted(untagged(tagged)), self.original, self.graph, self.plan, self.writer, inputs[: self.count],
            inputs[self.count :], self.name,
        )  # fmt: skip
        emitted.tagged = tagged
        emitted.state_comment = "".join(f"{line}\n" for line in self.state_lines())
        emitted.scratch = (self.scratch_count, self.scratch_bytes)
        return emitted

    def helpers(self) -> list[str]:
        """The functions that divide work between two threads."""
        kinds = {False: IN_TWO, True: IN_TURNS}
        return [ON_TWO_THREADS, *[kinds[kind] for kind in sorted(self.turns)]] if self.turns else []

    def state_lines(self) -> list[str]:
        """A comment on the arrays that are not made here: the variables, and constants too large to be written out."""
        nodes = self.graph.nodes[self.count : self.count + len(self.program.variables)]
        said = [f"{self.names[node.index]} {node.dtype}{list(node.shape)}" for node in nodes]
        said += [
            f"{name} {value.dtype}{list(value.shape)}"
            for name, value in self.writer.constants.items()
            if not _is_written(value)
        ]
        if not said:
            return []
        text = f"# Given from outside: {', '.join(said)}."
        return [*textwrap.wrap(text, WIDTH, subsequent_indent="#   "), ""]

    # --- the step -----------------------------------------------------------------------------------------------------

    def write(self, item: Step | Run) -> None:
        """Write one item into the body, or what is done once into the setup."""
        if isinstance(item, Run):
            self.write_run(item)
            return
        held = self.plan.storage[item.index]
        name = self.names[item.index]
        self.place(item)
        if self.plan.is_view(item):
            assert held is not None
            line = f"{name} = {self.writer.view(item)}"
            if self.is_lasting(held):
                self.setup.append(line)
            else:
                self.comment(item)
                self.put(item, line)
            return
        self.comment(item)
        if item.function in IMAGE_FUNCTIONS:
            assert held is not None
            if held.escapes and id(held) not in self.begun:
                self.begin(held, None)
            self.put(item, *self.writer.statements(item, name, work=f"{WORK}[0]"))
            return
        if held is None or held.kind == "fresh":
            place = self.plan.straight.get(item.index)
            if place is not None:
                name = f"{self.names[self.graph.nodes[self.count + place].index]}[...]"
            self.put(item, f"{name} = {self.writer.expression(item)}")
        elif held.escapes and id(held) not in self.begun:
            self.begin(held, item)
        else:
            self.put(item, *self.writer.statements(item, name))

    def place(self, step: Step) -> None:
        """Write down, once, where in an assembled array a part of it lies."""
        if step.index in self.plan.parts and step.index not in self.placed:
            self.placed.add(step.index)
            whole, index = self.plan.parts[step.index]
            self.place(whole)
            self.setup.append(f"{self.names[step.index]} = {self.names[whole.index]}[{self.writer.index(index)}]")

    def put(self, step: Step, *lines: str) -> None:
        """Append statements to the body, tagged with the step that they compute."""
        self.body += [f"{line}{TAG}{step.index}" for line in lines]

    def write_run(self, run: Run) -> None:
        """Write a run's functions, and the call of them."""
        for step in run.steps:
            held = self.plan.storage[step.index]
            if held is not None and held.kind != "scratch":
                self.place(step)
            if held is not None and held.escapes and id(held) not in self.begun:
                self.comment(step)
                self.begin(held, None)
        for step in run.steps:
            held = self.plan.storage[step.index]
            if held is not None and self.plan.is_view(step) and held.kind != "scratch":
                line = f"{self.names[step.index]} = {self.writer.view(step)}"
                if self.is_lasting(held):
                    self.setup.append(line)
                else:
                    self.put(step, line)
        group, self.group = self.group, None
        text = text_of_run(
            run, len(self.runs) + 1, self.plan, self.names, self.writer, self.is_lasting, self.comment,
            self.threads > 1,
        )  # fmt: skip
        self.group = group
        if text.threads > 1:
            self.imports |= THREADING
            self.turns.add(text.in_turns)
        self.scratch_bytes += text.scratch_bytes
        self.scratch_count += text.scratch_count
        self.setup += text.setup
        self.runs.append(text.functions)
        self.comment(run.steps[0])
        self.body += text.call
        self.group = None

    def begin(self, held: Storage, step: Step | None) -> None:
        """Write the allocation of memory that is new at each call, and the first call into it."""
        self.begun.add(id(held))
        name = self.names[held.steps[0]]
        first = self.plan.by_index[held.steps[0]] if step is None else step
        if held.nbytes < KEPT_BYTES:
            self.put(first, f"{name} = {empty(held.shape, held.dtype)}")
        else:
            kept = self.kept_memory()
            size = held.shape[0] if len(held.shape) == 1 else held.shape
            self.put(first, f"{name} = {self.writer.foreign(memory_for)}({kept}, {size}, {dtype_text(held.dtype)})")
        if step is not None:
            self.put(step, *self.writer.statements(step, name))
        for other, shape in self.names_of_storage(held).items():
            if other != name:
                self.put(first, f"{other} = {name}" if shape == held.shape else f"{other} = {name}.reshape({shape})")

    def kept_memory(self) -> str:
        """The name of a list of the memory of earlier results, which is made once."""
        self.kept += 1
        name = f"results_{self.kept}"
        while name in self.writer.taken:
            name += "_"
        self.writer.taken.add(name)
        self.setup.append(f"{name} = []")
        return name

    def names_of_storage(self, held: Storage) -> dict[str, tuple[int, ...]]:
        """What the values that follow each other in a storage are called, with their shapes."""
        by_index = self.plan.by_index
        return {
            self.names[index]: by_index[index].shape
            for index in held.steps
            if not self.plan.is_view(by_index[index]) and index not in self.plan.parts
        }

    def is_lasting(self, held: Storage) -> bool:
        """Whether a storage is the same memory at every call."""
        return held.kind in ("variable", "constant") or (held.kind == "owned" and not held.escapes)

    def comment(self, step: Step, body: list[str] | None = None) -> None:
        """Begin a group of statements, if this step belongs to another line of the user's than the last."""
        body = self.body if body is None else body
        source = step.source
        group = (step.section, None if source is None else (source.file, source.line))
        if group == self.group:
            return
        self.group = group
        if body:
            body.append("")
        if source is None:
            body.append(f"# {step.section}")
            return
        text = f"# {step.section} · {source.text}" if source.text else f"# {step.section}"
        place = f"({source})"
        room = WIDTH - 4 - len(place) - 2
        text = text if len(text) <= room else f"{text[: room - 3]}..."
        body.append(f"{text:<60}  {place}" if len(text) <= 60 else f"{text}  {place}")

    def closing(self) -> str:
        """Write the new values of variables that could not be written in place; what is returned, as text."""
        texts: dict[int, str] = {}
        for output in self.results:
            held = self.plan.storage.get(output.index)
            text = self.writer.text(output)
            copied = held is not None and (held.kind in ("variable", "constant", "fresh"))
            if copied and output.index not in texts:
                name = f"{text}_now"
                self.body.append(f"{name} = {text}.copy()")
                text = name
            elif output.function is None and output.is_constant and output.shape:
                text = f"{text}.copy()"
            texts.setdefault(output.index, text)
        for place, step in self.plan.copied:
            variable = self.names[self.graph.nodes[self.count + place].index]
            self.comment(step)
            self.put(
                step,
                f"{variable}[...] = {self.writer.text(step)}" if not step.shape
                else f"np.copyto({variable}, {self.writer.text(step)})",
            )  # fmt: skip
        if self.body:
            self.body.append("")
        outputs = iter(self.results)
        return _nest_text(self.program.results, lambda: texts[next(outputs).index], self.writer)

    # --- what is done once --------------------------------------------------------------------------------------------

    def constant_lines(self) -> list[str]:
        """Small constants, written out; the others are named."""
        small = {
            name: value for name, value in self.writer.constants.items()
            if _is_written(value)
        }  # fmt: skip
        lines = []
        for name, value in small.items():
            dtype = "" if value.dtype in (np.float64, np.int64, np.bool_) else f", dtype={dtype_text(value.dtype)}"
            line = f"{name} = np.array({value.tolist()!r}{dtype})"
            wrapped = textwrap.wrap(line, WIDTH - 4, subsequent_indent="    ", break_long_words=False)
            lines += wrapped if len(line) > WIDTH else [line]
        return lines

    def memory_lines(self) -> list[str]:
        """The arrays that are allocated once, and the names of the values that lie in them."""
        lines: list[str] = []
        for memory in self.plan.memories:
            lines += self.names_in(memory)
        return ["# Memory: allocated once, and used again at every call.", *lines] if lines else []

    def work_lines(self) -> list[str]:
        """What the functions for images may write over, for each thread."""
        uses = [
            (step, isinstance(item, Run)) for item in self.plan.items
            for step in (item.steps if isinstance(item, Run) else [item]) if step.function in IMAGE_FUNCTIONS
        ]  # fmt: skip
        if not uses:
            return []
        size = max(WORK_BYTES, *[work_of(step) for step, _ in uses])
        threads = 2 if self.imports and any(inside for _, inside in uses) else 1
        self.scratch_bytes += threads * size
        self.scratch_count += 1
        return [f"{WORK} = {self.writer.foreign(on_lines)}({(threads, size)}, np.uint8)"]

    def names_in(self, memory: Memory) -> list[str]:
        """One line for each name of a value in some memory."""
        lines: list[str] = []
        first = ""
        for held in memory.storages:
            for name, shape in self.names_of_storage(held).items():
                if not first:
                    first = name
                    lines.append(f"{name} = {self.made(memory)}")
                else:
                    lines.append(f"{name} = {part_of(first, memory.storages[0], held, shape)}")
        return lines

    def made(self, memory: Memory) -> str:
        """The allocation of some memory, large ones and those that two threads of BLAS write into on lines."""
        held = memory.storages[0]
        line = memory.line if self.threads > 1 else 0
        if memory.nbytes < LARGE_BYTES and not line:
            return empty(held.shape, held.dtype)
        size = held.shape[0] if len(held.shape) == 1 else held.shape
        element = f", {line}" if line else ""
        return f"{self.writer.foreign(on_lines)}({size}, {dtype_text(held.dtype)}{element})"

    def decorators(self) -> list[str]:
        """Overflow that a formula expects is none of the user's business."""
        return ['@np.errstate(over="ignore", divide="ignore")'] if self.quiet else []


def _is_written(value: Any) -> bool:
    """Whether a constant is small enough to be written into the text."""
    return bool(0 < value.size <= WRITTEN and value.dtype.kind in "biuf" and np.all(np.isfinite(value)))


_LOUD = frozenset((np.mean, np.clip, np.sum, np.prod, np.max, np.min, np.amax, np.amin))


def empty(shape: tuple[int, ...], dtype: Any) -> str:
    """An array without values yet, as one writes it."""
    size = shape[0] if len(shape) == 1 else shape
    return f"np.empty({size})" if dtype == np.float64 else f"np.empty({size}, dtype={dtype_text(dtype)})"


def part_of(first: str, largest: Storage, held: Storage, shape: tuple[int, ...]) -> str:
    """The beginning of an array as one of another shape and dtype."""
    if shape == largest.shape and held.dtype == largest.dtype:
        return first
    if held.dtype == largest.dtype and held.nbytes == largest.nbytes:
        return f"{first}.reshape({shape})"
    if held.dtype == largest.dtype:
        return f"{first}.reshape(-1)[:{held.nbytes // held.dtype.itemsize}].reshape({shape})"
    view = f"{first}.reshape(-1).view(np.uint8)[:{held.nbytes}].view({dtype_text(held.dtype)})"
    return f"{view}.reshape({shape})"


def _nest_text(structure: Any, next_text: Callable[[], str], writer: Writer) -> str:
    if is_node(structure):
        return next_text()
    if type(structure) is tuple and structure:
        inside = ", ".join([_nest_text(item, next_text, writer) for item in structure])
        return f"({inside},)" if len(structure) == 1 else f"({inside})"
    if type(structure) is list:
        return f"[{', '.join([_nest_text(item, next_text, writer) for item in structure])}]"
    if type(structure) is dict:
        return "{" + ", ".join([f"{k!r}: {_nest_text(v, next_text, writer)}" for k, v in structure.items()]) + "}"
    return writer.text(structure)


def _fitted(source: str) -> str:
    """The text with each call that is too long for a line on several."""
    return "\n".join([part for line in source.split("\n") for part in _divided(line)])


_CALL = re.compile(r"^(\s*)([\w.]+)\((.*)\)$")


def _divided(line: str) -> list[str]:
    call = _CALL.match(line) if len(line) > WIDTH and "'" not in line else None
    if call is None:
        return [line]
    indent, function, arguments = call.groups()
    inside = textwrap.wrap(arguments, WIDTH - len(indent) - 4, break_long_words=False, break_on_hyphens=False)
    return [f"{indent}{function}(", *[f"{indent}    {part}" for part in inside], f"{indent})"]


def _wrapped(line: str) -> list[str]:
    """A line of names in brackets, divided where it is too long; one with texts in it stays as it is."""
    if len(line) <= WIDTH - 4 or "'" in line or line.partition(" ")[2][:1] not in ("(", "["):
        return [line]
    return textwrap.wrap(line, WIDTH - 4, subsequent_indent="    ", break_long_words=False, break_on_hyphens=False)


def _without_double_blanks(lines: list[str]) -> list[str]:
    kept: list[str] = []
    for line in lines:
        if line.startswith(("def ", "@")) and kept and not kept[-1].startswith("@"):
            while kept and not kept[-1]:
                kept.pop()
            kept += ["", ""]
        elif not line and kept and not kept[-1]:
            continue
        kept.append(line)
    return kept
