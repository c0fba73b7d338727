"""Adding later: what is added to a carried value at the end of an iteration is added at the beginning of the next.

    d = d_h[8]                      d = -0.0
    for t in 8, ..., 1:             for t in 8, ..., 1:
        d = d_h[t - 1] + f(d)           d = f(d_h[t] + d)
    f(d)                            d = d_h[0] + d; f(d)

The loss of a sequence reads the state of each time step, so that each has a gradient of its own to add. Behind the loop
on the right stands an iteration like the others, which the loop can absorb; on the left it has nothing to add.
"""

from __future__ import annotations

import operator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tinygraph.compiler.program.builder import Builder
from tinygraph.compiler.program.counting import at_count, item_at, later
from tinygraph.compiler.program.loops import Loop, loop_result
from tinygraph.compiler.program.rewriting import placed, uses_of
from tinygraph.compiler.program.steps import Step
from tinygraph.compiler.rewrites.calls_outside import Outside, is_there
from tinygraph.compiler.rewrites.changing_loops import is_closed
from tinygraph.compiler.rewrites.sharing import drop_dead
from tinygraph.graph import Graph

__all__ = ["added_later"]


@dataclass(frozen=True, eq=False)
class _Sum:
    """A carried value that becomes the sum of an element of an array and another value of the body.

    Attributes:
        number: that of the carried value.
        following: the sum.
        element: the element of the array, which the body takes for the next iteration.
        other: the other value.
    """

    number: int
    following: Step
    element: Step
    other: Step

    def added(self, builder: Builder, element: Step, other: Step) -> Step:
        """Append the sum of an element and another value, in the order in which the body adds them."""
        args = (element, other) if self.following.args[0] is self.element else (other, element)
        return builder.call(self.following, np.add, *args, name=self.following.name)


def added_later(outside: Outside, step: Step) -> tuple[Graph, Step] | None:
    """Return the graph, and the loop in it, with one sum added in the iteration after; None if it has none.

    Args:
        outside: the calls of the graph.
        step: a loop with a known number of iterations.
    """
    loop: Any = step.function
    closed = is_closed(loop) and all([type(item) is Step for item in step.args])
    found = _sum_in(outside, step) if closed else None
    if found is None:
        return None
    builder = Builder()
    moved: dict[int, Step] = {}
    for old in outside.graph.nodes:
        assert isinstance(old, Step)
        if old is step:
            args = [moved[item.index] for item in step.args]
            zero = builder.constant(old, np.array(-0.0, dtype=found.other.dtype))
            args[found.number] = builder.call(old, np.broadcast_to, zero, found.other.shape)
            new = replace(loop, body=_body(loop, found))
            moved[old.index] = builder.add(replace(old, function=new, args=tuple(args)))
        elif old.function is loop_result and old.args == (step, found.number):
            last = builder.add(replace(old, args=(moved[step.index], found.number), name=found.other.name))
            base = moved[step.args[_place(loop, found.element.args[0])].index]
            index = at_count(found.element.args[1], loop.count - 1)
            element = builder.call(found.element, operator.getitem, base, index)
            moved[old.index] = found.added(builder, element, last)
        else:
            moved[old.index] = builder.add(placed(old, len(builder.steps), moved))
    graph = Graph(tuple(builder.steps), tuple([moved[output.index] for output in outside.graph.outputs]))
    return graph, moved[step.index]


def _sum_in(outside: Outside, step: Step) -> _Sum | None:
    """Return a sum that begins with the element of an array that the iteration before the first would have added."""
    loop: Any = step.function
    uses = uses_of(loop.body)
    for number, following in enumerate(loop.nexts):
        if following.function is not np.add or following.kwargs or uses[following.index] != 1 or not following.shape:
            continue
        x, y = following.args
        for element, other in ((x, y), (y, x)):
            if not all([_is_alike(item, following) for item in (element, other)]) or element.function != item_at:
                continue
            base, index = element.args
            before, place = later(index, -1), _place(loop, base)
            if place < loop.carried or other.function is None or not is_there(before, loop.count - 1, base.shape):
                continue
            if step.args[number] is outside.element(step.args[place], at_count(before, 0)):
                return _Sum(number, following, element, other)
    return None


def _place(loop: Loop, step: Step) -> int:
    """Return the place of a value of the body among its inputs; -1 if it is none."""
    return next((place for place, given in enumerate(loop.inputs) if given is step), -1)


def _is_alike(item: Any, step: Step) -> bool:
    return type(item) is Step and (item.shape, item.dtype) == (step.shape, step.dtype)


def _body(loop: Loop, found: _Sum) -> Graph:
    """Return the body with the sum at its beginning."""
    builder = Builder()
    moved = {given.index: builder.add(given) for given in loop.inputs}
    base, index = found.element.args
    element = builder.add(replace(found.element, args=(moved[base.index], later(index, -1))))
    carried = loop.inputs[found.number]
    moved[carried.index] = found.added(builder, element, moved[carried.index])
    for old in loop.body.nodes:
        assert isinstance(old, Step)
        if old.index not in moved:
            moved[old.index] = builder.add(placed(old, len(builder.steps), moved))
    outputs = [moved[output.index] for output in loop.body.outputs]
    outputs[found.number] = moved[found.other.index]
    return drop_dead(Graph(tuple(builder.steps), tuple(outputs)))
