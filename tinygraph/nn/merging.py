"""Layers that make one batch of several: sums, products, extremes, and batches side by side.

They are called on a list of batches, `Add()([a, b])`. Batches with fewer axes get axes of size 1 behind the axis of the
examples, as in Keras.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygraph.engine.tensor import Tensor
from tinygraph.nn.layer import Layer

__all__ = ["Add", "Average", "Concatenate", "Dot", "Maximum", "Minimum", "Multiply", "Subtract"]


class Merging(Layer):
    """The base of layers that are called on a list of batches."""

    def _batches(self, xs: Any) -> list[Any]:
        """Check that there are several batches of the same number of examples, and return them in a floating dtype."""
        if not isinstance(xs, list | tuple):
            raise self.misfit("it merges a list of batches, got one array; write layer([a, b])")
        if not xs:
            raise self.misfit("it merges a list of batches, got an empty list")
        xs = [x if hasattr(x, "dtype") else np.asarray(x) for x in xs]
        shapes = [x.shape for x in xs]
        if not all(shapes) or len({shape[0] for shape in shapes}) > 1:
            raise self.misfit(f"batches of shapes {self._listed(shapes)} differ in their numbers of examples")
        return [self._floating(x) for x in xs]

    @staticmethod
    def _listed(shapes: Sequence[tuple[int, ...]]) -> str:
        return ", ".join([str(shape) for shape in shapes])


class Elementwise(Merging):
    """The base of layers that merge number by number."""

    def merged(self, xs: list[Any]) -> Any:
        """Merge batches of the same number of axes."""
        raise NotImplementedError

    def merged_where(self, xs: list[Any], masks: list[Any]) -> Any:
        """Merge batches with masks, None for one without; here those numbers count, too, that a mask leaves out."""
        return self.merged(xs)

    def call(self, xs: Any, mask: Any = None) -> Any:
        """See the class."""
        xs = self._batches(xs)
        shapes = [x.shape for x in xs]
        try:
            np.broadcast_shapes(*[shape[1:] for shape in shapes])
        except ValueError:
            raise self.misfit(f"batches of shapes {self._listed(shapes)} do not broadcast with each other") from None
        most = max([len(shape) for shape in shapes])
        if all([len(shape) == most for shape in shapes]):
            return self.merged(xs) if mask is None else self.merged_where(xs, [_for_features(item) for item in mask])
        return self.merged([x.reshape(x.shape[0], *[1] * (most - len(x.shape)), *x.shape[1:]) for x in xs])

    def compute_mask(self, xs: Any, mask: Any = None) -> Any:
        """Return where one of the batches counts; None if one of them counts everywhere."""
        if mask is None or any([item is None for item in mask]):
            return None
        return functools.reduce(np.logical_or, mask)


class Add(Elementwise):
    """The sum of batches: `Add()([a, b, c])` is a + b + c.

    Args:
        name, dtype: see `Layer`.

    Raises:
        ShapeError: it is not called on a list of batches, or they do not broadcast with each other.
    """

    def merged(self, xs: list[Any]) -> Any:
        """See the class."""
        return functools.reduce(np.add, xs)


class Subtract(Elementwise):
    """The difference of two batches: `Subtract()([a, b])` is a − b.

    Args:
        name, dtype: see `Layer`.

    Raises:
        ShapeError: it is not called on a list of two batches, or they do not broadcast with each other.
    """

    def merged(self, xs: list[Any]) -> Any:
        """See the class."""
        if len(xs) != 2:
            raise self.misfit(f"it is called on a list of 2 batches, got {len(xs)}")
        return xs[0] - xs[1]


class Multiply(Elementwise):
    """The product of batches: `Multiply()([a, b, c])` is a · b · c.

    Args:
        name, dtype: see `Layer`.

    Raises:
        ShapeError: it is not called on a list of batches, or they do not broadcast with each other.
    """

    def merged(self, xs: list[Any]) -> Any:
        """See the class."""
        return functools.reduce(np.multiply, xs)

    def merged_where(self, xs: list[Any], masks: list[Any]) -> Any:
        """Multiply the numbers that count; where none does the product is 0."""
        one = xs[0].dtype.type(1)
        product = self.merged(
            [x if mask is None else np.where(mask, x, one) for x, mask in zip(xs, masks, strict=True)]
        )
        if any([mask is None for mask in masks]):
            return product
        return np.where(functools.reduce(np.logical_or, masks), product, product.dtype.type(0))


class Average(Elementwise):
    """The mean of batches: `Average()([a, b])` is (a + b) ÷ 2.

    Args:
        name, dtype: see `Layer`.

    Raises:
        ShapeError: it is not called on a list of batches, or they do not broadcast with each other.
    """

    def merged(self, xs: list[Any]) -> Any:
        """See the class."""
        return functools.reduce(np.add, xs) / len(xs)


class _OneOf(Elementwise):
    """A layer whose results are numbers of the batches."""

    def merged_where(self, xs: list[Any], masks: list[Any]) -> Any:
        """Merge the numbers that count."""
        result, counts = xs[0], masks[0]
        for x, mask in zip(xs[1:], masks[1:], strict=True):
            other = x if mask is None else np.where(mask, x, result)
            mine = result if counts is None else np.where(counts, result, other)
            counts = None if mask is None or counts is None else np.logical_or(counts, mask)
            result = self.merged([mine, other])
        return result


class Maximum(_OneOf):
    """The larger numbers of batches. Numbers that tie share the gradient.

    Args:
        name, dtype: see `Layer`.

    Raises:
        ShapeError: it is not called on a list of batches, or they do not broadcast with each other.
    """

    def merged(self, xs: list[Any]) -> Any:
        """See the class."""
        return functools.reduce(np.maximum, xs)


class Minimum(_OneOf):
    """The smaller numbers of batches. Numbers that tie share the gradient.

    Args:
        name, dtype: see `Layer`.

    Raises:
        ShapeError: it is not called on a list of batches, or they do not broadcast with each other.
    """

    def merged(self, xs: list[Any]) -> Any:
        """See the class."""
        return functools.reduce(np.minimum, xs)


class Concatenate(Merging):
    """Batches side by side: `Concatenate()([a, b])` has the features of both.

    Args:
        axis: the axis along which they are joined.
        name, dtype: see `Layer`.

    Raises:
        ShapeError: it is not called on a list of batches, or they differ in another axis than `axis`.
    """

    def __init__(self, axis: int = -1, **options: Any) -> None:
        super().__init__(**options)
        self.axis = axis

    def call(self, xs: Any) -> Any:
        """See the class."""
        joined = self.axis in (0, -len(xs[0].shape)) if isinstance(xs, list | tuple) and xs else False
        xs = [self._floating(x) for x in xs] if joined else self._batches(xs)
        shapes = [x.shape for x in xs]
        ndim = len(shapes[0])
        if not all(len(shape) == ndim and -ndim <= self.axis < ndim for shape in shapes) or any(
            len({shape[axis] for shape in shapes}) > 1 for axis in range(ndim) if axis != self.axis % ndim
        ):
            raise self.misfit(f"batches of shapes {self._listed(shapes)} differ in another axis than {self.axis}")
        return np.concatenate(xs, axis=self.axis)

    def compute_mask(self, xs: Any, mask: Any = None) -> Any:
        """Return where one of the features counts; a batch without a mask counts everywhere."""
        if mask is None or all([item is None for item in mask]):
            return None
        whole = [_whole_mask(x.shape, item) for x, item in zip(xs, mask, strict=True)]
        return np.any(np.concatenate(whole, axis=self.axis), axis=-1)


def _whole_mask(shape: tuple[int, ...], mask: Any) -> Any:
    """Return a mask of the shape of its batch."""
    if mask is None:
        return np.ones(shape, bool)
    return np.broadcast_to(mask[..., None] if len(mask.shape) < len(shape) else mask, shape)


class Dot(Merging):
    """Products of two batches, example by example: sums over an axis of each.

    Args:
        axes: the axis of both batches that is summed over, or one for each. Axis 0 is that of the examples.
        normalize: first divide by the length along the axis; the result is the cosine of the angle.
        name, dtype: see `Layer`.

    Called on x of shape (batch, ..., n, ...) and y of shape (batch, ..., n, ...) it returns the other axes of x, then
    those of y; for two rows of numbers shape (batch, 1).

    Raises:
        ShapeError: it is not called on two batches, they differ in the size of the axes, or have no such axes.
        TypeError: `axes` is neither a whole number nor two of them.
    """

    def __init__(self, axes: int | Sequence[int], normalize: bool = False, **options: Any) -> None:
        super().__init__(**options)
        pair = [axes, axes] if isinstance(axes, int) else axes
        if not isinstance(pair, list | tuple) or len(pair) != 2 or not all([type(axis) is int for axis in pair]):
            raise TypeError(f"Dot: axes must be a whole number or two of them, got {axes!r}: Dot(axes=(1, 2)), say")
        self.axes = axes
        self.normalize = normalize

    def call(self, xs: Any) -> Any:
        """See the class."""
        xs = self._batches(xs)
        if len(xs) != 2:
            raise self.misfit(f"it is called on a list of 2 batches, got {len(xs)}")
        x, y = xs
        first, second = [self.axes, self.axes] if isinstance(self.axes, int) else self.axes
        ndims = (len(x.shape), len(y.shape))
        if not all(-ndim < axis < ndim and axis for axis, ndim in ((first, ndims[0]), (second, ndims[1]))):
            raise self.misfit(f"batches of shapes {x.shape}, {y.shape} cannot be summed over the axes {self.axes}")
        first, second = first % ndims[0], second % ndims[1]
        if x.shape[first] != y.shape[second]:
            raise self.misfit(
                f"{x.shape[first]} numbers in axis {first} of {x.shape} against {y.shape[second]} in axis {second} of "
                f"{y.shape}"
            )
        if self.normalize:
            x, y = _of_length_1(x, first), _of_length_1(y, second)
        batch, length = x.shape[0], x.shape[first]
        ahead, behind = _without(x.shape[1:], first - 1), _without(y.shape[1:], second - 1)
        rows = np.moveaxis(x, first, -1).reshape(batch, int(np.prod(ahead)), length)
        columns = np.moveaxis(y, second, 1).reshape(batch, length, int(np.prod(behind)))
        return (rows @ columns).reshape(batch, *(ahead + behind or (1,)))

    def compute_mask(self, xs: Any, mask: Any = None) -> Any:
        """Return None: the steps of the batches are gone."""
        return None


def _without(shape: tuple[int, ...], axis: int) -> tuple[int, ...]:
    return shape[:axis] + shape[axis + 1 :]


def _of_length_1(x: Any, axis: int) -> Any:
    square = np.sum(x * x, axis=axis, keepdims=True)
    return x / np.sqrt(np.maximum(square, np.finfo(x.dtype).tiny if x.dtype == np.float16 else x.dtype.type(1e-14)))


def _for_features(mask: Any) -> Any:
    """Return the mask of steps for all their features."""
    return None if mask is None else (mask.data if isinstance(mask, Tensor) else mask)[..., np.newaxis]
