"""A gradient in words: "∂c/∂a = 0.6", "‖∇‖ 2.4", or the reason why there is none."""

from __future__ import annotations

from tinygraph.drawing.scenes.scene import Scene
from tinygraph.drawing.words.facts import norm
from tinygraph.drawing.words.numbers import number
from tinygraph.drawing.words.symbols import grouped
from tinygraph.graph import Node

__all__ = ["gradient_name", "gradient_note", "gradient_words"]

NOTES = {
    "several": "sum of several passes",
    "elsewhere": "not from this graph",
    "changed": "from before the change",
}


def gradient_words(node: Node, scene: Scene) -> str:
    """Return a node's gradient in words; "" where none is wanted."""
    if node.grad is None:
        if node.grad_freed:
            return "∇ not kept"
        return "∇ not computed" if node.requires_grad and not scene.is_plan else ""
    if node.shape != ():
        return f"‖∇‖ {number(norm(node.grad), 2)}"
    return f"{gradient_name(node, scene)} = {number(node.grad.reshape(())[()])}"


def gradient_name(node: Node, scene: Scene) -> str:
    """Return "∂c/∂a" if the gradient is that derivative and both values have labels of their own, else "∇a"."""
    name, of = scene.names[node.index], _differentiated(node, scene)
    if of is None or not {of, node.index} <= scene.alone:
        return f"∇{grouped(name)}"
    return f"∂{grouped(scene.names[of])}/∂{grouped(name)}"


def _differentiated(node: Node, scene: Scene) -> int | None:
    """Return the index of the value in the picture whose derivative the gradient is, or None."""
    if node.gradient_note or node.dtype.kind == "c":
        return None
    if node.gradient_of is not None:
        return node.gradient_of if node.gradient_of in scene.names else None
    outputs = scene.graph.outputs  # a graph without a record
    sure = len(outputs) == 1 and outputs[0].shape == () and outputs[0].grad is not None and outputs[0].grad == 1
    return outputs[0].index if sure else None


def gradient_note(node: Node) -> str:
    """Return the reason why the gradient is no derivative at the values shown; "" if it is one, or is missing."""
    return "" if node.grad is None else NOTES.get(node.gradient_note, "")
