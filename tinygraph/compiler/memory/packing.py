"""Packing: storages that are never needed at the same time lie in the same memory.

A storage is needed from the item that writes it first to the one that reads it last:

    item      0 1 2 3 4 5
    z         z z z
    d_z             d d         in the memory of z
    h           h h h h h       in one of its own

Small arrays lie in the memory of arrays of their shape and dtype alone: a page of memory is not worth a line that says
which part of another array they are.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from typing import Any

from tinygraph.compiler.memory.storage import Buffer, Storage
from tinygraph.compiler.memory.timetables import Timetable

__all__ = ["packed"]

# Arrays of at most so many bytes, a page of memory, are small.
SMALL = 1 << 12


def packed(storages: list[Storage], open_size: int | None = None) -> list[Buffer]:
    """Lay storages that are never needed at the same time into the same memory, the largest first.

    Args:
        storages: the storages.
        open_size: a size that stands for any: what fits into its multiples is known of other multiples alone.
    """
    if open_size is not None:
        multiples = [held for held in storages if held.nbytes % open_size == 0]
        others = [held for held in storages if held.nbytes % open_size]
        return [*packed(multiples), *packed(others)]
    large = _by_size([held for held in storages if held.nbytes > SMALL])
    kinds: dict[Any, list[Storage]] = defaultdict(list)
    for held in sorted(storages, key=lambda held: held.first):
        if held.nbytes <= SMALL:
            kinds[held.shape, held.dtype].append(held)
    return [*_in_order(large), *[buffer for alike in kinds.values() for buffer in _in_order(_by_size(alike))]]


def _by_size(storages: list[Storage]) -> list[Buffer]:
    """Lay storages into the same memory, the largest first."""
    buffers: list[Buffer] = []
    timetable = Timetable()
    in_order = sorted(storages, key=lambda held: (-held.nbytes, held.first))
    for _, group in itertools.groupby(in_order, key=lambda held: held.nbytes):
        alike = list(group)
        timetable.begin(len(alike))
        for held in alike:
            number = timetable.take(held.first, held.last)
            if number == len(buffers):
                buffers.append(Buffer())
            buffers[number].storages.append(held)
    return buffers


def _in_order(buffers: list[Buffer]) -> list[Buffer]:
    """Return buffers in the order in which they are first written into."""
    return sorted(buffers, key=lambda buffer: buffer.storages[0].first)
