"""Keras's operations: NumPy's functions and tinygraph's, under Keras's names. They take arrays, Tensors and symbols.

class Scaled(keras.layers.Layer):
    def call(self, x):
        return keras.ops.mean(keras.ops.square(x), axis=-1)
"""

from __future__ import annotations

import sys
from typing import Any

import tinygraph.keras.ops.image as image
from tinygraph.keras.ops.control import (
    cond,
    fori_loop,
    map,  # noqa: A004 - Keras's name
    scan,
    switch,
    vectorized_map,
    while_loop,
)
from tinygraph.keras.ops.networks import (
    adaptive_average_pool,
    adaptive_max_pool,
    average_pool,
    batch_normalization,
    binary_crossentropy,
    categorical_crossentropy,
    conv,
    conv_transpose,
    ctc_loss,
    depthwise_conv,
    dot_product_attention,
    gelu,
    layer_normalization,
    leaky_relu,
    max_pool,
    moments,
    normalize,
    psnr,
    rms_normalization,
    separable_conv,
    sparse_categorical_crossentropy,
    threshold,
)
from tinygraph.keras.ops.of_numpy import OF_LINALG, OF_NUMPY, of_numpy
from tinygraph.keras.ops.rearranging import depth_to_space, fold, space_to_depth, unfold, view_as_complex, view_as_real
from tinygraph.keras.ops.signals import extract_sequences, istft, stft
from tinygraph.keras.ops.tensors import (
    arange,
    cast,
    cdist,
    cholesky_inverse,
    convert_to_numpy,
    convert_to_tensor,
    divide_no_nan,
    dtype,
    empty,
    erf,
    erfc,
    erfinv,
    eye,
    fft,
    fft2,
    full,
    get_item,
    identity,
    ifft2,
    in_top_k,
    irfft,
    is_tensor,
    linspace,
    logdet,
    logsumexp,
    lstsq,
    multi_hot,
    norm,
    one_hot,
    ones,
    polar,
    rfft,
    rsqrt,
    saturate_cast,
    scatter,
    scatter_update,
    segment_max,
    segment_min,
    segment_sum,
    shape,
    slice,  # noqa: A004 - Keras's name
    slice_update,
    solve_triangular,
    stop_gradient,
    take_along_axis,
    top_k,
    tri,
    unstack,
    zeros,
)
from tinygraph.nn import activations

__all__ = [
    "adaptive_average_pool",
    "adaptive_max_pool",
    "arange",
    "average_pool",
    "batch_normalization",
    "binary_crossentropy",
    "cast",
    "categorical_crossentropy",
    "cdist",
    "cholesky_inverse",
    "cond",
    "conv",
    "conv_transpose",
    "convert_to_numpy",
    "convert_to_tensor",
    "ctc_loss",
    "depth_to_space",
    "depthwise_conv",
    "divide_no_nan",
    "dot_product_attention",
    "dtype",
    "empty",
    "erf",
    "erfc",
    "erfinv",
    "extract_sequences",
    "eye",
    "fft",
    "fft2",
    "fold",
    "fori_loop",
    "full",
    "gelu",
    "get_item",
    "identity",
    "ifft2",
    "image",
    "in_top_k",
    "irfft",
    "is_tensor",
    "istft",
    "layer_normalization",
    "leaky_relu",
    "linspace",
    "logdet",
    "logsumexp",
    "lstsq",
    "map",
    "max_pool",
    "moments",
    "multi_hot",
    "norm",
    "normalize",
    "one_hot",
    "ones",
    "polar",
    "psnr",
    "rfft",
    "rms_normalization",
    "rsqrt",
    "saturate_cast",
    "scan",
    "scatter",
    "scatter_update",
    "segment_max",
    "segment_min",
    "segment_sum",
    "separable_conv",
    "shape",
    "slice",
    "slice_update",
    "solve_triangular",
    "space_to_depth",
    "sparse_categorical_crossentropy",
    "stft",
    "stop_gradient",
    "switch",
    "take_along_axis",
    "threshold",
    "top_k",
    "tri",
    "unfold",
    "unstack",
    "vectorized_map",
    "view_as_complex",
    "view_as_real",
    "while_loop",
    "zeros",
]


def __getattr__(name: str) -> Any:
    if name in OF_NUMPY or name in OF_LINALG:
        return of_numpy(name)
    if name in activations.ACTIVATIONS:
        return activations.ACTIVATIONS[name]
    if name in ("nn", "numpy", "linalg"):
        return sys.modules[__name__]  # in Keras the same functions once more, in files by their kind
    from tinygraph.elsewhere import OF_KERAS_OPS, absent

    raise absent(__name__, name, OF_KERAS_OPS, __dir__())


def __dir__() -> list[str]:
    return [*__all__, *OF_NUMPY, *OF_LINALG, *activations.ACTIVATIONS]
