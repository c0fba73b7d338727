"""The methods of a model that train it and use it."""

from __future__ import annotations

__all__ = ["Fitting"]


class Fitting:
    """compile, fit, evaluate and predict."""
