"""A picture says nothing false: each law reads what is drawn and compares it with what was computed."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygraph as tg
from tinygraph.bidirectional import ISOLATE, POP, isolated
from tinygraph.drawing.words.symbols import AROUND, SYMBOLS, UNNAMED, operation_symbol, sign
from tinygraph.drawing.words.text import clean
from tinygraph.graph import numbered

from .graphs import Recorder, hypotenuse, network
from .pages import data_of

SVG = "{http://www.w3.org/2000/svg}"


def boxes_of(svg: str) -> dict[str, str]:
    """Return the words in each box, by its id."""
    groups = [group for group in ElementTree.fromstring(svg).iter(f"{SVG}g") if "data-box" in group.attrib]
    return {
        str(group.get("data-box")): "".join(text.text or "" for text in group.iter(f"{SVG}text")).replace("\u00a0", " ")
        for group in groups
    }


def steps_of(page: str) -> list[str]:
    return [step["text"] for step in data_of(page)[""]["steps"]]


# --- names that return ------------------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=40)
@given(st.lists(st.sampled_from(["x", "y", "x₁", "long name " * 5, "long name " * 5 + "!", "a\nb", "a b"]), max_size=8))
def test_no_two_values_have_one_name_in_any_view(given_names: list[str]) -> None:
    r = Recorder()
    value = r.input(0.5, "x", grad=1.0)
    for name in given_names:
        value = r.call(np.tanh, value, name=name, grad=1.0)
    graph = r.graph()
    for view in ("full", "values", "chain", "mirror"):
        names = tg.draw(graph, view=view)._scene.names  # type: ignore[arg-type]
        assert len(set(names.values())) == len(names)
    lines = [line.partition(" = ")[0].partition(" ")[2] for line in str(graph).splitlines()[:-1]]
    assert len(set(map(str.strip, lines))) == len(lines)


def test_a_name_that_returns_is_numbered_everywhere() -> None:
    pytest.importorskip("pygraphviz")
    x = tg.Tensor(2.0)
    x = x * 3 + 1
    x = x * x - 4 * x
    y = x * 2
    y.backward()
    drawing = tg.draw(y)
    cards = boxes_of(drawing.svg())
    shown = [text for box, text in cards.items() if box.startswith("v")]
    assert [text.partition(" = ")[0] for text in shown] == [
        *("x₁", "x₁ × 3", "x₂", "x₂ × x₂", "4 × x₂", "x₃", "y")
    ]  # fmt: skip
    for said in ("∂y/∂x₁ = 60", "∂y/∂x₂ = 20", "∂y/∂x₃ = 2"):
        assert (
            said in "".join(shown) and said in drawing.mermaid() and f"backward: {said[:6]}" in steps_of(drawing.html())
        )
    assert drawing._scene.title.startswith("y = ((x₁ × 3 + 1) × (x₁ × 3 + 1) − 4 × (x₁ × 3 + 1)) × 2")
    assert [link.label for link in drawing._scene.links if link.kind == "backward"][2] == "× x₂ = 7"
    text = str(tg.Graph.of(y))
    assert all(re.search(rf"%\d x{number} +=", text) for number in "₁₂₃")
    mirrored = "".join(boxes_of(tg.draw(y, view="mirror").svg()).values())
    assert "∇x₁ = 60" in mirrored and "∇ × x₂" in mirrored


def test_loops_functions_and_constants_share_the_numbers() -> None:
    w, h = tg.Tensor(0.9), tg.Tensor(1.0, requires_grad=False)
    for _ in range(2):
        h = np.tanh(w * h)
    h.backward()
    assert tg.draw(h)._scene.title == "h₃ = tanh(w × tanh(w × h₁))\u00a0\u00a0 after backward()"
    x = np.ones(3)
    t = tg.Tensor(np.full(3, 2.0), name="t")
    x = x * t
    scene = tg.draw(np.sum(x), view="full")._scene
    assert [box.name for box in scene.boxes if box.kind == "constant"] == ["x₁"]
    assert "x₂" in scene.names.values()


def test_inside_a_layer_of_the_page_values_have_the_names_they_have_outside() -> None:
    pytest.importorskip("pygraphviz")
    x = tg.Tensor(np.ones(3))
    x = x * 2
    with tg.scope("layer"):
        x = np.exp(x)
        x = x + 1
    data = data_of(tg.draw(np.sum(x), view="collapsed").html())
    inside = "".join(boxes_of(data["s0"]["svg"]).values())
    assert all(f"x{number}" in inside for number in "₁₂₃₄")


@given(st.dictionaries(st.integers(), st.sampled_from(["x", "x₁", "x₂", "x₁₁", "y"]), max_size=20))
def test_numbered_names_are_different_and_lone_ones_stay(names: dict[int, str]) -> None:
    found = numbered(names)
    assert len(set(found.values())) == len(names)
    for key, name in names.items():
        assert found[key] == name if list(names.values()).count(name) == 1 else found[key].startswith(name)


def test_two_values_with_one_formula_are_not_told_apart_by_it() -> None:
    x = tg.Tensor(2.0)
    y = np.exp(x * x) + 3 * (x * x)
    y.backward()
    told = tg.draw(y).mermaid()
    assert "∂y/∂x " in told and "∂y/∂#40;x × x#41;" not in told and told.count("∇#40;x × x#41;") == 2


def test_a_formula_does_not_leave_out_what_the_call_was_given() -> None:
    a = tg.Tensor(np.ones((2, 2)), name="a")
    b = tg.Graph.of(np.sum(np.sum(a, axis=0) * np.sum(a, axis=1)))
    assert "Σ(a)" not in tg.draw(b, view="full")._scene.names.values()


# --- operands ---------------------------------------------------------------------------------------------------------

CALLS = [
    *[lambda r, q, f=f: r.call(f, q) for f in (np.negative, np.positive, np.square, np.reciprocal, np.absolute, np.fabs,
                                               np.transpose, np.linalg.inv, np.linalg.norm, np.logical_not, np.exp)],
    *[lambda r, q, f=f: r.call(f, q, 2.0) for f in (np.add, np.subtract, np.multiply, np.divide, np.power, np.greater,
                                                    np.float_power, np.arctan2, np.maximum)],
    *[lambda r, q, f=f: r.call(f, 3.0, q) for f in (np.subtract, np.divide, np.power, np.less_equal, np.hypot)],
    lambda r, q: r.call(np.clip, q, 0, 1), lambda r, q: r.call(np.power, q, -1), lambda r, q: r.call(np.power, q, q),
]  # fmt: skip


@pytest.mark.parametrize("call", CALLS)
def test_an_operation_shows_its_operand_or_a_sign_that_no_variable_can_be(call: object) -> None:
    def told(name: str | None) -> str:
        r = Recorder()
        operand = r.input(np.array([[2.0, 0.5], [1.0, 3.0]]), name)
        return operation_symbol(call(r, operand))  # type: ignore[operator]

    assert told("q") == told("w").replace("w", "q").replace("ʷ", "ᑫ").replace("ᑫ", "^q")
    assert told(None) == told("q").replace("^q", "^·").replace("q", UNNAMED) if "q" in told("q") else True
    assert told("q" * 40) == told(None)
    assert not re.search(r"\bx\b|[xˣ]ʸ|ˣ|x[²ᵀ⁻]", told(None).replace("exp", "").replace("maximum", ""))


def test_no_sign_has_a_placeholder_in_it() -> None:
    for op in (*SYMBOLS, *AROUND, "power", "float_power"):
        assert not re.search(r"(?<![a-z])x(?![a-z])|ʸ", sign(op))


def test_the_sign_of_a_transposition_is_that_of_the_axes() -> None:
    r = Recorder()
    w = r.input(np.ones((2, 3, 4)), "w")
    assert operation_symbol(r.call(np.transpose, w)) == "wᵀ"
    assert operation_symbol(r.call(np.transpose, w, (1, 0, 2))) == "transpose"


def test_an_index_and_a_value_without_a_name_are_no_variables() -> None:
    index, mask, product = np.array([0, 2]), np.array([True, False, True]), tg.Tensor(np.ones(3), name="product")
    total = np.sum(product[index] * product[mask] * np.linspace(0, 1, 2) ** product[:2])
    told = tg.draw(total, view="values").mermaid()
    assert "product#91;·#93;" in told and not re.search("index|mask", told)
    assert "‹product›" in told and "∇product" not in told
    mirrored = tg.draw(total, view="mirror").mermaid()
    assert "‹product" in mirrored and "∇product" in mirrored


@pytest.mark.parametrize("expression", ["ii->i", "ij,jk->ik", "ii,ik->k", "ij,kj,j->k"])
def test_an_einsum_and_its_backward_pass_show_the_users_arrays_alone(expression: str) -> None:
    arrays = [tg.Tensor(np.ones((3, 3) if len(axes) == 2 else 3)) for axes in expression.partition("->")[0].split(",")]
    a = arrays[0]
    loss = np.sum(np.einsum(expression, *arrays) ** 2)
    loss.backward(create_graph=True)
    for drawn in (loss, a.grad):
        scene = tg.draw(drawn, view="full")._scene
        assert not [box for box in scene.boxes if box.kind == "constant" or box.place]


def test_a_gradient_from_elsewhere_is_no_step_of_this_graph() -> None:
    pytest.importorskip("pygraphviz")
    w = tg.Tensor(2.0, name="w")
    (w * 3).backward()
    steps = steps_of(tg.draw(w * w).html())
    assert "not from this graph: ∇w" in steps and not [step for step in steps if step.startswith("backward")]


def test_operands_are_numbered_and_grouped_on_the_picture() -> None:
    p = tg.Tensor(np.full(3, 0.5))
    q = np.sum((1 - p) ** 2)
    shown = [line for line in tg.draw(q, view="full").mermaid().splitlines() if "([" in line]
    assert [line.split('"')[1].replace("#40;", "(").replace("#41;", ")") for line in shown] == [
        "1 − p",
        "(1 − p)²",
        "Σ",
    ]


# --- gradients and values ---------------------------------------------------------------------------------------------


def test_what_was_assigned_since_is_said_to_be_so_in_every_form() -> None:
    pytest.importorskip("pygraphviz")
    w, x = tg.Tensor(1.0, name="w"), tg.Tensor(2.0, name="x", requires_grad=False)
    y = w * x
    y.backward()
    w.assign(1.4)
    for view in ("chain", "values", "full", "mirror"):
        drawing = tg.draw(y, view=view)  # type: ignore[arg-type]
        svg = "".join(boxes_of(drawing.svg()).values())
        for told in (svg, drawing.mermaid()):
            assert "w now 1.4" in told and "w = 1.4" not in told and "changed since" in told and "∂" not in told
    assert "× w" not in "".join(link.label for link in tg.draw(y)._scene.links)
    assert "after" not in tg.draw(y)._scene.title
    page = tg.draw(y).html()
    assert "got another value after its use" in page and "from before the change" in page


def test_a_view_of_what_was_written_into_has_changed_too() -> None:
    w = tg.Tensor([1.0, 2.0], name="w")
    h = w[:1]
    y = np.sum(h * 3)
    w.data[0] = 5.0
    graph = tg.Graph.of(y)
    assert [node.changed for node in graph] == [True, True, False, False]
    assert "h #40;1,#41;<br/>5<br/>changed since" in tg.draw(y, view="full").mermaid()
    u = tg.Tensor([1.0, 2.0], name="u")
    part = u[:1]
    u.assign(np.zeros(2))  # a new array: the view still shows the old one, which is what was used
    assert [node.changed for node in tg.Graph.of(np.sum(part))] == [True, False, False]


def test_a_sum_of_gradients_is_not_called_a_derivative_in_any_view() -> None:
    pytest.importorskip("pygraphviz")
    a, b = tg.Tensor(3.0, name="a"), tg.Tensor(4.0, name="b")
    (a * b).backward()
    d = a + b
    d.backward()
    for view in ("chain", "values", "full", "mirror"):
        drawing = tg.draw(d, view=view)  # type: ignore[arg-type]
        for told in ("".join(boxes_of(drawing.svg()).values()), drawing.mermaid()):
            assert "∂d/∂a" not in told and "∇a" in told and "sum of several passes" in told
    assert "sum of several passes" in tg.draw(d).html()


def test_a_large_gradient_of_another_pass_is_said_to_be_one() -> None:
    w = tg.Tensor(np.ones(5), name="w")
    older = np.sum(w * 2)
    older.backward()
    w.grad = None
    np.sum(w * 3).backward()
    assert "not from this graph" in tg.draw(older, view="full").mermaid()
    assert "not from this graph" not in tg.draw(np.sum(tg.Tensor(np.ones(5))), view="full").mermaid()


def test_a_collapsed_card_shows_the_shapes_of_all_that_it_gives_and_takes() -> None:
    x, w = tg.Tensor(np.ones((3, 2)), name="x", requires_grad=False), tg.Tensor(np.ones((2, 4)), name="w")
    u = tg.Tensor(np.ones(4), requires_grad=False)
    with tg.scope("layer"):
        h = np.tanh(x @ w + u)
        s = np.sum(h)
    z = np.sum(h * 2 + s)
    told = tg.draw(z, view="collapsed").mermaid()
    assert "3×2, #40;4,#41; → 3×4, scalar" in told.replace("\u00a0", " ")
    with tg.scope("many"):
        parts = [x * number for number in range(3)]
    told = tg.draw(parts[0] + parts[1] + parts[2], view="collapsed").mermaid()
    assert "3×2 → 3 of 3×2" in told


# --- from right to left -----------------------------------------------------------------------------------------------

RIGHT_TO_LEFT = ["שלום", "مرحبا", "שלום_2", "جمل طويل"]


def assert_isolated(text: str, name: str) -> None:
    """A name from right to left stands alone, or in isolation."""
    if name in text and text.strip() != name:
        before, _, after = text.partition(name)
        number = re.match("[₀-₉²]*", after)
        assert before.endswith(ISOLATE) and number and after[number.end() :].startswith(POP), text


@pytest.mark.parametrize("name", RIGHT_TO_LEFT)
def test_a_name_from_right_to_left_turns_no_number_around(name: str) -> None:
    pytest.importorskip("pygraphviz")
    a, b = tg.Tensor(0.8, name=name), tg.Tensor(2.0, name="z")
    c = a**2 * b
    c.name = "c"
    c.backward()
    drawing = tg.draw(c)
    texts = [text.text or "" for text in ElementTree.fromstring(drawing.svg()).iter(f"{SVG}text")]
    texts += [text.text or "" for text in ElementTree.fromstring(drawing.svg()).iter(f"{SVG}title")]
    texts += re.findall('"([^"]*)"', drawing.mermaid().replace("<br/>", '" "')) + steps_of(drawing.html())
    texts += str(tg.Graph.of(c)).splitlines()
    assert sum(name in text for text in texts) > 10
    for text in texts:
        assert_isolated(text, name)


@given(st.text(st.sampled_from("ab1. =×∂/()²₁_שלוםجم\u202e\u2067\u200f"), max_size=20))
def test_isolation_takes_nothing_away_and_closes_what_it_opens(text: str) -> None:
    shown = isolated(clean(text))
    assert re.sub("[\u2068\u2069\u200e]", "", shown) == clean(text)
    assert not set(clean(text)) & set("\u202e\u2067\u200f\u2068\u2069")
    depth = 0
    for character in shown:
        depth += (character == ISOLATE) - (character == POP)
        assert depth in {0, 1}
    assert depth == 0


# --- the page, and Mermaid --------------------------------------------------------------------------------------------


def test_the_page_calls_each_part_of_a_program_what_it_is() -> None:
    pytest.importorskip("pygraphviz")
    w = tg.Tensor(np.ones((2, 1)), name="w")

    @tg.compile
    def step(x):
        cost = np.mean(tg.sigmoid(x @ w))
        w.grad = None
        cost.backward()
        w.assign(w.data - 0.1 * w.grad)
        return cost

    step(np.ones((5, 2)))
    drawing = step.draw(view="full")
    parts = {"forward": [], "backward": [], "update": [], "given": []}  # type: dict[str, list[str]]
    for text in steps_of(drawing.html()):
        parts[text.partition(": ")[0]].append(text.partition(": ")[2])
    assert parts["given"] == ["x", "w"]
    assert "cost" in parts["forward"] and "d_w" in parts["backward"] and parts["update"][-1] == "w, updated"
    scene = drawing._scene
    told = [scene.sections[box.node.index] for box in scene.boxes if not box.node.is_input and scene.into[box.id]]
    order = ["forward", "backward", "update"]
    assert sorted(told, key=order.index) == told
    assert not [text for text in steps_of(tg.draw(step.graph).html()) if text.startswith("forward")]


def edges_of(text: str) -> list[tuple[str, str]]:
    found = [re.match(r"\s+(\w+) (?:-->|-\.->|-\.-)(?:\|.*\|)? (\w+)$", line) for line in text.splitlines()]
    return [(match[1], match[2]) for match in found if match]


@pytest.mark.parametrize("graph", [hypotenuse(), network(2)])
@pytest.mark.parametrize("view", ["values", "full", "collapsed", "mirror", "auto"])
def test_no_arrow_of_mermaid_leads_back(graph: tg.Graph, view: str) -> None:
    drawing = tg.draw(graph, view=view)  # type: ignore[arg-type]
    edges = edges_of(drawing.mermaid())
    assert len(edges) == len(drawing._scene.links)
    rank = {box.id: 0 for box in drawing._scene.boxes}
    for _ in rank:  # as a layout ranks them; a circle never comes to rest
        moved = False
        for tail, head in edges:
            if rank[head] <= rank[tail]:
                rank[head], moved = rank[tail] + 1, True
        if not moved:
            break
    assert not moved
    inputs = {box.id for box in drawing._scene.boxes if box.kind == "variable" and box.node.is_input}
    assert all(rank[box] == 0 for box in inputs)


def test_each_scope_of_mermaid_has_its_colour() -> None:
    told = tg.draw(network(2), view="full").mermaid()
    groups = re.findall(r"subgraph (\w+) ", told)
    assert groups and all(f"style {group} fill:#f8fafc" in told for group in groups)


# --- what is not a graph ----------------------------------------------------------------------------------------------


def test_a_function_in_place_of_a_tensor_is_told_what_to_write() -> None:
    def f(x):
        return np.sin(x) * x

    with pytest.raises(TypeError, match=re.escape("tg.draw(tg.trace(f, 2.0))")) as error:
        tg.draw(f, 2.0)
    written = str(error.value).partition("Write ")[2]
    assert len(eval(written, {"tg": tg, "f": f})._scene.boxes) == 5
    with pytest.raises(TypeError, match=re.escape("tg.draw(tg.trace(f, x))")):
        tg.draw(f)
    with pytest.raises(TypeError, match=re.escape("tg.draw(tg.trace(f, ..., 3))")):
        tg.draw(f, np.ones((20, 20)), 3)
    compiled = tg.compile(f)
    compiled(np.ones(3))
    with pytest.raises(TypeError, match=re.escape("f.draw()")):
        tg.draw(compiled)
    with pytest.raises(TypeError, match=re.escape("a Profile is no Tensor, and draws itself. Write profile.draw()")):
        tg.draw(compiled.profile(2.0))
    model = tg.nn.Sequential([tg.nn.Dense(2)])
    with pytest.raises(TypeError, match=re.escape("a Sequential is no Tensor, and draws itself. Write model.draw(x)")):
        tg.draw(model)
    model.draw(np.ones((1, 3)))
    with pytest.raises(TypeError, match=re.escape("tg.draw(*outputs)")):
        tg.draw([tg.Tensor(1.0), tg.Tensor(2.0)])
    with pytest.raises(TypeError, match="No Tensor that requires a gradient"):
        tg.draw(np.float64(3.0))


def test_the_gradient_of_a_complex_number_is_no_derivative():
    z = tg.Tensor(1 + 2j, name="z")
    loss = np.real(z * np.conj(z))
    loss.backward()
    text = tg.draw(loss).mermaid()
    assert "∇z = 2 + 4i" in text and "/∂z" not in text and "∂loss/∂loss = 1" in text
