"""Replacing: an array or a Tensor outside, in whose place another of its kind stands, needs no other program."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygraph as tg

X = np.arange(1.0, 4.0)
TABLE = np.ones(3)


class Model:
    weights = np.ones(3)

    def __init__(self) -> None:
        self.h = np.zeros(3)
        self.other = np.ones(3)
        self.settings = {"h": np.zeros(3), "rate": 2.0}
        self.items = [np.zeros(3), "b"]
        self.pair = (np.zeros(3), 1.0)
        self.w = tg.Tensor(np.ones(3), name="w")
        self.mode = "a"


def _of_global(x: Any) -> Any:
    return x + TABLE


def _places() -> dict[str, tuple[Callable[[Any], Any], Callable[[Any], None]]]:
    model, h = Model(), np.ones(3)

    def set_global(value: Any) -> None:
        global TABLE
        TABLE = value

    def set_cell(value: Any) -> None:
        nonlocal h
        h = value

    return {
        "an attribute": (lambda x: x + model.h, lambda value: setattr(model, "h", value)),
        "a class": (lambda x: x + model.weights, lambda value: setattr(Model, "weights", value)),
        "a dict": (lambda x: x * model.settings["h"], lambda value: model.settings.update(h=value)),
        "a list": (lambda x: x * model.items[0], lambda value: operator.setitem(model.items, 0, value)),
        "a closure": (lambda x: x - h, set_cell),
        "a global": (_of_global, set_global),
    }


def numbers(seed: int, shape: Any = 3) -> Any:
    return np.random.default_rng(seed).normal(size=shape)


@pytest.mark.parametrize("name", sorted(_places()))
def test_an_array_that_is_replaced(name: str) -> None:
    f, put = _places()[name]
    compiled = tg.compile(f)
    for seed in range(6):
        put(numbers(seed))
        for _ in range(2):
            np.testing.assert_array_equal(compiled(X), f(X))
    assert len(compiled.signatures) == 1
    changed = numbers(7)
    put(changed)
    compiled(X)
    changed[1] = 5.0  # in place
    np.testing.assert_array_equal(compiled(X), f(X))
    assert len(compiled.signatures) == 1
    put(numbers(8, (2, 3)))
    np.testing.assert_array_equal(compiled(X), f(X))
    put(numbers(8).astype(np.float32))
    np.testing.assert_array_equal(compiled(X), f(X))
    assert len(compiled.signatures) == 3
    for seed in range(3):
        put(numbers(seed, (2, 3)))
        np.testing.assert_array_equal(compiled(X), f(X))
    put(2.0)
    np.testing.assert_array_equal(compiled(X), f(X))
    assert len(compiled.signatures) == 4


def test_settings_are_compared_as_before() -> None:
    model = Model()
    compiled = tg.compile(lambda x: x + model.h if model.mode == "a" else x - model.h)
    for seed in range(8):
        model.h, model.mode = numbers(seed), "ab"[seed % 2]
        np.testing.assert_array_equal(compiled(X), X + model.h if model.mode == "a" else X - model.h)
    assert len(compiled.signatures) == 2


def test_two_arrays_may_change_places() -> None:
    model = Model()
    compiled = tg.compile(lambda x: x * model.h + model.other)
    for _ in range(5):
        np.testing.assert_array_equal(compiled(X), X * model.h + model.other)
        model.h, model.other = model.other, model.h
    assert len(compiled.signatures) == 1


def test_one_array_under_two_names_and_two_under_one() -> None:
    model = Model()
    compiled = tg.compile(lambda x: x * model.h + model.other)
    for first, second in [(0, 1), (2, 2), (3, 3), (4, 5), (6, 6), (7, 8)]:
        arrays = {seed: numbers(seed) for seed in (first, second)}
        model.h, model.other = arrays[first], arrays[second]
        np.testing.assert_array_equal(compiled(X), X * model.h + model.other)
    assert len(compiled.signatures) <= 3


def test_an_array_in_a_tuple() -> None:
    model = Model()
    compiled = tg.compile(lambda x: x + model.pair[0] + model.h)
    for seed in range(4):
        model.h = numbers(seed)
        if seed == 2:
            model.pair = (model.h, 1.0)
        np.testing.assert_array_equal(compiled(X), X + model.pair[0] + model.h)
    model.h = model.pair[0]
    np.testing.assert_array_equal(compiled(X), X + model.pair[0] + model.h)


def test_a_function_that_asks_which_array_it_is() -> None:
    model = Model()
    compiled = tg.compile(lambda x: x + model.h if x is model.h else x - model.h)
    for seed in range(3):
        model.h = numbers(seed)
        np.testing.assert_array_equal(compiled(X), X - model.h)
        np.testing.assert_array_equal(compiled(model.h), model.h + model.h)


def test_the_order_in_memory_counts_where_it_matters() -> None:
    model = Model()
    compiled = tg.compile(lambda x: np.ravel(model.h, order="K") + x)
    x = np.arange(6.0)
    for array in (numbers(0, (2, 3)), numbers(1, (2, 3)), np.asfortranarray(numbers(2, (2, 3))), numbers(3, (3, 2)).T):
        model.h = array
        np.testing.assert_array_equal(compiled(x), np.ravel(model.h, order="K") + x)
    assert len(compiled.signatures) == 2


def test_infinite_numbers_in_the_new_array() -> None:
    model = Model()
    model.h = numbers(0, (3, 2))
    gradient = tg.grad(lambda w: np.sum((model.h @ w)[[0, 2]]))
    compiled = tg.compile(gradient)
    for seed, bad in enumerate((False, True, False, True)):
        model.h = numbers(seed, (3, 2))
        if bad:
            model.h[1] = np.nan
        np.testing.assert_allclose(compiled(np.zeros(2)), gradient(np.zeros(2)))


def test_an_array_that_looks_into_a_tensor() -> None:
    def trained(compile_: Any) -> Any:
        model = Model()

        def step(x: Any) -> Any:
            model.w.assign(model.w.data + x * model.h)
            return np.sum(model.w.data * model.h)

        run, found = compile_(step), []
        for seed in range(4):
            model.h = model.w.data if seed % 2 else numbers(seed)
            found.append(float(run(X)))
        return [*found, *model.w.data]

    np.testing.assert_allclose(trained(tg.compile), trained(lambda step: step), rtol=1e-12)


def test_a_tensor_that_is_replaced() -> None:
    def trained(compile_: Any) -> tuple[Any, Any]:
        model = Model()

        def step(x: Any) -> Any:
            loss = np.sum((model.w * x - 1) ** 2)
            model.w.grad = None
            loss.backward()
            model.w.assign(model.w.data - 0.01 * model.w.grad)
            return loss

        run, found = compile_(step), []
        for seed in range(5):
            model.w = tg.Tensor(numbers(seed))
            for _ in range(3):
                found.append(float(run(X)))
            found += [*model.w.data, *np.asarray(model.w.grad)]
        return found, run

    found, run = trained(tg.compile)
    np.testing.assert_allclose(found, trained(lambda step: lambda x: step(x).data)[0], rtol=1e-12)
    assert len(run.signatures) == 1


def test_a_state_that_is_replaced_outside() -> None:
    model = Model()
    model.w = tg.Tensor(np.zeros(3), requires_grad=False)
    compiled = tg.compile(lambda x: np.tanh(x + 0.5 * model.w.data))
    h = np.zeros(3)
    for _ in range(5):
        got, h = compiled(X), np.tanh(X + 0.5 * h)
        np.testing.assert_allclose(got, h, rtol=1e-12)
        model.w = tg.Tensor(got, requires_grad=False)
    assert len(compiled.signatures) == 1
    model.w = tg.Tensor(h, requires_grad=True)
    np.testing.assert_allclose(compiled(X), np.tanh(X + 0.5 * h), rtol=1e-12)
    assert len(compiled.signatures) == 2


def test_one_tensor_in_the_place_of_two() -> None:
    first, second = Model(), Model()

    def step(x: Any) -> Any:
        first.w.assign(first.w.data + x)
        second.w.assign(second.w.data * 2)
        return np.sum(first.w.data) + np.sum(second.w.data)

    compiled = tg.compile(step)
    for seed in range(3):
        first.w, second.w = tg.Tensor(numbers(seed)), tg.Tensor(numbers(seed + 1))
        wanted = np.sum(first.w.data + X) + np.sum(second.w.data * 2)
        np.testing.assert_allclose(compiled(X), wanted, rtol=1e-12)
    assert len(compiled.signatures) == 1
    first.w = second.w = tg.Tensor(numbers(9))
    wanted = 2 * np.sum((first.w.data + X) * 2)
    np.testing.assert_allclose(compiled(X), wanted, rtol=1e-12)


def test_branches_with_an_array_that_is_replaced() -> None:
    model = Model()
    compiled = tg.compile(lambda x: x + model.h if np.sum(model.h) > 0 else x - model.h)
    for seed in range(12):
        model.h = numbers(seed)
        np.testing.assert_array_equal(compiled(X), X + model.h if np.sum(model.h) > 0 else X - model.h)
    assert len(compiled.signatures) == 2


def test_a_saved_file_has_the_array_of_now(tmp_path: Any, monkeypatch: Any) -> None:
    import importlib

    monkeypatch.syspath_prepend(tmp_path)
    model = Model()
    compiled = tg.compile(lambda x: x + model.h)
    for seed in range(3):
        model.h = numbers(seed)
        compiled(X)
    model.h = numbers(5)
    compiled.save(tmp_path / "replaced_array.py")
    np.testing.assert_array_equal(importlib.import_module("replaced_array").step(X), X + numbers(5))


def test_open_axes_with_arrays_and_tensors_that_are_replaced() -> None:
    model = Model()

    def step(x: Any) -> Any:
        loss = np.sum((x * model.h + model.w - 1) ** 2)
        model.w.grad = None
        loss.backward()
        model.w.assign(model.w.data - 0.001 * model.w.grad)
        return x * model.h + model.w.data

    compiled = tg.compile(step)
    for call, size in enumerate((3, 4, 5, 6, 7, 8, 9, 5, 6, 4, 10, 8, 7, 11, 3)):
        x = numbers(call, (size, 3))
        if call > 4:
            model.h = numbers(call + 1)
            model.w = tg.Tensor(numbers(call + 2))
        before = model.w.data.copy()
        slope = np.sum(2 * (x * model.h + before - 1), axis=0)
        np.testing.assert_allclose(compiled(x), x * model.h + before - 0.001 * slope, rtol=1e-10)
        np.testing.assert_allclose(model.w.data, before - 0.001 * slope, rtol=1e-10)
        np.testing.assert_allclose(np.asarray(model.w.grad), slope, rtol=1e-10)
    assert len(compiled.signatures) == 3
