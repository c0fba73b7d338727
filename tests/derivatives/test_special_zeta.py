"""The zeta functions of SciPy by their exponent, and the digamma function and its derivatives."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special

import tinygraph as tg
from tinygraph.derivatives import special_zeta
from tinygraph.testing import check_grads
from tinygraph.testing.strategies import arrays

from .laws import LAPACK, Call, enter, obey, unary
from .test_special import POSITIVE, two

LAWS = enter({special.psi: unary(low=0.5, high=3)})
LAWS += enter({special.zetac: unary(low=1.5, high=4)}, LAPACK)
LAWS += enter(
    {
        special_zeta.hurwitz_zeta: two({"low": 1.5, "high": 4}, POSITIVE),
        special_zeta._riemann_zeta: unary(low=1.5, high=4),
        special_zeta.polygamma: st.builds(
            lambda x, order: Call((x, order)), arrays(low=0.5, high=3), st.sampled_from([1, 2])
        ),
    },
    ("float64",),
)


@pytest.mark.parametrize("entry", LAWS, ids=str)
@given(data=st.data())
def test_laws(entry, data):
    obey(entry, data)


@pytest.mark.parametrize("x", [1 + 1j, -3.25 + 0.5j, 0.25 - 5j, -20.5 + 2j, 30 + 1j])
@pytest.mark.parametrize("order", [1, 2, 3])
def test_polygamma_of_complex_numbers_takes_its_step(x, order):
    """ψ⁽ᵏ⁾(x) − ψ⁽ᵏ⁾(x + 1) = −(−1)ᵏ k! ÷ x^(k+1), and on the real line it is that of real numbers."""
    step = complex(special_zeta.polygamma(x, order) - special_zeta.polygamma(x + 1, order))
    expected = -((-1) ** order) * special.factorial(order) / x ** (order + 1)
    size = abs(special_zeta.polygamma(x, order))
    assert step == pytest.approx(expected, rel=1e-10, abs=1e-13 * size)
    real = special_zeta.polygamma(abs(x), order)
    assert complex(special_zeta.polygamma(complex(abs(x)), order)) == pytest.approx(real, rel=1e-12)


def test_the_zeta_function_by_its_exponent():
    # ζ'(2) and ζ''(2), from A073002 and A201994 of the On-Line Encyclopedia of Integer Sequences
    assert tg.grad(special.zeta)(2.0) == pytest.approx(-0.937548254315843753702574, rel=1e-14)
    assert tg.grad(tg.grad(special.zeta))(2.0) == pytest.approx(1.989280234298901, rel=1e-14)
    check_grads(special.zeta, np.array([1.25, 2.0]), np.array([[0.5], [1.0]]))


def test_the_zeta_function_elsewhere_is_refused():
    for exponent, start in [(0.5, 1.0), (2.0, -0.5)]:
        with pytest.raises(tg.UnsupportedError, match="for x > 1 only"):
            tg.grad(special.zeta)(exponent, start)
