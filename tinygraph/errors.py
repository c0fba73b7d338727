"""The errors of tinygraph. Each is also the built-in error that NumPy users would catch."""

from __future__ import annotations

__all__ = ["GraphError", "NonFiniteError", "ShapeError", "UnsupportedError"]


class GraphError(RuntimeError):
    """The graph cannot do what was asked: there is none, it was given back, or it has changed since."""


class NonFiniteError(ArithmeticError):
    """A NaN or an infinity, caught where it was made by `tg.detect_nonfinite`."""


class ShapeError(ValueError):
    """Shapes that do not fit together."""


class UnsupportedError(TypeError):
    """A call that tinygraph cannot differentiate, with the call's name and what to use instead."""
