"""Slopes: the factors of gradients.

The gradient of `np.tanh(x)` is that of its result times `1 - tanh²`. The latter is computed in the backward pass, but
from values of the forward pass alone: it is a slope.
"""

from __future__ import annotations

import numpy as np

from tinygraph.compiler.names.describing import number_in
from tinygraph.compiler.program.facts import REDUCTIONS
from tinygraph.compiler.program.steps import Step, operands_of

__all__ = ["begun_with", "slopes_in"]


def slopes_in(steps: list[Step]) -> set[int]:
    """Return the calls of the backward pass that are computed from values of the forward pass alone.

    Gradients are multiplied by them. A factor such as 1/30 is no slope: gradients begin there, at a mean.
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
    """Return the value that a first gradient is made from, by a factor such as 1/30: the logits."""
    if step.section != "backward" or step.function is not np.multiply or step.index in slopes:
        return None
    value = next((item for item in step.args if type(item) is Step and item.index in slopes), None)
    while value is not None and value.index in slopes:
        value = next((item for item in operands_of(value) if item.shape == step.shape), None)
    return value if value is not None and value.section == "forward" and number_in(step) == "" else None
