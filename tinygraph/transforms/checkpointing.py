"""Memory traded for time: `checkpoint` keeps nothing inside a function, and runs it again in the backward pass."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

from tinygraph.draws import Draws
from tinygraph.engine import modes
from tinygraph.engine.backward import gradients
from tinygraph.engine.masks import found_reach
from tinygraph.engine.memory import stand_for
from tinygraph.engine.modes import state
from tinygraph.engine.nested import mapped
from tinygraph.engine.operands import has_tensors, plain
from tinygraph.engine.primitives import primitive
from tinygraph.engine.record import unrecorded
from tinygraph.engine.tensor import Tensor
from tinygraph.errors import GraphError
from tinygraph.nests import Nest, filled, tree_leaves, tree_map
from tinygraph.transforms.compiled import plain_function
from tinygraph.transforms.running import Run, check_function

__all__ = ["checkpoint"]


def checkpoint(f: Callable[..., Any]) -> Callable[..., Any]:
    """Return f as a function that saves memory: it keeps no intermediate values, and the backward pass runs f again.

    Args:
        f: a function of arrays that returns arrays, both nested in any way. It must compute the same when it runs
            again; draws from `tinygraph.draws`, as in Dropout, are repeated. Gradients flow to its positional
            arguments, and to Tensors from outside, such as the weights of a layer.

    Raises:
        TypeError: `f` is not a function.
        GraphError: when the backward pass runs f again, and it computes something else.

    Source: Griewank and Walther, "Algorithm 799: revolve" (2000).
    """

    check_function("checkpoint", f)
    f = plain_function(f)

    @functools.wraps(f)
    def light(*xs: Any, **kwargs: Any) -> Any:
        # A compiled program plans its own memory, and must see the Tensors that f uses from outside.
        if modes.is_tracing() or not modes.is_recording():
            return f(*xs, **kwargs)
        leaves = tree_leaves(xs)
        if not any(isinstance(leaf, Tensor) for leaf in leaves):
            result = f(*xs, **kwargs)
            if not has_tensors(result):
                return result
        segment = _Segment(f, xs, kwargs)
        before = _own(leaves)  # f may write into its arguments, and must get the same values again
        segment.explore(leaves)
        packed = _run_again([*before, *map(_stand_in, segment.elsewhere)], segment)
        return packed if segment.shapes is None else segment.unpacked(packed)

    return light


class _Segment:
    """A call recorded without its inside: the function, and the structure of its arguments and its result.

    Attributes:
        elsewhere: the links of Tensors from outside the function that require a gradient.
        value: the result, until it is recorded.
    """

    def __init__(self, f: Callable[..., Any], xs: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.f, self.kwargs, self.kwargs_before = f, kwargs, _own(kwargs)
        self.arguments = tree_map(lambda _: 0, xs)
        self.structure: Nest = None
        self.shapes: list[tuple[int, ...]] | None = None
        self.elsewhere: list[Any] = []
        self.value: Any = None
        self.draws = Draws()
        self._sample: Any = None

    def explore(self, leaves: list[Any]) -> None:
        """Run the function once for its value and for the Tensors it uses from outside; drop its graph."""
        with self.draws.noted():
            run, _ = self.run([plain(leaf) for leaf in leaves], self.kwargs)
        self.kwargs = {}
        self.value = plain(run.output)
        self._sample = _sample_of(self.value)
        if isinstance(run.output, Tensor) and run.output.requires_grad:
            self.elsewhere = run.foreign_links([run.output])

    def run(self, leaves: list[Any], kwargs: dict[str, Any]) -> tuple[Run, list[int]]:
        """Run the function on Tensors in place of the differentiable leaves; return the run and their positions."""
        floating = [place for place, leaf in enumerate(leaves) if np.result_type(plain(leaf)).kind in "fc"]

        def of_floating(*some: Any) -> Any:
            whole = list(leaves)
            for place, item in zip(floating, some, strict=True):
                whole[place] = item
            return self._packed(whole, kwargs)

        given = tuple([leaves[place] for place in floating])
        return Run("checkpoint", of_floating, given, {}, tuple(range(len(floating))), has_aux=False), floating

    def run_again(self, leaves: list[Any]) -> tuple[Run, list[int]]:
        """Repeat the run of the function, with the same draws.

        Raises:
            GraphError: the second run computed something else.
        """
        with self.draws.repeated():
            run, floating = self.run(_own(leaves), _own(self.kwargs_before))
        again = _sample_of(plain(run.output))
        tolerance = 1e-2 if again.real.dtype.itemsize <= 4 else 1e-6
        scale = tolerance * (1 + np.max(np.abs(again[np.isfinite(again)]), initial=0))
        same = again.shape == self._sample.shape and np.allclose(again, self._sample, tolerance, scale, equal_nan=True)
        if not same:
            raise GraphError(
                f"checkpoint: {getattr(self.f, '__qualname__', type(self.f).__name__)} computed something else when "
                "the backward pass ran it again, so the gradient would be wrong. Draw in it with "
                "tinygraph.draws.uniform(generator, shape) or normal(generator, shape), and change no value it reads "
                "until the backward pass is over"
            )
        return run, floating

    def _packed(self, leaves: list[Any], kwargs: dict[str, Any]) -> Any:
        """Return the result as one array: several arrays are joined as vectors."""
        result = self.f(*filled(self.arguments, leaves), **kwargs)
        if not isinstance(result, dict | list | tuple):
            return result
        parts = tree_leaves(result)
        self.structure = tree_map(lambda _: 0, result)
        self.shapes = [np.shape(plain(part)) for part in parts]
        return np.concatenate([np.ravel(part) for part in parts]) if parts else np.zeros(0)

    def unpacked(self, packed: Any) -> Nest:
        """Return the result in its structure again."""
        assert self.shapes is not None
        ends = np.cumsum([0, *[int(np.prod(shape)) for shape in self.shapes]]).tolist()
        parts = [
            np.reshape(packed[start:end], shape)
            for (start, end), shape in zip(itertools.pairwise(ends), self.shapes, strict=True)
        ]
        return filled(self.structure, parts)


def _sample_of(value: Any) -> Any:
    """Return a sample of a result's numbers, to compare two runs by."""
    flat = np.ravel(value)
    return np.array(flat[:: max(1, flat.size // 256)])


def _own(structure: Any) -> Any:
    """Return nested arguments with their plain arrays copied."""
    return mapped(structure, lambda item: item.copy(order="K") if type(item) is np.ndarray else item)


def _stand_in(link: Any) -> Tensor:
    """Return a Tensor for a link; its value is never read."""
    return stand_for(link)  # type: ignore[no-any-return]


@primitive
def _run_again(leaves: list[Any], segment: _Segment) -> Any:
    """Return the result of a segment: one call of the record."""
    value, segment.value = segment.value, None
    return value


def _pull_through(g: Any, z: Any, leaves: list[Any], segment: _Segment) -> list[Any]:
    """Return the cotangents of the leaves and of the Tensors from outside: run the segment again, recorded."""
    own = leaves[: len(leaves) - len(segment.elsewhere)]
    reach = found_reach(state.reach)
    run, floating = segment.run_again(own)
    found: list[Any] = [None] * (len(floating) + len(segment.elsewhere))
    output = run.output
    # Rules get and return the conjugate of the direction of steepest ascent.
    conjugated = g.dtype.kind == "c"
    if isinstance(output, Tensor) and output.requires_grad:
        recorded = isinstance(g, Tensor) or run.is_nested
        seed = np.conjugate(g) if conjugated else g
        if recorded and not isinstance(seed, Tensor):
            seed = unrecorded(seed)
        inputs = [*run.links, *segment.elsewhere]
        begun = () if reach is None else (reach,)
        found = gradients(
            [output._link], [seed], inputs, since=run.since, create_graph=recorded, retain=recorded, begun=begun
        )
    places = [*floating, *range(len(own), len(leaves))]
    by_place = {place: item for place, item in zip(places, found, strict=True) if item is not None}
    nothing = [np.zeros(leaf.shape) if hasattr(leaf, "shape") else np.zeros(np.shape(leaf)) for leaf in leaves]
    cotangents = [by_place.get(place, zeros) for place, zeros in enumerate(nothing)]
    return [np.conjugate(item) for item in cotangents] if conjugated else cotangents


_run_again.derivative(_pull_through, None)
_run_again.__name__ = "checkpoint"
