"""The base of layers with a kernel that moves over a batch: Conv1D, Conv2D and their relatives."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from tinygraph.engine.tensor import Tensor
from tinygraph.nn import constraints, regularizers
from tinygraph.nn.activations import Activation, activation_of
from tinygraph.nn.configured import Rule
from tinygraph.nn.formats import LAST, check_format, from_last, shape_wanted, to_last
from tinygraph.nn.initializers import Initializer, checked
from tinygraph.nn.layer import Layer

__all__ = ["Size", "Windowed", "numbers"]

# One int, or one for each axis that a window moves along.
Size = int | Sequence[int]


def numbers(call: str, name: str, value: Any, count: int, least: int = 1) -> tuple[int, ...]:
    """Return a number for each axis that a window moves along, from one or from as many.

    Raises:
        TypeError: a number is no int.
        ValueError: a number is below `least`, or there are neither one nor `count`.
    """
    given = tuple(value) if isinstance(value, tuple | list) else (value,) * count
    try:
        found = tuple(operator.index(item) for item in given)
    except TypeError:
        raise TypeError(f"{call}: {name} must be an int, or one for each axis, got {value!r}") from None
    if len(found) != count:
        raise ValueError(f"{call}: {name} must be one number or {count}, got {value!r}")
    if min(found) < least:
        raise ValueError(f"{call}: {name} must be at least {least}, got {value!r}")
    return found


class Windowed(Layer):
    """activation(f(x, kernel) + bias), where f moves a window over the axes between batch and channels.

    A subclass says `rank`, the number of these axes, makes its weights in `build`, and computes f in `_moved`, on
    batches whose channels are last.
    """

    rank: ClassVar[int]
    bias: Tensor | None

    def __init__(
        self,
        kernel_size: Size,
        strides: Size,
        padding: Any,
        data_format: str | None,
        dilation_rate: Size,
        activation: Activation,
        use_bias: bool,
        bias_initializer: str | Initializer,
        bias_regularizer: Rule,
        activity_regularizer: Rule,
        bias_constraint: Rule,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        kind = type(self).__name__
        self.kernel_size = numbers(kind, "kernel_size", kernel_size, self.rank)
        self.strides = numbers(kind, "strides", strides, self.rank)
        self.padding = padding
        self.data_format = check_format(kind, data_format)
        self.dilation_rate = numbers(kind, "dilation_rate", dilation_rate, self.rank)
        self.activation: Callable[[Any], Any] = activation_of(activation)
        self.use_bias = use_bias
        self.bias_initializer = checked(bias_initializer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.activity_regularizer = regularizers.get(activity_regularizer)
        self.bias_constraint = constraints.get(bias_constraint)

    def make_bias(self, filters: int) -> None:
        """Make the bias of so many filters, or None."""
        self.bias = self._own_weight("bias", (filters,)) if self.use_bias else None

    def channels_of(self, shape: Sequence[int]) -> int:
        """Return the number of channels of a batch of this shape.

        Raises:
            ShapeError: the batch has too many or too few axes.
        """
        if len(shape) != self.rank + 2:
            raise self.misfit(shape_wanted(self.rank, self.data_format, tuple(shape)))
        return shape[-1 if self.data_format == LAST else 1]

    def check_channels(self, shape: Sequence[int], expected: int) -> None:
        """Raise ShapeError unless a batch of this shape has the channels of the first batch."""
        channels = self.channels_of(shape)
        if channels != expected:
            raise self.misfit(
                f"a batch of shape {tuple(shape)} has {channels} channels, the first batch had {expected}; the kernel "
                "is made for those"
            )

    def channels_of_kernel(self) -> int:
        """Return the number of channels that the kernel is made for."""
        raise NotImplementedError

    def _moved(self, x: Any) -> Any:
        raise NotImplementedError

    def call(self, x: Any) -> Any:
        """See the class."""
        self.check_channels(x.shape, self.channels_of_kernel())
        z = self._moved(to_last(self._floating(x), self.data_format))
        return self.activation(from_last(z if self.bias is None else z + self.bias, self.data_format))
