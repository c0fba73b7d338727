import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygraph as tg
from tinygraph.testing.strategies import arrays_that_broadcast

from .laws import Call, enter, obey, unary

LAWS = enter(
    {
        np.sin: unary(),
        np.cos: unary(),
        np.tan: unary(low=-1.25, high=1.25),
        np.arcsin: unary(low=-0.75, high=0.75),
        np.arccos: unary(low=-0.75, high=0.75),
        np.arctan: unary(),
        np.sinh: unary(),
        np.cosh: unary(),
        np.tanh: unary(),
        np.arcsinh: unary(),
        np.arccosh: unary(low=1.25, high=3),
        np.arctanh: unary(low=-0.75, high=0.75),
        # Away from the origin, and from the jump on the negative half of the second axis.
        np.arctan2: arrays_that_broadcast(2, away_from=[0.0], margin=0.25).map(Call),
        np.deg2rad: unary(),
        np.radians: unary(),
        np.rad2deg: unary(),
        np.degrees: unary(),
        np.sinc: unary(),
    }
)


@pytest.mark.parametrize("entry", LAWS, ids=str)
@given(data=st.data())
def test_laws(entry, data):
    obey(entry, data)


@pytest.mark.parametrize("x", [0.0, 1e-300, 1e-8, 1e-5, 1e-3, 0.09, 0.11])
def test_the_slope_of_sinc_does_not_cancel_near_zero(x):
    t = tg.Tensor(x)
    np.sinc(t).backward()
    u = np.pi * x
    series = np.pi * (-u / 3 + u**3 / 30 - u**5 / 840 + u**7 / 45360 - u**9 / 3991680 + u**11 / 518918400)
    assert t.grad == pytest.approx(series, rel=1e-13)
    assert tg.grad(tg.grad(np.sinc))(x) == pytest.approx(
        np.pi**2 * (-1 / 3 + u**2 / 10 - u**4 / 168 + u**6 / 6480 - u**8 / 443520), rel=1e-10
    )
