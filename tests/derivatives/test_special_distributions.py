"""Distributions, and the incomplete gamma and beta functions, of SciPy, with their inverses."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special

import tinygraph as tg
from tinygraph.derivatives.special_distributions import chi_density
from tinygraph.derivatives.special_moments import beta_moment, gamma_moment, t_moment
from tinygraph.testing import check_grads

from .laws import LAPACK, enter, obey
from .test_special import BETWEEN, POSITIVE, of_order
from .test_special_elliptic import FEWER, of_each

SHAPE = {"low": 0.5, "high": 4}
MIDDLE = {"low": 0.25, "high": 0.75}

LAWS = enter(
    {
        special.chdtr: of_each(SHAPE, POSITIVE),
        special.chdtrc: of_each(SHAPE, POSITIVE),
        special.gdtr: of_each(POSITIVE, SHAPE, POSITIVE),
        special.gdtrc: of_each(POSITIVE, SHAPE, POSITIVE),
        special.fdtr: of_each(SHAPE, SHAPE, POSITIVE),
        special.fdtrc: of_each(SHAPE, SHAPE, POSITIVE),
        special.stdtr: of_each(SHAPE, {}),
        special.pdtr: of_order(0, 2, **POSITIVE),
        special.pdtrc: of_order(0, 2, **POSITIVE),
        special.bdtr: of_order((1, 4), **BETWEEN),
        special.bdtrc: of_order((1, 4), **BETWEEN),
        special.bdtri: of_order((1, 4), **BETWEEN),
        special.nbdtr: of_order((1, 4), **BETWEEN),
        special.nbdtrc: of_order((1, 4), **BETWEEN),
        special.nbdtri: of_order((1, 4), **BETWEEN),
        special.chndtr: of_each(POSITIVE, 3.5, POSITIVE),
        special.ncfdtr: of_each(3, 4.5, POSITIVE, POSITIVE),
        special.nctdtr: of_each(3.5, {}, {"away_from": [0.0], "margin": 0.25}),
        special.tklmbda: of_each({"low": -1, "high": 1}, {"low": -0.5, "high": 0.75}),
        special.kolmogorov: of_each({"low": 0.5, "high": 2}),
        special.kolmogi: of_each(MIDDLE),
        special.smirnov: of_order(1, 3, 5, low=0.0625, high=0.875, away_from=[0.2, 1 / 3, 0.4, 0.6, 2 / 3, 0.8]),
        special.smirnovi: of_order(1, 5, **MIDDLE),
        special.voigt_profile: of_each({}, POSITIVE, POSITIVE),
        special.wright_bessel: of_order((0.5, 1.5), (0, 1), **POSITIVE),
        special.log_wright_bessel: of_order((0.5, 1.5), (0, 1), **POSITIVE),
        special.radian: of_each(POSITIVE, POSITIVE, POSITIVE),
    },
    LAPACK[:1],
)
LAWS += enter({special.gammainc: of_each(SHAPE, POSITIVE), special.gammaincc: of_each(SHAPE, POSITIVE)}, LAPACK)
LAWS += enter(
    {special.betainc: of_each(SHAPE, SHAPE, BETWEEN), special.betaincc: of_each(SHAPE, SHAPE, BETWEEN)}, LAPACK
)
# Inverses, which SciPy finds by iterating: not to the last digits of float32.
INVERSES = enter(
    {
        special.gammaincinv: of_each(SHAPE, BETWEEN),
        special.gammainccinv: of_each(SHAPE, BETWEEN),
        special.betaincinv: of_each(SHAPE, SHAPE, BETWEEN),
        special.betainccinv: of_each(SHAPE, SHAPE, BETWEEN),
        special.btdtria: of_each(MIDDLE, SHAPE, MIDDLE),
        special.btdtrib: of_each(SHAPE, MIDDLE, MIDDLE),
        special.chdtri: of_each({"low": 1, "high": 4}, BETWEEN),
        special.chdtriv: of_each(MIDDLE, POSITIVE),
        special.gdtria: of_each(MIDDLE, SHAPE, POSITIVE),
        special.gdtrib: of_each(POSITIVE, MIDDLE, POSITIVE),
        special.gdtrix: of_each(POSITIVE, SHAPE, MIDDLE),
        special.fdtri: of_each({"low": 1, "high": 4}, {"low": 2, "high": 4}, BETWEEN),
        special.fdtridfd: of_each({"low": 2.75, "high": 3.25}, {"low": 0.35, "high": 0.4}, {"low": 0.75, "high": 0.8}),
        special.stdtrit: of_each({"low": 2, "high": 4}, {"low": 0.125, "high": 0.875, "away_from": [0.5]}),
        special.stdtridf: of_each({"low": 0.59375, "high": 0.59375}, {"low": 0.28125, "high": 0.3125}),
        special.nrdtrimn: of_each(BETWEEN, POSITIVE, {}),
        special.nrdtrisd: of_each({"low": 0, "high": 0.5}, {"low": 0.6, "high": 0.9}, {"low": 1, "high": 3}),
        special.pdtri: of_order(0, 2, **BETWEEN),
        special.pdtrik: of_each(MIDDLE, {"low": 4, "high": 6}),
        special.bdtrik: of_each(MIDDLE, {"low": 8, "high": 12}, MIDDLE),
        special.bdtrin: of_each({"low": 1, "high": 3}, MIDDLE, MIDDLE),
        special.nbdtrik: of_each(MIDDLE, {"low": 4, "high": 6}, {"low": 0.25, "high": 0.5}),
        special.nbdtrin: of_each({"low": 2, "high": 4}, MIDDLE, MIDDLE),
        special.chndtrix: of_each(MIDDLE, 3.5, POSITIVE),
        special.chndtrinc: of_each({"low": 2, "high": 3}, 3, {"low": 0.2, "high": 0.3}),
        special.ncfdtri: of_each(3, 4.5, POSITIVE, MIDDLE),
        special.nctdtrit: of_each(3.5, {"low": 0.25, "high": 1}, MIDDLE),
        special.nctdtrinc: of_each(3.5, MIDDLE, POSITIVE),
    },
    LAPACK[:1],
)
ROUGH = enter(
    {special.ncfdtrinc: of_each(3, 4, {"low": 0.2, "high": 0.3}, {"low": 1.125, "high": 1.25})}, LAPACK[:1]
)  # fmt: skip
MOMENTS = enter(
    {
        gamma_moment: [of_each(SHAPE, POSITIVE, 1), of_each(SHAPE, POSITIVE, 2)],
        beta_moment: [of_each(SHAPE, SHAPE, BETWEEN, *powers) for powers in [(1, 0), (0, 1), (1, 1)]],
        chi_density: of_each(POSITIVE, 3.5, POSITIVE),
        t_moment: of_each(3.5, {}, {}, 1),
    },
    LAPACK[:1],
)


@pytest.mark.parametrize("entry", LAWS + INVERSES + MOMENTS, ids=str)
@FEWER
@given(data=st.data())
def test_laws(entry, data):
    obey(entry, data)


@pytest.mark.parametrize("entry", ROUGH, ids=str)
@FEWER
@given(data=st.data())
def test_what_scipy_finds_to_a_few_digits(entry, data):
    check_grads(entry.function, *data.draw(entry.calls).args, order=1, rtol=1e-3)


# --- the moments, where they are known --------------------------------------------------------------------------------


@pytest.mark.parametrize("x", [1e-30, 1e-8, 0.25, 1.0, 5.0, 40.0])
def test_the_incomplete_gamma_function_by_its_shape_at_1(x):
    """∂γ(a, x)/∂a at a = 1 is −e^−x ln x − E₁(x) − γ (8.8.13 and 6.2.4), and ψ(1) = −γ."""
    lower = -np.exp(-x) * np.log(x) - special.exp1(x) - np.euler_gamma
    below = lower - special.psi(1) * -np.expm1(-x)
    if x < 1e-3:  # where that cancels
        below = x * (np.log(x) - 1 + np.euler_gamma)
    above = np.exp(-x) * (np.log(x) + np.euler_gamma) + special.exp1(x)
    expected = -above if x > 1 else below
    assert tg.grad(special.gammainc)(1.0, x) == pytest.approx(expected, rel=1e-7 if x < 1e-3 else 1e-12)


@pytest.mark.parametrize("x", [1e-12, 1e-3, 0.3, 0.9, 1 - 1e-9])
@pytest.mark.parametrize("b", [1e-3, 0.5, 3.0, 400.0])
def test_the_incomplete_beta_function_by_a_shape_that_is_1(b, x):
    """I_x(a, 1) = x^a and I_x(1, b) = 1 − (1 − x)^b, whatever the sizes."""
    assert tg.grad(special.betainc)(b, 1.0, x) == pytest.approx(x**b * np.log(x), rel=1e-11)
    expected = -np.exp(b * np.log1p(-x)) * np.log1p(-x)
    assert tg.grad(special.betainc, 1)(1.0, b, x) == pytest.approx(expected, rel=1e-7 if x > 0.99 else 1e-11)


def test_a_distribution_ends_where_it_ends():
    for function, args in [
        (special.gammainc, (2.0, 0.0)), (special.gammainc, (2.0, np.inf)), (special.betainc, (2.0, 3.0, 0.0)),
        (special.betainc, (2.0, 3.0, 1.0)),
    ]:  # fmt: skip
        assert tg.grad(function)(*args) == 0


def test_the_shape_of_a_large_and_of_an_empty_array():
    shape = np.linspace(0.5, 9, 1500).reshape(3, 500)
    whole = tg.grad(lambda a: np.sum(special.gammainc(a, 2.0)))(shape)
    assert whole[1, 7] == tg.grad(special.gammainc)(shape[1, 7], 2.0)
    assert tg.grad(lambda a: np.sum(special.gammainc(a, 2.0)))(np.empty((0, 3))).shape == (0, 3)


def test_students_distribution_by_its_freedom_at_0():
    v = 2.5
    assert tg.grad(special.stdtr)(v, 0.0) == 0
    mixed = tg.grad(lambda t: tg.grad(special.stdtr)(v, t))(0.0)
    assert mixed == pytest.approx(tg.grad(lambda v: tg.grad(special.stdtr, 1)(v, 0.0))(v), rel=1e-12)


def test_the_normal_limit_of_voigts_profile():
    """With no width of the one kind it is the normal density; far away it is Lorentz's, though the terms cancel."""
    slope = tg.grad(special.voigt_profile)(1.0, 1.0, 0.0)
    assert slope == pytest.approx(-np.exp(-0.5) / np.sqrt(2 * np.pi), rel=1e-13)
    x, gamma = 1e4, 0.5
    lorentz = -2 * x * gamma / (np.pi * (x * x + gamma * gamma) ** 2)
    assert tg.grad(special.voigt_profile)(x, 1e-3, gamma) == pytest.approx(lorentz, rel=1e-9)


def test_a_gradient_to_what_is_counted_is_refused():
    with pytest.raises(tg.UnsupportedError, match="argument k"):
        special.pdtr(tg.Tensor(2.0), 1.0).backward()
