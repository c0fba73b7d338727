"""Jacobians and Hessians, as arrays: `jacobian` and `hessian`."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinygraph.engine.operands import plain
from tinygraph.engine.primitives import primitive
from tinygraph.engine.tensor import Tensor
from tinygraph.errors import UnsupportedError
from tinygraph.functions.checks import CHECKS
from tinygraph.nests import filled, tree_leaves, tree_map
from tinygraph.transforms.compiled import compiled_as_its_function
from tinygraph.transforms.gradients import gradient_of
from tinygraph.transforms.running import Run, check_function, chosen_positions

__all__ = ["hessian", "jacobian"]


@compiled_as_its_function
def jacobian(f: Callable[..., Any], argnums: int | Sequence[int] = 0, has_aux: bool = False) -> Callable[..., Any]:
    """Return a function that returns the Jacobian of f: the derivative of every output by every input element.

    Args:
        f: a function that returns arrays, nested in any way.
        argnums: the positions of the arguments to differentiate, one or several. Each may be nested containers.
        has_aux: f returns (y, aux).

    Returns:
        A function of f's arguments. For each output of shape `out` and each input of shape `in` it returns an array of
        shape `out + in`. The arrays stand in the structure of the output, and within it in the structure of the
        argument; for several `argnums` in a tuple of these. With `has_aux` the result is `(jacobian, aux)`. The cost
        is one backward pass an output element, or two where the output is complex.

        For a complex output it is the complex derivative: f(x + dx) ≈ f(x) + J dx. For a real output and a complex
        argument it holds gradients, ∂y/∂Re x + i·∂y/∂Im x, as `grad` does.

    Raises (when called):
        UnsupportedError: a complex output has no derivative by a complex argument: f uses `conjugate`, `real`, `abs` or
            the like.
        TypeError: an argument has a dtype without gradients, or `argnums` names an argument that is not there.
    """
    return _jacobian("jacobian", f, argnums, has_aux)


def _jacobian(call: str, f: Callable[..., Any], argnums: int | Sequence[int], has_aux: bool) -> Callable[..., Any]:
    """Return what `jacobian` returns; errors name the call of the user."""
    check_function(call, f)

    @functools.wraps(f)
    def differentiated(*args: Any, **kwargs: Any) -> Any:
        run = Run(call, f, args, kwargs, chosen_positions(argnums, len(args), call), has_aux)

        def by_inputs(output: Any) -> Any:
            found = tuple(filled(run.inputs, _blocks(run, output)))
            return found[0] if isinstance(argnums, int | np.integer) else found

        result = tree_map(by_inputs, run.output)
        return (result, run.aux) if has_aux else result

    return differentiated


def _blocks(run: Run, output: Any) -> list[Any]:
    """Return the derivatives of one output by each input of a run."""
    shape = np.shape(plain(output))
    inputs = tree_leaves(run.inputs)
    if not (isinstance(output, Tensor) and output.requires_grad) or output.size == 0:
        run.warn_of_lost(run.links)
        return [np.zeros(shape + tensor.shape, np.result_type(plain(output), tensor.dtype)) for tensor in inputs]
    blocks = _rows(run, output, 1)
    if output.dtype.kind != "c":
        return blocks
    return [_complex_block(of_real, of_imag) for of_real, of_imag in zip(blocks, _rows(run, output, 1j), strict=True)]


def _rows(run: Run, output: Any, unit: complex) -> list[Any]:
    """Return the gradients of an output's elements: of the real parts for the unit 1, of the imaginary parts for i."""
    rows = []
    for place in range(output.size):
        seed = np.zeros(output.size, output.dtype)
        seed[place] = unit
        seed = seed.reshape(output.shape)[()]
        begun = [seed != 0] if output.size > 1 else ()  # a row is the derivative of one element, without the others
        rows.append(run.pull([output], [seed], retain=True, warn=False, begun=begun))
    run.warn_of_lost(run.lost or ())
    return [
        np.reshape(np.stack([row[which] for row in rows]), output.shape + tensor.shape)
        for which, tensor in enumerate(tree_leaves(run.inputs))
    ]


def _complex_block(of_real: Any, of_imag: Any) -> Any:
    """Return the derivative of complex numbers, from the gradients of their real and imaginary parts."""
    if of_real.dtype.kind != "c":
        return of_real + 1j * of_imag
    return np.conjugate(complex_differentiable(of_real, of_imag))


@primitive
def complex_differentiable(of_real: Any, of_imag: Any) -> Any:
    """Return the gradients of the real parts, after a check of the Cauchy–Riemann equations.

    Args:
        of_real, of_imag: the gradients of the real parts and of the imaginary parts, arrays of one shape.

    Raises:
        UnsupportedError: the equations do not hold, so the function has no complex derivative.
    """
    apart = np.abs(of_imag - 1j * of_real)
    size = np.max(np.abs(of_real), initial=0, where=np.isfinite(of_real))
    if np.any(apart > 1e3 * np.finfo(of_real.dtype).eps * size):
        raise UnsupportedError(
            "jacobian: the function has no complex derivative, since it uses conjugate, real, imag, abs or the like. "
            "Give it the real and imaginary parts as two real arguments, or use tg.vjp or tg.jvp"
        )
    return of_real


complex_differentiable.derivative(lambda g, z, of_real, of_imag: g, None)
CHECKS.add(complex_differentiable)


@compiled_as_its_function
def hessian(f: Callable[..., Any], argnums: int | Sequence[int] = 0, has_aux: bool = False) -> Callable[..., Any]:
    """Return a function that returns the second derivatives of f, where f returns a scalar.

    Args:
        f: a function that returns a scalar.
        argnums: the positions of the arguments to differentiate, one or several. Each may be nested containers.
        has_aux: f returns (value, aux).

    Returns:
        A function of f's arguments. For each pair of arrays x and y among them it returns an array of shape
        `x.shape + y.shape`. For a single array the result is that array; for several, the arrays stand in the structure
        of the arguments, twice nested. The cost is one recorded gradient, and one pass over it for each element of the
        arguments.

    Raises (when called):
        ShapeError: f did not return a scalar.
        TypeError: an argument has a dtype without gradients, or `argnums` names an argument that is not there.
        UnsupportedError: an argument is complex, and the gradient has no complex derivative; see `jacobian`.
    """
    return _jacobian("hessian", gradient_of("hessian", f, argnums, has_aux), argnums, has_aux)
