"""Values of a program as JavaScript has them: arrays in memory with steps along their axes, numbers, and formulas."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygraph.compiler.javascript.expressions import Expression, Place, number
from tinygraph.compiler.javascript.kinds import rounded

__all__ = ["Formula", "Literal", "Number", "Stored", "Value", "in_order", "viewed"]

Shape = tuple[int, ...]
_NOWHERE = Place()


class Value:
    """A value: its shape and dtype, and the expression for each of its elements.

    Attributes:
        weight: how many operations the expression of an element has.
    """

    shape: Shape
    dtype: Any
    weight = 0

    @property
    def size(self) -> int:
        """The number of elements."""
        return math.prod(self.shape)

    def at(self, index: Sequence[Place]) -> Expression:
        """Return the element at a place along each axis."""
        raise NotImplementedError

    def is_flat(self) -> bool:
        """Return whether its elements lie one behind the other in C order."""
        raise NotImplementedError

    def flat(self, place: Place) -> Expression:
        """Return an element by its position in C order, of a value that is flat."""
        raise NotImplementedError

    def reads(self) -> Iterator[str]:
        """Yield the names of what its elements are computed from."""
        return iter(())

    def over(self, shape: Shape, index: Sequence[Place]) -> Expression:
        """Return the element that meets the one of a larger shape, which this value is broadcast to."""
        own = index[len(shape) - len(self.shape) :]
        return self.at([_NOWHERE if size == 1 else place for size, place in zip(self.shape, own, strict=True)])


@dataclass(frozen=True, eq=False)
class Literal(Value):
    """One number for all elements."""

    value: Any
    shape: Shape
    dtype: Any

    def at(self, index: Sequence[Place]) -> Expression:
        """Return the element at a place along each axis."""
        return number(np.asarray(self.value).astype(self.dtype).item())

    def is_flat(self) -> bool:
        """Return whether its elements lie one behind the other in C order."""
        return True

    def flat(self, place: Place) -> Expression:
        """Return an element by its position in C order, of a value that is flat."""
        return self.at(())


@dataclass(frozen=True, eq=False)
class Number(Value):
    """A number with a name; in a shape it is repeated."""

    name: str
    shape: Shape
    dtype: Any

    def at(self, index: Sequence[Place]) -> Expression:
        """Return the element at a place along each axis."""
        return Expression(self.name)

    def is_flat(self) -> bool:
        """Return whether its elements lie one behind the other in C order."""
        return True

    def flat(self, place: Place) -> Expression:
        """Return an element by its position in C order, of a value that is flat."""
        return Expression(self.name)

    def reads(self) -> Iterator[str]:
        """Yield the names of what its elements are computed from."""
        yield self.name


@dataclass(frozen=True, eq=False)
class Stored(Value):
    """An array in memory, or a part of one.

    Attributes:
        name: of the typed array.
        strides: along each axis the distance of two neighbours, in elements.
        start: the place of the first element.
        length: the number of elements of the typed array.
        is_own: whether the function made the array, and nobody has it besides.
    """

    name: str
    shape: Shape
    dtype: Any
    strides: Shape
    start: Place
    length: int
    is_own: bool = True

    @classmethod
    def whole(cls, name: str, shape: Shape, dtype: Any, is_own: bool = True) -> Stored:
        """Return an array in one piece."""
        return cls(name, shape, dtype, in_order(shape), _NOWHERE, math.prod(shape), is_own)

    @property
    def is_whole(self) -> bool:
        """True if it is the whole of the typed array, in C order."""
        return self.is_flat() and self.start == _NOWHERE and self.size == self.length

    def at(self, index: Sequence[Place]) -> Expression:
        """Return the element at a place along each axis."""
        place = self.start
        for along, stride in zip(index, self.strides, strict=True):
            place = place.plus(along.times(stride))
        return Expression(f"{self.name}[{place}]")

    def is_flat(self) -> bool:
        """Return whether its elements lie one behind the other in C order."""
        pairs = zip(self.shape, self.strides, in_order(self.shape), strict=True)
        return self.size == 0 or all(size == 1 or stride == other for size, stride, other in pairs)

    def flat(self, place: Place) -> Expression:
        """Return an element by its position in C order, of a value that is flat."""
        return Expression(f"{self.name}[{self.start.plus(place)}]")

    def reads(self) -> Iterator[str]:
        """Yield the names of what its elements are computed from."""
        yield self.name


@dataclass(frozen=True, eq=False)
class Formula(Value):
    """A value whose elements are computed where they are read.

    Attributes:
        operands: values that broadcast to the shape.
        formula: the expression of an element, from those of the operands.
        is_exact: whether the result of operands of its dtype needs no rounding: a maximum, a choice.
    """

    shape: Shape
    dtype: Any
    operands: Sequence[Value]
    formula: Callable[..., Expression]
    is_exact: bool = False

    @property
    def weight(self) -> int:  # type: ignore[override]
        """The number of operations, those of its operands included."""
        return 1 + sum([operand.weight for operand in self.operands])

    def at(self, index: Sequence[Place], is_stored: bool = False) -> Expression:
        """Return an element; `is_stored` says that it is stored in an array of the dtype, which rounds it."""
        found = self.formula(*[operand.over(self.shape, index) for operand in self.operands])
        return found if is_stored or self.is_exact else rounded(found, self.dtype)

    def is_flat(self) -> bool:
        """Return whether its elements lie one behind the other in C order."""
        return all([
            operand.size == 1 or (operand.shape == self.shape and operand.is_flat()) for operand in self.operands
        ])  # fmt: skip

    def flat(self, place: Place, is_stored: bool = False) -> Expression:
        """Return an element by its position; see `at`."""
        found = self.formula(*[
            operand.at([_NOWHERE] * len(operand.shape)) if operand.size == 1 else operand.flat(place)
            for operand in self.operands
        ])  # fmt: skip
        return found if is_stored or self.is_exact else rounded(found, self.dtype)

    def reads(self) -> Iterator[str]:
        """Yield the names of what its elements are computed from."""
        for operand in self.operands:
            yield from operand.reads()


def in_order(shape: Shape) -> Shape:
    """Return the strides of an array in C order, in elements."""
    return tuple([math.prod(shape[axis + 1 :]) for axis in range(len(shape))])


def viewed(value: Stored, function: Callable[[Any], Any]) -> Stored | None:
    """Return the view that a function of NumPy takes of an array; None where it copies.

    NumPy takes the view of an array of bytes with the same strides, and the view's strides are read from it.
    """
    before = [max(0, -stride) * max(0, size - 1) for size, stride in zip(value.shape, value.strides, strict=True)]
    behind = [max(0, stride) * max(0, size - 1) for size, stride in zip(value.shape, value.strides, strict=True)]
    memory = np.zeros(sum(before) + sum(behind) + 1, np.int8)
    array = np.lib.stride_tricks.as_strided(memory[sum(before) :], value.shape, value.strides)
    view = function(array)
    if not view.size:
        return Stored(value.name, view.shape, value.dtype, in_order(view.shape), _NOWHERE, value.length, value.is_own)
    if not np.may_share_memory(view, memory):
        return None
    moved = view.__array_interface__["data"][0] - array.__array_interface__["data"][0]
    return Stored(
        value.name, view.shape, value.dtype, view.strides, value.start.plus(Place(offset=moved)), value.length,
        value.is_own,
    )  # fmt: skip
