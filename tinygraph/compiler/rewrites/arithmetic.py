"""Rewrites by the rules of arithmetic that hold for floating-point numbers too."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinygraph.compiler.steps import Builder, Step, rewritten
from tinygraph.graph import Graph


def number(item: Any) -> Any:
    """The value of a constant that is one number, else None."""
    if type(item) is Step and item.is_constant and item.value is not None and item.value.size == 1:
        return item.value.reshape(-1)[0].item()
    return item if type(item) in (int, float) else item.item() if isinstance(item, np.floating | np.integer) else None


def drop_identities(graph: Graph) -> Graph:
    """x * 1 -> x, x / 1 -> x, x + 0 -> x, x - 0 -> x, -(-x) -> x, a + (-b) -> a - b, a - (-b) -> a + b,
    (-x) * 2 -> x * -2, x / 8 -> x * 0.125 for powers of two.
    """

    def change(builder: Builder, step: Step) -> Step | None:
        rule = _IDENTITIES.get(step.function) if not step.kwargs else None
        found = None if rule is None else rule(builder, step)
        if type(found) is not Step or found.shape != step.shape or found.dtype != step.dtype:
            return None
        return found

    return rewritten(graph, change)


def _negated(item: Any) -> Any:
    """What is negated, or None."""
    return item.args[0] if type(item) is Step and item.function is np.negative else None


def _multiply(builder: Builder, step: Step) -> Any:
    x, y = step.args
    if number(y) == 1:
        return x
    if number(x) == 1:
        return y
    if number(y) == -1 and type(x) is Step:
        return builder.call(step, np.negative, x)
    if number(x) == -1 and type(y) is Step:
        return builder.call(step, np.negative, y)
    a, b = _negated(x), _negated(y)
    if a is not None and b is not None:
        return builder.call(step, np.multiply, a, b)
    if a is not None and type(y) in (int, float):
        return builder.call(step, np.multiply, a, -y)
    if b is not None and type(x) in (int, float):
        return builder.call(step, np.multiply, -x, b)
    return None


def _add(builder: Builder, step: Step) -> Any:
    x, y = step.args
    if number(y) == 0:
        return x
    if number(x) == 0:
        return y
    if (b := _negated(y)) is not None:
        return builder.call(step, np.subtract, x, b)
    if (a := _negated(x)) is not None:
        return builder.call(step, np.subtract, y, a)
    return None


def _subtract(builder: Builder, step: Step) -> Any:
    x, y = step.args
    if number(y) == 0:
        return x
    if (b := _negated(y)) is not None:
        return builder.call(step, np.add, x, b)
    return None


def _divide(builder: Builder, step: Step) -> Any:
    x, y = step.args
    divisor = number(y)
    if divisor == 1:
        return x
    if type(y) in (int, float) and step.dtype.kind in "fc" and divisor and np.frexp(abs(divisor))[0] == 0.5:
        return builder.call(step, np.multiply, x, 1 / divisor) if 1e-30 < abs(divisor) < 1e30 else None
    return None


def _negative(builder: Builder, step: Step) -> Any:
    return _negated(step.args[0])


_IDENTITIES: dict[Any, Callable[[Builder, Step], Any]] = {
    np.multiply: _multiply,
    np.add: _add,
    np.subtract: _subtract,
    np.divide: _divide,
    np.negative: _negative,
    np.positive: lambda builder, step: step.args[0],
}


def powers_by_multiplication(graph: Graph) -> Graph:
    """x ** 2 -> square(x), x ** 3 -> x * x * x, x ** 0.5 -> sqrt(x), x ** -1 -> 1 / x, x ** 1 -> x."""

    def change(builder: Builder, step: Step) -> Step | None:
        if step.function is not np.power or step.kwargs or step.dtype.kind not in "fc":
            return None
        x, exponent = step.args[0], number(step.args[1])
        if type(x) is not Step or x.shape != step.shape or x.dtype != step.dtype:
            return None
        if exponent == 1:
            return x
        if exponent == 2:
            return builder.call(step, np.square, x)
        if exponent == 3:
            return builder.call(step, np.multiply, builder.call(step, np.multiply, x, x), x)
        if exponent == 0.5:
            return builder.call(step, np.sqrt, x)
        return builder.call(step, np.reciprocal, x) if exponent == -1 else None

    return rewritten(graph, change)
