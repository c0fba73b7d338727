"""Keras's regularisers: the classes of `tinygraph.nn.regularizers`, also by their names in small letters."""

from __future__ import annotations

from typing import Any

from tinygraph.nn.regularizers import (
    L1,
    L1L2,
    L2,
    SMALL,
    OrthogonalRegularizer,
    Regularizer,
    deserialize,
    get,
    serialize,
)

__all__ = [
    "L1",
    "L1L2",
    "L2",
    "OrthogonalRegularizer",
    "Regularizer",
    "deserialize",
    "get",
    "serialize",
]


def __getattr__(name: str) -> Any:
    if name in SMALL:
        return SMALL[name]
    from tinygraph.elsewhere import absent

    raise absent(__name__, name, {}, [*__all__, *SMALL])
