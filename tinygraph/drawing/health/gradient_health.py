"""The health of a network's gradients, layer by layer: vanishing, exploding, zero, not finite; and dead ReLUs.

    vanishing    under 1/1000 of a layer that stands nearer to the loss
    exploding    over 1000 times a layer that stands nearer to the loss, or over 1000 times the layer's own weights,
                 whose norm counts as 1 where it is smaller
    dead         a ReLU that is 0 for every row of the batch

A norm is that of all parameters of a layer together.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygraph.drawing.words.facts import nonfinite_text, norm
from tinygraph.drawing.words.numbers import count, number
from tinygraph.drawing.words.symbols import operation_symbol, scalar_constant
from tinygraph.drawing.words.text import clean, clip
from tinygraph.graph import Node
from tinygraph.graph.replay import replayed

__all__ = ["RULES", "LayerHealth", "health_of"]

FACTOR = 1000
RULES = (
    f"vanishing: under 1/{FACTOR} of a layer nearer to the loss",
    f"exploding: over {FACTOR} times a layer nearer to the loss, or over {FACTOR} times its own weights (or 1)",
)


@dataclass(frozen=True)
class LayerHealth:
    """The gradient of a layer.

    Attributes:
        title: of the layer, or the name of a parameter outside all layers.
        parameters: numbers.
        gradient: the norm; None if the gradient is not kept or not computed.
        weights: the norm of the parameters.
        largest: the norm of the largest gradient of a layer in the picture, 0 if there is none.
        mark: "vanishing", "exploding", "zero", "not finite" or "".
        relus: a line for each ReLU whose batch has dead units, or whose values are not known.
    """

    title: str
    parameters: int
    gradient: float | None
    weights: float
    largest: float
    mark: str = ""
    relus: tuple[str, ...] = ()

    @property
    def of_largest(self) -> str:
        """The gradient beside the largest one: "1/3200", "0.4", "largest", "" where it is not known."""
        if self.gradient is None or not self.largest or not np.isfinite(self.gradient):
            return ""
        share = self.gradient / self.largest
        if share in {0.0, 1.0}:
            return "largest" if share else "0"
        return number(share, 2) if share >= 0.1 else f"1/{_whole(1 / share)}"

    @property
    def words(self) -> str:
        """The gradient in a line: "vanishing: ‖∇‖ 3×10⁻⁷, 1/3200 of the largest"."""
        if self.gradient is None:
            return "∇ not kept or not computed" if self.parameters else ""
        if self.mark == "not finite":
            return "∇ not finite"
        if self.mark == "zero":
            return "zero: every gradient is 0"
        times = (
            f", {number(self.gradient / self.weights, 2)} × ‖w‖" if self.mark == "exploding" and self.weights else ""
        )
        place = "the largest" if self.of_largest == "largest" else f"{self.of_largest} of the largest"
        return f"{self.mark + ': ' if self.mark else ''}‖∇‖ {number(self.gradient, 2)}, {place}{times}"


def _whole(factor: float) -> str:
    """Return a number without its fraction: "3200", "1.2×10⁷"."""
    return count(int(float(f"{factor:.2g}"))) if factor < 1e6 else number(factor, 2)


def health_of(scene: Any) -> dict[str, LayerHealth]:
    """Return the health of each closed layer, and of each parameter and ReLU outside them, by the id of its box.

    Args:
        scene: see `Scene`.
    """
    owners = [box for box in scene.boxes if _parameters(box) or _relus(box)]
    gradients = {box.id: _gradient(_parameters(box)) for box in owners}
    finite = {box: size for box, size in gradients.items() if size is not None and np.isfinite(size)}
    largest = max(finite.values(), default=0.0)
    nearer = _nearer_to_the_loss(scene, finite)
    values = replayed(scene.graph, {relu.index for box in owners for relu in _relus(box)})
    found: dict[str, LayerHealth] = {}
    for box in owners:
        parameters = _parameters(box)
        weights = norm(np.array([norm(node.value) for node in parameters if node.value is not None]))
        mark = _mark(gradients[box.id], weights, nearer[box.id])
        relus = [_dead(relu, values, scene.names) for relu in _relus(box)]
        size = sum(node.size for node in parameters)
        told = tuple(filter(None, relus))
        if parameters or told:
            found[box.id] = LayerHealth(_title(box, scene), size, gradients[box.id], weights, largest, mark, told)
    return found


def _parameters(box: Any) -> list[Node]:
    if box.kind == "layer":
        return list(box.parameters)
    return [box.node] if box.kind == "variable" and box.role == "parameter" else []


def _relus(box: Any) -> list[Node]:
    nodes = box.members if box.kind == "layer" else (box.node,) if box.kind == "operation" else ()
    return [node for node in nodes if _is_relu(node)]


def _is_relu(node: Node) -> bool:
    """Return whether a call is `relu(x)`, `maximum(x, 0)` or `maximum(0, x)`."""
    return node.op == "relu" or (node.op == "maximum" and any(scalar_constant(argument) == 0 for argument in node.args))


def _title(box: Any, scene: Any) -> str:
    if box.layer is not None:
        return "/".join(clip(clean(name)) for name in box.layer.names)
    return scene.names[box.node.index] or (operation_symbol(box.node, scene.names) if box.kind == "operation" else "")


def _gradient(parameters: list[Node]) -> float | None:
    """Return the norm of the gradients of some parameters; NaN if one is not finite; None if one is not known."""
    if not parameters or any(node.grad is None for node in parameters):
        return None
    if any(nonfinite_text(node.grad) for node in parameters):
        return float("nan")
    return norm(np.array([norm(node.grad) for node in parameters if node.grad is not None]))


def _nearer_to_the_loss(scene: Any, sizes: Mapping[str, float]) -> dict[str, list[float]]:
    """Return the gradients of the layers that stand between each box and the loss."""
    after: dict[str, set[str]] = {}
    for box in reversed(scene.boxes):
        heads = [link.head for link in scene.out_of[box.id]]
        after[box.id] = set(heads).union(*(after.get(head, set()) for head in heads))
    if not any(box.kind == "layer" for box in scene.boxes):  # parameters alone: the operations after each have others
        return {box: [sizes[other] for other in _later(scene, box, after) if other in sizes] for box in after}
    return {box: [sizes[other] for other in later if other in sizes] for box, later in after.items()}


def _later(scene: Any, box: str, after: Mapping[str, set[str]]) -> Iterable[str]:
    """Return the parameters that enter the computation after a box's own first use, on the way to the same loss."""
    operations = [link.head for link in scene.out_of[box]]
    reached = set().union(*(after.get(operation, set()) for operation in operations))
    return [link.tail for head in reached for link in scene.into[head] if link.tail not in after[box]]


def _mark(gradient: float | None, weights: float, nearer: list[float]) -> str:
    if gradient is None:
        return ""
    if not np.isfinite(gradient):
        return "not finite"
    if gradient == 0:
        return "zero"
    if nearer and gradient < max(nearer) / FACTOR:
        return "vanishing"
    above = [size for size in nearer if size > 0]
    too_large = bool(above) and gradient > FACTOR * min(above)
    return "exploding" if too_large or gradient > FACTOR * max(weights, 1.0) else ""


def _dead(relu: Node, values: Mapping[int, np.ndarray[Any, Any]], names: Mapping[int, str]) -> str:
    """Return the dead units, "12 of 64 ReLUs dead on this batch"; "" for none, and for a single row."""
    if len(relu.shape) < 2 or relu.size <= relu.shape[-1]:
        return ""
    value = values.get(relu.index)
    if value is None:
        return "ReLU values not kept"
    units = relu.shape[-1]
    dead = int(np.count_nonzero((value == 0).reshape(-1, units).all(axis=0)))
    return f"{count(dead)} of {count(units)} ReLUs dead on this batch" if dead else ""
