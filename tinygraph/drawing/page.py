"""The HTML page: the pictures inline, the facts as JSON, a little JavaScript, and no network."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib.resources import files
from typing import Any

import numpy as np

from tinygraph.drawing import health, views
from tinygraph.drawing.cards import (
    chip_name,
    gradient_name,
    gradient_note,
    gradient_words,
    layer_operations,
    layer_summary,
)
from tinygraph.drawing.expressions import fallback
from tinygraph.drawing.facts import histogram, nonfinite_text, norm
from tinygraph.drawing.numbers import byte_size, number, shape
from tinygraph.drawing.parts import part
from tinygraph.drawing.scene import Box, Scene
from tinygraph.drawing.symbols import freed_words, grouped, operation_symbol, place_of
from tinygraph.drawing.text import clean, clip, isolated, markup
from tinygraph.graph import Node

__all__ = ["page"]

Json = dict[str, Any]
MOST_INSIDE = 300
MOST_UNCOLLAPSED = 60
MOST_LAYERS = 100
LONGEST_FACT = 200
LONGEST_SOURCE = 400


def page(scene: Scene, svg: Callable[[Scene], str]) -> str:
    """Return a page with the picture of `scene`, and one for the inside of each of its collapsed layers.

    Args:
        scene: the picture that the page opens with.
        svg: lays a scene out.
    """
    outputs = ", ".join(name for output in scene.graph.outputs if (name := scene.names[output.index]))
    title = clip(clean(scene.title), LONGEST_FACT) or (f"graph of {outputs}" if outputs else "computational graph")
    pictures = {"": _picture(scene, "overview", svg)} | dict(_insides(scene, "", svg))
    folder = files("tinygraph.drawing")
    blanks = {
        "TITLE": markup(title),
        "STYLE": (folder / "page.css").read_text("utf-8"),
        "SCRIPT": (folder / "page.js").read_text("utf-8"),
        "DATA": json.dumps(pictures, ensure_ascii=False).replace("<", "\\u003c"),
    }
    parts = (folder / "page.html").read_text("utf-8").split("@@")
    return "".join(blanks.get(text, text) for text in parts)


def _insides(scene: Scene, parent: str, svg: Callable[[Scene], str]) -> Iterator[tuple[str, Json]]:
    """Yield the pictures to look into, by the id of their layer ("s2", and "s2/s0" for a layer inside it)."""
    layers = [box for box in scene.boxes if box.kind == "layer" and box.layer is not None]
    for box in layers[:MOST_LAYERS]:
        inner = part(scene.graph, box.members, scene.names)
        collapse = len(inner) > MOST_UNCOLLAPSED and any(len(scope) > len(box.place) + 1 for scope in inner.scopes)
        inside = views.collapsed(inner, _frame(box)) if collapse else views.full(inner)
        if len(inside.boxes) <= MOST_INSIDE and box.layer is not None:
            key = f"{parent}/{box.id}" if parent else box.id
            inside = replace(inside, legend=scene.legend, sections=scene.sections)
            yield key, _picture(inside, box.layer.title, svg) | {"parent": parent}
            yield from _insides(inside, key, svg)


def _frame(box: Box) -> tuple[str, ...]:
    """Return the scopes to open, so that the picture shows more than the card before."""
    return ("/".join(box.layer.names),) if box.layer is not None else ()


def _picture(scene: Scene, title: str, svg: Callable[[Scene], str]) -> Json:
    return {
        "title": isolated(title),
        "svg": svg(scene),
        "boxes": {box.id: _about(box, scene) for box in scene.boxes},
        "links": [[link.tail, link.head, link.kind] for link in scene.links],
        "steps": list(_steps(scene)),
    }


def _steps(scene: Scene) -> Iterator[Json]:
    """Yield the forward pass, or each part of a program, box by box; then the gradients in the opposite order."""
    for box in scene.boxes:
        if box.kind in {"gradient", "pullback", "chip"}:
            continue
        if box.kind != "operation":
            yield {"text": _step_text(box, scene), "show": [*_before(box, scene), box.id]}
        elif not any(scene.box[link.head].node is box.node for link in scene.out_of[box.id]):
            yield {"text": _step_text(box, scene), "show": [*_chips_at(box, scene), box.id]}
    for box in reversed(scene.boxes):
        if box.kind in {"gradient", "pullback"} or (box.kind == "chip" and box.role == "gradient"):
            yield {"text": isolated(f"backward: {_title(box, scene)}"), "show": [box.id]}
        elif scene.pairs:
            continue
        if any(node.grad is not None for node in (box.node, *box.members)) and box.kind in {"variable", "layer"}:
            told = f"∇ in {_title(box, scene)}" if box.kind == "layer" else gradient_name(box.node, scene)
            part = "not from this graph" if box.node.gradient_note == "elsewhere" else "backward"
            yield {"text": isolated(f"{part}: {told}"), "gradient": box.id}


def _step_text(box: Box, scene: Scene) -> str:
    """ "forward: h", or of a program "backward: ×", "update: w, updated", and "given: x" for its inputs."""
    part = "" if scene.is_plan else "forward"
    if scene.sections:
        given = box.kind == "constant" or (box.kind == "variable" and box.node.is_input)
        part = "given" if given else scene.sections.get(box.node.index, "")
    title = _title(box, scene)
    return isolated(f"{part}: {title}" if part and part != title else title)


def _before(box: Box, scene: Scene) -> list[str]:
    """Return the operation that computes the value of a card, and chips of its operands: all appear together."""
    before = [scene.box[link.tail] for link in scene.into[box.id]]
    own = [other for other in before if other.kind == "operation" and other.node is box.node]
    return [*(chip for each in (*own, box) for chip in _chips_at(each, scene)), *(other.id for other in own)]


def _chips_at(box: Box, scene: Scene) -> list[str]:
    return [link.tail for link in scene.into[box.id] if scene.box[link.tail].kind == "chip"]


def _title(box: Box, scene: Scene) -> str:
    if box.kind == "chip":
        return chip_name(box, scene)
    if box.layer is not None:
        return box.layer.title
    if box.kind == "constant":
        return clip(clean(box.name)) or "constant"
    name = scene.names[box.node.index] or fallback(box.node, scene.names)
    if box.kind == "gradient":
        return f"∇{grouped(name)}"
    if box.kind == "pullback":
        return f"back through {operation_symbol(box.node, scene.names)}"
    return operation_symbol(box.node, scene.names) if box.kind == "operation" else name or shape(box.node.shape)


def _about(box: Box, scene: Scene) -> Json:
    """Return the panel: a title, pairs of a word and a fact, and the line of the user's code."""
    facts = dict(_layer_facts(box, scene) if box.kind == "layer" else _node_facts(box, scene))
    text = box.node.source.text if box.node.source is not None and box.kind != "layer" else ""
    return {
        "title": isolated(_title(box, scene)),
        "search": clean(f"{_title(box, scene)} {box.node.name or ''} {box.node.op}").lower(),
        "facts": [[isolated(word), isolated(clip(clean(fact), LONGEST_FACT))] for word, fact in facts.items() if fact],
        "source": isolated(clip(clean(text or ""), LONGEST_SOURCE)),
        "card": box.card,
        "parameter": box.role == "parameter",
        "gradient": not scene.pairs
        and box.kind != "chip"
        and any(node.grad is not None for node in (box.node, *box.members)),
    }


def _layer_facts(box: Box, scene: Scene) -> Iterator[tuple[str, str]]:
    parameters = box.parameters
    yield "layer", "/".join(box.layer.names) if box.layer is not None else ""
    yield "operations", layer_operations(box)
    yield "shapes", layer_summary(box, scene, parameters)
    for node in parameters:
        yield scene.names[node.index] or shape(node.shape), f"{shape(node.shape)}, {gradient_words(node, scene)}"


def _node_facts(box: Box, scene: Scene) -> Iterator[tuple[str, str]]:
    node = box.node
    what = box.constant if box.constant is not None else node
    value = box.constant if isinstance(box.constant, np.ndarray) else node.value if box.constant is None else None
    yield "role", "operation" if box.kind == "operation" else box.role
    if box.constant is None and not node.is_input:
        yield "computed by", f"the write {operation_symbol(node, scene.names)}" if place_of(node) else node.op
        names = scene.names
        yield "from", ", ".join(names[o.index] or fallback(o, names) or shape(o.shape) for o in node.operands)
    yield "shape", shape(what.shape)
    yield "dtype", str(what.dtype if value is None else value.dtype)
    if value is not None or not scene.is_plan:
        yield "value", "not kept" if value is None else _statistics(value)
    yield "changed", "got another value after its use" if box.constant is None and node.changed else ""
    yield "not finite", nonfinite_text(value)
    yield "memory", byte_size(what.nbytes)
    if box.kind != "constant":
        yield from _gradient_facts(node, scene)
        yield "source", health.place(node)


def _gradient_facts(node: Node, scene: Scene) -> Iterator[tuple[str, str]]:
    if scene.is_plan:
        return
    if node.grad is None:
        missing = "not computed" if node.requires_grad else "none needed"
        yield "gradient", freed_words(node) if node.grad_freed else missing
        return
    yield "gradient", nonfinite_text(node.grad) or _statistics(node.grad)
    yield "this gradient is", gradient_note(node)
    yield "‖gradient‖", number(norm(node.grad))


def _statistics(value: np.ndarray[Any, Any]) -> str:
    if value.size <= 1 or value.dtype.kind not in "iuf" or nonfinite_text(value):
        return histogram(value).words
    mean = float(np.mean(value, dtype=np.float64))
    return f"min {number(value.min())} · mean {number(mean)} · max {number(value.max())}"
