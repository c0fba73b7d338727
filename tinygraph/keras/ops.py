"""Keras's operations: NumPy's functions and tinygraph's, under Keras's names. They take arrays, Tensors and symbols.

class Scaled(keras.layers.Layer):
    def call(self, x):
        return keras.ops.mean(keras.ops.square(x), axis=-1)
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygraph.engine.tensor import Tensor
from tinygraph.functions import logsumexp as log_of_sum
from tinygraph.functions import one_hot as encoded
from tinygraph.nn import activations, floatx
from tinygraph.nn.symbolic import Symbol

__all__ = [
    "cast",
    "convert_to_numpy",
    "convert_to_tensor",
    "divide_no_nan",
    "empty",
    "erf",
    "eye",
    "full",
    "identity",
    "is_tensor",
    "leaky_relu",
    "linspace",
    "logsumexp",
    "norm",
    "one_hot",
    "ones",
    "rsqrt",
    "shape",
    "slice",
    "slice_update",
    "stop_gradient",
    "top_k",
    "unstack",
    "zeros",
]

# Functions of NumPy that are Keras's, with the same arguments.
_OF_NUMPY = frozenset(
    [
        "abs",
        "absolute",
        "add",
        "all",
        "allclose",
        "amax",
        "amin",
        "angle",
        "any",
        "append",
        "arange",
        "arccos",
        "arccosh",
        "arcsin",
        "arcsinh",
        "arctan",
        "arctan2",
        "arctanh",
        "argmax",
        "argmin",
        "argpartition",
        "argsort",
        "array",
        "array_split",
        "average",
        "bincount",
        "bitwise_and",
        "bitwise_not",
        "bitwise_or",
        "bitwise_xor",
        "broadcast_to",
        "cbrt",
        "ceil",
        "clip",
        "concatenate",
        "conj",
        "conjugate",
        "copy",
        "corrcoef",
        "correlate",
        "cos",
        "cosh",
        "count_nonzero",
        "cross",
        "cumprod",
        "cumsum",
        "deg2rad",
        "diag",
        "diagflat",
        "diagonal",
        "diff",
        "digitize",
        "divide",
        "dot",
        "einsum",
        "equal",
        "exp",
        "exp2",
        "expand_dims",
        "expm1",
        "fabs",
        "flip",
        "fliplr",
        "flipud",
        "floor",
        "floor_divide",
        "fmax",
        "fmin",
        "fmod",
        "full_like",
        "gcd",
        "geomspace",
        "greater",
        "greater_equal",
        "heaviside",
        "histogram",
        "hsplit",
        "hstack",
        "hypot",
        "imag",
        "inner",
        "isclose",
        "isfinite",
        "isin",
        "isinf",
        "isnan",
        "isneginf",
        "isposinf",
        "isreal",
        "kron",
        "lcm",
        "less",
        "less_equal",
        "log",
        "log10",
        "log1p",
        "log2",
        "logaddexp",
        "logaddexp2",
        "logical_and",
        "logical_not",
        "logical_or",
        "logical_xor",
        "logspace",
        "matmul",
        "max",
        "maximum",
        "mean",
        "median",
        "meshgrid",
        "min",
        "minimum",
        "mod",
        "moveaxis",
        "multiply",
        "nan_to_num",
        "nanargmax",
        "nanargmin",
        "nancumprod",
        "nancumsum",
        "nanmax",
        "nanmean",
        "nanmedian",
        "nanmin",
        "nanpercentile",
        "nanprod",
        "nanquantile",
        "nanstd",
        "nansum",
        "nanvar",
        "ndim",
        "negative",
        "nonzero",
        "not_equal",
        "ones_like",
        "outer",
        "pad",
        "percentile",
        "power",
        "prod",
        "ptp",
        "quantile",
        "rad2deg",
        "ravel",
        "real",
        "reciprocal",
        "repeat",
        "reshape",
        "roll",
        "rot90",
        "round",
        "searchsorted",
        "select",
        "sign",
        "signbit",
        "sin",
        "sinc",
        "sinh",
        "size",
        "sort",
        "split",
        "sqrt",
        "square",
        "squeeze",
        "stack",
        "std",
        "subtract",
        "sum",
        "swapaxes",
        "take",
        "take_along_axis",
        "tan",
        "tanh",
        "tensordot",
        "tile",
        "trace",
        "transpose",
        "trapezoid",
        "tri",
        "tril",
        "triu",
        "true_divide",
        "trunc",
        "unique",
        "unravel_index",
        "vander",
        "var",
        "vdot",
        "vectorize",
        "vsplit",
        "vstack",
        "where",
        "zeros_like",
    ]
)

# Functions of numpy.linalg that are Keras's.
_OF_LINALG = frozenset("cholesky det eig eigh inv lstsq matrix_rank pinv qr slogdet solve svd".split())  # noqa: SIM905


def shape(x: Any) -> tuple[int | None, ...]:
    """Return the sizes of the axes; None for an open one."""
    return tuple(x.shape if hasattr(x, "shape") else np.shape(x))


def is_tensor(x: Any) -> bool:
    """Return whether this is an array, a Tensor or a symbol."""
    return isinstance(x, Tensor | Symbol | np.ndarray | np.generic)


def convert_to_tensor(x: Any, dtype: Any = None) -> Any:
    """Return an array of a dtype; a Tensor stays one. Floating numbers of Python become float32, or `floatx()`."""
    if isinstance(x, Tensor | Symbol):
        return x if dtype is None else x.astype(dtype)
    array = np.asarray(x, None if dtype is None else np.dtype(dtype))
    plain = not hasattr(x, "dtype") and array.dtype == np.float64 and dtype is None
    return array.astype(floatx()) if plain else array


def convert_to_numpy(x: Any) -> Any:
    """Return the values as an array."""
    return np.array(x.data) if isinstance(x, Tensor) else np.array(x)


def cast(x: Any, dtype: Any) -> Any:
    """Return the values in another dtype, "float32" or "int32"."""
    return (x if hasattr(x, "astype") else np.asarray(x)).astype(np.dtype(dtype))


def stop_gradient(variable: Any) -> Any:
    """Return the values; no gradient flows back through them."""
    return variable.detach() if isinstance(variable, Tensor) else variable


def one_hot(x: Any, num_classes: int, axis: int = -1, dtype: Any = None) -> Any:
    """Return 1 at the place of each whole number and 0 elsewhere, along a new axis."""
    result = encoded(x, num_classes).astype(np.dtype(dtype or floatx()))
    return result if axis == -1 else np.moveaxis(result, -1, axis)


def zeros(shape: Any, dtype: Any = None) -> Any:
    """Return zeros, float32 unless told otherwise."""
    return np.zeros(shape, np.dtype(dtype or floatx()))


def ones(shape: Any, dtype: Any = None) -> Any:
    """Return ones, float32 unless told otherwise."""
    return np.ones(shape, np.dtype(dtype or floatx()))


def empty(shape: Any, dtype: Any = None) -> Any:
    """Return an array for any values; these are zeros."""
    return zeros(shape, dtype)


def full(shape: Any, fill_value: Any, dtype: Any = None) -> Any:
    """Return an array of one value, float32 unless told otherwise."""
    return np.full(shape, fill_value, np.dtype(dtype or floatx()))


def eye(N: int, M: int | None = None, k: int = 0, dtype: Any = None) -> Any:  # noqa: N803 - Keras's names
    """Return a matrix with ones on a diagonal, float32 unless told otherwise."""
    return np.eye(N, M, k, np.dtype(dtype or floatx()))


def identity(n: int, dtype: Any = None) -> Any:
    """Return the unit matrix, float32 unless told otherwise."""
    return eye(n, dtype=dtype)


def linspace(start: Any, stop: Any, num: int = 50, endpoint: bool = True, dtype: Any = None, axis: int = 0) -> Any:
    """Return numbers at equal distances, float32 unless told otherwise."""
    return np.linspace(start, stop, num, endpoint, dtype=np.dtype(dtype or floatx()), axis=axis)


def rsqrt(x: Any) -> Any:
    """Return 1 / √x."""
    return 1 / np.sqrt(x)


def erf(x: Any) -> Any:
    """Return the error function; SciPy computes it."""
    import scipy.special

    return scipy.special.erf(x)


def divide_no_nan(x1: Any, x2: Any) -> Any:
    """Return x1 / x2, and 0 where x2 is 0."""
    return np.where(np.equal(x2, 0), 0, x1 / np.where(np.equal(x2, 0), 1, x2))


def leaky_relu(x: Any, negative_slope: float = 0.2) -> Any:
    """Return x where it is positive, else `negative_slope` · x."""
    return activations.leaky_relu(x, negative_slope)


def logsumexp(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Return log Σ exp(x) along an axis, by default along all."""
    return log_of_sum(x, axis=axis, keepdims=keepdims)


def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:  # noqa: A002 - Keras's name
    """Return the length of a vector or the norm of a matrix: see `numpy.linalg.norm`."""
    return np.linalg.norm(x, ord, axis, keepdims)


def top_k(x: Any, k: int, sorted: bool = True) -> tuple[Any, Any]:  # noqa: A002 - Keras's name
    """Return the k largest numbers along the last axis, the largest first, and their places."""
    places = np.argsort(-(x.data if isinstance(x, Tensor) else x), axis=-1, kind="stable")[..., :k]
    return np.take_along_axis(x, places, axis=-1), places


def unstack(x: Any, num: int | None = None, axis: int = 0) -> list[Any]:
    """Return the parts along an axis as a list."""
    return [np.take(x, place, axis=axis) for place in range(num or shape(x)[axis] or 0)]


def slice(inputs: Any, start_indices: Sequence[int], shape: Sequence[int]) -> Any:  # noqa: A001 - Keras's name
    """Return the block of a shape that begins at the given indices."""
    return inputs[_block(start_indices, shape)]


def slice_update(inputs: Any, start_indices: Sequence[int], updates: Any) -> Any:
    """Return a copy in which a block that begins at the given indices is replaced."""
    result = inputs.copy()
    result[_block(start_indices, shape(updates))] = updates
    return result


def _block(start: Sequence[int], sizes: Sequence[Any]) -> tuple[Any, ...]:
    import builtins

    return tuple([builtins.slice(int(begin), int(begin) + size) for begin, size in zip(start, sizes, strict=True)])


def __getattr__(name: str) -> Any:
    if name in _OF_NUMPY:
        return getattr(np, name)
    if name in _OF_LINALG:
        return getattr(np.linalg, name)
    if name in activations.ACTIVATIONS:
        return activations.ACTIVATIONS[name]
    from tinygraph.elsewhere import no_attribute

    known = [*__all__, *_OF_NUMPY, *_OF_LINALG, *activations.ACTIVATIONS]
    raise AttributeError(no_attribute(f"module {__name__!r}", name, {}, known), name=name, obj=sys.modules[__name__])


def __dir__() -> list[str]:
    return [*__all__, *_OF_NUMPY, *_OF_LINALG, *activations.ACTIVATIONS]
