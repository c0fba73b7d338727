"""Loops: whether the calls of a run can be one loop over the elements of their arrays, and what it is given.

They can if their results have one shape and their floats one dtype, and if each array that is written is the same
elements as another or shares none with it: then an element's results are known before the next element is read. The
loop asks the same of the arrays of each later call; see `text`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygraph.compiler.fast.calls import Call, Number, Operand
from tinygraph.compiler.fast.layout import Layout, layout_of
from tinygraph.compiler.fast.text import EXPRESSIONS, Given, text_of

__all__ = ["Loop", "loop_of"]

# The calls whose result is a truth value, and those whose operands are.
COMPARISONS = frozenset(("equal", "not_equal", "less", "less_equal", "greater", "greater_equal", "isnan"))
LOGICAL = frozenset(("logical_and", "logical_or", "logical_not"))

# Where it would take longer than so many steps to tell whether two arrays share elements, they are taken to do so.
TRIED: Any = 1_000


@dataclass(frozen=True)
class Loop:
    """A loop.

    Attributes:
        text: of the function `loop`; see `text`. Its arguments are those of the run that it has a use for.
        places: of these among the arguments of the run.
        layout: how the arrays lie, which stand first among the arguments.
        written: how many arrays are written; they stand first.
        dtype: of the floats.
    """

    text: str
    places: tuple[int, ...]
    layout: Layout
    written: int
    dtype: Any


def loop_of(
    calls: Sequence[Call], arguments: dict[str, Any], unread: Mapping[str, str], functions: frozenset[str]
) -> Loop | None:
    """Return the loop for calls whose results have one shape; None where their arguments do not allow one.

    Args:
        calls: of a run.
        arguments: of the run, by their slots.
        unread: the slots that nothing reads behind the run, and for each the name of its memory.
        functions: the names of the functions that there are besides those of `EXPRESSIONS`.
    """
    shape, dtype = arguments[calls[0].target].shape, _dtype_of(calls, arguments)
    if (
        dtype is None
        or shape == ()
        or 0 in shape
        or not all(_is_fit(call, arguments, dtype, shape, functions) for call in calls)
    ):
        return None
    given = _given_to(calls, arguments, unread)
    if not given.written or _overlap([arguments[slot] for slot in (*given.ordered, *given.single)], given.written):
        return None
    layout = layout_of(shape, [arguments[slot] for slot in given.ordered])
    if layout is None:
        return None
    places = [*arguments]
    text = text_of(calls, layout, given)
    return Loop(text, tuple(map(places.index, given.slots)), layout, given.written, dtype)


def _given_to(calls: Sequence[Call], arguments: dict[str, Any], unread: Mapping[str, str]) -> Given:
    """Return the arguments of calls by what their loop does with them."""
    used = dict.fromkeys(slot for call in calls for slot in call.slots)
    own = {call.target for call in calls} & unread.keys()  # those that need no memory
    arrays = {slot: arguments[slot] for slot in used if np.ndim(arguments[slot]) > 0 and slot not in own}
    same = _same_memory(arrays)
    written = dict.fromkeys(same[call.target] for call in calls if call.target not in own)
    return Given(
        arguments=arguments,
        ordered=[*written, *dict.fromkeys(slot for slot in same.values() if slot not in written)],
        written=len(written),
        twice=[slot for slot in arrays if same[slot] != slot],
        numbers=[slot for slot in used if np.ndim(arguments[slot]) == 0],
        same=same,
        unread=unread,
    )


def _dtype_of(calls: Sequence[Call], arguments: dict[str, Any]) -> np.dtype[Any] | None:
    """Return the dtype of floats that calls compute with; None where there is none, or more than one."""
    found = {arguments[slot].dtype for call in calls for slot in call.slots if isinstance(arguments[slot], np.ndarray)}
    floats = found - {np.dtype(bool)}
    return floats.pop() if len(floats) == 1 and all(dtype.char in "fd" and dtype.isnative for dtype in floats) else None


def _is_fit(
    call: Call, arguments: dict[str, Any], dtype: np.dtype[Any], shape: tuple[int, ...], functions: frozenset[str]
) -> bool:
    """Return whether a call computes a result of this shape, with this dtype, by something that a loop can do."""
    if call.function not in EXPRESSIONS and call.function not in functions:
        return False
    if call.function == "clip" and not {"maximum", "minimum"} <= functions:
        return False
    slots = [arguments[slot] for slot in call.slots]
    if any(type(item) is not np.ndarray and not isinstance(item, np.generic | float | int) for item in slots):
        return False
    target = arguments[call.target]
    if target.shape != shape or np.broadcast_shapes(*[np.shape(item) for item in slots]) != shape:
        return False
    kinds = [_kind(item, arguments, dtype) for item in call.operands]
    if call.where is not None and _kind(call.where, arguments, dtype) != "mask":
        return False
    if call.function == "copy" and target.dtype == bool:
        return kinds == ["mask"]
    wanted = "mask" if call.function in LOGICAL else "float"
    has_mask = call.function in COMPARISONS or call.function in LOGICAL
    return all(kind == wanted for kind in kinds) and target.dtype == (np.dtype(bool) if has_mask else dtype)


def _kind(item: Operand, arguments: dict[str, Any], dtype: np.dtype[Any]) -> str | None:
    """Return "float" for an operand of the dtype of the calls, or of none of its own, and "mask" for truth values."""
    if isinstance(item, Number):
        return "float" if item.dtype in (None, dtype.name) else None
    value = arguments[item]
    if type(value) in (float, int):
        return "float"
    found = getattr(value, "dtype", None)
    return "float" if found == dtype else "mask" if found == np.dtype(bool) and np.ndim(value) > 0 else None


def _same_memory(arrays: dict[str, Any]) -> dict[str, str]:
    """Return for each array the first one that is the same elements of memory."""
    first: dict[Any, str] = {}
    return {
        slot: first.setdefault((array.ctypes.data, array.shape, array.strides, array.dtype), slot)
        for slot, array in arrays.items()
    }


def _overlap(arrays: Sequence[Any], written: int) -> bool:
    """Return whether one of the first arrays, which are written, shares memory with another."""
    pairs = [(one, two) for place, one in enumerate(arrays[:written]) for two in arrays[place + 1 :]]
    return any(np.may_share_memory(one, two) and _share_elements(one, two) for one, two in pairs)


def _share_elements(one: Any, two: Any) -> bool:
    try:
        return bool(np.shares_memory(one, two, max_work=TRIED))
    except np.exceptions.TooHardError:
        return True
