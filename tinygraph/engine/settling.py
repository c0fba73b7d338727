"""The first write into a Tensor: it moves to memory of its own, together with the Tensors that share its memory.

A view is noted when it is taken, so that a first write finds the views that are alive. A link tells what its value is a
view of; the way up along links leads from each view to the whole.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Iterable
from typing import Any

import numpy as np

from tinygraph.engine import modes
from tinygraph.engine.links import LIVE, Call, Leaf, Like, Unnamed
from tinygraph.engine.memory import Memory, enter_data, snapshot
from tinygraph.engine.modes import state
from tinygraph.engine.ownership import base_of, is_array, owner, reach_each_other
from tinygraph.engine.places import ViewStep, same_view, taken
from tinygraph.errors import UnsupportedError
from tinygraph.users_code.source import made_at, users_line

__all__ = ["check_not_held", "forget_views", "handed_out", "has_views", "note_handed", "note_view", "settle"]

# A view and what it is a view of, for each view that was taken of a Tensor that is not live. A first write looks here
# for the Tensors that see it.
views: list[tuple[weakref.ref[Any], weakref.ref[Any]]] = []
# At most so many are remembered before those that are gone are forgotten.
most_views = 1024
# The arrays that `t.data` has handed out of computed Tensors.
_handed: list[weakref.ref[Any]] = []
_limits = {"handed": 256}
_cleaning = threading.Lock()


def note_view(view: Any, of: Any) -> None:
    """Remember that one Tensor is a view of another, neither of them live."""
    views.append((weakref.ref(view), weakref.ref(of)))
    if len(views) > most_views:
        forget_views()


def forget_views() -> None:
    """Forget the views that are gone."""
    global most_views
    with _cleaning:
        count = len(views)
        kept = [pair for pair in views[:count] if pair[0]() is not None]
        views[:count] = kept
        most_views = max(1024, 2 * len(kept))


def note_handed(array: Any) -> None:
    """Remember an array that others hold, and that lies in the memory of a Tensor."""
    _handed.append(weakref.ref(array))
    if len(_handed) > _limits["handed"]:
        with _cleaning:
            count = len(_handed)
            kept = [reference for reference in _handed[:count] if reference() is not None]
            _handed[:count] = kept
            _limits["handed"] = max(256, 2 * len(kept))


def handed_out(value: Any) -> Any:
    """Return a read-only view of a Tensor's array, for others to hold. It lives as long as any view of it does."""
    array = np.asarray(memoryview(value)) if value.size else value.view()
    array.flags.writeable = False
    note_handed(array)
    return array


def check_not_held(memory: Any, tensor: Any, call: str) -> None:
    """Raise UnsupportedError if others hold an array in the memory of a Tensor that is to be written into."""
    for reference in _handed:
        array = reference()
        if array is not None and reach_each_other(array, memory):
            raise UnsupportedError(
                f"{call}, at {users_line()}: an array of this Tensor{made_at(tensor._link)}, t.data or np.asarray(t), "
                "is still held, and would not see the write. Keep a copy of it, t.data.copy()"
            )


def has_views(tensor: Any) -> bool:
    """Return whether a Tensor lives that is a view of another, or that it is a view of."""
    own = owner(tensor._value)
    for pair in views:
        view, of = [reference() for reference in pair]
        other = of if view is tensor else view
        if other is not None and other is not tensor and _is_met(other) and owner(other._value) is own:
            return True
    return False


def _is_met(tensor: Any) -> bool:
    """Return whether a Tensor may share memory with one at hand: in a recorded run, one that it has met."""
    return not modes.unusual or state.tracing is None or state.tracing.has_met(tensor)


def settle(tensor: Any, call: str) -> tuple[Memory, tuple[ViewStep, ...]]:
    """Move a Tensor, and the views that share memory with it, to memory that can be written into.

    The Tensors are live once the memory has a link, or at once where no gradient flows to any of them.

    Args:
        tensor: not live, with an array for a value.
        call: the write as the user spells it.

    Returns:
        The memory, and the way from its whole to the Tensor.

    Raises:
        UnsupportedError: somebody else holds an array in the memory, or a view's way from the whole is not known.
    """
    check_not_held(tensor._value, tensor, call)
    if not tensor._value.size:
        return _moved(tensor._value, tensor._link, [(tensor, ())], call), ()  # no element that others could see
    own = owner(tensor._value)
    members = {id(tensor): tensor}
    taken_of_others: set[int] = set()
    for pair in views:
        for reference in pair:
            member = reference()
            if member is None or not _is_met(member):
                continue
            if owner(member._value) is own and type(member._link) not in LIVE:
                members[id(member)] = member
                if reference is pair[0]:
                    taken_of_others.add(id(member))
    if len(members) == 1:
        return _moved(tensor._value, tensor._link, [(tensor, ())], call), ()
    memory = _together(list(members.values()), taken_of_others, own, call)
    return memory, memory.steps_of(tensor)


def _moved(whole: Any, link: Any, members: Iterable[tuple[Any, tuple[ViewStep, ...]]], call: str) -> Memory:
    """Return new memory with a copy of the whole, to which the members have moved."""
    members = list(members)
    array = whole.copy(order="K") if type(whole) is np.ndarray else snapshot(whole)
    views = [taken(array, steps) for _, steps in members]
    for (tensor, steps), view in zip(members, views, strict=True):
        if steps and view.size and not _is_its_twin(view, array, tensor, whole, steps):
            raise _unknown(tensor, call)
    memory = Memory(array, link if link.differentiable else None)
    for (tensor, steps), view in zip(members, views, strict=True):
        tensor._value = view
        if not tensor._link.differentiable:
            enter_data(tensor, memory, steps, cut=memory.link is not None)
        else:
            memory.enter(tensor, steps)
    return memory


def _is_its_twin(view: Any, array: Any, tensor: Any, whole: Any, steps: tuple[ViewStep, ...]) -> bool:
    """Return whether a view of a new array is what a Tensor was of the old one, at the end of some steps."""
    if type(whole) is not np.ndarray:
        return reach_each_other(view, array)
    return bool(np.may_share_memory(view, array)) and same_view(taken(whole, steps), tensor._value)


def _together(members: list[Any], views: set[int], own: Any, call: str) -> Memory:
    """Return new memory for several Tensors that share the old one: the whole of which they all are views.

    Args:
        members: the Tensors.
        views: the ids of those that were taken as views.
        own: the owner of the old memory.
        call: the write as the user spells it.
    """
    ways = {
        id(one): _way_up(one)
        for one in members
        if type(one._link) is not Unnamed or one._link.taken is not None or id(one) not in views
    }
    if not ways:
        raise _unknown(members[0], call)
    link, steps = _nearest_whole(ways)
    whole = None if link is None else next((one._value for one in members if one._link is link), link._value)
    if type(whole) is Like:
        own = own if type(own) is np.ndarray else base_of(members[0]._value)
        whole = own if own.shape == whole.shape and own.dtype == whole.dtype else None
    if not is_array(whole):
        raise _unknown(members[0], call)
    cut = [member for member in members if id(member) not in steps]
    if cut and not link.differentiable:
        raise _unknown(cut[0], call)
    ends = [(member, steps[id(member)] if id(member) in steps else _geometry(whole, member)) for member in members]
    return _moved(whole, link, ends, call)


def _nearest_whole(ways: dict[int, Any]) -> tuple[Any, dict[int, tuple[ViewStep, ...]]]:
    """Return the link that is on every way up, and from there the steps of each way; None if there is no such link."""
    for link, _ in min(ways.values(), key=len):
        steps = {key: {id(above): down for above, down in way}.get(id(link)) for key, way in ways.items()}
        if None not in steps.values():
            return link, steps  # type: ignore[return-value]
    return None, {}


def _way_up(member: Any) -> list[tuple[Any, tuple[ViewStep, ...]]]:
    """Return the links that a Tensor may be a view of, each with the steps from it, the Tensor's own first."""
    link = member._link
    steps: tuple[ViewStep, ...] = ()
    found = [(link, steps)]
    while (above := _taken_of(link)) is not None:
        link, step = above
        steps = (step, *steps)
        found.append((link, steps))
    return found


def _taken_of(link: Any) -> tuple[Any, ViewStep] | None:
    """Return the link that another may be a view of, and the step from it; None if it is a view of none."""
    if type(link) is Unnamed:
        return link.taken
    if not link.is_call or isinstance(link.op.function, np.ufunc):
        return None
    args = link.args
    positions = [position for position, item in enumerate(args) if isinstance(item, Call | Leaf)]
    if len(positions) != 1:
        return None
    at = positions[0]
    others = (*args[:at], *args[at + 1 :])
    return args[at], ViewStep(link.op.function, others, link.keywords, link.code, link.lasti, link.label, at)


def _geometry(whole: Any, member: Any) -> tuple[ViewStep, ...]:
    """Return the way to a view of which nothing but its memory is known: no gradient flows there."""
    view = member._value
    if type(view) is not np.ndarray:
        return (ViewStep(_taken_again, (view,), {}),)
    offset = view.__array_interface__["data"][0] - whole.__array_interface__["data"][0]
    return (ViewStep(_strided, (offset, view.shape, view.strides, view.dtype), {}),)


def _taken_again(array: Any, view: Any) -> Any:
    """Return the view of an array that another one, a stand-in, is of its own."""
    return view.taken_of(array)


def _strided(array: Any, offset: int, shape: Any, strides: Any, dtype: Any) -> Any:
    return np.ndarray(shape, dtype, array, offset, strides)


def _unknown(tensor: Any, call: str) -> UnsupportedError:
    return UnsupportedError(
        f"{call}, at {users_line()}: this Tensor{made_at(tensor._link)} shares its memory with others in a way that is "
        "not known, so that they would not see the write. Write into a copy, t = np.copy(t)"
    )
