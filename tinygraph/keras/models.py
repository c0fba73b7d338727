"""Keras's models, and how they come back from files and from plain data."""

from __future__ import annotations

from tinygraph.keras.in_use import Model, Sequential
from tinygraph.keras.saving import load_model, save_model
from tinygraph.nn import clone_model, model_from_json

__all__ = ["Model", "Sequential", "clone_model", "load_model", "model_from_json", "save_model"]
