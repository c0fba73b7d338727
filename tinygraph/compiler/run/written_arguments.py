"""Arguments that a program writes into: the caller's own arrays, at the end of the call or where no call can fail."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygraph.errors import UnsupportedError

__all__ = ["check_writable"]


def check_writable(arguments: list[Any], written: list[int], tensors: list[Any]) -> None:
    """Refuse a call whose arguments cannot be written into, or would see the writes into others.

    Args:
        arguments: of the program.
        written: the positions of those that it writes into.
        tensors: the Tensors behind its variables.

    Raises:
        ValueError: an array is read-only, as NumPy says.
        UnsupportedError: another array, or a Tensor, lies in the same memory.
    """
    others = [item for item in (*arguments, *[tensor._value for tensor in tensors]) if type(item) is np.ndarray]
    for position in written:
        array = arguments[position]
        if not array.flags.writeable:
            raise ValueError("assignment destination is read-only")
        if sum([np.may_share_memory(array, other) for other in others]) > 1:
            raise UnsupportedError(
                "compile: the function writes into an argument, and another array that it is given, or finds, lies in "
                "the same memory, and would change with it. Give it a copy, x.copy()"
            )
