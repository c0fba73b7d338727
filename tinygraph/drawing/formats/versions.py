"""Versions of the parts of an SVG: what changes from step to step, each part with the class of its steps."""

from __future__ import annotations

import copy
import re
from collections.abc import Sequence
from xml.etree import ElementTree

from tinygraph.drawing.formats.fonts import CSS_FONTS
from tinygraph.drawing.formats.svg import SVG
from tinygraph.drawing.palette import COLOURS

__all__ = ["FOR_ALL_TEXTS", "GRADIENT", "replace_by_versions"]

# Parts of a card that belong to its gradient.
GRADIENT = {COLOURS["gradient"], COLOURS["gradient fill"], COLOURS["gradient track"]}
# What the picture itself says of all texts in it; `SAID` is left out of each.
FOR_ALL_TEXTS = {"font-family": CSS_FONTS, "{http://www.w3.org/XML/1998/namespace}space": "preserve"}
SAID = {*FOR_ALL_TEXTS, "lengthAdjust", "text-anchor"}
STYLE = ("fill", "stroke", "stroke-width", "stroke-dasharray", "font-weight")
NUMBER = re.compile(r"-?\d+(?:\.\d+)?")

Element = ElementTree.Element


def replace_by_versions(group: Element, versions: Sequence[Element], is_box: bool) -> dict[str, tuple[int, int]]:
    """Put the versions of each part that changes in its place, with the class of the steps that show it.

    Returns:
        By class the step that shows it first, and the one behind the last.
    """
    moves = [_way(_middle(version), _middle(group)) if is_box else (0.0, 0.0) for version in versions]
    if len({tuple(part.tag for part in version) for version in versions}) > 1:  # a bar more, or a row
        return _replace_parts(group, list(group), [[*version] for version in versions], moves)
    if len({tuple(map(_style, version)) for version in versions}) > 1:  # a value that is no longer finite
        parts = list(group)
        whole = [
            [*version] if is_box else [_in_style(part, other) for part, other in zip(parts, version, strict=True)]
            for version in versions
        ]
        return _replace_parts(group, parts, whole, moves)
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
    """Return a copy without the attributes that the picture says of all texts."""
    made = copy.deepcopy(part)
    for text in made.iter(f"{{{SVG}}}text"):
        text.attrib = {key: word for key, word in text.attrib.items() if key not in SAID}
    return made


def _form(part: Element) -> str:
    """Return the text of a part, and its shape wherever it stands, to tenths of a point."""
    points = [float(text) for text in NUMBER.findall(part.get("d") or part.get("points") or "")]
    shape = [round(n - start, 1) for pair in zip(points[::2], points[1::2], strict=False)
             for n, start in zip(pair, points, strict=False)]  # fmt: skip
    return f"{part.tag} {part.text} {_style(part)} {shape}"


def _style(part: Element) -> tuple[str | None, ...]:
    """Return the colours and the lines of a part."""
    return tuple([part.get(name) for name in STYLE])


def _in_style(part: Element, other: Element) -> Element:
    """Return a copy where the part stands, with the text, the colours and the lines of another."""
    made = _with_text(part, other.text) if part.tag.endswith("text") else copy.deepcopy(part)
    for name in STYLE:
        made.attrib.pop(name, None)
        word = other.get(name)
        if word is not None:
            made.set(name, word)
    return made


def _words(part: Element) -> str:
    """Return the text of a part."""
    return part.text or ""


def _with_text(part: Element, text: str | None) -> Element:
    """Return a copy with another text, as wide as its letters are."""
    made = copy.deepcopy(part)
    made.text = text
    made.attrib.pop("textLength", None)
    return made


def _way(start: tuple[float, float], end: tuple[float, float]) -> tuple[float, float]:
    """Return the move from one point to another."""
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
