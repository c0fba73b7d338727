"""Cotangents: pairs of a value and the call of the backward pass that computes its gradient, for names alone.

d_z = d_y @ w.T         of `y = z @ w`: the gradient of the product times the other factor
d_s = d_log / s         of `np.log(s)`: divided by its argument
d_b = np.sum(d_z, 0)    the last value of the line that has the shape of `b`: a guess
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import numpy as np

from tinygraph.compiler.program.facts import TRANSPOSING
from tinygraph.compiler.program.steps import Step, operands_of

__all__ = ["cotangents_in"]

Line = tuple[str, int]
Shape = tuple[int, ...]

_PRODUCTS = (np.multiply, np.matmul, np.dot)


def cotangents_in(steps: list[Step]) -> tuple[dict[int, Step], dict[int, str]]:
    """Return the calls of the backward pass that compute gradients, each with the value it differentiates.

    Of a product the gradient of one factor is that of the product times the other; that of x in log(x) is divided by
    x. Of the rest, within the backward pass of a line, the last value of the shape of one of its operands: a guess,
    from shapes and lines.

    Returns:
        By the index of a step the value whose gradient it is; and the name it should have.
    """
    lines = _lines_of(steps)
    values: dict[int, Step] = {}
    found: dict[int, str] = {}
    seen: set[str] = set()
    for line in lines:
        for step in line.backward:
            value = line.by_product(step)
            if value is not None:
                values[step.index] = value
        seen |= {f"d_{values[step.index].name}" for step in line.backward if step.index in values}
        for operand, step in line.by_shape(seen):
            if step.index not in found and step.index not in values:
                found[step.index] = f"d_{operand.name}"
                seen.add(f"d_{operand.name}")
    return values, found


class _Line:
    """The values computed for one line of the user's code.

    Attributes:
        operands: the named values that its forward calls read, and that a gradient flows to.
        others: by a factor in it and a shape the other factor of that shape; None where there are several.
        logarithms: what it takes the logarithm of.
        backward: the calls that go back through it.
    """

    def __init__(self) -> None:
        self.operands: list[Step] = []
        self.others: dict[tuple[int, Shape], Step | None] = {}
        self.logarithms: set[int] = set()
        self.backward: list[Step] = []

    def add_forward(self, step: Step) -> None:
        """Note a call of the forward pass."""
        self.operands += [item for item in operands_of(step) if item.name is not None and item.requires_grad]
        if step.function in _PRODUCTS and all(type(item) is Step for item in step.args):
            for item, other in (step.args, reversed(step.args)):
                key = (item.index, other.shape)
                self.others[key] = other if self.others.get(key, other) is other else None
        elif step.function is np.log and type(step.args[0]) is Step:
            self.logarithms.add(step.args[0].index)

    def by_product(self, step: Step) -> Step | None:
        """Return the value whose gradient a call is, if it multiplies a gradient by the other factor of a product."""
        product = step.args[0] if step.function is np.sum else step  # of what was repeated the gradient is a sum
        if step.name is not None or type(product) is not Step or len(product.args) != 2:
            return None
        gradient, by = product.args
        if type(gradient) is not Step or type(by) is not Step:
            return None
        if product.function in (np.matmul, np.dot):
            # The gradient of x in x @ w is that of the product @ w.T, that of w is x.T @ it.
            gradient, by = (by, gradient) if _untransposed(by) is by else (gradient, by)
            by = _untransposed(by)
        if gradient.section != "backward" or by.section != "forward":
            return None
        other = self.others.get((by.index, step.shape)) if product.function in _PRODUCTS else None
        if other is None and step.function is np.divide and by.index in self.logarithms and by.shape == step.shape:
            return by
        return other

    def by_shape(self, seen: set[str]) -> Iterator[tuple[Step, Step]]:
        """Pairs of a value and the last call back that has its shape and no name, for those whose name is not seen."""
        without: set[Shape] = set()  # shapes that no unnamed value of the line has
        for operand in self.operands:
            if f"d_{operand.name}" in seen or operand.shape in without:
                continue
            match = next((step for step in reversed(self.backward) if _may_be_of(step, operand)), None)
            if match is None:
                without.add(operand.shape)
            else:
                yield operand, match


def _may_be_of(step: Step, operand: Step) -> bool:
    """Return whether a call of the backward pass may compute the gradient of a value, going by the shape."""
    return step.shape == operand.shape and step.name is None and _untransposed(step).section == "backward"


def _lines_of(steps: list[Step]) -> list[_Line]:
    """Return the values computed for each line, in the order of the backward pass."""
    lines: defaultdict[Line, _Line] = defaultdict(_Line)
    order: dict[Line, _Line] = {}
    for step in steps:
        if step.source is None or step.function is None:
            continue
        where = (step.source.file, step.source.line)
        if step.section == "forward":
            lines[where].add_forward(step)
        elif step.section == "backward":
            lines[where].backward.append(step)
            order.setdefault(where, lines[where])
    return list(order.values())


def _untransposed(step: Step) -> Step:
    """Return the matrix behind a transpose, a copy or a reshape to rows; any other matrix unchanged."""
    while (step.function in TRANSPOSING or step.function in (np.copy, np.reshape)) and type(step.args[0]) is Step:
        step = step.args[0]
    return step
