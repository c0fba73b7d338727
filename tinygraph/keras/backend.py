"""The functions of Keras's old `backend` that matter here."""

from __future__ import annotations

from tinygraph.keras.config import (
    backend,
    epsilon,
    floatx,
    image_data_format,
    set_floatx,
    set_image_data_format,
)

__all__ = [
    "backend",
    "clear_session",
    "epsilon",
    "floatx",
    "image_data_format",
    "set_floatx",
    "set_image_data_format",
]


def clear_session() -> None:
    """Do nothing: there is no state outside the models."""
