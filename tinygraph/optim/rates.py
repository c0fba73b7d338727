"""A learning rate: a number in a Tensor, or a schedule; and the check of the numbers that optimisers take."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinygraph import bounds
from tinygraph.engine.tensor import Tensor
from tinygraph.optim.values import current

__all__ = ["LearningRate", "Rate", "RateNow", "checked_number"]

Rate = float | Callable[[Any], Any]


class LearningRate:
    """A number in a Tensor, which a compiled step reads anew at each call, or a schedule.

    Args:
        call: the optimiser's class, for messages.
        rate: a number, or a function of the number of steps taken before.

    Attributes:
        tensor: the Tensor of a number; None for a schedule.
        schedule: the function; None for a number.
    """

    def __init__(self, call: str, rate: Rate) -> None:
        self.call = call
        self.tensor: Tensor | None = None
        self.schedule: Callable[[Any], Any] | None = None
        self.set(rate)

    def set(self, rate: Rate) -> None:
        """Change to another number or schedule. A number goes into the same Tensor."""
        if callable(rate):
            self.tensor, self.schedule = None, rate
            return
        try:
            number = float(rate) if not isinstance(rate, str) else None
        except (TypeError, ValueError):
            number = None
        if number is None:
            raise TypeError(f"{self.call}: the learning rate must be a number or a schedule, got {rate!r}")
        checked_number(self.call, "learning_rate", number)
        if self.tensor is None:
            self.tensor, self.schedule = Tensor(number, name="learning_rate", requires_grad=False), None
        else:
            self.tensor.assign(number)

    def after(self, steps: Any) -> Any:
        """Return the rate of the step that follows a number of steps, float64."""
        if self.schedule is None:
            return current(self.tensor)
        rate = self.schedule(steps)
        return rate if hasattr(rate, "astype") else np.float64(rate)


class RateNow(float):
    """The learning rate of the next step: a number, with the methods of the variable that Keras has in its place."""

    _rate: LearningRate | None = None

    @classmethod
    def of(cls, rate: LearningRate, steps: Any) -> RateNow:
        """Return the number of a rate after some steps."""
        number = cls(rate.after(steps))
        number._rate = rate
        return number

    @property
    def value(self) -> float:
        """The number."""
        return float(self)

    def numpy(self) -> np.float64:
        """Return the number as NumPy's."""
        return np.float64(self)

    def assign(self, rate: Rate) -> None:
        """Change the optimiser's rate, as `optimizer.learning_rate = rate` does."""
        if self._rate is not None:
            self._rate.set(rate)

    def __reduce__(self) -> Any:
        """A copy is a plain number: it belongs to no optimiser."""
        return float, (float(self),)


def checked_number(call: str, name: str, value: float, below: float = np.inf) -> float:
    """Return a number from 0 to below a bound; raise ValueError or TypeError for any other."""
    found: float = bounds.number(call, name, value, least=0, below=below)
    return found
