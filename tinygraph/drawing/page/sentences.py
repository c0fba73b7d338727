"""A step in the user's names and numbers: "s = a² + b² = 9 + 16 = 25", "∂c/∂a = ∂c/∂a² × 2a = 0.1 × 6 = 0.6"."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from tinygraph.drawing.grouping.repeats import is_condition, is_of_loop
from tinygraph.drawing.page.steps import label, title
from tinygraph.drawing.scenes.gradient_words import gradient_name, gradient_note
from tinygraph.drawing.scenes.layer_words import layer_operations, layer_summary
from tinygraph.drawing.scenes.mirror import pullback_lines, pullbacks
from tinygraph.drawing.scenes.scene import Box, Scene
from tinygraph.drawing.words.expressions import written
from tinygraph.drawing.words.facts import histogram, nonfinite_text, norm
from tinygraph.drawing.words.numbers import number, shape
from tinygraph.drawing.words.slopes import factor, local_derivatives
from tinygraph.drawing.words.symbols import INFIX, array_constants, grouped, operation_symbol, place_of, scalar_constant
from tinygraph.drawing.words.text import clean, clip
from tinygraph.graph import Node

__all__ = ["Sentence", "backward_sentence", "forward_sentence"]

MOST_PARTS = 4
MOST_PARAMETERS = 4
LONGEST = 300
LONGEST_LABEL = 24
POWERS = "⁰¹²³⁴⁵⁶⁷⁸⁹⁻ᵀ"


class Sentence(NamedTuple):
    """A step in words.

    Attributes:
        rule: names alone: "s = a² + b²".
        told: with the numbers: "s = a² + b² = 9 + 16 = 25".
    """

    rule: str
    told: str


def forward_sentence(box: Box, scene: Scene) -> Sentence:
    """Return how the value of a box is computed; empty for a backward box."""
    if box.kind in {"gradient", "pullback"}:
        return Sentence("", "")
    if box.lines or box.kind == "update":
        return _in_columns(box, scene)
    if box.kind == "layer":
        parts = (layer_operations(box), layer_summary(box, scene))
        return _said(f"{title(box, scene)}: {', '.join(part for part in parts if part)}")
    if box.kind == "constant":
        return _said(f"{title(box, scene)}, a constant")
    return _of_call(box.node, scene) if not box.node.is_input else _of_input(box, scene)


def _in_columns(box: Box, scene: Scene) -> Sentence:
    """Return the sentence of a box in columns: "xᵀ @ ∇, 5×1", "∇w = xᵀ @ ∇, 5×1", "w − 0.1 × ∇w → w 5×1"."""
    if box.kind == "update":
        goals = [f"→ {goal}" for goal in box.name.split("\n") if goal]
        return _said(" ".join(["; ".join(box.lines), *goals]).strip())
    if box.layer is not None:
        return _said(f"{title(box, scene)}: {'; '.join(box.lines)}")
    if box.kind == "gradient value":
        steps = [scene.box[link.head] for link in scene.links if link.kind == "backflow" and link.tail == box.id]
        name = title(box, scene)
        lines = [step.lines for step in steps if step.node is box.node or len(step.lines) > 1]
        formulas = [line.removeprefix(f"{name}: ") for each in lines for line in each if _is_about(line, name, each)]
        return _said(" = ".join([name, *formulas[:1]]) + f", {shape(box.node.shape)}")
    return _said(f"{'; '.join(box.lines)}, {shape(box.node.shape)}")


def _is_about(line: str, name: str, lines: tuple[str, ...]) -> bool:
    """Return whether a line of a backward step gives the gradient called `name`: it says so, or it is the only one."""
    return line.startswith(f"{name}: ") or (len(lines) == 1 and ": " not in line)


def _said(text: str, numbers: str = "") -> Sentence:
    return Sentence(clip(clean(text), LONGEST), clip(clean(f"{text}{numbers}"), LONGEST))


def _of_input(box: Box, scene: Scene) -> Sentence:
    node, name = box.node, label(box.node, scene)
    what = "a parameter" if box.role == "parameter" else "given"
    if node.shape != ():
        return _said(f"{name} {shape(node.shape)}, {what}".strip())
    if node.value is None:
        return _said(f"{name}, {what}" if name else what)
    value = f"{name} {'now' if node.changed else '='} {number(node.value[()])}, {what}"
    return Sentence(name or what, clip(clean(value), LONGEST))


def _of_call(node: Node, scene: Scene) -> Sentence:
    formula = _formula(node, {operand.index: _called(operand, scene) or "·" for operand in node.operands}, scene)
    name = scene.names[node.index]
    rule = formula if name in {"", formula} else f"{name} = {formula}"
    scalar = all(each.shape == () for each in (node, *node.operands))
    if not scalar:
        return _said(rule, f", {_shapes(node)}{_content(node)}")
    if node.value is None or any(operand.changed for operand in node.operands):
        return _said(rule)
    value = number(node.value[()])
    numbers = ""
    if all(operand.value is not None for operand in node.operands):
        numbers = written(node, {o.index: number(o.value[()]) for o in node.operands if o.value is not None})
    steps = [text for text in (numbers, value) if text]
    return _said(rule, "".join(f" = {text}" for text in dict.fromkeys(steps)))


def _formula(node: Node, labels: dict[int, str], scene: Scene) -> str:
    return written(node, labels) or _infix(node, labels) or _in_words(node, labels, scene)


def _called(node: Node, scene: Scene) -> str:
    """Return the label of a value; for one without a label its call, where that is short: "x @ W", else ‹product›."""
    name = scene.names[node.index]
    if name or node.is_input or is_of_loop(node):
        return name
    labels = {operand.index: label(operand, scene) or "·" for operand in node.operands}
    formula = written(node, labels) or _infix(node, labels)
    return formula if formula and len(formula) <= LONGEST_LABEL else label(node, scene)


def _infix(node: Node, labels: dict[int, str]) -> str:
    """Return "xs[t] @ W", where one side is an array of no Tensor; "" for any other call."""
    if node.op not in INFIX or len(node.args) != 2 or node.kwargs:
        return ""
    names = node.argument_names or (None, None)
    sides = []
    for argument, name in zip(node.args, names, strict=True):
        constant = scalar_constant(argument)
        own = labels[argument.index] if isinstance(argument, Node) else name or "‹constant›"
        sides.append(grouped(own) if constant is None else number(constant))
    return f" {INFIX[node.op]} ".join(sides)


def _in_words(node: Node, labels: dict[int, str], scene: Scene) -> str:
    """Return a call without a usual notation in words: "Σ axis 0 of x"."""
    if is_of_loop(node):
        return node.op
    symbol = operation_symbol(node, scene.names)
    symbol = node.op if symbol == node.op.replace("_", " ") else symbol
    if place_of(node) is not None or is_condition(node):
        return symbol
    operands = ", ".join(dict.fromkeys(labels[operand.index] for operand in node.operands))
    return f"{symbol} of {operands}" if operands and not any(text in symbol for text in labels.values()) else symbol


def _shapes(node: Node) -> str:
    """Return the shapes of a call, "32×20 @ 20×16 → 32×16", or "32×16" where nothing changes."""
    arrays = [array for _, array in array_constants(node)]
    given = [each for each in node.args if isinstance(each, Node) or any(each is array for array in arrays)]
    operands = [shape(each.shape) for each in (given if len(given) > len(node.operands) else node.operands)]
    if set(operands) <= {shape(node.shape)}:
        return shape(node.shape)
    joint = f" {INFIX[node.op]} " if node.op in INFIX and len(operands) == 2 else ", "
    told = joint.join(operands) if len(operands) <= MOST_PARTS else f"{len(operands)} values"
    return f"{told} → {shape(node.shape)}"


def _content(node: Node) -> str:
    if node.value is None:
        return ""
    words = nonfinite_text(node.value) or histogram(node.value).words
    return f" = {words}" if node.shape == () else f", {words}"


def backward_sentence(box: Box, scene: Scene) -> Sentence:
    """Return how the gradient of a box is computed; empty where there is none."""
    if scene.is_plan or box.kind in {"constant", "operation"}:
        return Sentence("", "")
    if box.kind == "pullback":
        lines = pullback_lines(box.node, scene.names)
        return _said(f"{title(box, scene)}: {'; '.join(lines)}")
    if box.kind == "layer":
        return _of_layer(box, scene)
    return _of_gradient(box.node, scene) if box.node.grad is not None else Sentence("", "")


def _of_layer(box: Box, scene: Scene) -> Sentence:
    known = [node for node in box.parameters if node.grad is not None]
    if not known:
        return Sentence("", "")
    told = [_size(node, scene) for node in known[:MOST_PARAMETERS]]
    told += [f"and {len(known) - len(told)} more"] if len(known) > len(told) else []
    return Sentence(f"∇ in {title(box, scene)}", clip(clean(f"∇ in {title(box, scene)}: {', '.join(told)}"), LONGEST))


def _of_gradient(node: Node, scene: Scene) -> Sentence:
    name = _gradient(node, scene)
    note = gradient_note(node)
    if note:
        return _said(name, f"{_end(node, scene)}, {note}")
    if node.gradient_of == node.index:
        return _said(name, f"{_end(node, scene)}: the backward pass begins here")
    uses = [
        (user, place)
        for user in scene.graph.consumers(node)
        if user.requires_grad
        for place, operand in enumerate(user.operands)
        if operand is node
    ]
    if not uses:
        return _said(name, _end(node, scene))
    if len(uses) > MOST_PARTS:
        return _said(f"{name}, the sum of its {len(uses)} uses", _end(node, scene))
    if node.shape == () and all(user.shape == () for user, _ in uses):
        found = _of_scalar(node, uses, scene)
        if found is not None:
            return found
    texts = list(dict.fromkeys(_rule(user, node, place, scene) for user, place in uses))
    return _said(f"{name} = {_added(texts)}" if all(texts) else name, _end(node, scene))


def _gradient(node: Node, scene: Scene) -> str:
    """Return the name of a gradient: "∂c/∂a" for a scalar, "∇W" for an array."""
    return gradient_name(node, scene) if node.shape == () and label(node, scene) else _nabla(node, scene)


def _nabla(node: Node, scene: Scene) -> str:
    """Return "∇W", "∇(x @ W)"; and "∇(h²)", since ∇h² is the square of ∇h."""
    name = _called(node, scene) or shape(node.shape)
    return f"∇({name})" if grouped(name) == name and name[-1] in POWERS else f"∇{grouped(name)}"


def _end(node: Node, scene: Scene) -> str:
    """Return the gradient in numbers: " = 0.6", or ", ‖∇W‖ 2.4"."""
    assert node.grad is not None
    if node.shape == ():
        return f" = {number(node.grad[()])}"
    return f", {nonfinite_text(node.grad) or f'‖{_nabla(node, scene)}‖ {number(norm(node.grad))}'}"


def _size(node: Node, scene: Scene) -> str:
    assert node.grad is not None
    if node.shape == ():
        return f"{gradient_name(node, scene)} = {number(node.grad[()])}"
    return f"‖{_nabla(node, scene)}‖ {nonfinite_text(node.grad) or number(norm(node.grad), 2)}"


def _of_scalar(node: Node, uses: list[tuple[Node, int]], scene: Scene) -> Sentence | None:
    """Return the chain rule of a scalar, part by part; None where a part is not known."""
    names, numbers, parts = [], [], []
    for user, place in uses:
        local = local_derivatives(user)[place]
        slope = None if local is None or np.ndim(local) else local[()]
        formula = factor(user, place, scene.names)
        if slope is None or user.grad is None or gradient_note(user):
            return None
        names.append(f"{_gradient(user, scene)} × {formula or _factor_of(slope)}")
        numbers.append(f"{number(user.grad[()])} × {_factor_of(slope)}")
        parts.append(user.grad[()] * slope)
    assert node.grad is not None
    whole = node.grad[()]
    if not _equal(sum(parts), whole):
        return None
    rule = f"{_gradient(node, scene)} = {_added(names)}"
    told = numbers[0] if names[0].rpartition(" × ")[2] != numbers[0].rpartition(" × ")[2] else ""
    if len(parts) > 1:
        told = _sum(parts)
    return _said(rule, "".join(f" = {text}" for text in (told, number(whole)) if text))


def _equal(total: Any, whole: Any) -> bool:
    """Return whether the parts of a gradient make the whole, up to the rounding of its dtype."""
    precision = np.finfo(whole.dtype).eps if whole.dtype.kind in "fc" else 0.0
    return bool(np.isclose(total, whole, rtol=16 * precision, atol=16 * precision, equal_nan=True))


def _factor_of(value: Any) -> str:
    text = number(value)
    return f"({text})" if text.startswith("−") else text


def _sum(parts: Iterable[Any]) -> str:
    return _added([number(part) for part in parts])


def _added(texts: list[str]) -> str:
    """Return a sum of numbers: "0.4 + 0.2", "0.4 − 0.2"."""
    first, *rest = texts
    return first + "".join(f" − {text[1:]}" if text.startswith("−") else f" + {text}" for text in rest)


def _rule(user: Node, node: Node, place: int, scene: Scene) -> str:
    """Return the rule of a call for one of its operands, with the call's own gradient by name: "xᵀ @ ∇z"."""
    told = [each for each in pullbacks(user, scene.names) if each.operand is node]
    before = sum(operand is node for operand in user.operands[:place])
    if before >= len(told) or any("∇" in label(each, scene) for each in (user, *user.operands)):
        return ""
    return told[before].text.replace("∇", _nabla(user, scene))
