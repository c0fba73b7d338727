"""The errors of tinygraph. Each is also the built-in error that NumPy users would catch."""

from __future__ import annotations

__all__ = ["GraphError", "NonFiniteError", "ShapeError", "UnsupportedError"]


class GraphError(RuntimeError):
    """A pass that the graph cannot make: there is no graph, it was freed, or it has changed since."""


class NonFiniteError(ArithmeticError):
    """A NaN or an infinity, found by `tg.detect_nonfinite` at the operation that made it."""


class ShapeError(ValueError):
    """Shapes that do not fit together."""


class UnsupportedError(TypeError):
    """A call that tinygraph cannot differentiate, with the call's name and its replacement."""
