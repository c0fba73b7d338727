"""Memory that programs write into, and the Tensors that lie in it.

Most Tensors are never written into, and their views need no care. The first write into a Tensor settles it: the Tensor
and the views of it that are alive move to a `Memory` of their own, and what the record has kept of them stays behind.
From then on they are live. A view of a live Tensor is live too. What a rule reads of a live Tensor is copied when the
call is recorded, which costs no more than the call itself.

    y = 2 * x            y ── Call multiply
    r = y[1:]            r ── Call getitem ─► Call multiply
    y[2] = t             y ── Put [2] ─► Call multiply, t      the memory holds what y is now
                         r ── Live getitem ─► Put [2]          r sees the write, as with arrays

`Memory.link` is the whole as it is now; each write makes a new one of it, with the one before as an operand.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from tinygraph.engine.links import LIVE, Call, Leaf, Like, Live, LiveData, Unnamed, next_order
from tinygraph.engine.modes import is_tracing
from tinygraph.engine.ownership import owner
from tinygraph.engine.places import Step, same_memory, taken, written
from tinygraph.engine.table import operation_of
from tinygraph.engine.value import Value
from tinygraph.errors import UnsupportedError
from tinygraph.users_code.source import made_at, users_line

__all__ = [
    "Memory", "apart_from", "as_constant", "as_writable", "check_not_held", "forget_views", "handed_out", "has_views",
    "is_live", "live_call", "live_view", "memory_of", "note_view", "settle", "value_to_keep",
]  # fmt: skip

_new: Callable[[type], Any] = object.__new__

# The value of a live call of at most this many elements is copied, so that a picture can show it.
COPIED = 64


class Memory:
    """An array that a program writes into.

    Attributes:
        array: the whole, in memory that no record keeps.
        link: the whole as it is now; None while no gradient flows to it.
        like: the shape and dtype of the array, which never change.
    """

    __slots__ = ("_members", "array", "like", "link")

    def __init__(self, array: Any, link: Any) -> None:
        self.array = array
        self.link = link
        self.like = Like(array)
        self._members: list[tuple[weakref.ref[Any], tuple[Step, ...], bool]] = []

    def enter(self, tensor: Any, steps: tuple[Step, ...], cut: bool = False) -> None:
        """Remember a Tensor that lies in the memory.

        Args:
            tensor: its value is a view of the whole.
            steps: the way to it.
            cut: it was taken under `no_grad` from one with a gradient, and gets none by a write.
        """
        members = self._members
        members.append((weakref.ref(tensor), steps, cut))
        if len(members) > 16 and len(members) & (len(members) - 1) == 0:  # 32, 64, 128, ...
            self._forget_the_dead()

    def move(self, tensor: Any) -> None:
        """Remember a Tensor that has become another view of the memory: its link says which."""
        self._members[:] = [member for member in self._members if member[0]() is not tensor]
        self.enter(tensor, tensor._link.steps, cut=not tensor._link.differentiable and self.link is not None)

    def _forget_the_dead(self) -> None:
        self._members[:] = [member for member in self._members if member[0]() is not None]

    def steps_of(self, tensor: Any) -> tuple[Step, ...]:
        """Return the way from the whole to a Tensor that lies in the memory."""
        return next(steps for reference, steps, _ in self._members if reference() is tensor)

    def follow(self, array: Any, index: Any) -> None:
        """Give the Tensors in the memory links to the whole as it is now, but for the views that saw nothing of it.

        Args:
            array: an array in the memory.
            index: the part of it that was written.
        """
        link, target, dead = self.link, None, 0
        for reference, steps, cut in self._members:
            tensor = reference()
            if tensor is None:
                dead += 1
            elif cut:
                continue
            elif not steps:
                tensor._link = link
            else:
                target = written(array, index) if target is None else target
                if type(tensor._link) is not Live or np.may_share_memory(tensor._value, target):
                    tensor._link = _link_at(self, steps)
        if dead > 16:  # each costs a look at it in 16 writes at most
            self._forget_the_dead()

    def forget_gradient(self) -> None:
        """Give the Tensors in the memory links without a gradient: the whole was written over with constants."""
        self.link = None
        for reference, steps, _ in self._members:
            tensor = reference()
            if tensor is not None:
                tensor._link = LiveData(tensor._value, self, steps)
        self._members = [(reference, steps, False) for reference, steps, _ in self._members]


def is_live(tensor: Any) -> bool:
    """Return whether a Tensor lies in memory that is written into."""
    return type(tensor._link) in LIVE


def value_to_keep(tensor: Any) -> Any:
    """Return a Tensor's value for a rule that will read it: of a live Tensor a copy."""
    value = tensor._value
    return value.copy() if type(value) is np.ndarray and type(tensor._link) in LIVE else value


def apart_from(tensor: Any, operand: Any) -> Any:
    """Return a Tensor, copied if it shares memory with an operand: for functions that make copies in NumPy."""
    if is_tracing():  # what is compiled writes into no Tensor
        return tensor
    result, given = (item._value if isinstance(item, Value) else item for item in (tensor, operand))
    return np.copy(tensor) if np.may_share_memory(result, given) else tensor


def as_constant(tensor: Any, needed: bool) -> Any:
    """Return what a call remembers of a live Tensor without a gradient."""
    value = tensor._value
    if type(value) is not np.ndarray:
        return value
    return value.copy() if needed or value.size <= COPIED else Like(value)


def live_call(
    kind: type[Live], op: Any, args: Any, keywords: Any, value: Any, memory: Memory, steps: tuple[Step, ...]
) -> Any:
    """Make the link of a live Tensor."""
    call: Any = _new(kind)
    call.op = op
    call.args = args
    call.keywords = keywords
    call._value = value.copy() if value.size <= COPIED else Like(value)
    call._grad = call._adjoint = None
    call.order = next_order()
    call.memory = memory
    call.steps = steps
    return call


def as_writable(made: Any) -> Any:
    """Return an array that was just made as a Tensor that can take Tensors in; one of integers as it is."""
    if type(made) is not np.ndarray or made.dtype.kind not in "fc":
        return made
    tensor = _new(Value._kind)
    tensor._value = made
    tensor._link = LiveData(made, None, ())
    return tensor


def memory_of(tensor: Any) -> Memory:
    """Return the memory that a live Tensor lies in."""
    link = tensor._link
    memory: Memory | None = link.memory
    if memory is None:
        memory = link.memory = Memory(tensor._value, None)
        memory.enter(tensor, ())
    return memory


def _enter_data(tensor: Any, memory: Memory, steps: tuple[Step, ...], cut: bool = False) -> None:
    tensor._link = LiveData(tensor._value, memory, steps)
    memory.enter(tensor, steps, cut)


# --- views of live Tensors --------------------------------------------------------------------------------------------


def live_view(
    op: Any, args: tuple[Any, ...], keywords: dict[str, Any], value: Any, recording: bool, origin: tuple[Any, Any, Any]
) -> Any:
    """Return the Tensor of a view of a live one.

    Args:
        op: the function that took the view.
        args: its arguments, the live Tensor first, copied.
        keywords: its keywords, copied.
        value: the view.
        recording: whether calls are recorded.
        origin: the code, the instruction and the label of the call.
    """
    of, memory = args[0]._link, memory_of(args[0])
    step = Step(op.function, args[1:], keywords, *origin)
    steps = (*of.steps, step)
    tensor = _new(Value._kind)
    tensor._value = value
    if of.differentiable and recording and op.rules[0] is not None:
        link = tensor._link = live_call(Live, op, (of, *args[1:]), keywords, value, memory, steps)
        link.code, link.lasti, link.label = origin
        memory.enter(tensor, steps)
    else:
        _enter_data(tensor, memory, steps, cut=of.differentiable)
    return tensor


def _link_at(memory: Memory, steps: tuple[Step, ...]) -> Any:
    """Return the link of a view of the whole as it is now."""
    link, value = memory.link, memory.array
    for count, step in enumerate(steps, 1):
        value = step.of(value)
        op = operation_of(step.function)
        link = live_call(Live, op, (link, *step.args), step.keywords, value, memory, steps[:count])
        link.code, link.lasti, link.label = step.code, step.lasti, step.label
    return link


# --- the first write --------------------------------------------------------------------------------------------------

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


def _note_handed(array: Any) -> None:
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
    _note_handed(array)
    return array


def check_not_held(memory: Any, tensor: Any, call: str) -> None:
    """Raise UnsupportedError if others hold an array in the memory of a Tensor that is to be written into."""
    for reference in _handed:
        array = reference()
        if array is not None and np.may_share_memory(array, memory):
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
        if other is not None and other is not tensor and owner(other._value) is own:
            return True
    return False


def settle(tensor: Any, call: str) -> tuple[Memory, tuple[Step, ...]]:
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
            if member is not None and owner(member._value) is own and type(member._link) not in LIVE:
                members[id(member)] = member
                if reference is pair[0]:
                    taken_of_others.add(id(member))
    if len(members) == 1:
        return _moved(tensor._value, tensor._link, [(tensor, ())], call), ()
    memory = _together(list(members.values()), taken_of_others, own, call)
    return memory, memory.steps_of(tensor)


def _moved(whole: Any, link: Any, members: Iterable[tuple[Any, tuple[Step, ...]]], call: str) -> Memory:
    """Return new memory with a copy of the whole, to which the members have moved."""
    members = list(members)
    array = whole.copy(order="K")
    views = [taken(array, steps) for _, steps in members]
    for (tensor, steps), view in zip(members, views, strict=True):
        if (
            steps
            and view.size
            and not (np.may_share_memory(view, array) and same_memory(taken(whole, steps), tensor._value))
        ):
            raise _unknown(tensor, call)
    memory = Memory(array, link if link.differentiable else None)
    for (tensor, steps), view in zip(members, views, strict=True):
        tensor._value = view
        if not tensor._link.differentiable:
            _enter_data(tensor, memory, steps, cut=memory.link is not None)
        else:
            memory.enter(tensor, steps)
    return memory


def _together(members: list[Any], views: set[int], own: Any, call: str) -> Memory:
    """Return new memory for several Tensors that share the old one: the whole of which they all are views.

    Args:
        members: the Tensors.
        views: the ids of those that were taken as views.
        own: the owner of the old memory.
        call: the write as the user spells it.
    """
    ways = {id(one): _way_up(one) for one in members if type(one._link) is not Unnamed or id(one) not in views}
    if not ways:
        raise _unknown(members[0], call)
    link, steps = _nearest_whole(ways)
    whole = None if link is None else next((one._value for one in members if one._link is link), link._value)
    if type(whole) is Like:
        whole = own if own.shape == whole.shape and own.dtype == whole.dtype else None
    if type(whole) is not np.ndarray:
        raise _unknown(members[0], call)
    cut = [member for member in members if id(member) not in steps]
    if cut and not link.differentiable:
        raise _unknown(cut[0], call)
    ends = [(member, steps[id(member)] if id(member) in steps else _geometry(whole, member)) for member in members]
    return _moved(whole, link, ends, call)


def _nearest_whole(ways: dict[int, Any]) -> tuple[Any, dict[int, tuple[Step, ...]]]:
    """Return the link that is on every way up, and from there the steps of each way; None if there is no such link."""
    for link, _ in min(ways.values(), key=len):
        steps = {key: {id(above): down for above, down in way}.get(id(link)) for key, way in ways.items()}
        if None not in steps.values():
            return link, steps  # type: ignore[return-value]
    return None, {}


def _way_up(member: Any) -> list[tuple[Any, tuple[Step, ...]]]:
    """Return the links that a Tensor may be a view of, each with the steps from it, the Tensor's own first."""
    link = member._link
    steps: tuple[Step, ...] = ()
    found = [(link, steps)]
    while link.is_call and not isinstance(link.op.function, np.ufunc):
        args, keywords = link.args, link.keywords
        if not args or not isinstance(args[0], Call | Leaf):
            break
        steps = (Step(link.op.function, args[1:], keywords, link.code, link.lasti, link.label), *steps)
        link = args[0]
        found.append((link, steps))
    return found


def _geometry(whole: Any, member: Any) -> tuple[Step, ...]:
    """Return the way to a view of which nothing but its memory is known: no gradient flows there."""
    view = member._value
    offset = view.__array_interface__["data"][0] - whole.__array_interface__["data"][0]
    return (Step(_strided, (offset, view.shape, view.strides, view.dtype), {}),)


def _strided(array: Any, offset: int, shape: Any, strides: Any, dtype: Any) -> Any:
    return np.ndarray(shape, dtype, array, offset, strides)


def _unknown(tensor: Any, call: str) -> UnsupportedError:
    return UnsupportedError(
        f"{call}, at {users_line()}: this Tensor{made_at(tensor._link)} shares its memory with others in a way that is "
        "not known, so that they would not see the write. Write into a copy, t = np.copy(t)"
    )
