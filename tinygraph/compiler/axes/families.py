"""Families: the programs of signatures that differ in the sizes of axes alone, and the open programs made of them.

x: float64(64, 784)         written for this size
x: float64(65, 784)         likewise
x: float64(67, 784)         recorded as well. The three recordings differ by forms of one size n: the program is
                            open from now on, and written for any n.
x: float64(80, 784)         recorded, and the recording is what the open program is at 80: its text is run
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

from tinygraph.compiler.axes.open_program import OpenProgram, open_program
from tinygraph.compiler.axes.open_text import open_text
from tinygraph.compiler.axes.sized_runner import OpenRunner, SizedRunner
from tinygraph.compiler.program.decisions import outcomes_in
from tinygraph.compiler.program.program import Program
from tinygraph.compiler.run.paths import MOST
from tinygraph.compiler.run.versions import Version

__all__ = ["Family"]

# So many recordings are kept, of which three may show that an axis is open.
RECORDINGS = 4

# So many texts are written for ranges of sizes.
TEXTS = 6

Write = Callable[[Program], Any]


@dataclass(eq=False)
class Opened:
    """An open program and its texts.

    Attributes:
        program: the program.
        pattern: the size of each axis in the signature, None for an open one.
        texts: each for a range of sizes.
        attempts: the number of texts that were tried.
    """

    program: OpenProgram
    pattern: tuple[int | None, ...]
    texts: list[OpenRunner] = field(default_factory=list)
    attempts: int = 0

    def size_of(self, sizes: Sequence[int]) -> int | None:
        """Return the size of the open axes, or None where the program is for other signatures."""
        opened = {size for size, fixed in zip(sizes, self.pattern, strict=True) if fixed is None}
        if len(opened) > 1 or any(
            fixed is not None and fixed != size for size, fixed in zip(sizes, self.pattern, strict=True)
        ):
            return None
        return opened.pop()

    def runner(self, size: int, program: Program, write: Write) -> SizedRunner | None:
        """Return the runner for a size, or None where no text is right for it.

        Args:
            size: of the open axes.
            program: as it was recorded at that size.
            write: the compiler.
        """
        for text in self.texts:
            if text.text.holds(size):
                found = text.at(size, program, write, self.pattern)
                if found.fits():
                    return found
        if self.attempts >= TEXTS:
            return None
        self.attempts += 1
        made = open_text(self.program, size, write)
        if made is None:
            self.attempts += 2  # it took some time
            return None
        self.texts.append(OpenRunner(made))
        found = self.texts[-1].at(size, program, write, self.pattern)
        return found if found.fits() else None


class Family:
    """The programs of signatures that differ in the sizes of axes alone."""

    def __init__(self) -> None:
        self.opened: list[Opened] = []
        self._recorded: dict[Any, list[tuple[tuple[int, ...], Version]]] = {}  # by the decisions of a program

    def runner(self, sizes: Sequence[int], program: Program, write: Write) -> Any:
        """Return the runner of a recorded program: that of an open text, or one for these sizes alone.

        Args:
            sizes: the sizes of the axes in the signature.
            program: as it was recorded for them.
            write: the compiler.
        """
        for opened in self.opened:
            size = opened.size_of(sizes)
            if size is not None and opened.program.is_at(size, program):
                return opened.runner(size, program, write) or write(program)
        made = self._opened(tuple(sizes), program)
        if made is None:
            return write(program)
        self.opened.append(made)
        size = made.size_of(sizes)
        assert size is not None
        return made.runner(size, program, write) or write(program)

    def note(self, sizes: Sequence[int], version: Version) -> None:
        """Note a version that was recorded."""
        recorded = self._recorded.pop(version.decisions, [])
        kept = [item for item in recorded if item[0] != tuple(sizes)]
        self._recorded[version.decisions] = [*kept, (tuple(sizes), version)][-RECORDINGS:]
        while len(self._recorded) > MOST:
            del self._recorded[next(iter(self._recorded))]

    def _opened(self, sizes: tuple[int, ...], program: Program) -> Opened | None:
        """Return the open program of which a program and two of the earlier ones are instances, or None."""
        # What was found outside must be as it was, so that the size alone makes the difference.
        recorded = self._recorded.get(outcomes_in(program.graph.nodes), ())
        earlier = [(found, version) for found, version in recorded if version.guards.hold()]
        for pair in combinations(reversed(earlier), 2):
            columns = list(zip(*[found for found, _ in pair], sizes, strict=True))
            varying = {column for column in columns if len({*column}) > 1}
            if len(varying) != 1 or len({*(column := varying.pop())}) < 3:
                continue
            found = open_program(column, [*[version.program for _, version in pair], program])
            if found is not None:
                return Opened(found, tuple([None if len({*alike}) > 1 else alike[0] for alike in columns]))
        return None
