"""Pictures of computational graphs: `Graph` in; DOT, SVG, PNG, PDF, Mermaid and an HTML page out.

A view turns a `Graph` into a `Scene` of boxes and links (`scenes`). `looks` gives each box its card, `formats` writes
the scene down, and `layout` finds the places. `choosing` is `tg.draw`, and `drawing` the object that it returns.
"""

from tinygraph.drawing.animation import Animation, animate
from tinygraph.drawing.changes import DifferenceDrawing, diff
from tinygraph.drawing.choosing import draw
from tinygraph.drawing.drawing import Drawing
from tinygraph.drawing.errors import DrawingError, NoEngineError, NoFontsError, TooLargeError

__all__ = [
    "Animation",
    "DifferenceDrawing",
    "Drawing",
    "DrawingError",
    "NoEngineError",
    "NoFontsError",
    "TooLargeError",
    "animate",
    "diff",
    "draw",
]
