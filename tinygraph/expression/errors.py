"""The error of an expression, with carets under the part that is wrong."""

from __future__ import annotations

import ast
import difflib
import unicodedata
from collections.abc import Iterable

__all__ = ["ExpressionError", "near", "one_line", "printable"]

AROUND = 60


class ExpressionError(ValueError):
    """The error for an expression that cannot be evaluated. A line of carets marks the part that is wrong.

    Args:
        reason: the reason, in one line.
        text: the expression; "" to show none.
        column, width: the start and length of the marked part, in characters.
    """

    def __init__(self, reason: str, text: str = "", column: int = 0, width: int = 1) -> None:
        self.reason = reason
        self.column = column
        self.width = width
        super().__init__(reason + _excerpt(text, column, width))

    @classmethod
    def at(cls, node: ast.expr | ast.keyword, text: str, reason: str) -> ExpressionError:
        """Make the error for a node of the syntax tree, whose offsets count bytes."""
        line = text.encode()
        column = len(line[: node.col_offset].decode(errors="ignore"))
        end = len(line[: node.end_col_offset].decode(errors="ignore"))
        return cls(reason, text, column, end - column)


def _excerpt(text: str, column: int, width: int) -> str:
    """Return the lines under a message: the text, shortened where it is long, and carets."""
    if not text:
        return ""
    start = max(0, column - AROUND)
    before = "..." if start else ""
    after = "..." if len(text) > column + AROUND else ""
    shown = printable(text[start : column + AROUND])
    carets = "^" * max(1, min(width, len(shown) - (column - start)))
    return f"\n  {before}{shown}{after}\n  {' ' * (len(before) + column - start)}{carets}"


def printable(text: str) -> str:
    """Return text that a terminal can show, one column a character."""
    return "".join(letter if letter.isprintable() and not unicodedata.combining(letter) else "?" for letter in text)


def one_line(error: BaseException) -> str:
    """Return the message of an exception, in one line."""
    return printable(" ".join(str(error).split())) or type(error).__name__


def near(name: str, known: Iterable[str]) -> str:
    """Return the end of a message about an unknown name: "; did you mean 'sqrt'?", or nothing."""
    matches = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6) if len(name) > 1 else []
    return f"; did you mean {matches[0]!r}?" if matches else ""
