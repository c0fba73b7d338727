"""Rows: the part of a dataset, or of each batch, that a rank computes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from tinygraph.data.arrays import arrays_of, length_of
from tinygraph.data.batches import Batches
from tinygraph.data.batches import batches as batches_of
from tinygraph.distributed.communicator import Communicator
from tinygraph.distributed.groups import group_of, layout_of
from tinygraph.distributed.world import comm_or_world
from tinygraph.nests import tree_map

__all__ = ["SharedBatches", "batches", "part", "shard"]


def part(rows: int, number: int, parts: int) -> slice:
    """Return the rows of one of several parts: neighbours, whose lengths differ by at most 1."""
    return slice(rows * number // parts, rows * (number + 1) // parts)


def shard(*arrays: Any, comm: Communicator | None = None, uneven: bool = False) -> tuple[Any, ...]:
    """Return this rank's rows of arrays: views of the first rows on rank 0, of the last on the last rank.

    Args:
        arrays: as for `tg.data.batches`, the same on every rank.
        comm: the ranks; None for all.
        uneven: allow ranks whose numbers of rows differ by 1. Then gradients need `rows=len(x)`, see
            `average_gradients`.

    Raises:
        ValueError: no array is given, the lengths differ, or the ranks cannot have the same number of rows.
    """
    comm = comm_or_world(comm, "shard")
    data = tuple([arrays_of(array, "shard") for array in arrays])
    length = length_of(data, "shard")
    if length % comm.size and not uneven:
        raise _uneven("shard", f"{length} rows", comm)
    return _taken(data, part(length, comm.rank, comm.size))


def batches(
    *arrays: Any,
    size: int,
    shuffle: bool | int | np.random.Generator | None = None,
    drop_last: bool = False,
    comm: Communicator | None = None,
    uneven: bool = False,
) -> SharedBatches:
    """Return the batches of `tg.data.batches`, of each of which this rank gets its own rows.

    Call it on every rank, and begin each epoch on every rank: there the ranks agree on the order.

    Args:
        arrays, drop_last: see `tg.data.batches`; the arrays are the same on every rank.
        size: rows of a whole batch, over all ranks.
        shuffle: see `tg.data.batches`. With True rank 0 draws a seed for all.
        comm: the ranks; None for all.
        uneven: allow ranks whose numbers of rows in a batch differ by 1, so that a small last batch may leave a rank
            without any. Then gradients need `rows=len(x)`, see `average_gradients`.

    Returns:
        `SharedBatches`: `for x, y in batches(...)` goes through this rank's rows once; `len` is the number of batches.

    Raises:
        ValueError: see `tg.data.batches`; or the ranks cannot have the same number of rows in each batch.
        RuntimeError: at the start of an epoch: the ranks have other orders, of generators in other states, or other
            numbers of rows.
    """
    comm = comm_or_world(comm, "batches")
    data = tuple([arrays_of(array, "batches") for array in arrays])
    length = length_of(data, "batches")
    if isinstance(shuffle, bool | np.bool_) and shuffle:
        shuffle = int(comm.of_first(np.random.SeedSequence().entropy))
    order = batches_of(np.arange(length), size=size, shuffle=shuffle, drop_last=drop_last)
    sizes = {min(size, length), 0 if drop_last else length % size}
    odd = sorted([rows for rows in sizes if rows % comm.size])
    if odd and not uneven:
        raise _uneven("batches", f"a batch of {odd[0]} rows", comm)
    return SharedBatches(data, order, comm)


class SharedBatches:
    """Batches of which each rank has its own rows, made by `batches`. Each iteration is an epoch.

    Args:
        data: the arrays.
        order: batches of the numbers of rows.
        comm: the ranks.
    """

    def __init__(self, data: tuple[Any, ...], order: Batches, comm: Communicator) -> None:
        self.data, self.order, self.comm = data, order, comm

    def __len__(self) -> int:
        """Return the number of batches in an epoch."""
        return len(self.order)

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        """Go through this rank's rows once, in an order that all ranks agree on."""
        order = [rows for (rows,) in self.order]
        digest = hashlib.blake2b(b"".join([rows.tobytes() for rows in order]), digest_size=8).hexdigest()
        described = f"{self.order.rows} rows in batches of {self.order.size}, in the order {digest}"
        group_of(self.comm.name).meet("batches", len(order), layout_of((described,)))
        rank, size = self.comm.rank, self.comm.size
        return (_taken(self.data, rows[part(len(rows), rank, size)]) for rows in order)

    def __repr__(self) -> str:
        return f"<{len(self)} batches of {self.order.size}, rank {self.comm.rank} of {self.comm.size}>"


def _taken(data: tuple[Any, ...], rows: Any) -> tuple[Any, ...]:
    return tuple([tree_map(lambda array: array[rows], item) for item in data])


def _uneven(call: str, rows: str, comm: Communicator) -> ValueError:
    return ValueError(
        f"{call}: {rows} cannot be divided evenly among {comm.size} ranks, so the mean of the ranks' gradients is not "
        f"that of the batch. Write {call}(..., uneven=True), and average_gradients(model, comm, rows=len(x)), which "
        "weighs them"
    )
