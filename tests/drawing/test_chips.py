"""Chips: no arrow of a shared value is long, every use is shown once, and a chip has the name of its card."""

from __future__ import annotations

import json
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygraph as tg
from tinygraph.drawing import draw
from tinygraph.drawing.layout import engine
from tinygraph.drawing.scenes import views
from tinygraph.drawing.scenes.chips import FARTHEST, chip_name
from tinygraph.drawing.scenes.mirror import mirror
from tinygraph.drawing.scenes.scene import Scene
from tinygraph.graph import Graph

from .graphs import Recorder
from .pages import data_of, facts_of
from .test_true_pictures import boxes_of
from .test_views import assert_sound


def recurrent(steps: int, scoped: bool = False) -> tg.Tensor:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(steps, 5, 4))
    u, w = tg.Tensor(rng.normal(size=(4, 8)), name="U"), tg.Tensor(rng.normal(size=(8, 8)) / 3, name="W")
    b = tg.Tensor(np.zeros(8), name="b")
    h = np.zeros((5, 8))
    for t in range(steps):
        if scoped:
            with tg.scope("cell"):
                h = np.tanh(x[t] @ u + h @ w + b)
        else:
            h = np.tanh(x[t] @ u + h @ w + b)
    loss = np.mean(h**2)
    loss.backward()
    return loss


@st.composite
def sharing(draw_from: st.DrawFn) -> Graph:
    """Chains that use a few parameters, and earlier values, again and again."""
    r = Recorder()
    shared = [r.input(2.0, draw_from(st.sampled_from(["w", "u", None]))) for _ in range(draw_from(st.integers(1, 3)))]
    h = r.input(1.0, "x")
    values = [h]
    for _ in range(draw_from(st.integers(3, 14))):
        scope = draw_from(st.sampled_from([(), ("a",), ("b",), ("a", "b")]))
        other = draw_from(st.sampled_from([*shared, *values]))
        if draw_from(st.booleans()):
            other = r.call(np.tanh, other, scope=scope)
        h = r.call(np.add, h, other, scope=scope, name=draw_from(st.sampled_from([None, None, "h"])))
        values.append(h)
    return r.graph(h)


def rows(scene: Scene) -> dict[str, int]:
    """The number of the row of each box in the layout."""
    layout = json.loads(engine.render(draw(scene.graph, view="full").source, "json", len(scene.boxes)))
    heights = {o["id"]: float(o["pos"].split(",")[1]) for o in layout["objects"] if "pos" in o and "id" in o}
    levels = sorted({round(height) for height in heights.values()}, reverse=True)
    return {box: levels.index(round(height)) for box, height in heights.items()}


@settings(deadline=None, max_examples=60)
@given(sharing())
def test_no_arrow_of_a_shared_value_passes_more_than_three_rows(graph: Graph) -> None:
    pytest.importorskip("pygraphviz")
    scene = views.full(graph)
    row = rows(scene)
    for box in scene.boxes:
        heads = {link.head for link in scene.out_of[box.id]}
        consumers = len(heads) + sum(each.card == box.id for each in scene.boxes)
        for head in heads if consumers > 2 else ():
            assert abs(row[head] - row[box.id]) <= FARTHEST


@given(sharing(), st.sampled_from([views.full, views.values, views.chain, views.collapsed, mirror]))
def test_every_use_is_shown_once_and_chips_have_the_names_of_their_cards(graph: Graph, view: object) -> None:
    scene = view(graph)  # type: ignore[operator]
    assert_sound(scene)
    shown: Counter[tuple[int, int]] = Counter()
    for box in scene.boxes:
        if box.kind == "operation":
            assert len(scene.into[box.id]) == len(box.node.operands)
            for link, operand in zip(scene.into[box.id], box.node.operands, strict=True):
                assert [operand] == list(link.nodes)
                tail = scene.box[link.tail]
                card = scene.box[tail.card] if tail.kind == "chip" else tail
                assert operand in (card.node, *card.members)
    for chip in scene.boxes:
        if chip.kind != "chip":
            assert not chip.card
            continue
        card = scene.box[chip.card]
        assert card.node is chip.node and card.role == chip.role and not scene.into[chip.id]
        shown[chip.node.index, scene.out_of[chip.id][0].head if scene.out_of[chip.id] else 0] += 1
        if card.kind == "variable":
            assert chip_name(chip, scene).split(" ")[0].strip("‹›") and chip.node.index in scene.alone
    named = {}
    for chip in scene.boxes:
        if chip.kind == "chip" and chip.layer is None:
            assert named.setdefault(chip.card, chip_name(chip, scene)) == chip_name(chip, scene)
    assert len(set(named.values())) == len(named)


def test_a_recurrent_network_is_narrow_and_straight() -> None:
    pytest.importorskip("pygraphviz")
    drawing = draw(recurrent(12), view="full")
    scene = drawing._scene
    chips = [box for box in scene.boxes if box.kind == "chip"]
    assert Counter(box.node.name for box in chips) == {"U": 11, "W": 11, "b": 11}
    cards = boxes_of(drawing.svg())
    assert {cards[chip.id] for chip in chips} == {"U ↗", "W ↗", "b ↗"}
    assert float(drawing.svg().split('width="')[1].split("pt")[0]) < 700
    layout = json.loads(engine.render(drawing.source, "json", len(scene.boxes)))
    across = {o["id"]: float(o["pos"].split(",")[0]) for o in layout["objects"] if "pos" in o and "id" in o}
    assert len({round(across[box]) for box in scene.trunk}) == 1
    assert "full card elsewhere" in drawing.source
    assert drawing.mermaid().count("W ↗") == 11


def test_the_skip_of_a_residual_block_stays_an_arrow() -> None:
    r = Recorder()
    h = r.input(np.ones(3), "x")
    for _ in range(3):
        inner = h
        for _ in range(6):
            inner = r.call(np.tanh, inner)
        h = r.call(np.add, h, inner)
    assert not [box for box in views.full(r.graph()).boxes if box.kind == "chip"]


def test_a_chip_stands_beside_a_closed_layer() -> None:
    scene = views.collapsed(Graph.of(recurrent(8, scoped=True)))
    chips = [box for box in scene.boxes if box.kind == "chip"]
    assert chips and {scene.box[scene.out_of[chip.id][0].head].kind for chip in chips} == {"layer"}


def test_the_page_knows_the_card_of_a_chip() -> None:
    pytest.importorskip("pygraphviz")
    page = draw(recurrent(5), view="full").html()
    picture, boxes = data_of(page)[""], facts_of(page)["boxes"]
    chips = picture["cards"]
    assert set(chips.values()) == {"v0", "v2", "v5"}
    assert all(boxes[card]["title"] == boxes[chip]["title"] for chip, card in chips.items())
    shown = [box for step in picture["steps"] for box in step.get("show", ())]
    assert sorted(shown) == sorted(boxes)
