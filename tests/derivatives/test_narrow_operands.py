"""A constant of a narrow dtype beside a Tensor: the gradient is that of the same numbers in float64.

A ufunc converts its operands before it computes, and so must a rule that computes with one of them alone: x² or n + 1
overflows in uint8, and the logarithm of an int8 is a float16.
"""

import numpy as np
import pytest
from scipy import special

import tinygraph as tg
from tinygraph.engine.table import _COMPOSITIONS, _TABLE, function_name, operation_of

operation_of(special.airy)  # with which the entries for SciPy are read
UFUNCS = [
    function
    for function in {**_TABLE, **_COMPOSITIONS}
    if isinstance(function, np.ufunc)
    and function.nin > 1
    and function.signature is None
    and not function.__name__.startswith(("pro_", "obl_", "bitwise", "left", "right", "mathieu"))
]
# SciPy computes these polynomials by another formula where their order is an integer, to fewer digits.
COARSE = (special.eval_laguerre, special.eval_genlaguerre)
CONSTANTS = [np.array([2.0, 3.0, 5.0]), np.array([20.0, 100.0, 3.0]), np.array([0.0, 1.0, 127.0])]


def gradient(function, operands, which):
    """The gradient of the sum of all results, and the results."""
    leaf = tg.Tensor(operands[which])
    results = function(*operands[:which], leaf, *operands[which + 1 :])
    results = results if isinstance(results, tuple) else (results,)
    losses = [np.sum(np.real(item)) for item in results if isinstance(item, tg.Tensor) and item.requires_grad]
    if losses:
        sum(losses).backward()
    return leaf.grad, [np.asarray(item.data if isinstance(item, tg.Tensor) else item) for item in results]


@pytest.mark.parametrize("dtype", ["uint8", "int8", "float16"])
@pytest.mark.parametrize("function", UFUNCS, ids=function_name)
@pytest.mark.filterwarnings("ignore")
@np.errstate(all="ignore")
def test_a_narrow_constant_is_computed_with_as_the_function_does(function, dtype):
    for which in range(function.nin):
        for constants in CONSTANTS:
            operands = [np.roll(constants, place) for place in range(function.nin)]
            operands[which] = np.array([0.25, 0.5, 0.75])
            narrow = [item if place == which else item.astype(dtype) for place, item in enumerate(operands)]
            try:
                function(*narrow)
                right, values = gradient(function, operands, which)
            except (TypeError, tg.UnsupportedError):  # it has no such loop, or no derivative by this operand
                continue
            found, same = gradient(function, narrow, which)
            if right is None or any(
                one.dtype != other.dtype or not np.allclose(one, other, rtol=1e-12, equal_nan=True)
                for one, other in zip(values, same, strict=True)
            ):
                continue
            there = np.isfinite(right)
            near = 1e-7 if function in COARSE else 1e-9
            largest = np.max(np.abs(right[there]), initial=0)
            np.testing.assert_allclose(found[there], right[there], rtol=near, atol=1e-12 * largest)


def test_the_slope_of_an_angle_does_not_overflow():
    for y, x in [(np.float16(300), np.float16(400)), (3e200, 4e200), (3e-200, 4e-200)]:
        t, u = tg.Tensor(y), tg.Tensor(x)
        np.arctan2(t, u).backward()
        length = float(y) / 3 * 5
        np.testing.assert_allclose([t.grad, u.grad], [0.8 / length, -0.6 / length], rtol=1e-3)


def test_a_negative_number_to_a_complex_power():
    for base in (-2, -2.0, np.float64(-2), np.array(-2.0), np.int8(-2)):
        for dtype, near in (("complex128", 1e-12), ("complex64", 1e-5)):
            w = tg.Tensor(np.array(0.5 + 0.25j, dtype))
            np.real(base**w).backward()
            slope = complex(-2) ** (0.5 + 0.25j) * np.log(complex(-2))
            assert abs(w.grad - np.conjugate(slope)) < near * abs(slope)
