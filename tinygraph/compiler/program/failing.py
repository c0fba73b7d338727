"""Failing: which calls can raise an error for some values, though a program is made for their shapes and dtypes.

A call that fails is to leave every Tensor as it was, so nothing is written over the value of one before such a call.
"""

from __future__ import annotations

import operator

import numpy as np

from tinygraph.compiler.kernels.counting import counted
from tinygraph.compiler.kernels.image_calls import IMAGE_FUNCTIONS
from tinygraph.compiler.kernels.kinds import kept_kind
from tinygraph.compiler.program.steps import REDUCTIONS, Step, operands_of
from tinygraph.compiler.rewrites.views import RESHAPING, TRANSPOSING
from tinygraph.derivatives.indexing import scatter
from tinygraph.functions.checks import CHECKS

__all__ = ["may_fail"]

# These ask for elements by their places, and an array of places can name one that is not there.
_BY_PLACE = frozenset((operator.getitem, np.take, np.take_along_axis, np.choose, scatter))
# NumPy's own functions that take any values. Of others one cannot know.
_ANY_VALUES = frozenset((
    np.matmul, np.dot, np.vdot, np.inner, np.outer, np.tensordot, np.einsum, np.where, np.copy, np.concatenate,
    np.stack, np.broadcast_to, np.cumsum, np.cumprod, np.clip, np.sort, np.argsort, np.argmax, np.argmin, np.flip,
    np.roll, np.diagonal, np.tril, np.triu, np.trace, np.pad, np.tile, np.repeat, np.diff, np.diag, np.kron, np.cross,
    np.zeros, np.ones, np.full, np.round, np.nan_to_num, np.real, np.imag,
))  # fmt: skip


def may_fail(step: Step) -> bool:
    """Return whether a call fails for some values of its operands."""
    function = step.function
    if function in CHECKS or function is counted or function is kept_kind:
        return True
    if function in _BY_PLACE:
        return any(operand is not step.args[0] and not operand.is_constant for operand in operands_of(step))
    if isinstance(function, np.ufunc):
        return function is np.power and step.dtype.kind in "iu"  # to a negative exponent
    if function is None or step.draws or function in REDUCTIONS or function in IMAGE_FUNCTIONS:
        return False
    if function in _ANY_VALUES or function in RESHAPING or function in TRANSPOSING:
        return False
    return not getattr(function, "__module__", "").startswith("tinygraph.")
