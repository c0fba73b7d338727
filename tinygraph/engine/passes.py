"""The pass that wrote a gradient. A picture asks for it, to call a gradient a derivative only where it is one."""

from __future__ import annotations

import weakref
from typing import Any, NamedTuple

import numpy as np

__all__ = ["SEVERAL", "Freed", "Pass", "hand_out_gradient", "no_pass", "note_gradient", "pass_of"]


class Pass(NamedTuple):
    """One backward pass.

    Attributes:
        root: the order of the link where it began.
        unit: its seed is the real number 1, so that its cotangents are derivatives.
        order: its end, on the counter that numbers the calls.
    """

    root: int
    unit: bool
    order: int


# In place of a pass: a gradient to which more than one has added.
SEVERAL = Pass(-1, False, 0)


def no_pass(order: int) -> Pass:
    """Return the mark of a gradient that no pass wrote: the user set it, or it is older than the pass of this order."""
    return Pass(-2, False, order)


class Freed:
    """The `_adjoint` of a call whose graph was freed.

    Attributes:
        by: the pass that freed it; None if that pass wrote no gradients.
    """

    __slots__ = ("by",)

    def __init__(self, by: Pass | None) -> None:
        self.by = by


def note_gradient(leaf: Any, this: Pass, gradient: Any) -> None:
    """Note the pass that wrote a leaf's gradient, with the gradient, in whose place others can put another one."""
    if isinstance(gradient, np.generic):
        leaf.passed = (this, gradient, None)
    elif isinstance(gradient, np.ndarray) and gradient.ndim == 0:
        leaf.passed = (this, gradient, gradient[()])
    else:
        leaf.passed = (this, weakref.ref(gradient), None)  # a large array is not kept alive for this


def hand_out_gradient(link: Any, before: Any, array: Any) -> None:
    """Note the value of a gradient of one number before others can write into its array.

    Args:
        link: the link that the gradient belongs to.
        before: the gradient as it is now.
        array: the gradient as it is handed out.
    """
    passed = getattr(link, "passed", None)
    if type(passed) is tuple and passed[1] is array and passed[2] is not None:
        return  # it was handed out before
    this = pass_of(link)
    if this is not None and before is link._grad:
        link.passed = (this, array, array[()])


def pass_of(link: Any) -> Pass | None:
    """Return the pass that wrote a link's gradient; `no_pass` or None if the gradient was changed, or is unknown."""
    passed = getattr(link, "passed", None)
    if type(passed) is tuple:
        this, gradient, number = passed
        if type(gradient) is weakref.ref:
            gradient = gradient()
        if gradient is link._grad:
            same = number is None or np.asarray(number).tobytes() == np.asarray(gradient).tobytes()
            return this if same else None
        passed = None
    freed = link._adjoint.by if type(link._adjoint) is Freed else None
    return freed if passed is None or (freed is not None and freed.order > passed.order) else passed
