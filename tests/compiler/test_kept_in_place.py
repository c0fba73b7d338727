"""Gradients of loops that write: the array stays where it is, and no iteration copies all of it."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygraph as tg
import tinygraph.numpy as tnp
from tinygraph.compiler.program.boxes import Reads, box_of


def compiled_gradient(function, *args):
    """The compiled gradient of a sum of squares, of all arguments, and its text behind `def`: it is the eager one."""
    gradient = tg.grad(lambda *xs: np.sum(function(*xs) ** 2), tuple(range(len(args))))
    compiled = tg.compile(gradient)
    for _ in range(2):
        for found, expected in zip(compiled(*args), gradient(*args), strict=True):
            np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-10)
    return compiled, compiled.source.partition("\ndef ")[2]


def in_loops(text):
    """The statements of the loops of a program."""
    return [line.strip() for line in text.splitlines() if line.startswith("        ")]


def copies_in(text):
    """The copies of whole arrays in a program."""
    return re.findall(r"np\.copyto\(\w+, \w+\)", text)


# --- boxes ------------------------------------------------------------------------------------------------------------


@st.composite
def views(draw, count=2):
    """Some views of one array, each by up to two slices, perhaps of its transpose or with axes that are added."""
    shape = draw(st.lists(st.integers(1, 5), min_size=1, max_size=3))
    whole = np.empty(shape, int)
    whole.flat = range(whole.size)
    found = []
    for _ in range(count):
        view = whole
        for _ in range(draw(st.integers(1, 2))):
            index = [
                slice(draw(st.integers(0, size - 1)), None, draw(st.sampled_from([1, 2, -1, -2])))
                if size
                else slice(None)
                for size in view.shape
            ]
            view = view[tuple(index)]
            view = draw(st.sampled_from([view, view.T, view[..., None], view[None, : (view.shape or (1,))[0]]]))
        found.append(view)
    return whole, found


@given(views())
def test_views_with_an_element_in_common_have_boxes_that_meet(drawn):
    _, (one, other) = drawn
    if np.intersect1d(one, other).size:
        assert box_of(one).meets(box_of(other))


@given(views(1))
def test_a_box_has_all_elements_of_a_view(drawn):
    whole, (view,) = drawn
    box = box_of(view)
    inside = whole[tuple([slice(*ends) for ends in zip(box.low, box.high, strict=True)])]
    assert np.isin(view, inside).all()


def test_the_reads_behind_a_position_are_those_that_touch():
    whole = np.zeros((4, 4))
    reads = Reads()
    reads.add(3, box_of(whole[:2]))
    reads.add(7, box_of(whole[3]))
    assert reads.latest() == 7
    assert reads.touch(box_of(whole[1, 1:]), 2) and not reads.touch(box_of(whole[1, 1:]), 3)
    assert reads.touch(None, 6) and not reads.touch(None, 7)
    reads.add(9, None)
    assert reads.touch(box_of(whole[0]), 8)


def test_an_array_whose_reads_are_all_made_is_not_compared_with_another():
    reads = Reads()
    reads.add(3, box_of(np.zeros((4, 4, 4))))
    assert reads.touch(box_of(np.zeros((4, 4))), 2) and not reads.touch(box_of(np.zeros((4, 4))), 5)


def rows_that_grow(a, b):
    a = a * 1.0
    for i in range(6):
        a[8, 7 - i :] -= a[8 - i, 7 - i :] * 0.25
        a[:3, 7 - i :] += a[i + 1, i] / b[i, i]
    return a


def test_a_part_that_grows_is_read_before_the_next_iteration_s_array_lies_over_it():
    a, b = np.random.default_rng(1).random((2, 9, 9)) + 0.5
    compiled_gradient(rows_that_grow, a, b)


# --- arrays that are read beside what is written ----------------------------------------------------------------------


def cholesky(a):
    for j in range(len(a)):
        a[j, j] = np.sqrt(a[j, j] - a[j, :j] @ a[j, :j])
        a[j + 1 :, j] = (a[j + 1 :, j] - a[j + 1 :, :j] @ a[j, :j]) / a[j, j]
    return np.tril(a)


def lower_solved(matrix, b):
    for i in range(len(b)):
        b[i] = (b[i] - matrix[i, :i] @ b[:i]) / matrix[i, i]
    return b


def test_columns_that_are_read_later_stay_where_they_are_beside_the_column_that_is_written():
    rng = np.random.default_rng(0)
    a = rng.normal(size=(7, 7))
    _, text = compiled_gradient(cholesky, a @ a.T + 7 * np.eye(7))
    assert len(copies_in(text)) <= 3
    assert "np.zeros(" not in text  # x @ x has its cotangent twice, each time added in its place
    _, text = compiled_gradient(lower_solved, np.tril(rng.normal(size=(7, 7))) + 7 * np.eye(7), rng.normal(size=7))
    assert len(copies_in(text)) <= 3


def test_what_is_written_over_and_read_later_is_copied():
    def function(x):
        y = x * 2
        first, last = y[:2] * y[:2], y[4:]
        y[1:3] = np.sin(first)
        y[3:5] = last * y[1:3]
        return first * y[2:4] + y[:2] * last

    for x in (np.linspace(0.1, 1, 6), np.linspace(1, 0.1, 6)):
        np.testing.assert_allclose(tg.compile(function)(x), function(x), rtol=1e-14)
        compiled_gradient(function, x)


# --- edges ------------------------------------------------------------------------------------------------------------


def with_edges(q, u):
    for _ in range(6):
        q[1:-1, 1:-1] -= 0.2 * u * (q[2:, 1:-1] - q[:-2, 1:-1])
        q[0, :], q[-1, :] = q[-2, :], q[1, :]
        q[:, 0], q[:, -1] = q[:, -2], q[:, 1]
    return q


def test_an_edge_is_copied_before_it_is_cleared_and_not_the_array():
    rng = np.random.default_rng(1)
    _, text = compiled_gradient(with_edges, rng.normal(size=(40, 40)), rng.normal(size=(38, 38)))
    copies = [line.partition("(")[2].partition(",")[0] for line in in_loops(text) if line.startswith("np.copyto")]
    assert len(copies) == 4 and all(name.startswith("xs_before_slope_copy") for name in copies)


# --- the step that an iteration begins with ---------------------------------------------------------------------------


def filtered(image):
    y = tnp.zeros(image.shape)
    y[:, 0] = image[:, 0]
    for j in range(1, image.shape[1]):
        y[:, j] = 0.5 * image[:, j] + 0.25 * image[:, j - 1] + 0.3 * y[:, j - 1]
    return y


def test_the_gradient_of_a_recursive_filter_writes_columns_and_copies_no_image():
    _, text = compiled_gradient(filtered, np.random.default_rng(2).normal(size=(30, 30)))
    loops = in_loops(text)
    assert loops and not [line for line in loops if line.startswith(("np.copyto", "np.empty"))]


def tridiagonal(u, kappa):
    c, d = tnp.zeros(len(u)), tnp.zeros(len(u))
    for _ in range(6):
        right = u.copy()
        for i in range(1, len(u) - 1):
            pivot = 1 + 2 * kappa[i] + kappa[i] * c[i - 1]
            c[i] = -kappa[i] / pivot
            d[i] = (right[i] + kappa[i] * d[i - 1]) / pivot
        for i in range(len(u) - 2, 0, -1):
            u[i] = d[i] - c[i] * u[i + 1]
    return u


def test_a_loop_of_loops_is_not_begun_elsewhere_for_a_few_bytes():
    rng = np.random.default_rng(3)
    compiled, _ = compiled_gradient(tridiagonal, rng.random(20), rng.random(20))
    assert len(compiled.source.splitlines()) < 1700


# --- choices ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_a_choice_of_zero_keeps_each_bit_and_drops_what_is_not_finite(dtype):
    def chosen(x, mask):
        return np.where(mask, x, 0), np.where(mask, 0, x), np.where(mask, x, -0.0)

    x = np.array([1.5, -0.0, np.inf, np.nan, -np.inf, 5e-8, -2.0, 0.0] * 300, dtype)
    mask = np.random.default_rng(0).random(x.size) < 0.5
    compiled = tg.compile(chosen)
    for given_mask in (mask, ~mask):
        for found, expected in zip(compiled(x, given_mask), chosen(x, given_mask), strict=True):
            assert found.dtype == expected.dtype and found.tobytes() == expected.tobytes()
    assert compiled.source.count("np.multiply(") == 2 and compiled.source.count("where=") == 1


def test_a_choice_of_zero_is_written_over_what_it_chooses_from():
    def function(x, mask):
        return np.sum(np.where(mask, x * 2, 0))

    x, mask = np.linspace(-1, 1, 3000), np.arange(3000) % 3 == 0
    compiled = tg.compile(function)
    assert compiled(x, mask) == function(x, mask)
    assert compiled.source.count("np.empty") + compiled.source.count("on_lines(") <= 2


def test_a_factor_that_is_given_is_looked_at_before_the_call_and_not_replaced_where_a_condition_left_it_out():
    def loss(x, y):
        return np.sum(np.where(x > 0, x * y, x))

    gradient = tg.grad(loss, (0, 1))
    compiled = tg.compile(gradient)
    x, y = np.linspace(-1, 1, 9), np.linspace(1, 2, 9)
    broken = np.where(np.arange(9) == 1, np.inf, y)
    for factor in (y, broken, y):
        for found, expected in zip(compiled(x, factor), gradient(x, factor), strict=True):
            np.testing.assert_array_equal(found, expected)
    assert "0.5" not in compiled.source


def test_a_product_within_a_slope_may_overflow_where_a_condition_left_it_out():
    def loss(x):
        return np.sum(np.where(x < 1, x, x**3 * 1e200))

    gradient = tg.grad(loss)
    compiled = tg.compile(gradient)
    for x in (np.array([0.5, -1.0]), np.array([-1e160, 0.5])):
        with np.errstate(all="ignore"):
            np.testing.assert_array_equal(compiled(x), gradient(x))


def test_two_arrays_are_compared_once():
    def function(x, y):
        return (x == y) * 1.5 + (y == x) * x

    x, y = np.array([1.0, 2.0, np.nan]), np.array([1.0, 3.0, np.nan])
    compiled = tg.compile(function)
    np.testing.assert_array_equal(compiled(x, y), function(x, y))
    assert compiled.source.count("np.equal(") == 1


def test_what_is_cleared_and_added_again_at_the_counter_of_a_loop_stays():
    def function(x):
        for j in range(1, x.shape[1]):
            x[:, j] -= x[:, j] * x[0, j - 1]
        return x

    _, text = compiled_gradient(function, np.random.default_rng(4).normal(size=(30, 30)))
    reverse = [line for line in in_loops(text) if "slope" in line]
    assert reverse and not [line for line in reverse if re.search(r"= 0$|np\.copyto", line)]


def test_a_loop_keeps_the_numbers_that_it_writes_and_not_the_array_of_each_iteration():
    compiled, text = compiled_gradient(tridiagonal, *np.random.default_rng(5).random((2, 24)))
    assert not re.search(r"= (np\.empty|on_lines)\(\(6, \d+, 24\)", compiled.source)
    inner = [line for line in text.splitlines() if line.startswith(12 * " ")]
    assert inner and not copies_in("\n".join(inner))


def test_windows_that_count_are_added_to_at_their_counter():
    def function(x, w):
        h = 0.0
        for t in range(len(x) - 2):
            h = np.tanh(h + np.sum(x[t : t + 3] * w))
        return h

    rng = np.random.default_rng(6)
    _, text = compiled_gradient(function, rng.normal(size=(12, 2)), rng.normal(size=(3, 2)))
    assert re.search(r"for i\w*, .*enumerate\(.*\n(?:.*\n)*?.* = \w+\[\d+ - i\w*:\d+ - i\w*\]", text)


def test_a_number_is_read_where_it_was_written_last():
    def function(x):
        y = x * 2
        y[1] = x[0] * x[2]
        y[2:4] = x[:2] * y[1]
        y[3] = x[1] + y[3]
        y[-1] = y[3] * y[2] + y[1]
        y[0] = y[5]
        return y * y[0]

    x = np.linspace(0.5, 1.5, 6)
    np.testing.assert_array_equal(tg.compile(function)(x), function(x))
    compiled_gradient(function, x)


# --- parts that nobody writes any more --------------------------------------------------------------------------------


def eliminated(a):
    """LU, element by element: the rows and columns that a sum is over are not written again."""
    n = a.shape[0]
    for i in range(n):
        for j in range(i):
            a[i, j] -= a[i, :j] @ a[:j, j]
            a[i, j] /= a[j, j]
        for j in range(i, n):
            a[i, j] -= a[i, :i] @ a[:i, j]
    return a


def test_the_reverse_pass_reads_the_array_behind_the_last_write():
    a = np.random.default_rng(0).random((14, 14)) + 3 * np.eye(14)
    _, text = compiled_gradient(eliminated, a)
    assert "each_all" not in text, "a loop keeps the array of each iteration"


def overwritten_at_last(a):
    """The last step of time reads what stays; those before it read what is written over."""
    for _ in range(8):
        for i in range(1, 6):
            a[i] = np.tanh(a[i] * a[i - 1])
    return a


def read_again(a, b):
    """Two arrays take turns, and the rows of one are read behind a write into the other."""
    a, b = a[:, :3].copy(), b.copy()
    for i in range(1, 7):
        a[i] = np.sin(a[i - 1]) * b[i - 1, :3]
        b[i, :3] = a[i] * b[0, :3]
        b[i - 1, 3:] = a[i, 0] + b[i, 3:] ** 2
    return a[1:] + b[:6, :3], b


@pytest.mark.parametrize("function", [overwritten_at_last, lambda a: read_again(a, 1.0 + 0.5 * a[::-1].T @ a)[1]])
def test_parts_that_are_written_over_are_kept(function):
    compiled_gradient(function, np.random.default_rng(1).normal(size=(7, 7)))
