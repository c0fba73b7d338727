"""Events: the values of a run, in the order in which it made them; and the leaves that it found outside."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from tinygraph.engine.scopes import Label

__all__ = ["UNREAD", "Captured", "Event", "events_in", "negates"]

_new: Callable[[type[Event]], Event] = object.__new__


# The finiteness of a value: see `Event.finite`.
OF_FINITE, OF_MULTIPLIED, ALWAYS = 1, 2, 3


class Event:
    """A value of the program while it is being made: an input, a constant, or the result of a call.

    Attributes:
        kind: "call" for the result of a call, "argument", "state" for the value of a Tensor from outside, "gradient"
            for its gradient from before the call, "array" for a plain array, "constant" for a single number.
        index: its position on the tape.
        shape, dtype, size: of the value.
        function, args, kwargs: the call, with events in place of stand-ins.
        code, lasti: the user's instruction that made it.
        section: of the program: "forward" or "backward".
        differentiated: in the backward pass the event of the call that it differentiates; None where it is not known.
        content: the array or number, for an "array" or a "constant".
        as_met: for an "array", a copy of its content at that time; the array itself where nobody writes into it.
        fixed: for an "array", each run makes its own, so that it is a constant. The second run finds out.
        low: a lower bound of its elements, whatever the arguments are.
        finite: `ALWAYS` if no element is infinite or NaN, whatever the arguments are; `OF_FINITE` if none is for finite
            arguments; `OF_MULTIPLIED` if, besides, it takes little time to look at these, beside the products that they
            are multiplied in; 0 if nothing is known. Overflow is left out of account.
        kind_for_rules: the number of all values that are the same to a rule; negative where nobody has asked.
        label: the label of a call: its scope.
        name: its name; None for the name that the source line gives it.
    """

    __slots__ = (
        "args", "as_met", "code", "content", "differentiated", "dtype", "finite", "fixed", "function", "index", "kind",
        "kind_for_rules", "kwargs", "label", "lasti", "low", "name", "section", "shape", "size",
    )  # fmt: skip

    def __init__(self, kind: str, index: int, shape: tuple[int, ...], dtype: np.dtype[Any], name: str | None = None):
        self.kind = kind
        self.index = index
        self.shape = shape
        self.dtype = dtype
        self.size = math.prod(shape)
        self.name = name
        self.function: Callable[..., Any] | None = None
        self.args: tuple[Any, ...] = ()
        self.kwargs: dict[str, Any] = {}
        self.content: Any = None
        self.as_met: Any = None
        self.fixed = False
        self.low = -np.inf
        self.finite = OF_FINITE if dtype.kind in "fc" else ALWAYS
        self.kind_for_rules = -1
        self.code: Any = None
        self.lasti = 0
        self.label: Label | None = None
        self.section = "forward"
        self.differentiated: Event | None = None

    def again(self, index: int, args: tuple[Any, ...]) -> Event:
        """Return the event of a value that is made again, of other arrays and elsewhere on the tape."""
        event = _new(Event)
        event.kind, event.index, event.args = self.kind, index, args
        event.shape, event.dtype, event.size = self.shape, self.dtype, self.size
        event.function, event.kwargs, event.content, event.as_met = (
            self.function,
            self.kwargs,
            self.content,
            self.as_met,
        )
        event.fixed, event.low, event.finite, event.section = self.fixed, self.low, self.finite, self.section
        event.kind_for_rules = self.kind_for_rules
        event.name = event.code = event.label = event.differentiated = None
        event.lasti = 0
        return event

    def with_arguments(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Event:
        """Return the event of the same call of other arrays."""
        event = copy.copy(self)
        event.args, event.kwargs = args, kwargs
        return event

    @property
    def scope(self) -> tuple[str, ...]:
        """The scopes that a call was made in, from the outermost."""
        return () if self.label is None else self.label.scope

    @property
    def is_inner(self) -> bool:
        """True for a call inside a composition: its instruction is that of the whole composition."""
        return self.label is not None and self.label.inner


class Captured:
    """A leaf of the engine's record that a run found or was given, with its value and its gradient inside the run.

    A leaf is a Tensor that no call computed. The leaves of the arguments of a call are another thing: all arrays,
    Tensors and numbers in the arguments. A Tensor may be both.

    Attributes:
        link, tensor: the leaf and its Tensor; no Tensor while the run asked for its gradient alone.
        argument: the position among the leaves of the arguments, or None for a Tensor that the function found.
        value: the stand-in for its value; None before the run read it.
        initial: the stand-in that it had first, which somebody may have written into.
        first: the event of the value at the start of the call.
        order, rewritten: as in `Leaf`.
        grad: the gradient: a stand-in, a Tensor, None, or UNREAD.
        first_grad: the event of the gradient from before the call.
        had_grad: there was a gradient before the call; None while the run has not asked.
    """

    __slots__ = (
        "_written_into", "argument", "first", "first_grad", "grad", "had_grad", "initial", "link", "order",
        "rewritten", "tensor", "value",
    )  # fmt: skip

    def __init__(self, link: Any, order: int, argument: int | None) -> None:
        self.link = link
        self.order = order
        self.rewritten = 0
        self.argument = argument
        self.tensor: Any = None
        self.value: Any = None
        self.initial: Any = None
        self.first: Event | None = None
        self.grad: Any = UNREAD
        self.first_grad: Event | None = None
        self.had_grad: bool | None = None
        self._written_into: bool | None = None

    @property
    def is_written_into(self) -> bool:
        """True where the function writes into the array itself, as `w.data -= step` does and `w.assign` does not."""
        if self._written_into is not None:
            return self._written_into
        return self.initial is not None and self.initial._event is not self.first

    def let_go(self) -> None:
        """Let go of the run, whose program is made: its events would live as long as the program."""
        self._written_into = self.is_written_into
        self.value = self.initial = self.first = self.first_grad = None
        self.grad = UNREAD

    @property
    def owner(self) -> Any:
        """The Tensor as a `Binding` names it: its position among the leaves of the arguments, or its link."""
        return self.link if self.argument is None else self.argument


UNREAD: Any = object()


def events_in(structure: Any) -> list[Event]:
    """Return the events inside nested tuples, lists and dicts, in order."""
    if type(structure) is Event:
        return [structure]
    found: list[Event] = []
    if isinstance(structure, _NESTED):
        for item in structure.values() if isinstance(structure, dict) else structure:
            if type(item) is Event:
                found.append(item)
            elif isinstance(item, _NESTED):
                found += events_in(item)
    return found


def negates(event: Event, other: Event) -> bool:
    """Return whether an array of booleans is the negation of another, or both are broadcast or reshaped from such."""
    if event.function is np.logical_not and event.args[0] is other:
        return tuple(event.shape) == tuple(other.shape)
    alike = event.function is other.function and event.function in (np.broadcast_to, np.reshape)
    if not alike or event.shape != other.shape or event.kwargs or other.kwargs:
        return False
    return type(event.args[0]) is type(other.args[0]) is Event and negates(event.args[0], other.args[0])


# One tuple, made once: `tuple | list | dict` in a call would be made again each time.
_NESTED = (tuple, list, dict)
