"""Sizes in signatures: a signature as a pattern, and the sizes of the axes in it.

    x: float64(64, 784), mode: 'train'      pattern: x: float64(*, *), mode: 'train'    sizes: 64, 784

An axis of size 0 or 1 is part of the pattern, since NumPy broadcasts it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinygraph.engine.tensor import Tensor

__all__ = ["pattern_of", "with_names"]

_ANY: Any = ("any size",)


def pattern_of(signature: Any, sizes: list[int]) -> Any:
    """Return the pattern of a signature, and add the sizes to `sizes`."""

    def opened(shape: tuple[int, ...]) -> tuple[Any, ...]:
        sizes.extend([size for size in shape if size > 1])
        return tuple([_ANY if size > 1 else size for size in shape])

    return _with_shapes(signature, opened)


def with_names(signature: Any, names: list[Any]) -> Any:
    """Return a signature with names in place of some sizes.

    Args:
        signature: the signature.
        names: for each size in order a name, or None where the size stays. The list is used up.
    """
    return _with_shapes(signature, lambda shape: _named(shape, names))


def _with_shapes(signature: Any, change: Callable[[tuple[int, ...]], tuple[Any, ...]]) -> Any:
    """Return a signature with other shapes of its arrays and Tensors, changed in their order."""
    if type(signature) is not tuple:
        return signature
    if len(signature) == 2 and isinstance(signature[1], np.dtype) and type(signature[0]) is tuple:
        return (change(signature[0]), signature[1])
    if len(signature) == 5 and signature[0] is Tensor:
        return (Tensor, change(signature[1]), *signature[2:])
    return tuple([_with_shapes(part, change) for part in signature])


class _Name:
    """The name of a size in a shape, which is shown without quotes."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return self.name


def _named(shape: tuple[int, ...], names: list[Any]) -> tuple[Any, ...]:
    found: list[Any] = []
    for size in shape:
        name = names.pop(0) if size > 1 else None
        found.append(size if name is None else _Name(name))
    return tuple(found)
