"""Functions of elements: whether what a function did with an array was done to each of its elements alone."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygraph.compiler.program.facts import facts_of
from tinygraph.compiler.trace.events import Event, events_in
from tinygraph.compiler.trace.traced import Traced
from tinygraph.engine.dependence import SELECTIONS, is_elementwise
from tinygraph.engine.operands import plain

__all__ = ["calls_of_elements"]


def calls_of_elements(events: list[Event], start: int, elements: Any, result: Any) -> list[Any] | None:
    """See `Tracer.calls_of_elements`."""
    elements, result = plain((elements, result))
    whole = elements._event
    of_elements = {whole}
    calls: list[Any] = []
    for event in events[start:]:
        if event.kind != "call":
            continue
        if not of_elements.isdisjoint(events_in((event.args, event.kwargs))):
            if not _is_of_elements(event, whole, of_elements):
                return None
            of_elements.add(event)
        calls.append((event.function, [_described(item, start, whole) for item in event.args]))
    alone = result._event if type(result) is Traced else None
    return calls if alone in of_elements or np.size(result) == 1 else None


def _is_of_elements(event: Event, whole: Event, of_elements: set[Event]) -> bool:
    """Return whether each element of a call's result is made of one element of the whole, and of single numbers."""
    function: Any = event.function
    known = facts_of(function).elementwise or is_elementwise(function) or bool(SELECTIONS.get(function))
    if not known or event.shape != whole.shape or event.kwargs:
        return False
    others = [item for item in event.args if type(item) is not Event or item not in of_elements]
    return all([(item.size if type(item) is Event else np.size(item)) == 1 for item in others])


def _described(item: Any, start: int, whole: Event) -> Any:
    """Return an operand, the same whatever the number of elements; an event by its place among the calls."""
    if type(item) is not Event:
        return repr(item)
    if item is whole:
        return "whole"
    if item.kind == "call":
        return ("made", item.index - start) if item.index >= start else ("before", item.index)
    return repr(item.content) if item.kind == "constant" else ("outside", item.index)
