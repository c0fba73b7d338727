"""Derivatives of SciPy's special functions, the ufuncs of `scipy.special`.

This file is loaded when the table first misses a ufunc and `scipy.special` is imported: tinygraph does not need SciPy.

Orders, such as v in jv(v, x), have no rule: a gradient that would flow to one is refused, not dropped. The files
`special_*.py` beside this one have more of these functions.

Where a difference of almost equal terms would cost digits, the slope is a hypergeometric function. Its own slope is
another one, so second derivatives are exact, too, where the difference is 0 ÷ 0.

Source: NIST Digital Library of Mathematical Functions, https://dlmf.nist.gov; the section is given where it helps.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import special

from tinygraph.derivatives.arithmetic import Reveal, log_or_zero, slope_of_power
from tinygraph.derivatives.exponential import LN2, LN10
from tinygraph.derivatives.trigonometric import DEGREE
from tinygraph.engine.operands import as_array, plain
from tinygraph.engine.table import derivative, no_derivative
from tinygraph.errors import UnsupportedError

SQRT_2 = float(np.sqrt(2))
SQRT_PI = float(np.sqrt(np.pi))
SQRT_2PI = float(np.sqrt(2 * np.pi))


def no_gradient_to(name: str, argument: str) -> Callable[..., Any]:
    """The rule of an argument without a derivative: it raises an error that names the argument."""

    def refuse(g: Any, z: Any, *args: Any) -> Any:
        raise UnsupportedError(
            f"special.{name}: tinygraph has no derivative by its argument {argument}. Give a number, a plain array, or "
            "a Tensor with requires_grad=False"
        )

    return refuse


def by_last_argument(**rules: Callable[..., Any]) -> None:
    """Enter functions that have a derivative by their last argument only, each by its name with that rule."""
    for name, rule in rules.items():
        if not hasattr(special, name):  # a SciPy older than the function
            continue
        parameters = rule.__code__.co_varnames[2 : rule.__code__.co_argcount]
        derivative(getattr(special, name), *[no_gradient_to(name, order) for order in parameters[:-1]], rule)


def real(name: str, x: Any) -> Any:
    """Return a real argument; refuse a complex one, by which the function has no derivative, or none here."""
    if x.dtype.kind == "c":
        raise UnsupportedError(f"special.{name}: tinygraph has no derivative of it for complex numbers")
    return x


def floating(*args: Any) -> np.dtype[Any]:
    """The dtype of a result that is computed in float64: that of these arguments if it is floating, else float64."""
    dtype = np.result_type(*args)
    return dtype if dtype.kind == "f" else np.dtype(np.float64)


hurwitz_zeta = getattr(special.zeta, "__wrapped__", special.zeta)(2.0, Reveal())
_lambertw = getattr(special.lambertw, "__wrapped__", special.lambertw)(Reveal())


# --- exponentials, powers and angles ----------------------------------------------------------------------------------

derivative(special.exp2,   lambda g, z, x: g * (z * LN2))  # fmt: skip
derivative(special.exp10,  lambda g, z, x: g * (z * LN10))  # fmt: skip
derivative(special.expm1,  lambda g, z, x: g * (z + 1))  # fmt: skip
derivative(special.log1p,  lambda g, z, x: g / (x + 1))  # fmt: skip
derivative(special.cosm1,  lambda g, z, x: -g * np.sin(x))  # fmt: skip
derivative(special.cbrt,   lambda g, z, x: g / (3 * z * z))  # fmt: skip
derivative(special.sindg,  lambda g, z, x: g * (special.cosdg(x) * DEGREE))  # fmt: skip
derivative(special.cosdg,  lambda g, z, x: -g * (special.sindg(x) * DEGREE))  # fmt: skip
derivative(special.tandg,  lambda g, z, x: g * (1 + z * z) * DEGREE)  # fmt: skip
derivative(special.cotdg,  lambda g, z, x: -g * (1 + z * z) * DEGREE)  # fmt: skip
derivative(
    special.radian, lambda g, z, d, m, s: g * DEGREE, lambda g, z, d, m, s: g * (DEGREE / 60),
    lambda g, z, d, m, s: g * (DEGREE / 3600),
)  # fmt: skip
derivative(special.exprel, lambda g, z, x: g * slope_of_exprel(x))
derivative(
    special.powm1,
    lambda g, z, x, y: g * slope_of_power(x, y),
    lambda g, z, x, y: g * (z + 1) * log_or_zero(x, z),
)


def slope_of_exprel(x: Any) -> Any:
    """The slope of (eˣ − 1) ÷ x = 1F1(1; 2; x)."""
    return special.hyp1f1(2, 3, x) / 2


def _slope_of_log1p_by_x(x: Any) -> Any:
    """The slope of ln(1 + x) ÷ x = 2F1(1, 1; 2; −x)."""
    return special.hyp2f1(2, 2, 3, -x) / -2


# (x^λ − 1) ÷ λ is ln x · exprel(λ ln x), and its inverse exp(y · ln(1 + λy) ÷ λy): regular at λ = 0.
derivative(
    special.boxcox,
    lambda g, z, x, power: g * x ** (power - 1),
    lambda g, z, x, power: g * np.square(np.log(x)) * slope_of_exprel(power * np.log(x)),
)
derivative(
    special.boxcox1p,
    lambda g, z, x, power: g * np.exp((power - 1) * np.log1p(x)),
    lambda g, z, x, power: g * np.square(np.log1p(x)) * slope_of_exprel(power * np.log1p(x)),
)
derivative(
    special.inv_boxcox,
    lambda g, z, y, power: g * z / (power * y + 1),
    lambda g, z, y, power: g * z * (y * y) * _slope_of_log1p_by_x(power * y),
)
derivative(
    special.inv_boxcox1p,
    lambda g, z, y, power: g * (z + 1) / (power * y + 1),
    lambda g, z, y, power: g * (z + 1) * (y * y) * _slope_of_log1p_by_x(power * y),
)


# --- logistic functions and the normal distribution -------------------------------------------------------------------

# 1 − z would lose digits where z is close to 1.
derivative(special.expit,     lambda g, z, x: g * (z * special.expit(-x)))  # fmt: skip
derivative(special.log_expit, lambda g, z, x: g * special.expit(-x))  # fmt: skip
derivative(special.logit,     lambda g, z, x: g / (x * (1 - x)))  # fmt: skip
derivative(special.ndtr,      lambda g, z, x: g * _normal(x))  # fmt: skip
derivative(special.ndtri,     lambda g, z, x: g / _normal(z))  # fmt: skip
derivative(special.log_ndtr,  lambda g, z, x: g * _slope_of_log_ndtr(x))  # fmt: skip
derivative(special.ndtri_exp, lambda g, z, x: g / _slope_of_log_ndtr(z))  # fmt: skip
derivative(
    special.owens_t,
    lambda g, z, h, a: g * _normal(h) * special.erf(a * h / SQRT_2) / -2,
    lambda g, z, h, a: g * np.exp(h * h * (1 + a * a) / -2) / (2 * np.pi * (1 + a * a)),
)


def _normal(x: Any) -> Any:
    """The density of the standard normal distribution."""
    return np.exp(x * x / -2) / SQRT_2PI


def _slope_of_log_ndtr(x: Any) -> Any:
    """Density ÷ distribution. On the left both underflow; there the distribution is √(π/2) · density · erfcx."""
    left = plain(x) < 0
    below, above = np.where(left, x, 0), np.where(left, 0, x)
    return np.where(left, 2 / (SQRT_2PI * special.erfcx(below / -SQRT_2)), _normal(above) / special.ndtr(above))


# --- the error function and its kin -----------------------------------------------------------------------------------

derivative(special.erf,     lambda g, z, x: g * np.exp(-x * x) * (2 / SQRT_PI))  # fmt: skip
derivative(special.erfc,    lambda g, z, x: -g * np.exp(-x * x) * (2 / SQRT_PI))  # fmt: skip
derivative(special.erfi,    lambda g, z, x: g * np.exp(x * x) * (2 / SQRT_PI))  # fmt: skip
derivative(special.erfinv,  lambda g, z, x: g * np.exp(z * z) * (SQRT_PI / 2))  # fmt: skip
derivative(special.erfcinv, lambda g, z, x: -g * np.exp(z * z) * (SQRT_PI / 2))  # fmt: skip
derivative(special.wofz,    lambda g, z, x: g * slope_of_wofz(z, x))  # fmt: skip
derivative(special.erfcx,   lambda g, z, x: g * _slope_of_erfcx(z, x))  # fmt: skip
derivative(special.dawsn,   lambda g, z, x: g * _slope_of_dawsn(z, x))  # fmt: skip

# From here on the slopes of `erfcx`, `dawsn` and `wofz` are the first terms of their asymptotic series, in 1 / 2x².
FAR = 30.0


def _tail(u: Any) -> Any:
    return 1 + u * (3 + u * (15 + u * (105 + u * (945 + u * 10395))))


def _slope_of_erfcx(z: Any, x: Any) -> Any:
    """2xz − 2/√π. Far to the right the two almost cancel."""
    far = np.real(plain(x)) > FAR
    u = 1 / (2 * np.square(np.where(far, x, 1)))
    return np.where(far, -2 * u * _tail(-u) / SQRT_PI, 2 * (np.where(far, 0, x * z) - 1 / SQRT_PI))


def _slope_of_dawsn(z: Any, x: Any) -> Any:
    """1 − 2xz. Far from 0 the two almost cancel."""
    far = np.abs(np.real(plain(x))) > FAR
    u = 1 / (2 * np.square(np.where(far, x, 1)))
    return np.where(far, -u * _tail(u), 1 - 2 * np.where(far, 0, x * z))


def slope_of_wofz(z: Any, x: Any) -> Any:
    """2i/√π − 2xz. Far from 0, but in the lower half plane, the two almost cancel."""
    far = (np.abs(plain(x)) > FAR) & (np.imag(plain(x)) >= 0)
    u = 1 / (2 * np.square(np.where(far, x, 1)))
    return np.where(far, u * _tail(u) * (-2j / SQRT_PI), 2j / SQRT_PI - 2 * np.where(far, 0, x * z))


# --- the gamma function and its kin -----------------------------------------------------------------------------------

derivative(special.gamma,    lambda g, z, x: g * z * special.psi(x))  # fmt: skip
derivative(special.gammaln,  lambda g, z, x: g * special.psi(x))  # fmt: skip
derivative(special.loggamma, lambda g, z, x: g * special.psi(x))  # fmt: skip
derivative(special.rgamma,   lambda g, z, x: g * _slope_of_rgamma(z, x))  # fmt: skip
derivative(
    special.beta,
    lambda g, z, a, b: g * z * (special.psi(a) - special.psi(a + b)),
    lambda g, z, a, b: g * z * (special.psi(b) - special.psi(a + b)),
)
derivative(
    special.betaln,
    lambda g, z, a, b: g * (special.psi(a) - special.psi(a + b)),
    lambda g, z, a, b: g * (special.psi(b) - special.psi(a + b)),
)
# Where these two are 0 at a pole of Γ, as binom(2, 3) is, they have no slope here: the result is NaN.
derivative(
    special.poch,
    lambda g, z, x, m: g * z * (special.psi(x + m) - special.psi(x)),
    lambda g, z, x, m: g * z * special.psi(x + m),
)
derivative(
    special.binom,
    lambda g, z, n, k: g * z * (special.psi(n + 1) - special.psi(n - k + 1)),
    lambda g, z, n, k: g * z * (special.psi(n - k + 1) - special.psi(k + 1)),
)
no_derivative(special.gammasgn, special.round)


def _slope_of_rgamma(z: Any, x: Any) -> Any:
    """−z·ψ(x), and left of 1/2 the same by reflection, which is regular where 1/Γ is 0 and ψ has a pole (5.5.3)."""
    left = np.real(plain(x)) < 0.5
    y, right = 1 - np.where(left, x, 0), np.where(left, 1, x)
    return np.where(left, special.gamma(y) * np.cos(np.pi * (1 - y)) - z * special.psi(y), -z * special.psi(right))


# --- Bessel and Struve functions --------------------------------------------------------------------------------------

# Half the sum of the neighbours rather than one neighbour and z / x: that is regular at 0 (10.6.1, 10.29.1).
derivative(special.j0,  lambda g, z, x: -g * special.j1(x))  # fmt: skip
derivative(special.j1,  lambda g, z, x: g * (special.j0(x) - special.jv(2, x)) / 2)  # fmt: skip
derivative(special.y0,  lambda g, z, x: -g * special.y1(x))  # fmt: skip
derivative(special.y1,  lambda g, z, x: g * (special.y0(x) - special.yv(2, x)) / 2)  # fmt: skip
derivative(special.i0,  lambda g, z, x: g * special.i1(x))  # fmt: skip
derivative(special.i1,  lambda g, z, x: g * (special.i0(x) + special.iv(2, x)) / 2)  # fmt: skip
derivative(special.k0,  lambda g, z, x: -g * special.k1(x))  # fmt: skip
derivative(special.k1,  lambda g, z, x: g * (special.k0(x) + special.kv(2, x)) / -2)  # fmt: skip
# i0e, i1e and ive are scaled by exp(−|x|). The kink of i0e at 0 has slope 0, the middle.
derivative(special.i0e, lambda g, z, x: g * (special.i1e(x) - np.sign(x) * z))  # fmt: skip
derivative(special.i1e, lambda g, z, x: g * ((special.i0e(x) + special.ive(2, x)) / 2 - np.sign(x) * z))  # fmt: skip
derivative(special.k0e, lambda g, z, x: g * (z - special.k1e(x)))  # fmt: skip
derivative(special.k1e, lambda g, z, x: g * (z - (special.k0e(x) + special.kve(2, x)) / 2))  # fmt: skip

by_last_argument(
    jv=lambda g, z, v, x: g * (special.jv(v - 1, x) - special.jv(v + 1, x)) / 2,
    yv=lambda g, z, v, x: g * (special.yv(v - 1, x) - special.yv(v + 1, x)) / 2,
    yn=lambda g, z, n, x: g * (special.yv(n - 1, x) - special.yv(n + 1, x)) / 2,
    iv=lambda g, z, v, x: g * (special.iv(v - 1, x) + special.iv(v + 1, x)) / 2,
    kv=lambda g, z, v, x: g * (special.kv(v - 1, x) + special.kv(v + 1, x)) / -2,
    kn=lambda g, z, n, x: g * (special.kv(n - 1, x) + special.kv(n + 1, x)) / -2,
    kve=lambda g, z, v, x: g * (z - (special.kve(v - 1, x) + special.kve(v + 1, x)) / 2),
    hankel1=lambda g, z, v, x: g * (special.hankel1(v - 1, x) - special.hankel1(v + 1, x)) / 2,
    hankel2=lambda g, z, v, x: g * (special.hankel2(v - 1, x) - special.hankel2(v + 1, x)) / 2,
    struve=lambda g, z, v, x: g * (special.struve(v - 1, x) - special.struve(v + 1, x) + _step_of_struve(v, x)) / 2,
    modstruve=lambda g, z, v, x: (
        g * (special.modstruve(v - 1, x) + special.modstruve(v + 1, x) + _step_of_struve(v, x)) / 2
    ),
)


def _step_of_struve(v: Any, x: Any) -> Any:
    """The term by which the recurrence of the Struve functions differs from that of the Bessel functions (11.4.23)."""
    return (x / 2) ** v * special.rgamma(v + 1.5) / SQRT_PI


# Wright's Bessel function Σ xᵏ ÷ (k! Γ(ak + b)), and its logarithm
by_last_argument(
    wright_bessel=lambda g, z, a, b, x: g * special.wright_bessel(a, a + b, x),
    log_wright_bessel=lambda g, z, a, b, x: g * np.exp(special.log_wright_bessel(a, a + b, x) - z),
)


# --- integrals and hypergeometric functions ---------------------------------------------------------------------------

derivative(special.expi,      lambda g, z, x: g * np.exp(x) / x)  # fmt: skip
derivative(special.exp1,      lambda g, z, x: -g * np.exp(-x) / x)  # fmt: skip
derivative(special.spence,    lambda g, z, x: g * _slope_of_spence(x))  # fmt: skip
derivative(special.ellipk,    lambda g, z, m: g * slope_of_ellipk(m))  # fmt: skip
derivative(special.ellipkm1,  lambda g, z, p: -g * slope_of_ellipk(1 - p))  # fmt: skip
derivative(special.ellipe,    lambda g, z, m: g * special.hyp2f1(0.5, 1.5, 2, m) * (np.pi / -8))  # fmt: skip
derivative(special.wrightomega, lambda g, z, x: g * z / (1 + z))
derivative(_lambertw, lambda g, z, x, k, tol: g / (np.exp(z) * (1 + z)), None, None)  # not z / x: regular at 0
by_last_argument(
    expn=lambda g, z, n, x: -g * _expn_below(z, n, x),
    hyp0f1=lambda g, z, v, x: g * special.hyp0f1(v + 1, x) / v,
    hyp1f1=lambda g, z, a, b, x: g * special.hyp1f1(a + 1, b + 1, x) * (a / b),
    hyperu=lambda g, z, a, b, x: -g * special.hyperu(a + 1, b + 1, x) * a,
    hyp2f1=lambda g, z, a, b, c, x: g * special.hyp2f1(a + 1, b + 1, c + 1, x) * (a * b / c),
)


def _slope_of_spence(x: Any) -> Any:
    """ln x ÷ (1 − x), computed near 1, where this is 0 ÷ 0, by its hypergeometric function."""
    near = np.abs(plain(x) - 1) < 0.5
    close, apart = np.where(near, x, 1), np.where(near, 2, x)
    return np.where(near, -special.hyp2f1(1, 1, 2, 1 - close), np.log(apart) / (1 - apart))


def slope_of_ellipk(m: Any) -> Any:
    """The slope of the complete elliptic integral of the first kind, as a hypergeometric function."""
    return special.hyp2f1(1.5, 1.5, 2, m) * (np.pi / 8)


def _expn_below(z: Any, n: Any, x: Any) -> Any:
    """E_(n−1)(x), by the recurrence where SciPy has none because n − 1 is less than 1 (8.19.12)."""
    low = as_array(plain(n)) <= 1
    recurred = (np.exp(-x) - (n - 1) * z) / np.where(low, x, 1)
    return np.where(low, recurred, special.expn(np.maximum(plain(n) - 1, 1), x))


# --- entropies and robust losses --------------------------------------------------------------------------------------


def _past_nothing(x: Any, y: Any) -> Any:
    """y, and 1 where x is 0 and y at most 0: there xlogy and rel_entr are 0 by definition, and so is their slope."""
    return np.where((plain(x) == 0) & (plain(y) <= 0), 1, y)


# At x = 0 the slope of entr is infinite, like the slope of the square root.
derivative(special.entr, lambda g, z, x: -g * (np.log(x) + 1))
derivative(
    special.xlogy,
    lambda g, z, x, y: g * np.log(_past_nothing(x, y)),
    lambda g, z, x, y: g * (x / _past_nothing(x, y)),
)
derivative(
    special.xlog1py,
    lambda g, z, x, y: g * np.log(_past_nothing(x, 1 + y)),
    lambda g, z, x, y: g * (x / _past_nothing(x, 1 + y)),
)
# Where x and y are both 0 they count as equal in the slope by x. The slope by y is 0, since at x = 0 the function is 0
# for every y.
derivative(
    special.rel_entr,
    lambda g, z, x, y: g * (_log_of_ratio(x, y) + np.where((plain(x) == 0) & (plain(y) == 0), 0, 1).astype(z.dtype)),
    lambda g, z, x, y: -g * (x / _past_nothing(x, y)),
)
derivative(
    special.kl_div,
    lambda g, z, x, y: g * _log_of_ratio(x, y),
    lambda g, z, x, y: g * (1 - x / _past_nothing(x, y)),
)


def _log_of_ratio(x: Any, y: Any) -> Any:
    """ln(x/y), and 0 where both are 0."""
    nothing = (plain(x) == 0) & (plain(y) == 0)
    return np.log(np.where(nothing, 1, x) / np.where(nothing, 1, y))


# Both are smooth once: at |r| = delta the slopes of either side are the same.
derivative(
    special.huber,
    lambda g, z, delta, r: g * np.maximum(np.abs(r) - delta, 0),
    lambda g, z, delta, r: g * np.clip(r, 0 - delta, delta),
)
derivative(
    special.pseudo_huber,
    lambda g, z, delta, r: g * delta * _excess_of_pseudo_huber(r / delta),
    lambda g, z, delta, r: g * r / np.sqrt(1 + np.square(r / delta)),
)


def _excess_of_pseudo_huber(q: Any) -> Any:
    """2(s − 1) − q²/s with s = √(1 + q²), written as one quotient because for small q the terms almost cancel."""
    s = np.sqrt(1 + q * q)
    return np.square(q * q) / (s * np.square(1 + s))
