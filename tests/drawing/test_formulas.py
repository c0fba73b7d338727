"""A formula on a picture means what was computed."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygraph.drawing.words.expressions import LABEL_LENGTH, formula, labels
from tinygraph.drawing.words.slopes import slope
from tinygraph.drawing.words.symbols import grouped
from tinygraph.graph import Graph, Node

from .graphs import Recorder, hypotenuse

CALLS = [np.add, np.subtract, np.multiply, np.divide, np.negative, np.sqrt, np.exp, np.absolute, np.reciprocal]
TO_PYTHON = {"×": "*", "÷": "/", "−": "-", "²": "**2", "³": "**3"}


def python(text: str) -> str:
    for sign, code in TO_PYTHON.items():
        text = text.replace(sign, code)
    text = re.sub(r"\|([^|]+)\|", r"abs(\1)", text)
    while "√" in text:
        before, _, after = text.rpartition("√")
        end = end_of_operand(after)
        text = f"{before}sqrt({after[:end]}){after[end:]}"
    return text


def end_of_operand(text: str) -> int:
    """Where a name, a number, a call or a group ends that the text begins with."""
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
            r.call(np.power, draw(choose), draw(st.sampled_from([2, 3])))
            continue
        call = draw(st.sampled_from(CALLS))
        r.call(call, *(draw(choose) for _ in range(call.nin)))
    return r.graph()


@given(formulas())
def test_a_formula_read_as_algebra_gives_the_value(graph: Graph) -> None:
    output = graph.outputs[0]
    written = formula(graph, output)
    if written is None or written.count("|") > 2:
        return
    known = {str(node.name): float(node.value) for node in graph.inputs if node.value is not None}
    with np.errstate(all="ignore"):
        value = eval(
            python(written),
            {"sqrt": np.sqrt, "exp": np.exp, "abs": np.abs},
            {k: np.float64(v) for k, v in known.items()},
        )
    assert value == pytest.approx(float(output.value), rel=1e-6, nan_ok=True)  # type: ignore[arg-type]


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
