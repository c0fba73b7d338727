"""Rows of arrays for a training loop, batch by batch, in memory that is used again.

A batch that is made by `array[order]` asks the system for new memory each time, and fills it for the first time.
`Rows` takes the rows into two buffers that take turns, so that the batches of an epoch cost one copy of the data.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from tinygraph import bounds
from tinygraph.data.arrays import length_of

__all__ = ["Rows", "steps_of"]

Array = NDArray[Any]
# A function of the rows of a batch and the turn, 0 or 1, to the batch of one array.
Feed = Callable[[Any, int], Array]


def steps_of(rows: int, size: int, drop_last: bool, call: str) -> int:
    """Return the number of batches.

    Raises:
        ValueError: the size is below 1, or no batch is left without the last.
        TypeError: the size is not a whole number.
    """
    bounds.whole(call, "size", size, least=1)
    if not drop_last:
        return int(-(-rows // size))
    if 0 < rows < size:
        raise ValueError(
            f"{call}: no batch is left of {rows} rows in batches of {size}, as drop_last leaves out the rest"
        )
    return int(rows // size)


class Rows:
    """Batches of rows in two buffers that take turns.

    Each iteration is an epoch with buffers of its own. **A batch is valid until the next but one is drawn**: then its
    buffer is filled anew. Copy what must live longer. Batches in order that need no cast are views of the arrays.

    Args:
        arrays: each of shape (examples, ...), with the same number of examples. An array that is not contiguous in
            memory is copied once.
        size: rows in a batch. The last batch may be shorter.
        shuffle: draw a new order for each epoch, the same for all arrays.
        generator: draws the orders; by default a new one.
        dtype: the dtype of the batches. One dtype is for the arrays of floating numbers; a list has one for each array,
            None to leave it. Batches are cast one at a time: the whole is never copied.
        scale: a list with one number for each array, which its batches are multiplied by after the cast; None for none.
        drop_last: leave out the last batch if it is shorter.

    Attributes:
        rows: the number of rows.
        size: rows in a batch.
        generator: draws the orders; None without `shuffle`. Its state is all that an epoch takes from outside.

    Raises:
        ValueError: no array is given, the lengths differ, the size is below 1, `dtype` or `scale` has another length
            than `arrays`, or `drop_last` leaves no batch.
        TypeError: an array cannot be cast to its dtype, or the dtype is not one of floating numbers.

        >>> images, labels = np.zeros((100, 28, 28), np.uint8), np.zeros(100, int)
        >>> batches = Rows([images, labels], 32, dtype=[np.float32, None], scale=[1 / 255, None])
        >>> [(x.shape, x.dtype.name) for x, y in batches][-1]
        ((4, 28, 28), 'float32')
    """

    def __init__(
        self,
        arrays: Sequence[Array],
        size: int,
        *,
        shuffle: bool = False,
        generator: np.random.Generator | None = None,
        dtype: DTypeLike | Sequence[DTypeLike | None] | None = None,
        scale: Sequence[float | None] | None = None,
        drop_last: bool = False,
    ) -> None:
        self.rows = length_of(list(arrays), "Rows")
        self.size = int(size)
        self._steps = steps_of(self.rows, size, drop_last, "Rows")
        self.generator = None if not shuffle else np.random.default_rng() if generator is None else generator
        dtypes = _dtypes(arrays, dtype)
        scales = [None] * len(arrays) if scale is None else list(scale)
        if len(scales) != len(arrays):
            raise ValueError(f"Rows: scale= has {len(scales)} numbers for {len(arrays)} arrays")
        for array, target, factor in zip(arrays, dtypes, scales, strict=True):
            _check(array, target, factor)
        self._parts = [
            (_readable(array), target, factor) for array, target, factor in zip(arrays, dtypes, scales, strict=True)
        ]

    def __len__(self) -> int:
        """Return the number of batches in an epoch."""
        return self._steps

    def __iter__(self) -> Iterator[tuple[Array, ...]]:
        """Go through the rows once, in a new order if they are shuffled."""
        size, end = self.size, self._steps * self.size
        most = min(size, self.rows)
        if self.generator is None:
            feeds = [_in_order(*part, most) for part in self._parts]
            for turn, start in enumerate(range(0, end, size)):
                yield tuple([feed(slice(start, start + size), turn & 1) for feed in feeds])
            return
        order = self.generator.permutation(self.rows).astype(np.intp, copy=False)
        feeds = [_taken(*part, most) for part in self._parts]
        for turn, start in enumerate(range(0, end, size)):
            chosen = order[start : start + size]
            yield tuple([feed(chosen, turn & 1) for feed in feeds])


def _dtypes(arrays: Sequence[Array], dtype: Any) -> list[np.dtype[Any]]:
    """Return the dtype of each array's batches."""
    if isinstance(dtype, list | tuple):
        if len(dtype) != len(arrays):
            raise ValueError(f"Rows: dtype= has {len(dtype)} dtypes for {len(arrays)} arrays")
        pairs = zip(arrays, dtype, strict=True)
        return [array.dtype.newbyteorder("=") if target is None else np.dtype(target) for array, target in pairs]
    cast = None if dtype is None else np.dtype(dtype)
    return [array.dtype.newbyteorder("=") if cast is None or array.dtype.kind != "f" else cast for array in arrays]


def _check(array: Array, target: np.dtype[Any], scale: float | None) -> None:
    same = target == array.dtype.newbyteorder("=")
    if not same and (target.kind not in "fc" or not np.can_cast(array.dtype, target, "same_kind")):
        raise TypeError(
            f"Rows: an array of {array.dtype} is not cast to {target}, which would change its values. Rows are cast to "
            "floating numbers; make other arrays ready before"
        )
    if scale is not None and target.kind not in "fc":
        raise TypeError(
            f"Rows: an array of {target} cannot be scaled by {scale}. Give a floating dtype for it in dtype="
        )


def _readable(array: Array) -> Array:
    """Return an array that `take` reads in place: `take` copies the whole of any other at each call."""
    native = array.dtype.newbyteorder("=")
    if array.flags.c_contiguous and array.flags.aligned and native == array.dtype:
        return array
    return np.ascontiguousarray(array, native)


def _in_order(array: Array, target: np.dtype[Any], scale: float | None, size: int) -> Feed:
    if array.dtype == target and scale is None:
        return lambda rows, turn: array[rows]
    write = _writer(target, scale)
    buffers = _two_buffers(array, target, size)
    return lambda rows, turn: write(array[rows], buffers[turn])


def _taken(array: Array, target: np.dtype[Any], scale: float | None, size: int) -> Feed:
    if array.dtype == target and scale is None:
        buffers = _two_buffers(array, target, size)

        def taken(rows: Any, turn: int) -> Array:
            # "clip" asks for no check: with "raise", NumPy takes into memory of its own and copies.
            return array.take(rows, 0, buffers[turn][: len(rows)], "clip")

        return taken
    write = _writer(target, scale)
    before, buffers = np.empty((size, *array.shape[1:]), array.dtype), _two_buffers(array, target, size)
    return lambda rows, turn: write(array.take(rows, 0, before[: len(rows)], "clip"), buffers[turn])


def _writer(target: np.dtype[Any], scale: float | None) -> Callable[[Array, Array], Array]:
    """Return a function that writes rows into the first rows of a buffer, cast and scaled."""
    factor = None if scale is None else target.type(scale)

    def write(rows: Array, buffer: Array) -> Array:
        out = buffer[: len(rows)]
        np.copyto(out, rows, casting="same_kind")
        if factor is not None:
            np.multiply(out, factor, out=out)
        return out

    return write


def _two_buffers(array: Array, dtype: np.dtype[Any], size: int) -> tuple[Array, Array]:
    shape = (size, *array.shape[1:])
    return np.empty(shape, dtype), np.empty(shape, dtype)
