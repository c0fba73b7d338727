"""Images by slices: convolutions that are written as sums over the places of a kernel, and one kernel for the sum.

sum(x[:, i : i + 26, j : j + 26] @ k[i, j] for i in range(3) for j in range(3))     a convolution
np.concatenate([x[:, i : i + 26, j : j + 26] ...], axis=-1) @ k.reshape(-1, 8)      the same
"""

from __future__ import annotations

import operator
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from tinygraph.compiler.kernels import images
from tinygraph.compiler.program.builder import Builder
from tinygraph.compiler.program.rewriting import calls_of, rewritten_by_originals, uses_of
from tinygraph.compiler.program.steps import Step, operands_of
from tinygraph.compiler.rewrites.arithmetic import number
from tinygraph.compiler.rewrites.slices_of_images import (
    Grid,
    Place,
    Slice,
    factors_of,
    grid_of,
    moves_of,
    places_of,
    slice_of,
    turned_matrix,
    unshaped,
)
from tinygraph.derivatives.indexing import scatter
from tinygraph.graph import Graph

__all__ = ["slices_as_convolutions"]

Made = Callable[[Builder, Step], Step]


def slices_as_convolutions(graph: Graph) -> Graph:
    """x[:, :26, :26] @ k[0, 0] + x[:, :26, 1:27] @ k[0, 1] + ...  ->  convolve(x, k), and np.concatenate of the same
    slices @ k.reshape(-1, 8) alike. The gradients, sums of scatters, become convolve_kernel and convolve_input.
    """
    uses = uses_of(graph)
    added = {  # sums that nobody reads but another sum
        operand.index for step in calls_of(graph) if _is_sum(step)
        for operand in operands_of(step) if uses[operand.index] == 1 and operand.shape == step.shape
    }  # fmt: skip
    plans: dict[int, Made] = {}
    for step in calls_of(graph):
        plan = None
        if step.function is np.matmul:
            plan = _of_columns(step)
        elif _is_sum(step) and step.index not in added:
            plan = _of_terms(_terms(step, added), step)
        if plan is not None:
            plans[step.index] = plan
    if not plans:
        return graph

    def change(builder: Builder, step: Step, original: Step) -> Step | None:
        plan = plans.get(original.index)
        return None if plan is None else plan(builder, step)

    return rewritten_by_originals(graph, change)


def _is_sum(step: Step) -> bool:
    return step.function is np.add and not step.kwargs and len(step.shape) == 4 and step.dtype.char in "fd"


def _terms(step: Step, added: set[int]) -> list[Any]:
    """Return the terms of a sum of sums."""
    found: list[Any] = []
    waiting: list[Any] = [step]
    while waiting:
        item = waiting.pop()
        if type(item) is Step and _is_sum(item) and (item is step or item.index in added):
            waiting += item.args[::-1]
        else:
            found.append(item)
    return found


def _cropped(builder: Builder, like: Step, x: Step, first: Place) -> Step:
    """Return images from their first place on."""
    return x if first == (0, 0) else builder.call(like, operator.getitem, x, _from(first))


def _from(first: Place) -> tuple[slice, ...]:
    return slice(None), slice(first[0], None), slice(first[1], None)


# --- columns: all slices beside each other ----------------------------------------------------------------------------


class _Columns(NamedTuple):
    """An array that has the slices of images beside each other.

    Attributes:
        images: shape (images, height, width, channels).
        grid: of the slices.
        steps: of each slice.
        shape: that of a slice.
    """

    images: Step
    grid: Grid
    steps: Place
    shape: tuple[int, ...]


def _columns(x: Any) -> _Columns | None:
    """Return the slices that an array has beside each other, row by row, perhaps reshaped."""
    x = unshaped(x)
    if type(x) is not Step or x.function not in (np.concatenate, np.stack) or x.dtype.char not in "fd":
        return None
    axis = [*x.args[1:], *x.kwargs.values()]
    parts = x.args[0]
    if axis not in ([3], [-1] if x.function is np.concatenate else [3]) or not {*x.kwargs} <= {"axis"}:
        return None
    found = [slice_of(part) for part in parts]
    if not found or any([item is None for item in found]):
        return None
    slices: list[Slice] = found  # type: ignore[assignment]
    grid = grid_of([item.at for item in slices])
    alike = len({(item.images.index, item.steps) for item in slices}) == len({part.shape for part in parts}) == 1
    if grid is None or not alike or [item.at for item in slices] != grid.places:
        return None
    return _Columns(slices[0].images, grid, slices[0].steps, parts[0].shape)


def _of_columns(step: Step) -> Made | None:
    """Return what makes a convolution of columns times a matrix, or of the columns, turned, times a gradient."""
    x, y = step.args
    if step.kwargs or type(x) is not Step or type(y) is not Step or len(y.shape) != 2 or step.dtype.char not in "fd":
        return None
    if not x.dtype == y.dtype == step.dtype:
        return None
    turned = turned_matrix(x)
    columns = _columns(x if turned is None else turned)
    if columns is None:
        return None
    count, high, wide, channels = columns.shape
    kernel = (*columns.grid.size, channels, y.shape[1])
    inside = channels * columns.grid.size[0] * columns.grid.size[1]
    if (x if turned is None else turned).shape[-1] != inside or x.size != count * high * wide * inside:
        return None

    def made(builder: Builder, step: Step) -> Step:
        seen = _cropped(builder, step, builder.moved[columns.images.index], columns.grid.first)
        other, moves = step.args[1], moves_of(columns.steps)
        if turned is None:
            other = builder.call(step, np.reshape, other, kernel)
            result = builder.kernel(step, images.convolve, (*columns.shape[:3], kernel[3]), seen, other, moves, 1)
        else:
            other = builder.call(step, np.reshape, other, (*columns.shape[:3], kernel[3]))
            result = builder.kernel(step, images.convolve_kernel, kernel, seen, other, moves, 1)
        return _shaped(builder, step, result, step.shape)

    return made


def _shaped(builder: Builder, like: Step, x: Step, shape: tuple[int, ...]) -> Step:
    return x if x.shape == shape else builder.call(like, np.reshape, x, shape)


# --- sums of terms ----------------------------------------------------------------------------------------------------


class _Part(NamedTuple):
    """A term that belongs to one place of a kernel.

    Attributes:
        key: the terms of one convolution have the same.
        at: the place.
        weights: the matrix for the place; or, of a matrix for all places, (matrix, number of the place).
    """

    key: tuple[Any, ...]
    at: Place
    weights: Any


def _of_terms(terms: Sequence[Any], step: Step) -> Made | None:
    """Return what makes a convolution of the terms of a sum, and adds those that belong to none."""
    for part_of, made_of in ((_forward, _convolved), (_by_image, _by_images), (_by_weights, _by_kernel)):
        groups: defaultdict[tuple[Any, ...], list[tuple[Any, _Part]]] = defaultdict(list)
        for term in terms:
            part = part_of(term) if type(term) is Step and term.shape == step.shape else None
            if part is not None and term.dtype == step.dtype:
                groups[part.key].append((term, part))
        for group in groups.values():
            grid = grid_of([part.at for _, part in group])
            taken = {id(term) for term, _ in group}
            made = None if grid is None else made_of([part for _, part in group], grid, step)
            if made is not None:
                return _with_the_rest(made, [term for term in terms if id(term) not in taken])
    return None


def _with_the_rest(made: Made, rest: Sequence[Any]) -> Made:
    def whole(builder: Builder, step: Step) -> Step:
        result = made(builder, step)
        for item in rest:
            if type(item) is Step:
                result = builder.call(step, np.add, result, builder.moved[item.index])
            elif number(item) != 0:
                result = builder.call(step, np.add, result, item)
        return result

    return whole


def _kernel(parts: Sequence[_Part], grid: Grid, inside: int) -> Callable[[Builder, Step], Step] | None:
    """Return what makes a kernel of the weights at all places, or finds the kernel that they are parts of."""
    weights = [part.weights for part in sorted(parts, key=lambda part: part.at)]
    if all([type(item) is tuple for item in weights]):
        whole = weights[0][0]
        if any([item != (whole, place) for place, item in enumerate(weights)]):
            return None
        shape = (*grid.size, inside, whole.shape[1])
        if whole.shape[0] != inside * len(weights):
            return None
        return lambda builder, step: builder.call(step, np.reshape, builder.moved[whole.index], shape)
    if any([type(item) is tuple or item.shape != weights[0].shape for item in weights]):
        return None
    whole = weights[0].args[0] if weights[0].function is operator.getitem else None
    inner = [(row, column) for row in range(grid.size[0]) for column in range(grid.size[1])]
    if type(whole) is Step and whole.shape == (*grid.size, *weights[0].shape) and all([
        item.function is operator.getitem and item.args[0] is whole and item.args[1] == place
        for item, place in zip(weights, inner, strict=True)
    ]):  # fmt: skip
        return lambda builder, step: builder.moved[whole.index]
    shape = (*grid.size, *weights[0].shape)

    def stacked(builder: Builder, step: Step) -> Step:
        matrices = [builder.moved[item.index] for item in weights]
        return builder.call(step, np.reshape, builder.call(step, np.stack, matrices, axis=0), shape)

    return stacked


def _forward(term: Step) -> _Part | None:
    """Return the place of x[:, i:, j:] @ w."""
    found = factors_of(term)
    seen = None if found is None else slice_of(found[0])
    if found is None or seen is None or term.shape[:3] != found[0].shape[:3]:
        return None
    return _Part((seen.images, seen.steps), seen.at, found[1])


def _convolved(parts: Sequence[_Part], grid: Grid, step: Step) -> Made | None:
    x, steps = parts[0].key
    kernel = _kernel(parts, grid, x.shape[3])
    if kernel is None:
        return None

    def made(builder: Builder, step: Step) -> Step:
        seen = _cropped(builder, step, builder.moved[x.index], grid.first)
        return builder.kernel(step, images.convolve, step.shape, seen, kernel(builder, step), moves_of(steps), 1)

    return made


def _by_image(term: Step) -> _Part | None:
    """Return the place of scatter(g @ w.T, (:, i:, j:), shape) or, of all at once, scatter((g @ k.T)[..., a:b])."""
    places = places_of(term.args[1]) if term.function is scatter else None
    if places is None or type(term.args[0]) is not Step:
        return None
    at, steps = places
    g, shape = term.args[0], term.args[0].shape
    weights: Any = None
    if g.function is operator.getitem and type(g.args[0]) is Step and len(shape) == 4:
        place = _part_at(g.args[1], g.args[0].shape, shape)
        found = factors_of(g.args[0])
        if place is None or found is None or (matrix := turned_matrix(found[1])) is None:
            return None
        weights = (matrix, place)
    else:
        found = factors_of(g)
        weights = None if found is None else turned_matrix(found[1])
    if found is None or weights is None or found[0].size * shape[3] != g.size * found[0].shape[-1]:
        return None
    return _Part((found[0], steps, shape), at, weights)


def _part_at(index: Any, whole: tuple[int, ...], part: tuple[int, ...]) -> int | None:
    """Return the number of a part that an index takes from the last axis, or from the one before it."""
    if type(index) is not tuple or len(index) != 4 or any([item != slice(None) for item in index[:3]]):
        return None
    if type(index[3]) is int:
        return index[3] if len(whole) == 5 and index[3] >= 0 else None
    if type(index[3]) is not slice or len(whole) != 4 or index[3].step not in (None, 1):
        return None
    place, rest = divmod(index[3].start or 0, part[3])
    return None if rest else place


def _by_images(parts: Sequence[_Part], grid: Grid, step: Step) -> Made | None:
    g, steps, shape = parts[0].key
    kernel = _kernel(parts, grid, shape[3])
    if kernel is None:
        return None

    def made(builder: Builder, step: Step) -> Step:
        weights = kernel(builder, step)
        whole = (step.shape[0], *[size - at for size, at in zip(step.shape[1:3], grid.first, strict=True)], shape[3])
        y = _shaped(builder, step, builder.moved[g.index], (*shape[:3], weights.shape[3]))
        result = builder.kernel(step, images.convolve_input, whole, y, weights, moves_of(steps), 1)
        return result if whole == step.shape else builder.call(step, scatter, result, _from(grid.first), step.shape)

    return made


def _by_weights(term: Step) -> _Part | None:
    """Return the place of scatter(x[:, i:, j:].T @ g, (i, j), shape)."""
    if term.function is not scatter or type(term.args[1]) is not tuple or len(term.args[1]) != 2:
        return None
    product = term.args[0]
    if type(product) is not Step or product.function not in (np.matmul, np.dot) or len(product.shape) != 2:
        return None
    rows, g = turned_matrix(product.args[0]), product.args[1]
    seen = None if rows is None else slice_of(unshaped(rows))
    if seen is None or type(g) is not Step or any([type(item) is not int for item in term.args[1]]):
        return None
    if unshaped(g).shape[-1:] == g.shape[-1:]:
        g = unshaped(g)
    shape = unshaped(rows).shape
    if rows is None or rows.shape[-1] != shape[3] or not rows.dtype == g.dtype == term.dtype:
        return None
    inside = tuple([place - at for place, at in zip(seen.at, term.args[1], strict=True)])
    return _Part((seen.images, seen.steps, shape, g, inside), seen.at, None)


def _by_kernel(parts: Sequence[_Part], grid: Grid, step: Step) -> Made | None:
    x, steps, shape, g, inside = parts[0].key
    if inside != grid.first or step.shape != (*grid.size, shape[3], g.shape[-1]):
        return None

    def made(builder: Builder, step: Step) -> Step:
        seen = _cropped(builder, step, builder.moved[x.index], grid.first)
        y = _shaped(builder, step, builder.moved[g.index], (*shape[:3], g.shape[-1]))
        return builder.kernel(step, images.convolve_kernel, step.shape, seen, y, moves_of(steps), 1)

    return made
