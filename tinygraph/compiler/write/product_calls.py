"""Products of matrices and vectors, which `np.dot` writes into memory that is given, and sums over named axes.

x @ w               np.dot(x, w, out=z)
x @ w, x of three   np.dot(x.reshape(-1, 64), w, out=z.reshape(-1, 192))
axes, w of two
"""

from __future__ import annotations

import numpy as np

from tinygraph.compiler.program.result_types import dtype_of, shape_of
from tinygraph.compiler.program.steps import Step
from tinygraph.compiler.schedule.cuts import is_in_pieces
from tinygraph.compiler.write.writer import Writer

__all__ = ["dot_into", "einsum", "einsum_into", "product", "product_into", "product_of_any_shape", "turned_into"]


def product(writer: Writer, step: Step) -> str:
    """Write a product of vectors."""
    return writer.call(step) if step.kwargs or step.shape else f"np.dot({writer.arguments(step)})"


def product_of_any_shape(writer: Writer, step: Step) -> str:
    """Write a product of arrays whose shapes are not known, but for the number of axes."""
    return f"np.dot({writer.arguments(step)})" if _is_blas(step) else writer.call(step)


def product_into(writer: Writer, step: Step, out: str) -> list[str]:
    """Write a product of matrices, or of several."""
    if _is_of_matrices(writer, step):
        x, y = step.args
        rows = f"{out}.reshape(-1, {step.shape[-1]})"
        left = f"{writer.text(_unreshaped(writer, x))}.reshape(-1, {x.shape[-1]})"
        return [f"np.dot({left}, {writer.text(y)}, out={rows})"]
    return [_dot(writer, step, out)] if _is_blas(step) else writer.call_into(step, out)


def dot_into(writer: Writer, step: Step, out: str) -> list[str]:
    """Write a call of `np.dot`: it writes into memory that is given what BLAS computes, and nothing else."""
    if _is_blas(step):
        return [_dot(writer, step, out)]
    return [f"np.copyto({out}, np.dot({writer.text(step.args[0])}, {writer.text(step.args[1])}))"]


def turned_into(writer: Writer, step: Step, out: str) -> list[str]:
    """Write a product whose axes are exchanged as it is written."""
    order = tuple(np.argsort(step.args[2]).tolist())
    return [f"np.matmul({writer.text(step.args[0])}, {writer.text(step.args[1])}, out={out}.transpose{order})"]


def einsum(writer: Writer, step: Step) -> str:
    """Write a sum of products."""
    return _einsum(writer, step, "")


def einsum_into(writer: Writer, step: Step, out: str) -> list[str]:
    """Write a sum of products that goes into an array."""
    return [_einsum(writer, step, f", out={out}")]


def _einsum(writer: Writer, step: Step, out: str) -> str:
    subscripts, optimize, *operands = step.args
    inside = ", ".join([repr(subscripts), *[writer.text(item) for item in operands]])
    return f"np.einsum({inside}, optimize={writer.text(optimize)}{out})"


def _dot(writer: Writer, step: Step, out: str) -> str:
    return f"np.dot({writer.text(step.args[0])}, {writer.text(step.args[1])}, out={out})"


def _is_blas(step: Step) -> bool:
    """Return whether a product of matrices or vectors is one that `np.dot` writes into `out=`."""
    return (
        not step.kwargs
        and step.dtype.char in "fdFD"
        and all(dtype_of(item) == step.dtype and len(shape_of(item)) in (1, 2) for item in step.args)
    )


def _is_of_matrices(writer: Writer, step: Step) -> bool:
    """Return whether a product of more than two axes is one of matrices: all rows of the left by the right one."""
    x, y = step.args
    return (
        not step.kwargs and type(x) is Step and len(x.shape) > 2 and len(shape_of(y)) == 2
        and x.dtype == step.dtype == dtype_of(y) and step.dtype.char in "fd" and 0 not in step.shape and x.size > 0
        and writer.is_contiguous(x) and writer.is_contiguous(step)
        and not is_in_pieces(x.shape, shape_of(y))
    )  # fmt: skip


def _unreshaped(writer: Writer, x: Step) -> Step:
    """Return the operand of a reshape that copies nothing. A block knows the operands of its own calls alone."""
    while (
        x.function is np.reshape and type(x.args[0]) is Step and x.index not in writer.parts
        and writer.is_contiguous(x.args[0]) and (writer.inside is None or x.index in writer.inside)
    ):  # fmt: skip
        x = x.args[0]
    return x
