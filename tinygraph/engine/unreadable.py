"""The errors for data of which NumPy makes no array of numbers: what they are, and what to write instead."""

from __future__ import annotations

from collections.abc import Iterator, Set
from typing import Any

import numpy as np

from tinygraph.errors import ShapeError
from tinygraph.users_code.source import users_line

NUMBERED = "np.unique(texts, return_inverse=True)[1] numbers texts"
RAGGED = "a list whose rows have different lengths is no array"
WAYS_OF_RAGGED = (
    "Pad the rows to one length, tg.keras.utils.pad_sequences(rows, dtype=float), or make an array of each row, "
    "[np.array(row) for row in rows]"
)


def unreadable(data: Any, error: ValueError) -> ValueError:
    """Return NumPy's error about data, with the user's line and the way out."""
    told = str(error)
    if "inhomogeneous" in told:
        return ShapeError(f"{RAGGED}, at {users_line()}. {WAYS_OF_RAGGED}")
    if "could not convert string" in told:
        return ValueError(f"{_described(data)} holds {told.partition(': ')[2]}, which is no number, at {users_line()}. "
                          f"{NUMBERED}")  # fmt: skip
    return error


def not_numbers(call: str, data: Any, array: Any) -> TypeError:
    """Return the error for data whose array holds no numbers.

    Args:
        call: the call that was given the data, "Tensor: "; empty where it is not known.
        data: the data as the user gave them.
        array: what NumPy made of them.
    """
    return TypeError(
        f"{call}the data must be numbers, got {type(data).__name__} of dtype {array.dtype} at {users_line()}. "
        f"{_way(data, array)}"
    )


def as_numbers(call: str, array: Any, dtype: Any) -> Any:
    """Return an array in a dtype of numbers, `array.astype(dtype)`.

    Args:
        call: see `not_numbers`.
        array: an array, or its stand-in in a function that is being compiled.
        dtype: the wanted dtype.

    Raises:
        TypeError: it holds texts or other objects that are no numbers.
    """
    try:
        return array.astype(dtype)
    except (TypeError, ValueError):
        if array.dtype.kind in "fciub":
            raise
        raise not_numbers(call, array, array) from None


def _described(data: Any) -> str:
    """Return data in words, "a list"."""
    name = type(data).__name__
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"


def _way(data: Any, array: Any) -> str:
    """Return what to write instead of data that are no numbers."""
    if data is None:
        return "Is it the result of a function that ends without a return?"
    if isinstance(data, dict):
        return "Make a Tensor of each value, {key: tg.Tensor(value) for key, value in data.items()}"
    if hasattr(data, "toarray"):
        return "Write tg.Tensor(S.toarray()) of a sparse S; as a constant it stays sparse, S @ t"
    if isinstance(data, Set | Iterator) or type(data).__name__ in ("dict_values", "dict_keys"):
        return "Make a list of it, list(data)"
    try:
        array.astype(float)
    except (TypeError, ValueError):
        pass
    else:
        return "Convert them first, np.asarray(data).astype(float)"
    if hasattr(data, "columns"):
        return "Columns of texts become columns of zeros and ones, pandas.get_dummies(data, dtype=float)"
    if array.dtype.kind in "UST":
        return f"{NUMBERED}"
    wrong = next((item for item in np.ravel(array) if not isinstance(item, int | float | np.number)), data)
    return f"{' '.join(repr(wrong).split()):.60} is no number. {NUMBERED}"
