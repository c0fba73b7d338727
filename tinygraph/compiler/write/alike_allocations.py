"""Alike allocations: arrays of one shape and dtype that are allocated one after the other share a statement.

d_i = np.empty((16, 64))
d_f = np.empty((16, 64))      ->      d_i, d_f, d_o = (np.empty((16, 64)) for _ in range(3))
d_o = np.empty((16, 64))
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import groupby

from tinygraph.compiler.write.width import WIDTH, filled

__all__ = ["with_alike_together"]

# Two arrays are as short on a line each.
FEWEST = 3

_ALLOCATION = re.compile(r"(\w+) = ((?:np\.empty|on_lines)\(.*\))")


def with_alike_together(lines: Sequence[str]) -> list[str]:
    """Return the lines that allocate memory, those that follow each other and are alike as one statement."""
    return [line for text, alike in groupby(lines, _allocation) for line in _together(text, list(alike))]


def _allocation(line: str) -> str:
    """Return the text that allocates an array; "" for any other line."""
    found = _ALLOCATION.fullmatch(line)
    return "" if found is None else found[2]


def _together(text: str, lines: list[str]) -> list[str]:
    """Return the lines of some allocations by one text as fewer lines, if they can be."""
    if not text or len(lines) < FEWEST:
        return lines
    names = ", ".join([line.partition(" ")[0] for line in lines])
    made = f"({text} for _ in range({len(lines)}))"
    if len(names) + len(made) + 3 <= WIDTH - 8:
        return [f"{names} = {made}"]
    divided = ["(", *[f"    {part}" for part in filled(names, WIDTH - 16)], f") = {made}"]
    return divided if len(divided) < len(lines) else lines
