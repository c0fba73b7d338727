"""Absorbing the iteration behind a loop: found from the last carried values on."""

from __future__ import annotations

import operator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from tinygraph.compiler.kernels.assembly import assembled
from tinygraph.compiler.program.builder import Builder
from tinygraph.compiler.program.counting import Affine, AtCount, at_count, item_at
from tinygraph.compiler.program.loops import Loop, loop_result
from tinygraph.compiler.program.predicates import may_fail
from tinygraph.compiler.program.rewriting import placed
from tinygraph.compiler.program.steps import Step, operands_of
from tinygraph.compiler.rewrites.calls_outside import ALIKE, Outside, alive_steps, is_stack, is_there, may_be_made
from tinygraph.compiler.rewrites.changing_loops import is_closed
from tinygraph.engine.nested import mapped
from tinygraph.graph import Graph

__all__ = ["with_iteration_after"]


@dataclass(eq=False)
class _After:
    """The search for the iteration behind the last: from the last carried values to the values made of them.

    Attributes:
        found: by the index of a step of the body what it is in that iteration, where it is there.
        before: by the index of an element `h[-1]` in the body the first state of the loop that makes h, and h.
    """

    step: Step
    outside: Outside
    found: dict[int, Any] = field(default_factory=dict)
    before: dict[int, tuple[Step, Step]] = field(default_factory=dict)

    def search(self) -> None:
        """Find the calls."""
        loop: Any = self.step.function
        inputs = loop.inputs
        for number, inner in enumerate(inputs[: loop.carried]):
            last = self.outside.call(loop_result, (self.step, number), {})
            if last is not None:
                self.found[inner.index] = last
        fixed = self.step.args[loop.carried :]
        self.found.update(zip([inner.index for inner in inputs[loop.carried :]], fixed, strict=True))
        for inner in loop.body.nodes:
            if inner.is_constant:
                self.found[inner.index] = inner
            elif inner.function is not None:
                outer = self._element(inner, loop.count) if inner.function == item_at else self._call(inner, loop.count)
                if outer is not None and (outer.shape, outer.dtype) == (inner.shape, inner.dtype):
                    self.found[inner.index] = outer

    def _element(self, inner: Step, count: int) -> Step | None:
        base = self.found.get(inner.args[0].index)
        if base is None or base.is_constant:
            return None
        if is_there(inner.args[1], count, base.shape):
            return self.outside.element(base, at_count(inner.args[1], count))
        at = inner.args[1]
        if type(at) is not Affine or (at.at(count), at.step) != (-1, -1) or base.function is not loop_result:
            return None
        made_in: Any = base.args[0].function
        if type(made_in) is not Loop or not is_closed(made_in) or not is_stack(made_in, base.args[1]):
            return None
        output = made_in.body.outputs[base.args[1]]
        numbers = [number for number, following in enumerate(made_in.nexts) if following is output]
        if not numbers or type(base.args[0].args[numbers[0]]) is not Step:
            return None
        first: Step = base.args[0].args[numbers[0]]
        if (first.shape, first.dtype) != (inner.shape, inner.dtype):
            return None
        self.before[inner.index] = (first, base)
        return first

    def _call(self, inner: Step, count: int) -> Step | None:
        if any([operand.index not in self.found for operand in operands_of(inner)]):
            return None
        args, kwargs = mapped(
            (at_count(inner.args, count), inner.kwargs),
            lambda item: self.found[item.index] if type(item) is Step else item,
        )
        function: Any = inner.function.function if type(inner.function) is AtCount else inner.function
        operands = [self.found[operand.index] for operand in operands_of(inner)]
        found = self.outside.call(function, args, kwargs)
        if found is None and operands and all([operand.is_constant for operand in operands]) and not may_fail(inner):
            args, kwargs = mapped((args, kwargs), lambda item: item.value if type(item) is Step else item)
            value = np.asarray(function(*args, **kwargs))
            return replace(inner, function=None, args=(), kwargs={}, value=value, given=False)
        return found


def with_iteration_after(outside: Outside, step: Step) -> Graph | None:
    """Return the graph with the iteration behind a loop absorbed."""
    graph = outside.graph
    loop: Any = step.function
    if not is_closed(loop) or not loop.carried or any([type(item) is not Step for item in step.args]):
        return None
    search = _After(step, outside)
    search.search()
    calls = [inner for inner in loop.body.nodes if inner.function is not None]
    if not all([may_be_made(inner, loop.count) or inner.index in search.before for inner in calls]):
        return None
    made = {search.found[inner.index].index: inner for inner in calls if _is_call_outside(search, inner)}
    behind = _behind(graph, step)
    inside = {index for index in made if index in behind}
    if len(made) < ALIKE * len(calls) or len(inside) < ALIKE * ALIKE * len(calls):
        return None
    read = _read_outside(graph, inside, step)
    if read is None or any([type(made[index].function) is Loop for index in read]):
        return None  # a loop in the iteration that others read, too, is no array that could be handed out
    return _with_last_iteration(graph, step, search, {index: made[index] for index in read})


def _is_call_outside(search: _After, inner: Step) -> bool:
    found = search.found.get(inner.index)
    return found is not None and found.function is not None and inner.index not in search.before


def _behind(graph: Graph, loop: Step) -> set[int]:
    """Return the steps that are computed from what a loop returns."""
    found = {loop.index}
    for step in graph.nodes:
        if any([operand.index in found for operand in operands_of(step)]):
            found.add(step.index)
    return found - {loop.index}


def _read_outside(graph: Graph, inside: set[int], loop: Step) -> list[int] | None:
    """Return those of the iteration's calls that others read; None where others read what the loop returns now."""
    read = {output.index for output in graph.outputs}
    for step in graph.nodes:
        if step.index not in inside:
            read.update([operand.index for operand in operands_of(step)])
    of_loop = [step for step in graph.nodes if step.function is loop_result and step.args[0] is loop]
    results = [step for step in of_loop if step.index in read]
    function: Any = loop.function
    if not all([is_stack(function, step.args[1]) for step in results]):
        return None
    return sorted(inside & read)


def _with_last_iteration(graph: Graph, step: Step, search: _After, read: dict[int, Step]) -> Graph:
    """Return the graph with an iteration more, and in the place of some calls outside what they are in the body."""
    loop: Any = step.function
    outputs = list(loop.body.outputs[: loop.carried + loop.stacked])
    lasts = [inner for inner in read.values() if inner not in outputs[: loop.carried]]
    builder = Builder()
    moved: dict[int, Step] = {}
    for old in graph.nodes:
        assert isinstance(old, Step)
        if old is step:
            moved[old.index] = _longer(builder, old, search, outputs, lasts, moved)
        elif old.index in read:
            inner = read[old.index]
            number = outputs.index(inner) if inner in outputs[: loop.carried] else len(outputs) + lasts.index(inner)
            args = (moved[step.index], number)
            moved[old.index] = builder.add(replace(old, function=loop_result, args=args, kwargs={}))
        elif old.function is loop_result and old.args[0] is step:
            if is_stack(loop, old.args[1]):
                kept = builder.add(replace(
                    old, args=(moved[step.index], old.args[1]), shape=(loop.count + 1, *old.shape[1:]), name=None
                ))  # fmt: skip
                moved[old.index] = builder.call(old, operator.getitem, kept, slice(None, loop.count), name=old.name)
            else:  # the iteration that is gone read it
                number = min(old.args[1], len(outputs) + len(lasts) - 1)
                moved[old.index] = builder.add(replace(old, args=(moved[step.index], number)))
        else:
            moved[old.index] = builder.add(placed(old, len(builder.steps), moved))
    return alive_steps(builder, [moved[output.index] for output in graph.outputs])


def _longer(
    builder: Builder, step: Step, search: _After, outputs: list[Any], lasts: list[Step], moved: dict[int, Step]
) -> Step:
    """Append a loop with an iteration more."""
    loop: Any = step.function
    body = Builder()
    inner: dict[int, Step] = {}
    args = [moved[item.index] for item in step.args]
    for given in loop.inputs:
        inner[given.index] = body.add(given)
    whole: dict[int, Step] = {}
    for index, (first, base) in search.before.items():
        if base.index not in whole:
            shape = base.shape[0] + 1, *base.shape[1:]
            behind = builder.kernel(
                replace(base, section=step.section), assembled, shape, [moved[first.index], moved[base.index]],
                [0, slice(1, shape[0])], shape,
            )  # fmt: skip
            args.append(behind)
            whole[base.index] = body.add(
                replace(base, function=None, args=(), kwargs={}, shape=behind.shape, value=None, given=True)
            )
        element: Any = loop.body.nodes[index]
        at = element.args[1]
        inner[index] = replace(element, args=(whole[base.index], Affine(at.start + 1, at.step)))
    for old in loop.body.nodes:
        if old.index in search.before:
            inner[old.index] = body.add(inner[old.index])
        elif old.index not in inner:
            inner[old.index] = body.add(placed(old, len(body.steps), inner))
    results = tuple([inner[output.index] for output in (*outputs, *lasts)])
    new = Loop(Graph(tuple(body.steps), results), loop.count + 1, loop.carried, loop.stacked, len(lasts))
    return builder.add(replace(step, function=new, args=tuple(args)))
