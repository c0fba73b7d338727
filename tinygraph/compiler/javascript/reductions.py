"""Reductions in JavaScript: sums, extremes, means and the places of extremes, as loops over the axes that go."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygraph.compiler.javascript.expressions import ATOM, RAISED, Expression, Place, call, infix, number
from tinygraph.compiler.javascript.kinds import is_whole
from tinygraph.compiler.javascript.values import Formula, Value
from tinygraph.compiler.javascript.writer import Write, Writer, unknown
from tinygraph.compiler.program.facts import REDUCTIONS
from tinygraph.compiler.program.steps import Step
from tinygraph.derivatives.linalg import vector_norm
from tinygraph.derivatives.reductions import reduced_axes
from tinygraph.functions.means import mean_over

__all__ = ["TABLE"]

_MATH: dict[Any, str] = {np.maximum: "Math.max", np.minimum: "Math.min"}
_SIGNS: dict[Any, tuple[str, str, str]] = {np.add: ("0", "sum", "+="), np.multiply: ("1", "product", "*=")}


def _options(step: Step) -> tuple[Any, bool]:
    """Return the axes of a reduction, and whether they stay."""
    rest = {name: value for name, value in step.kwargs.items() if value is not None and value is not np._NoValue}
    rest = {name: value for name, value in rest.items() if name not in ("axis", "keepdims")}
    if rest.get("where") is True:
        del rest["where"]
    if len(step.args) > 2 or rest:
        raise unknown(step, f"with {', '.join([f'{name}=' for name in rest]) or 'such arguments'}")
    axis = step.args[1] if len(step.args) == 2 else step.kwargs.get("axis")
    kept = step.kwargs.get("keepdims", False)
    return axis, bool(kept) and kept is not np._NoValue


def _reduction(w: Writer, step: Step) -> Value:
    """Write a sum, a product, an extreme, or whether any or all are true."""
    ufunc: Any = REDUCTIONS[step.function]  # type: ignore[index]
    axis, kept = _options(step)
    value = w.value(step.args[0])
    axes = reduced_axes(axis, len(value.shape))
    if ufunc in (np.logical_or, np.logical_and):
        first, sign = ("0", "||") if ufunc is np.logical_or else ("1", "&&")

        def both(word: str, element: Expression) -> str:
            return f"{word} = {word} {sign} {infix('!=', element, number(0)).text};"

        return w.reduced(step, value, axes, first, "found", both, kept=kept)
    if ufunc in _SIGNS:
        begin, word, operator = _SIGNS[ufunc]

        def grown(name: str, element: Expression) -> str:
            return f"{name} {operator} {element.text};"

        finish = (lambda found: call("whole", found)) if is_whole(step.dtype) else None
        return w.reduced(step, value, axes, begin, word, grown, finish, kept)
    begin = "-Infinity" if ufunc is np.maximum else "Infinity"

    def best(name: str, element: Expression) -> str:
        return f"{name} = {_MATH[ufunc]}({name}, {element.text});"

    return w.reduced(step, value, axes, begin, "best", best, kept=kept)


def _mean(w: Writer, step: Step) -> Value:
    axis, kept = _options(step)
    value = w.value(step.args[0])
    axes = reduced_axes(axis, len(value.shape))
    count = int(np.prod([value.shape[at] for at in axes]))
    if np.dtype(step.dtype).kind != "f":
        raise unknown(step, f"of {step.dtype}")
    return w.reduced(step, value, axes, "0", "sum", _added, lambda found: infix("/", found, number(count)), kept)


def _mean_over(w: Writer, step: Step) -> Value:
    """Write tinygraph's own mean, whose axes stay."""
    value, axes = w.value(step.args[0]), step.args[1]
    count = int(np.prod([value.shape[at] for at in axes]))
    return w.reduced(step, value, axes, "0", "sum", _added, lambda found: infix("/", found, number(count)), kept=True)


def _added(name: str, element: Expression) -> str:
    return f"{name} += {element.text};"


def _vector_norm(w: Writer, step: Step) -> Value:
    """Write the length of vectors along an axis."""
    x, order, axis = step.args
    return _length(w, step, x, order, (axis,), kept=False)


def _norm(w: Writer, step: Step) -> Value:
    """Write NumPy's norm: the length of all elements, or of the vectors along an axis."""
    given = dict(zip(("x", "ord", "axis", "keepdims"), step.args, strict=False)) | step.kwargs
    axis = given.get("axis")
    order = given.get("ord")
    if axis is None and order is not None and len(given["x"].shape) != 1:
        raise unknown(step, f"of order {order}")
    axes = range(len(given["x"].shape)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    return _length(w, step, given["x"], order, axes, bool(given.get("keepdims")))


def _length(w: Writer, step: Step, x: Any, order: Any, axes: Any, kept: bool) -> Value:
    value = w.value(x)
    if order not in (None, 2) or (order is not None and len(axes) > 1) or np.dtype(value.dtype).kind != "f":
        raise unknown(step, f"of order {order}, of {value.dtype}")
    squares = Formula(value.shape, step.dtype, [value], lambda item: Expression(f"{item.within(ATOM)} ** 2", RAISED))
    over = [axis % len(value.shape) for axis in axes]
    return w.reduced(step, squares, over, "0", "sum", _added, lambda found: call("Math.sqrt", found), kept)


def _place_of_extreme(sign: str) -> Write:
    def write(w: Writer, step: Step) -> Value:
        axis, kept = _options(step)
        value = w.array(step.args[0], step)
        axes = range(len(value.shape)) if axis is None else reduced_axes(axis, len(value.shape))
        one = step.size == 1
        best, at_place = (w.names.fresh("best"), w.names.fresh("place")) if one else ("best", "place")
        w.begin(step)
        target = None if one else w.new(step)
        outer = [at for at in range(len(value.shape)) if at not in axes]
        with w.loops(tuple([value.shape[at] for at in outer])) as places:
            index = [Place()] * len(value.shape)
            for at, place in zip(outer, places, strict=True):
                index[at] = place
            taken = sum([value.shape[at] != 1 for at in outer])
            w.line(f"let {best} = {value.at(index).text};")
            w.line(f"let {at_place} = 0;")
            with w.loops(tuple([value.shape[at] for at in axes]), taken) as inside:
                position = Place()
                for at, place in zip(axes, inside, strict=True):
                    index[at] = place
                    position = position.times(value.shape[at]).plus(place)
                element = value.at(index).text
                nan = f" || ({element} !== {element} && {best} === {best})" if np.dtype(value.dtype).kind == "f" else ""
                with w.block(f"if ({element} {sign} {best}{nan})"):
                    w.line(f"{best} = {element};")
                    w.line(f"{at_place} = {position};")
            at_result = [place for at, place in enumerate(index) if at in outer or kept]
            at_result = [Place() if kept and at not in outer else place for at, place in enumerate(at_result)]
            if target is not None:
                w.line(f"{target.at(at_result).text} = {at_place};")
        return w.finished(step, Expression(at_place)) if target is None else target

    return write


TABLE: dict[Any, Write] = {
    **dict.fromkeys(REDUCTIONS, _reduction),
    np.mean: _mean,
    mean_over: _mean_over,
    vector_norm: _vector_norm,
    np.linalg.norm: _norm,
    np.argmax: _place_of_extreme(">"),
    np.argmin: _place_of_extreme("<"),
}
