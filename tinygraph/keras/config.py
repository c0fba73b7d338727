"""Keras's settings that matter here."""

from __future__ import annotations

from tinygraph.nn import floatx as _floatx
from tinygraph.nn import set_floatx
from tinygraph.training.losses.pairing import EPSILON

__all__ = ["backend", "epsilon", "floatx", "set_floatx"]


def floatx() -> str:
    """Return the name of the dtype of layers: "float32", or what `set_floatx` said."""
    return _floatx().name


def epsilon() -> float:
    """Return the distance that probabilities are kept from 0 and 1 in losses: 1e-7."""
    return EPSILON


def backend() -> str:
    """Return what computes: "numpy"."""
    return "numpy"
