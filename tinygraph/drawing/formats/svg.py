"""Additions to Graphviz's SVG: the text widths of the layout, a dark mode, tooltips, ids that are safe on one page."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any
from xml.etree import ElementTree

from tinygraph.drawing.formats.fonts import CSS_FONTS
from tinygraph.drawing.formats.scope_titles import clear_titles
from tinygraph.drawing.palette import COLOURS, ROLES, stylesheet

__all__ = ["figure_class", "finished"]

SVG = "http://www.w3.org/2000/svg"
PARTS = {"node": "data-box", "edge": "data-link", "cluster": "data-scope"}
# The arrows of a legend, as text: dashed or not, to the left or not.
ARROWS = {"→": (False, False), "←": (False, True), "- →": (True, False), "← -": (True, True)}
HALF = 13  # of the length of such an arrow

ElementTree.register_namespace("", SVG)


def figure_class(source: str) -> str:
    """Return a class of its own for each picture, and the same one each time for the same picture."""
    return "tinygraph-" + hashlib.sha256(source.encode()).hexdigest()[:10]


def finished(
    drawn: bytes,
    layout: bytes | None,
    source: str,
    tooltips: dict[str, str],
    title: str,
    images: Mapping[str, str] = MappingProxyType({}),
) -> str:
    """Make Graphviz's SVG ready for a page.

    Args:
        drawn: the SVG.
        layout: Graphviz's JSON of the same layout, for the widths of the texts; None if the widths are unreliable.
        source: the DOT text, which names the figure.
        tooltips: by the id of a box.
        title: the first words of a screen reader.
        images: the address of the image in a box, by the id of the box.
    """
    root = ElementTree.fromstring(drawn)
    figure = figure_class(source)
    widths = _widths(json.loads(layout)) if layout else {}
    for group in root.iter(f"{{{SVG}}}g"):
        _unwrap_links(group)
        _set_widths(group, widths.get(group.get("id", ""), []))
    clear_titles(root)
    for group in root.iter(f"{{{SVG}}}g"):
        _label(group, tooltips)
        if group.get("data-box") in images:
            _set_image(group, images[group.get("data-box", "")])
        if group.get("class") == "graph":
            _true_swatches(group)
            _true_arrows(group)
    for text in root.iter(f"{{{SVG}}}text"):
        text.set("font-family", CSS_FONTS)
    root.attrib |= {"class": figure, "role": "img", "aria-label": title, "style": "max-width:100%;height:auto"}
    style = ElementTree.Element(f"{{{SVG}}}style")
    style.text = stylesheet(figure, _colours(root))
    root.insert(0, style)
    return ElementTree.tostring(root, encoding="unicode") + "\n"


def _true_swatches(legend: ElementTree.Element) -> None:
    """Give the swatches of the legend the width and the dashes of their boxes: DOT has whole numbers, and no dashes."""
    roles = {(role.stroke, role.fill, role.border): role for role in ROLES.values()}
    for ground, outline in itertools.pairwise(legend.findall(f"{{{SVG}}}path")):
        look = (outline.get("stroke", ""), ground.get("fill", ""), int(outline.get("stroke-width", 1)))
        if look in roles:
            outline.set("stroke-width", str(roles[look].width))
            outline.attrib |= {"stroke-dasharray": "5,2"} if roles[look].dashed else {}


def _true_arrows(legend: ElementTree.Element) -> None:
    """Draw the arrows of the legend as those of the picture, where DOT has their glyphs."""
    for text in legend.findall(f"{{{SVG}}}text"):
        if text.text not in ARROWS:
            continue
        dashed, to_the_left = ARROWS[text.text]
        colour, start, y = text.get("fill", ""), float(text.get("x", 0)), float(text.get("y", 0)) - 4.5
        middle = start + (float(text.get("textLength", 12)) / 2 if text.get("text-anchor") == "start" else 0)
        tip, end, side = (middle - HALF, middle + HALF, 1) if to_the_left else (middle + HALF, middle - HALF, -1)
        line = {"fill": "none", "stroke": colour, "stroke-width": "1.3", "d": f"M{end},{y}L{tip + 6 * side},{y}"}
        head = {"fill": colour, "stroke": colour, "stroke-width": "1.3"}
        base = tip + 6 * side
        head["points"] = f"{base},{y - 2.1} {tip},{y} {base},{y + 2.1} {base},{y - 2.1}"
        place = list(legend).index(text)
        legend.remove(text)
        legend.insert(place, ElementTree.Element(f"{{{SVG}}}polygon", head))
        legend.insert(
            place, ElementTree.Element(f"{{{SVG}}}path", line | ({"stroke-dasharray": "5,2"} if dashed else {}))
        )


def _colours(root: ElementTree.Element) -> set[tuple[str, str]]:
    return {(part, colour) for shape in root.iter() for part in ("fill", "stroke") if (colour := shape.get(part))}


def _unwrap_links(group: ElementTree.Element) -> None:
    """Remove the link to nowhere that Graphviz wraps the shapes in where there is a tooltip."""
    for wrapper in [child for child in group if child.get("id", "").startswith("a_")]:
        place = list(group).index(wrapper)
        group.remove(wrapper)
        for offset, shape in enumerate(part for link in wrapper for part in link):
            group.insert(place + offset, shape)


def _set_image(group: ElementTree.Element, address: str) -> None:
    """Put an image in the place of the block that holds it free."""
    for place, block in enumerate(group):
        if block.get("fill") == COLOURS["image"]:
            corners = [tuple(map(float, corner.split(","))) for corner in block.get("points", "").split()]
            left, top = (min(corner[axis] for corner in corners) for axis in (0, 1))
            right, bottom = (max(corner[axis] for corner in corners) for axis in (0, 1))
            image = ElementTree.Element(f"{{{SVG}}}image", href=address, preserveAspectRatio="none")
            for word, number in (("x", left), ("y", top), ("width", right - left), ("height", bottom - top)):
                image.set(word, f"{number:g}")
            image.set("style", "image-rendering:pixelated")
            group[place] = image
            return


def _label(group: ElementTree.Element, tooltips: dict[str, str]) -> None:
    """Ids become data attributes, since a notebook shows many figures on one page; titles become tooltips."""
    part = PARTS.get(group.get("class", ""))
    identity = group.attrib.pop("id", "")
    title = group.find(f"{{{SVG}}}title")
    if part is not None:
        group.set(part, identity)
    if title is None:
        return
    if identity in tooltips:
        title.text = tooltips[identity]
    else:
        group.remove(title)


def _widths(layout: dict[str, Any]) -> dict[str, list[tuple[str, float]]]:
    """Return the texts of each box, arrow and scope with Graphviz's widths, by id."""
    parts = [*layout.get("objects", ()), *layout.get("edges", ())]
    # A group without a name of its own inherits the id of the scope around it, and has no texts.
    found = {part["id"]: texts for part in parts if "id" in part and (texts := list(_texts(part)))}
    found["graph0"] = list(_texts(layout))
    return found


def _texts(part: dict[str, Any]) -> Iterator[tuple[str, float]]:
    for drawing in part.get("_ldraw_", ()):
        if drawing["op"] == "T":
            yield drawing["text"], float(drawing["width"])


def _set_widths(group: ElementTree.Element, widths: list[tuple[str, float]]) -> None:
    texts = group.findall(f"{{{SVG}}}text")
    if len(texts) != len(widths):
        return
    for text, (_, width) in zip(texts, widths, strict=True):
        if width > 0:
            text.set("textLength", f"{width:.2f}")
            text.set("lengthAdjust", "spacingAndGlyphs")
