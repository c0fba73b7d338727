"""Wrapping: the lines of a saved file, none longer than its width."""

from __future__ import annotations

from collections.abc import Sequence

from tinygraph.compiler.write.comments import one_line
from tinygraph.compiler.write.literals import string_text
from tinygraph.compiler.write.width import WIDTH, filled

__all__ = ["divided", "in_docstring", "indented", "pieces", "with_two_blanks_at_most", "without_double_blanks"]


def indented(line: str) -> str:
    """Return a line one level deeper."""
    return f"    {line}" if line else line


def divided(begin: str, items: Sequence[str], end: str) -> list[str]:
    """Return a call or a definition on one line or, where that is too long, with its arguments on their own lines."""
    line = f"{begin}{', '.join(items)}{end}"
    if len(line) <= WIDTH:
        return [line]
    indent = " " * (len(begin) - len(begin.lstrip()))
    return [begin, *[f"{indent}    {part}" for part in filled(", ".join(items), WIDTH - 12)], f"{indent}{end}"]


def pieces(text: str) -> list[str]:
    """Return a long string as several, which Python joins."""
    size = WIDTH - 40
    return [string_text(text[start : start + size]) for start in range(0, len(text), size)]


def in_docstring(text: str, width: int = 0) -> str:
    """Return a text as it can stand in a docstring, cut to a width."""
    plain = one_line(text).replace("\\", "\\\\").replace('"', '\\"')
    return plain if not width or len(text) <= width else f"{one_line(text[:width]).translate(_SAFE)}..."


_SAFE = str.maketrans({"\\": "/", '"': "'"})


def without_double_blanks(lines: Sequence[str]) -> list[str]:
    """Return the lines with at most one blank one after the other."""
    return [line for place, line in enumerate(lines) if line or (place and lines[place - 1])]


def with_two_blanks_at_most(lines: Sequence[str]) -> list[str]:
    """Return the lines with at most two blank ones one after the other."""
    return [line for place, line in enumerate(lines) if line or place < 2 or lines[place - 1] or lines[place - 2]]
