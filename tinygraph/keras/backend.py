"""The functions of Keras's old `backend` that matter here."""

from __future__ import annotations

from tinygraph.keras.config import backend, epsilon, floatx, set_floatx

__all__ = ["backend", "clear_session", "epsilon", "floatx", "set_floatx"]


def clear_session() -> None:
    """Do nothing: there is no state outside the models."""
