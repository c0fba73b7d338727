"""Leaving out: names of views that no statement reads, comments over no statements, and arrays filled with zeros.

A product in pieces that is written straight into a carried value is such a view, z_2 = z.reshape(32, 128).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Sequence

from tinygraph.compiler.write.tags import TAG

__all__ = ["with_zeros", "without_empty_groups", "without_unused"]

_WORD = re.compile(r"\w+")
_EMPTY = re.compile(rf"^(\s*)(\w+) = np\.empty\((.*)\)({re.escape(TAG)}\d+)?$")


def without_unused(lines: Sequence[str], views: Collection[str], elsewhere: Iterable[str] = ()) -> list[str]:
    """Return the lines without those that only name a view that no other line reads.

    Args:
        lines: statements, perhaps tagged.
        views: the names of views.
        elsewhere: other lines that may read them.
    """
    words = Counter([word for line in (*lines, *elsewhere) for word in _WORD.findall(line.partition(TAG)[0])])
    names = [line.partition(" = ")[0].strip() for line in lines]
    kept = [line for line, name in zip(lines, names, strict=True) if name not in views or words[name] != 1]
    return kept if len(kept) == len(lines) else without_unused(kept, views, elsewhere)


def with_zeros(lines: Sequence[str]) -> list[str]:
    """y = np.empty(3); y.fill(0)  ->  y = np.zeros(3)."""
    kept: list[str] = []
    for line in lines:
        made = _EMPTY.match(kept[-1]) if kept and ".fill(0" in line else None
        if made is not None and line.partition(TAG)[0] in (f"{made[1]}{made[2]}.fill({zero})" for zero in ("0", "0.0")):
            line = f"{made[1]}{made[2]} = np.zeros({made[3]}){''.join(line.partition(TAG)[1:])}"
            kept.pop()
        kept.append(line)
    return kept


def without_empty_groups(lines: Sequence[str]) -> list[str]:
    """Return the lines without comments that no statement follows."""
    return [line for place, line in enumerate(lines) if not _is_comment(line) or _leads(line, lines, place + 1)]


def _leads(comment: str, lines: Sequence[str], place: int) -> bool:
    """Return whether a statement of the comment's loop comes next, from a place on."""
    while place < len(lines) and not lines[place]:
        place += 1
    return place < len(lines) and not _is_comment(lines[place]) and _depth(lines[place]) >= _depth(comment)


def _is_comment(line: str) -> bool:
    return line.lstrip().startswith("# ")


def _depth(line: str) -> int:
    return len(line) - len(line.lstrip())
