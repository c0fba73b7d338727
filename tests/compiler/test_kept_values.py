"""Values that a loop keeps for the reverse pass: the parts that are read, and none that costs less to compute again."""

from __future__ import annotations

import re

import numpy as np
import pytest

import tinygraph as tg
import tinygraph.numpy as tnp
from tests.compiler.test_kept_in_place import compiled_gradient, copies_in, in_loops
from tinygraph.compiler.rewrites import computing_again, gathering_rows, keeping_masks, keeping_parts


@pytest.fixture
def all_sizes(monkeypatch):
    """Small arrays are treated as large ones."""
    monkeypatch.setattr(computing_again, "ALL_BYTES", 0)
    monkeypatch.setattr(computing_again, "ROW_BYTES", 0)
    monkeypatch.setattr(keeping_parts, "LEAST", 0)


def stacks_in(source):
    """The shapes of the arrays that a program allocates for a value of every iteration."""
    found = re.findall(r"((?:\w+,?\s+)+)\)? ?= \(?(?:np\.empty|on_lines)\(\(([\d, ]+)\)", source)
    return [
        tuple(map(int, re.findall(r"\d+", shape)))
        for names, shape in found
        for name in re.findall(r"\w+", names)
        if name.startswith("all_")
    ]


def kept_in(compiled):
    """The shapes of what the loops of a program keep of an iteration."""
    return [shape[1:] for shape in stacks_in(compiled.source)]


def assert_second_order(function, *args):
    """The compiled gradient of a directional derivative is the eager one."""

    def slope(*xs):
        gradient = tg.grad(lambda *ys: np.sum(function(*ys) ** 2), tuple(range(len(xs))))
        return sum([np.sum(part * np.cos(x)) for part, x in zip(gradient(*xs), xs, strict=True)])

    second = tg.grad(slope, tuple(range(len(args))))
    for found, expected in zip(tg.compile(second)(*args), second(*args), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)


# --- parts ------------------------------------------------------------------------------------------------------------


def trajectory(start, rate):
    path = tnp.zeros((12, *start.shape))
    path[0] = start
    for t in range(11):
        y = path[t]
        path[t + 1] = y + 0.1 * rate * np.sin(y)
    return path


def backward_in_time(end, rate):
    path = tnp.zeros((12, *end.shape))
    path[11] = end
    for t in range(10, -1, -1):
        path[t] = path[t + 1] * rate + np.cos(path[t + 1])
    return path


def with_two_rows(start, rate):
    path = tnp.zeros((12, *start.shape))
    path[0] = path[1] = start
    for t in range(1, 11):
        path[t + 1] = 2 * np.sin(path[t]) - rate * np.sin(path[t - 1])
    return path


def two_rows_at_once(start, rate):
    path = tnp.zeros((12, *start.shape))
    path[:2] = start
    for t in range(10):
        path[t + 1 : t + 3] += 0.1 * rate * np.sin(path[t : t + 2])
    return path


@pytest.mark.parametrize("function", [trajectory, backward_in_time, with_two_rows, two_rows_at_once])
def test_a_loop_keeps_the_rows_that_are_read_and_not_the_array_of_each_iteration(function, all_sizes):
    rng = np.random.default_rng(0)
    args = rng.normal(size=6), rng.normal(size=6)
    compiled, _ = compiled_gradient(function, *args)
    assert (12, 6) not in kept_in(compiled)
    assert_second_order(function, *args)


def test_a_trajectory_is_written_where_it_is():
    rng = np.random.default_rng(1)
    compiled, text = compiled_gradient(trajectory, rng.normal(size=(2, 500)), rng.normal(size=(2, 500)))
    assert (12, 2, 500) not in kept_in(compiled)
    assert not [line for line in in_loops(text) if copies_in(line) and "part" not in line and "slope" in line]


def test_a_part_that_an_iteration_does_not_have_is_not_kept(all_sizes):
    def function(x, w):  # the last iteration has no row behind it
        total = tnp.zeros(3)
        for t in range(9):
            x[t] = np.sin(x[t]) * w
            total += np.cos(x[(t + 1) % 9])
        return total

    rng = np.random.default_rng(2)
    args = rng.normal(size=(9, 3)), rng.normal(size=3)
    compiled_gradient(function, *args)
    assert_second_order(function, *args)


def orthogonal(a):
    m, n = a.shape
    q, r = tnp.zeros((m, n)), tnp.zeros((n, n))
    for k in range(n):
        r[k, k] = np.sqrt(a[:, k] @ a[:, k])
        q[:, k] = a[:, k] / r[k, k]
        for j in range(k + 1, n):
            r[k, j] = q[:, k] @ a[:, j]
            a[:, j] -= q[:, k] * r[k, j]
    return np.concatenate([q, r])


def test_columns_that_count_past_the_last_one_in_an_iteration_are_not_kept(all_sizes):
    compiled_gradient(orthogonal, np.random.default_rng(5).normal(size=(9, 7)))


# --- values -----------------------------------------------------------------------------------------------------------


def logistic(y, rate):
    for _ in range(9):
        k = rate * y * (1 - y)
        y = y + 0.1 * k * np.tanh(y + 0.05 * k)
    return y


def shortest(path, weights):
    for k in range(len(path)):
        path[:] = np.minimum(path, np.add.outer(path[:, k], path[k, :])) * weights
    return path


def with_rows_from_outside(h, xs):
    for t in range(9):
        z = xs[t] * h + h
        h = z * np.sin(z) - z * xs[t]
    return h


def backward_over_rows(h, xs):
    for t in range(8, -1, -1):
        z = (xs[t] - h) * 2
        h = z * np.sin(z) * h
    return h


def loops_in_loops(h, xs):
    for _ in range(5):
        for t in range(9):
            z = xs[t] * h
            h = np.tanh(z) * z
        h = h * 0.5 + np.cos(h) * h
    return h


CASES = {
    "carried": (logistic, (6,), (6,)), "outer sums": (shortest, (7, 7), (7, 7)), "a number": (logistic, (6,), ()),
    "rows": (with_rows_from_outside, (6,), (9, 6)), "backward": (backward_over_rows, (6,), (9, 6)),
    "loops in loops": (loops_in_loops, (6,), (9, 6)), "broadcast": (logistic, (4, 6), (6,)),
    "broadcast rows": (with_rows_from_outside, (4, 6), (9, 6)), "nothing": (logistic, (0,), (0,)),
}  # fmt: skip


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("case", CASES)
def test_what_is_computed_again_is_what_was_computed(case, dtype, all_sizes):
    function, *shapes = CASES[case]
    rng = np.random.default_rng(3)
    args = [rng.uniform(0.1, 0.9, shape).astype(dtype) for shape in shapes]
    gradient = tg.grad(lambda *xs: np.sum(function(*xs) ** 2), tuple(range(len(args))))
    compiled = tg.compile(gradient)
    for _ in range(2):
        for found, expected in zip(compiled(*args), gradient(*args), strict=True):
            assert found.dtype == expected.dtype
            np.testing.assert_allclose(found, expected, rtol=1e-10 if dtype == np.float64 else 2e-5)
        args = [x * dtype(0.9) for x in args]
    if dtype == np.float64:
        assert_second_order(function, *args)


def test_a_sum_is_not_kept_of_each_iteration_where_its_terms_are():
    rng = np.random.default_rng(4)

    def function(y, rate):
        for _ in range(40):
            k = rate * y * (1 - y)
            y = y + 0.1 * np.tanh(k) * k
        return y

    args = rng.uniform(0.1, 0.9, 4000), rng.uniform(0.1, 0.9, 4000)
    compiled, _ = compiled_gradient(function, *args)
    kept = kept_in(compiled).count((4000,))
    assert 0 < kept <= 3  # y and tanh(k), and no product
    small, _ = compiled_gradient(function, *[x[:40] for x in args])
    assert kept_in(small).count((40,)) > kept


# --- values that stay the same ----------------------------------------------------------------------------------------


def upwind(q, u):
    for _ in range(6):
        east, west = q[2:] - q[1:-1], q[1:-1] - q[:-2]
        q[1:-1] -= 0.2 * u * np.where(u > 0, west, east)
    return q


# --- the last iteration -----------------------------------------------------------------------------------------------


def over_relaxed(a, b):
    x = tnp.zeros_like(b)
    for _ in range(5):
        before = x.copy()
        for i in range(3):
            rest = b[i] - np.dot(a[i, :i], x[:i]) - np.dot(a[i, i + 1 :], before[i + 1 :])
            x[i] = -0.2 * before[i] + 1.2 * rest / a[i, i]
    return np.sum(x * np.array([1.0, 0.25, -0.75]))


def read_and_written_behind(a, b):
    x = tnp.array(b)
    y = np.cos(x)
    for _ in range(7):
        x = np.tanh(a @ x)
        x *= 0.9
        y[1:3] = np.cos(x[:2]) * a[0, :2]
    return np.sum(x * x) + np.sum(y * x)


def numbers_of_the_iteration_before(a, b):
    x, total = tnp.array(b), 0.0
    y = np.cos(x)
    for _ in range(4):
        x[1] *= np.dot(a[2], x)
        p = y[0] * 1.0
        total = total + np.sum(p * p)
        y[0] = y[0] * a[2, 0] + x[2] * a[1, 0]
    return np.sum(x * x) + np.sum(y * x) + total


@pytest.mark.parametrize("function", [over_relaxed, read_and_written_behind, numbers_of_the_iteration_before])
@pytest.mark.parametrize("argnums", [(0,), (1,), (0, 1)])
def test_what_is_kept_of_the_last_iteration_is_not_written_over(function, argnums):
    rng = np.random.default_rng(0)
    a, b = np.diag([4.0, 5.0, 6.0]) + rng.uniform(0, 0.5, size=(3, 3)), rng.normal(size=3)
    gradient = tg.grad(function, argnums)
    for scale in (1.0, 0.25):
        for found, expected in zip(tg.compile(gradient)(a * scale, b), gradient(a * scale, b), strict=True):
            np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-12 * np.abs(expected).max())


def test_what_is_the_same_in_all_iterations_is_no_row_of_repeats():
    rng = np.random.default_rng(6)
    args = rng.normal(size=40), rng.normal(size=38)
    compiled, text = compiled_gradient(upwind, *args)
    assert "broadcast_to" not in compiled.source
    assert not [line for line in in_loops(text) if "logical_not" in line]
    assert_second_order(upwind, *args)


def gated(x, w):
    h = np.zeros(x.shape[1:])
    for row in x:
        share = tg.sigmoid(row + h @ w)
        h = share * h + (1 - share) * np.tanh(row)
    return h


def test_what_a_slope_computes_in_any_case_is_not_kept(monkeypatch):
    monkeypatch.setattr(gathering_rows, "CHEAP_BYTES", 0)  # slopes are computed in the loop
    rng = np.random.default_rng(7)
    args = rng.normal(size=(9, 6)), rng.normal(size=(6, 6))
    compiled, text = compiled_gradient(gated, *args)
    assert "all_share" in compiled.source and "all_one_minus_share" not in compiled.source
    assert sum(["subtract(one, share" in line for line in in_loops(text)]) == 2  # forward, and for the slope
    assert_second_order(gated, *args)


def test_a_state_that_begins_as_two_equal_constants_is_carried_once():
    rng = np.random.default_rng(8)
    compiled, text = compiled_gradient(gated, rng.normal(size=(9, 6)), rng.normal(size=(6, 6)))
    assert "h_before = h" in text
    assert not [line for line in in_loops(text) if copies_in(line)]


# --- masks ------------------------------------------------------------------------------------------------------------


def shortest_paths(path):
    for k in range(12):
        path = np.minimum(path, np.add.outer(path[:, k], path[k, :]))
    return path


def rectified(x, w):
    for _ in range(9):
        x = np.maximum(w * x - 0.1, 0)
    return x


def limited(x, w):
    for _ in range(9):
        change = w - x
        x = x + 0.3 * np.where(change * w > 0.05, change, 0.0)
    return x


def compared_with_two(x, w):
    for _ in range(9):
        y = 1.1 * x
        x = np.minimum(np.maximum(y, w), x + 0.2)
    return x


SIDE = 80  # smaller rows are compared all at once
MASKS = {  # a program, its number of arguments, and the dtypes of the rows that its gradient keeps
    "the least of two": (shortest_paths, 1, {"int8"}),
    "a rectifier": (rectified, 2, None),
    "a condition": (limited, 2, None),
    "two choices": (compared_with_two, 2, None),
}


@pytest.mark.parametrize("name", MASKS)
def test_what_is_compared_alone_is_kept_as_a_mask(name):
    function, count, dtypes = MASKS[name]
    xs = np.random.default_rng(3).uniform(0.1, 1.0, (count, SIDE, SIDE))
    gradient = tg.grad(lambda *ys: np.sum(np.sin(function(*ys))), tuple(range(count)))
    compiled = tg.compile(gradient)
    for _ in range(2):
        for found, expected in zip(compiled(*xs), gradient(*xs), strict=True):
            np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-13)
    if dtypes is not None:
        stacks = re.findall(r"^all_.* = .*\n", compiled.source, re.M)
        assert {name for line in stacks for name in re.findall(r"float\d+|int8|bool", line) or ["float64"]} == dtypes
    ties = [np.full((SIDE, SIDE), 0.5) for _ in range(count)]  # each side gets half
    for found, expected in zip(compiled(*ties), gradient(*ties), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-13)
    holes = [np.where(x > 0.9, np.inf, x) for x in xs]
    with np.errstate(all="ignore"):
        for found, expected in zip(compiled(*holes), gradient(*holes), strict=True):
            np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-13)
    assert_second_order(lambda *ys: np.sin(function(*ys)), *xs)


# --- rows -------------------------------------------------------------------------------------------------------------


def all_rows(h, u):
    states = tnp.zeros((12, *h.shape))
    for t in range(12):
        h = np.tanh(h @ u)
        states[t] = h
    return states


def first_row_before(h, u):
    states = tnp.zeros((13, *h.shape))
    states[0] = h
    for t in range(12):
        h = np.tanh(h @ u)
        states[t + 1] = h
    return states


def rows_in_a_larger_array(h, u):
    states = tnp.ones((15, *h.shape))
    for t in range(12):
        h = np.tanh(h @ u)
        states[t + 1] = h
    return states


def a_row_again(h, u):
    states = tnp.zeros((12, *h.shape))
    for t in range(12):
        h = np.tanh(h @ u)
        states[t] = h
    states[5] = h * 2
    return states


def rows_of_numbers(h, u):
    states = tnp.zeros((12, *h.shape))
    for t in range(12):
        h = np.tanh(h @ u)
        states[t] = h[0, 0]
    return states


def rows_that_are_read(h, u):
    states = tnp.zeros((12, *h.shape))
    for t in range(12):
        h = np.tanh(h @ u) + 0.1 * states[3]
        states[t] = h
    return states


def rows_backward(h, u):
    states = tnp.zeros((12, *h.shape))
    for t in range(11, -1, -1):
        h = np.tanh(h @ u)
        states[t] = h
    return states


def two_arrays(h, u):
    states, others = tnp.zeros((12, *h.shape)), tnp.zeros((12, *h.shape))
    for t in range(12):
        h = np.tanh(h @ u)
        states[t] = h
        others[t] = np.cos(h)
    return states * others


COVERED = {all_rows, first_row_before, two_arrays}


@pytest.mark.parametrize(
    "function",
    [
        all_rows, first_row_before, rows_in_a_larger_array, a_row_again, rows_of_numbers, rows_that_are_read,
        rows_backward, two_arrays,
    ],
)  # fmt: skip
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_rows_that_a_loop_writes_are_those_that_it_keeps(function, dtype):
    rng = np.random.default_rng(0)
    xs = rng.normal(size=(4, 6)).astype(dtype), (rng.normal(size=(6, 6)) / 3).astype(dtype)
    compiled = tg.compile(function)
    expected = function(*xs)
    np.testing.assert_allclose(compiled(*xs), getattr(expected, "data", expected), rtol=1e-6)
    gradient = tg.grad(lambda *ys: np.sum(np.sin(function(*ys))), (0, 1))
    of_gradient = tg.compile(gradient)
    for _ in range(2):
        for found, expected in zip(of_gradient(*xs), gradient(*xs), strict=True):
            np.testing.assert_allclose(found, expected, rtol=1e-12 if dtype == np.float64 else 2e-5, atol=1e-6)
    if dtype == np.float64:
        assert function not in COVERED or "np.zeros" not in of_gradient.source
        assert_second_order(function, *xs)


def two_beginnings(a, b, x, w):
    for row in x:
        a = b = np.tanh(row * np.cos(a) + np.sin(b) @ w)
    return a


def test_states_that_begin_apart_and_go_on_as_one_are_two():
    rng = np.random.default_rng(9)
    args = rng.normal(size=6), rng.normal(size=6), rng.normal(size=(9, 6)), rng.normal(size=(6, 6))
    compiled_gradient(two_beginnings, *args)
    assert_second_order(two_beginnings, *args)


def compared(x, w):
    path = [x]
    for _ in range(11):
        x = np.sin(x) * 1.5 + 0.1 * w
        path.append(x)
    total = 0.0
    for t, row in enumerate(path):
        total = total + np.where(row > 0.3, w * (t + 1), x)
    return total


def test_masks_are_those_of_their_rows(monkeypatch):
    monkeypatch.setattr(keeping_masks, "LEAST", 0)
    rng = np.random.default_rng(10)
    for _ in range(3):
        args = rng.normal(size=6), rng.normal(size=6)
        compiled_gradient(compared, *args)
        np.testing.assert_allclose(tg.compile(compared)(*args), compared(*args))


def a_row_twice(x, w):
    path = tnp.zeros((12, 6))
    path[0] = x * 3
    path[0] = np.cos(x)
    y = x
    for t in range(10):
        y = np.tanh(y * w)
        path[t + 1] = y
    path[11] = w
    path[11] = y * w
    return np.sum(path * np.arange(12.0)[:, None], axis=0)


def test_of_two_writes_into_a_row_beside_a_loop_the_later_counts():
    rng = np.random.default_rng(11)
    args = rng.normal(size=6), rng.normal(size=6)
    compiled_gradient(a_row_twice, *args)
    np.testing.assert_allclose(tg.compile(a_row_twice)(*args), a_row_twice(*args))
    assert_second_order(a_row_twice, *args)


def test_a_row_of_a_repeated_row_has_one_axis():
    x = np.arange(5.0).reshape(1, 5)
    for function in (lambda x: np.broadcast_to(x, (3, 5))[2] * 2, lambda x: np.broadcast_to(x[0], (3, 5))[2] * 2):
        found = tg.compile(function)(x)
        assert found.shape == (5,)
        np.testing.assert_array_equal(found, x[0] * 2)
