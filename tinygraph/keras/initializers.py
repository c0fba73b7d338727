"""Keras's initialisers: the classes of `tinygraph.nn.initializers`, also by their names in small letters."""

from __future__ import annotations

from typing import Any

from tinygraph.nn.configured import Configured
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
    "Initializer",
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


class Initializer(Configured):
    """The base of initialisers of your own: called with a shape and a dtype it returns the first values of a weight."""

    def __call__(self, shape: Any, dtype: Any = None, **keywords: Any) -> Any:
        """Return an array of this shape and dtype."""
        raise NotImplementedError(f"{type(self).__name__}: give it a method __call__(self, shape, dtype=None)")


def __getattr__(name: str) -> Any:
    if name in SMALL:
        return SMALL[name]
    from tinygraph.elsewhere import absent

    raise absent(__name__, name, {}, [*__all__, *SMALL])
