"""Loops of a program as loops of JavaScript, and its decisions as questions that a call must answer as the first one.

let h = h_0;
for (let t = 0; t < 10; t++) {
  ...
  h = h_next;
}
"""

from __future__ import annotations

import operator
from dataclasses import dataclass, field
from typing import Any

from tinygraph.compiler.javascript.expressions import ATOM, Place, infix, number
from tinygraph.compiler.javascript.naming import Names
from tinygraph.compiler.javascript.values import Literal, Number, Stored, Value
from tinygraph.compiler.javascript.writer import Write, Writer, unknown
from tinygraph.compiler.program.counting import Affine, FromCount, kept_at
from tinygraph.compiler.program.decisions import decided
from tinygraph.compiler.program.loops import Loop, goes_on, loop_result
from tinygraph.compiler.program.steps import Step

__all__ = ["TABLE"]


@dataclass(frozen=True, eq=False)
class _Kept(Value):
    """A value of every iteration of a loop that a condition ends, in a list that grows.

    Attributes:
        name: of the list.
        shape, dtype: of each value.
    """

    name: str
    shape: tuple[int, ...]
    dtype: Any


@dataclass(frozen=True, eq=False)
class _Results(Value):
    """The results of a loop."""

    values: list[Value] = field(default_factory=list)


def _loop(w: Writer, step: Step) -> Value:
    loop: Any = step.function
    given = [w.value(item, own.dtype) for item, own in zip(step.args, loop.inputs, strict=True)]
    names = Names(loop.body, w.taken)
    w.begin(step)
    outer = {item.args[1]: w.names.of(item) for item in w.readers(step) if item.function is loop_result and item.name}
    carried = [
        _before(w, step, own, value, outer.get(place) or w.names.fresh(names.wish(own, "value")))
        for place, (own, value) in enumerate(zip(loop.inputs[: loop.carried], given, strict=False))
    ]
    stacks = [_stack(w, own, loop, names) for own in loop.stacks]
    lasts = [_declared(w, own, w.names.fresh(f"last_{names.wish(own, 'value')}")) for own in loop.lasts]
    exits = [_declared(w, own, w.names.fresh(names.wish(own, "value"))) for own in loop.at_exit]
    counter = w.names.fresh("n" if loop.is_open else "t")
    if loop.is_open:
        w.counts.append(counter)
        w.line(f"let {counter} = 0;")
        head = f"for (; ; {counter}++)"
    else:
        head = f"for (let {counter} = 0; {counter} < {_count(w, loop.count)}; {counter}++)"
    before = w.counter, w.repeats, w.exits
    w.counter, w.exits = counter, list(zip(loop.at_exit, exits, strict=True))
    w.repeats = None if loop.is_open or isinstance(loop.count, FromCount) else operator.index(loop.count)
    with w.block(head), w.within(loop.body, names) as values:
        for own, value in zip(loop.inputs, [*carried, *given[loop.carried :]], strict=True):
            values[own.index] = value
            if isinstance(value, Number | Stored):
                names.let(own, value.name)
        w.write(loop.body)
        nexts = [_nameable(w, own, values[own.index]) for own in loop.nexts]
        for own, stack in zip(loop.stacks, stacks, strict=True):
            _put(w, own, values[own.index], stack)
        for own, last in zip(loop.lasts, lasts, strict=True):
            w.line(f"{_name(last)} = {_name(_nameable(w, own, values[own.index]))};")
        _carry_on(w, [_name(value) for value in carried], [_name(value) for value in nexts])
    w.counter, w.repeats, w.exits = before
    least = w.least.get(step.index, 0)
    if loop.is_open and least:
        w.line(f'if ({counter} < {least}) throw new Error("the program was made for {least} iterations or more");')
    w.forget()
    return _Results([*carried, *stacks, *lasts, *exits])


def _count(w: Writer, count: Any) -> str:
    """Return as text a number of iterations, which may depend on that of another loop."""
    return str(_place(w, count))


def _place(w: Writer, number: Any) -> Place:
    """Return an integer of a program, which may depend on the iterations of a loop."""
    if isinstance(number, FromCount):
        return Place.of(w.counts[number.loop]).plus(Place(offset=number.offset))
    if isinstance(number, Affine):
        return _place(w, number.start).plus(Place.of(w.counter).times(number.step))
    return Place(offset=operator.index(number))


def _put(w: Writer, own: Step, value: Value, stack: Stored | _Kept) -> None:
    """Keep a value of an iteration."""
    if isinstance(stack, _Kept):
        w.line(f"{stack.name}.push({_name(_nameable(w, own, value))});")
        return
    size = stack.size // stack.shape[0]
    place = Place.of(w.counter).times(size)
    w.copy(value, Stored(stack.name, own.shape, own.dtype, stack.strides[1:], place, stack.length))


def _kept_at(w: Writer, step: Step) -> Value:
    """Write the reading of a value that a loop kept of one of its iterations."""
    stack = w.value(step.args[0])
    if not isinstance(stack, _Kept):
        raise unknown(step, "of what a loop kept")
    name = w.names.of(step)
    w.begin(step)
    w.line(f"const {name} = {stack.name}[{_place(w, step.args[1])}];")
    return Stored.whole(name, step.shape, step.dtype, is_own=False) if step.shape else Number(name, (), step.dtype)


def _goes_on(w: Writer, step: Step) -> Value:
    """Write the end of a loop where a value has not the truth that is expected."""
    value, expected = w.value(step.args[0]), step.args[1]
    w.begin(step)
    found = infix("!=", value.at([Place()] * len(value.shape)), number(0)).text
    with w.block(f"if (!({found}))" if expected else f"if ({found})"):
        for own, exit_ in w.exits:
            if w.has_value(own):
                w.line(f"{_name(exit_)} = {_name(_nameable(w, own, w.value(own)))};")
        w.line("break;")
    return value


def _before(w: Writer, step: Step, own: Step, value: Value, name: str) -> Value:
    """Declare a value that is carried, with its first value."""
    if not own.shape:
        w.line(f"let {name} = {value.at(()).text};")
        return Number(name, (), own.dtype)
    if not (isinstance(value, Stored) and value.is_whole and value.dtype == own.dtype):
        if isinstance(value, Literal):
            first: Value = Literal(value.value, own.shape, own.dtype)
        else:
            first = w.formula(own, [value], lambda x: x, exact=False)
        w.fill(step, first, name, declare="let")
        return Stored.whole(name, own.shape, own.dtype, is_own=False)
    w.line(f"let {name} = {value.name};")
    return Stored.whole(name, own.shape, own.dtype, is_own=False)


def _stack(w: Writer, own: Step, loop: Any, names: Names) -> Stored | _Kept:
    """Declare the memory of a value of every iteration."""
    name = w.names.fresh(f"all_{names.wish(own, 'values')}")
    if loop.is_open:
        w.line(f"const {name} = [];")
        return _Kept(name, own.shape, own.dtype)
    count = operator.index(loop.count)
    found = Stored.whole(name, (count, *own.shape), own.dtype)
    w.line(f"const {name} = new {w.kind(own, own.dtype)}({found.size});")
    return found


def _declared(w: Writer, own: Step, name: str) -> Value:
    """Declare a value of the last iteration."""
    w.line(f"let {name};")
    return Stored.whole(name, own.shape, own.dtype, is_own=False) if own.shape else Number(name, (), own.dtype)


def _nameable(w: Writer, own: Step, value: Value) -> Value:
    """Return a value of the body as one that a name may stand for from now on."""
    if isinstance(value, Number) and not own.shape:
        return value
    if isinstance(value, Stored) and value.is_whole and own.shape and value.dtype == own.dtype:
        return value
    return w.fill(own, w.formula(own, [value], lambda x: x, exact=False), w.names.fresh(f"{w.names.of(own)}_now"))


def _name(value: Value) -> str:
    assert isinstance(value, Number | Stored)
    return value.name


def _carry_on(w: Writer, names: list[str], nexts: list[str]) -> None:
    """Give the carried values their next ones, all at once where one is another's."""
    pairs = [(name, other) for name, other in zip(names, nexts, strict=True) if name != other]
    if len(pairs) > 1 and {name for name, _ in pairs} & {other for _, other in pairs}:
        w.line(f"[{', '.join([name for name, _ in pairs])}] = [{', '.join([other for _, other in pairs])}];")
    else:
        for name, other in pairs:
            w.line(f"{name} = {other};")


def _result(w: Writer, step: Step) -> Value:
    results = w.value(step.args[0])
    assert isinstance(results, _Results)
    place: int = step.args[1]
    return results.values[place]


def _decided(w: Writer, step: Step) -> Value:
    """Write the question whether a value decides as it did when the program was made."""
    value, expected = w.value(step.args[0]), step.args[1]
    w.begin(step)
    found = value.at([Place()] * len(value.shape))
    differs = f"({found.text}) != 0" if found.level < ATOM else f"{found.text} != 0"
    asked = f"({differs}) !== {str(expected).lower()}" if isinstance(expected, bool) else f"{found.text} !== {expected}"
    line = str(step.source).replace('"', "'") if step.source is not None else "a decision"
    w.line(f'if ({asked}) throw new Error("{line}: the program was made for another path");')
    return value


TABLE: dict[Any, Write] = {
    Loop: _loop, loop_result: _result, decided: _decided, goes_on: _goes_on, kept_at: _kept_at,
}  # fmt: skip
