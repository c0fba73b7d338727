"""Each text that says how a gradient is passed on, read as a formula, is what the derivative table does."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygraph as tg
from tinygraph.drawing.scenes.mirror import pullbacks
from tinygraph.drawing.words.expressions import labels
from tinygraph.drawing.words.slopes import slope
from tinygraph.drawing.words.symbols import index_text
from tinygraph.engine import dependence, notes, table

from .notation import evaluated

Call = Callable[..., Any]
A, V, SQUARE = (3, 4), (4,), (2, 3)

# A call of each function that has a text, with the shapes of its operands.
BACKWARD: list[tuple[str, Call, tuple[tuple[int, ...], ...]]] = [
    *[(f.__name__, f, shapes) for f in (np.add, np.subtract, np.multiply, np.divide, np.maximum, np.minimum)
      for shapes in ((A, A), (A, V), (V, A), (A, ()), ((3, 1), (1, 4)))],
    *[(f.__name__, f, (A,)) for f in (np.negative, np.exp, np.log, np.sqrt, np.square, np.reciprocal, np.sin, np.cos,
                                      np.tanh)],
    *[("matmul", np.matmul, shapes) for shapes in ((A, (4, 2)), (A, V), ((3,), A), (V, V))],
    ("sigmoid", tg.sigmoid, (A,)),
    ("relu", lambda a: tg.relu(a - 1.0), (A,)),
    *[("power", lambda a, e=e: a**e, (A,)) for e in (2, 3, 1, -1, 0.5, -1.5)],
    ("multiply", lambda a: a * -2.5, (A,)), ("divide", lambda a: a / -2, (A,)), ("divide", lambda a: -2 / a, (A,)),
    ("maximum", lambda a: np.maximum(a, 1.0), (A,)), ("multiply", lambda a: a * CONSTANT, (A,)),
    ("sum", np.sum, (A,)), ("sum", lambda a: np.sum(a, axis=0), (A,)),
    ("sum", lambda a: np.sum(a, axis=1, keepdims=True), (A,)),
    ("mean", np.mean, (A,)), ("mean", lambda a: np.mean(a, axis=1), (A,)),
    ("reshape", lambda a: np.reshape(a, (2, 6)), (A,)), ("transpose", np.transpose, (A,)),
    ("transpose", lambda a: np.transpose(a, (1, 2, 0)), ((2, 3, 4),)),
    ("getitem", lambda a: a[1], (A,)), ("getitem", lambda a: a[:, ::2], (A,)),
    ("getitem", lambda a: a[[0, 0, 2]], (A,)),
    *[("put_at", lambda a, b, index=index: written(a, b, index), (A, shape)) for index, shape in (
        (0, V), (0, ()), ((slice(None), 1), (3,)), (slice(1, None), V), ([2, 0], (2, 4)), ([0, 0, 2], (3, 4)),
        (slice(None, 1), (1, 1, 4)), (([1, 1], [0, 0]), (2,)))],
    ("put_at", lambda a, b: written_in_a_view(a, b), (A, (3,))),
    ("put_at", lambda a: written(a, 2.0, (slice(None), 0)), (A,)),
]  # fmt: skip
CONSTANT = np.linspace(-1, 1, 4)
# Functions whose texts the drawing makes for each call: the notation of a power follows its exponent.
MADE = {"power"}


def written(a: Any, b: Any, index: Any) -> Any:
    y = a * 2.0
    y[index] = b
    return y


def written_in_a_view(a: Any, b: Any) -> Any:
    y = a * 2.0
    view = y.T[1:]
    view[0] = b
    return y


def told_by(kind: str) -> set[str]:
    """Return the names of the functions of the table that have texts of a kind."""
    table.read_all()
    functions = {key[0] if isinstance(key, tuple) else key for key, row in notes.FORMULAS.items() if getattr(row, kind)}
    return {table.function_name(function) for function in functions}


def operands(shapes: tuple[tuple[int, ...], ...]) -> list[tg.Tensor]:
    rng = np.random.default_rng(len(shapes))
    return [tg.Tensor(rng.uniform(0.5, 2, shape), name=name) for name, shape in zip("ab", shapes, strict=False)]


def check_texts_of_mirror(op: str, call: Call, shapes: tuple[tuple[int, ...], ...]) -> None:
    """Compare what the mirror view says of a call with what a backward pass through it does."""
    tensors = operands(shapes)
    result = call(*tensors)
    result.name = "c"
    seed = np.random.default_rng(9).normal(size=result.shape)
    graph = tg.Graph.of(result)
    node = graph.outputs[0]
    assert node.op == op
    result.backward(seed, retain_graph=True)
    gradients = {each.index: each.grad for each in tg.Graph.of(result).nodes}
    names = labels(graph)
    values = {names[each.index]: each.value for each in graph.nodes if names[each.index].isidentifier()}
    values |= {"∇": seed, "CONSTANT": CONSTANT}
    told = pullbacks(node, names)
    assert told
    for pull in told:
        found = read(pull.text, node, pull.operand, values)
        np.testing.assert_allclose(found, gradients[pull.operand.index], rtol=1e-12)


def read(text: str, node: Any, operand: Any, values: dict[str, Any]) -> Any:
    """The cotangent of an operand, as the text says it."""
    assert "· ∂" not in text, text
    if text.startswith("Σ ∇"):
        return summed(read(text[2:], node, operand, values), operand.shape)
    if node is not None and node.op == "put_at":
        found = around_a_place(text, node, values["∇"])
        return found.reshape(operand.shape) if found.size == operand.size else found
    if text.startswith("Σ("):
        return summed(read(text[2:-1], node, operand, values), operand.shape)
    if " where " in text:
        what, _, condition = text.partition(" where ")
        condition, tie, _ = condition.partition(", ∇/2 where =")
        sign = ">" if ">" in condition else "<"
        left, right = (evaluated(side, values) for side in condition.split(sign))
        chosen = left > right if sign == ">" else left < right
        return np.where(chosen, evaluated(what, values), np.where((left == right) & bool(tie), values["∇"] / 2, 0))
    for words, act in WORDS.items():
        if text.endswith(words):
            return act(evaluated(text.removesuffix(words), values), node, operand)
    return evaluated(text, values)


def summed(value: Any, shape: tuple[int, ...]) -> Any:
    value = np.asarray(value)
    value = value.sum(axis=tuple(range(value.ndim - len(shape))))
    return value.sum(axis=tuple(i for i, n in enumerate(shape) if n == 1 < value.shape[i]), keepdims=True)


def to_each(value: Any, node: Any, operand: Any) -> Any:
    axis = node.kwargs.get("axis")
    if axis is not None and not node.kwargs.get("keepdims"):
        value = np.expand_dims(value, axis)
    return np.broadcast_to(value, operand.shape)


def into_its_place(value: Any, node: Any, operand: Any) -> Any:
    found = np.zeros(operand.shape)
    np.add.at(found, node.args[1], value)
    return found


def around_a_place(text: str, node: Any, gradient: Any) -> Any:
    place = node.args[1]
    said = place.text(index_text)
    if text == f"∇ with 0 at {said}":
        gradient = gradient.copy()
        place.put(gradient, 0)
        return gradient
    over = ", 0 for a value written over"
    assert text.removesuffix(over) == f"∇{said}"
    return np.where(place.stays(node.shape), place.of(gradient), 0) if text.endswith(over) else place.of(gradient)


WORDS: dict[str, Callable[[Any, Any, Any], Any]] = {
    " to each": to_each,
    " reshaped": lambda value, node, operand: np.reshape(value, operand.shape),
    " with its axes back": lambda value, node, operand: np.transpose(value, np.argsort(node.args[1])),
    " into its place": into_its_place,
}


@pytest.mark.parametrize(("op", "call", "shapes"), BACKWARD, ids=[f"{op}{shapes}" for op, _, shapes in BACKWARD])
def test_the_mirror_says_what_the_table_does(op: str, call: Call, shapes: tuple[tuple[int, ...], ...]) -> None:
    check_texts_of_mirror(op, call, shapes)


def test_every_text_of_the_mirror_is_tried() -> None:
    assert told_by("pullbacks") | MADE == {op for op, *_ in BACKWARD}


def test_a_transposed_factor_is_transposed_back_by_its_own_name() -> None:
    q, k = tg.Tensor(np.ones((3, 4)), name="q"), tg.Tensor(np.ones((5, 4)), name="k")
    graph = tg.Graph.of(q @ k.T)
    product = graph.nodes[-1]
    assert [each.text for each in pullbacks(product, labels(graph))] == ["∇ @ k", "qᵀ @ ∇"]
    x, named = tg.Tensor(np.ones((3, 4)), name="x"), tg.Tensor(np.ones((4, 5)), name="Xᵀ")
    graph = tg.Graph.of(x @ named)  # a name of the user's is kept whole
    assert [each.text for each in pullbacks(graph.nodes[-1], labels(graph))] == ["∇ @ Xᵀᵀ", "xᵀ @ ∇"]


def test_at_ties_the_mirror_says_that_each_side_gets_half() -> None:
    a, b = tg.Tensor([1.0, 2.0, 3.0], name="a"), tg.Tensor([1.0, 3.0, 2.0], name="b")
    for call in (np.maximum, np.minimum):
        c = call(a, b)
        c.backward(np.ones(3))
        graph = tg.Graph.of(c)
        for pull in pullbacks(graph.outputs[0], labels(graph)):
            values = {"a": a.data, "b": b.data, "∇": np.ones(3)}
            found = read(pull.text, graph.outputs[0], pull.operand, values)
            np.testing.assert_array_equal(found, pull.operand.grad)
        a.grad = b.grad = None


@pytest.mark.parametrize(
    ("op", "wrong"),
    [("tanh", ("∇ × (1 + {z}²)",)), ("maximum", ("∇ where {x} < {y}", "∇ where {y} < {x}")), ("sqrt", ("∇ ÷ {z}",))],
)
def test_an_error_in_a_text_of_the_mirror_is_noticed(
    op: str, wrong: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(notes.FORMULAS, getattr(np, op), notes.Formula(pullbacks=wrong))
    with pytest.raises(AssertionError):
        for each in BACKWARD:
            if each[0] == op:
                check_texts_of_mirror(*each)


def test_what_has_no_text_is_not_given_a_wrong_one() -> None:
    z = tg.Tensor(np.array([1 + 2j, 3j]), name="z")
    w = tg.Tensor(np.ones((5, 3, 4)), name="w")
    for result in (z * z, np.exp(z), w @ np.ones((5, 4, 2)), np.sum(w, where=np.ones((3, 4), bool)), 2.0**w):
        graph = tg.Graph.of(result)
        told = pullbacks(graph.outputs[0], labels(graph))
        assert all(pull.text.startswith("∇ · ∂") for pull in told)


def test_a_function_of_the_users_does_not_get_the_text_of_a_namesake() -> None:
    @tg.primitive
    def tanh(x: Any) -> Any:
        return 3 * x

    tanh.derivative(lambda g, z, x: 3 * g)
    graph = tg.Graph.of(tanh(tg.Tensor(2.0, name="a")))
    node, names = graph.outputs[0], labels(graph)
    assert [pull.text for pull in pullbacks(node, names)] == ["∇ · ∂tanh"]
    assert slope(node, 0, 3.0, names) == "× 3"


# --- the chain rule ---------------------------------------------------------------------------------------------------

CHAIN: list[tuple[str, Call]] = [
    *[(f.__name__, f) for f in (np.add, np.subtract, np.multiply, np.divide)],
    *[(f.__name__, f) for f in (np.negative, np.square, np.sqrt, np.reciprocal, np.exp, np.log, np.sin, np.cos, np.tan,
                                np.sinh, np.cosh, np.tanh, np.arctan, np.absolute)],
    ("sigmoid", lambda a: tg.sigmoid(a)),
    *[("power", lambda a, e=e: a**e) for e in (2, 3, 1, 0, -1, -2, 0.5, -1.5)],
    ("power", lambda a: 2.5**a), ("power", lambda a, b: a**b),
    ("multiply", lambda a: a * -2.5), ("divide", lambda a: -2 / a), ("subtract", lambda a: 1 - a),
    ("absolute", lambda a: np.absolute(-1 * a)), ("square", lambda a, b: np.square(a + b)),
    ("exp", lambda a, b: np.exp(a - b)), ("multiply", lambda a, b: (a + b) * (a - b)),
    *[(f.__name__, lambda a, f=f, inner=inner: f(inner(a))) for inner in (np.square, np.sqrt, np.reciprocal)
      for f in (np.reciprocal, np.sqrt, np.square, np.tanh, np.arctan, np.sin)],
    *[("power", lambda a, e=e, inner=inner: inner(a) ** e) for inner in (np.square, np.sqrt) for e in (2, 3, -1, 0.5)],
    *[("power", lambda a, b, inner=inner: inner(a) ** inner(b)) for inner in (np.square, np.sqrt)],
    *[("divide", lambda a, b, inner=inner: inner(a) / inner(b)) for inner in (np.square, np.sqrt, np.reciprocal)],
]  # fmt: skip


def check_texts_of_chain(op: str, call: Call) -> None:
    """Compare what the chain rule says of the last call with what a backward pass through it does."""
    count = call.nin if isinstance(call, np.ufunc) else call.__code__.co_argcount - len(call.__defaults__ or ())
    tensors = [tg.Tensor(value, name=name) for name, value in zip("ab", (1.3, 0.7), strict=True)][:count]
    result = call(*tensors)
    result.name = "c"
    result.backward(retain_graph=True)
    graph = tg.Graph.of(result)
    node, names = graph.outputs[0], labels(graph)
    assert node.op == op
    values = {"a": 1.3, "b": 0.7, "c": float(node.value)}
    total = {operand.index: 0.0 for operand in node.operands}
    for position, operand in enumerate(node.operands):
        text = re.sub("^× (−[0-9]+)$", r"× (\1)", slope(node, position, None, names))
        assert text.startswith("× ")
        total[operand.index] += evaluated(f"2 {text}", values) / 2  # a sum without parentheses is no factor
    for operand in node.operands:
        assert total[operand.index] == pytest.approx(float(operand.grad), rel=1e-12)


@pytest.mark.parametrize(("op", "call"), CHAIN, ids=[f"{op}{n}" for n, (op, _) in enumerate(CHAIN)])
def test_the_chain_rule_says_what_the_table_does(op: str, call: Call) -> None:
    check_texts_of_chain(op, call)


def test_every_text_of_the_chain_rule_is_tried() -> None:
    assert told_by("slopes") | MADE == {op for op, _ in CHAIN}


@pytest.mark.parametrize(
    ("op", "wrong"),
    [("tanh", "1 + {z}²"), ("arctan", "1/(1 − {x}²)"), ("tan", "1/cos {x}")],
)
def test_an_error_in_a_text_of_the_chain_rule_is_noticed(op: str, wrong: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(notes.FORMULAS, getattr(np, op), notes.Formula(slopes=(wrong,)))
    with pytest.raises(AssertionError):
        check_texts_of_chain(op, getattr(np, op))


# --- the rows of the table --------------------------------------------------------------------------------------------

table.read_all()
ELEMENTWISE = sorted(
    (key for key in notes.FORMULAS if not isinstance(key, tuple) and dependence.is_elementwise(key)),
    key=table.function_name,
)


@pytest.mark.parametrize("function", ELEMENTWISE, ids=table.function_name)
@settings(deadline=None, max_examples=30)
@given(st.lists(st.floats(0.25, 2).map(lambda x: round(x, 1)), min_size=3, max_size=3))
def test_every_formula_is_its_rule(function: Call, numbers: list[float]) -> None:
    row, operation = notes.FORMULAS[function], table.operation_of(function)
    assert operation is not None
    count = len(operation.rules)
    assert {len(row.slopes), len(row.pullbacks)} <= {0, count}
    *inputs, g = (np.array([number]) for number in (*numbers[:count], numbers[2]))
    z = function(*inputs)
    values = {"x": inputs[0], "y": inputs[-1], "z": z, "∇": g}
    for kind, cotangent in ((row.slopes, np.ones(1)), (row.pullbacks, g)):
        for text, rule in zip(kind, operation.rules, strict=False):
            assert rule is not None
            found = read(text.format(x="x", y="y", z="z"), None, None, values)
            np.testing.assert_allclose(found, rule(cotangent, z, *inputs), rtol=1e-12)


def test_an_unknown_derivative_has_the_word_of_its_operation() -> None:
    loss = tg.cross_entropy(tg.Tensor(np.full((3, 2), 0.5)), np.array([0, 1, 0]))
    loss.backward()
    assert "∇ · ∂cross-entropy" in tg.draw(loss, view="mirror").source
