"""The choice of view, scopes and direction; and a refusal where a picture could not be read."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import tinygraph as tg
from tinygraph.drawing import draw
from tinygraph.drawing.scenes import views
from tinygraph.drawing.scenes.mirror import mirror
from tinygraph.drawing.scenes.scene import MOST_OF_ONE_SCOPE, Scene
from tinygraph.drawing.words.symbols import operation_symbol
from tinygraph.functions.means import mean_over

from .graphs import Recorder, chain_of, hypotenuse, network

scopes = st.lists(st.sampled_from(["a", "b", "c"]), max_size=3).map(tuple)


@st.composite
def programs(draw_from: st.DrawFn) -> Recorder:
    """Random programs with random scopes."""
    r = Recorder()
    r.input(1.0, "x")
    for _ in range(draw_from(st.integers(1, 12))):
        if draw_from(st.booleans()):
            r.input(2.0, draw_from(st.sampled_from(["w", None])), requires_grad=draw_from(st.booleans()))
        left, right = (r.nodes[draw_from(st.integers(0, len(r.nodes) - 1))] for _ in range(2))
        needs = left.requires_grad or right.requires_grad
        r.call(
            np.add,
            left,
            right,
            requires_grad=needs,
            scope=draw_from(scopes),
            name=draw_from(st.sampled_from([None, "y"])),
        )
    return r


def assert_sound(scene: Scene) -> None:
    """Every link joins boxes that are there, forwards; no box stands twice; outputs are to be seen."""
    place = {box.id: position for position, box in enumerate(scene.boxes)}
    assert len(place) == len(scene.boxes)
    for link in scene.links:
        to_itself = link.kind == "again" and link.tail == link.head  # a collapsed loop
        assert place[link.tail] < place[link.head] or link.kind == "backflow" or to_itself
    shown = {box.node.index for box in scene.boxes if box.kind == "variable"}
    crowds = [[n.index for n in box.members if scene.graph.role(n) == "output"] for box in scene.boxes]
    on_cards = {index for crowd in crowds if len(crowd) > MOST_OF_ONE_SCOPE for index in crowd}
    assert {output.index for output in scene.graph.outputs} <= shown | on_cards
    assert not shown & on_cards
    assert len(set(scene.trunk)) == len(scene.trunk) >= 1


@given(programs())
def test_every_view_of_every_program_is_sound(program: Recorder) -> None:
    graph = program.graph()
    several = program.graph(*[node for node in program.nodes if not node.is_input][::2])
    for view in (views.full, views.values, views.chain, views.collapsed):
        assert_sound(view(graph))
        assert_sound(view(several))
    if graph.outputs[0].requires_grad:
        assert_sound(mirror(graph))


def test_the_state_of_an_optimiser_stays_on_the_card_of_its_scope() -> None:
    r = Recorder()
    x = r.input(np.ones(3), "x", requires_grad=False)
    r.call(np.exp, x)
    moments = [r.input(np.ones(3), f"moment {number}", requires_grad=False) for number in range(9)]
    updated = [r.call(np.add, moment, x, scope=("update",)) for moment in moments]
    for many in (9, 5):
        scene = views.collapsed(r.graph(*updated[:many]))
        assert_sound(scene)
        inputs = [box.node.name for box in scene.boxes if box.kind == "variable" and box.node.is_input]
        assert inputs == ["x"]
        told = draw(r.graph(*updated[:many]), view="collapsed", open=[]).source
        assert ("with 9 inputs and 9 outputs of its own" in told) == (many == 9)


@given(programs())
def test_the_mirror_has_a_gradient_for_each_value_that_needs_one(program: Recorder) -> None:
    assume(program.nodes[-1].requires_grad)
    scene = mirror(program.graph())
    needing = {box.node.index for box in scene.boxes if box.kind == "variable" and box.node.requires_grad}
    assert {box.node.index for box in scene.boxes if box.kind == "gradient"} == needing
    back = {(link.head, link.tail) for link in scene.links if link.kind == "backflow"}
    twins = dict(scene.pairs)
    for link in scene.links:
        if link.kind == "value" and {link.tail, link.head} <= set(twins):
            assert (twins[link.head], twins[link.tail]) in back


def test_the_mirror_says_what_each_operation_does_to_a_gradient_and_what_it_kept() -> None:
    told = draw(hypotenuse(), view="mirror").mermaid()
    for words in ("∇ × 2a", "∇ × 2b", "∇ ÷ 2c", "saved: a", "saved: c"):
        assert words in told


def test_the_mirror_needs_something_to_differentiate() -> None:
    r = Recorder()
    r.call(np.exp, r.input(1.0, requires_grad=False), requires_grad=False)
    with pytest.raises(ValueError, match="requires a gradient"):
        draw(r.graph(), view="mirror")


@given(programs())
def test_full_shows_each_call_once_and_each_operand_as_an_arrow(program: Recorder) -> None:
    graph = program.graph()
    scene = views.full(graph)
    calls = [node for node in graph.nodes if not node.is_input]
    assert [box.node for box in scene.boxes if box.kind == "operation"] == calls
    into = {box.node.index: len(scene.into[box.id]) for box in scene.boxes if box.kind == "operation"}
    assert into == {node.index: len(node.operands) for node in calls}


@given(programs())
def test_collapsed_loses_no_call(program: Recorder) -> None:
    graph = program.graph()
    scene = views.collapsed(graph)
    told = [member.index for box in scene.boxes for member in box.members]
    told += [box.node.index for box in scene.boxes if box.kind == "operation"]
    calls = {node.index for node in graph.nodes if not node.is_input}
    assert calls <= set(told) and len(told) == len(set(told))


@given(programs())
def test_opening_every_scope_is_the_full_view(program: Recorder) -> None:
    graph = program.graph()
    opened = views.collapsed(graph, ["/".join(scope) for scope in graph.scopes])
    assert {box.id for box in opened.boxes} == {box.id for box in views.full(graph).boxes}


@settings(deadline=None, max_examples=25)
@given(programs())
def test_the_engine_draws_every_program(program: Recorder) -> None:
    pytest.importorskip("pygraphviz")
    assume(program.nodes[-1].requires_grad)
    for view in ("full", "collapsed", "mirror"):
        drawing = draw(program.graph(), view=view)  # type: ignore[arg-type]
        assert drawing.svg().count("data-box=") == len(drawing._scene.boxes)
        assert drawing.svg().count("data-link=") == len(drawing._scene.links)


def test_operands_stand_in_the_order_of_the_call() -> None:
    pytest.importorskip("pygraphviz")
    for swapped in (False, True):
        r = Recorder()
        first, second = r.input(1.0, "first"), r.input(2.0, "second")
        r.call(np.subtract, *((second, first) if swapped else (first, second)))
        told = draw(r.graph(), view="values", direction="TB").svg()
        place = {name: float(re.findall(rf'x="([-.0-9]+)"[^>]*>{name}<', told)[0]) for name in ("first", "second")}
        assert (place["second"] < place["first"]) == swapped


def chosen(graph: object, **asked: object) -> Scene:
    return draw(graph, **asked)._scene  # type: ignore[arg-type]


def test_the_view_that_fits() -> None:
    assert chosen(hypotenuse()).view == "chain"
    assert chosen(hypotenuse(gradients=False)).view == "values"
    assert chosen(network(3)).view == "full"
    assert chosen(network(25)).view == "collapsed"
    assert chosen(network(3), open="layer 2").view == "collapsed"


def test_the_direction_that_fits() -> None:
    assert chosen(hypotenuse()).direction == "LR"
    assert chosen(chain_of(8)).direction == "TB"
    assert chosen(network()).direction == "TB"
    assert chosen(hypotenuse(), direction="TB").direction == "TB"


def layers(scene: Scene) -> list[str]:
    return [box.layer.title for box in scene.boxes if box.layer is not None]


def test_a_scope_that_only_frames_others_opens_by_itself() -> None:
    assert layers(chosen(network(3), view="collapsed")) == ["layer 1", "layer 2", "layer 3", "loss"]


def test_one_layer_or_several_can_be_opened_by_name_path_or_title() -> None:
    for name in ("layer 2", "model/layer 2"):
        assert layers(chosen(network(3), open=name)) == ["layer 1", "layer 3", "loss"]
    assert layers(chosen(network(3), open=["layer 1", "loss"])) == ["layer 2", "layer 3"]


def test_a_scope_that_comes_back_is_a_card_for_each_time() -> None:
    r = Recorder()
    h, w = r.input(np.ones(3), "h0", requires_grad=False), r.input(np.ones(3), "w")
    for _ in range(3):
        h = r.call(np.tanh, r.call(np.multiply, h, w, scope=("cell",)), scope=("cell",))
        h = r.call(np.negative, h)
    scene = chosen(r.graph(), view="collapsed")
    assert layers(scene) == ["cell", "cell (2)", "cell (3)"]
    assert "v1" in scene.box  # the weight belongs to no single card
    assert layers(chosen(r.graph(), open="cell (2)")) == ["cell", "cell (3)"]


def test_unknown_choices_are_named_with_the_ones_there_are() -> None:
    with pytest.raises(ValueError, match=r"'sideways'.*auto, full, chain, values, collapsed, rolled, mirror"):
        draw(hypotenuse(), view="sideways")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"'UP'.*auto, LR, TB"):
        draw(hypotenuse(), direction="UP")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"'layer 9'.*model, model/layer 1.*loss"):
        draw(network(), open="layer 9")
    with pytest.raises(ValueError, match="collapsed"):
        draw(network(), view="full", open="loss")
    with pytest.raises(TypeError, match="one Graph"):
        draw(network(), hypotenuse())


def test_the_chain_rule_is_for_scalars() -> None:
    with pytest.raises(ValueError, match=r"scalars.*'x'.*\(8, 4\).*view=\"full\""):
        draw(network(), view="chain")


def test_deep_graphs_need_no_deep_stack() -> None:
    assert len(views.full(chain_of(20_000)).boxes) == 20_002


def test_an_output_that_is_an_input_and_one_that_feeds_others() -> None:
    r = Recorder()
    x = r.input(1.0, "x")
    y = r.call(np.exp, x, name="y")
    z = r.call(np.log, y, name="z")
    scene = chosen(r.graph(x, y, z))
    assert [box.role for box in scene.boxes if box.kind == "variable"] == ["output"] * 3
    assert_sound(scene)


def test_a_constant_array_is_one_card_however_often_it_is_used() -> None:
    r, y = Recorder(), np.arange(3.0)
    p = r.input(np.ones(3), "p")
    r.call(np.multiply, r.call(np.subtract, p, y), y)
    scene = chosen(r.graph(), view="full")
    assert [box.kind for box in scene.boxes].count("constant") == 1
    assert len(scene.out_of["k0"]) == 2


@pytest.mark.parametrize(
    ("function", "args", "symbol"),
    [
        (np.subtract, (1, "x"), "1 − x"),
        (np.divide, ("x", 200), "x ÷ 200"),
        (np.power, ("x", 2), "x²"),
        (np.power, ("x", 3.0), "x³"),
        (np.power, ("x", 2.5), "x^2.5"),
        (np.power, ("x", -1), "x⁻¹"),
        (np.power, (2, "x"), "2ˣ"),
        (np.clip, ("x", 0, 1), "clip(x, 0, 1)"),
        (np.negative, ("x",), "−x"),
        (np.sum, ("x", 0), "Σ axis 0"),
        (np.multiply, ("x", "x"), "×"),
        (mean_over, ("x", (0,)), "mean axis 0"),
    ],
)
def test_scalar_constants_are_folded_into_the_sign(function: object, args: tuple, symbol: str) -> None:
    r = Recorder()
    x = r.input(np.full(3, 2.0), "x")
    node = r.call(function, *(x if a == "x" else a for a in args))  # type: ignore[arg-type]
    assert operation_symbol(node) == symbol


def test_an_operand_of_a_call_stands_in_no_parentheses_of_its_own() -> None:
    r = Recorder()
    total = r.call(np.add, r.input(1.0, "a"), r.input(2.0, "b"), name="a + b")
    assert operation_symbol(r.call(np.maximum, total, 0.0)) == "max(a + b, 0)"
    assert operation_symbol(r.call(np.multiply, total, 2.0)) == "(a + b) × 2"


def test_the_sign_of_a_transposed_convolution_and_of_a_guard_say_what_they_do() -> None:
    layer, w = tg.nn.Conv2DTranspose(2, 3, use_bias=False), tg.Tensor([0.5, -0.5])
    graph = tg.Graph.of(np.sum(layer(np.ones((1, 4, 4, 1)))))
    assert "conv2dᵀ" in [operation_symbol(node) for node in graph.nodes]

    @tg.compile
    def step():
        return np.sum(w**2 if np.sum(w) >= 0 else np.abs(w))

    step()
    assert "guard: True" in step.draw().mermaid()


def test_uses_of_one_variable_are_one_card_with_its_name_although_the_record_copied_it() -> None:
    y = np.array([0.0, 1.0, 1.0])
    t = tg.Tensor([0.2, 0.5, 0.7])
    loss = np.sum(y * t + (1 - y) * t**2 + y)
    scene = chosen(tg.Graph.of(loss), view="full")
    constants = [box for box in scene.boxes if box.kind == "constant"]
    assert [box.name for box in constants] == ["y", "1 − y"]


def test_a_picture_as_wide_as_its_letters_are_small_goes_from_top_to_bottom() -> None:
    def chain(name: str) -> Scene:
        r = Recorder()
        value = r.input(2.0, name, grad=1.0)
        for step in range(3):
            value = r.call(np.exp, value, name=f"{name}_{step}", grad=1.0)
        return chosen(r.graph(value))

    assert chain("x").ranks == chain("the_length_of_a_leg").ranks == 7
    assert (chain("x").direction, chain("the_length_of_a_leg").direction) == ("LR", "TB")


def test_one_arrow_of_a_value_says_its_shape() -> None:
    r = Recorder()
    x = r.input(np.ones((2, 3)), "x")
    inside = r.call(np.exp, x, scope=("layer",))
    r.call(np.add, r.call(np.sum, inside), r.call(np.max, inside))
    scene = chosen(r.graph(r.nodes[-1]), view="collapsed")
    assert [link.label for link in scene.links if link.label] == ["2×3"]


def test_a_plain_array_given_to_a_model_has_its_name_and_stands_outside_of_it():
    model = tg.nn.Sequential([tg.nn.Dense(3, activation="tanh"), tg.nn.Dense(1)])
    images = np.linspace(-1.0, 1.0, 10).reshape(5, 2)  # the layers compute with a copy of it in float32
    graph = tg.Graph.of(np.sum(model(images) ** 2))
    for view, arrow in (("full", "o"), ("collapsed", "s")):
        scene = chosen(graph, view=view)
        (card,) = [box for box in scene.boxes if box.kind == "constant"]
        assert (card.name, card.place) == ("images", ())
        assert [link.head[0] for link in scene.out_of[card.id]] == [arrow]


def test_an_array_inside_a_model_has_no_variables_name_unless_one_variable_given_to_it_is_equal():
    layer = tg.nn.Dense(2)
    x, other = np.ones((4, 3)), np.ones((4, 3))
    calls = [(layer(x), "x"), (layer(x + 1), ""), (layer(x if other is None else other), "")]  # either may be the last
    for result, name in calls:
        scene = chosen(tg.Graph.of(np.sum(result)), view="full")
        assert [box.name for box in scene.boxes if box.kind == "constant"] == [name]


def test_two_uses_of_an_array_given_to_a_model_are_one_card():
    first, second = tg.nn.Dense(3), tg.nn.Dense(3)
    x = np.ones((2, 3), "f4") * [[1], [2]]
    scene = chosen(tg.Graph.of(np.sum(first(x) * second(x))), view="full")
    (card,) = [box for box in scene.boxes if box.kind == "constant"]
    assert card.name == "x" and len(scene.out_of[card.id]) == 2


@pytest.mark.parametrize("suffix", ["svg", "mmd", "html"])
def test_a_large_constant_that_was_given_back_is_drawn_by_its_shape(suffix: str, tmp_path: Path) -> None:
    x = np.ones((400, 400))
    w = tg.Tensor(np.ones((1, 400)), name="w")
    z = w @ x
    loss = z.sum() + (z + x).sum()  # addition reads no values, and keeps none of a large array
    loss.backward()
    assert "x: float64[400, 400]" in str(tg.Graph.of(loss))
    text = tg.draw(loss).save(tmp_path / f"loss.{suffix}").read_text()
    assert "400×400" in text and "not kept" in text


def test_an_unknown_scope_is_answered_with_the_nearest_and_the_outermost():
    class Block(tg.nn.Module):
        def __init__(self):
            self.up, self.down = tg.nn.Dense(3), tg.nn.Dense(3)

        def call(self, x):
            return self.down(self.up(x))

    class Network(tg.nn.Module):
        def __init__(self):
            self.blocks = [Block() for _ in range(6)]

        def call(self, x):
            for block in self.blocks:
                x = block(x)
            return x

    network = Network()
    result = network(np.ones((2, 3)))
    with pytest.raises(ValueError, match="there is no scope 'block 1'") as info:
        tg.draw(result, open="block 1")
    told = str(info.value)
    assert len(told) < 400 and "more inside them" in told and "Network" in told
    nearest = re.search(r"The nearest is open='([^']*)'", told)
    assert nearest and tg.draw(result, open=nearest[1])
    with pytest.raises(ValueError, match=r"its scopes: none$"):
        tg.draw(np.exp(tg.Tensor(1.0)), open="layer")


def test_what_would_not_be_in_the_picture_is_an_error() -> None:
    y = tg.Tensor(2.0) * 3
    given: list[tuple[dict[str, Any], type[Exception], str]] = [
        ({"names": {99: "z"}}, ValueError, "names goes by the index of a node, and 99 is the index of none"),
        ({"names": {"y": "z"}}, ValueError, "names goes by the index"),
        ({"sections": {2: "backward"}}, ValueError, "sections goes by the index"),
        ({"title": 3}, TypeError, "the title is no text but int"),
        ({"open": 3}, TypeError, "open names scopes"),
    ]
    for options, error, words in given:
        with pytest.raises(error, match=words):
            tg.draw(y, **options)
    graph = tg.Graph.of(y)
    assert ">z<" in tg.draw(graph, names={graph.outputs[0].index: "z"}).source


def test_a_graph_inside_of_a_compiled_function_says_where_to_draw_it() -> None:
    w = tg.Tensor(2.0)
    for ask in (tg.Graph.of, tg.draw, tg.health):
        for x in (3.0, np.ones(3)):

            def step(x: Any, ask: Any = ask) -> Any:
                y = x * w
                ask(y)
                return y

            with pytest.raises(tg.UnsupportedError, match=r"read or drawn inside of the function.*step\.draw\(\)"):
                tg.compile(step)(x)


def test_a_network_is_not_one_card_by_itself() -> None:
    class Block(tg.nn.Module):
        def __init__(self) -> None:
            self.norm, self.attention = tg.nn.LayerNormalization(), tg.nn.MultiHeadAttention(2, 4)
            self.up, self.down = tg.nn.Dense(16, activation="gelu"), tg.nn.Dense(8)

        def call(self, x: Any) -> Any:
            x = x + self.attention(self.norm(x), x)
            return x + self.down(self.up(x))

    loss = np.mean(Block()(tg.Tensor(np.ones((2, 5, 8)), requires_grad=False)) ** 2)
    assert len(tg.Graph.of(loss)) > 60
    titles = layers(chosen(loss))
    assert [title.split()[0] for title in titles] == ["norm", "attention", "up", "down"]
    assert layers(chosen(loss, view="collapsed")) == ["Block"]
