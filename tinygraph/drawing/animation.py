"""Animations: SVG without script, in which a graph is computed step by step, or a training goes on."""

from __future__ import annotations

import copy
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from tinygraph.drawing.choosing import draw
from tinygraph.drawing.drawing import Drawing
from tinygraph.drawing.formats.svg import SVG
from tinygraph.drawing.formats.writing_files import replace_file
from tinygraph.drawing.page.sentences import backward_sentence, forward_sentence
from tinygraph.drawing.page.steps import steps
from tinygraph.drawing.palette import COLOURS
from tinygraph.drawing.scenes.scene import Scene
from tinygraph.drawing.words import numbers
from tinygraph.drawing.words.text import clip
from tinygraph.graph import Node

__all__ = ["Animation", "animate"]

# Parts of a card that belong to its gradient.
GRADIENT = {COLOURS["gradient"], COLOURS["gradient fill"], COLOURS["gradient track"]}
FAINT = 0.08
FONT = "Helvetica, Arial, 'DejaVu Sans', sans-serif"
SAID = {"font-family", "lengthAdjust", "text-anchor", "{http://www.w3.org/XML/1998/namespace}space"}
# The end is shown for so many steps longer.
PAUSE = 3
CAPTION_HEIGHT = 30
# Files that are shown in a README stay below.
MOST_BYTES = 200_000
NUMBER = re.compile(r"-?\d+(?:\.\d+)?")

Element = ElementTree.Element


class Animation:
    """A moving picture, the result of `tg.animate`.

    It is one SVG: its movement is CSS, so that it plays wherever an SVG is shown as an image. Readers who asked their
    system for less motion see the last picture.

    Attributes:
        captions: the line under each step.
    """

    def __init__(self, root: Element, steps: Sequence[_Step], seconds: float) -> None:
        self._root = root
        self._steps = steps
        self._figure = root.get("class", "")
        self._seconds = seconds

    @property
    def captions(self) -> tuple[str, ...]:
        """The line under each step."""
        return tuple(step.caption for step in self._steps)

    def svg(self) -> str:
        """Return the animation as SVG."""
        root = copy.deepcopy(self._root)
        lines = _room_for_captions(root)
        for number, step in enumerate(self._steps):
            root.append(_caption(step.caption, lines, f"c{number}"))
        style = Element(f"{{{SVG}}}style")
        style.text = _stylesheet(self._steps, self._figure, self._seconds)
        root.append(style)
        return ElementTree.tostring(root, encoding="unicode") + "\n"

    def frames(self) -> list[str]:
        """Return each step as an SVG that stands still, for slides."""
        return [self._frame(number) for number in range(len(self._steps))]

    def _frame(self, at: int) -> str:
        root = copy.deepcopy(self._root)
        shown = {name: opacity for step in self._steps for name, opacity in step.opacities_at(at).items()}
        for parent in list(root.iter()):
            for part in list(parent):
                opacity = min([shown[name] for name in part.get("class", "").split() if name in shown], default=1.0)
                if opacity == 0:
                    parent.remove(part)
                elif opacity < 1:
                    part.set("opacity", str(opacity))
        root.append(_caption(self._steps[at].caption, _room_for_captions(root), ""))
        return ElementTree.tostring(root, encoding="unicode") + "\n"

    def save(self, path: str | os.PathLike[str], frames: bool = False) -> Path | list[Path]:
        """Write the animation, and return the path.

        Args:
            path: ends in .svg.
            frames: write each step as a file of its own instead, "c_01.svg", "c_02.svg"; return their paths.

        Raises:
            ValueError: another suffix.
            OSError: a file cannot be written.
        """
        path = Path(path)
        if path.suffix.lower() != ".svg":
            raise ValueError(f"cannot save {path.name!r}: an animation is an .svg")
        if not frames:
            return replace_file(path, self.svg().encode())
        width = len(str(len(self._steps)))
        return [
            replace_file(path.with_name(f"{path.stem}_{number:0{width}}{path.suffix}"), frame.encode())
            for number, frame in enumerate(self.frames(), 1)
        ]

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        drawn = self.svg()
        return {"text/html": f"<div>{drawn}</div>", "image/svg+xml": drawn, "text/plain": repr(self)}

    def __repr__(self) -> str:
        return f"<Animation of {len(self._steps)} steps, {len(self._steps) * self._seconds:.3g} seconds>"


def animate(*outputs: Any, seconds: float | None = None, **options: Any) -> Animation:
    """Animate the forward and the backward pass of a graph, or a training.

        tg.animate(c).save("c.svg")

    Values appear in the order in which they are computed, then gradients in the order of the backward pass; a line says
    each step in names and numbers. A list of graphs of one shape, such as the losses of a training's steps, is a film:
    their numbers change in one picture.

    Args:
        outputs: what `tg.draw` takes; or one list of Tensors, graphs or drawings.
        seconds: of a step; None for 1.2, and for 0.25 in a film.
        options: see `tg.draw`.

    Returns:
        An `Animation`, which shows itself in a notebook and has `.save("c.svg")`. A film that would be larger than
        200 kB leaves steps out, evenly, and never the last.

    Raises:
        ValueError: the graphs of a film have different calls, or there are none.
        NoEngineError: Graphviz is not installed.

    Also raises what `tg.draw` does.
    """
    if len(outputs) == 1 and isinstance(outputs[0], list | tuple):
        return _film([_drawn(item, options) for item in outputs[0]], 0.25 if seconds is None else seconds)
    return _passes(_drawn(outputs, options), 1.2 if seconds is None else seconds)


def _drawn(given: Any, options: dict[str, Any]) -> Drawing:
    if isinstance(given, Drawing):
        return given
    return draw(*(given if isinstance(given, tuple) else (given,)), **options)


class _Step:
    """A step: its caption, and when each class of parts is seen.

    Attributes:
        caption: the line under the picture.
        parts: by the class of some parts their opacity before the step, in it, and behind it.
    """

    def __init__(self, number: int, caption: str, parts: dict[str, tuple[float, float, float]]) -> None:
        self.number = number
        self.caption = caption
        self.parts = parts

    def opacities_at(self, number: int) -> dict[str, float]:
        """Return the opacity of each class while another step is shown."""
        when = (number > self.number) + (number >= self.number)
        return {name: opacities[when] for name, opacities in self.parts.items()}


# --- the passes of one graph ------------------------------------------------------------------------------------------


def _passes(drawing: Drawing, seconds: float) -> Animation:
    scene = drawing._scene
    root = ElementTree.fromstring(drawing.svg())
    shown: dict[str, int] = {}
    lit: dict[str, int] = {}
    found = []
    for number, step in enumerate(steps(scene)):
        for box in step.get("show", ()):
            shown.setdefault(box, number)
        if "gradient" in step:
            lit.setdefault(step["gradient"], number)
        box = scene.box[step["at"]]
        sentence = (backward_sentence if "gradient" in step else forward_sentence)(box, scene)
        parts = {f"s{number}": (FAINT, 1.0, 1.0)} if "show" in step else {f"g{number}": (0.0, 1.0, 1.0)}
        found.append(_Step(number, sentence.told or step["text"], parts))
    for group in root.iter(f"{{{SVG}}}g"):
        _mark_group(group, scene, shown, lit)
    return Animation(root, found, seconds)


def _mark_group(group: Element, scene: Scene, shown: dict[str, int], lit: dict[str, int]) -> None:
    """Give the parts of a box, or an arrow, the class of the step that they appear in."""
    box, arrow = group.get("data-box"), group.get("data-link")
    if box is not None and box in shown:
        _add_class(group, f"s{shown[box]}")
        if box in lit:
            for part in group.iter():
                if part.get("fill") in GRADIENT:
                    _add_class(part, f"g{lit[box]}")
    elif arrow is not None:
        link = scene.links[int(arrow[1:])]
        if link.kind == "backward" and link.tail in lit:
            _add_class(group, f"g{lit[link.tail]}")
        elif link.tail in shown and link.head in shown:
            _add_class(group, f"s{max(shown[link.tail], shown[link.head])}")


def _add_class(part: Element, name: str) -> None:
    part.set("class", f"{part.get('class', '')} {name}".strip())


# --- a film of many graphs --------------------------------------------------------------------------------------------


def _film(drawings: Sequence[Drawing], seconds: float) -> Animation:
    if not drawings:
        raise ValueError("animate: the list is empty. Give a graph of each step, such as the losses of a training")
    _check_alike([drawing._scene for drawing in drawings])
    count = len(drawings)
    while True:
        chosen = sorted({round(place * (len(drawings) - 1) / max(count - 1, 1)) for place in range(count)})
        found = _film_of([drawings[place] for place in chosen], [place + 1 for place in chosen], seconds)
        if count <= 2 or len(found.svg().encode()) <= MOST_BYTES:
            return found
        count = max(2, count * 3 // 4)


def _check_alike(scenes: Sequence[Scene]) -> None:
    def shape(scene: Scene) -> list[Any]:
        return [(box.id, box.kind, box.node.op) for box in scene.boxes] + [(a.tail, a.head) for a in scene.links]

    for number, scene in enumerate(scenes):
        if shape(scene) != shape(scenes[0]):
            raise ValueError(
                f"animate: graph {number} has other calls than the first, {len(scene.boxes)} boxes and "
                f"{len(scenes[0].boxes)}. A film needs graphs of one shape: draw the same loss in each step"
            )


def _film_of(drawings: Sequence[Drawing], places: Sequence[int], seconds: float) -> Animation:
    roots = [ElementTree.fromstring(drawing.svg()) for drawing in drawings]
    last = roots[-1]
    for root in roots:
        for parent in root.iter():
            for title in parent.findall(f"{{{SVG}}}title"):
                parent.remove(title)
    runs: dict[str, tuple[int, int]] = {}
    for key in ("data-box", "data-link"):
        groups = [{group.get(key): group for group in root.iter(f"{{{SVG}}}g") if group.get(key)} for root in roots]
        for name, group in groups[-1].items():
            versions = [each.get(name, group) for each in groups]
            runs |= _replace_by_versions(group, versions, is_box=key == "data-box")
    count = len(drawings)
    found = [
        _Step(number, f"step {places[number]:,}: {_results(drawings[number]._scene)}", {}) for number in range(count)
    ]
    for name, (first, end) in runs.items():
        found[first].parts[name] = (0.0, 1.0, 1.0)
        if end < count:
            found[end].parts[f"{name}e"] = (1.0, 0.0, 0.0)
    return Animation(last, found, seconds)


def _results(scene: Scene) -> str:
    """ "L = 0.231" of the outputs that are numbers."""
    told = [_told(scene, node) for node in scene.graph.outputs if node.shape == () and node.value is not None]
    return ", ".join(told)


def _told(scene: Scene, node: Node) -> str:
    """Return a number with its name."""
    assert node.value is not None
    name = scene.names.get(node.index, "")
    text = numbers.number(node.value.reshape(())[()])
    return f"{name} = {text}" if name else text


def _replace_by_versions(group: Element, versions: Sequence[Element], is_box: bool) -> dict[str, tuple[int, int]]:
    """Put the versions of each part that changes in its place, with the class of the steps that show it.

    Returns:
        By class the step that shows it first, and the one behind the last.
    """
    moves = [_way(_middle(version), _middle(group)) if is_box else (0.0, 0.0) for version in versions]
    if len({tuple(part.tag for part in version) for version in versions}) > 1:  # a bar more, or a row
        return _replace_parts(group, list(group), [[*version] for version in versions], moves)
    # The outline of a box stays, and so does the ground of its gradient: only their widths follow the letters.
    places = [
        place for place, part in enumerate(group)
        if part.tag.endswith("text") or (is_box and place > 0 and part.get("fill") not in GRADIENT)
    ]  # fmt: skip
    changing = [[version[place] for place in places] for version in versions]
    if len({"".join(map(_form if is_box else _words, version)) for version in changing}) == 1:
        return {}
    parts = [group[place] for place in places]
    if not is_box:
        changing = [
            [_with_text(part, other.text) for part, other in zip(parts, version, strict=True)] for version in changing
        ]
    return _replace_parts(group, parts, changing, moves)


def _words(part: Element) -> str:
    return part.text or ""


def _replace_parts(
    group: Element, parts: Sequence[Element], versions: Sequence[list[Element]], moves: Sequence[tuple[float, float]]
) -> dict[str, tuple[int, int]]:
    """Put versions of some parts of a group at its end, those that are alike once."""
    texts = ["".join(map(_form, version)) for version in versions]
    for part in parts:
        group.remove(part)
    runs: dict[str, tuple[int, int]] = {}
    first = 0
    while first < len(texts):
        end = first
        while end < len(texts) and texts[end] == texts[first]:
            end += 1
        name = f"r{first}x{end}"
        runs[name] = (first, end)
        holder = Element(f"{{{SVG}}}g", {"class": name})
        inner = ElementTree.SubElement(holder, f"{{{SVG}}}g", {"class": f"{name}e"}) if end < len(texts) else holder
        x, y = moves[first]
        if abs(x) > 0.05 or abs(y) > 0.05:
            inner.set("transform", f"translate({x:.1f},{y:.1f})")
        inner.extend(map(_light, versions[first]))
        group.append(holder)  # over the ground of the gradient
        first = end
    return runs


def _light(part: Element) -> Element:
    """Return a copy without the attributes that the style says of all texts."""
    made = copy.deepcopy(part)
    for text in made.iter(f"{{{SVG}}}text"):
        text.attrib = {key: word for key, word in text.attrib.items() if key not in SAID}
    return made


def _form(part: Element) -> str:
    """Return the text of a part, and its shape wherever it stands, to tenths of a point."""
    points = [float(text) for text in NUMBER.findall(part.get("d") or part.get("points") or "")]
    shape = [round(n - start, 1) for pair in zip(points[::2], points[1::2], strict=False)
             for n, start in zip(pair, points, strict=False)]  # fmt: skip
    return f"{part.tag} {part.text} {part.get('fill')} {shape}"


def _with_text(part: Element, text: str | None) -> Element:
    made = copy.deepcopy(part)
    made.text = text
    made.attrib.pop("textLength", None)
    return made


def _way(start: tuple[float, float], end: tuple[float, float]) -> tuple[float, float]:
    return end[0] - start[0], end[1] - start[1]


def _middle(group: Element) -> tuple[float, float]:
    """Return the middle of the first shape of a box."""
    for shape in group.iter():
        if shape.get("cx") is not None:
            return float(shape.get("cx", 0)), float(shape.get("cy", 0))
        points = [float(text) for text in NUMBER.findall(shape.get("d") or shape.get("points") or "")]
        if points:
            xs, ys = points[::2], points[1::2]
            return (min(xs) + max(xs)) / 2, (min(ys) + max(ys)) / 2
    return 0.0, 0.0


# --- captions and times -----------------------------------------------------------------------------------------------


def _room_for_captions(root: Element) -> tuple[float, float]:
    """Make the picture higher by a line, and return its width and the line's place."""
    left, top, width, height = map(float, root.get("viewBox", "0 0 0 0").split())
    root.set("viewBox", f"{left:g} {top:g} {width:g} {height + CAPTION_HEIGHT:g}")
    scale = float(root.get("height", f"{height}pt").removesuffix("pt")) / height if height else 1.0
    root.set("height", f"{(height + CAPTION_HEIGHT) * scale:.0f}pt")
    return width, top + height + CAPTION_HEIGHT / 2


def _caption(text: str, place: tuple[float, float], name: str) -> Element:
    width, y = place
    said = clip(text, max(24, int(width / 5.2)))
    size = min(13.0, max(8.0, 1.8 * width / max(len(said), 1)))
    looks = {"x": f"{width / 2:.1f}", "y": f"{y:.1f}", "font-size": f"{size:.1f}", "text-anchor": "middle"}
    looks |= {"font-family": FONT, "fill": COLOURS["text"]}
    element = Element(f"{{{SVG}}}text", looks | ({"class": f"caption {name}"} if name else {}))
    element.text = said
    return element


def _stylesheet(steps: Sequence[_Step], figure: str, seconds: float) -> str:
    """Return the rules that show each part in its time, over and over."""
    whole = (len(steps) + PAUSE) * seconds
    rules = [f".{figure} .caption{{opacity:0}}.{figure} text{{font-family:{FONT};white-space:pre}}"]
    moving = []

    def share(step: float) -> str:
        return f"{100 * step * seconds / whole:.3f}".rstrip("0").rstrip(".") + "%"

    def move(name: str, frames: str, timing: str) -> None:
        rules.append(f"@keyframes {figure}-{name}{{{frames}}}")
        moving.append(f".{figure} .{name}{{animation:{figure}-{name} {whole:g}s {timing} infinite}}")

    for step in steps:
        at = step.number
        for name, (before, _, after) in step.parts.items():
            if name.startswith("r"):  # a number of a film: there at once
                move(name, f"0%{{opacity:{before:g}}}{share(at)}{{opacity:{after:g}}}", "step-end")
            elif at:
                frames = f"0%,{share(at - 0.12)}{{opacity:{before:g}}}{share(at)},100%{{opacity:{after:g}}}"
                move(name, frames, "linear")
        end = share(at + 1) if step is not steps[-1] else "100%"
        start = f"0%{{opacity:0}}{share(at)}{{opacity:1}}" if at else "0%{opacity:1}"
        move(f"c{at}", f"{start}{end}{{opacity:0}}", "step-end")
    still = f".{figure} .c{len(steps) - 1}{{opacity:1}}"
    still += "".join(
        f".{figure} .{name}{{opacity:{parts[2]:g}}}" for step in steps for name, parts in step.parts.items()
    )
    return "\n".join(
        [*rules, f"@media (prefers-reduced-motion:no-preference){{{''.join(moving)}}}",
         f"@media (prefers-reduced-motion:reduce){{{still}}}"]
    )  # fmt: skip
