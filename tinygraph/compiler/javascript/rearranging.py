"""Arrays that are looked at otherwise, joined, cut and filled: what moves numbers and computes none.

NumPy itself says which element stands where: a view has the strides that NumPy gives it. See `values.viewed`.
"""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from tinygraph.compiler.javascript.elementwise import ELEMENTWISE
from tinygraph.compiler.javascript.expressions import Expression, call, infix, number
from tinygraph.compiler.javascript.kinds import is_whole
from tinygraph.compiler.javascript.values import Formula, Literal, Number, Stored, Value, viewed
from tinygraph.compiler.javascript.writer import Write, Writer, unknown
from tinygraph.compiler.kernels.assembly import assembled
from tinygraph.compiler.program.facts import FACTS
from tinygraph.compiler.program.steps import Step
from tinygraph.derivatives.shapes import astype, diagonal_matrix
from tinygraph.functions.checks import CHECKS
from tinygraph.transforms.running import alias

__all__ = ["TABLE", "view"]


def view(w: Writer, step: Step, function: Callable[[Any], Any]) -> Value:
    """Return the view of a step's first operand that a function of NumPy takes, or a copy where there is none."""
    value = w.array(step.args[0], step)
    if isinstance(value, Number):
        return Number(value.name, step.shape, value.dtype)
    if isinstance(value, Literal):
        return Literal(value.value, step.shape, value.dtype)
    found = viewed(value, function)
    if found is None:  # a reshape of what lies apart
        copied = w.fill(step, value, w.names.fresh(f"{value.name}_in_order"))
        assert isinstance(copied, Stored)
        found = viewed(copied, function)
    assert found is not None
    return found


def _view(w: Writer, step: Step) -> Value:
    function: Any = step.function
    keywords = {key: item for key, item in step.kwargs.items() if key != "copy"}  # nobody writes into either
    return view(w, step, lambda array: function(array, *step.args[1:], **keywords))


def _same(w: Writer, step: Step) -> Value:
    return w.value(step.args[0])


def _astype(w: Writer, step: Step) -> Value:
    value = w.value(step.args[0])
    before, after = np.dtype(value.dtype), np.dtype(step.dtype)
    w.kind(step, after)
    if before == after:
        return value
    if after.kind == "b":
        return w.let(step, w.formula(step, [value], lambda x: infix("!=", x, number(0)), exact=True))
    if is_whole(after):
        if before.kind == "f":
            return w.let(step, w.formula(step, [value], lambda x: call("whole", call("Math.trunc", x)), exact=False))
        return w.let(step, w.formula(step, [value], _number, exact=False))
    return w.let(step, w.formula(step, [value], _number if before.kind == "b" else _as_it_is, exact=False))


def _number(x: Expression) -> Expression:
    return call("Number", x)


def _as_it_is(x: Expression) -> Expression:
    return x


def _where(w: Writer, step: Step) -> Value:
    if len(step.args) != 3 or step.kwargs:
        raise unknown(step, "with one argument")
    condition = w.value(step.args[0])
    truth: Value = condition
    if np.dtype(condition.dtype).kind != "b":
        truth = Formula(condition.shape, np.dtype(bool), [condition], lambda x: infix("!=", x, number(0)), True)
    given = [w.value(item, step.dtype) for item in step.args[1:]]
    element = ELEMENTWISE[np.where]
    assert element.of_floats is not None
    return w.let(step, w.formula(step, [truth, *given], element.of_floats, exact=False))


def _clip(w: Writer, step: Step) -> Value:
    kwargs = {name: value for name, value in step.kwargs.items() if value is not None and value is not np._NoValue}
    low = step.args[1] if len(step.args) > 1 else kwargs.pop("a_min", kwargs.pop("min", None))
    high = step.args[2] if len(step.args) > 2 else kwargs.pop("a_max", kwargs.pop("max", None))
    if kwargs:
        raise unknown(step, f"with {', '.join([f'{name}=' for name in kwargs])}")
    bounds = [w.value(item, step.dtype) for item in (low, high) if item is not None]

    def formula(x: Expression, *given: Expression) -> Expression:
        found = x if low is None else call("Math.max", x, given[0])
        return found if high is None else call("Math.min", found, given[-1])

    return w.let(step, w.formula(step, [w.value(step.args[0]), *bounds], formula, exact=True))


def _round(w: Writer, step: Step) -> Value:
    decimals = step.args[1] if len(step.args) > 1 else step.kwargs.get("decimals", 0)
    if np.dtype(step.dtype).kind != "f":
        raise unknown(step, f"of {step.dtype}")
    factor = number(10.0 ** abs(decimals))
    up, down = ("*", "/") if decimals > 0 else ("/", "*")

    def formula(x: Expression) -> Expression:
        return infix(down, call("rint", infix(up, x, factor)), factor) if decimals else call("rint", x)

    return w.let(step, w.formula(step, [w.value(step.args[0])], formula, exact=not decimals))


def _joined(w: Writer, step: Step, places: list[Any], parts: Any) -> Value:
    """Write an array that is made of parts, each at its index."""
    target = w.new(step)
    for part, place in zip(parts, places, strict=True):
        there = viewed(target, functools.partial(_at, place=place))
        assert there is not None
        w.copy(w.value(part, step.dtype), there)
    return target


def _at(array: Any, place: Any) -> Any:
    """Return a part of an array as a view, one element too."""
    return array[(*(place if type(place) is tuple else (place,)), ...)]


def _concatenate(w: Writer, step: Step) -> Value:
    axis = step.args[1] if len(step.args) > 1 else step.kwargs.get("axis", 0)
    parts = list(step.args[0])
    if axis is None or step.kwargs.get("dtype") is not None:
        raise unknown(step, "with such arguments")
    axis %= len(step.shape)
    places, start = [], 0
    for part in parts:
        stop = start + (part.shape if isinstance(part, Step) else np.shape(part))[axis]
        places.append((*[slice(None)] * axis, slice(start, stop)))
        start = stop
    return _joined(w, step, places, parts)


def _stack(w: Writer, step: Step) -> Value:
    axis = (step.args[1] if len(step.args) > 1 else step.kwargs.get("axis", 0)) % len(step.shape)
    parts = list(step.args[0])
    return _joined(w, step, [(*[slice(None)] * axis, at) for at in range(len(parts))], parts)


def _assembled(w: Writer, step: Step) -> Value:
    parts, places, _ = step.args
    return _joined(w, step, list(places), parts)


def _pad(w: Writer, step: Step) -> Value:
    widths = step.args[1] if len(step.args) > 1 else step.kwargs.get("pad_width")
    mode = step.args[2] if len(step.args) > 2 else step.kwargs.get("mode", "constant")
    filled = step.kwargs.get("constant_values", 0)
    if mode != "constant" or np.any(np.asarray(filled)):
        raise unknown(step, "with anything but zeros")
    before = np.broadcast_to(np.asarray(widths), (len(step.shape), 2))[:, 0].tolist()
    sizes = step.args[0].shape
    place = tuple([slice(start, start + size) for start, size in zip(before, sizes, strict=True)])
    return _joined(w, step, [place], [step.args[0]])


def _filled(number_of: Callable[[Step], Any]) -> Write:
    def write(w: Writer, step: Step) -> Value:
        return Literal(number_of(step), step.shape, np.dtype(step.dtype))

    return write


def _full_like(w: Writer, step: Step) -> Value:
    value = w.value(step.args[1], step.dtype)
    return w.let(step, w.formula(step, [value], _as_it_is, exact=False))


def _places(w: Writer, step: Step) -> Value:
    """Write a function that moves elements and adds zeros, by the places that NumPy moves them to."""
    size = math.prod(step.args[0].shape)
    function: Any = step.function
    numbered = np.arange(1, size + 1).reshape(step.args[0].shape)
    moved = np.asarray(function(numbered, *step.args[1:], **step.kwargs)).reshape(-1)
    if moved.size > _MOST_PLACES:
        raise unknown(step, f"of {size} elements")
    value = w.array(step.args[0], step)
    if isinstance(value, Stored) and not value.is_flat():
        value = w.fill(step, value, w.names.fresh("in_order"))
    places = w.kept("places", (moved - 1).astype(np.int32))
    target = w.new(step)
    if target.size:
        with w.loop(target.size) as place:
            there = places.flat(place).text
            start = f"{value.start} + " if isinstance(value, Stored) and str(value.start) != "0" else ""
            found = f"{value.name}[{start}{there}]" if isinstance(value, Stored) else value.at(()).text
            zeros = f"{there} < 0 ? 0 : " if (moved == 0).any() else ""
            w.line(f"{target.flat(place).text} = {zeros}{found};")
    return target


_MOST_PLACES = 4096

TABLE: dict[Any, Write] = {
    **{function: _view for function, facts in FACTS.items() if facts.view and function.__module__ != __name__},
    **dict.fromkeys(CHECKS, _same),
    alias: _same,
    np.asarray: _same,
    np.copy: _same,
    astype: _astype,
    np.where: _where,
    np.clip: _clip,
    np.round: _round,
    np.concatenate: _concatenate,
    np.stack: _stack,
    assembled: _assembled,
    np.pad: _pad,
    np.zeros_like: _filled(lambda step: 0),
    np.ones_like: _filled(lambda step: 1),
    np.zeros: _filled(lambda step: 0),
    np.ones: _filled(lambda step: 1),
    np.full_like: _full_like,
    np.full: _full_like,
    **dict.fromkeys((np.roll, np.tril, np.triu, np.tile, np.repeat, np.diag, np.diagflat, diagonal_matrix), _places),
}
TABLE.pop(operator.getitem, None)
