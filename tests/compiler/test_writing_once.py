"""Writes that a person would not make: zeros that nobody reads, and sums with zeros."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygraph as tg
import tinygraph.numpy as tnp
from tests.compiler.test_kept_in_place import compiled_gradient, copies_in, in_loops


def positive(*shape: int) -> Any:
    return 0.5 + np.random.default_rng(3).random(shape)


def cleared_in(text: str) -> list[str]:
    """The statements of loops that write zeros into a part of an array."""
    return [line for line in in_loops(text) if re.search(r"\] = 0$", line)]


# --- zeros that nobody reads ------------------------------------------------------------------------------------------


def forward_substitution(a, b):
    x = tnp.zeros(len(b))
    for i in range(len(b)):
        x[i] = (b[i] - a[i, :i] @ x[:i]) / a[i, i]
    return x


def test_a_gradient_is_not_cleared_where_nobody_reads_it_again():
    _, text = compiled_gradient(forward_substitution, positive(20, 20) + 20 * np.eye(20), positive(20))
    assert "for " in text and not cleared_in(text)


def test_parts_of_a_gradient_are_written_and_not_added_to_zeros():
    _, text = compiled_gradient(forward_substitution, positive(20, 20) + 20 * np.eye(20), positive(20))
    sums = [line for line in in_loops(text) if line.startswith("np.add(") or re.search(r" = \w+ \+ \w+$", line)]
    assert len(sums) == 1  # that of the cotangent of x


def states(x, w):
    found = tnp.zeros((len(x), 3))
    h = np.zeros(3)
    for t in range(len(x)):
        h = np.tanh(x[t] + h @ w)
        found[t] = h
    return found


def means(a, b):
    """The gradient of b is cleared at the end, and overwritten in each iteration before it."""
    for _ in range(9):
        b[1:-1] = (a[:-2] + a[1:-1] + a[2:]) / 3
        a[1:-1] = (b[:-2] + b[1:-1] + b[2:]) / 3
    return a


def test_a_gradient_is_cleared_behind_a_loop_that_writes_over_it():
    _, text = compiled_gradient(means, positive(300), positive(300))
    assert "for " in text and not cleared_in(text) and re.search(r"\] = 0$", text, re.MULTILINE)


def test_states_that_are_written_into_an_array_are_not_cleared():
    _, text = compiled_gradient(states, positive(20, 3), positive(3, 3))
    assert "for " in text and not cleared_in(text)


def read_again(x, w):
    """The cotangent of what is written at t is read at t + 2, too: it must be cleared."""
    for t in range(2, len(x) - 2):
        x[t] = np.sin(x[t - 1]) * w[t] + x[t + 2]
    return x


def put_back(x, w):
    """The cotangent is there again behind the sums with its neighbours."""
    for t in range(1, len(x) - 1):
        x[1:-1] -= 0.1 * w[t] * (x[2:] - x[:-2])
    return x


def written_over(x, w):
    """Some places twice, some in every iteration, and some by numbers."""
    for t in range(1, len(x) - 1):
        x[t] = x[t - 1] * w[t]
        x[t] = np.cos(x[t]) + x[t + 1]
        x[0] = 0.5
        x[-1] = x[t] * w[0]
    return x


def two_versions(x, w):
    """A copy is written into as the array is, and both are read."""
    y = x.copy()
    for t in range(1, len(x) - 1):
        y[t] = x[t - 1] * w[t]
        x[t + 1] = y[t] + y[t - 1]
    return x, y, np.sum(x) * y


def sums_of_rows(x, w):
    total = tnp.zeros(len(x))
    for t in range(len(x)):
        total[t] += x[t] * w[t]
        total[:t] += x[t]
    return total


PROGRAMS = [read_again, put_back, written_over, two_versions, sums_of_rows]


@pytest.mark.parametrize("function", PROGRAMS)
@pytest.mark.parametrize("n", [5, 12, 30])
def test_what_is_read_again_is_cleared(function, n):
    def joined(x, w):
        found = function(x.copy(), w)
        return np.concatenate(found) if isinstance(found, tuple) else found

    compiled_gradient(joined, positive(n), positive(n))
    slope = tg.compile(lambda x, w: tg.hvp(lambda x, w: np.sum(joined(x, w) ** 3), (x, w), (w, x)))
    eager = tg.hvp(lambda x, w: np.sum(joined(x, w) ** 3), (positive(n), positive(n)), (positive(n), positive(n)))
    for found, expected in zip(slope(positive(n), positive(n)), eager, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-10)


@st.composite
def lines(draw):
    """A loop of writes and sums into two arrays, at places that count."""
    places = ["t", "t - 1", "t + 1", "0", "-1", "slice(None, t)", "slice(t, None)", "slice(t, t + 2)", "slice(1, -1)"]
    names = st.sampled_from("xyw")
    found = []
    for _ in range(draw(st.integers(1, 4))):
        target, place = draw(st.sampled_from("xy")), draw(st.sampled_from(places))
        read, other = f"{draw(names)}[{draw(st.sampled_from(places[:5]))}]", f"{draw(names)}[{place}]"
        value = draw(st.sampled_from([read, "0.5", f"np.sin({read}) * {other}", f"{other} * 0.5 + {read}"]))
        found.append(f"    {target}[{place}] {draw(st.sampled_from(['=', '+=', '-=']))} {value}")
    body = "\n    ".join(found)
    back = draw(st.sampled_from(["range(1, len(w) - 1)", "range(len(w) - 2, 0, -1)"]))
    return f"def function(x, w):\n    y = tnp.zeros(len(w))\n    for t in {back}:\n    {body}\n    return x * w + y\n"


@given(lines(), st.sampled_from([6, 14]))
@settings(max_examples=60)
def test_loops_of_writes_have_the_gradients_of_the_eager_calls(text, n):
    names: dict[str, Any] = {"np": np, "tnp": tnp}
    exec(text, names)
    compiled_gradient(lambda x, w: names["function"](x.copy(), w), positive(n), positive(n))


# --- a part behind a loop ---------------------------------------------------------------------------------------------


def test_the_part_behind_a_loop_is_written_where_the_loop_has_left_the_array():
    _, text = compiled_gradient(forward_substitution, positive(20, 20) + 20 * np.eye(20), positive(20))
    assert "for " in text and not copies_in(text)


# --- lines that are alike within an iteration -------------------------------------------------------------------------


def alike(image):
    """Four sums in each iteration of the gradient, which differ by their numbers alone."""
    n = image.shape[1]
    right, left = tnp.zeros(image.shape), tnp.zeros(image.shape)
    right[:, 0] = 0.2 * image[:, 0]
    for j in range(2, n):
        right[:, j] = 0.2 * image[:, j] + 0.1 * image[:, j - 1] + 0.6 * right[:, j - 1] + 0.2 * right[:, j - 2]
    left[:, -2] = 0.5 * image[:, -1]
    for j in range(n - 3, -1, -1):
        left[:, j] = 0.5 * image[:, j + 1] + 0.3 * image[:, j + 2] + 0.6 * left[:, j + 1] + 0.2 * left[:, j + 2]
    return right + left


def test_iterations_of_lines_that_are_alike_are_a_loop():
    lengths = []
    for n in (20, 40):
        compiled, text = compiled_gradient(alike, positive(5, n))
        lengths.append(len(compiled.source.splitlines()))
        assert text.count("for ") >= 2
    assert lengths[0] == lengths[1]


# --- sums that begin where zeros are ----------------------------------------------------------------------------------


def means_of_three(x, w):
    """From one array into the other and back."""
    for _ in range(9):
        w[1:-1] = (x[:-2] + x[1:-1] + x[2:]) / 3
        x[1:-1] = (w[:-2] + w[1:-1] + w[2:]) / 3
    return x


def means_of_five(x, w):
    for _ in range(9):
        w[1:-1, 1:-1] = 0.2 * (x[1:-1, 1:-1] + x[1:-1, :-2] + x[1:-1, 2:] + x[2:, 1:-1] + x[:-2, 1:-1])
        x[1:-1, 1:-1] = 0.2 * (w[2:, 1:-1] + w[1:-1, :-2] + w[1:-1, 1:-1] + w[1:-1, 2:] + w[:-2, 1:-1])
    return x


def means_without_the_middle(x, w):
    for _ in range(9):
        w[1:-1] = x[:-2] * x[2:]
        x[1:-1] = 0.5 * (w[:-2] + w[2:]) + w[0]
    return x + w


@pytest.mark.parametrize(("function", "sums"), [(means_of_three, 2), (means_of_five, 4)])
def test_a_sum_begins_with_what_is_added_where_the_gradient_was_cleared(function, sums):
    shape = (30,) if function is means_of_three else (6, 7)
    _, text = compiled_gradient(lambda x, w: function(x.copy(), w.copy()), positive(*shape), positive(*shape))
    backward = text.partition("# backward")[2]
    lines = [line for line in in_loops(backward) if line.startswith("np.add(")]
    assert len(lines) == 2 * sums, text
    assert len(cleared_in(backward)) < 2, text


def one_place_twice(x, w):
    for _ in range(9):
        w[1:-1] = np.sin(x[2:] * x[:-2]) + np.cos(x[2:] * w[2:]) - x[1:-1] / 7
        x[1:-1] = w[2:] / 3 + np.sin(w[:-2]) * np.cos(w[2:]) + np.sin(w[1:-1] * w[:-2])
    return x


@pytest.mark.parametrize("function", [means_of_three, means_without_the_middle, one_place_twice])
@pytest.mark.parametrize("n", [4, 12])
def test_sums_in_another_order_have_derivatives_of_the_second_order(function, n):
    def total(x, w):
        return np.sum(function(x.copy(), w.copy()) ** 3)

    at, along = (positive(n), positive(n)), (positive(n), np.sin(np.arange(n)))
    compiled_gradient(lambda x, w: function(x.copy(), w.copy()), *at)
    slope = tg.compile(lambda x, w: tg.hvp(total, (x, w), along))
    for found, expected in zip(slope(*at), tg.hvp(total, at, along), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-10)
