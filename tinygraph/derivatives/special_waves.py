"""Derivatives of SciPy's wave functions: scaled Bessel and Airy functions, Kelvin's, Mathieu's, spheroidal, parabolic.

Most are solutions of a differential equation of second order. SciPy returns them with their slope, and the equation has
the slope of the slope. Also the integrals of such functions.

Source: NIST Digital Library of Mathematical Functions, https://dlmf.nist.gov; the section is given where it helps.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import special

from tinygraph.derivatives.special import SQRT_PI, by_last_argument, no_gradient_to, real
from tinygraph.derivatives.special_families import several
from tinygraph.derivatives.trigonometric import DEGREE
from tinygraph.engine.operands import plain
from tinygraph.engine.table import derivative

# --- Bessel functions that are scaled ---------------------------------------------------------------------------------


def _scaled_by_imag(g: Any, z: Any, x: Any, slope: Any) -> Any:
    """The cotangent for a function times exp(−|Im x|), which is not analytic: the scale changes with Im x, too."""
    return g * slope if x.dtype.kind != "c" else g * slope + np.sign(np.imag(plain(x))) * np.real(g * z) * 1j


by_last_argument(
    # exp(−|Re x|) times I
    ive=lambda g, z, v, x: (
        g * (special.ive(v - 1, x) + special.ive(v + 1, x)) / 2 - np.sign(np.real(plain(x))) * np.real(g * z)
    ),
    jve=lambda g, z, v, x: _scaled_by_imag(g, z, x, (special.jve(v - 1, x) - special.jve(v + 1, x)) / 2),
    yve=lambda g, z, v, x: _scaled_by_imag(g, z, x, (special.yve(v - 1, x) - special.yve(v + 1, x)) / 2),
    hankel1e=lambda g, z, v, x: g * ((special.hankel1e(v - 1, x) - special.hankel1e(v + 1, x)) / 2 - 1j * z),
    hankel2e=lambda g, z, v, x: g * ((special.hankel2e(v - 1, x) - special.hankel2e(v + 1, x)) / 2 + 1j * z),
)

# Airy functions, Ai and Ai' times exp(ζ), Bi and Bi' times exp(−|Re ζ|), where ζ = 2/3 x^(3/2).
AIRYE: tuple[Any, ...] = several(
    special.airye,
    lambda x: AIRYE[1](x) + np.sqrt(x) * AIRYE[0](x),
    lambda x: x * AIRYE[0](x) + np.sqrt(x) * AIRYE[1](x),
    lambda x: AIRYE[3](x) - _root_of_positive(x) * AIRYE[2](x),
    lambda x: x * AIRYE[2](x) - _root_of_positive(x) * AIRYE[3](x),
)


def _root_of_positive(x: Any) -> Any:
    """√x, and 0 on the left, where ζ is imaginary."""
    positive = plain(real("airye, of Bi,", x)) > 0
    return np.where(positive, np.sqrt(np.where(positive, x, 1)), 0)


# --- Kelvin functions: Bessel functions along a diagonal of the complex plane (10.61) ---------------------------------

_UP, _ACROSS = np.exp(0.25j * np.pi), np.exp(0.75j * np.pi)


def _second_of_be(x: Any) -> Any:
    """The second derivative of ber + i bei, J₀(x exp(3πi/4)). Unlike the equation's it is regular at 0."""
    return (special.jv(2, x * _ACROSS) - special.jv(0, x * _ACROSS)) * -0.5j


def _second_of_ke(x: Any) -> Any:
    """The second derivative of ker + i kei, K₀(x exp(πi/4))."""
    return (special.kv(2, x * _UP) + special.kv(0, x * _UP)) * 0.5j


derivative(special.ber,  lambda g, z, x: g * special.berp(x))  # fmt: skip
derivative(special.bei,  lambda g, z, x: g * special.beip(x))  # fmt: skip
derivative(special.ker,  lambda g, z, x: g * special.kerp(x))  # fmt: skip
derivative(special.kei,  lambda g, z, x: g * special.keip(x))  # fmt: skip
derivative(special.berp, lambda g, z, x: g * np.real(_second_of_be(x)))  # fmt: skip
derivative(special.beip, lambda g, z, x: g * np.imag(_second_of_be(x)))  # fmt: skip
derivative(special.kerp, lambda g, z, x: g * np.real(_second_of_ke(x)))  # fmt: skip
derivative(special.keip, lambda g, z, x: g * np.imag(_second_of_ke(x)))  # fmt: skip

KELVIN: tuple[Any, ...] = several(
    special.kelvin, lambda x: KELVIN[2](x), lambda x: KELVIN[3](x), _second_of_be, _second_of_ke
)


# --- integrals: the slope is the integrand ----------------------------------------------------------------------------


def _short_of_one(x: Any, bessel: Callable[[Any], Any], sign: int) -> Any:
    """(I₀(x) − 1) ÷ x, or (1 − J₀(x)) ÷ x: near 0 by their series, as the difference would lose digits."""
    near = np.abs(plain(x)) < 1
    close, apart = np.where(near, x, 0), np.where(near, 1, x)
    q = np.square(close / 2) * sign
    series = 1 + q / 4 * (1 + q / 9 * (1 + q / 16 * (1 + q / 25 * (1 + q / 36 * (1 + q / 49 * (1 + q / 64))))))
    return np.where(near, close / 4 * series, (bessel(apart) - 1) * sign / apart)


def _struve_by_x(x: Any) -> Any:
    zero = plain(x) == 0
    return np.where(zero, 2 / np.pi, special.struve(0, np.where(zero, 1, x)) / np.where(zero, 1, x))


derivative(special.itstruve0,    lambda g, z, x: g * special.struve(0, x))  # fmt: skip
derivative(special.itmodstruve0, lambda g, z, x: g * special.modstruve(0, x))  # fmt: skip
derivative(special.it2struve0,   lambda g, z, x: -g * _struve_by_x(x))  # fmt: skip
derivative(
    special.besselpoly,
    lambda g, z, a, lmb, nu: g * (special.besselpoly(a, lmb + 1, nu - 1) - special.besselpoly(a, lmb + 1, nu + 1)),
    no_gradient_to("besselpoly", "lmb"),
    no_gradient_to("besselpoly", "nu"),
)
INTEGRALS = (
    *several(special.iti0k0, special.i0, special.k0),
    *several(special.itj0y0, special.j0, special.y0),
    *several(special.it2i0k0, lambda x: _short_of_one(x, special.i0, 1), lambda x: -special.k0(x) / x),
    *several(special.it2j0y0, lambda x: _short_of_one(x, special.j0, -1), lambda x: -special.y0(x) / x),
    *several(
        special.itairy,
        lambda x: special.airy(x)[0],
        lambda x: special.airy(x)[2],
        lambda x: special.airy(-x)[0],
        lambda x: special.airy(-x)[2],
    ),
)
FRESNEL_PLUS: tuple[Any, ...] = several(
    special.modfresnelp,
    lambda x: -np.exp(1j * (x * x)),
    lambda x: -2j * x * FRESNEL_PLUS[1](x) - _UP.conj() / SQRT_PI,
)
FRESNEL_MINUS: tuple[Any, ...] = several(
    special.modfresnelm, lambda x: -np.exp(-1j * (x * x)), lambda x: 2j * x * FRESNEL_MINUS[1](x) - _UP / SQRT_PI
)


# --- a solution of a differential equation, and its slope -------------------------------------------------------------


def solution(
    function: np.ufunc, orders: str, factor: Callable[..., Any], friction: Callable[[Any], Any] | None = None,
    unit: float = 1.0,
) -> tuple[Any, ...]:  # fmt: skip
    """Enter a function that returns a solution y of y″ = factor(*args) · y + friction(x) · y′, and its slope y′.

    Args:
        function: the ufunc.
        orders: the names of the arguments before x, one letter each.
        factor, friction: the functions in the equation.
        unit: the factor that makes x the variable of the equation.
    """

    def bend(*args: Any) -> Any:
        second = factor(*args) * both[0](*args)
        return (second + friction(args[-1]) * both[1](*args) if friction is not None else second) * unit

    both: tuple[Any, ...] = several(function, lambda *args: both[1](*args) * unit, bend, orders=orders)
    return both


def _mathieu(value: np.ufunc) -> Callable[..., Any]:
    return lambda m, q, x: 2 * q * np.cos(2 * DEGREE * x) - value(*plain((m, q)))


def _modified_mathieu(value: np.ufunc) -> Callable[..., Any]:
    return lambda m, q, x: value(*plain((m, q))) - 2 * q * np.cosh(2 * x)


SOLUTIONS = (
    # parabolic cylinder functions (12.2)
    *solution(special.pbdv, "v", lambda v, x: x * x / 4 - (v + 0.5)),
    *solution(special.pbvv, "v", lambda v, x: x * x / 4 - (v + 0.5)),
    *solution(special.pbwa, "a", lambda a, x: a - x * x / 4),
    # Mathieu functions of an angle in degrees, their slope by it in radians (28.2), and modified ones (28.20)
    *solution(special.mathieu_cem, "mq", _mathieu(special.mathieu_a), unit=DEGREE),
    *solution(special.mathieu_sem, "mq", _mathieu(special.mathieu_b), unit=DEGREE),
    *solution(special.mathieu_modcem1, "mq", _modified_mathieu(special.mathieu_a)),
    *solution(special.mathieu_modcem2, "mq", _modified_mathieu(special.mathieu_a)),
    *solution(special.mathieu_modsem1, "mq", _modified_mathieu(special.mathieu_b)),
    *solution(special.mathieu_modsem2, "mq", _modified_mathieu(special.mathieu_b)),
)


def _spheroidal(angular: np.ufunc, radial: np.ufunc, value: Any, orders: str, sign: int) -> tuple[Any, ...]:
    """Enter the spheroidal wave functions of one kind. `value` returns the eigenvalue for their arguments.

    ((1 − x²) y′)′ + (λ − c²x² − m² ÷ (1 − x²)) y = 0 for the prolate ones; for the oblate ones c² is −c² and, in the
    radial one, x² is −x² (30.2, 30.13, 30.14).
    """

    def factor(m: Any, n: Any, c: Any, *rest: Any, turned: int) -> Any:
        x = rest[-1]
        around = 1 - turned * x * x
        return turned * (m * m / around - value(m, n, c, *rest) + sign * turned * c * c * x * x) / around

    def friction(turned: int) -> Callable[[Any], Any]:
        return lambda x: turned * 2 * x / (1 - turned * x * x)

    return (
        *solution(angular, orders, lambda *args: factor(*args, turned=1), friction(1)),
        *solution(radial, orders, lambda *args: factor(*args, turned=sign), friction(sign)),
    )


# The radial functions of the second kind are left out: the values and the slopes that SciPy computes do not agree.
SPHEROIDAL = (
    *_spheroidal(special.pro_ang1, special.pro_rad1, lambda m, n, c, x: special.pro_cv(*plain((m, n, c))), "mnc", 1),
    *_spheroidal(special.obl_ang1, special.obl_rad1, lambda m, n, c, x: special.obl_cv(*plain((m, n, c))), "mnc", -1),
    *_spheroidal(special.pro_ang1_cv, special.pro_rad1_cv, lambda m, n, c, value, x: value, "mncλ", 1),
    *_spheroidal(special.obl_ang1_cv, special.obl_rad1_cv, lambda m, n, c, value, x: value, "mncλ", -1),
)
