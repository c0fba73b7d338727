"""Slow functions: those that NumPy computes one element after the other, by those that it computes many at a time."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygraph.compiler.program.builder import Builder
from tinygraph.compiler.program.rewriting import rewritten
from tinygraph.compiler.program.steps import Step
from tinygraph.compiler.program.symbols import Symbol
from tinygraph.compiler.rewrites.arithmetic import number
from tinygraph.graph import Graph

__all__ = ["steps_by_sign", "sums_of_exponentials"]

# With fewer elements six calls take as long as one: 14 nanoseconds an element against 1.5, and 0.4 microseconds a call.
MANY = 256

LOG2_E = 1 / math.log(2)


def sums_of_exponentials(graph: Graph) -> Graph:
    """np.logaddexp(x, y)  ->  np.maximum(x, y) + np.log1p(np.exp(-np.abs(x - y))), of many floats; np.logaddexp2 alike.

    NumPy computes the same formula. Where both are infinite x - y has no value, and 0 - y stands in its place.
    """

    def change(builder: Builder, step: Step) -> Step | None:
        if step.function not in (np.logaddexp, np.logaddexp2) or step.kwargs or step.size < MANY:
            return None
        if step.dtype.char not in "fd" or any([_is_no_float(item) for item in step.args]):
            return None
        x, y = sorted(step.args, key=lambda item: item.size if type(item) is Step else 0, reverse=True)
        a, b = _symbols(builder, step, x, y)
        known = number(y)
        finite = known is not None and math.isfinite(known)
        apart = -np.abs((a if finite else np.where(np.isinf(b), 0, a)) - b)
        if step.function is np.logaddexp:
            more = np.log1p(np.exp(apart))
        else:
            more = np.log1p(np.exp2(apart)) * LOG2_E
        found = np.maximum(a, b) + more
        return found.step if found.step.dtype == step.dtype and found.shape == step.shape else None

    return rewritten(graph, change)


def _symbols(builder: Builder, step: Step, *items: Any) -> Any:
    return [Symbol(builder, step, item) if type(item) is Step else item for item in items]


def steps_by_sign(graph: Graph) -> Graph:
    """np.heaviside(x, 0)  ->  np.maximum(np.sign(x), 0), of many floats; with 1 or 0.5 at 0 alike."""

    def change(builder: Builder, step: Step) -> Step | None:
        if step.function is not np.heaviside or step.kwargs or step.size < MANY or step.dtype.char not in "fd":
            return None
        x, at_zero = step.args[0], number(step.args[1])
        if type(x) is not Step or x.dtype != step.dtype or x.shape != step.shape or at_zero not in (0, 0.5, 1):
            return None
        if math.copysign(1.0, at_zero) < 0:
            return None
        sign = builder.call(step, np.sign, x)
        if at_zero == 0:
            return builder.call(step, np.maximum, sign, 0)
        more = builder.call(step, np.add, sign, 1)
        return builder.call(step, np.minimum, more, 1) if at_zero == 1 else builder.call(step, np.multiply, more, 0.5)

    return rewritten(graph, change)


def _is_no_float(item: Any) -> bool:
    """Return whether an operand is neither an array of floats nor a number."""
    return item.dtype.char not in "fd" if type(item) is Step else number(item) is None
