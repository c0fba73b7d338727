"""A compiled step in three columns: the places in the picture are compared with the program."""

from __future__ import annotations

import json
import re
from graphlib import TopologicalSorter
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygraph as tg
from tinygraph.drawing import DrawingError
from tinygraph.drawing.layout import engine
from tinygraph.drawing.scenes.columns import columns
from tinygraph.drawing.scenes.passes import Passes
from tinygraph.drawing.scenes.rows import in_rows
from tinygraph.drawing.scenes.scene import Link

from .graphs import Recorder, network

SVG = "{http://www.w3.org/2000/svg}"
rng = np.random.default_rng(0)

FUNCTIONS = {
    "sigmoid": tg.sigmoid,
    "tanh": np.tanh,
    "exp": lambda z: np.exp(-np.square(z)),
    "twice": lambda z: z * z + 3 * z,
    "relu": tg.relu,
    "softmax": lambda z: tg.softmax(z, axis=-1),
    "pool": lambda z: z - np.mean(z, axis=0),
}


def step_of(functions: list[str], scoped: bool = False, momentum: bool = False) -> Any:
    """Return a training step that has run once: h @ W1, a function, @ W2, a function, ..., and a loss."""
    weights = [tg.Tensor(rng.normal(size=(4, 4)), name=f"W{n}") for n in range(1, len(functions) + 1)]
    velocities = [
        tg.Tensor(np.zeros((4, 4)), requires_grad=False, name=f"velocity of W{n + 1}") for n in range(len(weights))
    ]

    @tg.compile
    def step(x: Any, y: Any) -> Any:
        h = x
        for number, (weight, name) in enumerate(zip(weights, functions, strict=True), 1):
            if scoped:
                with tg.scope(f"layer {number}"):
                    h = FUNCTIONS[name](h @ weight)
            else:
                h = FUNCTIONS[name](h @ weight)
        loss = np.mean((h - y) ** 2)
        for weight in weights:
            weight.grad = None
        loss.backward()
        for weight, velocity in zip(weights, velocities, strict=True):
            if momentum:
                velocity.assign(0.9 * velocity.data + weight.grad)
                weight.assign(weight.data - 0.1 * velocity.data)
            else:
                weight.assign(weight.data - 0.1 * weight.grad)
        return loss

    step(rng.normal(size=(5, 4)), np.ones((5, 4)))
    return step


def places_of(svg: str) -> dict[str, tuple[float, float, float]]:
    """The left edge, the right edge and the middle height of each box, by its id."""
    found = {}
    for group in ElementTree.fromstring(svg).iter(f"{SVG}g"):
        if "data-box" not in group.attrib:
            continue
        points: list[tuple[float, float]] = []
        for shape in group:
            if shape.tag == f"{SVG}ellipse":
                x, y, r = (float(shape.get(key, 0)) for key in ("cx", "cy", "rx"))
                points += [(x - r, y - r), (x + r, y + r)]
            for text in (shape.get("points") or "", (shape.get("d") or "").translate(str.maketrans("MCLZ", "    "))):
                numbers = [float(n) for n in text.replace(",", " ").split()]
                points += zip(numbers[::2], numbers[1::2], strict=True)
        across, down = zip(*points, strict=True)
        found[group.get("data-box", "")] = (min(across), max(across), (min(down) + max(down)) / 2)
    return found


steps = st.lists(st.sampled_from(sorted(FUNCTIONS)), min_size=1, max_size=4)


@settings(deadline=None, max_examples=12)
@given(steps, st.booleans())
def test_a_backward_box_stands_in_the_row_of_what_it_differentiates(functions: list[str], rewritten: bool) -> None:
    pytest.importorskip("pygraphviz")
    drawing = step_of(functions).draw(rewritten=rewritten)
    scene, places = drawing._scene, places_of(drawing.svg())
    assert scene.view == "columns"
    for one, other in scene.pairs:
        assert places[one][2] == pytest.approx(places[other][2], abs=1)
    columns = {"forward": [], "backward": [], "update": []}
    for box in scene.boxes:
        columns[box.place[0].names[0]].append(places[box.id])
    assert max(right for _, right, _ in columns["forward"]) < min(left for left, _, _ in columns["backward"])
    assert max(right for _, right, _ in columns["backward"]) < min(left for left, _, _ in columns["update"])


@settings(deadline=None, max_examples=15)
@given(steps, st.booleans(), st.booleans(), st.booleans())
def test_every_call_of_a_step_is_in_one_box_of_its_column(
    functions: list[str], scoped: bool, momentum: bool, rewritten: bool
) -> None:  # fmt: skip
    step = step_of(functions, scoped, momentum)
    scene = step.draw(rewritten=rewritten)._scene
    in_column: dict[str, list[int]] = {"forward": [], "backward": [], "update": []}
    for box in scene.boxes:
        if box.id == "u_rule" or box.kind in {"variable", "gradient value", "constant"}:
            continue
        inside = [node for node in box.members or (box.node,) if not node.is_input]
        in_column[box.place[0].names[0]] += [node.index for node in inside]
    for section, found in in_column.items():
        wanted = [n.index for n in scene.graph.nodes if not n.is_input and scene.sections[n.index] == section]
        assert sorted(found) == wanted, section
    program = step.program
    if not rewritten:
        rows = dict(reversed(pair) for pair in scene.pairs)
        for index, of in program.differentiated.items():
            box = next(
                b for b in scene.boxes if b.kind in {"pulled", "layer"} and any(m.index == index for m in b.members)
            )
            row = scene.box[rows[box.id]] if box.id in rows else None
            adds = box.lines == ("+",)
            assert adds or (row is not None and of in {row.node.index, *(m.index for m in row.members)})


@settings(deadline=None, max_examples=8)
@given(steps, st.booleans(), st.booleans())
def test_each_parameter_is_named_once_where_its_new_value_goes(
    functions: list[str], momentum: bool, rewritten: bool
) -> None:  # fmt: skip
    scene = step_of(functions, momentum=momentum).draw(rewritten=rewritten)._scene
    goals = [
        line.partition("\u00a0")[0] for box in scene.boxes if box.kind == "update" for line in box.name.split("\n")
    ]
    assert sorted(filter(None, goals)) == [f"W{n}" for n in range(1, len(functions) + 1)]


def test_the_formulas_are_those_of_the_calls() -> None:
    w = tg.Tensor(rng.normal(size=(3, 1)), name="w")

    @tg.compile
    def step(x: Any, y: Any) -> Any:
        p = tg.sigmoid(x @ w)
        loss = np.mean((p - y) ** 2)
        w.grad = None
        loss.backward()
        w.assign(w.data - 0.1 * w.grad)
        return loss

    step(rng.normal(size=(5, 3)), np.ones((5, 1)))
    drawing = step.draw()
    told = {box.id: box.lines for box in drawing._scene.boxes if box.lines}
    assert sorted(told.values()) == sorted([
        ("1 ÷ 5",), ("∇ × (2 × (p − y))",), ("∇ × (p × (1 − p))",), ("xᵀ @ ∇",), ("∇p", "5×1"), ("∇w", "3×1"),
        ("w − 0.1 × ∇w",),
    ])  # fmt: skip
    chart = drawing.mermaid()
    assert "→ w" in chart and "∇w" in chart and "xᵀ @ ∇" in chart.replace("#64;", "@")


def test_one_rule_for_many_parameters_is_told_once() -> None:
    scene = step_of(["tanh", "tanh", "tanh"], momentum=True).draw()._scene
    (rule,) = [box.lines for box in scene.boxes if box.id == "u_rule"]
    assert rule == ("update × 3", "velocity ← 0.9 × velocity + ∇", "w ← w − 0.1 × velocity")
    assert not any(box.lines for box in scene.boxes if box.kind == "update" and box.id != "u_rule")


def test_layers_of_a_large_step_are_closed_in_all_columns_and_open_in_one() -> None:
    step = step_of(["tanh", "sigmoid", "twice"] * 5, scoped=True)
    scene = step.draw()._scene
    layers = [box for box in scene.boxes if box.kind == "layer"]
    assert [box.role for box in layers].count("layer") == [box.role for box in layers].count("gradient") == 15
    rows = dict(scene.pairs)
    titles = {box.id: box.layer.title for box in layers if box.layer is not None}
    assert all(titles[rows[box.id]] == titles[box.id] for box in layers if box.role == "layer")
    opened = step.draw(open="layer 2")._scene
    assert "layer 2" not in {box.layer.title for box in opened.boxes if box.layer is not None}


def test_a_gradient_that_is_added_to_the_one_before_belongs_to_the_backward_pass() -> None:
    w = tg.Tensor(np.ones(3), name="w")

    @tg.compile
    def step(x: Any) -> Any:
        loss = np.sum(np.tanh(x * w))
        loss.backward()
        return loss

    step(np.ones(3))
    step(np.ones(3))
    read = {n.index for n in step.graph.nodes if not n.is_input and step.program.sections.get(n.index) != "backward"}
    assert all(o.is_input or o.index in read for n in step.graph.nodes if n.index in read for o in n.operands)
    assert step.draw()._scene.view == "columns"


def test_the_page_says_each_part_of_a_step() -> None:
    pytest.importorskip("pygraphviz")
    page = step_of(["tanh"]).draw().html()
    data = json.loads(page.partition('id="data">')[2].partition("</script>")[0])
    parts = [step["text"].partition(":")[0] for step in data[""]["steps"]]
    assert list(dict.fromkeys(parts)) == ["given", "forward", "backward", "update"]


def test_other_views_and_graphs_without_a_backward_pass_are_as_they_were() -> None:
    step = step_of(["tanh"])
    assert step.draw(view="full")._scene.view == "full"
    assert tg.draw(network(2))._scene.view == "full"
    with pytest.raises(ValueError, match="no calls in a"):
        tg.draw(network(2), view="columns")


@given(st.data())
def test_any_sections_make_a_scene(data: st.DataObject) -> None:
    r = Recorder()
    r.input(1.0, "x")
    for _ in range(data.draw(st.integers(2, 14))):
        left, right = (r.nodes[data.draw(st.integers(0, len(r.nodes) - 1))] for _ in range(2))
        r.call(np.add, left, right, scope=data.draw(st.sampled_from([(), ("a",), ("b",)])))
    graph = r.graph()
    cuts = sorted(data.draw(st.tuples(*[st.integers(1, len(graph.nodes) - 1)] * 2)))
    names = {n.index: ("forward", "backward", "update")[sum(n.index > cut for cut in cuts)] for n in graph.nodes[1:]}
    if not {"forward", "backward"} <= set(names.values()):
        return
    forward = [n for n, name in names.items() if name == "forward"]
    differentiated = {n: data.draw(st.sampled_from(forward)) for n, name in names.items() if name == "backward"}
    scene = columns(graph, Passes(names, differentiated, {len(graph.nodes) - 1: 0}))
    ids = [box.id for box in scene.boxes]
    assert len(ids) == len(set(ids))
    assert all(end in ids for link in scene.links for end in (link.tail, link.head))
    assert all(end in ids for pair in scene.pairs for end in pair)
    assert tg.draw(graph, sections=names, differentiated=differentiated).source


def test_loops_of_both_passes_are_cards_and_what_they_carry_is_no_gradient() -> None:
    u = tg.Tensor(rng.normal(size=(4, 4)), name="u")

    @tg.compile
    def step(x: Any, y: Any) -> Any:
        h = np.zeros((5, 4))
        for t in range(20):
            h = np.tanh(x[t] + h @ u)
        loss = np.mean((h - y) ** 2)
        u.grad = None
        loss.backward()
        u.assign(u.data - 0.1 * u.grad)
        return loss

    step(rng.normal(size=(20, 5, 4)), np.ones((5, 4)))
    scene = step.draw(rewritten=True)._scene
    cards = {box.layer.title: box for box in scene.boxes if box.layer is not None}
    assert cards["loop 1 × 20"].place[0].names == ("forward",)
    (loop,) = [box for title, box in cards.items() if title.startswith("loop 2 × ")]
    assert loop.role == "gradient" and "∇u\u00a0\u00a04×4" in [
        line.replace("  ", "\u00a0\u00a0") for line in loop.lines
    ]
    opened = step.draw(rewritten=True, open="loop 1")._scene
    assert not any("before" in box.lines[0] for box in opened.boxes if box.kind == "gradient value")
    assert opened.box[opened.pairs[0][0]].place[0].names == ("forward",)


def test_the_equal_steps_of_a_recorded_loop_are_one_card_in_both_columns() -> None:
    u = tg.Tensor(rng.normal(size=(4, 4)), name="u")

    @tg.compile
    def step(x: Any) -> Any:
        h = np.zeros((5, 4))
        for t in range(20):
            h = np.tanh(x[t] + h @ u)
        loss = np.mean(h**2)
        u.grad = None
        loss.backward()
        u.assign(u.data - 0.1 * u.grad)
        return loss

    step(rng.normal(size=(20, 5, 4)))
    scene = step.draw()._scene
    titles = {box.layer.title: box.role for box in scene.boxes if box.layer is not None}
    assert titles.pop("step × 20") == "layer" and set(titles.values()) == {"gradient"}
    assert any(title.startswith("step × 1") for title in titles) and len(scene.boxes) < 15
    flows = {(link.tail, link.head) for link in scene.links if link.kind == "backflow"}
    assert not {(head, tail) for tail, head in flows} & flows


def test_an_arrow_that_finds_no_way_is_straight(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pygraphviz")
    drawing = step_of(["tanh"]).draw()
    renders = engine.renders

    def failing(source: str, kinds: list[str], boxes: int = 0) -> list[bytes]:
        if "splines=true" in source:
            raise DrawingError("Error: in routesplines, Pshortestpath failed; Error: lost o6 p_o6 edge")
        return renders(source, kinds, boxes)

    monkeypatch.setattr(engine, "renders", failing)
    assert drawing.svg().count("data-link") == len(drawing._scene.links)


BOXES = st.sampled_from("abcdefg")


@settings(max_examples=500)
@given(st.lists(st.tuples(BOXES, BOXES), max_size=8), st.lists(st.tuples(BOXES, BOXES), max_size=8))
def test_no_arrow_down_leads_from_a_row_to_itself(arrows: list[tuple[str, str]], pairs: list[tuple[str, str]]) -> None:
    links = [Link(min(pair), max(pair)) for pair in arrows if pair[0] != pair[1]]
    rows = {box: {box} for box in "abcdefg"}
    kept = in_rows(pairs, links)
    assert set(kept) <= set(pairs)
    for one, other in kept:
        together = rows[one] | rows[other]
        rows |= dict.fromkeys(together, together)
    name = {box: min(row) for box, row in rows.items()}
    before: dict[str, set[str]] = {}
    for link in links:
        before.setdefault(name[link.head], set()).add(name[link.tail])
    TopologicalSorter(before).prepare()  # raises for a row that leads to itself


def test_the_columns_of_a_model_stand_in_their_order() -> None:
    pytest.importorskip("pygraphviz")
    model = tg.nn.Sequential([tg.nn.Dense(4, activation="tanh"), tg.nn.Dense(1)])
    model.compile("adam", "mse")
    model.fit(np.ones((8, 3)), np.ones(8), verbose=0)
    svg = model.compiled_steps.train.draw().svg().replace("\u00a0", " ")
    titles = re.findall(r' x="([-0-9.]+)"[^>]*>(forward ↓|backward ↑|update →)', svg.replace("  ", " "))
    assert [title for _, title in sorted(titles, key=lambda found: float(found[0]))] == [
        "forward ↓", "backward ↑", "update →",
    ]  # fmt: skip


def test_a_rule_is_written_out_once_also_for_parameters_without_names() -> None:
    w, b = tg.Tensor(np.ones((3, 1))), tg.Tensor(np.zeros(1))
    adam = tg.optim.Adam([w, b], 0.1)  # its averages are "mean of 0" and "mean of 1"

    @tg.compile
    def step(x: Any) -> Any:
        loss = np.mean((x @ w + b) ** 2)
        adam.zero_grad()
        loss.backward()
        adam.step()
        return loss

    step(np.ones((4, 3)))
    told = step.draw().source
    assert "update × 2" in told and "mean ← mean + 0.1 × (∇ − mean)" in told and "12 ops" not in told
