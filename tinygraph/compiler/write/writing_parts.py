"""Writes into parts of arrays: the part is written where the array is, or the array is copied first.

x after x[index] = value            x[1:-1] = value
                                    np.copyto(y, x); y[1:-1] = value    where x is read later
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from tinygraph.compiler.kernels.parts import ViewCall
from tinygraph.compiler.program.counting import Ragged, at_count, at_first, counts, item_at
from tinygraph.compiler.program.facts import TRANSPOSING
from tinygraph.compiler.program.predicates import is_write
from tinygraph.compiler.program.steps import Step
from tinygraph.compiler.write.moving import array_into
from tinygraph.compiler.write.writer import Writer

__all__ = ["may_be_computed_there", "part_read", "part_text", "written_into"]


def may_be_computed_there(writer: Writer, value: Step, write: Step) -> bool:
    """Return whether a value can be computed in the part of an array that it is written to, at a place that counts."""
    function = value.function.function if type(value.function) is Ragged else value.function
    if not counts(write.function):
        return False  # the plan has those: their place is known
    if not isinstance(function, np.ufunc) or function.signature is not None or value.kwargs or not value.shape:
        return False
    if not is_write(write) or len(write.args) > 3 or write.args[1] is not value or write.index not in writer.in_place:
        return False
    part = np.broadcast_to(0, write.shape)[at_count(write.args[2], 0)]
    return bool(value.dtype == write.dtype and part.shape == value.shape)


def part_read(value: Step, write: Step, storage: dict[int, Any]) -> Step | None:
    """Return the operand of a value that is a view of the very part that the value is written to, or None."""
    x, _, index = write.args
    for item in value.args:
        if type(item) is not Step or not counts(item.function) or item.args[0] is not x or item.args[1] != index:
            continue
        if item.function == Ragged(operator.getitem) or (
            item.function == item_at and storage[item.index] is storage[x.index]
        ):
            return item
    return None


def _computed_there(writer: Writer, value: Step, out: str, index: Any) -> str:
    """Write the call of a value with a part of an array as its `out=`: one that is read for it has a name."""
    same = writer.computed_there[value.index]
    place = part_text(writer, out, index, ()) if same is None else writer.text(same)
    return writer.call_into(at_first(value), place)[0]


def written_into(writer: Writer, step: Step, out: str) -> list[str]:
    """Write a write into a part of an array called `out`, after a copy of the array unless it is there."""
    x, value, index = step.args[:3]
    views = step.args[3] if len(step.args) > 3 else ()
    if type(value) is Step and value.index in writer.parts and writer.parts[value.index][0] is step:
        return []  # it is computed in its place
    if type(value) is Step and value.index in writer.computed_there:
        return [_computed_there(writer, value, out, index)]
    first = [] if step.index in writer.in_place else array_into(writer, x, out)
    return [*first, f"{part_text(writer, out, index, views)} = {writer.text(value)}"]


def part_text(writer: Writer, array: str, index: Any, views: Any) -> str:
    """Return `array[index]`, or the part of a view of the array."""
    for view in views:
        array = _view(writer, array, ViewCall(*view))
    return f"{array}[{writer.index(index)}]"


def _view(writer: Writer, array: str, view: ViewCall) -> str:
    """Return the text of a view of an array."""
    function, before, after, keywords, part = view
    if function is operator.getitem:
        return f"{array}[{writer.index(after[0])}]"
    if function in TRANSPOSING and function is np.transpose and not after and not keywords:
        return f"{array}.T"
    if function is np.reshape and not keywords and len(after) == 1:
        shape = tuple(after[0]) if type(after[0]) in (tuple, list) else (after[0],)
        return f"{array}.reshape({writer.text(shape)})"
    given = [*map(writer.text, before), array, *map(writer.text, after)]
    given += [f"{key}={writer.text(item)}" for key, item in keywords.items()]
    called = f"{writer.function(function)}({', '.join(given)})"
    return called if part is None else f"{called}[{part}]"
