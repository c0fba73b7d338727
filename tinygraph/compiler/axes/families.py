"""Families: the programs of signatures that differ in the sizes of axes alone, and the open programs made of them.

The calls of a function, with batches of several lengths:

    x: float64(64, 784)     written for this size
    x: float64(65, 784)     likewise
    x: float64(67, 784)     the three recordings differ by forms of one size n alone: the program is written for any n
    x: float64(80, 784)     its text is run at 80. The function is recorded once more if code asked for the value of n,
                            as `n // 2` does, and the recording must be what the open program is at 80
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

from tinygraph.compiler.axes.open_program import OpenProgram, open_program
from tinygraph.compiler.axes.open_text import open_text
from tinygraph.compiler.axes.sized_runner import OpenRunner, SizedRunner
from tinygraph.compiler.program.decisions import outcomes_in
from tinygraph.compiler.program.interpreter import Interpreter
from tinygraph.compiler.program.program import Program
from tinygraph.compiler.run.paths import MOST_PATHS
from tinygraph.compiler.run.versions import Version, version_of

__all__ = ["Family", "Recording", "has_its_shapes"]

# So many recordings are kept, of which three may show that an axis is open.
RECORDINGS = 4

# So many texts are tried for ranges of sizes, none but the first for fewer rows than the least.
TEXTS, LEAST = 8, 5

Write = Callable[[Program], Any]


@dataclass(frozen=True, eq=False)
class Recording:
    """The recording of a function, as far as an open program needs it.

    Attributes:
        program: the recorded program.
        shapes: of all events of the run.
        write: the compiler: returns the runner of a program.
        questions: returns who asks for the values of open sizes, given the shapes of an earlier recording, the size
            then, and the size now.
    """

    program: Program
    shapes: list[tuple[int, ...]]
    write: Write
    questions: Callable[[list[tuple[int, ...]], tuple[int, int]], list[str]]


@dataclass(eq=False)
class Recorded:
    """A version that was recorded, with the sizes of its signature, and the shapes of the events."""

    sizes: tuple[int, ...]
    version: Version
    shapes: list[tuple[int, ...]]


@dataclass(eq=False)
class Opened:
    """An open program and its texts.

    Attributes:
        program: the program.
        pattern: the size of each axis in the signature, None for an open one.
        questions: who asked for the value of the open size; where nobody did, other sizes need no recording.
        write: the compiler.
        texts: each for a range of sizes.
        attempts: the number of texts that were tried.
        known: a version that was recorded.
    """

    program: OpenProgram
    pattern: tuple[int | None, ...]
    questions: list[str]
    write: Write
    texts: list[OpenRunner] = field(default_factory=list)
    attempts: int = 0
    known: Version | None = None

    def size_of(self, sizes: Sequence[int]) -> int | None:
        """Return the size of the open axes, or None where the program is for other signatures."""
        opened = {size for size, fixed in zip(sizes, self.pattern, strict=True) if fixed is None}
        if len(opened) > 1 or any(
            fixed is not None and fixed != size for size, fixed in zip(sizes, self.pattern, strict=True)
        ):
            return None
        return opened.pop()

    def runner(self, size: int, program: Program) -> SizedRunner | None:
        """Return the runner for a size, or None where no text is right for it.

        Args:
            size: of the open axes.
            program: the program at that size.
        """
        write = self.write
        for text in self.texts:
            if text.text.holds(size):
                found = text.at(size, program, write, self.pattern)
                if found.fits():
                    return found
        if self.attempts == TEXTS or (self.attempts and size < LEAST):
            return None
        self.attempts += 1
        made = open_text(self.program, size, write)
        if made is None:
            return None
        self.texts.append(OpenRunner(made))
        found = self.texts[-1].at(size, program, write, self.pattern)
        return found if found.fits() else None


class Family:
    """The programs of signatures that differ in the sizes of axes alone."""

    def __init__(self) -> None:
        self.opened: list[Opened] = []
        self._recorded: dict[Any, list[Recorded]] = {}  # by the decisions of a program

    def runner(self, sizes: Sequence[int], recording: Recording) -> Any:
        """Return the runner of a recorded program: that of an open text, or one for these sizes alone.

        Args:
            sizes: the sizes of the axes in the signature.
            recording: what was recorded for them.
        """
        program = recording.program
        for opened in self.opened:
            size = opened.size_of(sizes)
            if size is not None and opened.program.is_at(size, program):
                return opened.runner(size, program) or recording.write(program)
        made = self._opened(tuple(sizes), recording)
        if made is None:
            return recording.write(program)
        self.opened.append(made)
        size = made.size_of(sizes)
        assert size is not None
        return made.runner(size, program) or recording.write(program)

    def note(self, sizes: Sequence[int], version: Version, shapes: list[tuple[int, ...]]) -> None:
        """Note a version that was recorded, with the shapes of the events."""
        recorded = self._recorded.pop(version.decisions, [])
        kept = [item for item in recorded if item.sizes != tuple(sizes)]
        self._recorded[version.decisions] = [*kept, Recorded(tuple(sizes), version, shapes)][-RECORDINGS:]
        while len(self._recorded) > MOST_PATHS:
            del self._recorded[next(iter(self._recorded))]
        if type(version.runner) is SizedRunner:
            for opened in self.opened:
                if version.runner.opened in opened.texts:
                    opened.known = version

    def forget(self, version: Version) -> None:
        """Forget a version that was thrown away."""
        for recorded in self._recorded.values():
            recorded[:] = [item for item in recorded if item.version is not version]

    def unrecorded(self, sizes: Sequence[int], leaves: list[Any]) -> Version | None:
        """Return the version for sizes at which the function need not be recorded, or None.

        It need not where it is open, and no code asked for the value of the size. The program is run step by step for
        this call, and every value must have the shape and dtype that the open program says.

        Args:
            sizes: the sizes of the axes in the signature of a call.
            leaves: the leaves of the call.
        """
        for opened in self.opened:
            size = opened.size_of(sizes)
            if size is None or opened.known is None or not is_sure(opened.known) or opened.questions:
                continue
            program = opened.program.at(size)
            runner = opened.runner(size, program)
            if runner is None:
                continue
            version = version_of(program, runner, opened.known.surroundings, opened.known.binding, leaves)
            if version.holds(leaves) and has_its_shapes(program, *version.bound(leaves)):
                return version
        return None

    def _opened(self, sizes: tuple[int, ...], recording: Recording) -> Opened | None:
        """Return the open program of which a program and two of the earlier ones are instances, or None."""
        # What was found outside must be as it was, so that the size alone makes the difference.
        recorded = self._recorded.get(outcomes_in(recording.program.graph.nodes), ())
        earlier = [item for item in recorded if item.version.guards.hold()]
        for pair in combinations(reversed(earlier), 2):
            columns = list(zip(*[item.sizes for item in pair], sizes, strict=True))
            varying = {column for column in columns if len({*column}) > 1}
            if len(varying) != 1 or len({*(column := varying.pop())}) < 3:
                continue
            found = open_program(column, [*[item.version.program for item in pair], recording.program])
            if found is not None:
                pattern = tuple([None if len({*alike}) > 1 else alike[0] for alike in columns])
                questions = recording.questions(pair[0].shapes, (column[0], column[-1]))
                return Opened(found, pattern, questions, recording.write)
        return None


def is_sure(version: Version) -> bool:
    """Return whether the conditions of a version are the same at other sizes."""
    binding = version.binding
    return binding.by_strides is None and binding.numbers is None and binding.shaper is None


def has_its_shapes(program: Program, arguments: list[Any], variables: list[Any], generators: list[Any]) -> bool:
    """Return whether the values of a call have the shapes that its program says. Nothing is updated."""
    try:
        Interpreter(program).check(arguments, variables, copy.deepcopy(generators))
    except Exception:  # a step fails at this size or for these values: a recording will say why
        return False
    return True
