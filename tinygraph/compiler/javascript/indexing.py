"""Indices in JavaScript: slices and numbers as views, arrays of whole numbers as places that are looked up."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tinygraph.compiler.javascript.expressions import Expression, Place, call, number
from tinygraph.compiler.javascript.kinds import is_whole
from tinygraph.compiler.javascript.rearranging import view
from tinygraph.compiler.javascript.values import Formula, Literal, Number, Stored, Value, viewed
from tinygraph.compiler.javascript.writer import Write, Writer, unknown
from tinygraph.compiler.kernels.parts import part_written
from tinygraph.compiler.program.counting import Affine, FromCount, at_count
from tinygraph.compiler.program.steps import Step
from tinygraph.derivatives.indexing import scatter, scatter_all

__all__ = ["TABLE"]

Shape = tuple[int, ...]


@dataclass(frozen=True, eq=False)
class _Along(Value):
    """The positions along an axis that an array names.

    Attributes:
        array: of whole numbers.
        axis_size: the size of the axis.
        known: the numbers, if they are the same at every call.
    """

    array: Value
    axis_size: int
    known: Any

    @property
    def shape(self) -> Shape:  # type: ignore[override]
        """The shape, as that of an array."""
        return self.array.shape

    def place(self, shape: Shape, index: Sequence[Place]) -> Place:
        """Return the position for a place in the shape that the arrays of an index are broadcast to."""
        if self.known is not None:
            steps = np.diff(self.known) if self.known.ndim == 1 else None
            if self.known.size == 1:
                return Place(offset=int(self.known.reshape(-1)[0]))
            if steps is not None and (steps == steps[0]).all():
                along = index[len(shape) - 1]
                return along.times(int(steps[0])).plus(Place(offset=int(self.known[0])))
        text = self.array.over(shape, index).text
        return Place.of(text if self.known is not None else f"position({text}, {self.axis_size})")


@dataclass(frozen=True, eq=False)
class _Elements(Value):
    """The elements of an array at an index, each where it lies.

    Attributes:
        array: the array.
        items: for each axis of the array a slice that is taken already, or `_Along`; None for a new axis.
        together: the shape that the arrays of the index are broadcast to.
        front: the axis of the result where that shape begins.
    """

    array: Stored
    items: Sequence[Any]
    together: Shape
    front: int
    shape: Shape
    dtype: Any
    weight = 1

    def is_flat(self) -> bool:
        return False

    def at(self, index: Sequence[Place]) -> Expression:
        behind = self.front + len(self.together)
        inside = index[self.front : behind]
        others = iter([*index[: self.front], *index[behind:]])
        places = []
        for item in self.items:
            if item is None:
                next(others)
            else:
                places.append(item.place(self.together, inside) if isinstance(item, _Along) else next(others))
        return self.array.at(places)

    def reads(self) -> Any:
        yield self.array.name


def _is_array(item: Any) -> bool:
    return isinstance(item, Step | np.ndarray | Sequence | Formula)


def _spread(index: Any, dimensions: int) -> list[Any]:
    """Return an index as one item for each axis, and None for each new one."""
    items = list(index) if isinstance(index, tuple) else [index]
    given = sum([item is not None and item is not Ellipsis for item in items])
    at = next((place for place, item in enumerate(items) if item is Ellipsis), None)
    rest = [slice(None)] * (dimensions - given)
    return [*items, *rest] if at is None else [*items[:at], *rest, *items[at + 1 :]]


def _basic(w: Writer, step: Step, array: Stored, items: list[Any]) -> Stored:
    """Return the view at numbers and slices, which may count with the loop around."""
    first = tuple([at_count(item, 0) for item in items])
    found = viewed(array, lambda memory: memory[(*first, ...)])
    assert found is not None
    start, axis = found.start, 0
    for item in items:
        if item is None:
            continue
        counted = item.start if isinstance(item, slice) else item
        if isinstance(counted, FromCount) or (isinstance(counted, Affine) and isinstance(counted.start, FromCount)):
            raise unknown(step, "in a loop that a condition ends")
        if isinstance(counted, Affine):
            first_place, moving = _counting(w, step, item, array.shape[axis])
            start = start.plus(moving.plus(Place(offset=-first_place)).times(array.strides[axis]))
        axis += 1
    return Stored(found.name, found.shape, found.dtype, found.strides, start, found.length, found.is_own)


def _counting(w: Writer, step: Step, item: Any, size: int) -> tuple[int, Place]:
    """Return the first place along an axis that an index names which counts with the loop, and its place in each one.

    Python counts from the end where a number is negative, and a loop may come to such a number.
    """
    if w.repeats is None:
        raise unknown(step, "whose index counts in a loop that a condition ends")
    found = [at_count(item, count) for count in range(w.repeats)]
    if isinstance(item, slice):
        spans = [range(*one.indices(size)) for one in found]
        places = [span.start for span in spans]
        if len({(len(span), span.step) for span in spans}) > 1:
            raise unknown(step, "whose index has another length in each iteration")
    else:
        places = [number + size if number < 0 else number for number in found]
    by = places[1] - places[0] if len(places) > 1 else 0
    if places == [places[0] + by * count for count in range(len(places))]:
        return places[0], Place.of(w.counter).times(by).plus(Place(offset=places[0]))
    if isinstance(item, slice):
        raise unknown(step, "whose index begins at places that do not count")
    start = Place(offset=int(item.start)).plus(Place.of(w.counter).times(item.step))
    return places[0], Place.of(f"position({start}, {size})")


def _known(item: Any) -> Any:
    """Return the numbers of an index that is the same at every call; None of another."""
    if isinstance(item, Step):
        return np.asarray(item.value) if item.is_constant else None
    return np.asarray(item)


def _elements(w: Writer, step: Step, array: Stored, index: Any, shape: Shape) -> Value:
    """Return the elements of an array at an index, as a value whose expressions can be written to.

    Args:
        shape: of the elements.
    """
    index = _with_places(step, index)
    items = _spread(index, len(array.shape))
    if not any(map(_is_array, items)):
        return _basic(w, step, array, items)
    marks = [_is_place(item) for item in items]
    basic = [slice(None) if mark else item for item, mark in zip(items, marks, strict=True)]
    sliced = _basic(w, step, array, [item for item in basic if item is not None])
    along: list[Any] = []
    axis = 0
    for item, mark in zip(items, marks, strict=True):
        if item is None:
            along.append(None)
            continue
        along.append(_along(w, step, item, array.shape[axis]) if mark else item)
        axis += 1
    together = np.broadcast_shapes(*[item.shape for item in along if isinstance(item, _Along)])
    front = marks.index(True) if _are_adjacent(index) else 0
    return _Elements(sliced, along, together, front, shape, array.dtype)


def _is_place(item: Any) -> bool:
    """Tell if NumPy counts an item of an index among its arrays, once one of them is an array."""
    return _is_array(item) or isinstance(item, int | np.integer | Affine)


def _are_adjacent(index: Sequence[Any]) -> bool:
    """Tell if the arrays of an index follow one another. An Ellipsis parts them, even one of no axes."""
    at = [place for place, item in enumerate(index) if _is_place(item)]
    return at[-1] - at[0] == len(at) - 1


def _with_places(step: Step, index: Any) -> Any:
    """Return an index with the places of a mask that is known in place of the mask."""
    items = index if isinstance(index, tuple) else (index,)
    found: list[Any] = []
    for item in items:
        if not _is_array(item) or isinstance(item, Formula):
            found.append(item)
            continue
        known = _known(item)
        kind = item.dtype if isinstance(item, Step) else known.dtype
        if kind.kind == "b":
            if known is None:
                raise unknown(step, "with a mask as its index, whose number of elements values decide,")
            found += np.nonzero(known)
        else:
            found.append(item)
    return tuple(found)


def _along(w: Writer, step: Step, item: Any, size: int) -> _Along:
    """Return the positions along an axis that a number or an array of the index names."""
    if isinstance(item, Affine):
        raise unknown(step, "with a number that counts beside an array")
    if isinstance(item, Formula):
        return _Along(w.stored(item, step), size, None)
    known = _known(item)
    if known is not None:
        known = np.where(known < 0, known + size, known).astype(np.int64)
        value: Value = w.value(known) if known.size != 1 else Literal(0, (1,) * known.ndim, np.dtype(np.int64))
        value = Literal(0, (), np.dtype(np.int64)) if not known.ndim else value
        return _Along(value, size, known)
    value = w.array(item, step)
    if not is_whole(value.dtype):
        raise unknown(step, f"with an index of {value.dtype}")
    return _Along(value, size, None)


def _memory(w: Writer, step: Step, item: Any) -> Stored:
    """Return an operand as an array in memory, a number too."""
    value = w.array(item, step)
    if isinstance(value, Stored):
        return value
    name = w.names.fresh("values")
    w.begin(step)
    w.line(f"const {name} = new {w.kind(step, value.dtype)}({value.size}).fill({value.at(()).text});")
    return Stored.whole(name, value.shape, value.dtype)


def _getitem(w: Writer, step: Step) -> Value:
    x, index = step.args
    if any([isinstance(item, bool | np.bool_) for item in (index if isinstance(index, tuple) else (index,))]):
        raise unknown(step, "at a bool")
    if not any(map(_is_array, index if isinstance(index, tuple) else (index,))):
        value = w.array(x, step)
        if isinstance(value, Number | Literal):
            return view(w, step, lambda array: array)
        return _basic(w, step, value, _spread(index, len(value.shape)))
    return _read(w, step, _elements(w, step, _memory(w, step, x), index, step.shape))


def _read(w: Writer, step: Step, elements: Value) -> Value:
    """Return the elements of an array as the value of a step, each looked up once."""
    return w.fill(step, elements, w.names.of(step))


def _take(w: Writer, step: Step) -> Value:
    x, index = step.args[:2]
    axis = step.args[2] if len(step.args) > 2 else step.kwargs.get("axis")
    mode = step.args[4] if len(step.args) > 4 else step.kwargs.get("mode", "raise")
    if {*step.kwargs} - {"axis", "mode"} or (len(step.args) > 3 and step.args[3] is not None):
        raise unknown(step, "with such arguments")
    array = _memory(w, step, x)
    if axis is None:
        flat = viewed(array, lambda memory: memory.reshape(-1))
        if flat is None:
            copied = w.fill(step, array, w.names.fresh("in_order"))
            assert isinstance(copied, Stored)
            flat = viewed(copied, lambda memory: memory.reshape(-1))
        assert flat is not None
        array, axis = flat, 0
    axis %= len(array.shape)
    index = _by_mode(w, step, index, array.shape[axis], mode)
    items = (*[slice(None)] * axis, index)
    return _read(w, step, _elements(w, step, array, items, step.shape))


def _by_mode(w: Writer, step: Step, index: Any, size: int, mode: str) -> Any:
    """Return an index whose places beyond the ends of an axis are brought to places on it."""
    if mode == "raise":
        return index if _is_array(index) else np.asarray(index)
    known = _known(index)
    if known is not None:
        return np.clip(known, 0, size - 1) if mode == "clip" else np.mod(known, size)
    last, count = number(size - 1), number(size)

    def formula(place: Expression) -> Expression:
        if mode == "wrap":
            return call("wholeRemainder", place, count)
        return call("Math.min", call("Math.max", place, number(0)), last)

    return Formula(index.shape, index.dtype, [w.value(index)], formula, True)


def _take_along_axis(w: Writer, step: Step) -> Value:
    x, index = step.args[:2]
    axis = step.args[2] if len(step.args) > 2 else step.kwargs.get("axis", -1)
    array = _memory(w, step, x)
    if axis is None:
        raise unknown(step, "without an axis")
    along = _along(w, step, index, array.shape[axis])
    target = w.new(step)
    with w.loops(step.shape) as places:
        inside = [place if size != 1 else Place() for place, size in zip(places, array.shape, strict=True)]
        inside[axis] = along.place(step.shape, places)
        w.line(f"{target.at(places).text} = {array.at(inside).text};")
    return target


def _scattered(w: Writer, step: Step, pieces: Sequence[Any], indices: Sequence[Any]) -> Value:
    """Write zeros with pieces added at their indices."""
    target = w.new(step)
    for piece, index in zip(pieces, indices, strict=True):
        value = w.value(piece, step.dtype)
        _put(w, step, target, index, value, "+=")
    return target


def _put(w: Writer, step: Step, target: Stored, index: Any, value: Value, sign: str) -> None:
    """Write a value into the elements of an array at an index, or add it to them."""
    probe = np.broadcast_to(np.int8(0), target.shape)[_sample(index)]
    elements = _elements(w, step, target, index, probe.shape)
    if isinstance(elements, Stored):
        w.copy(_without_ones(value, len(elements.shape)), elements, sign)
    elif 0 not in elements.shape:
        with w.loops(elements.shape) as places:
            read = _without_ones(value, len(elements.shape)).over(elements.shape, places)
            w.line(f"{elements.at(places).text} {sign} {read.text};")


def _without_ones(value: Value, dimensions: int) -> Value:
    """Return a value without the axes of one element in front that an assignment lets go."""
    surplus = len(value.shape) - dimensions
    if surplus <= 0 or not isinstance(value, Stored | Number | Literal):
        return value
    if isinstance(value, Stored):
        return replace(value, shape=value.shape[surplus:], strides=value.strides[surplus:], is_own=False)
    return replace(value, shape=value.shape[surplus:])


def _sample(index: Any) -> Any:
    """Return an index of the same form, with zeros for arrays and the numbers of the first iteration."""
    if isinstance(index, tuple):
        return tuple([_sample(item) for item in index])
    if isinstance(index, Step):
        return np.asarray(index.value) if index.is_constant else np.zeros(index.shape, np.int64)
    return at_count(index, 0)


def _scatter(w: Writer, step: Step) -> Value:
    return _scattered(w, step, [step.args[0]], [step.args[1]])


def _scatter_all(w: Writer, step: Step) -> Value:
    return _scattered(w, step, step.args[0], step.args[1])


def _part_written(w: Writer, step: Step) -> Value:
    x, value, index = step.args[:3]
    views = step.args[3] if len(step.args) > 3 else ()
    whole = w.value(x, step.dtype)
    target = w.fill(step, whole, w.names.of(step)) if step.shape else _memory(w, step, x)
    if not isinstance(target, Stored):
        raise unknown(step, "of a number")
    part: Stored | None = target
    for function, before, after, keywords, which in views:
        if part is None or which is not None:
            raise unknown(step, "into one of several views")

        def taken(array: Any, function: Any = function, before: Any = before, after: Any = after,
                  keywords: Any = keywords) -> Any:  # fmt: skip
            return function(*before, array, *after, **keywords)

        part = viewed(part, taken)
    if part is None:
        raise unknown(step, "into a view that is a copy")
    _put(w, step, part, index, w.value(value, step.dtype), "=")
    return target


TABLE: dict[Any, Write] = {
    operator.getitem: _getitem,
    np.take: _take,
    np.take_along_axis: _take_along_axis,
    scatter: _scatter,
    scatter_all: _scatter_all,
    part_written: _part_written,
}
