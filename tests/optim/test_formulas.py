"""The formulas that optimisers share: the numbers of their docstrings to the bit, in the memory of one array."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygraph as tg
from tinygraph.optim.formulas import kept_share, less, over_root

SIZE = 10_000
RATE, EPSILON = np.float32(0.01), 1e-7
FORMULAS: dict[str, tuple[Callable[..., Any], Callable[..., Any], int]] = {
    "mean": (lambda x, y: kept_share(x, y, 0.1), lambda x, y: x + 0.1 * (y - x), 1),
    "mean of squares": (
        lambda x, y: kept_share(x, y * y, 0.001, is_own=True), lambda x, y: x + 0.001 * (y * y - x), 1,
    ),
    "over the root": (
        lambda x, y: over_root(RATE, x, y, EPSILON), lambda x, y: RATE * x / (np.sqrt(y) + EPSILON), 2,
    ),
    "over the root of the sum": (
        lambda x, y: over_root(RATE, x, y, EPSILON, inside=True), lambda x, y: RATE * x / np.sqrt(y + EPSILON), 2,
    ),
    "less": (lambda x, y: less(x, RATE * y), lambda x, y: x - RATE * y, 1),
}  # fmt: skip


@pytest.mark.parametrize("name", FORMULAS)
@pytest.mark.parametrize("shape", [(), (7,), (SIZE,)])
def test_a_formula_is_that_of_the_docstring_in_little_memory(name: str, shape: tuple[int, ...]) -> None:
    formula, written, arrays = FORMULAS[name]
    rng = np.random.default_rng(0)
    x, y = [np.asarray(rng.random(shape), np.float32)[()] for _ in range(2)]
    before = x.copy(), y.copy()
    tracemalloc.start()
    found = formula(x, y)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    np.testing.assert_array_equal(found, written(x, y))
    np.testing.assert_array_equal((x, y), before)
    assert found.dtype == np.float32
    if shape == (SIZE,):
        assert peak < (arrays + 0.5) * x.nbytes


@pytest.mark.parametrize(
    "kind", [tg.optim.Adam, tg.optim.Adamax, tg.optim.RMSprop, tg.optim.Adagrad, tg.optim.Adadelta]
)
def test_an_eager_step_is_the_compiled_one(kind: Any) -> None:
    values = []
    for compiler in (tg.compile, lambda step: step):
        w = tg.Tensor(np.linspace(-1, 1, 12, dtype=np.float32).reshape(3, 4))
        optimizer = kind([w], 0.01)

        @compiler
        def step(x: Any, w: Any = w, optimizer: Any = optimizer) -> None:
            optimizer.zero_grad()
            np.sum(np.sin(x @ w) ** 2).backward()
            optimizer.step()

        for number in range(4):
            step(np.full((2, 3), number, np.float32))
        values.append(w.data)
    np.testing.assert_allclose(*values, rtol=1e-5, atol=1e-7)
