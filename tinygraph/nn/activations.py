"""Activations by name, for the `activation=` of layers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinygraph.functions import elu, gelu, leaky_relu, log_softmax, relu, sigmoid, silu, softmax, softplus

__all__ = ["ACTIVATIONS", "Activation", "activation_of"]

Activation = str | Callable[[Any], Any] | None


def linear(x: Any) -> Any:
    """Return x unchanged."""
    return x


ACTIVATIONS: dict[str, Callable[[Any], Any]] = {
    "linear": linear,
    "elu": elu,
    "exponential": np.exp,
    "gelu": gelu,
    "leaky_relu": leaky_relu,
    "log_softmax": log_softmax,
    "relu": relu,
    "sigmoid": sigmoid,
    "silu": silu,
    "softmax": softmax,
    "softplus": softplus,
    "swish": silu,
    "tanh": np.tanh,
}


def activation_of(given: Activation) -> Callable[[Any], Any]:
    """Return the activation of this name; a function stays itself, None is the identity.

    Raises:
        ValueError: no activation has this name.
    """
    if callable(given):
        return given
    try:
        return ACTIVATIONS["linear" if given is None else given]
    except (KeyError, TypeError):
        raise ValueError(f"an activation is a function, or one of {', '.join(ACTIVATIONS)}; got {given!r}") from None
