"""The backward pass that wrote a gradient: a picture says ∂y/∂x only where the number is that derivative."""

from __future__ import annotations

import gc
import re
import weakref

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import tinygraph as tg
from tinygraph.drawing.scenes.gradient_words import gradient_words

SAID = re.compile(r"^∂(.+)/∂(.+) = (.+)$")


def replayed(graph: tg.Graph, moved: int, step: float) -> dict[int, float]:
    """The values of a graph computed from what its inputs show, with the value of one node moved."""
    values: dict[int, float] = {}
    for node in graph.nodes:
        args = [values[item.index] if isinstance(item, tg.Node) else item for item in node.args]
        values[node.index] = float(node.value if node.is_input else node.function(*args, **node.kwargs))
        values[node.index] += step * (node.index == moved)
    return values


def check_what_is_said(output: tg.Tensor) -> int:
    """Compare each ∂r/∂v that a picture of `output` says with a difference quotient of what the picture shows.

    Returns:
        How many it says.
    """
    scene = tg.draw(output, view="values")._scene
    by_name = {name: index for index, name in scene.names.items()}
    current = replayed(scene.graph, -1, 0.0)
    for node in scene.graph.nodes:
        if node.value is not None and not any(each.changed for each in scene.graph.nodes):
            assert current[node.index] == pytest.approx(float(node.value))
    said = [SAID.match(gradient_words(node, scene)) for node in scene.graph.nodes]
    for match in filter(None, said):
        of, moved = (by_name[text] if text in by_name else by_name[text[1:-1]] for text in match.groups()[:2])
        up, down = replayed(scene.graph, moved, 1e-6), replayed(scene.graph, moved, -1e-6)
        gradient = float(scene.graph.nodes[moved].grad)
        assert (up[of] - down[of]) / 2e-6 == pytest.approx(gradient, rel=1e-5, abs=1e-6), match[0]
    return len([match for match in said if match])


ACTIONS = (
    *("backward", "retained", "recorded", "seeded", "assign", "subtract", "write", "clear", "set", "scale", "spoil"),
    *("set inside", "ask", "loss", "other"),
)


@settings(deadline=None, max_examples=150)
@given(st.lists(st.tuples(st.sampled_from(ACTIONS), st.integers(0, 2)), max_size=8))
@example([("retained", 1), ("backward", 2)])
@example([("recorded", 2), ("set inside", 0), ("backward", 1)])
def test_what_a_picture_calls_a_derivative_is_one(actions):
    leaves = [tg.Tensor(value, name=name) for name, value in zip("abc", (1.5, 0.7, -0.4), strict=True)]
    a, b, c = leaves

    def losses():
        inner = np.tanh(a * b)
        inner.name = "inner"
        return [inner, inner, named(inner * c + a, "p"), named(np.exp(inner) + b * b, "q")]

    def named(tensor, name):
        tensor.name = name
        return tensor

    inner, *outputs = losses()
    for action, place in actions:
        leaf, output = leaves[place], outputs[place]
        try:
            if action in ("backward", "retained", "recorded"):
                output.backward(retain_graph=action == "retained", create_graph=action == "recorded")
            elif action == "seeded":
                output.backward(2.0, retain_graph=True)
            elif action == "assign":
                leaf.assign(leaf.data + 0.25)
            elif action == "subtract":
                with tg.no_grad():
                    leaf -= 0.125
            elif action == "write":
                leaf.data[...] += 0.5
            elif action == "clear":
                leaf.grad = None
            elif action == "set":
                leaf.grad = np.array(3.25)
            elif action == "scale" and isinstance(leaf.grad, np.ndarray):
                leaf.grad *= 0.5
            elif action == "spoil" and isinstance(leaf.grad, np.ndarray):
                leaf.grad[...] += 0.5
            elif action == "set inside":
                inner.grad = np.array(-1.25)
            elif action == "ask":
                assert inner.grad is inner.grad and leaf.grad is leaf.grad
            elif action == "loss":
                inner, *outputs = losses()
            elif action == "other":
                (leaf * 2.0).backward()
        except tg.GraphError:
            continue
        for each in outputs:
            check_what_is_said(each)


def test_one_pass_is_said_to_be_one():
    a, b = tg.Tensor(3.0, name="a"), tg.Tensor(4.0, name="b")
    s = a**2 + b**2
    c = np.sqrt(s)
    c.backward()
    assert check_what_is_said(c) == 6
    assert a.grad == pytest.approx(0.6) and s.grad == pytest.approx(0.1)  # to ask is no change
    assert check_what_is_said(c) == 6
    d = c * 2  # a later value is none of it, and what is shown of the pass stays true
    assert check_what_is_said(d) == 6


def notes(output):
    return [node.gradient_note for node in tg.Graph.of(output) if node.grad is not None]


def test_why_a_gradient_is_no_derivative_of_what_is_shown():
    a, b = tg.Tensor(3.0, name="a"), tg.Tensor(4.0, name="b")
    c = a * b
    c.backward()
    d = a + b
    d.backward()
    assert notes(d) == ["several", "several", ""]
    assert notes(c) == ["several", "several", ""]
    a.grad = b.grad = None
    older = a * a
    older.backward()
    a.grad = None
    (a * 5).backward()
    assert notes(older) == ["elsewhere", ""]
    b.assign(1.0)
    e = a * b
    e.backward(2.0)
    assert notes(e) == ["several", "seed", "seed"]
    a.grad = b.grad = None
    f = a * b
    f.backward()
    a.assign(2.5)
    assert notes(f) == ["changed", "changed", "changed"]
    assert [node.changed for node in tg.Graph.of(f)] == [True, False, False]
    assert tg.Graph.of(f).outputs[0].local_derivatives() == (pytest.approx(1.0), None)


def test_a_gradient_that_a_program_wrote_is_not_from_the_graph():
    w = tg.Tensor(2.0, name="w")
    loss = w * w
    loss.backward()

    @tg.compile
    def step():
        w.grad = None
        (w * 3.0).backward()

    step()
    assert notes(loss) == ["elsewhere", ""]

    @tg.compile
    def update():
        w.assign(w.data * 0.5)

    update()
    assert tg.Graph.of(loss).nodes[0].changed


def test_a_step_of_an_optimiser_is_seen():
    w = tg.Tensor([2.0, 1.0], name="w")
    optimizer = tg.optim.SGD([w], 0.1)
    loss = np.sum(w * w)
    loss.backward()
    optimizer.step()
    told = tg.draw(loss, view="full").mermaid()
    assert "changed since" in told and "from before the change" in told and "∂" not in told


def test_a_note_keeps_no_gradient_and_no_graph_alive():
    w = tg.Tensor(np.ones(10_000))
    loss = np.sum(w * w)
    loss.backward(create_graph=True)
    recorded = weakref.ref(w.grad)
    w.grad = None
    np.sum(w).backward()
    plain = weakref.ref(w.grad)
    w.grad = None
    gc.collect()
    assert recorded() is None and plain() is None
