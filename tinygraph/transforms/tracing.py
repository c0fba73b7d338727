"""A run of a function as a graph: `trace`."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from tinygraph.engine import modes
from tinygraph.engine.tensor import Tensor
from tinygraph.graph import Graph, read_graph
from tinygraph.nests import tree_leaves, tree_map
from tinygraph.transforms.compiled import plain_function

__all__ = ["trace"]


def trace(f: Callable[..., Any], *args: Any, **kwargs: Any) -> Graph:
    """Run f once, and return the `Graph` of the run.

    Args:
        f: a function of arrays that returns Tensors, nested in any way.
        args, kwargs: its arguments. Real floating arrays and numbers in them become inputs, named after f's parameters;
            anything else is passed on unchanged.

    Raises:
        TypeError: f is not a function, or no result of f was computed from its arguments.
    """
    if not callable(f):
        raise TypeError(
            f"trace: expected a function, got {type(f).__name__}. Write trace(f, x); tg.Graph.of(t) is the graph of a "
            "Tensor that is there already"
        )
    try:
        names = list(inspect.signature(f).parameters)
    except (TypeError, ValueError):
        names = []
    f = plain_function(f)

    with modes.enable_grad():
        given = [
            tree_map(lambda value, name=name: _entered(value, name), item)
            for item, name in zip(args, names + [None] * len(args), strict=False)
        ]
        named = {key: tree_map(lambda value, key=key: _entered(value, key), item) for key, item in kwargs.items()}
        outputs = [item for item in tree_leaves(f(*given, **named)) if isinstance(item, Tensor)]
    if not outputs:
        raise TypeError(
            "trace: the function returned nothing that was computed from its arguments with NumPy functions"
        )
    return read_graph(outputs, None)


def _entered(value: Any, name: str | None) -> Any:
    """Return an argument as an input of the graph; a Tensor, or a value without gradient, unchanged."""
    if isinstance(value, Tensor) or not np.issubdtype(np.asarray(value).dtype, np.floating):
        return value
    return Tensor(value, name=name)
