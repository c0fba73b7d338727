"""The panel of a page: the facts of a box, how its value and its gradient are computed, and what an array holds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from tinygraph.drawing.grouping.repeats import LoopName, carried_words, repeat_of
from tinygraph.drawing.health import spoilt_values
from tinygraph.drawing.health.spoilt_gradients import birth_words
from tinygraph.drawing.looks.repeat_cards import repeat_facts
from tinygraph.drawing.page.pixels import content
from tinygraph.drawing.page.sentences import backward_sentence, forward_sentence
from tinygraph.drawing.page.steps import label, title
from tinygraph.drawing.scenes.gradient_words import gradient_note, gradient_words
from tinygraph.drawing.scenes.layer_words import layer_operations, layer_summary
from tinygraph.drawing.scenes.scene import Box, Scene
from tinygraph.drawing.words.facts import histogram, nonfinite_text, norm
from tinygraph.drawing.words.numbers import number, shape
from tinygraph.drawing.words.symbols import freed_words, operation_symbol, place_of
from tinygraph.drawing.words.text import clean, clip, isolated
from tinygraph.graph import Node
from tinygraph.graph.sizes import byte_size

__all__ = ["about"]

Json = dict[str, Any]
LONGEST_FACT = 200
LONGEST_SOURCE = 400


def about(box: Box, scene: Scene) -> Json:
    """Return the panel: a title, sentences, pairs of a word and a fact, the arrays, the line of the user's code."""
    if box.kind == "chip":
        return about(scene.box[box.card], scene) | {"gradient": False}
    facts = dict(_layer_facts(box, scene) if box.kind == "layer" else _node_facts(box, scene))
    text = (
        box.node.source.text if box.node.source is not None and box.node.source.of_user and box.kind != "layer" else ""
    )
    forward, backward = forward_sentence(box, scene), backward_sentence(box, scene)
    found: Json = {
        "title": isolated(title(box, scene)),
        "forward": isolated(forward.told),
        "rule": isolated(forward.rule),
        "backward": isolated(backward.told),
        "backrule": isolated(backward.rule),
        "facts": [[isolated(word), isolated(clip(clean(fact), LONGEST_FACT))] for word, fact in facts.items() if fact],
        "source": isolated(clip(clean(text or ""), LONGEST_SOURCE)),
        "parameter": box.role == "parameter",
        "gradient": not scene.pairs and any(node.grad is not None for node in (box.node, *box.members)),
        "parameters": _live_rows(box) if box.kind == "layer" else [],
        "value": _content(box),
        "slope": _gradient_content(box, scene),
    }
    return {key: what for key, what in found.items() if what}


def _live_rows(box: Box) -> list[int]:
    """Return the parameters in the rows of a card, by index, so that a live page computes the rows anew.

    A repeat has rows for its steps, which no index stands for: a live page hides them once an input has changed.
    """
    repeated = box.layer is not None and repeat_of(box.layer.names[-1]) is not None
    return [-1] if repeated else [node.index for node in box.parameters]


def _content(box: Box) -> Json:
    if box.kind == "constant":
        return content(box.constant if isinstance(box.constant, np.ndarray) else None)
    return content(box.node.value) if box.kind in {"variable", "operation"} else {}


def _gradient_content(box: Box, scene: Scene) -> Json:
    shown = box.kind in {"variable", "gradient"} and not scene.is_plan
    return content(box.node.grad) if shown else {}


def _layer_facts(box: Box, scene: Scene) -> Iterator[tuple[str, str]]:
    parameters = box.parameters
    yield "layer", "/".join(box.layer.names) if box.layer is not None else ""
    yield "operations", layer_operations(box)
    yield "shapes", layer_summary(box, scene)
    yield from _heat_facts(scene.heat.of_layer(box.members) if scene.heat is not None else None, scene)
    values = [node for node in box.members if not node.is_input]
    yield "memory", f"{byte_size(sum(node.nbytes for node in values))} of values" if values else ""
    name = box.layer.names[-1] if box.layer is not None else ""
    own: set[int] = set()
    if isinstance(name, LoopName):
        yield "your line", name.line
        yield "carries", carried_words(name)
    if (repeat := repeat_of(name)) is not None:
        yield from repeat_facts(repeat)
        own = {node.index for nodes in repeat.own for node in nodes}
    for node in [node for node in parameters if node.index not in own]:
        yield scene.names[node.index] or shape(node.shape), f"{shape(node.shape)}, {gradient_words(node, scene)}"


def _heat_facts(amount: float | None, scene: Scene) -> Iterator[tuple[str, str]]:
    if scene.heat is not None and amount is not None:
        share = scene.heat.share(amount)
        part = "" if scene.heat.is_norm else f"{'under 1' if share < 0.005 else number(100 * share, 2)} % of the whole"
        yield scene.heat.measured, ", ".join(filter(None, [scene.heat.text(amount) if scene.heat.unit else "", part]))


def _node_facts(box: Box, scene: Scene) -> Iterator[tuple[str, str]]:
    node = box.node
    what = box.constant if box.constant is not None else node
    value = box.constant if isinstance(box.constant, np.ndarray) else node.value if box.constant is None else None
    yield "role", "operation" if box.kind == "operation" else box.role
    if box.constant is None and not node.is_input:
        yield "computed by", f"the write {operation_symbol(node, scene.names)}" if place_of(node) else node.op
        yield "from", ", ".join(label(operand, scene) or shape(operand.shape) for operand in node.operands)
    yield "shape", shape(what.shape)
    yield "dtype", str(what.dtype if value is None else value.dtype)
    if value is not None or not scene.is_plan:
        yield "value", "not kept" if value is None else _statistics(value)
    yield "changed", "got another value after its use" if box.constant is None and node.changed else ""
    yield "zeros", "" if value is None else _zeros(value)
    yield "not finite", _not_finite(value)
    yield "memory", byte_size(what.nbytes)
    if box.kind == "operation" and scene.heat is not None:
        yield from _heat_facts(scene.heat.of(node), scene)
    if box.kind != "constant":
        yield from _gradient_facts(node, scene)
        if box.kind == "operation" and scene.birth is not None and scene.birth.call is node:
            yield "backward", birth_words(scene.birth, scene.names)
        yield "source", spoilt_values.line_text(node)


def _gradient_facts(node: Node, scene: Scene) -> Iterator[tuple[str, str]]:
    if scene.is_plan:
        return
    if node.grad is None:
        missing = "not computed" if node.requires_grad else "none needed"
        yield "gradient", freed_words(node) if node.grad_freed else missing
        return
    yield "gradient", _statistics(node.grad)
    yield "this gradient is", gradient_note(node)
    yield "zeros in the gradient", _zeros(node.grad)
    yield "not finite in the gradient", _not_finite(node.grad)
    yield "‖gradient‖", number(norm(node.grad))


def _statistics(value: np.ndarray[Any, Any]) -> str:
    """Return the statistics of the finite elements: "min −2 · mean 0.1 · max 3 · std 1.2"."""
    finite = value[np.isfinite(value)] if value.dtype.kind == "f" else value.reshape(-1)
    if finite.size <= 1 or value.dtype.kind not in "iuf":
        return histogram(value).words
    wide = finite.astype(np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        mean, deviation = float(wide.mean()), float(wide.std())
    return f"min {number(finite.min())} · mean {number(mean)} · max {number(finite.max())} · std {number(deviation)}"


def _zeros(value: np.ndarray[Any, Any]) -> str:
    """Return the share of zeros in an array of several numbers."""
    if value.size <= 1 or value.dtype.kind not in "iufc":
        return ""
    return _share(int(value.size - np.count_nonzero(value)), value.size)


def _not_finite(value: np.ndarray[Any, Any] | None) -> str:
    """Return the elements that are not finite: "31 of 200 −∞, 16 %"."""
    told = nonfinite_text(value)
    if value is None or not told or value.size <= 1:
        return told
    return f"{told}, {_share(int(np.count_nonzero(~np.isfinite(value))), value.size)}"


def _share(part: int, whole: int) -> str:
    share = 100 * part / whole
    if 0 < share < 0.5:
        return "under 1 %"
    return f"{number(round(share, 1), 3)} %" if share < 99.95 or part == whole else "over 99 %"
