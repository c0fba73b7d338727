"""Predicting: the functions of a saved inference module besides its programs. They stand in it as they stand here.

An argument is wanted as a pair of a dtype and the shape of a row, `("float32", (28, 28, 1))`, or a nest of such pairs.
"""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["as_wanted", "in_batches", "joined", "rows_between"]


def as_wanted(name: str, value: Any, wanted: Any, sizes: list[int]) -> Any:
    """An argument with arrays of the wanted shapes, or an error; the numbers of their rows are added to `sizes`."""
    if isinstance(wanted, dict):
        if not isinstance(value, dict) or value.keys() != wanted.keys():
            raise ValueError(f"predict: {name} must be a dict of {', '.join(map(str, wanted))}")
        return {key: as_wanted(f"{name}[{key!r}]", value[key], wanted[key], sizes) for key in wanted}
    if isinstance(wanted, list):
        if len(wanted) == 1 and not isinstance(value, list | tuple):
            value = [value]  # a model of one input, which takes it by itself, too
        if not isinstance(value, list | tuple) or len(value) != len(wanted):
            raise ValueError(f"predict: {name} must be a list of {len(wanted)}")
        pairs = enumerate(zip(value, wanted, strict=True))
        return [as_wanted(f"{name}[{place}]", item, part, sizes) for place, (item, part) in pairs]
    dtype, row = np.dtype(wanted[0]), tuple(wanted[1])
    array = np.asarray(value)
    if array.shape[1:] != row or not array.ndim:
        hint = f". {name}[np.newaxis] is a batch of one" if array.shape == row else ""
        whole = ", ".join(["rows", *map(str, row)]) + ("," if not row else "")
        raise ValueError(f"predict: {name} has the shape {array.shape}, and must have ({whole}){hint}")
    numbers = array.dtype.kind in "biu" and dtype.kind == "f"
    if not numbers and not np.can_cast(array.dtype, dtype, "same_kind"):
        raise ValueError(f"predict: {name} has the dtype {array.dtype}, which does not become {dtype}")
    if dtype.kind in "iu" and not np.array_equal(array.astype(dtype), array):
        raise ValueError(f"predict: {name} has numbers in it that are too large for {dtype}")
    sizes.append(len(array))
    return array


def rows_between(nest: Any, wanted: Any, start: int, stop: int) -> Any:
    """The rows of an argument from `start` to `stop`, as arrays of the wanted dtypes."""
    if isinstance(wanted, dict):
        return {key: rows_between(nest[key], part, start, stop) for key, part in wanted.items()}
    if isinstance(wanted, list):
        return [rows_between(item, part, start, stop) for item, part in zip(nest, wanted, strict=True)]
    return np.ascontiguousarray(nest[start:stop], np.dtype(wanted[0]))


def joined(parts: list[Any], sizes: list[int]) -> Any:
    """The results for several batches as one: arrays behind each other, in the same nest."""
    first = parts[0]
    if isinstance(first, dict):
        return {key: joined([part[key] for part in parts], sizes) for key in first}
    if isinstance(first, list | tuple):
        items = [joined([part[place] for part in parts], sizes) for place in range(len(first))]
        return type(first)(*items) if hasattr(first, "_fields") else type(first)(items)
    arrays = [np.asarray(part) for part in parts]
    if [array.shape[:1] for array in arrays] != [(size,) for size in sizes]:
        raise ValueError("predict: a result has not one row for each row that is given: call the function itself")
    return np.concatenate(arrays) if len(arrays) > 1 else arrays[0]


def in_batches(call: Any, names: list[str], given: list[Any], wanted: list[Any], batch_size: int) -> Any:
    """The results of `call` for arguments of any number of rows, computed batch by batch."""
    if type(batch_size) is not int or batch_size < 1:
        raise ValueError(f"predict: batch_size must be a positive int, got {batch_size!r}")
    sizes: list[int] = []
    arrays = [as_wanted(name, value, part, sizes) for name, value, part in zip(names, given, wanted, strict=True)]
    if len(set(sizes)) != 1:
        raise ValueError(f"predict: the arguments have different numbers of rows: {', '.join(map(str, sizes))}")
    starts = range(0, sizes[0], batch_size) or [0]
    ends = [min(start + batch_size, sizes[0]) for start in starts]
    parts = [
        call(*[rows_between(array, part, start, end) for array, part in zip(arrays, wanted, strict=True)])
        for start, end in zip(starts, ends, strict=True)
    ]
    return joined(parts, [end - start for start, end in zip(starts, ends, strict=True)])
