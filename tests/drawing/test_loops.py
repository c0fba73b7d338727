"""Loops of a program: each is one card, or a box with the steps of an iteration and the values it takes and leaves."""

from __future__ import annotations

import re

import numpy as np
import pytest

import tinygraph as tg
from tinygraph.compiler.pipeline import compile_program
from tinygraph.compiler.run.pictured import pictured
from tinygraph.drawing import draw
from tinygraph.drawing.grouping.repeats import LoopName, is_of_loop
from tinygraph.drawing.scenes import views

from ..compiler.programs import program_of
from ..compiler.test_loops import CASES
from ..compiler.test_seeing_loops import compiled, nested, newton
from .test_views import assert_sound

rng = np.random.default_rng(0)


def recurrent(w, u, x):
    h = np.zeros(4)
    out = []
    for t in range(20):
        h = np.tanh((x[t] + h) @ u + w)
        out.append(h)
    return np.sum(np.stack(out) ** 2)


def forward():
    return compiled(recurrent, *starts())


def gradient():
    return compiled(tg.grad(recurrent, argnums=(0, 1)), *starts())


def starts():
    return rng.normal(size=4), rng.normal(size=(4, 4)), rng.normal(size=(20, 4))


def repeated_newton(function):
    step = tg.compile(function)
    for a in (4.0, 90.0):
        step(np.array([a, 2.0]))
    return step


def words(drawing):
    """The texts in the boxes of a picture, and on its arrows."""
    texts = re.findall('"([^"]*)"', drawing.mermaid())
    return [re.sub(r"#(\d+);", lambda match: chr(int(match[1])), text) for text in texts]


def test_a_loop_is_one_card_that_says_how_often_where_and_what_it_carries():
    shown = gradient().draw(rewritten=True, view="collapsed")
    first, second = [text for text in words(shown) if text.startswith("loop")]
    place = r"for t in range\(20\): test_loops\.py:\d+"
    assert re.fullmatch(rf"loop 1 × 20 5 ops<br/>{place}<br/>carries h<br/>4 values → \d values", first)
    assert re.fullmatch(rf"loop 2 × 1[89] \d+ ops<br/>{place}<br/>carries (\d values|.* and \d others?)<br/>.*", second)
    scene = shown._scene
    cards = [box.id for box in scene.boxes if box.kind == "layer"]
    assert [(link.tail, link.head) for link in scene.links if link.kind == "again"] == [(card, card) for card in cards]
    assert [box.place[-1].title for box in scene.boxes if box.id in cards] == ["forward", "backward"]


def test_an_open_loop_shows_its_steps_what_is_carried_and_what_is_kept():
    scene = forward().draw(rewritten=True, view="full")._scene
    texts = words(forward().draw(rewritten=True, view="full"))
    assert texts.count("↑ next iteration") == 1
    assert {"x[i]", "tanh", "h_before (4,)", "h (4,)", "all_h 20×4"} <= set(texts)
    again = next(link for link in scene.links if link.kind == "again")
    assert (scene.names[scene.box[again.tail].node.index], scene.names[scene.box[again.head].node.index]) == (
        "h_before", "h",
    )  # fmt: skip
    inside = {scene.names[box.node.index] for box in scene.boxes if box.place and box.kind == "variable"}
    assert {"h_before", "h", "all_h"} <= inside
    assert not {"begin", "end", "put row", "stacked", "carried", "row"} & set(texts)


def test_a_loop_opens_by_its_name():
    step = gradient()
    assert "x[i]" not in words(step.draw(rewritten=True, view="collapsed"))
    assert "x[i]" in words(step.draw(rewritten=True, open="loop 1"))
    assert sum(text.startswith("loop 2") and "ops" in text for text in words(step.draw(rewritten=True, open="loop 1")))


def test_a_loop_in_a_loop_is_a_box_in_a_box():
    step = compiled(nested, rng.normal(size=(16, 4)), np.full(4, 0.5))
    scene = step.draw(rewritten=True)._scene
    tanh = next(box for box in scene.boxes if box.node.op == "tanh")
    assert [scope.title for scope in tanh.place] == ["loop 1 × 6", "loop 2 × 16"]
    assert "x[j]" in words(step.draw(rewritten=True))
    assert "for _ in range(6):" in step.draw(rewritten=True).source
    assert sum(link.kind == "again" for link in scene.links) == 2


def test_a_loop_that_a_condition_ends_is_repeated_n_times():
    texts = words(repeated_newton(newton).draw(rewritten=True))
    assert {"loop × n", "while", "x_before (2,)", "last_x (2,)"} <= set(texts)
    texts = words(repeated_newton(tg.grad(lambda a: np.sum(newton(a)))).draw(rewritten=True, view="full"))
    assert any(re.fullmatch(r"loop 2 × n( − \d)?", text) for text in texts)
    assert "all_x n×2" in texts
    closed = repeated_newton(tg.grad(lambda a: np.sum(newton(a)))).draw(rewritten=True, view="collapsed")
    card = next(text for text in words(closed) if text.startswith("loop 1 × n"))
    assert card.endswith("(2,) → n×2, n×2")


@pytest.mark.parametrize("name", sorted(CASES))
def test_every_view_of_every_loop_is_sound_and_has_no_markers(name):
    function, arrays = CASES[name]
    given = arrays(12)
    runner = compile_program(program_of(function, given, backward=True))
    graph = pictured(runner.graph)
    assert {node.op for node in graph.nodes}.isdisjoint({"begin", "end", "put_row", "stacked", "carried", "row"})
    places = {node.index: place for place, node in enumerate(graph.nodes)}
    assert len(places) == len(graph.nodes)
    for node in graph.nodes:
        assert all(places[operand.index] < places[node.index] for operand in node.operands)
    for view in (views.full, views.values, views.collapsed):
        assert_sound(view(graph))
    assert_sound(draw(graph, sections={node.index: node.section for node in graph.nodes}, view="collapsed")._scene)
    has_loop = any(isinstance(scope, LoopName) for node in graph.nodes for scope in node.scope)
    assert has_loop == any(line.strip().startswith("for ") for line in runner.source.split("\n"))


def test_a_program_without_loops_is_drawn_as_it_is():
    step = compiled(lambda x: np.tanh(x) * 2, np.ones(3))
    graph = step._programs.used().runner.graph
    assert pictured(graph) is graph
    assert not any(is_of_loop(node) for node in graph.nodes)


def test_the_profile_and_the_page_show_loops():
    step = gradient()
    drawn = step.profile(*starts()).draw()
    assert "loop 1 × 20" in drawn.source and "next iteration" in drawn.source
    assert "%" in drawn.source
    page = step.draw(rewritten=True, view="collapsed").html()
    assert "loop 1 × 20" in page and "x[i]" in page


def test_writes_say_where_and_what_and_each_state_is_called_as_its_array():
    def heated(u, k):
        u = u.copy()
        for _ in range(50):
            u[1:-1] += k * (u[2:] - 2 * u[1:-1] + u[:-2])
        return u

    texts = words(compiled(heated, rng.normal(size=12), 0.1).draw(rewritten=True, view="full"))
    assert {"u_before (12,)", "u_before[1:−1] ← ·", "last_u (12,)"} <= set(texts)

    def shifted(x):
        y = x * 2
        y[1:] = x[:-1]
        y[0] = x[3]
        return y

    step = compiled(shifted, rng.normal(size=4))
    for rewritten in (False, True):
        assert {"y₁[1:] ← x[:−1]", "y₂[0] ← x[3]", "y₃ (4,)"} <= set(words(step.draw(rewritten=rewritten)))
