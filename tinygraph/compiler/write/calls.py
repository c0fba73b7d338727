"""Calls: how one call of a program is written, with its result going where the plan says.

    np.tanh(z)      np.tanh(z, out=h)                   `statements`: into an array that is there
    a * b           a * b                               `expression`: numbers, and functions without out=

Most functions are called as the user called them. For the others the tables below say which form they have: sums are in
`reductions`, matrices in `products`, and what only moves numbers is in `moving`.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from typing import Any

import numpy as np

from tinygraph import draws
from tinygraph.compiler.kernels.assembly import assembled
from tinygraph.compiler.kernels.choosing import where_into
from tinygraph.compiler.kernels.image_calls import IMAGE_FUNCTIONS
from tinygraph.compiler.kernels.parts import part_written
from tinygraph.compiler.kernels.products import turned_product
from tinygraph.compiler.program.counting import Affine, Ragged, at_first, kept_at, kept_rows
from tinygraph.compiler.program.facts import REDUCTIONS
from tinygraph.compiler.program.loop_marks import carried
from tinygraph.compiler.program.predicates import is_choice_of_zero, is_plain_reduction
from tinygraph.compiler.program.result_types import dtype_of
from tinygraph.compiler.program.steps import Step
from tinygraph.compiler.write import moving, product_calls, reduction_calls, writing_parts
from tinygraph.compiler.write.literals import dtype_text
from tinygraph.compiler.write.writer import Writer
from tinygraph.derivatives.indexing import scatter
from tinygraph.derivatives.products import einsum_of
from tinygraph.derivatives.shapes import astype

__all__ = ["WORK", "expression", "image_call", "statements"]

# What the functions for images may write over, as the text calls it.
WORK = "work"

# NumPy compares a large array with a number one by one; what clips it does many at once, but is called more slowly.
CLIPPED = 16_384
# From so many elements on `where_into` takes less time than two copies, the second under a mask that nobody can guess.
CHOSEN = 4096
_NUMBER = re.compile(r"-?\d[\d.e-]*")

OPERATORS: dict[Any, str] = {
    np.add: "+", np.subtract: "-", np.multiply: "*", np.divide: "/", np.greater: ">", np.greater_equal: ">=",
    np.less: "<", np.less_equal: "<=", np.equal: "==", np.not_equal: "!=",
}  # fmt: skip


def expression(writer: Writer, step: Step) -> str:
    """Write a call as an expression that makes its own result."""
    if type(step.function) is Ragged:
        return _of_any_shape(writer, at_first(step))
    step = at_first(step)
    text = _EXPRESSIONS.get(step.function, Writer.call)(writer, step)
    return text if step.shape or isinstance(step.function, np.ufunc) else _out_of_view(text, step)


def _of_any_shape(writer: Writer, step: Step) -> str:
    """Write a call with arrays whose shapes are not known: they change from one iteration of a loop to the next."""
    if step.function is operator.getitem:
        text = moving.taken(writer, step)
    elif is_plain_reduction(step):
        text = reduction_calls.reduced_rows(writer, step)
    elif step.function is np.matmul:
        text = product_calls.product_of_any_shape(writer, step)
    else:
        text = writer.call(step)
    return text if step.shape or isinstance(step.function, np.ufunc) else _out_of_view(text, step)


def _out_of_view(text: str, step: Step) -> str:
    """Write a number of its own, where a call may give a view of one element, whose memory will be another's."""
    if step.function is operator.getitem:
        index = step.args[1] if type(step.args[1]) is tuple else (step.args[1],)
        return f"{text}[()]" if not index or any(part is Ellipsis for part in index) else text
    if step.function in _EXPRESSIONS and step.function is not einsum_of:
        return text
    of_numpy = getattr(step.function, "__module__", "").partition(".")[0] == "numpy" or step.function is einsum_of
    # np.array_equal and np.count_nonzero give Python's numbers, and a user's function may.
    return f"{text}[()]" if of_numpy and step.dtype.kind in "fc" else f"{dtype_text(step.dtype)}({text})"


def statements(writer: Writer, step: Step, out: str) -> list[str]:
    """Write a call whose result goes into an array called `out`, which may be an operand."""
    step = at_first(step)
    return _STATEMENTS.get(step.function, Writer.call_into)(writer, step, out)


# --- numbers ----------------------------------------------------------------------------------------------------------


def _operation(writer: Writer, step: Step) -> str:
    """Write `a * b`, of numbers."""
    if len(step.args) != 2 or step.kwargs or step.shape:
        return writer.call(step)
    return f"{_number_in(writer, step, 0)} {OPERATORS[step.function]} {_number_in(writer, step, 1)}"


def _negation(writer: Writer, step: Step) -> str:
    """Write `-a`, of a number."""
    return writer.call(step) if step.kwargs or step.shape else f"-{_number_in(writer, step, 0)}"


def _number_in(writer: Writer, step: Step, position: int) -> str:
    """Write an operand of a calculation with numbers."""
    item = step.args[position]
    out_of = "[()]" if type(item) is Step and item.index in writer.single else ""
    text = writer.operand(step, position)
    return f"({text})" if type(item) is Affine and " " in text else f"{text}{out_of}"


def _choice(writer: Writer, step: Step) -> str:
    """Write `np.where` of numbers: it gives an array of one number, which is taken out."""
    return writer.call(step) if step.shape else f"{writer.call(step)}[()]"


# --- elementwise calls ------------------------------------------------------------------------------------------------


def _chosen(writer: Writer, step: Step, out: str) -> list[str]:
    """Write `np.where`: what it takes where the condition is false is there first, or is copied. A large array, whose
    condition nobody can guess, is chosen without branches.
    """
    condition, x, y = [writer.text(item) for item in step.args]
    if is_choice_of_zero(step):
        # The bits of a number, times 1 or 0. NumPy's choices wait for each element of a mask that is not foreseen:
        # 16,000 of them took 58 microseconds with np.where, and 8 in this way.
        bits = f".view(np.int{8 * step.dtype.itemsize})"
        return [f"np.multiply({x}{bits}, {condition}, out={out}{bits})"]
    if np.dtype(dtype_of(step.args[0])) != bool:
        condition = f"{condition} != 0"
    alike = all([not getattr(item, "shape", ()) or item.dtype == step.dtype for item in step.args[1:]])
    if alike and step.size >= CHOSEN and step.dtype.char in "fd" and _is_open(step.args[0]):
        return [f"{writer.foreign(where_into)}({condition}, {x}, {y}, out={out})"]
    first = [] if y == out else [f"np.copyto({out}, {y})"]
    return [*first, f"np.copyto({out}, {x}, where={condition})"]


def _added(writer: Writer, step: Step, out: str) -> list[str]:
    """Write `np.add`; of bytes and a mask with the bytes of the mask: NumPy would convert it, which takes twice as long
    as the sum.
    """
    if step.dtype != np.int8 or step.kwargs:
        return writer.call_into(step, out)
    texts = [writer.operand(step, position) for position in (0, 1)]
    for position, item in enumerate(step.args):
        if type(item) is Step and item.dtype == bool and item.shape == step.shape:
            texts[position] += ".view(np.int8)"
    return [f"np.add({', '.join(texts)}, out={out})"]


def _is_open(condition: Any) -> bool:
    """Return whether a condition may be true as often as it is false: a number is seldom NaN or infinite."""
    return type(condition) is not Step or condition.function not in (np.isnan, np.isinf, np.isfinite)


def _clipped(writer: Writer, step: Step, out: str) -> list[str]:
    """Write `np.maximum(x, 0.0)`; of a large array a clip that does the same in two fifths of the time."""
    texts = [writer.operand(step, position) for position in (0, 1)]
    arrays = [position for position, item in enumerate(step.args) if type(item) is Step and item.shape == step.shape]
    if len(arrays) != 1 or step.size < CLIPPED or step.dtype.char not in "fd":
        return writer.call_into(step, out)
    array, number = texts[arrays[0]], texts[1 - arrays[0]]
    if step.args[arrays[0]].dtype != step.dtype or not _NUMBER.fullmatch(number):
        return writer.call_into(step, out)
    bounds = f"{number}, np.inf" if step.function is np.maximum else f"-np.inf, {number}"
    return [f"np.clip({array}, {bounds}, out={out})"]


# --- random draws, and images -----------------------------------------------------------------------------------------


def _drawn(writer: Writer, step: Step) -> str:
    """Write `generator_0.random(size=(3, 4))`."""
    shape = step.args[1]
    return _draw(step, [f"size={writer.text(shape)}"] if shape else [], [])


def _drawn_into(writer: Writer, step: Step, out: str) -> list[str]:
    """Write `generator_0.random(out=mask)`."""
    return [_draw(step, [], [f"out={out}"])]


def _draw(step: Step, before: list[str], after: list[str]) -> str:
    position, _, dtype = [*step.args, step.kwargs.get("dtype", np.float64)][:3]
    method = "random" if step.function is draws.uniform else "standard_normal"
    kind = [f"dtype={dtype_text(np.dtype(dtype))}"] if np.dtype(dtype) != np.float64 else []
    drawn = f"generator_{position}.{method}({', '.join([*before, *kind, *after])})"
    # One number is drawn as a Python float, whatever the dtype.
    return drawn if before or after else f"{dtype_text(np.dtype(dtype))}({drawn})"


def image_call(writer: Writer, step: Step, out: str, work: str = WORK) -> list[str]:
    """Write a call of a function for images, which may write over `work`."""
    assert step.function is not None
    return [f"{writer.foreign(step.function)}({writer.arguments(step)}, {work}, {out})"]


# --- the forms --------------------------------------------------------------------------------------------------------

# What is not listed is called as the user called it.
_EXPRESSIONS: dict[Any, Callable[[Writer, Step], str]] = {
    **dict.fromkeys(OPERATORS, _operation),
    **dict.fromkeys(REDUCTIONS, reduction_calls.reduced),
    np.negative: _negation,
    np.where: _choice,
    np.vdot: Writer.call,
    np.reshape: moving.reshaped_number,
    np.matmul: product_calls.product,
    operator.getitem: moving.taken,
    carried: lambda writer, step: writer.text(step.args[0]),
    kept_at: moving.taken,
    kept_rows: moving.rows_kept,
    astype: moving.converted,
    einsum_of: product_calls.einsum,
    draws.uniform: _drawn,
    draws.normal: _drawn,
}
_STATEMENTS: dict[Any, Callable[[Writer, Step, str], list[str]]] = {
    **dict.fromkeys(REDUCTIONS, reduction_calls.reduced_into),
    **dict.fromkeys(IMAGE_FUNCTIONS, image_call),
    np.where: _chosen,
    np.add: _added,
    np.maximum: _clipped,
    np.minimum: _clipped,
    np.copy: moving.copied_into,
    carried: moving.copied_into,
    np.broadcast_to: moving.copied_into,
    np.reshape: moving.reshaped_into,
    np.ravel: moving.reshaped_into,
    np.matmul: product_calls.product_into,
    np.dot: product_calls.dot_into,
    operator.getitem: moving.taken_into,
    astype: moving.converted_into,
    scatter: moving.scattered_into,
    assembled: moving.assembled_into,
    part_written: writing_parts.written_into,
    turned_product: product_calls.turned_into,
    einsum_of: product_calls.einsum_into,
    draws.uniform: _drawn_into,
    draws.normal: _drawn_into,
}
