"""Minima: the equation that a minimum satisfies is that the gradient is 0."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.optimize

from tinygraph.engine.operands import plain
from tinygraph.scipy.callbacks import Callback, not_compiled, plainly
from tinygraph.scipy.calls import array, constant, one_call, only, unsupported
from tinygraph.scipy.optimize.implicit import first_of_pair, solved_for, with_derivative
from tinygraph.transforms.gradients import grad

__all__ = ["minimize", "minimize_scalar", "stationary"]

# As near to a bound an element counts as held by it.
_AT_BOUND = 1e-8
# `status` of BFGS and CG where rounding stops the search: at a minimum, as a rule.
_PRECISION_LOST = 2


def stationary(objective: Callback, x: Any, held: Any = False) -> Callback:
    """Return the equation of a minimum: the gradient is 0, and the elements that a bound holds stay.

    Args:
        objective: the function that was minimised.
        x: the minimum.
        held: True for the elements that a bound holds.
    """
    slope = grad(lambda x: objective(x))

    def equation(x_: Any) -> Any:
        found = slope(x_)
        return np.where(held, x_ - x, found) if np.any(held) else found

    return Callback(objective.call, equation)


def held_by(bounds: Any, x: Any) -> Any:
    """Return which elements of a minimum lie at a bound."""
    if bounds is None:
        return np.zeros(np.shape(x), bool)
    if isinstance(bounds, scipy.optimize.Bounds):
        low, high = bounds.lb, bounds.ub
    else:
        low = np.array([-np.inf if pair[0] is None else pair[0] for pair in bounds], dtype=float)
        high = np.array([np.inf if pair[1] is None else pair[1] for pair in bounds], dtype=float)
    at = np.zeros(np.shape(x), bool)
    for side in (low, high):
        side = np.broadcast_to(side, np.shape(x))
        finite = np.where(np.isfinite(side), side, 0.0)
        at |= np.isfinite(side) & (np.abs(x - finite) <= _AT_BOUND * np.maximum(1, np.abs(finite)))
    return at


@one_call("optimize.minimize")
def minimize(
    fun: Callable[..., Any], x0: Any, args: Any = (), method: Any = None, jac: Any = None, hess: Any = None,
    hessp: Any = None, bounds: Any = None, constraints: Any = (), tol: float | None = None, callback: Any = None,
    options: Any = None,
) -> Any:  # fmt: skip
    """Minimise a function of several numbers; see `scipy.optimize.minimize`.

    The derivative of the minimum takes the Hessian of `fun`, which must be smooth there. Elements at a bound stay.
    The gradient is as exact as the minimum: give SciPy the derivative, `jac=tg.grad(fun)`.

    Returns:
        SciPy's result, in which `x` and `fun` are Tensors if `fun` uses Tensors from outside or in `args`.

    Raises:
        UnsupportedError: a gradient would flow through constraints, or to a bound; or the call stands in a function
            that is compiled.
        GraphError: (backward) SciPy found no minimum, or the Hessian there is singular.
    """
    not_compiled("optimize.minimize")
    bounds, constraints = constant(
        "optimize.minimize", "no gradient flows to bounds and constraints", "Give them as plain numbers, t.data",
        (bounds, constraints),
    )  # fmt: skip
    pair = jac is True
    objective = Callback("optimize.minimize", first_of_pair(fun) if pair else fun, args)
    called = with_derivative(objective, fun) if pair else objective.value
    given = [plainly(item, objective.args) for item in (hess, hessp)]
    jac = jac if pair else plainly(jac, objective.args)
    result = scipy.optimize.minimize(
        called, plain(array(x0)), (), method, jac, *given, bounds, constraints, tol, callback, options
    )
    if not objective.met_tensors or not objective.has_gradient(result.x):
        return result
    if constraints:
        only(
            "optimize.minimize", "Write the constraints into the function, by eliminating variables",
            constraints=(constraints, ()),
        )  # fmt: skip
    found = bool(result.success) or result.get("status") == _PRECISION_LOST
    held = held_by(bounds, result.x)
    result.x = solved_for(stationary(objective, result.x, held), result.x, found)
    result.fun = objective(result.x)
    return result


@one_call("optimize.minimize_scalar")
def minimize_scalar(
    fun: Callable[..., Any], bracket: Any = None, bounds: Any = None, args: Any = (), method: Any = None,
    tol: float | None = None, options: Any = None,
) -> Any:  # fmt: skip
    """Minimise a function of one number; see `scipy.optimize.minimize_scalar`. Gradients flow as in `minimize`.

    Raises:
        UnsupportedError: as `minimize`; or the minimum lies at a bound.
    """
    not_compiled("optimize.minimize_scalar")
    objective = Callback("optimize.minimize_scalar", fun, args)
    result = scipy.optimize.minimize_scalar(objective.value, plain(bracket), plain(bounds), (), method, tol, options)
    if not objective.met_tensors or not objective.has_gradient(result.x):
        return result
    if bounds is not None and np.any(np.abs(result.x - np.asarray(plain(bounds))) < 1e-4 * abs(np.diff(plain(bounds)))):
        raise unsupported(
            "optimize.minimize_scalar", f"the minimum lies at a bound, {result.x}", "Minimise within wider bounds"
        )
    result.x = solved_for(stationary(objective, result.x), result.x, bool(result.success))
    result.fun = objective(result.x)
    return result
