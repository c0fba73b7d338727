"""Keras's operations on tensors that are not NumPy's: dtypes, new arrays, blocks, places and segments."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygraph.engine.tensor import Tensor
from tinygraph.errors import ShapeError
from tinygraph.functions import logsumexp as log_of_sum
from tinygraph.nn import floatx
from tinygraph.nn.cells import as_array
from tinygraph.nn.symbolic import Symbol


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
    """Return 1 at the place of each whole number and 0 elsewhere, along a new axis.

    As in Keras, a number that is no class, such as the −1 behind the end of a sequence, gets zeros alone. `tg.one_hot`
    refuses it.
    """
    x = as_array(x)
    places = np.arange(num_classes).reshape([-1] + [1] * (-axis - 1 if axis < 0 else x.ndim - axis))
    return np.equal(np.expand_dims(x, axis), places).astype(np.dtype(dtype or floatx()))


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


def linspace(
    start: Any, stop: Any, num: int = 50, endpoint: bool = True, retstep: bool = False, dtype: Any = None, axis: int = 0
) -> Any:
    """Return numbers at equal distances, float32 unless told otherwise; with `retstep` also the distance."""
    options: dict[str, Any] = {"retstep": retstep, "dtype": np.dtype(dtype or floatx()), "axis": axis}
    return np.linspace(start, stop, num, endpoint, **options)


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
    result = _copied(inputs, updates)
    result[_block(start_indices, shape(updates))] = updates
    return result


def scatter(indices: Any, values: Any, shape: Sequence[int]) -> Any:
    """Return zeros of a shape to which values are added at places; a place that comes twice gets both.

    Args:
        indices: whole numbers of shape (n, axes): in each row the first `axes` indices of a place.
        values: of shape (n, *shape[axes:]).
        shape: of the result.
    """
    result = _zeros(tuple(shape), values)
    np.add.at(result, _places(indices), values)
    return result


def scatter_update(inputs: Any, indices: Any, updates: Any) -> Any:
    """Return a copy in which values at places are replaced; see `scatter`."""
    result = _copied(inputs, updates)
    result[_places(indices)] = updates
    return result


def segment_sum(data: Any, segment_ids: Any, num_segments: int | None = None, sorted: bool = False) -> Any:  # noqa: A002
    """Return the sums of the rows of each segment.

    Args:
        data: rows.
        segment_ids: for each row the number of its segment.
        num_segments: the number of segments; None for the largest id and one more.
        sorted: has no effect.
    """
    ids = as_array(segment_ids)
    result = _zeros((_segments(ids, num_segments), *data.shape[1:]), data)
    np.add.at(result, ids, data)
    return result


def segment_max(data: Any, segment_ids: Any, num_segments: int | None = None, sorted: bool = False) -> Any:  # noqa: A002
    """Return the largest number in each segment, and the least of the dtype where it is empty; see `segment_sum`."""
    return _of_segments(np.max, data, segment_ids, num_segments, -1)


def segment_min(data: Any, segment_ids: Any, num_segments: int | None = None, sorted: bool = False) -> Any:  # noqa: A002
    """Return the least number in each segment, and the largest of the dtype where it is empty; see `segment_sum`."""
    return _of_segments(np.min, data, segment_ids, num_segments, 1)


def _of_segments(function: Any, data: Any, segment_ids: Any, num_segments: int | None, sign: int) -> Any:
    ids = np.asarray(segment_ids)
    limits = np.finfo(data.dtype) if data.dtype.kind == "f" else np.iinfo(data.dtype)
    of_none = sign * np.inf if data.dtype.kind == "f" else limits.max if sign > 0 else limits.min
    empty_segment = np.full(data.shape[1:], of_none, data.dtype)
    parts = [np.flatnonzero(ids == place) for place in range(_segments(ids, num_segments))]
    return np.stack([function(data[rows], axis=0) if rows.size else empty_segment for rows in parts])


def _segments(ids: Any, number: int | None) -> int:
    return int(ids.max(initial=-1)) + 1 if number is None else number


def _places(indices: Any) -> tuple[Any, ...]:
    return tuple(np.moveaxis(np.asarray(indices), -1, 0))


def _zeros(shape: tuple[int, ...], written: Any) -> Any:
    """Return zeros that values can be written into, while a function is compiled, too."""
    if isinstance(written, Tensor):
        return Tensor(np.zeros(shape, written.dtype), requires_grad=False)
    return np.zeros(shape, written.dtype, like=written)


def _copied(inputs: Any, written: Any) -> Any:
    """Return a copy that a value can be written into, of an array also a Tensor."""
    if isinstance(written, Tensor) and not isinstance(inputs, Tensor):
        return Tensor(inputs, requires_grad=False)
    return inputs.copy()


def get_item(x: Any, key: Any) -> Any:
    """Return `x[key]`."""
    return x[key]


def dtype(x: Any) -> str:
    """Return the name of a dtype, "float32"."""
    return str(np.dtype(x.dtype if hasattr(x, "dtype") else np.asarray(x).dtype))


def arange(start: Any, stop: Any = None, step: Any = None, dtype: Any = None) -> Any:
    """Return numbers at equal steps: whole ones for whole arguments, else float32, or `floatx()`."""
    begin, end = (0, start) if stop is None else (start, stop)
    found = np.arange(begin, end, 1 if step is None else step)
    return found.astype(np.dtype(dtype or (floatx() if found.dtype.kind == "f" else found.dtype)))


def tri(N: int, M: int | None = None, k: int = 0, dtype: Any = None) -> Any:  # noqa: N803 - Keras's names
    """Return ones on and below a diagonal, float32 unless told otherwise."""
    return np.tri(N, M, k, np.dtype(dtype or floatx()))


def take_along_axis(x: Any, indices: Any, axis: int | None = None) -> Any:
    """Return the values at places along an axis, by default of all in a row."""
    return np.take_along_axis(x, indices, axis=axis)


def in_top_k(targets: Any, predictions: Any, k: int) -> Any:
    """Return whether the prediction of each row's class is among the k largest of the row."""
    scores = np.asarray(predictions.data if isinstance(predictions, Tensor) else predictions)
    of_class = np.take_along_axis(scores, np.asarray(targets)[:, None], axis=-1)
    return np.sum(scores > of_class, axis=-1) < k


def multi_hot(inputs: Any, num_classes: int, axis: int = -1, dtype: Any = None) -> Any:
    """Return 1 at the places of all whole numbers of a row and 0 elsewhere."""
    found = one_hot(inputs, num_classes, axis, dtype)
    return np.max(found, axis=1 if np.ndim(inputs) > 1 else 0)


def logdet(x: Any) -> Any:
    """Return the logarithm of the absolute value of a determinant."""
    return np.linalg.slogdet(x)[1]


def lstsq(a: Any, b: Any, rcond: float | None = None) -> Any:
    """Return the solution of least squares: a x = b."""
    return np.linalg.lstsq(a, b, rcond)[0]


def solve_triangular(a: Any, b: Any, lower: bool = False) -> Any:
    """Return the solution of a x = b with a triangular matrix; SciPy computes it."""
    from tinygraph.scipy import linalg

    return linalg.solve_triangular(a, b, lower=lower)


def erfinv(x: Any) -> Any:
    """Return the inverse of the error function; SciPy computes it."""
    import scipy.special

    return scipy.special.erfinv(x)


def erfc(x: Any) -> Any:
    """Return 1 − the error function; SciPy computes it."""
    import scipy.special

    return scipy.special.erfc(x)


def cdist(x: Any, y: Any) -> Any:
    """Return the distances of all rows of x from all rows of y."""
    if x.shape[-1] != y.shape[-1]:
        raise ShapeError(f"cdist: rows of {x.shape[-1]} and of {y.shape[-1]} numbers have no distance")
    between = x[..., :, None, :] - y[..., None, :, :]
    return np.linalg.norm(between, axis=-1)


def polar(abs_: Any, angle: Any) -> Any:
    """Return complex numbers of their absolute values and angles."""
    return abs_ * np.cos(angle) + 1j * (abs_ * np.sin(angle))


def cholesky_inverse(x: Any, upper: bool = False) -> Any:
    """Return the inverse of a matrix of which x is the Cholesky factor."""
    inverse = np.linalg.inv(np.triu(x) if upper else np.tril(x))
    return inverse @ inverse.swapaxes(-1, -2) if upper else inverse.swapaxes(-1, -2) @ inverse


def saturate_cast(x: Any, dtype: Any) -> Any:
    """Return numbers of another dtype, those that it does not have set to its smallest or largest."""
    wanted = np.dtype(dtype)
    limits: Any = np.iinfo(wanted) if wanted.kind in "iu" else np.finfo(wanted)
    return np.clip(x, limits.min, limits.max).astype(wanted)


def fft(x: tuple[Any, Any]) -> tuple[Any, Any]:
    """Return the Fourier transform along the last axis; numbers come and go as real and imaginary parts."""
    return _parts(np.fft.fft(_joined(x)))


def fft2(x: tuple[Any, Any]) -> tuple[Any, Any]:
    """Return the Fourier transform along the last two axes; see `fft`."""
    return _parts(np.fft.fft2(_joined(x)))


def ifft2(x: tuple[Any, Any]) -> tuple[Any, Any]:
    """Return the inverse of `fft2`."""
    return _parts(np.fft.ifft2(_joined(x)))


def rfft(x: Any, fft_length: int | None = None) -> tuple[Any, Any]:
    """Return the Fourier transform of real numbers, as real and imaginary parts."""
    return _parts(np.fft.rfft(x, fft_length))


def irfft(x: tuple[Any, Any], fft_length: int | None = None) -> Any:
    """Return the inverse of `rfft`."""
    return np.fft.irfft(_joined(x), fft_length)


def _joined(x: tuple[Any, Any]) -> Any:
    return x[0] + 1j * x[1]


def _parts(z: Any) -> tuple[Any, Any]:
    return np.real(z), np.imag(z)


def _block(start: Sequence[int], sizes: Sequence[Any]) -> tuple[Any, ...]:
    return tuple([builtins.slice(int(begin), int(begin) + size) for begin, size in zip(start, sizes, strict=True)])
