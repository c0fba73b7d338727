"""Keras's loops and branches, written with Python's own: a compiled step finds the loops by itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinygraph.nests import filled, tree_leaves, tree_map


def cond(pred: Any, true_fn: Callable[[], Any], false_fn: Callable[[], Any]) -> Any:
    """Return the result of one of two functions."""
    return true_fn() if pred else false_fn()


def switch(index: Any, branches: Sequence[Callable[..., Any]], *operands: Any) -> Any:
    """Return the result of the function with this number; the nearest, where there is none."""
    return branches[int(min(max(index, 0), len(branches) - 1))](*operands)


def fori_loop(lower: int, upper: int, body_fun: Callable[[int, Any], Any], init_val: Any) -> Any:
    """Return what is left of a value after `value = body_fun(i, value)` for each i from `lower` to before `upper`."""
    value = init_val
    for place in range(int(lower), int(upper)):
        value = body_fun(place, value)
    return value


def while_loop(
    cond: Callable[..., Any], body: Callable[..., Any], loop_vars: Any, maximum_iterations: int | None = None
) -> Any:
    """Return what is left of some values after `body` was called on them as long as `cond` is true of them."""
    several = isinstance(loop_vars, list | tuple)
    values = tuple(loop_vars) if several else (loop_vars,)
    count = 0
    while (maximum_iterations is None or count < maximum_iterations) and cond(*values):
        found = body(*values)
        values = tuple(found) if isinstance(found, list | tuple) else (found,)
        count += 1
    return values if several else values[0]


def scan(
    f: Callable[[Any, Any], tuple[Any, Any]],
    init: Any,
    xs: Any = None,
    length: int | None = None,
    reverse: bool = False,
    unroll: int | bool = 1,
) -> tuple[Any, Any]:
    """Return the last state and the stacked results of `state, result = f(state, x)` for each x.

    Args:
        f: the step.
        init: the first state.
        xs: a nest of arrays, whose first axis is that of the steps; None for none.
        length: the number of steps, where there are no xs.
        reverse: begin with the last x.
        unroll: has no effect.
    """
    count = len(tree_leaves(xs)[0]) if length is None else length
    state, results = init, []
    for place in reversed(range(count)) if reverse else range(count):
        state, result = f(state, None if xs is None else _row(xs, place))
        results.append(result)
    return state, _stacked(results[::-1] if reverse else results)


def map(f: Callable[[Any], Any], xs: Any) -> Any:  # noqa: A001 - Keras's name
    """Return the stacked results of a function of the rows of a nest of arrays."""
    return _stacked([f(_row(xs, place)) for place in range(len(tree_leaves(xs)[0]))])


def vectorized_map(function: Callable[[Any], Any], elements: Any) -> Any:
    """Return the stacked results of a function of the rows of a nest of arrays, as `map` does."""
    return map(function, elements)


def _row(xs: Any, place: int) -> Any:
    return tree_map(lambda leaf: leaf[place], xs)


def _stacked(results: list[Any]) -> Any:
    """Return results of one form as one, each array with a new first axis."""
    if not results or results[0] is None:
        return None
    parts = [np.stack(list(items)) for items in zip(*[tree_leaves(result) for result in results], strict=True)]
    return filled(results[0], parts)
