"""Bodies: the graph of a loop, made of a pattern: its inputs, then the steps of one iteration."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from tinygraph.compiler.program.builder import Builder
from tinygraph.compiler.program.counting import Affine, AtCount, Ragged, item_at, kept_row
from tinygraph.compiler.program.loops import goes_on
from tinygraph.compiler.program.steps import Step
from tinygraph.compiler.rolling.patterns import Carried, Element, Here, Numbers, Pattern, Rows, Same, values_in
from tinygraph.graph import Graph

__all__ = ["Body"]


class Body:
    """The body of a loop as it is made.

    Attributes:
        fixed: the values from outside that it reads, in the order of its inputs.
    """

    def __init__(self, pattern: Pattern, value: Callable[[Any], Step], stack: Callable[[Any], Step]) -> None:
        self.fixed: list[Step] = []
        self._pattern = pattern
        self._value = value
        self._stack = stack
        self._builder = Builder()
        self._carried: list[Step] = []
        self._known: dict[int, Step] = {}
        self._parts: dict[tuple[int, str], Step] = {}  # by an array and an index the element
        self._steps: list[Step] = []

    def graph(self, needed: Sequence[int]) -> Graph:
        """Return the body, with its inputs first, and the next carried values before its other outputs.

        Args:
            needed: the places of the steps whose values are needed outside.
        """
        pattern = self._pattern
        for first, following in pattern.carried:
            like = first if type(first) is Step else pattern.step_at(0, 0)
            while type(following) is Carried:
                following = pattern.carried[following.number][1]
            name = pattern.step_at(0, following.offset).name
            self._carried.append(self._given(like, first.shape, first.dtype, name))
        # The inputs come before the steps, and are known when all steps are.
        plans = list(zip(pattern.args, pattern.kwargs, strict=True))
        for args, kwargs in plans:
            self._find_inputs(args)
            self._find_inputs(kwargs)
        for offset, (args, _) in enumerate(plans):
            self._take_first(args, pattern.step_at(0, offset))
        for offset, (args, kwargs) in enumerate(plans):
            like = pattern.step_at(0, offset)
            new = tuple([self._argument(item, like) for item in args])
            words = {key: self._argument(item, like) for key, item in kwargs.items()}
            function: Any = like.function
            if offset in pattern.of_ragged:
                function = Ragged(function)
            elif any([_has_affine(item) for item in new]):
                function = AtCount(function)
                if function == item_at and type(new[0]) is np.ndarray:  # rewrites look for an array among the steps
                    new = (self._builder.constant(like, new[0]), *new[1:])
            elif offset == pattern.exit:
                function = goes_on
            self._steps.append(self._builder.add(replace(like, function=function, args=new, kwargs=words)))
        outputs = [self._next(following) for _, following in pattern.carried]
        outputs += [self._steps[offset] for offset in needed]
        return Graph(tuple(self._builder.steps), tuple(outputs))

    def _next(self, following: Any) -> Step:
        return self._steps[following.offset] if type(following) is Here else self._carried[following.number]

    def _given(self, like: Step, shape: tuple[int, ...], dtype: Any, name: str | None) -> Step:
        return self._builder.add(
            replace(
                like, function=None, args=(), kwargs={}, shape=shape, dtype=dtype, name=name, value=None, given=True,
            )
        )  # fmt: skip

    # --- inputs -------------------------------------------------------------------------------------------------------

    def _find_inputs(self, item: Any) -> None:
        for value in values_in(item):
            if type(value) is Same and not value.step.is_constant:
                self._input(self._value(value.step))
            elif type(value) is Rows:
                self._input(self._stack(value))

    def _input(self, step: Step) -> Step:
        if step.index not in self._known:
            self.fixed.append(step)
            self._known[step.index] = self._given(step, step.shape, step.dtype, step.name)
        return self._known[step.index]

    # --- arguments ----------------------------------------------------------------------------------------------------

    def _argument(self, item: Any, like: Step) -> Any:
        """Return an argument of the body's call for a pattern."""
        kind = type(item)
        if kind is tuple or kind is list:
            return kind([self._argument(each, like) for each in item])
        if kind is Here:
            return self._steps[item.offset]
        if kind is Carried:
            return self._carried[item.number]
        if kind is Same:
            return self._constant(item.step) if item.step.is_constant else self._input(self._value(item.step))
        if kind is Rows:
            stack = self._input(self._stack(item))
            if item.pattern.exit is not None:
                return self._builder.add(
                    replace(like, function=kept_row, args=(stack, item.at), kwargs={}, shape=stack.shape[1:],
                            dtype=stack.dtype, name=None)
                )  # fmt: skip
            return self._taken(stack, item.at, like)
        if kind is Numbers:
            values = item.values.astype(_dtype_beside(like)) if item.of_python else item.values
            return self._taken(self._builder.constant(like, values), Affine(0, 1), like)
        if kind is Element:
            base = self._argument(item.base, like)
            return self._taken(base, item.index, like) if item.ragged is None else self._taken_ragged(base, item, like)
        return item

    def _take_first(self, item: Any, like: Step) -> None:
        """Take elements of what comes from outside at the beginning, once: a loop in the body has another counter."""
        if type(item) is tuple or type(item) is list:
            for each in item:
                self._take_first(each, like)
        elif type(item) is Rows or (
            type(item) is Element and type(item.base) in (Same, Rows) and _is_plain(item.index)
        ):
            self._argument(item, like)

    def _constant(self, step: Step) -> Step:
        if step.index not in self._known:
            self._known[step.index] = self._builder.add(step)
        return self._known[step.index]

    def _taken(self, base: Step, index: Any, like: Step) -> Step:
        """Append `base[index]`: first at what counts, then at what does not."""
        key = (base.index, repr(index))
        if key not in self._parts:
            counting, rest = _divided(index, len(base.shape))
            like = replace(like, name=None)
            if counting is not None:
                base = self._builder.call(like, item_at, base, counting)
            self._parts[key] = base if rest is None else self._builder.call(like, operator.getitem, base, rest)
        return self._parts[key]

    def _taken_ragged(self, base: Step, item: Element, like: Step) -> Step:
        """Append a part of an array whose shape changes from one iteration to the next."""
        key = (base.index, repr(item.index))
        if key not in self._parts:
            assert item.ragged is not None
            self._parts[key] = self._builder.add(
                replace(like, function=Ragged(operator.getitem), args=(base, item.index), kwargs={}, name=None,
                        shape=item.ragged, dtype=base.dtype, value=None)
            )  # fmt: skip
        return self._parts[key]


def _dtype_beside(call: Step) -> Any:
    """Return the dtype that Python's floats take among the arguments of a call.

    It is the result's, if that is one of floats. In a comparison `x > 0.1` it is that of x.
    """
    dtype = call.dtype
    if dtype.kind not in "fc":
        dtype = np.result_type(*[item.dtype for item in call.args if type(item) is Step], 0.0)
    return dtype.type(0).real.dtype


def _is_plain(index: Any) -> bool:
    """Return whether an index depends on no value of the body."""
    return type(index) in (int, Affine, slice) or (type(index) is tuple and all(map(_is_plain, index)))


# --- indices ----------------------------------------------------------------------------------------------------------


def _divided(index: Any, ndim: int) -> tuple[Any, Any]:
    """Return an index in two: at what counts, and then, of the part that is left, at what does not."""
    items = index if type(index) is tuple else (index,)
    if not _has_affine(items):
        return None, index
    if any([item is None for item in items]):
        return index, None
    if Ellipsis in items:
        place = items.index(Ellipsis)
        items = (*items[:place], *[slice(None)] * (ndim - len(items) + 1), *items[place + 1 :])
    counting = tuple([item if _has_affine(item) else slice(None) for item in items])
    while counting[-1] == slice(None):
        counting = counting[:-1]
    rest = tuple([slice(None) if _has_affine(item) else item for item in items if type(item) is not Affine])
    return counting if len(counting) > 1 else counting[0], rest if any([item != slice(None) for item in rest]) else None


def _has_affine(item: Any) -> bool:
    """Return whether a number that counts stands in an argument."""
    if type(item) in (tuple, list):
        return any([_has_affine(part) for part in item])
    if type(item) is slice:
        return any([_has_affine(end) for end in (item.start, item.stop, item.step)])
    return type(item) is Affine
