"""Inputs of a network: the symbol that it begins with, and the layer that stands for it in lists of layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygraph.elsewhere import checked
from tinygraph.nn.arguments import kept
from tinygraph.nn.defaults import floatx
from tinygraph.nn.layer import Layer
from tinygraph.nn.symbolic import Shape, Symbol

__all__ = ["Input", "InputLayer", "of_rank"]


class InputLayer(Layer):
    """The place of an input in a network; it returns its batch.

    Args:
        shape: the shape of an example; None for an open axis.
        dtype: the type of the numbers.
        name: the name of the input.
    """

    supports_masking = True
    _draws = False

    _given: Symbol | None = None

    def __init__(self, shape: Sequence[int | None], dtype: Any = None, name: str | None = None) -> None:
        super().__init__(name=name)
        self.shape: Shape = tuple(shape)
        self.input_dtype = np.dtype(floatx() if dtype is None else dtype)

    if not TYPE_CHECKING:
        __new__ = kept(checked(__init__))

    def symbol(self) -> Symbol:
        """Return a new symbol for a batch."""
        return Symbol((None, *self.shape), self.input_dtype, self._name)

    @property
    def output(self) -> Any:
        """The symbol of the input."""
        return self._given if self._given is not None else super().output

    input = output

    def call(self, x: Any) -> Any:
        """Return the batch."""
        return x


def Input(  # noqa: N802 - Keras's name
    shape: Sequence[int | None] | int = (),
    batch_size: int | None = None,
    dtype: Any = None,
    name: str | None = None,
    batch_shape: Sequence[int | None] | None = None,
) -> Any:
    """Return a symbol: the input of a network that is put together by calls of layers.

        x = tg.nn.Input((4,))
        model = tg.nn.Model(x, tg.nn.Dense(3)(x))

    Args:
        shape: the shape of an example, without the batch; None for an axis of any size.
        batch_size: the size of the batch; None for any.
        dtype: the type of the numbers: "int32" for indices; None for float32, or what `set_floatx` said.
        name: the name of the input, by which a dict of batches gives it.
        batch_shape: the shape of a batch, in place of `shape` and `batch_size`.
    """
    if batch_shape is not None:
        batch_size, *shape = batch_shape
    sizes = (shape,) if isinstance(shape, int | np.integer) else tuple(shape)
    for size in sizes:
        if size is not None and (isinstance(size, bool) or not isinstance(size, int | np.integer) or size < 0):
            raise TypeError(f"Input: the shape of an example has whole numbers and None, got {shape!r}")
    return Symbol((batch_size, *sizes), floatx() if dtype is None else dtype, name)


def of_rank(batch: Any, shape: Shape) -> Any:
    """Return a batch with the axes of an input, where a last axis of size 1 is missing or too many.

    Images of one channel may come without it, as in Keras.
    """
    extra = len(batch.shape) - len(shape)
    if extra == -1 and shape[-1] == 1:
        return np.expand_dims(batch, -1)
    return batch[..., 0] if extra == 1 and batch.shape[-1] == 1 else batch
