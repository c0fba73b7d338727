"""The trace of one run, and what the engine's backward pass tells it and asks of it."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygraph.compiler.tracing.outside import WithTensors
from tinygraph.derivatives.table import function_name
from tinygraph.errors import GraphError
from tinygraph.links import Call, Leaf, Like, arguments
from tinygraph.operands import plain
from tinygraph.source import assigned_name, source_of
from tinygraph.tensor import Tensor

__all__ = ["Trace"]

# Elementwise functions whose slope can be infinite, for finite operands or for large ones.
_STEEP = frozenset((
    np.sqrt, np.cbrt, np.log, np.log2, np.log10, np.log1p, np.divide, np.reciprocal, np.power, np.float_power,
    np.exp, np.exp2, np.expm1, np.sinh, np.cosh, np.tan, np.arcsin, np.arccos, np.arccosh, np.arctanh,
))  # fmt: skip


class Trace(WithTensors):
    """One run of a function, through its forward calls, its backward pass and its updates."""

    def enter_backward(self, seeds: Any) -> list[Any]:
        """A backward pass begins: its seeds, so that what is made of them is recorded."""
        self.depth += 1
        return [seed if type(seed) is Tensor else self.lift(seed) for seed in seeds]

    def leave_backward(self) -> None:
        """A backward pass is over."""
        self.depth -= 1

    def check_passable(self, calls: list[Call]) -> None:
        """Refuse to go back into calls that were recorded before the function was called."""
        for call in calls:
            if call.order < self.since:
                raise GraphError(
                    f"compile: a gradient would flow from {self.call_name} into a {function_name(call.op.function)} "
                    f"that was recorded outside ({source_of(call.code, call.lasti)}), and a compiled function records "
                    "nothing. Compute it inside, or cut the tie with detach()"
                )

    def name_cotangent(self, call: Call, g: Any) -> None:
        """Call the gradient with respect to z d_z."""
        step = getattr(plain(g), "_step", None)
        name = getattr(call.label, "name", None) or assigned_name(call.code, call.lasti)
        if step is not None and name is not None and step.name is None and step.section == "backward":
            step.name = f"d_{name}"

    def where_it_matters(self, call: Call, g: Any, z: Any, args: tuple[Any, ...]) -> tuple[Any, tuple[Any, ...]]:
        """The result and arguments of a call for its rules, moved to a regular point where the cotangent is 0.

        Where `np.where` leaves an element out its cotangent is 0, and the slope there may be infinite; 0 · ∞ is NaN.
        The eager pass looks for a NaN, which costs nothing. A program cannot change its course, so it asks, but only
        where both can happen.
        """
        function: Any = call.op.function
        step = getattr(plain(g), "_step", None)
        if function not in _STEEP or step is None or not step.masked:
            return z, args
        lows = [
            getattr(getattr(item._value, "_step", None), "low", -np.inf) if isinstance(item, Call | Leaf) else item
            for item in arguments(call)[0]
        ]
        last = lows[-1] if isinstance(lows[-1], int | float | np.number) else -np.inf
        if (
            (function in (np.sqrt, np.cbrt, np.log, np.log2, np.log10, np.reciprocal, np.divide) and last > 0)
            or (function is np.log1p and last >= 0)
            or (function is np.power and last >= 1)
        ):
            return z, args
        regular = 1.5 if function is np.arccosh else 0.5
        nothing = g == 0
        there = float(function(*[regular] * function.nin))

        def moved(item: Any, to: float) -> Any:
            # What no rule reads was not kept, and a Like stands for it.
            return np.where(nothing, to, item) if hasattr(item, "dtype") and type(item) is not Like else item

        return moved(z, there), tuple([moved(item, regular) for item in args])
