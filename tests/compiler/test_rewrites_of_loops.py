"""Rewrites of loops: what they compute before a loop, behind it, at once, or not at all."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np

import tinygraph as tg
from tests.compiler.programs import one_phase, operations, program_of
from tinygraph.compiler.phases import ROLL
from tinygraph.compiler.pipeline import compile_program
from tinygraph.compiler.program.builder import steps_of
from tinygraph.compiler.program.loops import in_bodies, loops_in
from tinygraph.compiler.program.steps import Step
from tinygraph.compiler.rewrites import Rewrite
from tinygraph.compiler.rewrites.absorbing import absorb_after, absorb_before
from tinygraph.compiler.rewrites.dropping_axes import drop_kept_axes
from tinygraph.compiler.rewrites.gathering_rows import gather_rows
from tinygraph.compiler.rewrites.gathering_sums import gather_sums
from tinygraph.compiler.rewrites.hoisting import hoist
from tinygraph.compiler.rewrites.joining_stacks import join_stacks
from tinygraph.compiler.rewrites.sharing import drop_dead, share_common
from tinygraph.compiler.rewrites.tidying_loops import tidy_loops
from tinygraph.compiler.rewrites.writing_out import write_out
from tinygraph.compiler.rolling import rolled
from tinygraph.graph import Graph

VECTOR = np.array([0.5, -1.5, 2.0])
CUBE = np.cos(np.arange(24.0)).reshape(2, 3, 4)


def loop_of(rewrite: Rewrite, function: Callable[..., Any], arrays: list[Any]) -> tuple[Step, list[str]]:
    """The loop of a function's graph after a rewrite, and the functions that its body calls."""
    graph = drop_dead(rewrite(rolled(steps_of(program_of(function, arrays)))))
    (loop,) = loops_in(graph)
    return loop, operations(loop.function.body)


def test_what_is_the_same_in_all_iterations_is_computed_before_a_loop() -> None:
    def function(h: Any, u: Any) -> Any:
        for _ in range(20):
            h = np.tanh(h @ u.T + np.sum(u)) * 0.5
        return h

    arrays = [VECTOR, np.eye(3)]
    assert loop_of(lambda graph: graph, function, arrays)[1] == [
        "transpose",
        "matmul",
        "sum",
        "add",
        "tanh",
        "multiply",
    ]
    loop, calls = loop_of(hoist, function, arrays)
    assert calls == ["matmul", "add", "tanh", "multiply"]
    assert [step.op for step in loop.args[1:]] == ["transpose", "sum"]


def test_what_may_fail_stays_in_a_loop() -> None:
    def function(h: Any, u: Any) -> Any:
        for _ in range(20):
            h = np.tanh(np.linalg.solve(u, h)) + np.linalg.inv(u) @ h
        return h

    assert "linalg.inv" in loop_of(hoist, function, [VECTOR, np.eye(3)])[1]


def test_what_nobody_reads_of_a_loop_is_not_carried() -> None:
    def function(x: Any, y: Any) -> Any:
        for _ in range(20):
            x, y = np.tanh(np.sin(x)) + 1, np.cos(y * x) + 2
        return x, y

    program = program_of(function, [VECTOR, VECTOR])
    graph = rolled(steps_of(program))
    loop, calls = loop_of(tidy_loops, function, [VECTOR, VECTOR])
    assert loop.function.carried == 2
    graph = drop_dead(tidy_loops(drop_dead(Graph(graph.nodes, graph.outputs[:1]))))
    (loop,) = loops_in(graph)
    assert loop.function.carried == 1 and operations(loop.function.body) == ["sin", "tanh", "add"]
    assert calls == ["sin", "tanh", "add", "multiply", "cos", "add"]


def test_inputs_that_are_one_value_and_values_that_never_change_are_inputs_once() -> None:
    def function(x: Any, y: Any) -> Any:
        z = y
        for _ in range(20):
            x, y, z = np.sin(x) * y, z, y
        return np.tanh(x), y

    loop, _ = loop_of(tidy_loops, function, [VECTOR, VECTOR])
    assert loop.function.carried == 1 and len(loop.args) == 2


def after_all(
    rewrites: list[Rewrite], function: Callable[..., Any], arrays: list[Any], backward: bool = False
) -> Graph:
    """The graph of a function with loops after some rewrites, which keep what is computed."""
    program = program_of(function, arrays, backward=backward)
    phases = (ROLL, *one_phase(*rewrites))
    results = compile_program(program, phases=phases).run(arrays)
    for result, output in zip(results, program.graph.outputs, strict=True):
        np.testing.assert_allclose(result, output.value, rtol=1e-9, atol=1e-12)
    graph = rolled(steps_of(program))
    for rewrite in [write_out, *rewrites]:
        graph = drop_dead(rewrite(in_bodies(graph, rewrite)))
    return graph


def test_products_of_rows_are_one_product_before_a_loop() -> None:
    def function(x: Any, w: Any, u: Any) -> Any:
        h = np.zeros((2, 3))
        for t in range(12):
            h = np.tanh(x[11 - t] @ w + h @ u)
        return h

    graph = after_all(
        [gather_rows], function, [np.sin(np.arange(96.0)).reshape(12, 2, 4), CUBE[0].T.copy()[:4, :3], np.eye(3)]
    )
    (loop,) = loops_in(graph)
    assert operations(loop.function.body) == ["getitem", "matmul", "add", "tanh"]
    assert [operation for operation in operations(graph) if operation == "matmul"] == ["matmul"]


def test_a_loop_whose_rows_are_alone_is_gone() -> None:
    graph = after_all(
        [gather_rows, tidy_loops], lambda x, w: np.stack([np.sum(np.tanh(x[t] @ w)) for t in range(12)]),
        [np.sin(np.arange(36.0)).reshape(12, 3), np.eye(3)],
    )  # fmt: skip
    assert not any(loops_in(graph))


def test_sums_of_a_loop_are_made_of_all_its_terms_at_once() -> None:
    def function(x: Any, w: Any, u: Any, b: Any) -> Any:
        h = np.zeros((2, 3))
        for t in range(12):
            h = np.tanh(x[t] @ w + h @ u + b)
        return np.sum(h**2)

    arrays = [np.sin(np.arange(96.0)).reshape(12, 2, 4), np.cos(np.arange(12.0)).reshape(4, 3), np.eye(3), np.ones(3)]
    whole = [absorb_before, absorb_after, drop_kept_axes, share_common]
    before = [*loops_in(after_all(whole, function, arrays, backward=True))][-1]
    assert before.function.carried == 5  # the gradients of h, x, w, u and b
    loop = [*loops_in(after_all([*whole, gather_sums], function, arrays, backward=True))][-1]
    assert loop.function.carried == 1 and loop.function.count == 12
    assert operations(loop.function.body).count("matmul") == 2  # the gradients of h and x[t]


def test_iterations_before_and_behind_a_loop_become_its_own() -> None:
    def function(x: Any, u: Any) -> Any:
        h = np.zeros(3)
        for t in range(12):
            h = np.tanh(x[t] * 0.5 + h @ u)
        return np.sum(h**2)

    arrays = [np.sin(np.arange(36.0)).reshape(12, 3), np.eye(3)]
    counts = [
        [loop.function.count for loop in loops_in(after_all(rewrites, function, arrays, backward=True))]
        for rewrites in ([share_common], [absorb_before], [absorb_after], [absorb_before, absorb_after])
    ]
    assert counts == [[12, 10], [12, 11], [12, 11], [12, 12]]


def test_an_iteration_stays_outside_where_it_differs() -> None:
    def function(x: Any, u: Any) -> Any:
        h = np.cos(x[0] @ u)
        for t in range(1, 12):
            h = np.tanh(x[t] * 0.5 + h @ u)
        return np.sum(np.sin(h) @ u)

    arrays = [np.sin(np.arange(36.0)).reshape(12, 3), np.eye(3)]
    graph = after_all([absorb_before, absorb_after], function, arrays)
    assert [loop.function.count for loop in loops_in(graph)] == [11]


def test_what_a_loop_within_a_loop_keeps_is_kept_as_one_array() -> None:
    def function(x: Any, u: Any) -> Any:
        h = np.ones(3)
        for _ in range(6):
            for t in range(8):
                h = np.tanh(x[t] * 0.5 + h @ u)
            h = h / (1.0 + np.sum(h * h))
        return np.sum(h**2)

    arrays = [np.sin(np.arange(24.0)).reshape(8, 3), np.eye(3)]
    before = [*loops_in(after_all([share_common], function, arrays, backward=True))]
    forward, backward = [*loops_in(after_all([join_stacks], function, arrays, backward=True))][:2]
    assert before[0].function.stacked > 8 and forward.function.stacked <= 4
    assert not any(loops_in(before[1].function.body)) and any(loops_in(backward.function.body))


def _many_to_many(x: Any, w: Any, u: Any) -> Any:
    h = np.zeros((2, 3))
    states = []
    for t in range(12):
        h = np.tanh(x[:, t] @ w + h @ u)
        states.append(h)
    return np.stack(states, axis=1)


def _sequences() -> list[Any]:
    generator = np.random.default_rng(0)
    return [generator.normal(size=shape) for shape in ((2, 12, 4), (4, 3), (3, 3), (3, 3), (3, 3))]


def test_the_last_iteration_of_a_reverse_pass_is_one_of_the_loop_where_each_state_has_a_gradient() -> None:
    def function(x: Any, w: Any, u: Any, v: Any, z: Any) -> Any:
        return np.sum(np.sin(_many_to_many(x, w, u) @ v))

    for rewrites, counts in (([absorb_before], [12, 11]), ([absorb_before, absorb_after], [12, 12])):
        graph = after_all(rewrites, function, _sequences(), backward=True)
        assert [loop.function.count for loop in loops_in(graph)] == counts


def test_what_is_added_at_the_end_of_an_iteration_is_added_first_in_the_next_one_to_the_bit() -> None:
    def function(x: Any, u: Any) -> Any:
        d = x[11]
        for t in range(11, 0, -1):
            d = x[t - 1] + np.tanh(d @ u)
        return np.tanh(d @ u)

    arrays = [np.sin(np.arange(36.0)).reshape(12, 3), np.cos(np.arange(9.0)).reshape(3, 3)]
    graph = after_all([absorb_after], function, arrays)
    assert [loop.function.count for loop in loops_in(graph)] == [12]
    np.testing.assert_array_equal(tg.compile(function)(*arrays), function(*arrays))


def test_what_a_reverse_pass_keeps_lies_in_the_order_of_the_rows_that_it_is_multiplied_by() -> None:
    def gradient(x: Any, w: Any, u: Any, v: Any, z: Any) -> Any:
        def loss(w: Any, u: Any, v: Any, z: Any) -> Any:
            first = _many_to_many(x, w, u)
            return np.sum(np.sin(_many_to_many(first, v, z)))

        return tg.grad(loss, (0, 1, 2, 3))(w, u, v, z)

    arrays = _sequences()
    compiled = tg.compile(gradient)
    for arguments in (arrays, [array * 0.5 for array in arrays]):
        for found, wanted in zip(compiled(*arguments), gradient(*arguments), strict=True):
            np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=1e-14)
    text = compiled.source
    assert len(re.findall(r"all_d_\w+\[::-1\]", text)) >= 3, (
        text
    )  # two loops write from the end, one of them two arrays
    assert not re.findall(r"np\.copyto\(.*(part|\[)", text), text  # nothing is copied to be read from the end
    assert text.count("\n    for ") == 4


def test_what_is_made_of_rows_that_are_read_from_the_end_is_made_in_the_order_in_which_they_lie() -> None:
    def function(x: Any, u: Any) -> Any:
        h = np.zeros((2, 3))
        for t in range(11, -1, -1):
            h = np.tanh(np.sin(x[t]) * x[t] + h @ u)
        return h

    arrays = [np.sin(np.arange(84.0)).reshape(14, 2, 3), np.cos(np.arange(9.0)).reshape(3, 3)]
    np.testing.assert_array_equal(tg.compile(function)(*arrays), function(*arrays))
    graph = after_all([gather_rows], function, [arrays[0][:12], arrays[1]])
    (sine,) = [step for step in graph.nodes if step.function is np.sin]
    assert sine.shape == (12, 2, 3) and sine.args[0].given


def test_states_that_are_returned_lie_as_np_stack_lays_them() -> None:
    x, w, u = _sequences()[:3]
    compiled = tg.compile(_many_to_many)
    found, wanted = compiled(x, w, u), _many_to_many(x, w, u)
    np.testing.assert_allclose(found, wanted, rtol=1e-14)
    assert found.strides == wanted.strides
    compiled(x * 2, w, u)
    np.testing.assert_allclose(found, wanted, rtol=1e-14)  # it is not the memory of the program
