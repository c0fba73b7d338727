"""The marks of a network's health follow their rules, and the numbers beside them are the gradients'."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygraph as tg
from tinygraph.drawing.health.gradient_health import FACTOR, RULES

from .graphs import Recorder

SVG = "{http://www.w3.org/2000/svg}"


def words_of(svg: str) -> dict[str, str]:
    """Return the words in each box, by its id."""
    groups = [group for group in ElementTree.fromstring(svg).iter(f"{SVG}g") if "data-box" in group.attrib]
    return {
        str(group.get("data-box")): " ".join(text.text or "" for text in group.iter(f"{SVG}text")) for group in groups
    }


def layers(gradients: list[float], scoped: bool = True, weights: Sequence[float] = ()) -> Any:
    """A network of one weight a layer, with given norms of their gradients; the weights have norm 1 or those given."""
    r = Recorder()
    h = r.input(np.ones((5, 1)), "x", requires_grad=False)
    for number, gradient in enumerate(gradients, 1):
        scope = {"scope": (f"layer {number}",)} if scoped else {}
        weight = weights[number - 1] if weights else 1.0
        w = r.input([[weight]], f"w{number}", grad=[[gradient]])
        h = r.call(np.tanh, r.call(np.matmul, h, w, **scope), **scope)
    return r.graph(r.call(np.mean, h, name="L", grad=1.0))


def deep(activation: Any, gain: float, residual: bool = False, depth: int = 10) -> tg.Tensor:
    """The loss of a network of ten layers, after backward."""
    rng = np.random.default_rng(0)
    h: Any = rng.normal(size=(64, 32))
    for number in range(1, depth + 1):
        with tg.scope(f"layer {number}"):
            w = tg.Tensor(rng.normal(size=(32, 32)) * gain / np.sqrt(32), name=f"W{number}")
            z = activation(h @ w)
            h = h + z if residual else z
    loss = np.mean(h**2)
    loss.backward()
    return loss


SIZES = st.floats(-9, 9).map(lambda power: 10.0**power)


@pytest.mark.parametrize("scoped", [True, False])
@settings(deadline=None, max_examples=100)
@given(st.lists(st.tuples(SIZES | st.just(0.0), SIZES), min_size=1, max_size=6))
def test_the_marks_follow_the_rules(scoped: bool, drawn: list[tuple[float, float]]) -> None:
    gradients, weights = ([pair[part] for pair in drawn] for part in (0, 1))
    found = tg.health(layers(gradients, scoped, weights)).layers
    assert [layer.gradient for layer in found] == pytest.approx(gradients)
    for place, layer in enumerate(found):
        size, later = gradients[place], gradients[place + 1 :]
        if size == 0:
            assert layer.mark == "zero"
        elif later and size < max(later) / FACTOR:
            assert layer.mark == "vanishing"
        else:
            above = [other for other in later if other > 0]
            too_large = size > FACTOR * max(weights[place], 1.0) or (bool(above) and size > FACTOR * min(above))
            assert layer.mark == ("exploding" if too_large else "")
        assert layer.largest == max(gradients)


def test_the_gradient_of_a_layer_is_the_norm_of_those_of_all_its_parameters() -> None:
    r, scope = Recorder(), ("layer",)
    x = r.input(np.ones((5, 2)), "x", requires_grad=False)
    w, b = r.input(np.ones((2, 2)), "w", grad=[[2.0, 2.0], [2.0, 2.0]]), r.input(np.ones(2), "b", grad=[0.0, 3.0])
    h = r.call(np.add, r.call(np.matmul, x, w, scope=scope), b, scope=scope)
    (layer,) = tg.health(r.graph(r.call(np.mean, h, name="L", grad=1.0))).layers
    assert (layer.gradient, layer.weights) == (5.0, pytest.approx(6**0.5))


def test_a_maximum_with_another_number_than_0_is_no_relu() -> None:
    w = tg.Tensor(np.zeros((2, 3)), name="w")
    loss = np.mean(np.maximum(np.ones((4, 2)) @ w, -1.0))
    loss.backward()
    assert not any(layer.relus for layer in tg.health(loss).layers)


def test_a_sigmoid_network_vanishes_a_residual_one_does_not_and_both_have_one_scale() -> None:
    pytest.importorskip("pygraphviz")
    plain, residual = deep(tg.sigmoid, 1.0), deep(tg.sigmoid, 1.0, residual=True)
    both = tg.health(plain, residual)
    first, second = both.layers[:10], both.layers[10:]
    assert [layer.mark for layer in first[:5]] == ["vanishing"] * 5 and not any(layer.mark for layer in second)
    assert len({layer.largest for layer in both.layers}) == 1
    words = words_of(both.draw().svg())
    assert sum("vanishing" in text for text in words.values()) == sum(
        layer.mark == "vanishing" for layer in both.layers
    )
    for layer in both.layers:
        assert any(layer.words in text.replace("\u00a0", " ") for text in words.values())


def test_a_network_with_weights_too_large_explodes() -> None:
    found = tg.health(deep(tg.relu, 8.0)).layers
    assert all(layer.mark == "exploding" for layer in found)
    assert not any(layer.mark for layer in tg.health(deep(tg.relu, np.sqrt(2))).layers)


@pytest.mark.parametrize("relu", [tg.relu, lambda z: np.maximum(z, 0), lambda z: np.maximum(0.0, z)])
@pytest.mark.parametrize("rows", [20, 400])
@pytest.mark.parametrize("scoped", [True, False])
def test_dead_relus_are_counted_kept_or_not(relu: Any, rows: int, scoped: bool) -> None:
    rng = np.random.default_rng(0)
    bias = np.where(np.arange(16) % 4 == 0, -100.0, 0.0)
    w, b = tg.Tensor(rng.normal(size=(8, 16)), name="w"), tg.Tensor(bias, name="b")
    x = rng.normal(size=(rows, 8))
    with tg.scope("layer" if scoped else "whole"):
        h = relu(x @ w + b)
    if scoped:
        loss = np.mean(h)
    else:
        loss = np.mean(relu(x @ w + b) * 1.0)
    h = None
    loss.backward()
    told = [line for layer in tg.health(loss).layers for line in layer.relus]
    assert told == ["4 of 16 ReLUs dead on this batch"]
    assert "4 of 16 ReLUs dead on this batch" in tg.draw(loss, view="health").source.replace("\u00a0", " ")


def test_a_single_row_says_nothing_about_dead_relus() -> None:
    w = tg.Tensor(-np.ones((3, 4)), name="w")
    loss = np.sum(tg.relu(np.ones((1, 3)) @ w))
    loss.backward()
    assert not any(layer.relus for layer in tg.health(loss).layers)


def test_gradients_that_are_missing_or_not_finite_are_said_so() -> None:
    w = tg.Tensor(np.ones((3, 4)), name="w")
    (layer,) = tg.health(np.sum(w)).layers
    assert layer.gradient is None and layer.mark == "" and "not computed" in layer.words
    graph = layers([1.0, float("nan"), 2.0])
    marks = [layer.mark for layer in tg.health(graph).layers]
    assert marks == ["", "not finite", ""]


def test_it_prints_as_a_table_with_the_rules() -> None:
    lines = str(tg.health(layers([1e-6, 1.0]))).splitlines()
    assert lines[0].split() == ["layer", "parameters", "‖∇‖", "of", "the", "largest", "‖∇‖", "/", "‖w‖"]
    assert lines[1].split() == ["layer", "1", "1", "1×10⁻⁶", "1/1×10⁶", "1×10⁻⁶", "vanishing"]
    assert lines[2].split() == ["layer", "2", "1", "1", "largest", "1"]
    assert tuple(lines[-2:]) == RULES


def test_a_model_is_no_loss() -> None:
    with pytest.raises(TypeError, match="Give the loss"):
        tg.health(tg.nn.Sequential([tg.nn.Dense(1)]))


class Block(tg.nn.Module):
    def __init__(self) -> None:
        self.up = tg.nn.Dense(8, activation="relu")
        self.down = tg.nn.Dense(4)

    def call(self, x: Any) -> Any:
        return x + self.down(self.up(x))


class Network(tg.nn.Module):
    def __init__(self, blocks: int) -> None:
        self.shift = tg.Tensor(np.zeros(4))
        self.blocks = [Block() for _ in range(blocks)]
        self.head = tg.nn.Dense(1)

    def call(self, x: Any) -> Any:
        h = x + self.shift
        for block in self.blocks:
            h = block(h)
        return self.head(h)


def loss_of(network: Network) -> tg.Tensor:
    return np.mean(network(np.ones((5, 4))) ** 2)


def test_a_network_that_is_one_module_shows_its_layers() -> None:
    network, smaller = Network(3), Network(2)
    loss, other = loss_of(network), loss_of(smaller)
    (loss + other).backward(retain_graph=True)
    found = [layer.title.rpartition("/")[2].split(" ")[0] for layer in tg.health(loss).layers if "/" in layer.title]
    assert found == ["blocks[0]", "blocks[1]", "blocks[2]", "head"]
    titles = [layer.title for layer in tg.health(loss, other).layers]
    assert sum("head" in title for title in titles) == 2 and sum("blocks" in title for title in titles) == 5


def test_the_table_says_that_a_gradient_is_of_another_pass() -> None:
    network = Network(2)
    loss_of(network).backward()
    stale, twice = loss_of(network), loss_of(network)
    assert "backward() began outside this graph" in str(tg.health(stale))
    twice.backward()
    assert "more than one backward pass" in str(tg.health(twice))
    for parameter in network.parameters():
        parameter.grad = None
    only = loss_of(network)
    only.backward()
    assert "in place of" not in str(tg.health(only))


def test_the_table_of_a_loss_before_its_backward_pass_says_what_is_missing() -> None:
    w = tg.Tensor(np.ones(3))
    loss = np.mean(w * 2)
    assert "call loss.backward() first" in str(tg.health(loss))
    loss.backward()
    assert "call loss" not in str(tg.health(loss))


def test_what_cannot_be_drawn_is_refused_before_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    x = tg.Tensor(1.0)
    with pytest.raises(TypeError, match="a list is no Tensor"):
        tg.health([x * 2])
    monkeypatch.setattr("tinygraph.drawing.refusals.MOST_NODES", 2)
    monkeypatch.setattr("tinygraph.drawing.choosing.read_graph", None)
    with pytest.raises(ValueError, match="4 nodes; 2 is the most"):
        tg.health(np.tanh(x * x) + 1)
