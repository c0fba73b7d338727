"""Programs that hypothesis makes up, of numbers, single elements, empty arrays and whole numbers too: their compiled
gradients of the first and second order are the eager ones, whatever rewrite is left out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import tinygraph as tg
from tests.compiler.programs import ALL, compiled_by, without
from tinygraph.compiler.pipeline import compile_program
from tinygraph.compiler.program.steps import operands_of
from tinygraph.compiler.rewrites import Rewrite
from tinygraph.graph import Graph


def of_rows(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function of arrays that have rows; a number, and an array without any, stays what it is."""
    return lambda x: function(x) if x.ndim and len(x) else x


def ends_apart(x: Any) -> Any:
    first, *rest = x
    return np.tanh(first) * x[-1] + sum(rest)


# Parts of arrays, each of which has a gradient of its own, are drawn as often as all else.
PARTS = ["apart", "put together", "row", "any element", "last element", "behind"]
OF_ONE: dict[str, Callable[..., Any]] = {
    "tanh": np.tanh, "sin": np.sin, "bell": lambda x: np.exp(-x * x), "root": lambda x: np.sqrt(x * x + 1),
    "cube": lambda x: np.tanh(x) ** 3, "three quarters": lambda x: x * 3 / 4, "one minus": lambda x: 1 - x,
    "itself twice": lambda x: x + x, "nothing": lambda x: x - x, "plus nothing": lambda x: x + 0,
    "half": lambda x: x * np.float32(0.5), "power of nothing": lambda x: x**0 + x, "rectified": lambda x: x * (x > 0),
    "whole numbers": lambda x: x + np.arange(x.shape[-1] if x.ndim else 1), "true": lambda x: x * np.array(True),
    "sum": np.sum, "total of rows": of_rows(lambda x: np.sum(x, axis=0)), "transpose": np.transpose, "flat": np.ravel,
    "row": of_rows(lambda x: x[0]), "last element": lambda x: x[..., -1] if x.ndim and x.shape[-1] else x,
    "any element": lambda x: np.ravel(x)[x.size // 2] if x.size else x, "one row": of_rows(lambda x: x[:1]),
    "no rows": of_rows(lambda x: x[:0]), "behind": of_rows(lambda x: x[1:]), "backward": of_rows(lambda x: x[::-1]),
    "every other": of_rows(lambda x: x[::2]), "apart": of_rows(ends_apart), "a box": lambda x: x[None],
    "put together": of_rows(lambda x: np.stack([np.sin(row) * k for k, row in enumerate(x)][::-1])),
    "a column": lambda x: np.reshape(x, (-1, 1)), "a matrix of one row": lambda x: np.reshape(x, (1, -1)),
    "halves": lambda x: np.reshape(x, (2, -1)) if x.size and x.size % 2 == 0 else x,
    "taken": of_rows(lambda x: np.take(x, [[0, -1]], axis=0)),
    "twice the first": of_rows(lambda x: x[np.array([0, 0])]),
    "cumulative sum": of_rows(lambda x: np.cumsum(x, axis=0)), "padded": of_rows(lambda x: np.pad(x, 1)),
    "cumulative product": of_rows(lambda x: np.cumprod(np.tanh(x), axis=0)), "joined": lambda x: np.stack([x, 2 * x]),
    "product": of_rows(lambda x: np.prod(np.tanh(x), axis=0)), "softmax": lambda x: tg.softmax(x) if x.size else x,
    "centred": lambda x: x - np.mean(x, axis=-1, keepdims=True) if x.ndim and x.size else x,
    "differences": of_rows(lambda x: np.diff(x, axis=0)), "places": lambda x: x * np.argmax(x) if x.size else x,
    "counted": lambda x: np.bincount(np.arange(x.size) % 2, np.ravel(x), minlength=3) if x.dtype == float else x,
    "determinant": lambda x: np.linalg.det(x[:1, :1]) if x.ndim == 2 and x.size and x.dtype == float else x,
}  # fmt: skip
OF_TWO: dict[str, Callable[..., Any]] = {
    "add": np.add, "subtract": np.subtract, "multiply": lambda x, y: np.tanh(x) * y, "greater": np.maximum,
    "divide": lambda x, y: x / (y * y + 1), "outer": lambda x, y: np.ravel(x)[:, None] * np.ravel(np.tanh(y)),
    "chosen": lambda x, y: np.where(x > y, x, y * 0.5),
    "beside": lambda x, y: np.concatenate([np.ravel(x), np.ravel(y)]),
    "matmul": lambda x, y: np.tanh(x) @ np.sin(y) if x.ndim and y.ndim and x.shape[-1] == len(y) and y.ndim < 3 else x,
}  # fmt: skip
SHAPES = [(), (1,), (1, 1), (3,), (4,), (2, 3), (3, 1), (1, 3), (0,), (0, 3), (2, 2, 2), (6, 2)]


@st.composite
def programs(draw: Any) -> tuple[Any, list[Any], Any]:
    """A function of arrays with a scalar result, that works with others from outside; its arguments; their dtype."""
    dtype = draw(st.sampled_from([np.float64, np.float64, np.float32, np.float16]))
    random = np.random.default_rng(draw(st.integers(0, 99)))
    arrays = [random.normal(size=draw(st.sampled_from(SHAPES))).astype(dtype) for _ in range(draw(st.integers(1, 3)))]
    outside = random.normal(size=draw(st.sampled_from(SHAPES))) * 2
    outside = outside.astype(draw(st.sampled_from([dtype, np.int32, np.int64, np.bool_])))
    place = st.integers(0, 9)
    recipe = draw(
        st.lists(
            st.tuples(st.sampled_from([*OF_ONE, *OF_TWO]) | st.sampled_from(PARTS), place, place),
            min_size=2,
            max_size=8,
        )
    )

    def function(*arguments: Any) -> Any:
        values = [*arguments, outside]
        for name, i, j in recipe:
            x, y = values[-1 if i > 5 else i % len(values)], values[j % len(values)]
            if "f" not in (x.dtype.kind, y.dtype.kind) or (name in OF_ONE and x.dtype.kind != "f"):
                continue  # differences of masks
            if name in OF_TWO and name not in ("outer", "beside", "matmul") and not _fit(x, y):
                continue
            value = OF_ONE[name](x) if name in OF_ONE else OF_TWO[name](x, y)
            if value.size <= 100 and value.ndim < 4:
                values.append(value)
        total = sum([np.sum(np.sin(value)) for value in values[-3:] if value.dtype.kind == "f"])
        return total + sum([np.sum(x) * 0.1 + np.sum(x * x) for x in arguments])

    return function, arrays, dtype


def _fit(x: Any, y: Any) -> bool:
    try:
        np.broadcast_shapes(x.shape, y.shape)
    except ValueError:
        return False
    return True


def in_order(rewrite: Rewrite) -> Rewrite:
    """A rewrite, and a look at what it made: every operand, and every result, is a step of the graph at its place."""

    def checked(graph: Graph) -> Graph:
        after = rewrite(graph)
        for place, step in enumerate(after.nodes):
            assert step.index == place
            for operand in operands_of(step):
                assert after.nodes[operand.index] is operand, (rewrite.__name__, step, operand)
        for output in after.outputs:
            assert after.nodes[output.index] is output, (rewrite.__name__, output)
        return after

    return checked


def second_order(function: Callable[..., Any], places: tuple[int, ...]) -> Callable[..., Any]:
    """The gradient of a function of the gradients."""
    slopes = tg.grad(function, places)

    def of_slopes(*arguments: Any) -> Any:
        return sum([np.sum(np.sin(slope) * np.cos(np.arange(slope.size)).reshape(slope.shape).astype(slope.dtype))
                    for slope in slopes(*arguments)])  # fmt: skip

    return tg.grad(of_slopes, places)


ACCURACY = {np.float64: 1e-8, np.float32: 3e-3, np.float16: 0.1}


@given(programs(), st.sampled_from([None, *ALL]), st.booleans(), st.sampled_from([1, 2]))
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_gradients_of_two_orders_are_the_eager_ones(case: Any, left_out: Any, blocks: bool, threads: int) -> None:
    function, arrays, dtype = case
    places = tuple(range(len(arrays)))
    phases = tuple(replace(phase, rewrites=tuple(map(in_order, phase.rewrites))) for phase in without(left_out))
    transforms = [tg.grad(function, places), second_order(function, places)]
    if 0 < arrays[0].size <= 4:
        transforms.append(lambda *arrays: [tg.hessian(function)(*arrays)])
    for transformed in transforms:
        expected = transformed(*arrays)
        compiled = compiled_by(
            lambda p, name: compile_program(p, phases=phases, blocks=blocks, threads=threads), transformed
        )
        for _ in range(2):  # the second time in memory that has been used
            found = compiled(*arrays)
        for one, other in zip(found, expected, strict=True):
            assert (one.shape, one.dtype) == (other.shape, other.dtype)
            if np.all(np.isfinite(other)):
                accuracy = ACCURACY[dtype] * (1 + float(np.max(np.abs(other), initial=0)))
                np.testing.assert_allclose(one, other, rtol=ACCURACY[dtype], atol=accuracy, err_msg=compiled.source)
