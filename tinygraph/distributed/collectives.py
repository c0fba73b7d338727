"""Collectives: the calls that all ranks take part in. A compiled step makes them too, in their order."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygraph.distributed.groups import JOINING, LAYOUT, ROWS, group_of
from tinygraph.engine.primitives import ordered

__all__ = ["averaged", "joined", "met", "summed"]

Array = NDArray[Any]


@ordered(lambda x, before, *rest: np.array(x))
def met(x: Any, before: Any, call: str, layout: int, name: str) -> Any:
    """Return a copy of an array, once every rank has come here."""
    group_of(name).meet(call, layout=layout)
    return np.array(x)


@ordered(lambda x, before, *rest: np.array(x))
def summed(x: Any, before: Any, layout: int, name: str) -> Any:
    """Return the sum of an array over all ranks, shape (n,), in the order of the tree."""
    group = group_of(name)
    group.meet("total", len(x), layout)
    return group.add_up([np.array(x)], group.size)


@ordered(lambda x, before, *rest: np.array(x[0]))
def averaged(x: Any, before: Any, call: str, rows: tuple[int, ...], shards: int, layout: int, name: str) -> Any:
    """Return the mean of the shards' arrays, each with the weight of its rows, in the order of the tree.

    Args:
        x: shape (own shards, n).
        before: see `ordered`.
        call: for the header.
        rows: of each of this rank's shards. What a shard of 0 rows has is not looked at: it may be NaN.
        shards: how many there are on all ranks together.
        layout: by `layout_of`.
        name: of the communicator.

    Raises:
        ValueError: no rank has a row. Every rank raises it.
    """
    group = group_of(name)
    headers = group.meet(call, x.shape[1], layout, sum(rows))
    if (headers[:, LAYOUT] == JOINING).any():
        group.lines(layout)
    weights = _weights(call, rows, headers)
    weighted = [part * x.dtype.type(w) if w else np.zeros_like(part) for part, w in zip(x, weights, strict=True)]
    return group.add_up(weighted, shards)


def joined(dtype: Any, call: str, own: int, shards: int, name: str) -> tuple[Array, tuple[str, ...]]:
    """Take part in `averaged` without a row; return the mean, and the lines of the layout.

    Args:
        dtype: of the arrays of the others.
        call, shards, name: see `averaged`.
        own: the number of this rank's shards, all without rows.
    """
    group = group_of(name)
    headers = group.meet(call, JOINING, JOINING, 0)
    _weights(call, (0,), headers)
    lines = group.lines(JOINING)
    length = int(headers[headers[:, LAYOUT] != JOINING][0, 1])
    return group.add_up([np.zeros(length, dtype) for _ in range(own)], shards), lines


def _weights(call: str, rows: tuple[int, ...], headers: NDArray[np.int64]) -> list[float]:
    """Return the weight of each of this rank's shards: its rows, as a part of all ranks' rows."""
    total = int(headers[:, ROWS].sum())
    if not total:
        raise ValueError(f"{call}: the batch has no rows on any rank, so it has no mean")
    return [count / total for count in rows]
