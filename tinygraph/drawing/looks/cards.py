"""The text in the boxes, as Graphviz's HTML-like labels."""

from __future__ import annotations

from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from tinygraph.drawing.grouping.repeats import LoopName, carried_words, is_condition, is_of_loop, loop_line, repeat_of
from tinygraph.drawing.grouping.scopes import Scope
from tinygraph.drawing.health import spoilt_values
from tinygraph.drawing.health.spoilt_gradients import birth_lines, birth_words
from tinygraph.drawing.palette import COLOURS
from tinygraph.drawing.scenes.scene import MOST_OF_ONE_SCOPE, Box, Scene
from tinygraph.drawing.words.expressions import fallback
from tinygraph.drawing.words.facts import histogram, nonfinite_text, norm
from tinygraph.drawing.words.numbers import byte_size, count, number, shape
from tinygraph.drawing.words.symbols import grouped, operation_symbol, sign
from tinygraph.drawing.words.text import clean, clip, markup
from tinygraph.engine.links import Like
from tinygraph.graph import Graph, Node

__all__ = [
    "ELSEWHERE",
    "SPACE",
    "birth_card",
    "block",
    "cell",
    "chip_label",
    "chip_name",
    "constant_card",
    "font",
    "gradient_card",
    "gradient_name",
    "gradient_note",
    "gradient_words",
    "health_lines",
    "layer_card",
    "layer_operations",
    "layer_summary",
    "loop_lines",
    "origin_card",
    "parameter_row",
    "table",
    "tinted",
    "trouble_rows",
    "unstretched",
    "update_card",
    "variable_card",
]

BAR_WIDTH, BAR_HEIGHT, LOWEST_BAR = 6, 14, 2
TRACK_WIDTH, TRACK_HEIGHT = 54, 6
MOST_PARAMETERS = 6
MOST_SYMBOLS = 4
NOTES = {
    "several": "sum of several passes",
    "elsewhere": "not from this graph",
    "changed": "from before the change",
}
MARGIN = 6
SPACE = "\u00a0"
ELSEWHERE = "↗"


def font(text: str, size: int = 10, colour: str = "muted", bold: bool = False) -> str:
    """Return a run of text in one of the palette's colours."""
    written = markup(text) or SPACE
    written = f"<B>{written}</B>" if bold else written
    return f'<FONT POINT-SIZE="{size}" COLOR="{COLOURS[colour]}">{written}</FONT>'


def table(rows: list[str], padding: int = 1, spacing: int = 0, extra: str = "") -> str:
    """Return a borderless table, a row a line, so that no line of DOT grows long."""
    head = f'<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="{spacing}" CELLPADDING="{padding}"{extra}>'
    return "\n".join([head, *(f"<TR>{row}</TR>" for row in rows), "</TABLE>"])


def cell(content: str, align: str = "LEFT", extra: str = "") -> str:
    """One cell."""
    return f'<TD ALIGN="{align}"{extra}>{content}</TD>'


def variable_card(node: Node, scene: Scene) -> str:
    """Name, shape, distribution or value, and the gradient."""
    scalar = node.shape == ()
    align = "CENTER" if scalar else "LEFT"
    rows = {"v": cell(_heading(node, scene), align)}
    if not scalar and not (scene.is_plan and node.value is None):
        rows["content"] = cell(_content(node.value))
    rows |= _image_rows(f"v{node.index}", scene)
    bad = nonfinite_text(node.value)
    if bad and not scalar:
        rows["bad"] = tinted(font(bad, 10, "non-finite", bold=True), "non-finite fill")
    if node.changed:
        rows["changed"] = cell(font("changed since", 9), align)
    if node.index == scene.origin and node.is_input:
        rows["origin"] = cell(font("first non-finite value", 9, "non-finite"))
    gradient = gradient_row(node, scene) if scene.view != "mirror" else ""
    if gradient:
        rows["g"] = gradient
        if gradient_note(node):
            rows["note"] = cell(font(gradient_note(node), 9), align)
    rows |= {f"health{place}": row for place, row in enumerate(_health_rows(f"v{node.index}", scene))}
    if not scene.has_ports:
        return table(list(rows.values()))
    return table([_between_ports(row, name) for name, row in rows.items()])


def _image_rows(box: str, scene: Scene) -> dict[str, str]:
    """Return a block for the images of a value, and a line of words about them."""
    image = scene.thumbnails.get(box)
    if image is None:
        return {}
    free = block(image.width, image.height, "image").replace("></TD>", f' ID="{box}"></TD>')
    room = unstretched(table([free], padding=0), image.width, image.height)
    return {"image": cell(room)} | ({"images": cell(font(image.words, 9))} if image.words else {})


def _between_ports(row: str, name: str) -> str:
    """Return a row with a port at either edge of the card, for arrows."""
    west, east = (f'<TD PORT="{name}{side}" WIDTH="{MARGIN}"></TD>' for side in ("w", "e"))
    return west + row + east


def _name_inside(scope: Scope | None, node: Node, scene: Scene) -> str:
    """Return the name of a value within a layer: "kernel" where the box around it says "dense"."""
    said = clean(node.name or "")
    own = said if scope is None else scope.inside(said)
    if own == said:
        return scene.names[node.index]
    number = scene.names[node.index].removeprefix(clip(said))  # of a name that returns
    return clip(own) + number if number.isdigit() else clip(own)


def _heading(node: Node, scene: Scene) -> str:
    box = scene.box.get(f"v{node.index}")
    around = box.place[-1] if box is not None and box.place else None
    name = _name_inside(around, node, scene) or fallback(node, scene.names)
    if node.shape == ():
        if scene.is_plan and node.value is None:
            told = font((SPACE * 2 if name else "") + shape(node.shape)) + _dtype(node, scene)
            return (font(name, 13, "text", bold=True) if name else "") + told
        text = "not kept" if node.value is None else histogram(node.value).words
        size, colour = (13, "text") if node.value is not None else (10, "muted")
        if name and text == "not kept":
            text = SPACE + text
        elif name:
            text = f"{SPACE}{'now' if node.changed else '='} {text}"
        return (font(name, 13, "text", bold=True) if name else "") + font(text, size, colour) + _dtype(node, scene)
    told = font(shape(node.shape)) + _dtype(node, scene)
    return font(name, 13, "text", bold=True) + font(SPACE * 2) + told if name else told


def _dtype(node: Node, scene: Scene) -> str:
    """The dtype, and "" for the dtype of the outputs."""
    usual = {output.dtype for output in scene.graph.outputs}
    return "" if node.dtype in usual else font(SPACE * 2 + str(node.dtype), 9)


def _content(value: np.ndarray[Any, Any] | None, colour: str = "bars") -> str:
    if value is None:
        return font("values not kept")
    told = histogram(value)
    return _beside(_bars(told.bars, colour), font(SPACE + told.words)) if told.bars else font(told.words)


def _beside(bars: str, words: str) -> str:
    bars, words = cell(bars), cell(words, "RIGHT", ' VALIGN="BOTTOM"')
    return table([bars + words])


def _bars(heights: tuple[float, ...], colour: str) -> str:
    """Return a histogram of coloured cells, which need no font."""
    columns = []
    for height in heights:
        pixels = round(LOWEST_BAR + height * (BAR_HEIGHT - LOWEST_BAR))
        air = [block(BAR_WIDTH, BAR_HEIGHT - pixels)] if pixels < BAR_HEIGHT else []
        columns.append("\n" + cell(table([*air, block(BAR_WIDTH, pixels, colour)], padding=0)))
    return unstretched(table(["".join(columns)], padding=0), len(heights) * BAR_WIDTH, BAR_HEIGHT)


def block(width: int, height: int, colour: str = "") -> str:
    """Return a cell of fixed size, in pixels."""
    fill = f' BGCOLOR="{COLOURS[colour]}"' if colour else ""
    return f'<TD FIXEDSIZE="TRUE" WIDTH="{width}" HEIGHT="{height}"{fill}></TD>'


def unstretched(content: str, width: int, height: int) -> str:
    """Graphviz pulls a table apart to fill its cell, except inside a cell of fixed size."""
    size = f' FIXEDSIZE="TRUE" WIDTH="{width}" HEIGHT="{height}"'
    return table([cell(content, extra=size)], padding=0)


def tinted(content: str, fill: str, align: str = "LEFT") -> str:
    """Return a cell on a ground of its own colour."""
    return cell(content, align, f' BGCOLOR="{COLOURS[fill]}" STYLE="ROUNDED"')


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
    """ "∂c/∂a" if the gradient is that derivative at the values shown, and both values have labels of their own."""
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
    """The reason why the gradient is not a derivative at the values shown; "" if it is one, or is missing."""
    return "" if node.grad is None else NOTES.get(node.gradient_note, "")


def gradient_row(node: Node, scene: Scene) -> str:
    """Return the gradient on its own tint: a number, a histogram with its norm, or the reason why there is none."""
    words = gradient_words(node, scene)
    if not words:
        return ""
    if node.grad is None:
        return cell(font(words, 9), "CENTER" if node.shape == () else "LEFT")
    bad = nonfinite_text(node.grad)
    if bad:
        told = words if node.shape == () else f"∇: {bad}"
        return tinted(font(told, 10, "non-finite", bold=True), "non-finite fill")
    if node.shape == ():
        return tinted(font(words, 12, "gradient"), "gradient fill", "CENTER")
    bars = histogram(node.grad).bars
    text = font(SPACE + words if bars else words, 10, "gradient")
    return tinted(_beside(_bars(bars, "gradient"), text) if bars else text, "gradient fill")


def chip_name(box: Box, scene: Scene) -> str:
    """Return the name on a chip: that of its card."""
    if box.layer is not None:
        return box.layer.title
    if box.constant is not None:
        return clip(clean(box.name))
    name = _name_inside(box.place[-1] if box.place else None, box.node, scene) or fallback(box.node, scene.names)
    return f"∇{grouped(name)}" if box.role == "gradient" else name


def chip_label(box: Box, scene: Scene) -> str:
    """Return the text of a chip: a name, and the sign of a card that is elsewhere."""
    return font(chip_name(box, scene), 10, "text", bold=True) + font(SPACE + ELSEWHERE, 8)


def gradient_card(node: Node, scene: Scene) -> str:
    """Return a gradient on a card of its own."""
    name = "∇" + grouped(scene.names[node.index] or fallback(node, scene.names))
    note = [cell(font(gradient_note(node), 9))] if gradient_note(node) else []
    if node.grad is None:
        return table([cell(font(name, 13, "gradient", bold=True)), cell(font(gradient_words(node, scene)[2:], 9))])
    bad = nonfinite_text(node.grad)
    if node.shape == ():
        told = font(f"{SPACE}= {histogram(node.grad).words}", 13, "non-finite" if bad else "gradient")
        return table([cell(font(name, 13, "gradient", bold=True) + told, "CENTER"), *note])
    rows = [cell(font(name, 13, "gradient", bold=True) + font(SPACE * 2 + shape(node.shape)))]
    words = font(f"{SPACE}‖∇‖ {number(norm(node.grad), 2)}", 10, "gradient")
    bars = histogram(node.grad).bars
    rows.append(cell(_beside(_bars(bars, "gradient"), words) if bars else words))
    if bad:
        rows.append(tinted(font(bad, 10, "non-finite", bold=True), "non-finite fill"))
    return table(rows + note)


def constant_card(array: np.ndarray[Any, Any] | Like, name: str, box: str, scene: Scene) -> str:
    """Return the card of a plain array among the arguments, with its name in the user's code."""
    values = array if isinstance(array, np.ndarray) else None
    said = clip(clean(name))
    heading = font(said, 13, "text", bold=True) + font(SPACE * 2) if said else ""
    rows = [cell(heading + font(shape(array.shape))), cell(_content(values)), *_image_rows(box, scene).values()]
    bad = nonfinite_text(values)
    if bad:
        rows.append(tinted(font(bad, 10, "non-finite", bold=True), "non-finite fill"))
    return table(rows)


def origin_card(node: Node, scene: Scene) -> str:
    """Return the card of the call that made the first non-finite value: its kind, the number, and the user's line."""
    lines = [font(operation_symbol(node, scene.names), 12, "on operation", bold=True)]
    bad = nonfinite_text(node.value, " are ") if node.shape else number(np.asarray(node.value)[()])
    lines.append(font(bad, 10, "on operation"))
    where = spoilt_values.place(node)
    if where:
        lines.append(font(clip(clean(where)), 10, "on operation"))
    return table([cell(line, "CENTER") for line in lines])


def health_lines(box: str, scene: Scene) -> list[str]:
    """Return the dead units of a ReLU, as lines on its operation."""
    return [font(line, 10, "on operation") for line in scene.health[box].relus]


def _health_rows(box: str, scene: Scene) -> list[str]:
    """Return the gradient of a layer beside the largest one, and its dead ReLUs; red where it is marked."""
    layer = scene.health.get(box)
    if layer is None:
        return []
    told = [(layer.words, bool(layer.mark)), *((line, "dead" in line) for line in layer.relus)]
    return [
        tinted(font(words, 10, "non-finite", bold=True), "non-finite fill") if marked else cell(font(words))
        for words, marked in told
        if words
    ]


def birth_card(scene: Scene) -> str:
    """Return the card of the call whose backward step made the first gradient that is not finite."""
    assert scene.birth is not None and scene.birth.call is not None
    symbol = font(operation_symbol(scene.birth.call, scene.names), 12, "on operation", bold=True)
    lines = [font(line, 10, "on operation") for line in birth_lines(scene.birth, scene.names) if line]
    return table([cell(line, "CENTER") for line in (symbol, *lines)])


def layer_card(box: Box, scene: Scene) -> str:
    """Return the card of a collapsed scope: its operations, the shapes in and out, and its parameters' gradients."""
    assert box.layer is not None
    parameters = box.parameters
    heading = font(box.layer.title, 13, "text", bold=True) + font(SPACE * 2 + layer_operations(box), 11)
    rows = [cell(heading), *[cell(font(line)) for line in loop_lines(box, scene)]]
    if box.role == "gradient":
        return table([*rows, *[cell(font(line, 10, "gradient")) for line in box.lines]])
    rows.append(cell(font(layer_summary(box, scene, parameters))))
    rows += _health_rows(box.id, scene)
    if box.id in scene.heated and scene.heat is not None:
        amount = scene.heated[box.id]
        least = (
            "at least " if not scene.heat.is_norm and any(n.index in scene.heat.unknown for n in box.members) else ""
        )
        _, fill, _, on = scene.heat.look(amount, scene.heat_ends)
        rows.append(
            cell(font(SPACE + least + scene.heat.words(amount), 10, on), extra=f' BGCOLOR="{fill}" STYLE="ROUNDED"')
        )
    if parameters:
        shown = parameters if len(parameters) <= MOST_PARAMETERS else parameters[: MOST_PARAMETERS - 1]
        rows.append(cell(table([parameter_row(node, scene, box.layer) for node in shown], padding=2)))
        if len(shown) < len(parameters):
            rows.append(cell(font(f"and {len(parameters) - len(shown)} more parameters", 9)))
    crowds = {
        "inputs": sum(node.is_input and not node.requires_grad for node in box.members),
        "outputs": sum(not node.is_input and scene.graph.role(node) == "output" for node in box.members),
    }
    crowded = [f"{size} {what}" for what, size in crowds.items() if size > MOST_OF_ONE_SCOPE]
    if crowded:
        rows.append(cell(font(f"with {' and '.join(crowded)} of its own", 9)))
    return table([*rows, *trouble_rows(box, scene)])


def trouble_rows(box: Box, scene: Scene) -> list[str]:
    """Return the rows about the values and gradients of a collapsed scope that are not finite."""
    rows = []
    bad = [node for node in box.members if node.index in scene.poisoned]
    if bad:
        first = next((node for node in bad if node.index == scene.origin), None)
        symbol = operation_symbol(first, scene.names) if first else ""
        told = f"first non-finite value: {symbol}" if first else f"{len(bad)} values not finite"
        where = f", {spoilt_values.place(first)}" if first and spoilt_values.place(first) else ""
        rows.append(tinted(font(clip(clean(told + where), 48), 10, "non-finite", bold=True), "non-finite fill"))
    if scene.birth is not None and scene.birth.call in box.members:
        told = clip(birth_words(scene.birth, scene.names), 64)
        rows.append(tinted(font(told, 10, "non-finite", bold=True), "non-finite fill"))
    return rows


def update_card(box: Box) -> str:
    """Return the card of an update: its formulas, and the parameters that the new values go back into."""
    goes_to = [line for line in box.name.split("\n") if line]
    size = 10 if len(box.lines) > 1 else 11
    rows = [cell(font(line, size, "text", bold=not place and not goes_to)) for place, line in enumerate(box.lines)]
    for line in goes_to:
        name, gap, told = line.partition(SPACE * 2)
        rows.append(cell(font(f"→ {name}", 11, "parameter", bold=True) + (font(gap + told) if told else "")))
    return table(rows)


def _largest_norm(graph: Graph) -> float:
    """Return the largest norm of a parameter's gradient, computed once: a page has hundreds of cards of one graph."""
    if graph not in _largest:
        gradients = [node.grad for node in graph.parameters if node.grad is not None]
        _largest[graph] = max((norm(grad) for grad in gradients if not nonfinite_text(grad)), default=0.0)
    return _largest[graph]


_largest: WeakKeyDictionary[Graph, float] = WeakKeyDictionary()


def layer_operations(box: Box) -> str:
    """ "@ + ReLU" for a few, "9 ops" for many; those of one step for a repeat, "6 ops each"."""
    repeat = repeat_of(box.layer.names[-1]) if box.layer is not None else None
    nodes = box.members if repeat is None else repeat.steps[-1]
    calls = [node for node in nodes if not node.is_input and not is_of_loop(node)]
    signs = [clip(clean(_sign(node)), 12) for node in calls]
    told = " ".join(signs) if len(signs) <= MOST_SYMBOLS else f"{len(calls)} ops"
    return told if repeat is None else f"{told} {'a step' if repeat.scope is None else 'each'}"


def loop_lines(box: Box, scene: Scene) -> list[str]:
    """Return of a loop's card the user's line and the values that it carries; nothing for another scope."""
    name = box.layer.names[-1] if box.layer is not None else ""
    if not isinstance(name, LoopName):
        return []
    told = carried_words(name)
    if not told and name.repeat is None and name.again:
        told = f"{len(name.again)} value{'s' if len(name.again) > 1 else ''}"
    return [line for line in (loop_line(name), told and f"carries {told}") if line]


def _sign(node: Node) -> str:
    """The operation in a list of several, without its operands: "·²", and "×" where its own card says "h × 0.9"."""
    return operation_symbol(node, {}) if node.op in {"power", "float_power"} else sign(node.op)


def layer_summary(box: Box, scene: Scene, parameters: list[Node]) -> str:
    """ "209×20 → 209×7 · 147 params · 1.18 kB" """
    sources = {node.index: node for link in scene.into[box.id] for node in link.nodes}.values()
    data = [node for node in sources if not (node.is_input and node.requires_grad)] or list(sources)
    texts = []
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
    """ "209×7", "3×4, scalar", "5 of 3×4", "5 values"; "" for none."""
    texts = [shape(node.shape) for node in nodes]
    if len(texts) <= 2:
        return ", ".join(texts)
    return f"{len(texts)} of {texts[0]}" if len(set(texts)) == 1 else f"{len(texts)} values"


def parameter_row(node: Node, scene: Scene, layer: Scope) -> str:
    """Return a parameter of a layer and its gradient."""
    name = cell(font(_name_inside(layer, node, scene) or shape(node.shape), 10, "parameter", bold=True))
    if scene.is_plan:
        return name + cell(font(shape(node.shape)), extra=' COLSPAN="3"')
    if node.grad is None or nonfinite_text(node.grad):
        bad = nonfinite_text(node.grad)
        told = font(f"∇: {bad}", 10, "non-finite", bold=True) if bad else font(gradient_words(node, scene), 9)
        return name + cell(told, extra=' COLSPAN="3"')
    size, largest = norm(node.grad), _largest_norm(scene.graph)
    decades = np.log10(size / largest) if size and largest else -np.inf
    track = round(TRACK_WIDTH * float(np.clip(1 + decades / scene.decades, 0, 1)))
    bars = histogram(node.grad).bars
    words = font(f"‖∇‖ {number(size, 2)}", 10, "gradient")
    return (
        name
        + cell(_track(track))
        + cell(words, "RIGHT")
        + cell(_bars(bars, "gradient") if bars else font(""), extra=' VALIGN="BOTTOM"')
    )


def _track(length: int) -> str:
    """Return a bar of `length` pixels on a paler one of the full length."""
    halves = (("gradient", length), ("gradient track", TRACK_WIDTH - length))
    blocks = "".join(block(pixels, TRACK_HEIGHT, colour) for colour, pixels in halves if pixels)
    return unstretched(table([blocks], padding=0), TRACK_WIDTH, TRACK_HEIGHT)
