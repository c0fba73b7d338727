"""Writes into arrays, in text and in pictures: the array has its name after each, and a write reads like the code."""

from __future__ import annotations

import json

import numpy as np
import pytest

import tinygraph as tg
from tinygraph.drawing.looks.cards import variable_card
from tinygraph.drawing.scenes.mirror import pullback_lines
from tinygraph.drawing.scenes.views import full
from tinygraph.drawing.words.expressions import labels
from tinygraph.drawing.words.symbols import array_constants, operation_symbol
from tinygraph.engine.links import Like
from tinygraph.engine.nested import mapped

from ..test_writing import PROGRAMS


def program(x):
    y = 2 * x
    r = y[1:]
    y[0] = x[1] * 3
    r *= x[:2]
    y[2] = 0.0
    return np.sum(y * y)


def stencil(d):
    u = np.zeros_like(d, shape=5)
    u[2] = d
    for _ in range(2):
        u[1:-1] += d * (u[2:] - 2 * u[1:-1] + u[:-2])
    return np.sum(u * u)


class Model:
    def __init__(self, x):
        self.state = np.zeros_like(x)

    def run(self, x):
        self.state[1:] = x[1:] * 2
        self.state.T[0] = x[0]
        np.add(self.state, x, out=self.state)
        return np.sum(self.state)


def writes(result):
    graph = tg.Graph.of(result)
    names = labels(graph)
    return [operation_symbol(node, names) for node in graph if node.op == "put_at"]


def test_a_write_reads_like_the_code():
    assert writes(program(tg.Tensor([1.0, 2.0, 3.0], name="x"))) == ["y₁[0] ← x[1] × 3", "y₂[1:] ← r₂", "y₃[2] ← 0"]
    assert writes(stencil(tg.Tensor(0.4, name="d"))) == ["u[2] ← d", "u₁[1:−1] ← ·", "u₂[1:−1] ← ·"]
    assert writes(Model(x := tg.Tensor([1.0, 2.0], name="x")).run(x)) == [
        "state[1:] ← x[1:] × 2", "state₁.T[0] ← x[0]", "[…] ← state₂ + x",
    ]  # fmt: skip


def test_an_array_that_is_written_over_as_a_whole_has_its_name():
    x = tg.Tensor([1.0, 2.0], name="x")
    y = x * 1.0
    y[0] = 0.0
    np.multiply(y, y, out=y)
    (first, second) = (node for node in tg.Graph.of(y) if node.op == "put_at")
    assert operation_symbol(first) == "y[0] ← 0"
    assert operation_symbol(second) == "y[…] ← ·"


def test_the_array_has_its_name_after_each_write_and_a_view_has_its_own():
    loss = program(tg.Tensor([1.0, 2.0, 3.0], name="x"))
    named = [(node.op, node.name) for node in tg.Graph.of(loss) if node.name]
    assert named == [
        ("input", "x"), ("multiply", "y"), ("put_at", "y"), ("getitem", "r"), ("multiply", "r"), ("put_at", "y"),
        ("put_at", "y"), ("sum", "loss"),
    ]  # fmt: skip


def test_a_name_that_is_given_is_kept():
    x = tg.Tensor([1.0, 2.0], name="weights")
    v = x[1:]
    v[0] = x[0] * 2
    graph = tg.Graph.of(x * 1.0)
    assert [node.name for node in graph if node.op in {"input", "put_at"}] == ["weights", "weights"]
    x.name = "state"
    x[0] = 0.0
    x[1] = v[0]
    assert [node.name for node in tg.Graph.of(x * 1.0) if node.op == "put_at"] == ["state"] * 3


def test_in_the_text_a_place_is_an_index():
    x = tg.Tensor([1.0, 2.0, 3.0], name="x")
    y = x * 1.0
    y[[0, 0]] = x[1:]
    y[1:, ...][0] = x[0]
    mask = np.ones(3, bool)
    y[mask] = x
    text = str(tg.Graph.of(y))
    for call in ("[[0, 0]], %2)", "[1:, ...][0], %4)", "[[True, True, True]], %0)"):
        assert call in text
    document = json.loads(tg.Graph.of(y).to_json())
    assert [node["args"][1] for node in document["nodes"] if node["op"] == "put_at"][1] == "[1:, ...][0]"


def test_lines_are_the_users():
    loss = stencil(tg.Tensor(0.4))
    assert {node.source.function for node in tg.Graph.of(loss).nodes if node.source} <= {
        "stencil", "test_lines_are_the_users",
    }  # fmt: skip


def test_zeros_that_are_written_into_have_no_card_of_values_that_were_not_kept():
    graph = tg.Graph.of(stencil(tg.Tensor(0.4, name="d")))
    first = next(node for node in graph if node.op == "put_at")
    assert array_constants(first) == []
    assert not any(box.kind == "constant" for box in full(graph).boxes)


def test_an_array_that_is_written_has_a_card_with_its_name():
    x = tg.Tensor(np.ones(4))
    y = x * 2
    data = np.arange(3.0)
    y[1:] = data
    (node,) = [node for node in tg.Graph.of(y) if node.op == "put_at"]
    ((name, array),) = array_constants(node)
    assert name == "data"
    np.testing.assert_array_equal(array, data)


def test_each_state_of_an_array_has_the_gradient_it_had():
    loss = program(tg.Tensor([1.0, 2.0, 3.0], name="x"))
    loss.backward()
    states = [node for node in tg.Graph.of(loss) if node.name == "y"]
    np.testing.assert_array_equal([node.value for node in states], [[2, 4, 6], [6, 4, 6], [6, 4, 12], [6, 4, 0]])
    np.testing.assert_array_equal([node.grad for node in states], [[0, 8, 0], [12, 8, 0], [12, 8, 0], [12, 8, 0]])


def test_a_gradient_that_was_written_over_is_said_to_be_freed():
    x = tg.Tensor(np.ones(3000))
    y = x * 2
    y[0] = x[1]
    y[1] = x[2]
    loss = np.sum(y * y)
    loss.backward()
    graph = tg.Graph.of(loss)
    scene = full(graph)
    for node in graph:
        if node.op == "put_at":
            assert node.grad is not None or node.grad_freed
            assert "not computed" not in variable_card(node, scene)
    source = tg.draw(loss).source
    assert "from one write to the one before" in source
    assert "gradient not kept between writes" in source


def test_the_mirror_says_where_the_gradient_goes():
    loss = program(tg.Tensor([1.0, 2.0, 3.0], name="x"))
    graph = tg.Graph.of(loss)
    told = [pullback_lines(node, labels(graph)) for node in graph if node.op == "put_at"]
    assert told == [
        ["y₁: ∇ with 0 at [0]", "x[1] × 3: ∇[0]"], ["y₂: ∇ with 0 at [1:]", "r₂: ∇[1:]"], ["∇ with 0 at [2]"],
    ]  # fmt: skip


@pytest.mark.parametrize("view", ["auto", "full", "values", "collapsed", "mirror"])
@pytest.mark.parametrize("function", [program, stencil])
def test_every_view_and_format_draws_writes(view, function, tmp_path):
    pytest.importorskip("pygraphviz")
    x = tg.Tensor([1.0, 2.0, 3.0], name="x") if function is program else tg.Tensor(0.4, name="d")
    with tg.scope("inside"):
        loss = function(x)
    loss = loss * 1.0
    loss.backward()
    for suffix in ("svg", "html", "dot", "mmd"):
        found = tg.draw(loss, view=view, open=None).save(tmp_path / f"graph.{suffix}").read_text()
        assert "put at" not in found


@pytest.mark.parametrize("function", PROGRAMS)
def test_programs_that_write_are_texts_and_pictures_and_can_be_evaluated_again(function):
    x = tg.Tensor(np.random.default_rng(0).normal(size=6) + 2, name="x")
    start = x.data.copy()
    result = function(x)
    loss = np.sum(result * result)
    loss.backward(retain_graph=True)
    graph = tg.Graph.of(loss)
    assert len(str(graph).splitlines()) == len(graph) + 1
    assert "np: " not in str(graph)
    assert len(json.loads(graph.to_json())["nodes"]) == len(graph)
    for view in ("full", "values", "collapsed", "mirror"):
        assert "put at" not in tg.draw(graph, view=view).source
    values = {}
    for node in graph:
        node.local_derivatives()
        args = mapped(node.args, lambda item: values.get(item.index) if isinstance(item, tg.Node) else item)
        unknown = any(isinstance(item, Like) for item in args) or any(values[o.index] is None for o in node.operands)
        if unknown or "multiply" in node.scope:  # an array was not kept, or only the elements of where= were computed
            values[node.index] = node.value
        else:
            values[node.index] = start if node.name == "x" and node.is_input else node.value
            if not node.is_input:
                values[node.index] = node.function(*args, **node.kwargs)
        if node.value is not None:
            np.testing.assert_allclose(values[node.index], node.value, rtol=1e-12)
    np.testing.assert_allclose(values[graph.outputs[0].index], loss.data, rtol=1e-12)


def test_a_graph_that_writes_can_be_evaluated_again():
    x = tg.Tensor([1.0, 2.0, 3.0], name="x")
    result = program(x)
    values = {}
    for node in (graph := tg.Graph.of(result)):
        args = [values[item.index] if isinstance(item, tg.Node) else item for item in node.args]
        values[node.index] = node.value if node.is_input else node.function(*args, **node.kwargs)
    np.testing.assert_array_equal(values[graph.outputs[0].index], result.data)


def test_a_write_into_numbers_that_were_not_kept_cannot_be_made_again():
    first = next(node for node in tg.Graph.of(stencil(tg.Tensor(0.4))) if node.op == "put_at")
    with pytest.raises(tg.GraphError, match="did not keep the numbers"):
        first.function(first.args[0], first.args[1], 0.4)
