"""Moving: calls that compute nothing, and give numbers another place, shape or dtype. Views leave them where they are.

x.T                                 z_T = z.T
x[index]                            np.take(x, index, axis=0, out=rows)
the gradient of x with respect to   d_x.fill(0)
what x[2:5] gave                    d_x[2:5] = d_part
"""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from tinygraph.compiler.program.counting import Affine, at_first, kept_at, kept_rows, number_after
from tinygraph.compiler.program.facts import TRANSPOSING
from tinygraph.compiler.program.reshaping import axes_of
from tinygraph.compiler.program.result_types import dtype_of, shape_of
from tinygraph.compiler.program.steps import Step
from tinygraph.compiler.write.literals import dtype_text
from tinygraph.compiler.write.writer import Writer
from tinygraph.engine.adding import LEAST, add_at

__all__ = [
    "assembled_into", "converted", "converted_into", "copied_into", "reshaped_into", "reshaped_number",
    "rows_kept", "scattered_into", "taken", "taken_into", "view", "view_of_rows",
]  # fmt: skip


# --- views ------------------------------------------------------------------------------------------------------------


def view(writer: Writer, step: Step) -> str:
    """Write an expression that looks at an array in another way."""
    step = at_first(step)
    x = writer.text(step.args[0])
    if step.function is np.broadcast_to:
        return f"np.broadcast_to({x}, {step.shape})"
    shape = step.shape if len(step.shape) != 1 else f"({step.shape[0]})"
    return _view_of_any_size(writer, step) or f"{x}.reshape{shape}"


def view_of_rows(writer: Writer, step: Step) -> str:
    """Write a view of some of the rows of an array only, of any number of rows."""
    x = writer.text(step.args[0])
    if step.function is np.broadcast_to:
        return f"np.broadcast_to({x}, (len({x}), {', '.join(map(str, step.shape[1:]))}))"
    return _view_of_any_size(writer, step) or f"{x}.reshape{(-1, *step.shape[1:])}"


def _view_of_any_size(writer: Writer, step: Step) -> str | None:
    """Write a view that is written without the array's size."""
    x = writer.text(step.args[0])
    if step.function is operator.getitem or step.function is kept_at:
        return taken(writer, step)
    if step.function is kept_rows:
        return rows_kept(writer, step)
    if step.function in TRANSPOSING:
        axes = axes_of(step)
        return f"{x}.T" if axes == tuple(reversed(range(len(axes)))) else f"{x}.transpose{axes}"
    if step.function in (np.flip, np.flipud, np.fliplr, np.rot90, np.diagonal):
        return writer.call(step)
    return None


# --- other shapes and dtypes ------------------------------------------------------------------------------------------


def copied_into(writer: Writer, step: Step, out: str) -> list[str]:
    """Write a copy, of one number or of what a broadcast repeats as well."""
    return array_into(writer, step.args[0], out)


def array_into(writer: Writer, x: Any, out: str) -> list[str]:
    """Write an array into another. One that is given by one number throughout is filled in."""
    if type(x) is Step and x.is_constant and x.shape and x.value is not None and x.value.dtype.kind in "biuf":
        number = x.value.flat[0] if x.value.size else None
        if number is not None and not np.signbit(number) and np.all(x.value == number):
            return [f"{out}.fill({writer.text(number.item())})"]
    text = writer.text(x)
    return [f"np.copyto({out}, {text})"] if text != out else []


def reshaped_into(writer: Writer, step: Step, out: str) -> list[str]:
    """Write a reshape that copies."""
    x = step.args[0]
    if not shape_of(x):
        return copied_into(writer, step, out)
    if step.kwargs or step.function is not np.reshape or len(step.args) != 2:
        return [f"np.copyto({out}, {writer.call(step)})"]
    return [f"np.copyto({out}, {writer.text(x)}.reshape({writer.text(step.shape)}))"]


def reshaped_number(writer: Writer, step: Step) -> str:
    """Write the number in an array of one."""
    return writer.call(step) if step.shape else f"{writer.text(step.args[0])}.reshape(())[()]"


def converted(writer: Writer, step: Step) -> str:
    """Write a value of another dtype."""
    x = writer.text(step.args[0])
    return f"{x}.astype({dtype_text(step.dtype)})" if step.shape else f"np.{step.dtype.name}({x})"


def converted_into(writer: Writer, step: Step, out: str) -> list[str]:
    """Write an array of another dtype."""
    return [f'np.copyto({out}, {writer.text(step.args[0])}, casting="unsafe")']


# --- places -----------------------------------------------------------------------------------------------------------


def rows_kept(writer: Writer, step: Step) -> str:
    """Write the values that an open loop kept of some of its iterations: a part of a list, `all_h[n - 2::-1]`."""
    stack, start, each, count = step.args
    stop = number_after(start, each, count)
    end = "" if type(stop) is int and stop < 0 else writer.text(stop)
    return f"{writer.text(stack)}[{writer.text(start)}:{end}{'' if each == 1 else f':{each}'}]"


def taken(writer: Writer, step: Step) -> str:
    """Write `x[index]`."""
    return f"{writer.text(step.args[0])}[{writer.index(step.args[1])}]"


def taken_into(writer: Writer, step: Step, out: str) -> list[str]:
    """Write `x[index]`, copied."""
    x, index = step.args
    if isinstance(index, np.ndarray | Step) and dtype_of(index).kind in "iu" and shape_of(x):
        return [f"np.take({writer.text(x)}, {writer.text(index)}, axis=0, out={out})"]
    return [f"np.copyto({out}, {taken(writer, step)})"]


def scattered_into(writer: Writer, step: Step, out: str) -> list[str]:
    """Zeros with values at some places, added up where a place is named twice."""
    g, index, _ = step.args
    if all(_names_no_place_twice(item) for item in (index if type(index) is tuple else (index,))):
        return [f"{out}.fill(0)", f"{out}[{writer.index(index)}] = {writer.text(g)}"]
    has_rows = len(step.shape) > 1 and math.prod(shape_of(g)) >= LEAST
    add = writer.function(add_at) if has_rows else "np.add.at"
    return [f"{out}.fill(0)", f"{add}({out}, {writer.text(index)}, {writer.text(g)})"]


def _names_no_place_twice(item: Any) -> bool:
    if item is None or item is Ellipsis or isinstance(item, int | slice | np.integer | Affine):
        return True
    return hasattr(item, "dtype") and (item.dtype == bool or not item.shape)


def assembled_into(writer: Writer, step: Step, out: str) -> list[str]:
    """Write an array made of others: those that are not computed into their places already are copied there."""
    return [
        f"{out}[{writer.index(place)}] = {writer.text(part)}"
        for part, place in zip(step.args[0], step.args[1], strict=True)
        if part.index not in writer.parts or writer.parts[part.index][0] is not step
    ]
