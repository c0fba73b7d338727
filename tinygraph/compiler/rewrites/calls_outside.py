"""Calls outside of a loop that are those of an iteration: found by the function and the arguments."""

from __future__ import annotations

import functools
import operator
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygraph.compiler.program.builder import Builder
from tinygraph.compiler.program.counting import Affine, AtCount, Ragged, item_at
from tinygraph.compiler.program.loops import Loop, loop_result
from tinygraph.compiler.program.predicates import may_fail
from tinygraph.compiler.program.steps import Step
from tinygraph.compiler.rewrites.changing_loops import is_closed
from tinygraph.compiler.rewrites.sharing import drop_dead, identity, share_common
from tinygraph.derivatives.indexing import scatter
from tinygraph.graph import Graph

__all__ = ["ALIKE", "Outside", "alive_steps", "function_key", "is_stack", "is_there", "key_of", "may_be_made"]

# An iteration is absorbed where this part of its calls is outside of the loop.
ALIKE = 0.6


def key_of(item: Any) -> Hashable:
    """Return a key that equal arguments share; constants of any size are equal where their elements are."""
    if type(item) is Step and item.is_constant and item.value is not None:
        return (item.dtype, item.shape, np.asarray(item.value).tobytes())
    if type(item) in (tuple, list):
        return (type(item), *[key_of(entry) for entry in item])
    if type(item) is dict:
        return tuple([(name, key_of(entry)) for name, entry in item.items()])
    return identity(item)  # type: ignore[no-any-return]


def function_key(function: Any) -> Hashable:
    """Return a key that equal functions share: of loops, those that do the same."""
    if type(function) is not Loop:
        return function if isinstance(function, Hashable) else id(function)
    steps = [(function_key(step.function), key_of(step.args), key_of(step.kwargs), _constant_key(step))
             for step in function.body.nodes if isinstance(step, Step)]  # fmt: skip
    outputs = [output.index for output in function.body.outputs]
    return (Loop, function.count, function.carried, function.stacked, function.last, *steps, *outputs)


def _constant_key(step: Step) -> Hashable:
    return key_of(step) if step.is_constant else (step.shape, step.dtype)


@dataclass(eq=False)
class Outside:
    """The calls of a graph outside of its loops, to be found by what they compute."""

    graph: Graph

    @functools.cached_property
    def calls(self) -> dict[Hashable, Step]:
        """The calls by what they compute. To make this table took four fifths of the time for a graph of 80 loops."""
        found: dict[Hashable, Step] = {}
        for step in self.graph.nodes:
            assert isinstance(step, Step)
            if step.function is not None and not step.has_effect:
                found.setdefault((function_key(step.function), key_of(step.args), key_of(step.kwargs)), step)
        return found

    def call(self, function: Any, args: Any, kwargs: Any) -> Step | None:
        """Return the call of a function outside; None if there is none."""
        return self.calls.get((function_key(function), key_of(args), key_of(kwargs)))

    def element(self, base: Step, index: Any) -> Step | None:
        """Return the element of an array, as it is called outside."""
        found = self.call(operator.getitem, (base, index), {})
        if found is None and base.function is loop_result and type(index) is int:
            loop = base.args[0].function
            if (
                type(loop) is Loop and is_closed(loop) and index == loop.count - 1
            ):  # the last one kept is a result of its own, too
                output = loop.body.outputs[base.args[1]]
                numbers = [number for number, other in enumerate(loop.body.outputs) if other is output]
                others = [number for number in numbers if not is_stack(loop, number)]
                calls = (self.call(loop_result, (base.args[0], number), {}) for number in others)
                return next((one for one in calls if one is not None), None)
        return found


def is_stack(loop: Loop, number: int) -> bool:
    """Return whether a result of a loop is a value that the loop keeps of every iteration."""
    return loop.carried <= number < loop.carried + loop.stacked


def is_there(index: Any, count: int, shape: Sequence[int]) -> bool:
    """Return whether an index that counts names elements of an array in an iteration as it does in the first one."""
    items = index if type(index) is tuple else (index,)
    for axis, item in enumerate(items):
        for end in (item.start, item.stop) if type(item) is slice else (item,):
            if type(end) is not Affine:
                continue
            if axis >= len(shape) or any([other is None or other is Ellipsis for other in items]):
                return False
            first, now = end.start, end.at(count)
            size = shape[axis] + (type(item) is slice)
            if not (0 <= now < size if first >= 0 else -shape[axis] <= now < 0):
                return False
    return True


def may_be_made(step: Step, count: int) -> bool:
    """Return whether a body's call may be made in one iteration more."""
    if step.function == item_at:
        return type(step.args[0]) is Step and is_there(step.args[1], count, step.args[0].shape)
    if type(step.function) is Ragged:
        return False
    if type(step.function) is AtCount:
        if step.function.function is scatter:
            return is_there(step.args[1], count, step.args[2])
        return isinstance(step.function.function, np.ufunc) and not may_fail(step)
    return not step.has_effect and not may_fail(step)


def alive_steps(builder: Builder, outputs: list[Step]) -> Graph:
    """Return the graph of some outputs, in which nothing is computed twice."""
    return share_common(drop_dead(Graph(tuple(builder.steps), tuple(outputs))))
