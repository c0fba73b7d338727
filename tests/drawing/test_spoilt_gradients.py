"""A NaN or an infinity that only the backward pass makes is marked where it was made."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygraph as tg
from tinygraph.drawing.health.spoilt_gradients import birth_of
from tinygraph.graph import Graph

SVG = "{http://www.w3.org/2000/svg}"

STEPS: list[Callable[[Any], Any]] = [
    lambda x: x * 2, lambda x: x + 1, lambda x: x * 0, np.sqrt, np.square, np.abs, np.tanh, lambda x: x**0.5,
    lambda x: np.where(x.data > 0, np.sqrt(x), x), lambda x: x * np.sqrt(x), lambda x: x - np.mean(x), np.cbrt,
]  # fmt: skip


def words_of(svg: str) -> dict[str, str]:
    """Return the words in each box, by its id."""
    groups = [group for group in ElementTree.fromstring(svg).iter(f"{SVG}g") if "data-box" in group.attrib]
    return {
        str(group.get("data-box")): " ".join(text.text or "" for text in group.iter(f"{SVG}text")) for group in groups
    }


@settings(deadline=None, max_examples=150)
@given(st.lists(st.sampled_from(STEPS), min_size=1, max_size=6), st.lists(st.sampled_from([0.0, 1.0, 4.0]), min_size=1))
def test_a_marked_call_takes_a_finite_gradient_and_gives_one_that_is_not(
    steps: list[Callable[[Any], Any]], values: list[float]
) -> None:
    with np.errstate(all="ignore"):
        x = tg.Tensor(values)
        y = x
        for step in steps:
            y = step(y)
        loss = np.sum(y)
        loss.backward()
        graph = Graph.of(loss)
        birth = birth_of(graph)
    finite = {node.index: node.grad is None or bool(np.isfinite(node.grad).all()) for node in graph.nodes}
    if all(finite.values()) or not all(np.isfinite(node.value).all() for node in graph.nodes if node.value is not None):
        assert birth is None
        return
    assert birth is not None and birth.call is not None
    assert finite[birth.call.index] and not finite[birth.operand.index] and birth.operand in birth.call.operands
    assert all(finite[node.index] for node in graph.nodes if node.index >= birth.call.index)


@pytest.mark.parametrize("size", [3, 3000])
@pytest.mark.parametrize("retain", [False, True])
def test_the_birth_is_found_whether_the_record_kept_the_gradients_or_not(size: int, retain: bool) -> None:
    x = tg.Tensor(np.linspace(0, 1, size))
    with np.errstate(all="ignore"):
        root = np.sqrt(x * 2)
        loss = np.mean(np.tanh(root * 3))
        del root
        loss.backward(retain_graph=retain)
        birth = birth_of(Graph.of(loss))
    assert birth is not None and birth.call is not None
    assert birth.call.op == "sqrt" and birth.words == f"1 of {size} ∞"


def test_a_birth_that_cannot_be_found_is_not_guessed() -> None:
    x, noise = tg.Tensor(np.linspace(0, 1, 3000), name="x"), np.ones(3000)
    with np.errstate(all="ignore"):
        loss = np.mean(np.tanh(np.sqrt(x + noise - 1) * 2))
        loss.backward()
        drawing = tg.draw(loss, view="full")
    birth = drawing._scene.birth
    assert birth is not None and birth.call is None
    assert "made here" not in drawing.source
    assert "made between the end and x: backward(retain_graph=True)" in drawing.source


def test_a_gradient_that_the_engine_leaves_out_marks_nothing() -> None:
    x = tg.Tensor([0.0, 1.0])
    with np.errstate(all="ignore"):
        loss = np.sum(np.where(x.data > 0, np.log(x + 0.0), 0))
        loss.backward()
        assert birth_of(Graph.of(loss)) is None or not np.isfinite(x.grad).all()


def test_every_view_marks_the_operation_with_the_count_and_the_line() -> None:
    pytest.importorskip("pygraphviz")
    x = tg.Tensor([0.0, 1.0, 4.0], name="x")
    with np.errstate(all="ignore"):
        with tg.scope("root"):
            y = np.sqrt(x) * x
        loss = np.sum(y)
        loss.backward()
    for view, box in (("full", "o1"), ("values", "o1"), ("mirror", ""), ("collapsed", "s0")):
        drawing = tg.draw(loss, view=view)  # type: ignore[arg-type]
        words = words_of(drawing.svg())
        marked = [key for key, text in words.items() if "first NaN" in text]
        assert len(marked) == 1 and (view == "mirror" or marked == [box]), (view, words)
        assert "backward of √" in words[marked[0]] and "gradients.py:" in words[marked[0]]
        assert view == "collapsed" or "1 of 3 NaN" in words[marked[0]]
        assert "first NaN of a gradient" in drawing.svg()


def test_a_forward_origin_is_the_only_mark() -> None:
    x = tg.Tensor([0.0, 1.0], name="x")
    with np.errstate(all="ignore"):
        loss = np.sum(np.log(x))
        loss.backward()
    drawing = tg.draw(loss, view="full")
    assert drawing._scene.birth is None and drawing._scene.origin == 1
