"""The looks of a picture: each line can be seen, the legend shows what is there, and the picture follows its page."""

from __future__ import annotations

import itertools
import re
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygraph as tg
from tinygraph.drawing import draw
from tinygraph.drawing.formats.svg import ARROWS
from tinygraph.drawing.palette import COLOURS, DARK, HEAT, PAGE_DARK, ROLES, heat_look

from .graphs import Recorder, hypotenuse, network
from .pages import browser, opened

pytest.importorskip("pygraphviz")

SVG = "{http://www.w3.org/2000/svg}"
PAGES = ("#ffffff", PAGE_DARK, "#1e1e1e", "#111111")  # light; dark, also that of VS Code and of JupyterLab
LEAST = 3.0


def luminance(colour: str) -> float:
    """Relative luminance, of WCAG 2.2."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """The ratio of contrast, of WCAG 2.2, from 1 to 21."""
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def visible(stroke: str, fill: str, what: str) -> None:
    """The stroke differs from the fill and from the page, light and dark."""
    for page in PAGES:
        dark = page != "#ffffff"
        line, ground = (DARK.get(stroke, stroke), DARK.get(fill, fill)) if dark else (stroke, fill)
        assert contrast(line, page) >= LEAST, (what, line, page)
        if ground != "none" and contrast(line, ground) > 1.05:  # else the box is its fill
            assert contrast(line, ground) >= LEAST, (what, line, ground)


@pytest.mark.parametrize("dark", [False, True])
def test_every_text_can_be_read_on_its_ground(dark: bool) -> None:
    def shown(colour: str) -> str:
        return DARK.get(colour, colour) if dark else colour

    light = [role.fill for role in ROLES.values() if role.fill != role.stroke]
    for text in ("text", "muted"):
        for fill in {*light, COLOURS["ground"]}:
            assert contrast(shown(COLOURS[text]), shown(fill)) >= 4.5, (text, fill)
    for level in HEAT:
        assert contrast(COLOURS[level.text], level.fill) >= 4.5, level


def test_the_heat_of_a_share_is_the_first_that_reaches_it() -> None:
    assert [heat_look(level.most) for level in HEAT] == list(HEAT)
    assert [heat_look(level.most + 1e-9) for level in HEAT[:-1]] == list(HEAT[1:])


def born_bad() -> tg.Graph:
    """A NaN, in an operation; and one of an input, in a closed scope."""
    r = Recorder()
    x = r.input(np.array([0.5, 0.0]), "x")
    h = r.call(np.log, x, scope=("layer",))
    y = r.call(np.multiply, h, x, name="y", scope=("layer",))
    return r.graph(r.call(np.sum, y, name="L"))


def bad_input() -> tg.Graph:
    r = Recorder()
    return r.graph(r.call(np.exp, r.input(np.array([np.nan, 0.0]), "x"), name="y"))


def every_look() -> Iterator[Any]:
    for graph in (hypotenuse(), network(2), born_bad(), bad_input()):
        for view in ("full", "values", "collapsed", "mirror", "auto"):
            yield draw(graph, view=view)  # type: ignore[arg-type]
    graph = network(3)
    calls = [node.index for node in graph if not node.is_input]
    for power in (1.1, 2.0, 6.0):
        yield draw(graph, view="full", heat={index: power**place for place, index in enumerate(calls)})
    w = tg.Tensor(np.ones((3, 3)))
    h = tg.Tensor(np.ones((2, 3)), requires_grad=False)
    for _ in range(8):
        h = np.tanh(h @ w + np.ones(3))
    yield draw(np.sum(h), view="full")

    @tg.compile
    def step(x: Any) -> Any:
        cost = np.mean(np.tanh(x @ w) ** 2)
        w.grad = None
        cost.backward()
        w.assign(w.data - 0.1 * w.grad)
        return cost

    step(np.ones((2, 3)))
    for view in ("columns", "full", "collapsed"):
        yield step.draw(view=view)


def shapes(svg: str) -> Iterator[tuple[str, str, str, str]]:
    """The stroke, the fill behind it, the width and the dashes of each outlined shape."""
    for group in ElementTree.fromstring(svg).iter(f"{SVG}g"):
        ground = "none"
        for shape in group:
            stroke, fill = shape.get("stroke", "none"), shape.get("fill", "none")
            if shape.tag in {f"{SVG}path", f"{SVG}polygon", f"{SVG}ellipse"}:
                ground = fill if fill != "none" else ground
                is_line = group.get("data-link") or shape.get("d", "").count("L") == 1
                if stroke not in {"none", "transparent"}:
                    dashes = shape.get("stroke-dasharray", "")
                    yield stroke, "none" if is_line else ground, shape.get("stroke-width", "1"), dashes


@pytest.mark.parametrize("drawing", list(every_look()), ids=lambda drawing: drawing._scene.view)
def test_each_line_of_a_picture_can_be_seen(drawing: Any) -> None:
    found = list(shapes(drawing.svg()))
    assert found
    for stroke, fill, *_ in found:
        visible(stroke, fill, drawing._scene.view)


def test_each_line_of_a_difference_can_be_seen() -> None:
    old = tg.trace(lambda a: np.exp(a) * 2, np.ones(3))
    drawing = tg.diff(old, tg.trace(lambda a: np.sin(a) * 2 + a, np.ones(3)))
    for stroke, fill, *_ in shapes(drawing.svg()):
        visible(stroke, fill, "difference")


def test_each_stroke_of_the_palette_can_be_seen() -> None:
    for name, role in ROLES.items():
        visible(role.stroke, role.fill, name)
    for level in HEAT:
        visible(level.stroke, level.fill, f"heat {level.most}")
    for name, ground in (("edge", "scope fill"), ("gradient", "scope fill"), ("scope", "scope fill"),
                         ("gradient", "backward fill"), ("backward side", "backward fill"), ("bars", "scope fill"),
                         ("non-finite", "scope fill"), ("edge", "backward fill")):  # fmt: skip
        visible(COLOURS[name], COLOURS[ground], name)


def test_no_colour_of_the_dark_is_that_of_another_kind_of_mark() -> None:
    """A stylesheet replaces a colour wherever it stands, so that each has one meaning."""
    assert len({DARK[role.stroke] for role in ROLES.values()}) == len({role.stroke for role in ROLES.values()})
    assert set(DARK) >= {role.stroke for role in ROLES.values()} | {role.fill for role in ROLES.values()}


def legend_of(svg: str) -> ElementTree.Element:
    (legend,) = (g for g in ElementTree.fromstring(svg).iter(f"{SVG}g") if g.get("class") == "graph")
    return legend


def look(group: ElementTree.Element) -> tuple[str, str, str, str]:
    """The stroke, fill, width and dashes of a box."""
    shape = next(part for part in group if part.tag != f"{SVG}title")
    return (*(shape.get(part, "") for part in ("stroke", "fill")), shape.get("stroke-width", "1"),
            shape.get("stroke-dasharray", ""))  # fmt: skip


@pytest.mark.parametrize("drawing", list(every_look()), ids=lambda drawing: drawing._scene.view)
def test_the_swatches_are_those_of_the_boxes_and_of_all_of_them(drawing: Any) -> None:
    scene, svg = drawing._scene, drawing.svg()
    paths = legend_of(svg).findall(f"{SVG}path")
    swatches = {
        (
            outline.get("stroke"),
            ground.get("fill"),
            outline.get("stroke-width", "1"),
            outline.get("stroke-dasharray", ""),
        )
        for ground, outline in itertools.pairwise(paths)
        if ground.get("stroke") == "none" and outline.get("fill") == "none" and ground.get("d") == outline.get("d")
    }
    if scene.heat:
        return
    boxes = {}
    for group in ElementTree.fromstring(svg).iter(f"{SVG}g"):
        box = scene.box.get(group.get("data-box", ""))
        if box is not None and box.kind not in {"operation", "pullback", "pulled", "chip"}:
            stroke, fill, width, dashes = look(group)
            boxes[stroke, fill, f"{float(width):g}", dashes] = box.role
    shown = {(a, b, f"{float(c):g}", d) for a, b, c, d in swatches}
    origins = {(ROLES["origin"].stroke, ROLES["origin"].fill, "1.8", "")}
    assert set(boxes) <= shown <= set(boxes) | origins


@pytest.mark.parametrize("drawing", list(every_look()), ids=lambda drawing: drawing._scene.view)
def test_each_box_and_each_scope_of_mermaid_has_its_look(drawing: Any) -> None:
    told = drawing.mermaid()
    boxes = {box.id for box in drawing._scene.boxes}
    classes = dict(re.findall(r"^  classDef (\w+) (.+)$", told, re.MULTILINE))
    looks = {
        box: name for ids, name in re.findall(r"^  class (\S+) (\w+)$", told, re.MULTILINE) for box in ids.split(",")
    }
    assert set(looks) == boxes and set(looks.values()) == set(classes)
    for look in classes.values():
        parts = dict(part.split(":", 1) for part in look.split(","))
        assert {"fill", "stroke", "color"} <= set(parts) and contrast(parts["color"], parts["fill"]) >= LEAST
    groups = set(re.findall(r"subgraph (\w+) ", told))
    assert groups == set(re.findall(r"^  style (\w+) fill:", told, re.MULTILINE))


@pytest.mark.parametrize("view", ["chain", "mirror", "full"])
def test_the_arrows_of_the_legend_are_those_of_the_picture(view: Any) -> None:
    svg = draw(hypotenuse(), view=view).svg()
    lines = {
        (path.get("stroke"), path.get("stroke-width"), path.get("stroke-dasharray"))
        for group in ElementTree.fromstring(svg).iter(f"{SVG}g")
        if group.get("data-link")
        for path in group.findall(f"{SVG}path")
    }
    legend = legend_of(svg)
    arrows = [path for path in legend.findall(f"{SVG}path") if path.get("d", "").count("L") == 1]
    shown = {(path.get("stroke"), path.get("stroke-width"), path.get("stroke-dasharray")) for path in arrows}
    assert shown == (lines if len(lines) > 1 else set())
    assert not [text for text in legend.findall(f"{SVG}text") if text.text in ARROWS]
    for path in arrows:
        head = legend[list(legend).index(path) + 1]
        assert head.get("fill") == path.get("stroke")
        tip = float(head.get("points", "").split(" ")[1].partition(",")[0])
        to_the_left = path.get("stroke") == COLOURS["gradient"]
        assert (tip < float(path.get("d", "")[1:].partition(",")[0])) == to_the_left


@settings(max_examples=20, deadline=None)
@given(st.sampled_from([(), (1,), (3,), (100,), (2, 3), (4, 1, 5), (0,)]))
def test_a_shape_of_one_axis_is_told_from_a_number_in_every_form(shape: tuple[int, ...]) -> None:
    told = "scalar" if not shape else f"({shape[0]},)" if len(shape) == 1 else "×".join(map(str, shape))
    r = Recorder()
    x = r.input(np.ones(shape), "x")
    graph = r.graph(r.call(np.exp, r.call(np.sin, x, scope=("layer",)), name="y", scope=("layer",)))
    for view in ("full", "collapsed", "mirror"):
        drawing = draw(graph, view=view)  # type: ignore[arg-type]
        svg = "".join(ElementTree.fromstring(drawing.svg()).itertext()).replace("\u00a0", " ")
        escaped = told.replace("(", "#40;").replace(")", "#41;")
        if shape or view == "collapsed":
            assert told in svg and escaped in drawing.mermaid()
    assert told in draw(graph, view="collapsed").html()


# --- themes -----------------------------------------------------------------------------------------------------------

INSIDE = [
    ("<html style='color-scheme:light'>", "light", "light"),
    ("<html>", "light", "light"),
    ("<html style='color-scheme:light dark'>", "light", "dark"),
    ("<html style='color-scheme:dark'>", "dark", "dark"),
    ("<html style='color-scheme:light dark'><body data-jp-theme-light='true'>", "light", "light"),
    ("<html><body data-jp-theme-light='false'>", "dark", "dark"),
    ("<html style='color-scheme:light dark'><body class='vscode-light'>", "light", "light"),
    ("<html><body class='vscode-dark'>", "dark", "dark"),
    ("<html data-theme='dark'>", "dark", "dark"),
]


def test_a_picture_follows_its_page_and_a_file_its_reader(tmp_path: Path) -> None:
    svg = draw(hypotenuse()).svg()
    (tmp_path / "alone.svg").write_text(svg)
    text = COLOURS["text"]
    colours = {"light": text, "dark": DARK[text]}
    asked = f"getComputedStyle(document.querySelector(\"text[fill='{text}']\")).fill"
    with browser() as driver:
        for number, (head, *_) in enumerate(INSIDE):
            (tmp_path / f"{number}.html").write_text(f"<!doctype html>{head}{svg}")
        page = opened(driver, tmp_path, "<!doctype html>")
        for place, system in enumerate(("light", "dark")):
            page.size(900, dark=system == "dark")
            for number, (head, *expected) in enumerate(INSIDE):
                driver.get((tmp_path / f"{number}.html").as_uri())
                assert page.run(asked) == rgb(colours[expected[place]]), (head, system)
            driver.get((tmp_path / "alone.svg").as_uri())
            assert page.run(asked) == rgb(colours[system])
            ground = page.run("getComputedStyle(document.documentElement).backgroundColor")
            assert ground == (rgb(PAGE_DARK) if system == "dark" else "rgba(0, 0, 0, 0)")


def rgb(colour: str) -> str:
    return f"rgb({', '.join(str(int(colour[at : at + 2], 16)) for at in (1, 3, 5))})"


def test_a_renderer_without_the_new_rules_finds_the_light_colours() -> None:
    """The attributes hold them, and each rule that a renderer may not know stands in a block that it then skips."""
    svg = draw(hypotenuse()).svg()
    style = svg.partition("<style>")[2].partition("</style>")[0]
    depth = 0
    for line in style.splitlines():
        assert depth or line.startswith("@supports")
        depth += line.count("{") - line.count("}")
    assert depth == 0 and f'fill="{COLOURS["text"]}"' in svg
    without = style.partition("@supports not")[2]
    assert "light-dark(" not in without.partition("{")[2] and "@media (prefers-color-scheme:dark){:root." in without


# --- PNG --------------------------------------------------------------------------------------------------------------


def test_a_png_has_two_dots_to_a_pixel_and_says_so() -> None:
    drawing = draw(network(2))
    png = drawing.png()
    sizes = struct.unpack(">II", png[16:24])
    svg = ElementTree.fromstring(drawing.svg())
    for dots, points in zip(sizes, (svg.get("width", ""), svg.get("height", "")), strict=True):
        pixels = float(points.removesuffix("pt")) * 96 / 72
        assert abs(dots - 2 * pixels) <= 3
    assert png[37:41] == b"pHYs" and struct.unpack(">IIB", png[41:50]) == (7559, 7559, 1)
    image = pytest.importorskip("PIL.Image")
    from io import BytesIO

    assert image.open(BytesIO(png)).info["dpi"] == pytest.approx((192, 192), abs=0.1)
