"""Places that count: a value that was written there is known, and one that is written over is not written.

Made-up loops write and read at places that count, in orders that nobody chose: the compiled gradient is the eager one,
with the rewrites and without each of them.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygraph as tg
import tinygraph.numpy as tnp
from tests.compiler.test_kept_in_place import compiled_gradient, in_loops
from tinygraph.compiler.program.counting import Affine
from tinygraph.compiler.program.places import place_of
from tinygraph.compiler.rewrites import computing_beside_writes, known_places, negating_later

SIZE, ITERATIONS = 9, 6


def positive(*shape: int) -> Any:
    return 0.5 + np.random.default_rng(3).random(shape)


# --- places -----------------------------------------------------------------------------------------------------------

NUMBERS = st.one_of(
    st.integers(-SIZE, SIZE - 1), st.builds(Affine, st.integers(-SIZE, SIZE - 1), st.sampled_from([-2, -1, 1, 2]))
)
ITEMS = st.one_of(NUMBERS, st.builds(slice, st.none() | NUMBERS, st.none() | NUMBERS, st.sampled_from([None, 1, 2])))


def elements(index: Any, count: int) -> set[int] | None:
    """The elements of an array that an index names in an iteration; None where it names none by an error."""

    def at(item: Any) -> Any:
        if type(item) is slice:
            return slice(at(item.start), at(item.stop), item.step)
        return item.at(count) if type(item) is Affine else item

    try:
        return set(np.arange(SIZE * SIZE).reshape(SIZE, SIZE)[tuple(map(at, index))].reshape(-1).tolist())
    except IndexError:
        return None


@given(one=st.tuples(ITEMS, ITEMS), other=st.tuples(ITEMS, ITEMS), last=st.integers(0, 4))
@settings(max_examples=400)
def test_places_know_what_is_beside_them_and_in_them(one, other, last):
    places = place_of(one, (SIZE, SIZE), last), place_of(other, (SIZE, SIZE), last)
    if None in places:
        return
    first, second = places
    for count in range(last + 1):
        ours, theirs = elements(one, count), elements(other, count)
        assert ours is not None and theirs is not None
        if first.is_beside(second):
            assert not ours & theirs
        if first.holds(second):
            assert ours >= theirs
        if first == second:
            assert ours == theirs


# --- made-up loops ----------------------------------------------------------------------------------------------------

# Of an array of 9 x 9 elements, in six iterations.
ROWS = ("i", "i + 1", "7 - i", "8", "i + 2")
PARTS = (":i", "i + 1 :", ": i + 1", "7 - i :", ":", "1 :", "i : i + 2")
PLACES = st.one_of(
    st.tuples(st.sampled_from(ROWS), st.sampled_from(ROWS)),
    st.tuples(st.sampled_from(ROWS), st.sampled_from(PARTS)),
    st.tuples(st.sampled_from(PARTS), st.sampled_from(ROWS)),
)  # fmt: skip
NUMBERS_OF = (
    "np.sin(a[{0}, {1}])", "a[{0}, {1}] / b[i, i]", "-b[{0}, {1}] * a[i, 7 - i]", "a[i, :i] @ b[i, :i]", "-a[{0}, {1}]",
    "b[i, 8] * 0.5", "np.sum(a[{0}, 1:] * b[{1}, 1:]) * 0.1",
)  # fmt: skip


@st.composite
def lines(draw: Any) -> list[str]:
    """The lines of a loop's body."""
    found = []
    for _ in range(draw(st.integers(2, 5))):
        place = ", ".join(draw(PLACES))
        if draw(st.booleans()):
            scale = draw(st.sampled_from(["0.5", "b[i, 7 - i]"]))
            found.append(f"a[{place}] = a[{place}] * {scale} - b[{place}] * 0.3")
            continue
        row, column = draw(st.sampled_from(ROWS)), draw(st.sampled_from(ROWS))
        sign = draw(st.sampled_from(["=", "+=", "-=", "*=", "/="]))
        value = "1.5 + b[i, i] ** 2" if sign == "/=" else draw(st.sampled_from(NUMBERS_OF)).format(row, column)
        found.append(f"a[{place}] {sign} {value}")
    return found


def made(body: list[str]) -> Any:
    """A function of two arrays with a loop of some lines."""
    text = "\n".join(
        ["def f(a, b):", "    a = a * 1.0", f"    for i in range({ITERATIONS}):", *[f"        {line}" for line in body]]
    )
    names: dict[str, Any] = {"np": tnp}
    exec(text + "\n    return a", names)
    return names["f"]


def both_gradients(body: list[str]) -> None:
    """Compare the compiled gradients of a loop with the eager ones."""
    function = made(body)
    a, b, w = np.random.default_rng(5).normal(size=(3, SIZE, SIZE))
    b = np.abs(b) + 0.5

    def gradients(a: Any, b: Any) -> Any:
        return tg.value_and_grad(lambda a, b: np.sum(np.tanh(function(a, b)) * w), argnums=(0, 1))(a, b)

    value, parts = gradients(a, b)
    compiled = tg.compile(gradients)
    for _ in range(2):
        found, found_parts = compiled(a, b)
        np.testing.assert_allclose(found, value, rtol=1e-10, atol=1e-12)
        for mine, part in zip(found_parts, parts, strict=True):
            np.testing.assert_allclose(mine, part, rtol=1e-8, atol=1e-9 * max(1.0, np.abs(part).max()))


@given(body=lines())
@settings(max_examples=40)
def test_a_loop_that_writes_at_places_that_count_has_the_eager_gradients(body):
    with np.errstate(all="ignore"):
        both_gradients(body)


# --- what is left of a factorisation ----------------------------------------------------------------------------------


def cholesky_by_columns(a):
    for j in range(len(a)):
        a[j, j] = np.sqrt(a[j, j] - a[j, :j] @ a[j, :j])
        a[j + 1 :, j] = (a[j + 1 :, j] - a[j + 1 :, :j] @ a[j, :j]) / a[j, j]
    return np.tril(a)


def last_rows_of_cholesky(a):
    n = len(a)
    for i in range(n - 2, n):
        for j in range(i):
            a[i, j] -= a[i, :j] @ a[j, :j]
            a[i, j] /= a[j, j]
    return np.tril(a)


def forward_substitution(a, b):
    x = tnp.zeros(len(b))
    for i in range(len(b)):
        x[i] = (b[i] - a[i, :i] @ x[:i]) / a[i, i]
    return x


def test_a_cotangent_that_is_taken_and_put_back_is_written_once():
    _, text = compiled_gradient(last_rows_of_cholesky, positive(16, 16) + 16 * np.eye(16))
    backward = text[text.rindex("    for ") :]
    assert not re.search(r"\] = 0$|\+=", backward, re.MULTILINE)
    assert len(re.findall(r"^ +\w+\[.*\] = ", backward, re.MULTILINE)) == 2  # at [i, j] and at [j, j]


def test_negatives_of_a_reverse_pass_become_differences():
    a = positive(12, 12)
    _, text = compiled_gradient(cholesky_by_columns, a @ a.T + 12 * np.eye(12))
    assert "np.subtract(" in text and "np.negative" not in text and "= -" not in text


def test_what_is_written_at_a_place_that_counts_is_computed_there():
    _, text = compiled_gradient(forward_substitution, positive(20, 20) + 20 * np.eye(20), positive(20))
    assert any(re.search(r"out=\w+\[\d+ - \w+, :\d+ - \w+\]", line) for line in in_loops(text))


@pytest.mark.parametrize("left_out", ["know_written", "negate_later", "compute_beside_writes"])
def test_each_rewrite_may_be_left_out(left_out, monkeypatch):
    if left_out == "know_written":
        monkeypatch.setattr(known_places, "_known_in", lambda body, last: body)
    elif left_out == "negate_later":
        monkeypatch.setattr(negating_later, "_is_negative", lambda step: False)
    else:
        monkeypatch.setattr(computing_beside_writes, "_may_wait", lambda value, write, steps: False)
    both_gradients(["a[i, i] -= a[i, :i] @ b[i, :i]", "a[i, i] /= b[i, i]", "a[i, i + 1 :] = a[i, i + 1 :] * b[i, 8]"])


def test_a_row_of_one_element_that_fills_a_part_is_not_the_part():
    both_gradients(["a[i, : i + 1] = a[8, :1] * b[i, :1]", "a[i + 1, : i + 1] = a[i, : i + 1] * 0.5"])
    both_gradients(["a[i, 1:] = a[8, :1] * b[i, :1]", "a[i + 1, 1:] += a[i, 1:] * b[i, 1:]"])


def sweep(a):
    for i in range(1, len(a)):
        for j in range(1, 5):
            a[i, j] += a[i - 1, j - 1] * 0.5
            a[i, j] /= 1.5
    return a


def test_a_number_of_a_row_that_counts_is_read_at_once():
    _, text = compiled_gradient(sweep, positive(20, 5))
    assert "for " in text and not re.search(r"\[[^\]]*\bi\b[^\]]*\]\[", text)


def squares_added(a, b):
    for i in range(len(a)):
        a[i, : i + 1] *= 1.2
        for k in range(9):
            a[i, : i + 1] += 1.5 * b[i, k] * b[: i + 1, k]
    return a


def test_a_part_that_is_the_same_in_all_iterations_is_taken_before_the_loop():
    _, text = compiled_gradient(squares_added, positive(9, 9), positive(9, 9))
    assert "for " in text and not [line for line in in_loops(text) if re.search(r"= \w*slope\[\d+, :\d+\]$", line)]
