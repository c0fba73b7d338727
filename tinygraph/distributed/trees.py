"""Trees: a sum of numbered arrays in one fixed order, wherever the arrays are.

Neighbours are added, then the neighbours among these sums, and so on to the root:

    (((0 + 1) + (2 + 3)) + ((4 + 5) + 6))

The order depends on the number of arrays alone. So the sum has the same bits, however the arrays
are divided among ranks.
"""

from __future__ import annotations

import functools
from typing import Any

__all__ = ["Place", "own", "places_of", "summed"]

# The place of a sum in the tree: its level, 0 for the arrays themselves, and its number in the level.
Place = tuple[int, int]


def own(rank: int, ranks: int, count: int) -> range:
    """Return the numbers of a rank's arrays, neighbours, where `count` arrays are divided evenly among ranks."""
    return range(rank * count // ranks, (rank + 1) * count // ranks)


def summed(nodes: dict[Place, Any], count: int) -> dict[Place, Any]:
    """Add up the arrays at hand as far as the tree allows.

    Args:
        nodes: arrays, or sums of them, by their places.
        count: how many arrays the whole tree has.

    Returns:
        The sums that have no neighbour among them. Of all arrays it is the root alone.
    """
    found = dict(nodes)
    level, width = 0, count
    while width > 1:
        for left in range(0, width, 2):
            here, there, above = (level, left), (level, left + 1), (level + 1, left // 2)
            if left + 1 == width and here in found:  # it has no neighbour
                found[above] = found.pop(here)
            elif here in found and there in found:
                found[above] = found.pop(here) + found.pop(there)
        level, width = level + 1, (width + 1) // 2
    return dict(sorted(found.items()))


@functools.cache
def places_of(rank: int, ranks: int, count: int) -> tuple[Place, ...]:
    """Return the places of the sums that a rank can make of its own arrays."""
    return tuple(summed(dict.fromkeys([(0, number) for number in own(rank, ranks, count)], 0), count))
