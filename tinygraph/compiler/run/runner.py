"""The runner: a written program that can be run, counted and measured.

runner = compile_program(program)
runner.run([x, y], [w, b])         computes, and updates w and b
print(runner.source)
"""

from __future__ import annotations

import copy
import functools
import linecache
import os
import threading
import weakref
from collections.abc import Callable, Sequence
from operator import is_
from types import CodeType
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygraph.compiler.memory import Plan
from tinygraph.compiler.program.cost import Cost, flops, traffic
from tinygraph.compiler.program.decisions import outcomes_in
from tinygraph.compiler.program.loop_marks import is_marker, iterations, path_in
from tinygraph.compiler.program.program import Program
from tinygraph.compiler.program.steps import Step
from tinygraph.compiler.run.profiling import Profile, Shown, profiled
from tinygraph.compiler.run.threads import Threads, executed
from tinygraph.compiler.schedule.blas_library import blas
from tinygraph.compiler.schedule.blas_threads import Setting
from tinygraph.compiler.write.tags import instrumented
from tinygraph.compiler.write.task import Task
from tinygraph.compiler.write.text import Text
from tinygraph.graph import Graph

if TYPE_CHECKING:
    from tinygraph.compiler.fast import MachineCode

__all__ = ["Runner", "made_runner"]

_ALIVE: weakref.WeakSet[Runner] = weakref.WeakSet()


def _after_fork() -> None:
    """Set up each runner anew in a child process, which has none of its parent's threads."""
    for runner in _ALIVE:
        runner._bound = None
        runner._lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


class Runner:
    """A compiled program.

    Attributes:
        source: the text of the module.
        graph: the graph after rewriting, which the text computes.
        path: the outcomes of its decisions.
        plan: the storage of each value.
        text: the written text, with the arrays and functions that it refers to.
        setting: the threads of BLAS, or None where they are left as they are.
    """

    def __init__(
        self, task: Task, text: Text, plan: Plan, code: CodeType, setting: Setting | None,
        otherwise: Callable[[], Runner] | None,
    ) -> None:  # fmt: skip
        """Hold a compiled text; see `made_runner`.

        Args:
            code: the compiled text.
            setting: the threads of BLAS; None leaves them as they are.
            otherwise: returns the same program written with NumPy, where this one computes with Python's floats.
        """
        self.task = task
        self.text = text
        self.plan = plan
        self.graph = task.graph
        self.source = text.source
        self.path = outcomes_in(task.program.graph.nodes) if task.program.twin is None else path_in(task.graph.nodes)
        self._code = code
        self._otherwise = otherwise
        self._exact: Runner | None = None
        self.setting = setting
        self._threads = _threads_of(setting, text)
        self._bound: list[Any] | None = None
        self._given: tuple[Any, ...] | None = None
        self._is_fast = False
        self._machine_code: MachineCode | None = None
        self._step: Callable[..., Any] = self._unbound
        self._lock = threading.Lock()

    @property
    def original(self) -> Graph:
        """The graph before rewriting."""
        return self.task.original

    # --- running ------------------------------------------------------------------------------------------------------

    def run(self, arguments: Sequence[Any], variables: Sequence[Any] = (), generators: Sequence[Any] = ()) -> Any:
        """Compute the results, and update the variables in place.

        Args:
            arguments: arrays, in the order of the program's arguments, of its shapes and dtypes.
            variables: writable arrays, in the order of its variables. Give the same arrays at each call: other arrays
                make the program set up its memory anew.
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
            if self._machine_code is not None:
                self._step = self._machine_code.prepared()[self.task.name]
            if self._threads is not None:
                return self._threads.run(self._step, arguments)
            if self._otherwise is None:
                return self._step(*arguments)
            try:
                return self._step(*arguments)
            except (ArithmeticError, ValueError):  # Python's floats raise where NumPy's have an infinity or NaN
                return self.in_arrays().run(arguments, variables, generators)

    def use_machine_code(self) -> None:
        """Run blocks of simple arithmetic as machine code from now on."""
        self._is_fast = True
        self._bound = None
        if self._threads is not None:
            self._threads.begin()

    def _bind(self, variables: Sequence[Any], generators: Sequence[Any]) -> None:
        """Execute the lines before the first call, with these variables."""
        space = self._space(variables, generators)
        exec(self._code, space)
        if self._is_fast:
            from tinygraph.compiler.fast import MachineCode

            source = executed(self.text, self.setting)
            axes = {name: len(node.shape) for name, node in zip(self.text.arguments, self.task.arguments, strict=True)}
            self._machine_code = MachineCode(source, self._code.co_filename, self.text.memory, space, axes)
        if self._threads is not None:
            self._threads.bind(space)
        self._step = space[self.task.name]
        self._bound = [*variables, *generators]
        self._given = variables if type(variables) is tuple else None  # a tuple has the same arrays the next time

    def _space(self, variables: Sequence[Any], generators: Sequence[Any]) -> dict[str, Any]:
        """Return the global names of the text."""
        return {
            "__name__": self.task.name,
            "__tinygraph_program__": True,  # for `warning_lines`
            "__warningregistry__": None,
            **dict(zip(self.text.variables, variables, strict=True)),
            **dict(zip(self.task.generators, generators, strict=True)),
            **self.text.references.constants,
            **self.text.references.functions,
            **({} if self._threads is None else self._threads.calls()),
        }

    def in_arrays(self) -> Runner:
        """Return this program, or, if it computes with Python's floats, the same program written with NumPy."""
        if self._otherwise is None:
            return self
        if self._exact is None:
            self._exact = self._otherwise()
        return self._exact

    def _unbound(self, *arguments: Any) -> Any:
        raise AssertionError("not bound")

    # --- costs --------------------------------------------------------------------------------------------------------

    @property
    def cost(self) -> Cost:
        """The calculated numbers of operations, bytes and buffers; what is in a loop counts once for each iteration."""
        runner = self.in_arrays()
        steps = [s for s in runner.graph.nodes if isinstance(s, Step) and s.function is not None]
        called = [step for step in steps if not runner.plan.is_view(step) and not is_marker(step)]
        times = iterations(runner.graph.nodes)
        buffers = runner.plan.buffers
        return Cost(
            flops=sum(times[step.index] * flops(step) for step in called),
            bytes=sum(times[step.index] * traffic(step) for step in called),
            buffers=runner.text.scratch_count + len(buffers),
            buffer_bytes=runner.text.scratch_bytes + sum(buffer.nbytes for buffer in buffers),
            calls=sum(times[step.index] for step in called),
        )

    def of(self, program: Program) -> Runner:
        """Return the runner of another program, written with the same options and with arrays."""
        return (self if program is self.task.program else self.task.again(program)).in_arrays()

    def profile(
        self, arguments: Sequence[Any], variables: Sequence[Any] = (), generators: Sequence[Any] = (), repeats: int = 20
    ) -> Profile:
        """Measure the time of each call, on one thread. The program writes into copies of what it is given.

        Args:
            arguments, variables, generators: as for `run`.
            repeats: the number of runs; the least time of each call counts.

        Returns:
            A `Profile`: printed, it shows two tables, by line of the user's code and by operation.
        """
        from tinygraph.compiler.run.pictured import differentiated_in, named_states, pictured

        runner = self.in_arrays()
        if runner.task.threads != 1:
            runner = runner.task.again(threads=1).in_arrays()
        variables = [np.array(value) for value in variables]
        generators = copy.deepcopy(list(generators))
        code = compile(instrumented(runner.text.separate), f"<profiled {self.task.name}>", "exec")

        def bind(tick: Callable[[int], None]) -> Callable[[], Any]:
            space = runner._space(variables, generators)
            space["_tick"] = tick
            exec(code, space)
            step = space[self.task.name]
            return lambda: step(*arguments)

        arguments = list(arguments)
        given = self.task.program.arguments
        written = [given.index(node) for node, _ in self.task.program.written]
        for position in written:
            arguments[position] = np.array(arguments[position])
        changed = [*variables, *[arguments[position] for position in written]]
        values = [np.array(value) for value in changed]
        states = [generator.bit_generator.state for generator in generators]

        def restore() -> None:
            """Let each run decide as the first one."""
            for variable, value in zip(changed, values, strict=True):
                variable[...] = value
            for generator, before in zip(generators, states, strict=True):
                generator.bit_generator.state = before

        shown, program = pictured(runner.graph), self.task.program
        names = {**named_states(shown), **program.updates_in(shown)}
        passes = {"differentiated": differentiated_in(shown, program), "updates": program.replaced_in(shown)}
        plain = functools.partial(runner.run, arguments, variables, generators)
        return profiled(bind, plain, runner.graph, repeats, restore, Shown(shown, names, passes))


def _threads_of(setting: Setting | None, text: Text) -> Threads | None:
    """Return the threads of a program; None where it has one, and BLAS is left as it is."""
    library = None if setting is None else blas()
    if setting is None or library is None:
        return Threads(None, several=False, throughout=True) if text.divides else None
    return Threads(library, several=bool(setting.divided), throughout=not setting.groups)


def made_runner(
    task: Task, text: Text, plan: Plan, *, setting: Setting | None = None,
    otherwise: Callable[[], Runner] | None = None,
) -> Runner:  # fmt: skip
    """Compile a text, and return its runner. Tracebacks show the lines of the text as long as the runner lives.

    Args:
        setting, otherwise: see `Runner`.
    """
    source = text.source
    file = f"<compiled {task.name} {id(text):x}>"
    code = compile(executed(text, setting), file, "exec")
    runner = Runner(task, text, plan, code, setting, otherwise)
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    weakref.finalize(runner, linecache.cache.pop, file, None)
    _ALIVE.add(runner)
    return runner
