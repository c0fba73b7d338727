"""Orthogonal polynomials, and functions of several results, of SciPy."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special

from tinygraph.derivatives.special_families import PARTS
from tinygraph.testing import check_grads
from tinygraph.testing.strategies import arrays

from .laws import enter, obey, unary
from .test_special import BETWEEN, POSITIVE, of_order

INSIDE = {"low": -0.875, "high": 0.875}
LAWS = enter(
    {
        special.eval_legendre: of_order(0, 1, 3, 2.5, **INSIDE),
        special.eval_chebyt: of_order(0, 1, 3, **INSIDE),
        special.eval_chebyu: of_order(0, 1, 3, **INSIDE),
        special.eval_hermite: of_order(0, 1, 3),
        special.eval_hermitenorm: of_order(0, 1, 3),
        special.eval_laguerre: of_order(0, 1, 3),
        special.eval_genlaguerre: of_order((0, 1.5), (3, 0.5)),
        special.eval_gegenbauer: of_order((0, 1.5), (3, 0.5), **INSIDE),
        special.eval_jacobi: of_order((0, 1.5, 0.5), (3, 0.5, 2), **INSIDE),
        special.eval_chebyc: of_order(0, 1, 3, **INSIDE),
        special.eval_chebys: of_order(0, 1, 3, **INSIDE),
        special.eval_sh_chebyt: of_order(0, 1, 3, **BETWEEN),
        special.eval_sh_chebyu: of_order(0, 1, 3, **BETWEEN),
        special.eval_sh_legendre: of_order(0, 1, 3, 2.5, **BETWEEN),
        special.eval_sh_jacobi: of_order((0, 2.5, 1.5), (3, 2.5, 1.5), **BETWEEN),
        special.lpmv: of_order((0, 2), (1, 2), (2, 3.5), **INSIDE),
        special.fresnel: unary(low=-1.5, high=1.5),
        special.sici: unary(**POSITIVE),
        special.shichi: unary(**POSITIVE),
        special.airy: unary(),
        **{part: unary(low=0.5, high=2) for part in PARTS},
    },
    ("float64",),
)


@pytest.mark.parametrize("entry", LAWS, ids=str)
@given(data=st.data())
def test_laws(entry, data):
    obey(entry, data)


@given(arrays((3,), low=0.5))
def test_one_of_several_results_has_a_gradient_of_its_own(x):
    check_grads(lambda x: special.airy(x)[2] + special.sici(x)[0], x)
