"""More of SciPy's special functions: distributions of statistics, orthogonal polynomials, functions of several results.

Degrees, shapes and counts have no rule, as in `special`: all these are functions of their last argument.

Source: NIST Digital Library of Mathematical Functions, https://dlmf.nist.gov; the section is given where it helps.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import special

from tinygraph.derivatives.special import _beta_density, _gamma_density, by_last_argument
from tinygraph.derivatives.table import composition
from tinygraph.record import plain, primitive

# --- distributions: the slope is the density --------------------------------------------------------------------------


def _f_density(n: Any, m: Any, x: Any) -> Any:
    """Of the F distribution: fdtr(n, m, x) is betainc(n/2, m/2, w), with w = nx ÷ (m + nx)."""
    whole = n * x + m
    return _beta_density(n / 2, m / 2, n * x / whole) * (n * m) / np.square(whole)


def _t_density(v: Any, t: Any) -> Any:
    return np.exp(np.log1p(t * t / v) * ((v + 1) / -2) - special.betaln(0.5, v / 2)) / np.sqrt(v)


by_last_argument(
    chdtr=lambda g, z, v, x: g * _gamma_density(v / 2, x / 2) / 2,
    chdtrc=lambda g, z, v, x: -g * _gamma_density(v / 2, x / 2) / 2,
    chdtri=lambda g, z, v, p: -g * 2 / _gamma_density(v / 2, z / 2),
    gdtr=lambda g, z, a, b, x: g * a * _gamma_density(b, a * x),
    gdtrc=lambda g, z, a, b, x: -g * a * _gamma_density(b, a * x),
    fdtr=lambda g, z, n, m, x: g * _f_density(n, m, x),
    fdtrc=lambda g, z, n, m, x: -g * _f_density(n, m, x),
    fdtri=lambda g, z, n, m, p: g / _f_density(n, m, z),
    stdtr=lambda g, z, v, t: g * _t_density(v, t),
    stdtrit=lambda g, z, v, p: g / _t_density(v, z),
    pdtr=lambda g, z, k, m: -g * _gamma_density(np.floor(k) + 1, m),
    pdtrc=lambda g, z, k, m: g * _gamma_density(np.floor(k) + 1, m),
    bdtr=lambda g, z, k, n, p: -g * _beta_density(n - np.floor(k), np.floor(k) + 1, 1 - p),
    bdtrc=lambda g, z, k, n, p: g * _beta_density(n - np.floor(k), np.floor(k) + 1, 1 - p),
    nbdtr=lambda g, z, k, n, p: g * _beta_density(n, np.floor(k) + 1, p),
)


# --- orthogonal polynomials: the slope is one of a degree less (18.9) -------------------------------------------------


def _less(n: Any) -> Any:
    """The degree of the derivative; a constant counts for one of degree 0, and its slope is multiplied by 0."""
    return np.maximum(plain(n) - 1, 0)


def _any(n: Any) -> Any:
    return (np.asarray(plain(n)) != 0).astype(np.int64)


by_last_argument(
    eval_legendre=lambda g, z, n, x: g * special.eval_jacobi(_less(n), 1, 1, x) * (_any(n) * (n + 1) / 2),
    eval_chebyt=lambda g, z, n, x: g * special.eval_chebyu(_less(n), x) * n,
    eval_chebyu=lambda g, z, n, x: g * special.eval_gegenbauer(_less(n), 2, x) * (2 * _any(n)),
    eval_hermite=lambda g, z, n, x: g * special.eval_hermite(_less(n), x) * (2 * n),
    eval_hermitenorm=lambda g, z, n, x: g * special.eval_hermitenorm(_less(n), x) * n,
    eval_laguerre=lambda g, z, n, x: -g * special.eval_genlaguerre(_less(n), 1, x) * _any(n),
    eval_genlaguerre=lambda g, z, n, a, x: -g * special.eval_genlaguerre(_less(n), a + 1, x) * _any(n),
    eval_gegenbauer=lambda g, z, n, a, x: g * special.eval_gegenbauer(_less(n), a + 1, x) * (2 * a * _any(n)),
    eval_jacobi=lambda g, z, n, a, b, x: (
        g * special.eval_jacobi(_less(n), a + 1, b + 1, x) * (_any(n) * (n + a + b + 1) / 2)
    ),
)


# --- several results --------------------------------------------------------------------------------------------------


def several(function: np.ufunc, *slopes: Callable[[Any], Any]) -> tuple[Any, ...]:
    """Enter a function of one argument and several results, given the slope of each; a call of the record has one."""

    def part(which: int, slope: Callable[[Any], Any]) -> Any:
        one = primitive(lambda x: function(x)[which])
        one.__name__ = function.__name__
        return one.derivative(lambda g, z, x: g * slope(x))

    parts = tuple([part(which, slope) for which, slope in enumerate(slopes)])
    composition(function)(lambda x: tuple([one(x) for one in parts]))
    return parts


def _sinh_by_x(x: Any) -> Any:
    zero = plain(x) == 0
    return np.where(zero, 1, np.sinh(x) / np.where(zero, 1, x))


PARTS = (
    *several(special.fresnel, lambda x: np.sin(x * x * (np.pi / 2)), lambda x: np.cos(x * x * (np.pi / 2))),
    *several(special.sici, lambda x: np.sinc(x / np.pi), lambda x: np.cos(x) / x),
    *several(special.shichi, _sinh_by_x, lambda x: np.cosh(x) / x),
    *several(
        special.airy,
        lambda x: special.airy(x)[1],
        lambda x: special.airy(x)[0] * x,
        lambda x: special.airy(x)[3],
        lambda x: special.airy(x)[2] * x,
    ),
)
