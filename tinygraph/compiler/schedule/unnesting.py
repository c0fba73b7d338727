"""Unnesting: the steps of loops among the other calls of a program, between a step that begins the loop and one that
ends it, so that the calls are put in order, placed in memory, named and written as all others are.

    h = carried(h0)
    begin 500
    x_t = row(x)
    ...
    end (h, h_t)

The result of a loop that is carried is what it is after the last iteration. What is kept of every iteration is memory
from before the loop, and the call that computes it writes into its row.
"""

from __future__ import annotations

import operator
from collections import defaultdict
from collections.abc import Collection
from dataclasses import replace
from typing import Any

import numpy as np

from tinygraph.compiler.program.builder import Builder
from tinygraph.compiler.program.counting import FromCount, item_at, kept_at, kept_row, kept_rows
from tinygraph.compiler.program.loop_marks import Begin, End, carried, kept, put_row, row, stacked
from tinygraph.compiler.program.loops import Loop, loop_result
from tinygraph.compiler.program.predicates import is_write, looks_like_view, takes_out
from tinygraph.compiler.program.reshaping import is_reshape
from tinygraph.compiler.program.rows import FROM_END, counted_axis, in_order, is_from_end
from tinygraph.compiler.program.steps import Step, operands_of
from tinygraph.engine.nested import mapped
from tinygraph.graph import Graph

__all__ = ["least_counts", "may_be_row", "unnested"]


def unnested(graph: Graph) -> Graph:
    """Return a graph with the steps of its loops among the others."""
    if not any([type(step.function) is Loop for step in graph.nodes]):
        return graph
    flat = _Unnesting(least_counts(graph))
    moved: dict[int, Any] = {}
    flat.add_all(graph, moved)
    return Graph(tuple(flat.builder.steps), tuple([moved[output.index] for output in graph.outputs]))


class _Unnesting:
    """A graph without loops within steps, as it is made."""

    def __init__(self, least: dict[int, int]) -> None:
        self.builder = Builder()
        self._least = least
        self._backwards: dict[int, Step] = {}  # by the index of memory seen from its end the memory

    def add_all(self, graph: Graph, moved: dict[int, Any]) -> None:
        """Append the steps of a graph.

        Args:
            moved: by the index of a step the new one; of a loop all its results. The inputs may be there.
        """
        backwards = _read_backwards(graph)
        for step in graph.nodes:
            assert isinstance(step, Step)
            if step.index in moved:
                continue
            if step.function is loop_result:
                moved[step.index] = moved[step.args[0].index][step.args[1]]
            elif type(step.function) is Loop:
                moved[step.index] = self._add_loop(step, moved, backwards.get(step.index, ()))
            elif (stack := self._read_from_end(step, moved)) is not None:
                moved[step.index] = stack
            else:
                moved[step.index] = self._add(step, moved)

    def _read_from_end(self, step: Step, moved: dict[int, Any]) -> Step | None:
        """Return the memory that a call looks at from its end, where a loop keeps values from its end, too."""
        whole = step.args[0] if step.function is operator.getitem else None
        return self._backwards.get(moved[whole.index].index) if type(whole) is Step else None

    def _add(self, step: Step, moved: dict[int, Any]) -> Step:
        args, kwargs = mapped((step.args, step.kwargs), lambda item: moved[item.index] if type(item) is Step else item)
        return self.builder.add(replace(step, args=args, kwargs=kwargs))

    # --- a loop -------------------------------------------------------------------------------------------------------

    def _add_loop(self, step: Step, moved: dict[int, Any], backwards: Collection[int]) -> list[Step]:
        """Append a loop, and return its results.

        Args:
            backwards: the numbers of the results that are only read from the end: they are kept from the end on.
        """
        loop: Any = step.function
        builder = self.builder
        args = [moved[item.index] if type(item) is Step else builder.constant(step, item) for item in step.args]
        firsts, fixed = args[: loop.carried], args[loop.carried :]
        inputs = loop.inputs
        inner: dict[int, Any] = dict(zip([item.index for item in inputs[loop.carried :]], fixed, strict=True))
        # A carried value that never changes is the same as before the loop.
        inner.update({item.index: first for item, first, new in zip(inputs, firsts, loop.nexts, strict=False)
                      if new is item})  # fmt: skip
        rows = self._sliced(loop, inner)
        stacks = [self._stack(step, item, inner, loop) for item in loop.stacks]
        held = [
            inner.get(item.index)
            or builder.add(_made(step, carried, (first,), item.shape, item.dtype, _before(item.name)))
            for first, item in zip(firsts, inputs[: loop.carried], strict=True)
        ]
        inner.update(zip([item.index for item in inputs[: loop.carried]], held, strict=True))
        moving = [number for number, item in enumerate(loop.nexts) if item is not inputs[number]]
        fresh = [stack for stack in stacks if stack.function is stacked]
        for number, stack in enumerate(stacks):
            if stack.function is stacked and loop.stacks[number].shape and loop.carried + number in backwards:
                stacks[number] = builder.call(stack, operator.getitem, stack, FROM_END)
                self._backwards[stacks[number].index] = stack
        if not loop.is_open and not moving and not fresh and all([item.function is None for item in loop.body.nodes]):
            return [*held, *stacks, *[self._outside(item, inner) for item in loop.lasts]]
        function = Begin(loop.count, loop.is_open, self._least.get(step.index, 0))
        begin = builder.add(_made(step, function, (), (), np.dtype(object), None))
        for item, whole in rows:
            inner[item.index] = builder.add(_made(item, row, (whole, begin), item.shape, item.dtype, item.name))
        self.add_all(loop.body, inner)
        nexts = self._nexts(loop, inner, moving)
        self._keep(loop, inner, stacks, begin)
        # The kept values of an open loop have other names when it has ended.
        places = {item.index: number for number, item in enumerate(loop.stacks) if loop.is_open}
        carrying = {id(_memory_of(step)) for step in (*held, *nexts)}
        lasts = [None if item.index in places else self._last(inner[item.index], carrying) for item in loop.lasts]
        olds = tuple([held[number] for number in moving])
        builder.add(_made(step, End(function), (begin, olds, tuple(nexts)), (), np.dtype(object), None))
        lasts = [
            self._last_kept(stacks[places[item.index]], item, loop.count) if last is None else last
            for item, last in zip(loop.lasts, lasts, strict=True)
        ]
        return [*held, *stacks, *lasts, *[inner[item.index] for item in loop.at_exit]]

    def _last_kept(self, stack: Step, item: Step, count: FromCount) -> Step:
        """Append the value that an open loop kept of the last iteration."""
        index = FromCount(count.loop, -1, count.recorded - 1)
        return self.builder.add(_made(item, kept_at, (stack, index), item.shape, item.dtype, item.name))

    def _stack(self, like: Step, item: Step, inner: dict[int, Any], loop: Loop) -> Step:
        """Append memory for a value of every iteration; where it is one value in all of them, its copies."""
        shape = (operator.index(loop.count), *item.shape)
        if loop.is_open or (item.index not in inner and not item.is_constant):
            return self.builder.add(_made(like, kept if loop.is_open else stacked, (), shape, item.dtype, None))
        like = replace(like, name=None)
        repeated = self.builder.call(like, np.broadcast_to, self._outside(item, inner), shape)
        return self.builder.call(like, np.copy, repeated)

    def _outside(self, step: Step, inner: dict[int, Any]) -> Step:
        """Return a value of a body that is there before the loop."""
        return inner[step.index] if step.index in inner else self._constant(step, inner)

    def _sliced(self, loop: Loop, inner: dict[int, Any]) -> list[tuple[Step, Step]]:
        """Append what the rows of a loop are taken of: the elements in the order of the iterations, along axis 0.

        Returns:
            Pairs of a step of the body that takes an element, and the array of all that it takes.
        """
        found: list[tuple[Step, Step]] = []
        known: dict[Any, Step] = {}
        for step in loop.body.nodes:
            assert isinstance(step, Step)
            if step.function == kept_row:
                found.append((step, self._of_kept(step, inner[step.args[0].index], loop)))
                continue
            if step.function != item_at:
                continue
            base, index = step.args
            whole = inner.get(base.index) or (self._constant(base, inner) if base.is_constant else None)
            axis = None if whole is None else counted_axis(index, whole.shape, loop.count)
            if whole is None or axis is None:
                continue
            at = index[-1] if type(index) is tuple else index
            key = (whole.index, axis, at)
            if key not in known:
                known[key] = in_order(self.builder, step, whole, index, loop.count)
            found.append((step, known[key]))
        return found

    def _of_kept(self, step: Step, stack: Step, loop: Loop) -> Step:
        """Append the values that an open loop kept, in the order in which another loop reads them."""
        at, size = step.args[1], operator.index(loop.count)
        return self.builder.add(
            _made(step, kept_rows, (stack, at.start, at.step, loop.count), (size, *step.shape), step.dtype, None)
        )

    def _constant(self, step: Step, inner: dict[int, Any]) -> Step:
        inner[step.index] = self.builder.add(step)
        return inner[step.index]  # type: ignore[no-any-return]

    # --- the end of an iteration --------------------------------------------------------------------------------------

    def _nexts(self, loop: Loop, inner: dict[int, Any], moving: list[int]) -> list[Step]:
        """Return the next carried values: each an array of its own, so that it can be written at the end.

        Args:
            moving: the numbers of the carried values that change.
        """
        found: list[Step] = []
        seen: set[int] = set()
        rows = {item.index for item in loop.stacks}
        for step in [loop.nexts[number] for number in moving]:
            new = inner[step.index]
            is_row = step.index in rows and may_be_row(step)
            own = step.args[0] if is_reshape(step) else step  # whose memory the value is all of
            if step.shape and (own.index in seen or not (is_row or (may_be_row(own) and own.index not in rows))):
                new = self.builder.call(new, np.copy, new, name=step.name)
            seen.add(own.index)
            found.append(new)
        return found

    def _last(self, step: Step, carrying: set[int]) -> Step:
        """Return a value that is kept of the last iteration: a copy if a carried value may be written over it.

        Args:
            carrying: the ids of the steps whose memory is that of a carried value, during the loop or behind it.
        """
        shown = _memory_of(step)
        if step.function is carried and not step.shape:  # behind the loop its name has the next number
            same = (np.logical_or, step, step) if step.dtype.kind == "b" else (np.positive, step)
            return self.builder.call(step, *same, name=step.name)
        stays = id(shown) not in carrying and (shown.function in (None, row) or takes_out(shown))
        return step if stays or not step.shape else self.builder.call(step, np.copy, step, name=step.name)

    def _keep(self, loop: Loop, inner: dict[int, Any], stacks: list[Step], begin: Step) -> None:
        """Append, for each value that is kept of every iteration, that it is written into its row."""
        for step, stack in zip(loop.stacks, stacks, strict=True):
            if stack.function not in (stacked, kept) and stack.index not in self._backwards:
                continue
            value = self._outside(step, inner)
            self.builder.add(_made(step, put_row, (stack, value, begin), (), np.dtype(object), None))


def _read_backwards(graph: Graph) -> dict[int, set[int]]:
    """Return by the index of a loop the numbers of its results that are only read as a whole and from the end."""
    found: dict[int, set[int]] = defaultdict(set)
    read_else = {output.index for output in graph.outputs}
    results: list[Step] = []
    for step in graph.nodes:
        assert isinstance(step, Step)
        if step.function is loop_result and step.shape:
            results.append(step)
            found[step.args[0].index].add(step.args[1])
        elif not _is_from_end(step):
            read_else.update([operand.index for operand in operands_of(step)])
    for step in results:
        if step.index in read_else:
            found[step.args[0].index].discard(step.args[1])
    return found


def _is_from_end(step: Step) -> bool:
    """Return whether a call looks at a whole array from its end."""
    if step.function is not operator.getitem or not is_from_end(step.args[1]):
        return False
    places = range(step.args[0].shape[0])
    return bool(places[step.args[1]] == places[FROM_END])


def _memory_of(step: Step) -> Step:
    """Return the step whose memory a value lies in: a view looks at it, and a write leaves an array where it is."""
    while looks_like_view(step) or (is_write(step) and type(step.args[0]) is Step):
        step = step.args[0]
    return step


def may_be_row(step: Step) -> bool:
    """Return whether the call that computes a value may write it to where it is kept."""
    return bool(step.function not in (None, carried) and step.shape and takes_out(step) and not looks_like_view(step))


def _made(like: Step, function: Any, args: Any, shape: tuple[int, ...], dtype: Any, name: str | None) -> Step:
    return replace(
        like, function=function, args=args, kwargs={}, shape=shape, dtype=dtype, name=name, value=None, given=False
    )


def _before(name: str | None) -> str | None:
    """Return the name of a value that is carried: it is that of the iteration before."""
    return None if name is None else f"{name}_before"


def least_counts(graph: Graph) -> dict[int, int]:
    """Return by the index of an open loop the number of iterations from which on what reads its values finds them."""
    loops = [step for step in graph.nodes if type(step.function) is Loop and step.function.is_open]
    numbers = {step.index: number for number, step in enumerate(loops)}
    least = dict.fromkeys(range(len(loops)), 0)

    def note(number: int, needed: int) -> None:
        least[number] = max(least[number], needed)

    for step in graph.nodes:
        loop: Any = step.function
        if loop is kept_at and step.args[0].function is loop_result:
            index = step.args[1]
            if type(index) is FromCount:
                note(index.loop, -index.offset)
            else:
                note(numbers[step.args[0].args[0].index], index + 1)
        elif loop is loop_result and step.args[0].index in numbers and _is_last(step.args[0].function, step.args[1]):
            note(numbers[step.args[0].index], 1)
        elif type(loop) is Loop and type(loop.count) is FromCount and not loop.is_open:
            note(loop.count.loop, 1 - loop.count.offset)
    return {index: least[number] for index, number in numbers.items()}


def _is_last(loop: Loop, position: int) -> bool:
    """Return whether a result of a loop is one of its last iteration."""
    first = loop.carried + loop.stacked
    return first <= position < first + loop.last
