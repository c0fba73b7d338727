"""The data of a page: the pictures that it carries, its steps and their sentences, what a box says and holds."""

from __future__ import annotations

import base64
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygraph as tg
from tinygraph.drawing import draw
from tinygraph.drawing.page import page
from tinygraph.drawing.page.panel import about as about_box
from tinygraph.drawing.page.pixels import content
from tinygraph.drawing.page.states import states
from tinygraph.drawing.page.steps import steps
from tinygraph.drawing.words.numbers import number

from .graphs import Recorder, hypotenuse, network
from .pages import data_of, facts_of

PASSES = ["forward", "backward", "update"]

needs_engine = pytest.mark.usefixtures("engine")


@pytest.fixture
def engine() -> None:
    pytest.importorskip("pygraphviz")


@needs_engine
def test_the_page_has_a_picture_for_each_state_of_its_layers_and_needs_no_network() -> None:
    html = draw(network(3), view="collapsed").html()
    data, facts = data_of(html), facts_of(html)
    titles = [picture["title"] for picture in data.values()]
    assert titles == ["overview", "layer 1", "layer 2", "layer 3", "loss", "all layers open"]
    for picture in data.values():
        root = ElementTree.fromstring(picture["svg"])
        known = {group.get("data-box") for group in root.iter() if "data-box" in group.attrib}
        assert {box for step in picture["steps"] for box in step.get("show", [])} == known <= set(facts["boxes"])
        assert all(tail in known and head in known for tail, head, _ in picture["links"])
        assert not set(picture["open"]) & known
    assert "src=" not in html and "http" not in html.replace("http://www.w3.org/2000/svg", "")


@needs_engine
def test_a_layer_inside_another_opens_within_it() -> None:
    r = Recorder()
    x = r.input(np.ones(3), "x")
    for inner in ("one", "two"):
        for _ in range(2):
            x = r.call(np.tanh, x, scope=("outer", inner))
        x = r.call(np.exp, x, scope=("outer",))
    data = data_of(draw(r.graph(r.call(np.sum, r.call(np.sin, x))), view="collapsed").html())
    (outer,) = (key for key, picture in data.items() if picture["title"] == "outer")
    assert data[outer]["parent"] == "" and data[outer]["open"] == [outer]
    inner = [picture for picture in data.values() if picture.get("parent") == outer]
    assert [picture["title"] for picture in inner] == ["one", "two"]
    assert all(len(picture["open"]) == 2 and picture["open"][0] == outer for picture in inner)


def test_a_picture_whose_scopes_are_no_boxes_stays_as_it_is() -> None:
    for view in ("mirror", "chain", "values"):
        graph = hypotenuse() if view == "chain" else network(3)
        assert [state.key for state in states(draw(graph, view=view)._scene)] == [""]  # type: ignore[arg-type]
    assert [state.key for state in states(tg.diff(network(3), network(2))._scene)] == [""]


def test_a_page_is_bounded() -> None:
    r = Recorder()
    x = r.input(np.ones(3), "x")
    for layer in range(80):
        for _ in range(60):
            x = r.call(np.tanh, x, scope=(f"layer {layer}",))
    found = states(draw(r.graph(), view="collapsed")._scene)
    assert sum(len(state.scene.boxes) for state in found) <= 3000
    assert found[0].key == "" and found[1].key == "s0"


def test_a_layer_too_large_for_the_picture_is_shown_alone() -> None:
    r = Recorder()
    x = r.input(np.ones(3), "x")
    for layer, size in enumerate((250, 3)):
        for _ in range(size):
            x = r.call(np.tanh, x, scope=(f"layer {layer}",))
    for place in range(60):
        x = r.call(np.tanh, x, name=f"h{place}")
    found = {state.key: state for state in states(draw(r.graph(), view="collapsed")._scene)}
    assert set(found) == {"", "inside s0", "s1"}
    assert found["inside s0"].is_inside and len(found["inside s0"].scene.boxes) > 250


# --- sentences --------------------------------------------------------------------------------------------------------


def sentences(scene: object) -> dict[str, tuple[str, str]]:
    boxes = {box.id: about_box(box, scene) for box in scene.boxes}  # type: ignore[attr-defined]
    return {about["title"]: (about.get("forward", ""), about.get("backward", "")) for about in boxes.values()}


def test_each_step_is_said_in_names_and_numbers() -> None:
    told = sentences(draw(hypotenuse(), view="chain")._scene)
    assert told["s"] == ("s = a² + b² = 9 + 16 = 25", "∂c/∂s = ∂c/∂c × 1/(2√s) = 1 × 0.1 = 0.1")
    assert told["b²"][1] == "∂c/∂b² = ∂c/∂s × 1 = 0.1"
    assert told["a"] == ("a = 3, a parameter", "∂c/∂a = ∂c/∂a² × 2a = 0.1 × 6 = 0.6")
    assert told["c"][0] == "c = √s = √25 = 5"


def test_a_gradient_of_several_uses_says_its_parts() -> None:
    a, b = tg.Tensor(2.0, name="a"), tg.Tensor(-3.0, name="b")
    c = a * b
    d = a + c
    e = c * d
    e.backward(retain_graph=True)
    told = sentences(tg.draw(e)._scene)
    assert told["c"][1] == "∂e/∂c = ∂e/∂d × 1 + ∂e/∂e × d = −6 − 4 = −10"
    assert told["a"][1] == "∂e/∂a = ∂e/∂c × b + ∂e/∂d × 1 = 30 − 6 = 24"


def test_arrays_are_said_with_their_shapes_and_norms() -> None:
    rng = np.random.default_rng(0)
    x, w = tg.Tensor(rng.normal(size=(5, 3)), requires_grad=False), tg.Tensor(np.ones((3, 2)), name="W")
    z = x @ w
    cost = np.mean(z**2)
    cost.backward(retain_graph=True)
    told = sentences(tg.draw(cost, view="full")._scene)
    assert told["z"][0].startswith("z = x @ W, 5×3 @ 3×2 → 5×2, ")
    assert w.grad is not None
    assert told["W"][1] == f"∇W = xᵀ @ ∇z, ‖∇W‖ {np.linalg.norm(w.grad):.3g}"


def test_a_gradient_that_is_no_derivative_is_not_explained_by_the_chain_rule() -> None:
    a, b = tg.Tensor(3.0, name="a"), tg.Tensor(4.0, name="b")
    (a * b).backward()
    d = a + b
    d.backward()
    assert sentences(tg.draw(d)._scene)["a"][1] == "∇a = 5, sum of several passes"


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.sampled_from("+-*"), st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=8))
def test_the_numbers_of_a_sentence_are_those_of_the_picture(calls: list[tuple[str, int, int]]) -> None:
    values = [tg.Tensor(1.5, name="a"), tg.Tensor(-0.5, name="b")]
    for sign, left, right in calls:
        x, y = values[left % len(values)], values[right % len(values)]
        values.append(x + y if sign == "+" else x - y if sign == "-" else x * y)
    values[-1].backward(retain_graph=True)
    scene = tg.draw(values[-1], view="values")._scene
    for box in scene.boxes:
        about = about_box(box, scene)
        node = box.node
        for sentence, value in ((about.get("forward"), node.value), (about.get("backward"), node.grad)):
            if sentence is None or box.kind != "variable" or (node.is_input and sentence is about.get("forward")):
                continue
            shown = number(value[()])
            result = sentence.rpartition(" = ")[2].partition(":")[0].partition(",")[0]
            assert result == shown
            parts = sentence.split(" = ")[-2]
            if re.fullmatch(r"−?[\d.]+( [+−×] \(?−?[\d.]+\)?)*", parts):
                computed = eval(parts.replace("−", "-").replace("×", "*"))
                assert computed == pytest.approx(float(value), abs=0.02 + 0.02 * abs(float(value)))


# --- the order of the steps -------------------------------------------------------------------------------------------


@needs_engine
def test_gradients_appear_in_the_order_of_the_backward_pass() -> None:
    data = data_of(draw(hypotenuse(), view="chain").html())
    told = [step["text"] for step in data[""]["steps"] if step["text"].startswith("backward")]
    assert told == [f"backward: ∂c/∂{name}" for name in ("c", "s", "a²", "b²", "b", "a")]


@settings(deadline=None, max_examples=40)
@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=9))
def test_a_gradient_appears_after_those_of_all_its_uses(calls: list[tuple[int, int]]) -> None:
    values = [tg.Tensor(1.5, name="a"), tg.Tensor(-0.5, name="b")]
    for left, right in calls:
        values.append(values[left % len(values)] * values[right % len(values)])
    values[-1].backward(retain_graph=True)
    for view in ("values", "mirror"):
        scene = tg.draw(values[-1], view=view)._scene  # type: ignore[arg-type]
        node = {box.id: box.node for box in scene.boxes if box.kind in {"variable", "gradient"}}
        at = [step["at"] for step in steps(scene) if "backward: ∂" in step["text"] or "backward: ∇" in step["text"]]
        order = [node[box].index for box in at if box in node]
        assert len(order) == len(set(order))
        assert view == "mirror" or len(order) == sum(each.grad is not None for each in scene.graph.nodes)
        for place, index in enumerate(order):
            later = set(order[place + 1 :])
            assert not later & {user.index for user in scene.graph.consumers(scene.graph.nodes[index])}


@needs_engine
def test_the_layers_of_a_compiled_step_open_in_its_columns() -> None:
    rng = np.random.default_rng(0)
    weights = [tg.Tensor(rng.normal(size=(4, 4)), name=f"w{number}") for number in range(12)]

    @tg.compile
    def step(x: Any) -> Any:
        for layer, w in enumerate(weights):
            with tg.scope(f"layer {layer}"):
                x = np.tanh(x @ w) * 0.9
        cost = np.mean(x**2)
        for w in weights:
            w.grad = None
        cost.backward()
        for w in weights:
            w.assign(w.data - 0.1 * w.grad)
        return cost

    step(rng.normal(size=(5, 4)))
    found = states(step.draw()._scene)
    assert [state.title for state in found[1:13]] == [f"layer {number}" for number in range(12)]
    for state in found[1:13]:
        assert state.scene.view == "columns" and len(state.opened) == 1
        told = [step["text"].partition(": ")[0] for step in steps(state.scene)]
        assert [part for place, part in enumerate(told) if told[:place][-1:] != [part]] == ["given", *PASSES]


# --- arrays -----------------------------------------------------------------------------------------------------------


@given(st.integers(1, 90), st.integers(1, 90))
def test_a_map_has_at_most_32_cells_a_side_and_their_means(rows: int, columns: int) -> None:
    value = np.random.default_rng(0).normal(size=(rows, columns))
    shown = content(value)
    if "numbers" in shown:
        assert value.size <= 16 or max(value.shape) <= 6
        assert [len(row) for row in shown["numbers"]] == [columns] * rows
        return
    cells = np.frombuffer(base64.b64decode(shown["map"]), np.int8).reshape(shown["rows"], shown["columns"])
    assert cells.shape == (min(rows, 32), min(columns, 32)) and np.abs(cells).max() == 127
    if rows <= 32 and columns <= 32:
        np.testing.assert_allclose(cells / 127 * np.abs(value).max(), value, atol=np.abs(value).max() / 250)


def test_a_map_marks_what_is_not_finite() -> None:
    value = np.ones((40, 40))
    value[0, 0] = np.nan
    cells = np.frombuffer(base64.b64decode(content(value)["map"]), np.int8)
    assert cells[0] == -128 and set(cells[1:].tolist()) == {127}
    assert content(np.full((40, 40), np.inf))["most"] == "0"
    assert content(np.zeros((0, 4))) == {} and content(np.float64(3.0)) == {}


def test_the_panel_has_the_statistics_that_numpy_computes() -> None:
    value = np.array([[0.0, 1.0, -2.0, np.nan], [0.0, np.inf, 3.0, 4.0]])
    r = Recorder()
    scene = draw(r.graph(r.input(value, "x")), view="full")._scene
    facts = dict(about_box(scene.boxes[0], scene)["facts"])
    finite = value[np.isfinite(value)]
    assert facts["value"] == f"min −2 · mean 1 · max 4 · std {finite.std():.3g}"
    assert facts["zeros"] == "25 %"
    assert facts["not finite"] == "2 of 8 ∞ or NaN, 25 %" or facts["not finite"] == "2 of 8 NaN or ∞, 25 %"


def test_each_part_of_the_script_is_short() -> None:
    folder = Path(page.__file__).with_name("script")
    assert {path.stem for path in folder.glob("*.js")} == {*page.SCRIPTS, *page.LIVE_SCRIPTS}
    for path in folder.glob("*.js"):
        assert len(path.read_text("utf-8").splitlines()) < 150, path.name
