"""A compiled function may use SciPy's functions of arrays; those that call a Python function back are errors."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

import tinygraph as tg

sparse = pytest.importorskip("scipy.sparse")

from tinygraph.scipy import integrate, interpolate, linalg, ndimage, optimize, signal, stats  # noqa: E402
from tinygraph.scipy.sparse import linalg as sparse_linalg  # noqa: E402

A = np.array([[4.0, 1.0, 0.5], [0.25, 3.0, -0.5], [0.5, 0.0, 2.0]])
SPD = A @ A.T
V = np.array([1.0, -2.0, 0.5])
X, Y, NEW = np.arange(5.0), np.array([1.0, 2.0, 0.5, 3.0, 2.0]), np.array([0.3, 1.2, 2.7])
MATRIX, SYMMETRIC = sparse.csc_array(A), sparse.csc_array(SPD)

COMPILED = {
    "cholesky": (lambda a, b: linalg.cho_solve(linalg.cho_factor(a), b), SPD, V),
    "cubic spline": (lambda y, n: interpolate.CubicSpline(X, y)(n), Y, NEW),
    "density": (lambda x, m: stats.norm.logpdf(x, m, 1.5), V, V + 1),
    "density of vectors": (lambda x, c: stats.multivariate_normal.logpdf(x, np.zeros(3), c), V, SPD),
    "det": (linalg.det, A),
    "eigh": (lambda a: linalg.eigh(a)[0], SPD),
    "exponential": (linalg.expm, A / 4),
    "filter": (lambda x: ndimage.gaussian_filter(x, 1.0), A),
    "lfilter": (lambda x: signal.lfilter([1.0, 0.25], [1, 0.5], x), Y),
    "lines": (lambda y, n: interpolate.interp1d(X, y, fill_value="extrapolate")(n), Y, NEW),
    "lu": (lambda a, b: linalg.lu_solve(linalg.lu_factor(a), b), A, V),
    "samples": (lambda y: integrate.simpson(y, x=X), Y),
    "solve": (linalg.solve, A, V),
    "sparse": (lambda b: sparse_linalg.spsolve(MATRIX, b), V),
    "window": (lambda x, w: signal.convolve(x, w, "same"), Y, V),
}


@pytest.mark.parametrize("name", COMPILED)
def test_a_compiled_function_and_its_gradient_are_the_eager_ones(name):
    f, *xs = COMPILED[name]

    def slopes(*xs):
        return tg.grad(lambda *xs: np.sum(np.square(f(*xs))), argnums=tuple(range(len(xs))))(*xs)

    for function in (f, slopes):
        compiled, expected = tg.compile(function), function(*xs)
        for _ in range(2):
            got = compiled(*xs)
            for one, other in zip(
                *[item if isinstance(item, tuple) else (item,) for item in (got, expected)], strict=True
            ):
                np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-12)


def test_a_saved_program_calls_scipy(tmp_path):
    compiled = tg.compile(lambda a, b: linalg.solve(linalg.expm(a), b))
    expected = compiled(A / 4, V)
    compiled.save(tmp_path / "step.py")
    program = f"""
import sys; sys.path.insert(0, {str(tmp_path)!r})
import numpy as np, step
print(step.step(np.array({(A / 4).tolist()}), np.array({V.tolist()})).tolist(), "tinygraph" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == f"{expected.tolist()} False"


REFUSED = {
    r"integrate\.odeint": (lambda y: integrate.odeint(lambda y, t: -y, y, [0, 1]), V),
    r"integrate\.quad": (lambda p: integrate.quad(lambda x: np.exp(-p * x), 0, 1)[0], np.array(0.5)),
    r"integrate\.solve_ivp": (lambda y: integrate.solve_ivp(lambda t, y: -y, (0, 1), y).y, V),
    r"optimize\.brentq": (lambda p: optimize.brentq(lambda x: x**3 - p, 0, 2), np.array(0.5)),
    r"optimize\.curve_fit": (lambda y: optimize.curve_fit(lambda x, a: a * x, X, y)[0], Y),
    r"optimize\.least_squares": (lambda p: optimize.least_squares(lambda x: x - p, [0.0]).x, np.array(0.5)),
    r"optimize\.minimize": (lambda p: optimize.minimize(lambda x: np.sum((x - p) ** 2), V).x, np.array(0.5)),
    r"optimize\.root": (lambda p: optimize.root(lambda x: x**3 - p, 1.0).x, np.array(0.5)),
    r"sparse\.linalg\.cg": (lambda b: sparse_linalg.cg(SYMMETRIC, b)[0], V),
    r"sparse\.linalg\.factorized": (lambda b: sparse_linalg.factorized(MATRIX)(b), V),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_compiled_is_named(name):
    f, *xs = REFUSED[name]
    with pytest.raises(tg.UnsupportedError, match=f"compile: {name}:"):
        tg.compile(f)(*xs)
