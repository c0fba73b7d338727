import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygraph as tg
from tinygraph.derivatives.polynomials import characteristic, roots_of
from tinygraph.testing import check_grads
from tinygraph.testing.strategies import arrays, shapes

from .laws import LAPACK, Call, enter, obey

P = shapes(1, 1, min_side=1, max_side=4)
TWO = st.tuples(arrays(P), arrays(P)).map(Call)


@st.composite
def powers(draw):
    x = draw(arrays(shapes(1, 1)))
    return Call((x, *draw(st.sampled_from([(), (0,), (1,), (4,), (3, True)]))))


@st.composite
def divided(draw):
    """Polynomials with a quotient; the remainder has no zeros before it, so that its length does not change."""
    rest = draw(arrays((2,), low=0.5))
    u = np.concatenate([draw(arrays((2,))), rest + 8])
    return Call((u, np.concatenate([[1.5], draw(arrays((2,), low=0.25, high=0.5))])))


@st.composite
def fitted(draw):
    x = np.arange(4) / 2 + draw(arrays((4,), low=-0.125, high=0.125))
    # No parabola goes through these, so that the residuals are not 0.
    y = draw(arrays(draw(st.sampled_from([(4,), (2, 4)])))) + np.array([2.0, -6.0, 6.0, -2.0])
    y = y.T
    keywords = {"w": [1.0, 2.0, 0.5, 1.0]} if draw(st.booleans()) else {}
    keywords |= draw(st.sampled_from([{}, {}, {"full": True}, {"cov": True}, {"cov": "unscaled"}]))
    return Call((x, y, draw(st.integers(0, 2))), keywords, read=numbers)


def numbers(result):
    """Without the rank and the limit that decides on it."""
    return [item for item in result if np.ndim(item)] if isinstance(result, tuple) else result


@st.composite
def with_roots(draw):
    """Polynomials whose roots lie apart, a pair of conjugate ones perhaps among them."""
    roots = np.array([-2.0, 0.5, 3.0])[: draw(st.integers(0, 3))] + draw(arrays((), low=-0.25, high=0.25))
    p = np.poly(roots) * draw(st.sampled_from([1.0, -0.5]))
    p = np.polymul(p, [1, 0.5, 2.5]) if draw(st.booleans()) else p
    return Call((np.atleast_1d(p),), read=power_sums)


def power_sums(roots):
    """Sums of powers of the roots, which no order of them can change."""
    return [np.sum(roots**power) for power in range(1, len(roots) + 1)]


LAWS = enter(
    {
        np.vander: powers(),
        np.polyval: st.tuples(arrays(shapes(1, 1, max_side=4)), arrays()).map(Call),
        np.polyadd: TWO,
        np.polysub: TWO,
        np.polymul: st.tuples(*[arrays(P, away_from=(0.0,))] * 2).map(Call),
        np.polyder: st.tuples(arrays(P), st.integers(0, 2)).map(Call),
        np.polyint: [
            st.tuples(arrays(P), st.integers(0, 2)).map(Call),
            st.tuples(arrays(P), st.just(2), arrays((2,))).map(Call),
        ],
        np.poly: [
            arrays(P).map(lambda x: Call((x,))),
            arrays(st.integers(1, 3).map(lambda n: (n, n))).map(lambda a: Call((a,))),
        ],
        characteristic: arrays(st.integers(1, 3).map(lambda n: (n, n))).map(lambda a: Call((a,))),
        np.roots: with_roots(),
        roots_of: with_roots(),
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


def test_complex_polynomials():
    z = np.array([1.0 + 0.5j, -0.5 + 2j, 0.25 - 1j])
    check_grads(np.poly, z)
    check_grads(lambda z: power_sums(np.roots(z)), z)
    check_grads(np.poly, np.outer(z, z[::-1]) + np.diag(z))
    check_grads(lambda u, v: np.polydiv(u, v), z, z[:2].real)


def test_roots_in_conjugate_pairs_make_a_real_polynomial():
    t = tg.Tensor([1j, -1j, 2.0])
    p = np.poly(t)
    assert p.dtype == np.float64
    np.sum(p).backward()
    assert t.grad.dtype == np.complex128


def test_equal_eigenvalues_make_no_difference_to_the_characteristic_polynomial():
    check_grads(np.poly, np.eye(3))
    check_grads(np.poly, np.zeros((2, 2)))


def test_double_roots_have_no_derivative():
    t = tg.Tensor([1.0, -2.0, 1.0])
    with pytest.warns(RuntimeWarning):
        np.real(np.roots(t)[0]).backward()
    assert not np.any(np.isfinite(t.grad))


def test_roots_that_are_0():
    t = tg.Tensor([1.0, -3.0, 2.0, 0.0])
    np.sum(np.roots(t)).backward()
    np.testing.assert_allclose(t.grad, [-3, -1, 0, 0], atol=1e-12)


@pytest.mark.parametrize("shape", [(2, 3), (1, 1, 1)])
def test_what_is_no_matrix_is_refused(shape):
    with pytest.raises(ValueError, match="square"):
        np.poly(tg.Tensor(np.ones(shape)))


def test_vander_wants_a_vector():
    with pytest.raises(ValueError, match="one axis"):
        np.vander(tg.Tensor(np.ones((2, 2))))
