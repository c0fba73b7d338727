"""A function takes all that SciPy's takes where no gradient flows: the arrays of a program on `tinygraph.numpy`."""

from __future__ import annotations

import importlib
from typing import Any

import numpy
import pytest

import tinygraph as tg
import tinygraph.numpy

scipy = pytest.importorskip("scipy")
for room in ("integrate", "interpolate", "linalg", "ndimage", "optimize", "signal", "sparse.linalg", "stats"):
    importlib.import_module(f"scipy.{room}")
    importlib.import_module(f"tinygraph.scipy.{room}")

# Programs with s for SciPy or tinygraph.scipy, and np for NumPy or tinygraph.numpy. The vector v, the matrix M and
# the sparse matrix A are plain numbers.
PROGRAMS = """
s.integrate.odeint(lambda y, t: -y, v, v)
s.integrate.odeint(lambda y, t: -y, v, v, full_output=True)[0]
s.integrate.solve_ivp(lambda t, y: -y, (0, 1), v, events=lambda t, y: y[0] - 0.05).t_events[0]
s.integrate.solve_ivp(lambda t, y: -y, (0, 1), v, method="BDF", first_step=v[0]).y
s.integrate.solve_ivp(lambda t, y: -y, (v[0], v[-1]), v, t_eval=v).y
s.integrate.solve_ivp(lambda t, y: -y, np.array([0.0, 1.0]), v, max_step=v[0], rtol=v[0] / 1e5, atol=v / 1e5).y
s.integrate.solve_ivp(lambda t, y: np.array([-y[0]]), (0, 1), [1.0], method="LSODA").y
s.integrate.solve_ivp(lambda t, y, k: -k * y, (0, 1), [1.0], args=(v[2],), events=lambda t, y, k: y[0] - k).t_events[0]
s.integrate.solve_ivp(lambda t, y, k: -k * y, (0, 1), [1.0], "BDF", args=(v[2],), jac=lambda t, y, k: np.array([[-k]])).y
s.interpolate.CubicSpline(v, v**2)(v / 2)
s.interpolate.CubicSpline(v, v**2, bc_type=((1, v[0]), (2, v[1])))(v)
s.interpolate.interp1d(v, v**2, bounds_error=False, fill_value=(v[0], v[1]))(v * 2)
s.interpolate.interp1d(v, v**2, kind="cubic")(v)
s.interpolate.make_interp_spline(v, v**2, k=3)(v)
s.linalg.eigh(M, M + np.eye(4))[0]
s.linalg.eigh(M, subset_by_index=[0, 1])[0]
s.linalg.lu(M[:3])[2]
s.linalg.pinv(M, return_rank=True)[0]
s.linalg.qr(M, pivoting=True)[1]
s.ndimage.gaussian_filter(M, 1.0, axes=(0,))
s.ndimage.gaussian_filter(M, v[3])
s.ndimage.gaussian_filter(M, v[3:5])
s.ndimage.gaussian_filter1d(M, v[3], order=2)
s.optimize.curve_fit(lambda x, a: a * x, v, v, p0=v[:1], sigma=v, bounds=(np.zeros(1), 2 * np.ones(1)))[0]
s.optimize.least_squares(lambda x: x - v, v * 0, bounds=(np.zeros(6), np.ones(6))).x
s.optimize.least_squares(lambda x: x - v, v * 0, loss="huber", x_scale=v).x
s.optimize.minimize(lambda x: np.sum((x - v) ** 2), v * 0, bounds=[(v[3], 1)] * 6).x
s.optimize.minimize(lambda x: np.array(np.sum((x - v) ** 2)), v * 0, constraints={"type": "eq", "fun": lambda x: np.sum(x)}).x
s.signal.fftconvolve(M, M, axes=0)
s.signal.lfilter(v[:2], [1.0, 0.5], v, zi=v[:1])[0]
s.sparse.linalg.cg(A, M[0], x0=M[0])[0]
s.sparse.linalg.cg(M, M[0])[0]
s.sparse.linalg.gmres(A, M[0], M=A)[0]
s.stats.gamma.fit(v, floc=0)[0]
s.stats.multivariate_normal(np.zeros(2), np.eye(2)).cdf(v[:2])
s.stats.norm(v[0], v[1]).rvs(3, random_state=0)
s.stats.norm.fit(v)[0]
s.stats.norm.rvs(v[0], v[1], size=3, random_state=0)
s.stats.poisson.rvs(v, random_state=0)
""".strip().splitlines()  # fmt: skip  # noqa: E501


def _names(of: Any, numbers: Any) -> dict[str, Any]:
    sparse = scipy.sparse.diags_array([numpy.full(4, 2.0), numpy.full(3, -1.0)], offsets=[0, 1])
    return {
        "s": of, "np": numbers, "v": numbers.linspace(0.1, 1, 6), "M": 2 * numbers.eye(4) + 0.1,
        "A": (sparse + sparse.T).tocsc(),
    }  # fmt: skip


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_on_plain_numbers_is_scipys(program):
    expected = eval(program, _names(scipy, numpy))
    found = eval(program, _names(tinygraph.scipy, tinygraph.numpy))
    numpy.testing.assert_allclose(numpy.asarray(found), expected, rtol=1e-6, atol=1e-7)


K = tg.Tensor(0.5)


@pytest.mark.parametrize(
    ("program", "problem"),
    [
        ('s.integrate.solve_ivp(lambda t, y: -y if t < 0.5 else -K * y, (0, 1), [1.0], method="BDF")', "implicit"),
        ("s.integrate.solve_ivp(lambda t, y: -y, (0, 1), [1.0], events=lambda t, y: y[0] - K)", "events="),
        ("s.integrate.solve_ivp(lambda t, y: -y, (0, K), [1.0])", "no gradient flows to them"),
        ("s.linalg.eigh(M * K, M)", "b= has no gradient"),
        ("s.interpolate.CubicSpline(K * v, v)", "no gradient flows to the places"),
        ("s.optimize.least_squares(lambda x: x - K, [0.0], loss='huber')", "loss='huber'"),
        ("s.optimize.least_squares(lambda x: x - v[0], [0.0], bounds=(0, K))", "no gradient flows to bounds"),
        ("s.sparse.linalg.spsolve(M * K, M[0])", "no gradient flows to the elements"),
        ("s.stats.norm(K).rvs()", "no gradient here"),
    ],
)
def test_the_same_call_with_a_gradient_is_refused(program, problem):
    names = {**_names(tinygraph.scipy, tinygraph.numpy), "K": K}
    with pytest.raises(tg.UnsupportedError, match=problem):
        eval(program, names)
    if "lambda" not in program:
        with tg.no_grad():
            eval(program, names)


def test_a_tensor_that_comes_in_late_has_its_gradient():
    y = tinygraph.scipy.integrate.odeint(lambda y, t: -y if t < 0.5 else -K * y, [1.0], [0.0, 0.4, 1.0])
    assert y.requires_grad
