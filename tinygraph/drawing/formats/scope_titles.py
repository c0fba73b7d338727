"""The titles of scopes, moved along the edge of their box to where no arrow crosses them.

Graphviz keeps a row free of boxes for a title, and leads arrows out of the scope through that row.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from xml.etree import ElementTree

__all__ = ["clear_titles"]

SVG = "{http://www.w3.org/2000/svg}"
NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
# The margin of a title from the sides of its box, and from an arrow: as it should be, and at least.
MARGINS = ((8.0, 4.0), (4.0, 2.0))
PIECES = 16  # straight ones, for each Bézier curve
# A line of text, by its size, above and below its baseline.
ASCENT, DESCENT = 0.8, 0.3

Point = tuple[float, float]
Interval = tuple[float, float]


def clear_titles(root: ElementTree.Element) -> None:
    """Move each title that an arrow crosses to the nearest place in its row that is free. One without such stays."""
    groups = [group for group in root.iter(f"{SVG}g") if group.get("class") in {"cluster", "edge"}]
    curves = [_points(path) for group in groups if group.get("class") == "edge" for path in group.iter(f"{SVG}path")]
    for group in groups:
        texts = [text for text in group.findall(f"{SVG}text") if text.get("textLength")]
        outline = group.find(f"{SVG}path")
        if group.get("class") == "cluster" and texts and outline is not None:
            sides = [x for x, _ in _points(outline)]
            _clear(texts, (min(sides), max(sides)), curves)


def _clear(texts: Sequence[ElementTree.Element], row: Interval, curves: Sequence[Sequence[Point]]) -> None:
    boxes = [_extent(text) for text in texts]
    start, end = min(box[0] for box in boxes), max(box[1] for box in boxes)
    height = min(box[2] for box in boxes), max(box[3] for box in boxes)
    crossed = sorted(stretch for curve in curves for stretch in _crossings(curve, height))
    if not any(left <= end and right >= start for left, right in crossed):
        return
    for side, ground in MARGINS:
        taken = [(left - ground, right + ground) for left, right in crossed]
        free = _free((row[0] + side, row[1] - side), taken)
        places = [min(max(start, left), right - (end - start)) for left, right in free if right - left >= end - start]
        if places:
            shift = min(places, key=lambda place: abs(place - start)) - start
            for text in texts:
                text.set("x", f"{float(text.get('x', 0)) + shift:.2f}")
            return


def _extent(text: ElementTree.Element) -> tuple[float, float, float, float]:
    """Return the left, the right, the top and the bottom of a text."""
    x, y, length, size = (float(text.get(key, 0)) for key in ("x", "y", "textLength", "font-size"))
    left = x - {"middle": length / 2, "end": length}.get(text.get("text-anchor", ""), 0.0)
    return left, left + length, y - ASCENT * size, y + DESCENT * size


def _points(path: ElementTree.Element) -> list[Point]:
    numbers = [float(number) for number in NUMBER.findall(path.get("d", ""))]
    return list(zip(numbers[::2], numbers[1::2], strict=False))


def _crossings(curve: Sequence[Point], rows: Interval) -> Iterator[Interval]:
    """Yield the stretches in which a Bézier curve passes through some rows."""
    top, bottom = rows
    for first in range(0, len(curve) - 3, 3):
        corners = curve[first : first + 4]
        if min(y for _, y in corners) > bottom or max(y for _, y in corners) < top:
            continue
        for (x, y), (next_x, next_y) in itertools.pairwise(_along(corners)):
            if min(y, next_y) <= bottom and max(y, next_y) >= top:
                yield min(x, next_x), max(x, next_x)


def _along(corners: Sequence[Point]) -> list[Point]:
    """Return points of a cubic Bézier curve."""
    points = []
    for step in range(PIECES + 1):
        t, s = step / PIECES, 1 - step / PIECES
        weights = (s**3, 3 * s * s * t, 3 * s * t * t, t**3)
        x, y = (sum(weight * corner[axis] for weight, corner in zip(weights, corners, strict=True)) for axis in (0, 1))
        points.append((x, y))
    return points


def _free(row: Interval, crossed: Sequence[Interval]) -> list[Interval]:
    """Return the stretches of a row between those that are crossed, which come in rising order."""
    free, begin = [], row[0]
    for left, right in crossed:
        if left > begin:
            free.append((begin, min(left, row[1])))
        begin = max(begin, right)
    return [*free, (begin, row[1])]
