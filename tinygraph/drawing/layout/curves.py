"""Curves through the corners of lines, which turn side by side where several lines share a gap between two ranks.

A place is (along, across), as in `lanes`.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence

__all__ = ["GAP", "Piece", "Point", "smooth", "turns_of", "wider_gaps"]

# Points.
GAP = 4.0
STEEP = 8.0
PITCH = 5.5
NEAREST_RANKS = 20

Point = tuple[float, float]
Piece = tuple[Point, Point]


def smooth(corners: Sequence[Point], turns: Mapping[Piece, float]) -> list[Point]:
    """Return a Bézier curve through points, level at each, which goes up or down around the turn of each piece."""
    curve = [corners[0]]
    for start, end in itertools.pairwise(corners):
        middle = (start[0] + end[0]) / 2
        turn = turns.get((start, end), middle)
        reach = min(turn - start[0], end[0] - turn)
        first, last = (turn - reach, start[1]), (turn + reach, end[1])
        if turn > middle:
            curve += [start, first, first]
        curve += [(turn, start[1]), (turn, end[1]), last]
        if turn < middle:
            curve += [last, end, end]
    return curve


def turns_of(lines: Iterable[Sequence[Point]]) -> dict[Piece, float]:
    """Return a turn of its own for each steep piece of a line, so that lines side by side do not lie on each other."""
    found: dict[Piece, float] = {}
    for group in _groups(lines):
        first, last = _gap(group)
        down = sorted((p for p in group if p[1][1] > p[0][1]), key=lambda p: (-p[0][1], -p[1][1]))
        up = sorted((p for p in group if p[1][1] <= p[0][1]), key=lambda p: (p[0][1], p[1][1]))
        for place, piece in enumerate([*down, *up], start=1):
            found[piece] = first + (last - first) * place / (len(group) + 1)
    return found


def wider_gaps(lines: Iterable[Sequence[Point]]) -> list[tuple[float, float]]:
    """Return the gaps between ranks that are too narrow for their lines: the middle of each, and the room it lacks."""
    lacking: dict[float, float] = {}
    for group in _groups(lines):
        first, last = _gap(group)
        lacks = PITCH * (len(group) + 1) - (last - first)
        if lacks > 0:
            middle = round((first + last) / 2)
            beside = next((gap for gap in lacking if abs(gap - middle) < NEAREST_RANKS), middle)
            lacking[beside] = max(lacks, lacking.get(beside, 0.0))
    return list(lacking.items())


def _gap(group: Sequence[Piece]) -> Point:
    """Return the room that all pieces share along."""
    return max(start[0] for start, _ in group), min(end[0] for _, end in group)


def _groups(lines: Iterable[Sequence[Point]]) -> list[list[Piece]]:
    """Return the steep pieces of all lines, in groups that share a gap between two ranks, and a height there."""
    pieces = {
        piece
        for line in lines
        for piece in itertools.pairwise(line)
        if abs(piece[0][1] - piece[1][1]) > STEEP and piece[0][0] < piece[1][0]
    }
    groups: list[list[Piece]] = []
    for piece in sorted(pieces):
        near = [group for group in groups if any(_meet(piece, other) for other in group)]
        merged = [piece, *(other for group in near for other in group)]
        groups = [group for group in groups if group not in near] + [merged]
    return groups


def _meet(one: Piece, other: Piece) -> bool:
    """Return whether two pieces share a gap, and a height in it."""
    along = min(one[1][0], other[1][0]) - max(one[0][0], other[0][0])
    low = max(min(start[1], end[1]) for start, end in (one, other))
    high = min(max(start[1], end[1]) for start, end in (one, other))
    return along > 0 and high > low - GAP
