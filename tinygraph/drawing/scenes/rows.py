"""Rows: the boxes that stand side by side in columns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tinygraph.drawing.scenes.scene import Link

__all__ = ["in_rows"]


def in_rows(pairs: Iterable[tuple[str, str]], links: Iterable[Link]) -> tuple[tuple[str, str], ...]:
    """Return the pairs that can stand side by side: no arrow down may lead from a row to itself."""
    down: dict[str, set[str]] = {}
    for link in links:
        if link.kind in {"value", "backflow"}:
            down.setdefault(link.tail, set()).add(link.head)
    row: dict[str, set[str]] = {}
    kept = []
    for one, other in pairs:
        ours, theirs = row.get(one, {one}), row.get(other, {other})
        if ours is theirs:
            continue
        together = ours | theirs
        if not _leads_to(together, down, row):
            kept.append((one, other))
            for box in together:
                row[box] = together
    return tuple(kept)


def _leads_to(boxes: set[str], down: Mapping[str, set[str]], row: Mapping[str, set[str]]) -> bool:
    """Return whether arrows lead from boxes back to one of them, through boxes in the rows so far."""
    waiting, seen = list(boxes), set(boxes)
    while waiting:
        for head in down.get(waiting.pop(), ()):
            if head in boxes:
                return True
            reached = row.get(head, {head}) - seen
            if reached & boxes:
                return True
            seen |= reached
            waiting += reached
    return False
