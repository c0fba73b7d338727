import inspect

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygraph as tg
from tinygraph.derivatives.arithmetic import CLIP, slope_of_power
from tinygraph.testing import check_grads
from tinygraph.testing.strategies import arrays, arrays_that_broadcast, masks, shapes_that_broadcast

from .laws import Call, binary, enter, obey, unary


@st.composite
def apart(draw, count=2):
    """Arrays that broadcast and have no tie: the i-th of n holds multiples of n/32, and i/32 more."""
    drawn = draw(arrays_that_broadcast(count))
    return tuple([count * x + place / 32 for place, x in enumerate(drawn)])


@st.composite
def dividend_and_divisor(draw):
    """x and y where x / y is not near an integer."""
    y, fraction = draw(arrays_that_broadcast(2, low=0.25, high=0.75))
    y = np.where(draw(arrays(y.shape)) < 0, -1.0, 1.0) * (y + 0.5)
    whole = np.round(draw(arrays(np.broadcast_shapes(y.shape, fraction.shape))))
    return Call(((whole + fraction) * y, y))


@st.composite
def whole_powers(draw):
    """Any base, negative ones too, to an array of whole exponents, which are constants."""
    base, exponent = draw(shapes_that_broadcast(2))
    exponents = draw(arrays(exponent, low=-3.0, high=3.0))
    return Call((draw(arrays(base, away_from=[0.0], margin=0.25)), np.round(exponents).astype(np.int64)))


@st.composite
def constant_powers(draw):
    exponent = draw(st.sampled_from([0, 1, 2, 3, -1, 0.5, 2.5, -2]))
    return Call(
        (draw(arrays(low=0.25)), np.array(exponent) if draw(st.booleans()) and exponent in (1, 2) else exponent)
    )


@st.composite
def masked(draw):
    """A condition and two choices, all three broadcasting; a choice may be a Python number."""
    mask, x, y = draw(shapes_that_broadcast(3))
    choices = [draw(arrays(x)), draw(arrays(y))]
    if draw(st.booleans()):
        choices[draw(st.integers(0, 1))] = draw(st.sampled_from([0, 1]))
    return Call((draw(masks(mask)), *choices))


SHORTER_NAMES = [{"min": -0.51}, {"max": 0.51}, {"min": -0.51, "max": 0.51}]
if "min" not in inspect.signature(np.clip).parameters:  # of NumPy 2.1
    SHORTER_NAMES = []


@st.composite
def clipped(draw):
    """Two bounds, one bound, or none; as arguments or as keywords."""
    a, low, high = draw(apart(3))
    return draw(
        st.sampled_from(
            [
                Call((a, low, high)),
                Call((a, low, None)),
                Call((a, None, high)),
                Call((a,), {"a_min": -0.51, "a_max": 0.51}),
                Call((a,), {"a_min": 0.51, "a_max": -0.51}),
                *[Call((a,), bounds) for bounds in SHORTER_NAMES],
            ]
        )
    )


WHOLE = [-2.0, -1.0, 0.0, 1.0, 2.0]
POWERS_OF_2 = [0.0, *[sign * 2.0**exponent for exponent in range(-6, 2) for sign in (1, -1)]]

LAWS = enter(
    {
        np.ldexp: arrays().flatmap(
            lambda x: st.sampled_from(
                [
                    Call((x, 3)),
                    Call((x, np.full(x.shape, -1))),
                    Call((x, np.array([1, 0]).reshape(2, *[1] * x.ndim))),
                ]
            )
        ),
        np.modf: unary(away_from=WHOLE),
        np.frexp: unary(away_from=POWERS_OF_2, margin=1 / 64),
        np.divmod: dividend_and_divisor().map(lambda call: Call(call.args)),
        np.real_if_close: unary(),
        np.add: binary(),
        np.subtract: binary(),
        np.multiply: binary(),
        np.divide: binary(away_from=[0.0], margin=0.25),
        np.negative: unary(),
        np.positive: unary(),
        np.reciprocal: unary(away_from=[0.0], margin=0.25),
        np.square: unary(),
        np.sqrt: unary(low=0.25),
        np.cbrt: unary(away_from=[0.0], margin=0.25),
        np.remainder: dividend_and_divisor(),
        np.fmod: dividend_and_divisor(),
        np.power: [binary(low=0.25), whole_powers(), constant_powers()],
        np.float_power: [binary(low=0.25), whole_powers(), constant_powers()],
        np.maximum: apart().map(Call),
        np.minimum: apart().map(Call),
        np.fmax: apart().map(Call),
        np.fmin: apart().map(Call),
        np.absolute: unary(away_from=[0.0]),
        np.fabs: unary(away_from=[0.0]),
        np.sign: unary(away_from=[0.0]),
        np.copysign: binary(away_from=[0.0]),
        np.nextafter: binary(),
        # The step itself is flat; its value at the step need not be a constant.
        np.heaviside: arrays().map(lambda x: Call((np.arange(x.size).reshape(x.shape) % 3 - 1, x))),
        np.hypot: binary(away_from=[0.0], margin=0.25),
        np.clip: clipped(),
        CLIP: apart(3).map(Call),
        np.where: masked(),
        np.nan_to_num: unary(),
        np.conjugate: unary(),
        np.real: unary(),
        np.imag: unary(),
        np.angle: unary(away_from=[0.0]),
    }
)


@pytest.mark.parametrize("entry", LAWS, ids=str)
@given(data=st.data())
def test_laws(entry, data):
    obey(entry, data)


# --- conventions where a function has no derivative -------------------------------------------------------------------


def slope(f, *xs):
    """The gradient of the sum of f's values, for each argument."""
    tensors = [tg.Tensor(np.asarray(x, dtype=float)) for x in xs]
    result = f(*tensors)
    result.backward(np.ones(result.shape))
    return [t.grad for t in tensors] if len(tensors) > 1 else tensors[0].grad


@pytest.mark.parametrize("function", [np.maximum, np.minimum, np.fmax, np.fmin])
def test_a_tie_is_shared(function):
    x, y = slope(function, [1.0, 0.0, 2.0], [1.0, 0.0, 2.0])
    np.testing.assert_array_equal(x, [0.5, 0.5, 0.5])
    np.testing.assert_array_equal(y, [0.5, 0.5, 0.5])


@pytest.mark.parametrize("function", [np.absolute, np.fabs, np.sign, abs])
def test_a_kink_at_zero_has_slope_zero(function):
    assert slope(function, 0.0) == 0


def test_clip_passes_the_gradient_on_its_bounds():
    np.testing.assert_array_equal(slope(lambda x: np.clip(x, -1, 1), [-2, -1, 0, 1, 2]), [0, 1, 1, 1, 0])


def test_clip_to_equal_bounds_is_constant():
    np.testing.assert_array_equal(slope(lambda x: np.clip(x, 1, 1), [0, 1, 2]), [0, 0, 0])
    bounds = np.array([0.0, 1.0])
    np.testing.assert_array_equal(slope(lambda x: np.clip(x, bounds, 1.0), [0.0, 1.0]), [1, 0])


def test_clip_to_crossed_bounds_is_the_upper_one():
    a, low, high = slope(np.clip, [0.0, 5.0], [2.0, 2.0], [1.0, 1.0])
    np.testing.assert_array_equal([a, low, high], [[0, 0], [0, 0], [1, 1]])


@pytest.mark.parametrize("exponent", [0, 0.0, np.zeros(1), np.zeros(1, dtype=int), np.uint8(0), np.zeros(1, np.uint64)])
def test_the_power_zero_has_slope_zero_even_at_zero(exponent):
    np.testing.assert_array_equal(slope(lambda x: x**exponent, [0.0, 2.0, -2.0, 20.0]), [0, 0, 0, 0])
    np.testing.assert_array_equal(tg.grad(lambda x: np.sum(tg.grad(lambda x: np.sum(x**exponent))(x)))(np.zeros(2)), 0)


def test_zero_to_a_power_that_is_a_variable():
    x, y = slope(np.power, [0.0, 0.0, 0.0, 0.0], [0.0, 1.0, 2.0, 0.5 + 1])
    np.testing.assert_array_equal(x, [0, 1, 0, 0])
    np.testing.assert_array_equal(y, [0, 0, 0, 0])


@pytest.mark.parametrize("exponent", [2, 3, 4, np.array(3), np.int64(5), 2.0])
def test_whole_powers_of_negative_numbers(exponent):
    check_grads(lambda x: x**exponent, np.array([-1.5, -0.5, 0.0, 2.0]), order=3)


@given(st.one_of(st.integers(-40, 40), st.integers(-40, 40).map(float), st.floats()), st.floats(0.1, 10))
def test_the_slope_of_a_power_is_the_power_below_times_the_exponent(exponent, size):
    x = np.array([size, -size, 1.0])
    with np.errstate(all="ignore"):
        expected = exponent * np.power(x, np.float64(exponent) - 1)
        found = slope_of_power(x, exponent)
    np.testing.assert_allclose(found, expected, rtol=1e-13)


def test_hypot_at_the_origin_has_slope_zero():
    np.testing.assert_array_equal(slope(np.hypot, [0.0, 3.0], [0.0, 4.0]), [[0, 0.6], [0, 0.8]])


@pytest.mark.parametrize("function", [np.fmod, np.remainder])
def test_the_quotient_is_the_one_that_the_remainder_belongs_to(function):
    # 1 / 0.1 rounds to 10, but ten times the double nearest to 0.1 is more than 1.
    assert function(1.0, 0.1) > 0.09
    assert slope(function, 1.0, 0.1)[1] == -9


def test_fmax_leaves_out_nan():
    x, y = slope(np.fmax, [np.nan, 1.0], [1.0, np.nan])
    np.testing.assert_array_equal([x, y], [[0, 1], [1, 0]])


def test_nan_to_num_passes_no_gradient_to_what_it_replaces():
    x = tg.Tensor([1.0, np.nan, np.inf, -np.inf])
    y = np.nan_to_num(x, nan=5.0, posinf=6.0, neginf=7.0)
    y.backward(np.ones(4))
    np.testing.assert_array_equal(y.data, [1, 5, 6, 7])
    np.testing.assert_array_equal(x.grad, [1, 0, 0, 0])
    assert np.isnan(x.data[1])


def test_nan_to_num_writes_into_a_tensor_that_is_not_to_be_copied():
    x = tg.Tensor([1.0, np.nan])
    t = x * 1
    view = t[1:]
    assert np.nan_to_num(t, copy=False) is t
    np.testing.assert_array_equal(view.data, [0])
    np.sum(t * t).backward()
    np.testing.assert_array_equal(x.grad, [2, 0])


def test_python_numbers_leave_float32_as_it_is():
    x = tg.Tensor(np.ones(3, dtype=np.float32))
    for y in (
        np.where([True, False, True], x, 0.5),
        np.clip(x, 0.0, 2),
        np.maximum(x, 0.5),
        x**2.5,
        2.0**x,
        3 * x,
        x / 7,
    ):
        assert y.dtype == np.float32
        x.grad = None
        y.backward(np.ones(3, dtype=np.float32))
        assert x.grad.dtype == np.float32


def test_parts_of_infinite_and_whole_numbers():
    x = tg.Tensor([np.inf, -2.0, 0.5])
    fraction, whole = np.modf(x)
    np.testing.assert_array_equal(fraction.data, [0, 0, 0.5])
    np.testing.assert_array_equal(whole, [np.inf, -2, 0])
    fraction.backward(np.ones(3))
    np.testing.assert_array_equal(x.grad, [0, 1, 1])
    mantissa, exponent = np.frexp(tg.Tensor([-12.0, 5e-324]))
    np.testing.assert_array_equal(mantissa.data * 2.0**4, [-12, 8])
    np.testing.assert_array_equal(exponent, [4, -1073])


def test_the_real_part_if_the_other_is_next_to_nothing():
    x = tg.Tensor(np.array([1.0, 2.0]))
    assert np.real_if_close(x * (1 + 0j)).dtype == np.float64
    assert np.real_if_close(x * (1 + 1j)).dtype == np.complex128


def test_the_mixed_derivative_of_a_power_at_exponent_0():
    """y · x^(y−1) is 0 at y = 0 whatever x is, and its slope by y is 1/x there."""
    x = np.array([2.0, 4.0])
    mixed = tg.grad(lambda y: np.sum(tg.grad(lambda x: np.sum(x**y))(x)))(np.zeros(2))
    np.testing.assert_allclose(mixed, 1 / x)
    check_grads(np.power, np.array([2.0, 0.5]), np.array([0.0, 0.0]))
    assert tg.grad(np.power)(0.0, 0.0) == 0


def test_a_column_of_a_table_is_computed_as_numpy_computes_it():
    """One element has its strides too, which NumPy looks at when it chooses how to compute."""
    for x in (np.array([2.0, 3.0])[1::2], np.array([2.0, 3.0])[::-1][:1], np.full((3, 4), 2.0)[1:2, 1:2]):
        for function in (np.cbrt, np.arcsinh, np.log10):
            np.testing.assert_array_equal(function(tg.Tensor(x)).data, function(x))


# --- where a length is zero -------------------------------------------------------------------------------------------


def test_at_length_zero_the_derivatives_of_every_order_are_zero():
    at = np.zeros(2)
    for length in (lambda x: np.hypot(x[0], x[1]), lambda x: np.abs(x[0] + 1j * x[1])):
        np.testing.assert_array_equal(tg.grad(length)(at), [0, 0])
        np.testing.assert_array_equal(tg.hessian(length)(at), np.zeros((2, 2)))
        np.testing.assert_array_equal(tg.jacobian(tg.hessian(length))(at), np.zeros((2, 2, 2)))
    turned = tg.jacobian(lambda x: np.real(np.sign(x[0] + 1j * x[1])))
    np.testing.assert_array_equal(turned(at), [0, 0])


def test_the_value_of_a_step_at_the_step_has_a_gradient():
    t = tg.Tensor([-1.0, 0.0, 2.0])
    assert not np.heaviside(t, 0.5).requires_grad
    half = tg.Tensor(0.5)
    np.sum(np.heaviside(t, half)).backward()
    assert half.grad == 1
    assert t.grad is None
    with pytest.raises(TypeError):
        np.heaviside(t, tg.Tensor(1j))


def test_modf_drops_no_imaginary_part():
    with pytest.raises(TypeError, match="cannot be cast"):
        np.modf(tg.Tensor([1 + 2j]), dtype=np.float64)


def test_modf_computes_in_the_dtype_that_it_is_told():
    part, whole = np.modf(tg.Tensor([1.25]), dtype=np.float32, casting="same_kind")
    assert part.dtype == whole.dtype == np.float32


@pytest.mark.parametrize(("low", "high"), [([2, 2, 2], [2, 3, 4]), ((0, 2, 4), (3, 3, 5)), ([3, 2, 1], [1, 2, 3])])
def test_bounds_in_lists_are_arrays(low, high):
    x = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    arrays = np.array(low), np.array(high)
    for place in range(3):

        def clipped(x, bounds, place=place):
            args = [*bounds]
            args.insert(place, x)
            return np.sum(np.clip(*args) ** 2)

        gradient = tg.grad(lambda x, f=clipped: f(x, (low, high)))(x)
        np.testing.assert_array_equal(gradient, tg.grad(lambda x, f=clipped: f(x, arrays))(x))


@pytest.mark.parametrize("x", [np.inf, -np.inf, 0.0, -2.0])
@pytest.mark.parametrize("zero", [0, 0.0, np.zeros(1)], ids=str)
def test_the_power_0_has_the_slope_0_at_any_number(x, zero):
    slope = tg.grad(lambda x: np.sum(x**zero))
    for number in (x, np.full(3, x), np.full(3, x, np.float32)):
        for gradient in (slope(number), tg.compile(slope)(number)):
            np.testing.assert_array_equal(gradient, np.zeros_like(number))
            assert np.asarray(gradient).dtype == np.asarray(number).dtype
    assert tg.hessian(lambda x: x**zero if np.ndim(zero) == 0 else np.sum(x**zero))(1.5) == 0


def test_bounds_under_the_other_names():
    x = np.array([1.5, -2.0, 0.25])
    check_grads(lambda x, high: np.clip(x, max=high), x, 0.5)
    check_grads(lambda x, low: np.clip(x, min=low, max=1.0), x, np.array([0.5]))
    check_grads(lambda high: np.clip([1.5, -2.0], max=high), 0.5)


def test_a_step_at_a_number_of_pythons():
    for number in (0, 1.5):
        check_grads(lambda x, number=number: np.heaviside(number, x), np.array([0.5, 2.0]))
        tg.jvp(lambda x, number=number: np.heaviside(number, x), (np.array([1.0]),), (np.array([1.0]),))
