"""Keras's constraints: the classes of `tinygraph.nn.constraints`, also by their names in small letters."""

from __future__ import annotations

import sys
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
    from tinygraph.elsewhere import no_attribute

    raise AttributeError(
        no_attribute(f"module {__name__!r}", name, {}, [*__all__, *SMALL]), name=name, obj=sys.modules[__name__]
    )
