"""Rolled repeats: a card counts right and hides nothing, opens to the full picture, and reads at 900 pixels."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from itertools import chain
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygraph as tg
from tinygraph.drawing.grouping.repeats import common_name, repeat_of
from tinygraph.drawing.grouping.rolling import rolled
from tinygraph.drawing.looks.boxes import tooltip
from tinygraph.drawing.looks.repeat_cards import Norms, norms_of
from tinygraph.drawing.page.panel import about
from tinygraph.drawing.scenes import views
from tinygraph.drawing.scenes.layer_words import loop_lines
from tinygraph.drawing.scenes.scene import Scene
from tinygraph.drawing.words.facts import norm
from tinygraph.drawing.words.numbers import number
from tinygraph.graph import Graph, Node
from tinygraph.graph.repeats import repeats
from tinygraph.users_code.loop_lines import loop_of_step

from ..test_repeats import bodies, unrolled
from .graphs import Recorder
from .test_true_pictures import boxes_of
from .test_views import assert_sound

rng = np.random.default_rng(0)


def recurrent(count: int = 12, change: Callable[[int, Any], Any] | None = None) -> tg.Tensor:
    """The loss of a recurrent network after its backward pass; `change` changes the state of a step."""
    w, u = tg.Tensor(rng.normal(size=(3, 4)) / 2, name="W"), tg.Tensor(rng.normal(size=(4, 4)) / 2, name="U")
    x = tg.Tensor(rng.normal(size=(count, 5, 3)), requires_grad=False, name="x")
    h = np.zeros((5, 4))
    for t in range(count):
        h = np.tanh(x[t] @ w + h @ u)
        if change is not None:
            h = change(t, h)
    loss = np.mean(np.square(h))
    loss.backward()
    return loss  # type: ignore[return-value]


def cards(scene: Scene) -> list[str]:
    return [box.layer.title for box in scene.boxes if box.layer is not None]


# --- laws -------------------------------------------------------------------------------------------------------------


def assert_all_shown_once(scene: Scene, graph: Graph) -> None:
    """Every call is one operation, or in one card; every input is one card, or in one."""
    operations = [box.node.index for box in scene.boxes if box.kind == "operation"]
    inputs = [box.node.index for box in scene.boxes if box.kind == "variable" and box.node.is_input]
    members = [node.index for box in scene.boxes for node in box.members]
    assert sorted([*operations, *inputs, *members]) == [node.index for node in graph.nodes]


def drawn(scene: Scene) -> tuple[set[str], set[Any]]:
    """The boxes and the arrows of a picture, without the chips, which depend on the layout."""
    card = {box.id: box.card or box.id for box in scene.boxes}
    return set(card.values()), {(card[link.tail], card[link.head], link.kind) for link in scene.links}


@settings(deadline=None, max_examples=60)
@given(bodies(), st.integers(3, 9), st.integers(0, 2))
def test_rolled_and_unrolled_pictures_have_the_same_nodes(body: list[Any], count: int, lead: int) -> None:
    nodes = unrolled(body, count, lead)
    graph = Graph(tuple(nodes), (nodes[-1],))
    used = set(chain.from_iterable(node.operands for node in nodes)) | {nodes[-1]}
    graph = Graph(tuple(node for node in nodes if node in used or not node.is_input), graph.outputs)
    scene = views.rolled(graph)
    assert_sound(scene)
    assert_all_shown_once(scene, graph)
    found = repeats(graph)
    assert sorted(cards(scene)) == sorted(set(cards(scene))) and len(cards(scene)) == len(found)
    for box in scene.boxes:
        if box.layer is not None:
            repeat = repeat_of(box.layer.names[-1])
            assert repeat is not None and box.layer.title.startswith(f"step × {repeat.count}")
            assert [node.index for node in repeat.calls] == [n.index for n in box.members if not n.is_input]
    if found and max(repeat.count * len(repeat.steps[0]) for repeat in found) <= views.MOST_UNROLLED:
        outer = {"step"} | {f"step × {inner.count}" for repeat in found for inner in repeat.inside}
        opened = views.rolled(graph, sorted(outer))
        assert drawn(opened) == drawn(views.full(graph))


@pytest.mark.parametrize("count", [3, 12, 17])
def test_the_card_counts_the_steps_and_its_arrow_leads_to_itself(count: int) -> None:
    pytest.importorskip("pygraphviz")
    drawing = tg.draw(recurrent(count), view="rolled")
    told = next(text for text in boxes_of(drawing.svg()).values() if text.startswith("step"))
    assert re.match(rf"step × {count}  5 ops a stepfor t in range\(count\): test_rolling\.py:\d+carries h", told)
    (again,) = [link for link in drawing._scene.links if link.kind == "again"]
    assert again.tail == again.head and again.label == "h"
    assert ">\u00a0h</text>" in drawing.svg()


@pytest.mark.parametrize("place", [0, 3, 6, 11])
def test_a_step_that_differs_is_in_no_card(place: int) -> None:
    for change in (
        lambda t, h: h * (1.5 if t == place else 2.0),
        lambda t, h: h + (np.mean(h, axis=0) if t == place else np.mean(h, axis=0, keepdims=True)),
        lambda t, h: np.maximum(h, 0.1) if t == place else np.minimum(h, 0.1),
    ):
        scene = views.rolled(tg.Graph.of(recurrent(12, change)))
        different = [box for box in scene.boxes if box.layer is not None]
        assert sum(int(title.partition("× ")[2][:2]) for title in cards(scene)) <= 11
        sizes = [len([n for n in box.members if not n.is_input]) for box in different]
        assert all(size % int(title.split()[2]) == 0 for size, title in zip(sizes, cards(scene), strict=True))


def test_open_shows_each_step_and_no_card() -> None:
    loss = recurrent(12)
    closed, opened = tg.draw(loss)._scene, tg.draw(loss, open="step")._scene
    assert cards(closed) == ["step × 12"] and cards(opened) == []
    assert drawn(opened) == drawn(tg.draw(loss, view="full")._scene)
    assert {scope.title for box in opened.boxes for scope in box.place} == {"step × 12"}
    long = tg.draw(recurrent(50), open="step")._scene
    assert cards(long) == [f"step {number}" for number in range(1, 51)]
    assert "step 7" not in cards(tg.draw(recurrent(50), open=["step", "step 7"])._scene)


def test_data_of_each_step_is_on_the_card_and_shared_values_have_their_own() -> None:
    w = tg.Tensor(np.ones(3), name="w")
    rows = [tg.Tensor(np.full(3, float(t)), requires_grad=False, name=f"x{t}") for t in range(5)]
    h: Any = w
    for t in range(5):
        h = np.tanh(h * w + rows[t])
    h = h + w
    scene = tg.draw(h, view="rolled")._scene
    assert {box.node.name for box in scene.boxes if box.kind == "variable"} == {"w", "h"}
    told = tg.draw(h, view="rolled").source
    assert "x" + "\u00a0" + "(3,) of each step" in told


def test_numbers_of_each_step_are_on_the_card() -> None:
    letters, u = tg.Tensor(rng.normal(size=(7, 4)), name="E"), tg.Tensor(rng.normal(size=(4, 4)), name="U")
    h: Any = np.zeros(4)
    for t, token in enumerate([3, 1, 4, 1, 5, 2, 6, 5]):
        h = np.tanh(letters[token] + h @ u) * 0.5**t
    h.sum().backward()
    drawing = tg.draw(h, view="rolled")
    assert cards(drawing._scene) == ["step × 8"]
    assert "E[3, 1, 4 …&#93;, × 1 … 0.00781 of each step" in drawing.source
    (card,) = [box for box in drawing._scene.boxes if box.layer is not None]
    assert about(card, drawing._scene)["parameters"] == [-1]  # a live page hides rows that it does not compute
    page = drawing.html()
    for words in ("step by step", "E[3, 1, 4 …]", "for t, token in enumerate"):
        assert words in page


def test_layers_in_a_row_are_one_card_with_the_gradients_of_their_own_weights() -> None:
    model = tg.nn.Sequential([*[tg.nn.Dense(8, activation="relu") for _ in range(6)], tg.nn.Dense(1)])
    loss = np.mean(model(rng.normal(size=(16, 8))) ** 2)
    loss.backward()  # type: ignore[union-attr]
    graph = tg.Graph.of(loss)  # type: ignore[arg-type]
    scene = tg.draw(graph, view="rolled")._scene
    assert cards(scene) == ["dense × 6"]
    source = tg.draw(graph, view="rolled").source
    kernels = [node for node in graph.parameters if node.name and node.name.endswith(".kernel")][:6]
    assert f"{number(norm(kernels[0].grad), 2)} first, {number(norm(kernels[-1].grad), 2)} last" in source
    assert "6 of 8×8" in source and "each" in source
    assert len(cards(tg.draw(graph, open="dense_2")._scene)) == 6  # a small graph is not rolled for that


def test_a_loop_in_a_loop_is_a_card_in_a_card() -> None:
    weights = [tg.Tensor(np.eye(3), name=f"W{layer}") for layer in range(4)]
    x: Any = tg.Tensor(np.ones(3), name="x")
    for _ in range(12):
        for weight in weights:
            x = np.tanh(weight @ x)
        x = x / 2
    scene = tg.draw(x)._scene
    assert cards(scene) == ["step × 12"]
    opened = tg.draw(x, open="step × 12")._scene
    assert [title.partition(",")[0] for title in cards(opened)] == ["step × 4"] * 12
    (scope,) = {box.layer for box in scene.boxes if box.layer is not None}
    assert "for _ in range(12):" in scope.names[-1].line  # type: ignore[union-attr]


def test_a_card_shows_the_ends_of_a_long_line_and_its_tooltip_all_of_it() -> None:
    x: Any = tg.Tensor(np.ones(3), name="x")
    for _, _, _ in zip(range(12), ["a first word"] * 12, ["a second word"] * 12, strict=True):
        x = np.tanh(np.sin(x)) / 2
    drawing = tg.draw(x, view="rolled")
    (card,) = [box for box in drawing._scene.boxes if box.layer is not None]
    (line, *_) = loop_lines(card)
    code, _, place = line.rpartition(" ")
    code = code.rstrip()
    assert code.startswith("for _, _, _ in zip(") and code.endswith("strict=True):") and "…" in code
    assert len(code) == 40 and place.startswith("test_rolling.py:")
    assert '["a first word"] * 12' in tooltip(card, drawing._scene)


def test_two_loops_have_two_cards() -> None:
    w = tg.Tensor(0.5, name="w")
    x: Any = w
    for _ in range(5):
        x = np.sin(x) * w
    for _ in range(5):
        x = np.cos(x) + w
    assert cards(tg.draw(x, view="rolled")._scene) == ["step × 5", "step × 5 (2)"]


def test_the_loop_of_a_step_is_the_one_that_it_is_a_pass_of() -> None:
    w = tg.Tensor(0.5)
    x: Any = w
    for _ in range(5):
        for _ in range(2):
            x = np.sin(x) * w
        x = np.cos(x)
    (found,) = repeats(tg.Graph.of(x))
    assert found.count == 5
    line = loop_of_step([(node.source, node.op) for node in found.steps[-1]])
    assert line is not None and line[0] == "for _ in range(5):"
    assert loop_of_step([(None, "sin")]) is None


# --- gradients step by step -------------------------------------------------------------------------------------------


def with_norms(sizes: list[float | None]) -> list[Node]:
    r = Recorder()
    return [r.input(np.ones(2), grad=None if size is None else np.array([size, 0.0])) for size in sizes]


sizes = st.lists(st.floats(0, 1e30) | st.none(), min_size=1, max_size=200)


@given(sizes)
def test_bars_rise_with_the_norms_and_words_are_true(given_sizes: list[float | None]) -> None:
    norms = norms_of(with_norms(given_sizes))
    known = [size for size in norms.sizes if size is not None]
    heights = [height for height in norms.heights() if height is not None]
    assert all(0 <= height <= 1 for height in heights)
    assert norms.missing == given_sizes.count(None)
    assert bool(norms.words()) == bool(known)
    if len(given_sizes) <= 84:
        order = np.argsort(known, kind="stable")
        assert all(np.diff(np.array(heights)[order]) >= -1e-12)
    for said, size in (("largest", max), ("smallest", min)):
        if said in norms.words():
            told, step = re.findall(rf"{said} (\S+) at step (\d+)", norms.words())[0]
            assert number(size(known), 2) == told and norms.sizes[int(step) - 1] == size(known)


def test_a_gradient_that_is_not_finite_is_said_and_one_that_was_not_kept_has_no_bar() -> None:
    norms = norms_of(with_norms([1.0, np.inf, None, 2.0]))
    assert norms == Norms((1.0, None, None, 2.0), 1, (2,))
    assert norms.heights() == [0.5, None, None, 1.0] and norms.words() == "1 first, 2 last"
    assert norms_of(with_norms([None, None])).words() == ""


def test_the_card_has_the_norms_of_the_record() -> None:
    loss = recurrent(12)
    states = [node for node in tg.Graph.of(loss).nodes if node.op == "tanh"]
    first, last = (number(norm(states[at].grad), 2) for at in (0, -1))  # type: ignore[arg-type]
    assert f"{first} first, {last} last" in tg.draw(loss).source
    h: Any = tg.Tensor(1.0, name="h")
    for _ in range(30):
        h = np.sin(h) * 2
    assert "step by step" not in tg.draw(h).source  # before backward() there are none


def test_the_name_of_many() -> None:
    r = Recorder()
    made = [r.input(1.0, name) for name in ("loss", "loss", "L")]
    assert common_name(made) == "loss"
    assert common_name([r.input(1.0, name) for name in ("dense.kernel", "dense_1.kernel")]) == "kernel"
    assert common_name([r.input(1.0, name) for name in ("W1", "W2", "W3")]) == "W"
    assert common_name([r.input(1.0, name) for name in ("a", "b", "c")]) == ""


# --- size -------------------------------------------------------------------------------------------------------------


def test_fifty_steps_read_at_900_pixels_and_take_no_time() -> None:
    pytest.importorskip("pygraphviz")
    loss = recurrent(50)
    tg.draw(recurrent(3)).svg()
    start = time.process_time()
    svg = tg.draw(loss).svg()
    assert time.process_time() - start < 1  # 0.1 s on a machine with nothing else to do
    width = float(re.findall(r'width="([\d.]+)pt"', svg)[0])
    smallest = min(float(size) for size in re.findall(r'font-size="([\d.]+)', svg))
    assert smallest * 4 / 3 * min(1.0, 900 / (width * 4 / 3)) >= 10


def test_graphs_without_repeats_stay_as_they_are() -> None:
    a, b = tg.Tensor(3.0, name="a"), tg.Tensor(4.0, name="b")
    graph = tg.Graph.of(np.sqrt(a * a + b * b))
    assert rolled(graph) is graph
    assert drawn(views.rolled(graph)) == drawn(views.full(graph))


def test_the_loops_of_a_compiled_step_are_cards_in_its_columns() -> None:
    w, u = tg.Tensor(rng.normal(size=(3, 4)), name="w"), tg.Tensor(rng.normal(size=(4, 4)), name="u")

    @tg.compile
    def step(x: Any) -> Any:
        h = np.zeros((5, 4))
        for t in range(20):
            h = np.tanh(x[t] @ w + h @ u)
        loss = np.mean(h**2)
        w.grad = u.grad = None
        loss.backward()
        for parameter in (w, u):
            parameter.assign(parameter.data - 0.1 * parameter.grad)
        return loss

    step(rng.normal(size=(20, 5, 3)))
    scene = step.draw()._scene
    assert scene.view == "columns" and len(scene.boxes) < 20
    assert cards(scene)[0] == "step × 20" and any(title.startswith("step × 1") for title in cards(scene))
    loops = [box for box in scene.boxes if box.layer is not None and repeat_of(box.layer.names[-1]) is not None]
    assert [box.role for box in loops] == ["layer", "gradient"]
