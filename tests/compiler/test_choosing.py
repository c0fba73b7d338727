"""Choosing by a condition: what `np.where` gives, to the bit, without a branch for each element."""

from __future__ import annotations

import runpy
from typing import Any

import numpy as np
import pytest

import tinygraph as tg
from tinygraph.compiler.kernels.choosing import where_into

ANY = np.array([np.nan, -np.nan, np.inf, -np.inf, 0.0, -0.0, 1e-310, -1.5, 3.0, 1e30])


def values(dtype: Any, turned: bool = False) -> Any:
    """Return every pair of unusual numbers: for each row of one array all columns of the other."""
    with np.errstate(over="ignore"):
        single = ANY.astype(dtype)
    whole = np.repeat(single[:, None], len(single), axis=1)
    return np.ascontiguousarray(whole.T) if turned else whole


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("in_place", [False, True])
def test_where_into_is_where_to_the_bit(dtype: Any, in_place: bool) -> None:
    x, y = values(dtype), values(dtype, turned=True)
    condition = np.random.default_rng(0).random(x.shape) < 0.5
    numbers = [0, 0.0, -0.0, 1.5, np.nan, -np.inf, dtype(0), np.array(2.0, dtype), np.zeros((), dtype)]
    rows = [x[:, :1], y[:1]]
    everywhere = np.ones(x.shape, bool)
    for wanted in (condition, condition[:1], condition[:, :1], condition.T, everywhere, everywhere[:1], ~everywhere):
        for first in (x, *numbers, *rows):
            for other in (y, *numbers, *rows):
                expected = np.where(wanted, first, other).astype(dtype)
                expected = np.ascontiguousarray(np.broadcast_to(expected, x.shape))
                own = in_place and other is y
                out = y.copy() if own else np.empty_like(x)
                where_into(wanted, first, out if own else other, out)
                assert out.tobytes() == expected.tobytes()


def test_where_into_takes_any_strides() -> None:
    x, y = values(np.float64)[::-1, ::2], values(np.float64, turned=True)[:, 1::2].T.copy().T
    out = np.empty((10, 5), order="F")
    where_into(x > y, x, y, out)
    assert out.tobytes() == np.where(x > y, x, y).tobytes()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_large_choice_has_no_branches(dtype: Any) -> None:
    x = np.random.default_rng(0).normal(size=(64, 256)).astype(dtype)

    def f(x: Any) -> Any:
        return np.sum(np.where(x > 0, x, 3 * x) * x)

    compiled = tg.compile(tg.value_and_grad(f))
    (value, slope), (expected, expected_slope) = compiled(x), tg.value_and_grad(f)(x)
    assert np.isclose(value, expected) and np.allclose(slope, expected_slope)
    # Numbers where a condition holds, and 0 elsewhere, are products of their bits.
    choices = compiled.source.count("where_into(x_positive"), compiled.source.count(".view(np.int")
    assert choices[0] >= 1 and choices[1] >= 2 and "where=" not in compiled.source, compiled.source


def test_a_small_choice_stays_two_copies() -> None:
    compiled = tg.compile(lambda x: np.where(x > 0, x, 3 * x))
    x = np.linspace(-1.0, 1.0, 100)
    assert np.array_equal(compiled(x), np.where(x > 0, x, 3 * x))
    assert "where_into" not in compiled.source


def test_numbers_that_are_seldom_nan_are_copied() -> None:
    compiled = tg.compile(lambda x: np.where(np.isnan(x), 0.0, x))
    x = np.where(np.arange(10_000) == 7, np.nan, 1.0)
    assert np.array_equal(compiled(x), np.where(np.isnan(x), 0.0, x))
    assert "where_into" not in compiled.source


def test_a_saved_choice_needs_numpy_alone(tmp_path: Any) -> None:
    def chosen(x: Any) -> Any:
        return np.where(x > 0, x, np.exp(x))

    compiled = tg.compile(chosen)
    x = np.random.default_rng(0).normal(size=(64, 128))
    expected = compiled(x)
    compiled.save(tmp_path / "choice.py")
    text = (tmp_path / "choice.py").read_text()
    assert "import tinygraph" not in text and "from tinygraph" not in text and "def where_into" in text
    assert np.array_equal(runpy.run_path(str(tmp_path / "choice.py"))["chosen"](x), expected)


@pytest.mark.parametrize("choose", [
    lambda x: np.maximum(x, 0), lambda x: np.fmin(x, 1), lambda x: np.max(x, axis=1, keepdims=True) * x,
])  # fmt: skip
def test_shares_at_ties_are_made_in_the_dtype_of_the_values(choose: Any) -> None:
    """They were float64 and then converted: twice the memory, and half the rows of a block."""
    x = np.rint(np.random.default_rng(0).normal(size=(64, 256))).astype(np.float32)
    gradient = tg.grad(lambda x: np.sum(choose(x) * x))
    compiled = tg.compile(gradient)
    assert np.allclose(compiled(x), gradient(x))
    assert "float64" not in compiled.source and "where" not in compiled.source, compiled.source
