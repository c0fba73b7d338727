"""Memory that programs write into, and the Tensors that lie in it.

Most Tensors are never written into, and their views need no care. The first write into a Tensor settles it, see
`engine.settling`: the Tensor and the views of it that are alive move to a `Memory` of their own, and the values in the
record stay behind. From then on they are live. A view of a live Tensor is live too. The values of a live Tensor that a
rule reads are copied when the call is recorded, which costs no more than the call itself.

    y = 2 * x            y ── Call multiply
    r = y[1:]            r ── Call getitem ─► Call multiply
    y[2] = t             y ── Put [2] ─► Call multiply, t      the memory holds what y is now
                         r ── Live getitem ─► Put [2]          r sees the write, as with arrays

`Memory.link` is the whole as it is now; each write makes a new one of it, with the one before as an operand.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

import numpy as np

from tinygraph.engine import modes
from tinygraph.engine.links import LIVE, LIVE_CALLS, Like, Live, LiveData, next_order
from tinygraph.engine.modes import state
from tinygraph.engine.ownership import is_array, is_stand_in, reach_each_other
from tinygraph.engine.places import ViewStep, written
from tinygraph.engine.table import operation_of
from tinygraph.engine.value import Value

__all__ = [
    "Memory", "apart_from", "as_constant", "as_writable", "enter_data", "in_own_memory", "is_live", "live_call",
    "live_view", "memory_of", "snapshot", "stand_for", "value_to_keep",
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
        self._members: list[tuple[weakref.ref[Any], tuple[ViewStep, ...], bool]] = []

    def enter(self, tensor: Any, steps: tuple[ViewStep, ...], cut: bool = False) -> None:
        """Remember a Tensor that lies in the memory.

        Args:
            tensor: its value is a view of the whole.
            steps: the way to it.
            cut: it was taken under `no_grad` from one with a gradient, and gets none by a write.
        """
        tensor._memory = self
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

    def steps_of(self, tensor: Any) -> tuple[ViewStep, ...]:
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
                if type(tensor._link) is not Live or target is array or np.may_share_memory(tensor._value, target):
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
    return snapshot(value) if isinstance(value, np.ndarray) and type(tensor._link) in LIVE else value


def snapshot(array: Any) -> Any:
    """Return a copy of an array that a program may write into. A stand-in needs none: its event stays what it is."""
    return array.copy() if type(array) is np.ndarray else state.tracing.own(array)  # type: ignore[union-attr]


def apart_from(tensor: Any, operand: Any) -> Any:
    """Return a Tensor, copied if it shares memory with an operand: for functions that make copies in NumPy."""
    result, given = (item._value if isinstance(item, Value) else item for item in (tensor, operand))
    if not reach_each_other(result, given):
        return tensor
    return in_own_memory(tensor) if is_stand_in(result) else np.copy(tensor)


def in_own_memory(tensor: Any) -> Any:
    """Return what was just computed, in memory of its own, in a function that is being compiled."""
    if not isinstance(tensor, Value) or is_live(tensor):
        return np.copy(tensor)
    tensor._value = snapshot(tensor._value)
    return tensor


def as_constant(tensor: Any, needed: bool) -> Any:
    """Return what a call remembers of a live Tensor without a gradient."""
    value = tensor._value
    if type(value) is not np.ndarray:
        return snapshot(value) if is_stand_in(value) else value
    return value.copy() if needed or value.size <= COPIED else Like(value)


def live_call(kind: type[Live], op: Any, args: Any, keywords: Any, value: Any, steps: tuple[ViewStep, ...]) -> Any:
    """Make the link of a live Tensor."""
    call: Any = _new(kind)
    call.op = op
    call.args = args
    call.keywords = keywords
    call._value = snapshot(value) if value.size <= COPIED else Like(value)
    call._grad = call._adjoint = None
    call.order = next_order()
    call.steps = steps
    return call


def as_writable(made: Any) -> Any:
    """Return an array that was just made as a Tensor that can take Tensors in; one of integers as it is."""
    tracer = state.tracing if modes.unusual else None
    if not (type(made) is np.ndarray or (tracer is not None and is_array(made))) or made.dtype.kind not in "fc":
        return made
    if type(made) is np.ndarray and tracer is not None:
        made = tracer.lift(made)
    tensor = _new(Value._kind)
    tensor._value = made
    tensor._link = LiveData(made, None, ())
    return tensor


def memory_of(tensor: Any) -> Memory:
    """Return the memory that a live Tensor lies in."""
    link = tensor._link
    memory: Memory | None = link.memory if type(link) is LiveData else tensor._memory
    if memory is None:
        memory = link.memory = Memory(tensor._value, None)
        memory.enter(tensor, ())
    return memory


def stand_for(link: Any) -> Any:
    """Return a new Tensor with a link and its value. A live one lies in a memory of its own, into which none writes."""
    tensor = _new(Value._kind)
    tensor._value, tensor._link = link._value, link
    if type(link) in LIVE_CALLS:
        tensor._memory = Memory(link._value if type(link._value) is np.ndarray else np.empty(0), link)
    return tensor


def enter_data(tensor: Any, memory: Memory, steps: tuple[ViewStep, ...], cut: bool = False) -> None:
    """Make a Tensor in a memory one without a gradient. See `Memory.enter`."""
    tensor._link = LiveData(tensor._value, memory, steps)
    memory.enter(tensor, steps, cut)


# --- views of live Tensors --------------------------------------------------------------------------------------------


def live_view(
    op: Any,
    args: tuple[Any, ...],
    position: int,
    keywords: dict[str, Any],
    value: Any,
    recording: bool,
    origin: tuple[Any, Any, Any],
) -> Any:
    """Return the Tensor of a view of a live one.

    Args:
        op: the function that took the view.
        args: its arguments, copied.
        position: of the live Tensor among them.
        keywords: its keywords, copied.
        value: the view.
        recording: whether calls are recorded.
        origin: the code, the instruction and the label of the call.
    """
    of, memory = args[position]._link, memory_of(args[position])
    step = ViewStep(op.function, (*args[:position], *args[position + 1 :]), keywords, *origin, position)
    steps = (*of.steps, step)
    tensor = _new(Value._kind)
    tensor._value = value
    if of.differentiable and recording and op.rules[position] is not None:
        link = tensor._link = live_call(Live, op, step.around(of), keywords, value, steps)
        link.code, link.lasti, link.label = origin
        memory.enter(tensor, steps)
    else:
        enter_data(tensor, memory, steps, cut=of.differentiable)
    return tensor


def _link_at(memory: Memory, steps: tuple[ViewStep, ...]) -> Any:
    """Return the link of a view of the whole as it is now."""
    link, value = memory.link, memory.array
    for count, step in enumerate(steps, 1):
        value = step.of(value)
        op = operation_of(step.function)
        link = live_call(Live, op, step.around(link), step.keywords, value, steps[:count])
        link.code, link.lasti, link.label = step.code, step.lasti, step.label
    return link
