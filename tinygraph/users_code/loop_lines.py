"""Loop lines: the line of the user's code that a loop begins with, from the places of the calls in it."""

from __future__ import annotations

import ast
import linecache
from collections import Counter
from collections.abc import Iterable

from tinygraph.users_code.source import Source, place
from tinygraph.users_code.while_loops import loops_in

__all__ = ["loop_line"]

_BOUNDS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)


def loop_line(sources: Iterable[Source | None]) -> tuple[str, str] | None:
    """Return the first line of the loop around most of some places, the innermost one of these, and its place.

    Args:
        sources: the places of the calls in a loop.

    Returns:
        "for t in range(9):" and "rnn.py:7"; None if there is no loop around them, or the text is not at hand.
    """
    times: Counter[tuple[str, int]] = Counter()
    depths: dict[tuple[str, int], int] = {}
    for source in sources:
        if source is not None:
            for depth, line in enumerate(_lines_around(source.file, source.line)):
                times[source.file, line] += 1
                depths[source.file, line] = depth
    if not times:
        return None
    file, line = max(times, key=lambda loop: (times[loop], depths[loop]))
    return linecache.getline(file, line).strip(), place(file, line)


def _lines_around(file: str, line: int) -> list[int]:
    """Return the first lines of the loops around a line, within the function that it stands in, outermost first."""
    found: list[int] = []
    for node in loops_in(file):
        if node.lineno <= line <= (node.end_lineno or node.lineno):
            found = [] if isinstance(node, _BOUNDS) else [*found, node.lineno]
    return found
