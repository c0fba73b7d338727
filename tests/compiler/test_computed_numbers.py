"""Numbers that a function computes and Python uses: counts, sizes, axes, places in lists, and bools."""

from __future__ import annotations

import operator

import numpy as np
import pytest

import tinygraph as tg
from tests.compiler.branching import RNG, same


def test_a_refusal_of_int_and_arange_names_the_way_that_works():
    for refused, name in ((lambda x: x[int(np.argmax(x))], "int"), (lambda x: np.arange(np.argmax(x)), "arange")):
        with pytest.raises(tg.UnsupportedError, match=rf"{name}.*operator\.index\("):
            tg.compile(refused)(np.array([1.0, 2.0]))
    compiled = tg.compile(lambda x: np.arange(operator.index(np.argmax(x))) * 1.0)
    for x in ([1.0, 2.0], [2.0, 1.0]):
        same(compiled(np.array(x)), np.arange(np.argmax(x)) * 1.0)


COUNTING = {
    "repeat": lambda x, n: np.repeat(x, n), "tile": lambda x, n: np.tile(x, n), "roll": lambda x, n: np.roll(x, n),
    "split": lambda x, n: np.split(x, [n]), "delete": lambda x, n: np.delete(x, n), "pad": lambda x, n: np.pad(x, n),
    "linspace": lambda x, n: np.linspace(0, 1, n), "eye": lambda x, n: np.eye(n), "a text": lambda x, n: "abcd"[n - 1],
    "power": lambda x, n: np.linalg.matrix_power(np.outer(x, x), n), "ones": lambda x, n: np.ones((n, 2)),
    "slices": lambda x, n: (x[n:], x[:n], x[::n]), "range": lambda x, n: [i * x for i in range(n)],
}  # fmt: skip


@pytest.mark.parametrize("name", COUNTING)
def test_computed_counts(name):
    def counting(x):
        return COUNTING[name](x, np.sum(x > 0))

    compiled = tg.compile(counting)
    for x in ([1.0, 2.0, -1.0, -3.0], [1.0, 2.0, 3.0, -3.0], [1.0, -2.0, 3.0, -3.0], [0.5, -2.0, -3.0, -3.0]):
        same(compiled(np.array(x)), counting(np.array(x)))


def test_sizes_and_axes_are_decisions():
    def sized(x, n):
        k = np.argmax(n)
        return (
            np.zeros(k),
            x.reshape(-1, k + 1),
            np.sum(x, axis=k - k),
            [x] * range(3)[k],
            np.broadcast_to(x[0], (k, 4)),
        )

    compiled = tg.compile(sized)
    x = RNG.normal(size=(6, 4))
    for n in np.eye(4)[[1, 2, 1, 0]]:
        same(compiled(x, n), sized(x, n))


# Python's bools count, and NumPy's do not: `True + True` is 2.
BOOLS = {
    "an index": lambda x, s: [x, x * 2][s > 1],
    "an index of both": lambda x, s: (x, x * 2)[(s > 1) & (s > 2)],
    "of text": lambda x, s: x * (2 if "ab"[s > 1] == "a" else 3),
    "a key": lambda x, s: {True: x, False: x * 2}[s > 1],
    "an end": lambda x, s: x[(s > 1) :],
    "an axis": lambda x, s: x[s > 1],
    "a sum": lambda x, s: x * ((s > 1) + (s > 2)),
    "a sum of many": lambda x, s: x * sum(s > i for i in range(4)),
    "a difference": lambda x, s: x * ((s > 1) - (s > 2)),
    "negative": lambda x, s: x * -(s > 1),
    "inverted": lambda x, s: x * ~(s > 1),
    "a power": lambda x, s: x * (s > 1) ** 2,
    "bits": lambda x, s: x * ((s > 1) | 2),
    "shifted": lambda x, s: x * ((s > 1) << 2),
    "abs": lambda x, s: x * abs(s > 1),
    "times a number": lambda x, s: x * (s * (s > 1)),
    "times True": lambda x, s: x * (s * True),
    "times an array": lambda x, s: x * (s > 1),
    "times integers": lambda x, s: np.arange(3, dtype=np.uint8) * (s > 1),
    "int()": lambda x, s: x * int(s > 1),
    "float()": lambda x, s: x * float(s > 1),
    "a count": lambda x, s: len([1] * (s > 1)) * x,
    "its class": lambda x, s: x * (2 if isinstance(s > 1, bool) else 3),
    "int() of NumPy's": lambda x, s: x * int((x > s).any()),
    "a key of NumPy's": lambda x, s: {True: x, False: x * 2}[(x > s).any()],
    "complex": lambda x, s: x * (s * 1j),
    "a part": lambda x, s: x * (s * 1j).imag,
    "no part": lambda x, s: x + s.imag,
    "the size of a complex number": lambda x, s: x * abs(s + 1j),
    "conjugate": lambda x, s: x * (s + 1j).conjugate(),
}


@pytest.mark.parametrize("what", BOOLS)
def test_comparisons_of_numbers_are_bools_of_pythons(what):
    f, compiled = BOOLS[what], tg.compile(BOOLS[what])
    x = np.array([1.0, 2.0], np.float32)
    for s in (0.5, 1.5, 2.5, 0.5, 2.5):
        expected, got = f(x, s), compiled(x, s)
        assert got.dtype == expected.dtype
        np.testing.assert_array_equal(got, expected)


def test_what_raises_in_python_raises_in_a_program():
    compiled = tg.compile(lambda x, s: x * (1 // (s > 1)))
    assert np.array_equal(compiled(np.ones(2), 2.0), np.ones(2))
    with pytest.raises(ZeroDivisionError):
        compiled(np.ones(2), 0.5)
    with pytest.raises(TypeError, match="interpreted as an integer"):
        tg.compile(lambda x: [x, x * 2][(x > 1).any()])(np.ones(2))


def test_computed_places_in_a_list_take_elements_of_a_plain_array():
    def permuted(a):
        u, p = a * 1.0, np.arange(3)
        for k in range(3):
            j = k + np.argmax(np.abs(u[k:, k]))
            p[[k, j]] = p[[j, k]]
            u[[k, j]] = u[[j, k]]
            u[k + 1 :] -= (u[k + 1 :, k] / u[k, k])[:, None] * u[k]
        return u * p[[0, np.argmax(a[:, 0])]].sum() + p

    gradient = tg.grad(lambda a: np.sum(permuted(a) ** 2))
    compiled, of_gradient = tg.compile(permuted), tg.compile(gradient)
    a = np.array([[1.0, 2, 3], [4, 5, 7], [7, 8, 1]])
    for order in ([0, 1, 2], [2, 1, 0], [1, 2, 0], [0, 1, 2]):
        np.testing.assert_allclose(compiled(a[order]), permuted(a[order]))
        np.testing.assert_allclose(of_gradient(a[order]), gradient(a[order]))


def test_a_computed_value_is_not_written_into_a_plain_array_at_a_list():
    def counted(x):
        counts = np.zeros(3, int)
        counts[[0, np.argmax(x)]] = np.argmin(x)
        return x * counts

    with pytest.raises(tg.UnsupportedError, match="plain array"):
        tg.compile(counted)(np.arange(3.0))


OF_NUMBERS = {
    "divmod of a number by an array": (lambda x: divmod(7.0, x)[0], np.array(0.39)),
    "divmod of a number by a float of Python's": (lambda s: divmod(2, s), 1.5),
    "the square of one of NumPy's bools": (lambda x: (x > 0) ** 2, np.float64(0.3)),
    "the square of an array of bools": (lambda x: (x > 0) ** 2, np.array([0.3, -1.0])),
    "a float and None": (lambda s: (s == None, s != None, s == "a"), 1.5),  # noqa: E711
}


@pytest.mark.parametrize("case", OF_NUMBERS)
def test_operators_of_numbers_have_the_type_of_an_eager_call(case: str) -> None:
    function, given = OF_NUMBERS[case]
    found, eager = tg.compile(function)(given), function(given)
    for one, other in zip(*[item if isinstance(item, tuple) else (item,) for item in (found, eager)], strict=True):
        assert type(one) is type(other)
        np.testing.assert_array_equal(one, other, strict=True)


OF_ONE_NUMBER = {
    "a sum of nothing": lambda x: np.sum(x, where=np.False_) * 1.0,
    "a sum that begins": lambda x: np.sum(x, initial=1.5) * 1.0,
    "a product of nothing": lambda x: np.prod(x, where=False, initial=2.0) * 1.0,
    "the largest with a beginning": lambda x: np.max(x, initial=1.5) * 1.0,
    "a reduction of nothing": lambda x: np.add.reduce(x, axis=None, where=False) * 1.0,
    "either": lambda x: np.logical_or(x, np.zeros(())) * 3.0,
    "both": lambda x: np.logical_and(np.ones(()), x) * 3.0,
    "either of two truths": lambda x: np.logical_or(x > 0, x < -1) * 3.0,
    "divided by a truth": lambda x: x / np.True_,
    "any": lambda x: np.any(x) * 3.0,
    "all": lambda x: np.all(x) * 3.0,
}


@pytest.mark.parametrize("name", OF_ONE_NUMBER)
def test_reductions_and_truths_of_one_number(name):
    f = OF_ONE_NUMBER[name]
    compiled = tg.compile(f)
    for number in (-1.125, 0.0, 0.25):
        assert compiled(np.array(number)) == f(np.array(number))


def test_a_truth_that_is_written_into_an_array_of_one_number():
    def written(x):
        out = tg.numpy.zeros(())
        np.logical_and(np.True_, x, out=out)
        return out * 2

    assert tg.compile(written)(np.array(-1.125)) == 2
