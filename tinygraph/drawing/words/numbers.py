"""Numbers for readers: three significant digits, a true minus sign, no `e-07`."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

__all__ = ["count", "number", "plain_integer", "shape", "superscript"]

MINUS = "−"
SUPERSCRIPTS = str.maketrans("-−0123456789", "⁻⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
LARGEST_EXACT_INTEGER = 10**9


def number(value: Any, digits: int = 3) -> str:
    """Write one scalar, real or complex, with `digits` significant digits.

    No exponent from 1e-3 to 1e4, `6×10⁻⁷` outside; integers and booleans are written out; NaN and ∞ are spelt.
    """
    if isinstance(value, (bool, np.bool_)):
        return str(bool(value))
    if isinstance(value, (int, np.integer)) and abs(int(value)) < LARGEST_EXACT_INTEGER:
        return count(int(value))
    if isinstance(value, (complex, np.complexfloating)):
        return _complex(complex(value), digits)
    return _real(float(value), digits)


def _real(value: float, digits: int) -> str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "∞" if value > 0 else MINUS + "∞"
    if value == 0:
        return "0"
    sign = MINUS if value < 0 else ""
    mantissa, _, exponent_text = f"{abs(value):.{digits - 1}e}".partition("e")
    exponent = int(exponent_text)
    if -3 <= exponent < 4:
        return sign + _trimmed(f"{abs(value):.{max(0, digits - 1 - exponent)}f}")
    return f"{sign}{_trimmed(mantissa)}×10{superscript(exponent)}"


def _complex(value: complex, digits: int) -> str:
    real, imaginary = _real(value.real, digits), _real(abs(value.imag), digits)
    sign = MINUS if math.copysign(1, value.imag) < 0 else "+"
    return f"{real} {sign} {imaginary}i"


def _trimmed(text: str) -> str:
    return text.rstrip("0").rstrip(".") if "." in text else text


def superscript(exponent: int) -> str:
    """Return an integer as superscript: "²" for 2, "⁻⁷" for -7."""
    return str(exponent).translate(SUPERSCRIPTS)


def plain_integer(value: Any) -> int | None:
    """Return a whole number as an int (2.0 -> 2), None for any other number."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, float, np.integer, np.floating)):
        return None
    return int(value) if math.isfinite(value) and value == int(value) else None


def count(value: int) -> str:
    """Return an integer with separators from five digits on: "1234", "245,780"."""
    digits = str(abs(value)) if abs(value) < 10_000 else f"{abs(value):,}"
    return (MINUS if value < 0 else "") + digits


def shape(sizes: tuple[int, ...]) -> str:
    """Return a shape as text: "200×4096", "(3,)", and "scalar" for ()."""
    if len(sizes) == 1:
        return f"({sizes[0]},)"
    return "×".join(map(str, sizes)) if sizes else "scalar"
