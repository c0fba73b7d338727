"""Animations: SVG without script, in which a graph is computed step by step, or a training goes on."""

from __future__ import annotations

import copy
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import Any
from xml.etree import ElementTree

from tinygraph.drawing.choosing import draw, graph_of
from tinygraph.drawing.drawing import Drawing
from tinygraph.drawing.formats.motion import Step, caption, room_for_captions, stylesheet
from tinygraph.drawing.formats.svg import SVG
from tinygraph.drawing.formats.versions import FOR_ALL_TEXTS, GRADIENT, replace_by_versions
from tinygraph.drawing.page.sentences import backward_sentence, forward_sentence
from tinygraph.drawing.page.steps import steps
from tinygraph.drawing.scenes.scene import Scene
from tinygraph.drawing.words import numbers
from tinygraph.graph import Node
from tinygraph.whole_files import Content, check_folder, write_together, write_whole

__all__ = ["Animation", "animate"]

FAINT = 0.08
# Files that are shown in a README stay below.
MOST_BYTES = 200_000

Element = ElementTree.Element


class Animation:
    """A moving picture, the result of `tg.animate`.

    It is one SVG: its movement is CSS, so that it plays wherever a browser shows an SVG as an image. Readers who asked
    their system for less motion see the last picture, and so do those whose viewer knows no movement.

    Attributes:
        captions: the line under each step.
    """

    def __init__(self, root: Element, steps: Sequence[Step], seconds: float) -> None:
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
        last = len(self._steps) - 1
        for _, part, opacity in self._less_than_opaque(root, last):
            part.set("opacity", f"{opacity:g}")
        lines = room_for_captions(root)
        for number, step in enumerate(self._steps):
            root.append(caption(step.caption, lines, f"c{number}", is_seen=number == last))
        style = Element(f"{{{SVG}}}style")
        style.text = stylesheet(self._steps, self._figure, self._seconds)
        root.append(style)
        return ElementTree.tostring(root, encoding="unicode") + "\n"

    def frames(self) -> list[str]:
        """Return each step as an SVG that stands still, for slides."""
        return [self._frame(number) for number in range(len(self._steps))]

    def _frame(self, at: int) -> str:
        root = copy.deepcopy(self._root)
        for parent, part, opacity in self._less_than_opaque(root, at):
            if opacity:
                part.set("opacity", f"{opacity:g}")
            else:
                parent.remove(part)
        root.append(caption(self._steps[at].caption, room_for_captions(root)))
        return ElementTree.tostring(root, encoding="unicode") + "\n"

    def _less_than_opaque(self, root: Element, at: int) -> list[tuple[Element, Element, float]]:
        """Return the parts that are faint or hidden in a step: their parents, themselves, and how opaque they are."""
        shown = {name: opacity for step in self._steps for name, opacity in step.opacities_at(at).items()}
        found = [
            (parent, part, min([shown[name] for name in part.get("class", "").split() if name in shown], default=1.0))
            for parent in root.iter()
            for part in parent
        ]
        return [(parent, part, opacity) for parent, part, opacity in found if opacity < 1]

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
        check_folder("save", path)
        if not frames:
            write_whole("save", path, self.svg().encode())
            return path
        width = len(str(len(self._steps)))
        contents: dict[Path, Content] = {
            path.with_name(f"{path.stem}_{number:0{width}}{path.suffix}"): frame.encode()
            for number, frame in enumerate(self.frames(), 1)
        }
        write_together("save", contents)
        return [*contents]

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
        TypeError: several drawings are not in a list.
        ValueError: the graphs of a film have different calls, or there are none; `seconds` is not above 0.
        NoEngineError: Graphviz is not installed.

    Also raises what `tg.draw` does.
    """
    if seconds is not None and not 0 < seconds < float("inf"):
        raise ValueError(f"animate: a step takes more than 0 seconds, got seconds={seconds!r}")
    if len(outputs) > 1 and any(isinstance(item, Drawing) for item in outputs):
        raise TypeError("animate: the drawings of a film stand in a list. Write tg.animate([first, second, ...])")
    frame = sys._getframe(1)
    if len(outputs) == 1 and isinstance(outputs[0], list | tuple):
        drawings = [_drawn((item,), frame, options) for item in outputs[0]]
        return _film(drawings, 0.25 if seconds is None else seconds)
    return _passes(_drawn(outputs, frame, options), 1.2 if seconds is None else seconds)


def _drawn(given: tuple[Any, ...], frame: FrameType, options: dict[str, Any]) -> Drawing:
    """Return what was given as a drawing, with the names of the user's variables."""
    if len(given) == 1 and isinstance(given[0], Drawing):
        return given[0]
    return draw(graph_of(given, frame), **options)


# --- the passes of one graph ------------------------------------------------------------------------------------------


def _passes(drawing: Drawing, seconds: float) -> Animation:
    """Return the forward and the backward pass of one graph, step by step."""
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
        found.append(Step(number, sentence.told or step["text"], parts))
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
    """Return a film of many drawings; of fewer where the file would be large."""
    if not drawings:
        raise ValueError("animate: the list is empty. Give a graph of each step, such as the losses of a training")
    _check_alike([drawing._scene for drawing in drawings])
    if len({drawing._scene.title for drawing in drawings}) > 1:  # the formula of one step is not that of the others
        drawings = [Drawing(replace(drawing._scene, title="")) for drawing in drawings]
    count = len(drawings)
    while True:
        chosen = sorted({round(place * (len(drawings) - 1) / max(count - 1, 1)) for place in range(count)})
        found = _film_of([drawings[place] for place in chosen], [place + 1 for place in chosen], seconds)
        if count <= 2 or len(found.svg().encode()) <= MOST_BYTES:
            return found
        count = max(2, count * 3 // 4)


def _check_alike(scenes: Sequence[Scene]) -> None:
    """Refuse scenes of different structures."""

    def shape(scene: Scene) -> list[Any]:
        return [(box.id, box.kind, box.node.op) for box in scene.boxes] + [(a.tail, a.head) for a in scene.links]

    for number, scene in enumerate(scenes):
        if shape(scene) != shape(scenes[0]):
            raise ValueError(
                f"animate: graph {number} has other calls than the first, {len(scene.boxes)} boxes and "
                f"{len(scenes[0].boxes)}. A film needs graphs of one shape: draw the same loss in each step"
            )


def _film_of(drawings: Sequence[Drawing], places: Sequence[int], seconds: float) -> Animation:
    """Return a film of all drawings; `places` are the numbers of their steps."""
    roots = [ElementTree.fromstring(drawing.svg()) for drawing in drawings]
    last = roots[-1]
    last.attrib.update(FOR_ALL_TEXTS)
    for root in roots:
        for parent in root.iter():
            for title in parent.findall(f"{{{SVG}}}title"):
                parent.remove(title)
    runs: dict[str, tuple[int, int]] = {}
    for key in ("data-box", "data-link", "data-scope"):
        groups = [{group.get(key): group for group in root.iter(f"{{{SVG}}}g") if group.get(key)} for root in roots]
        for name, group in groups[-1].items():
            versions = [each.get(name, group) for each in groups]
            runs |= replace_by_versions(group, versions, is_box=key == "data-box")
    count = len(drawings)
    found = [
        Step(number, f"step {places[number]:,}: {_results(drawings[number]._scene)}", {}) for number in range(count)
    ]
    for name, (first, end) in runs.items():
        found[first].parts[name] = (0.0, 1.0, 1.0)
        if end < count:
            found[end].parts[f"{name}e"] = (1.0, 0.0, 0.0)
    return Animation(last, found, seconds)


def _results(scene: Scene) -> str:
    """Return the outputs that are numbers, "L = 0.231"."""
    told = [_told(scene, node) for node in scene.graph.outputs if node.shape == () and node.value is not None]
    return ", ".join(told)


def _told(scene: Scene, node: Node) -> str:
    """Return a number with its name."""
    assert node.value is not None
    name = scene.names.get(node.index, "")
    text = numbers.number(node.value.reshape(())[()])
    return f"{name} = {text}" if name else text
