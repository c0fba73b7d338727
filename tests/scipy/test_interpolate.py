from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings

import tinygraph as tg
from tinygraph.testing import check_grads
from tinygraph.testing.strategies import arrays

from .laws import obey

theirs = pytest.importorskip("scipy.interpolate")
ours = pytest.importorskip("tinygraph.scipy.interpolate")

FEW = settings(max_examples=2)
X = np.array([0.0, 1.0, 1.5, 3.0, 4.5])
PLACES = arrays((2,), low=0, high=4.5, away_from=X)
VALUES = arrays((5,))


@FEW
@given(VALUES, PLACES, arrays((2, 2), low=-2, high=6, away_from=X))
def test_straight_lines(y, new, beyond):
    def lines(library, **options):
        return lambda x, y, n: library.interp1d(x, y, **options)(n)

    obey(lines(ours), lines(theirs), X, y, new, exact=False)
    for options in ({"fill_value": "extrapolate"}, {"fill_value": (7.0, -1.0), "bounds_error": False}):
        obey(lines(ours, **options), lines(theirs, **options), X, y, beyond, exact=False)
    obey(
        lambda y, n: ours.interp1d(X[::-1], np.stack([y, y * y]), axis=1)(n),
        lambda y, n: theirs.interp1d(X[::-1], np.stack([y, y * y]), axis=1)(n),
        y, new, exact=False,
    )  # fmt: skip


@pytest.mark.parametrize("ends", ["not-a-knot", "natural", "clamped", ((1, 0.5), (2, 0.25))], ids=str)
@FEW
@given(VALUES, PLACES)
def test_cubic_splines(ends, y, new):
    def curve(library):
        return lambda y, n: library.CubicSpline(X, y, bc_type=ends)(n)

    obey(curve(ours), curve(theirs), y, new)


def test_derivatives_and_integrals_of_splines():
    y, new = np.array([1.0, 2.0, 0.5, 3.0, 2.0]), np.array([0.25, 2.0])

    def slopes(library):
        return lambda y, n: library.CubicSpline(X, np.stack([y, y * y]), axis=1)(n, 1)

    def derivative(library):
        return lambda y, n: library.CubicSpline(X, y).derivative()(n)

    def integral(library):
        return lambda y, n: np.asarray(library.CubicSpline(X, y).integrate(n[0], 2.0))

    obey(slopes(ours), slopes(theirs), y, new, order=1, exact=False)
    obey(derivative(ours), derivative(theirs), y, new, order=1, exact=False)
    obey(lambda y, n: ours.CubicSpline(X, y).integrate(n[0], 2.0), integral(theirs), y, new, order=1, exact=False)


@pytest.mark.parametrize("degree", [1, 2, 3])
@FEW
@given(VALUES, PLACES)
def test_splines_of_a_degree(degree, y, new):
    def curve(library):
        return lambda y, n: library.make_interp_spline(X, y, k=degree)(n)

    near = np.unique([*X, *(X[1:] + X[:-1]) / 2])
    if np.min(np.abs(new[:, None] - near)) > 1 / 64:
        obey(curve(ours), curve(theirs), y, new, order=1 if degree == 1 else 2)


def test_conditions_at_the_ends_of_splines():
    ends = ([(2, 0.5)], [(1, 0.0)])
    check_grads(lambda y: ours.make_interp_spline(X, y, bc_type=ends)(np.array([0.5, 2.0])), np.arange(5.0) ** 2)


def test_through_plain_values_there_is_all_that_scipy_has():
    y = np.array([1.0, 2.0, 0.5, 3.0, 2.0])
    curve = ours.CubicSpline(X, y)
    np.testing.assert_array_equal(curve.c, theirs.CubicSpline(X, y).c)
    np.testing.assert_array_equal(curve.roots(), theirs.CubicSpline(X, y).roots())
    assert type(curve(2.0)) is np.ndarray
    check_grads(lambda n: curve(n), np.array([0.25, 2.0]))
    check_grads(lambda n: ours.interp1d(X, y)(n), np.array([0.25, 2.0]))
    np.testing.assert_array_equal(ours.interp1d(X, y, "cubic")(2.0), theirs.interp1d(X, y, "cubic")(2.0))


def test_what_is_refused_is_named():
    y = tg.Tensor([1.0, 2.0, 0.5, 3.0, 1.0])
    with pytest.raises(tg.UnsupportedError, match=r"interpolate\.CubicSpline: c has no gradient here"):
        ours.CubicSpline(X, y).c  # noqa: B018
    with pytest.raises(tg.UnsupportedError, match="periodic"):
        ours.CubicSpline(X, y, bc_type="periodic")
    with pytest.raises(tg.UnsupportedError, match="no gradient flows to the places of the points"):
        ours.CubicSpline(tg.Tensor(X), y)
    with pytest.raises(tg.UnsupportedError, match=r"kind='cubic'.*make_interp_spline"):
        ours.interp1d(X, y, "cubic")(2.0)
    with pytest.raises(ValueError, match="a place lies beyond the points"):
        ours.interp1d(X, y)(5.0)
