"""A run of a function on Tensors, for a pass from its output to its inputs."""

from __future__ import annotations

import functools
import numbers
import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinygraph.containers import kind_of
from tinygraph.engine import modes, record
from tinygraph.engine.backward import gradients
from tinygraph.engine.dependence import IDENTITIES
from tinygraph.engine.gathering import gather
from tinygraph.engine.leaving import TakenNumbers, warn_of_lost
from tinygraph.engine.lending import notice_writes
from tinygraph.engine.links import DataLeaf, Leaf, Like, links_in, next_order
from tinygraph.engine.modes import state
from tinygraph.engine.notes import decomposition
from tinygraph.engine.operands import as_array, plain
from tinygraph.engine.ownership import apart
from tinygraph.engine.primitives import primitive
from tinygraph.engine.tensor import Tensor
from tinygraph.errors import GraphError, ShapeError, UnsupportedError
from tinygraph.nests import Nest, tree_leaves, tree_map
from tinygraph.transforms.compiled import plain_function

_by_order = operator.attrgetter("order")

__all__ = ["Run", "alias", "as_result", "chosen_positions"]


@primitive
def alias(x: Any) -> Any:
    """Return a copy of a value: a new Tensor to differentiate with respect to, tied to the one it came from."""
    return x.copy(order="K")


alias.derivative(lambda g, z, x: g)
IDENTITIES.add(alias)
decomposition(alias)(lambda x: x)


class Run:
    """A run of a function on Tensors: its inputs, its output, and the pass from the output back to the inputs.

    Args:
        call: the name of the transform, for messages.
        f: the function.
        args, kwargs: its arguments.
        argnums: the positions in `args` that become Tensors to differentiate with respect to.
        has_aux: f returns a pair, and its second part is not differentiated.

    Attributes:
        inputs: for each of `argnums` the argument, with shape and dtype in place of each leaf.
        links: the links of the input Tensors before f ran, in the order of the leaves. f may write into its arguments,
            which gives its Tensors other links.
        output: the result of f, without `aux`.
        aux: the second part of the pair, in its form for the caller.
        lost: the links of inputs that no pass has reached; None before the first pass.
        since: the order at which the run began; calls of a lower order are from outside.

    Raises:
        TypeError: an argument to differentiate has a dtype without gradients, or f did not return a pair.
        GraphError: f assigned to one of its input Tensors, or wrote into its data.
    """

    def __init__(self, call: str, f: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any],
                 argnums: tuple[int, ...], has_aux: bool) -> None:  # fmt: skip
        f = plain_function(f)
        self.call = call
        self.since = next_order()
        self.taken = TakenNumbers()
        self.lost: list[Any] | None = None
        with modes.Setting(recording=True, differentiating=self.since, taken_numbers=self.taken, inputs=state.inputs):
            given = list(args)
            for position in argnums:
                given[position] = tree_map(functools.partial(_as_input, call), args[position])
            chosen = [given[position] for position in argnums]
            self.inputs = tree_map(Like, chosen)
            self.links = [tensor._link for tensor in tree_leaves(chosen)]
            state.inputs = (*state.inputs, *self.links)
            orders = [link.order for link in self.links]
            try:
                result = f(*given, **kwargs)
            except ValueError as error:
                # NumPy, asked to put a Tensor into an array, hides the reason behind "setting an array element".
                if isinstance(error.__cause__, UnsupportedError):
                    raise error.__cause__ from None
                raise
        for link, order in zip(self.links, orders, strict=True):
            _check_unwritten(call, link, order)
        if has_aux:
            if not (isinstance(result, tuple) and len(result) == 2):
                raise TypeError(f"{call}: with has_aux=True the function must return a pair (value, aux)")
            result, aux = result
            self.aux = tree_map(self._released, aux)
        if not isinstance(result, Tensor):
            _check_arrays(call, result)
        self.output = result

    def _released(self, value: Any) -> Any:
        """Return a result for the caller: a Tensor if a gradient can flow to a Tensor from outside, else an array."""
        if not isinstance(value, Tensor):
            return value
        return value if self._is_foreign(value) else value.data

    def _is_foreign(self, value: Tensor) -> bool:
        if not value.requires_grad:
            return False
        met = gather([value._link], self.since)
        for call in met.calls:
            call._adjoint = None
        # An input that is an alias of an outer Tensor ties the result to it.
        return met.foreign or any(call in self.links for call in met.calls)

    def foreign_links(self, outputs: Sequence[Tensor]) -> list[Any]:
        """Return the links from before the run to which gradients of the outputs flow, in their order."""
        calls = gather([output._link for output in outputs], self.since).calls
        for call in calls:
            call._adjoint = None
        operands = {link for call in calls for link in links_in(call.args)}
        operands |= {output._link for output in outputs}
        return sorted([link for link in operands if link.order < self.since and link.differentiable], key=_by_order)

    @property
    def value(self) -> Nest:
        """The output, in its form for the caller."""
        return tree_map(self._released, self.output)

    @property
    def is_nested(self) -> bool:
        """True if an input is itself computed from a Tensor of an outer transform."""
        return any(not isinstance(link, Leaf) for link in self.links)

    def scalar(self) -> Tensor | None:
        """Return the output, one number; None for a constant.

        Raises:
            ShapeError: the output is not one number.
            TypeError: the output is complex, or no number at all.
        """
        output = self.output
        if output is None or isinstance(output, str | bytes):
            forgotten = "; does it end without a return?" if output is None else ""
            raise TypeError(f"{self.call}: the function must return a number, got {output!r}{forgotten}")
        if isinstance(output, dict | list | tuple) or np.shape(plain(output)) != ():
            nested = isinstance(output, dict | list | tuple)
            what = type(output).__name__ if nested else f"shape {np.shape(plain(output))}"
            ways = "use tg.jacobian for arrays, or np.sum of the result"
            if isinstance(output, tuple) and len(output) == 2:
                ways = "of a scalar and other results has_aux=True returns both; use tg.jacobian for arrays"
            raise ShapeError(f"{self.call}: the function must return a scalar, got {what}; {ways}")
        if isinstance(output, Tensor) and output.dtype.kind == "c":
            raise TypeError(
                f"{self.call}: the function must return a real number, got {output.dtype}; "
                "take np.abs or np.real of it, or use tg.vjp"
            )
        return output if isinstance(output, Tensor) and output.requires_grad else None

    def warn_of_lost(self, links: Sequence[Any]) -> None:
        """Warn of inputs that the output does not depend on because a line of the function left the graph."""
        if self.taken.lines:
            warn_of_lost(self.call, self.taken, links, self.since)

    def pull(
        self,
        outputs: Sequence[Tensor],
        seeds: Sequence[Any],
        retain: bool,
        warn: bool = True,
        begun: Sequence[Any] = (),
    ) -> list[Any]:
        """Return the cotangents of the inputs, in the order of their leaves; zeros for an input without influence.

        Args:
            outputs, seeds: the outputs where the pass begins, and their cotangents.
            retain: keep the saved values of the calls, for another pass.
            warn: warn of lost inputs, see `warn_of_lost`.
            begun: for each output a mask of the elements where the pass begins; the other elements are left out.
        """
        recorded = True if self.is_nested or any(isinstance(seed, Tensor) for seed in seeds) else None
        if recorded:
            seeds = [seed if isinstance(seed, Tensor) else record.unrecorded(seed) for seed in seeds]
        found = gradients(
            [output._link for output in outputs], seeds, self.links,
            since=self.since, create_graph=recorded, retain=retain or recorded is True, begun=begun,
        )  # fmt: skip
        if any([cotangent is None for cotangent in found]):
            lost = [link for link, part in zip(self.links, found, strict=True) if part is None]
            if warn:
                self.warn_of_lost(lost)
            self.lost = lost if self.lost is None else [link for link in self.lost if link in lost]
        else:
            self.lost = []
        results = [
            np.zeros(like.shape, like.dtype) if cotangent is None else as_result(cotangent)
            for cotangent, like in zip(found, tree_leaves(self.inputs), strict=True)
        ]
        return apart(results, seeds)

    def zeros(self) -> list[Any]:
        """Return the result of `pull` for an output that depends on no input."""
        self.warn_of_lost(self.links)
        return [np.zeros(like.shape, like.dtype) for like in tree_leaves(self.inputs)]


def _as_input(call: str, value: Any) -> Tensor:
    """Return a Tensor to differentiate with respect to; a value that is a Tensor stays tied to its own graph."""
    if isinstance(value, Tensor):
        if value.requires_grad and modes.is_recording():
            return alias(value)  # type: ignore[no-any-return]
        _check_floating(call, value.dtype)
        return Tensor(value.data, requires_grad=True)
    if not (_is_array(value) or hasattr(value, "__iter__")):
        kind = type(value).__name__
        way = "Give it the arrays that the object holds, in a dict"
        if hasattr(value, "__dict__") and kind_of(value) is not None:
            way = f"Differentiate lambda fields: f({kind}(**fields)) at vars(x), which gives a dict of gradients"
        raise TypeError(
            f"{call}: an argument to differentiate is of class {kind}: it is no array, and no dict, list or tuple of "
            f"arrays. {way}"
        )
    tensor = Tensor(value)
    _check_floating(call, tensor.dtype)
    return tensor


def _is_array(value: Any) -> bool:
    """Return whether a value is a number, an array, or a text, which is refused in other words."""
    return isinstance(value, Tensor | numbers.Number | np.generic | str | bytes) or any(
        [hasattr(value, name) for name in ("dtype", "__array__", "__array_interface__")]
    )


def _check_arrays(call: str, result: Any) -> None:
    """Raise TypeError if a function returned an object that is no array, and no nest of arrays."""
    for item in tree_leaves(result):
        if not _is_array(item):
            raise TypeError(
                f"{call}: the function returns an object of class {type(item).__name__}, which is no array, and no "
                "dict, list or tuple of arrays. Return the arrays that it holds, or the object as the second part of "
                "a pair, with has_aux=True"
            )


def _check_unwritten(call: str, link: Any, order: int) -> None:
    """Raise an error if a function gave one of its input Tensors another value."""
    if not isinstance(link, Leaf):
        return
    notice_writes(link)
    if not isinstance(link, DataLeaf) and link.order != order:
        raise GraphError(
            f"{call}: the function gives {link.name or 'one of its inputs'} another value with assign() or through "
            ".data, which leaves no trace in the graph. Write into the Tensor itself, x *= 2, or compute a new one, "
            "x = x * 2"
        )


def _check_floating(call: str, dtype: np.dtype[Any]) -> None:
    if dtype.kind not in "fc":
        raise TypeError(
            f"{call}: an argument to differentiate has dtype {dtype}, which has no gradient; "
            "make it floating, or leave it out with argnums="
        )


def chosen_positions(argnums: int | Sequence[int], count: int, call: str) -> tuple[int, ...]:
    """Return the positions that `argnums` names, counted from the front, among `count` arguments.

    Raises:
        TypeError: `argnums` names an argument that is not there.
    """
    chosen = (argnums,) if isinstance(argnums, int | np.integer) else argnums
    if not isinstance(chosen, list | tuple) or not all(isinstance(item, int | np.integer) for item in chosen):
        way = f"Write {call}(f)(x): {call}(f) is a function of the arguments"
        if isinstance(argnums, str):
            way = f"Write the position of {argnums!r} among the arguments, argnums=1 for the second"
        raise TypeError(f"{call}: argnums is a {type(argnums).__name__}, and not positions of arguments. {way}")
    for position in chosen:
        if not -count <= position < count:
            told = f"{call}: argnums={argnums}, but the function was called with {count} positional arguments"
            raise TypeError(f"{told}. Give what is differentiated by its place, f(x, y), and not by its name")
    return tuple([position % count for position in chosen])


def check_function(call: str, f: Any) -> None:
    """Raise TypeError if the first argument of a transform is not a function."""
    if not callable(f):
        raise TypeError(
            f"{call}: expected a function, got {type(f).__name__}. Write {call}(f) of a function f; a Tensor goes "
            "backward by loss.backward()"
        )


def as_result(cotangent: Any) -> Any:
    """Return a cotangent for the caller: a Tensor where a gradient can flow on, else a new array."""
    if isinstance(cotangent, Tensor):
        return cotangent if cotangent.requires_grad else cotangent.data
    array = as_array(cotangent)
    if type(array) is not np.ndarray:  # in a function that is being compiled
        return array if state.tracing is None else state.tracing.own(array)
    return array if array.flags.owndata and array.flags.writeable else array.copy()
