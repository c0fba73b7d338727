"""The picture of a difference: one change is one mark, and what both graphs have stands there once."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import tinygraph as tg
from tests.test_difference import CHANGES, Specs, graph_of, network, programs, with_one_more
from tinygraph.graph import Difference

from .test_columns import step_of
from .test_true_pictures import boxes_of


def marks_of(drawing: Any) -> list[str]:
    """The words of the marks in the SVG."""
    texts = boxes_of(drawing.svg()).values()
    return [text for text in texts if text.startswith(("new", "gone", "was "))]


@settings(deadline=None, max_examples=20)
@given(programs(8), st.sampled_from([*sorted(CHANGES), "one more", "one less"]), st.data())
def test_one_change_is_one_mark_in_the_picture(specs: Specs, kind: str, data: st.DataObject) -> None:
    pytest.importorskip("pygraphviz")
    if kind in CHANGES:
        places = [place for place, spec in enumerate(specs) if CHANGES[kind](spec) is not None]
        assume(places)
        place = data.draw(st.sampled_from(places))
        other = [*specs[:place], CHANGES[kind](specs[place]), *specs[place + 1 :]]
    else:
        other = with_one_more(specs, data.draw(st.integers(0, len(specs) - 1)))
    pair = (other, specs) if kind == "one less" else (specs, other)
    drawing = tg.diff(*map(graph_of, pair))
    (mark,) = marks_of(drawing)
    word = {"one more": "new", "one less": "gone"}.get(kind, "was ")
    assert mark.startswith(word) and len(drawing.difference) == 1
    assert ("line-through" in drawing.svg()) == (kind == "one less")
    calls = sum(spec.function is not None for spec in specs)
    drawn = [box for box in boxes_of(drawing.svg()) if box.startswith("o")]
    assert len(drawn) == calls + (kind in {"one more", "one less"})
    assert drawing._scene.title == str(drawing.difference)


@given(programs(), programs())
def test_any_difference_makes_a_picture_with_every_node_once(old: Specs, new: Specs) -> None:
    one, other = graph_of(old), graph_of(new)
    drawing = tg.diff(one, other)
    scene = drawing._scene
    kinds = [mark.kind for mark in scene.marks.values()]
    removed = sum(len(group) for group in drawing.difference.removed)
    assert (removed > 0) == ("removed" in kinds)
    calls = sum(spec.function is not None for spec in new)
    calls += sum(not node.is_input for group in drawing.difference.removed for node in group)
    assert sum(box.kind == "operation" for box in scene.boxes) == calls
    ids = {box.id for box in scene.boxes}
    assert all(link.tail in ids and link.head in ids for link in scene.links)
    assert drawing.source and drawing.mermaid()


def test_a_graph_and_itself_have_no_difference() -> None:
    loss = network(2)
    drawing = tg.diff(loss, loss)
    assert str(drawing) == "no difference" == drawing._scene.title and not drawing._scene.marks
    assert not drawing.difference


def test_tensors_graphs_and_compiled_functions_can_be_compared() -> None:
    one, other = step_of(["tanh"]), step_of(["sigmoid"])
    drawing = tg.diff(one, other)
    assert "tanh" in str(drawing) and "sigmoid" in str(drawing)
    mixed = tg.diff(network(3), tg.Graph.of(network(4)))
    assert len(mixed.difference) == 1
    with pytest.raises(TypeError, match=r"tg\.trace"):
        tg.diff(np.tanh, np.sin)
    with pytest.raises(TypeError, match="expected Tensors"):
        tg.diff(network(1), np.ones(3))


def test_of_a_large_graph_the_surroundings_of_a_change_are_drawn() -> None:
    def chain(middle: Any) -> Any:
        y = tg.Tensor(0.5, name="x")
        for place in range(400):
            y = np.multiply(middle(y) if place == 200 else np.tanh(y), 1.5)
        return y

    drawing = tg.diff(chain(np.tanh), chain(np.sin))
    assert len(drawing._scene.boxes) < 12
    (mark,) = [mark.words for mark in drawing._scene.marks.values() if mark.words]
    assert mark == "was tanh"
    same = tg.diff(chain(np.tanh), chain(np.tanh))
    assert not same.difference and len(same._scene.boxes) < 12


# --- before and after rewriting ---------------------------------------------------------------------------------------


def test_the_rewrites_of_a_program_are_drawn_in_one_picture() -> None:
    pytest.importorskip("pygraphviz")
    step = step_of(["sigmoid"])
    drawing = step.draw(rewritten="diff")
    before, after = step._programs.used().runner.task.original, step._programs.used().runner.graph
    assert (len(drawing.difference.old), len(drawing.difference.new)) == (len(before), len(after))
    assert "sigmoid" in str(drawing) and "was σ" in "".join(marks_of(drawing))
    assert any(text.startswith("gone") for text in marks_of(drawing))


def test_the_picture_of_a_large_step_keeps_its_columns() -> None:
    step = step_of(["sigmoid", "tanh", "softmax", "twice"], momentum=True)
    marked, plain = step.draw(rewritten="diff")._scene, step.draw(rewritten=True)._scene
    assert marked.view == "columns" and [b.id for b in marked.boxes] == [b.id for b in plain.boxes]
    assert marked.marks and marked.title.startswith(f"{len(step.draw(rewritten='diff').difference)} changes: ")


def test_calls_that_are_computed_together_have_one_number() -> None:
    @tg.compile
    def wave(x: Any) -> Any:
        return np.sum(np.tanh(np.sin(x) * np.exp(x)) * x)

    wave(np.linspace(-1, 1, 400_000))
    words = [mark.words for mark in wave.draw(rewritten="diff")._scene.marks.values()]
    fused = [word for word in words if "fused 1" in word]
    assert len(fused) >= 3


def test_programs_with_loops_are_compared_after_the_loops_were_found() -> None:
    @tg.compile
    def states(x: Any, u: Any) -> Any:
        h = np.zeros(4)
        for t in range(20):
            h = np.tanh(x[t] + h @ u)
        return np.sum(h)

    states(np.ones((20, 4)), np.ones((4, 4)))
    drawing = states.draw(rewritten="diff")
    assert all(any("loop" in name for name in n.scope) for n in drawing.difference.old.nodes if n.op == "tanh")
    assert isinstance(drawing.difference, Difference)
