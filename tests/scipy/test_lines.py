"""Each call is recorded on the line of the user's code that it stands in, those of a given function on their own."""

from __future__ import annotations

import numpy as np
import pytest

import tinygraph as tg

pytest.importorskip("scipy")

from tinygraph.scipy import integrate, interpolate, linalg, ndimage, optimize, signal, stats

POINTS = np.arange(4.0)
CALLS = {
    "brentq": lambda p: optimize.brentq(lambda x: x**3 - p, 0, 3),
    "CubicSpline": lambda p: interpolate.CubicSpline(POINTS, POINTS**2)(p),
    "gaussian_filter": lambda p: ndimage.gaussian_filter(np.ones((3, 3)) * p, 1.0),
    "interp1d": lambda p: interpolate.interp1d(POINTS, POINTS**2)(p),
    "lfilter": lambda p: signal.lfilter([1.0, 0.5], [1.0, 0.25], np.ones(3) * p),
    "multivariate_normal": lambda p: stats.multivariate_normal(np.ones(2) * p, np.eye(2)).logpdf(np.ones(2)),
    "norm": lambda p: stats.norm.logpdf(p, 0.0, 1.0),
    "quad": lambda p: integrate.quad(lambda x: np.exp(-p * x), 0, 1)[0],
    "solve": lambda p: linalg.solve(np.eye(2) * p, np.ones(2), assume_a="sym"),
    "solve_ivp": lambda p: integrate.solve_ivp(lambda t, y: -p * y, (0, 1), [1.0], max_step=0.5).y,
}


@pytest.mark.parametrize("name", CALLS)
def test_calls_stand_on_the_users_lines(name):
    graph = tg.Graph.of(CALLS[name](tg.Tensor(1.5)))
    lines = [line for line in str(graph).splitlines() if " = " in line and "parameter" not in line]
    assert lines and all("test_lines.py" in line for line in lines), lines
