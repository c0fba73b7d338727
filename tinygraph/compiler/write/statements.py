"""Statements: the lines of a step as they grow, each at the depth of the loops that it is in."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from tinygraph.compiler.program.steps import Step
from tinygraph.compiler.write.comments import Comments
from tinygraph.compiler.write.leaving_out import with_zeros, without_empty_groups, without_unused
from tinygraph.compiler.write.reading_inside import reading_inside
from tinygraph.compiler.write.tags import TAG

__all__ = ["Statements"]


class Statements:
    """The statements of a step as they are written.

    Attributes:
        setup: what is done once, before the first call: views of memory that lasts, lists for memory that is kept.
        lines: the statements, in groups with comments.
        loops: the steps that begin the loops which the next statement is in, the outermost first.
    """

    def __init__(self) -> None:
        self.setup: list[str] = []
        self.lines: list[str] = []
        self.loops: list[Step] = []
        self._comments = Comments()

    def put(self, *lines: str) -> None:
        """Append lines."""
        indent = "    " * len(self.loops)
        self.lines += [f"{indent}{line}" if line else "" for line in lines]

    def put_for(self, step: Step, *lines: str) -> None:
        """Append statements, tagged with the step that they compute."""
        self.put(*[f"{line}{TAG}{step.index}" for line in lines])

    def comment(self, step: Step) -> None:
        """Append the comment of a group of statements, if a step is the first of one."""
        self.put(*self._comments.lines(step, self.lines))

    def leave_out(self, views: Collection[str], elsewhere: Iterable[str]) -> None:
        """Leave out names of views that nothing reads, here or elsewhere, comments over nothing, and `fill(0)`."""
        self.setup = without_unused(self.setup, views, [*self.lines, *elsewhere])
        others = [*self.setup, *elsewhere]
        lines = without_unused(self.lines, views, others)
        self.lines = without_empty_groups(reading_inside(with_zeros(lines), others))

    def end_group(self) -> None:
        """Let the next statement stand apart, whatever line it is from."""
        self._comments.set_apart()

    def end_loop(self) -> Step:
        """Let the next statement stand behind the innermost loop, and return the step that began that loop."""
        self.end_group()
        return self.loops.pop()
