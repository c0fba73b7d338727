"""The heat of a picture is what was measured: each law compares the colours and the numbers with the amounts."""

from __future__ import annotations

import re
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygraph as tg
from tinygraph.drawing.health.heat import given_heat, heat_of, seconds_text
from tinygraph.drawing.palette import HEAT
from tinygraph.graph import Graph
from tinygraph.graph.replay import seconds_of_calls

from .graphs import Recorder, network

SVG = "{http://www.w3.org/2000/svg}"
COLOURS = [level.fill for level in HEAT]


def boxes_of(svg: str) -> dict[str, tuple[str, str]]:
    """The fill and the words of each box, by its id."""
    groups = [group for group in ElementTree.fromstring(svg).iter(f"{SVG}g") if "data-box" in group.attrib]
    return {
        str(group.get("data-box")): (
            next((path.get("fill", "") for path in group.findall(f"{SVG}path")), ""),
            " ".join(text.text or "" for text in group.iter(f"{SVG}text")).replace("\u00a0", " "),
        )
        for group in groups
    }


def words_of(svg: str) -> str:
    """All words of a picture."""
    return " ".join(text.text or "" for text in ElementTree.fromstring(svg).iter(f"{SVG}text")).replace("\u00a0", " ")


def chain(amounts: list[float]) -> tuple[Graph, dict[int, float]]:
    r = Recorder()
    value = r.input([0.5, 1.0], "x")
    for _ in amounts:
        value = r.call(np.tanh, value)
    graph = r.graph()
    return graph, {node.index: amount for node, amount in zip(graph.nodes[1:], amounts, strict=True)}


@settings(deadline=None, max_examples=15)
@given(st.lists(st.floats(1e-7, 10.0), min_size=1, max_size=6))
def test_colours_and_numbers_are_those_of_the_amounts(amounts: list[float]) -> None:
    pytest.importorskip("pygraphviz")
    graph, heat = chain(amounts)
    svg = tg.draw(graph, view="full", heat=heat).svg()
    found = boxes_of(svg)
    for index, amount in heat.items():
        fill, words = found[f"o{index}"]
        share = amount / sum(amounts)
        assert fill == next(colour for most, colour, *_ in HEAT if share <= most + 1e-12)
        assert seconds_text(amount) in words and "%" in words
    assert f"{seconds_text(min(amounts))} … {seconds_text(max(amounts))}" in words_of(svg)
    assert f"100 % of {seconds_text(sum(amounts))}" in words_of(svg)


@given(st.lists(st.floats(1e-12, 1e6), min_size=2, max_size=6))
def test_a_larger_norm_is_never_paler_and_the_ends_have_the_end_colours(norms: list[float]) -> None:
    r = Recorder()
    value = r.input([0.5], "x")
    for size in norms:
        value = r.call(np.tanh, value, grad=[size])
    heat = heat_of(r.graph(), "gradient norm")
    ends = heat.ends(norms)
    assert ends == (min(norms), max(norms))
    places = [COLOURS.index(heat.look(size, ends).fill) for size in sorted(norms)]
    assert places == sorted(places)
    if max(norms) > min(norms) * 1.001:
        assert places[0] == 0 and places[-1] == len(COLOURS) - 1
    before, after, _ = heat.scale(norms)
    assert before.endswith(heat.text(min(norms))) and after == heat.text(max(norms))


def test_every_call_that_can_be_made_again_is_timed_and_the_dear_one_is_hot() -> None:
    rng = np.random.default_rng(0)
    x, w = tg.Tensor(rng.normal(size=(500, 500)), name="x"), tg.Tensor(rng.normal(size=(500, 500)), name="w")
    loss = np.mean(np.square(np.cos(x[:2] + 1))) + np.mean((x @ w)[:1])
    loss.backward()
    graph = Graph.of(loss)
    seconds, on_ones = seconds_of_calls(graph)
    assert not on_ones
    assert set(seconds) == {node.index for node in graph.nodes if not node.is_input}
    assert all(spent > 0 for spent in seconds.values())
    assert max(seconds, key=lambda index: seconds[index]) == next(n.index for n in graph.nodes if n.op == "matmul")
    assert heat_of(graph, "time").unknown == {}


def test_what_was_not_kept_is_named_and_has_no_colour() -> None:
    pytest.importorskip("pygraphviz")
    x = tg.Tensor(np.linspace(0, 1, 3000), name="x")
    loss = np.mean(np.tanh(x + np.ones(3000)) * 2)
    loss.backward()
    svg = tg.draw(loss, view="heat").svg()
    told = {box: words for box, words in boxes_of(svg).items() if box.startswith("o")}
    named = {box for box, (_, words) in told.items() if "not measured" in words}
    assert named and not any(told[box][0] in COLOURS for box in named)
    assert all(told[box][0] in COLOURS for box in told if box not in named)
    assert "not measured: the record has freed" in words_of(svg)
    assert "timed on ones" in words_of(svg) and len(named) == 1
    norms = boxes_of(tg.draw(loss, heat="gradient norm", view="full").svg())
    assert any("∇ not kept" in words for _, words in norms.values())


def test_bytes_are_those_of_the_results() -> None:
    graph = network()
    heat = heat_of(graph, "bytes")
    assert heat.amounts == {node.index: float(node.nbytes) for node in graph.nodes if not node.is_input}
    assert "8 B … 256 B" in tg.draw(graph, view="full", heat="bytes").source.replace("\u00a0", " ")


def test_closed_layers_have_the_sum_of_their_calls_or_the_norm_of_their_parameters() -> None:
    graph = network()
    scene = tg.draw(graph, view="collapsed", heat="bytes")._scene
    layers = {box.id: box for box in scene.boxes if box.kind == "layer"}
    assert sum(scene.heated.values()) == sum(node.nbytes for node in graph.nodes if not node.is_input)
    norms = tg.draw(graph, view="collapsed", heat="gradient norm")._scene
    for key, box in layers.items():
        if box.parameters:
            whole = np.sqrt(sum(np.sum(np.square(node.grad)) for node in box.parameters))
            assert norms.heated[key] == pytest.approx(whole)
    assert re.search(r"‖∇‖", tg.draw(graph, view="collapsed", heat="gradient norm").source)


def test_a_gradient_that_is_not_finite_is_no_amount() -> None:
    r = Recorder()
    x = r.input([0.0, 1.0], "x", grad=[np.nan, 1.0])
    graph = r.graph(r.call(np.sum, r.call(np.tanh, x, grad=[np.inf, 2.0]), grad=1.0))
    heat = heat_of(graph, "gradient norm")
    assert heat.amounts == {2: 1.0} and heat.unknown == {1: "∇: 1 of 2 ∞"}


@pytest.mark.parametrize("heat", ["speed", "times"])
def test_an_unknown_quantity_is_refused(heat: Any) -> None:
    with pytest.raises(ValueError, match="'time', 'bytes', 'gradient norm'"):
        tg.draw(network(), heat=heat)


def test_a_graph_without_values_or_gradients_is_refused() -> None:
    graph = tg.trace(lambda x: np.sum(np.tanh(x)), np.ones(3))
    blank = Graph.of(tg.Tensor([1.0]) * 2)
    with pytest.raises(ValueError, match="backward"):
        tg.draw(blank, heat="gradient norm")
    if all(node.value is None for node in graph.nodes):
        with pytest.raises(ValueError, match="profile"):
            tg.draw(graph, view="heat")


def test_amounts_without_a_unit_are_shares_alone() -> None:
    heat = given_heat({1: 1.0, 2: 3.0}, "calls")
    assert heat.words(1.0) == "25%" and heat.scale([1.0, 3.0])[1] == ""
    assert given_heat({1: 2e6}, "bytes read").words(2e6).startswith("2 MB")


@pytest.mark.parametrize(("seconds", "words"), [(2e-7, "0.2 µs"), (1.4e-3, "1.4 ms"), (3.0, "3 s"), (4e-9, "4 ns")])
def test_times_in_words(seconds: float, words: str) -> None:
    assert seconds_text(seconds) == words


def test_gradients_that_were_freed_are_computed_again_or_named() -> None:
    x, w = tg.Tensor(np.linspace(-1, 1, 4000).reshape(1000, 4), name="x"), tg.Tensor(np.full((4, 3), 0.5), name="w")

    def loss(retain: bool) -> Any:
        x.grad = w.grad = None
        found = np.mean(np.square(np.tanh(x @ w) * 2))
        found.backward(retain_graph=retain)
        return found

    kept, freed = (heat_of(Graph.of(loss(retain)), "gradient norm") for retain in (True, False))
    assert kept.amounts == pytest.approx(freed.amounts) and not freed.unknown
    assert "computed again" in freed.note and not kept.note
    last = loss(False)
    x.grad = x.grad * 2
    distrusted = heat_of(Graph.of(last), "gradient norm")
    assert "∇ not kept" in distrusted.unknown.values() and not distrusted.note


@pytest.mark.parametrize("amount", [-1.0, float("nan"), float("inf")])
def test_an_amount_without_a_share_is_an_error(amount: float) -> None:
    graph, heat = chain([1.0, 2.0])
    with pytest.raises(ValueError, match=r"heat\[2\] is .*Leave that node out"):
        tg.draw(graph, heat={**heat, 2: amount})


def test_heat_of_no_node_is_an_error() -> None:
    graph, _ = chain([1.0, 2.0])
    for index in (99, -1, "x", 1.5):
        with pytest.raises(ValueError, match=r"heat goes by the index of a node, and .* is the index of none"):
            tg.draw(graph, heat={index: 1.0})  # type: ignore[dict-item]
    with pytest.raises(TypeError, match="heat is no list"):
        tg.draw(graph, heat=[1.0, 2.0])  # type: ignore[arg-type]


def test_a_rolled_card_has_the_sum_of_its_steps() -> None:
    w = tg.Tensor(np.full((3, 3), 0.2))
    h = np.ones((5, 3))
    for _ in range(12):
        h = np.tanh(h @ w)
    drawn = tg.draw(np.mean(h), view="rolled", heat="bytes")
    (card,) = [box for box in drawn._scene.boxes if box.kind == "layer"]
    assert drawn._scene.heated[card.id] == 12 * 2 * 5 * 3 * 8
    assert "2.88 kB" in drawn.source.replace("\u00a0", " ")
