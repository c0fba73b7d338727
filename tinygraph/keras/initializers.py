"""Keras's initialisers: the classes of `tinygraph.nn.initializers`, also by their names in small letters."""

from __future__ import annotations

import sys
from typing import Any

from tinygraph.nn.initializers import (
    SMALL,
    Constant,
    GlorotNormal,
    GlorotUniform,
    HeNormal,
    HeUniform,
    Identity,
    LecunNormal,
    LecunUniform,
    Ones,
    Orthogonal,
    RandomNormal,
    RandomUniform,
    TruncatedNormal,
    VarianceScaling,
    Zeros,
    deserialize,
    get,
    serialize,
)

__all__ = [
    "Constant",
    "GlorotNormal",
    "GlorotUniform",
    "HeNormal",
    "HeUniform",
    "Identity",
    "LecunNormal",
    "LecunUniform",
    "Ones",
    "Orthogonal",
    "RandomNormal",
    "RandomUniform",
    "TruncatedNormal",
    "VarianceScaling",
    "Zeros",
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
