"""Domains in which finite differences are exact enough: away from a function's poles, kinks and edges.

    >>> from tinygraph.testing import domain_of
    >>> domain_of(np.log)
    (Domain(low=0.25, high=2.0, away_from=()),)

The numbers suit the steps of `check_grads`; the domain of the function itself may be larger.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygraph.engine.table import function_name

__all__ = ["DOMAINS", "Domain", "domain_of"]


@dataclass(frozen=True)
class Domain:
    """An interval to draw an argument from.

    Attributes:
        low, high: its ends, included.
        away_from: points inside to keep a distance from: kinks and poles.
    """

    low: float = -2.0
    high: float = 2.0
    away_from: tuple[float, ...] = ()

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high and value not in self.away_from


ANYWHERE = Domain()
POSITIVE = Domain(0.25)
NOT_ZERO = Domain(away_from=(0.0,))
FAR_FROM_ZERO = Domain(0.5)
INSIDE = Domain(-0.875, 0.875)
SHARE = Domain(0.125, 0.875)

# One domain for each argument. The two domains do not overlap where the function has a kink at equal arguments, or a
# jump where one argument divides the other.
DOMAINS: dict[Callable[..., Any], tuple[Domain, ...]] = {
    **dict.fromkeys(
        (
            np.negative, np.positive, np.square, np.conjugate, np.exp, np.exp2, np.expm1, np.sin, np.cos, np.arctan,
            np.sinh, np.cosh, np.tanh, np.arcsinh, np.deg2rad, np.radians, np.rad2deg, np.degrees, np.sinc, np.i0,
            np.real, np.imag,
        ),
        (ANYWHERE,),
    ),
    **dict.fromkeys((np.sqrt, np.log, np.log2, np.log10), (POSITIVE,)),
    **dict.fromkeys((np.absolute, np.fabs, np.sign, np.cbrt), (NOT_ZERO,)),
    **dict.fromkeys((np.arcsin, np.arccos, np.arctanh), (INSIDE,)),
    **dict.fromkeys(
        (np.add, np.subtract, np.multiply, np.logaddexp, np.logaddexp2, np.nextafter), (ANYWHERE, ANYWHERE)
    ),
    **dict.fromkeys((np.maximum, np.minimum, np.fmax, np.fmin), (Domain(-2.0, 0.5), Domain(0.625, 2.0))),
    **dict.fromkeys((np.power, np.float_power), (FAR_FROM_ZERO, ANYWHERE)),
    **dict.fromkeys((np.remainder, np.fmod), (Domain(0.25, 0.75), Domain(0.875, 1.75))),
    np.reciprocal: (FAR_FROM_ZERO,),
    np.log1p: (Domain(-0.75),),
    np.tan: (Domain(-1.25, 1.25),),
    np.arccosh: (Domain(1.25, 3.0),),
    np.divide: (ANYWHERE, FAR_FROM_ZERO),
    np.hypot: (NOT_ZERO, FAR_FROM_ZERO),
    np.arctan2: (ANYWHERE, FAR_FROM_ZERO),
    np.copysign: (NOT_ZERO, NOT_ZERO),
    np.heaviside: (NOT_ZERO, ANYWHERE),
}  # fmt: skip

# SciPy's functions by their names, since SciPy need not be installed.
SPECIAL: dict[str, tuple[Domain, ...]] = {
    **dict.fromkeys(
        (
            "erf", "erfc", "erfi", "erfcx", "dawsn", "expit", "log_expit", "ndtr", "log_ndtr", "exp10", "exprel",
            "j0", "j1", "i0", "i1", "cosm1", "sindg", "cosdg",
        ),
        (ANYWHERE,),
    ),
    **dict.fromkeys(
        ("gamma", "gammaln", "loggamma", "psi", "rgamma", "entr", "y0", "y1", "k0", "k1", "expi", "exp1"),
        (FAR_FROM_ZERO,),
    ),
    **dict.fromkeys(("logit", "ndtri"), (SHARE,)),
    **dict.fromkeys(("beta", "betaln", "rel_entr"), (FAR_FROM_ZERO, FAR_FROM_ZERO)),
    "xlogy": (ANYWHERE, FAR_FROM_ZERO),
    "xlog1py": (ANYWHERE, Domain(-0.5)),
    "erfinv": (INSIDE,),
    "erfcinv": (SHARE,),
    "kl_div": (Domain(0.5, 1.0), Domain(1.25)),
    "huber": (Domain(1.0, 1.5), Domain(-0.75, 0.75)),
    "pseudo_huber": (FAR_FROM_ZERO, ANYWHERE),
}  # fmt: skip


def domain_of(function: Callable[..., Any]) -> tuple[Domain, ...]:
    """Return the domains of the arguments of an elementwise function of NumPy or SciPy, one for each.

    Raises:
        KeyError: the table does not have the function; give a `Domain(low, high, away_from)` of your own.
    """
    found = DOMAINS.get(function) or SPECIAL.get(function_name(function).removeprefix("special."))
    if found is None:
        raise KeyError(f"domain_of: {function_name(function)} is not in the table; give a Domain of your own")
    return found
