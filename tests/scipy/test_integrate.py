from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygraph as tg
from tinygraph.testing import check_grads
from tinygraph.testing.strategies import arrays

from .laws import obey

theirs = pytest.importorskip("scipy.integrate")
ours = pytest.importorskip("tinygraph.scipy.integrate")

FEW = settings(max_examples=4)


# --- functions --------------------------------------------------------------------------------------------------------


@settings(max_examples=2)
@given(arrays((), low=0.25, high=1.5), arrays((), low=-1, high=0), arrays((), low=0.5, high=2))
def test_quad_by_leibniz_rule(p, a, b):
    def whole(quad):
        return lambda p, a, b: quad(lambda x, p: np.exp(-p * x * x), a, b, args=(p,))[0]

    obey(whole(ours.quad), whole(theirs.quad), p, a, b)


@pytest.mark.parametrize("ends", [(0.0, np.inf), (-np.inf, 0.0), (-np.inf, np.inf)])
def test_quad_to_infinity(ends):
    def whole(quad):
        return lambda p: quad(lambda x: np.exp(-p * x * x), *ends)[0]

    obey(whole(ours.quad), whole(theirs.quad), np.array(0.75), order=1)


def test_quad_reaches_tensors_that_its_function_names():
    w, p = tg.Tensor([0.5, 1.0, 2.0]), tg.Tensor(0.5)
    value, error = ours.quad(lambda x: np.sum(w * np.exp(-p * x)), 0, 1)
    value.backward()
    np.testing.assert_allclose(w.grad, np.full(3, (1 - np.exp(-0.5)) / 0.5))
    assert type(error) is float and error < 1e-9


def test_quad_reaches_tensors_used_in_a_part_of_the_interval():
    def split(p, q):
        return ours.quad(lambda x: p * x if x < 1 else q * x, 0, 2, points=[1])[0]

    np.testing.assert_allclose(tg.grad(split, argnums=(0, 1))(2.0, 3.0), (0.5, 1.5))


def test_quad_of_a_tiny_cotangent_is_as_exact():
    found = tg.grad(lambda p: 1e-12 * ours.quad(lambda x: np.exp(-p * x), 0, 1)[0])(1.0)
    np.testing.assert_allclose(found, -1e-12 * (1 - 2 * np.exp(-1)), rtol=1e-8)


def test_quad_vec_and_fixed_quad():
    p = np.array([0.5, 1.0])
    obey(
        lambda p, b: ours.quad_vec(lambda x: np.exp(-p * x), 0, b)[0],
        lambda p, b: theirs.quad_vec(lambda x: np.exp(-p * x), 0, b)[0],
        p, np.array(1.5), order=1,
    )  # fmt: skip
    obey(
        lambda a, b: ours.fixed_quad(lambda x: np.exp(-x * x), a, b)[0],
        lambda a, b: theirs.fixed_quad(lambda x: np.exp(-x * x), a, b)[0],
        np.array(0.25), np.array(1.5), exact=False,
    )  # fmt: skip


def test_plain_functions_are_scipys():
    assert ours.quad(np.exp, 0, 1) == theirs.quad(np.exp, 0, 1)
    assert ours.quad(lambda x: x, 0, 1, full_output=1)[2]["neval"] == 21


def test_what_quad_refuses_it_names():
    p = tg.Tensor(1.0)
    with pytest.raises(tg.UnsupportedError, match=r"integrate\.quad: weight='cos' has no gradient here"):
        ours.quad(lambda x: p * x, 0, 1, weight="cos", wvar=2.0)


def test_a_value_that_changes_before_the_backward_pass_is_noticed():
    p, scale = tg.Tensor(1.0), [2.0]
    value, _ = ours.quad(lambda x: scale[0] * p * x, 0, 1)
    scale[0] = 3.0
    with pytest.raises(tg.GraphError, match="computed something else"):
        value.backward()


# --- samples ----------------------------------------------------------------------------------------------------------


@FEW
@given(st.integers(2, 5).flatmap(lambda n: st.tuples(arrays((2, n)), arrays((n,), low=0.5, high=1.5))))
def test_integrals_of_samples(drawn):
    y, steps = drawn
    x = np.cumsum(steps)
    for name, keywords in [("trapezoid", {}), ("simpson", {}), ("cumulative_trapezoid", {"initial": 0})]:
        one, other = getattr(ours, name), getattr(theirs, name)
        obey(lambda y, x: one(y, x=x, **keywords), lambda y, x: other(y, x=x, **keywords), y, x, exact=False)
        obey(lambda y: one(y, dx=0.5, axis=0), lambda y: other(y, dx=0.5, axis=0), y.T, exact=False)


def test_precision_is_scipys():
    y = np.array([1.0, 2.0, 0.5, 3.0], np.float32)
    for name in ("simpson", "trapezoid", "cumulative_trapezoid"):
        for samples in (y, y[:3], y[:2]):
            assert getattr(ours, name)(tg.Tensor(samples)).dtype == getattr(theirs, name)(samples).dtype


def test_romberg():
    obey(lambda y: ours.romb(y, 0.5), lambda y: theirs.romb(y, 0.5), np.array([1.0, 2.0, 0.5, 3.0, 2.0]), exact=False)


# --- equations --------------------------------------------------------------------------------------------------------


def prey(t, y, a, b):
    return np.stack([a * y[0] - b * y[0] * y[1], b * y[0] * y[1] - y[1] + 0.1 * t])


# Steps of one size, so that finite differences see the same steps.
EVEN = {"max_step": 0.5, "first_step": 0.5, "rtol": 1e9, "atol": 1e9}


@pytest.mark.parametrize(
    "options", [{}, {"t_eval": [0.1, 0.25, 0.6, 1.0]}, {"t_span": (1, 0), "t_eval": [0.9, 0.5, 0.0]}], ids=str
)
@pytest.mark.parametrize("method", ["DOP853", "RK23", "RK45"])
def test_solve_ivp_by_the_discrete_adjoint(method, options):
    options = {"t_span": (0, 1), "method": method, **EVEN, **options}

    def end(solve):
        return lambda y, a, b: solve(prey, y0=y, args=(a, b), **options).y

    order = 2 if method == "RK45" and options.get("t_span") == (0, 1) else 1
    start, a, b = np.array([1.0, 0.5]), np.array(1.5), np.array(0.75)
    obey(end(ours.solve_ivp), end(theirs.solve_ivp), start, a, b, exact=False, order=order)


@pytest.mark.parametrize("method", ["DOP853", "RK45"])
def test_the_steps_are_scipys_to_the_bit(method):
    y = np.array([1.0, 0.5])
    expected = theirs.solve_ivp(prey, (0, 5), y, method, args=(1.1, 0.4))
    got = ours.solve_ivp(prey, (0, 5), tg.Tensor(y), method, args=(1.1, 0.4))
    np.testing.assert_array_equal(got.y.data, expected.y)
    np.testing.assert_array_equal(got.t, expected.t)
    assert (got.nfev, got.status, got.success) == (expected.nfev, expected.status, True)


def test_the_solution_between_the_steps_carries_a_gradient():
    def between(solve):
        return lambda y: solve(lambda t, y: -y, (0, 1), y, dense_output=True, **EVEN).sol(np.array([0.3, 0.4]))

    obey(between(ours.solve_ivp), between(theirs.solve_ivp), np.array([1.0, 0.5]), exact=False)


def test_the_gradient_of_an_accurate_solution_is_that_of_the_equation():
    rate = tg.Tensor(0.5)
    result = ours.solve_ivp(lambda t, y: [-rate * y[0]], (0, 2), [1.0], rtol=1e-10, atol=1e-12)
    result.y[0, -1].backward()
    np.testing.assert_allclose(rate.grad, -2 * np.exp(-1), rtol=1e-8)


def test_the_right_hand_side_may_write_into_an_array():
    def motion(t, y, k):
        slopes = np.zeros_like(y)
        slopes[0] = y[1]
        slopes[1:] = -k * y[:1]
        return slopes

    check_grads(
        lambda y, k: ours.solve_ivp(motion, (0, 1), y, args=(k,), **EVEN).y, np.array([1.0, 0.5]), 1.25, order=1
    )


def test_vectorized_right_hand_sides():
    check_grads(lambda y: ours.solve_ivp(lambda t, y: -y * y, (0, 1), y, vectorized=True, **EVEN).y, np.array([1.0, 2]))


def test_odeint_agrees_to_its_tolerances():
    times = np.linspace(0, 2, 4)

    def motion(y, t, k):
        return [y[1], -k * y[0]]

    y, k = np.array([1.0, 0.5]), np.array(1.25)
    got = ours.odeint(motion, tg.Tensor(y), times, args=(tg.Tensor(k),))
    np.testing.assert_allclose(got.data, theirs.odeint(motion, y, times, args=(k,)), atol=1e-6)
    check_grads(lambda y, k: ours.odeint(motion, y, times, (k,), rtol=1e-11, atol=1e-11), y, k, order=1, rtol=1e-4)
    np.testing.assert_array_equal(ours.odeint(motion, y, times, (k,)), theirs.odeint(motion, y, times, (k,)))


def test_what_equations_refuse_they_name():
    y = tg.Tensor([1.0])
    for method in ("Radau", "BDF", "LSODA"):
        with pytest.raises(tg.UnsupportedError, match=rf"method='{method}' is implicit"):
            ours.solve_ivp(lambda t, y: -y, (0, 1), y, method)
    with pytest.raises(tg.UnsupportedError, match="events"):
        ours.solve_ivp(lambda t, y: -y, (0, 1), y, events=lambda t, y: y[0] - 0.5)
    with pytest.raises(tg.UnsupportedError, match="the times are plain numbers"):
        ours.solve_ivp(lambda t, y: -y, (0, tg.Tensor(1.0)), y)
    with pytest.raises(tg.UnsupportedError, match="full_output"):
        ours.odeint(lambda y, t: -y, y, [0, 1], full_output=1)
    plain = ours.solve_ivp(lambda t, y: -y, (0, 1), [1.0], "BDF", events=lambda t, y: y[0] - 0.5)
    assert type(plain.y) is np.ndarray and plain.sol is None


@pytest.mark.parametrize("pack", [list, tuple, np.array, tg.Tensor])
def test_the_arguments_of_an_equation_come_in_any_container(pack):
    def f(t, y, growth, loss):
        return growth * y - loss * y**2

    values = [1.2, 0.7]
    found = ours.solve_ivp(f, (0, 1), [0.5], args=pack(values)).y
    np.testing.assert_array_equal(
        found if type(found) is np.ndarray else found.data, theirs.solve_ivp(f, (0, 1), [0.5], args=values).y
    )


def test_a_single_argument_of_an_equation_is_no_container():
    with pytest.raises(TypeError, match=r"Write args=\(k,\)"):
        ours.solve_ivp(lambda t, y, k: -k * y, (0, 1), [0.5], args=tg.Tensor(2.0))
