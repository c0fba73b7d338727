"""Names of the values that a layer computes: those of its formulas, which pictures and programs show."""

from __future__ import annotations

from typing import Any

from tinygraph.engine.tensor import Tensor

__all__ = ["named"]


def named(**values: Any) -> None:
    """Name values; what is no Tensor is left out."""
    for name, value in values.items():
        if type(value) is Tensor:
            value.name = name
