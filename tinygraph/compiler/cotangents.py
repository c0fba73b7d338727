"""Cotangents: which calls of a backward pass compute the gradient of what. It decides about names alone."""

from __future__ import annotations

import numpy as np

from tinygraph.compiler.describing import number_in
from tinygraph.compiler.rewrites.views import TRANSPOSING
from tinygraph.compiler.steps import REDUCTIONS, Step, operands_of

__all__ = ["begun_with", "cotangents_in", "slopes_in"]

Line = tuple[str, int]


def slopes_in(steps: list[Step]) -> set[int]:
    """The calls of the backward pass that are computed from values of the forward pass alone: what gradients are
    multiplied by. A factor such as 1/30 is where gradients begin: the derivative of a mean.
    """
    found: set[int] = set()
    for step in steps:
        operands = list(operands_of(step))
        simple = isinstance(step.function, np.ufunc) or step.function in REDUCTIONS
        if step.section != "backward" or not simple or not operands:
            continue
        begins = step.function is np.multiply and number_in(step) == ""
        if not begins and all(item.section == "forward" or item.index in found for item in operands):
            found.add(step.index)
    return found


def begun_with(step: Step, slopes: set[int]) -> Step | None:
    """The value of the forward pass that a first gradient is made from, by a factor such as 1/30: the logits."""
    if step.section != "backward" or step.function is not np.multiply or step.index in slopes:
        return None
    value = next((item for item in step.args if type(item) is Step and item.index in slopes), None)
    while value is not None and value.index in slopes:
        value = next((item for item in operands_of(value) if item.shape == step.shape), None)
    return value if value is not None and value.section == "forward" and number_in(step) == "" else None


_PRODUCTS = (np.multiply, np.matmul, np.dot)


def _untransposed(step: Step) -> Step:
    """What a matrix is the transpose of, a copy of it or the rows of; itself where it is none of these."""
    while (step.function in TRANSPOSING or step.function in (np.copy, np.reshape)) and type(step.args[0]) is Step:
        step = step.args[0]
    return step


def cotangents_in(steps: list[Step]) -> tuple[dict[int, Step], dict[int, str]]:
    """Which calls of the backward pass compute the gradient of what, as far as it shows.

    Of a product the gradient of one factor is that of the product times the other; that of x in log(x) is divided by
    x. Of the rest, within the backward pass of a line, the last value of the shape of one of its operands: a guess,
    from shapes and lines.

    Returns:
        By the index of a step the value whose gradient it is; and the name it should have.
    """
    operands: dict[Line, list[Step]] = {}
    groups: dict[Line, list[Step]] = {}
    # By a line, a factor in it and a shape the other factor of that shape; None where there are several.
    of_factor: dict[tuple[Line, int, tuple[int, ...]], Step | None] = {}
    logarithms: set[tuple[Line, int]] = set()
    for step in steps:
        if step.source is None or step.function is None:
            continue
        line = (step.source.file, step.source.line)
        if step.section == "forward":
            for operand in operands_of(step):
                if operand.name is not None and operand.requires_grad:
                    operands.setdefault(line, []).append(operand)
            if step.function in _PRODUCTS and all(type(item) is Step for item in step.args):
                for item, other in (step.args, reversed(step.args)):
                    key = (line, item.index, other.shape)
                    of_factor[key] = other if of_factor.get(key, other) is other else None
            elif step.function is np.log and type(step.args[0]) is Step:
                logarithms.add((line, step.args[0].index))
        elif step.section == "backward":
            groups.setdefault(line, []).append(step)
    values: dict[int, Step] = {}
    found: dict[int, str] = {}
    seen: set[str] = set()
    for line, group in groups.items():
        for step in group:
            product = step.args[0] if step.function is np.sum else step  # of what was repeated the gradient is a sum
            if step.name is not None or type(product) is not Step or len(product.args) != 2:
                continue
            gradient, by = product.args
            if type(gradient) is not Step or type(by) is not Step:
                continue
            if product.function in (np.matmul, np.dot):
                # The gradient of x in x @ w is that of the product @ w.T, that of w is x.T @ it.
                gradient, by = (by, gradient) if _untransposed(by) is by else (gradient, by)
                by = _untransposed(by)
            if gradient.section != "backward" or by.section != "forward":
                continue
            other = of_factor.get((line, by.index, step.shape)) if product.function in _PRODUCTS else None
            if other is not None:
                values[step.index] = other
            elif step.function is np.divide and (line, by.index) in logarithms and by.shape == step.shape:
                values[step.index] = by
        seen |= {f"d_{values[step.index].name}" for step in group if step.index in values}
        without: set[tuple[int, ...]] = set()  # shapes that no unnamed value of the line has
        for operand in operands.get(line, ()):
            wish = f"d_{operand.name}"
            if wish in seen or operand.shape in without:
                continue
            match = next(
                (
                    s for s in reversed(group)
                    if s.shape == operand.shape and s.name is None and _untransposed(s).section == "backward"
                ),
                None,
            )  # fmt: skip
            if match is None:
                without.add(operand.shape)
            elif match.index not in found and match.index not in values:
                found[match.index] = wish
                seen.add(wish)
    return values, found
