"""Layers for images of shape (batch, height, width, channels): Conv2D, MaxPooling2D, AveragePooling2D."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from tinygraph.engine.tensor import Tensor
from tinygraph.functions.convolution import conv2d
from tinygraph.functions.pooling import avg_pool2d, max_pool2d
from tinygraph.functions.windows import Padding, Pair, check_images, pair
from tinygraph.nn.activations import Activation, activation_of
from tinygraph.nn.initializers import Initializer, checked
from tinygraph.nn.module import Layer, count

__all__ = ["AveragePooling2D", "Conv2D", "MaxPooling2D"]


class Conv2D(Layer):
    """activation(conv2d(x, kernel) + bias): each output is a weighted sum of the inputs in a window.

    Args:
        filters: number of channels of the result.
        kernel_size: size of the window, one int or (rows, columns).
        strides: pixels between windows, one int or (vertical, horizontal).
        padding: "valid", "same", an int or pairs: see `tinygraph.conv2d`.
        dilation_rate: pixels between the pixels of a window, one int or (vertical, horizontal).
        groups: number of groups for channels and filters; a filter sees only the channels of its group.
        activation: a function or a name, "relu"; None for no activation.
        use_bias: add a bias.
        kernel_initializer, bias_initializer: the first values, a name such as "he_normal" or a function.
        name, seed, dtype: see `Layer`.

    Attributes:
        kernel: Tensor of shape (rows, columns, channels / groups, filters), from the first batch on.
        bias: Tensor of shape (filters,), or None.

    Called on x of shape (batch, height, width, channels) it returns shape (batch, out_height, out_width, filters).

    Raises:
        ShapeError: the channels differ from those of the first batch, or the window is larger than the image.
        ValueError: a number is not positive, or a name is not that of an activation or an initialiser.
    """

    kernel: Tensor
    bias: Tensor | None

    def __init__(
        self,
        filters: int,
        kernel_size: Pair,
        strides: Pair = 1,
        padding: Padding = "valid",
        dilation_rate: Pair = 1,
        groups: int = 1,
        activation: Activation = None,
        use_bias: bool = True,
        kernel_initializer: str | Initializer = "glorot_uniform",
        bias_initializer: str | Initializer = "zeros",
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.filters, groups = count("Conv2D", "filters", filters), count("Conv2D", "groups", groups)
        if filters % groups:
            raise ValueError(f"Conv2D: filters must be a multiple of groups, got {filters} and {groups}")
        self.kernel_size = pair("Conv2D", "kernel_size", kernel_size)
        self.strides = pair("Conv2D", "strides", strides)
        self.padding = padding
        self.dilation_rate = pair("Conv2D", "dilation_rate", dilation_rate)
        self.groups = groups
        self.activation = activation_of(activation)
        self.use_bias = use_bias
        self.kernel_initializer = checked(kernel_initializer)
        self.bias_initializer = checked(bias_initializer)

    def build(self, shape: tuple[int, ...]) -> None:
        """See `Layer.build`."""
        check_images(f'Conv2D "{self.name}"', shape)
        if shape[3] % self.groups:
            raise self.misfit(
                f"{shape[3]} channels, of images of shape {shape}, do not divide into {self.groups} groups"
            )
        window = (*self.kernel_size, shape[3] // self.groups, self.filters)
        self.kernel = self.weight("kernel", window, self.kernel_initializer)
        self.bias = self.weight("bias", (self.filters,), self.bias_initializer) if self.use_bias else None

    def call(self, x: Any) -> Any:
        """See the class."""
        z = conv2d(self._floating(x), self.kernel, self.strides, self.padding, self.dilation_rate, self.groups)
        return self.activation(z if self.bias is None else z + self.bias)


class _Pooling(Layer):
    """The base of pooling layers: one number a window and channel, computed by `_pool`."""

    _pool: ClassVar[Callable[..., Any]]

    def __init__(
        self, pool_size: Pair = 2, strides: Pair | None = None, padding: Padding = "valid", **options: Any
    ) -> None:
        super().__init__(**options)
        kind = type(self).__name__
        self.pool_size = pair(kind, "pool_size", pool_size)
        self.strides = self.pool_size if strides is None else pair(kind, "strides", strides)
        self.padding = padding

    def call(self, x: Any) -> Any:
        """See the class."""
        return self._pool(x, self.pool_size, self.strides, self.padding)


class MaxPooling2D(_Pooling):
    """The largest number in each window, channel by channel.

    Args:
        pool_size: size of the window, one int or (rows, columns).
        strides: pixels between windows; by default the size of the window.
        padding: "valid", "same", an int or pairs: see `tinygraph.max_pool2d`.
        name: see `Layer`.

    Called on x of shape (batch, height, width, channels) it returns shape (batch, out_height, out_width, channels).

    Raises:
        ShapeError: the window is larger than the image, or a number is too small.
    """

    _pool = staticmethod(max_pool2d)


class AveragePooling2D(_Pooling):
    """The mean of the numbers in each window, channel by channel; padding does not count.

    Args:
        pool_size: size of the window, one int or (rows, columns).
        strides: pixels between windows; by default the size of the window.
        padding: "valid", "same", an int or pairs: see `tinygraph.avg_pool2d`.
        name: see `Layer`.

    Called on x of shape (batch, height, width, channels) it returns shape (batch, out_height, out_width, channels).

    Raises:
        ShapeError: the window is larger than the image, or a number is too small.
    """

    _pool = staticmethod(avg_pool2d)
