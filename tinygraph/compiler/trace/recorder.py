"""The recorder, as far as a stand-in knows it: each operation on a stand-in is a call of one of these methods."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

__all__ = ["Recorder"]


class Recorder(Protocol):
    """The recorder of a run. Stand-ins are `Any` here, since their class names this one."""

    def check_open(self) -> None:
        """Raise GraphError if the run is over, or belongs to another thread."""

    def operand(self, item: Any) -> Any:
        """Return an argument of a call as an event keeps it: an event in place of a stand-in."""

    def check_known(self, array: Any) -> None:
        """Raise UnsupportedError for a plain array whose numbers may be others at the next call."""

    def own(self, value: Any) -> Any:
        """Return a stand-in for an array of its own, with the same values."""

    def converted(self, traced: Any, dtype: np.dtype[Any]) -> Any:
        """Return a stand-in for a copy in another dtype."""

    def lies_in(self, array: Any, order: str) -> bool:
        """Return whether what a stand-in stands for lies in memory in an order."""

    def as_array(self, value: Any, dtype: Any = None) -> Any:
        """Return `np.asarray(value, dtype)`; a stand-in stays one."""

    def overwrite(self, target: Any, result: Any) -> Any:
        """Record `target[...] = result`, as out= writes it; return the target."""

    def write(self, target: Any, index: Any, value: Any, call: str) -> None:
        """Record `target[index] = value`, for a call as the user spells it."""

    def call(
        self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], is_own: bool = False
    ) -> Any:
        """Carry out a call and record it as one event."""

    def call_ufunc(self, ufunc: np.ufunc, method: str, inputs: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Record a ufunc, or one of its methods, with a stand-in among its arguments."""

    def call_function(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Record any other function of NumPy's with a stand-in among its arguments."""

    def operate(self, function: np.ufunc, *operands: Any) -> Any:
        """Record an operator."""

    def index(self, traced: Any, index: Any) -> Any:
        """Record `traced[index]`."""

    def known_values(self, mask: Any) -> Any:
        """Return the values of an array outside that the program is made for; None for what it computes."""

    def decide(self, traced: Any, ask: Callable[[Any], Any]) -> Any:
        """Record the answer to `bool(traced)` or `operator.index(traced)`, and return it."""
