"""Transforms: from a function to its gradient, Jacobian, Hessian, or products with them.

Each takes a function of arrays, nested in any way in dicts, lists and tuples, and works on plain arrays: the
function is called with Tensors in their place, the pass is run, and arrays come back. Where a result depends on a
Tensor that the function found elsewhere, or where transforms are nested, it is a Tensor, so that no gradient is lost.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinygraph import modes, record
from tinygraph.backward import gather, gradients
from tinygraph.errors import ShapeError
from tinygraph.graph import Graph
from tinygraph.links import Leaf, next_order
from tinygraph.record import plain, primitive
from tinygraph.tensor import Tensor

__all__ = ["checkpoint", "grad", "hessian", "hvp", "jacobian", "jvp", "trace", "value_and_grad", "vjp"]

Structure = Any


# --- nested containers ------------------------------------------------------------------------------------------------


def tree_map(function: Callable[..., Any], structure: Structure, *others: Structure) -> Structure:
    """Apply a function to the entries of nested dicts, lists and tuples, named tuples too; None stays None."""
    if isinstance(structure, dict):
        return type(structure)(
            {key: tree_map(function, item, *[other[key] for other in others]) for key, item in structure.items()}
        )
    if isinstance(structure, list | tuple):
        items = [tree_map(function, *parts) for parts in zip(structure, *others, strict=True)]
        return type(structure)(*items) if hasattr(structure, "_fields") else type(structure)(items)
    return None if structure is None else function(structure, *others)


def tree_leaves(structure: Structure) -> list[Any]:
    """The entries of nested dicts, lists and tuples, in order; None counts for nothing."""
    found: list[Any] = []
    tree_map(found.append, structure)
    return found


@primitive
def alias(x: Any) -> Any:
    """The same value, as a new place to differentiate with respect to."""
    return x


alias.derivative(lambda g, z, x: g)


def _as_input(call: str, value: Any) -> Tensor:
    """A Tensor to differentiate with respect to; one that is Tensor already keeps its tie to what it came from."""
    if isinstance(value, Tensor):
        if value.requires_grad and modes.is_recording():
            return alias(value)  # type: ignore[no-any-return]
        return Tensor(value.data, requires_grad=_checked(call, value.dtype))
    tensor = Tensor(value)
    _checked(call, tensor.dtype)
    return tensor


def _checked(call: str, dtype: np.dtype[Any]) -> bool:
    if dtype.kind not in "fc":
        raise TypeError(
            f"{call}: an argument to differentiate has dtype {dtype}, which has no gradient; "
            "make it floating, or leave it out with argnums="
        )
    return True


# --- the pass ---------------------------------------------------------------------------------------------------------


class _Run:
    """A function run on Tensors: its inputs, its output, and what is needed to go back from one to the other."""

    def __init__(self, call: str, f: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any],
                 argnums: tuple[int, ...], has_aux: bool) -> None:  # fmt: skip
        self.call = call
        self.since = next_order()
        with modes.Setting(recording=True, differentiating=self.since):
            self.inputs = [tree_map(functools.partial(_as_input, call), args[position]) for position in argnums]
            given = list(args)
            for position, tensors in zip(argnums, self.inputs, strict=True):
                given[position] = tensors
            result = f(*given, **kwargs)
        self.links = [tensor._link for tensor in tree_leaves(self.inputs)]
        if has_aux:
            if not (isinstance(result, tuple) and len(result) == 2):
                raise TypeError(f"{call}: with has_aux=True the function must return a pair (value, aux)")
            result, aux = result
            self.aux = tree_map(self._released, aux)
        self.output = result

    def _released(self, value: Any) -> Any:
        """A result on its way out: a plain array, unless it depends on something else that wants a gradient."""
        if not isinstance(value, Tensor):
            return value
        return value if self._foreign(value) else value.data

    def _foreign(self, value: Tensor) -> bool:
        if not value.requires_grad:
            return False
        calls, _, foreign = gather([value._link], self.since)
        for call in calls:
            call._adjoint = None
        # An input that is an alias of an outer Tensor ties the result to it.
        return foreign or any(call in self.links for call in calls)

    @property
    def value(self) -> Structure:
        return tree_map(self._released, self.output)

    def scalar(self) -> Tensor | None:
        """The output, if it is one number that depends on anything; else None for a constant."""
        output = self.output
        if isinstance(output, dict | list | tuple) or np.shape(plain(output)) != ():
            nested = isinstance(output, dict | list | tuple)
            what = type(output).__name__ if nested else f"shape {np.shape(plain(output))}"
            raise ShapeError(
                f"{self.call}: the function must return a scalar, got {what}; use tg.jacobian for arrays, "
                "or np.sum of the result"
            )
        if isinstance(output, Tensor) and output.dtype.kind == "c":
            raise TypeError(
                f"{self.call}: the function must return a real number, got {output.dtype}; "
                "take np.abs or np.real of it, or use tg.vjp"
            )
        return output if isinstance(output, Tensor) and output.requires_grad else None

    def pull(self, outputs: Sequence[Tensor], seeds: Sequence[Any], retain: bool) -> list[Any]:
        """The cotangents of the inputs, in the order of their leaves; zeros where nothing depends on one."""
        tensors = tree_leaves(self.inputs)
        nested = any(not isinstance(link, Leaf) for link in self.links)
        tied = nested or any(isinstance(seed, Tensor) for seed in seeds)
        recorded = True if tied else None
        if recorded:
            seeds = [seed if isinstance(seed, Tensor) else record.unrecorded(seed) for seed in seeds]
        found = gradients(
            [output._link for output in outputs], seeds, self.links,
            since=self.since, create_graph=recorded, retain=retain or recorded is True,
        )  # fmt: skip
        return [
            np.zeros(tensor.shape, tensor.dtype) if cotangent is None else _out(cotangent)
            for cotangent, tensor in zip(found, tensors, strict=True)
        ]


def _out(cotangent: Any) -> Any:
    if isinstance(cotangent, Tensor):
        return cotangent if cotangent.requires_grad else cotangent.data
    array = record.as_array(cotangent)
    if type(array) is not np.ndarray:
        return array
    return array if array.flags.owndata and array.flags.writeable else array.copy()


def _fill(structure: Structure, values: list[Any]) -> Structure:
    """The structure with its entries replaced, in order."""
    remaining = iter(values)
    return tree_map(lambda _: next(remaining), structure)


def _argnums(argnums: int | Sequence[int], count: int, call: str) -> tuple[int, ...]:
    chosen = (argnums,) if isinstance(argnums, int) else tuple(argnums)
    for position in chosen:
        if not -count <= position < count:
            raise TypeError(f"{call}: argnums={argnums}, but the function was called with {count} positional arguments")
    return tuple([position % count for position in chosen])


def value_and_grad(
    f: Callable[..., Any], argnums: int | Sequence[int] = 0, has_aux: bool = False
) -> Callable[..., Any]:
    """A function that returns f's value and its gradient.

    Args:
        f: a function that returns a scalar, or with `has_aux` a pair of a scalar and anything.
        argnums: which positional arguments to differentiate, one or several. Each may be nested containers.
        has_aux: f returns (value, aux).

    Returns:
        A function with f's arguments that returns `(value, gradient)`, or `((value, aux), gradient)`. The gradient
        has the structure of the argument; for several `argnums` it is a tuple.

    Raises (when called):
        ShapeError: f did not return a scalar.
        TypeError: an argument has an integer dtype, or there are fewer arguments than `argnums` says.
    """

    @functools.wraps(f)
    def differentiated(*args: Any, **kwargs: Any) -> Any:
        run = _Run("grad", f, args, kwargs, _argnums(argnums, len(args), "grad"), has_aux)
        output = run.scalar()
        value = run.value
        if output is None:
            pulled = [np.zeros(tensor.shape, tensor.dtype) for tensor in tree_leaves(run.inputs)]
        else:
            pulled = run.pull([output], [output.dtype.type(1)], retain=isinstance(value, Tensor))
        gradient = tuple(_fill(run.inputs, pulled))
        result = gradient[0] if isinstance(argnums, int) else gradient
        return ((value, run.aux), result) if has_aux else (value, result)

    return differentiated


def grad(f: Callable[..., Any], argnums: int | Sequence[int] = 0, has_aux: bool = False) -> Callable[..., Any]:
    """A function that returns the gradient of f, a function that returns a scalar.

    `tg.grad(tg.grad(f))` is the second derivative. Arguments as for `value_and_grad`; with `has_aux` the result
    is `(gradient, aux)`.

    Example:
        >>> grad(lambda x: x**3)(2.0)
        array(12.)
    """
    both = value_and_grad(f, argnums, has_aux)

    @functools.wraps(f)
    def gradient(*args: Any, **kwargs: Any) -> Any:
        value, found = both(*args, **kwargs)
        return (found, value[1]) if has_aux else found

    return gradient


def vjp(f: Callable[..., Any], *xs: Any, has_aux: bool = False) -> Any:
    """The value of f, and the function that pulls a cotangent of it back to the arguments.

    Args:
        f: a function of arrays that returns arrays, both nested in any way.
        xs: its arguments.

    Returns:
        `(y, pull)`, or `(y, pull, aux)`; `pull(v)`, with v of the structure and shapes of y, returns a tuple with the
        cotangent of each argument. It can be called any number of times.

    Raises:
        ShapeError: (by `pull`) a cotangent has another shape than its output.
    """
    run = _Run("vjp", f, xs, {}, tuple(range(len(xs))), has_aux)
    outputs = tree_leaves(run.output)

    def pull(v: Structure) -> tuple[Any, ...]:
        seeds = tree_leaves(v)
        if len(seeds) != len(outputs):
            raise ShapeError(f"vjp: the function has {len(outputs)} outputs, the cotangent {len(seeds)} parts")
        pairs = [
            (output, _seed("vjp", output, seed))
            for output, seed in zip(outputs, seeds, strict=True)
            if isinstance(output, Tensor) and output.requires_grad
        ]
        if not pairs:
            pulled = [np.zeros(tensor.shape, tensor.dtype) for tensor in tree_leaves(run.inputs)]
        else:
            pulled = run.pull([output for output, _ in pairs], [seed for _, seed in pairs], retain=True)
        return tuple(_fill(run.inputs, pulled))

    return (run.value, pull, run.aux) if has_aux else (run.value, pull)


def _seed(call: str, output: Tensor, seed: Any) -> Any:
    if isinstance(seed, Tensor) and seed.requires_grad:
        value: Any = seed
    else:
        value = record.as_array(seed._value if isinstance(seed, Tensor) else seed, dtype=output.dtype)
    if value.shape != output.shape:
        raise ShapeError(f"{call}: a cotangent of shape {value.shape} does not fit an output of shape {output.shape}")
    return value


def jvp(f: Callable[..., Any], xs: Sequence[Any], vs: Sequence[Any], has_aux: bool = False) -> Any:
    """The value of f at `xs`, and its directional derivative along `vs`.

    Args:
        f: a function of arrays that returns arrays, both nested in any way.
        xs: its arguments, a tuple or list.
        vs: a direction of the same structure and shapes.
        has_aux: f returns (y, aux), a pair of which the second part is not differentiated.

    Returns:
        `(y, dy)`, dy of y's structure; or `(y, dy, aux)`.

    Whatever can be pulled back can be pushed forward: a pull is linear in its cotangent, and the pull of the pull is
    the push. Source: Townsend, "A new trick for calculating Jacobian vector products" (2017).

    Raises:
        ShapeError: a direction has another shape than its argument.
    """
    xs, vs = tuple(xs), tuple(vs)
    run = _Run("jvp", f, xs, {}, tuple(range(len(xs))), has_aux)
    inputs = tree_leaves(run.inputs)
    directions = tree_leaves(vs)
    if len(inputs) != len(directions):
        raise ShapeError(f"jvp: there are {len(inputs)} arguments and {len(directions)} directions")
    outputs = tree_leaves(run.output)
    live = [output for output in outputs if isinstance(output, Tensor) and output.requires_grad]
    pushed: dict[int, Any] = {}
    if live:
        since = next_order()
        # A pull is linear in its cotangent, so any will do; but one of 0 would hide an infinite slope.
        duals = [Tensor(np.ones(output.shape, output.dtype)) for output in live]
        pulled = run.pull(live, duals, retain=True)
        pairs = [
            (cotangent, _seed("jvp", cotangent if isinstance(cotangent, Tensor) else tensor, direction))
            for cotangent, tensor, direction in zip(pulled, inputs, directions, strict=True)
        ]
        pairs = [pair for pair in pairs if isinstance(pair[0], Tensor) and pair[0].requires_grad]
        if pairs:
            nested = any(isinstance(seed, Tensor) for _, seed in pairs) or any(
                not isinstance(link, Leaf) for link in run.links
            )
            seeds = [record.unrecorded(s) if nested and not isinstance(s, Tensor) else s for _, s in pairs]
            found = gradients(
                [cotangent._link for cotangent, _ in pairs], seeds, [dual._link for dual in duals],
                since=since, create_graph=nested, retain=True,
            )  # fmt: skip
            pushed = {id(output): item for output, item in zip(live, found, strict=True) if item is not None}
    else:
        for tensor, direction in zip(inputs, directions, strict=True):
            _seed("jvp", tensor, direction)
    derivatives = [
        _out(pushed[id(output)]) if id(output) in pushed else _no_change(plain(output)) for output in outputs
    ]
    pair = run.value, _fill(run.output, derivatives)
    return (*pair, run.aux) if has_aux else pair


def _no_change(value: Any) -> Any:
    """The derivative of what depends on nothing."""
    dtype = np.result_type(value)
    return np.zeros(np.shape(value), dtype if dtype.kind in "fc" else np.float64)


def hvp(f: Callable[..., Any], xs: Sequence[Any], vs: Sequence[Any], has_aux: bool = False) -> Any:
    """The Hessian of a scalar function at `xs`, times a direction `vs`, without forming the Hessian.

    Args:
        f: a function that returns a scalar.
        xs: its arguments, a tuple or list.
        vs: a direction of the same structure and shapes.
        has_aux: f returns (value, aux).

    Returns:
        A tuple of the structure of `xs`; with `has_aux` a pair of it and aux.

    Source: Pearlmutter, "Fast exact multiplication by the Hessian" (1994).
    """
    xs, vs = tuple(xs), tuple(vs)
    inner = grad(f, argnums=tuple(range(len(xs))), has_aux=has_aux)
    _, pull, *aux = vjp(inner, *xs, has_aux=has_aux)
    return (pull(vs), *aux) if has_aux else pull(vs)


def jacobian(f: Callable[..., Any], argnums: int | Sequence[int] = 0, has_aux: bool = False) -> Callable[..., Any]:
    """A function that returns the Jacobian of f: every output element's derivative by every input element.

    Args:
        f: a function that returns arrays, nested in any way.
        argnums: which positional arguments, one or several; each may be nested containers.
        has_aux: f returns (y, aux).

    Returns:
        A function with f's arguments. For each output of shape `out` and each input of shape `in` it returns an array
        of shape `out + in`: in the structure of the output, and there in that of the argument, or in a tuple of these
        for several `argnums`. With `has_aux` it returns a pair of that and aux. It costs one backward pass an output
        element.
    """

    @functools.wraps(f)
    def differentiated(*args: Any, **kwargs: Any) -> Any:
        run = _Run("jacobian", f, args, kwargs, _argnums(argnums, len(args), "jacobian"), has_aux)

        def by_inputs(output: Any) -> Any:
            found = tuple(_fill(run.inputs, _blocks(run, output)))
            return found[0] if isinstance(argnums, int) else found

        result = tree_map(by_inputs, run.output)
        return (result, run.aux) if has_aux else result

    return differentiated


def _blocks(run: _Run, output: Any) -> list[Any]:
    """The derivatives of one output by each of the inputs of a run."""
    shape = np.shape(plain(output))
    inputs = tree_leaves(run.inputs)
    if not (isinstance(output, Tensor) and output.requires_grad) or output.size == 0:
        return [np.zeros(shape + tensor.shape, tensor.dtype) for tensor in inputs]
    rows = []
    for place in range(output.size):
        seed = np.zeros(output.size, output.dtype)
        seed[place] = 1
        rows.append(run.pull([output], [seed.reshape(shape)[()]], retain=True))
    return [
        np.reshape(np.stack([row[which] for row in rows]), shape + tensor.shape) for which, tensor in enumerate(inputs)
    ]


def hessian(f: Callable[..., Any], argnums: int | Sequence[int] = 0, has_aux: bool = False) -> Callable[..., Any]:
    """A function that returns the second derivatives of f, a function that returns a scalar.

    Args:
        f: a function that returns a scalar.
        argnums: which positional arguments, one or several; each may be nested containers.
        has_aux: f returns (value, aux).

    Returns:
        A function with f's arguments that returns for each pair of arrays x and y among them an array of shape
        `x.shape + y.shape`: for one array that alone, for several in the structure of the arguments, and there in that
        structure again. It costs one recorded gradient, and one pass over it for each element of the arguments.
    """
    return jacobian(grad(f, argnums, has_aux), argnums, has_aux)


def checkpoint(f: Callable[..., Any]) -> Callable[..., Any]:
    """f, with nothing inside it remembered: the backward pass runs f again. Memory is traded for time.

    Args:
        f: a function of arrays that returns arrays, both nested in any way. It must compute the same when it is run
            again, and gradients flow to its positional arguments only, not to Tensors that it finds elsewhere.

    Source: Griewank and Walther, "Algorithm 799: revolve" (2000).
    """

    @functools.wraps(f)
    def light(*xs: Any, **kwargs: Any) -> Any:
        if modes.is_tracing():
            return f(*xs, **kwargs)  # a compiled program plans its own memory, and must see what f finds elsewhere
        segment = _Segment(f, xs, kwargs)
        leaves = tree_leaves(xs)
        if not any(isinstance(leaf, Tensor) for leaf in leaves):
            return tree_map(plain, f(*xs, **kwargs))
        packed = _run_again(leaves, segment)
        return packed if segment.shapes is None else segment.unpacked(packed)

    return light


class _Segment:
    """A call whose inside is not remembered: the function, the structure of its arguments and of its result."""

    def __init__(self, f: Callable[..., Any], xs: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.f, self.kwargs = f, kwargs
        self.arguments = tree_map(lambda _: 0, xs)
        self.structure: Structure = None
        self.shapes: list[tuple[int, ...]] | None = None

    def __call__(self, *leaves: Any) -> Any:
        """The result as one array: several are joined, as vectors."""
        result = self.f(*_fill(self.arguments, list(leaves)), **self.kwargs)
        if not isinstance(result, dict | list | tuple):
            return result
        parts = tree_leaves(result)
        self.structure = tree_map(lambda _: 0, result)
        self.shapes = [np.shape(plain(part)) for part in parts]
        return np.concatenate([np.ravel(part) for part in parts]) if parts else np.zeros(0)

    def unpacked(self, packed: Any) -> Structure:
        assert self.shapes is not None
        ends = np.cumsum([0, *[int(np.prod(shape)) for shape in self.shapes]]).tolist()
        parts = [
            np.reshape(packed[start:end], shape)
            for (start, end), shape in zip(itertools.pairwise(ends), self.shapes, strict=True)
        ]
        return _fill(self.structure, parts)


@primitive
def _run_again(leaves: list[Any], segment: _Segment) -> Any:
    with modes.no_grad():
        return plain(segment(*[Tensor(leaf) if isinstance(leaf, np.ndarray) else leaf for leaf in leaves]))


def _pull_through(g: Any, z: Any, leaves: list[Any], segment: _Segment) -> list[Any]:
    floating = [place for place, leaf in enumerate(leaves) if np.result_type(plain(leaf)).kind in "fc"]

    def of_floating(*some: Any) -> Any:
        whole = list(leaves)
        for place, item in zip(floating, some, strict=True):
            whole[place] = item
        return segment(*whole)

    # The engine gives a rule the conjugate of the direction uphill, and takes a conjugate back.
    conjugated = g.dtype.kind == "c"
    _, pull = vjp(of_floating, *[leaves[place] for place in floating])
    found = dict(zip(floating, pull(np.conjugate(g) if conjugated else g), strict=True))
    nothing = [np.zeros(np.shape(plain(leaf))) for leaf in leaves]
    cotangents = [found.get(place, zeros) for place, zeros in enumerate(nothing)]
    return [np.conjugate(item) for item in cotangents] if conjugated else cotangents


_run_again.derivative(_pull_through, None)
_run_again.__name__ = "checkpoint"


def trace(f: Callable[..., Any], *args: Any, **kwargs: Any) -> Graph:
    """The `Graph` of one run of f.

    Args:
        f: a function of arrays that returns Tensors, nested in any way.
        args, kwargs: its arguments; arrays and numbers in them become inputs, named after f's parameters.

    Raises:
        TypeError: f returned nothing that was computed from its arguments.
    """
    import inspect

    from tinygraph._reading import read_graph

    try:
        names = list(inspect.signature(f).parameters)
    except (TypeError, ValueError):
        names = []

    def enter(value: Any, name: str | None) -> Any:
        return (
            value
            if isinstance(value, Tensor) or not np.issubdtype(np.asarray(value).dtype, np.floating)
            else Tensor(value, name=name)
        )

    with modes.enable_grad():
        given = [
            tree_map(lambda value, name=name: enter(value, name), item)
            for item, name in zip(args, names + [None] * len(args), strict=False)
        ]
        named = {key: tree_map(lambda value, key=key: enter(value, key), item) for key, item in kwargs.items()}
        outputs = [item for item in tree_leaves(f(*given, **named)) if isinstance(item, Tensor)]
    if not outputs:
        raise TypeError(
            "trace: the function returned nothing that was computed from its arguments with NumPy functions"
        )
    return read_graph(outputs, None)
