"""Elementary functions of one number for loops that numba compiles, as vector code.

    exp = functions(np.dtype(np.float32))["exp"]

    @numba.njit
    def loop(a, b):
        for i in range(len(a)):
            b[i] = exp(a[i])

They have no branches, no tables and no calls, so LLVM computes 8 or 16 numbers with each instruction. An argument of
float32 is computed in float32. Errors are below 2 units in the last place, denormal numbers included; infinities, NaN
and signed zeros are NumPy's. The results differ from NumPy's in the last digit.

The method: Muller, "Elementary Functions" (2016), chapters 3 and 11. An argument is reduced to a short interval, where
a polynomial is enough, and the result is put together again. A number is rounded to an integer by adding 1.5 * 2^52,
whose last digit is 1 (1.5 * 2^23 in float32); the sum's bits have the integer. The polynomials have the least maximum
of the relative error of the result, found by Remez's exchange with 90 digits.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["functions"]

# The polynomials in float32 and float64, the lowest power first: of r, (e^r - 1 - r) / r^2 for |r| < 0.3475 and
# (2^r - 1) / r for |r| < 0.501; of z = s^2, (log((1 + s) / (1 - s)) / s - 2) / z for |s| < 0.1721; of z = x^2,
# (tanh(x) / x - 1) / z for |x| < 0.551 and (sinh(x) / x - 1) / z for |x| < 1.001.
_EXPM1_32 = (
    0.5, 0.16666666, 0.04166636, 0.00833339, 0.0013940893, 0.00019845899,
)  # fmt: skip
_EXPM1_64 = (
    0.5, 0.16666666666666677, 0.041666666666666505, 0.00833333333332145, 0.001388888888896389,
    0.00019841269886660055, 2.4801587170547303e-05, 2.7557243601000134e-06, 2.755740349414502e-07,
    2.5109271993756736e-08, 2.0875325541187884e-09,
)  # fmt: skip
_EXP2_32 = (
    0.6931472, 0.2402265, 0.055504102, 0.009618037, 0.0013333939, 0.00015467008, 1.5195931e-05,
)  # fmt: skip
_EXP2_64 = (
    0.6931471805599453, 0.24022650695910072, 0.05550410866482169, 0.009618129107628326, 0.001333355814639212,
    0.00015403530393644896, 1.5252733854919543e-05, 1.3215486592552303e-06, 1.0178051670425506e-07,
    7.054974985676745e-09, 4.45661444355253e-10, 2.5625203405246832e-11,
)  # fmt: skip
_LOG_32 = (
    0.6666666, 0.4000034, 0.28536925, 0.2358998,
)  # fmt: skip
_LOG_64 = (
    0.6666666666666737, 0.3999999999939461, 0.28571428747315875, 0.22222198023193188, 0.18183595065702574,
    0.1531321201148362, 0.14804834710682238,
)  # fmt: skip
_TANH_32 = (
    -0.33333316, 0.13332576, -0.05385117, 0.02106665, -0.006266688,
)  # fmt: skip
_TANH_64 = (
    -0.33333333333332277, 0.1333333333316361, -0.053968253873570446, 0.021869485914575566, -0.00886319369009343,
    0.0035917130812154244, -0.0014531837531687004, 0.000579038159305304, -0.00021013928616126217,
    5.09075668097636e-05,
)  # fmt: skip
_SINH_32 = (
    0.16666667, 0.0083333505, 0.00019836139, 2.817074e-06,
)  # fmt: skip
_SINH_64 = (
    0.16666666666666666, 0.008333333333333333, 0.00019841269841269597, 2.7557319224117598e-06,
    2.5052108346197053e-08, 1.6059050641916706e-10, 7.646480166584037e-13, 2.8483068224748844e-15,
)  # fmt: skip

Function = Callable[..., Any]


@dataclass(frozen=True)
class _Numbers:
    """A dtype, and the numbers that its bits are made of.

    Attributes:
        kind: np.float32 or np.float64.
        integer: the integers of the same size.
        digits: the number of bits of the fraction.
    """

    kind: Any
    integer: Any
    digits: int

    @property
    def bias(self) -> int:
        """The exponent that is written for 2^0."""
        return int(2 ** (8 * self.kind(0).itemsize - self.digits - 2)) - 1

    @property
    def shift(self) -> Any:
        """The number that rounds another one to an integer when it is added."""
        return self.kind(1.5 * 2**self.digits)

    def bits(self, number: float) -> Any:
        """Return the bits of a number as an integer."""
        return self.kind(number).view(self.integer)

    def either(self, single: Any, double: Any) -> Any:
        """Return what float32 or float64 takes: a number, or a tuple of them."""
        return single if self.kind is np.float32 else double


_SINGLE = _Numbers(np.float32, np.int32, 23)
_DOUBLE = _Numbers(np.float64, np.int64, 52)


def functions(dtype: npt.DTypeLike) -> dict[str, Function]:
    """Return functions for loops over arrays of a dtype, by the names of NumPy's functions.

    numba compiles a function at its first use.

    Args:
        dtype: float32 or float64.

    Raises:
        ValueError: for another dtype.
    """
    of = {np.dtype(np.float32): _SINGLE, np.dtype(np.float64): _DOUBLE}.get(np.dtype(dtype))
    if of is None:
        raise ValueError(f"functions: {np.dtype(dtype)} is not float32 or float64")
    return _functions(of)


@functools.cache
def _functions(of: _Numbers) -> dict[str, Function]:
    natural, scaled = _natural(of), _scaled(of)
    exp, log1p_near = _exp(of, natural, scaled), _log1p_near(of)
    half_exp = _half_exp(of, natural, scaled)
    return {
        **_choices(of), "hypot": _hypot(of), "exp": exp, "exp2": _exp2(of, scaled), "expm1": _expm1(of, scaled),
        "sinh": _sinh(of, half_exp), "cosh": _cosh(of, half_exp), "tanh": _tanh(of, natural),
        "log": _log(of, 1.0, 0.0, _LOG_OF_2), "log2": _log(of, 1.0, -0.44269504088896341, ((1.0, 0.0), (1.0, 0.0))),
        "log10": _log(of, 0.5, 0.065705518096748172, _LOG10_OF_2), "log1p": _log1p(of, log1p_near),
        "logaddexp": _logaddexp(of, exp, log1p_near),
    }  # fmt: skip


def _compiled(function: Function) -> Function:
    """Return a function as numba's, put into the loops that call it. A product and a sum may become one instruction."""
    import numba

    made: Function = numba.njit(error_model="numpy", fastmath={"contract"}, forceinline=True)(function)
    return made


def _polynomial(of: _Numbers, single: tuple[float, ...], double: tuple[float, ...]) -> Function:
    """Return a polynomial by Horner's rule: `c0 + x * (c1 + x * c2)`."""
    coefficients = [of.kind(number) for number in of.either(single, double)]
    names = [f"c{place}" for place in range(len(coefficients))]
    text = functools.reduce(lambda inner, name: f"{name} + x * ({inner})", names[-2::-1], names[-1])
    space = dict(zip(names, coefficients, strict=True))
    exec(f"def polynomial(x):\n    return {text}\n", space)
    return _compiled(space["polynomial"])


# --- a choice, or one instruction -------------------------------------------------------------------------------------


def _choices(of: _Numbers) -> dict[str, Function]:
    """Return the functions that choose between two numbers, and those that are one instruction.

    Of two equal numbers `maximum` and its kin return the second one, as NumPy does on x86: 0.0 and -0.0 are equal.
    """
    zero, one = of.kind(0), of.kind(1)

    def maximum(x: Any, y: Any) -> Any:
        return x if x > y or x != x else y

    def minimum(x: Any, y: Any) -> Any:
        return x if x < y or x != x else y

    def fmax(x: Any, y: Any) -> Any:
        return y if y >= x or x != x else x

    def fmin(x: Any, y: Any) -> Any:
        return y if y <= x or x != x else x

    def sign(x: Any) -> Any:
        return one if x > zero else (-one if x < zero else (zero if x == zero else x))

    def reciprocal(x: Any) -> Any:
        return one / x

    chosen = {function.__name__: _compiled(function) for function in (maximum, minimum, fmax, fmin, sign, reciprocal)}
    return {**chosen, **{name: _instruction(name) for name in _UNARY}, "copysign": _compiled(_copysign)}


_UNARY = ("absolute", "sqrt", "floor", "ceil", "rint", "trunc")


def _instruction(name: str) -> Function:
    """Return a function of NumPy's that numba makes one instruction."""
    theirs = getattr(np, name)

    def function(x: Any) -> Any:
        return theirs(x)

    return _compiled(function)


def _copysign(x: Any, y: Any) -> Any:
    return np.copysign(x, y)


def _hypot(of: _Numbers) -> Function:
    """Return sqrt(x^2 + y^2). The squares overflow nowhere: float32 is squared in float64, float64 is scaled before."""
    kind, infinity, double = of.kind, of.kind(math.inf), np.float64
    large, small, up, down, one = map(double, (2.0**500, 2.0**-500, 2.0**600, 2.0**-600, 1.0))
    is_single = of.kind is np.float32

    def root(x: Any, y: Any) -> Any:
        return np.sqrt(x * x + y * y)

    root = _compiled(root)

    def hypot(x: Any, y: Any) -> Any:
        x, y = abs(x), abs(y)
        if is_single:
            length = kind(root(double(x), double(y)))
        else:
            largest = x if x > y else y
            scale = down if largest > large else (up if largest < small else one)
            back = up if largest > large else (down if largest < small else one)
            length = root(x * scale, y * scale) * back
        return infinity if x == infinity or y == infinity else length

    return _compiled(hypot)


# --- exponential functions --------------------------------------------------------------------------------------------

# log(2), in float32 and in float64, as a sum of a number whose product with an exponent is exact, and a small one: Cody
# and Waite, "Software Manual for the Elementary Functions" (1980).
_LOG_OF_2 = ((0.693359375, -2.12194440e-4), (0.693147180369123816490, 1.90821492927058770e-10))
_LOG10_OF_2 = ((0.30078125, 2.4874566398e-4), (0.301029995663611771306, 3.69423907715893078616e-13))


def _natural(of: _Numbers) -> Function:
    """Return the function from x to k and e^r, where x = k log(2) + r and |r| < log(2) / 2.

    k is given as the bits of the sum that rounded it: its last digits are those of k.
    """
    kind, integer, shift, per_two = of.kind, of.integer, of.shift, of.kind(1 / math.log(2))
    high, low = map(kind, of.either(*_LOG_OF_2))
    series = _polynomial(of, (1.0, 1.0, *_EXPM1_32), (1.0, 1.0, *_EXPM1_64))

    def natural(x: Any) -> Any:
        shifted = x * per_two + shift
        n = shifted - shift
        return kind(shifted).view(integer), series((x - n * high) - n * low)

    return _compiled(natural)


def _power_of_two(of: _Numbers) -> Function:
    """Return the function from the last digits of an integer k to 2^k, for normal numbers."""
    kind, integer, digits, unit = of.kind, of.integer, of.integer(of.digits), of.bits(1.0)

    def power_of_two(k: Any) -> Any:
        return integer(integer(k << digits) + unit).view(kind)

    return _compiled(power_of_two)


def _scaled(of: _Numbers) -> Function:
    """Return the function from m and k to 2^k m, in two steps, so that a denormal result is rounded once."""
    integer, one, power_of_two = of.integer, of.integer(1), _power_of_two(of)

    def scaled(m: Any, k: Any) -> Any:
        first = integer(k >> one)
        return m * power_of_two(first) * power_of_two(integer(k - first))

    return _compiled(scaled)


def _exp(of: _Numbers, natural: Function, scaled: Function) -> Function:
    """Return e^x = 2^k e^r."""
    lowest, highest = map(of.kind, of.either((-104.0, 89.0), (-746.0, 710.0)))

    def exp(x: Any) -> Any:
        x = lowest if x < lowest else x
        k, power = natural(highest if x > highest else x)
        return scaled(power, k)

    return _compiled(exp)


def _exp2(of: _Numbers, scaled: Function) -> Function:
    """Return 2^x = 2^k 2^r."""
    kind, integer, shift = of.kind, of.integer, of.shift
    lowest, highest = map(kind, of.either((-150.0, 128.0), (-1075.0, 1024.0)))
    series = _polynomial(of, (1.0, *_EXP2_32), (1.0, *_EXP2_64))

    def exp2(x: Any) -> Any:
        x = lowest if x < lowest else x
        x = highest if x > highest else x
        shifted = x + shift
        return scaled(series(x - (shifted - shift)), kind(shifted).view(integer))

    return _compiled(exp2)


def _expm1(of: _Numbers, scaled: Function) -> Function:
    """Return e^x - 1 = 2^k ((e^r - 1) + (1 - 2^-k)), in which no digits are lost near 0.

    What rounding takes from r is added at the end.
    """
    kind, integer, shift, per_two, one = of.kind, of.integer, of.shift, of.kind(1 / math.log(2)), of.kind(1)
    high, low = map(kind, of.either(*_LOG_OF_2))
    lowest, highest = map(kind, of.either((-18.0, 89.0), (-38.0, 710.0)))
    most = of.integer(of.bits(shift) + 64)
    series, power_of_two = _polynomial(of, _EXPM1_32, _EXPM1_64), _power_of_two(of)

    def expm1(x: Any) -> Any:
        bounded = lowest if x < lowest else x
        bounded = highest if bounded > highest else bounded
        shifted = bounded * per_two + shift
        n = shifted - shift
        first = bounded - n * high
        r = first - n * low
        rise = r + ((first - r) - n * low + r * r * series(r))
        k = kind(shifted).view(integer)
        small = power_of_two(integer(-(k if k < most else most)))
        return np.copysign(scaled(rise + (one - small), k), x)

    return _compiled(expm1)


def _tanh(of: _Numbers, natural: Function) -> Function:
    """Return tanh(x) = 1 - 2 / (e^2x + 1). Below 0.55 it is x + x^3 p(x^2)."""
    most, limit, one, two = of.kind(20), of.kind(0.55), of.kind(1), of.kind(2)
    power_of_two, series = _power_of_two(of), _polynomial(of, _TANH_32, _TANH_64)

    def tanh(x: Any) -> Any:
        size = abs(x)
        size = most if size > most else size
        k, power = natural(size + size)
        far = one - two / (power * power_of_two(k) + one)
        z = size * size
        near = size + size * z * series(z)
        return np.copysign(near if size < limit else far, x)

    return _compiled(tanh)


def _half_exp(of: _Numbers, natural: Function, scaled: Function) -> Function:
    """Return e^x / 2 for positive x. It overflows only where sinh(x) does."""
    highest, one, integer = of.kind(of.either(90.0, 711.0)), of.integer(1), of.integer

    def half_exp(x: Any) -> Any:
        k, power = natural(highest if x > highest else x)
        return scaled(power, integer(k - one))

    return _compiled(half_exp)


def _cosh(of: _Numbers, half_exp: Function) -> Function:
    """Return cosh(x) = h + 1 / (4 h) with h = e^x / 2."""
    quarter = of.kind(0.25)

    def cosh(x: Any) -> Any:
        half = half_exp(abs(x))
        return half + quarter / half

    return _compiled(cosh)


def _sinh(of: _Numbers, half_exp: Function) -> Function:
    """Return sinh(x) = h - 1 / (4 h) with h = e^x / 2. Below 1 it is x + x^3 p(x^2)."""
    quarter, limit = of.kind(0.25), of.kind(1)
    series = _polynomial(of, _SINH_32, _SINH_64)

    def sinh(x: Any) -> Any:
        size = abs(x)
        half = half_exp(size)
        far = half - quarter / half
        bounded = limit if size > limit else size
        z = bounded * bounded
        near = bounded + bounded * z * series(z)
        return np.copysign(near if size < limit else far, x)

    return _compiled(sinh)


# --- logarithms -------------------------------------------------------------------------------------------------------


def _split(of: _Numbers) -> Function:
    """Return the function from a positive normal x = 2^k m, with sqrt(0.5) < m < sqrt(2), to k, as a float, and m."""
    kind, integer, digits, shift, origin = of.kind, of.integer, of.integer(of.digits), of.shift, of.bits(of.shift)
    root, fraction = of.bits(math.sqrt(0.5)), of.integer(2**of.digits - 1)

    def split(x: Any) -> Any:
        bits = integer(kind(x).view(integer) - root)
        k = integer(integer(bits >> digits) + origin).view(kind) - shift
        return k, integer(integer(bits & fraction) + root).view(kind)

    return _compiled(split)


def _log_of_rest(of: _Numbers) -> Function:
    """Return the function from f to f - log(1 + f) for sqrt(0.5) < 1 + f < sqrt(2).

    With s = f / (2 + f), log(1 + f) is the odd series 2 s + 2/3 s^3 + ... The form that loses few digits is that of
    fdlibm's `e_log.c` (Sun Microsystems, 1993).
    """
    half, two = of.kind(0.5), of.kind(2)
    series = _polynomial(of, _LOG_32, _LOG_64)

    def log_of_rest(f: Any) -> Any:
        s = f / (two + f)
        z = s * s
        square = half * f * f
        return square - s * (square + z * series(z))

    return _compiled(log_of_rest)


def _log(of: _Numbers, lead: float, rest: float, of_two: Any) -> Function:
    """Return a logarithm of x = 2^k (1 + f): k log(2) + log(1 + f) in its base.

    Args:
        of: the dtype.
        lead: a number of few digits near 1 / log(base), so that its product with f is nearly exact.
        rest: `lead` minus 1 / log(base).
        of_two: this logarithm of 2, as a sum, in float32 and float64.
    """
    kind, zero, one, infinity, nan = of.kind, of.kind(0), of.kind(1), of.kind(math.inf), of.kind(math.nan)
    high, low = map(kind, of.either(*of_two))
    factor, difference, lead = kind(lead - rest), kind(rest), kind(lead)
    split, log_of_rest = _split(of), _log_of_rest(of)
    smallest, scale, scaled = np.finfo(kind).smallest_normal, kind(2.0 ** (of.digits + 2)), kind(of.digits + 2)

    def log(x: Any) -> Any:
        is_denormal = x < smallest
        k, m = split(x * scale if is_denormal else x)
        k = k - (scaled if is_denormal else zero)
        f = m - one
        value = k * high + (lead * f - (difference * f + (factor * log_of_rest(f) - k * low)))
        value = x if x == infinity else value
        return value if x > zero else (-infinity if x == zero else nan)

    return _compiled(log)


def _log1p_near(of: _Numbers) -> Function:
    """Return log(1 + x) for finite x > -1: the logarithm of the rounded sum, with what rounding lost added to f."""
    kind, integer, one = of.kind, of.integer, of.kind(1)
    high, low = map(kind, of.either(*_LOG_OF_2))
    log_of_rest, split, power_of_two = _log_of_rest(of), _split(of), _power_of_two(of)
    shift, most = of.shift, kind(64)

    def log1p_near(x: Any) -> Any:
        total = one + x
        k, m = split(total)
        lost = (x - (total - one)) * power_of_two(kind(shift - (k if k < most else most)).view(integer))
        main = m - one
        f = main + lost
        return k * high + (f - (log_of_rest(f) - ((lost - (f - main)) + k * low)))

    return _compiled(log1p_near)


def _log1p(of: _Numbers, log1p_near: Function) -> Function:
    """Return log(1 + x)."""
    one, infinity, nan = of.kind(1), of.kind(math.inf), of.kind(math.nan)

    def log1p(x: Any) -> Any:
        value = np.copysign(x if x == infinity else log1p_near(x), x)
        return value if x > -one else (-infinity if x == -one else nan)

    return _compiled(log1p)


def _logaddexp(of: _Numbers, exp: Function, log1p_near: Function) -> Function:
    """Return log(e^x + e^y) = m + log(1 + e^-|x - y|), where m is the larger of x and y.

    What rounding takes from x - y is added to the power. Where m and the logarithm cancel, the error is that of these
    two, as NumPy's is.
    """
    zero, far = of.kind(0), of.kind(800)

    def logaddexp(x: Any, y: Any) -> Any:
        larger = x if x > y else y
        smaller = y if x > y else x
        difference = larger - smaller
        back = difference - larger
        lost = (larger - (difference - back)) - (smaller + back)
        # Two infinities of one sign have no difference.
        power = exp(-(zero if x == y else difference))
        return larger + log1p_near(power - power * (lost if difference < far else zero))

    return _compiled(logaddexp)
