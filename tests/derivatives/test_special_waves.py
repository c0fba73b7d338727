"""Scaled Bessel and Airy functions, Kelvin's, Mathieu's, spheroidal, parabolic functions, and integrals, of SciPy."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special

import tinygraph as tg
from tinygraph.derivatives.special_waves import (
    AIRYE,
    FRESNEL_MINUS,
    FRESNEL_PLUS,
    INTEGRALS,
    KELVIN,
    SOLUTIONS,
    SPHEROIDAL,
)
from tinygraph.testing import check_grads
from tinygraph.testing.strategies import arrays

from .laws import Call, enter, obey, same_value, unary
from .test_special import POSITIVE, of_order

RIGHT = {"low": 0.5, "high": 3}
SPREAD = (1, 2, 1.25)
EIGENVALUE = {"pro": float(special.pro_cv(*SPREAD)), "obl": float(special.obl_cv(*SPREAD))}


def spheroidal(name):
    orders = (*SPREAD, EIGENVALUE[name[:3]]) if name.endswith("cv") else SPREAD
    if "ang" in name:
        return of_order(orders, low=-0.75, high=0.75)
    return of_order(orders, **({"low": 1.25, "high": 2} if name.startswith("pro") else {"low": 0.25, "high": 2}))


def of_solution(name):
    if name.startswith("mathieu"):
        return of_order((1, 0.5), (2, 1.25), **({"low": 0.25, "high": 1} if "mod" in name else {"low": 5, "high": 175}))
    return of_order(0.5, 1.25, low=-1.5, high=1.5)


def first_argument(*rest):
    return arrays(**POSITIVE).map(lambda a: Call((a, *rest)))


LAWS = enter(
    {
        special.ive: of_order(0, 1, 2.5, **RIGHT),
        special.jve: of_order(0, 1, 2.5, **RIGHT),
        special.yve: of_order(0, 1, 2.5, **RIGHT),
        special.hankel1e: of_order(0, 1, 2.5, **RIGHT),
        special.hankel2e: of_order(0, 1, 2.5, **RIGHT),
        special.ber: unary(), special.bei: unary(), special.berp: unary(), special.beip: unary(),
        special.ker: unary(**RIGHT), special.kei: unary(**RIGHT),
        special.kerp: unary(**RIGHT), special.keip: unary(**RIGHT),
        special.itstruve0: unary(**POSITIVE), special.itmodstruve0: unary(**POSITIVE),
        special.it2struve0: unary(**POSITIVE),
        special.besselpoly: [first_argument(1, 0.5), first_argument(1.5, 0)],
    },
    ("float64", "float32"),
)  # fmt: skip
# SciPy computes these to five digits or so, so that differences of them are no better.
ROUGH = enter(
    {
        function: unary(low=0.5, high=1.5)
        for function in (
            *INTEGRALS, special.iti0k0, special.itj0y0, special.it2i0k0, special.it2j0y0, special.itairy,
        )
    },
    ("float64",),
)  # fmt: skip
SOLVED = enter(
    {
        special.airye: unary(**RIGHT), special.kelvin: unary(**RIGHT), special.modfresnelp: unary(**POSITIVE),
        special.modfresnelm: unary(**POSITIVE),
        **{part: unary(**RIGHT) for part in (*AIRYE, *KELVIN)},
        **{part: unary(**POSITIVE) for part in (*FRESNEL_PLUS, *FRESNEL_MINUS)},
        **{part: of_solution(part.__name__) for part in SOLUTIONS},
        **{getattr(special, part.__name__): of_solution(part.__name__) for part in SOLUTIONS},
        **{part: spheroidal(part.__name__) for part in SPHEROIDAL},
        **{getattr(special, part.__name__): spheroidal(part.__name__) for part in SPHEROIDAL},
    },
    ("float64",),
)  # fmt: skip


@pytest.mark.parametrize("entry", LAWS + SOLVED, ids=str)
@given(data=st.data())
def test_laws(entry, data):
    obey(entry, data)


@pytest.mark.parametrize("entry", ROUGH, ids=str)
@given(data=st.data())
def test_laws_of_integrals(entry, data):
    call = data.draw(entry.calls)
    same_value(entry.function, call.args, {})
    check_grads(entry.function, *call.args, rtol=1e-4)


@pytest.mark.parametrize("v", [0, 1, 2.5])
@pytest.mark.parametrize("function", [special.ive, special.jve, special.yve], ids=lambda f: f.__name__)
def test_scales_that_are_not_analytic(function, v):
    """exp(−|Re x|) and exp(−|Im x|): the gradient is that of the two parts."""
    check_grads(lambda x: function(v, x), np.array([0.75 + 0.5j, -0.5 + 0.75j, 1.5 - 0.25j]))


def test_kelvin_functions_are_regular_at_0():
    assert tg.grad(special.beip)(0.0) == pytest.approx(0.5)
    assert tg.grad(special.berp)(0.0) == 0


def test_integrals_near_0_keep_their_digits():
    """(I₀(x) − 1) ÷ x is x/4 + x³/64 + ..., and (1 − J₀(x)) ÷ x is x/4 − x³/64 + ..."""
    for function, sign in [(special.it2i0k0, 1), (special.it2j0y0, -1)]:
        slope = tg.grad(lambda x, function=function: function(x)[0])
        assert slope(1e-6) == pytest.approx(2.5e-7 + sign * 1e-18 / 64, rel=1e-14)
        assert slope(0.9999) == pytest.approx(slope(1.0001), rel=1e-3)


def test_airy_functions_left_of_0():
    check_grads(lambda x: special.airye(x)[2] * special.airye(x)[3], np.array([-1.5, -0.25]))
