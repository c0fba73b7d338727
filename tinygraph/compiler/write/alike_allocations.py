"""Alike allocations: arrays of one shape and dtype that are allocated one after the other share a statement.

d_i = np.empty((16, 64))
d_f = np.empty((16, 64))      ->      d_i, d_f, d_o = (np.empty((16, 64)) for _ in range(3))
d_o = np.empty((16, 64))

So do views of one array, and the same views of several.

i = z[:, :64]
f = z[:, 64:128]              ->      i, f, o = z[:, :64], z[:, 64:128], z[:, 128:]
o = z[:, 128:]
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import groupby

from tinygraph.compiler.write.width import WIDTH, filled, length

__all__ = ["with_alike_together"]

# Two views are as short on a line each.
FEWEST = 3

_ALLOCATION = re.compile(r"(\w+) = ((?:np\.empty|on_lines)\(.*\))")


_WORD = re.compile(r"\w+")
# A view of an array, as its name, the array, and what is taken of it.
_VIEW = re.compile(r"(\w+) = (\w+)(\[[^\]]*\]|\.T|\.\w+\([^()]*\))")


def with_alike_together(lines: Sequence[str]) -> list[str]:
    """Return the lines that allocate memory, those that follow each other and are alike as one statement."""
    found = [line for text, alike in groupby(lines, _allocation) for line in _together(text, list(alike))]
    return [line for views in _alike_views(found) for line in views]


def _alike_views(lines: Sequence[str]) -> Iterator[list[str]]:
    """Yield each line, views that follow each other and are alike as one statement."""
    views: list[re.Match[str]] = []
    for line in lines:
        view = _VIEW.fullmatch(line)
        if views and (view is None or not _fits(views, view)):
            yield _assigned_together(views)
            views = []
        if view is None:
            yield [line]
        else:
            views.append(view)
    yield _assigned_together(views)


def _fits(views: list[re.Match[str]], view: re.Match[str]) -> bool:
    """Return whether a view shares a statement with others: they have an array, or what is taken, in common."""
    alike = any([all([other[part] == view[part] for other in views]) for part in (2, 3)])
    given = {other[1] for other in views}
    return alike and given.isdisjoint(_WORD.findall(view[0])) and length(_together_text([*views, view])) <= WIDTH


def _assigned_together(views: list[re.Match[str]]) -> list[str]:
    return [view[0] for view in views] if len(views) < FEWEST else [_together_text(views)]


def _together_text(views: list[re.Match[str]]) -> str:
    names, parts = [view[1] for view in views], [f"{view[2]}{view[3]}" for view in views]
    return f"{', '.join(names)} = {', '.join(parts)}"


def _allocation(line: str) -> str:
    """Return the text that allocates an array; "" for any other line."""
    found = _ALLOCATION.fullmatch(line)
    return "" if found is None else found[2]


def _together(text: str, lines: list[str]) -> list[str]:
    """Return the lines of some allocations by one text as fewer lines, if they can be."""
    if not text or len(lines) < 2:
        return lines
    names = ", ".join([line.partition(" ")[0] for line in lines])
    made = f"({text} for _ in range({len(lines)}))"
    if len(names) + len(made) + 3 <= WIDTH - 8:
        return [f"{names} = {made}"]
    divided = ["(", *[f"    {part}" for part in filled(names, WIDTH - 16)], f") = {made}"]
    return divided if len(divided) < len(lines) else lines
