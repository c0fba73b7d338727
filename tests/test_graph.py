"""Graph: the record as a program, its names, and its forms as text, JSON and networkx."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygraph as tg


def pythagoras():
    a, b = tg.Tensor(3.0, name="a"), tg.Tensor(4.0, name="b")
    s = a**2 + b**2
    c = np.sqrt(s)
    return a, b, s, c


def test_nodes_stand_in_execution_order():
    *_, c = pythagoras()
    graph = tg.Graph.of(c)
    assert [node.op for node in graph] == ["input", "power", "input", "power", "add", "sqrt"]
    assert [node.index for node in graph] == list(range(6))
    assert all(operand.index < node.index for node in graph for operand in node.operands)
    assert [node.name for node in graph.inputs] == ["a", "b"]
    assert graph.outputs == (graph.nodes[-1],)
    assert graph.nodes[1].args[1] == 2
    assert [graph.role(node) for node in graph] == ["parameter", "intermediate"] * 2 + ["intermediate", "output"]


def test_as_text_one_line_a_node():
    *_, c = pythagoras()
    text = str(tg.Graph.of(c))
    lines = text.splitlines()
    assert len(lines) == 7
    assert lines[0].startswith("%0 a = parameter") and "float64[]" in lines[0]
    assert "power(%0, 2)" in lines[1]
    assert "add(%1, %3)" in lines[4] and "test_graph.py:" in lines[4]
    assert lines[-1] == "return %5 c"


def test_as_json_that_any_reader_reads():
    x = tg.Tensor([1.0, np.nan])
    y = np.clip(x * np.inf, None, [1.0, np.nan])[0:1, None]
    document = json.loads(tg.Graph.of(y).to_json(), parse_constant=lambda text: pytest.fail(text))
    assert [node["op"] for node in document["nodes"]] == ["input", "multiply", "clip", "getitem"]
    assert document["nodes"][1]["args"] == [{"node": 0}, "Infinity"]
    assert document["outputs"] == [3]


def test_as_networkx():
    networkx = pytest.importorskip("networkx")
    a = tg.Tensor(2.0, name="a")
    graph = tg.Graph.of(a * a + 1).to_networkx()
    assert isinstance(graph, networkx.DiGraph)
    assert networkx.is_directed_acyclic_graph(graph)
    assert graph.number_of_edges(0, 1) == 2
    assert graph.nodes[0]["name"] == "a"


def test_names_come_from_the_user_then_the_caller_then_the_assignment():
    def inner(v):
        hidden = v * 2
        return hidden + 1

    def layer(v):
        y_head = tg.sigmoid(v)
        return np.sum(y_head)

    assert [node.name for node in tg.Graph.of(layer(tg.Tensor([1.0])))] == [None, "y_head", None]

    given_name = tg.Tensor(1.0, name="given")
    leaf = tg.Tensor(1.0)
    result = inner(leaf * given_name)
    names = {node.op + str(node.index): node.name for node in tg.Graph.of(result)}
    assert names == {"input0": "leaf", "input1": "given", "multiply2": None, "multiply3": "hidden", "add4": "result"}


class _Layer:
    def __init__(self):
        self.weight = tg.Tensor([1.0])


def test_values_that_are_stored_together_have_their_names():
    def gates(x):
        i, f = np.tanh(x[:2]), np.exp(x[2:] * 2)
        g, o, p = np.sin(x), np.cos(x), x * 3
        return i, f, g, o, p

    def divided(x):
        first, second = np.split(np.sqrt(x), 2)
        third, fourth = np.exp(x), x * (2 if x.shape[0] > 3 else 3)
        return first, second, third, fourth

    outputs = tg.trace(gates, np.ones(4)).outputs
    assert [node.name for node in outputs] == ["i", "f", "g", "o", "p"]
    assert [node.op for node in outputs] == ["tanh", "exp", "sin", "cos", "multiply"]
    outputs = tg.trace(divided, np.ones(4)).outputs
    assert [node.name for node in outputs] == ["first", "second", "third", "fourth"]
    assert [node.op for node in outputs] == ["getitem", "getitem", "exp", "multiply"]


def test_an_attribute_names_its_tensor():
    assert tg.Graph.of(_Layer().weight * 2).nodes[0].name == "weight"


def test_scopes_nest_and_are_listed():
    x = tg.Tensor([1.0, 2.0])
    with tg.scope("outer"):
        y = x * 2
        with tg.scope("inner"):
            z = np.exp(y)
        z = z + 1
    z = np.sum(z)
    graph = tg.Graph.of(z)
    assert [node.scope for node in graph] == [(), ("outer",), ("outer", "inner"), ("outer",), ()]
    assert graph.scopes == (("outer",), ("outer", "inner"))
    with pytest.raises(TypeError, match="string"):
        tg.scope(3)


def test_attributes_of_one_name_are_told_apart_by_the_ways_to_them():
    first, second = _Layer(), _Layer()

    def layer(x, w):
        return x * w

    graph = tg.Graph.of(layer(layer(1.0, first.weight), second.weight))
    assert [node.name for node in graph.inputs] == ["first.weight", "second.weight"]


def test_a_composition_stands_under_its_name_on_the_users_line():
    x = tg.Tensor([1.0, 2.0])

    def inside(x):
        spread = np.var(x)
        return spread  # noqa: RET504 - the name is what is tested

    graph = tg.Graph.of(inside(x) * 2)
    assert [node.name for node in graph if node.name] == ["x", "spread"]
    assert graph.nodes[-2].name == "spread"
    computed = [node for node in graph if not node.is_input][:-1]
    assert {node.scope for node in computed} == {("var",)}
    assert {node.source.file for node in computed} == {__file__}
    assert len({node.source.line for node in computed}) == 1


def test_a_function_of_ours_stands_under_its_name_on_the_users_line():
    z = tg.Tensor([1.0, 2.0])

    def inside(z):
        active = tg.silu(z)
        return active  # noqa: RET504 - the name is what is tested

    graph = tg.Graph.of(inside(z) + 0)
    assert [node.name for node in graph] == ["z", None, "active", None]
    assert [node.scope for node in graph][1:3] == [("silu",)] * 2
    assert graph.nodes[1].source.file == __file__


def test_a_loss_is_one_call_with_its_keywords():
    cost = tg.binary_cross_entropy(tg.Tensor([1.0, 2.0], name="z"), [0, 1], from_logits=True)
    graph = tg.Graph.of(cost)
    assert [node.name for node in graph] == ["z", "cost"]
    assert graph.nodes[-1].kwargs == {"from_logits": True}
    assert graph.nodes[-1].scope == ()


def test_the_backward_pass_as_a_graph_has_no_names_of_the_forward_pass():
    x = tg.Tensor([1.0, 2.0])
    y = np.tanh(x)
    np.sum(y * y).backward(create_graph=True)
    graph = tg.Graph.of(x.grad)
    assert [node.name for node in graph if node.name] == ["x", "y"]


def test_source_lines_are_the_users():
    x = tg.Tensor([1.0, 2.0])
    for value, text in [
        (np.exp(x), "(np.exp(x), "), (x[0], "(x[0], "), (tg.sigmoid(x), "(tg.sigmoid(x), "), (x.sum(), "(x.sum(), "),
        (2 - x, "(2 - x, "), (np.add.reduce(x), "(np.add.reduce(x), "),
    ]:  # fmt: skip
        assert text in tg.Graph.of(value).nodes[-1].source.text


def test_values_and_gradients_are_photographs():
    a, _, s, c = pythagoras()
    before = tg.Graph.of(c)
    assert all(node.grad is None and not node.grad_freed for node in before)
    c.backward()
    after = tg.Graph.of(c)
    assert after.nodes[4].grad == pytest.approx(0.1)
    assert before.nodes[4].grad is None
    a.assign(7.0)
    assert after.nodes[0].value == 3
    assert s.grad == pytest.approx(0.1)


def test_large_values_are_not_kept_but_their_shape_is():
    x = tg.Tensor(np.ones(100_000))
    y = np.sum((x + 1) + 2)
    y.backward()
    graph = tg.Graph.of(y)
    assert [node.shape for node in graph] == [(100_000,)] * 3 + [()]
    assert [node.value is None for node in graph] == [False, True, True, False]
    assert [node.grad_freed for node in graph] == [False, True, True, False]


def test_local_derivatives_are_the_slopes():
    *_, c = pythagoras()
    slopes = [tuple(map(float, node.local_derivatives())) for node in tg.Graph.of(c)]
    assert slopes == [(), (6,), (), (8,), (1, 1), (pytest.approx(0.1),)]


@given(st.lists(st.sampled_from("+*^-"), min_size=1, max_size=30))
def test_replaying_the_graph_gives_the_values(steps):
    a, b = tg.Tensor([0.5, -1.5]), tg.Tensor([1.25, 0.75], requires_grad=False)
    x = a
    for step in steps:
        x = {"+": lambda: x + b, "*": lambda: b * x, "^": lambda: np.tanh(x), "-": lambda: 1 - x}[step]()
    graph = tg.Graph.of(x)
    values: dict[int, np.ndarray] = {}
    for node in graph:
        args = [values[item.index] if isinstance(item, tg.Node) else item for item in node.args]
        values[node.index] = node.value if node.is_input else node.function(*args, **node.kwargs)
    np.testing.assert_array_equal(values[graph.outputs[0].index], x.data)


def test_data_is_remembered_but_not_for_ever():
    x = tg.Tensor(np.array([1.0]), requires_grad=False, name="x")
    graph = tg.Graph.of(1 - x)
    assert [node.op for node in graph] == ["input", "subtract"]
    for _ in range(1_000):
        x = x * 1.001
    assert len(tg.Graph.of(x)) <= 65


def test_several_outputs_and_an_output_that_is_an_input():
    a = tg.Tensor(2.0)
    b = a * 3
    graph = tg.Graph.of(b, a)
    assert [node.name for node in graph.outputs] == ["b", "a"]
    assert len(tg.Graph.of(a)) == 1


def test_bad_requests():
    with pytest.raises(ValueError):
        tg.Graph.of()
    with pytest.raises(TypeError, match="got float64"):
        tg.Graph.of(np.float64(3))


def test_trace_names_inputs_after_parameters():
    graph = tg.trace(lambda x, w: np.tanh(x @ w), np.ones((2, 3)), np.ones(3))
    assert [node.name for node in graph.inputs] == ["x", "w"]
    with pytest.raises(TypeError, match="returned nothing"):
        tg.trace(lambda x: 3, 1.0)


def test_networkx_is_asked_for_by_name_where_it_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "networkx", None)
    with pytest.raises(ImportError, match="pip install networkx"):
        tg.Graph.of(tg.Tensor(2.0) * 2).to_networkx()


class Model:
    def __init__(self):
        self.inputs = np.arange(6.0).reshape(2, 3)


def test_constant_arrays_have_the_names_that_the_code_calls_them_by():
    x, y, model = np.ones((2, 3)), np.full((2, 3), 0.5), Model()
    t = tg.Tensor(np.ones((2, 3)))
    names = [
        node.argument_names
        for node in tg.Graph.of(
            x * t,
            t @ x.T,
            np.where(y > 0, t, (1 - y)),
            t.dot(
                model.inputs.T,
            ),
            np.add(t, x[0]),
            np.multiply(np.sqrt(np.abs(x + y)), t),
        )
        if not node.is_input
    ]
    assert names == [
        ("x", "t"), ("t", "x.T"), ("y > 0", "t", "1 - y"), ("t", "model.inputs.T"), ("t", "x[0]"), (None, "t"),
    ]  # fmt: skip


def test_names_of_constants_stand_in_the_text_and_are_left_out_where_the_code_is_not_at_hand():
    x = np.ones((2, 3))
    assert "multiply(x: float64[2, 3], %0)" in str(tg.Graph.of(x * tg.Tensor(np.ones((2, 3)))))
    space = {"x": x, "tg": tg, "np": np}
    exec("t = tg.Tensor(np.ones((2, 3)))\nz = x * t", space)
    assert "multiply(float64[2, 3], %0)" in str(tg.Graph.of(space["z"]))
    args = (x, tg.Tensor(np.ones((2, 3))))
    assert "multiply(float64[2, 3], %0)" in str(tg.Graph.of(np.multiply(*args)))
