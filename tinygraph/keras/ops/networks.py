"""Keras's operations of networks: convolutions, pooling, normalization, attention, and the log losses."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinygraph.errors import ShapeError
from tinygraph.functions import avg_pool2d, max_pool2d, softmax
from tinygraph.functions import gelu as exact_or_not
from tinygraph.keras import losses
from tinygraph.nn import activations
from tinygraph.nn.adaptive_pooling import largest_in_windows, mean_in_windows
from tinygraph.nn.sliding import convolved, pooled, transposed
from tinygraph.training.losses.alignment import aligned

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
    """Return a convolution of sequences, images or volumes.

    Args:
        inputs: of shape (batch, *sizes, channels), with one size for sequences, two for images, three for volumes.
        kernel: of shape (*window, channels ÷ groups, filters).
        strides: between windows, one int or one for each axis.
        padding: "valid" or "same".
        data_format: "channels_last", or "channels_first" for channels as the second axis.
        dilation_rate: between the numbers of a window.

    Raises:
        ShapeError: inputs have another number of axes, or the kernel does not fit.
    """
    x, axes = _channels_last(inputs, data_format)
    steps, apart, groups = _each(strides, axes), _each(dilation_rate, axes), x.shape[-1] // kernel.shape[-2]
    return _as_given(convolved(x, kernel, steps, padding.lower(), apart, groups), data_format)


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


def conv_transpose(
    inputs: Any,
    kernel: Any,
    strides: Sizes = 1,
    padding: str = "valid",
    output_padding: Sizes | None = None,
    data_format: str | None = None,
    dilation_rate: Sizes = 1,
) -> Any:
    """Return the transpose of a convolution, with a kernel of shape (*window, filters, channels); see `conv`."""
    x, axes = _channels_last(inputs, data_format)
    more = None if output_padding is None else _each(output_padding, axes)
    steps, apart = _each(strides, axes), _each(dilation_rate, axes)
    return _as_given(transposed(x, kernel, steps, padding.lower(), more, apart), data_format)


def adaptive_average_pool(inputs: Any, output_size: Sizes, data_format: str | None = None) -> Any:
    """Return the means of a given number of parts of each axis of sequences, images or volumes."""
    return _in_parts(mean_in_windows, inputs, output_size, data_format)


def adaptive_max_pool(inputs: Any, output_size: Sizes, data_format: str | None = None) -> Any:
    """Return the largest numbers of a given number of parts of each axis of sequences, images or volumes."""
    return _in_parts(largest_in_windows, inputs, output_size, data_format)


def _in_parts(along: Callable[..., Any], inputs: Any, output_size: Sizes, data_format: str | None) -> Any:
    x, axes = _channels_last(inputs, data_format)
    for axis, count in enumerate(_each(output_size, axes), 1):
        x = along(x, axis, count)
    return _as_given(x, data_format)


def max_pool(
    inputs: Any, pool_size: Sizes, strides: Sizes | None = None, padding: str = "valid", data_format: str | None = None
) -> Any:
    """Return the largest number in each window of sequences, images or volumes; see `conv`."""
    return _pooled(max_pool2d, inputs, pool_size, strides, padding, data_format)


def average_pool(
    inputs: Any, pool_size: Sizes, strides: Sizes | None = None, padding: str = "valid", data_format: str | None = None
) -> Any:
    """Return the mean of each window of sequences, images or volumes; see `conv`."""
    return _pooled(avg_pool2d, inputs, pool_size, strides, padding, data_format)


def _pooled(
    pool: Callable[..., Any], inputs: Any, window: Sizes, strides: Sizes | None, padding: str, data_format: str | None
) -> Any:  # fmt: skip
    x, axes = _channels_last(inputs, data_format)
    steps = _each(window if strides is None else strides, axes)
    return _as_given(pooled(pool, x, _each(window, axes), steps, padding.lower()), data_format)


def _channels_last(inputs: Any, data_format: str | None) -> tuple[Any, int]:
    """Return a batch with its channels last, and the number of axes between them and the examples."""
    axes = len(inputs.shape) - 2
    if axes not in (1, 2, 3):
        raise ShapeError(f"windows of sequences have 3 axes, of images 4, and of volumes 5, got shape {inputs.shape}")
    return np.moveaxis(inputs, 1, -1) if data_format == "channels_first" else inputs, axes


def _as_given(result: Any, data_format: str | None) -> Any:
    return np.moveaxis(result, -1, 1) if data_format == "channels_first" else result


def _each(sizes: Sizes, axes: int) -> tuple[int, ...]:
    """Return a size for each axis."""
    given = (sizes,) if isinstance(sizes, int) else tuple(sizes)
    if len(given) not in (1, axes):
        raise ValueError(f"one size, or one for each of {axes} axes, got {sizes!r}")
    return given * axes if len(given) == 1 else given


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
    """Return x with mean 0 and variance 1 along some axes, times gamma, plus beta, both of the sizes of these axes."""
    mean, variance = moments(x, axis, True)
    axes = [number % len(x.shape) for number in ([axis] if isinstance(axis, int) else axis)]
    sizes = [size if number in axes else 1 for number, size in enumerate(x.shape)]
    result = (x - mean) / np.sqrt(variance + (EPSILON if epsilon is None else epsilon))
    result = result if gamma is None else result * _along(gamma, sizes)
    return result if beta is None else result + _along(beta, sizes)


def _along(weight: Any, sizes: Sequence[int]) -> Any:
    """Return a weight in a shape that broadcasts, if it has not as many axes already."""
    return weight if len(np.shape(weight)) == len(sizes) else np.reshape(weight, sizes)


def rms_normalization(x: Any, scale: Any = None, axis: Any = -1, epsilon: float | None = None) -> Any:
    """Return x divided by the root of the mean of its squares along some axes, times scale."""
    axes = tuple(axis) if isinstance(axis, list) else axis
    result = x / np.sqrt(np.mean(np.square(x), axis=axes, keepdims=True) + (EPSILON if epsilon is None else epsilon))
    return result if scale is None else result * scale


def dot_product_attention(
    query: Any, key: Any, value: Any, bias: Any = None, mask: Any = None, scale: float | None = None,
    is_causal: bool = False, flash_attention: bool | None = None, attn_logits_soft_cap: float | None = None,
) -> Any:  # fmt: skip
    """Return softmax(query · key · scale + bias) · value for each head.

    Args:
        query: of shape (batch, targets, heads, size).
        key, value: of shape (batch, sources, heads, size); with fewer heads each is that of several of the query.
        bias: is added to the scores, of shape (batch, heads, targets, sources) or one that broadcasts to it.
        mask: of the same shape; a source where it is False is left out.
        scale: of the scores; None for 1 / √size.
        is_causal: leave out the sources that come after a target.
        flash_attention: accepted and without effect.
        attn_logits_soft_cap: bring the scores smoothly between ± this number, by tanh; None for as they are.
    """
    if key.shape[2] != query.shape[2] and query.shape[2] % key.shape[2] == 0:
        each = query.shape[2] // key.shape[2]
        key, value = np.repeat(key, each, axis=2), np.repeat(value, each, axis=2)
    scores = np.einsum("btnh,bsnh->bnts", query, key) * (query.shape[-1] ** -0.5 if scale is None else scale)
    scores = scores if bias is None else scores + bias
    if attn_logits_soft_cap is not None:
        scores = attn_logits_soft_cap * np.tanh(scores / attn_logits_soft_cap)
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
    return 20 * float(np.log10(max_val)) - 10 * np.log10(np.mean(np.square(x1 - x2)))


def ctc_loss(target: Any, output: Any, target_length: Any, output_length: Any, mask_index: int = 0) -> Any:
    """Return −ln of the probability of all ways in which labels may lie in time, for each example.

    Args:
        target: class numbers, shape (examples, labels).
        output: logits, shape (examples, time steps, classes).
        target_length, output_length: the number of labels and of time steps of each example.
        mask_index: the class between two labels.
    """
    return aligned(np.asarray(target), output, target_length, output_length, mask_index)
