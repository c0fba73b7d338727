"""The difference of two graphs: empty with itself, one mark for one change, and the same from both sides."""

from __future__ import annotations

import time
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import tinygraph as tg
from tinygraph.graph import Difference, Graph, Node

UNARY = [np.tanh, np.exp, np.sin, np.square]
BINARY = [np.add, np.multiply, np.subtract]


class Spec(NamedTuple):
    """A node of a graph that is to be: its operands are positions, and a constant comes after them."""

    function: Any
    operands: tuple[int, ...] = ()
    constants: tuple[Any, ...] = ()
    keywords: tuple[tuple[str, Any], ...] = ()
    name: str | None = None
    shape: tuple[int, ...] = (2, 3)


Specs = list[Spec]


def graph_of(specs: Specs) -> Graph:
    """The graph; its last node is the output."""
    nodes: list[Node] = []
    for spec in specs:
        args = (*[nodes[place] for place in spec.operands], *spec.constants)
        nodes.append(
            Node(len(nodes), spec.function, args, dict(spec.keywords), spec.shape, np.dtype(float), name=spec.name)
        )
    return Graph(tuple(nodes), (nodes[-1],))


@st.composite
def programs(draw: st.DrawFn, most: int = 14) -> Specs:
    """Programs of calls with one or two operands, some with a constant or a name, each needed for the output."""
    specs = [Spec(None, name=f"x{number}") for number in range(draw(st.integers(1, 3)))]
    for number in range(draw(st.integers(1, most))):
        one = draw(st.integers(max(0, len(specs) - 4), len(specs) - 1))
        other = draw(st.integers(0, len(specs) - 1))
        made = draw(
            st.sampled_from(
                [
                    *[Spec(function, (one,)) for function in UNARY],
                    *[Spec(function, (one, other)) for function in BINARY],
                    *[Spec(np.power, (one,), (exponent,)) for exponent in (2, 3)],
                    Spec(np.multiply, (one,), (np.arange(3.0),)),
                    Spec(np.sum, (one,), keywords=(("axis", 0), ("keepdims", True))),
                ]
            )
        )
        specs.append(made._replace(name=draw(st.sampled_from([None, None, f"v{number}"]))))
    needed = {len(specs) - 1}
    for place in reversed(range(len(specs))):
        if place in needed:
            needed.update(specs[place].operands)
    moved = {place: number for number, place in enumerate(sorted(needed))}
    return [
        spec._replace(operands=tuple(moved[o] for o in spec.operands)) for p, spec in enumerate(specs) if p in moved
    ]


def with_one_more(specs: Specs, place: int) -> Specs:
    """The program with another call behind one, which all read that read the one."""

    def moved(operand: int) -> int:
        return operand + (operand >= place)

    behind = [spec._replace(operands=tuple(map(moved, spec.operands))) for spec in specs[place + 1 :]]
    return [*specs[: place + 1], Spec(np.cosh, (place,)), *behind]


def is_same(one: Difference, other: Difference) -> bool:
    def told(difference: Difference) -> Any:
        return (
            [[node.index for node in group] for group in difference.added],
            [[node.index for node in group] for group in difference.removed],
            [(c.old.index, c.new.index, c.what) for c in difference.changed],
            sorted((a.index, b.index) for a, b in difference.kept),
        )

    first, second = told(one), told(other)
    return (sorted(first[0]), sorted(first[1]), sorted(first[2]), first[3]) == (
        sorted(second[0]), sorted(second[1]), sorted(second[2]), second[3],
    )  # fmt: skip


CHANGES = {
    "function": lambda spec: spec._replace(function=np.hypot) if spec.function else None,
    "constant": lambda spec: spec._replace(constants=(7,)) if spec.constants else None,
    "keyword": lambda spec: spec._replace(keywords=(*spec.keywords, ("dtype", float))) if spec.function else None,
    "name": lambda spec: spec._replace(name="another"),
    "shape": lambda spec: None if spec.function else spec._replace(shape=(2, 5)),
}


@given(programs())
def test_a_graph_does_not_differ_from_itself(specs: Specs) -> None:
    graph = graph_of(specs)
    for other in (graph, graph_of(specs)):
        difference = Difference.of(graph, other)
        assert not difference and str(difference) == "no difference"
        assert [(a.index, b.index) for a, b in difference.kept] == [(n, n) for n in range(len(specs))]


@settings(max_examples=300)
@given(programs(), st.sampled_from(sorted(CHANGES)), st.data())
def test_one_change_is_one_mark(specs: Specs, kind: str, data: st.DataObject) -> None:
    places = [place for place, spec in enumerate(specs) if CHANGES[kind](spec) is not None]
    assume(places)
    place = data.draw(st.sampled_from(places))
    other = [*specs[:place], CHANGES[kind](specs[place]), *specs[place + 1 :]]
    difference = Difference.of(graph_of(specs), graph_of(other))
    assert len(difference) == len(difference.changed) == 1, str(difference)
    (change,) = difference.changed
    assert change.old.index == change.new.index == place
    assert change.what == ({"constant": "arguments", "keyword": "arguments"}.get(kind, kind),)
    assert is_same(Difference.of(graph_of(other), graph_of(specs)), difference.mirrored())


@settings(max_examples=300)
@given(programs(), st.data())
def test_one_more_call_is_one_mark_and_one_less(specs: Specs, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(specs) - 1))
    graph, more = graph_of(specs), graph_of(with_one_more(specs, place))
    difference = Difference.of(graph, more)
    assert len(difference) == len(difference.added) == 1, str(difference)
    assert [node.op for node in difference.added[0]] == ["cosh"]
    less = Difference.of(more, graph)
    assert len(less) == len(less.removed) == 1 and is_same(less, difference.mirrored())


@settings(max_examples=200)
@given(programs(), programs())
def test_the_difference_of_any_two_graphs_is_the_same_from_both_sides(old: Specs, new: Specs) -> None:
    one, other = graph_of(old), graph_of(new)
    difference = Difference.of(one, other)
    assert is_same(Difference.of(other, one), difference.mirrored())
    before = [node for group in difference.removed for node in group]
    before += [change.old for change in difference.changed] + [pair[0] for pair in difference.kept]
    assert sorted(node.index for node in before) == list(range(len(old)))
    after = [node for group in difference.added for node in group]
    after += [change.new for change in difference.changed] + [pair[1] for pair in difference.kept]
    assert sorted(node.index for node in after) == list(range(len(new)))


def test_the_time_is_linear() -> None:
    def chain(length: int, middle: Any) -> Graph:
        calls = [Spec(middle if place == length // 2 else np.tanh, (place,)) for place in range(length)]
        return graph_of([Spec(None, name="x"), *calls])

    seconds = []
    for length in (2_000, 20_000):
        pair = chain(length, np.tanh), chain(length, np.sin)
        taken = []
        for _ in range(3):
            begun = time.process_time()
            assert len(Difference.of(*pair)) == 1
            taken.append(time.process_time() - begun)
        seconds.append(min(taken))
    assert seconds[1] < 40 * seconds[0]


def network(layers: int, act: Any = np.tanh) -> Any:
    h = tg.Tensor(np.ones((4, 3)), requires_grad=False, name="x")
    for number in range(1, layers + 1):
        with tg.scope(f"layer {number}"):
            w = tg.Tensor(np.ones((3, 3)), name=f"W{number}")
            h = act(h @ w)
    return np.mean(np.square(h))


def test_a_layer_more_is_one_line() -> None:
    difference = Difference.of(Graph.of(network(3)), Graph.of(network(4)))
    assert str(difference).startswith("+ layer 4: matmul, tanh  (test_difference.py:")
    assert len(difference) == 1 and [node.name for node in difference.added[0] if node.is_input] == ["W4"]


def test_the_words_name_what_was_and_what_is() -> None:
    x, y = tg.Tensor(np.ones(3), name="x"), tg.Tensor(np.ones(4), name="x")

    def text(one: Any, other: Any) -> str:
        return str(Difference.of(Graph.of(one), Graph.of(other))).partition("  (")[0]

    square, cube = np.power(x, 2), np.power(x, 3)
    sine, cosine, other = np.sin(x), np.cos(x), np.sin(y)
    by_range, by_ones = np.multiply(x, np.arange(3.0)), np.multiply(x, np.ones(3))
    told = [
        text(one, two) for one, two in [(square, cube), (sine, cosine), (sine, other), (by_range, by_ones)]
    ]  # fmt: skip
    assert [words.partition(": ")[2].partition(", named")[0] for words in told] == [
        "power(x, 2) → power(x, 3)",
        "sin(x) → cos(x)",
        "shape (3,) → (4,)",
        "multiply(x, [0.0, 1.0, 2.0]) → multiply(x, [1.0, 1.0, 1.0])",
    ]


@pytest.mark.parametrize("swap", [False, True])
def test_a_call_that_reads_another_value_is_one_mark(swap: bool) -> None:
    def graph(reads: str) -> Graph:
        a, b = tg.Tensor(np.ones(3), name="a"), tg.Tensor(np.ones(3), name="b")
        one, two = np.exp(a), np.sin(b)
        return Graph.of(np.sum(one * two) + np.sum(np.tanh(one if reads == "one" else two)))

    pair = graph("one"), graph("two")
    difference = Difference.of(*(reversed(pair) if swap else pair))
    assert [change.what for change in difference.changed] == [("operands",)] and len(difference) == 1
