"""Questions to a graph: nodes of a kind, the way between two values, the totals of its parts, and its size."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygraph as tg


def network():
    x = tg.Tensor(np.ones((4, 3)), name="x", requires_grad=False)
    h = x
    for number, width in enumerate((5, 2), 1):
        with tg.scope(f"layer {number}"):
            w = tg.Tensor(np.ones((h.shape[1], width)), name=f"W{number}")
            h = np.tanh(h @ w)
    return tg.Graph.of(np.sum(h))


def names(nodes):
    return [node.name or node.op for node in nodes]


def test_nodes_by_operation_name_scope_shape_and_role():
    graph = network()
    assert len(graph.find("matmul")) == len(graph.find(np.matmul)) == 2
    assert names(graph.find(name="W*")) == ["W1", "W2"]
    assert names(graph.find(scope="layer 2")) == ["matmul", "h"]
    assert names(graph.find(np.tanh, scope="layer *", shape=(None, 2))) == ["h"]
    assert names(graph.find(shape=(3, -1))) == ["W1"]
    assert names(graph.find(role="parameter")) == ["W1", "W2"]
    assert names(graph.find(role="data")) == ["x"]
    assert names(graph.find(where=lambda node: node.nbytes > 150)) == ["matmul", "h"]
    assert graph.find("cos") == ()
    with pytest.raises(ValueError, match="find: role is one of parameter, data"):
        graph.find(role="weight")


def test_scopes_by_path_and_by_the_users_name():
    class Block(tg.nn.Module):
        def call(self, x):
            with tg.scope("inner"):
                return np.sin(x)

    with tg.scope("outer"):
        y = Block()(Block()(tg.Tensor(1.0)))
    graph = tg.Graph.of(y)
    assert len(graph.find(scope="outer")) == len(graph.find(scope="Block")) == len(graph.find(scope="inner")) == 2
    first = "/".join(graph.scopes[1])
    assert len(graph.find(scope=first)) == 1


def test_a_node_by_its_name():
    graph = network()
    assert graph["W1"].shape == (3, 5) and graph[0] is graph.nodes[0] and graph[-1] is graph.outputs[0]
    with pytest.raises(KeyError, match=r"no node is called 'W3'. Names: x, W1"):
        graph["W3"]
    with pytest.raises(KeyError, match="2 nodes are called 'h'"):
        graph["h"]
    with pytest.raises(KeyError, match="a node of another graph"):
        graph[network()["x"]]
    with pytest.raises(TypeError, match="a node, its name or its index is needed, got float"):
        graph[1.5]
    with pytest.raises(IndexError):
        graph[99]


def test_the_way_from_one_value_to_another():
    graph = network()
    assert [node.op for node in graph.path("W2", -1)] == ["input", "matmul", "tanh", "sum"]
    assert graph.path("x", "x") == (graph["x"],)
    with pytest.raises(ValueError, match=r"path: .*W2.* was not computed from .*x"):
        graph.path("x", "W2")


@given(st.data())
def test_a_way_is_one_of_operands_and_none_is_shorter(data):
    values = [tg.Tensor(1.0)]
    for _ in range(data.draw(st.integers(1, 12))):
        values.append(
            values[data.draw(st.integers(0, len(values) - 1))] + values[data.draw(st.integers(0, len(values) - 1))]
        )
    graph = tg.Graph.of(values[-1])
    networkx = pytest.importorskip("networkx")
    way = graph.path(0, -1)
    assert all(first in second.operands for first, second in itertools.pairwise(way))
    assert len(way) - 1 == networkx.shortest_path_length(networkx.DiGraph(graph.to_networkx()), 0, len(graph) - 1)


def test_totals_add_up_and_print_as_a_table():
    graph = network()
    totals = graph.totals()
    assert [(part.name, part.calls, part.parameters) for part in totals] == [
        ("layer 1", 2, 15), ("layer 2", 2, 10), ("", 1, 0),
    ]  # fmt: skip
    assert sum(part.nbytes for part in totals) == sum(node.nbytes for node in graph if not node.is_input)
    lines = str(totals).splitlines()
    assert lines[-1].split()[:3] == ["total", "5", "25"]
    assert lines[0].endswith("  bytes") and len({len(line) for line in lines}) == 1  # numbers stand to the right
    assert [part.name for part in graph.totals("op")] == ["matmul", "tanh", "sum"]
    assert "<table>" in totals._repr_html_()
    with pytest.raises(ValueError, match='totals: by is "scope" or "op"'):
        graph.totals("line")


def test_a_graph_says_its_size():
    assert repr(network()) == "<Graph of 8 nodes: 3 inputs and 5 calls; 25 parameters, 456 B of results>"


def test_a_graph_in_a_notebook_is_a_table():
    page = network()._repr_html_()
    assert "8 nodes: 3 inputs and 5 calls" in page and page.count("<tr>") == 9
    x = tg.Tensor(1.0, name="<b>")
    assert "&lt;b&gt;" in tg.Graph.of(x + 1)._repr_html_()
    for _ in range(100):
        x = x + 1
    assert "and 41 more nodes; print(graph) shows all" in tg.Graph.of(x)._repr_html_()
