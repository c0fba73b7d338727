"""Loop lines: the line of the user's code that a loop begins with, from the places of the calls in it."""

from __future__ import annotations

import ast
import linecache
from collections import Counter
from collections.abc import Iterable, Sequence

from tinygraph.users_code.source import Source, place
from tinygraph.users_code.while_loops import loops_in

__all__ = ["loop_line", "loop_of_step"]

_BOUNDS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)


def loop_line(sources: Iterable[Source | None]) -> tuple[str, str] | None:
    """Return the first line of the loop around most of some places, the innermost one of these, and its place.

    Args:
        sources: the places of the calls in a loop.

    Returns:
        "for t in range(9):" and "rnn.py:7"; None if there is no loop around them, or the text is not at hand.
    """
    loops = _loops(sources)
    return _text(*loops[0]) if loops else None


def loop_of_step(calls: Sequence[tuple[Source | None, str]]) -> tuple[str, str] | None:
    """Return the first line of the loop whose one pass makes the calls of a step, and its place.

    The loop is the innermost one around most of the calls that a step does not pass through several times. Such a loop
    within the step shows in its calls: the same ones on the same lines come back.

    Args:
        calls: the place of each call of a step, in order, and the name of its function.

    Returns:
        "for t in range(9):" and "rnn.py:7"; None if there is no such loop, or the text is not at hand.
    """
    for file, first in _loops([source for source, _ in calls]):
        inside = [
            (source.line, op)
            for source, op in calls
            if source is not None and source.file == file and first in _lines_around(file, source.line)
        ]
        if not any(len(inside) % size == 0 and _repeats(inside, size) for size in range(1, len(inside) // 2 + 1)):
            return _text(file, first)
    return None


def _repeats(items: Sequence[tuple[int, str]], size: int) -> bool:
    return all(one == other for one, other in zip(items, items[size:], strict=False))


def _text(file: str, line: int) -> tuple[str, str]:
    return linecache.getline(file, line).strip(), place(file, line)


def _loops(sources: Iterable[Source | None]) -> list[tuple[str, int]]:
    """Return the file and the first line of the loops around some places, those around most of them first."""
    times: Counter[tuple[str, int]] = Counter()
    depths: dict[tuple[str, int], int] = {}
    for source in sources:
        if source is not None:
            for depth, line in enumerate(_lines_around(source.file, source.line)):
                times[source.file, line] += 1
                depths[source.file, line] = depth
    return sorted(times, key=lambda loop: (-times[loop], -depths[loop]))


def _lines_around(file: str, line: int) -> list[int]:
    """Return the first lines of the loops around a line, within the function that it stands in, outermost first."""
    found: list[int] = []
    for node in loops_in(file):
        if node.lineno <= line <= (node.end_lineno or node.lineno):
            found = [] if isinstance(node, _BOUNDS) else [*found, node.lineno]
    return found
