"""More of SciPy's special functions: orthogonal polynomials, and functions of several results.

Degrees, shapes and counts have no rule, as in `special`: all these are functions of their last argument.

Source: NIST Digital Library of Mathematical Functions, https://dlmf.nist.gov; the section is given where it helps.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import special

from tinygraph.derivatives.special import by_last_argument, no_gradient_to
from tinygraph.engine.common_dtypes import as_converted
from tinygraph.engine.operands import array_of, plain
from tinygraph.engine.primitives import primitive
from tinygraph.engine.table import composition

# --- orthogonal polynomials: the slope is a polynomial of a degree less (18.9) ----------------------------------------


def _less(n: Any) -> Any:
    """The degree of the derivative; 0 for that of a constant, which is multiplied by 0."""
    return np.maximum(plain(n) - 1, 0)


def _varies(n: Any) -> Any:
    """1 for a polynomial that varies; 0 for the constant one, of degree 0."""
    return (np.asarray(plain(n)) != 0).astype(np.int64)


by_last_argument(
    eval_legendre=lambda g, z, n, x: g * special.eval_jacobi(_less(n), 1, 1, x) * (_varies(n) * (n + 1) / 2),
    eval_chebyt=lambda g, z, n, x: g * special.eval_chebyu(_less(n), x) * n,
    eval_chebyu=lambda g, z, n, x: g * special.eval_gegenbauer(_less(n), 2, x) * (2 * _varies(n)),
    eval_hermite=lambda g, z, n, x: g * special.eval_hermite(_less(n), x) * (2 * n),
    eval_hermitenorm=lambda g, z, n, x: g * special.eval_hermitenorm(_less(n), x) * n,
    eval_laguerre=lambda g, z, n, x: -g * special.eval_genlaguerre(_less(n), 1, x) * _varies(n),
    eval_genlaguerre=lambda g, z, n, a, x: -g * special.eval_genlaguerre(_less(n), a + 1, x) * _varies(n),
    eval_gegenbauer=lambda g, z, n, a, x: g * special.eval_gegenbauer(_less(n), a + 1, x) * (2 * a * _varies(n)),
    eval_jacobi=lambda g, z, n, a, b, x: (
        g * special.eval_jacobi(_less(n), a + 1, b + 1, x) * (_varies(n) * (n + a + b + 1) / 2)
    ),
    # C and S are T and U of x/2; the shifted ones are those of 2x − 1. The polynomial of Jacobi is monic.
    eval_chebyc=lambda g, z, n, x: g * special.eval_chebys(_less(n), x) * n,
    eval_chebys=lambda g, z, n, x: g * special.eval_gegenbauer(_less(n), 2, x / 2) * _varies(n),
    eval_sh_chebyt=lambda g, z, n, x: g * special.eval_sh_chebyu(_less(n), x) * (2 * n),
    eval_sh_chebyu=lambda g, z, n, x: g * special.eval_gegenbauer(_less(n), 2, 2 * x - 1) * (4 * _varies(n)),
    eval_sh_legendre=lambda g, z, n, x: g * special.eval_jacobi(_less(n), 1, 1, 2 * x - 1) * (_varies(n) * (n + 1)),
    eval_sh_jacobi=lambda g, z, n, p, q, x: g * special.eval_sh_jacobi(_less(n), p + 2, q + 1, x) * n,
    # (14.10.5), of the associated Legendre functions
    lpmv=lambda g, z, m, v, x: g * (v * x * z - (v + m) * special.lpmv(m, v - 1, x)) / (x * x - 1),
)


# --- several results --------------------------------------------------------------------------------------------------


# Of one result: its slope by the last argument, or its slopes by each argument.
Slopes = Callable[..., Any] | tuple[Callable[..., Any], ...]


def several(function: np.ufunc, *results: Slopes, orders: str = "") -> tuple[Any, ...]:
    """Enter a function of several results, given the slopes of each; a call of the record has one result.

    Args:
        function: the ufunc.
        results: for each result its slope by the last argument, or a tuple of its slopes by each argument.
        orders: the names of the arguments before the last where these have no derivative, one letter each.

    Returns:
        For each result a function that computes that alone.
    """
    name = function.__name__

    def part(which: int, slopes: Slopes) -> Any:
        one = primitive(lambda *args: function(*args)[which])
        one.__name__ = name
        rules = [_times(function, slope) for slope in (slopes if isinstance(slopes, tuple) else (slopes,))]
        return one.derivative(*[no_gradient_to(name, order) for order in orders], *rules)

    parts = tuple([part(which, slopes) for which, slopes in enumerate(results)])
    composition(function)(lambda *args: tuple([one(*args) for one in parts]))
    return parts


def _times(function: np.ufunc, slope: Callable[..., Any]) -> Callable[..., Any]:
    def rule(g: Any, z: Any, *args: Any) -> Any:
        args = tuple([array_of(item) if type(item) in (list, tuple) else item for item in args])
        return g * slope(*as_converted(function, args, range(len(args))))

    return rule


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
