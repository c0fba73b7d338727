"""Parts that are written: an array as it is after a value was written into a part of it, or into a view of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from tinygraph.engine.keeping import duplicate

__all__ = ["ViewCall", "part_written", "view_at"]


class ViewCall(NamedTuple):
    """A call that takes a view: `function(*before, array, *after, **keywords)`, or one of several that it returns.

    A program has it as a plain tuple, so that the steps among its arguments are found.

    Attributes:
        function: `operator.getitem`, `np.transpose`, ...
        before, after, keywords: its other arguments.
        part: the position of the view among the results of a function that returns several; None for one alone.
    """

    function: Callable[..., Any]
    before: tuple[Any, ...]
    after: tuple[Any, ...]
    keywords: dict[str, Any]
    part: int | None


def part_written(x: Any, value: Any, index: Any, views: Any = ()) -> Any:
    """Return what x is after `view[index] = value`, for the view of x at the end of some calls.

    Args:
        x: an array, which stays as it is. The program has the result in the memory of x where nobody reads x any more.
        value: an array or a number that broadcasts to the part.
        index: whatever NumPy takes.
        views: the calls that lead from x to the view, as tuples; see `ViewCall`.
    """
    new = np.array(x) if 0 in np.shape(x) or 0 in x.strides else duplicate(x)
    view = view_at(new, views)
    if not views or np.may_share_memory(view, new):
        view[index] = value
        return new
    # A reshape is a view of some layouts alone. Positions are the same in all.
    positions = view_at(np.arange(new.size).reshape(new.shape), views)[index]
    np.put(new, positions, np.broadcast_to(value, np.shape(positions)))
    return new


def view_at(x: Any, views: Any) -> Any:
    """Return the view of x at the end of some calls."""
    for function, before, after, keywords, part in views:
        x = function(*before, x, *after, **keywords)
        x = x if part is None else x[part]
    return x
