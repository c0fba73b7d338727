"""Runs that compute: by machine code where their arrays allow it, and otherwise with NumPy's calls.

At the first call with results of a shape the calls of a run are divided into those of one shape and dtype each. Those
that are worth it become a loop, the others stay NumPy's. After the first run of a program the runs without a loop are
put back, as they stand in its text, and so are those whose arrays have many shapes.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from typing import Any

import numpy as np

from tinygraph.compiler.fast.calls import Call
from tinygraph.compiler.fast.loops import loop_of
from tinygraph.compiler.fast.machine import compiled, function_names
from tinygraph.compiler.fast.runs import Run, Runs
from tinygraph.compiler.fast.statements import as_function, put_back

__all__ = ["MachineCode"]

# Below so many results of calls, for each time that a program runs, NumPy takes less time than it takes to compile.
FEWEST = 16_384
FEWEST_REPEATED = 512

# A loop that was refused so often in turn is not tried again with arrays of that shape.
REFUSED = 4

# The arrays of so many shapes are told apart.
SHAPES = 16

# What `np.errstate` may ask for where loops run, which neither warn nor raise errors.
_SILENT = frozenset(("ignore", "warn"))


class MachineCode:
    """The functions of a program in which runs are one call, in the place of those of its text.

    Args:
        source: the text of the program, as it is executed.
        file: its name in tracebacks.
        memory: the names of the values that have memory of their own; see `Text`.
        space: its global names, after its first part.
        axes: of its arguments, the numbers of axes.

    Attributes:
        with_numpy: make all calls with NumPy, since `np.errstate` asks for errors.
    """

    def __init__(
        self, source: str, file: str, memory: Mapping[str, object], space: dict[str, Any],
        axes: Mapping[str, int] | None = None,
    ) -> None:  # fmt: skip
        arrays = {name: value.ndim for name, value in space.items() if isinstance(value, np.ndarray)}
        runs = Runs.of(source, memory, {**arrays, **(axes or {})})
        self.with_numpy = self._is_settled = False
        self._functions, self._file, self._space = runs.functions, file, space
        self._runners = [_Runner(run, file, space, self) for run in runs.found]
        space.update({runner.run.name: runner for runner in self._runners})
        exec(compile(runs.functions, file, "exec"), space)

    def prepared(self) -> dict[str, Any]:
        """Return the global names of the program, for its next run."""
        if not self._runners:
            return self._space
        self.with_numpy = not _SILENT.issuperset(np.geterr().values())
        if not self._is_settled and any(runner.was_called for runner in self._runners):
            self._settle()
        return self._space

    def _settle(self) -> None:
        """Put back the runs that have been called and gain nothing: to call their function takes a time, too."""
        self._is_settled = True
        without = [runner for runner in self._runners if runner.was_called and not runner.is_worth_it]
        if without:
            functions = put_back(self._functions, [runner.run for runner in without])
            exec(compile(functions, self._file, "exec"), self._space)
            self._runners = [runner for runner in self._runners if runner not in without]


class _Runner:
    """The function in the place of a run.

    Args:
        run: the run.
        file: the name of the program in tracebacks.
        space: the global names of the program.
        program: the machine code of the whole program.

    Attributes:
        run: the run.
        has_loop: some of its calls are a loop.
    """

    def __init__(self, run: Run, file: str, space: dict[str, Any], program: MachineCode) -> None:
        self.run = run
        self._program = program
        self.has_loop = False
        self._file = file
        self._space = space
        self._first = [*run.slots].index(run.calls[0].target)
        self._made: dict[tuple[int, ...], Callable[..., None]] = {}  # by the shape of the first result

    @property
    def was_called(self) -> bool:
        """True if it was called with arrays that a loop could have been made for."""
        return bool(self._made)

    @property
    def is_worth_it(self) -> bool:
        """True if some of its calls are a loop, and its arrays have few shapes: not those of a loop of `x[:i]`."""
        return self.has_loop and len(self._made) < SHAPES

    def __call__(self, *arguments: Any) -> None:
        if self._program.with_numpy:
            self._whole(*arguments)
            return
        shape = arguments[self._first].shape
        made = self._made.get(shape)
        if made is None:
            made = self._for(arguments)
            if len(self._made) < SHAPES and 0 not in shape:
                self._made[shape] = made
        made(*arguments)

    def _for(self, arguments: Sequence[Any]) -> Callable[..., None]:
        """Return the function for arguments that lie as these do."""
        if len(self._made) >= SHAPES:
            return self._whole
        run = self.run
        named = dict(zip(run.slots, arguments, strict=True))
        parts: list[Callable[..., None]] = []
        waiting: list[Call] = []
        for _, calls in itertools.groupby(run.calls, key=lambda call: named[call.target].shape):
            for part in self._parts([*calls], named):
                if isinstance(part, Call):
                    waiting.append(part)
                    continue
                if waiting:
                    parts.append(self._with_numpy(waiting))
                    waiting = []
                parts.append(part)
        if not parts:
            return self._whole
        if waiting:
            parts.append(self._with_numpy(waiting))
        return parts[0] if len(parts) == 1 else _one_after_the_other(parts)

    @functools.cached_property
    def _whole(self) -> Callable[..., None]:
        """The function that makes all calls as they stand."""
        return self._with_numpy(self.run.calls)

    def _parts(self, calls: list[Call], named: dict[str, Any]) -> list[Any]:
        """Return the function of each part of some calls whose results have one shape, or the call, where it stays
        NumPy's.
        """
        names = function_names()
        found: list[Any] = []
        start = 0
        while start < len(calls):
            stop = len(calls)
            made = None
            while stop > start + 1 and made is None:
                made = self._loop(calls[start:stop], named, names)
                stop -= made is None
            found.append(calls[start] if made is None else made)
            start = start + 1 if made is None else stop
        return found

    def _loop(self, calls: list[Call], named: dict[str, Any], names: frozenset[str]) -> Callable[..., None] | None:
        """Return the machine code of calls; None where they are not worth it, or arrays do not allow it."""
        results = named[calls[0].target].size * len(calls)
        if results < (FEWEST_REPEATED if self.run.is_repeated else FEWEST):
            return None
        others = {slot for call in self.run.calls if call not in calls for slot in call.slots}
        shared = {memory for slot, memory in self.run.unread.items() if slot in others}
        unread = {slot: memory for slot, memory in self.run.unread.items() if memory not in shared}
        loop = loop_of(calls, named, unread, names)
        if loop is None:
            return None
        given = [*named.values()]
        self.has_loop = True
        run = compiled(loop, [given[place] for place in loop.places])
        return _tried(run, loop.places, len(given), self._with_numpy(calls))

    def _with_numpy(self, calls: list[Call]) -> Callable[..., None]:
        """Return a function that makes some of the calls as they stand."""
        made: dict[str, Callable[..., None]] = {}
        exec(compile(as_function(self.run, calls), self._file, "exec"), self._space, made)
        return made[self.run.name]


def _one_after_the_other(parts: list[Callable[..., None]]) -> Callable[..., None]:
    """Return a function that calls each of some functions with its arguments."""

    def run(*arguments: Any) -> None:
        for part in parts:
            part(*arguments)

    return run


def _tried(
    loop: Callable[..., bool], places: tuple[int, ...], count: int, otherwise: Callable[..., None]
) -> Callable[..., None]:
    """Return a function that runs a loop, or makes the calls if the loop refuses the arguments.

    Args:
        loop: the machine code.
        places: of its arguments among those of the run.
        count: the number of the run's arguments.
        otherwise: makes the calls.
    """
    left = REFUSED
    pick = None if places == tuple(range(count)) else itemgetter(*places, places[0])  # twice one, so that two are many

    def run(*arguments: Any) -> None:
        nonlocal left
        if left:
            try:
                if loop(*arguments) if pick is None else loop(*pick(arguments)[:-1]):
                    left = REFUSED
                    return
            except (TypeError, OverflowError):  # arrays of another dtype or number of axes, numbers too large
                pass
            left -= 1
        otherwise(*arguments)

    return run
