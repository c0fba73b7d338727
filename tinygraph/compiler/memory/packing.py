"""Packing: storages that are never needed at the same time lie in the same memory.

A storage is needed from the item that writes it first to the one that reads it last:

    item      0 1 2 3 4 5
    z         z z z
    d_z             d d         in the memory of z
    h           h h h h h       in one of its own
"""

from __future__ import annotations

import itertools

from tinygraph.compiler.memory.storage import Buffer, Storage
from tinygraph.compiler.memory.timetables import Timetable

__all__ = ["packed"]


def packed(storages: list[Storage], open_size: int | None = None) -> list[Buffer]:
    """Lay storages that are never needed at the same time into the same memory, the largest first.

    Args:
        storages: the storages.
        open_size: a size that stands for any: what fits into its multiples is known of other multiples alone.
    """
    if open_size is not None:
        multiples = [held for held in storages if held.nbytes % open_size == 0]
        others = [held for held in storages if held.nbytes % open_size]
        return _in_order([*packed(multiples), *packed(others)])
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
    return _in_order(buffers)


def _in_order(buffers: list[Buffer]) -> list[Buffer]:
    """Return buffers in the order in which they are first written into."""
    return sorted(buffers, key=lambda buffer: buffer.storages[0].first)
