"""Keras's operations of networks: convolutions, pooling, normalization, attention, and the log losses."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinygraph.functions import avg_pool2d, conv2d, max_pool2d, softmax
from tinygraph.functions import gelu as exact_or_not
from tinygraph.keras import losses
from tinygraph.nn import activations

Sizes = int | Sequence[int]
EPSILON = 1e-7  # where an argument is None


def gelu(x: Any, approximate: bool = True) -> Any:
    """Return x · Φ(x), by default with Keras's approximation of Φ by tanh."""
    return exact_or_not(x, approximate)


def leaky_relu(x: Any, negative_slope: float = 0.2) -> Any:
    """Return x where it is positive, else `negative_slope` · x."""
    return activations.leaky_relu(x, negative_slope)


def threshold(x: Any, threshold: float, default_value: float) -> Any:
    """Return x where it is above a threshold, else another value."""
    return activations.threshold(x, threshold, default_value)


# --- windows ----------------------------------------------------------------------------------------------------------


def conv(
    inputs: Any,
    kernel: Any,
    strides: Sizes = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Sizes = 1,
) -> Any:
    """Return a convolution of sequences or images.

    Args:
        inputs: of shape (batch, steps, channels) or (batch, rows, columns, channels).
        kernel: of shape (window, channels ÷ groups, filters) or (rows, columns, channels ÷ groups, filters).
        strides: between windows.
        padding: "valid" or "same".
        data_format: "channels_last", or "channels_first" for channels as the second axis.
        dilation_rate: between the numbers of a window.
    """

    def of_images(x: Any, kernel: Any) -> Any:
        groups = x.shape[-1] // kernel.shape[-2]
        return conv2d(x, kernel, _pair(strides, x), padding, _pair(dilation_rate, x), groups)

    return _in_windows(of_images, inputs, data_format, kernel)


def depthwise_conv(
    inputs: Any,
    kernel: Any,
    strides: Sizes = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Sizes = 1,
) -> Any:
    """Return a convolution of each channel by itself, with kernels of shape (..., channels, multiplier); see `conv`."""
    flat = np.reshape(kernel, (*kernel.shape[:-2], 1, kernel.shape[-2] * kernel.shape[-1]))
    return conv(inputs, flat, strides, padding, data_format, dilation_rate)


def separable_conv(
    inputs: Any,
    depthwise_kernel: Any,
    pointwise_kernel: Any,
    strides: Sizes = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Sizes = 1,
) -> Any:
    """Return a convolution of each channel by itself, then one with windows of one number; see `conv`."""
    between = depthwise_conv(inputs, depthwise_kernel, strides, padding, data_format, dilation_rate)
    return conv(between, pointwise_kernel, 1, "valid", data_format)


def max_pool(
    inputs: Any, pool_size: Sizes, strides: Sizes | None = None, padding: str = "valid", data_format: str | None = None
) -> Any:
    """Return the largest number in each window of sequences or images; see `conv`."""
    return _in_windows(lambda x: max_pool2d(x, _pair(pool_size, x), _pair(strides, x), padding), inputs, data_format)


def average_pool(
    inputs: Any, pool_size: Sizes, strides: Sizes | None = None, padding: str = "valid", data_format: str | None = None
) -> Any:
    """Return the mean of each window of sequences or images; see `conv`."""
    return _in_windows(lambda x: avg_pool2d(x, _pair(pool_size, x), _pair(strides, x), padding), inputs, data_format)


def _in_windows(function: Callable[..., Any], inputs: Any, data_format: str | None, *kernel: Any) -> Any:
    """Call a function of images on sequences or images, whose channels may be the second axis."""
    if len(inputs.shape) not in (3, 4):
        raise ValueError(f"windows of sequences have 3 axes, and of images 4, got shape {inputs.shape}")
    first = data_format == "channels_first"
    x = np.moveaxis(inputs, 1, -1) if first else inputs
    one_axis = len(x.shape) == 3
    if one_axis:
        x, kernel = x[:, None], tuple([item[None] for item in kernel])
    result = function(x, *kernel)
    result = result[:, 0] if one_axis else result
    return np.moveaxis(result, -1, 1) if first else result


def _pair(sizes: Any, x: Any) -> Any:
    """Return sizes for both axes of images; a sequence is an image of one row."""
    if sizes is None:
        return None
    given = (sizes,) if isinstance(sizes, int) else tuple(sizes)
    if len(given) == 2:
        return given
    return (1, given[0]) if x.shape[1] == 1 and len(given) == 1 else given * 2


# --- normalization ----------------------------------------------------------------------------------------------------


def moments(x: Any, axes: Any, keepdims: bool = False, synchronized: bool = False) -> tuple[Any, Any]:
    """Return the mean and the variance over some axes."""
    axes = tuple(axes) if isinstance(axes, list | tuple) else axes
    return np.mean(x, axis=axes, keepdims=keepdims), np.var(x, axis=axes, keepdims=keepdims)


def normalize(x: Any, axis: int = -1, order: int = 2, epsilon: float | None = None) -> Any:
    """Return x divided by its norms along an axis, which count as `epsilon`, 1e-7, where they are less."""
    return x / np.maximum(np.linalg.norm(x, order, axis, True), EPSILON if epsilon is None else epsilon)


def batch_normalization(
    x: Any, mean: Any, variance: Any, axis: int, offset: Any = None, scale: Any = None, epsilon: float = 1e-3
) -> Any:
    """Return (x − mean) / √(variance + ε) · scale + offset, with a number of each for each place of an axis."""
    shape = [1] * len(x.shape)
    shape[axis] = -1
    factor = 1 / np.sqrt(np.reshape(variance, shape) + epsilon)
    factor = factor if scale is None else factor * np.reshape(scale, shape)
    result = (x - np.reshape(mean, shape)) * factor
    return result if offset is None else result + np.reshape(offset, shape)


def layer_normalization(
    x: Any, gamma: Any = None, beta: Any = None, axis: Any = -1, epsilon: float | None = None
) -> Any:
    """Return x with mean 0 and variance 1 along some axes, times gamma, plus beta."""
    mean, variance = moments(x, axis, True)
    result = (x - mean) / np.sqrt(variance + (EPSILON if epsilon is None else epsilon))
    result = result if gamma is None else result * gamma
    return result if beta is None else result + beta


def rms_normalization(x: Any, scale: Any = None, axis: Any = -1, epsilon: float | None = None) -> Any:
    """Return x divided by the root of the mean of its squares along some axes, times scale."""
    axes = tuple(axis) if isinstance(axis, list) else axis
    result = x / np.sqrt(np.mean(np.square(x), axis=axes, keepdims=True) + (EPSILON if epsilon is None else epsilon))
    return result if scale is None else result * scale


def dot_product_attention(
    query: Any, key: Any, value: Any, bias: Any = None, mask: Any = None, scale: float | None = None,
    is_causal: bool = False,
) -> Any:  # fmt: skip
    """Return softmax(query · key · scale + bias) · value for each head.

    Args:
        query: of shape (batch, targets, heads, size).
        key, value: of shape (batch, sources, heads, size).
        bias: is added to the scores, of shape (batch, heads, targets, sources) or one that broadcasts to it.
        mask: of the same shape; a source where it is False is left out.
        scale: of the scores; None for 1 / √size.
        is_causal: leave out the sources that come after a target.
    """
    scores = np.einsum("btnh,bsnh->bnts", query, key) * (query.shape[-1] ** -0.5 if scale is None else scale)
    scores = scores if bias is None else scores + bias
    if is_causal:
        earlier = np.tri(query.shape[1], key.shape[1], dtype=bool)
        mask = earlier if mask is None else np.logical_and(mask, earlier)
    if mask is not None:
        scores = np.where(mask, scores, np.finfo(scores.dtype).min)
    return np.einsum("bnts,bsnh->btnh", softmax(scores), value)


# --- losses -----------------------------------------------------------------------------------------------------------


def binary_crossentropy(target: Any, output: Any, from_logits: bool = False) -> Any:
    """Return −(y ln p + (1 − y) ln (1 − p)) of each number; probabilities are clipped."""
    return losses.binary_crossentropy(target[..., None], output[..., None], from_logits)


def categorical_crossentropy(target: Any, output: Any, from_logits: bool = False, axis: int = -1) -> Any:
    """Return −Σ y ln p over the classes; probabilities are divided by their sum and clipped."""
    return losses.categorical_crossentropy(target, output, from_logits, axis=axis)


def sparse_categorical_crossentropy(target: Any, output: Any, from_logits: bool = False, axis: int = -1) -> Any:
    """Return −ln p of the class; see `categorical_crossentropy`."""
    return losses.sparse_categorical_crossentropy(target, output, from_logits, axis=axis)


def psnr(x1: Any, x2: Any, max_val: float) -> Any:
    """Return the ratio of the largest signal to the mean squared difference, in decibels."""
    return 20 * np.log10(max_val) - 10 * np.log10(np.mean(np.square(x1 - x2)))
