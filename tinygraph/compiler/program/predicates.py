"""Predicates: questions about a call, answered without making it."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from tinygraph.compiler.kernels.counting import counted
from tinygraph.compiler.kernels.image_calls import IMAGE_FUNCTIONS
from tinygraph.compiler.kernels.kinds import kept_kind
from tinygraph.compiler.kernels.parts import part_written
from tinygraph.compiler.program.counting import AtCount, Ragged, at_first, item_at
from tinygraph.compiler.program.facts import REDUCTIONS, facts_of
from tinygraph.compiler.program.loops import Loop
from tinygraph.compiler.program.steps import Step
from tinygraph.derivatives.shapes import astype
from tinygraph.engine.nested import instances
from tinygraph.functions.checks import CHECKS

__all__ = [
    "is_basic", "is_choice_of_zero", "is_elementwise", "is_matrix_product", "is_plain_reduction", "is_write", "is_zero",
    "looks_like_view", "may_fail", "may_look_at", "takes_out", "written_by",
]  # fmt: skip


def looks_like_view(step: Step) -> bool:
    """Return whether NumPy would make a view, if the operand's strides allow it."""
    if not step.args or type(step.args[0]) is not Step:
        return False
    if step.function is operator.getitem:
        return is_basic(step.args[1])
    if step.function is item_at:
        return True
    return bool(facts_of(step.function).view)


def may_look_at(step: Step) -> bool:
    """Return whether a result may be a view of an operand, though none that is known: its shape changes in a loop."""
    function = at_first(step).function if type(step.function) is Ragged else None
    return function is operator.getitem or (function is not None and bool(facts_of(function).view))


def is_basic(index: Any) -> bool:
    """Return whether an index gives a view."""
    items = index if type(index) is tuple else (index,)
    return all(item is None or item is Ellipsis or type(item) in (int, slice) for item in items)


def takes_out(step: Step) -> bool:
    """Return whether the result of a step can be made in an array that is given as `out=`."""
    if "dtype" in step.kwargs and step.function in (np.concatenate, np.stack):
        return False  # NumPy takes one of the two
    return facts_of(step.function).takes_out or step.draws or step.function in IMAGE_FUNCTIONS


def may_fail(step: Step) -> bool:
    """Return whether a call fails for some values of its operands, though their shapes and dtypes are right.

    A call that fails leaves every Tensor as it was: nothing is written over a Tensor's value before such a call.
    """
    function = at_first(step).function
    if type(function) is Loop:
        return any([may_fail(inner) for inner in function.body.nodes if isinstance(inner, Step)])
    if step.decides or function in CHECKS or function is counted or function is kept_kind:
        return True
    if function is part_written:
        return any(not operand.is_constant for operand in instances(Step, [step.args[2:]]))
    facts = facts_of(function)
    if facts.places_in is not None:
        places = [item for index, item in enumerate(step.args) if index != facts.places_in]
        return any(not operand.is_constant for operand in instances(Step, [places, step.kwargs]))
    if hasattr(function, "while_recording"):  # other processes take part in it
        return True
    if function is np.power and step.dtype.kind in "iu":  # to a negative exponent
        return True
    if function is None or facts.any_values or isinstance(function, np.ufunc):
        return False
    if step.draws or function in IMAGE_FUNCTIONS:
        return False
    return not getattr(function, "__module__", "").startswith("tinygraph.")


def is_write(step: Any) -> bool:
    """Return whether a call writes into a part of an array."""
    return step.function is part_written or (type(step.function) is AtCount and step.function.function is part_written)


def written_by(step: Step) -> list[Any]:
    """Return the arrays that a call writes into: one that it writes a part of, or those that a loop does so with."""
    if is_write(step):
        return [step.args[0]]
    if type(step.function) is not Loop:
        return []
    loop, found = step.function, []
    for first, inner, following in zip(step.args, loop.inputs[: loop.carried], loop.nexts, strict=False):
        written: Any = following
        while is_write(written):
            written = written.args[0]
        if written is inner and following is not inner:
            found.append(first)
    return found


def is_elementwise(step: Step) -> bool:
    """Return whether each element of the result depends on the operands' elements at the same place alone."""
    if step.kwargs or not facts_of(step.function).elementwise:
        return False
    if step.function in (astype, np.copy):
        return type(step.args[0]) is Step and step.args[0].shape == step.shape
    return step.function is not np.where or len(step.args) == 3


def is_choice_of_zero(step: Step) -> bool:
    """Return whether a call is `np.where(mask, x, 0)`, with an array of floats and a mask of booleans."""
    if step.function is not np.where or len(step.args) != 3 or step.kwargs or step.dtype.char not in "efd":
        return False
    mask, x, other = step.args
    return (
        type(mask) is Step and mask.dtype == bool
        and type(x) is Step and x.dtype == step.dtype and x.shape == step.shape and bool(step.shape)
        and is_zero(other)
    )  # fmt: skip


def is_zero(item: Any) -> bool:
    """Return whether an argument is the number 0, and not -0.0."""
    value: Any = item.value if type(item) is Step and item.is_constant and not item.shape else item
    if not isinstance(value, int | float | np.generic) and getattr(value, "shape", None) != ():
        return False
    return bool(value == 0) and not np.signbit(float(value))


def is_plain_reduction(step: Step) -> bool:
    """Return whether a call is a reduction of one argument with nothing said but the axes."""
    return step.function in REDUCTIONS and set(step.kwargs) <= {"axis", "keepdims"} and len(step.args) == 1


def is_matrix_product(step: Step) -> bool:
    """Return whether a call multiplies two matrices."""
    return (
        step.function in (np.matmul, np.dot) and not step.kwargs and step.dtype.kind == "f"
        and all(type(item) is Step and len(item.shape) == 2 and item.dtype == step.dtype for item in step.args)
    )  # fmt: skip
