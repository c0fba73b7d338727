"""Counts in bins, beside the sums of weights in the same bins."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygraph as tg


def compiled(function: Any, *arrays: Any) -> str:
    """Compare the compiled gradient with the eager one, also for other numbers, and return the statements."""
    gradient = tg.grad(function)
    step: Any = tg.compile(gradient)
    for shift in (0.0, 0.25):
        moved = [array + shift for array in arrays]
        np.testing.assert_allclose(step(*moved), gradient(*moved), rtol=1e-12)
    return "\n".join([line for line in step.source.splitlines() if "#" not in line])


def means(weights: Any, points: Any, bins: Any = 7, span: Any = None) -> Any:
    counts = np.histogram(points, bins, span)[0]
    sums = np.histogram(points, bins, span, weights=weights)[0]
    return np.sum((sums / np.maximum(counts, 1)) ** 2)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("span", [None, (0.25, 1.5)])
@pytest.mark.parametrize("size", [60, 1])
def test_counts_are_made_of_the_numbers_of_the_bins_that_the_weights_are_in(dtype: Any, span: Any, size: int) -> None:
    points = np.random.default_rng(0).random(size).astype(dtype)
    text = compiled(lambda w, x: means(w, x, 7, span), np.arange(float(size)), points)
    assert "np.histogram(" not in text and text.count("counted(") == 2, text


def test_other_counts_stay() -> None:
    w, x = np.arange(60.0), np.random.default_rng(0).random(60)
    edges = [0.0, 0.25, 0.5, 2.0]
    for other in (
        lambda w, x: np.sum(np.histogram(x, 7)[0] * np.histogram(x, 7, (0.0, 2.0), weights=w)[0] ** 2),
        lambda w, x: np.sum(np.histogram(x, 7)[0] * np.sum(np.histogram(x, 9, weights=w)[0] ** 2)),
        lambda w, x: np.sum(np.histogram(x, edges)[0] * np.histogram(x, edges, weights=w)[0] ** 2),
        lambda w, x: np.sum(np.histogram(2 * x, 7)[0] * np.histogram(x, 7, weights=w)[0] ** 2),
        lambda w, x: np.sum(np.histogram(x, 7)[0] * w[:7] ** 2),
    ):
        assert "np.histogram(" in compiled(other, w, x)


@given(st.lists(st.integers(-20, 20), min_size=1, max_size=30), st.integers(1, 8))
@settings(max_examples=40)
def test_points_on_edges_are_counted_as_numpy_counts_them(numbers: list[int], bins: int) -> None:
    points = np.array(numbers) / 8
    weights = np.cos(np.arange(float(len(numbers))))
    gradient = tg.grad(lambda w, x: means(w, x, bins, (-1.0, 1.0)))
    np.testing.assert_allclose(tg.compile(gradient)(weights, points), gradient(weights, points), rtol=1e-12)
