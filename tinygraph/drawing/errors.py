"""The errors between a graph and its picture."""

from __future__ import annotations

__all__ = ["DrawingError", "NoEngineError", "NoFontsError", "TooLargeError"]


class DrawingError(Exception):
    """A picture could not be made; the message has the way out."""


class NoEngineError(DrawingError, ImportError):
    """Neither the `dot` program nor the pygraphviz package is installed."""


class NoFontsError(DrawingError):
    """The machine has no fonts, so that a PNG or PDF would come out with empty boxes for letters."""


class TooLargeError(DrawingError, ValueError):
    """The picture would have too many boxes to read, or to lay out in time."""
