"""Convolutions of each channel by itself, and separable ones, which mix the channels afterwards."""

from __future__ import annotations

from typing import Any

from tinygraph.engine.tensor import Tensor
from tinygraph.functions.windows import Padding
from tinygraph.nn import constraints, regularizers
from tinygraph.nn.activations import Activation
from tinygraph.nn.configured import Rule
from tinygraph.nn.initializers import Initializer, checked
from tinygraph.nn.layer import count
from tinygraph.nn.sliding import convolved_by_channel
from tinygraph.nn.windowed import Size, Windowed

__all__ = ["DepthwiseConv1D", "DepthwiseConv2D", "SeparableConv1D", "SeparableConv2D"]


class _Depthwise(Windowed):
    """A convolution with a kernel of shape (*window, channels, depth_multiplier)."""

    _roles = {"kernel": "depthwise"}

    kernel: Tensor

    def __init__(
        self,
        kernel_size: Size,
        strides: Size = 1,
        padding: Padding = "valid",
        depth_multiplier: int = 1,
        data_format: str | None = None,
        dilation_rate: Size = 1,
        activation: Activation = None,
        use_bias: bool = True,
        depthwise_initializer: str | Initializer = "glorot_uniform",
        bias_initializer: str | Initializer = "zeros",
        depthwise_regularizer: Rule = None,
        bias_regularizer: Rule = None,
        activity_regularizer: Rule = None,
        depthwise_constraint: Rule = None,
        bias_constraint: Rule = None,
        **options: Any,
    ) -> None:
        super().__init__(
            kernel_size, strides, padding, data_format, dilation_rate, activation, use_bias, bias_initializer,
            bias_regularizer, activity_regularizer, bias_constraint, **options,
        )  # fmt: skip
        self.depth_multiplier = count(type(self).__name__, "depth_multiplier", depth_multiplier)
        self.depthwise_initializer = checked(depthwise_initializer)
        self.depthwise_regularizer = regularizers.get(depthwise_regularizer)
        self.depthwise_constraint = constraints.get(depthwise_constraint)

    def build(self, shape: tuple[int, ...]) -> None:
        """See `Layer.build`."""
        channels = self.channels_of(shape)
        self.kernel = self._own_weight("kernel", (*self.kernel_size, channels, self.depth_multiplier))
        self.make_bias(channels * self.depth_multiplier)

    def channels_of_kernel(self) -> int:
        """Return the number of channels that the kernel is made for."""
        return self.kernel.shape[-2]

    def _moved(self, x: Any) -> Any:
        return convolved_by_channel(x, self.kernel, self.strides, self.padding, self.dilation_rate)


class DepthwiseConv2D(_Depthwise):
    """activation(convolution + bias), where each filter sees one channel, and each channel has its own filters.

    Args:
        kernel_size: size of the window, one int or (rows, columns).
        strides: pixels between windows, one int or (vertical, horizontal).
        padding: "valid", "same", an int or pairs: see `tinygraph.conv2d`.
        depth_multiplier: filters of each channel.
        data_format: "channels_last", the default, or "channels_first" for x of shape (batch, channels, height, width).
        dilation_rate: pixels between the pixels of a window, one int or (vertical, horizontal).
        activation: a function or a name, "relu"; None for no activation.
        use_bias: add a bias.
        depthwise_initializer, bias_initializer: the first values, a name such as "he_normal" or a function.
        depthwise_regularizer, bias_regularizer, activity_regularizer: penalties of the
            weights and of the result, a name such as "l2" or an object of `tinygraph.nn.regularizers`.
        depthwise_constraint, bias_constraint: for the weights after each step, of
            `tinygraph.nn.constraints`.
        name, seed, dtype: see `Layer`.

    Attributes:
        kernel: Tensor of shape (rows, columns, channels, depth_multiplier), from the first batch on.
        bias: Tensor of shape (channels · depth_multiplier,), or None.

    Called on x of shape (batch, height, width, channels) it returns shape (batch, out_height, out_width, channels ·
    depth_multiplier), where the filters of one channel are neighbours.

    Raises:
        ShapeError: the channels differ from those of the first batch, or the window is larger than the image.
        ValueError: a number is not positive, or a name is not that of an activation or an initialiser.

    Source: Howard and others, "MobileNets: efficient convolutional neural networks for mobile vision applications"
    (2017), section 3.1.
    """

    rank = 2


class DepthwiseConv1D(_Depthwise):
    """`DepthwiseConv2D` over sequences: x of shape (batch, steps, channels), windows of one size.

    Args: as of `DepthwiseConv2D`, with one int for each; the padding may be "causal", as in `Conv1D`.

    Attributes:
        kernel: Tensor of shape (steps of the window, channels, depth_multiplier), from the first batch on.
        bias: Tensor of shape (channels · depth_multiplier,), or None.

    Raises:
        ShapeError: the channels differ from those of the first batch, or the window is longer than the sequence.
        ValueError: as of `DepthwiseConv2D`.
    """

    rank = 1


class _Separable(Windowed):
    """A depthwise convolution, and a mixing of its channels."""

    _roles = {"depthwise_kernel": "depthwise", "pointwise_kernel": "pointwise"}

    depthwise_kernel: Tensor
    pointwise_kernel: Tensor

    def __init__(
        self,
        filters: int,
        kernel_size: Size,
        strides: Size = 1,
        padding: Padding = "valid",
        data_format: str | None = None,
        dilation_rate: Size = 1,
        depth_multiplier: int = 1,
        activation: Activation = None,
        use_bias: bool = True,
        depthwise_initializer: str | Initializer = "glorot_uniform",
        pointwise_initializer: str | Initializer = "glorot_uniform",
        bias_initializer: str | Initializer = "zeros",
        depthwise_regularizer: Rule = None,
        pointwise_regularizer: Rule = None,
        bias_regularizer: Rule = None,
        activity_regularizer: Rule = None,
        depthwise_constraint: Rule = None,
        pointwise_constraint: Rule = None,
        bias_constraint: Rule = None,
        **options: Any,
    ) -> None:
        super().__init__(
            kernel_size, strides, padding, data_format, dilation_rate, activation, use_bias, bias_initializer,
            bias_regularizer, activity_regularizer, bias_constraint, **options,
        )  # fmt: skip
        self.filters = count(type(self).__name__, "filters", filters)
        self.depth_multiplier = count(type(self).__name__, "depth_multiplier", depth_multiplier)
        self.depthwise_initializer = checked(depthwise_initializer)
        self.pointwise_initializer = checked(pointwise_initializer)
        self.depthwise_regularizer = regularizers.get(depthwise_regularizer)
        self.depthwise_constraint = constraints.get(depthwise_constraint)
        self.pointwise_regularizer = regularizers.get(pointwise_regularizer)
        self.pointwise_constraint = constraints.get(pointwise_constraint)

    def build(self, shape: tuple[int, ...]) -> None:
        """See `Layer.build`."""
        channels = self.channels_of(shape)
        self.depthwise_kernel = self._own_weight(
            "depthwise_kernel", (*self.kernel_size, channels, self.depth_multiplier)
        )
        self.pointwise_kernel = self._own_weight(
            "pointwise_kernel", (*(1 for _ in self.kernel_size), channels * self.depth_multiplier, self.filters)
        )
        self.make_bias(self.filters)

    def channels_of_kernel(self) -> int:
        """Return the number of channels that the kernel is made for."""
        return self.depthwise_kernel.shape[-2]

    def _moved(self, x: Any) -> Any:
        apart = convolved_by_channel(x, self.depthwise_kernel, self.strides, self.padding, self.dilation_rate)
        return apart @ self.pointwise_kernel.reshape(self.pointwise_kernel.shape[-2:])


class SeparableConv2D(_Separable):
    """activation(mixing(depthwise convolution) + bias): windows channel by channel, then sums over the channels.

    Args:
        filters: number of channels of the result.
        kernel_size: size of the window, one int or (rows, columns).
        strides: pixels between windows, one int or (vertical, horizontal).
        padding: "valid", "same", an int or pairs: see `tinygraph.conv2d`.
        data_format: "channels_last", the default, or "channels_first" for x of shape (batch, channels, height, width).
        dilation_rate: pixels between the pixels of a window, one int or (vertical, horizontal).
        depth_multiplier: filters of each channel in the first of the two steps.
        activation: a function or a name, "relu"; None for no activation.
        use_bias: add a bias.
        depthwise_initializer, pointwise_initializer, bias_initializer: the first values, a name or a function.
        depthwise_regularizer, pointwise_regularizer, bias_regularizer, activity_regularizer: penalties of the
            weights and of the result, a name such as "l2" or an object of `tinygraph.nn.regularizers`.
        depthwise_constraint, pointwise_constraint, bias_constraint: for the weights after each step, of
            `tinygraph.nn.constraints`.
        name, seed, dtype: see `Layer`.

    Attributes:
        depthwise_kernel: Tensor of shape (rows, columns, channels, depth_multiplier), from the first batch on.
        pointwise_kernel: Tensor of shape (1, 1, channels · depth_multiplier, filters).
        bias: Tensor of shape (filters,), or None.

    Called on x of shape (batch, height, width, channels) it returns shape (batch, out_height, out_width, filters).

    Raises:
        ShapeError: the channels differ from those of the first batch, or the window is larger than the image.
        ValueError: a number is not positive, or a name is not that of an activation or an initialiser.

    Source: Chollet, "Xception: deep learning with depthwise separable convolutions" (2017), section 1.
    """

    rank = 2


class SeparableConv1D(_Separable):
    """`SeparableConv2D` over sequences: x of shape (batch, steps, channels), windows of one size.

    Args: as of `SeparableConv2D`, with one int for each; the padding may be "causal", as in `Conv1D`.

    Attributes:
        depthwise_kernel: Tensor of shape (steps of the window, channels, depth_multiplier), from the first batch on.
        pointwise_kernel: Tensor of shape (1, channels · depth_multiplier, filters).
        bias: Tensor of shape (filters,), or None.

    Raises:
        ShapeError: the channels differ from those of the first batch, or the window is longer than the sequence.
        ValueError: as of `SeparableConv2D`.
    """

    rank = 1
