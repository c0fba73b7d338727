"""Conditions that a compiled function finds outside: what they leave out is known while it is recorded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygraph as tg

LENGTH, WIDTH = 5, 4
rng = np.random.default_rng(0)
X = rng.normal(size=(3, LENGTH, WIDTH))
CAUSAL = np.tril(np.ones((LENGTH, LENGTH), bool))


def attention(x: Any, mask: Any, choose: Callable[[Any], Any] = lambda mask: mask) -> Any:
    """The sum of what each row sees of the rows before it, each divided by its length."""
    rows = x / np.sqrt(np.sum(x * x, axis=-1, keepdims=True))
    scores = np.where(choose(mask), rows @ np.swapaxes(rows, 1, 2), -1e9)
    return np.sum(tg.softmax(scores) @ rows * np.arange(1.0, WIDTH + 1))


class Holder:
    """An object that a function finds outside."""

    def __init__(self, mask: Any) -> None:
        self.mask = mask


def gradient_of(holder: Holder, choose: Callable[[Any], Any] = lambda mask: mask) -> Any:
    return tg.compile(tg.grad(lambda x: attention(x, holder.mask, choose)))


@pytest.mark.parametrize(
    ("mask", "choose"),
    [
        (CAUSAL, lambda mask: mask),
        (CAUSAL[None], lambda mask: mask),
        (np.tril(np.ones((9, 9))), lambda mask: mask[:LENGTH, :LENGTH] == 1),
        (~CAUSAL, np.logical_not),
    ],
)
def test_a_mask_that_leaves_no_row_out_needs_no_conditions_in_the_backward_pass(mask: Any, choose: Any) -> None:
    step = gradient_of(Holder(mask), choose)
    np.testing.assert_allclose(step(X), tg.grad(lambda x: attention(x, mask, choose))(X), rtol=1e-12)
    assert "np.logical_or" not in step.source
    assert step.source.count("where=") == 1, step.source  # the scores; their gradient is a product of bits
    assert step.source.count("out=safe_") == 1, step.source


def test_a_mask_that_changes_is_looked_up_from_then_on() -> None:
    holder = Holder(CAUSAL.copy())
    step = gradient_of(holder)
    for number, column in enumerate((None, 1, 2, 3)):
        if column is not None:
            holder.mask[column, 0] ^= True
        np.testing.assert_allclose(step(X), tg.grad(lambda x: attention(x, holder.mask))(X), rtol=1e-12)
        assert len(step.explain().programs) == min(number + 1, 2)
    assert "what is in a mask has changed" in str(step.explain())


def test_another_array_in_the_place_of_a_mask() -> None:
    holder = Holder(CAUSAL.copy())
    step = gradient_of(holder)
    for mask in (CAUSAL.copy(), CAUSAL.T.copy(), CAUSAL.copy()):
        holder.mask = mask
        np.testing.assert_allclose(step(X), tg.grad(lambda x: attention(x, mask))(X), rtol=1e-12)


def test_a_row_that_is_left_out_has_no_gradient_even_where_its_slope_is_infinite() -> None:
    """A mask that leaves a whole row out comes only after one that does not."""
    holder = Holder(np.ones(LENGTH, bool))
    x = X[0].copy()

    def length(x: Any) -> Any:
        return np.sum(np.where(holder.mask, np.sqrt(np.sum(x * x, axis=-1)), 0.0))

    step = tg.compile(tg.grad(length))
    np.testing.assert_allclose(step(x), tg.grad(length)(x), rtol=1e-12)
    x[2], holder.mask[2] = 0, False
    found = step(x)
    np.testing.assert_allclose(found, tg.grad(length)(x), rtol=1e-12)
    assert not found[2].any()


def test_a_condition_that_is_made_of_each_value_twice_or_at_the_end_of_a_long_run():
    mask = np.arange(6) % 2 * 1.0

    def masked(x, times, twice):
        z = tg.Tensor(mask, requires_grad=False)
        for _ in range(times):
            z = z + z if twice else z + 0.0
        return np.sum(np.where(z > 0, x, 0.0) ** 2)

    x = np.arange(6.0)
    for times, twice in ((60, True), (1500, False)):
        step = tg.compile(tg.grad(lambda x, times=times, twice=twice: masked(x, times, twice)))
        np.testing.assert_array_equal(step(x), 2 * x * mask)


# --- shapes that values outside decide --------------------------------------------------------------------------------

HELD = np.array([True, False, True])
PLACES = np.array([[True, False, True], [False, True, True]])
LABELS = np.array([2, 0, 2, 1])
TABLE = np.linspace(-1.0, 2.0, 6).reshape(2, 3)
ROWS = np.linspace(-2.0, 1.5, 8).reshape(4, 2)


def written(x: Any) -> Any:
    y = x * 1
    y[:, HELD] = np.sin(x[:, HELD]) * [3.0, 4.0]
    y[PLACES] = x[PLACES] ** 2
    y[PLACES] += np.arange(4.0)
    y[:, ~HELD] = 5
    y[:, np.zeros(3, bool) & HELD] = x[:, np.zeros(3, bool) & HELD]
    return np.sum(y**2)


SHAPED: dict[str, tuple[Callable[[Any], Any], Any]] = {
    "elements": (lambda x: np.sum(x[PLACES] ** 2), TABLE),
    "columns": (lambda x: np.sum(x[:, HELD] ** 2) + np.sum(x[..., ~HELD] ** 3), TABLE),
    "beside others": (lambda x: np.sum(x[np.array([0, 1]), HELD] ** 2 + x[None, 0, HELD] ** 2), TABLE),
    "a single truth": (
        lambda x: np.sum(x[np.array(True) & HELD[0]] ** 2) + np.sum(x[HELD[1:2].reshape(())] ** 3),
        TABLE,
    ),
    "an axis for each": (lambda x: np.sum(x[np.ix_(LABELS > 0, [0, 1])] ** 2), ROWS),
    "places": (lambda x: np.sum(x[:, np.flatnonzero(HELD)] ** 2) + np.sum(x[np.nonzero(PLACES)] ** 2), TABLE),
    "where": (lambda x: np.sum(x[np.where(PLACES)] ** 2), TABLE),
    "classes": (lambda x: sum(np.var(x[label == LABELS] ** 2) for label in np.unique(LABELS)), ROWS),
    "chosen": (lambda x: np.sum(np.compress(HELD, x, axis=1) ** 2) + np.sum(np.extract(PLACES, x) ** 2), TABLE),
    "repeated": (lambda x: np.sum(np.repeat(x**2, LABELS, axis=0) ** 2), ROWS),
    "written": (written, TABLE),
}


@pytest.mark.parametrize("name", SHAPED)
def test_a_shape_is_decided_by_values_outside(name: str) -> None:
    function, x = SHAPED[name]
    for each in (function, tg.grad(function), tg.hessian(function)):
        compiled = tg.compile(each)
        for _ in range(3):
            np.testing.assert_allclose(compiled(x), each(x), rtol=1e-10, atol=1e-12)
        assert len(compiled.signatures) == 1


def test_each_mask_has_a_program_of_its_own() -> None:
    holder = Holder(HELD.copy())
    total = tg.compile(lambda x: np.sum(x[:, holder.mask]))
    for place in (0, 1, 2, 0, 0):
        holder.mask[place] ^= True
        np.testing.assert_allclose(total(TABLE), np.sum(TABLE[:, holder.mask]))
    holder.mask = np.array([False, True, False])
    np.testing.assert_allclose(total(TABLE), np.sum(TABLE[:, 1]))
    assert "what is in a mask has changed" in str(total.explain())


def test_masks_that_do_not_fit_and_masks_that_are_computed() -> None:
    short = HELD[:2].copy()
    with pytest.raises(IndexError, match="boolean index did not match"):
        tg.compile(lambda x: x[:, short])(TABLE)
    with pytest.raises(ValueError, match="broadcast"):
        tg.compile(lambda x: np.put(y := x * 1, 0, 0) or y.__setitem__(PLACES, np.ones(3)))(TABLE)
    many = np.ones(1 << 17, bool)
    with pytest.raises(tg.UnsupportedError, match="computed mask"):
        tg.compile(lambda x: x[many])(np.ones(1 << 17))
    with pytest.raises(tg.UnsupportedError, match="computed mask"):
        tg.compile(lambda x, mask: x[mask])(TABLE, PLACES)
    with pytest.raises(tg.UnsupportedError, match="nonzero of a computed value"):
        tg.compile(lambda x: np.nonzero(x))(TABLE)


@pytest.mark.parametrize("ufunc", [np.add, np.subtract, np.multiply, np.maximum, np.power, np.negative])
@pytest.mark.parametrize("mask", [[True, False, True], [[True, False], [False, True], [True, True]], [False] * 3])
def test_a_ufunc_at_a_mask(ufunc, mask):
    mask, x = np.array(mask), np.array([[1.5, 2.0], [3.0, 0.5], [2.5, 4.0]])
    values = (
        () if ufunc is np.negative else (np.full(x[mask].shape, 2.0) + np.arange(x[mask].size).reshape(x[mask].shape),)
    )

    def written(x):
        y = x * 1.0
        ufunc.at(y, mask, *values)
        ufunc.at(y, (slice(None), mask[:2] if mask.ndim == 1 else np.array([True, False])), *([2.0] if values else []))
        return np.sum(y * x * np.arange(6.0).reshape(3, 2))

    for function in (written, tg.grad(written)):
        compiled = tg.compile(function)
        for data in (x, x * 1.25):
            np.testing.assert_allclose(compiled(data), function(data), rtol=1e-12)


def test_the_gradient_of_one_number_that_a_mask_may_leave_out():
    for function in (np.nanmean, np.nansum, lambda x: np.mean(x, where=x > 0)):
        gradient = tg.grad(lambda x, function=function: function(x) * 1.0)
        assert tg.compile(gradient)(np.array(1.25)) == gradient(1.25) == 1
