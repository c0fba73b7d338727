"""Least squares: the minimum of half the sum of squared residuals."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.optimize

from tinygraph.engine.operands import has_tensors, plain
from tinygraph.scipy.callbacks import Callback, not_compiled, plainly
from tinygraph.scipy.calls import array, constant, one_call, only
from tinygraph.scipy.optimize.implicit import solved_for
from tinygraph.scipy.optimize.minima import held_by, stationary

__all__ = ["curve_fit", "least_squares"]


def _half_square(residuals: Callback) -> Callback:
    return Callback(residuals.call, lambda x: 0.5 * np.sum(np.square(residuals(x))))


@one_call("optimize.least_squares")
def least_squares(
    fun: Callable[..., Any], x0: Any, jac: Any = "2-point", bounds: Any = (-np.inf, np.inf), method: str = "trf",
    *, loss: Any = "linear", args: Any = (), kwargs: Any = None, **options: Any,
) -> Any:  # fmt: skip
    """Minimise half the sum of squared residuals; see `scipy.optimize.least_squares`.

    The derivative of the minimum takes the whole Hessian, that of the residuals included.

    Returns:
        SciPy's result, in which `x`, `fun` and `cost` are Tensors if `fun` uses Tensors from outside or in `args`.

    Raises:
        UnsupportedError: `loss` is not "linear", or a bound is a Tensor; or the call stands in a function that is
            compiled.
        GraphError: (backward) SciPy found no minimum, or the Hessian there is singular.
    """
    not_compiled("optimize.least_squares")
    bounds = _plain_bounds("optimize.least_squares", bounds)
    residuals = Callback("optimize.least_squares", functools.partial(fun, **(kwargs or {})), args)
    result = scipy.optimize.least_squares(
        residuals.value, plain(array(x0)), plainly(jac, residuals.args), bounds, method, loss=loss, **options
    )
    if not residuals.met_tensors or not residuals.has_gradient(result.x):
        return result
    only("optimize.least_squares", "Minimise the loss itself, with minimize", loss=(loss, "linear"))
    held = np.asarray(result.active_mask) != 0
    result.x = solved_for(stationary(_half_square(residuals), result.x, held), result.x, bool(result.success))
    result.fun = residuals(result.x)
    result.cost = 0.5 * np.sum(np.square(result.fun))
    return result


def _plain_bounds(call: str, bounds: Any) -> Any:
    return constant(call, "no gradient flows to bounds", "Give them as plain numbers, t.data", bounds)


@one_call("optimize.curve_fit")
def curve_fit(
    f: Callable[..., Any], xdata: Any, ydata: Any, p0: Any = None, sigma: Any = None, absolute_sigma: bool = False,
    check_finite: Any = None, bounds: Any = (-np.inf, np.inf), method: Any = None, jac: Any = None, **options: Any,
) -> Any:  # fmt: skip
    """Fit the parameters of a function to data; see `scipy.optimize.curve_fit`.

    Gradients flow to `xdata`, `ydata`, `sigma` and to Tensors that f uses from outside. The covariance of the
    parameters is a plain array.

    Returns:
        The parameters, a Tensor if a Tensor took part, their covariance, and what `full_output` adds.

    Raises:
        UnsupportedError: a bound is a Tensor; or the call stands in a function that is compiled.
        GraphError: (backward) the Hessian at the minimum is singular.
    """
    not_compiled("optimize.curve_fit")
    bounds = _plain_bounds("optimize.curve_fit", bounds)
    model = Callback("optimize.curve_fit", f)

    @functools.wraps(f)  # SciPy counts the parameters
    def called(x: Any, *parameters: Any) -> Any:
        return model.value(x, *parameters)

    places = plain(xdata) if isinstance(xdata, tuple) else plain(array(xdata))
    given = [None if item is None else plain(array(item)) for item in (ydata, sigma)]
    found = scipy.optimize.curve_fit(
        called, places, given[0], p0 if p0 is None else plain(array(p0)), given[1], absolute_sigma,
        *(() if check_finite is None else (check_finite,)), bounds=bounds, method=method, jac=plainly(jac, ()),
        **options,
    )  # fmt: skip
    parameters, *rest = found
    if not (model.met_tensors or has_tensors((xdata, ydata, sigma))):
        return (parameters, *rest)

    def residuals(p: Any) -> Any:
        away = model(xdata, *p) - array(ydata)
        if sigma is None:
            return away
        spread = array(sigma)
        return away / spread if spread.ndim < 2 else np.linalg.solve(np.linalg.cholesky(spread), away)

    held = held_by(_pairs(bounds, len(parameters)), parameters)
    objective = _half_square(Callback("optimize.curve_fit", residuals))
    return (solved_for(stationary(objective, parameters, held), parameters), *rest)


def _pairs(bounds: Any, count: int) -> Any:
    """Return the bounds of `curve_fit` as those of `minimize`."""
    if isinstance(bounds, scipy.optimize.Bounds):
        return bounds
    return scipy.optimize.Bounds(*[np.broadcast_to(side, (count,)) for side in bounds])
