"""Each decomposition computes what its function computes."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygraph as tg
from tinygraph import functions
from tinygraph.derivatives.reductions import root
from tinygraph.engine import notes, table
from tinygraph.functions.activations import normal_cdf
from tinygraph.transforms.running import alias

for _module in pkgutil.iter_modules(functions.__path__):
    importlib.import_module(f"tinygraph.functions.{_module.name}")
table.read_all()
ROWS = sorted(notes.DECOMPOSITIONS, key=table.function_name)
LABELS = np.array([1, 0, 3])


def shares(x: Any) -> Any:
    """Return probabilities, a distribution in each row."""
    return tg.softmax(x).astype(x.dtype)


# Calls of each function, given a matrix of numbers.
CALLS: dict[Callable[..., Any], list[Callable[[Callable[..., Any], Any], Any]]] = {
    **{f: [lambda f, x: f(x)] for f in (tg.sigmoid, tg.relu, tg.softplus, normal_cdf, alias)},
    tg.leaky_relu: [lambda f, x: f(x), lambda f, x: f(x, 0.01)],
    tg.elu: [lambda f, x: f(x), lambda f, x: f(x, alpha=0.5)],
    np.mean: [lambda f, x: f(x), lambda f, x: f(x, axis=-1), lambda f, x: f(x, (0, 1), keepdims=True)],
    root: [lambda f, x: f(np.abs(x))],
    np.clip: [lambda f, x: f(x, -1, 1), lambda f, x: f(x, None, 0.5)],
    tg.logsumexp: [lambda f, x: f(x), lambda f, x: f(x, axis=0), lambda f, x: f(x, 1, True)],
    tg.softmax: [lambda f, x: f(x), lambda f, x: f(x, axis=0), lambda f, x: f(x, (0, 1))],
    tg.log_softmax: [lambda f, x: f(x), lambda f, x: f(x, axis=0), lambda f, x: f(x, (0, 1))],
    tg.binary_cross_entropy: [
        lambda f, x, how=how: f(x, shares(x), from_logits=True, reduction=how) for how in ("mean", "sum", "none")
    ] + [lambda f, x: f(shares(x), shares(x)), lambda f, x: f(shares(x), x > 0)],
    tg.cross_entropy: [
        lambda f, x, how=how: f(x, LABELS, from_logits=True, reduction=how) for how in ("mean", "sum", "none")
    ] + [lambda f, x: f(shares(x), LABELS), lambda f, x: f(shares(x), shares(x)),
         lambda f, x: f(x, shares(x), from_logits=True)],
}  # fmt: skip
if "min" in inspect.signature(np.clip).parameters:  # of NumPy 2.1
    CALLS[np.clip].append(lambda f, x: f(x, min=0))
DTYPES = {np.float64: 1e-12, np.float32: 2e-5, np.float16: 5e-3}


def test_every_decomposition_is_tried() -> None:
    assert sorted(CALLS, key=table.function_name) == ROWS


@pytest.mark.parametrize("function", ROWS, ids=table.function_name)
@settings(deadline=None, max_examples=30)
@given(st.lists(st.floats(-8, 8, width=16), min_size=12, max_size=12), st.sampled_from(list(DTYPES)))
def test_every_decomposition_is_its_function(function: Callable[..., Any], numbers: list[float], dtype: Any) -> None:
    x = np.array(numbers, dtype).reshape(3, 4)
    for call in CALLS[function]:
        expected = np.asarray(call(function, x))
        found = call(notes.DECOMPOSITIONS[function], x)
        if found is None:  # the call stays as it is
            assert function is np.mean and dtype is np.float16
            continue
        found = np.asarray(found).reshape(expected.shape)  # a program restores the axes
        np.testing.assert_allclose(found, expected, rtol=DTYPES[dtype], atol=DTYPES[dtype])
