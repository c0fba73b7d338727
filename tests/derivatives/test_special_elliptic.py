"""Elliptic integrals, Jacobi's functions, and the arithmetic-geometric mean, of SciPy."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special

import tinygraph as tg
from tinygraph.derivatives.special_elliptic import JACOBI, carlson, legendre
from tinygraph.testing import check_grads
from tinygraph.testing.strategies import arrays

from .laws import Call, enter, obey
from .test_special import POSITIVE


@st.composite
def of_each(draw, *domains):
    """f(x, y, ...), arrays of one shape, each from a domain of its own; numbers and tuples stay as they are."""
    shape = draw(st.sampled_from([(), (2,)]))
    return Call(tuple(draw(arrays(shape, **domain)) if isinstance(domain, dict) else domain for domain in domains))


ANGLE = {"low": -4, "high": 4, "away_from": [-np.pi / 2, 0, np.pi / 2, np.pi], "margin": 0.0625}
MODULUS = {"low": 0.0625, "high": 0.75}

LAWS = enter(
    {
        special.agm: of_each(POSITIVE, POSITIVE),
        special.elliprc: of_each(POSITIVE, POSITIVE),
        special.elliprf: of_each(POSITIVE, POSITIVE, POSITIVE),
        special.elliprd: of_each(POSITIVE, POSITIVE, POSITIVE),
        special.elliprg: of_each(POSITIVE, POSITIVE, POSITIVE),
        special.elliprj: of_each(POSITIVE, POSITIVE, POSITIVE, POSITIVE),
        special.ellipkinc: of_each(ANGLE, {"low": -1, "high": 0.75}),
        special.ellipeinc: of_each(ANGLE, {"low": -1, "high": 0.75}),
        special.ellipj: of_each({}, MODULUS),
        **{part: of_each({}, MODULUS) for part in JACOBI},
        carlson: of_each(POSITIVE, POSITIVE, POSITIVE, POSITIVE, (0.0, 0.5, 0.5, 1.0, 1.5)),
        legendre: of_each(ANGLE, {"low": -1, "high": 0.75}, 1, 1),
    },
    ("float64",),
)


# Their derivatives are sums of hundreds of terms.
FEWER = settings(max_examples=settings().max_examples // 4)


@pytest.mark.parametrize("entry", LAWS, ids=str)
@FEWER
@given(data=st.data())
def test_laws(entry, data):
    obey(entry, data)


def test_the_integrals_are_those_of_scipy():
    """With the exponents of SciPy's functions the integrals are those, whatever the sizes of the arguments."""
    x, y, z, w = np.exp(np.random.default_rng(0).uniform(-20, 20, (4, 50)))
    for args in [(x, y, z, w), (0 * x, y, z, w)]:
        np.testing.assert_allclose(carlson(*args, (0, 0.5, 0.5, 0.5, 0)) / 2, special.elliprf(*args[:3]), rtol=1e-13)
        np.testing.assert_allclose(carlson(*args, (0, 0.5, 0.5, 0.5, 1)) * 1.5, special.elliprj(*args), rtol=1e-11)
    phi, m = np.linspace(-9, 9, 41), np.linspace(-2, 0.99, 41)
    np.testing.assert_allclose(legendre(phi, m, 0, 0), special.ellipkinc(phi, m), rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(legendre(phi, m, 0, -1), special.ellipeinc(phi, m), rtol=1e-12, atol=1e-14)


def test_where_the_arguments_are_equal_nothing_cancels():
    """R_F has degree −1/2, so that its slopes at (1, 1, 1) are −1/6; the second are 3/20 · and 1/20."""
    one = np.ones(3)
    f = lambda v: special.elliprf(*v)
    np.testing.assert_allclose(tg.grad(f)(one), -one / 6, rtol=1e-14)
    np.testing.assert_allclose(tg.hessian(f)(one), np.full((3, 3), 1 / 20) + np.eye(3) / 10, rtol=1e-13)
    check_grads(special.agm, 1.0, 1.0)


def test_at_0_the_slope_is_infinite():
    assert tg.grad(special.elliprf)(0.0, 1.0, 2.0) == -np.inf
    assert np.isfinite(tg.grad(special.elliprf, 1)(0.0, 1.0, 2.0))


def test_the_slope_by_the_parameter_is_regular_at_0():
    # F = φ + m/4 (φ − sin φ cos φ) + ..., and the amplitude the reverse.
    phi = 1.25
    assert tg.grad(special.ellipkinc, 1)(phi, 0.0) == pytest.approx((phi - np.sin(phi) * np.cos(phi)) / 4, rel=1e-14)
    amplitude = tg.grad(lambda m: special.ellipj(phi, m)[3])(0.0)
    assert amplitude == pytest.approx((np.sin(phi) * np.cos(phi) - phi) / 4, rel=1e-14)


def test_a_principal_value_has_no_derivative_here():
    with pytest.raises(tg.UnsupportedError, match=r"special\.elliprc: .*negative"):
        tg.grad(special.elliprc, 1)(1.0, -2.0)
