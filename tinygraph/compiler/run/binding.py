"""The binding of a program: where its arguments, variables and results come from and go to, at each call."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from dataclasses import dataclass, field, replace
from math import isfinite
from typing import Any

import numpy as np

from tinygraph.compiler.run.numbers import Numbers
from tinygraph.compiler.trace import Captured
from tinygraph.engine.links import Leaf
from tinygraph.engine.operands import plain
from tinygraph.engine.tensor import Tensor

__all__ = ["Binding", "Ends", "all_finite", "all_held", "value_at_call"]


@dataclass(frozen=True, eq=False)
class Binding:
    """The sources of a program's arguments and variables, and the destinations of its results.

    The leaves of a call are the arrays, Tensors and numbers in its arguments. A captured leaf is a Tensor that the
    function found or was given: it is named by its link, or by its position among the leaves of a call.

    Attributes:
        given: for each argument the position of a leaf, an array from outside, or, for a gradient, a tuple of its
            Tensor.
        as_they_are: whether the leaves of a call's arguments are the program's arguments as they are.
        state: the captured leaves behind the variables.
        graded: the captured leaves that get a gradient.
        cleared: the Tensors that have no gradient afterwards.
        asked: pairs of a Tensor and whether it had a gradient before, as the function saw.
        generators: for each the position of a leaf, or the generator itself.
        by_strides: the leaves of a call, if the program depends on the strides of its inputs; else None.
        tensors: for each leaf of a call that is a Tensor or a generator its position, and the Tensor itself where the
            function finds the same one outside, else None.
        outside: the ids of the generators that the function finds.
        result: what the function returned, with None in place of arrays and numbers.
        shaper: makes the function's containers of the plain ones that the program returns; None if there are no others.
        objects: the classes of those that a file cannot make.
        is_guarded: whether the function may catch an error of a call, and go on.
        numbers: the numbers that Python computes from counters. They stand behind the leaves, and have positions there.
        finite: the sources of the numbers that the program takes to be finite, as in `given`, or a captured leaf.
        nonfinite: whether the program is for calls in which one of these numbers is infinite or NaN. It is slower.
        masks: pairs of the source of a condition that the function finds, and the bytes that the program takes it to
            hold.
    """

    given: list[Any]
    as_they_are: bool
    state: list[Captured]
    graded: list[Captured]
    cleared: list[Any]
    asked: list[tuple[Any, bool]]
    generators: list[Any]
    by_strides: list[Any] | None
    tensors: list[tuple[int, Any]]
    outside: frozenset[int]
    result: Any
    shaper: Callable[[Any], Any] | None = None
    objects: list[str] = field(default_factory=list)
    is_guarded: bool = False
    numbers: Numbers | None = None
    finite: list[Any] = field(default_factory=list)
    nonfinite: bool = False
    masks: list[tuple[Any, bytes]] = field(default_factory=list)

    def with_others(self, others: dict[int, Any]) -> Binding:
        """Return the binding with other arrays, Tensors and links for some, which are given by their ids."""
        captured: dict[int, Captured] = {}

        def other(item: Any) -> Any:
            if type(item) is tuple:
                return (other(item[0]),)
            if type(item) is not Captured:
                return others.get(id(item), item)
            if id(item) not in captured:
                made = captured[id(item)] = copy(item)
                made.link, made.tensor = other(item.link), other(item.tensor)
            return captured[id(item)]

        return replace(
            self,
            given=[*map(other, self.given)],
            state=[*map(other, self.state)],
            graded=[*map(other, self.graded)],
            cleared=[*map(other, self.cleared)],
            asked=[(other(owner), had) for owner, had in self.asked],
            tensors=[(position, other(tensor)) for position, tensor in self.tensors],
            finite=[*map(other, self.finite)],
            masks=[(other(source), content) for source, content in self.masks],
        )


@dataclass(frozen=True, eq=False)
class Ends:
    """The origins of a program's inputs and the destinations of its results, for a file that it is saved in.

    Attributes:
        given, graded, cleared, asked, generators: as in `Binding`, the captured leaves by their links or positions.
        tensors: for each variable the Tensor, or its position among the leaves, and whether it is updated.
        named: what the function returned, where there are named tuples in it.
        objects: the classes in it that a file cannot make.
        tied: whether a Tensor is given twice, or found outside as well.
        written_into: whether the function writes into the array of a Tensor, as opposed to giving it another.
        by_strides: whether the program depends on the strides of its inputs.
        asks_identity: whether the function compares identities, `x is y`.
    """

    given: list[Any]
    tensors: list[tuple[Any, bool]]
    graded: list[Any]
    cleared: list[Any]
    asked: list[tuple[Any, bool]]
    generators: list[Any]
    named: Any
    objects: list[str]
    tied: bool
    written_into: bool
    by_strides: bool
    asks_identity: bool


def value_at_call(item: Any, leaves: list[Any]) -> Any:
    """Return an argument of the program: a leaf of the call's arguments, an array from outside, or a gradient."""
    if type(item) is int:
        value = leaves[item]
        return value._value if type(value) is Tensor else value
    if isinstance(item, np.ndarray):
        return item
    link = leaves[item[0]]._link if type(item[0]) is int else item[0]
    return plain(link._grad)


def all_finite(sources: list[Any], leaves: list[Any]) -> bool:
    """Return whether the numbers that a program takes to be finite are so at a call."""
    for source in sources:
        if type(source) is int:
            value = leaves[source]
            value = value._value if type(value) is Tensor else value
        else:
            value = plain(source._value) if isinstance(source, Leaf) else value_at_call(source, leaves)
        # A number may be too large to have a square; then it is looked at by itself.
        if type(value) is np.ndarray and value.dtype.char in _REAL and value.ndim == 0:
            if not isfinite(value):
                return False
        elif type(value) is np.ndarray and value.dtype.char in _REAL and value.flags.c_contiguous:
            if not isfinite(np.vdot(value, value)) and not np.isfinite(value).all():
                return False
        elif value is not None and not np.all(np.isfinite(value)):
            return False
    return True


_REAL = frozenset("fd")


def all_held(masks: list[tuple[Any, bytes]], leaves: list[Any]) -> bool:
    """Return whether the conditions that a program takes to have some values have them at a call."""
    return all([value_at_call(source, leaves).tobytes() == content for source, content in masks])
