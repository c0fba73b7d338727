"""Keras's models."""

from __future__ import annotations

from tinygraph.keras.in_use import Model, Sequential

__all__ = ["Model", "Sequential"]
