import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygraph as tg
from tinygraph.testing import check_grads
from tinygraph.testing.strategies import arrays, shapes

from .laws import LAPACK, Call, enter, obey

P = shapes(1, 1, min_side=1, max_side=4)
TWO = st.tuples(arrays(P), arrays(P)).map(Call)


@st.composite
def divided(draw):
    """Polynomials with a quotient; the remainder has no zeros before it, so that its length does not change."""
    rest = draw(arrays((2,), low=0.5))
    u = np.concatenate([draw(arrays((2,))), rest + 8])
    return Call((u, np.concatenate([[1.5], draw(arrays((2,), low=0.25, high=0.5))])))


@st.composite
def fitted(draw):
    x = np.arange(4) / 2 + draw(arrays((4,), low=-0.125, high=0.125))
    y = draw(arrays(draw(st.sampled_from([(4,), (4, 2)]))))
    weights = {"w": [1.0, 2.0, 0.5, 1.0]} if draw(st.booleans()) else {}
    return Call((x, y, draw(st.integers(0, 2))), weights)


LAWS = enter(
    {
        np.polyval: st.tuples(arrays(shapes(1, 1, max_side=4)), arrays()).map(Call),
        np.polyadd: TWO,
        np.polysub: TWO,
        np.polymul: st.tuples(*[arrays(P, away_from=(0.0,))] * 2).map(Call),
        np.polyder: st.tuples(arrays(P), st.integers(0, 2)).map(Call),
        np.polyint: [
            st.tuples(arrays(P), st.integers(0, 2)).map(Call),
            st.tuples(arrays(P), st.just(2), arrays((2,))).map(Call),
        ],
        np.poly: arrays(P).map(lambda x: Call((x,))),
    },
    LAPACK,
)
# In float32 the rounding errors that the division leaves in place of zeros make its remainder longer.
LAWS += enter({np.polydiv: divided()}, LAPACK[:1])
LAWS += enter({np.polyfit: fitted()}, LAPACK)


@pytest.mark.parametrize("entry", LAWS, ids=str)
@given(data=st.data())
def test_laws(entry, data):
    obey(entry, data)


def test_lists_stand_for_coefficients():
    check_grads(lambda x: np.polyval([1, 2, 3], x), np.array([0.5, 1.0]))
    check_grads(lambda p: np.polyval(p, 2), np.array([0.5, 1.0]))
    check_grads(lambda p: np.polymul([1, 2], p), np.array([0.5, 1.0]))
    check_grads(lambda w: np.polyfit([0.0, 1.0, 2.0], [1.0, 3.0, 2.0], 1, w=w), np.array([1.0, 2.0, 3.0]))


def test_zeros_before_a_polynomial_are_no_factors():
    np.testing.assert_array_equal(np.polymul(tg.Tensor([0.0, 1.0]), [2.0, 3.0]).data, [2, 3])
    np.testing.assert_array_equal(np.polymul(tg.Tensor([0.0, 0.0]), [2.0, 3.0]).data, [0, 0])


def test_a_shorter_polynomial_is_the_remainder():
    quotient, rest = np.polydiv(tg.Tensor([1.0, 2.0]), [1.0, 2.0, 3.0])
    np.testing.assert_array_equal(quotient, [0])
    np.testing.assert_array_equal(rest.data, [1, 2])


@pytest.mark.parametrize(
    "call",
    [
        lambda t: np.polyder(t, -1),
        lambda t: np.polyint(t, -1),
        lambda t: np.polydiv(np.reshape(t, (1, 2)), t),
    ],
)
def test_what_does_not_fit_is_refused(call):
    with pytest.raises(ValueError, match="poly"):
        call(tg.Tensor([1.0, 2.0]))


@pytest.mark.parametrize(
    "call",
    [
        lambda t: np.roots(t),
        lambda t: np.poly(np.outer(t, t)),
        lambda t: np.polyfit(t, t, 1, full=True),
    ],
)
def test_what_has_no_derivative_says_what_has(call):
    with pytest.raises(tg.UnsupportedError, match="poly"):
        call(tg.Tensor([1.0, 2.0]))
