"""Roots of one equation or several, and fixed points."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.optimize

from tinygraph.engine.operands import plain
from tinygraph.scipy.callbacks import Callback, not_compiled, plainly
from tinygraph.scipy.calls import array, one_call
from tinygraph.scipy.optimize.implicit import first_of_pair, solved_for, with_derivative

__all__ = [
    "bisect", "brenth", "brentq", "fixed_point", "fsolve", "newton", "ridder", "root", "root_scalar", "toms748",
]  # fmt: skip


@one_call("optimize.root")
def root(
    fun: Callable[..., Any], x0: Any, args: Any = (), method: str = "hybr", jac: Any = None, tol: float | None = None,
    callback: Any = None, options: Any = None,
) -> Any:  # fmt: skip
    """Find a root of several equations; see `scipy.optimize.root`.

    Returns:
        SciPy's result, in which `x` is a Tensor if the equations use Tensors from outside or in `args`.

    Raises:
        UnsupportedError: the call stands in a function that is compiled.
        GraphError: (backward) SciPy found no root, or the Jacobian at the root is singular.
    """
    not_compiled("optimize.root")
    pair = jac is True
    equation = Callback("optimize.root", first_of_pair(fun) if pair else fun, args)
    called = with_derivative(equation, fun) if pair else equation.value
    jac = jac if pair else plainly(jac, equation.args)
    result = scipy.optimize.root(called, plain(array(x0)), (), method, jac, tol, callback, options)
    if equation.met_tensors:
        result.x = solved_for(equation, result.x, bool(result.success))
    return result


@one_call("optimize.fsolve")
def fsolve(
    func: Callable[..., Any], x0: Any, args: Any = (), fprime: Any = None, full_output: Any = 0, **options: Any
) -> Any:
    """Find a root of several equations; see `scipy.optimize.fsolve`. Gradients flow as in `root`."""
    not_compiled("optimize.fsolve")
    equation = Callback("optimize.fsolve", func, args)
    found = scipy.optimize.fsolve(
        equation.value, plain(array(x0)), (), plainly(fprime, equation.args), full_output, **options
    )
    if not equation.met_tensors:
        return found
    if not full_output:
        return solved_for(equation, found)
    x, information, flag, message = found
    return solved_for(equation, x, flag == 1), information, flag, message


@one_call("optimize.root_scalar")
def root_scalar(
    f: Callable[..., Any], args: Any = (), method: str | None = None, bracket: Any = None, fprime: Any = None,
    fprime2: Any = None, x0: Any = None, x1: Any = None, xtol: Any = None, rtol: Any = None, maxiter: Any = None,
    options: Any = None,
) -> Any:  # fmt: skip
    """Find a root of one equation; see `scipy.optimize.root_scalar`.

    Returns:
        SciPy's result, in which `root` is a Tensor if f uses Tensors from outside or in `args`.

    Raises:
        UnsupportedError: the call stands in a function that is compiled.
        GraphError: (backward) SciPy found no root, or the slope at the root is 0.
    """
    not_compiled("optimize.root_scalar")
    pair = fprime is True
    equation = Callback("optimize.root_scalar", first_of_pair(f) if pair else f, args)
    called = with_derivative(equation, f) if pair else equation.value
    result = scipy.optimize.root_scalar(
        called, (), method, _numbers(bracket), fprime if pair else plainly(fprime, equation.args),
        plainly(fprime2, equation.args), _numbers(x0), _numbers(x1), xtol, rtol, maxiter, options,
    )  # fmt: skip
    if equation.met_tensors:
        result.root = solved_for(equation, result.root, bool(result.converged))
    return result


def _numbers(structure: Any) -> Any:
    """Return where a search starts as plain numbers: the root does not depend on it."""
    return plain(tuple(structure)) if isinstance(structure, list | tuple) else plain(structure)


def _bracketed(name: str) -> Any:
    """Return a function of SciPy's that finds a root between two numbers, for Tensors."""
    original = getattr(scipy.optimize, name)

    @one_call(f"optimize.{name}")
    def find(f: Callable[..., Any], a: Any, b: Any, args: Any = (), **options: Any) -> Any:
        not_compiled(f"optimize.{name}")
        equation = Callback(f"optimize.{name}", f, args)
        found = original(equation.value, plain(a), plain(b), **options)
        if not equation.met_tensors:
            return found
        if not options.get("full_output"):
            return solved_for(equation, found)
        x, result = found
        result.root = solved_for(equation, x, bool(result.converged))
        return result.root, result

    find.__name__ = find.__qualname__ = name
    find.__doc__ = (
        f"Find a root between `a` and `b`; see `scipy.optimize.{name}`. Gradients flow as in `root_scalar`; none flows "
        "to the ends."
    )
    return find


bisect = _bracketed("bisect")
brenth = _bracketed("brenth")
brentq = _bracketed("brentq")
ridder = _bracketed("ridder")
toms748 = _bracketed("toms748")


@one_call("optimize.newton")
def newton(
    func: Callable[..., Any], x0: Any, fprime: Any = None, args: Any = (), tol: float = 1.48e-8, maxiter: int = 50,
    fprime2: Any = None, x1: Any = None, rtol: float = 0.0, full_output: bool = False, disp: bool = True,
) -> Any:  # fmt: skip
    """Find a root near `x0`, or one for each element of it; see `scipy.optimize.newton`.

    Gradients flow as in `root_scalar`.
    """
    not_compiled("optimize.newton")
    equation = Callback("optimize.newton", func, args)
    found = scipy.optimize.newton(
        equation.value, _numbers(x0), plainly(fprime, equation.args), (), tol, maxiter,
        plainly(fprime2, equation.args), _numbers(x1), rtol, full_output, disp,
    )  # fmt: skip
    if not equation.met_tensors:
        return found
    if not full_output:
        return solved_for(equation, found)
    x, *rest = found
    converged = bool(np.all(getattr(rest[0], "converged", rest[0])))
    return (solved_for(equation, x, converged), *rest)


@one_call("optimize.fixed_point")
def fixed_point(
    func: Callable[..., Any], x0: Any, args: Any = (), xtol: float = 1e-8, maxiter: int = 500, method: str = "del2"
) -> Any:
    """Find an x that a function gives back; see `scipy.optimize.fixed_point`. Gradients flow as in `root`."""
    not_compiled("optimize.fixed_point")
    mapping = Callback("optimize.fixed_point", func, args)
    x = scipy.optimize.fixed_point(mapping.value, plain(array(x0)), (), xtol, maxiter, method)
    if not mapping.met_tensors:
        return x
    return solved_for(Callback("optimize.fixed_point", lambda x: mapping(x) - x), x)
