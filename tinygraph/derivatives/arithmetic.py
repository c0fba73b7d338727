"""Derivatives of arithmetic: sums, products, powers, roots, and the functions with a kink.

Conventions where a function has no derivative: at a kink (`abs`, `sign` at 0) the slope is 0, the middle of its
one-sided slopes. At a tie (`maximum`, `minimum`) each side gets half. On its bounds `clip` passes the gradient.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygraph.engine.dependence import selection
from tinygraph.engine.modes import for_any_values
from tinygraph.engine.notes import decomposition, formula
from tinygraph.engine.operands import array_of, plain
from tinygraph.engine.orders import laid_out
from tinygraph.engine.table import composition, derivative, no_derivative
from tinygraph.engine.value import Value

derivative(np.add,         lambda g, z, x, y: g,                lambda g, z, x, y: g)  # fmt: skip
derivative(np.subtract,    lambda g, z, x, y: g,                lambda g, z, x, y: -g)  # fmt: skip
derivative(np.multiply,    lambda g, z, x, y: g * y,            lambda g, z, x, y: g * x)  # fmt: skip
derivative(np.divide,      lambda g, z, x, y: g / y,            lambda g, z, x, y: -(g / y) * z)  # fmt: skip
derivative(np.negative,    lambda g, z, x: -g)  # fmt: skip
derivative(np.positive,    lambda g, z, x: g)  # fmt: skip
derivative(np.reciprocal,  lambda g, z, x: -g * z * z)  # fmt: skip
derivative(np.square,      lambda g, z, x: g * (2 * x))  # fmt: skip
derivative(np.sqrt,        lambda g, z, x: g / (2 * z))  # fmt: skip
derivative(np.cbrt,        lambda g, z, x: g / (3 * z * z))  # fmt: skip
derivative(np.remainder,   lambda g, z, x, y: g,            lambda g, z, x, y: -g * np.rint((x - z) / y))  # fmt: skip
derivative(np.fmod,        lambda g, z, x, y: g,            lambda g, z, x, y: -g * np.rint((x - z) / y))  # fmt: skip

formula(np.add,        slopes=("1", "1"),                pullbacks=("∇", "∇"))  # fmt: skip
formula(np.subtract,   slopes=("1", "−1"),               pullbacks=("∇", "−∇"))  # fmt: skip
formula(np.multiply,   slopes=("{y}", "{x}"),            pullbacks=("∇ × {y}", "∇ × {x}"))  # fmt: skip
formula(np.divide,     slopes=("1/{y}", "−{x}/{y}²"),    pullbacks=("∇ ÷ {y}", "−∇ × {x} ÷ {y}²"))  # fmt: skip
formula(np.negative,   slopes=("−1",),                   pullbacks=("−∇",))  # fmt: skip
formula(np.reciprocal, slopes=("−1/{x}²",),              pullbacks=("−∇ × {z}²",))  # fmt: skip
formula(np.square,     slopes=("2{x}",),                 pullbacks=("∇ × 2{x}",))  # fmt: skip
formula(np.sqrt,       slopes=("1/(2√{x})",),            pullbacks=("∇ ÷ 2{z}",))  # fmt: skip


# To multiply takes a fiftieth of the time of `np.power`; the rounding errors of so many factors stay below 1e-14.
MOST_FACTORS = 32


def slope_of_power(x: Any, y: Any) -> Any:
    """y · x^(y−1), and 0 where y is 0, for any x; its own slope by y at y = 0 is x^−1."""
    if type(y) in (int, float):
        if y in (2, 3):
            return 2 * x if y == 2 else 3 * (x * x)
        if type(x) is np.ndarray and abs(y) <= MOST_FACTORS and y == int(y) and y != 0 and x.dtype.kind in "fc":
            return y * _whole_power(x, int(y) - 1)
        return y * x ** (y - 1) if y != 0 else np.zeros_like(x)
    if hasattr(y, "dtype"):
        y = _converted(y, np.result_type(x.dtype, y.dtype))  # 0 − 1 is 255 in uint8
    return y * x ** np.where((y == 0) & (x == 0), 1, y - 1)


def _whole_power(x: Any, n: int) -> Any:
    """x^n by multiplication."""
    power, square, left = None, x, abs(n)
    while left:
        if left % 2:
            power = square if power is None else power * square
        left //= 2
        square = square * square if left else square
    return np.ones_like(x) if power is None else power if n > 0 else 1 / power


def log_or_zero(x: Any, z: Any) -> Any:
    """ln x, and 0 where x is 0: the limit of z = x^y times ln x at 0 is 0 for every positive y."""
    if type(x) in (int, float):
        if x < 0 and z.dtype.kind == "c":
            return complex(np.log(complex(x)))
        return float(np.log(x)) if x != 0 else 0.0  # a Python number, which leaves the precision of the others alone
    if hasattr(x, "dtype"):
        x = _converted(x, z.dtype)  # the logarithm of an int8 is a float16, of a negative number it is complex
    return np.log(np.where(x == 0, 1, x))


def _converted(x: Any, dtype: np.dtype[Any]) -> Any:
    return x if x.dtype == dtype else x.astype(dtype)


for _power in (np.power, np.float_power):
    derivative(_power, lambda g, z, x, y: g * slope_of_power(x, y), lambda g, z, x, y: g * z * log_or_zero(x, z))


def above(x: Any, y: Any, z: Any) -> Any:
    """The part of z = max(x, y) that is x's: 1 where x > y, half at a tie, else 0."""
    return _halves(x > y, x >= y, z)


def share(x: Any, y: Any, z: Any) -> Any:
    """The part of z = fmax(x, y) or fmin(x, y) that is x's: 1 where z is x, half at a tie, else 0. A NaN is no tie."""
    chosen = x == z
    return _halves(chosen, np.logical_and(chosen, y != z), z)


def _halves(first: Any, second: Any, z: Any) -> Any:
    """Half for each of two conditions that is true, in the dtype of z. Bytes are added up in less time than floats."""
    half = z.dtype.type(0.5)
    return (first.astype(np.int8) + second) * half if z.ndim else first * half + second * half


def _nonzero(length: Any) -> Any:
    """A length to divide by: infinity for 0, so that the quotient is 0, and so are its derivatives of any order."""
    return np.where(length == 0, np.inf, length)


def direction(x: Any) -> Any:
    """The sign of a real number; a complex number divided by its length; 0 at 0."""
    if x.dtype.kind != "c":
        return np.sign(x)
    return x / _nonzero(np.abs(x))


def sideways(g: Any, z: Any, x: Any) -> Any:
    """The cotangent of a sign: for a real number a step function, for a complex one x / |x|, which turns with x."""
    if x.dtype.kind != "c":
        return g * 0
    return np.conjugate(z) * (1j * np.imag(g * z)) / _nonzero(np.abs(x))


derivative(np.maximum, lambda g, z, x, y: g * above(x, y, z), lambda g, z, x, y: g * above(y, x, z))
derivative(np.minimum, lambda g, z, x, y: g * above(y, x, z), lambda g, z, x, y: g * above(x, y, z))
derivative(np.fmax,    lambda g, z, x, y: g * share(x, y, z), lambda g, z, x, y: g * share(y, x, z))  # fmt: skip
derivative(np.fmin,    lambda g, z, x, y: g * share(x, y, z), lambda g, z, x, y: g * share(y, x, z))  # fmt: skip
for _choice in (np.maximum, np.minimum, np.fmax, np.fmin):
    selection(_choice, lambda z, x, y: (x == z) | (z != z), lambda z, x, y: (y == z) | (z != z))
formula(np.maximum, pullbacks=("∇ where {x} > {y}, ∇/2 where =", "∇ where {y} > {x}, ∇/2 where ="))
formula(np.minimum, pullbacks=("∇ where {x} < {y}, ∇/2 where =", "∇ where {y} < {x}, ∇/2 where ="))
derivative(np.absolute, lambda g, z, x: g * direction(x))
derivative(np.fabs,     lambda g, z, x: g * np.sign(x))  # fmt: skip
derivative(np.sign,     lambda g, z, x: sideways(g, z, x))  # fmt: skip
formula(np.absolute, slopes=("sign {x}",))
derivative(np.copysign, lambda g, z, x, y: g * (np.sign(x) * np.copysign(np.ones_like(z), y)), None)


# The step itself is flat; its value at the step need not be a constant.
derivative(np.heaviside, None, lambda g, z, x1, x2: g * np.equal(x1, 0))
selection(np.heaviside, None, lambda z, x1, x2: np.equal(x1, 0))
derivative(np.hypot, lambda g, z, x, y: g * (x / _nonzero(z)), lambda g, z, x, y: g * (y / _nonzero(z)))


def _bounds(a_min: Any, a_max: Any, keywords: dict[str, Any]) -> tuple[Any, Any]:
    low, high = keywords.get("min", a_min), keywords.get("max", a_max)
    low, high = [array_of(bound) if type(bound) in (list, tuple) else bound for bound in (low, high)]
    return (-np.inf if low is None else low), (np.inf if high is None else high)


_NUMBERS = frozenset((float, int))


def _inside(z: Any, a: Any, a_min: Any = None, a_max: Any = None, **keywords: Any) -> Any:
    return _within(a, *_bounds(a_min, a_max, keywords)) | (z != z)


def _within(a: Any, low: Any, high: Any) -> Any:
    inside = (a >= low) & (a <= high)
    if not (type(low) in _NUMBERS and type(high) in _NUMBERS and low < high):
        inside = inside & (low < high)  # between equal bounds nothing moves
    return inside


def _below(z: Any, a: Any, a_min: Any = None, a_max: Any = None, **keywords: Any) -> Any:
    a, (low, high) = array_of(a), _bounds(a_min, a_max, keywords)
    return (a < low) & (low <= high)


def _above(z: Any, a: Any, a_min: Any = None, a_max: Any = None, **keywords: Any) -> Any:
    a, (low, high) = array_of(a), _bounds(a_min, a_max, keywords)
    return (a > high) | (low > high)


def _clip_a(g: Any, z: Any, a: Any, a_min: Any = None, a_max: Any = None, **keywords: Any) -> Any:
    return np.where(_within(a, *_bounds(a_min, a_max, keywords)), g, 0)


def _clip_min(g: Any, z: Any, a: Any, a_min: Any = None, a_max: Any = None, **keywords: Any) -> Any:
    return np.where(_below(z, a, a_min, a_max, **keywords), g, 0)


def _clip_max(g: Any, z: Any, a: Any, a_min: Any = None, a_max: Any = None, **keywords: Any) -> Any:
    return np.where(_above(z, a, a_min, a_max, **keywords), g, 0)


class Reveal:
    """An operand that makes a ufunc return the ufunc itself. Some libraries hide their ufuncs inside a function."""

    def __array_ufunc__(self, ufunc: np.ufunc, *_: Any, **__: Any) -> np.ufunc:
        return ufunc


derivative(np.clip, _clip_a, _clip_min, _clip_max)
selection(np.clip, _inside, _below, _above)


@decomposition(np.clip)
def clip_written_out(a: Any, a_min: Any = None, a_max: Any = None, **keywords: Any) -> Any:
    """Write min(max(a, low), high), of floating numbers without further keywords."""
    low, high = keywords.pop("min", a_min), keywords.pop("max", a_max)
    if keywords or a.dtype.kind not in "f":
        return None
    a = a if low is None else np.maximum(a, low)
    return a if high is None else np.minimum(a, high)


CLIP: np.ufunc = np.ones(1).clip(0.0, Reveal())  # type: ignore[call-overload]  # of `array.clip(0, t)`
composition(CLIP)(lambda a, low, high: np.clip(a, low, high))
derivative(np.where, None, lambda g, z, c, x, y: np.where(c, g, 0), lambda g, z, c, x, y: np.where(c, 0, g))
selection(np.where, None, lambda z, c, x, y: array_of(c), lambda z, c, x, y: np.logical_not(c))
derivative(np.conjugate, lambda g, z, x: np.conjugate(g))
derivative(np.real, lambda g, z, val: g)
derivative(np.imag, lambda g, z, val: g * (1j if val.dtype.kind == "c" else 0))


# --- a number in parts ------------------------------------------------------------------------------------------------

derivative(np.ldexp, lambda g, z, x1, x2: np.ldexp(g, x2), None)
derivative(np.nextafter, lambda g, z, x1, x2: g, None)  # x1, moved by a rounding error


@composition(np.modf)
def modf(x: Any, dtype: Any = None, **keywords: Any) -> Any:
    """The fractional part, and the whole part as a plain array, since it is a step function."""
    if dtype is not None:
        if not np.can_cast(x.dtype, dtype, "same_kind"):
            raise TypeError(f"modf: an array of {x.dtype} cannot be cast to {np.dtype(dtype)}")
        x = x.astype(dtype)
    # Of an infinite number the part behind the point is 0.
    finite = np.where(np.isinf(x), 0, x) if for_any_values() or np.any(np.isinf(x)) else x
    return np.fmod(finite, 1), np.trunc(x)


@composition(np.frexp)
def frexp(x: Any, **keywords: Any) -> Any:
    """The mantissa, between 1/2 and 1, and the exponent of 2 as a plain array."""
    _, exponent = np.frexp(plain(x))
    return np.ldexp(x, -exponent), exponent


@composition(np.divmod)
def divide_with_remainder(x1: Any, x2: Any, **keywords: Any) -> Any:
    """The whole quotient as a plain array, since it is a step function, and the remainder."""
    return np.floor_divide(x1, x2, **keywords), np.remainder(x1, x2, **keywords)


@composition(np.real_if_close)
def real_if_close(a: Any, tol: float = 100) -> Any:
    """The real part, if the imaginary part is next to nothing; otherwise the number."""
    return np.real(a) if a.dtype.kind == "c" and np.real_if_close(plain(a), tol).dtype.kind != "c" else a


@composition(np.angle)
def angle(z: Any, deg: bool = False) -> Any:
    """The angle of complex numbers with the positive real axis."""
    radians = np.arctan2(np.imag(z), np.real(z)) if z.dtype.kind == "c" else np.arctan2(0, z)
    return np.rad2deg(radians) if deg else radians


@composition(np.nan_to_num)
def nan_to_num(x: Any, copy: bool = True, *numbers: Any, **keywords: Any) -> Any:
    """The finite elements, and numbers in place of the others; written into x itself if it is not to be copied."""
    found = laid_out(np.where(np.isfinite(x), x, np.nan_to_num(plain(x), True, *numbers, **keywords)), "K", x)
    if copy or not isinstance(x, Value):
        return found
    x[...] = found  # type: ignore[index]
    return x


no_derivative(
    np.floor, np.ceil, np.trunc, np.rint, np.round, np.around, np.fix, np.floor_divide, np.signbit, np.spacing,
    np.greater, np.greater_equal, np.less, np.less_equal, np.equal, np.not_equal,
    np.isfinite, np.isinf, np.isnan, np.isneginf, np.isposinf, np.logical_and, np.logical_or, np.logical_xor,
    np.logical_not, np.isclose, np.allclose, np.array_equal, np.array_equiv, np.iscomplex, np.isreal, np.iscomplexobj,
    np.isrealobj, np.gcd, np.lcm, np.bitwise_and, np.bitwise_or, np.bitwise_xor, np.invert, np.left_shift,
    np.right_shift, np.packbits, np.unpackbits, np.isnat, np.is_busday, np.busday_count, np.busday_offset,
    np.datetime_as_string,
)  # fmt: skip
if hasattr(np, "bitwise_count"):
    no_derivative(np.bitwise_count)
