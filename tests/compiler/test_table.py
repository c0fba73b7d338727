"""Everything that has a derivative compiles, with its derivative, or is refused in words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import special

import tinygraph as tg
from tinygraph.derivatives import table
from tinygraph.errors import UnsupportedError

ROWS = np.array([[0.31, 0.62, 0.17], [0.44, 0.25, 0.83]])
SQUARE = np.array([[2.0, 0.3, 0.1], [0.3, 1.5, 0.2], [0.1, 0.2, 1.8]])
ARGUMENTS: list[tuple[Any, ...]] = [(ROWS,), (SQUARE,), (ROWS, ROWS + 0.5), (ROWS.ravel(), 1)]

# Every function of the table, in portions so that they can be tested side by side.
table.operation_of(special.airy)  # with which the entries for SciPy are read
FUNCTIONS = list(dict.fromkeys([*table._TABLE, *table._COMPOSITIONS]))
PORTIONS = 8


def total(function: Callable[..., Any], args: tuple[Any, ...]) -> Any:
    """One number that depends on everything that a function returns, each element with a weight of its own."""
    result = function(*args)
    parts = result if isinstance(result, tuple | list) else (result,)
    return sum(
        np.sum(np.real(part) * np.cos(np.arange(float(np.size(part))).reshape(np.shape(part))))
        for part in parts
        if hasattr(part, "requires_grad")
    )


def eagerly(function: Callable[..., Any], args: tuple[Any, ...], arrays: list[Any]) -> Any:
    """What eager code finds; None where the function does not take such arguments."""
    try:
        return gradient_of(function, args, len(arrays))(*arrays)
    except Exception:  # whatever the function makes of arguments that are not for it
        return None


def gradient_of(function: Callable[..., Any], args: tuple[Any, ...], count: int) -> Callable[..., Any]:
    """The value and the gradients with respect to the first arguments."""
    return tg.value_and_grad(lambda *arrays: total(function, (*arrays, *args[count:])), argnums=tuple(range(count)))


@pytest.mark.parametrize("portion", range(PORTIONS))
@pytest.mark.filterwarnings("ignore")
def test_what_has_a_derivative_compiles(portion: int) -> None:
    compiled_count = 0
    for function in FUNCTIONS[portion::PORTIONS]:
        for args in ARGUMENTS:
            arrays = [item for item in args if isinstance(item, np.ndarray)]
            with np.errstate(all="ignore"):
                expected = eagerly(function, args, arrays)
                if expected is None:
                    continue
                compiled = tg.compile(gradient_of(function, args, len(arrays)))
                try:
                    results = [compiled(*arrays) for _ in range(2)]  # the second time in memory that was used
                except UnsupportedError:
                    continue  # it says why
            words = f"{table.function_name(function)} of {[np.shape(item) for item in args]}"
            for value, gradients in results:
                np.testing.assert_allclose(value, expected[0], rtol=1e-9, atol=1e-10, err_msg=words)
                for found, wanted in zip(gradients, expected[1], strict=True):
                    np.testing.assert_allclose(found, wanted, rtol=1e-7, atol=1e-9, err_msg=words)
            compiled_count += 1
    assert compiled_count > 20
