"""SciPy's special functions on Tensors."""

import subprocess
import sys
import textwrap

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special

import tinygraph as tg
import tinygraph.derivatives.special as rules  # fills the table, which test_completeness reads
from tinygraph.engine.table import _TABLE, function_name, operation_of
from tinygraph.testing import check_grads
from tinygraph.testing.strategies import arrays

from .laws import Call, binary, enter, obey, unary

POSITIVE = {"low": 0.25, "high": 3}
BETWEEN = {"low": 0.125, "high": 0.875}
LAMBERTW = rules._lambertw


def of_order(*orders, **domain):
    """f(*order, x), for a few orders: numbers, or tuples of them."""
    tuples = [order if isinstance(order, tuple) else (order,) for order in orders]
    return st.builds(lambda order, x: Call((*order, x)), st.sampled_from(tuples), arrays(**domain))


@st.composite
def two(draw, first, second):
    """f(x, y), broadcasting, each from a domain of its own."""
    shape = draw(st.sampled_from([(), (2,), (2, 3)]))
    return Call((draw(arrays(draw(st.sampled_from([shape, shape[:0]])), **first)), draw(arrays(shape, **second))))


@st.composite
def huber_calls(draw):
    """Half of the residuals inside, half outside, none at the kinks of the slope."""
    shape = draw(st.sampled_from([(), (2,), (2, 3)]))
    delta = draw(arrays((), low=1.0, high=1.5))
    residuals = np.where(draw(st.booleans()), draw(arrays(shape, low=-0.75, high=0.75)), draw(arrays(shape, low=2)))
    return Call((delta, residuals))


LAWS = enter(
    {
        special.exp2: unary(),
        special.exp10: unary(low=-1, high=1),
        special.expm1: unary(),
        special.log1p: unary(low=-0.75),
        special.cosm1: unary(),
        special.cbrt: unary(away_from=[0.0], margin=0.25),
        special.sindg: unary(low=-90, high=90),
        special.cosdg: unary(low=-90, high=90),
        special.tandg: unary(low=-60, high=60),
        special.cotdg: unary(low=30, high=120),
        special.exprel: unary(),
        special.powm1: two(POSITIVE, {}),
        special.boxcox: two(POSITIVE, {}),
        special.boxcox1p: two({"low": -0.75}, {}),
        special.inv_boxcox: two({"low": -0.75, "high": 0.75}, {"low": -1, "high": 1}),
        special.inv_boxcox1p: two({"low": -0.75, "high": 0.75}, {"low": -1, "high": 1}),
        special.expit: unary(),
        special.log_expit: unary(),
        special.logit: unary(**BETWEEN),
        special.ndtr: unary(),
        special.ndtri: unary(**BETWEEN),
        special.log_ndtr: unary(low=-4, high=4),
        special.ndtri_exp: unary(low=-4, high=-0.25),
        special.owens_t: binary(),
        special.erf: unary(),
        special.erfc: unary(),
        special.erfi: unary(low=-1, high=1),
        special.erfinv: unary(low=-0.75, high=0.75),
        special.erfcinv: unary(low=0.25, high=1.75),
        special.erfcx: [unary(low=-1), unary(low=25, high=35)],
        special.dawsn: [unary(), unary(low=25, high=35)],
        special.wofz: unary(),
        special.gamma: unary(low=0.5, high=3),
        special.gammaln: unary(low=0.5, high=3),
        special.loggamma: unary(low=0.5, high=3),
        special.rgamma: unary(),
        special.beta: binary(low=0.5),
        special.betaln: binary(low=0.5),
        special.poch: binary(low=0.5),
        special.binom: two({"low": 2, "high": 3}, {"low": 0.25, "high": 1.5}),
        special.j0: unary(),
        special.j1: unary(),
        special.y0: unary(low=0.5, high=3),
        special.y1: unary(low=0.5, high=3),
        special.i0: unary(),
        special.i1: unary(),
        special.k0: unary(low=0.5, high=3),
        special.k1: unary(low=0.5, high=3),
        special.i0e: unary(away_from=[0.0]),
        special.i1e: unary(away_from=[0.0]),
        special.k0e: unary(low=0.5, high=3),
        special.k1e: unary(low=0.5, high=3),
        special.jv: of_order(0, 1, 2.5, low=0.5, high=3),
        special.yv: of_order(0, 1, 2.5, low=0.5, high=3),
        special.yn: of_order(0, 1, 2, low=0.5, high=3),
        special.iv: of_order(0, 1, 2.5, low=0.5, high=3),
        special.kv: of_order(0, 1, 2.5, low=0.5, high=3),
        special.kn: of_order(0, 1, 2, low=0.5, high=3),
        special.kve: of_order(0, 1, 2.5, low=0.5, high=3),
        special.hankel1: of_order(0, 1, 2.5, low=0.5, high=3),
        special.hankel2: of_order(0, 1, 2.5, low=0.5, high=3),
        special.struve: [of_order(2), of_order(0, 0.5, 1, **POSITIVE)],
        special.modstruve: [of_order(2), of_order(0, 0.5, 1, **POSITIVE)],
        special.expi: unary(**POSITIVE),
        special.exp1: unary(low=0.5, high=3),
        special.expn: of_order(0, 1, 2, 3, 5, low=0.5, high=3),
        special.spence: unary(low=0.25, high=4),
        special.ellipk: unary(high=0.75),
        special.ellipkm1: unary(low=0.25),
        special.ellipe: unary(high=0.75),
        special.wrightomega: unary(),
        LAMBERTW: [
            st.builds(lambda x: Call((x, 0, 1e-8)), arrays(low=-0.25)),
            st.builds(lambda x, k: Call((x, k, 1e-8)), arrays(low=-0.25, high=-0.125), st.sampled_from([-1, 0, 2])),
        ],
        special.hyp0f1: of_order(1, 2.5),
        special.hyp1f1: of_order((1, 2), (0.5, 1.5)),
        special.hyperu: of_order((1, 2), (0.5, 1.5), low=0.5, high=3),
        special.hyp2f1: of_order((1, 2, 3), (0.5, 1.5, 2.5), low=-2, high=0.75),
        special.entr: unary(**POSITIVE),
        special.xlogy: two({}, POSITIVE),
        special.xlog1py: two({}, {"low": -0.75}),
        special.rel_entr: two({"low": 0.5, "high": 1}, {"low": 1.5, "high": 3}),
        special.kl_div: two({"low": 0.25, "high": 1}, {"low": 1.5, "high": 3}),
        special.huber: huber_calls(),
        special.pseudo_huber: two(POSITIVE, {}),
    }
)


@pytest.mark.parametrize("entry", LAWS, ids=str)
@given(data=st.data())
def test_laws(entry, data):
    obey(entry, data)


# --- where the functions come from ------------------------------------------------------------------------------------


def run(program):
    return subprocess.run([sys.executable, "-c", textwrap.dedent(program)], check=True, capture_output=True, text=True)


def test_tinygraph_does_not_load_scipy():
    run(
        """
        import sys
        import numpy as np
        import tinygraph as tg

        unknown = np.frompyfunc(lambda x: x, 1, 1)
        tg.grad(lambda x: np.sum(np.exp(np.floor(x) + x)))(np.ones(3))
        try:
            unknown(tg.Tensor(1.0))
        except tg.UnsupportedError as error:
            assert "no derivative for this function" in str(error), error
        else:
            raise AssertionError("an unknown function was called")
        assert not any(name.startswith("scipy") for name in sys.modules)

        from scipy import special
        assert "tinygraph.derivatives.special" not in sys.modules
        assert tg.grad(special.expit)(0.0) == 0.25
        """
    )


@pytest.mark.parametrize(
    "first", ["np.floor(t)", "special.gammasgn(t)", "special.jv(t, 1.0)", "special.erf(t, dtype=float)"]
)
def test_whatever_is_called_first_is_found(first):
    run(
        f"""
        import numpy as np
        from scipy import special
        import tinygraph as tg

        t = tg.Tensor(1.0)
        {first}
        assert special.erf(t).requires_grad
        """
    )


def test_scipy_may_dispatch_to_other_array_libraries():
    """SciPy then wraps its ufuncs in functions of its own, of which we see those that are left."""
    run(
        """
        import os
        os.environ["SCIPY_ARRAY_API"] = "1"
        from scipy import special
        import tinygraph as tg

        assert tg.grad(lambda x: special.kve(1, x))(0.5) < 0
        """
    )


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("special.mathieu_a", lambda t: special.mathieu_a(1, t)),
        ("special.pro_cv", lambda t: special.pro_cv(1, 2, t)),
        ("special.obl_rad2", lambda t: special.obl_rad2(1, 2, 1.0, t)),
        ("special.nctdtridf", lambda t: special.nctdtridf(0.5, 0.5, t)),
    ],
)
def test_functions_that_are_not_here_say_so(name, call):
    with pytest.raises(tg.UnsupportedError, match=f"^{name}: .*no derivative for this function"):
        call(tg.Tensor(1.5))


@pytest.mark.parametrize("function", [special.gammasgn, special.round])
def test_steps_return_plain_arrays(function):
    assert type(function(tg.Tensor([-0.5, 1.5]))) is np.ndarray


@pytest.mark.parametrize(
    "f",
    [
        special.sinc,
        lambda x: special.jvp(1, x),
        lambda x: special.kvp(2, x),
        lambda x: special.zeta(2, x),
        lambda x: np.real(special.lambertw(x)),
    ],
)
def test_python_functions_that_call_ufuncs_only_work_too(f):
    check_grads(f, np.array([0.75, 1.5]))


# --- arguments without a derivative -----------------------------------------------------------------------------------

operation_of(special.airy)  # with which the entries for SciPy are read
REFUSED = [
    pytest.param(function, which, id=f"{function_name(function)}-{which}")
    for function in _TABLE
    if isinstance(function, np.ufunc)
    for which, rule in enumerate(operation_of(function).rules)
    if rule is not None and rule.__name__ == "refuse" and any(kinds[which] == "d" for kinds in function.types)
]


@pytest.mark.filterwarnings("ignore:non-integer arg n:DeprecationWarning")
@pytest.mark.parametrize(("function", "which"), REFUSED)
def test_a_gradient_to_an_order_is_refused(function, which):
    args = [1.0, 2.0, 3.0, 0.5][-function.nin :]
    name = function_name(function).strip("_").removeprefix("special.")
    with np.errstate(all="ignore"):
        result = function(*args[:which], tg.Tensor(args[which]), *args[which + 1 :])
    with pytest.raises(
        tg.UnsupportedError, match=rf"special\.{name}: tinygraph has no derivative by its argument \w+\."
    ):
        np.real(result).backward()


@pytest.mark.parametrize("order", [np.array([[1.0], [2.5]]), tg.Tensor([[1.0], [2.5]], requires_grad=False)])
def test_orders_can_be_arrays_and_constant_tensors(order):
    x = np.array([0.5, 1.5])
    by_rows = [tg.grad(lambda x, v=v: np.sum(special.jv(v, x)))(x) for v in (1.0, 2.5)]
    np.testing.assert_allclose(tg.grad(lambda x: np.sum(special.jv(order, x)))(x), by_rows[0] + by_rows[1])
    check_grads(lambda x: special.jv(order, x), x)


# --- conventions ------------------------------------------------------------------------------------------------------


def slopes(function, *args):
    with np.errstate(all="ignore"):
        return [float(tg.grad(function, which)(*args)) for which in range(len(args))]


@pytest.mark.parametrize(
    ("function", "args", "expected"),
    [
        # 0 · log y is 0 for every y, and log x · 0 has the slope log y.
        (special.xlogy, (0.0, 0.0), [0, 0]),
        (special.xlogy, (0.0, 2.0), [np.log(2), 0]),
        (special.xlogy, (2.0, 0.0), [-np.inf, np.inf]),
        (special.xlog1py, (0.0, -1.0), [0, 0]),
        (special.xlog1py, (0.0, 1.0), [np.log(2), 0]),
        # The slope of −x ln x at 0 is infinite.
        (special.entr, (0.0,), [np.inf]),
        (special.rel_entr, (0.0, 0.5), [-np.inf, 0]),
        (special.rel_entr, (0.0, 0.0), [0, 0]),
        (special.kl_div, (0.0, 0.5), [-np.inf, 1]),
        (special.kl_div, (0.0, 0.0), [0, 1]),
        # Both sides agree at |r| = delta.
        (special.huber, (1.0, 1.0), [0, 1]),
        (special.huber, (1.0, -1.0), [0, -1]),
        (special.huber, (1.0, 3.0), [2, 1]),
        (special.huber, (1.0, 0.0), [0, 0]),
        (special.pseudo_huber, (2.0, 0.0), [0, 0]),
        (special.i0e, (0.0,), [0]),
        (special.i1e, (0.0,), [0.5]),
        (special.j1, (0.0,), [0.5]),
        (lambda x: special.struve(0, x), (0.0,), [2 / np.pi]),
        (special.logit, (0.0,), [np.inf]),
    ],
)
def test_at_the_edge(function, args, expected):
    assert slopes(function, *args) == pytest.approx(expected)


def test_the_mixed_derivative_of_xlogy_at_zero():
    assert tg.grad(tg.grad(special.xlogy, 0), 1)(0.0, 2.0) == 0.5
    assert tg.grad(tg.grad(special.xlogy, 1), 0)(0.0, 2.0) == 0.5


@pytest.mark.parametrize("function", [special.entr, special.logit, special.y0, special.k0, special.psi])
def test_what_where_leaves_out_has_no_gradient(function):
    x = tg.Tensor([0.0, 0.25])
    with np.errstate(all="ignore"):
        np.sum(np.where(x > 0, function(x), 0)).backward()
    assert x.grad[0] == 0
    assert x.grad[1] == tg.grad(function)(0.25)


# --- accuracy ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("function", "x", "first", "second"),
    [
        (special.expit, 40.0, np.exp(-40.0), -np.exp(-40.0)),
        (special.expit, -1000.0, 0.0, 0.0),
        (special.log_expit, -1000.0, 1.0, 0.0),
        # √(2/π)/erfcx → −x − 1/x + ...
        (special.log_ndtr, -1e4, 1e4 + 1e-4 - 2e-12, -1 + 1e-8),
        (special.log_ndtr, 39.0, 0.0, 0.0),
        (special.erfcx, 1e8, -1e-16 / np.sqrt(np.pi), 2e-24 / np.sqrt(np.pi)),
        (special.dawsn, -1e8, -0.5e-16, -1e-24),
        # 1/Γ is x + γx² near 0, and −(x + 1) + (1 − γ)(x + 1)² near −1.
        (special.rgamma, 0.0, 1.0, 2 * np.euler_gamma),
        (special.rgamma, -1.0, -1.0, 2 * (1 - np.euler_gamma)),
        (special.exprel, 0.0, 1 / 2, 1 / 3),
        (special.exprel, 1e-9, 1 / 2, 1 / 3),
        (special.spence, 1.0, -1.0, 1 / 2),
        (special.ellipk, 0.0, np.pi / 8, 9 * np.pi / 64),
        (special.ellipe, 0.0, -np.pi / 8, -3 * np.pi / 64),
        (special.ellipkm1, 1.0, -np.pi / 8, 9 * np.pi / 64),
        (lambda x: np.real(special.lambertw(x)), 0.0, 1.0, -2.0),
    ],
)
def test_nothing_cancels_or_overflows(function, x, first, second):
    assert tg.grad(function)(x) == pytest.approx(first, rel=1e-8, abs=1e-300)
    assert tg.grad(tg.grad(function))(x) == pytest.approx(second, rel=1e-7, abs=1e-300)


@pytest.mark.parametrize("power", [0.0, 1e-12, 1e-6])
def test_box_cox_is_smooth_where_the_power_is_0(power):
    # ln x + λ ln²x / 2 + λ² ln³x / 6, and the inverse eʸ (1 − λy²/2 + ...).
    log = np.log(3.0)
    for function, x in [(special.boxcox, 3.0), (special.boxcox1p, 2.0)]:
        assert tg.grad(function, 1)(x, power) == pytest.approx(log**2 / 2, rel=1e-5)
        assert tg.grad(tg.grad(function, 1), 1)(x, power) == pytest.approx(log**3 / 3, rel=1e-5)
    for function in (special.inv_boxcox, special.inv_boxcox1p):
        assert tg.grad(function, 1)(2.0, power) == pytest.approx(-2 * np.exp(2), rel=1e-5)


# --- complex numbers --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "f",
    [
        special.erf, special.erfc, special.erfcx, special.erfi, special.dawsn, special.wofz, special.ndtr,
        special.log_ndtr, special.gamma, special.loggamma, special.rgamma, special.psi, special.expi, special.exp1,
        special.spence, special.wrightomega, special.lambertw, special.expm1, special.log1p,
        lambda x: special.jv(1, x), lambda x: special.hankel1(0.5, x), lambda x: special.kve(1, x),
        lambda x: special.hankel1e(1, x), lambda x: special.hankel2e(1, x), lambda x: special.airye(x)[0],
        lambda x: special.hyp2f1(1, 2, 3.5, x),
        lambda x: special.xlogy(x, 1 + x),
    ],
)  # fmt: skip
@pytest.mark.parametrize("x", [0.4 + 0.3j, -0.6 + 0.5j])
def test_the_gradient_by_a_complex_number(f, x):
    """For an analytic function the gradient of its real part is the conjugate of its derivative."""
    h = 1e-4
    derivative = (8 * (f(x + h) - f(x - h)) - (f(x + 2 * h) - f(x - 2 * h))) / (12 * h)
    assert complex(tg.grad(lambda x: np.real(f(x)))(x)) == pytest.approx(np.conj(derivative), rel=1e-6)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: special.elliprf(1, 2, x),
        lambda x: np.real(special.airye(x)[2]),
        lambda x: np.real(special.zeta(x)),
    ],
)
def test_functions_that_are_real_here_say_so(f):
    with pytest.raises(tg.UnsupportedError, match=r"complex|for x > 1 only"):
        tg.grad(lambda x: np.real(f(x)))(2 + 1j)
