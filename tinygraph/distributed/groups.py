"""Groups of ranks. Before each exchange the ranks show each other a header, and find that they agree.

A header costs one exchange of a few bytes. Without it two ranks that call different things would wait for each other
for ever, or add up arrays that have nothing to do with each other.
"""

from __future__ import annotations

import hashlib
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygraph.distributed import trees

__all__ = ["CALLS", "GOODBYE", "JOINING", "LAYOUT", "ROWS", "Group", "enter", "group_of", "layout_of", "layouts"]

# The calls that ranks meet in. A header has the number of its call.
CALLS = (
    "the end of its program",
    "broadcast",
    "average_gradients",
    "total",
    "barrier",
    "batches",
    "backward",
    "of_first",
)
GOODBYE = "the end of its program"

# The columns of a header.
CALL, COUNT, LAYOUT, ROWS = range(4)

# The layout of a rank that has no rows, and so no gradients: it takes part with zeros.
JOINING = -1

# Up to this many bytes each rank sends its arrays to all, which takes one message each; of more a rank adds up its own
# part for all, and nobody receives more than twice the array.
SMALL = 1 << 15

# What a layout describes, line by line, for the message where the ranks differ.
layouts: dict[int, tuple[str, ...]] = {JOINING: ()}


def layout_of(lines: tuple[str, ...]) -> int:
    """Return a number that stands for these lines, the same in each process."""
    digest = hashlib.blake2b("\n".join(lines).encode(), digest_size=8).digest()
    layout = int.from_bytes(digest, "little") >> 2
    layouts[layout] = lines
    return layout


class Group:
    """The exchanges of a communicator: its messages are here alone.

    Args:
        raw: the communicator of mpi4py, of which nobody else knows.
        rank: the number of this process in the group.
        size: the number of processes in the group.
    """

    def __init__(self, raw: Any, rank: int, size: int) -> None:
        self.raw, self.rank, self.size = raw, rank, size

    def headers(self, call: str, count: int, layout: int, rows: int) -> NDArray[np.int64]:
        """Return the headers of all ranks, a row each."""
        mine = np.array([CALLS.index(call), count, layout, rows], np.int64)
        if self.size == 1:
            return mine[None]
        found = np.empty((self.size, len(mine)), np.int64)
        self.raw.Allgather(mine, found)
        return found

    def meet(self, call: str, count: int = 0, layout: int = 0, rows: int = 0) -> NDArray[np.int64]:
        """Wait for all ranks to make a call, and return their headers.

        Args:
            call: one of `CALLS`.
            count: how many numbers the exchange is of.
            layout: of the arrays that are exchanged, by `layout_of`; or `JOINING`.
            rows: of the batch on this rank.

        Raises:
            RuntimeError: the ranks do not agree. Every rank raises it.
        """
        found = self.headers(call, count, layout, rows)
        ended = np.flatnonzero(found[:, CALL] == CALLS.index(GOODBYE))
        if ended.size:
            raise RuntimeError(
                f"{call}: rank {ended[0]} has ended its program, and rank {self.rank} waits for it. Make the same "
                "calls on every rank, in the same order; a rank that cannot go on raises an error, which ends all"
            )
        joined = found[found[:, LAYOUT] != JOINING]
        if (found[:, CALL] != found[0, CALL]).any() or (joined[:, :ROWS] != joined[:1, :ROWS]).any():
            described = self.raw.allgather((call, layouts.get(layout, ()) if layout != JOINING else None))
            raise RuntimeError(_difference(described, self.rank))
        return found

    def broadcast(self, item: Any) -> Any:
        """Return the item of rank 0, an object that can be pickled."""
        return item if self.size == 1 else self.raw.bcast(item)

    def broadcast_bytes(self, buffer: NDArray[np.uint8]) -> None:
        """Write the bytes of rank 0 into the buffers of all others, a gibibyte at a time."""
        for start in range(0, buffer.size if self.size > 1 else 0, 1 << 30):
            self.raw.Bcast(buffer[start : start + (1 << 30)])

    def lines(self, layout: int) -> tuple[str, ...]:
        """Return the lines of the first layout that a rank has; the calls of all ranks must meet here."""
        found = self.raw.allgather(None if layout == JOINING else layouts[layout])
        return next(lines for lines in found if lines is not None)

    def add_up(self, arrays: list[NDArray[Any]], count: int) -> NDArray[Any]:
        """Return the sum of all ranks' arrays, in the order of the tree.

        Args:
            arrays: this rank's own, each of shape (n,) and of the same dtype.
            count: how many there are on all ranks together.
        """
        numbers = trees.own(self.rank, self.size, count)
        nodes = trees.summed({(0, number): array for number, array in zip(numbers, arrays, strict=True)}, count)
        if self.size == 1:
            return _root(list(nodes), list(nodes.values()), count)
        places = [trees.places_of(rank, self.size, count) for rank in range(self.size)]
        mine = np.stack(list(nodes.values())) if len(nodes) > 1 else next(iter(nodes.values()))[None]
        exchange = self._from_all if mine[0].nbytes <= SMALL else self._in_parts
        return exchange(mine, places, count)

    def _from_all(self, mine: NDArray[Any], places: list[tuple[trees.Place, ...]], count: int) -> NDArray[Any]:
        """Return the sum of small arrays: each rank receives all of them, and adds them up."""
        length = mine.shape[1]
        found = np.empty((sum(map(len, places)), length), mine.dtype)
        self.raw.Allgatherv(mine, [found, [len(own) * length for own in places]])
        return _root([place for own in places for place in own], list(found), count)

    def _in_parts(self, mine: NDArray[Any], places: list[tuple[trees.Place, ...]], count: int) -> NDArray[Any]:
        """Return the sum of large arrays: each rank adds up one part of it, and sends that to all."""
        length = mine.shape[1]
        ends = [length * rank // self.size for rank in range(self.size + 1)]
        lengths = [stop - start for start, stop in pairwise(ends)]
        sent = mine[0]  # of one sum the parts lie one after the other
        if len(mine) > 1:
            sent = np.concatenate([mine[:, start:stop].ravel() for start, stop in pairwise(ends)])
        part = lengths[self.rank]
        counts = [len(own) * part for own in places]
        received = np.empty(sum(counts), mine.dtype)
        self.raw.Alltoallv([sent, [len(mine) * each for each in lengths]], [received, counts])
        total = _root([place for own in places for place in own], list(received.reshape(-1, part)), count)
        found = np.empty(length, mine.dtype)
        self.raw.Allgatherv(np.ascontiguousarray(total), [found, lengths])
        return found


def _root(places: list[trees.Place], arrays: list[NDArray[Any]], count: int) -> NDArray[Any]:
    """Return the root of the tree over all ranks' sums."""
    root: list[NDArray[Any]] = list(trees.summed(dict(zip(places, arrays, strict=True)), count).values())
    return root[0]


def _difference(described: list[tuple[str, tuple[str, ...] | None]], rank: int) -> str:
    """Return the message for ranks that do not agree: the first two that differ, and in what."""
    calls = [call for call, _ in described]
    for other, call in enumerate(calls):
        if call != calls[0]:
            return (
                f"{calls[rank]}: rank 0 calls {calls[0]}, and rank {other} calls {call}. Make the same calls on every "
                "rank, in the same order"
            )
    known = [(number, lines) for number, (_, lines) in enumerate(described) if lines is not None]
    first, of_first = known[0]
    for other, lines in known[1:]:
        here = next((line for line in of_first if line not in lines), None)
        there = next((line for line in lines if line not in of_first), None)
        if lines != of_first:
            return (
                f"{calls[rank]}: the ranks differ. Rank {first} has {here or 'nothing else'}, rank {other} has "
                f"{there or 'nothing else'}. Make the same model, optimiser and batches on every rank"
            )
    return f"{calls[rank]}: the ranks exchange arrays of different lengths. Make the same model on every rank"


_GROUPS: dict[str, Group] = {}


def group_of(name: str) -> Group:
    """Return the group with a name in this process."""
    return _GROUPS[name]


def enter(name: str, raw: Any, rank: int, size: int) -> None:
    """Give a group of ranks its name in this process."""
    _GROUPS[name] = Group(raw, rank, size)
