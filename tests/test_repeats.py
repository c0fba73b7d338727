"""Repeats of a graph: found where steps are equal, with what they carry and share; never where one step differs."""

from __future__ import annotations

import operator
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygraph as tg
from tinygraph.engine.nested import mapped
from tinygraph.graph import Graph, Node
from tinygraph.graph.repeats import Repeat, repeats
from tinygraph.graph.runs import Run, repetitions
from tinygraph.graph.step_words import plain_scope

rng = np.random.default_rng(0)


def names(nodes: Any) -> list[str | None]:
    return [None if node is None else node.name for node in nodes]


# --- runs -------------------------------------------------------------------------------------------------------------


@given(st.lists(st.integers(0, 2), max_size=24))
def test_runs_repeat_their_words_and_are_as_long_as_they_can_be(words: list[int]) -> None:
    for run in repetitions(words):
        part = words[run.start : run.stop]
        assert part == part[: run.period] * run.count and run.count >= 2
        assert run.start == 0 or words[run.start - 1] != words[run.start + run.period - 1]


@given(st.lists(st.integers(0, 2), min_size=1, max_size=5), st.integers(3, 5) | st.integers(6, 90))
def test_every_repetition_is_found(body: list[int], count: int) -> None:
    primitive = next(p for p in range(1, len(body) + 1) if body == (body * 5)[p : p + len(body)])
    assert Run(1, primitive, count * (len(body) // primitive)) in repetitions([7, *body * count, 8])


# --- what is found ----------------------------------------------------------------------------------------------------


def test_a_recurrent_network_carries_its_state_and_shares_its_weights() -> None:
    w, u = tg.Tensor(np.ones((3, 4)), name="W"), tg.Tensor(np.ones((4, 4)), name="U")
    x = tg.Tensor(rng.normal(size=(9, 5, 3)), requires_grad=False, name="x")
    h, loss = np.zeros((5, 4)), 0.0
    for t in range(9):
        h = np.tanh(x[t] @ w + h @ u)
        loss = loss + np.mean(h)
    (found,) = repeats(tg.Graph.of(loss))  # type: ignore[arg-type]
    assert (found.count, found.scope, found.depth) == (9, None, 0)
    assert [node.op for node in found.steps[0]] == ["getitem", "matmul", "matmul", "add", "tanh", "mean", "add"]
    assert names(found.shared) == ["x", "W", "U"]
    assert [names(values) for values in found.carried] == [[None, *["h"] * 8], [None, *["loss"] * 8]]
    assert [names(values) for values in found.made] == [["h"] * 9, ["loss"] * 9]
    assert not found.own and not found.inside


def test_layers_in_a_row_have_their_own_weights() -> None:
    model = tg.nn.Sequential([tg.nn.Dense(4, activation="tanh") for _ in range(5)])
    (found,) = repeats(tg.Graph.of(model(np.ones((2, 4)))))
    assert (found.count, found.scope, found.depth) == (5, "dense", 1)
    assert [len({id(node) for node in nodes}) for nodes in found.own] == [5, 5]
    assert not found.shared


def test_loops_in_loops() -> None:
    weights = [tg.Tensor(np.eye(3), name=f"W{layer}") for layer in range(4)]
    x = tg.Tensor(np.ones(3), name="x")
    for _ in range(6):
        for weight in weights:
            x = np.tanh(weight @ x)
        x = x / 2
    (found,) = repeats(tg.Graph.of(x))
    assert (found.count, [inner.count for inner in found.inside]) == (6, [4] * 6)
    assert names(found.shared) == ["W0", "W1", "W2", "W3"]
    assert [[names(nodes) for nodes in inner.own] for inner in found.inside] == [[["W0", "W1", "W2", "W3"]]] * 6


def test_a_value_may_be_carried_over_two_steps() -> None:
    a, b = tg.Tensor(0.0, name="a"), tg.Tensor(1.0, name="b")
    for _ in range(8):
        a, b = b, a * 0.5 + b
    (found,) = repeats(tg.Graph.of(b))
    assert found.count == 8 and not found.shared
    assert sorted(names(values)[:2] for values in found.carried) == [["a", "b"], ["b", names(found.carried[0])[2]]]


def test_each_step_may_take_the_value_of_a_step_of_an_earlier_loop() -> None:
    w = tg.Tensor(0.5, name="w")
    h, states = w, []
    for _ in range(6):
        h = np.tanh(h * w)
        states.append(h)
    g = w
    for state in reversed(states):
        g = np.sin(g + state) * w
    assert [found.count for found in repeats(tg.Graph.of(g))] == [6, 6]


def test_a_step_begins_where_the_least_is_carried() -> None:
    x = w = tg.Tensor(0.5)
    x = np.exp(w * w) + w  # as a step ends
    for _ in range(7):
        y = np.sin(x)
        x = np.exp(y * w) + x
    (found,) = repeats(tg.Graph.of(x))
    assert [node.op for node in found.steps[0]] == ["sin", "multiply", "exp", "add"] and found.count == 7


@pytest.mark.parametrize(("name", "plain"), [("layer 3", "layer"), ("dense_2", "dense"), ("cell", "cell"), ("3", "3")])
def test_the_plain_name_of_a_scope(name: str, plain: str) -> None:
    assert plain_scope(name) == plain


# --- laws -------------------------------------------------------------------------------------------------------------

FUNCTIONS: list[Callable[..., Any]] = [np.add, np.multiply, np.subtract, np.maximum, np.minimum, np.hypot]


@st.composite
def bodies(draw: st.DrawFn) -> list[tuple[int, str, int, str, int]]:
    """A step: calls of two operands, each a value of the step, carried, shared, or an input of the step."""
    calls = []
    for position in range(draw(st.integers(2, 6))):
        kinds = ["carried", "shared", "own", *(["inside"] if position else [])]
        operands: list[Any] = []
        for _ in range(2):
            operands += [draw(st.sampled_from(kinds)), draw(st.integers(0, 5))]
        calls.append((draw(st.integers(0, 3)), *operands))
    return calls


def unrolled(body: list[Any], count: int, lead: int = 0) -> list[Node]:
    """A graph with the steps, after some other calls."""
    nodes: list[Node] = []
    scalar = np.dtype(float)

    def added(function: Any, *args: Any) -> Node:
        nodes.append(Node(len(nodes), function, args, {}, (), scalar, requires_grad=True))
        return nodes[-1]

    shared = [added(None) for _ in range(6)]
    first = added(np.exp, shared[0])
    for _ in range(lead):
        first = added(np.exp, first)
    before = [first] * len(body)
    for _ in range(count):
        own = [added(None) for _ in range(6)]
        made: list[Node] = []
        for function, *operands in body:
            places: dict[str, list[Node]] = {"carried": before, "shared": shared, "own": own, "inside": made}
            chosen = [
                places[kind][which % len(places[kind])] for kind, which in zip(*[iter(operands)] * 2, strict=True)
            ]
            made.append(added(FUNCTIONS[function], *chosen))
        before = made
    added(np.exp, before[-1])
    return nodes


def flat(found: tuple[Repeat, ...]) -> Iterator[Repeat]:
    for repeat in found:
        yield repeat
        yield from flat(repeat.inside)


def assert_equal_steps(repeat: Repeat, graph: Graph) -> None:
    """Every operand of a step is that of the step before, or stands where the step before has it."""
    place = {node.index: at for at, node in enumerate([n for n in graph.nodes if not n.is_input])}
    first, period = place[repeat.steps[0][0].index], len(repeat.steps[0])
    stop = first + repeat.count * period
    for at in range(period):
        calls = [step[at] for step in repeat.steps]
        assert len({(c.function, c.shape, c.dtype, str(c.kwargs)) for c in calls}) == 1
        for operands in zip(*[call.operands for call in calls], strict=True):
            places = [place.get(operand.index, -1) for operand in operands]
            steps = [(p - first) // period - n if first <= p < stop else None for n, p in enumerate(places)]
            if steps[-1] is not None:
                back = -steps[-1]
                assert steps[back:] == [steps[-1]] * (repeat.count - back) and steps[:back] == [None] * back
                assert len({(p - first) % period for p in places[back:]}) == 1
            else:
                indices = [operand.index for operand in operands]
                same, each = len(set(indices)) == 1, len(set(indices)) == len(indices)
                assert set(steps) == {None} and (same or each)


@settings(deadline=None, max_examples=150)
@given(bodies(), st.integers(3, 7), st.integers(0, 2))
def test_found_steps_are_equal_and_do_not_overlap(body: list[Any], count: int, lead: int) -> None:
    nodes = unrolled(body, count, lead)
    graph = Graph(tuple(nodes), (nodes[-1],))
    found = repeats(graph)
    for repeat in flat(found):
        assert_equal_steps(repeat, graph)
    calls = [node.index for repeat in found for node in repeat.calls]
    assert len(set(calls)) == len(calls)


@settings(deadline=None, max_examples=150)
@given(bodies(), st.integers(3, 7), st.integers(0, 2))
def test_all_steps_of_different_calls_are_found(body: list[Any], count: int, lead: int) -> None:
    nodes = unrolled([(number, *rest) for number, (_, *rest) in enumerate(body)], count, lead)
    (found,) = repeats(Graph(tuple(nodes), (nodes[-1],)))
    assert found.count == count and len(found.steps[0]) == len(body)


@settings(deadline=None, max_examples=150)
@given(bodies(), st.integers(4, 8), st.data())
def test_a_step_that_differs_is_in_no_repeat_with_the_others(body: list[Any], count: int, data: st.DataObject) -> None:
    nodes = unrolled(body, count)
    calls = [node for node in nodes if not node.is_input][1:-1]
    changed = data.draw(st.sampled_from(calls))
    changes: dict[str, Callable[[Node], Node]] = {
        "function": lambda node: replace(node, function=np.arctan2),
        "dtype": lambda node: replace(node, dtype=np.dtype(np.float32)),
        "shape": lambda node: replace(node, shape=(3,)),
        "keyword": lambda node: replace(node, kwargs={"axis": 1}),
        "number": lambda node: replace(node, args=(*node.args, 0.5)),
    }
    change = changes[data.draw(st.sampled_from(sorted(changes)))]
    made: dict[int, Node] = {}
    for node in nodes:
        args = mapped(node.args, lambda item: made[item.index] if isinstance(item, Node) else item)
        made[node.index] = replace(node, args=args)
        if node is changed:
            made[node.index] = change(made[node.index])
    graph = Graph(tuple(made.values()), (made[nodes[-1].index],))
    for repeat in flat(repeats(graph)):
        assert_equal_steps(repeat, graph)
        assert changed.index not in {node.index for node in repeat.calls}


def steps(function: Callable[[int, Any], Any], count: int = 8) -> list[int]:
    """The counts of the repeats in a loop over `function(number, x)`."""
    x = tg.Tensor(np.ones((3, 3)), name="x")
    for number in range(count):
        x = function(number, x)
    return [found.count for found in repeats(tg.Graph.of(x))]


def test_another_axis_number_index_or_order_is_another_step() -> None:
    w = tg.Tensor(np.ones((3, 3)))
    data = tg.Tensor(np.ones((8, 3, 3)), requires_grad=False)
    assert steps(lambda n, x: np.tanh(x * 2 + 1)) == [8]
    assert steps(lambda n, x: np.tanh(x * (2 if n != 4 else 3) + 1)) == [4, 3]
    assert steps(lambda n, x: np.tanh(x * (2 if n != 4 else 2.0) + 1)) == [4, 3]
    assert steps(lambda n, x: np.tanh(x * (0.0 if n != 4 else -0.0) + 1)) == [4, 3]
    assert steps(lambda n, x: np.tanh(x * (2 + (n in {2, 5})) + 1)) == []
    assert steps(lambda n, x: np.tanh(x * 0.9**n)) == [8]  # the number of each step
    assert steps(lambda n, x: x + np.sum(x, axis=0 if n != 4 else 1)) == [4, 3]
    assert steps(lambda n, x: np.tanh(x @ w if n != 4 else w @ x)) == [4, 3]
    assert steps(lambda n, x: np.tanh(x + data[n])) == [8]
    assert steps(lambda n, x: np.tanh(x + data[7 - n])) == [8]
    assert steps(lambda n, x: np.tanh(x + data[0 if n != 4 else 1])) == [4, 3]
    assert steps(lambda n, x: np.tanh(x + data[[3, 1, 4, 1, 5, 2, 6, 5][n]])) == [8]
    assert steps(lambda n, x: np.tanh(x + data[n, 0] * data[n, :, 1])) == [8]


def test_a_hundred_thousand_nodes_take_about_a_second() -> None:
    nodes: list[Node] = []

    def added(function: Any, *args: Any) -> Node:
        nodes.append(Node(len(nodes), function, args, {}, (), np.dtype(float)))
        return nodes[-1]

    w, h = added(None), added(None)
    for step in range(20_000):
        x = added(operator.getitem, w, step)
        h = added(np.tanh, added(np.add, added(np.multiply, x, w), added(np.multiply, h, w)))
    start = time.process_time()
    (found,) = repeats(Graph(tuple(nodes), (h,)))
    assert found.count == 20_000
    assert time.process_time() - start < 5  # 1 on a machine with nothing else to do
