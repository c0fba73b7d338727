"""Vanishing sums: gradients that are 0 whatever the numbers are, and others that only look like them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygraph as tg

X = np.random.default_rng(0).normal(size=(6, 5)) * 3
V = np.random.default_rng(1).normal(size=(6, 5))
W = np.random.default_rng(2).normal(size=(5, 5))


def softmax(x: Any) -> Any:
    e = np.exp(x - np.max(x, axis=-1, keepdims=True))
    return e / np.sum(e, axis=-1, keepdims=True)


def softmax_by_none(x: Any) -> Any:
    e = np.exp(x - np.max(x, axis=1)[:, None])
    return e * (1 / np.sum(e, axis=1)[:, None])


def log_softmax(x: Any) -> Any:
    z = x - np.max(x, axis=-1, keepdims=True)
    return z - np.log(np.sum(np.exp(z), axis=-1, keepdims=True))


def log_softmax_added(x: Any) -> Any:
    largest = np.max(x, axis=-1, keepdims=True)
    return x - (largest + np.log(np.sum(np.exp(x - largest), axis=-1, keepdims=True)))


def of_columns(x: Any) -> Any:
    e = np.exp(x - np.max(x, axis=0))
    return e / np.sum(e, axis=0)


def of_turned_products(x: Any) -> Any:
    return of_columns(W.T @ x.T).T


def of_turned_pictures(x: Any) -> Any:
    """The last axis moves to the front, and the two that are left keep their order."""
    pictures = (x.reshape(2, 3, 5) @ W).transpose(2, 0, 1)
    e = np.exp(pictures - np.max(pictures, axis=0))
    return (e * (1 / np.sum(e, axis=0))).transpose(1, 2, 0).reshape(6, 5)


SHIFTED = [softmax, softmax_by_none, log_softmax, log_softmax_added, of_columns, of_turned_products, of_turned_pictures]


def compiled_gradient(function: Callable[[Any], Any], x: Any = X) -> tuple[Any, str]:
    compiled = tg.compile(tg.grad(weighted(function)))
    return compiled(x), compiled.source


def eager_gradient(function: Callable[[Any], Any], x: Any = X) -> Any:
    return tg.grad(weighted(function))(x)


def weighted(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda x: np.sum((y := function(x)) * V[: len(y)])


@pytest.mark.parametrize("function", SHIFTED)
def test_the_maximum_that_is_subtracted_has_no_gradient(function: Callable[[Any], Any]) -> None:
    slope, source = compiled_gradient(function)
    np.testing.assert_allclose(slope, eager_gradient(function), rtol=1e-10, atol=1e-14)
    assert "np.equal" not in source, source


@pytest.mark.parametrize("function", SHIFTED)
@given(data=st.data())
def test_rows_with_ties_infinities_and_nan_are_as_they_are_eagerly(function: Callable[[Any], Any], data: Any) -> None:
    numbers = st.sampled_from([0.0, 1.0, -1.0, 2.5, -np.inf, np.inf, np.nan, 700.0])
    x = np.array(data.draw(st.lists(numbers, min_size=30, max_size=30))).reshape(6, 5)
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(
            tg.compile(tg.grad(lambda x: np.sum(function(x) * V)))(x), eager_gradient(function, x), atol=1e-12
        )


@pytest.mark.parametrize("spread", [np.var, np.std])
@pytest.mark.parametrize("axis", [0, 1])
def test_the_mean_of_a_variance_has_no_gradient_of_its_own(spread: Any, axis: int) -> None:
    def normal(x: Any) -> Any:
        return (x - np.mean(x, axis=axis, keepdims=True)) / (spread(x, axis=axis, keepdims=True) + 1e-3)

    def by_hand(x: Any) -> Any:
        centered = x - np.mean(x, axis=axis, keepdims=True)
        squares = np.mean(centered**2, axis=axis, keepdims=True)
        return centered / ((np.sqrt(squares) if spread is np.std else squares) + 1e-3)

    slope, source = compiled_gradient(normal)
    np.testing.assert_allclose(slope, eager_gradient(normal), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(slope, compiled_gradient(by_hand)[0], rtol=1e-9, atol=1e-12)
    assert source.count("np.add.reduce(") + source.count("np.dot(") <= 6, source


OTHERS: dict[str, Callable[[Any], Any]] = {
    "half of the maximum": lambda x: np.exp(x - 0.5 * np.max(x, axis=1, keepdims=True)),
    "the maximum of columns": lambda x: softmax(x) * np.exp(-np.max(x, axis=0)),
    "rows divided by sums of columns": lambda x: (
        (e := np.exp(x - np.max(x, axis=1, keepdims=True))) / np.sum(e, axis=0, keepdims=True)
    ),
    "weights": lambda x: (e := np.exp(x - np.max(x, axis=1, keepdims=True))) / np.sum(e * V, axis=1, keepdims=True),
    "a sum and a little": lambda x: (
        (e := np.exp(x - np.max(x, axis=1, keepdims=True))) / (np.sum(e, axis=1, keepdims=True) + 1e-9)
    ),
    "almost the mean": lambda x: (x - np.mean(x, axis=1, keepdims=True) * (1 - 1e-9)) ** 2,
    "the mean of columns": lambda x: (x - np.mean(x, axis=0, keepdims=True)) * np.sum(x, axis=1, keepdims=True),
    "of all": lambda x: (x - np.mean(x)) ** 2,
    "turned": lambda x: (z := x[:5] - np.mean(x[:5], axis=1, keepdims=True)).T * np.sum(z.T, axis=1)[:, None],
    "a factor of each row, and of exchanged rows": lambda x: (
        (z := (pairs := x[:4].reshape(2, 2, 5)) - np.max(pairs, axis=2, keepdims=True))
        * (c := np.exp(x[4, :4]).reshape(2, 2, 1))
        - z * c.transpose(1, 0, 2)
    ).reshape(4, 5),
    "divided by its turned": lambda x: (e := np.exp(x[:5])) / np.sum(e.T, axis=1, keepdims=True),
    "two axes left in another order": lambda x: (
        (z := x.reshape(2, 3, 5)) - np.mean(z.transpose(2, 1, 0), axis=0).reshape(2, 3, 1)
    ).reshape(6, 5),
}


@pytest.mark.parametrize("name", OTHERS)
def test_what_does_not_vanish_is_computed(name: str) -> None:
    np.testing.assert_allclose(compiled_gradient(OTHERS[name])[0], eager_gradient(OTHERS[name]), rtol=1e-9, atol=1e-12)


def test_little_gradients_of_float64_do_not_vanish() -> None:
    """Σ(x − m (1 − 1e-9)) is 1e-9 of Σx, which rounding of float64 leaves."""

    def loss(x: Any) -> Any:
        return np.sum(np.sum(x - np.mean(x, axis=1, keepdims=True) * (1 - 1e-9), axis=1) * V[:, 0])

    x = np.abs(X)
    found, expected = (wrap(tg.value_and_grad(loss))(x) for wrap in (tg.compile, lambda f: f))
    np.testing.assert_allclose(found[0], expected[0], rtol=1e-4)
    np.testing.assert_allclose(found[1], expected[1], rtol=1e-4)


def test_second_derivatives_of_shifted_values() -> None:
    for function in SHIFTED:
        loss = lambda x, function=function: np.sum(function(x) ** 2 * V)
        found = tg.compile(lambda x, v, loss=loss: tg.hvp(loss, (x,), (v,)))(X, V)
        np.testing.assert_allclose(found, tg.hvp(loss, (X,), (V,)), rtol=1e-8, atol=1e-12)


def test_a_sum_that_vanishes_and_is_wanted_is_returned() -> None:
    compiled = tg.compile(lambda x: (np.sum(x - np.mean(x, axis=1, keepdims=True), axis=1), np.exp(x)))
    np.testing.assert_allclose(compiled(X)[0], 0, atol=1e-14)


def test_what_rounding_leaves_is_a_value_of_its_own() -> None:
    """The mean of the deviations corrects a mean that was rounded, and is NaN where a number is."""

    def corrected(x: Any) -> Any:
        mean = np.mean(x, axis=1, keepdims=True)
        return mean + np.sum(x - mean, axis=1, keepdims=True) / x.shape[1]

    compiled = tg.compile(corrected)
    x = X + 1e16
    np.testing.assert_array_equal(compiled(x), corrected(x))
    assert np.any(compiled(x) != np.mean(x, axis=1, keepdims=True))
    x[2, 3] = np.nan
    np.testing.assert_array_equal(compiled(x), corrected(x))
