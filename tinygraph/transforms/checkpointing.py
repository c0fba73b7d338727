"""Memory traded for time: `checkpoint` remembers nothing of what a function does, and runs it again on the way back."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

from tinygraph import modes
from tinygraph.nests import Nest, filled, tree_leaves, tree_map
from tinygraph.operands import plain
from tinygraph.primitives import primitive
from tinygraph.tensor import Tensor
from tinygraph.transforms.products import vjp

__all__ = ["checkpoint"]


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
        self.structure: Nest = None
        self.shapes: list[tuple[int, ...]] | None = None

    def __call__(self, *leaves: Any) -> Any:
        """The result as one array: several are joined, as vectors."""
        result = self.f(*filled(self.arguments, leaves), **self.kwargs)
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


@primitive
def _run_again(leaves: list[Any], segment: _Segment) -> Any:
    """The result of a segment, as one call of the record."""
    with modes.no_grad():
        return plain(segment(*[Tensor(leaf) if isinstance(leaf, np.ndarray) else leaf for leaf in leaves]))


def _pull_through(g: Any, z: Any, leaves: list[Any], segment: _Segment) -> list[Any]:
    """The cotangents of the leaves: the segment is run once more, and remembered this time."""
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
