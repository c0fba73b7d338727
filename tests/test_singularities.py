"""An element that a condition, a mask or an index leaves out contributes nothing; other singularities are IEEE's."""

from __future__ import annotations

import itertools
import warnings

import numpy as np
import pytest

import tinygraph as tg

GUARDED = {
    "sqrt": (np.sqrt, 0.0),
    "log": (np.log, 0.0),
    "power": (lambda x: x**0.5, 0.0),
    "power by an array": (lambda x: x ** np.array(0.25), 0.0),
    "reciprocal": (lambda x: 1 / x, 0.0),
    "cbrt": (np.cbrt, 0.0),
    "arcsin": (np.arcsin, 1.0),
    "arctanh": (np.arctanh, 1.0),
    "log1p": (np.log1p, -1.0),
    "arctan2": (lambda x: np.arctan2(x, x), 0.0),
}


@pytest.mark.parametrize("name", GUARDED)
@pytest.mark.parametrize("shape", [(), (3,)])
def test_what_where_leaves_out_has_no_gradient(name, shape):
    f, at = GUARDED[name]
    x = tg.Tensor(np.full(shape, at))
    with np.errstate(all="ignore"):
        y = np.sum(np.where(x.data != at, f(x), 7.0) + x)
        y.backward(retain_graph=True)
        np.testing.assert_array_equal(x.grad, np.ones(shape))
        x.grad = None
        y.backward(create_graph=True)
        np.testing.assert_array_equal(x.grad.data, np.ones(shape))


def test_the_second_derivative_is_guarded_too():
    with np.errstate(all="ignore"):
        assert tg.grad(tg.grad(lambda x: np.where(x > 0, np.sqrt(x), 0) + x * x))(0.0) == 2


def test_other_elements_keep_their_gradients():
    x = tg.Tensor([0.0, 4.0, 9.0])
    np.sum(np.where(x > 0, np.sqrt(x), 0) + np.sqrt(x + 1)).backward()
    expected = np.array([0, 1 / 4, 1 / 6]) + 0.5 / np.sqrt([1, 5, 10])
    np.testing.assert_allclose(x.grad, expected)


@pytest.mark.parametrize("how", ["warn", "raise", "ignore"])
def test_a_nan_that_remains_is_reported_as_numpy_does(how):
    x = tg.Tensor(0.0)
    with np.errstate(all="ignore"):
        y = np.log(x) - np.log(x)  # the gradient is infinity minus infinity
    with np.errstate(divide="ignore", invalid=how), warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        if how == "raise":
            with pytest.raises(FloatingPointError):
                y.backward()
            assert x.grad is None
        else:
            y.backward()
            assert np.isnan(x.grad)
            assert bool(seen) is (how == "warn")


def test_sums_of_opposite_infinities_are_not_counted_twice():
    x = tg.Tensor([1.0, 2.0])
    with np.errstate(invalid="ignore"):
        (np.sum(x * np.inf) - np.sum(x * np.inf) + np.sum(x)).backward()
    assert np.isnan(x.grad).all()
    y = tg.Tensor(1.0)
    z = y * np.array([np.inf, -np.inf, 1.0])
    with np.errstate(invalid="ignore"):
        np.sum(z).backward()
    assert np.isnan(y.grad)


def test_the_directional_derivative_beside_a_singularity():
    x, v = np.array([4.0, 0.0, 9.0]), np.ones(3)
    _, along = tg.jvp(lambda x: np.where(x > 0, np.sqrt(x), 0.0), (x,), (v,))
    np.testing.assert_allclose(along, [1 / 4, 0, 1 / 6])
    with np.errstate(divide="ignore"):
        assert tg.jvp(np.sqrt, (0.0,), (1.0,))[1] == np.inf


# --- what is left out, at every order, eager and compiled -------------------------------------------------------------

KEPT = np.array([False, True, True, True])
PLACES = np.array([1, 3, 2])
SCALE = np.array([2.0, 3.0, 4.0, 5.0])
# Functions, and what stands in the first of four elements, which is left out.
SINGULAR = {
    "sqrt": (np.sqrt, 0.0),
    "sqrt of a negative number": (np.sqrt, -1.0),
    "log": (np.log, 0.0),
    "x log x": (lambda x: x * np.log(x), 0.0),
    "reciprocal": (lambda x: 1 / x, 0.0),
    "power 1.5": (lambda x: x**1.5, 0.0),
    "power -0.5": (lambda x: x**-0.5, 0.0),
    "arcsin": (np.arcsin, 1.0),
    "exp of a large number": (np.exp, 1e4),
    "a quotient": (lambda x: x / SCALE.astype(x.dtype), 0.0),
    "0 / 0": (lambda x: np.sin(x) / x, 0.0),
    "square of NaN": (lambda x: x * x, np.nan),
    "multiple of NaN": (lambda x: 3 * x, np.nan),
    "sine of infinity": (np.sin, np.inf),
    "sigmoid of NaN": (tg.sigmoid, np.nan),
    "sqrt of a maximum": (lambda x: np.sqrt(np.maximum(x, 0)), -1.0),
    "sqrt of relu": (lambda x: np.sqrt(tg.relu(x)), -1.0),
    "sqrt of clip": (lambda x: np.sqrt(np.clip(x, 0, 5)), -1.0),
    "a row of a product": (lambda x: (np.sqrt(x)[:, None] @ np.ones((1, 2), x.dtype))[:, 0], 0.0),
    "an einsum": (lambda x: np.einsum("i,j->ij", np.log(x), np.ones(2, x.dtype))[:, 1], 0.0),
}
LEAVING_OUT = {
    "where": lambda y: np.sum(np.where(KEPT, y * y, 0)),
    "slice": lambda y: np.sum(y[1:] ** 2),
    "places": lambda y: np.sum(y[PLACES] ** 2),
    "one place": lambda y: y[2] * y[2],
    "take": lambda y: np.sum(np.take(y, PLACES) ** 2),
    "split": lambda y: np.sum(np.split(y, [1])[1] ** 2),
    "diff": lambda y: np.sum(np.diff(y[1:]) ** 2),
    "pad": lambda y: np.sum(np.pad(y[1:], 1) ** 2),
    "delete": lambda y: np.sum(np.delete(y, 0) ** 2),
    "sum where": lambda y: np.sum(y, where=KEPT) ** 2,
    "mean where": lambda y: np.mean(y, where=KEPT) ** 2,
    "select": lambda y: np.sum(np.select([KEPT], [y], 0) ** 2),
    "roll": lambda y: np.sum(np.roll(y, 1)[[0, 2, 3]] ** 2),
    "stack": lambda y: np.sum(np.stack([y, y])[:, 1:] ** 2),
    "outer": lambda y: np.sum(np.outer(y, np.ones(2, y.dtype))[1:] ** 2),
}
PAIRS = list(itertools.product(SINGULAR, LEAVING_OUT))


def left_out(name, operation, dtype):
    """A loss that leaves its argument's first element out, the argument, and one that is regular there."""
    f, singular = SINGULAR[name]
    leave_out = LEAVING_OUT[operation]
    x = np.array([singular, 0.6, 0.3, 0.45], dtype)
    regular = np.where(KEPT, x, 0.7).astype(dtype)
    return lambda x: leave_out(f(x)), x, regular


def check_left_out(transform, name, operation, dtype, runs):
    """Hold a derivative against that where the element that is left out is regular, with 0 for that element."""
    loss, x, regular = left_out(name, operation, dtype)
    expected = transform(loss)(regular)
    expected = np.where(KEPT if expected.ndim == 1 else np.outer(KEPT, KEPT), expected, 0)
    rtol = 1e-9 if dtype is np.float64 else 1e-4
    for run in runs:
        with np.errstate(all="ignore"):
            found = run(transform(loss))(x)
        assert found.dtype == dtype
        np.testing.assert_allclose(found, expected, rtol=rtol, atol=rtol / 100, err_msg=f"{name}, {operation}")


@pytest.mark.parametrize("name", SINGULAR)
@pytest.mark.parametrize("transform", [tg.grad, tg.hessian])
def test_what_is_left_out_contributes_nothing(name, transform):
    for operation in LEAVING_OUT:
        check_left_out(transform, name, operation, np.float64, [lambda f: f])


@pytest.mark.parametrize("pair", PAIRS[::11], ids=" | ".join)
@pytest.mark.parametrize("transform", [tg.grad, tg.hessian])
def test_an_eager_and_a_compiled_call_agree_at_singular_points(pair, transform):
    dtype = (np.float64, np.float32)[PAIRS.index(pair) % 2]
    check_left_out(transform, *pair, dtype, [lambda f: f, tg.compile])


@pytest.mark.parametrize("how", [lambda f: f, tg.compile], ids=["eager", "compiled"])
def test_conditions_that_ask_for_nan(how):
    x = np.array([np.nan, 2.0, 3.0])
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(how(tg.grad(lambda d: np.sum(np.where(np.isnan(d), 0, d * d))))(x), [0, 4, 6])
        weights = how(tg.grad(lambda w, d: np.sum(np.where(np.isnan(d), 0, w * d))))(np.ones(3), x)
        np.testing.assert_array_equal(weights, [0, 2, 3])
        np.testing.assert_array_equal(how(tg.grad(lambda d: np.nansum(d * d)))(x), [0, 4, 6])
        entropy = how(tg.grad(lambda p: -np.sum(np.where(p > 0, p * np.log(p), 0))))(np.array([0.0, 0.5]))
        np.testing.assert_allclose(entropy, [0, -1 - np.log(0.5)])
        np.testing.assert_array_equal(how(tg.grad(lambda x: np.where(x > 0, np.sqrt(x), 0)))(np.float64(-3)), 0)


def test_rows_that_an_index_leaves_out_of_a_product():
    features = np.arange(12.0).reshape(4, 3)
    features[1] = np.nan
    w = np.ones((3, 2))
    for loss in (
        lambda w: np.sum((features @ w)[[0, 2]]),
        lambda w: np.sum(np.where(np.isnan(features[:, :1]), 0, features @ w)[[0, 2]]),
        lambda w: np.sum(np.einsum("ij,jk->ik", features, w)[[0, 2]]),
    ):
        np.testing.assert_array_equal(tg.grad(loss)(w), np.repeat(features[[0, 2]].sum(axis=0)[:, None], 2, axis=1))


# --- left out of functions that mix elements --------------------------------------------------------------------------

TABLE = np.arange(12.0).reshape(4, 3) / 7 + 0.1
WEIGHTS = np.array([0.3, 0.2, 0.5])
# Functions of the rows of a matrix, one number a row.
OF_ROWS = {
    "product": lambda x, w: x @ w,
    "product from the left": lambda x, w: w @ x.T,
    "product of stacks": lambda x, w: ((x[:, :, None] * w) @ w)[:, 0],
    "product of logarithms": lambda x, w: np.log(x) @ w,
    "product of roots": lambda x, w: np.sqrt(x) @ w,
    "two layers": lambda x, w: np.tanh(x @ np.outer(w, w)) @ w,
    "einsum": lambda x, w: np.einsum("ij,j->i", x, w),
    "softmax": lambda x, w: tg.softmax(x * w)[:, 0],
    "softmax of where": lambda x, w: tg.softmax(np.where(x != 0.1, x * w, 0))[:, 0],
    "sum": lambda x, w: np.sum(x * x * w, axis=1),
    "cumsum": lambda x, w: np.cumsum(x * x * w, axis=1)[:, 2],
    "prod": lambda x, w: np.prod(x * w, axis=1),
    "norm": lambda x, w: np.linalg.norm(x * w, axis=1),
    "relu": lambda x, w: np.sum(tg.relu(x * w), axis=1),
    "fft": lambda x, w: np.real(np.fft.fft(x * w, axis=1))[:, 1],
    "solve": lambda x, w: np.linalg.solve(np.eye(3) * 3 + x[:, :, None] * w, np.ones((4, 3, 1)))[:, 0, 0],
    "convolution": lambda x, w: tg.conv2d(x[:, :, None, None], w.reshape(3, 1, 1, 1))[:, 0, 0, 0],
    "checkpoint": tg.checkpoint(lambda x, w: np.log(x) @ w),
    "rows in a stack": lambda x, w: np.stack([np.convolve(row, w)[2] for row in x]),
}
OUT_OF_ROWS = {
    "places": lambda y, x: np.sum(y[PLACES] ** 2),
    "where": lambda y, x: np.sum(np.where(x[:, 1] > 0.4, y * y, 0)),
    "sum where": lambda y, x: np.sum(y, where=KEPT) ** 2,
    "prod where": lambda y, x: np.prod(y + 2, where=KEPT),
}


def check_left_out_row(name, operation, transform, number, runs):
    """Hold derivatives by both arguments against those where the first row is regular."""
    x = TABLE.copy()
    x[0] = number

    def loss(x, w):
        return OUT_OF_ROWS[operation](OF_ROWS[name](x, w), x)

    expected = transform(loss, 1)(TABLE, WEIGHTS)
    for run in runs:
        found = run(transform(loss, 1))
        with np.errstate(all="ignore"):
            if transform is tg.grad:
                by_x = run(tg.grad(loss))(x, WEIGHTS)
                np.testing.assert_allclose(by_x[1:], tg.grad(loss)(TABLE, WEIGHTS)[1:], rtol=1e-9, err_msg=name)
                np.testing.assert_array_equal(by_x[0], 0, err_msg=name)
            for matrix in (TABLE, x, TABLE):  # a program that was made for the one is not used for the other
                np.testing.assert_allclose(found(matrix, WEIGHTS), expected, rtol=1e-9, atol=1e-12, err_msg=name)


@pytest.mark.parametrize("name", OF_ROWS)
@pytest.mark.parametrize("number", [np.nan, np.inf, 0.0])
def test_a_row_that_is_left_out_contributes_nothing(name, number):
    for operation, transform in itertools.product(OUT_OF_ROWS, (tg.grad, tg.hessian)):
        if operation != "where" or number != np.inf:
            check_left_out_row(name, operation, transform, number, [lambda f: f])


@pytest.mark.parametrize("name", ["product", "einsum", "softmax", "solve", "convolution"])
def test_a_row_that_is_left_out_of_float32_contributes_nothing(name):
    x, w = TABLE.astype(np.float32), WEIGHTS.astype(np.float32)
    expected = tg.grad(lambda w: np.sum(OF_ROWS[name](x, w)[PLACES] ** 2))(w)
    x = np.where(KEPT[:, None], x, np.float32(np.nan))
    with np.errstate(all="ignore"):
        found = tg.grad(lambda w: np.sum(OF_ROWS[name](x, w)[PLACES] ** 2))(w)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=1e-4)


ROW_CASES = list(itertools.product(OF_ROWS, OUT_OF_ROWS))


@pytest.mark.parametrize("pair", ROW_CASES[::3], ids=" | ".join)
def test_a_row_that_is_left_out_of_a_program_contributes_nothing(pair):
    check_left_out_row(*pair, tg.grad, np.nan, [tg.compile])


def test_a_program_that_leaves_nothing_out_asks_for_no_finite_arguments():
    program = tg.compile(tg.grad(lambda w, x: np.sum(np.tanh(x @ w) ** 2)))
    program(WEIGHTS, TABLE)
    text = program.source
    program(WEIGHTS, np.full((4, 3), np.nan))
    assert program.source == text
    assert len(program.signatures) == 1


@pytest.mark.parametrize("join", [np.stack, np.vstack, np.concatenate])
def test_what_is_left_out_of_a_stack_is_known_while_a_program_is_made(join):
    """The rules of np.stack and np.concatenate read shapes. The last state is reached by way of all others."""
    x = np.array([[0.0, 4.0], [1.0, 9.0], [3.0, 2.0]])

    def loss(x):
        states = [np.sqrt(1 + x[:1])]
        for row in (x[1:2], x[2:]):
            states.append(np.sqrt(row + states[-1]))
        return np.sum(join(states)[-1:])

    program = tg.compile(tg.grad(loss))
    np.testing.assert_allclose(program(x), tg.grad(loss)(x), rtol=1e-14)
    assert "where=" not in program.source


def test_a_singular_element_that_a_product_leaves_out_at_the_second_order():
    x = TABLE.copy()
    x[0] = 0

    def loss(x):
        return np.sum(tg.grad(lambda w: np.sum((np.sqrt(x) @ w)[1:] ** 3))(WEIGHTS) ** 2)

    with np.errstate(all="ignore"):
        found = tg.grad(loss)(x)
    np.testing.assert_allclose(found[1:], tg.grad(loss)(TABLE)[1:])
    np.testing.assert_array_equal(found[0], 0)


def test_second_derivatives_at_0_compiled():
    """A cotangent is 0 by value and nothing is left out, as in an exact fit."""
    s = np.array([2.0, 3.0, 4.0])
    for loss, x in (
        (lambda x: np.sum((x / s)[1:] ** 2), np.zeros(3)),
        (lambda x: np.sum(np.where(x >= 0, x / s, x) ** 2), np.zeros(3)),
        (lambda x: np.sum(np.diff(np.log(x)) ** 2), np.full(3, 2.0)),
        (lambda r: np.sum((r**-12 - 2 * r**-6)[1:]), np.ones(3)),
        (lambda x: np.sum((x / np.sqrt(np.sum(x * x)))[:1] ** 2), np.array([0.0, 2.0, 0.0])),
    ):
        expected = tg.hessian(loss)(x)
        np.testing.assert_allclose(tg.compile(tg.hessian(loss))(x), expected, rtol=1e-12, atol=1e-12)
        assert np.any(expected)


@pytest.mark.parametrize("how", [lambda f: f, tg.compile], ids=["eager", "compiled"])
def test_a_row_of_a_jacobian_is_the_derivative_of_one_element(how):
    """The others are left out of it, and not multiplied by 0."""
    x = np.array([0.0, 4.0])
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(how(tg.jacobian(np.sqrt))(x), [[np.inf, 0], [0, 0.25]])
        rows = how(tg.jacobian(lambda x: np.sqrt(x)[:, None] @ np.ones((1, 2))))(x)
        np.testing.assert_array_equal(rows, np.stack([[[np.inf, 0], [0, 0.25]]] * 2, axis=1))
        np.testing.assert_array_equal(how(tg.hessian(lambda x: np.sum(x**1.5)))(x), [[np.inf, 0], [0, 0.375]])
        twice = how(tg.jacobian(tg.jacobian(lambda x: x**1.5)))(x)
        np.testing.assert_array_equal(twice, [[[np.inf, 0], [0, 0]], [[0, 0], [0, 0.375]]])
        assert np.isnan(tg.vjp(np.sqrt, x)[1](np.array([0.0, 1.0]))[0][0])  # a cotangent that somebody chose


# --- what is not left out ---------------------------------------------------------------------------------------------

NOT_LEFT_OUT = {
    "sqrt squared": (lambda x: np.sum(np.sqrt(x) ** 2), [0.0, 4.0]),
    "sqrt times sqrt": (lambda x: np.sum(np.sqrt(x) * np.sqrt(x)), [0.0, 4.0]),
    "power of a power": (lambda x: np.sum((x**0.5) ** 2), [0.0, 4.0]),
    "a quotient of quotients": (lambda x: np.sum(2 / (1 / x + 1)), [0.0, 4.0]),
    "exp of log": (lambda x: np.sum(np.exp(np.log(x))), [0.0, 4.0]),
    "log of exp": (lambda x: np.sum(np.log(1 + np.exp(x))), [1000.0, 4.0]),
    "times a mask": (lambda x: np.sum(np.sqrt(x) * (x > 0)), [0.0, 4.0]),
    "times 0": (lambda x: np.sum(np.log(x)) * 0, [0.0, 4.0]),
    "absolute": (lambda x: np.sum(np.abs(np.sqrt(x))), [0.0, 4.0]),
    "kept by where": (lambda x: np.sum(np.where(x < 9, np.sqrt(x) ** 2, 0)), [0.0, 4.0]),
}


@pytest.mark.parametrize("name", NOT_LEFT_OUT)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_zero_times_infinity_is_nan_with_a_warning(name, dtype):
    loss, x = NOT_LEFT_OUT[name]
    x = np.array(x, dtype)
    for gradient in (tg.grad(loss), tg.compile(tg.grad(loss))):
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            found = gradient(x)
        assert np.isnan(found[0])
        assert np.isfinite(found[1])
        assert any("invalid value" in str(warning.message) for warning in seen)


def test_the_kinks_stay():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for f, x in ((np.std, np.ones(3)), (np.linalg.norm, np.zeros(3)), (lambda x: np.sum(np.abs(x)), np.zeros(3))):
            for transform in (tg.grad, lambda f: tg.compile(tg.grad(f))):
                np.testing.assert_array_equal(transform(f)(x), np.zeros(3))


# --- what a function does not choose ----------------------------------------------------------------------------------


@tg.primitive
def burst(x):
    """The same number, with an infinite slope."""
    return x * 1


burst.derivative(lambda g, z, x: g * np.inf)

ROWS = np.array([[0.3, -0.6, 0.2], [0.4, 0.25, -0.8]])
OTHER = np.array([[0.1, 0.5, -0.4], [0.35, -0.9, 0.7]])
CHOICES = {
    "maximum": lambda x: np.maximum(x, OTHER),
    "minimum": lambda x: np.minimum(OTHER, x),
    "fmax": lambda x: np.fmax(x, 0),
    "fmin": lambda x: np.fmin(x, 0),
    "clip": lambda x: np.clip(x, -0.3, 0.3),
    "relu": tg.relu,
    "max": lambda x: np.max(x, axis=1),
    "min": lambda x: np.min(x),
    "median": lambda x: np.median(x, axis=1),
    "sort": lambda x: np.sort(x, axis=1)[:, :2],
    "where": lambda x: np.where(OTHER > 0, x, OTHER),
    "heaviside": lambda x: np.heaviside(OTHER, x),
    "tril": lambda x: np.tril(x),
    "take_along_axis": lambda x: np.take_along_axis(x, np.array([[0], [2]]), axis=1),
    "ptp": lambda x: np.ptp(x, axis=1),
    "max_pool2d": lambda x: tg.max_pool2d(x.reshape(1, 2, 3, 1), (2, 3)),
}


@pytest.mark.parametrize("name", CHOICES)
@pytest.mark.parametrize("how", [lambda f: f, tg.compile], ids=["eager", "compiled"])
def test_an_infinite_cotangent_of_what_was_not_chosen_is_0(name, how):
    choose = CHOICES[name]
    gradient = tg.grad(lambda x: np.sum(burst(choose(x))))
    ordinary = tg.grad(lambda x: np.sum(choose(x)))(ROWS)
    with np.errstate(invalid="ignore"):
        found = how(gradient)(ROWS)
    chosen = ordinary != 0
    assert not np.all(chosen) or name == "heaviside"
    np.testing.assert_array_equal(found[~chosen], 0)
    assert np.all(np.isinf(found[chosen]))


def test_a_gradient_without_nan_takes_one_pass():
    passes = []

    @tg.primitive
    def counted(x):
        return x * 1

    counted.derivative(lambda g, z, x: passes.append(1) or g)
    np.sum(counted(tg.Tensor(np.ones(3))) ** 2).backward()
    assert len(passes) == 1
    for array in (np.ones(3), np.ones(100_000)):  # of large arrays a pass keeps no more than it must
        x = tg.Tensor(array)
        with np.errstate(all="ignore"):
            y = np.sum(np.where(x.data > 1, np.sqrt(counted(x) - 1), 0) + x)
        y.backward()
        np.testing.assert_array_equal(x.grad, np.ones_like(array))


JOINED = {
    "stack": lambda h: np.stack([h, h]),
    "concatenate": lambda h: np.concatenate([np.ones(1), h, h * 2]),
    "hstack": lambda h: np.hstack([h, 3 * h]),
    "block": lambda h: np.block([[h, h], [h * 2, h]]),
    "select": lambda h: np.select([h > 1], [h], 2 * h),
    "einsum": lambda h: np.einsum("i,i->i", h, h),
}


@pytest.mark.parametrize("parts", [lambda h: h[:1], lambda h: np.where(h > 1, h, 0)], ids=["index", "condition"])
@pytest.mark.parametrize("name", JOINED)
def test_a_part_that_is_taken_leaves_out_nothing_of_what_is_joined(name, parts):
    # The NaN of a square root that is left out has the pass know where each cotangent was reached.
    def loss(x, order):
        h = np.exp(x)
        terms = (
            lambda: np.sum(parts(h)),
            lambda: np.sum(JOINED[name](h) ** 2),
            lambda: np.sum(np.where(x > 0, np.sqrt(x), 0)),
        )
        return sum([terms[place]() for place in order])

    x = np.array([-1.0, 1.5, 3.0])
    with np.errstate(invalid="ignore"):
        for order in itertools.permutations(range(3)):
            function = lambda x, order=order: loss(x, order)
            tg.testing.check_grads(function, x, order=2, step=1e-3)
            for derivative in (tg.grad(function), tg.hessian(function)):
                np.testing.assert_allclose(tg.compile(derivative)(x), derivative(x), rtol=1e-12)


@pytest.mark.parametrize("joined", [np.vander, lambda x, n: np.stack([x**k for k in range(n)], axis=1)])
def test_the_places_of_a_fit_bend_as_differences_do(joined):
    def fitted(x, y):
        return np.linalg.lstsq(joined(x, 3), y, rcond=None)[0]

    tg.testing.check_grads(fitted, np.array([0.1, 0.5, 1.0, 1.5]), np.array([2.0, -6.0, 6.0, -2.0]), order=2)
    columns = lambda x, y: np.linalg.pinv(np.concatenate([np.ones((4, 1)), np.stack([x, x * x], 1)], 1)) @ y
    tg.testing.check_grads(columns, np.array([0.1, 0.5, 1.0, 1.5]), np.array([2.0, -6.0, 6.0, -2.0]), order=2)


PRODUCTS_LEFT = {
    "matmul": (np.matmul, (6, 5), (5, 4)),
    "stacks": (np.matmul, (3, 4, 5), (5, 4)),
    "vector": (np.matmul, (6, 5), (5,)),
    "einsum": (lambda x, w: np.einsum("ij,jk->ik", x, w), (6, 5), (5, 4)),
    "tensordot": (lambda x, w: np.tensordot(x, w, 1), (6, 5), (5, 4)),
    "convolve": (np.convolve, (7,), (3,)),
    "conv2d": (tg.conv2d, (2, 5, 5, 2), (2, 2, 2, 3)),
}
LEFT_OF_PRODUCTS = {
    "slice": lambda y: np.sum(np.tanh(y[:2])),
    "pick": lambda y: np.sum(np.take(y, [0, 1], axis=0) ** 2),
    "column": lambda y: np.sum(y[..., 0] * 2),
    "condition": lambda y: np.sum(np.where(y > 0.3, y, 0.0) ** 2),
}


@pytest.mark.parametrize("number", [np.inf, -np.inf, np.nan])
@pytest.mark.parametrize("left", LEFT_OF_PRODUCTS)
@pytest.mark.parametrize("product", PRODUCTS_LEFT)
def test_what_is_left_out_of_a_product_contributes_nothing_beside_infinite_factors(product, left, number):
    multiply, *shapes = PRODUCTS_LEFT[product]
    draw = np.random.default_rng(0)
    slopes = tg.grad(lambda x, w: LEFT_OF_PRODUCTS[left](multiply(x, w)), (0, 1))
    compiled = tg.compile(slopes)
    for place, at in ((0, 1), (0, -1), (1, 0), (1, -1)):
        factors = [draw.normal(size=shape) for shape in shapes]
        factors[place].flat[at] = number
        with np.errstate(all="ignore"):
            for found, expected in zip(slopes(*factors), compiled(*factors), strict=True):
                np.testing.assert_allclose(found, expected)


def test_a_row_that_is_left_out_has_the_gradient_zero_beside_an_infinite_weight():
    x, w = np.ones((3, 2)), np.array([[1.0, 2.0], [np.inf, 1.0]])
    with np.errstate(invalid="ignore"):
        of_x, of_w = tg.grad(lambda x, w: np.sum((x @ w)[:2, 1]), (0, 1))(x, w)
    np.testing.assert_array_equal(of_x[2], [0, 0])
    np.testing.assert_array_equal(of_w[:, 0], [0, 0])


@pytest.mark.parametrize(
    "left", [lambda y: y[1:2], lambda y: np.where(np.arange(3)[:, None] == 1, y, 0), lambda y: y[np.array([1])]]
)
def test_rows_that_are_left_out_have_zeros_and_no_nan(left):
    x, w = np.ones((3, 2)), np.array([[np.inf, 1.0], [2.0, 3.0]])
    slopes = tg.grad(lambda x: np.sum(left(x @ w)))
    with np.errstate(invalid="ignore"):
        for each in (slopes, tg.compile(slopes)):
            np.testing.assert_array_equal(each(x), [[0, 0], [np.inf, 5], [0, 0]])
