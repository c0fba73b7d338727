"""Products with Jacobians and Hessians, without forming the matrix: `vjp`, `jvp` and `hvp`."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinygraph.engine import record
from tinygraph.engine.backward import gradients
from tinygraph.engine.links import next_order
from tinygraph.engine.operands import as_array, plain
from tinygraph.engine.tensor import Tensor
from tinygraph.errors import ShapeError
from tinygraph.nests import Nest, filled, tree_leaves
from tinygraph.transforms.compiled import compiled_as_its_function
from tinygraph.transforms.gradients import gradient_of
from tinygraph.transforms.running import Run, as_result, check_function

__all__ = ["hvp", "jvp", "vjp"]


def vjp(f: Callable[..., Any], *xs: Any, has_aux: bool = False) -> Any:
    """Return the value of f, and a function that pulls a cotangent of the value back to the arguments.

    Args:
        f: a function of arrays that returns arrays, both nested in any way.
        xs: its arguments.
        has_aux: f returns (y, aux), and aux is not differentiated.

    Returns:
        `(y, pull)`, or `(y, pull, aux)`. `pull(v)`, with v in the structure and shapes of y, returns a tuple with the
        cotangent of each argument. `pull` can be called any number of times.

    Raises:
        TypeError: an argument has a dtype without gradients.
        ShapeError: (by `pull`) a cotangent has another shape than its output.
    """
    check_function("vjp", f)
    run = Run("vjp", f, xs, {}, tuple(range(len(xs))), has_aux)
    outputs = tree_leaves(run.output)

    def pull(v: Nest) -> tuple[Any, ...]:
        seeds = tree_leaves(v)
        if len(seeds) != len(outputs):
            raise ShapeError(f"vjp: the function has {len(outputs)} outputs, the cotangent {len(seeds)} parts")
        pairs = [
            (output, _seed("vjp", output, seed))
            for output, seed in zip(outputs, seeds, strict=True)
            if isinstance(output, Tensor) and output.requires_grad
        ]
        if not pairs:
            pulled = run.zeros()
        else:
            pulled = run.pull([output for output, _ in pairs], [seed for _, seed in pairs], retain=True)
        return tuple(filled(run.inputs, pulled))

    return (run.value, pull, run.aux) if has_aux else (run.value, pull)


def _seed(call: str, output: Tensor, seed: Any) -> Any:
    """Return a cotangent of an output, or a direction of an input, in the dtype of the output or input.

    Raises:
        ShapeError: the shapes differ.
    """
    if isinstance(seed, Tensor) and seed.requires_grad:
        value: Any = seed
    else:
        value = as_array(seed._value if isinstance(seed, Tensor) else seed, dtype=output.dtype)
    if value.shape != output.shape:
        given, of = ("direction", "input") if call == "jvp" else ("cotangent", "output")
        raise ShapeError(f"{call}: a {given} of shape {value.shape} does not fit an {of} of shape {output.shape}")
    return value


def jvp(f: Callable[..., Any], xs: Sequence[Any], vs: Sequence[Any], has_aux: bool = False) -> Any:
    """Return the value of f at `xs`, and its directional derivative along `vs`.

    Args:
        f: a function of arrays that returns arrays, both nested in any way.
        xs: its arguments, a tuple or list.
        vs: a direction in the same structure and shapes.
        has_aux: f returns (y, aux), and aux is not differentiated.

    Returns:
        `(y, dy)`, or `(y, dy, aux)`; dy has the structure of y.

    Every function that has a `vjp` has a `jvp`: a pull is linear in its cotangent, and the pull of the pull is the
    push forward. Source: Townsend, "A new trick for calculating Jacobian vector products" (2017).

    Raises:
        TypeError: an argument has a dtype without gradients.
        ShapeError: a direction has another shape than its argument.
    """
    check_function("jvp", f)
    _check_sequences("jvp", xs, vs)
    xs = tuple(xs)
    run = Run("jvp", f, xs, {}, tuple(range(len(xs))), has_aux)
    inputs, directions = tree_leaves(run.inputs), tree_leaves(tuple(vs))
    if len(inputs) != len(directions):
        raise ShapeError(f"jvp: there are {len(inputs)} arguments and {len(directions)} directions")
    outputs = tree_leaves(run.output)
    live = [output for output in outputs if isinstance(output, Tensor) and output.requires_grad]
    pushed = _pushed(run, live, inputs, directions)
    derivatives = [
        as_result(pushed[id(output)]) if id(output) in pushed else _no_change(plain(output)) for output in outputs
    ]
    pair = run.value, filled(run.output, derivatives)
    return (*pair, run.aux) if has_aux else pair


def _check_sequences(call: str, xs: Any, vs: Any) -> None:
    """Raise an error unless arguments and directions each come as a tuple or list."""
    for name, given in (("arguments", xs), ("directions", vs)):
        if not isinstance(given, tuple | list):
            found = type(given).__name__
            raise TypeError(f"{call}: the {name} are a {found}. Write {call}(f, (x,), (v,)), with tuples")


def _pushed(run: Run, outputs: list[Tensor], inputs: list[Tensor], directions: list[Any]) -> dict[int, Any]:
    """Return the derivatives along the directions, by the id of the output; a missing output does not change."""
    if not outputs:
        run.warn_of_lost(run.links)
        for tensor, direction in zip(inputs, directions, strict=True):
            _seed("jvp", tensor, direction)
        return {}
    since = next_order()
    # A pull is linear in its cotangent, so any cotangent will do but 0, which would hide an infinite slope.
    duals = [Tensor(np.ones(output.shape, output.dtype)) for output in outputs]
    pulled = run.pull(outputs, duals, retain=True)
    pairs = [
        (cotangent, _seed("jvp", cotangent if isinstance(cotangent, Tensor) else tensor, direction))
        for cotangent, tensor, direction in zip(pulled, inputs, directions, strict=True)
    ]
    pairs = [pair for pair in pairs if isinstance(pair[0], Tensor) and pair[0].requires_grad]
    if not pairs:
        return {}
    nested = run.is_nested or any(isinstance(seed, Tensor) for _, seed in pairs)
    seeds = [record.unrecorded(seed) if nested and not isinstance(seed, Tensor) else seed for _, seed in pairs]
    found = gradients(
        [cotangent._link for cotangent, _ in pairs], seeds, [dual._link for dual in duals],
        since=since, create_graph=nested, retain=True,
    )  # fmt: skip
    return {id(output): item for output, item in zip(outputs, found, strict=True) if item is not None}


def _no_change(value: Any) -> Any:
    """Return the derivative of a constant: zeros."""
    dtype = np.result_type(value)
    return np.zeros(np.shape(value), dtype if dtype.kind in "fc" else np.float64)


def hvp(
    f: Callable[..., Any], xs: Sequence[Any] | None = None, vs: Sequence[Any] | None = None, has_aux: bool = False
) -> Any:
    """Return the Hessian of a scalar function at `xs` times a direction `vs`, without forming the Hessian.

    Without `xs` and `vs` it returns a function, `hvp(f)(x, v)`, which `scipy.optimize.minimize` takes as `hessp`.

    Args:
        f: a function that returns a scalar.
        xs: its arguments, a tuple or list.
        vs: a direction in the same structure and shapes.
        has_aux: f returns (value, aux).

    Returns:
        A tuple in the structure of `xs`, or with `has_aux` `(tuple, aux)`. Without `xs` and `vs`: a function of f's
        first argument x, a direction v like x, and f's other arguments. Its result is like x, or with `has_aux` a pair.

    Raises:
        TypeError: an argument has a dtype without gradients.
        ShapeError: f did not return a scalar, or a direction has another shape than its argument.

    Example:
        >>> hvp(lambda x: np.sum(x**3))(np.array([1.0, 2.0]), np.array([1.0, 0.0]))
        array([6., 0.])

    Source: Pearlmutter, "Fast exact multiplication by the Hessian" (1994).
    """
    check_function("hvp", f)
    if xs is None and vs is None:
        return _of_argument_and_direction(f, has_aux)
    _check_sequences("hvp", xs, vs)
    assert xs is not None and vs is not None
    xs, vs = tuple(xs), tuple(vs)
    inner = gradient_of("hvp", f, tuple(range(len(xs))), has_aux)
    _, pull, *aux = vjp(inner, *xs, has_aux=has_aux)
    return (pull(vs), *aux) if has_aux else pull(vs)


@compiled_as_its_function
def _of_argument_and_direction(f: Callable[..., Any], has_aux: bool) -> Callable[..., Any]:
    """Return `hvp` as a function of f's first argument, a direction, and f's other arguments."""

    @functools.wraps(f)
    def product(x: Any, v: Any, *args: Any, **kwargs: Any) -> Any:
        found = hvp(lambda x: f(x, *args, **kwargs), (x,), (v,), has_aux)
        return (found[0][0], found[1]) if has_aux else found[0]

    product.__signature__ = _with_direction(f)  # type: ignore[attr-defined]
    return product


def _with_direction(f: Callable[..., Any]) -> inspect.Signature:
    """Return the signature of f with a direction behind its first argument: f's other arguments keep their names."""
    try:
        given = [*inspect.signature(f).parameters.values()]
    except (TypeError, ValueError):  # a function in C
        given = []
    alone = inspect.Parameter.POSITIONAL_ONLY
    if not given or given[0].kind not in (alone, inspect.Parameter.POSITIONAL_OR_KEYWORD):
        return inspect.signature(lambda x, v, /, *args, **kwargs: None)
    first = given[0].replace(kind=alone, default=inspect.Parameter.empty)
    direction = "direction" if any([item.name == "v" for item in given]) else "v"
    return inspect.Signature([first, inspect.Parameter(direction, alone), *given[1:]])
