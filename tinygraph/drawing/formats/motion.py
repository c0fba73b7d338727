"""Motion of an SVG without script: its steps, their captions, and the rules that show each part in its time."""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree import ElementTree

from tinygraph.drawing.formats.fonts import CSS_FONTS
from tinygraph.drawing.formats.svg import SVG
from tinygraph.drawing.palette import COLOURS
from tinygraph.drawing.words.text import clip

__all__ = ["Step", "caption", "room_for_captions", "stylesheet"]

# The end is shown for so many steps longer.
PAUSE = 3
CAPTION_HEIGHT = 30

Element = ElementTree.Element


class Step:
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


def room_for_captions(root: Element) -> tuple[float, float]:
    """Make the picture higher by a line, and return its width and the line's place."""
    left, top, width, height = map(float, root.get("viewBox", "0 0 0 0").split())
    root.set("viewBox", f"{left:g} {top:g} {width:g} {height + CAPTION_HEIGHT:g}")
    scale = float(root.get("height", f"{height}pt").removesuffix("pt")) / height if height else 1.0
    root.set("height", f"{(height + CAPTION_HEIGHT) * scale:.0f}pt")
    return width, top + height + CAPTION_HEIGHT / 2


def caption(text: str, place: tuple[float, float], name: str = "", is_seen: bool = True) -> Element:
    """Return the line under a step, in letters that fit the width of the picture.

    Args:
        text: the line.
        place: the width of the picture, and where the line is.
        name: the class that moves the line, "" in a picture that stands still.
        is_seen: False for a line that is seen only by movement.
    """
    width, y = place
    said = clip(text, max(24, int(width / 5.2)))
    size = min(13.0, max(8.0, 1.8 * width / max(len(said), 1)))
    looks = {"x": f"{width / 2:.1f}", "y": f"{y:.1f}", "font-size": f"{size:.1f}", "text-anchor": "middle"}
    looks |= {"font-family": CSS_FONTS, "fill": COLOURS["text"]}
    looks |= ({"class": f"caption {name}"} if name else {}) | ({} if is_seen else {"opacity": "0"})
    element = Element(f"{{{SVG}}}text", looks)
    element.text = said
    return element


def stylesheet(steps: Sequence[Step], figure: str, seconds: float) -> str:
    """Return the rules that show each part in its time, over and over.

    Without them, the attributes of the parts show the last step: not every viewer knows movement, or style sheets.
    """
    whole = (len(steps) + PAUSE) * seconds
    rules = [f".{figure} text{{white-space:pre}}"]
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
    return "\n".join([*rules, f"@media (prefers-reduced-motion:no-preference){{{''.join(moving)}}}"])
