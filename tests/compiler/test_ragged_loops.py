"""Loops in which shapes change: `a[j + 1 :, j]` in a loop of j stays a loop, whose slices are computed.

Each program here agrees with the eager one in values and gradients of two orders, rolled and unrolled, saved, for other
sizes and dtypes; and its text does not grow with the number of iterations.
"""

from __future__ import annotations

import numpy as np
import pytest

import tinygraph as tg
import tinygraph.numpy as tnp
from tests.compiler.programs import compiled_by
from tests.loading import loaded
from tinygraph.compiler.phases import PHASES
from tinygraph.compiler.pipeline import compile_program
from tinygraph.compiler.rolling import runs

UNROLLED = tuple(phase for phase in PHASES if phase.name != "roll slices")


def forward_substitution(a, b):
    x = tnp.zeros(len(b))
    for i in range(len(b)):
        x[i] = (b[i] - a[i, :i] @ x[:i]) / a[i, i]
    return x


def backward_substitution(a, b):
    n = len(b)
    for i in range(n - 1, -1, -1):
        b[i] -= a[i, i + 1 :] @ b[i + 1 :]
        b[i] /= a[i, i]
    return b


def cholesky_by_columns(a, b):
    for j in range(len(b)):
        a[j, j] = np.sqrt(a[j, j] - a[j, :j] @ a[j, :j])
        a[j + 1 :, j] = (a[j + 1 :, j] - a[j + 1 :, :j] @ a[j, :j]) / a[j, j]
    return np.tril(a)


def cholesky_by_elements(a, b):
    n = len(b)
    for i in range(n - 2, n):
        for j in range(i):
            a[i, j] -= a[i, :j] @ a[j, :j]
            a[i, j] /= a[j, j]
        a[i, i] -= a[i, :i] @ a[i, :i]
    return np.tril(a) * b


def lu_by_outer_products(a, b):
    for k in range(len(b) - 1):
        a[k + 1 :, k] /= a[k, k]
        a[k + 1 :, k + 1 :] -= np.outer(a[k + 1 :, k], a[k, k + 1 :])
    return a


def sums_so_far(a, b):
    """The largest shape is the last one; a sum, a mean, and an outer axis."""
    out = tnp.zeros_like(b)
    for i in range(1, len(b)):
        part = a[:i, : i + 1] * b[: i + 1]
        out[i] = np.sum(part) + np.mean(part[:, -1])
    return out


def two_at_a_time(a, b):
    """Shapes that change by two, from both ends."""
    out = b.copy()
    for i in range(len(b) // 2 - 1):
        out[i : len(b) - i] += np.tanh(a[i, i : len(b) - i] * out[i : len(b) - i])
    return out


def views_of_what_is_written(a, b):
    """A view that is made before a write, and read behind it."""
    for i in range(1, len(b) - 1):
        row = a[i, i:]
        a[i, i:] = row * b[i:]
        b[i:] = b[i:] * 0.5 + row
        a[i + 1, i:] += 0.1 * row
    return a, b


def columns_beside_rows(a, b):
    """Transposed and reversed parts, added axes, and a choice."""
    for i in range(1, len(b)):
        block = a[:i, :i].T
        b[:i] += 0.01 * (block[::-1] @ b[:i]) * np.where(b[:i] > 0, 1.0, 0.5)
        a[i, :i] = np.tanh(np.sum(block * b[:i, None], axis=0))
    return a, b


def written_over_later(a, b):
    """Parts that are written over after they were read."""
    for i in range(1, len(b)):
        a[0, :i] = np.sin(a[0, :i] * b[:i]) + a[i, :i]
    return a


def swapped(a, b):
    """Two arrays take turns."""
    other = a.copy()
    for i in range(1, len(b)):
        other[i, :i] = a[i - 1, :i] * b[:i]
        a[i, :i] = other[i, :i] + other[:i, i]
    return a, other


def in_steps_of_time(a, b):
    """A loop of slices in each iteration of a loop."""
    for t in range(6):
        x = tnp.zeros(len(b))
        for i in range(len(b)):
            x[i] = (b[i] - a[i, :i] @ x[:i]) / a[i, i]
        b = np.sin(x) + 0.1 * t * b
    return b


LOOPS = [
    forward_substitution, backward_substitution, cholesky_by_columns, lu_by_outer_products, swapped,
]  # fmt: skip
FUNCTIONS = [
    *LOOPS, cholesky_by_elements, sums_so_far, written_over_later, two_at_a_time, views_of_what_is_written,
    columns_beside_rows, in_steps_of_time,
]  # fmt: skip


def total(function):
    """A number to differentiate, of functions that write into their arguments."""

    def value(a, b):
        found = function(tnp.asarray(a).copy(), tnp.asarray(b).copy())
        parts = found if type(found) is tuple else (found,)
        return sum([np.sum(part**2 * (1 + 0.1 * place)) for place, part in enumerate(parts)])

    return value


def arguments(n, dtype=np.float64, seed=0):
    rng = np.random.default_rng(seed)
    a = rng.random((n, n)) / n
    return (a @ a.T + 2 * np.eye(n) + 0.1 * a).astype(dtype), (0.5 + rng.random(n)).astype(dtype)


def agree(found, expected, tolerance=1e-11):
    found, expected = (x if type(x) is tuple else (x,) for x in (found, expected))
    for one, other in zip(found, expected, strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.__name__)
def test_values_and_gradients_agree_for_all_sizes(function):
    value = total(function)
    gradient = tg.grad(value, (0, 1))
    compiled, compiled_gradient = tg.compile(function), tg.compile(gradient)
    for n in (12, 9, 15, 12):
        a, b = arguments(n, seed=n)
        agree(compiled(a.copy(), b.copy()), function(a.copy(), b.copy()))
        agree(compiled_gradient(a, b), gradient(a, b))
    a, b = arguments(11, np.float32)
    agree(compiled_gradient(a, b), gradient(a, b), 2e-4)


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.__name__)
def test_gradients_agree_with_differences_to_the_second_order(function):
    a, b = arguments(11)
    value = total(function)
    gradient = tg.compile(tg.grad(value, (0, 1)))
    rng = np.random.default_rng(1)
    da, db = rng.normal(size=a.shape), rng.normal(size=b.shape)
    h = 1e-6
    slope = (value(a + h * da, b + h * db) - value(a - h * da, b - h * db)) / (2 * h)
    ga, gb = gradient(a, b)
    assert np.sum(ga * da) + np.sum(gb * db) == pytest.approx(slope, rel=1e-6)
    product = tg.compile(lambda a, b, da, db: tg.hvp(value, (a, b), (da, db)))
    above, below = gradient(a + h * da, b + h * db), gradient(a - h * da, b - h * db)
    for found, up, down in zip(product(a, b, da, db), above, below, strict=True):
        np.testing.assert_allclose(found, (up - down) / (2 * h), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("function", LOOPS, ids=lambda function: function.__name__)
def test_the_text_does_not_grow_with_the_number_of_iterations(function):
    gradient = tg.grad(total(function), (0, 1))
    lengths = []
    for n in (20, 30):
        compiled = tg.compile(gradient)
        compiled(*arguments(n))
        lengths.append(len(compiled.source.splitlines()))
    assert lengths[1] - lengths[0] < 8 and max(lengths) < 200


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.__name__)
def test_a_saved_program_has_the_loops(function, tmp_path):
    gradient = tg.grad(total(function), (0, 1))
    compiled = tg.compile(gradient)
    a, b = arguments(10)
    compiled(a, b)
    compiled.save(tmp_path / "saved.py")
    module = loaded(tmp_path / "saved.py")
    for seed in (0, 1):
        a, b = arguments(10, seed=seed)
        agree(module.value(a, b) if hasattr(module, "value") else module.gradient(a, b), gradient(a, b))


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.__name__)
def test_loops_and_no_loops_agree(function):
    gradient = tg.grad(total(function), (0, 1))
    a, b = arguments(10)
    plain = compiled_by(lambda program, name: compile_program(program, phases=UNROLLED, name=name), gradient)
    agree(plain(a, b), tg.compile(gradient)(a, b))


def test_no_iteration_copies_a_whole_array():
    for function in (forward_substitution, cholesky_by_columns, lu_by_outer_products):
        compiled = tg.compile(tg.grad(total(function), (0, 1)))
        compiled(*arguments(20))
        inside = [line for line in compiled.source.splitlines() if line.startswith("        ")]
        assert not [line for line in inside if "np.copyto" in line], function.__name__


# --- made-up programs -------------------------------------------------------------------------------------------------

# Parts of one length, by their length.
PARTS = {
    "i": ["a[i, :i]", "b[:i]", "a[:i, i]", "c[:i]", "a[i - 1, :i]", "a[0, :i]", "b[n - i :]", "a[n - 1, :i]"],
    "n - i": ["a[i, i:]", "b[i:]", "c[i:]", "a[i:, i]", "a[0, i:]", "b[: n - i]", "a[i:, n - 1]"],
    "n - i - 1": ["a[i, i + 1 :]", "b[i + 1 :]", "a[i + 1 :, i]", "c[i + 1 :]", "b[: n - i - 1]", "a[n - 1, i + 1 :]"],
    "i + 1": ["a[i, : i + 1]", "b[: i + 1]", "c[: i + 1]", "a[: i + 1, i]", "a[0, : i + 1]"],
}
BLOCKS = {"i": "a[:i, :i]", "n - i": "a[i:, i:]", "n - i - 1": "a[i + 1 :, i + 1 :]", "i + 1": "a[: i + 1, : i + 1]"}
LINES = [
    "{to} = np.tanh({one} * {other}) + {to}", "{to} += 0.3 * {one} * {other}", "c[i] += 0.2 * ({one} @ {other})",
    "{to} -= 0.1 * {one} * ({other} @ {one})", "{to} = 0.5 * {one} + 0.2", "{to} = {one} / (2 + a[i, i] ** 2)",
    "v = np.sin({one}); {to} = v * 0.5; c[i] = c[i] + 0.1 * np.sum(v)", "a[i, i] = np.tanh(a[i, i] - {one} @ {other})",
    "{block} -= 0.1 * np.outer({one}, {other})", "{to} = 0.3 * np.tanh({block} @ {one})", "{block} *= 0.9",
]  # fmt: skip
RANGES = ["range(n)", "range(1, n)", "range(n - 1, -1, -1)", "range(n - 2, 0, -1)", "range(0, n, 2)"]


def made_up(rng):
    """A program of one loop whose lines read and write parts of arrays."""
    lines = []
    for _ in range(rng.integers(1, 5)):
        length = rng.choice([*PARTS])
        to, one, other = rng.choice(PARTS[length], 3)
        lines.append(rng.choice(LINES).format(to=to, one=one, other=other, block=BLOCKS[length]))
    body = "".join([f"        {line}\n" for line in lines])
    head = f"def made_up(a, b):\n    n, c = len(b), 0.5 * b\n    for i in {rng.choice(RANGES)}:\n"
    return f"{head}{body}    return a, b, c\n"


@pytest.mark.parametrize("seed", range(12))
def test_made_up_programs_agree(seed, monkeypatch):
    monkeypatch.setattr(runs, "ITERATIONS", 3)
    monkeypatch.setattr(runs, "SAVED", 4)
    text = made_up(np.random.default_rng(seed))
    names = {"np": np}
    exec(text, names)
    gradient = tg.grad(total(names["made_up"]), (0, 1))
    compiled = tg.compile(gradient)
    for other in (1, 2):
        a, b = arguments(8 + seed % 3, seed=other)
        agree(compiled(0.3 * a, b), gradient(0.3 * a, b), 1e-9)
