"""The implicit function theorem: the x with F(x, p) = 0 moves with p by dx/dp = −(∂F/∂x)⁻¹ ∂F/∂p.

The rule evaluates F again at the solution, so that a recorded pass can be differentiated by the same theorem.

Source: Griewank and Walther, "Evaluating Derivatives" (2008), section 15.1; Blondel et al., "Efficient and modular
implicit differentiation" (2022), equation 3.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinygraph.engine.modes import is_recording, no_grad
from tinygraph.engine.operands import plain
from tinygraph.engine.primitives import primitive
from tinygraph.engine.tensor import Tensor
from tinygraph.errors import GraphError
from tinygraph.scipy.callbacks import Callback

__all__ = ["first_of_pair", "solved_for", "with_derivative"]


@primitive
def solution(outside: list[Any], equation: Callback, value: Any, found: bool) -> Any:
    """The x for which an equation holds, as SciPy found it, from the Tensors from outside."""
    return value


def _by_theorem(g: Any, z: Any, outside: list[Any], equation: Callback, value: Any, found: bool) -> list[Any]:
    if not found:
        raise GraphError(
            f"{equation.call}: SciPy found no solution, so there is no derivative. Look at its `success`, and "
            "start nearer to the solution"
        )
    equation.check()
    record = isinstance(g, Tensor)
    x = z if record else value
    slopes = equation.jacobian(x, record)
    try:
        w = np.linalg.solve(np.transpose(slopes), -np.reshape(g, (-1,)))
    except np.linalg.LinAlgError:
        raise GraphError(
            f"{equation.call}: the Jacobian at the solution is singular, so the solution has no derivative. "
            "Add an equation or a term that makes the solution unique"
        ) from None
    return equation.pulled(np.reshape(w, np.shape(value)), record, x, wanted=(0,))[1:]


solution.derivative(_by_theorem)


def solved_for(equation: Callback, x: Any, found: bool = True) -> Any:
    """Return the solution of an equation: a Tensor, if it uses Tensors from outside; as it is otherwise.

    Args:
        equation: a function of x that is 0 at the solution, with a shape like that of x.
        x: the solution, plain numbers.
        found: False if SciPy has not found one; then it has no derivative.
    """
    if not is_recording():
        return x
    value = np.asarray(x, dtype=float)[()]
    equation.settle(value, wanted=(0,))
    return solution(equation.stand_ins(), equation, value, found) if equation.links else x


def first_of_pair(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that returns a value and its derivative as one that returns the value alone."""

    def value(*xs: Any) -> Any:
        return function(*xs)[0]

    return value


def with_derivative(callback: Callback, function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that returns a value and its derivative, as SciPy may call it."""

    def pair(*xs: Any) -> Any:
        with no_grad():
            value, derivative = function(*xs, *callback.args)
        callback.met_tensors |= isinstance(value, Tensor)
        return plain(value), plain(derivative)

    return pair
