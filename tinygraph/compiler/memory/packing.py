"""Packing: storages that are never needed at the same time lie in the same memory.

A storage is needed from the item that writes it first to the one that reads it last:

    item      0 1 2 3 4 5
    z         z z z
    d_z             d d         in the memory of z
    h           h h h h h       in one of its own
"""

from __future__ import annotations

import bisect
import heapq
import itertools

from tinygraph.compiler.memory.storage import Buffer, Storage

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
    times: list[list[tuple[int, int]]] = []  # when each memory is in use, in order of time
    for _, alike in itertools.groupby(
        sorted(storages, key=lambda held: (-held.nbytes, held.first)), key=lambda held: held.nbytes
    ):
        larger = len(buffers)
        # Storages of one size come in the order in which they are begun, so that one end says when a memory is free.
        busy: list[tuple[int, int]] = []
        free: list[int] = []
        for held in alike:
            while busy and busy[0][0] < held.first:
                heapq.heappush(free, heapq.heappop(busy)[1])
            number = next((number for number in range(larger) if _fits(held, times[number])), None)
            if number is not None:
                bisect.insort(times[number], (held.first, held.last))
                buffers[number].storages.append(held)
            else:
                if free:
                    number = heapq.heappop(free)
                    times[number].append((held.first, held.last))
                    buffers[number].storages.append(held)
                else:
                    number = len(buffers)
                    buffers.append(Buffer([held]))
                    times.append([(held.first, held.last)])
                heapq.heappush(busy, (held.last, number))
    return _in_order(buffers)


def _in_order(buffers: list[Buffer]) -> list[Buffer]:
    """Return buffers in the order in which they are first written into."""
    return sorted(buffers, key=lambda buffer: buffer.storages[0].first)


def _fits(held: Storage, times: list[tuple[int, int]]) -> bool:
    """Return whether a memory is free while a storage is needed."""
    position = bisect.bisect(times, (held.first, held.last))
    return (position == 0 or times[position - 1][1] < held.first) and (
        position == len(times) or held.last < times[position][0]
    )
