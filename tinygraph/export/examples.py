"""Examples: the batches that a function is recorded with before it is written into a file."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from inspect import Parameter
from typing import Any

import numpy as np

from tinygraph.engine.tensor import Tensor
from tinygraph.nests import entries, tree_leaves, tree_map

__all__ = ["as_call", "check_rows", "first_row", "names_of", "plain"]


def plain(example: Any) -> Any:
    """Return an example as nests of arrays."""
    if isinstance(example, dict):
        return {key: plain(item) for key, item in example.items()}
    if isinstance(example, list | tuple):
        return [plain(item) for item in example]
    return example._value if isinstance(example, Tensor) else np.asarray(example)


def check_rows(call: str, examples: list[Any]) -> None:
    """Refuse examples that have no rows, or different numbers of them.

    Args:
        call: the function that records, for the error.
        examples: nests of arrays.
    """
    sizes = [array.shape[0] if array.ndim else 0 for array in tree_leaves(examples)]
    if not sizes or 0 in sizes or len({*sizes}) > 1:
        raise ValueError(
            f"{call}: the examples have {', '.join(map(str, sizes)) or 'no'} rows. Give a batch for each "
            f"argument, of one row or more, the same number for all: {call}(model, path, x[:1])"
        )


def first_row(example: Any) -> Any:
    """Return an example with one row."""
    return tree_map(lambda array: array[:1], example)


def as_call(function: Callable[..., Any], count: int, name: str = "call") -> Callable[..., Any]:
    """Return a function under another name, whose parameters have names.

    Args:
        function: of so many arguments.
        count: their number.
        name: of the function that is returned.
    """

    def call(*given: Any) -> Any:
        return function(*given)

    parameters = [Parameter(name, Parameter.POSITIONAL_OR_KEYWORD) for name in _names(function, count)]
    call.__name__ = name
    call.__qualname__ = getattr(function, "__qualname__", type(function).__name__)  # for errors
    call.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return call


def _names(function: Callable[..., Any], count: int) -> list[str]:
    """Return names for so many arguments: those of the function's parameters, or x, x_2, ..."""
    try:
        parameters = list(inspect.signature(function).parameters.values())[:count]
    except (TypeError, ValueError):
        parameters = []
    named = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)
    names = [parameter.name for parameter in parameters if parameter.kind in named]
    if len(names) == count and "batch_size" not in names:
        return names
    return ["x", *[f"x_{number}" for number in range(2, count + 1)]][:count]


def names_of(call: Callable[..., Any], examples: list[Any]) -> Iterator[str]:
    """Yield a name for each array among the examples: that of the parameter, with the path to the array."""
    for name, example in zip(inspect.signature(call).parameters, examples, strict=True):
        for path, _ in entries(example):
            yield f"{name}_{path.replace('.', '_')}" if path else name
