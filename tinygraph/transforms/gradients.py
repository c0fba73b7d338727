"""Gradients of functions that return a scalar: `value_and_grad` and `grad`."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinygraph.engine.tensor import Tensor
from tinygraph.nests import filled
from tinygraph.transforms.compiled import compiled_as_its_function
from tinygraph.transforms.running import Run, check_function, chosen_positions

__all__ = ["grad", "value_and_grad"]


@compiled_as_its_function
def value_and_grad(
    f: Callable[..., Any], argnums: int | Sequence[int] = 0, has_aux: bool = False
) -> Callable[..., Any]:
    """Return a function that returns f's value and its gradient.

    Args:
        f: a function that returns a scalar, or with `has_aux` a pair of a scalar and anything.
        argnums: the positions of the arguments to differentiate, one or several. Each may be nested containers.
        has_aux: f returns (value, aux).

    Returns:
        A function of f's arguments that returns `(value, gradient)`, or `((value, aux), gradient)`. The gradient has
        the structure of the argument; for several `argnums` it is a tuple.

    Raises (when called):
        ShapeError: f did not return a scalar.
        TypeError: f did not return a real number, an argument has a dtype without gradients, or `argnums` names an
            argument that is not there.
    """
    return value_and_gradient("grad", f, argnums, has_aux)


def value_and_gradient(
    call: str, f: Callable[..., Any], argnums: int | Sequence[int], has_aux: bool
) -> Callable[..., Any]:
    """Return what `value_and_grad` returns; errors name the call of the user, such as "hessian"."""
    check_function(call, f)

    @functools.wraps(f)
    def differentiated(*args: Any, **kwargs: Any) -> Any:
        run = Run(call, f, args, kwargs, chosen_positions(argnums, len(args), call), has_aux)
        output = run.scalar()
        value = run.value
        if output is None:
            pulled = run.zeros()
        else:
            pulled = run.pull([output], [output.dtype.type(1)], retain=isinstance(value, Tensor))
        gradient = tuple(filled(run.inputs, pulled))
        result = gradient[0] if isinstance(argnums, int | np.integer) else gradient
        return ((value, run.aux), result) if has_aux else (value, result)

    return differentiated


@compiled_as_its_function
def grad(f: Callable[..., Any], argnums: int | Sequence[int] = 0, has_aux: bool = False) -> Callable[..., Any]:
    """Return a function that returns the gradient of f, where f returns a scalar.

    `tg.grad(tg.grad(f))` is the second derivative. Arguments and errors are those of `value_and_grad`; with `has_aux`
    the result is `(gradient, aux)`.

    Example:
        >>> grad(lambda x: x**3)(2.0)
        array(12.)
    """
    return gradient_of("grad", f, argnums, has_aux)


def gradient_of(call: str, f: Callable[..., Any], argnums: int | Sequence[int], has_aux: bool) -> Callable[..., Any]:
    """Return what `grad` returns; errors name the call of the user."""
    both = value_and_gradient(call, f, argnums, has_aux)

    @functools.wraps(f)
    def gradient(*args: Any, **kwargs: Any) -> Any:
        value, found = both(*args, **kwargs)
        return (found, value[1]) if has_aux else found

    return gradient
