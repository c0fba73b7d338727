"""The graph with loops in the place of runs."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from tinygraph.compiler.program.builder import Builder
from tinygraph.compiler.program.counting import Affine, AtCount, item_at, kept_at, kept_row
from tinygraph.compiler.program.loops import Loop, goes_on, loop_result
from tinygraph.compiler.program.steps import Step
from tinygraph.compiler.rolling.patterns import (
    Carried,
    Element,
    Here,
    Located,
    Numbers,
    Pattern,
    Rows,
    Same,
    pattern_of,
)
from tinygraph.compiler.rolling.runs import Run, runs_in
from tinygraph.compiler.rolling.words import is_element, words_of
from tinygraph.engine.nested import mapped
from tinygraph.graph import Graph

__all__ = ["rolled"]


def rolled(graph: Graph, is_open: bool = False) -> Graph:
    """Return a graph in which repeated steps are loops, and so are those within the bodies of loops.

    Args:
        graph: of steps.
        is_open: whether a condition may end a loop, and short loops count. The graph is to be compared with that of
            another run, to find out which numbers depend on the number of iterations.
    """
    steps, words = words_of(graph)
    runs = runs_in(words, is_open)
    if not runs:
        return graph
    positions = {step.index: position for position, step in enumerate(steps)}
    where: dict[int, Located] = {}
    patterns: list[Pattern] = []
    waiting = runs[::-1]
    while waiting:
        run = waiting.pop()
        busy = patterns[-1].stop - run.start if patterns else 0
        if busy > 0:  # its first words are of the pass in which the loop before ends
            taken = -(-busy // run.period)
            run = Run(run.start + taken * run.period, run.period, run.count - taken)
        breaks: list[int] = []
        pattern = pattern_of(run, steps, positions, lambda step: where.get(step.index), words, breaks, is_open)
        if pattern is not None:
            patterns.append(pattern)
            for offset in range(pattern.run.period):
                for iteration in range(pattern.passes(offset)):
                    where[pattern.step_at(iteration, offset).index] = Located(pattern, iteration, offset)
        elif breaks:
            waiting += _nested(run, breaks[0], is_open)[::-1]
    return _Rolling(graph, steps, patterns, where).graph() if patterns else graph


def _nested(run: Run, inner: int, small: bool) -> list[Run]:
    """Return what to look for instead of a run in which numbers begin anew after some iterations.

    Such a run is a loop in a loop: the outer one is made first. If there are too few of its iterations, each is a run.
    """
    outer = Run(run.start, run.period * inner, run.count // inner)
    if outer.is_worth_it(small):
        return [outer]
    parts = [Run(run.start + outer.period * count, run.period, inner) for count in range(outer.count)]
    rest = Run(outer.stop, run.period, run.count - outer.count * inner)
    return [part for part in (*parts, rest) if part.is_worth_it(small) and part != run]


@dataclass(eq=False)
class _Kept:
    """The values of a loop that are needed outside, by their places: all of them, the last ones, and those of the pass
    in which it ends.

    Attributes:
        loop: the step of the loop, once it is there.
    """

    stacked: list[int] = field(default_factory=list)
    last: list[int] = field(default_factory=list)
    exits: list[int] = field(default_factory=list)
    loop: Step | None = None


class _Rolling:
    """A graph as it is made anew, with loops."""

    def __init__(self, graph: Graph, steps: list[Step], patterns: list[Pattern], where: dict[int, Located]) -> None:
        self._graph = graph
        self._steps = steps
        self._where = where
        self._patterns = {pattern.run.start: pattern for pattern in patterns}
        self._kept: dict[Pattern, _Kept] = {pattern: _Kept() for pattern in patterns}
        self._builder = Builder()
        self._moved: dict[Any, Step] = {}

    def graph(self) -> Graph:
        """Return the graph."""
        self._find_needed()
        for step in self._graph.nodes:
            assert isinstance(step, Step)
            if step.function is None:
                self._moved[step.index] = self._builder.add(step)
        position = 0
        while position < len(self._steps):
            pattern = self._patterns.get(position)
            if pattern is None:
                step = self._steps[position]
                self._moved[step.index] = self._add(step)
                position += 1
            else:
                self._add_loop(pattern)
                position = pattern.stop
        outputs = tuple([self._value(output) for output in self._graph.outputs])
        return Graph(tuple(self._builder.steps), outputs)

    # --- what is needed of a loop -------------------------------------------------------------------------------------

    def _find_needed(self) -> None:
        position = 0
        while position < len(self._steps):
            pattern = self._patterns.get(position)
            if pattern is not None:
                self._need_in(pattern.args)
                self._need_in(pattern.kwargs)
                for first, _ in pattern.carried:
                    self._need(first)
                position = pattern.stop
                continue
            step = self._steps[position]
            for item in (*step.args, *step.kwargs.values()):
                if _joins(step) and item is step.args[0]:
                    for piece in self._pieces(item):
                        self._need(piece)
                else:
                    self._need_in(item)
            position += 1
        for output in self._graph.outputs:
            self._need(output)

    def _need_in(self, item: Any) -> None:
        kind = type(item)
        if kind is tuple or kind is list:
            for each in item:
                self._need_in(each)
        elif kind is dict:
            for each in item.values():
                self._need_in(each)
        elif kind is Rows:
            _note(self._kept[item.pattern].stacked, item.offset)
        elif kind is Same:
            self._need(item.step)
        elif kind is Element:
            self._need_in(item.base)
        elif kind is Step or kind is _Piece:
            self._need(item)

    def _need(self, item: Any) -> None:
        """Note that a value, or a piece of some, is needed outside of its loop."""
        if type(item) is _Piece:
            _note(self._kept[item.pattern].stacked, item.offset)
            return
        if type(item) is not Step:
            return
        if is_element(item):
            self._need(item.args[0])
            return
        place = self._where.get(item.index)
        if place is not None:
            kept, pattern = self._kept[place.pattern], place.pattern
            if place.iteration == pattern.run.count:
                _note(kept.exits, place.offset)
            elif place.iteration == pattern.run.count - 1 and pattern.carries(place.offset) is not None:
                return
            elif place.iteration == pattern.run.count - 1 and pattern.passes(place.offset) == pattern.run.count:
                _note(kept.last, place.offset)
            else:
                _note(kept.stacked, place.offset)

    # --- values outside of loops --------------------------------------------------------------------------------------

    def _value(self, item: Any) -> Step:
        """Return the new step of a value."""
        key = item.index
        if key not in self._moved:
            place = self._where.get(key)
            if place is not None:
                self._moved[key] = self._of_loop(place, item)
            else:
                assert is_element(item)
                self._moved[key] = self._builder.add(replace(item, args=(self._value(item.args[0]), item.args[1])))
        return self._moved[key]

    def _of_loop(self, place: Located, item: Step) -> Step:
        kept = self._kept[place.pattern]
        loop, run = kept.loop, place.pattern.run
        assert loop is not None
        pattern = place.pattern
        number = pattern.carries(place.offset) if place.iteration == run.count - 1 else None
        before = len(pattern.carried) + len(kept.stacked)
        if place.iteration == run.count:
            number = before + len(kept.last) + kept.exits.index(place.offset)
        elif number is None and place.iteration == run.count - 1 and place.offset in kept.last:
            number = before + kept.last.index(place.offset)
        if number is not None:
            return self._part(item, loop, number, item.name)
        function = operator.getitem if pattern.exit is None else kept_at
        return self._builder.add(
            replace(item, function=function, args=(self._stack(place), place.iteration), kwargs={})
        )

    def _stack(self, place: Located | Rows) -> Step:
        """Return what a loop keeps of every iteration."""
        kept = self._kept[place.pattern]
        key = (id(place.pattern), place.offset)
        if key not in self._moved:
            assert kept.loop is not None
            like = place.pattern.step_at(0, place.offset)
            number = len(place.pattern.carried) + kept.stacked.index(place.offset)
            self._moved[key] = self._part(like, kept.loop, number, None, (place.pattern.run.count, *like.shape))
        return self._moved[key]

    def _part(
        self, like: Step, loop: Step, number: int, name: str | None, shape: tuple[int, ...] | None = None
    ) -> Step:
        shape = like.shape if shape is None else shape
        return self._builder.add(
            replace(like, function=loop_result, args=(loop, number), kwargs={}, shape=shape, name=name, value=None)
        )

    def _add(self, step: Step) -> Step:
        """Append a step that is in no loop."""
        if _joins(step):
            return self._add_join(step)
        args, kwargs = mapped((step.args, step.kwargs), self._moved_item)
        return self._builder.add(replace(step, args=args, kwargs=kwargs))

    def _moved_item(self, item: Any) -> Any:
        return self._value(item) if type(item) is Step else item

    # --- lists of values ----------------------------------------------------------------------------------------------

    def _pieces(self, items: Sequence[Any]) -> Iterator[Any]:
        """Yield the entries of a list, those of one loop that move evenly as one `_Piece`."""
        held: list[Any] = []
        for item in items:
            place = self._where.get(item.index) if type(item) is Step else None
            if place is not None and place.pattern.exit is not None:
                place = None
            if held and not (place is not None and _goes_on(held, place)):
                yield from _piece_of(held)
                held = []
            if place is None:
                yield item
            else:
                held.append((place, item))
        yield from _piece_of(held)

    def _add_join(self, step: Step) -> Step:
        """Append np.stack or np.concatenate, with the values of a loop as one array."""
        builder = self._builder
        axis = step.args[1] if len(step.args) > 1 else step.kwargs.get("axis", 0)
        parts: list[Any] = []
        pieces = list(self._pieces(step.args[0]))
        if not any([type(piece) is _Piece for piece in pieces]):
            args, kwargs = mapped((step.args, step.kwargs), self._moved_item)
            return builder.add(replace(step, args=args, kwargs=kwargs))
        axis = axis % len(step.shape)
        for piece in pieces:
            if type(piece) is _Piece:
                stack = self._stack(Rows(piece.pattern, piece.offset, piece.at))
                found = stack
                if piece.at != Affine(0, 1) or piece.count != stack.shape[0]:
                    found = builder.call(step, operator.getitem, stack, _places(piece.at, piece.count))
                parts.append(_in_one(builder, step, found, axis, step.function is np.stack))
            else:
                found = self._moved_item(piece)
                if step.function is np.stack:
                    shape = found.shape
                    found = builder.call(step, np.reshape, found, (*shape[:axis], 1, *shape[axis:]))
                parts.append(found)
        if len(parts) == 1:
            return builder.call(step, np.copy, parts[0], name=step.name)
        return builder.add(
            replace(builder.call(step, np.concatenate, parts, axis=axis), name=step.name, dtype=step.dtype)
        )

    # --- loops --------------------------------------------------------------------------------------------------------

    def _add_loop(self, pattern: Pattern) -> None:
        """Append a loop."""
        kept = self._kept[pattern]
        body = _Body(pattern, self._value, self._stack)
        graph = body.graph(kept)
        sizes = (len(pattern.carried), len(kept.stacked), len(kept.last), len(kept.exits))
        loop = Loop(rolled(graph), pattern.run.count, *sizes)
        like = pattern.step_at(0, 0)
        args = (*[self._moved_item(first) for first, _ in pattern.carried], *body.fixed)
        kept.loop = self._builder.add(
            replace(
                like, function=loop, args=args, kwargs={}, shape=(), dtype=np.dtype(object), name=None, value=None,
            )
        )  # fmt: skip


class _Body:
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
        self._inputs: list[Step] = []
        self._carried: list[Step] = []
        self._known: dict[int, Step] = {}
        self._parts: dict[tuple[int, str], Step] = {}  # by an array and an index the element
        self._steps: list[Step] = []

    def graph(self, kept: _Kept) -> Graph:
        """Return the body, with its inputs first."""
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
            if any([_has_affine(item) for item in new]):
                function = AtCount(function)
            elif offset == pattern.exit:
                function = goes_on
            self._steps.append(self._builder.add(replace(like, function=function, args=new, kwargs=words)))
        outputs = [self._next(following) for _, following in pattern.carried]
        outputs += [self._steps[offset] for offset in (*kept.stacked, *kept.last, *kept.exits)]
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
        kind = type(item)
        if kind is tuple or kind is list:
            for each in item:
                self._find_inputs(each)
        elif kind is dict:
            for each in item.values():
                self._find_inputs(each)
        elif kind is Element:
            self._find_inputs(item.base)
        elif kind is Same and not item.step.is_constant:
            self._input(self._value(item.step))
        elif kind is Rows:
            self._input(self._stack(item))

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
            return self._taken(self._argument(item.base, like), item.index, like)
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


# --- lists of values of a loop ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Piece:
    """Some values of a loop that move evenly."""

    pattern: Pattern
    offset: int
    at: Affine
    count: int


def _joins(step: Step) -> bool:
    """Return whether a call joins the arrays of a list, and nothing more."""
    if step.function not in (np.stack, np.concatenate) or type(step.args[0]) not in (tuple, list):
        return False
    return len(step.args) <= 2 and set(step.kwargs) <= {"axis"} and all([
        type(item) is Step and item.dtype == step.dtype and (item.shape or step.function is np.stack)
        for item in step.args[0]
    ]) and step.kwargs.get("axis", 0) is not None  # fmt: skip


def _goes_on(held: list[Any], place: Located) -> bool:
    last = held[-1][0]
    if (place.pattern, place.offset) != (last.pattern, last.offset):
        return False
    step = place.iteration - last.iteration
    return step != 0 and (len(held) == 1 or step == last.iteration - held[-2][0].iteration)


def _piece_of(held: list[Any]) -> Iterator[Any]:
    if len(held) < 2:
        yield from [item for _, item in held]
        return
    first = held[0][0]
    at = Affine(first.iteration, held[1][0].iteration - first.iteration)
    yield _Piece(first.pattern, first.offset, at, len(held))


def _places(at: Affine, count: int) -> slice:
    """Return the slice of some numbers that move evenly."""
    stop = at.start + at.step * count
    return slice(at.start, None if stop < 0 else stop, at.step)


def _in_one(builder: Builder, like: Step, x: Step, axis: int, is_stack: bool) -> Step:
    """Append an array whose first axis counts as one in which the values stand side by side along another axis."""
    if axis:
        order = (*range(1, axis + 1), 0, *range(axis + 1, len(x.shape)))
        x = builder.call(like, np.transpose, x, order)
    if is_stack:
        return x
    shape = x.shape
    return builder.call(like, np.reshape, x, (*shape[:axis], shape[axis] * shape[axis + 1], *shape[axis + 2 :]))


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


def _note(found: list[int], offset: int) -> None:
    if offset not in found:
        found.append(offset)
