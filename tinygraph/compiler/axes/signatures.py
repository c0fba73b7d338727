"""Sizes in signatures: a signature as a pattern, and the sizes of the axes in it.

    x: float64(64, 784), mode: 'train'      pattern: x: float64(*, *), mode: 'train'    sizes: 64, 784

An axis of size 0 or 1 is part of the pattern, since NumPy broadcasts it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygraph.engine.tensor import Tensor

__all__ = ["pattern_of", "with_names"]

_ANY: Any = ("any size",)


def pattern_of(signature: Any, sizes: list[int]) -> Any:
    """Return the pattern of a signature, and add the sizes to `sizes`."""
    if type(signature) is not tuple:
        return signature
    if _is_array(signature):
        return (_open(signature[0], sizes), signature[1])
    if len(signature) == 5 and signature[0] is Tensor:
        return (Tensor, _open(signature[1], sizes), *signature[2:])
    return tuple([pattern_of(part, sizes) for part in signature])


def _is_array(part: tuple[Any, ...]) -> bool:
    return len(part) == 2 and isinstance(part[1], np.dtype) and type(part[0]) is tuple


def _open(shape: tuple[int, ...], sizes: list[int]) -> tuple[Any, ...]:
    sizes += [size for size in shape if size > 1]
    return tuple([_ANY if size > 1 else size for size in shape])


def with_names(signature: Any, names: list[Any]) -> Any:
    """Return a signature with names in place of some sizes.

    Args:
        signature: the signature.
        names: for each size in order a name, or None where the size stays. The list is used up.
    """
    if type(signature) is not tuple:
        return signature
    if _is_array(signature):
        return (_named(signature[0], names), signature[1])
    if len(signature) == 5 and signature[0] is Tensor:
        return (Tensor, _named(signature[1], names), *signature[2:])
    return tuple([with_names(part, names) for part in signature])


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
