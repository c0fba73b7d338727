"""Compiled functions as JavaScript in Node: the numbers there are checked against those in Python."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import tinygraph as tg
from tests.compiler.node import calls_in_node
from tinygraph.compiler.compiled import Compiled

ACCURACY = {np.dtype(np.float64): 1e-12, np.dtype(np.float32): 1e-6}
QUIET = {"invalid": "ignore", "divide": "ignore", "over": "ignore", "under": "ignore"}


def flat(nest: Any) -> list[Any]:
    """The arrays of a nest of results, in order."""
    if isinstance(nest, dict):
        return [item for part in nest.values() for item in flat(part)]
    if isinstance(nest, tuple | list):
        return [item for part in nest for item in flat(part)]
    return [np.asarray(nest)]


def close(got: Any, wanted: Any, label: str = "", accuracy: float | None = None) -> None:
    """Check the numbers of JavaScript against an array, relative to its largest one, zeros with their signs."""
    array = np.asarray(wanted)
    numbers = np.asarray(got, float).reshape(-1)
    expected = array.astype(float).reshape(-1)
    assert numbers.shape == expected.shape, (label, numbers, expected)
    finite = expected[np.isfinite(expected)]
    size = float(np.abs(finite).max()) if finite.size else 0.0
    accuracy = accuracy or ACCURACY.get(array.dtype, 1e-12)
    np.testing.assert_allclose(numbers, expected, rtol=accuracy, atol=accuracy * size, err_msg=label)


def saved(step: Compiled, path: Path, *args: Any) -> str:
    """Write a step as JavaScript, and return the text."""
    step.save(path, *args)
    return path.read_text("utf-8")


def agrees(
    folder: Path, function: Callable[..., Any], calls: Sequence[Sequence[Any]], accuracy: float | None = None
) -> str:
    """Check that Node computes what the compiled function does, and return the text of the file."""
    with np.errstate(**QUIET), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        step = tg.compile(function)
        text = saved(step, folder / "step.js", *calls[0])
        wanted = [step(*call) for call in calls]
    (found,) = calls_in_node([(folder / "step.js", calls)])
    assert "error" not in found, found.get("error", "") + "\n" + text
    for got, want in zip(found["results"], wanted, strict=True):
        check_agreement(got, want, text, accuracy)
    return text


def check_agreement(got: Any, want: Any, label: str, accuracy: float | None) -> None:
    """Check a nest of results of JavaScript against one of Python."""
    if isinstance(want, tuple | list):
        assert len(got) == len(want), label
        for one, other in zip(got, want, strict=True):
            check_agreement(one, other, label, accuracy)
    elif isinstance(want, dict):
        for key, item in want.items():
            check_agreement(got[key], item, label, accuracy)
    elif want is None or isinstance(want, str | bool):
        assert got == want and type(got) is type(want), label
    else:
        close(got, want, label, accuracy)


def some(*shape: int, seed: int = 0, dtype: Any = np.float64) -> Any:
    return np.random.default_rng(seed).normal(size=shape).astype(dtype)


def steps_agree(
    folder: Path, step: Compiled, state: dict[str, Any], calls: Sequence[Sequence[Any]], accuracy: float = 1e-10
) -> str:
    """Check the results of some calls, and the weights after them."""
    step(*calls[0])
    text = saved(step, folder / "step.js")
    wanted = [step(*call) for call in calls]
    (found,) = calls_in_node([(folder / "step.js", calls)])
    assert "error" not in found, found.get("error", "") + text
    for got, want in zip(found["results"], wanted, strict=True):
        check_agreement(got, want, text, accuracy)
    for name, tensor in state.items():
        close(found["weights"][name], tensor.data, name, accuracy)
    return text
