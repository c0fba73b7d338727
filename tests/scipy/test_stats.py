from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings

import tinygraph as tg
from tinygraph.testing import check_grads
from tinygraph.testing.strategies import arrays, positive_definite_matrices

from .laws import obey

theirs = pytest.importorskip("scipy.stats")
ours = pytest.importorskip("tinygraph.scipy.stats")

# Shapes that are safe for finite differences, by the distribution.
CONTINUOUS = {
    "beta": (1.75, 2.5), "cauchy": (), "chi2": (3.25,), "expon": (), "gamma": (1.75,), "halfnorm": (),
    "invgamma": (1.5,), "laplace": (), "logistic": (), "lognorm": (0.75,), "norm": (), "pareto": (2.25,),
    "t": (3.5,), "uniform": (),
    "weibull_min": (1.5,),
}  # fmt: skip
DISCRETE = {"bernoulli": (0.25,), "binom": (5, 0.25), "geom": (0.5,), "nbinom": (2.5, 0.5), "poisson": (1.75,)}
OF_VALUES = ["pdf", "logpdf", "cdf", "logcdf", "sf", "logsf"]
LOC, SCALE = np.array(0.125), np.array(1.25)


def inside(name):
    """Return places where the density is smooth."""
    standard = np.array([0.2, 0.45, 0.7]) if name in ("beta", "uniform") else np.array([0.3, 0.9, 2.1])
    return LOC + SCALE * (standard + (name == "pareto"))


@pytest.mark.parametrize("method", [*OF_VALUES, "ppf", "isf"])
@pytest.mark.parametrize("name", CONTINUOUS)
def test_continuous_distributions(name, method):
    x = np.array([0.2, 0.4, 0.7]) if method in ("ppf", "isf") else inside(name)
    args = (x, *map(np.array, CONTINUOUS[name]), LOC, SCALE)
    second = method in ("pdf", "logpdf")
    obey(getattr(getattr(ours, name), method), getattr(getattr(theirs, name), method), *args, exact=False,
         order=2 if second else 1, rtol=1e-4, atol=1e-7)  # fmt: skip


@pytest.mark.parametrize("name", CONTINUOUS)
def test_outside_of_what_can_be_drawn_the_gradient_is_0(name):
    x = np.array([-30.0, *inside(name), 90.0])
    for method in OF_VALUES:
        t, args = tg.Tensor(x), (*CONTINUOUS[name], LOC, SCALE)
        with np.errstate(all="ignore"):
            got, expected = (
                getattr(getattr(ours, name), method)(t, *args),
                getattr(getattr(theirs, name), method)(x, *args),
            )
        np.testing.assert_allclose(got.data, expected, rtol=1e-10, atol=1e-14)
        if name in ("beta", "uniform"):
            np.sum(np.where(np.isfinite(got.data), got, 0)).backward()
            assert t.grad[0] == t.grad[-1] == 0 and np.all(np.isfinite(t.grad))


@pytest.mark.parametrize("method", ["pmf", "logpmf", "cdf", "sf", "logcdf", "logsf"])
@pytest.mark.parametrize("name", DISCRETE)
def test_discrete_distributions(name, method):
    one, other = getattr(getattr(ours, name), method), getattr(getattr(theirs, name), method)
    counts = np.array([-1, 0, 1, 2, 3, 7])
    with np.errstate(all="ignore"):
        got = one(counts, *[tg.Tensor(shape) if isinstance(shape, float) else shape for shape in DISCRETE[name]])
        np.testing.assert_allclose(got.data, other(counts, *DISCRETE[name]), rtol=1e-10, atol=1e-14)
    k = np.array([1]) if name != "bernoulli" or "mf" in method else np.array([0])
    check_grads(lambda *shapes: one(k, *shapes), *DISCRETE[name], order=1)


def test_shapes_by_name_frozen_distributions_and_invalid_ones():
    t = tg.Tensor(1.5)
    np.testing.assert_allclose(ours.gamma.logpdf(t, a=2.0, scale=3.0).data, theirs.gamma.logpdf(1.5, a=2.0, scale=3.0))
    np.testing.assert_allclose(ours.norm(t, 2.0).logpdf(3.0).data, theirs.norm(1.5, 2.0).logpdf(3.0))
    assert ours.norm(0.0, 1.0).mean() == 0
    assert ours.norm.pdf(1.0) == theirs.norm.pdf(1.0)
    assert np.array_equal(ours.norm.rvs(size=3, random_state=0), theirs.norm.rvs(size=3, random_state=0))
    assert np.isnan(ours.norm.pdf(t, 0.0, -1.0).data)
    with pytest.raises(TypeError, match=r"stats\.gamma\.pdf: it takes x, a, loc, scale"):
        ours.gamma.pdf(t)
    with pytest.raises(tg.UnsupportedError, match=r"stats\.norm\.moment: it has no gradient here"):
        ours.norm.moment(2, t)


@settings(max_examples=2)
@given(arrays((3, 2)), arrays((2,)), positive_definite_matrices(2))
def test_the_normal_distribution_of_vectors(x, mean, cov):
    def density(library, method):  # of the symmetric part, so that both triangles move together
        return lambda x, m, c: getattr(library.multivariate_normal, method)(x, m, (c + c.T) / 2)

    for method in ("logpdf", "pdf"):
        obey(density(ours, method), density(theirs, method), x[:2], mean, cov, exact=False, order=1)


@pytest.mark.parametrize(
    "args",
    [
        (np.ones(2), np.zeros(2), np.eye(2)), (np.arange(3.0), 0.5, 2.0), (0.25, 0.5, 2.0),
        (np.ones((3, 2)), None, np.eye(2)),
        (np.ones((3, 2)), np.zeros(2), 0.75), (np.ones((3, 1, 2)), np.zeros(2), np.eye(2)),
        (np.ones(2), np.zeros(2), np.array([1.0, 2.0])),
    ],
)  # fmt: skip
def test_shapes_of_vectors_means_and_covariances(args):
    x, mean, cov = args
    got, expected = ours.multivariate_normal.logpdf(tg.Tensor(x), mean, cov), theirs.multivariate_normal.logpdf(*args)
    assert got.shape == np.shape(expected)
    np.testing.assert_allclose(got.data, expected)
    frozen = ours.multivariate_normal(tg.Tensor(np.zeros(2)), np.eye(2))
    assert isinstance(frozen.logpdf(np.ones(2)), tg.Tensor)
    with pytest.raises(tg.UnsupportedError, match="Give it a plain mean"):
        frozen.rvs()


def test_a_covariance_that_may_be_singular_and_is_not():
    def density(library):
        return lambda x, m, c: library.multivariate_normal.logpdf(x, m, (c + c.T) / 2, allow_singular=True)

    x, mean, cov = np.array([0.3, -1.0]), np.array([0.1, 0.2]), np.array([[2.0, 0.3], [0.3, 1.0]])
    obey(density(ours), density(theirs), x, mean, cov, exact=False, order=1)
    gradient = tg.compile(tg.grad(density(ours), argnums=(0, 2)))
    for found, expected in zip(gradient(x, mean, cov), tg.grad(density(ours), (0, 2))(x, mean, cov), strict=True):
        np.testing.assert_allclose(found, expected)
    line = np.ones((2, 2))
    for call in (gradient, tg.grad(density(ours))):
        with pytest.raises(np.linalg.LinAlgError, match=r"Add a small multiple of np\.eye"):
            call(x, mean, line)
    values = [tg.Tensor(item, requires_grad=False) for item in (np.ones(2), np.zeros(2), line)]
    assert density(ours)(*values) == density(theirs)(np.ones(2), np.zeros(2), line)
