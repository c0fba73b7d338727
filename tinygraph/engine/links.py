"""Links: the record consists of them. A `Leaf` is a value from outside, a `Call` a value that a function made."""

from __future__ import annotations

import itertools
import sys
import threading
from collections.abc import Callable, Sequence
from types import CodeType, FrameType
from typing import Any

import numpy as np

from tinygraph.engine.scopes import Label
from tinygraph.engine.table import Operation
from tinygraph.users_code.source import assigned_name, target


def counter(atomic: bool) -> Callable[[], int]:
    """Return a function that returns 1, 2, 3, ..., in whatever thread it is called.

    Args:
        atomic: the interpreter's global lock lets one thread at a time call an iterator. Without that lock the count
            could go back, and a call would seem to be older than its operands.
    """
    count = itertools.count(1).__next__
    if atomic:
        return count
    lock = threading.Lock()

    def counted() -> int:
        with lock:
            return count()

    return counted


next_order = counter(getattr(sys, "_is_gil_enabled", lambda: True)())


class Like:
    """The shape and dtype of an array that the record did not keep."""

    __slots__ = ("dtype", "shape")

    def __init__(self, array: Any) -> None:
        self.shape: tuple[int, ...] = array.shape
        self.dtype: np.dtype[Any] = array.dtype

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """The number of elements."""
        return int(np.prod(self.shape, dtype=np.int64))

    @property
    def nbytes(self) -> int:
        """The bytes that the array took."""
        return self.size * self.dtype.itemsize


class Leaf:
    """The link of a Tensor that was given a value, and that requires a gradient.

    Attributes:
        order: the time of its value, on the counter that numbers the calls. A backward pass through an older call must
            not read a newer value.
        rewritten: the time at which a write into its array was last noticed; 0 for never.
        before: a copy of the array, while others hold it: see `lending`.
        view_of: of an `Unnamed` the leaf whose array its own may be a view of; None for every other leaf.
        taken: of an `Unnamed` that is a view of another, the link of that one and the `ViewStep` from it; None for one
            that is not. Other leaves lack it.
        code, lasti: the line that made it, as of a `Call`.
        inner: True for a weight that a layer made at its first batch: the instruction is the user's call of the layer,
            and its variable gets the layer's result.
        ready: True if the quick record may use the Tensor: it requires a gradient, and no program writes into it.
        passed: the backward pass that wrote the gradient; not there before one has. See `passes`.
    """

    __slots__ = (
        "_grad", "_value", "before", "code", "inner", "lasti", "name", "order", "passed", "rewritten", "taken",
        "view_of",
    )  # fmt: skip

    _adjoint = None  # the cotangents of leaves are kept by the pass

    differentiable = True

    ready = True

    is_call = False

    passed: Any

    taken: tuple[Unnamed, Any] | None

    def __init__(self, value: Any, name: str | None, frame: FrameType | None) -> None:
        self._value = value
        self._grad: Any = None
        self.order = next_order()
        self.rewritten = 0
        self.before: Any = None
        self.view_of: Leaf | None = None
        self.name = name
        self.code = None if frame is None else frame.f_code
        self.lasti = 0 if frame is None else frame.f_lasti
        self.inner = False


class DataLeaf(Leaf):
    """The link of a Tensor that was given a value and requires no gradient."""

    __slots__ = ()

    differentiable = False

    ready = False


class Unnamed(DataLeaf):
    """The link of a result that was not recorded, of `no_grad` or of `detach`."""

    __slots__ = ()

    def __init__(self, value: Any) -> None:
        super().__init__(value, None, None)
        self.taken = None


class Call:
    """A recorded call: the function, its arguments, and the line it comes from.

    Attributes:
        op: the entry of the derivative table.
        args: the positional arguments, with links where Tensors stood.
        keywords: the keywords, in which there are no links.
        order: the number of its creation. Operands have smaller ones.
        code, lasti: the caller's code object and instruction, decoded only when somebody asks.
        label: the name of the result and the scope of the call; None for a call that has neither.
        ready: as of a `Leaf`.
        passed: the backward pass that wrote the gradient; not there before one has.

    `_adjoint` says where the call is in a reverse pass. It is one of:
        None: no pass goes through the call.
        a `gathering.Waiting`: a pass has gathered the call, and no cotangent has reached it yet.
        a cotangent: the sum that has reached the call so far.
        a `Like`: a cotangent that was handed on, and was too large to keep.
        a `passes.Freed`: a pass freed the values of the call, so that no other can go through it.
    One slot and one comparison tell them apart, since each call of a pass is asked several times.
    """

    __slots__ = ("_adjoint", "_grad", "_value", "code", "label", "lasti", "op", "order", "passed")

    differentiable = True

    ready = True

    is_call = True

    op: Operation
    args: tuple[Any, ...]
    keywords: dict[str, Any]
    order: int
    code: CodeType | None
    lasti: int
    label: Label | None
    _value: Any
    _grad: Any
    _adjoint: Any
    passed: Any


class Spread(Call):
    """Any call a gradient passes through: arguments in any number, inside lists, with keywords."""

    __slots__ = ("args", "keywords")


class DataCall(Spread):
    """A call that no gradient passes through, remembered so that it can be seen."""

    __slots__ = ("depth",)

    differentiable = False

    ready = False

    depth: int


class Live(Spread):
    """A call whose result lies in memory that the program writes into: see `engine.memory`.

    The memory may hold other values by now. So `_value` is never the memory itself: it is a copy where a rule reads it,
    else a `Like`.

    Attributes:
        steps: the way from the whole of the memory to the result, a tuple of `places.ViewStep`.
    """

    __slots__ = ("steps",)

    ready = False

    steps: tuple[Any, ...]


class Put(Live):
    """A write: the whole of a memory after `array[place] = value`. Its arguments are the old whole, place and value."""

    __slots__ = ()


class LiveData(DataLeaf):
    """The link of a Tensor without a gradient in memory that the program writes into. No call refers to it.

    Attributes:
        memory: the `memory.Memory`; None for an array that was just made, until somebody asks with `memory.memory_of`.
        steps: as for `Live`.
    """

    __slots__ = ("memory", "steps")

    # What `Leaf` does, without a second call: a program makes one for each of its arrays.
    def __init__(self, value: Any, memory: Any, steps: tuple[Any, ...]) -> None:
        self._value = value
        self._grad = self.before = self.name = self.code = None
        self.order = next_order()
        self.rewritten = self.lasti = 0
        self.inner = False
        self.memory = memory
        self.steps = steps


LIVE_CALLS = frozenset((Live, Put))
LIVE = frozenset((*LIVE_CALLS, LiveData))


# --- reading links ----------------------------------------------------------------------------------------------------


def scope_of(call: Call) -> tuple[str, ...]:
    """Return the entries into scopes that a call was made in."""
    return () if call.label is None else call.label.scope


def is_inner(link: Call | Leaf) -> bool:
    """Return True for a link made inside a composition or a layer, whose instruction is that of the whole."""
    return link.inner if isinstance(link, Leaf) else link.label is not None and link.label.inner


def name_of(link: Call | Leaf) -> str | None:
    """Return the name that the user gave a Tensor, or None."""
    if isinstance(link, Leaf):
        return link.name
    return None if link.label is None else link.label.name


def variable_of(link: Call | Leaf) -> str | None:
    """Return the variable that a Tensor was assigned to on the line that made it, or None."""
    part = part_of(link)
    if part is not None:
        name = target(link.code, link.lasti, (part,))
        return name if name is not None and name.isidentifier() else None
    return None if is_inner(link) else assigned_name(link.code, link.lasti)


def target_of(link: Call | Leaf) -> str | None:
    """Return what a Tensor was assigned to on the line that made it, as it is written: "y", "m.w"; or None."""
    part = part_of(link)
    if part is not None:
        return target(link.code, link.lasti, (part,))
    return None if is_inner(link) else target(link.code, link.lasti)


def part_of(link: Call | Leaf) -> int | None:
    """Return the place of a result among those of the user's instruction; None for a whole result."""
    if isinstance(link, Leaf) or link.label is None:
        return None
    return link.label.part


def give_name(call: Call, name: str | None) -> None:
    """Name the result of a call."""
    call.label = Label(name, scope_of(call), is_inner(call), part_of(call))


def make_outer(link: Call | Leaf) -> None:
    """Note that the result of a call is that of the user's whole instruction; a weight is not made by it."""
    if not isinstance(link, Leaf) and is_inner(link):
        link.label = Label(name_of(link), scope_of(link), False)


def make_parts(results: Sequence[Any], lasti: int) -> None:
    """Note for each of several results of a composition its place among them.

    Args:
        results: Tensors, and other values.
        lasti: of the user's instruction, which they are all recorded under.
    """
    for place, result in enumerate(results):
        link = getattr(result, "_link", None)
        if isinstance(link, Call) and link.lasti == lasti:
            link.label = Label(name_of(link), scope_of(link), is_inner(link), place)


def links_in(structure: Any) -> list[Any]:
    """Return the links inside nested tuples and lists, in order."""
    if isinstance(structure, _LINKS):
        return [structure]
    if type(structure) in (tuple, list):
        return [link for item in structure for link in links_in(item)]
    return []


def takes_gradient(structure: Any) -> bool:
    """Return whether a gradient flows to an argument: to a link, or to one inside nested tuples and lists."""
    if isinstance(structure, _LINKS):
        return bool(structure.differentiable)
    return type(structure) in (tuple, list) and any([takes_gradient(item) for item in structure])


# One tuple, made once: `Call | Leaf` in a call would be made again each time.
_LINKS = (Call, Leaf)


def number_below(roots: list[Any]) -> int:
    """Return the number of links that the roots were computed from, with the roots."""
    return len(_found_below(roots))


def _found_below(roots: list[Any]) -> list[Any]:
    seen = {id(root): root for root in roots}
    found = list(seen.values())
    for link in found:  # grows while we walk it
        if isinstance(link, Call):
            args = link.args
            for operand in links_in(args):
                if id(operand) not in seen:
                    seen[id(operand)] = operand
                    found.append(operand)
    return found


def links_below(roots: list[Any]) -> list[Any]:
    """Return every link that the roots were computed from, data too, in execution order: leaves where first used."""
    found = _found_below(roots)
    calls = sorted((link for link in found if isinstance(link, Call)), key=lambda call: call.order)
    ordered: dict[int, Any] = {}
    for call in calls:
        for operand in links_in(call.args):
            ordered.setdefault(id(operand), operand)
        ordered[id(call)] = call
    for root in roots:
        ordered.setdefault(id(root), root)
    return list(ordered.values())
