"""Keras's constraints: the classes of `tinygraph.nn.constraints`, also by their names in small letters."""

from __future__ import annotations

from typing import Any

from tinygraph.nn.constraints import (
    SMALL,
    Constraint,
    MaxNorm,
    MinMaxNorm,
    NonNeg,
    UnitNorm,
    deserialize,
    get,
    serialize,
)

__all__ = [
    "Constraint",
    "MaxNorm",
    "MinMaxNorm",
    "NonNeg",
    "UnitNorm",
    "deserialize",
    "get",
    "serialize",
]


def __getattr__(name: str) -> Any:
    if name in SMALL:
        return SMALL[name]
    from tinygraph.elsewhere import absent

    raise absent(__name__, name, {}, [*__all__, *SMALL])
