"""Keras's settings that matter here."""

from __future__ import annotations

from tinygraph.nn import floatx as _floatx
from tinygraph.nn import set_floatx
from tinygraph.training.losses.pairing import EPSILON

__all__ = ["backend", "epsilon", "floatx", "image_data_format", "set_floatx", "set_image_data_format"]


def floatx() -> str:
    """Return the name of the dtype of layers: "float32", or what `set_floatx` said."""
    return _floatx().name


def epsilon() -> float:
    """Return the distance that probabilities are kept from 0 and 1 in losses: 1e-7."""
    return EPSILON


def backend() -> str:
    """Return what computes: "numpy"."""
    return "numpy"


def image_data_format() -> str:
    """Return the place of an image's channels: "channels_last"."""
    return "channels_last"


def set_image_data_format(data_format: str) -> None:
    """Accept "channels_last".

    Raises:
        ValueError: it is another format.
    """
    if data_format != "channels_last":
        raise ValueError(
            f"set_image_data_format: channels come last here, got {data_format!r}. Write x.transpose(0, 2, 3, 1), or "
            'data_format="channels_first" in layers that have it'
        )
