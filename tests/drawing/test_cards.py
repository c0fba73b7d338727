"""The words on cards are true: of every dtype, of missing values, and of gradients that are not there."""

from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import tinygraph as tg
from tinygraph.drawing import draw
from tinygraph.drawing.scenes.gradient_words import gradient_words
from tinygraph.drawing.scenes.views import chain, full
from tinygraph.drawing.words.facts import histogram, nonfinite_text, norm
from tinygraph.drawing.words.symbols import operation_symbol
from tinygraph.graph import Graph

from .graphs import Recorder, hypotenuse, network, one_value

kinds = hnp.scalar_dtypes().filter(lambda dtype: dtype.kind in "biufc" and dtype.itemsize <= 16)
arrays = kinds.flatmap(lambda dtype: hnp.arrays(dtype, hnp.array_shapes(min_dims=0, max_dims=3, min_side=0)))


@settings(deadline=None)
@given(arrays)
def test_any_array_can_be_described(value: np.ndarray) -> None:
    with np.errstate(all="raise", under="ignore"):
        told = histogram(value)
    assert told.words
    assert all(0 <= bar <= 1 for bar in told.bars)
    assert not told.bars or max(told.bars) == 1


@given(hnp.arrays(np.float64, st.integers(2, 50), elements=st.floats(-100, 100)), st.floats(0.1, 10), st.floats(-5, 5))
def test_a_histogram_does_not_depend_on_the_unit(value: np.ndarray, scale: float, shift: float) -> None:
    span = value.max() - value.min()
    steps = (value - value.min()) / span * 9 if span > 1 else np.zeros(0)
    if span > 1 and np.all(np.abs(steps - np.round(steps)) > 1e-6)[()]:
        assert histogram(value).bars == histogram(value * scale + shift).bars


@pytest.mark.parametrize("largest", [np.float64(1.7e308), np.float32(3.4e38), np.float16(65504), np.int64(2**62)])
def test_the_largest_numbers_do_not_overflow_on_the_way_to_a_histogram(largest: np.generic) -> None:
    value = np.array([-largest, -largest, 0, largest], largest.dtype)
    with np.errstate(all="raise"):
        assert histogram(value).bars == (1, 0, 0, 0, 0.5, 0, 0, 0, 0.5)


@given(hnp.arrays(np.float64, st.integers(1, 30), elements=st.sampled_from([0.0, 1.0, np.nan, np.inf, -np.inf])))
def test_nonfinite_values_are_counted(value: np.ndarray) -> None:
    told = nonfinite_text(value)
    bad = int(np.count_nonzero(~np.isfinite(value)))
    assert told.startswith(f"{bad} of {value.size} ") if bad else told == ""
    for kind, there in (("NaN", np.isnan(value)), ("−∞", np.isneginf(value))):
        assert (kind in told) == bool(there.any())


@given(hnp.arrays(np.float64, st.integers(1, 20), elements=st.floats(-1e3, 1e3)), st.sampled_from([1e-200, 1.0, 1e200]))
def test_the_norm_neither_overflows_nor_vanishes(value: np.ndarray, scale: float) -> None:
    assert norm(value * scale) / scale == pytest.approx(float(np.linalg.norm(value)), rel=1e-9, abs=1e-100)


def said(svg: str) -> str:
    return "|".join(text.text or "" for text in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}text"))


@pytest.mark.parametrize("view", ["full", "values", "chain"])
def test_before_backward_no_gradient_is_shown_as_a_number(view: str) -> None:
    pytest.importorskip("pygraphviz")
    told = said(draw(hypotenuse(gradients=False), view=view).svg())  # type: ignore[arg-type]
    assert "∇ not computed" in told
    assert "∂c/∂" not in told and "∇ = " not in told and "‖∇‖" not in told


def test_the_chain_rule_can_be_read_off() -> None:
    pytest.importorskip("pygraphviz")
    told = said(draw(hypotenuse()).svg()).replace("\u00a0", " ")
    for words in ("∂c/∂a = 0.6", "∂c/∂b = 0.8", "∂c/∂s = 0.1", "∂c/∂a² = 0.1", "2a", "2b", "1/(2√s)"):
        assert words in told
    assert "c = √(a² + b²)   after c.backward()" in told


def test_a_gradient_that_was_given_back_says_how_to_keep_it() -> None:
    pytest.importorskip("pygraphviz")
    r = Recorder()
    h = r.call(np.exp, r.input(np.ones(3), "x", grad=np.ones(3)), name="h", value=None, grad_freed=True)
    r.nodes[-1] = h
    drawn = draw(r.graph(h), view="full")
    assert "∇ not kept" in said(drawn.svg())
    assert "retain_graph=True" in said(drawn.svg())
    assert "values not kept" in said(drawn.svg())


def test_a_seed_other_than_one_is_not_called_a_derivative_of_the_output() -> None:
    r = Recorder()
    c = r.call(np.exp, r.input(0.0, "a", grad=2.0), name="c", grad=2.0)
    scene = full(r.graph(c))
    assert gradient_words(r.nodes[0], scene) == "∇a = 2"


def test_a_gradient_of_two_passes_is_not_called_a_derivative_of_the_output() -> None:
    import tinygraph as tg

    a = tg.Tensor(3.0, name="a")
    for _ in range(2):
        c = a * 2
        c.backward()
    scene = chain(tg.Graph.of(c) if hasattr(tg, "Graph") else _graph_of(c))
    assert gradient_words(scene.graph.inputs[0], scene) == "∇a = 4"


def _graph_of(*outputs: object):  # type: ignore[no-untyped-def]
    from tinygraph.graph import read_graph

    return read_graph(outputs, None)


def test_real_tensors_show_the_numbers_of_the_chain_rule() -> None:
    pytest.importorskip("pygraphviz")
    import tinygraph as tg

    a = tg.Tensor(3.0, name="a")
    b = tg.Tensor(4.0, name="b")
    s = a**2 + b**2
    c = np.sqrt(s)
    c.backward()
    told = said(draw(c).svg()).replace("\u00a0", " ")
    for words in ("∂c/∂a = 0.6", "∂c/∂b = 0.8", "× 2a = 6", "× 2b = 8", "× 1/(2√s) = 0.1"):
        assert words in told


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (np.zeros((0, 3)), "empty"),
        (np.zeros(5), "all 0"),
        (np.array([True, False, True]), "2 of 3 True"),
        (np.array(np.nan), "NaN"),
        (np.array([np.nan, 1.0, 2.0]), "1 of 3 NaN"),
        (np.array(1 + 2j), "1 + 2i"),
        (np.arange(4), "0 … 3"),
        (np.array([1.0, 60000.0, -60000.0], np.float16), "−6×10⁴ … 6×10⁴"),
    ],
)
def test_a_graph_of_one_leaf(value: np.ndarray, words: str) -> None:
    pytest.importorskip("pygraphviz")
    drawing = draw(one_value(value, name="x"), view="full")
    assert words in said(drawing.svg()).replace("\u00a0", " ")


def test_the_first_nonfinite_value_is_marked_with_its_line_and_what_it_spoilt() -> None:
    pytest.importorskip("pygraphviz")
    r = Recorder()
    p = r.input(np.array([0.0, 0.5, 0.0]), "p")
    safe = r.call(np.exp, p, name="safe")
    bad = r.call(np.log, p)
    loss = r.call(np.mean, r.call(np.add, safe, bad), name="L")
    scene = full(r.graph(loss))
    assert scene.origin == bad.index
    assert scene.spoilt == {bad.index, bad.index + 1, loss.index}
    told = said(draw(r.graph(loss), view="full").svg())
    assert "2 of 3 are −∞" in told and "train.py:31" in told and "first non-finite value" in told


def test_nothing_is_marked_where_all_is_finite() -> None:
    scene = full(network())
    assert scene.origin is None and not scene.spoilt


def test_a_program_without_values_shows_shapes_and_misses_nothing() -> None:
    nodes = tuple(replace(node, value=None, grad=None) for node in network(1).nodes)
    drawn = draw(Graph(nodes, nodes[-1:]), view="full")
    told = drawn.source
    assert "not kept" not in told and "not computed" not in told
    assert "8×4" in told and "scalar" in told
    assert "not kept" not in drawn.mermaid() and "not computed" not in drawn.mermaid()


def test_within_a_layer_a_parameter_is_called_without_its_name() -> None:
    r = Recorder()
    x = r.input(np.ones((2, 3)), "x", requires_grad=False)
    w = r.input(np.ones((3, 4)), "a_layer_with_a_long_name.kernel", grad=np.ones((3, 4)))
    y = r.call(np.matmul, x, w, scope=("net", "a_layer_with_a_long_name"))
    loss = r.call(np.sum, y, scope=("net",), name="loss", grad=1.0)
    for view in ("full", "collapsed"):
        told = draw(r.graph(loss), view=view, open=["net"] if view == "collapsed" else None).source  # type: ignore[arg-type]
        assert ">kernel<" in told and "name.kernel<" not in told


def test_sections_are_boxes_around_the_scopes_and_names_replace_names() -> None:
    graph = network(2)
    sections = {node.index: "forward" for node in graph.nodes if not node.is_input}
    sections[graph.outputs[0].index] = "update"
    drawn = draw(graph, view="full", sections=sections, names={graph.outputs[0].index: "L, updated"}).source
    for tooltip in ("forward", "forward/model", "forward/model/layer 1", "update", "update/loss"):
        assert f'tooltip="{tooltip}"' in drawn or f"tooltip={tooltip}" in drawn
    assert "L, updated" in drawn
    assert "forward" in draw(graph, view="collapsed", open="update", sections=sections).source
    assert [node.scope for node in graph.nodes] == [node.scope for node in network(2).nodes]


def test_a_call_on_a_number_shows_the_number() -> None:
    r = Recorder()
    assert operation_symbol(r.call(np.negative, 1.0)) == "−1"
    assert operation_symbol(r.call(np.exp, 2.0)) == "exp(2)"
    assert operation_symbol(r.call(np.divide, 1.0, 5)) == "1 ÷ 5"


def test_a_range_of_complex_numbers_has_no_letter_of_its_own() -> None:
    z = tg.Tensor(np.array([1 + 2j, 3.0]))
    told = tg.draw(np.sum(np.abs(z)), view="full").text(width=100)
    assert "|·| 2.2 … 3" in told and "|x|" not in told
