"""Replacing: arrays and Tensors outside in whose place another one of the same kind stands now.

`self.h = h` between two calls is no reason to compile again, if the new array has the shape and the dtype of the old
one. A program that is right otherwise adopts the new array: from then on it is the one that the guards know.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from tinygraph.compiler.guards.locations import Location
from tinygraph.engine.links import DataLeaf, Leaf, LiveData
from tinygraph.engine.tensor import Tensor

__all__ = ["REPLACEABLE", "replaced"]

REPLACEABLE = frozenset((np.ndarray, Tensor))


def replaced(locations: Iterable[Location], elsewhere: set[int]) -> list[tuple[Any, Any]]:
    """Return pairs of an array or a Tensor that was found, and of the object in its place now.

    There are none where a program cannot adopt what is there: it has another shape, dtype or kind, or two names that
    had one array have two now, or one for two.

    Args:
        locations: where the arrays and Tensors were found.
        elsewhere: the ids of those that are found in other ways, too.
    """
    found: dict[int, tuple[Any, Any]] = {}
    for location in locations:
        before, now = location.value, location.now()
        known = found.setdefault(id(before), (before, now))
        if known[1] is not now or (now is not before and (id(before) in elsewhere or not _are_alike(before, now))):
            return []
    if len({id(now) for _, now in found.values()}) < len(found) or not elsewhere.isdisjoint(
        [id(now) for before, now in found.values() if now is not before]
    ):
        return []
    return [(before, now) for before, now in found.values() if now is not before]


def _are_alike(before: Any, now: Any) -> bool:
    """Return whether a program for one array or Tensor may compute with another."""
    if type(before) is not type(now):
        return False
    if type(before) is np.ndarray:
        return bool(before.shape == now.shape and before.dtype == now.dtype)
    one, other = before._link, now._link
    return (
        _is_plain_leaf(one) and _is_plain_leaf(other) and isinstance(one, DataLeaf) is isinstance(other, DataLeaf)
        and one.ready is other.ready and before._value.shape == now._value.shape
        and before._value.dtype == now._value.dtype
    )  # fmt: skip


def _is_plain_leaf(link: Any) -> bool:
    """Return whether a Tensor was given its value, which no program writes into and which is no view of another's."""
    return isinstance(link, Leaf) and not isinstance(link, LiveData) and link.view_of is None
