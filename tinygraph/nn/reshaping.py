"""Layers that give each example another shape, and leave its numbers as they are."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygraph.nn.formats import check_format, to_last
from tinygraph.nn.layer import Layer, count

__all__ = ["Flatten", "Permute", "RepeatVector", "Reshape", "repeated"]


def repeated(x: Any, axis: int, times: int) -> Any:
    """Return an array with each element along an axis repeated: broadcast, so that its gradient is a sum."""
    if times == 1:
        return x
    before, size, after = x.shape[:axis], x.shape[axis], x.shape[axis + 1 :]
    wide = np.broadcast_to(x.reshape(*before, size, 1, *after), (*before, size, times, *after))
    return wide.reshape(*before, size * times, *after)


class Flatten(Layer):
    """Each example as a row of numbers: shape (batch, ...) to (batch, numbers of an example).

    Args:
        data_format: "channels_last", the default, or "channels_first" for x of shape (batch, channels, ...), whose
            channels come last in the row.
        name: see `Layer`.

    Raises:
        ShapeError: a batch is a single number.
    """

    def __init__(self, data_format: str | None = None, **options: Any) -> None:
        super().__init__(**options)
        self.data_format = check_format("Flatten", data_format)

    def call(self, x: Any) -> Any:
        """See the class."""
        if not x.shape:
            raise self.misfit("a batch needs an axis of examples, got a single number")
        if len(x.shape) > 2:
            x = to_last(x, self.data_format)
        return x.reshape(x.shape[0], math.prod(x.shape[1:]))


class Reshape(Layer):
    """Each example in another shape: (batch, ...) to (batch, *target_shape).

    Args:
        target_shape: the shape of an example; one of its sizes may be -1, for the numbers that are left.
        name: see `Layer`.

    Raises:
        ShapeError: the numbers of an example do not fill the shape.
        ValueError: a size is neither -1 nor from 0 on, or there are several -1.
    """

    def __init__(self, target_shape: Sequence[int] | int, **options: Any) -> None:
        super().__init__(**options)
        given = target_shape if isinstance(target_shape, tuple | list) else (target_shape,)
        self.target_shape = tuple(int(size) for size in given)
        if min(self.target_shape, default=0) < -1 or self.target_shape.count(-1) > 1:
            raise ValueError(f"Reshape: target_shape has sizes from 0 on and at most one -1, got {target_shape!r}")

    def call(self, x: Any) -> Any:
        """See the class."""
        if not x.shape:
            raise self.misfit("a batch needs an axis of examples, got a single number")
        have = math.prod(x.shape[1:])
        known = math.prod(size for size in self.target_shape if size != -1)
        left = have // known if known else 0
        shape = tuple(left if size == -1 else size for size in self.target_shape)
        if math.prod(shape) != have:
            raise self.misfit(
                f"an example of a batch of shape {x.shape} has {have} numbers, which do not fill {self.target_shape}"
            )
        return x.reshape(x.shape[0], *shape)


class Permute(Layer):
    """Each example with its axes in another order.

    Args:
        dims: the axes of x that come first, second, ...; the first axis of an example is number 1.
        name: see `Layer`.

    Raises:
        ShapeError: an example has another number of axes.
        ValueError: `dims` are not the numbers from 1 on, in some order.
    """

    def __init__(self, dims: Sequence[int], **options: Any) -> None:
        super().__init__(**options)
        self.dims = tuple(dims)
        if sorted(self.dims) != list(range(1, len(self.dims) + 1)):
            raise ValueError(
                f"Permute: dims must be the numbers from 1 to {len(self.dims)} in some order, got {dims!r}"
            )

    def call(self, x: Any) -> Any:
        """See the class."""
        if len(x.shape) != len(self.dims) + 1:
            raise self.misfit(f"a batch of shape {x.shape} does not have {len(self.dims)} axes after the first")
        return x.transpose(0, *self.dims)


class RepeatVector(Layer):
    """Each example n times: shape (batch, features) to (batch, n, features).

    Args:
        n: how often.
        name: see `Layer`.

    Raises:
        ShapeError: the batch is no matrix.
        ValueError: `n` is not positive.
    """

    def __init__(self, n: int, **options: Any) -> None:
        super().__init__(**options)
        self.n = count("RepeatVector", "n", n)

    def call(self, x: Any) -> Any:
        """See the class."""
        if len(x.shape) != 2:
            raise self.misfit(f"a batch must have the shape (batch, features), got {x.shape}")
        return repeated(x.reshape(x.shape[0], 1, x.shape[1]), 1, self.n)
