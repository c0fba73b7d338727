"""A scope is a module or a block, not a name: each has a name of its own in the graph, and a card of its own."""

from __future__ import annotations

import json
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygraph as tg
from tinygraph.engine.links import is_inner, links_below, name_of, scope_of, variable_of
from tinygraph.engine.scopes import given_name


class Residual(tg.nn.Module):
    def __init__(self, inner=None):
        self.scale = tg.Tensor(0.5)
        self.inner = inner

    def call(self, x):
        h = np.tanh(x * self.scale)
        return x + h if self.inner is None else self.inner(h) + x


class Twice(tg.nn.Module):
    def __init__(self):
        self.blocks = [Residual(), Residual()]
        for block in self.blocks:
            block.name = "block"

    def call(self, x):
        return self.blocks[1](self.blocks[0](self.blocks[1](x)))


def titles(drawing):
    return [box.layer.title for box in drawing._scene.boxes if box.layer is not None]


@pytest.fixture
def x():
    return tg.Tensor(np.ones(3), name="x")


def test_three_modules_of_one_class_are_three_cards(x):
    y = x
    for block in [Residual(), Residual(), Residual()]:
        y = block(y)
    graph = tg.Graph.of(y)
    assert graph.scopes == (("Residual 1",), ("Residual 2",), ("Residual 3",))
    cards = ["Residual 1", "Residual 2", "Residual 3"]
    assert titles(tg.draw(y, view="collapsed")) == cards
    assert titles(tg.draw(y, open="Residual 2")) == [cards[0], cards[2]]
    assert titles(tg.draw(y, open="Residual")) == []
    assert all(card in str(graph) for card in cards)
    page = tg.draw(y, view="collapsed").html()
    data = json.loads(page.partition('id="data">')[2].partition("</script>")[0])
    assert {"overview", *cards} <= {picture["title"] for picture in data.values()}
    for card in cards:
        assert card in tg.draw(y, view="collapsed").mermaid()
    assert {node["scope"][0] for node in json.loads(graph.to_json())["nodes"] if node["scope"]} == set(cards)


def test_a_module_that_is_called_again_is_the_same_one_again(x):
    one, two = Residual(), Residual()
    assert tg.Graph.of(one(one(x))).scopes == (("Residual",), ("Residual (2)",))
    scopes = [name for (name,) in tg.Graph.of(two(one(two(x)))).scopes]
    assert scopes == ["two", "one", "two (2)"]
    assert titles(tg.draw(two(one(two(x))), view="collapsed")) == [
        *("two (Residual)", "one (Residual)", "two (Residual) (2)")
    ]  # fmt: skip
    # The module is known by itself, also where it is no longer there, or equal to another.
    assert tg.Graph.of(Residual()(Residual()(x))).scopes == (("Residual 1",), ("Residual 2",))


def test_the_derivatives_of_a_module_are_no_further_call_of_it(x):
    one = Residual()
    np.sum(one(x)).backward(create_graph=True)
    assert tg.Graph.of(x.grad).scopes == (("Residual",),)
    cards = titles(tg.draw(np.sum(x.grad * np.sum(one(x))), view="collapsed"))
    assert cards[0] == "Residual" and "Residual (2)" in cards
    assert {card for card in cards if "part" in card} <= {"Residual, part 2", "Residual, part 3"}


def test_modules_inside_modules_keep_their_numbers(x):
    pair = Twice()
    graph = tg.Graph.of(pair(pair(x)))
    assert [scope[-1] for scope in graph.scopes if len(scope) == 2] == ["block 1", "block 2", "block 1 (2)"] * 2
    assert [scope for scope in graph.scopes if len(scope) == 1] == [("Twice",), ("Twice (2)",)]
    assert given_name(graph.scopes[1][-1]) == "block"


class Net(tg.nn.Module):
    def __init__(self):
        self.block1, self.block2 = Residual(), Residual()
        self.blocks = [Residual(), Residual()]
        self.named = {"last": Residual()}
        self.out = tg.nn.Dense(2)

    def call(self, x):
        for block in (self.block1, self.block2, *self.blocks, self.named["last"]):
            x = block(x)
        return self.out(x)


def test_a_module_is_called_by_its_attribute_and_its_class():
    net = Net()
    y = net(tg.Tensor(np.ones((1, 3))))
    inside = ["block1", "block2", "blocks[0]", "blocks[1]", 'named["last"]', "out"]
    graph = tg.Graph.of(y)
    assert [scope[-1] for scope in graph.scopes] == ["Net", *inside]
    shown = [f"{name} (Residual)" for name in inside[:5]] + ["out (Dense)"]
    drawing = tg.draw(graph, view="collapsed")
    assert titles(drawing) == shown
    svg = "".join(text.replace("\u00a0", " ") for text in ElementTree.fromstring(drawing.svg()).itertext())
    for title in shown:
        assert title in svg
    for number, name in enumerate(inside):
        for said in (name, f"Net/{name}", shown[number]):
            assert titles(tg.draw(graph, open=said)) == [title for title in shown if title != shown[number]]
    assert titles(tg.draw(graph, open="Residual")) == ["out (Dense)"]
    assert titles(tg.draw(graph, open="blocks_0")) == [title for title in shown if title != "blocks[0] (Residual)"]
    assert [node.name for node in graph.parameters][1:4] == ["block1.scale", "block2.scale", "blocks[0].scale"]


def test_each_block_that_is_entered_is_a_scope(x):
    h = x
    for _ in range(3):
        with tg.scope("cell"):
            h = np.tanh(h) * 2
    assert titles(tg.draw(np.sum(h), view="collapsed")) == ["cell 1", "cell 2", "cell 3"]
    reused = tg.scope("part")
    with reused:
        y = x * 2
    with reused:
        y = np.exp(y)
    assert tg.Graph.of(y).scopes == (("part 1",), ("part 2",))

    @tg.scope("decorated")
    def f(x):
        return np.sin(x)

    assert tg.Graph.of(f(f(x))).scopes == (("decorated 1",), ("decorated 2",))


def test_numbers_avoid_the_names_that_are_there(x):
    with tg.scope("a"):
        y = x * 2
    with tg.scope("a 1"):
        y = np.exp(y)
    with tg.scope("a"):
        y = np.sin(y)
    assert tg.Graph.of(y).scopes == (("a 2",), ("a 1",), ("a 3",))


def test_a_composition_of_one_call_is_no_scope(x):
    w = tg.Tensor(np.ones((3, 2)))
    y = np.einsum("i,ij->j", x, w)
    assert tg.Graph.of(y).scopes == ()
    assert "subgraph" not in tg.draw(y, view="full").mermaid()
    y.backward(np.ones(2), create_graph=True)
    assert tg.Graph.of(x.grad).scopes == ()
    spread = np.var(x) + np.var(x * 2)
    assert tg.Graph.of(spread).scopes == (("var 1",), ("var 2",))
    with tg.scope("mine"):  # what the user made stays, however small
        z = np.exp(x)
    assert tg.Graph.of(z).scopes == (("mine",),)


def test_the_calls_inside_a_composition_share_its_instruction_and_not_its_variable(x):
    spread = np.var(x)
    inner = [link for link in links_below([spread._link]) if link.is_call and link is not spread._link]
    assert inner
    for call in inner:
        assert is_inner(call)
        assert scope_of(call) == ("var",)
        assert variable_of(call) is None
        assert (call.code, call.lasti) == (spread._link.code, spread._link.lasti)
    assert variable_of(spread._link) == "spread"
    alone = np.exp(x)
    assert alone._link.label is None
    alone.name = "e"
    assert (name_of(alone._link), variable_of(alone._link), is_inner(alone._link)) == ("e", "alone", False)


def test_the_scopes_of_a_compiled_program(x):
    blocks = [Residual(), Residual()]

    @tg.compile
    def step(x):
        loss = np.sum(np.einsum("i,i->", blocks[1](blocks[0](x)), x))
        for block in blocks:
            block.scale.grad = None
        loss.backward()
        for block in blocks:
            block.scale.assign(block.scale.data - 0.1 * block.scale.grad)
        return loss

    step(np.ones(3))
    assert [scope for scope in step.graph.scopes if len(scope) == 1] == [("Residual 1",), ("Residual 2",)]
    drawn = titles(step.draw(view="collapsed"))
    for card in ("Residual 1", "Residual 2"):
        assert card in drawn or any(card in title for title in titles(step.draw(view="collapsed", open="backward")))
    assert "einsum" not in {name for scope in step.graph.scopes for name in scope}


@st.composite
def nests(draw_from):
    """Blocks and calls of modules inside one another: lists of (name or number of a module, inside)."""
    return draw_from(
        st.recursive(
            st.just([]),
            lambda inside: st.lists(st.tuples(st.sampled_from(["a", "a 1", "b", 0, 1, 2]), inside), max_size=3),
            max_leaves=12,
        )
    )


@settings(deadline=None)
@given(nests())
def test_each_entry_has_one_name_and_no_other_has_it(nest):
    class Free(tg.nn.Module):
        def call(self, x, inside):
            return run(x, inside)

    modules = [Free() for _ in range(3)]
    entered: list[object] = []  # for each call the entries around it
    around: list[object] = []
    owners: dict[object, object] = {}

    def run(x, entries):
        for who, inside in entries:
            around.append(entry := object())
            owners[entry] = who
            if isinstance(who, int):
                x = modules[who](x, inside)
            else:
                with tg.scope(who):
                    x = run(x, inside)
            around.pop()
        entered.append(tuple(around))
        return np.tanh(x)

    modules[1].name, modules[2].name = "a", "b"
    graph = tg.Graph.of(run(tg.Tensor(0.5), nest))
    paths = [node.scope for node in graph if not node.is_input]
    assert [len(path) for path in paths] == [len(entries) for entries in entered]
    named: dict[object, object] = {}
    for path, entries in zip(paths, entered, strict=True):
        for depth in range(len(path)):
            assert named.setdefault(entries[: depth + 1], path[: depth + 1]) == path[: depth + 1]
    assert len(set(named.values())) == len(named)
    for entries, path in named.items():
        who = owners[entries[-1]]
        assert given_name(path[-1]) == (("Free", "a", "b")[who] if isinstance(who, int) else who)


def test_the_callers_data_stands_outside_of_the_modules_also_where_it_is_used_twice(x):
    data = tg.Tensor(np.ones(3), name="data", requires_grad=False)
    net = Residual()
    scene = tg.draw(net(data), view="full")._scene
    (card,) = [box for box in scene.boxes if box.node.name == "data"]
    assert card.place == () and len(scene.out_of[card.id]) == 2
    (scale,) = [box for box in scene.boxes if box.role == "parameter"]
    assert scale.place[-1].title == "Residual"
