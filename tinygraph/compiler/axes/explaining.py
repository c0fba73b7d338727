"""Explaining: one nest of values that holds at several sizes, from the nests that were found at each.

    sizes 64, 65, 67    np.reshape(x, (64, 5)), np.reshape(x, (65, 5)), ...     np.reshape(x, (n, 5))

A number that is the same at all sizes stays; another becomes a form, and an array of one number, or of the numbers from
0 on, a call that makes it. What differs otherwise is not explained.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygraph.compiler.axes.forms import Form, Quotient, number_form, whole_form
from tinygraph.compiler.trace.agreement import same, same_content
from tinygraph.graph import Node

__all__ = ["Counted", "Unexplained", "Uniform", "explained", "forms_in", "put_in"]


class Unexplained(Exception):  # noqa: N818 - no error: the program stays closed
    """Values at several sizes differ in a way that no form explains."""


@dataclass(frozen=True, eq=False, slots=True)
class Uniform:
    """An array of one number, whose shape depends on a size."""

    shape: Any
    value: Any

    def at(self, size: int) -> Any:
        """Return the array at a size."""
        return np.full(put_in(self.shape, size), self.value)


@dataclass(frozen=True, eq=False, slots=True)
class Counted:
    """The whole numbers from one on, as many as a size says."""

    first: int
    count: Form
    dtype: Any

    def at(self, size: int) -> Any:
        """Return the array at a size."""
        return np.arange(self.first, self.first + self.count.at(size), dtype=self.dtype)


_FORMS = frozenset((Form, Quotient, Uniform, Counted))


FormOf = Callable[[Sequence[int], Sequence[Any]], Any]


def explained(sizes: Sequence[int], values: Sequence[Any], form_of: FormOf | None = None) -> Any:
    """Return a nest with forms where the values of nests differ.

    Args:
        sizes: three or more.
        values: a nest for each.
        form_of: returns the stand-in for numbers or arrays that differ, instead of a form.

    Raises:
        Unexplained: they differ in a way that no form explains.
    """
    first = values[0]
    kind = type(first)
    if isinstance(first, Node):
        if all(isinstance(value, Node) and value.index == first.index for value in values):
            return first
        raise Unexplained
    if any(type(value) is not kind for value in values):
        raise Unexplained
    if isinstance(first, tuple | list):
        if any(len(value) != len(first) for value in values):
            raise Unexplained
        parts = [explained(sizes, items, form_of) for items in zip(*values, strict=True)]
        return kind(*parts) if hasattr(kind, "_fields") else kind(parts)
    if kind is dict:
        if any([*value] != [*first] for value in values):
            raise Unexplained
        return {key: explained(sizes, [value[key] for value in values], form_of) for key in first}
    if kind is slice:
        return slice(*[explained(sizes, ends, form_of) for ends in zip(*map(_ends, values), strict=True)])
    alike = same_content if kind is np.ndarray else same
    if all(alike(first, value) for value in values[1:]):
        return first
    return (form_of or _form_of)(sizes, values)


def _ends(item: slice) -> tuple[Any, Any, Any]:
    return item.start, item.stop, item.step


def _form_of(sizes: Sequence[int], values: Sequence[Any]) -> Any:
    kind = type(values[0])
    found: Any = None
    if kind is int:
        found = whole_form(sizes, values)
    elif kind is float or issubclass(kind, np.float32 | np.float64):
        found = number_form(sizes, values)
    elif kind is np.ndarray:
        found = _array(sizes, values)
    if found is None:
        raise Unexplained
    return found


def _array(sizes: Sequence[int], arrays: Sequence[Any]) -> Any:
    first = arrays[0]
    if any(array.dtype != first.dtype or array.ndim != first.ndim or array.size == 0 for array in arrays):
        return None
    if first.dtype.kind not in "biufc":
        return None
    shape = explained(sizes, [array.shape for array in arrays])
    value = first.reshape(-1)[0]
    if all(np.array_equal(array, np.broadcast_to(value, array.shape)) for array in arrays):
        return Uniform(shape, value)
    if first.ndim == 1 and first.dtype.kind in "iu" and type(shape[0]) is Form:
        counted = Counted(int(value), shape[0], first.dtype)
        if all(np.array_equal(array, counted.at(size)) for size, array in zip(sizes, arrays, strict=True)):
            return counted
    return None


def put_in(structure: Any, size: int, node: Callable[[Any], Any] = lambda node: node) -> Any:
    """Return a nest with the values at a size in place of forms.

    Args:
        structure: the nest.
        size: the size.
        node: returns what takes the place of a node.
    """
    kind = type(structure)
    if kind in _FORMS:
        return structure.at(size)
    if isinstance(structure, Node):
        return node(structure)
    if isinstance(structure, tuple | list):
        parts = [put_in(item, size, node) for item in structure]
        return kind(*parts) if hasattr(kind, "_fields") else kind(parts)
    if kind is dict:
        return {key: put_in(item, size, node) for key, item in structure.items()}
    if kind is slice:
        return slice(*[put_in(end, size, node) for end in _ends(structure)])
    return structure


def forms_in(structure: Any) -> Iterator[Form]:
    """Yield the whole numbers in a nest that depend on a size."""
    kind = type(structure)
    if kind is Form:
        yield structure
    elif kind is Quotient:
        yield structure.by
    elif kind is Counted:
        yield structure.count
    elif kind is Uniform:
        yield from forms_in(structure.shape)
    elif isinstance(structure, tuple | list):
        for item in structure:
            yield from forms_in(item)
    elif kind is dict:
        yield from forms_in([*structure.values()])
    elif kind is slice:
        yield from forms_in(_ends(structure))
