"""Lanes of the chain rule: no label lies on another or on a box, and no two dashed lines lie on each other."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from typing import NamedTuple
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygraph as tg
from tinygraph.drawing import draw
from tinygraph.graph import Graph

from .graphs import Recorder

SVG = "{http://www.w3.org/2000/svg}"
NUMBER = r"-?\d+(?:\.\d+)?"
# A pixel of a browser is three quarters of a point.
PIXEL = 0.75


class Rectangle(NamedTuple):
    left: float
    top: float
    right: float
    bottom: float

    def overlaps(self, other: Rectangle, slack: float = 0.5) -> bool:
        across = min(self.right, other.right) - max(self.left, other.left)
        return across > slack and min(self.bottom, other.bottom) - max(self.top, other.top) > slack


class Picture:
    """The boxes, the labels on arrows and the dashed lines of an SVG."""

    def __init__(self, svg: str) -> None:
        groups = list(ElementTree.fromstring(svg).iter(f"{SVG}g"))
        self.boxes = {g.get("data-box"): _around(g) for g in groups if "data-box" in g.attrib}
        links = {g.get("data-link"): g for g in groups if "data-link" in g.attrib}
        self.labels = {link: _words(g) for link, g in links.items() if g.find(f"{SVG}text") is not None}
        paths = {link: path for link, g in links.items() if (path := g.find(f"{SVG}path")) is not None}
        self.lines = {link: _sampled(str(path.get("d"))) for link, path in paths.items()}
        self.dashed = {link: self.lines[link] for link, path in paths.items() if path.get("stroke-dasharray")}


def _around(group: ElementTree.Element) -> Rectangle:
    """The box with its frames: all shapes of its group."""
    lefts, tops, rights, bottoms = [], [], [], []
    for shape in group:
        if shape.tag == f"{SVG}ellipse":
            x, y, rx, ry = (float(shape.get(name, "0")) for name in ("cx", "cy", "rx", "ry"))
            xs, ys = [x - rx, x + rx], [y - ry, y + ry]
        elif shape.tag in {f"{SVG}path", f"{SVG}polygon"}:
            numbers = [float(each) for each in re.findall(NUMBER, shape.get("d") or shape.get("points") or "")]
            xs, ys = numbers[::2], numbers[1::2]
        else:
            continue
        lefts, tops = [*lefts, min(xs)], [*tops, min(ys)]
        rights, bottoms = [*rights, max(xs)], [*bottoms, max(ys)]
    return Rectangle(min(lefts), min(tops), max(rights), max(bottoms))


def _words(group: ElementTree.Element) -> Rectangle:
    texts = group.findall(f"{SVG}text")
    left = min(float(text.get("x", "0")) for text in texts)
    right = max(float(text.get("x", "0")) + float(text.get("textLength", "0")) for text in texts)
    base, size = float(texts[0].get("y", "0")), float(texts[0].get("font-size", "10"))
    return Rectangle(left, base - 0.8 * size, right, base + 0.2 * size)


def _sampled(d: str) -> np.ndarray:
    """Points of a path of cubic curves, about one a half point of its length."""
    points = np.array([float(each) for each in re.findall(NUMBER, d)]).reshape(-1, 2)
    found = [points[:1]]
    for start in range(0, len(points) - 3, 3):
        curve = points[start : start + 4]
        size = int(2 * np.abs(np.diff(curve, axis=0)).sum()) + 2
        t = np.linspace(0, 1, size)[1:, None]
        weights = np.hstack([(1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3])
        found.append(weights @ curve)
    return np.vstack(found)


def together(first: np.ndarray, second: np.ndarray, apart: float = PIXEL) -> float:
    """The length of the longest piece of the first line that lies on the second."""
    near = np.min(np.linalg.norm(first[:, None] - second[None], axis=2), axis=1) < apart
    steps = np.linalg.norm(np.diff(first, axis=0, prepend=first[:1]), axis=1)
    longest = length = 0.0
    for on, step in zip(near, steps, strict=True):
        length = length + step if on else 0.0
        longest = max(longest, length)
    return longest


def assert_readable(svg: str) -> None:
    picture = Picture(svg)
    for first, second in itertools.combinations(picture.labels, 2):
        assert not picture.labels[first].overlaps(picture.labels[second]), (first, second)
    for label, words in picture.labels.items():
        for box, rectangle in picture.boxes.items():
            assert not words.overlaps(rectangle), (label, box)
    for first, second in itertools.combinations(picture.dashed, 2):
        assert together(picture.dashed[first], picture.dashed[second]) <= 10 * PIXEL, (first, second)


def hypotenuse() -> tg.Tensor:
    a, b = tg.Tensor(3.0, name="a"), tg.Tensor(4.0, name="b")
    s = a**2 + b**2
    return np.sqrt(s)


def off_trees() -> tg.Tensor:
    a, b = tg.Tensor(2.0, name="a"), tg.Tensor(-3.0, name="b")
    c = a * b
    d = a + c
    return c * d


def neuron() -> tg.Tensor:
    x, w, bias = ([tg.Tensor(value) for value in values] for values in ((2.0, 0.0), (-3.0, 1.0), (6.88,)))
    return np.tanh(w[0] * x[0] + w[1] * x[1] + bias[0])


def cube() -> tg.Tensor:
    x = tg.Tensor(3.0, name="x")
    return x * x * x


def micrograd() -> tg.Tensor:
    """The example of Karpathy's micrograd (2020), README."""
    a, b = tg.Tensor(-4.0, name="a"), tg.Tensor(2.0, name="b")
    c, d = a + b, a * b + b**3
    c = c + c + 1
    c = c + 1 + c + (-a)
    d = d + d * 2 + tg.relu(b + a)
    d = d + 3 * d + tg.relu(b - a)
    f = (c - d) ** 2
    return f / 2.0 + 10.0 / f


def xor() -> tg.Tensor:
    """A network of two inputs, two hidden units and one output, number by number."""
    w = [tg.Tensor(value, name=f"w{place}") for place, value in enumerate((0.5, -0.6, 0.7, 0.8))]
    b = [tg.Tensor(value, name=f"b{place}") for place, value in enumerate((0.1, -0.1, 0.2))]
    v = [tg.Tensor(value, name=f"v{place}") for place, value in enumerate((1.0, -1.0))]
    x = [tg.Tensor(value, name=f"x{place}", requires_grad=False) for place, value in enumerate((1.0, 0.0))]
    h = [np.tanh(w[unit] * x[0] + w[2 + unit] * x[1] + b[unit]) for unit in range(2)]
    p = tg.sigmoid(v[0] * h[0] + v[1] * h[1] + b[2])
    return (p - 1.0) ** 2


def newton() -> tg.Tensor:
    a, x = tg.Tensor(2.0, name="a"), tg.Tensor(1.5, name="x")
    for _ in range(4):
        x = x - (x * x - a) / (2 * x)
    return x


EXAMPLES = [hypotenuse, off_trees, neuron, cube, micrograd, xor, newton]
UNARY = [np.tanh, np.exp, np.negative, np.square, np.sqrt]
BINARY = [np.add, np.multiply, np.subtract, np.divide]


@st.composite
def scalars(draw_from: st.DrawFn) -> Graph:
    """Programs of numbers that use some values several times."""
    r = Recorder()
    for name in draw_from(st.sampled_from([["a"], ["a", "b"], ["a", "b", "c"], ["a_long_name", "b"]])):
        r.input(draw_from(st.sampled_from([0.5, 2.0, 3.25])), name, grad=draw_from(st.sampled_from([1.5, -12.3e-7])))
    for _ in range(draw_from(st.integers(1, 12))):
        operands = [r.nodes[draw_from(st.integers(0, len(r.nodes) - 1))] for _ in range(2)]
        name = draw_from(st.sampled_from([None, None, "x", "y"]))
        if draw_from(st.booleans()):
            r.call(draw_from(st.sampled_from(UNARY)), operands[0], name=name, grad=0.25)
        else:
            r.call(draw_from(st.sampled_from(BINARY)), *operands, name=name, grad=0.25)
    return r.graph()


@settings(deadline=None, max_examples=12)
@given(scalars(), st.sampled_from(["LR", "TB"]))
def test_labels_and_lanes_keep_apart(graph: Graph, direction: str) -> None:
    pytest.importorskip("pygraphviz")
    assert_readable(draw(graph, view="chain", direction=direction).svg())  # type: ignore[arg-type]


@pytest.mark.parametrize("example", EXAMPLES)
def test_numbers_keep_their_values_and_the_chain_rule_and_lanes_keep_apart(example: Callable[[], tg.Tensor]) -> None:
    pytest.importorskip("pygraphviz")
    result = example()
    result.backward()
    drawing = draw(result)
    scene = drawing._scene
    assert scene.view == "chain" and len(scene.graph) <= 40
    cards = [box.node.index for box in scene.boxes if box.kind == "variable"]
    assert sorted(cards) == list(range(len(scene.graph)))
    assert_readable(drawing.svg())


def test_a_crowd_of_numbers_keeps_its_values_where_the_chain_rule_has_no_room() -> None:
    r = Recorder()
    x = r.input(0.5, "x", grad=1.0)
    ends = [r.call(np.tanh, r.call(np.exp, x), grad=1.0) for _ in range(8)]
    while len(ends) > 1:
        ends = [r.call(np.add, *pair, grad=1.0) for pair in zip(ends[::2], ends[1::2], strict=True)]
    scene = draw(r.graph())._scene
    assert scene.view == "values"
    assert len([box for box in scene.boxes if box.kind == "variable"]) == len(scene.graph)


@pytest.mark.parametrize("example", [hypotenuse, off_trees])
def test_the_arrows_of_the_trunk_are_straight_and_rows_stand_close(example: Callable[[], tg.Tensor]) -> None:
    pytest.importorskip("pygraphviz")
    result = example()
    result.backward()
    drawing = draw(result)
    picture = Picture(drawing.svg())
    scene = drawing._scene
    on_trunk = [f"e{n}" for n, link in enumerate(scene.links) if link.kind == "value" and link.tail in scene.on_trunk]
    straight = [link for link in on_trunk if np.ptp(picture.lines[link][:, 1]) < 0.5]
    assert len(straight) >= scene.ranks - 1
    a, b = picture.boxes["v0"], picture.boxes["v1" if example is off_trees else "v2"]
    assert abs(a.top - b.top) <= 106 * PIXEL


def test_a_picture_with_lanes_has_all_formats() -> None:
    pytest.importorskip("pygraphviz")
    result = off_trees()
    result.backward()
    drawing = draw(result)
    assert drawing.png().startswith(b"\x89PNG") and drawing.pdf().startswith(b"%PDF")
    assert "nop2" not in drawing.source and "dir=back" in drawing.source
    assert drawing.html().count("data-link=") >= len(drawing._scene.links)


@pytest.mark.parametrize("direction", ["LR", "TB"])
@pytest.mark.parametrize("function", [lambda x: 1 / x, lambda x: np.sqrt(x) * 2, lambda x: np.log(x) * x + x])
def test_labels_keep_clear_of_the_frames_of_what_is_not_finite(
    function: Callable[[tg.Tensor], tg.Tensor], direction: str
) -> None:
    pytest.importorskip("pygraphviz")
    x = tg.Tensor(0.0)
    with np.errstate(all="ignore"):
        y = function(x)
        y.backward()
        assert_readable(draw(y, direction=direction).svg())  # type: ignore[arg-type]
