"""`tg.health`: the health of a network's gradients as a table and as a picture."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

from tinygraph.drawing.choosing import draw, graph_of
from tinygraph.drawing.drawing import Drawing
from tinygraph.drawing.health.gradient_health import RULES, LayerHealth
from tinygraph.drawing.looks.legend import gradient_notes
from tinygraph.drawing.words.numbers import count, number
from tinygraph.graph import Graph
from tinygraph.graph.tables import table_lines

__all__ = ["Health", "health"]


@dataclass(frozen=True)
class Health:
    """The health of the gradients of one network or of several; `print` shows a table.

    Attributes:
        layers: in execution order.
        drawing: the picture, each layer a card.
    """

    layers: tuple[LayerHealth, ...]
    drawing: Drawing

    def draw(self) -> Drawing:
        """Return the picture."""
        return self.drawing

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        """Return the picture for a notebook, and the table for a terminal."""
        return self.drawing._repr_mimebundle_() | {"text/plain": str(self)}

    def __str__(self) -> str:
        """Return a line for each layer, the rules of the marks, and a note on gradients of more than this loss."""
        heads = ("layer", "parameters", "‖∇‖", "of the largest", "‖∇‖ / ‖w‖", "")
        rows = [heads, *map(_row, self.layers)]
        unknown = all(layer.gradient is None for layer in self.layers if layer.parameters)
        is_early = unknown and any(layer.parameters for layer in self.layers)
        hint = ["no gradient is known: call loss.backward() first"] if is_early else []
        return "\n".join([*table_lines(rows, texts=(0, 5)), "", *hint, *RULES, *gradient_notes(self.drawing._scene)])


def _row(layer: LayerHealth) -> tuple[str, ...]:
    known = layer.gradient is not None
    told = [layer.mark, *layer.relus]
    return (
        layer.title,
        count(layer.parameters) if layer.parameters else "",
        number(layer.gradient, 2) if known else "not known" if layer.parameters else "",
        layer.of_largest,
        number(layer.gradient / layer.weights, 2) if layer.gradient is not None and layer.weights else "",
        ", ".join(filter(None, told)),
    )


def health(*losses: Any) -> Health:
    """Return the health of the gradients that reached each layer, after `backward`.

    Args:
        losses: Tensors, or one `Graph`; of two networks to compare both losses.

    Returns:
        A `Health`: print it, or look at `.draw()`, which is `tg.draw(*losses, view="health")`.

    A gradient vanishes if its norm is under 1/1000 of that of a layer nearer to the loss. It explodes if it is over
    1000 times that, or over 1000 times the norm of the layer's weights, which counts as 1 where it is smaller. A ReLU
    is dead if it is 0 for every row of the batch.

    Raises:
        TypeError: a loss is not a Tensor; a model has no graph before it is called.
    """
    for loss in losses:
        if not isinstance(loss, Graph) and not hasattr(loss, "backward") and callable(loss):
            raise TypeError(
                "health: a model has no graph before it is called. Give the loss: "
                "loss = f(model(x), y); loss.backward(); tg.health(loss)"
            )
    graph = graph_of(losses, sys._getframe(1))
    drawing = draw(graph, view="health")
    return Health(tuple(drawing._scene.health.values()), drawing)
