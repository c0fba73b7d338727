"""A closed layer in words: its operations, its shapes and parameters, and the carried values of a loop."""

from __future__ import annotations

from tinygraph.drawing.grouping.repeats import (
    LoopName,
    carried_words,
    is_condition,
    is_of_loop,
    repeat_of,
    short_loop_line,
)
from tinygraph.drawing.scenes.scene import Box, Scene
from tinygraph.drawing.words.numbers import count, shape
from tinygraph.drawing.words.symbols import operation_symbol, sign
from tinygraph.drawing.words.text import SPACE, clean, clip
from tinygraph.graph import Node
from tinygraph.graph.sizes import byte_size

__all__ = ["layer_operations", "layer_summary", "loop_lines"]

MOST_SYMBOLS = 4
LONGEST_SIGN = 14


def layer_operations(box: Box) -> str:
    """Return the signs of a few operations, "@ + ReLU", or their number, "9 ops"; for a repeat "6 ops each"."""
    repeat = repeat_of(box.layer.names[-1]) if box.layer is not None else None
    nodes = box.members if repeat is None else repeat.steps[-1]
    calls = [node for node in nodes if not node.is_input and not is_of_loop(node)]
    signs = [clip(clean(_sign(node)), LONGEST_SIGN) for node in calls]
    told = " ".join(signs) if len(signs) <= MOST_SYMBOLS else f"{len(calls)} ops"
    return told if repeat is None else f"{told} {'a step' if repeat.scope is None else 'each'}"


def _sign(node: Node) -> str:
    """Return the sign of an operation without its operands: "·²", and "×" where its own box says "h × 0.9"."""
    return operation_symbol(node, {}) if node.op in {"power", "float_power"} else sign(node.op)


def layer_summary(box: Box, scene: Scene) -> str:
    """Return the shapes, the parameters and their bytes: "209×20 → 209×7 · 147 params · 1.18 kB"."""
    sources = {node.index: node for link in scene.into[box.id] for node in link.nodes}.values()
    data = [node for node in sources if not (node.is_input and node.requires_grad)] or list(sources)
    texts, parameters = [], box.parameters
    if not all(node.is_input for node in box.members):
        texts.append(f"{_shapes(data)} → {_shapes(_leaving(box, scene))}".strip())
    if parameters:
        size, memory = sum(node.size for node in parameters), sum(node.nbytes for node in parameters)
        texts += [f"{count(size)} param{'s' if size != 1 else ''}", byte_size(memory)]
    return f"{SPACE * 2}·{SPACE * 2}".join(texts)


def _leaving(box: Box, scene: Scene) -> list[Node]:
    """Return the values of a layer that other boxes use."""
    inside = {node.index for node in box.members}
    calls = [node for node in box.members if not node.is_input]
    return [
        node
        for node in calls
        if scene.graph.role(node) == "output"
        or (not (consumers := scene.graph.consumers(node)) and not is_condition(node))
        or any(consumer.index not in inside for consumer in consumers)
    ]


def _shapes(nodes: list[Node]) -> str:
    """Return the shapes of some values: "209×7", "3×4, scalar", "5 of 3×4", "5 values"; "" for none."""
    texts = [shape(node.shape) for node in nodes]
    if len(texts) <= 2:
        return ", ".join(texts)
    return f"{len(texts)} of {texts[0]}" if len(set(texts)) == 1 else f"{len(texts)} values"


def loop_lines(box: Box) -> list[str]:
    """Return the user's line of a loop, and the values that the loop carries; nothing for another scope."""
    name = box.layer.names[-1] if box.layer is not None else ""
    if not isinstance(name, LoopName):
        return []
    told = carried_words(name)
    if not told and name.repeat is None and name.again:
        told = f"{len(name.again)} value{'s' if len(name.again) > 1 else ''}"
    return [line for line in (short_loop_line(name), told and f"carries {told}") if line]
