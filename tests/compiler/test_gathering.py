"""Gathering: what is done for each step of a sequence is done once for all, and means the same."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygraph as tg
import tinygraph.numpy as tnp
from tests.compiler.programs import one_phase, program_of, recurrent, without
from tinygraph.compiler.kernels.assembly import assembled
from tinygraph.compiler.phases import PHASES
from tinygraph.compiler.pipeline import compile_program
from tinygraph.compiler.program.builder import steps_of
from tinygraph.compiler.program.steps import Step
from tinygraph.compiler.rewrites import Rewrite
from tinygraph.compiler.rewrites.blas_forms import copy_transposes, copy_transposes_for_loops
from tinygraph.compiler.rewrites.dropping_axes import drop_kept_axes
from tinygraph.compiler.rewrites.gathering import (
    assemble_gradients,
    gather_products,
    sum_outer_products,
    sum_products,
)
from tinygraph.compiler.rewrites.partitions import cover_once
from tinygraph.compiler.rewrites.sharing import drop_dead
from tinygraph.graph import Graph

rng = np.random.default_rng(0)
SEQUENCE = rng.normal(size=(4, 3, 2))
MATRIX = rng.normal(size=(2, 5))


def count(graph: Graph, operation: str) -> int:
    """Return the number of calls of a function."""
    return sum(node.op == operation for node in graph.nodes)


def after(rewrite: Rewrite, function: Callable[..., Any], arrays: list[Any], backward: bool = False) -> Graph:
    """The graph of a function after a rewrite that must keep its results, alone and among the others."""
    program = program_of(function, arrays, backward=backward)
    for phases in (one_phase(rewrite), PHASES):
        for blocks in (False, True):
            runner = compile_program(program, phases=phases, blocks=blocks)
            for _ in range(2):
                for result, output in zip(runner.run(arrays), program.graph.outputs, strict=True):
                    np.testing.assert_allclose(result, output.value, rtol=1e-9, atol=1e-12, err_msg=runner.source)
    return drop_dead(rewrite(drop_kept_axes(steps_of(program))))


def gated(x: Any, w: Any, u: Any, b: Any) -> Any:
    """A recurrent network with two gates, which lie beside each other."""
    size = u.shape[0]
    h = np.zeros((x.shape[1], size))
    for t in range(x.shape[0]):
        z = x[t] @ w + h @ u + b
        forget = tg.sigmoid(z[:, :size])
        h = forget * h + (1 - forget) * np.tanh(z[:, size:])
    return np.sum(h * h)


ARRAYS = [SEQUENCE, rng.normal(size=(2, 6)), rng.normal(size=(3, 6)), rng.normal(size=6)]


def test_products_of_slices_are_one_product() -> None:
    graph = after(gather_products, lambda x, w: sum(np.tanh(x[t] @ w) for t in range(4)), [SEQUENCE, MATRIX])
    assert count(graph, "matmul") == 1
    turned = SEQUENCE.transpose(1, 0, 2).copy()
    graph = after(gather_products, lambda x, w: sum(np.tanh(x[:, t] @ w) for t in range(4)), [turned, MATRIX])
    assert count(graph, "matmul") == 1


@pytest.mark.parametrize(
    "function",
    [
        lambda x, w: np.tanh(x[0] @ w) + np.tanh(x[1] @ w) + np.tanh(x[3] @ w),  # it would do what nobody asked for
        lambda x, w: sum(np.tanh(x[t] @ (w * (t + 1.0))) for t in range(4)),  # other matrices
        lambda x, w: np.tanh(x[0, 1:] @ w) + np.tanh(x[0, :2] @ w) + np.tanh(x[1, 1:] @ w),
        lambda x, w: np.tanh(x[np.array([1, 0]), np.array([0, 1])] @ w) + np.tanh(x[0, :2] @ w),  # of any places
    ],
)
def test_other_products_are_left_alone(function: Callable[..., Any]) -> None:
    before = count(program_of(function, [SEQUENCE, MATRIX]).graph, "matmul")
    assert count(after(gather_products, function, [SEQUENCE, MATRIX]), "matmul") == before


def test_gradients_of_all_steps_are_one_product_and_one_sum() -> None:
    graph = after(sum_products, recurrent, [SEQUENCE, *[array[..., :3] for array in ARRAYS[1:]]], backward=True)
    # Forward 8 and, of the states, 3 or 4; the gradients of w and u; those of the four slices of x.
    assert count(graph, "matmul") <= 8 + 4 + 2 + 4
    assert count(graph, "assembled") >= 2
    sums = [node for node in graph.nodes if node.op == "sum" and node.kwargs.get("axis") in (0, (0,))]
    assert len(sums) <= 1


def test_sequences_along_the_second_axis_are_gathered_too() -> None:
    def function(x: Any, w: Any, u: Any) -> Any:
        h = np.zeros((x.shape[0], u.shape[0]))
        for t in range(x.shape[1]):
            h = np.tanh(x[:, t] @ w + h @ u)
        return np.sum(h * h)

    arrays = [rng.normal(size=(3, 5, 2)), rng.normal(size=(2, 4)), rng.normal(size=(4, 4))]
    for rewrite in (gather_products, sum_products):
        after(rewrite, function, arrays, backward=True)
    runner = compile_program(program_of(function, arrays, backward=True))
    # x @ w; h @ u, of zeros too; the gradients of h; those of w and u, one of zeros; those of the five slices of x.
    assert count(runner.graph, "matmul") <= 1 + 5 + 4 + 3 + 5


def test_sums_that_are_used_on_their_way_are_left_alone() -> None:
    def function(x: Any, y: Any) -> Any:
        one = x[0].T @ y[0] + x[1].T @ y[1]
        two = one + x[2].T @ y[2]
        return two + x[3].T @ y[3], one

    graph = after(sum_products, function, [SEQUENCE, SEQUENCE + 1])
    assert count(graph, "matmul") == 4


def vectors(rows: int = 90, columns: int = 100) -> list[Any]:
    return [rng.normal(size=size) for size in (rows, columns, rows, columns)] + [rng.normal(size=(rows, columns))]


@pytest.mark.parametrize(
    "function",
    [
        lambda a, b, c, d, x: x + np.outer(a, b) + np.outer(c, d),
        lambda a, b, c, d, x: a[:, None] * b + np.sum(a) * (d * c[:, None]) + x,
        lambda a, b, c, d, x: 1.5 * np.outer(a, b) + (d[None] * c[:, None]) * 0.5 * np.sum(b),
        lambda a, b, c, d, x: np.sum((x + np.outer(a, b) + np.outer(c, d)) @ b),
    ],
)
def test_sums_of_outer_products_are_one_product(function: Callable[..., Any]) -> None:
    graph = after(sum_outer_products, function, vectors())
    assert count(graph, "matmul") - count(program_of(function, vectors()).graph, "matmul") == 1
    assert count(graph, "outer") == 0


@pytest.mark.parametrize("size", [(90, 100), (100, 90), (95, 95)])
@pytest.mark.parametrize("first", [np.outer, lambda a, b: a[:, None] * b, lambda a, b: b * a[:, None]])
@pytest.mark.parametrize("second", [np.outer, lambda a, b: b[None] * a[:, None], lambda a, b: 2.0 * np.outer(a, b)])
def test_columns_stay_columns_in_square_matrices_too(size: tuple[int, int], first: Any, second: Any) -> None:
    arrays = [rng.normal(size=count) for count in (*size, *size)]
    after(sum_outer_products, lambda a, b, c, d: first(a, b) + second(c, d), arrays)


@pytest.mark.parametrize(
    "function",
    [
        lambda a, b, c, d, x: np.outer(a, b) + x,  # one alone
        lambda a, b, c, d, x: np.outer(a, b[:90]) + np.outer(c, a) * x[:, :90],  # not a number times
        lambda a, b, c, d, x: (lambda p, q: (p + q, p, q))(np.outer(a, b), np.outer(c, d)),  # needed by themselves
        lambda a, b, c, d, x: np.outer(a[:9], b) + np.outer(c[:9], d),  # a product is no faster
        lambda a, b, c, d, x: np.outer(b, b) + b * (d + np.outer(d, b)),
    ],
)
def test_other_outer_products_are_left_alone(function: Callable[..., Any]) -> None:
    assert count(after(sum_outer_products, function, vectors()), "matmul") == 0


def test_gradients_by_a_matrix_that_is_used_twice_are_one_product() -> None:
    def function(x: Any, y: Any, a: Any) -> Any:
        return np.sum((a @ x) ** 2) + np.sum((y @ a) ** 2)

    arrays = [rng.normal(size=100), rng.normal(size=90), rng.normal(size=(90, 100))]
    after(sum_outer_products, function, arrays, backward=True)
    graph = compile_program(program_of(function, arrays, backward=True)).graph
    assert not [node for node in graph.nodes if node.op == "multiply" and node.shape == (90, 100)]


def test_gradients_of_slices_are_written_to_their_places() -> None:
    graph = after(assemble_gradients, gated, ARRAYS, backward=True)
    assert count(graph, "assembled") == 4 + 1  # of the gates at each step, and of the slices of x
    runner = compile_program(program_of(gated, ARRAYS, backward=True), blocks=False)
    assert "np.multiply(" in runner.source
    assert re.search(r"^\w+ = \w+\[:, 3:6?\]$", runner.source, re.MULTILINE), runner.source
    body = runner.source.partition("def step")[2]
    assert not re.search(r"^    \w+\[:, .*\] = ", body, re.MULTILINE), body


def test_gradients_that_leave_a_gap_or_overlap_are_added() -> None:
    for part, other in ((slice(0, 2), slice(3, 5)), (slice(0, 3), slice(2, 5))):

        def function(x: Any, part: slice = part, other: slice = other) -> Any:
            return np.sum(np.sin(x[:, part])) + np.sum(np.cos(x[:, other]))

        graph = after(assemble_gradients, function, [rng.normal(size=(3, 5))], backward=True)
        assert count(graph, "assembled") == 0


@pytest.mark.parametrize("parts", [[0, 0, 1, 2, 3], [0, 1, 2, 3, 3, 3], [slice(2), slice(2, 4), slice(2)]])
@pytest.mark.parametrize("weight", [1.0, 2.0])
def test_a_part_that_is_read_twice_has_the_gradients_of_both(parts: list[Any], weight: float) -> None:
    def loss(x: Any) -> Any:
        total = 0.0
        for part in parts:
            total = total + weight * x[part]
        return np.sum(np.sin(total))

    x = np.arange(1.0, 5.0)
    np.testing.assert_allclose(tg.compile(tg.grad(loss))(x), tg.grad(loss)(x), rtol=1e-14)


def test_gradients_at_one_place_are_added_up_there() -> None:
    def function(x: Any) -> Any:
        return np.sum(np.sin(x[0]) * np.cos(x[1])) + np.sum(x[1] ** 3)

    graph = after(assemble_gradients, function, [rng.normal(size=(2, 5))], backward=True)
    assert count(graph, "assembled") == 1
    assert next(node for node in graph.nodes if node.op == "add" and node.shape == (5,))


def pendulum(y: Any, w: Any) -> Any:
    change = tnp.empty_like(y)
    change[0] = y[1] * w
    change[1] = -np.sin(y[0])
    return np.sum((y + change) ** 2)


def gap(y: Any, w: Any) -> Any:
    change = tnp.zeros((3, 5))
    change[0] = y[1] * w
    change[2] = y[0]
    return np.sum((change + change[0]) ** 2)


def over(y: Any, w: Any) -> Any:
    change = tnp.zeros((2, 5))
    change[0] = y[1] * w
    change[0] = y[0] + change[0]
    change[1] = 2.0
    return np.sum(change**2)


def read_between(y: Any, w: Any) -> Any:
    change = tnp.zeros((2, 5))
    change[0] = y[1] * w
    before = change * 2.0
    change[1] = y[0]
    return np.sum(change * before)


@pytest.mark.parametrize(("function", "zeros"), [(pendulum, 0), (gap, 1), (over, 1), (read_between, 1)])
def test_writes_that_fill_an_array_need_no_zeros(function: Any, zeros: int) -> None:
    arrays = [rng.normal(size=(2, 5)), rng.normal(size=5)]
    compiled = tg.compile(function)
    np.testing.assert_allclose(compiled(*arrays), function(*arrays), rtol=1e-12)
    assert len(re.findall(r"zeros\(|fill\(0", compiled.source.partition("\ndef ")[2])) == zeros
    gradient = tg.grad(function, (0, 1))
    for found, expected in zip(tg.compile(gradient)(*arrays), gradient(*arrays), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_a_transposed_matrix_that_many_products_read_is_copied_once() -> None:
    x, w = rng.normal(size=(9, 3, 128)), rng.normal(size=(160, 128))

    def function(x: Any, w: Any) -> Any:
        turned = w.T
        return sum(np.sum(np.sin(np.cos(x[t]) @ turned)) for t in range(9))

    graph = after(copy_transposes, function, [x, w])
    assert count(graph, "copy") == 1
    assert count(after(copy_transposes, function, [x[:, :, :8].copy(), w[:, :8].copy()]), "copy") == 0


@pytest.mark.parametrize(("rows", "size", "copies"), [(3, 160, 1), (32, 64, 1), (130, 160, 0), (3, 16, 0)])
def test_a_transposed_matrix_is_copied_once_before_a_loop_that_multiplies_by_it(
    rows: int, size: int, copies: int
) -> None:
    x, w = rng.normal(size=(20, rows, size)), rng.normal(size=(size, size)) / size

    def function(x: Any, w: Any) -> Any:
        h = x[0]
        for row in x:
            h = np.tanh(row + h @ w.T)
        return np.sum(h)

    program = program_of(function, [x, w])
    for phases in (PHASES, without(copy_transposes_for_loops)):
        runner = compile_program(program, phases=phases)
        np.testing.assert_allclose(runner.run([x, w]), program.graph.outputs[0].value, rtol=1e-9)
        assert "\n    for " in runner.source
        made = re.findall(r"np\.copyto\(\w+_copy, \w+_T\)", runner.source)
        assert len(made) == (copies if phases is PHASES else 0), runner.source


def test_slices_behind_an_ellipsis_are_parts_too() -> None:
    def function(x: Any) -> Any:
        return np.sum(np.tanh(x[..., :2]) * np.sin(x[..., 2:])) + np.sum(x[..., 0, :] ** 2)

    after(assemble_gradients, function, [rng.normal(size=(3, 2, 4))], backward=True)
    graph = after(
        assemble_gradients,
        lambda x: np.sum(np.tanh(x[..., :2]) * x[..., 2:]),
        [rng.normal(size=(3, 2, 4))],
        backward=True,
    )
    assert count(graph, "assembled") == 1


def test_slices_of_one_array_in_another_shape_are_parts_of_one_gradient() -> None:
    def function(x: Any) -> Any:
        a, b, c = [x.reshape(5, 3, 2, 4)[:, place] for place in range(3)]
        return np.sum(np.tanh(a @ np.swapaxes(b, 1, 2)) @ np.sin(c))

    graph = after(assemble_gradients, function, [rng.normal(size=(5, 24))], backward=True)
    assert (count(graph, "assembled"), count(graph, "scatter")) == (1, 0)


@pytest.mark.parametrize("size", [40, 600])
def test_parts_of_large_arrays_are_computed_in_blocks(size: int) -> None:
    def function(x: Any) -> Any:
        a, b = x[:size], x[size:]
        return np.sum(np.tanh(np.sin(a) * np.exp(b)) * np.cos(b))

    after(assemble_gradients, function, [rng.normal(size=(2 * size, 120))], backward=True)


def test_a_part_may_be_read_before_and_after_the_whole() -> None:
    def function(x: Any, y: Any) -> Any:
        first = [np.sin(x[t]) for t in range(4)]
        second = [np.exp(y[t] * 0.1) for t in range(4)]
        total = sum((a.T @ b for a, b in zip(first, second, strict=True)), np.zeros((2, 2)))
        return total, first[0] * 2, np.tanh(first[1]), total @ first[2].T, second[3]

    graph = after(sum_products, function, [SEQUENCE, SEQUENCE + 1])
    assert count(graph, "matmul") == 2


@given(st.integers(1, 5), st.integers(1, 4), st.integers(1, 3), st.integers(0, 3))
def test_any_recurrent_network(steps: int, batch: int, inputs: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    arrays = [rng.normal(size=shape) for shape in ((steps, batch, inputs), (inputs, 4), (2, 4), (4,))]
    program = program_of(gated, arrays, backward=True)
    runner = compile_program(program)
    for result, output in zip(runner.run(arrays), program.graph.outputs, strict=True):
        np.testing.assert_allclose(result, output.value, rtol=1e-9, atol=1e-12, err_msg=runner.source)


def test_places_that_cover_an_array() -> None:
    assert cover_once([slice(0, 2), slice(2, 5)], (5, 3))
    assert cover_once([(slice(None), 1), (slice(None), 0)], (5, 2))
    assert cover_once([(slice(None), -1), (slice(None), 0)], (5, 2))
    assert cover_once([(..., slice(0, 1)), (..., slice(1, 3))], (5, 2, 3))
    assert cover_once([(0, ...), (1, ..., slice(None))], (2, 5, 3))
    assert not cover_once([(..., 0, ...), (..., 1)], (5, 2))
    assert not cover_once([slice(0, 2), slice(3, 5)], (5, 3))
    assert not cover_once([slice(0, 3), slice(2, 5)], (5, 3))
    assert cover_once([slice(0, 5, 2), slice(1, 5, 2)], (5, 3))
    assert not cover_once([slice(0, 5, 2), slice(1, 3, 2)], (5, 3))
    assert not cover_once([slice(0, 5, 2), slice(1, 5)], (5, 3))
    assert not cover_once([slice(0, 6, 2), slice(1, 6, 3)], (6, 3))
    assert not cover_once([slice(4, None, -1), slice(5, 6)], (6, 3))
    assert cover_once([(slice(i, None, 2), slice(j, None, 3)) for i in range(2) for j in range(3)], (4, 5))
    assert not cover_once([(0, 0), (1, 1)], (2, 2))
    assert cover_once([(0, 0), (1, 1), (0, 1), (1, 0)], (2, 2))
    assert cover_once([(slice(0, 2), 0), (2, 0), (slice(None), slice(1, 4))], (3, 4))
    assert not cover_once([np.array([0]), slice(1, 5)], (5, 3))
    parts = [np.ones((3, 1)), np.zeros((3, 2))]
    whole = assembled(parts, [(slice(None), slice(0, 1)), (slice(None), slice(1, 3))], (3, 3))
    np.testing.assert_array_equal(whole, np.concatenate(parts, axis=1))


def test_a_step_stays_what_it_is_where_nothing_is_gathered() -> None:
    graph = steps_of(program_of(lambda x: np.sum(np.sin(x) + x), [SEQUENCE]))
    for rewrite in (gather_products, sum_products, sum_outer_products, assemble_gradients, copy_transposes):
        assert rewrite(graph) is graph
        assert all(isinstance(step, Step) for step in graph.nodes)


@pytest.mark.parametrize("count", [2, 3, 5])
def test_constants_among_what_is_added_up_stay_what_they_are(count: int) -> None:
    """The second derivative of a sum of squares is a constant for each direction."""

    def function(theta: Any) -> Any:
        product: Any = 1.0
        for parameter in theta:
            product = product * parameter
        return np.sum(theta**2) + product

    theta = np.arange(1.0, count + 1)
    expected = 2 * np.eye(count) + (1 - np.eye(count)) * np.prod(theta) / np.outer(theta, theta)
    np.testing.assert_allclose(tg.compile(tg.hessian(function))(theta), expected)


@pytest.mark.parametrize("keepdims", [False, True])
def test_sums_of_rows_keep_their_axes(keepdims: bool) -> None:
    arrays = [rng.normal(size=(4, 3)) for _ in range(4)]

    def function(*arrays: Any) -> Any:
        total = sum([np.sum(np.tanh(x), axis=0, keepdims=keepdims) for x in arrays])
        return np.squeeze(total * arrays[0][:1]) ** 2

    program = program_of(function, arrays)
    for phases in (one_phase(sum_products), without(drop_kept_axes), PHASES):
        runner = compile_program(program, phases=phases)
        np.testing.assert_allclose(runner.run(arrays)[0], program.graph.outputs[0].value)
