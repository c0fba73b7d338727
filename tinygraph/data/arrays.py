"""Arrays of what data come as: arrays, lists of numbers, frames and series of pandas, and dicts and lists of these."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygraph.engine.operands import check_unmasked
from tinygraph.engine.value import Value
from tinygraph.nests import tree_leaves

__all__ = ["arrays_of", "length_of"]

Array = NDArray[Any]
_ENCODE = "Encode them first: pandas.get_dummies(frame), or OneHotEncoder of scikit-learn"


def arrays_of(data: Any, call: str) -> Any:
    """Return data with each part as an array, in the same dicts, lists and tuples; None stays None.

    A list or tuple of arrays or frames is several inputs. Any other list is one array. An array or a Tensor is returned
    as it is, without a copy; of a subclass, such as a mapped file, the plain array in the same memory. A frame becomes
    an array of shape (rows, columns) of the columns' common dtype, in which a missing value is NaN. A series becomes an
    array of shape (rows,).

    Args:
        data: arrays, Tensors, lists, frames and series, in dicts, lists and tuples.
        call: the name of the function that was called, for errors.

    Raises:
        TypeError: a part is a sparse matrix, or cannot be read by rows.
        ValueError: a list has rows of different lengths, or a frame has columns that are not numbers.
        UnsupportedError: an array of `numpy.ma` has masked elements, which would be taken for values.
    """
    if data is None:
        return None
    if isinstance(data, dict):
        return {key: arrays_of(part, call) for key, part in data.items()}
    if isinstance(data, list | tuple) and data and all(part is None or _has_rows(part) for part in data):
        parts = [arrays_of(part, call) for part in data]
        return parts if isinstance(data, list) else tuple(parts)
    array = _array_of(data, call)
    if not array.ndim:
        raise TypeError(f"{call}: {data!r} has no rows. Give arrays of shape (examples, ...)")
    return array


def length_of(data: Any, call: str) -> int:
    """Return the number of rows of the arrays in dicts, lists and tuples.

    Raises:
        ValueError: there is no array, or the numbers of rows differ.
    """
    lengths = sorted({len(array) for array in tree_leaves(data)})
    if len(lengths) != 1:
        raise ValueError(f"{call}: the arrays must have the same number of rows, got {lengths or 'no array'}")
    return lengths[0]


def _has_rows(part: Any) -> bool:
    return isinstance(part, dict) or bool(getattr(part, "shape", ()))


def _array_of(data: Any, call: str) -> Any:
    if isinstance(data, Value):
        return data
    if isinstance(data, np.ndarray):
        check_unmasked(data, call)
        return np.asarray(data)  # of a subclass, as of a file that is mapped, the array in the same memory
    pandas = sys.modules.get("pandas")  # data that pandas made are there only if pandas is
    if pandas is not None and isinstance(data, pandas.DataFrame):
        return _of_frame(data, call)
    if pandas is not None and isinstance(data, pandas.Series | pandas.Index):
        return _of_series(data)
    if hasattr(data, "toarray"):
        raise TypeError(f"{call}: a sparse matrix cannot be read by rows of an array. Give its .toarray()")
    if not (hasattr(data, "__array__") or isinstance(data, list | tuple | range)):
        raise TypeError(
            f"{call}: {type(data).__name__} has no rows that can be taken. Give an array, a list, or a frame of pandas"
        )
    try:
        return np.asarray(data)
    except ValueError as error:
        raise ValueError(
            f"{call}: the rows of a {type(data).__name__} have different lengths. Pad them to one length, "
            "tg.keras.utils.pad_sequences(rows), or give several inputs as a list of arrays"
        ) from error


def _of_frame(frame: Any, call: str) -> Array:
    """Return a frame as an array whose rows lie one after the other."""
    wrong = [str(name) for name, kind in frame.dtypes.items() if not _is_number(kind)]
    if wrong:
        raise ValueError(f"{call}: the columns {', '.join(wrong)} of a frame are not numbers. {_ENCODE}")
    columns = [_of_series(frame.iloc[:, place]) for place in range(frame.shape[1])]
    rows = np.empty(frame.shape, np.result_type(*columns) if columns else np.float64)
    for place, column in enumerate(columns):
        rows[:, place] = column
    return rows


def _of_series(series: Any) -> Array:
    """Return a series as an array; with missing values, a series of numbers as floating numbers and NaN."""
    kind = series.dtype
    plain = getattr(kind, "numpy_dtype", kind)  # "Int64" and its kin have a dtype of NumPy inside
    if plain is kind or not isinstance(plain, np.dtype) or not _is_number(plain):
        return np.asarray(series)
    if not series.isna().any():
        return np.asarray(series.to_numpy(dtype=plain))
    return np.asarray(series.to_numpy(dtype=np.result_type(plain, np.float32), na_value=np.nan))


def _is_number(kind: Any) -> bool:
    """Return whether a dtype of a column is of numbers or of true and false."""
    plain = getattr(kind, "numpy_dtype", kind)
    return isinstance(plain, np.dtype) and plain.kind in "biufc"
