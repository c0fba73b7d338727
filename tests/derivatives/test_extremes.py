"""At the largest and the smallest numbers a rule has the values that wider numbers have: nothing overflows inside."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygraph as tg
from tinygraph.engine import table
from tinygraph.engine.table import operation_of
from tinygraph.functions.activations import normal_cdf

table.read_all()

SIZES = {
    np.float32: [1e-30, 1e-20, 1e-10, 1e-3, 0.1, 0.5, 0.9, 1.0, 1.5, 3.0, 80.0, 1e5, 1e10, 1e18, 1e20, 1e30, 3e38],
    np.float64: [1e-300, 1e-160, 1e-100, 1e-10, 0.1, 0.9, 1.0, 3.0, 700.0, 1e10, 1e100, 1e154, 1e160, 1e300, 1.7e308],
}
ELEMENTWISE = [
    function
    for function in sorted(filter(lambda f: isinstance(f, np.ufunc), table._TABLE), key=lambda f: f.__name__)
    if function.signature is None
    and function is not np.ldexp
    and function.nout == 1
    and getattr(np, function.__name__, None) is function
]
OURS = [tg.sigmoid, tg.relu, tg.leaky_relu, tg.elu, tg.softplus, normal_cdf]
# A result that has rounded to 1 says no more about its slope, and of a large multiple of π no sine is known.
LIMITS = {np.tanh: 7, tg.sigmoid: 10, np.sinc: 1e3, np.sin: 1e5, np.cos: 1e5, np.tan: 1e5, np.exp2: 200}


def cotangent(function, rule, g, args, dtype):
    arrays = [np.array([arg]).astype(dtype) for arg in args]
    z = function(*arrays)
    return rule(np.array([g]).astype(z.dtype), z, *arrays)[0], z[0]


@pytest.mark.parametrize("dtype", SIZES, ids=lambda dtype: dtype.__name__)
@pytest.mark.parametrize("function", [*ELEMENTWISE, *OURS], ids=lambda f: f.__name__)
@np.errstate(all="ignore")
def test_nothing_overflows_inside_a_rule(function, dtype):
    operation = operation_of(function)
    places = function.nin if isinstance(function, np.ufunc) else 1
    signed = [sign * size for size in SIZES[dtype] for sign in (1, -1) if size <= LIMITS.get(function, np.inf)]
    tiny = np.finfo(dtype).tiny
    for args in itertools.product([dtype(arg) for arg in signed], repeat=places):
        if args[0] < 0 and abs(args[-1]) > 1e7 and function in (np.power, np.float_power):
            continue  # whether 1e10 − 1 is odd is not known in float32
        for rule in filter(None, operation.rules):
            for g in (1.0, 1e4):
                expected, _ = cotangent(function, rule, g, args, np.longdouble)
                found, z = cotangent(function, rule, g, args, dtype)
                known = np.isfinite(expected) and np.isfinite(z) and tiny * 1e6 < abs(expected) < np.finfo(dtype).max
                if known and abs(z) > tiny * 1e6:
                    assert abs(found - expected) <= 0.02 * abs(expected), (args, g, found, expected)


@given(st.floats(-(2**99), 2**99, width=32), st.floats(-3, 3, width=32))
def test_the_parts_of_a_sum_of_exponentials_add_up_to_one(x, apart):
    """In float32 the sum itself is as coarse as 1e10 is."""
    x, y = np.float32(x), np.float32(x) + np.float32(apart)
    for function in (np.logaddexp, np.logaddexp2):
        of_x, of_y = tg.grad(function, argnums=(0, 1))(x, y)
        assert of_x + of_y == pytest.approx(1, rel=1e-6)
        assert (of_x > of_y) == (x > y)


@pytest.mark.parametrize("run", [lambda f: f, tg.compile], ids=["eager", "compiled"])
def test_the_slope_of_arcsinh_far_out(run):
    slope = run(tg.grad(lambda x: np.sum(np.arcsinh(x))))
    np.testing.assert_allclose(slope(np.array([1e20, -1e30], np.float32)), [1e-20, 1e-30], rtol=1e-6)
    second = run(tg.grad(lambda x: np.sum(tg.grad(lambda x: np.sum(np.arcsinh(x)))(x))))
    np.testing.assert_allclose(second(np.array([1e10], np.float32)), [-1e-20], rtol=1e-5)
