"""An expression is computed as Python and NumPy would, and can do nothing else."""

from __future__ import annotations

import contextlib
import time

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, reject, settings

import tinygraph as tg
from tinygraph.expression import Expression, ExpressionError
from tinygraph.expression.vocabulary import CONSTANTS, MOST_ELEMENTS, functions

VALUES = {
    "a": 1.5,
    "b": -0.75,
    "x": np.array([0.5, -1.0, 2.0]),
    "y": np.array([1.0, 3.0, -0.25]),
    "W": np.array([[1.0, 2.0, 3.0], [0.5, -0.5, 1.5], [0.0, 1.0, -1.0]]),
}
NAMESPACE = {name: getattr(np, name) for name in dir(np)} | CONSTANTS | {"np": np, "numpy": np, "linalg": np.linalg}


def by_python(text: str) -> object:
    with np.errstate(all="ignore"):
        try:
            return eval(text, {}, NAMESPACE | VALUES)
        except (ZeroDivisionError, OverflowError):  # Python's own numbers refuse where NumPy's are infinite
            reject()


# --- it computes what Python computes ---------------------------------------------------------------------------------

scalars = st.sampled_from(["a", "b", "2", "0.5", "3.0", "pi", "np.e", "sum(x)", "W[1, 2]", "x[-1]", "linalg.norm(y)"])
vectors = st.sampled_from(
    ["x", "y", "W[0]", "W.T[1]", "x[::-1]", "array([1, 2, 3])", "W[:, 0]", "y[[2, 0, 1]]", "ones(3)"]
)
smooth = st.sampled_from(["+", "-", "*", "/"])
elementwise = st.sampled_from(["sin", "np.cos", "tanh", "numpy.exp2", "arctan", "abs", "square", "negative"])


def continuous(inside: st.SearchStrategy[str], binary: st.SearchStrategy[str] = smooth) -> st.SearchStrategy[str]:
    return st.one_of(
        st.tuples(inside, binary, inside).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
        st.tuples(elementwise, inside).map(lambda t: f"{t[0]}({t[1]})"),
        st.tuples(inside, st.sampled_from(["2", "3"])).map(lambda t: f"({t[0]})**{t[1]}"),
        inside.map(lambda t: f"-({t})"),
        st.tuples(inside, inside).map(lambda t: f"maximum({t[0]}, {t[1]})"),
        inside.map(lambda t: f"mean({t}, axis=None)"),
        inside.map(lambda t: f"clip({t}, -1, 1)"),
    )


def any_of(inside: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """With jumps, on which the last digit of a number decides: exact arithmetic only may be compared there."""
    return continuous(inside, smooth | st.sampled_from(["%", "//", "<", ">="]))


@given(st.recursive(scalars | vectors, any_of, max_leaves=8))
def test_it_is_what_python_computes_of_arrays(text):
    np.testing.assert_allclose(Expression(text).evaluate(VALUES), by_python(text), rtol=1e-9, atol=1e-12)


@given(st.recursive(scalars | vectors, continuous, max_leaves=8))
def test_tensors_have_the_same_values(text):
    tensors = {name: tg.Tensor(value) for name, value in VALUES.items()}
    result = Expression(text).evaluate(tensors)
    value = result.data if isinstance(result, tg.Tensor) else result
    np.testing.assert_allclose(value, by_python(text), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    "text",
    [
        "x @ W @ y", "W.sum(axis=0)", "W.reshape(9)[4]", "W.reshape(1, 9).shape", "reshape(W, (1, 9)).ndim",
        "W.mT[0]", "np.linalg.norm(x)", "linalg.inv(W)", "einsum('ij,j->i', W, x)", "stack([x, y])",
        "concatenate((x, y))", "[x, y][1]", "(a, b)", "[[1, 2], [3, 4]] @ array([1, 2])", "sum([a, b, 2])",
        "x[x > 0]", "1 < 2 < 3", "3 < 2 < 1", "(x > 0) & (x < 1)", "~(x > 0)", "x[None, :] + y[:, None]", "W[..., 0]",
        "7 // 2", "7 % 3", "2**10", "-7 // 2", "1e3", "inf", "-inf", "x.T.flatten()", "W.transpose(1, 0)",
        "sum(W, axis=(0, 1), keepdims=True)", "x[1 + 1]", "arange(3)", "linspace(0, 1, num=5)", "eye(3) @ x",
        "pad(x, 1, mode='edge')", "2 * +3", "x[argsort(x)]", "tensordot(W, W, axes=1)", "tensordot(W, W)",
        "tensordot(W, x, axes=([1], [0]))", "W[[0, 2], [1, 1]]",
    ],
)  # fmt: skip
def test_the_syntax_that_numpy_users_know(text):
    expected = by_python(text.replace("[[1, 2], [3, 4]] @", "array([[1, 2], [3, 4]]) @"))
    found = Expression(text).evaluate(VALUES)
    for ours, theirs in zip(found, expected, strict=True) if isinstance(expected, tuple) else [(found, expected)]:
        np.testing.assert_array_equal(ours, theirs)


def test_a_value_takes_the_place_of_a_constant():
    assert Expression("e + pi").evaluate({"e": 1.0}) == 1.0 + np.pi


def test_names_are_the_variables_in_order():
    assert Expression("sum(b * np.pi) + a.mean() + linalg.norm(x)").names == ("b", "a", "x")


def test_division_by_zero_is_infinite():
    assert Expression("1 / 0").evaluate({}) == np.inf
    assert np.isnan(Expression("0 % 0").evaluate({}))


def test_gradients_pass_through_lists_of_variables():
    a, b = tg.Tensor(3.0), tg.Tensor(4.0)
    Expression("linalg.norm([a, b])").evaluate({"a": a, "b": b}).backward()
    assert a.grad == pytest.approx(0.6) and b.grad == pytest.approx(0.8)


def test_nodes_have_no_source_line_and_no_invented_name():
    result = Expression("tanh(a * 2) + std(x)").evaluate({"a": tg.Tensor(1.0), "x": tg.Tensor(VALUES["x"])})
    nodes = [node for node in tg.Graph.of(result).nodes if not node.is_input]
    assert all(node.source is None for node in nodes)
    assert {node.name for node in nodes} <= {None, "result"}  # `result` is this test's own variable


# --- it does nothing else ---------------------------------------------------------------------------------------------

ATTACKS = [
    "().__class__.__bases__", "__import__('os')", "__import__('os').system('touch f')", "open('f', 'w')", "eval('1')",
    "exec('1')", "compile('1', '', 'eval')", "globals()", "getattr(a, 'dump')", "a.__array_interface__",
    "a.__class__", "a._link", "a._value", "a.data", "a.grad", "np.load('f')", "np.save('f', x)", "np.savetxt('f', x)",
    "np.fromfile('f')", "np.memmap('f')", "np.genfromtxt('f')", "np.loadtxt('f')", "np.DataSource('f')",
    "np.ctypeslib", "np.ctypeslib.load_library('c', '/')", "np.vectorize(abs)", "np.apply_along_axis(abs, 0, x)",
    "np.frompyfunc(abs, 1, 1)", "np.fromfunction(abs, (2,))", "np.lib", "np.core", "np.testing", "np.os", "np.sys",
    "np.f2py", "np.__builtins__", "np.linalg.linalg", "np.linalg.__dict__", "linalg.__loader__", "x.tofile('f')",
    "x.dump('f')", "x.dumps()", "a.dump", "x.view()", "x.astype('O')", "x.ctypes", "x.base", "x.setflags(write=1)",
    "x.resize(9)", "x.backward()", "x.assign(1)", "''.join(['a'])", "'{0.__class__}'.format(a)", "'%s' % a",
    "'a' * 1000000000", "b'a'", "f'{a}'", "'a' 'b'", "[i for i in x]", "(i for i in x)", "{i for i in x}", "{1: 2}",
    "{1}", "lambda: 1", "(lambda: 1)()", "(a := 1)", "await a", "yield a", "*a", "sum(*x)", "sum(**x)",
    "a if a else b", "a and b", "not a", "a in x", "a is b", "a << 9", "a >> 1", "1j", "sqrt(-1 + 0j)", "None", "...",
    "'text'", "sum(x, out=x)", "add(1, 2, x)", "sin(x, x)", "sin(x, dtype='O')", "array([1], dtype='O')",
    "array(['a'])", "array([None])", "where(x > 0, None, 9)", "sum", "np", "linalg", "x.sum", "a()", "x[0]()",
    "a.b.c()", "x['f']", "x[('f',)]", "print(a)", "input()", "breakpoint()", "exit()", "help()", "import os", "a = 1",
    "a; b", "def f(): pass", "a\x00b", "einsum(x, [0], x, [0])", "max('a', 'b')", "add('a', 'b')", "np.add.reduce(x)",
    "add.at(x, 0, 1)", "np.random.rand()", "np.nditer(x)", "np.info(x)", "np.source(x)", "tg.no_grad()", "tg.draw(a)",
    "tg.Tensor(1)", "tinygraph.primitive(a)", "tg.testing", "x.T.tofile('f')", "(a + b).dump('f')",
]  # fmt: skip


@pytest.mark.parametrize("text", ATTACKS)
def test_an_attack_is_refused(text, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ExpressionError):
        Expression(text).evaluate({name: tg.Tensor(value) for name, value in VALUES.items()})
    assert list(tmp_path.iterdir()) == []


TOO_LARGE = [
    "ones(1000000000)", "ones((100000, 100000))", "zeros([9999999, 9])", "full(10**9, 1)", "full(1000000000, 1)",
    "eye(100000)", "identity(99999)", "arange(1000000000)", "arange(0, 1, 1e-12)", "linspace(0, 1, 1000000000)",
    "linspace(0, 1, num=1000000000)", "tile(x, 1000000000)", "repeat(x, 1000000000)", "x.repeat(1000000000)",
    "broadcast_to(x, (1000000000, 3))", "pad(x, 1000000000)", "pad(x, pad_width=1000000000)", "diag(x, 1000000000)",
    "outer(big, big)", "kron(big, big)", "einsum('i,j->ij', big, big)", "einsum('...i,...j->...ij', big, big)",
    "big[:, None] + big", "big[:, None] < big", "tensordot(big, big, axes=0)", "maximum(big[:, None], big)",
    "where(big[:, None] > 0, big, 1)", "big[:, None] @ big[None, :]", "W[argsort(big)]",
    "one_hot([0, 1], 1000000000)", "one_hot([0, 1000000000])", "array_split(x, 1000000000)",
    "split(ones(0), 1000000000)", "[big, big, big, big, big, big, big, big, big, big, big, big] + 1", "cumprod(big)",
    "take(W, argsort(big), 0)", "clip(big, big[:, None], 1)",
]  # fmt: skip


@pytest.mark.parametrize("text", TOO_LARGE)
def test_an_array_that_would_be_large_is_refused_and_not_tried(text):
    big = np.ones(10_000)
    began = time.perf_counter()
    with pytest.raises(ExpressionError):
        Expression(text).evaluate(VALUES | {"big": big, "W": np.ones((2, 40_000))})
    assert time.perf_counter() - began < 20


@pytest.mark.parametrize(
    "text", ["9**9**9", "9**9**9**9", "-9**9**9", "9.0**9**9", "(9**9)**(9**9)", "2**63 * 2**63 * 4**600"]
)
def test_powers_of_numbers_end_at_once(text):
    began = time.perf_counter()
    assert np.isinf(Expression(text).evaluate({})) or abs(Expression(text).evaluate({})) > 1e300
    assert time.perf_counter() - began < 20


@pytest.mark.parametrize("exponent", [60, 400, 5000])
def test_long_integers_are_floats_or_refused(exponent):
    text = "1" + "0" * exponent
    if exponent < 309:
        assert Expression(text).evaluate({}) == 10.0**exponent
    else:
        with pytest.raises(ExpressionError):
            Expression(text, longest=10_000)


@pytest.mark.parametrize(
    "text",
    [
        "(" * 10_000 + "a" + ")" * 10_000, "(" * 900 + "a" + ")" * 900, "-" * 1_900 + "a", "a" + "+a" * 900,
        "[" * 900, "a" * 10**6, "a" + "[0]" * 600, "sin(" * 400 + "a" + ")" * 400, "~" * 1_900 + "a",
        "a" + "**a" * 600, "a" + "<a" * 1000 * 2, "", "   ", "\ud800", "a" + ".T" * 900, "f(" * 100, "a,", "a, ",
    ],
)  # fmt: skip
def test_what_is_long_or_deep_is_refused_or_computed_at_once(text):
    began = time.perf_counter()
    with contextlib.suppress(ExpressionError):
        Expression(text).evaluate({"a": np.float64(1.0)})
    assert time.perf_counter() - began < 20


@settings(max_examples=300)
@given(st.text(alphabet="abxWnp.()[]{}*+-/%@<>=!,:'\"0123456789 elambdsuT_", max_size=40) | st.text(max_size=20))
def test_any_text_gives_a_value_or_an_expression_error(text):
    try:
        Expression(text).evaluate(VALUES)
    except ExpressionError as error:
        assert str(error)


def test_every_function_computes_only():
    forbidden = (
        "load",
        "save",
        "file",
        "memmap",
        "vectorize",
        "apply",
        "pyfunc",
        "eval",
        "exec",
        "open",
        "random",
        "set",
    )
    for name in functions():
        assert not any(word in name for word in forbidden), name
        assert "_" not in (name[0], name[-1])
    assert {"sqrt", "sum", "linalg.norm", "sigmoid", "softmax", "array", "max"} <= set(functions())


# --- it says what is wrong --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "reason", "under"),
    [
        ("1 + sqr(a)", "did you mean 'sqrt'?", "sqr"),
        ("a + x.summ()", "did you mean 'sum'?", "x.summ"),
        ("sum(x, axes=0, kepdims=True)", "did you mean 'keepdims'?", "kepdims=True"),
        ("x[7] + 1", "out of bounds", "x[7]"),
        ("1 + (W @ ones(2))", "matmul", "W @ ones(2)"),
        ("a + é.b", ".b", "é.b"),
        ("ones(1000000)", f"{MOST_ELEMENTS:,} is the most", "ones(1000000)"),
        ("a and b", "use & and |", "a and b"),
        ("a + nosuch * 2", "1 variable has no value: nosuch", "nosuch"),
        ("bb * 2", "did you mean 'b'?", "bb"),
        ("sin + 1", "sin is a function", "sin"),
        ("x.sum + 1", "call it: .sum()", "x.sum"),
    ],
)
def test_a_message_shows_the_place(text, reason, under):
    with pytest.raises(ExpressionError) as caught:
        Expression(text).evaluate(VALUES)
    first, shown, carets = str(caught.value).split("\n")
    assert reason in first
    assert shown.strip() == text
    assert shown[carets.index("^") : carets.rindex("^") + 1] == under


def test_every_missing_variable_is_listed():
    with pytest.raises(ExpressionError, match=r"2 variables have no value: p, q\. Give one as in: p=1 q=1"):
        Expression("p * a + q * p").evaluate({"a": 1})


def test_a_long_expression_is_cut_around_the_place():
    text = "a + " * 200 + "nosuch(a)" + " + a" * 200
    with pytest.raises(ExpressionError) as caught:
        Expression(text, longest=5_000)
    text = "a + " * 60 + "nosuch(a)" + " + a" * 60
    with pytest.raises(ExpressionError) as caught:
        Expression(text)
    _, shown, carets = str(caught.value).split("\n")
    assert len(shown) < 140
    assert shown[carets.index("^") : carets.rindex("^") + 1] == "nosuch"


def test_what_is_not_printable_is_not_printed():
    with pytest.raises(ExpressionError) as caught:
        Expression("'\x1b[31m' + nosuch()")
    assert "\x1b" not in str(caught.value)
