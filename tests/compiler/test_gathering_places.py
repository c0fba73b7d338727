"""Rows of a table that are taken some at a time are taken at once, and their gradients are added at once."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygraph as tg
from tests.compiler.programs import program_of, without
from tests.compiler.test_spellings import code
from tinygraph.compiler.pipeline import compile_program
from tinygraph.compiler.rewrites import gathering_places
from tinygraph.compiler.rewrites.gathering_places import add_rows_at_once, take_rows_at_once

RNG = np.random.default_rng(0)
TABLE, W = RNG.normal(size=(9, 5)), RNG.normal(size=(5, 5))
IDS = RNG.integers(-9, 9, (4, 3))

SAME: dict[str, Callable[[Any, Any], Any]] = {
    "columns": lambda t, ids: np.stack([t[ids[:, i]] for i in range(3)], axis=1),
    "columns from behind": lambda t, ids: np.stack([t[ids[:, -i]] for i in (3, 2, 1)], -2),
    "rows": lambda t, ids: np.stack([t[ids[i]] for i in range(4)]),
    "rows in a loop": lambda t, ids: np.stack([t[row] for row in ids]),
    "taken": lambda t, ids: np.stack([np.take(t, row, axis=0) for row in ids]),
    "columns first": lambda t, ids: np.stack([t[ids[:, i]] for i in range(3)]).transpose(1, 0, 2),
    "turned round": lambda t, ids: np.stack([t[row] for row in ids[::-1]])[::-1],
    "the last first": lambda t, ids: np.stack([t[ids[:, i]] for i in (2, 1, 0)], axis=1)[:, ::-1],
    "numbers": lambda t, ids: np.stack([t[i] for i in ids.ravel()]).reshape(4, 3, 5),
    "rows of numbers": lambda t, ids: np.stack([np.stack([t[i] for i in row]) for row in ids]),
    "joined": lambda t, ids: np.concatenate([t[ids[:2]], t[ids[2:]]]),
}


def loss_of(rows: Callable[[Any, Any], Any]) -> Callable[[Any, Any, Any], Any]:
    return lambda t, w, ids: np.sum(np.tanh(rows(t, ids) @ w) ** 2)


@pytest.mark.parametrize("name", SAME)
def test_every_spelling_takes_and_adds_all_rows_at_once(name: str) -> None:
    pulled = tg.value_and_grad(loss_of(SAME[name]), (0, 1))
    compiled = tg.compile(pulled)
    expected = tg.value_and_grad(loss_of(lambda t, ids: t[ids]), (0, 1))
    for ids in (IDS, IDS[::-1].copy()):
        value, slopes = compiled(TABLE, W, ids)
        np.testing.assert_allclose(value, expected(TABLE, W, ids)[0], rtol=1e-12)
        for found, slope in zip(slopes, expected(TABLE, W, ids)[1], strict=True):
            np.testing.assert_allclose(found, slope, rtol=1e-10, atol=1e-12)
    text = code(compiled)
    assert text.count("np.take(") == 1 and len(re.findall(r"add_at\(\w|add\.at\(\w", text)) == 1, text
    assert not re.search(r"for .* in .*:", text), text


@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_rows_of_any_places_are_the_same_with_and_without_the_rewrites(data: Any) -> None:
    pieces = data.draw(st.lists(st.tuples(st.integers(0, 1), st.integers(-3, 2)), min_size=1, max_size=5))
    axis = data.draw(st.integers(-2, 2))
    joins = data.draw(st.sampled_from([np.stack, np.concatenate]))
    axis = max(axis, -2) if joins is np.concatenate and axis < 2 else axis % 3 if joins is np.stack else 1
    repeated = data.draw(st.booleans())

    def loss(t: Any, w: Any, ids: Any) -> Any:
        rows = [(t if table == 0 else w)[ids[:, at]] for table, at in pieces]
        found = np.sum(np.cos(joins(rows, axis=axis))) + np.sum(np.sin(t))
        return found + np.sum(rows[0] * rows[-1] @ w) if repeated else found

    ids = RNG.integers(-5, 5, (4, 3))
    program = program_of(loss, [TABLE, W, ids], backward=True)
    for phases in (None, without(take_rows_at_once), without(add_rows_at_once)):
        runner = compile_program(program) if phases is None else compile_program(program, phases=phases)
        for result, output in zip(runner.run([TABLE, W, ids]), program.graph.outputs, strict=True):
            np.testing.assert_allclose(result, output.value, rtol=1e-9, atol=1e-11)


def test_a_place_outside_of_the_table_is_refused_as_ever() -> None:
    compiled = tg.compile(lambda t, ids: np.stack([t[row] for row in ids]))
    compiled(TABLE, IDS)
    with pytest.raises(IndexError, match="out of bounds"):
        compiled(TABLE, IDS + 9)


def test_parts_that_are_stacked_again_are_an_array_of_their_own() -> None:
    def again(x: Any) -> Any:
        return np.stack([x[0], x[1], x[2]]), np.stack([x[:, 0], x[:, 1]]), np.stack([x[2], x[1], x[0]])

    x = RNG.normal(size=(3, 2))
    compiled = tg.compile(again)
    for _ in range(2):
        for found, expected in zip(compiled(x), again(x), strict=True):
            np.testing.assert_array_equal(found, expected)
            assert not np.shares_memory(found, x) and found.flags.writeable
    assert "np.stack" not in code(compiled)


def test_parts_are_those_before_a_later_write() -> None:
    state = tg.Tensor(np.arange(6.0).reshape(3, 2), requires_grad=False)

    @tg.compile
    def step(x: Any) -> Any:
        before = np.stack([state[0], state[1], state[2]])
        state[1] = x
        after = np.stack([state[0], state[1], state[2]])
        return before, after

    expected = np.arange(6.0).reshape(3, 2)
    for number in range(3):
        x = np.full(2, -1.0 - number)
        before, after = (np.array(item) for item in step(x))
        np.testing.assert_array_equal(before, expected)
        expected = expected.copy()
        expected[1] = x
        np.testing.assert_array_equal(after, expected)


def test_rows_that_a_recurrence_takes_one_after_the_other_are_added_at_once() -> None:
    def loss(t: Any, w: Any, ids: Any) -> Any:
        h = np.zeros((4, 5))
        for at in range(12):
            h = np.tanh(t[ids[:, at]] + h @ w)
        return np.sum(h**2)

    ids = RNG.integers(0, 9, (4, 12))
    compiled, eager = (wrap(tg.grad(loss, (0, 1))) for wrap in (tg.compile, lambda f: f))
    for found, expected in zip(compiled(TABLE, W, ids), eager(TABLE, W, ids), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)
    assert len(re.findall(r"add_at\(\w|add\.at\(\w", code(compiled))) == 1, compiled.source


def test_rows_that_take_much_memory_together_are_added_one_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gathering_places, "KEPT_BYTES", 100)
    compiled = tg.compile(tg.grad(lambda t, ids: np.sum(np.sin(t[ids[0]]) * np.cos(t[ids[1]]))))
    found = compiled(TABLE, IDS)
    monkeypatch.undo()
    np.testing.assert_allclose(found, tg.grad(lambda t: np.sum(np.sin(t[IDS[0]]) * np.cos(t[IDS[1]])))(TABLE))
    assert len(re.findall(r"add_at\(\w|add\.at\(\w", code(compiled))) == 2, compiled.source
