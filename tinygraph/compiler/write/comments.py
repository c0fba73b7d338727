"""Comments: one in front of the statements that come from one line of the user's code, which it shows.

# forward · z = w.T @ x + b                                   (train.py:11)
np.dot(w_T, x, out=z)
np.add(z, b, out=z)
"""

from __future__ import annotations

from typing import Any

from tinygraph.compiler.program.steps import Step
from tinygraph.compiler.write.width import WIDTH

__all__ = ["Comments", "one_line"]

# Where a line's place stands, behind code that leaves room for it.
COLUMN = 60


class Comments:
    """Writes a comment when statements from another line begin."""

    def __init__(self) -> None:
        self._last: Any = None
        self._is_apart = False  # a loop ended: a blank line stands before the next statement, whatever line it is from

    def lines(self, step: Step, before: list[str]) -> list[str]:
        """Return the lines that begin a group of statements behind some others; none within a group."""
        found = ["first"] if before and not before[-1].endswith(":") else []
        count = len(found)
        self.begin(step, found)
        return found[count:]

    def begin(self, step: Step, lines: list[str]) -> None:
        """Begin a group of statements, if a step belongs to another line of the user's than the one before."""
        source = step.source
        group = (step.section, None if source is None else (source.file, source.line))
        is_apart, self._is_apart = self._is_apart, False
        if (is_apart or group != self._last) and lines:
            lines.append("")
        if group != self._last:
            lines.append(_comment(step))
        self._last = group

    def set_apart(self) -> None:
        """Let a blank line stand before the next statement, whatever line it is from."""
        self._is_apart = True


def one_line(text: str) -> str:
    """Return a text as it can stand in a comment: line breaks and the like are escaped as Python does."""
    return "".join([letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text])


def _comment(step: Step) -> str:
    source = step.source
    if source is None:
        return f"# {step.section}"
    text = f"# {step.section} · {one_line(source.text)}" if source.text else f"# {step.section}"
    place = f"({one_line(str(source))})"
    room = max(WIDTH - 8 - len(place) - 2, len(step.section) + 2)
    text = text if len(text) <= room else f"{text[: room - 3]}..."
    return f"{text:<{COLUMN}}  {place}"
