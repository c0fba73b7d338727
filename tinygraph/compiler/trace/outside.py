"""Outside: the leaves that a run finds or is given, each with its value and its gradient inside the run."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygraph.compiler.trace.events import UNREAD, Captured, Event
from tinygraph.compiler.trace.recording import Recording
from tinygraph.compiler.trace.refused import refused
from tinygraph.compiler.trace.traced import Traced
from tinygraph.engine.links import Leaf
from tinygraph.engine.ownership import StandInMemory, read_only
from tinygraph.engine.tensor import Tensor
from tinygraph.engine.value import Value

__all__ = ["LEAF_ORDER", "LEAF_VALUE", "TENSOR_VALUE", "Outside", "event_of"]

# The slots themselves: while a function is traced, others stand in their place.
TENSOR_VALUE: Any = Value.__dict__["_value"]
LEAF_VALUE: Any = Leaf.__dict__["_value"]
LEAF_ORDER: Any = Leaf.__dict__["order"]


class Outside:
    """The leaves from outside that a run found, each with its value and gradient inside the run.

    Args:
        recording: makes the stand-ins for their values and gradients.

    Attributes:
        captured: by its link each leaf, in the order in which the run met them.
    """

    def __init__(self, recording: Recording) -> None:
        self.captured: dict[Any, Captured] = {}
        self._recording = recording
        self._tape = recording.tape

    def captured_leaf(self, link: Leaf, tensor: Any = None) -> Captured:
        """Return the run's copy of a leaf that is older than the run. It is read where its Tensor is known."""
        found = self.captured.get(link)
        if found is None:
            found = self.captured[link] = Captured(link, LEAF_ORDER.__get__(link), None)
        if tensor is not None and found.tensor is None:
            found.tensor = tensor
        if found.value is None and found.tensor is not None:
            value = TENSOR_VALUE.__get__(found.tensor)
            found.first = self._tape.event("state", value.shape, value.dtype, link.name)
            found.value = Traced(
                self._recording, found.first, read_only(value), memory=StandInMemory("a Tensor from outside")
            )
            found.initial = found.value
        return found

    def capture_argument(self, tensor: Tensor, position: int, name: str) -> None:
        """Capture a leaf that is an argument. One that is given twice has its first position."""
        link = tensor._link
        if link in self.captured:
            return
        self.captured[link] = Captured(link, LEAF_ORDER.__get__(link), position)
        self.captured_leaf(link, tensor).first.name = name  # type: ignore[union-attr]

    def value_of_tensor(self, tensor: Any, value: Any) -> Any:
        """Return the stand-in for a Tensor's value."""
        if type(value) is Traced:
            return value
        link = tensor._link
        if isinstance(link, Leaf):
            return self.captured_leaf(link, tensor).value
        return self._recording.array(value) if type(value) is np.ndarray else self._recording.lift(value)

    def set_value_of_tensor(self, tensor: Any, value: Any) -> bool:
        """Give a Tensor a value inside the run; return False for a Tensor of the run's own, which is written to."""
        link = tensor._link
        if not (isinstance(link, Leaf) and LEAF_ORDER.__get__(link) < self._tape.since):
            return False
        lifted = self._recording.lift(value)
        own = StandInMemory("a Tensor from outside")  # a write into one of the two arrays is none into the other
        event = self._recording.operand(lifted)
        self.captured_leaf(link, tensor).value = Traced(self._recording, event, lifted._value, memory=own)
        return True

    def grad_of(self, link: Any, gradient: Any) -> Any:
        """Return the stand-in for the gradient of an older leaf, or None."""
        captured = self.captured_leaf(link)
        if captured.grad is UNREAD:
            captured.had_grad = gradient is not None
            captured.grad = None
            if gradient is not None:
                array = np.asarray(gradient._value if type(gradient) is Tensor else gradient)
                captured.first_grad = self._tape.event("gradient", array.shape, array.dtype)
                captured.grad = Traced(self._recording, captured.first_grad, read_only(array))
        return captured.grad

    def set_grad_of(self, link: Any, gradient: Any) -> None:
        """Give an older leaf a gradient inside the run."""
        self.captured_leaf(link).grad = None if gradient is None else self.own_gradient(gradient)

    def own_gradient(self, gradient: Any) -> Any:
        """Return a gradient as an array of its own; a Tensor, of a recorded pass, as it is."""
        return gradient if type(gradient) is Tensor else self._recording.own(gradient)

    def check_own(self, link: Any, what: str) -> None:
        """Refuse to change anything but the value and the gradient of a Tensor from outside.

        Args:
            link: of the Tensor.
            what: would be changed, for the message.
        """
        if (LEAF_ORDER.__get__(link) if isinstance(link, Leaf) else link.order) < self._tape.since:
            raise refused(
                f"{what} of a Tensor from outside is changed",
                "Set it before the call; give a Tensor another value with assign(), or under tg.no_grad()",
            )


def event_of(gradient: Any) -> Event:
    """Return the event of a gradient, which is a stand-in or a Tensor."""
    value = TENSOR_VALUE.__get__(gradient) if type(gradient) is Tensor else gradient
    event: Event = value._event
    return event
