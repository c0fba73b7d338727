"""Masks outside: conditions that a function finds, and what they leave out while it is recorded.

A causal mask is made once, and stands outside of the function that reads it. It leaves elements out of the scores, but
none of the rows behind them, so that most rules need no condition of their own: see `tinygraph.engine.masks`. Whether
that is so is decided by the mask's values. The program is made for them, and compares them before each call. For a call
with others a program is made that looks each mask up.

The shape of `x[mask]`, of `np.unique(labels)` and of `np.repeat(x, counts, axis=0)` is decided by values, too. There
each mask has a program, and so has each array of labels.
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from tinygraph.compiler.trace.events import Event, events_in
from tinygraph.compiler.trace.traced import Traced
from tinygraph.engine.nested import mapped
from tinygraph.engine.operands import plain
from tinygraph.engine.probing import is_foreign
from tinygraph.engine.table import operation_of

__all__ = ["MasksOutside"]

# More bytes are not compared before each call: these take two microseconds.
COMPARED = 1 << 16


class MasksOutside:
    """The arrays outside whose values decide what the cotangents of a run reach.

    Args:
        looked_up: the program is to look each of them up, since they change.

    Attributes:
        read: by the index of an array's event the event.
    """

    def __init__(self, looked_up: bool) -> None:
        self.looked_up = looked_up
        self.read: dict[int, Event] = {}

    def with_known(self, args: tuple[Any, ...]) -> tuple[Any, ...] | None:
        """Return the arguments of a selection with the values of its condition; None where they are not known.

        Args:
            args: a condition, and what it chooses from.
        """
        condition = plain(args[0])
        if self.looked_up or type(condition) is not Traced or condition.dtype != bool:
            return None
        content = self.content(condition)
        return None if content is None else (content, *args[1:])

    def content(self, mask: Traced) -> Any:
        """Return the values of a mask, of labels or of counts that the program is made for; None if computed."""
        arrays: dict[int, Event] = {}
        content = _content(mask._event, arrays)
        if content is None or not arrays:
            return None
        self.read |= arrays
        return content


def _content(event: Event, arrays: dict[int, Event]) -> Any:
    """Return what a value is for the arrays outside that it is made of, or None if it is made of something else.

    Args:
        event: of the value.
        arrays: gets the arrays.
    """
    made_of: dict[int, Event] = {}
    waiting = [event]
    while waiting:  # each event once, in a run of any depth
        item = waiting.pop()
        if item.index in made_of:
            continue
        if not _may_be_known(item):
            return None
        made_of[item.index] = item
        waiting += events_in([item.args, item.kwargs]) if item.kind == "call" else []
    contents: dict[int, Any] = {}
    for index, item in sorted(made_of.items()):
        if item.kind == "call":
            args, kwargs = mapped((item.args, item.kwargs), lambda x: contents[x.index] if type(x) is Event else x)
            contents[index] = item.function(*args, **kwargs)  # type: ignore[misc]
        else:
            contents[index] = item.content if item.kind == "constant" else item.as_met
        if contents[index] is None:
            return None
        if item.kind == "array":
            arrays[index] = item
    return contents[event.index]


def _may_be_known(event: Event) -> bool:
    """Return whether a value is small, and an array outside, a constant, or made by a call of others."""
    if event.size * event.dtype.itemsize > COMPARED:
        return False
    if event.kind == "call":
        return bool(events_in([event.args, event.kwargs])) and _is_repeatable(event.function)
    return event.kind in ("constant", "array")


def _is_repeatable(function: Any) -> bool:
    """Return whether a function of arrays is not the user's, so that it has no effect, and always the same result."""
    if isinstance(function, np.ufunc) or function is operator.getitem:
        return True
    return operation_of(function) is not None and not is_foreign(function)
