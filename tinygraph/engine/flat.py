"""The elements of a Tensor one by one, `t.flat`, to be read and to be written into."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

__all__ = ["Flat"]


class Flat:
    """The elements of a Tensor in C order. See `numpy.ndarray.flat`."""

    __slots__ = ("_elements", "_tensor")

    def __init__(self, tensor: Any) -> None:
        self._tensor = tensor
        self._elements: Iterator[Any] | None = None

    def __iter__(self) -> Iterator[Any]:
        return iter(np.reshape(self._tensor, -1))

    def __next__(self) -> Any:
        if self._elements is None:
            self._elements = iter(self)
        return next(self._elements)

    def __len__(self) -> int:
        return int(self._tensor.size)

    def __getitem__(self, index: Any) -> Any:
        part = np.reshape(self._tensor, -1)[index]
        return np.copy(part) if part.ndim else part

    def __setitem__(self, index: Any, value: Any) -> None:
        tensor = self._tensor
        positions = np.arange(tensor.size)[index]
        if np.ndim(positions):
            np.put(tensor, positions, value)
        else:
            tensor[np.unravel_index(positions, tensor.shape)] = value
