"""Programs that write into arrays: on Tensors they compute what they compute on arrays, with the right gradients."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygraph as tg
from tinygraph import numpy

rng = np.random.default_rng(0)


def stencil(x):
    a = x * 1.0
    a[1:-1] = a[1:-1] * a[:-2] + a[2:]
    a[1:] = a[:-1]
    return a


def views_of_views(x):
    a = (x * x).reshape(2, 3)
    top, low = a
    top += low
    low *= top
    a.T[0] += 1
    a.reshape(-1)[3] = top[0] * low[1]
    return a


def one_by_one(x):
    y = np.copy(x)
    for i in range(1, 6):
        y[i] = y[i - 1] * y[i] + x[i]
    return y


def masks_and_arrays(x):
    a = x * 2
    mask = np.array([True, False, True, True, False, False])
    a[mask] = a[~mask]
    a[[0, 0, 1]] = x[3:6]
    a[[1, 2]] += a[[3, 3]]
    return a


def swaps(x):
    a = (x + 1).reshape(3, 2)
    a[0], a[1] = a[1], a[0].copy()
    a[[0, 2]] = a[[2, 0]]
    a[:, 0], a[:, 1] = a[:, 1].copy(), a[:, 0].copy()
    return a * a


def backwards(x):
    w = x * 1.0
    v = w[2:5]
    u = v[::-1]
    u[0] = w[0] * 3
    w[3] = u[2]
    v *= 2
    return w * u[1] + np.sum(v * u)


def matrices(x):
    a = np.outer(x, x)
    row = a[1]
    a[0] = 0
    a[2:4, 1:3] = a[0:2, 1:3] * row[0]
    b = a.T
    b[1] -= a[2]
    b[..., None][0, 0] = x[1]
    return a @ x


def names_of_one_array(x):
    a = x * x
    b = a
    b += 1
    c = a[...]
    c[0] = 5
    d = c * a
    c[1] = d[1]
    return a + d


def numpys_functions(x):
    a = np.copy(x)
    np.copyto(a, x * x, where=x > 2)
    np.put(a, [0, 5, 1], x[2:4])
    np.fill_diagonal(a.reshape(2, 3), x[1])
    np.add.at(a, [0, 0, 1], x[:3] * 2)
    np.multiply.at(a, [1, 1, 2], a[3:6])
    np.negative.at(a, [0, 3, 3])
    return a * a


def into_out(x):
    a = np.copy(x)
    np.add(x, x * x, out=a)
    np.multiply(a, a, out=a, where=x > 2)
    a[::2] = 0
    np.sum(a.reshape(2, 3), axis=0, out=a[:3])
    return a


def methods(x):
    a = np.copy(x)[::-1].copy()
    a.sort()
    a[1:3].fill(3.0)
    a.put([0], x[0] * x[1])
    b = np.copy(a).reshape(3, 2)
    np.put_along_axis(b, np.array([[1], [0], [1]]), x[3], axis=1)
    np.place(b, b > 2.9, x[:2])
    np.putmask(a, a > 2, x * x)
    return b + a.reshape(3, 2)


def made_like(x):
    a = np.zeros_like(x)
    b = np.empty_like(x)
    b.fill(1)
    a[1:] = x[1:] * 2
    b *= a
    c = np.full_like(x, 3.0)
    c[2] += x[2]
    c[0] = b[1]
    a += c
    return a * b + c


def shapes_that_are_set(x):
    a = x * x
    first = a[1:]
    a.shape = (2, 3)
    a[1] *= x[:3]
    b = np.copy(x)
    b[0] = 2
    row = b[3:]
    b.shape = (3, 2)
    b[2, 1] = a[0, 0]
    row.shape = (3, 1)
    row[0] += b[0, 1]
    return np.concatenate([first, np.ravel(a * b.reshape(2, 3)), np.ravel(row)])


def copies_that_are_no_views(x):
    a = x * 2
    flat, tiled, grid = a.flatten(), np.tile(a, (2, 1)), np.meshgrid(a, a)[0]
    flat[0] = 1
    tiled[0] *= x[1]
    grid[1] = 3
    a[1] = 5
    return np.concatenate([flat, np.ravel(tiled), np.ravel(grid), a])


def elements_of_flat(x):
    a = (x * x).reshape(2, 3).T
    a.flat[1] = x[0]
    a.flat[3:] = x[:2]
    b = np.copy(a)
    b.flat = a.flat[2:4]
    return a * b + sum(a.flat) * next(b.flat) * len(a.flat)


def real_and_imaginary_parts(x):
    z = x * (1 + 2j)
    z.real = x[::-1] * x
    z.imag[1:3] = z.real[:2]
    z.imag *= 2
    z.real[0] += z.imag[1]
    return np.abs(z * z) + z.real


def rounded_down(x):
    a = x * 3
    row = a[:2]
    a //= 2
    a[1] += x[1]
    return a * x + row[1]


def views_by_einsum(x):
    y = x * 2
    a = np.reshape(y, (2, 3))
    turned = np.einsum("ij->ji", a)
    turned[0, 1] = x[0] * x[1]
    diagonal = np.einsum("ii->i", a[:, :2])
    diagonal[1] *= a[1, 0]
    y[0] = x[5]
    return turned * np.sum(diagonal)


PROGRAMS: list[Callable[[Any], Any]] = [
    stencil, views_of_views, one_by_one, masks_and_arrays, swaps, backwards, matrices, names_of_one_array,
    numpys_functions, into_out, methods, made_like, shapes_that_are_set, copies_that_are_no_views,
    elements_of_flat, real_and_imaginary_parts, rounded_down, views_by_einsum,
]  # fmt: skip


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_that_writes_has_the_values_and_derivatives_of_arrays(program):
    x = rng.normal(size=6) + 2
    value = program(x.copy())
    weights = rng.normal(size=value.shape)

    def loss(x):
        return np.sum(program(x) * weights)

    np.testing.assert_allclose(program(tg.Tensor(x)).data, value, rtol=1e-13)
    steps = 1e-6 * np.eye(6)
    slopes = [(loss(x + step) - loss(x - step)) / 2e-6 for step in steps]
    gradient = tg.grad(loss)
    np.testing.assert_allclose(gradient(x), slopes, rtol=1e-6, atol=1e-7)
    curvature = [(gradient(x + step) - gradient(x - step)) / 2e-6 for step in steps]
    np.testing.assert_allclose(tg.hessian(loss)(x), curvature, rtol=1e-5, atol=1e-6)


def fills_and_scales(x):
    """Write into a new array one by one, and into the argument through it."""
    y = np.zeros_like(x)
    y[0] = x[0]
    for i in range(1, len(x)):
        y[i] = y[i - 1] * x[i]
    x[1:] *= y[:-1]
    return np.sum(y * x)


def test_a_checkpoint_of_a_program_that_writes_has_its_derivatives():
    x = rng.normal(size=4) + 2
    again = tg.checkpoint(fills_and_scales)
    before = x.copy()
    np.testing.assert_allclose(tg.grad(again)(x), tg.grad(fills_and_scales)(x), rtol=1e-12)
    np.testing.assert_allclose(tg.hessian(again)(x), tg.hessian(fills_and_scales)(x), rtol=1e-12)
    np.testing.assert_array_equal(x, before)
    tg.testing.check_grads(fills_and_scales, tg.Tensor(x), order=2)


def test_a_trace_of_a_program_that_writes_does_not_change_its_argument():
    x = np.array([1.0, 2.0, 3.0])
    graph = tg.trace(fills_and_scales, x)
    assert sum(node.op == "put_at" for node in graph) == 4
    np.testing.assert_array_equal(x, [1, 2, 3])


def test_a_value_that_is_not_finite_is_found_before_it_is_written():
    def program(x):
        y = np.zeros_like(x)
        y[1:] = np.log(x[1:] - 2)
        return np.sum(y)

    with tg.detect_nonfinite(), np.errstate(all="ignore"), pytest.raises(tg.NonFiniteError, match="log"):
        tg.grad(program)(np.array([1.0, 2.0, 3.0]))


def test_numbers_that_an_array_was_made_with_are_not_looked_at_before_they_are_written_over():
    def program(x):
        y = np.full_like(x, np.nan)
        y[0] = x[0]
        y[1:] = x[1:] * y[0]
        return np.sum(y)

    def writes_nan(x):
        y = x * 2
        y[1] = np.nan
        return np.sum(y)

    with tg.detect_nonfinite():
        np.testing.assert_array_equal(tg.grad(program)(np.array([1.0, 2.0, 3.0])), [6, 1, 1])
        with pytest.raises(tg.NonFiniteError, match=r"t\[index\] = value: the value has 1 NaN among 1 element"):
            tg.grad(writes_nan)(np.ones(3))


def test_detached_values_do_not_see_later_writes_and_views_without_a_record_do():
    x = tg.Tensor([1.0, 2.0, 3.0])
    y = x * 2
    first = y.detach()
    y[0] = x[2]
    second = y.detach()
    y[1] = 0.0
    assert first.data.tolist() == [2, 4, 6]
    assert second.data.tolist() == [3, 4, 6]
    with tg.no_grad():
        view = x[1:]
    x[1] = x[0] * 5
    assert view.data.tolist() == [5, 3]


def test_a_name_stays_through_writes():
    x = tg.Tensor([1.0, 2.0], name="state")
    x[0] = x[1] * 2
    x[1] = 3.0
    assert x.name == "state"


# Functions that return a view of an array to NumPy, or a copy, or the array itself.
SHARING: dict[str, Callable[[Any], Any]] = {
    "windows": lambda a: np.lib.stride_tricks.sliding_window_view(a, 2, axis=1),
    "writable windows": lambda a: np.lib.stride_tricks.sliding_window_view(a, 2, axis=1, writeable=True),
    "np.diagonal": lambda a: np.diagonal(a), "t.diagonal": lambda a: a.diagonal(1), "np.diag": lambda a: np.diag(a),
    "np.linalg.diagonal": lambda a: np.linalg.diagonal(a),
    "einsum ii->i": lambda a: np.einsum("ii->i", a[:, :2]), "einsum ij->ji": lambda a: np.einsum("ij->ji", a),
    "einsum ji": lambda a: np.einsum("ji", a), "einsum ij->j": lambda a: np.einsum("ij->j", a),
    "einsum with lists": lambda a: np.einsum(a, [0, 1], [1, 0]), "einsum ...ii->...i": lambda a: np.einsum(
        "...ii->...i", a[None, :, :2]),
    "flatten": lambda a: a.flatten(), "flatten F": lambda a: a.flatten("F"), "ravel": lambda a: a.ravel(),
    "np.real": lambda a: np.real(a), "t.real": lambda a: a.real, "conj": lambda a: a.conj(),
    "squeeze": lambda a: np.squeeze(a), "T": lambda a: a.T, "row": lambda a: a[0], "column": lambda a: a[:, 1],
    "astype": lambda a: a.astype(float), "astype, no copy": lambda a: a.astype(float, copy=False),
    "np.astype, no copy": lambda a: np.astype(a, float, copy=False) if hasattr(np, "astype") else a,
    "nan_to_num": lambda a: np.nan_to_num(a), "nan_to_num, no copy": lambda a: np.nan_to_num(a, copy=False),
    "tile 1": lambda a: np.tile(a, 1), "tile a row": lambda a: np.tile(a[0], (2, 1)),
    "meshgrid": lambda a: np.meshgrid(a[0], a[1])[0], "sparse meshgrid": lambda a: np.meshgrid(
        a[0], a[1], sparse=True)[1],
    "reshape": lambda a: a.reshape(3, 2), "split": lambda a: np.split(a, 3, axis=1)[1], "rot90": lambda a: np.rot90(a),
}  # fmt: skip


def written_into(x):
    a = x * 1.0
    a[0, 0] = x[0, 1]
    return a


WRITABLE: dict[str, Callable[[Any], Any]] = {
    "computed": lambda x: x * 1.0, "a copy in other axes": lambda x: np.copy(x.reshape(-1)).reshape(2, 3),
    "written into": written_into, "made": lambda x: np.zeros_like(x),
}  # fmt: skip


@pytest.mark.parametrize("array", WRITABLE)
@pytest.mark.parametrize("view", SHARING)
def test_what_numpy_returns_as_a_view_is_one_and_what_it_copies_is_a_copy(view, array):
    def into_array(x):
        a = WRITABLE[array](x)
        v = SHARING[view](a)
        a[0, 0] = x[1, 1] * 3
        a[1] *= 2.0
        a += x[0, 0]
        return np.sum(v * v) + np.sum(a**2)

    def into_view(x):
        a = WRITABLE[array](x)
        v = SHARING[view](a)
        v *= 3.0
        v += x[1, 0]
        return np.sum(v * v) + np.sum(a**3)

    x = rng.normal(size=(2, 3)) + 2
    for program in (into_array, into_view):
        try:
            value = program(x.copy())
        except ValueError:  # NumPy's view is read-only
            with pytest.raises((ValueError, tg.UnsupportedError)):
                program(tg.Tensor(x))
            continue
        np.testing.assert_allclose(program(tg.Tensor(x)).data, value, rtol=1e-13)
        slopes = np.array(
            [(program(x + step) - program(x - step)) / 2e-6 for step in 1e-6 * np.eye(6).reshape(6, 2, 3)]
        ).reshape(2, 3)
        np.testing.assert_allclose(tg.grad(program)(x), slopes, rtol=1e-6, atol=1e-6)
        tg.testing.check_grads(program, x, order=2)


def test_a_view_that_is_alone_writes_into_the_array_that_it_is_a_view_of():
    x = tg.Tensor(np.arange(6.0))
    a = np.copy(x).reshape(2, 3)
    row = a[0]
    row *= 2
    np.testing.assert_array_equal(a.data, [[0, 2, 4], [3, 4, 5]])
    np.sum(a).backward()
    np.testing.assert_array_equal(x.grad, [2, 2, 2, 1, 1, 1])


def single_elements(x):
    """Write into views of one element, which have no axes."""
    a = x * 1.0
    one, other = a[2, ...], a[3:4].reshape(())
    one *= x[0]
    one[...] = one + other
    a[3] = 2 * x[1]
    other += x[0]
    np.multiply(a[0], x[5], out=other)
    made = np.zeros_like(x)
    last = made[5, ...]
    last += a[3]
    return a * one + made


def test_a_view_of_one_element_is_a_view():
    x = rng.normal(size=6) + 2
    np.testing.assert_allclose(single_elements(tg.Tensor(x)).data, single_elements(x.copy()), rtol=1e-13)
    tg.testing.check_grads(single_elements, x, order=2)


# What is read of a written array by a rule. The record keeps arrays of more than 64, 2,048 and 131,072 elements
# in other ways.
READS: dict[str, Callable[[Any, Any], Any]] = {
    "x * y": lambda x, y: x * y,
    "y / x": lambda x, y: y / x,
    "hypot": lambda x, y: np.hypot(x, y),
    "where": lambda x, y: np.where(x > 1.5, x * y, x / y),
    "inner": lambda x, y: x @ y,
    "concatenated": lambda x, y: np.concatenate([x, y]) ** 3,
    "a part": lambda x, y: x[1:] * y[:-1],
    "turned": lambda x, y: x * y[::-1],
    "root": lambda x, y: np.sqrt(y) * x,
    "sum of squares": lambda x, y: np.sum(y * y) * x,
    "product": lambda x, y: np.prod(y[:5]) * x,
    "a number": lambda x, y: x * y[2],
    "einsum": lambda x, y: np.einsum("i,i->i", x, y),
    "dot": lambda x, y: np.dot(y, x),
}


@pytest.mark.parametrize("size", [6, 100, 3000, 140_000])
@pytest.mark.parametrize("with_gradient", [False, True], ids=["data", "with a gradient"])
@pytest.mark.parametrize("name", READS)
def test_a_rule_reads_what_was_there_when_the_call_was_made(name, with_gradient, size):
    values = np.linspace(1.0, 2.0, size)

    def gradients(write):
        x, factor = tg.Tensor(values[::-1].copy()), tg.Tensor(1.25)
        y = np.zeros_like(x)
        y[...] = values
        if with_gradient:
            y *= factor
        result = READS[name](x, y)
        write(y)
        np.sum(result * 2.0).backward()
        return x.grad, factor.grad

    def nothing(y):
        pass

    def parts(y):
        y[::2] = 7.0
        y[1] *= 3.0
        y[2:5] += y[:3]

    def whole(y):
        y *= -2.0
        y.fill(5.0)

    expected = gradients(nothing)
    for write in (parts, whole):
        for found, right in zip(gradients(write), expected, strict=True):
            np.testing.assert_array_equal(found, right)


@pytest.mark.parametrize("element_last", [True, False])
@pytest.mark.parametrize("size", [6, 100, 3000])
def test_a_cotangent_that_two_operands_share_is_not_cleared_for_both(size, element_last):
    x, v = tg.Tensor(np.arange(1.0, size + 1)), tg.Tensor(np.ones(size))
    y = x * 2.0
    if element_last:
        y[1:3] = 5.0
    y[3] = x[0] * x[1]
    if not element_last:
        y[1:3] = 5.0
    (y + v).backward(np.arange(1.0, size + 1))  # the rules of + hand on one array
    np.testing.assert_array_equal(v.grad, np.arange(1.0, size + 1))
    expected = 2.0 * np.arange(1.0, size + 1)
    expected[1:4] = 0.0
    expected[:2] += [4.0 * 2.0, 4.0 * 1.0]
    np.testing.assert_array_equal(x.grad, expected)


@pytest.mark.parametrize("number", [1, 1.0, np.float64(1), np.float32(1), np.float16(1), np.int8(1), np.longdouble(1)])
@pytest.mark.parametrize("watched", [False, True])
def test_an_array_of_no_axes_stays_one_whatever_number_is_added(number, watched):
    array = numpy.zeros(())
    view = again = array
    with tg.detect_nonfinite() if watched else contextlib.nullcontext():
        again += number
    assert again is array
    assert view.data == 1 and view.dtype == np.float64
    again[...] = tg.Tensor(2.0)
    assert view.data == 2
