"""Memory traded for time: `checkpoint` remembers nothing of what a function does, and runs it again on the way back."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

from tinygraph.draws import Draws
from tinygraph.engine import modes
from tinygraph.engine.backward import gradients
from tinygraph.engine.links import mapped
from tinygraph.engine.modes import state
from tinygraph.engine.operands import has_tensors, plain
from tinygraph.engine.primitives import primitive
from tinygraph.engine.reaching import found_reach
from tinygraph.engine.record import unrecorded
from tinygraph.engine.tensor import Tensor
from tinygraph.errors import GraphError
from tinygraph.nests import Nest, filled, tree_leaves, tree_map
from tinygraph.transforms.running import Run

__all__ = ["checkpoint"]


def checkpoint(f: Callable[..., Any]) -> Callable[..., Any]:
    """f, with nothing inside it remembered: the backward pass runs f again. Memory is traded for time.

    Args:
        f: a function of arrays that returns arrays, both nested in any way. It must compute the same when it is run
            again: what it draws with `tinygraph.draws`, as Dropout does, is drawn again. Gradients flow to its
            positional arguments, and to Tensors that it finds elsewhere, such as the weights of a layer.

    Raises (when the backward pass runs f again):
        GraphError: it computed something else.

    Source: Griewank and Walther, "Algorithm 799: revolve" (2000).
    """

    @functools.wraps(f)
    def light(*xs: Any, **kwargs: Any) -> Any:
        # A compiled program plans its own memory, and must see what f finds elsewhere.
        if modes.is_tracing() or not modes.is_recording():
            return f(*xs, **kwargs)
        leaves = tree_leaves(xs)
        if not any(isinstance(leaf, Tensor) for leaf in leaves):
            result = f(*xs, **kwargs)
            if not has_tensors(result):
                return result
        segment = _Segment(f, xs, kwargs)
        before = _own(leaves)  # f may write into what it is given, and is to be given the same again
        segment.explore(leaves)
        packed = _run_again([*before, *map(_stand_in, segment.elsewhere)], segment)
        return packed if segment.shapes is None else segment.unpacked(packed)

    return light


class _Segment:
    """A call whose inside is not remembered: the function, the structure of its arguments and of its result.

    Attributes:
        elsewhere: the links of Tensors that the function finds elsewhere, and that want a gradient.
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
        """Run the function once, to have its value, and to see what else it depends on; its graph is dropped."""
        with self.draws.noted():
            run, _ = self.run([plain(leaf) for leaf in leaves], self.kwargs)
        self.kwargs = {}
        self.value = plain(run.output)
        self._sample = _sample_of(self.value)
        if isinstance(run.output, Tensor) and run.output.requires_grad:
            self.elsewhere = run.foreign_links([run.output])

    def run(self, leaves: list[Any], kwargs: dict[str, Any]) -> tuple[Run, list[int]]:
        """Run the function on Tensors in place of the leaves that have a gradient, and say which those are."""
        floating = [place for place, leaf in enumerate(leaves) if np.result_type(plain(leaf)).kind in "fc"]

        def of_floating(*some: Any) -> Any:
            whole = list(leaves)
            for place, item in zip(floating, some, strict=True):
                whole[place] = item
            return self._packed(whole, kwargs)

        given = tuple([leaves[place] for place in floating])
        return Run("checkpoint", of_floating, given, {}, tuple(range(len(floating))), has_aux=False), floating

    def run_again(self, leaves: list[Any]) -> tuple[Run, list[int]]:
        """Run the function as it was run, with the draws that it made.

        Raises:
            GraphError: it computed something else.
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
                "the backward pass ran it again, so that the gradient would be another function's. Draw in it with "
                "tinygraph.draws.uniform(generator, shape) or normal(generator, shape), and change nothing that it "
                "reads before the backward pass"
            )
        return run, floating

    def _packed(self, leaves: list[Any], kwargs: dict[str, Any]) -> Any:
        """The result as one array: several are joined, as vectors."""
        result = self.f(*filled(self.arguments, leaves), **kwargs)
        if not isinstance(result, dict | list | tuple):
            return result
        parts = tree_leaves(result)
        self.structure = tree_map(lambda _: 0, result)
        self.shapes = [np.shape(plain(part)) for part in parts]
        return np.concatenate([np.ravel(part) for part in parts]) if parts else np.zeros(0)

    def unpacked(self, packed: Any) -> Nest:
        """The result in its structure again."""
        assert self.shapes is not None
        ends = np.cumsum([0, *[int(np.prod(shape)) for shape in self.shapes]]).tolist()
        parts = [
            np.reshape(packed[start:end], shape)
            for (start, end), shape in zip(itertools.pairwise(ends), self.shapes, strict=True)
        ]
        return filled(self.structure, parts)


def _sample_of(value: Any) -> Any:
    """Some of the numbers of a result, by which it is told from another."""
    flat = np.ravel(value)
    return np.array(flat[:: max(1, flat.size // 256)])


def _own(structure: Any) -> Any:
    """Nested arguments with copies of the plain arrays in them."""
    return mapped(structure, lambda item: item.copy(order="K") if type(item) is np.ndarray else item)


def _stand_in(link: Any) -> Tensor:
    """A Tensor of a link, whose value nobody is going to ask for."""
    tensor: Tensor = object.__new__(Tensor)
    tensor._value, tensor._link = link._value, link
    return tensor


@primitive
def _run_again(leaves: list[Any], segment: _Segment) -> Any:
    """The result of a segment, as one call of the record."""
    value, segment.value = segment.value, None
    return value


def _pull_through(g: Any, z: Any, leaves: list[Any], segment: _Segment) -> list[Any]:
    """The cotangents of the leaves, and of what was found elsewhere: the segment is run once more, and remembered."""
    own = leaves[: len(leaves) - len(segment.elsewhere)]
    reach = found_reach(state.reach)
    run, floating = segment.run_again(own)
    found: list[Any] = [None] * (len(floating) + len(segment.elsewhere))
    output = run.output
    # The engine gives a rule the conjugate of the direction uphill, and takes a conjugate back.
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
