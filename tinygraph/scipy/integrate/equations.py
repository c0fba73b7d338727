"""Initial value problems, by the discrete adjoint: SciPy chooses the steps, and these steps are what is recorded.

The gradient is that of the numbers which are returned, with the sizes of the steps as they are. It converges to the
gradient of the equation's solution as the tolerances go to 0.

Source: Griewank and Walther, "Evaluating Derivatives" (2008), chapter 2; Hager, "Runge-Kutta methods in optimal control
and the transformed adjoint system" (2000).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.integrate

from tinygraph.engine.modes import is_recording
from tinygraph.engine.operands import has_tensors, plain
from tinygraph.engine.primitives import primitive
from tinygraph.scipy.callbacks import Callback, not_compiled, plainly
from tinygraph.scipy.calls import array, carries_gradient, constant, floating, one_call, only, unsupported

__all__ = ["odeint", "solve_ivp"]

_METHODS = {name: getattr(scipy.integrate, name) for name in ("RK23", "RK45", "DOP853")}


@primitive
def combination(slopes: list[Any], weights: Any) -> Any:
    """The sum of slopes, each with its weight."""
    return np.dot(np.stack(slopes).T, weights)


combination.derivative(lambda g, z, slopes, weights: [g * weight for weight in weights], None)


class Step:
    """A step of an explicit Runge-Kutta method: from where it starts, its size and its slopes.

    Args:
        fun: the right-hand side, which takes and returns Tensors.
        method: SciPy's class of the method, with its coefficients.
        start, stop: the times.
        y: the state at the start.
        f: the slope at the start.
    """

    def __init__(self, fun: Callable[..., Any], method: Any, start: float, stop: float, y: Any, f: Any) -> None:
        self.fun, self.method, self.start, self.h = fun, method, start, stop - start
        self.y_start, self.slopes = y, [f]
        self._take(method.A[1:], method.C[1:])
        self.y = y + self.h * combination(self.slopes, method.B)
        self.f = fun(start + self.h, self.y)
        self.slopes.append(self.f)
        self._curve: Any = None

    def _take(self, rows: Any, nodes: Any) -> None:
        """Find one more slope for each row of coefficients."""
        for row, node in zip(rows, nodes, strict=True):
            change = combination(list(self.slopes), row[: len(self.slopes)]) * self.h
            self.slopes.append(self.fun(self.start + node * self.h, self.y_start + change))

    def at(self, t: float) -> Any:
        """Return the state within the step, as SciPy's `dense_output` interpolates it."""
        x = (t - self.start) / self.h
        if hasattr(self.method, "A_EXTRA"):
            return self._at_of_order_7(x)
        if self._curve is None:
            self._curve = [combination(self.slopes, column) for column in self.method.P.T]
        return self.h * combination(self._curve, np.cumprod(np.full(len(self._curve), x))) + self.y_start

    def _at_of_order_7(self, x: float) -> Any:
        """Return the state by the interpolation of DOP853, which takes three more slopes."""
        if self._curve is None:
            self._take(self.method.A_EXTRA, self.method.C_EXTRA)
            first, change, h = self.slopes[0], self.y - self.y_start, self.h
            self._curve = [change, h * first - change, 2 * change - h * (self.f + first)]
            self._curve += [h * combination(self.slopes, row) for row in self.method.D]
        y = 0.0
        for place, part in enumerate(reversed(self._curve)):
            y = (y + part) * (x if place % 2 == 0 else 1 - x)
        return y + self.y_start


class Solution:
    """The solution between the steps, as `dense_output=True` returns it: a function of one time, or several."""

    def __init__(self, steps: list[Step], times: Any) -> None:
        self.steps, self.ts = steps, times
        self.t_min, self.t_max = min(times[0], times[-1]), max(times[0], times[-1])

    def __call__(self, t: Any) -> Any:
        """Return the state at a time, or at several in the last axis."""
        t = np.asarray(plain(t), dtype=float)
        if t.ndim == 0:
            return self._at(float(t))
        return np.stack([self._at(float(time)) for time in t], axis=-1)

    def _at(self, t: float) -> Any:
        """Find the step; at the end of a step SciPy takes that step, not the next."""
        forward = self.ts[-1] >= self.ts[0]
        if forward:
            place = int(np.searchsorted(self.ts, t, side="left")) - 1
        else:
            place = len(self.ts) - 1 - int(np.searchsorted(self.ts[::-1], t, side="right"))
        return self.steps[min(max(place, 0), len(self.steps) - 1)].at(t)


@one_call("integrate.solve_ivp")
def solve_ivp(
    fun: Callable[..., Any], t_span: Any, y0: Any, method: Any = "RK45", t_eval: Any = None,
    dense_output: bool = False, events: Any = None, vectorized: bool = False, args: Any = None, **options: Any,
) -> Any:  # fmt: skip
    """Solve an initial value problem by an explicit Runge-Kutta method; see `scipy.integrate.solve_ivp`.

    Gradients flow to `y0`, to the Tensors in `args`, and to those that `fun` uses from outside, through the steps that
    SciPy took. `fun` is called again for each step, and recorded.

    Args:
        method: "RK45", "RK23" or "DOP853".

    Returns:
        SciPy's result, in which `y`, of shape (n, times), is a Tensor, and so is what `sol` returns.

    Raises:
        UnsupportedError: a gradient would flow through an implicit method ("Radau", "BDF", "LSODA"), `events`, or the
            times; or the call stands in a function that is compiled.
    """
    not_compiled("integrate.solve_ivp")
    t_span, t_eval = constant(
        "integrate.solve_ivp", "the times are plain numbers, and no gradient flows to them",
        "Solve from 0 to 1 with lambda s, y: T * fun(T * s, y) for an end T that is a Tensor", (t_span, t_eval),
    )  # fmt: skip
    callback = Callback("integrate.solve_ivp", fun, _unpacked(args))
    # With t_eval the steps themselves are in the interpolation alone.
    dense = dense_output or t_eval is not None
    chosen = _METHODS.get(method, method) if isinstance(method, str) else method
    implicit = chosen not in _METHODS.values()
    without_gradient = implicit or events is not None
    if callable(options.get("jac")):
        options["jac"] = plainly(options["jac"], callback.args)
    result = scipy.integrate.solve_ivp(
        callback.watched if without_gradient else callback.value, t_span, plain(array(y0)), method, t_eval, dense,
        _events(callback, events), vectorized, **plain(options),
    )  # fmt: skip
    if without_gradient:
        plainly_solved = not (callback.met_gradient or carries_gradient(y0))
    else:
        plainly_solved = not is_recording() or not (callback.met_tensors or has_tensors(y0))
    if plainly_solved:
        if not dense_output:
            result.sol = None
        return result
    if implicit:
        name = method if isinstance(method, str) else method.__name__
        raise unsupported(
            "integrate.solve_ivp", f"method={name!r} is implicit, and has no gradient here",
            'Use method="RK45", "RK23" or "DOP853"; for a stiff equation scale time, or write implicit steps with '
            "tinygraph.scipy.optimize.root",
        )  # fmt: skip
    only("integrate.solve_ivp", "Find the time with tinygraph.scipy.optimize.brentq on sol(t)", events=(events, None))
    times = result.sol.ts if dense else result.t
    y = floating(y0)
    steps = _recorded(_right_hand_side(callback, vectorized), chosen, times, y)
    solution = Solution(steps, times)
    if t_eval is not None:
        result.y = np.stack([solution(t) for t in result.t], axis=-1)
    else:
        result.y = np.stack([y, *[step.y for step in steps]], axis=-1)
    result.sol = solution if dense_output else None
    return result


def _unpacked(args: Any) -> tuple[Any, ...]:
    """Return further arguments, which `solve_ivp` takes of any container, unlike the other functions of SciPy's."""
    if args is None:
        return ()
    if isinstance(args, list | tuple) or np.ndim(args) > 0:
        return tuple(args)
    raise TypeError("integrate.solve_ivp: args= is a tuple of arguments, not one. Write args=(k,) for a single k")


def _events(callback: Callback, events: Any) -> Any:
    """Return the functions of a time and a state whose zeros are looked for, as SciPy may call them."""
    if isinstance(events, list | tuple):
        return [callback.watching(event) for event in events]
    return None if events is None else callback.watching(events)


def _right_hand_side(callback: Callback, vectorized: bool) -> Callable[..., Any]:
    """Return the right-hand side of one state: a function of a time and a vector, whose result is a vector."""

    def fun(t: float, y: Any) -> Any:
        found = np.ravel(callback(t, y[:, None])) if vectorized else callback(t, y)
        return found if found.dtype.kind in "fc" else found.astype(np.float64)

    return fun


def _recorded(fun: Callable[..., Any], method: Any, times: Any, y: Any) -> list[Step]:
    """Take the steps between these times on Tensors."""
    steps: list[Step] = []
    f = fun(float(times[0]), y) if len(times) > 1 else None
    for start, stop in itertools.pairwise(times):
        steps.append(Step(fun, method, float(start), float(stop), y, f))
        y, f = steps[-1].y, steps[-1].f
    return steps


@one_call("integrate.odeint")
def odeint(
    func: Callable[..., Any], y0: Any, t: Any, args: Any = (), Dfun: Any = None, col_deriv: Any = 0,  # noqa: N803
    full_output: Any = 0, ml: Any = None, mu: Any = None, rtol: Any = None, atol: Any = None, tcrit: Any = None,
    h0: float = 0.0, hmax: float = 0.0, hmin: float = 0.0, ixpr: Any = 0, mxstep: int = 0, mxhnil: int = 0,
    mxordn: int = 12, mxords: int = 5, printmessg: Any = 0, tfirst: bool = False,
) -> Any:  # fmt: skip
    """Solve an initial value problem at times `t`; see `scipy.integrate.odeint`.

    LSODA, which SciPy uses, has no discrete adjoint. With Tensors the steps are those of DOP853 to the same tolerances,
    so the values agree with SciPy's to these.

    Returns:
        The states, shape (times, n): a Tensor if a gradient flows to `y0`, `args` or a Tensor that `func` uses.

    Raises:
        UnsupportedError: a gradient would flow through `full_output`, or to the times; or the call stands in a function
            that is compiled.
    """
    not_compiled("integrate.odeint")
    callback = Callback("integrate.odeint", func, args)
    t, tcrit, rtol, atol = constant(
        "integrate.odeint", "the times and the tolerances are plain numbers, and no gradient flows to them",
        "Solve from 0 to 1 with lambda y, s: T * func(y, T * s) for an end T that is a Tensor", (t, tcrit, rtol, atol),
    )  # fmt: skip
    if not (carries_gradient(y0) or _meets_gradient(callback, plain(y0), t, tfirst)):
        found = scipy.integrate.odeint(
            callback.watched, plain(array(y0)), t, (), plainly(Dfun, callback.args), col_deriv, full_output, ml, mu,
            rtol, atol, tcrit, h0, hmax, hmin, ixpr, mxstep, mxhnil, mxordn, mxords, printmessg, tfirst,
        )  # fmt: skip
        if not callback.met_gradient:  # a Tensor may come in later than at the start
            return found
    only("integrate.odeint", "It says what LSODA did: call it with t.data", full_output=(bool(full_output), False))
    times = np.asarray(t, dtype=float)
    options: dict[str, Any] = {
        "rtol": 1.49012e-8 if rtol is None else rtol,
        "atol": 1.49012e-8 if atol is None else atol,
    }
    if hmax:
        options["max_step"] = hmax
    fun = func if tfirst else lambda t, y, *args: func(y, t, *args)
    start = np.reshape(array(y0), (-1,))
    result = solve_ivp(fun, (times[0], times[-1]), start, "DOP853", times, args=callback.args, **options)
    if not result.success:
        raise unsupported("integrate.odeint", f"DOP853 found no solution ({result.message})", "Loosen rtol and atol")
    return result.y.T


def _meets_gradient(callback: Callback, y0: Any, t: Any, tfirst: bool) -> bool:
    """Return whether the right-hand side uses Tensors with a gradient at the start."""
    y, time = np.reshape(np.asarray(y0, dtype=float), (-1,)), float(np.asarray(t)[0])
    callback.watched(*((time, y) if tfirst else (y, time)))
    return callback.met_gradient
