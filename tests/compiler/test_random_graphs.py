"""Compiled programs compute what eager code computes, for graphs that hypothesis makes up."""

from __future__ import annotations

import enum
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import tinygraph as tg
from tests.compiler.programs import ALL, compiled_by, program_of, that_change, without
from tinygraph.compiler.phases import PHASES
from tinygraph.compiler.pipeline import compile_program

UNARY = {
    "sin": np.sin, "tanh": np.tanh, "exp of tanh": lambda x: np.exp(np.tanh(x)), "square": np.square,
    "sigmoid": tg.sigmoid, "softplus": tg.softplus, "negative": lambda x: -x, "twice": lambda x: 2 * x,
    "root": lambda x: np.sqrt(x * x + 1), "cube": lambda x: x**3, "transpose": lambda x: x.T, "flat": np.ravel,
    "half": lambda x: x / 2, "plus nothing": lambda x: x + 0, "itself": lambda x: x * 1, "mean": np.mean,
    "sum": lambda x: np.sum(x, axis=0) if x.ndim else x, "squeezed": np.squeeze, "newaxis": lambda x: x[None],
    "last": lambda x: np.sum(x, -1, keepdims=True) if x.ndim else x, "first": lambda x: x[:1] if x.ndim else x,
    "inverse": lambda x: 1 / (x * x + 2), "softmax": lambda x: tg.softmax(x) if x.ndim else x,
    "backwards": lambda x: x[::-1] if x.ndim else x, "swap": lambda x: np.swapaxes(x, 0, -1) if x.ndim else x,
    "cumulative": lambda x: np.cumsum(x, axis=0) if x.ndim else x, "standard": lambda x: x - np.mean(x),
    "chosen": lambda x: x[np.array([0, 0])] if x.ndim else x, "last of all": lambda x: x[..., -1] if x.ndim else x,
    "part of exp": lambda x: np.exp(np.tanh(x))[..., :1] if x.ndim else x, "positive": lambda x: x * (x > 0),
    "minus a mask": lambda x: x + -1.0 * (x > 0), "one at a place": lambda x: x.reshape(-1)[np.array([-1])],
}  # fmt: skip


def _matmul(x: Any, y: Any) -> Any:
    fits = x.ndim and y.ndim and x.shape[-1] == y.shape[max(y.ndim - 2, 0)] and x.ndim <= 2 and y.ndim <= 2
    return x @ y if fits else np.tanh(x) - y


BINARY = {
    "add": lambda x, y: x + y, "subtract": lambda x, y: x - y, "multiply": lambda x, y: x * y,
    "divide": lambda x, y: x / (y * y + 1), "matmul": _matmul, "outer": lambda x, y: np.ravel(x)[:, None] * np.ravel(y),
    "hypot": lambda x, y: np.hypot(x, y + 3),
}  # fmt: skip

SHAPES = [(), (1,), (3,), (2, 3), (3, 3), (3, 1), (1, 3), (2, 1, 3)]


@st.composite
def functions(draw: Any) -> tuple[Any, list[Any]]:
    """A function of one to three arrays that applies up to nine operations to what it has, and the arrays."""
    inputs = [
        np.random.default_rng(draw(st.integers(0, 9))).normal(size=draw(st.sampled_from(SHAPES)))
        for _ in range(draw(st.integers(1, 3)))
    ]
    recipe = draw(
        st.lists(
            st.tuples(st.sampled_from([*UNARY, *BINARY]), st.integers(0, 20), st.integers(0, 20)),
            min_size=1,
            max_size=9,
        )
    )

    def result_of(name: str, x: Any, y: Any) -> Any:
        return UNARY[name](x) if name in UNARY else BINARY[name](x, y)

    fitting: list[tuple[str, int, int]] = []  # a program that is recorded may have no call that fails
    known = list(inputs)
    for name, i, j in recipe:
        places = i % len(known), j % len(known)
        try:
            result = result_of(name, *[known[place] for place in places])
        except ValueError:  # the shapes do not fit
            continue
        if result.size <= 300:
            known.append(result)
            fitting.append((name, *places))

    def function(*arrays: Any) -> Any:
        values = list(arrays)
        for name, i, j in fitting:
            values.append(result_of(name, values[i], values[j]))
        total = sum(np.sum(value) for value in values[-2:])
        return total, values[-1], values[len(values) // 2]

    return function, inputs


@given(functions())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_compiled_programs_agree_with_eager_code_and_do_without_any_rewrite(case: Any) -> None:
    function, inputs = case
    program = program_of(function, inputs, backward=True)
    expected = [np.array(output.value) for output in program.graph.outputs]
    changing = that_change(program)
    for phases in (PHASES, *[without(left_out) for left_out in ALL if left_out in changing], ()):
        runner = compile_program(program, phases=phases)
        for _ in range(2):  # the second time in memory that has been used
            given_inputs = [array.copy() for array in inputs]
            results = runner.run(given_inputs)
            for got, wanted in zip(results, expected, strict=True):
                assert np.shape(got) == wanted.shape, runner.source
                np.testing.assert_allclose(got, wanted, rtol=1e-9, atol=1e-9, err_msg=runner.source)
            for array, before in zip(given_inputs, inputs, strict=True):
                assert np.array_equal(array, before)
        kept = [np.array(result) for result in results]
        runner.run([array + 1 for array in inputs])
        for result, before in zip(results, kept, strict=True):
            assert np.array_equal(result, before, equal_nan=True), "a later call wrote into an earlier result"


def test_a_condition_may_be_a_number() -> None:
    x = np.array([0.0, 2.0, -1.0])
    runner = compile_program(program_of(lambda x: np.where(x, x + 1, 5.0) + np.where(x > 0, x, 0), [x]))
    np.testing.assert_array_equal(runner.run([x])[0], [5.0, 5.0, 0.0])


def test_a_result_may_be_a_constant() -> None:
    weights = np.arange(6.0).reshape(2, 3)
    gradient = tg.compile(tg.grad(lambda x: np.sum(np.real(x) * np.cos(weights))))
    first = gradient(weights)
    np.testing.assert_allclose(first, np.cos(weights))
    first += 1  # the caller's own
    np.testing.assert_allclose(gradient(weights), np.cos(weights))


@pytest.mark.parametrize("k", [0, 0.0, -0.0, 1.0])
def test_zero_keeps_its_sign(k: float) -> None:
    x = np.array([0.0, -0.0, 1.0, -1.0])
    for function in (
        lambda x: x + k, lambda x: k + x, lambda x: x - k, lambda x: k - x, lambda x: -x + k, lambda x: np.exp(x) - k,
        lambda x: (x + k) * k, lambda x: np.sum(x[:2]) + k, lambda x: x * x + k, lambda x: (x - x) + k,
        lambda x: np.abs(x) * -1 + k, lambda x: np.sqrt(np.abs(x) * -0.0) + k,
    ):  # fmt: skip
        expected = np.asarray(function(x))
        result = tg.compile(function)(x)
        np.testing.assert_array_equal(result, expected)
        np.testing.assert_array_equal(np.signbit(result), np.signbit(expected))


@pytest.mark.parametrize(
    "one",
    [
        np.squeeze, lambda x: x[..., -1], lambda x: np.broadcast_to(x[..., 0], ()), lambda x: np.transpose(x[..., -1]),
        lambda x: np.einsum("i->", x), lambda x: np.real(x[..., 0]), lambda x: x.reshape(()), lambda x: x[0, ...],
    ],
)  # fmt: skip
def test_a_view_of_one_element_is_a_number_of_its_own(one: Any) -> None:
    def function(x: Any) -> Any:
        y = np.tanh(x)
        first = one(y)
        y = np.exp(y) * 3  # in the memory of y
        return np.sum(y) + first, y, first

    for phases in (PHASES, ()):
        x = np.array([0.7])
        compiled = compiled_by(lambda program, name, chosen=phases: compile_program(program, phases=chosen), function)
        for got, wanted in zip(compiled(x), function(x), strict=True):
            np.testing.assert_allclose(got, wanted, rtol=1e-14)


@pytest.mark.parametrize("dtype", [np.bool_, np.int8, np.uint8, np.int64, np.float32, np.float64])
def test_signs_of_other_dtypes(dtype: Any) -> None:
    x = np.array([0, 1, 2, 127, -128 if np.dtype(dtype).kind != "u" else 255]).astype(dtype)
    functions = [
        lambda x: x * -1.0, lambda x: -1.0 * x, lambda x: (x > 1) * -1, lambda x: x - (x > 1) * -1.0, lambda x: x / -8,
        lambda x: (x != 0) * np.float32(-1), lambda x: np.abs(x * -1.0) + 0,
    ]  # fmt: skip
    if dtype is not np.bool_:
        functions += [
            lambda x: -x * 2.0, lambda x: -x + 0.5, lambda x: 0.5 - (-x), lambda x: np.negative(-x),
            lambda x: -x * -x.astype(float), lambda x: x.astype(float) + (-x),
        ]  # fmt: skip
    for function in functions:
        expected = function(x)
        result = tg.compile(function)(x)
        assert result.dtype == expected.dtype
        np.testing.assert_array_equal(result, expected)


def test_a_mask_squared_and_a_number_summed_along_an_axis() -> None:
    mask = np.array([True, False])
    for power in (2, 3):
        result = tg.compile(lambda x, power=power: x**power)(mask)
        assert result.dtype == (mask**power).dtype
        np.testing.assert_array_equal(result, mask**power)
    for function in (np.sum, np.max, np.prod):
        for axis in (0, -1):
            compiled = tg.compile(lambda x, function=function, axis=axis: function(x * 2, axis=axis))
            assert compiled(np.array(1.5)) == function(3.0, axis=axis)


class _Count(enum.IntEnum):
    ONE = 1
    TWO = 2


class _Rate(float, enum.Enum):
    HALF = 0.5
    QUARTER = 0.25


class _Whole(int):
    def __repr__(self) -> str:
        return "no number"


class _Text(str):
    def __repr__(self) -> str:
        return "no text"


@pytest.mark.parametrize(
    "f",
    [
        lambda x: x * _Count.TWO + x**_Count.TWO,
        lambda x: x[_Count.ONE] + x[: _Count.TWO],
        lambda x: np.sum(x, axis=_Count.ONE) - x.reshape(_Count.TWO, -1)[_Count.ONE, _Count.TWO],
        lambda x: np.maximum(x, _Rate.QUARTER) * _Rate.HALF,
        lambda x: np.clip(x, _Rate.QUARTER, _Rate.HALF),
        lambda x: np.where(x > _Whole(0), x, _Whole(3)) + np.full(3, _Rate.HALF),
        lambda x: np.pad(x, _Whole(1), mode=_Text("edge")),
        lambda x: np.einsum(_Text("ij->i"), x),
    ],
)
def test_numbers_and_texts_of_classes_of_their_own(f: Any) -> None:
    x = np.arange(6.0).reshape(2, 3)
    np.testing.assert_array_equal(tg.compile(f)(x), f(x))


@pytest.mark.parametrize("dtype", [">f8", ">f4", ">i4", ">c16"])
def test_the_order_of_bytes_is_numpys(dtype: str) -> None:
    def f(x: Any) -> Any:
        return x.copy(), x[[1, 0]], np.stack([x, x]), x.reshape(-1), x.T, x + x, x.astype(native).astype(dtype), x * 2

    native = np.dtype(dtype).newbyteorder("=")
    x = np.arange(6).reshape(2, 3).astype(dtype)
    for got, wanted in zip(tg.compile(f)(x), f(x), strict=True):
        assert got.dtype == wanted.dtype
        np.testing.assert_array_equal(got, wanted)


@pytest.mark.parametrize("dtype", ["f8", "f4", "?", "i2", ">f8", "c8"])
def test_a_dtype_among_the_results_is_one(dtype: str) -> None:
    x = np.ones(2, dtype)
    found, kinds = tg.compile(lambda x: ({"dtype": x.dtype, "x": x}, [x.dtype.type, np.dtype("f4")]))(x)
    assert type(found["dtype"]) is type(x.dtype) and found["dtype"] == x.dtype
    assert kinds[0] is x.dtype.type and type(kinds[1]) is type(np.dtype("f4"))
