"""A formula on a picture means what was computed."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygraph as tg
from tinygraph.drawing.words.expressions import LABEL_LENGTH, formula, labels, written
from tinygraph.drawing.words.slopes import slope
from tinygraph.drawing.words.symbols import grouped, operation_symbol
from tinygraph.graph import Graph, Node

from .graphs import Recorder, hypotenuse

CALLS = [
    np.add, np.subtract, np.multiply, np.divide, np.negative, np.sqrt, np.exp, np.absolute, np.reciprocal, np.square,
    np.fmod, np.hypot, np.float_power,
]  # fmt: skip
TO_PYTHON = {"×": "*", "÷": "/", "−": "-", "^": "**"}
RAISED = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")
CONSTANTS = st.sampled_from([-2.0, -1, 0.5, 3, 4e-7, -6e-5, 20_000.0])


def python(text: str) -> str:
    for sign, code in TO_PYTHON.items():
        text = text.replace(sign, code)
    text = re.sub(r"[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+", lambda found: f"**({found[0].translate(RAISED)})", text)
    text = re.sub(r"\|([^|]+)\|", r"abs(\1)", text)
    while "√" in text:
        before, _, after = text.rpartition("√")
        end = end_of_operand(after)
        text = f"{before}sqrt({after[:end]}){after[end:]}"
    return text


def end_of_operand(text: str) -> int:
    """Return the end of the name, number, call or group that the text begins with."""
    word = re.match(r"[\w.]*", text)
    end = word.end() if word else 0
    if text[end : end + 1] != "(":
        return end
    depth = 0
    for place, character in enumerate(text[end:], end):
        depth += (character == "(") - (character == ")")
        if depth == 0:
            return place + 1
    raise AssertionError(text)


@st.composite
def formulas(draw: st.DrawFn) -> Graph:
    r = Recorder()
    for name in "pqr":
        r.input(draw(st.floats(1, 3)), name)
    for _ in range(draw(st.integers(1, 6))):
        choose = st.sampled_from(r.nodes[-4:])
        if draw(st.booleans()):
            r.call(np.power, draw(choose), draw(st.sampled_from([2, 3, -1, 0.5, -1.5])))
            continue
        call = draw(st.sampled_from(CALLS))
        operands: list[Any] = [draw(choose) for _ in range(call.nin)]
        if call.nin == 2 and draw(st.booleans()):
            operands[draw(st.integers(0, 1))] = draw(CONSTANTS)
        r.call(call, *operands)
    return r.graph()


def value_of(text: str, graph: Graph) -> Any:
    """Return the value of a formula of the inputs of a graph."""
    known = {str(node.name): np.float64(node.value) for node in graph.inputs if node.value is not None}
    with np.errstate(all="ignore"):
        return eval(python(text), {"sqrt": np.sqrt, "exp": np.exp, "abs": np.abs} | known)


@given(formulas())
def test_a_formula_read_as_algebra_gives_the_value(graph: Graph) -> None:
    output = graph.outputs[0]
    text = formula(graph, output)
    if text is None or text.count("|") > 2:
        return
    value = value_of(text, graph)
    assert value == pytest.approx(float(output.value), rel=1e-6, nan_ok=True)  # type: ignore[arg-type]


@given(formulas())
def test_a_call_in_the_words_for_its_operands_gives_the_value(graph: Graph) -> None:
    words = labels(graph)
    for node in graph.nodes:
        if node.is_input or not all(words[operand.index] for operand in node.operands):
            continue
        text = written(node, words)
        if text and text.count("|") <= 2:
            assert value_of(text, graph) == pytest.approx(float(node.value), rel=1e-6, nan_ok=True)  # type: ignore[arg-type]


@pytest.mark.parametrize("inner", [np.square, np.sqrt, np.reciprocal, np.negative])
@pytest.mark.parametrize(
    "outer",
    [
        np.square, lambda x: x**3, lambda x: x**-1, lambda x: 2**x, lambda x: 4e-7**x,
        lambda x: x * 2, lambda x: 2 / x, lambda x: 1 - x,
    ],
)  # fmt: skip
def test_the_sign_of_a_call_of_a_call_is_its_formula(inner: Any, outer: Any) -> None:
    x = tg.Tensor(1.5, name="p")
    graph = tg.Graph.of(outer(inner(x)))
    node = graph.outputs[0]
    text = operation_symbol(node, labels(graph))
    assert value_of(text, graph) == pytest.approx(float(node.value), rel=1e-6)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("outer", "inner", "text"),
    [
        (np.subtract, np.subtract, "p − (q − r)"),
        (np.subtract, np.add, "p − (q + r)"),
        (np.add, np.subtract, "p + q − r"),
        (np.divide, np.multiply, "p ÷ (q × r)"),
        (np.multiply, np.divide, "p × (q ÷ r)"),
        (np.multiply, np.add, "p × (q + r)"),
        (np.add, np.multiply, "p + q × r"),
    ],
)
def test_parentheses_stand_where_they_are_needed(outer: np.ufunc, inner: np.ufunc, text: str) -> None:
    r = Recorder()
    p, q, s = (r.input(2.0, name) for name in "pqr")
    r.call(outer, p, r.call(inner, q, s))
    graph = r.graph()
    assert formula(graph, graph.outputs[0]) == text


@given(formulas())
def test_a_label_is_short_or_not_there(graph: Graph) -> None:
    assert all(len(label) <= LABEL_LENGTH for label in labels(graph).values())


def test_a_name_that_looks_like_a_formula_is_kept_together() -> None:
    r = Recorder()
    odd, q = r.input(3.0, "a + b"), r.input(2.0, "p-q")
    r.call(np.multiply, odd, q)
    graph = r.graph()
    assert formula(graph, graph.outputs[0]) == "(a + b) × (p-q)"
    assert labels(graph)[0] == "a + b"
    assert slope(graph.outputs[0], 0, None, labels(graph)) == "× (p-q)"


def test_the_formula_of_the_hypotenuse() -> None:
    graph = hypotenuse()
    assert formula(graph, graph.outputs[0]) == "√(a² + b²)"
    assert list(labels(graph).values()) == ["a", "b", "a²", "b²", "s", "c"]


@pytest.mark.parametrize(
    ("call", "numbers", "text"),
    [
        (lambda r, a, b: r.call(np.power, a, 2), 6.0, "× 2a = 6"),
        (lambda r, a, b: r.call(np.power, a, 3), 27.0, "× 3a² = 27"),
        (lambda r, a, b: r.call(np.sqrt, a), 0.1, "× 1/(2√a) = 0.1"),
        (lambda r, a, b: r.call(np.add, a, b), 1.0, "× 1"),
        (lambda r, a, b: r.call(np.multiply, a, b), 4.0, "× b = 4"),
        (lambda r, a, b: r.call(np.multiply, a, 5), 5.0, "× 5"),
        (lambda r, a, b: r.call(np.subtract, 1, a), -1.0, "× −1"),
        (lambda r, a, b: r.call(np.sin, a), -0.99, "× cos a = −0.99"),
        (lambda r, a, b: r.call(np.cos, a), -0.141, "× (−sin a) = −0.141"),
        (lambda r, a, b: r.call(np.arccosh, a), 0.1, "× 0.1"),
        (lambda r, a, b: r.call(np.square, a), 6.0, "× 2a = 6"),
        (lambda r, a, b: r.call(np.divide, a, b), 0.25, "× 1/b = 0.25"),
        (lambda r, a, b: r.call(np.divide, 2, a), -0.222, "× (−2/a²) = −0.222"),
        (lambda r, a, b: r.call(np.log, a), 0.333, "× 1/a = 0.333"),
        (lambda r, a, b: r.call(np.tanh, a, name="t"), 0.00987, "× (1 − t²) = 0.00987"),
        (lambda r, a, b: r.call(np.power, 2, a), 5.55, "× 2^a · ln 2 = 5.55"),
        (lambda r, a, b: r.call(np.sqrt, a), None, "× 1/(2√a)"),
        (lambda r, a, b: r.call(np.arccosh, a), None, ""),
    ],
)
def test_what_is_written_on_the_way_back(call: object, numbers: float | None, text: str) -> None:
    r = Recorder()
    node: Node = call(r, r.input(3.0, "a"), r.input(4.0, "b"))  # type: ignore[operator]
    value = None if numbers is None else np.array(numbers)
    assert slope(node, 0, value, labels(r.graph())) == text


@pytest.mark.parametrize(
    ("text", "factor"),
    [
        ("s", "s"), ("a + b", "(a + b)"), ("σ(W @ x)", "σ(W @ x)"), ("exp(a × (b + c))", "exp(a × (b + c))"),
        ("σ(x) + σ(y)", "(σ(x) + σ(y))"), ("a(b + c)(d + e)", "(a(b + c)(d + e))"),
    ],
)  # fmt: skip
def test_a_factor_is_in_parentheses_where_it_has_to_be(text: str, factor: str) -> None:
    assert grouped(text) == factor
