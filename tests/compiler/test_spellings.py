"""Equivalent spellings: what is computed decides what a program does, not how it was written."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygraph as tg

RNG = np.random.default_rng(0)
X, W = RNG.normal(size=(12, 6)), RNG.normal(size=(6, 7))
V = RNG.normal(size=(12, 7))
LABELS = RNG.integers(0, 7, 12)
ONES = np.eye(7)[LABELS]
INFINITE = np.where(RNG.random((12, 6)) > 0.9, -np.inf, X)

Function = Callable[..., Any]


def calls(source: str) -> list[str]:
    """Return NumPy's functions that a program calls to compute, in alphabetical order."""
    found = re.findall(r"np\.(\w+(?:\.reduce)?)\(", source)
    return sorted(set(found) - {"array", "empty", "ones", "copyto", "float32", "errstate", "broadcast_to"})


def code(compiled: Any) -> str:
    """Return the text of a program without its comments."""
    return "\n".join(line.split("#")[0] for line in compiled.source.splitlines())


def gradients(function: Function, *arrays: Any) -> tuple[list[Any], str]:
    """Return a function's value and gradients, compiled, which are the eager ones, and the text of the program."""
    pulled = tg.value_and_grad(function, argnums=tuple(range(len(arrays))))
    compiled = tg.compile(pulled)
    with np.errstate(all="ignore"):
        found, expected = compiled(*arrays), pulled(*arrays)
    results = [found[0], *found[1]]
    for result, eager in zip(results, [expected[0], *expected[1]], strict=True):
        np.testing.assert_allclose(result, eager, rtol=1e-9, atol=1e-12)
    return results, code(compiled)


def by_hand(z: Any, axis: int = 1) -> Any:
    e = np.exp(z - np.max(z, axis=axis, keepdims=True))
    return e / np.sum(e, axis=axis, keepdims=True)


def columns(z: Any) -> Any:
    e = np.exp((z.T - np.max(z, axis=1)).T)
    return (e.T / np.sum(e, axis=1)).T


def normal(x: Any) -> Any:
    centered = x - np.mean(x, axis=-1, keepdims=True)
    return centered / np.sqrt(np.mean(centered**2, axis=-1, keepdims=True) + 1e-5)


def normal_first(x: Any) -> Any:
    turned = x.T
    centered = turned - np.mean(turned, axis=0)
    return (centered / np.sqrt(np.mean(centered**2, axis=0) + 1e-5)).T


SAME: dict[str, tuple[Function, ...]] = {
    "softmax": (by_hand, lambda z: by_hand(z.T, 0).T, columns, lambda z: by_hand(np.swapaxes(z, 0, 1), 0).T),
    "log_softmax": (tg.log_softmax, lambda z: tg.log_softmax(z.T, axis=0).T),
    "normalization": (normal, normal_first),
}  # fmt: skip


@pytest.mark.parametrize("name", SAME)
def test_rows_and_columns_are_one_program(name: str) -> None:
    first, *others = SAME[name]
    expected, source = gradients(lambda x, w: np.sum(first(x @ w) * V), X, W)
    for other in others:
        found, text = gradients(lambda x, w, other=other: np.sum(other(x @ w) * V), X, W)
        for one, same in zip(expected, found, strict=True):
            np.testing.assert_allclose(same, one, rtol=1e-9, atol=1e-12)
        assert calls(text) == calls(source), text


LOSSES: dict[str, Function] = {
    "picked": lambda z: -np.mean(tg.log_softmax(z)[np.arange(12), LABELS]),
    "taken": lambda z: -np.mean(np.take_along_axis(tg.log_softmax(z), LABELS[:, None], axis=1)),
    "product": lambda z: -np.sum(ONES * tg.log_softmax(z)) / 12,
    "logarithm of the softmax": lambda z: -np.sum(ONES * np.log(by_hand(z))) / 12,
    "logsumexp": lambda z: -np.sum(ONES * (z - tg.logsumexp(z, axis=1, keepdims=True))) / 12,
}


@pytest.mark.parametrize("name", LOSSES)
def test_a_cross_entropy_by_hand_needs_no_masks(name: str) -> None:
    found, source = gradients(lambda x, w: LOSSES[name](x @ w), X, W)
    expected = tg.value_and_grad(lambda x: tg.cross_entropy(x @ W, LABELS, from_logits=True))(X)
    np.testing.assert_allclose(found[0], expected[0], rtol=1e-9)
    np.testing.assert_allclose(found[1], expected[1], rtol=1e-9, atol=1e-12)
    assert not {"read_for", "reach_of"} & {*re.findall(r"\w+", source)}, source
    assert "np.maximum(" not in source, source  # the largest logit has no gradient


@pytest.mark.parametrize("name", ["picked", "taken", "logsumexp"])
def test_a_cross_entropy_by_hand_of_infinite_logits(name: str) -> None:
    gradients(lambda x: LOSSES[name](np.concatenate([x, X[:, :1]], axis=1)), INFINITE)


INFINITE_ROWS = np.array([
    [np.inf, 1, 2], [1, np.inf, 2], [-np.inf, 1, 2], [-np.inf] * 3, [np.nan, 1, 2], [np.inf, np.inf, 1],
    [np.inf, np.nan, 1], [np.inf, -np.inf, 1], [1e3, -1e3, 3], [1, 2, 3],
])  # fmt: skip
THREE = np.array([0, 1, 1, 0, 1, 0, 1, 2, 1, 0])
OWN_LOSSES: dict[str, Function] = {
    "labels": lambda z: tg.cross_entropy(z, THREE, from_logits=True, reduction="none"),
    "probabilities": lambda z: tg.cross_entropy(z, ONES_OF_THREE, from_logits=True, reduction="none"),
    "log_softmax": lambda z: tg.log_softmax(z),
    "of columns": lambda z: tg.log_softmax(z.T, axis=0),
}
ONES_OF_THREE = np.eye(3)[THREE]


@pytest.mark.parametrize("name", OWN_LOSSES)
def test_losses_of_infinite_logits_are_the_eager_ones(name: str) -> None:
    for function in (OWN_LOSSES[name], tg.grad(lambda z: np.sum(OWN_LOSSES[name](z)))):
        compiled = tg.compile(function)
        with np.errstate(all="ignore"):
            for logits in (np.ones((10, 3)), INFINITE_ROWS, INFINITE_ROWS.astype(np.float32)):
                np.testing.assert_allclose(compiled(logits), function(logits), rtol=1e-6)


@pytest.mark.parametrize("name", ["labels", "probabilities"])
def test_a_cross_entropy_and_its_gradient_have_their_exponentials_in_common(name: str) -> None:
    _, source = gradients(lambda z: np.mean(OWN_LOSSES[name](z)), np.cos(np.arange(30.0)).reshape(10, 3))
    assert source.count("np.exp(") == 1 and source.count("np.equal(") <= 2, source


MANY, MANY_W = RNG.normal(size=(40, 24)), RNG.normal(size=(24, 20))
MANY_LABELS, ROWS = RNG.integers(0, 20, 40), np.arange(40)
IS_PICKED = np.eye(20)[MANY_LABELS] > 0
PICKED: dict[str, Function] = {
    "the softmax": lambda z: -np.mean(np.log(by_hand(z)[ROWS, MANY_LABELS])),
    "its logarithm": lambda z: -np.mean(np.log(by_hand(z))[ROWS, MANY_LABELS]),
    "along an axis": lambda z: -np.mean(np.log(np.take_along_axis(by_hand(z), MANY_LABELS[:, None], axis=1))),
    "by a condition": lambda z: -np.sum(np.where(IS_PICKED, np.log(by_hand(z)), 0)) / 40,
    "of some rows": lambda z: -np.mean(np.log(by_hand(z)[ROWS[::2], MANY_LABELS[::2]])),
}


@pytest.mark.parametrize("name", ["the softmax", "along an axis", "of some rows"])
def test_what_is_picked_from_a_softmax_of_a_product_needs_no_masks(name: str) -> None:
    """The program looks at the numbers that the product multiplies, and takes what is made of them to be finite."""
    _, source = gradients(lambda x, w, b: PICKED[name](x @ w + b), MANY, MANY_W, MANY_W[0])
    assert not {"where_into", "logical_or", "not_equal"} & {*re.findall(r"\w+", source)}, source


@pytest.mark.parametrize("name", PICKED)
def test_rows_that_are_not_picked_may_be_infinite(name: str) -> None:
    pulled = tg.value_and_grad(lambda x, w, b: PICKED[name](x @ w + b), (0, 1, 2))
    compiled = tg.compile(pulled)
    spoilt = MANY.copy()
    spoilt[1::2] = np.inf
    for x in (MANY, spoilt, MANY + 1):
        with np.errstate(all="ignore"):
            found, expected = compiled(x, MANY_W, MANY_W[0]), pulled(x, MANY_W, MANY_W[0])
        for one, other in zip([found[0], *found[1]], [expected[0], *expected[1]], strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-12)


def test_both_sides_of_a_condition_reach_everything() -> None:
    """Each element is on one side: behind the condition no mask is needed."""
    y = np.repeat([0.0, 1.0], 6)

    def loss(x: Any, w: Any) -> Any:
        p = 1 / (1 + np.exp(-x @ w))
        return -np.mean(np.where(y > 0, np.log(p), np.log(1 - p)))

    _, source = gradients(loss, X, W[:, 0])
    assert "logical_or" not in source, source


@pytest.mark.parametrize("wanted", [-1, 0, 3, 4])
def test_one_of_a_list_is_what_was_put_into_it(wanted: int) -> None:
    """A list that begins with an array from outside, too: what an index leaves out of a stack is known at once."""
    x, u = RNG.normal(size=(4, 3, 5)), RNG.normal(size=(5, 5))

    def loss(x: Any, u: Any) -> Any:
        states = [np.zeros((3, 5))]
        for part in x:
            states.append(np.tanh(part + states[-1] @ u))
        return np.sum(np.stack(states)[wanted] ** 2)

    _, source = gradients(loss, x, u)
    if wanted in (-1, 4):
        assert not {"stack", "logical_or", "fill"} & {*calls(source)}, source


SPECIAL = np.array([0.0, -0.0, 1.5, -1e3, 1e3, np.inf, -np.inf, np.nan, 1e-30, 88.0])


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("function", [np.logaddexp, np.logaddexp2])
def test_many_sums_of_exponentials_are_those_of_numpy(function: Any, dtype: Any) -> None:
    x, y = (item.astype(dtype).ravel() for item in np.meshgrid(np.tile(SPECIAL, 3), np.tile(SPECIAL, 3)))
    for f in (lambda x, y: function(x, y), lambda x, y: function(0, x) + y, lambda x, y: function(y, 2.5) + x,
              lambda x, y: function(x[:, None], y[:30])):  # fmt: skip
        compiled = tg.compile(f)
        with np.errstate(all="ignore"):
            np.testing.assert_allclose(compiled(x, y), f(x, y), rtol=4 * np.finfo(dtype).eps)
        assert not {"logaddexp", "logaddexp2"} & {*calls(code(compiled))}
        pulled = tg.grad(lambda x, y, f=f: np.sum(f(x, y)), argnums=(0, 1))
        with np.errstate(all="ignore"):
            for found, expected in zip(tg.compile(pulled)(x, y), pulled(x, y), strict=True):
                np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-30)


@pytest.mark.parametrize("at_zero", [0, 0.5, 1])
def test_many_steps_are_those_of_numpy(at_zero: float) -> None:
    x = np.tile(SPECIAL, 30)
    compiled = tg.compile(lambda x: np.heaviside(x, at_zero))
    np.testing.assert_array_equal(compiled(x), np.heaviside(x, at_zero))
    assert "heaviside" not in calls(code(compiled))


def test_a_sign_has_memory_of_its_own() -> None:
    """NumPy writes signs over their numbers ten times as slowly as beside them."""
    compiled = tg.compile(lambda x: np.sign(np.exp(x) - 1.0))
    x = RNG.normal(size=5000)
    np.testing.assert_array_equal(compiled(x), np.sign(np.exp(x) - 1))
    ((operand, out),) = re.findall(r"np\.sign\((\w+), out=(\w+)\)", compiled.source)
    assert operand != out
    assert f"{out} = {operand}" not in compiled.source
