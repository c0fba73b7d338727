"""Arguments that a program writes into: the caller's own arrays, at the end of the call or where no call can fail."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygraph.compiler.program.program import Program
from tinygraph.errors import UnsupportedError

__all__ = ["check_writable"]


def check_writable(program: Program, arguments: list[Any], written: list[int], tensors: list[Any]) -> None:
    """Refuse a call whose arguments cannot be written into, or would see the writes into others.

    Args:
        program: that is called.
        arguments: of the call.
        written: the positions of those that it writes into.
        tensors: the Tensors behind its variables.

    Raises:
        ValueError: an array is read-only, as NumPy says.
        UnsupportedError: another array, or a Tensor, lies in the same memory.
    """
    others = [*arguments, *[tensor._value for tensor in tensors]]
    for position in written:
        array = arguments[position]
        if not array.flags.writeable:
            name = _name(program, position)
            raise ValueError(f"assignment destination is read-only: the function writes into {name}")
        for place, other in enumerate(others):
            if place != position and type(other) is np.ndarray and np.may_share_memory(array, other):
                raise UnsupportedError(
                    f"compile: the function writes into {_name(program, position)}, and {_name(program, place)} lies "
                    "in the same memory, and would change with it. Give one of them as a copy, x.copy()"
                )


def _name(program: Program, place: int) -> str:
    """Return the name of an input of a program: of an argument, or behind them of a variable."""
    inputs = [*program.arguments, *[variable.node for variable in program.variables]]
    return inputs[place].name or "another array"
