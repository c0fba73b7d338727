"""Literals: numbers, dtypes and empty arrays as one writes them in Python: `0.5`, `np.float32`, `np.empty((3, 4))`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygraph.compiler.program.counting import Affine, FromCount

__all__ = [
    "affine_text",
    "array_text",
    "dtype_text",
    "empty_text",
    "from_count_text",
    "name_of_number",
    "number_text",
    "ones_text",
    "size_text",
    "string_text",
]

_WORDS = {0: "zero", 1: "one", 2: "two", 3: "three", 0.5: "half", -1: "minus_one", -2: "minus_two", -0.5: "minus_half"}


def number_text(value: Any) -> str:
    """Return a number as Python writes it, infinities and NaN as NumPy's."""
    if isinstance(value, complex):
        return f"complex({number_text(value.real)}, {number_text(value.imag)})"
    if isinstance(value, float) and not math.isfinite(value):
        return "np.nan" if math.isnan(value) else "np.inf" if value > 0 else "-np.inf"
    if isinstance(value, float) and value == int(value) and abs(value) < 1e6 and (value or math.copysign(1, value) > 0):
        return f"{int(value)}.0"
    return repr(value)


def string_text(value: str) -> str:
    """Return a string as the rest of the text writes them, between double quotes unless there are some in it."""
    text = repr(value)
    return f'"{text[1:-1]}"' if text.startswith("'") and '"' not in text and "\\'" not in text else text


def dtype_text(dtype: np.dtype[Any]) -> str:
    """Return a dtype as one writes it."""
    if dtype.kind not in "biufc" or not dtype.isnative:
        return repr(dtype.str)
    return f"np.{dtype.name if dtype.name != 'bool' else 'bool_'}"


def array_text(value: Any, dtype: np.dtype[Any]) -> str:
    """Return the text that makes an array of one number."""
    return f"np.array({number_text(float(value))}{_like(dtype)})"


def ones_text(size: int, dtype: np.dtype[Any]) -> str:
    """Return the text that makes an array of ones."""
    return f"np.ones({size}{_like(dtype)})"


def empty_text(shape: tuple[int, ...], dtype: np.dtype[Any]) -> str:
    """Return the text that makes an array without values."""
    return f"np.empty({size_text(shape)}{_like(dtype)})"


def size_text(shape: tuple[int, ...]) -> str:
    """Return a shape as one gives it to a function that makes an array: of one axis its size."""
    return str(shape[0] if len(shape) == 1 else shape)


def _like(dtype: np.dtype[Any]) -> str:
    return "" if dtype == np.float64 else f", dtype={dtype_text(dtype)}"


def name_of_number(value: Any) -> str:
    """Return the name of a number, "one" or "n_0_01"; three digits of many."""
    if value in _WORDS:
        return _WORDS[value]
    digits = number_text(float(value)).removesuffix(".0")
    digits = digits if len(digits) <= 8 else f"{value:.3g}"
    return "n_" + digits.replace("e-", "e_minus_").replace("-", "minus_").replace("+", "").replace(".", "_")


def from_count_text(number: FromCount, counters: Sequence[str]) -> str:
    """Return a number that depends on how often an open loop was repeated as it is written."""
    name = counters[number.loop]
    if not number.offset:
        return name
    return f"{name} {'+' if number.offset > 0 else '-'} {abs(number.offset)}"


def affine_text(number: Affine, counter: str) -> str:
    """Return a number that counts as it is written."""
    step = "" if abs(number.step) == 1 else f"{abs(number.step)} * "
    if number.step < 0:
        return f"{number.start} - {step}{counter}"
    if not number.start:
        return f"{step}{counter}"
    return f"{step}{counter} {'+' if number.start > 0 else '-'} {abs(number.start)}"
