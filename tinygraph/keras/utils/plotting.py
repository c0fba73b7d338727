"""A picture of a model."""

from __future__ import annotations

import os
from typing import Any

__all__ = ["plot_model"]


def plot_model(
    model: Any,
    to_file: str | os.PathLike[str] | None = "model.png",
    show_shapes: bool = False,
    show_dtype: bool = False,
    show_layer_names: bool = True,
    rankdir: str = "TB",
    expand_nested: bool = False,
    dpi: int | None = 200,
    show_layer_activations: bool = False,
    show_trainable: bool = False,
) -> Any:
    """Draw the layers of a model, and write the picture into a file: see `Model.draw`.

    Args:
        model: a model that knows the shape of its input.
        to_file: ends in .png, .svg, .pdf, .html, .dot or .mmd; None for no file.
        rankdir: "TB", from top to bottom, or "LR", from left to right.
        expand_nested: show each operation inside the layers.
        show_shapes, show_dtype, show_layer_names, dpi, show_layer_activations, show_trainable: of Keras; the picture
            has names, shapes, activations and weights in any case.

    Returns:
        A `Drawing`, which shows itself in a notebook.

    Raises:
        ValueError: the shape of the input is not known, or the file or the direction is of another kind.
    """
    drawing = model.draw(view="full" if expand_nested else "collapsed", direction=rankdir)
    if to_file is not None:
        drawing.save(to_file)
    return drawing
