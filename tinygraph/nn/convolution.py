"""Convolutions over sequences, images and volumes, and their transposes, which make large ones of small ones."""

from __future__ import annotations

from typing import Any

from tinygraph.engine.tensor import Tensor
from tinygraph.errors import ShapeError
from tinygraph.functions.windows import Padding
from tinygraph.nn import constraints, regularizers
from tinygraph.nn.activations import Activation
from tinygraph.nn.configured import Rule
from tinygraph.nn.initializers import Initializer, checked
from tinygraph.nn.layer import count
from tinygraph.nn.sliding import convolved, transposed
from tinygraph.nn.windowed import Size, Windowed, numbers

__all__ = ["Conv1D", "Conv1DTranspose", "Conv2D", "Conv2DTranspose", "Conv3D", "Conv3DTranspose"]


class _Convolution(Windowed):
    """A convolution with a kernel of shape (*window, channels / groups, filters)."""

    kernel: Tensor
    bias: Tensor | None

    def __init__(
        self,
        filters: int,
        kernel_size: Size,
        strides: Size = 1,
        padding: Padding = "valid",
        data_format: str | None = None,
        dilation_rate: Size = 1,
        groups: int = 1,
        activation: Activation = None,
        use_bias: bool = True,
        kernel_initializer: str | Initializer = "glorot_uniform",
        bias_initializer: str | Initializer = "zeros",
        kernel_regularizer: Rule = None,
        bias_regularizer: Rule = None,
        activity_regularizer: Rule = None,
        kernel_constraint: Rule = None,
        bias_constraint: Rule = None,
        **options: Any,
    ) -> None:
        super().__init__(
            kernel_size, strides, padding, data_format, dilation_rate, activation, use_bias, bias_initializer,
            bias_regularizer, activity_regularizer, bias_constraint, **options,
        )  # fmt: skip
        kind = type(self).__name__
        self.filters, self.groups = count(kind, "filters", filters), count(kind, "groups", groups)
        if self.filters % self.groups:
            raise ValueError(f"{kind}: filters must be a multiple of groups, got {filters} and {groups}")
        if self.rank == 1 and isinstance(padding, str) and padding not in ("valid", "same", "causal"):
            raise ValueError(f'Conv1D: padding must be "valid", "same", "causal", an int or a pair, got {padding!r}')
        self.kernel_initializer = checked(kernel_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)

    def build(self, shape: tuple[int, ...]) -> None:
        """See `Layer.build`."""
        channels = self.channels_of(shape)
        if channels % self.groups:
            raise self.misfit(
                f"{channels} channels, of a batch of shape {shape}, do not divide into {self.groups} groups"
            )
        self.kernel = self._own_weight("kernel", (*self.kernel_size, channels // self.groups, self.filters))
        self.make_bias(self.filters)

    def channels_of_kernel(self) -> int:
        """Return the number of channels that the kernel is made for."""
        return self.kernel.shape[-2] * self.groups

    def _moved(self, x: Any) -> Any:
        return convolved(x, self.kernel, self.strides, self.padding, self.dilation_rate, self.groups)


class Conv2D(_Convolution):
    """activation(conv2d(x, kernel) + bias): each output is a weighted sum of the inputs in a window.

    Args:
        filters: number of channels of the result.
        kernel_size: size of the window, one int or (rows, columns).
        strides: pixels between windows, one int or (vertical, horizontal).
        padding: "valid", "same", an int or pairs: see `tinygraph.conv2d`.
        data_format: "channels_last", the default, or "channels_first" for x of shape (batch, channels, height, width).
        dilation_rate: pixels between the pixels of a window, one int or (vertical, horizontal).
        groups: number of groups for channels and filters; a filter sees only the channels of its group.
        activation: a function or a name, "relu"; None for no activation.
        use_bias: add a bias.
        kernel_initializer, bias_initializer: the first values, a name such as "he_normal" or a function.
        kernel_regularizer, bias_regularizer, activity_regularizer: penalties of the weights and of the result, a name
            such as "l2" or an object of `tinygraph.nn.regularizers`.
        kernel_constraint, bias_constraint: for the weights after each step, of `tinygraph.nn.constraints`.
        name, seed, dtype: see `Layer`.

    Attributes:
        kernel: Tensor of shape (rows, columns, channels / groups, filters), from the first batch on.
        bias: Tensor of shape (filters,), or None.

    Called on x of shape (batch, height, width, channels) it returns shape (batch, out_height, out_width, filters).

    Raises:
        ShapeError: the channels differ from those of the first batch, or the window is larger than the image.
        ValueError: a number is not positive, or a name is not that of an activation or an initialiser.
    """

    rank = 2


class Conv1D(_Convolution):
    """activation(conv(x, kernel) + bias), along one axis: each output is a weighted sum of the inputs in a window.

    Args:
        filters: number of channels of the result.
        kernel_size: steps of the window.
        strides: steps between windows.
        padding: "valid" (none), "same" (zeros at both ends, so that a stride of 1 keeps the length), "causal" (the
            same zeros all before the beginning, so that no output sees a later input), an int or (before, after).
        data_format: "channels_last", the default, or "channels_first" for x of shape (batch, channels, steps).
        dilation_rate: steps between the steps of a window.
        groups: number of groups for channels and filters; a filter sees only the channels of its group.
        activation: a function or a name, "relu"; None for no activation.
        use_bias: add a bias.
        kernel_initializer, bias_initializer: the first values, a name such as "he_normal" or a function.
        kernel_regularizer, bias_regularizer, activity_regularizer: penalties of the weights and of the result, a name
            such as "l2" or an object of `tinygraph.nn.regularizers`.
        kernel_constraint, bias_constraint: for the weights after each step, of `tinygraph.nn.constraints`.
        name, seed, dtype: see `Layer`.

    Attributes:
        kernel: Tensor of shape (steps of the window, channels / groups, filters), from the first batch on.
        bias: Tensor of shape (filters,), or None.

    Called on x of shape (batch, steps, channels) it returns shape (batch, out_steps, filters).

    Raises:
        ShapeError: the channels differ from those of the first batch, or the window is longer than the sequence.
        ValueError: a number is not positive, or a name is not that of an activation or an initialiser.

    Source: van den Oord and others, "WaveNet: a generative model for raw audio" (2016), section 2.1, for "causal".
    """

    rank = 1


class Conv3D(_Convolution):
    """`Conv2D` over volumes: x of shape (batch, depth, height, width, channels), windows of three sizes.

    Args: as of `Conv2D`, with one int or three for what is along the axes, a scan or a film, say.

    Attributes:
        kernel: Tensor of shape (images, rows, columns, channels / groups, filters), from the first batch on.
        bias: Tensor of shape (filters,), or None.

    Raises:
        ShapeError: the channels differ from those of the first batch, or the window is larger than the volume.
        ValueError: a number is not positive, or a name is not that of an activation or an initialiser.
    """

    rank = 3


class _Transposed(Windowed):
    """The transpose of a convolution, with a kernel of shape (*window, filters, channels)."""

    kernel: Tensor

    def __init__(
        self,
        filters: int,
        kernel_size: Size,
        strides: Size = 1,
        padding: str = "valid",
        output_padding: Size | None = None,
        data_format: str | None = None,
        dilation_rate: Size = 1,
        activation: Activation = None,
        use_bias: bool = True,
        kernel_initializer: str | Initializer = "glorot_uniform",
        bias_initializer: str | Initializer = "zeros",
        kernel_regularizer: Rule = None,
        bias_regularizer: Rule = None,
        activity_regularizer: Rule = None,
        kernel_constraint: Rule = None,
        bias_constraint: Rule = None,
        **options: Any,
    ) -> None:
        super().__init__(
            kernel_size, strides, padding, data_format, dilation_rate, activation, use_bias, bias_initializer,
            bias_regularizer, activity_regularizer, bias_constraint, **options,
        )  # fmt: skip
        kind = type(self).__name__
        if padding not in ("valid", "same"):
            raise ValueError(f'{kind}: padding must be "valid" or "same", got {padding!r}')
        self.filters = count(kind, "filters", filters)
        self.output_padding = None
        if output_padding is not None:
            self.output_padding = numbers(kind, "output_padding", output_padding, self.rank, 0)
            if any(more >= stride for more, stride in zip(self.output_padding, self.strides, strict=True)):
                raise ValueError(
                    f"{kind}: output_padding must be less than strides, got {self.output_padding} and {self.strides}"
                )
        self.kernel_initializer = checked(kernel_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)

    def build(self, shape: tuple[int, ...]) -> None:
        """See `Layer.build`."""
        self.kernel = self._own_weight("kernel", (*self.kernel_size, self.filters, self.channels_of(shape)))
        self.make_bias(self.filters)

    def channels_of_kernel(self) -> int:
        """Return the number of channels that the kernel is made for."""
        return self.kernel.shape[-1]

    def _moved(self, x: Any) -> Any:
        try:
            return transposed(x, self.kernel, self.strides, self.padding, self.output_padding, self.dilation_rate)
        except ShapeError as error:
            raise self.misfit(str(error)) from None


class Conv2DTranspose(_Transposed):
    """The transpose of a convolution, plus a bias: each input adds a multiple of the kernel to the result.

    A convolution with the same arguments takes images of the size of the result to images of the size of x.

    Args:
        filters: number of channels of the result.
        kernel_size: size of the window, one int or (rows, columns).
        strides: pixels between windows in the result, one int or (vertical, horizontal).
        padding: "valid", or "same", whose result is `strides` times as large as x.
        output_padding: pixels to add below and to the right, one int or (vertical, horizontal), less than `strides`;
            None for as many as the padding says.
        data_format: "channels_last", the default, or "channels_first" for x of shape (batch, channels, height, width).
        dilation_rate: pixels between the pixels of a window, one int or (vertical, horizontal).
        activation: a function or a name, "relu"; None for no activation.
        use_bias: add a bias.
        kernel_initializer, bias_initializer: the first values, a name such as "he_normal" or a function.
        kernel_regularizer, bias_regularizer, activity_regularizer: penalties of the weights and of the result, a name
            such as "l2" or an object of `tinygraph.nn.regularizers`.
        kernel_constraint, bias_constraint: for the weights after each step, of `tinygraph.nn.constraints`.
        name, seed, dtype: see `Layer`.

    Attributes:
        kernel: Tensor of shape (rows, columns, filters, channels), from the first batch on.
        bias: Tensor of shape (filters,), or None.

    Called on x of shape (batch, height, width, channels) it returns shape (batch, out_height, out_width, filters).
    Of n pixels along an axis, with a window of k (dilated) pixels, a stride of s and an output padding of p, it makes
    (n − 1) · s + k + p for "valid", where p is max(s − k, 0) by default; n · s for "same"; and
    (n − 1) · s + (k mod 2) + p for "same" where p is given.

    Raises:
        ShapeError: the channels differ from those of the first batch, or nothing is left of an axis.
        ValueError: a number is not positive, the output padding is not less than the strides, or a name is not that of
            a padding, an activation or an initialiser.

    Source: Dumoulin and Visin, "A guide to convolution arithmetic for deep learning" (2016), section 4.
    """

    rank = 2


class Conv1DTranspose(_Transposed):
    """`Conv2DTranspose` over sequences: x of shape (batch, steps, channels), windows of one size.

    Args: as of `Conv2DTranspose`, with one int for each.

    Attributes:
        kernel: Tensor of shape (steps of the window, filters, channels), from the first batch on.
        bias: Tensor of shape (filters,), or None.

    Raises:
        ShapeError: the channels differ from those of the first batch, or nothing is left of the steps.
        ValueError: as of `Conv2DTranspose`.
    """

    rank = 1


class Conv3DTranspose(_Transposed):
    """`Conv2DTranspose` over volumes: x of shape (batch, depth, height, width, channels), windows of three sizes.

    Args: as of `Conv2DTranspose`, with one int or three for what is along the axes.

    Attributes:
        kernel: Tensor of shape (images, rows, columns, filters, channels), from the first batch on.
        bias: Tensor of shape (filters,), or None.

    Raises:
        ShapeError: the channels differ from those of the first batch, or nothing is left of an axis.
        ValueError: as of `Conv2DTranspose`.
    """

    rank = 3
