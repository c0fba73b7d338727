from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygraph as tg
from tinygraph.testing import check_grads
from tinygraph.testing.strategies import arrays

from .laws import obey

theirs = pytest.importorskip("scipy.optimize")
ours = pytest.importorskip("tinygraph.scipy.optimize")

FEW = settings(max_examples=3)
PARAMETERS = arrays((2,), low=0.5, high=1.5)
NUMBERS = arrays((), low=0.5, high=1.5)


def equations(x, p):
    return [x[0] ** 3 + x[1] * p[0] - 1, x[1] - p[1] * x[0] ** 2]


def quartic(x, p):
    return np.sum((x - p) ** 4) + np.sum((x - 1) ** 2) + x[0] * x[1] * p[0]


# --- roots ------------------------------------------------------------------------------------------------------------


@FEW
@given(PARAMETERS)
def test_roots_of_several_equations(p):
    def root(library):
        return lambda p: library.root(equations, [0.5, 0.5], args=(p,), tol=1e-13).x

    def solved(library):
        return lambda p: library.fsolve(lambda x: equations(x, p), [0.5, 0.5], xtol=1e-13)

    obey(root(ours), root(theirs), p)
    obey(solved(ours), solved(theirs), p)


@pytest.mark.parametrize("name", ["bisect", "brenth", "brentq", "ridder", "toms748"])
@FEW
@given(NUMBERS)
def test_a_root_between_two_numbers(name, p):
    def root(library):
        return lambda p: getattr(library, name)(lambda x: x**3 + x - p, 0, 3, xtol=1e-14)

    def also_of_result(library):
        return lambda p: getattr(library, name)(lambda x, p: x**3 + x - p, 0, 3, (p,), full_output=True)[1].root

    obey(root(ours), lambda p: np.float64(root(theirs)(p)), p)
    assert isinstance(also_of_result(ours)(tg.Tensor(p)), tg.Tensor)


@FEW
@given(NUMBERS, PARAMETERS)
def test_newtons_method_and_fixed_points(p, several):
    def root(library):
        return lambda p: library.newton(lambda x: x**3 + x - p, 0.5, tol=1e-13)

    def roots(library):
        return lambda p: library.newton(lambda x: x**3 + x - p, np.array([0.5, 0.6]), tol=1e-13)

    def scalar(library):
        return lambda p: library.root_scalar(lambda x, p: x**3 + x - p, (p,), bracket=(0, 3)).root

    def fixed(library):
        return lambda p: library.fixed_point(lambda x: np.cos(p * x), np.array([0.5, 0.5]), xtol=1e-14)

    obey(root(ours), lambda p: np.float64(root(theirs)(p)), p)
    obey(roots(ours), roots(theirs), several)
    obey(scalar(ours), lambda p: np.float64(scalar(theirs)(p)), p)
    obey(fixed(ours), fixed(theirs), several)


def test_a_jacobian_may_be_given():
    p = tg.Tensor([0.75, 1.0])

    def jac(x):
        return [[3 * x[0] ** 2, p[0]], [-2 * p[1] * x[0], 1]]

    both = ours.root(
        lambda x: (np.stack(equations(x, p)), np.stack([np.stack(row) for row in jac(x)])), [1, 1], jac=True
    )
    apart = ours.root(
        lambda x: equations(x, p), [1, 1], jac=lambda x: np.array([[float(e) for e in r] for r in jac(x)])
    )
    alone = ours.root(lambda x: equations(x, p), [1, 1])
    for result in (both, apart, alone):
        p.grad = None
        result.x[0].backward()
        np.testing.assert_allclose(p.grad, tg.grad(lambda p: ours.fsolve(equations, [1, 1], p)[0])(p.data), rtol=1e-6)


def test_a_search_that_fails_has_no_gradient():
    c = tg.Tensor(1.0)
    result = ours.root(lambda x: x**2 + c, 1.0)
    assert not result.success
    with pytest.raises(tg.GraphError, match=r"optimize\.root: SciPy found no solution"):
        np.sum(result.x).backward()
    with pytest.raises(tg.GraphError, match="the Jacobian at the solution is singular"):
        ours.bisect(lambda x: c * x**3, -1, 1).backward()


def test_the_function_may_write_into_an_array():
    def residuals(x, p):
        found = np.zeros_like(x)
        found[0] = x[0] ** 3 + x[1] * p[0] - 1
        found[1] = x[1] - p[1] * x[0] ** 2
        return found

    def root(f):
        return lambda p: ours.root(f, [0.5, 0.5], args=(p,), tol=1e-13).x

    p = np.array([0.75, 1.25])
    np.testing.assert_allclose(tg.jacobian(root(residuals))(p), tg.jacobian(root(equations))(p), rtol=1e-9)


def test_plain_functions_are_scipys():
    assert ours.brentq(np.cos, 0, 3) == theirs.brentq(np.cos, 0, 3)
    assert type(ours.root(lambda x: x**2 - 2, 1.0).x) is np.ndarray
    assert type(ours.minimize(lambda x: np.sum(x**2), [1.0, 2.0]).x) is np.ndarray


def test_nothing_is_recorded_under_no_grad():
    with tg.no_grad():
        assert type(ours.brentq(lambda x, p: x - p, 0, 3, args=(tg.Tensor(1.0),))) is float


# --- minima -----------------------------------------------------------------------------------------------------------


@FEW
@given(PARAMETERS, st.sampled_from(["BFGS", "L-BFGS-B", "trust-constr"]))
def test_minimize(p, method):
    def minimum(p):
        jac = lambda x, p: tg.grad(quartic)(x, p)
        return ours.minimize(quartic, [0.5, 0.5], (p,), method, jac, tol=1e-12).x

    result = ours.minimize(quartic, [0.5, 0.5], (tg.Tensor(p),), method, tol=1e-8)
    expected = theirs.minimize(quartic, [0.5, 0.5], (p,), method, tol=1e-8)
    np.testing.assert_array_equal(result.x.data, expected.x)
    np.testing.assert_array_equal(result.fun.data, expected.fun)
    if method != "trust-constr":
        check_grads(minimum, p, order=2 if method == "BFGS" else 1, rtol=1e-3, atol=1e-4)


def test_the_value_at_the_minimum_has_the_gradient_of_the_envelope():
    p = np.array([0.75, 1.25])
    value = lambda p: ours.minimize(quartic, [0.5, 0.5], (p,), jac=lambda x, p: tg.grad(quartic)(x, p)).fun
    x = theirs.minimize(quartic, [0.5, 0.5], (p,)).x
    np.testing.assert_allclose(tg.grad(value)(p), tg.grad(lambda p: quartic(x, p))(p), rtol=1e-4)


def test_the_value_and_its_derivative_may_come_together():
    p = np.array([0.75, 1.25])
    both = lambda p: ours.minimize(lambda x: tg.value_and_grad(quartic)(x, p), [0.5, 0.5], jac=True, tol=1e-12).x
    apart = lambda p: ours.minimize(quartic, [0.5, 0.5], (p,), jac=lambda x, p: tg.grad(quartic)(x, p), tol=1e-12).x
    np.testing.assert_allclose(tg.jacobian(both)(p), tg.jacobian(apart)(p), rtol=1e-6)


def test_elements_at_a_bound_stay():
    p = np.array([0.75, 1.25])

    def minimum(p):
        jac = lambda x, p: tg.grad(quartic)(x, p)
        return ours.minimize(quartic, [0.0, 0.0], (p,), jac=jac, bounds=[(None, 0.25), (None, None)], tol=1e-12).x

    assert minimum(p)[0] == 0.25
    assert tg.jacobian(minimum)(p)[0].tolist() == [0, 0]
    check_grads(minimum, p, order=1, rtol=1e-3, atol=1e-4)


def test_minimize_scalar():
    check_grads(
        lambda p: ours.minimize_scalar(lambda x: (x - p) ** 4 + x * x, tol=1e-12).x, np.array(0.75), order=1, rtol=1e-3
    )
    p = tg.Tensor(5.0)
    with pytest.raises(tg.UnsupportedError, match="the minimum lies at a bound"):
        ours.minimize_scalar(lambda x: (x - p) ** 2, bounds=(0, 1))


def test_least_squares_and_fits():
    t = np.linspace(0, 1, 5)
    y = np.exp(-1.25 * t) + 0.125 * np.sin(9 * t)
    exact = {"xtol": 1e-15, "ftol": 1e-15, "gtol": 1e-15}

    def slopes(p):
        return np.stack([np.exp(-p[1] * t), -p[0] * t * np.exp(-p[1] * t)], 1)

    def fitted(library):
        return lambda y: library.least_squares(lambda p: p[0] * np.exp(-p[1] * t) - y, [1.0, 1.0], slopes, **exact).x

    def curve(library):
        return lambda y, s: library.curve_fit(
            lambda x, a, b: a * np.exp(-b * x), t, y, sigma=s, xtol=1e-14, ftol=1e-14
        )[0]

    obey(fitted(ours), fitted(theirs), y, rtol=1e-4)
    obey(curve(ours), curve(theirs), y, 1 + t, order=1, rtol=1e-3, atol=1e-6)
    assert type(ours.curve_fit(lambda x, a: a * x, t, tg.Tensor(t))[1]) is np.ndarray


def test_what_is_refused_is_named():
    p = tg.Tensor([0.5, 1.0])
    constraint = {"type": "eq", "fun": lambda x: x[0] - x[1]}
    with pytest.raises(tg.UnsupportedError, match=r"optimize\.minimize: constraints="):
        ours.minimize(quartic, [0.0, 0.0], (p,), constraints=[constraint])
    with pytest.raises(tg.UnsupportedError, match="no gradient flows to bounds"):
        ours.minimize(quartic, [0.0, 0.0], (p,), bounds=[(p[0], None), (None, None)])
    with pytest.raises(tg.UnsupportedError, match="loss='huber'"):
        ours.least_squares(lambda x: x - p, [0.0, 0.0], loss="huber")
