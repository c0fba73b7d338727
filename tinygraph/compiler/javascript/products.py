"""Products in JavaScript: of matrices, of vectors and by Einstein's sums, as loops over axes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygraph.compiler.javascript.expressions import Expression, Place, call, infix
from tinygraph.compiler.javascript.kinds import is_whole
from tinygraph.compiler.javascript.naming import COUNTERS
from tinygraph.compiler.javascript.values import Number, Value
from tinygraph.compiler.javascript.writer import Write, Writer, unknown
from tinygraph.compiler.program.steps import Step
from tinygraph.derivatives.products import einsum_of
from tinygraph.derivatives.subscripts import axis_letters, of_dot, of_inner, of_tensordot

__all__ = ["TABLE"]


def _axes(operand: Any) -> int:
    """Return the number of axes of an operand: a step, or an array or number."""
    return len(operand.shape if isinstance(operand, Step) else np.shape(operand))


def _summed(w: Writer, step: Step, given: Sequence[Any], axes: Sequence[str], result: str) -> Value:
    """Write the sum of products over the axes that the result lacks.

    Args:
        given: the operands.
        axes: a letter for each axis of each operand. An axis of one element goes with any size.
        result: the letters of the result.
    """
    if np.dtype(step.dtype).kind == "b":
        raise unknown(step, "of booleans")
    values = [w.array(item, step) for item in given]
    sizes: dict[str, int] = {}
    for value, letters in zip(values, axes, strict=True):
        for letter, size in zip(letters, value.shape, strict=True):
            sizes[letter] = max(sizes.get(letter, 0), size) if size != 0 else 0
    summed = [letter for letter in dict.fromkeys("".join(axes)) if letter not in result]
    whole = is_whole(step.dtype)

    def product(places: dict[str, Place]) -> Expression:
        found: Expression | None = None
        for value, letters in zip(values, axes, strict=True):
            index = [Place() if size == 1 else places[x] for x, size in zip(letters, value.shape, strict=True)]
            element = value.at(index)
            found = element if found is None else infix("*", found, element)
        assert found is not None
        return found

    def add_products(word: str, outer: dict[str, Place], first: int) -> None:
        if all(sizes[letter] for letter in summed):
            with w.loops(tuple([sizes[letter] for letter in summed]), first) as places:
                w.line(f"{word} += {product({**outer, **dict(zip(summed, places, strict=True))}).text};")

    def finished(word: str) -> Expression:
        return call("whole", Expression(word)) if whole else Expression(word)

    if step.size == 1:
        name = w.names.of(step)
        plain = not step.shape and np.dtype(step.dtype) == np.float64
        w.begin(step)
        word = name if plain else w.names.fresh(f"{name}_sum")
        w.line(f"let {word} = 0;")
        add_products(word, dict.fromkeys(result, Place()), 0)
        return Number(name, (), step.dtype) if plain else w.finished(step, finished(word))
    target = w.new(step)
    if not target.size:
        return target
    with w.loops(tuple([sizes[letter] for letter in result])) as places:
        outer = dict(zip(result, places, strict=True))
        if summed:
            w.line("let sum = 0;")
            add_products("sum", outer, sum([sizes[letter] != 1 for letter in result]))
            w.line(f"{target.at(places).text} = {finished('sum').text};")
        else:
            found = product(outer)
            w.line(f"{target.at(places).text} = {(call('whole', found) if whole else found).text};")
    return target


def _matmul(w: Writer, step: Step) -> Value:
    if step.kwargs:
        raise unknown(step, "with such arguments")
    first, second = map(_axes, step.args)
    batch = axis_letters(max(first, second, 2) - 2)
    left = batch[len(batch) - max(first - 2, 0) :] + ("xy" if first > 1 else "y")
    right = batch[len(batch) - max(second - 2, 0) :] + ("yz" if second > 1 else "y")
    result = batch + ("x" if first > 1 else "") + ("z" if second > 1 else "")
    return _summed(w, step, step.args, [left, right], result)


def _dot(w: Writer, step: Step) -> Value:
    first, second = map(_axes, step.args[:2])
    if 0 in (first, second):
        return w.computed(step, np.multiply, step.args[:2])
    left, right, result = of_dot(first, second)
    return _summed(w, step, step.args[:2], [left, right], result)


def _inner(w: Writer, step: Step) -> Value:
    left, right, result = of_inner(*map(_axes, step.args))
    return _summed(w, step, step.args, [left, right], result)


def _outer(w: Writer, step: Step) -> Value:
    """Write the product of each element with each, whatever the shapes are."""
    if any(_axes(item) != 1 for item in step.args[:2]):
        raise unknown(step, "of arrays with several axes")
    return _summed(w, step, step.args[:2], ["a", "b"], "ab")


def _vdot(w: Writer, step: Step) -> Value:
    if len({item.shape for item in step.args}) > 1:
        raise unknown(step, "of arrays of two shapes")
    every = axis_letters(len(step.args[0].shape))
    return _summed(w, step, step.args, [every, every], "")


def _vecdot(w: Writer, step: Step) -> Value:
    if len({item.shape for item in step.args}) > 1 or not {*step.kwargs} <= {"axis"}:
        raise unknown(step, "of arrays of two shapes, or with such keywords")
    every = axis_letters(len(step.args[0].shape))
    axis = step.kwargs.get("axis", -1)
    return _summed(w, step, step.args, [every, every], every.replace(every[axis], ""))


def _einsum(w: Writer, step: Step) -> Value:
    text = step.args[0]
    operands = step.args[2:] if step.function is einsum_of else step.args[1:]
    if not isinstance(text, str) or "." in text:
        raise unknown(step, "with such subscripts")
    given, _, result = text.replace(" ", "").partition("->")
    axes = given.split(",")
    if "->" not in text:
        letters = "".join(axes)
        result = "".join([letter for letter in sorted({*letters}) if letters.count(letter) == 1])
    return _summed(w, step, operands, axes, result)


def _tensordot(w: Writer, step: Step) -> Value:
    axes = step.args[2] if len(step.args) > 2 else step.kwargs.get("axes", 2)
    left, right, result = of_tensordot(_axes(step.args[0]), _axes(step.args[1]), axes)
    return _summed(w, step, step.args[:2], [left, right], result)


def _cumulative(begin: str, short: str, operator: str) -> Write:
    """Return the writer of the sums, or products, of the elements up to each one."""

    def write(w: Writer, step: Step) -> Value:
        axis = step.args[1] if len(step.args) > 1 else step.kwargs.get("axis")
        value = w.array(step.args[0], step)
        if axis is None:
            if len(value.shape) != 1:
                raise unknown(step, "without an axis, of an array with several")
            axis = 0
        axis %= len(value.shape)
        target = w.new(step)
        outer = [at for at in range(len(value.shape)) if at != axis]
        word = w.names.fresh(short) if math.prod([value.shape[at] for at in outer]) == 1 else short
        with w.loops(tuple([value.shape[at] for at in outer])) as places:
            index = [Place()] * len(value.shape)
            for at, place in zip(outer, places, strict=True):
                index[at] = place
            w.line(f"let {word} = {begin};")
            taken = sum([value.shape[at] != 1 for at in outer])
            with w.loop(value.shape[axis], COUNTERS[taken]) as place:
                index[axis] = place
                w.line(f"{word} {operator} {value.at(index).text};")
                w.line(f"{target.at(index).text} = {f'whole({word})' if is_whole(step.dtype) else word};")
        return target

    return write


TABLE: dict[Any, Write] = {
    np.matmul: _matmul,
    np.dot: _dot,
    np.inner: _inner,
    np.outer: _outer,
    np.vdot: _vdot,
    np.einsum: _einsum,
    einsum_of: _einsum,
    np.tensordot: _tensordot,
    np.cumsum: _cumulative("0", "sum", "+="),
    np.cumprod: _cumulative("1", "product", "*="),
    **({np.vecdot: _vecdot} if hasattr(np, "vecdot") else {}),
}
