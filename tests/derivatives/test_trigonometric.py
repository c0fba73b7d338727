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


CUTS = {  # points on the branch cuts of complex functions, and the direction of the cut
    np.arcsin: ([2.0, -2.0], 1), np.arccos: ([2.0, -2.0], 1), np.arccosh: ([0.25, -2.0], 1),
    np.arctanh: ([2.0, -2.0], 1), np.arcsinh: ([2.0, -2.0], 1j), np.arctan: ([2.0, -2.0], 1j),
    np.sqrt: ([-2.0], 1), np.log: ([-2.0], 1), np.log1p: ([-3.0], 1),
}  # fmt: skip


@pytest.mark.parametrize("function", CUTS, ids=lambda function: function.__name__)
@pytest.mark.parametrize("zero", [0.0, -0.0])
def test_on_a_branch_cut_the_slope_is_that_of_the_side_that_the_sign_of_zero_names(function, zero):
    places, along = CUTS[function]

    def at(place):
        return complex(place, zero) if along == 1 else complex(zero, place)

    gradient = tg.grad(lambda x: np.real(np.sum(function(x) * (1 + 2j))))
    compiled = tg.compile(gradient)
    for place in places:
        step = 1e-6
        slope = (function(at(place + step)) - function(at(place - step))) / (2 * step * along)
        x = np.array([at(place)])
        for found in (gradient(x), compiled(x), compiled(x)):
            assert found[0] == pytest.approx(np.conj(slope * (1 + 2j)), rel=1e-6)
        if along == 1:  # a real number that the function makes complex lies on the upper side
            real = tg.grad(lambda x: np.sum(np.real(function(x, dtype=complex) * (1 + 2j))))(np.array([place]))
            upper = (function(complex(place + step)) - function(complex(place - step))) / (2 * step)
            assert real[0] == pytest.approx((upper * (1 + 2j)).real, rel=1e-6)
