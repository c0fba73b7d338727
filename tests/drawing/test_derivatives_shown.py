"""∂y/∂x = 4 in a picture is the derivative of what is drawn, at the values that are drawn, whatever was done before."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygraph as tg
from tinygraph.drawing import draw
from tinygraph.drawing.words.numbers import number
from tinygraph.graph import Graph, Node

from .pages import data_of

pytest.importorskip("pygraphviz")

SVG = "{http://www.w3.org/2000/svg}"
STEP = 1e-6


class Session:
    """Scalars by name, as a user makes them."""

    def __init__(self) -> None:
        self.leaves = {name: tg.Tensor(value, name=name) for name, value in (("a", 1.5), ("b", -0.7), ("c", 2.0))}
        self.made: dict[str, Any] = dict(self.leaves)

    def new(self, value: Any) -> None:
        if isinstance(value, tg.Tensor):
            value.name = f"v{len(self.made)}"
            self.made[value.name] = value

    def pick(self, place: int) -> Any:
        return list(self.made.values())[place % len(self.made)]

    def leaf(self, place: int) -> Any:
        return list(self.leaves.values())[place % len(self.leaves)]


def combine(s: Session, i: int, j: int) -> None:
    x, y = s.pick(i), s.pick(j)
    s.new([x * y, x + y, x - 2 * y, np.tanh(x) * y, x * x, np.sin(x)][(i + 3 * j) % 6])


def go_back(s: Session, i: int, j: int) -> None:
    out = s.pick(i)
    if out.requires_grad:
        with contextlib.suppress(RuntimeError, TypeError, ValueError):  # its graph was freed, or a value changed
            out.backward(*([2.0] if j % 5 == 0 else []), retain_graph=bool(j % 2))


def go_back_twice(s: Session, i: int, j: int) -> None:
    out = s.pick(i)
    with contextlib.suppress(RuntimeError, TypeError, ValueError):
        out.backward(create_graph=True)
        grad = s.leaf(j).grad
        s.new(grad * s.leaf(j) if isinstance(grad, tg.Tensor) else None)


def assign(s: Session, i: int, j: int) -> None:
    s.leaf(i).assign(0.3 + j % 4)


def write(s: Session, i: int, j: int) -> None:
    s.leaf(i).data[...] = 0.2 + j % 3


def step(s: Session, i: int, j: int) -> None:
    leaf = s.leaf(i)
    if leaf.grad is not None:
        with tg.no_grad():
            leaf -= 0.1 * leaf.grad


def zero(s: Session, i: int, j: int) -> None:
    s.leaf(i).grad = [None, 0.0, np.array(3.0)][j % 3]


def cut(s: Session, i: int, j: int) -> None:
    s.new(s.pick(i).detach() * s.pick(j))


def cut_off(s: Session, i: int, j: int) -> None:
    with tg.no_grad():
        y = s.pick(i) * 2
    s.new(s.pick(j) * y)


ACTIONS = [combine, combine, combine, go_back, go_back, go_back_twice, assign, write, step, zero, cut, cut_off]


def nodes_named(graph: Graph, names: dict[int, str]) -> dict[str, Node]:
    return {names[node.index]: node for node in graph.nodes if names.get(node.index)}


def value_of(graph: Graph, of: Node, moved: Node, by: float) -> float:
    """The value of a node after another one moved, computed again from the values that the picture has."""
    values: dict[int, Any] = {}
    for node in graph.nodes:
        if node.is_input:
            values[node.index] = float(node.value)
        else:
            values[node.index] = node.function(*(values[a.index] if isinstance(a, Node) else a for a in node.args))
        if node is moved:
            values[node.index] = values[node.index] + by
    return float(values[of.index])


def said(svg: str) -> Iterator[tuple[str, str, str]]:
    for text in ElementTree.fromstring(svg).iter(f"{SVG}text"):
        if match := re.fullmatch(r"∂(.+)/∂(.+) = (.+)", text.text or ""):
            yield match[1], match[2], match[3]


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(ACTIONS), st.integers(0, 30), st.integers(0, 30)), max_size=14),
       st.sampled_from(["values", "chain", "full", "auto"]))  # fmt: skip
def test_a_derivative_in_a_picture_is_one(actions: list[Any], view: Any) -> None:
    session = Session()
    for act, i, j in actions:
        act(session, i, j)
    for out in list(session.made.values())[-3:]:
        drawing = draw(out, view=view)
        scene = drawing._scene
        named = nodes_named(scene.graph, scene.names)
        for y, x, told in said(drawing.svg()):
            whole, part = (named.get(text) or named[text[1:-1]] for text in (y, x))
            slope = (value_of(scene.graph, whole, part, STEP) - value_of(scene.graph, whole, part, -STEP)) / (2 * STEP)
            true = {number(slope + off) for off in (-1e-7, 0, 1e-7)} | {number(round(slope, 6))}
            assert told in true, (y, x, told, slope)
        if not any(node.changed for node in scene.graph):  # else the picture says that the results are older
            for node in scene.graph:
                assert node.value is None or node.value == pytest.approx(value_of(scene.graph, node, node, 0.0))


def test_the_steps_of_a_page_say_no_more_than_the_picture() -> None:
    a = tg.Tensor(1.5, name="a")
    c, d = a * 2, a * 5
    c.backward()
    d.backward()
    for out in (c, d):
        assert "∂" not in "".join(str(step) for step in data_of(draw(out).html())[""]["steps"] if "∂a" in str(step))
