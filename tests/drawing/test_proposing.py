"""Graphs without scopes: the calls of the user's functions are cards, and what is too large is refused in time."""

from __future__ import annotations

import itertools
import re
import time
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygraph as tg
from tinygraph.drawing import TooLargeError, choosing, draw
from tinygraph.drawing.grouping.parts import part
from tinygraph.drawing.grouping.proposing import proposed
from tinygraph.drawing.scenes import views
from tinygraph.graph import Graph

from .graphs import Recorder


class Neuron:
    def __init__(self, inputs: int, seed: int, squashed: bool = True) -> None:
        random = np.random.default_rng(seed)
        self.w = [tg.Tensor(random.uniform(-1, 1)) for _ in range(inputs)]
        self.b = tg.Tensor(0.0)
        self.squashed = squashed

    def __call__(self, x: Any) -> Any:
        total = sum((wi * xi for wi, xi in zip(self.w, x, strict=True)), self.b)
        return np.tanh(total) if self.squashed else total


class Layer:
    def __init__(self, inputs: int, outputs: int, **more: Any) -> None:
        self.neurons = [Neuron(inputs, seed, **more) for seed in range(outputs)]

    def __call__(self, x: Any) -> Any:
        return [neuron(x) for neuron in self.neurons]


class MLP:
    def __init__(self, *sizes: int) -> None:
        self.layers = [Layer(*pair) for pair in itertools.pairwise(sizes)]

    def __call__(self, x: Any) -> Any:
        for layer in self.layers:
            x = layer(x)
        return x[0]


def micrograd(examples: int = 4) -> Any:
    model = MLP(3, 4, 4, 1)
    data = np.random.default_rng(0).normal(size=(examples, 3))
    loss = sum((model(list(x)) - 1.0) ** 2 for x in data)
    loss.backward()
    return loss


def calls_by_scope(graph: Graph) -> dict[tuple[str, ...], list[str]]:
    found: dict[tuple[str, ...], list[str]] = {}
    for node in graph.nodes:
        if not node.is_input:
            found.setdefault(node.scope, []).append(node.op)
    return found


def test_a_network_of_scalars_is_a_picture_of_its_neurons() -> None:
    loss = micrograd()
    graph = Graph.of(loss)
    assert len(graph) > 300 and not graph.scopes
    found = calls_by_scope(proposed(graph))
    neurons = {scope: ops for scope, ops in found.items() if scope}
    assert list(neurons) == [(f"Neuron {number}",) for number in range(1, 37)]
    one = [["multiply", "add"] * 3 + ["tanh"]] * 4 + [["multiply", "add"] * 4 + ["tanh"]] * 5
    assert list(neurons.values()) == one * 4
    start = time.perf_counter()
    drawing = draw(loss)
    assert time.perf_counter() - start < 2
    assert len(drawing._scene.boxes) <= 60
    assert "cards by function: name your own with tg.scope" in drawing.source
    assert "41 params" in drawing.source


def test_neurons_that_end_with_their_sum_are_told_apart() -> None:
    x = [tg.Tensor(1.0), tg.Tensor(2.0), tg.Tensor(3.0)]
    layer = Layer(3, 5, squashed=False)
    found = calls_by_scope(proposed(Graph.of(*layer(x))))
    assert list(found.values()) == [["multiply", "add"] * 3] * 5


def softmax(x: Any) -> Any:
    e = np.exp(x - np.max(x))
    return e / np.sum(e)


def attention(x: Any) -> Any:
    scores = x @ x.T
    weights = softmax(scores)
    return weights @ x


def transformer(x: Any, blocks: int) -> Any:
    for _ in range(blocks):
        x = x + attention(x)
        x = x + softmax(x)
    return x


def test_a_function_that_goes_on_has_called_what_came_between() -> None:
    graph = proposed(Graph.of(transformer(tg.Tensor(np.ones((3, 3))), 2)))
    found = calls_by_scope(graph)
    assert found["attention 1",] == ["transpose", "matmul", "matmul"]
    assert found["attention 1", "softmax"] == ["max", "subtract", "exp", "sum", "divide"]
    assert found["softmax 2",] == ["max", "subtract", "exp", "sum", "divide"]
    assert list(found) == [
        ("attention 1",), ("attention 1", "softmax"), (), ("softmax 1",),
        ("attention 2",), ("attention 2", "softmax"), ("softmax 2",),
    ]  # fmt: skip


def branching(x: Any, first: bool) -> Any:
    if first:
        return np.sin(x) * 2
    return np.cos(x) * 3


def test_a_branch_not_taken_before_is_another_call() -> None:
    x = tg.Tensor(0.5)
    y = branching(x, True)
    z = softmax(y)
    w = branching(z, False)
    found = calls_by_scope(proposed(Graph.of(np.exp(w) + np.exp(y))))
    assert found["branching 1",] == ["sin", "multiply"]
    assert found["branching 2",] == ["cos", "multiply"]
    assert ("branching 1", "softmax") not in found


@given(st.lists(st.sampled_from(["neuron", "softmax", "attention", "plain", "branch"]), max_size=12))
def test_proposed_scopes_keep_the_program_and_are_stretches_of_it(parts: list[str]) -> None:
    x = tg.Tensor(np.ones((2, 2)))
    h = x
    neuron = Neuron(2, 0)
    for each in parts:
        match each:
            case "neuron":
                h = neuron([h, x])
            case "softmax":
                h = softmax(h)
            case "attention":
                h = attention(h)
            case "plain":
                h = h * 2 + 1
            case "branch":
                h = branching(h, len(parts) % 2 == 0)
    graph = Graph.of(h)
    for coarseness in range(3):
        found = proposed(graph, coarseness)
        assert [(n.index, n.op, [o.index for o in n.operands]) for n in found.nodes] == [
            (n.index, n.op, [o.index for o in n.operands]) for n in graph.nodes
        ]
        left: set[tuple[str, ...]] = set()
        inside: tuple[str, ...] = ()
        for node in found.nodes:
            if node.is_input:
                continue
            left |= {inside[:depth] for depth in range(1, len(inside) + 1)}
            left -= {
                node.scope[:depth] for depth in range(1, len(node.scope) + 1) if inside[:depth] == node.scope[:depth]
            }
            assert not any(node.scope[:depth] in left for depth in range(1, len(node.scope) + 1))
            inside = node.scope


def test_a_long_program_without_functions_is_cards_of_lines() -> None:
    scene = draw(unlike(400))._scene
    assert [box.layer.title for box in scene.boxes if box.layer is not None] == ["line 31"]


def test_some_steps_of_a_repeat_are_drawn_alone() -> None:
    h = tg.Tensor(np.ones((2, 2)))
    for _ in range(6):
        h = np.tanh(h @ tg.Tensor(np.eye(2)) + 1)
    scene = views.rolled(Graph.of(h))
    (repeat,) = [box for box in scene.boxes if box.layer is not None]
    calls = [node for node in repeat.members if not node.is_input]
    inside = views.full(part(scene.graph, calls[:6], scene.names))
    assert sum(box.kind == "operation" for box in inside.boxes) == 6


# --- what is too large


def unlike(length: int, **about: Any) -> Graph:
    """A chain of calls in which no step repeats itself."""
    r, random = Recorder(), np.random.default_rng(0)
    x = r.input(0.5, "x")
    for number in random.integers(5, size=length):
        x = r.call((np.tanh, np.sin, np.cos, np.exp, np.negative)[number], x, **about)
    return r.graph(x)


def unknown(length: int) -> Graph:
    """A chain of calls of which nobody knows the line."""
    return unlike(length, source=None)


def test_each_way_out_of_a_refusal_works() -> None:
    with pytest.raises(TooLargeError, match=r"401 nodes, \d+ boxes in a picture; 300 is the most") as refused:
        draw(unknown(400))
    ways = re.findall(r"^  (.*?)[;.]$", str(refused.value), re.MULTILINE)
    assert len(ways) == 4 and "tg.scope" in ways[0] and "further inside" in ways[1] and 'view="full"' in ways[2]
    assert len(draw(unknown(400), view="full")._scene.boxes) == 402
    assert len(draw(unknown(200))._scene.boxes) <= 202
    h, random = tg.Tensor(0.5), np.random.default_rng(0)
    for number in range(4):
        with tg.scope(f"layer {number}"):
            for step in random.integers(5, size=100):
                h = (np.tanh, np.sin, np.cos, np.exp, np.negative)[step](h)
    assert len(draw(h)._scene.boxes) == 5
    assert str(tg.Graph.of(h)).count(" = ") == 401
    with pytest.raises(TooLargeError, match=r"2,501 nodes.*2,000 is the most(.|\n)*view=\"collapsed\"") as refused:
        draw(unlike(2500), view="full")
    assert 'view="full"' not in str(refused.value)
    assert len(draw(unlike(2500), view="collapsed")._scene.boxes) == 2


def test_a_graph_of_many_nodes_is_refused_before_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    h = tg.Tensor(0.5)
    for _ in range(100_000):
        h = h * 1.0001
    monkeypatch.setattr(choosing, "read_graph", lambda *_: pytest.fail("read"))
    for view in ("auto", "full", "chain", "values", "collapsed", "mirror"):
        start = time.perf_counter()
        with pytest.raises(TooLargeError, match=r"100,001 nodes; 30,000 is the most(.|\n)*further inside") as refused:
            draw(h, view=view)  # type: ignore[arg-type]
        assert time.perf_counter() - start < 1
        assert "print(tg.Graph.of(...))" in str(refused.value)
    start = time.perf_counter()
    assert repr(h).startswith("Tensor(") and h.shape == ()
    assert time.perf_counter() - start < 1
