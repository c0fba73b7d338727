"""Outside: the Tensors that a run finds, or is given, and its own copies of what they are."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygraph.compiler.trace.events import UNREAD, Captured, Event
from tinygraph.compiler.trace.refused import refused
from tinygraph.compiler.trace.tape import Tape
from tinygraph.compiler.trace.traced import Traced
from tinygraph.engine.links import Leaf
from tinygraph.engine.ownership import Memory, read_only
from tinygraph.engine.tensor import Tensor
from tinygraph.engine.value import Value

__all__ = ["LEAF_ORDER", "LEAF_VALUE", "TENSOR_VALUE", "Outside", "event_of"]

# The slots themselves, whatever stands in their place while a function is traced.
TENSOR_VALUE: Any = Value.__dict__["_value"]
LEAF_VALUE: Any = Leaf.__dict__["_value"]
LEAF_ORDER: Any = Leaf.__dict__["order"]


class Outside:
    """The leaves from outside that a run found, each with its value and gradient inside the run.

    Args:
        tape: records what is read of them.
    """

    def __init__(self, tape: Tape) -> None:
        self.tape = tape
        self.captured: dict[Any, Captured] = {}

    def captured_leaf(self, link: Leaf, tensor: Any = None) -> Captured:
        """The run's state of a leaf that is older than the run."""
        found = self.captured.get(link)
        if found is None:
            found = self.captured[link] = Captured(link, LEAF_ORDER.__get__(link), None)
        if tensor is not None and found.tensor is None:
            found.tensor = tensor
        if found.value is None and found.tensor is not None:
            value = TENSOR_VALUE.__get__(found.tensor)
            found.first = self.tape.event("state", value.shape, value.dtype, link.name)
            found.value = Traced(self.tape, found.first, read_only(value), memory=Memory("a Tensor from outside"))
            found.initial = found.value
        return found

    def given_tensor(self, tensor: Tensor, position: int, name: str) -> None:
        """A leaf that is an argument. Where it is given more than once it is known by its first position."""
        link = tensor._link
        if link in self.captured:
            return
        self.captured[link] = Captured(link, LEAF_ORDER.__get__(link), position)
        self.captured_leaf(link, tensor).first.name = name  # type: ignore[union-attr]

    def value_of_tensor(self, tensor: Any, value: Any) -> Any:
        """Read a Tensor's value."""
        if type(value) is Traced:
            return value
        link = tensor._link
        if isinstance(link, Leaf):
            return self.captured_leaf(link, tensor).value
        return self.tape.array(value) if type(value) is np.ndarray else self.tape.lift(value)

    def set_value_of_tensor(self, tensor: Any, value: Any) -> bool:
        """A Tensor is given a value. Returns whether that stays inside the run."""
        link = tensor._link
        if not (isinstance(link, Leaf) and LEAF_ORDER.__get__(link) < self.tape.since):
            return False
        self.captured_leaf(link, tensor).value = self._own(self.tape.lift(value))
        return True

    def _own(self, traced: Traced) -> Traced:
        """The same value as an array of its own, so that an update in place of one is none of the other."""
        return Traced(self.tape, self.tape.operand(traced), traced._value, memory=Memory("a Tensor from outside"))

    def grad_of(self, link: Any, gradient: Any) -> Any:
        """Read the gradient of an older leaf."""
        captured = self.captured_leaf(link)
        if captured.grad is UNREAD:
            captured.had_grad = gradient is not None
            captured.grad = None
            if gradient is not None:
                array = np.asarray(gradient._value if type(gradient) is Tensor else gradient)
                captured.first_grad = self.tape.event("gradient", array.shape, array.dtype)
                captured.grad = Traced(self.tape, captured.first_grad, read_only(array))
        return captured.grad

    def set_grad_of(self, link: Any, gradient: Any) -> None:
        """An older leaf is given a gradient."""
        self.captured_leaf(link).grad = None if gradient is None else self.own_gradient(gradient)

    def own_gradient(self, gradient: Any) -> Any:
        """A gradient in an array of its own; a Tensor, of a recorded pass, as it is."""
        return gradient if type(gradient) is Tensor else self.tape.own(gradient)

    def check_own(self, link: Any, what: str) -> None:
        """Refuse to change what a Tensor from outside is, as opposed to its value."""
        if (LEAF_ORDER.__get__(link) if isinstance(link, Leaf) else link.order) < self.tape.since:
            raise refused(
                f"{what} of a Tensor from outside is changed",
                "Set it before the call; give a Tensor another value with assign(), or under tg.no_grad()",
            )


def event_of(gradient: Any) -> Event:
    """The event of a gradient, a Traced or a Tensor."""
    value = TENSOR_VALUE.__get__(gradient) if type(gradient) is Tensor else gradient
    event: Event = value._event
    return event
