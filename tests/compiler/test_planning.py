"""Memory: values share it where they can, nothing is allocated in a steady step, and variables change in place."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygraph as tg
from tests.compiler.programs import program_of
from tinygraph.compiler.memory import Storage
from tinygraph.compiler.memory.packing import packed
from tinygraph.compiler.phases import PHASES, ROLL
from tinygraph.compiler.pipeline import compile_program
from tinygraph.compiler.run.runner import Runner

WIDE = np.linspace(-1, 1, 20_000)


def chain(x: Any) -> Any:
    """A chain in which each value is needed for the next alone."""
    for _ in range(10):
        x = np.tanh(np.sin(x) * 0.5)
    return np.sum(x)


def test_a_chain_is_computed_in_one_buffer() -> None:
    written_out = [phase for phase in PHASES if phase is not ROLL]
    runner = compile_program(program_of(chain, [WIDE]), phases=written_out)
    assert runner.cost.buffers == 1
    assert runner.cost.buffer_bytes == WIDE.nbytes


def test_values_that_are_needed_at_the_same_time_have_buffers_of_their_own() -> None:
    runner = compile_program(program_of(lambda x: np.sum(np.sin(x) * np.cos(x) - np.exp(x)), [WIDE]))
    assert runner.cost.buffers == 2
    np.testing.assert_allclose(runner.run([WIDE])[0], np.sum(np.sin(WIDE) * np.cos(WIDE) - np.exp(WIDE)))


def test_memory_is_used_again_by_values_of_other_shapes_and_dtypes() -> None:
    def function(x: Any) -> Any:
        squares = np.outer(np.sin(x), np.cos(x))
        rows = np.sum(np.exp(squares), axis=1)
        return np.sum((rows.astype(np.float32) * 2).astype(np.float64)) + np.sum(rows)

    runner = compile_program(program_of(function, [np.linspace(0, 1, 50)]))
    assert len(runner.plan.buffers) < sum(len(buffer.storages) for buffer in runner.plan.buffers)
    x = np.linspace(1, 2, 50)
    np.testing.assert_allclose(runner.run([x])[0], function(tg.Tensor(x)).data, rtol=1e-12)


def step_of(size: int = 4000) -> tuple[Runner, list[Any], list[Any]]:
    """A step of momentum on a least-squares problem, its arguments and variables."""

    def function(x: Any, y: Any, w: Any, v: Any) -> Any:
        error = x @ w - y
        loss = np.mean(error * error)
        gradient = x.T @ error
        velocity = 0.9 * v - 1e-5 * gradient
        return loss, [w + velocity, velocity]

    rng = np.random.default_rng(0)
    arguments = [rng.normal(size=(size, 8)), rng.normal(size=(size, 1))]
    variables = [rng.normal(size=(8, 1)), np.zeros((8, 1))]
    return compile_program(program_of(function, arguments, variables)), arguments, variables


def test_variables_are_updated_in_place() -> None:
    runner, (x, y), variables = step_of()
    w, v = [np.array(value) for value in variables]
    places = [variable.ctypes.data for variable in variables]
    for _ in range(5):
        (loss,) = runner.run([x, y], variables)
        error = x @ w - y
        np.testing.assert_allclose(loss, np.mean(error**2))
        v = 0.9 * v - 1e-5 * (x.T @ error)
        w = w + v
    np.testing.assert_allclose(variables[0], w)
    np.testing.assert_allclose(variables[1], v)
    assert places == [variable.ctypes.data for variable in variables]


def test_a_steady_step_allocates_next_to_nothing() -> None:
    runner, arguments, variables = step_of(40_000)
    for _ in range(3):
        runner.run(arguments, variables)
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        for _ in range(5):
            runner.run(arguments, variables)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # A reduction of older NumPys takes a buffer of 8192 elements, which is less than half a column.
    assert peak - before < 40_000 * 8 / 2, "an array of a column was allocated"


def test_other_variables_may_be_given_at_any_call() -> None:
    runner, arguments, variables = step_of(50)
    first, second = [np.array(value) for value in variables], [np.array(value) for value in variables]
    runner.run(arguments, first)
    runner.run(arguments, second)
    runner.run(arguments, first)
    runner.run(arguments, second)
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    "function",
    [
        lambda x, a, b: (np.sum(a), [b, a]),  # swapped
        lambda x, a, b: (a, [a + x, a * b]),  # the old value is returned, and read after the update
        lambda x, a, b: (a + 1, [a[::-1] + a, b]),  # read backwards while it is written
        lambda x, a, b: (np.sum(x), [x, a[::-1]]),
        lambda x, a, b: (a[1:], [a * 2, a]),
        lambda x, a, b: (np.exp(a), [np.exp(a), np.exp(a)]),
        lambda x, a, b: (np.sum(a), [np.where(x > 0, a, b), np.where(x > 0, b, a)]),
    ],
)
def test_updates_read_old_values(function: Any) -> None:
    x, a, b = np.array([1.0, -2.0, 3.0]), np.array([4.0, 5.0, 6.0]), np.array([7.0, 8.0, 9.0])
    expected, updated = function(x, a, b)
    expected, updated = np.array(expected), [np.array(value) for value in updated]
    program = program_of(function, [x], [a, b])
    runner = compile_program(program)
    variables = [a.copy(), b.copy()]
    (result,) = runner.run([x], variables)
    np.testing.assert_allclose(result, expected, err_msg=runner.source)
    for variable, value in zip(variables, updated, strict=True):
        np.testing.assert_allclose(variable, value, err_msg=runner.source)


def test_results_are_never_used_again() -> None:
    runner = compile_program(program_of(lambda x: (np.sin(x), np.sin(x).reshape(2, -1).T, x[1:]), [WIDE]))
    first = runner.run([WIDE])
    kept = [np.array(result) for result in first]
    runner.run([WIDE + 1])
    for result, value in zip(first, kept, strict=True):
        np.testing.assert_array_equal(result, value)


@given(st.lists(st.tuples(st.integers(1, 4), st.integers(0, 30), st.integers(0, 12)), max_size=40))
def test_storages_are_packed_into_the_first_memory_that_is_free(sizes: list[tuple[int, int, int]]) -> None:
    def storages() -> list[Storage]:
        return [
            Storage("owned", (1000 * size,), np.dtype(np.float64), first, first + length)
            for size, first, length in sizes
        ]

    buffers = packed(storages())
    expected: list[list[Storage]] = []
    for held in sorted(storages(), key=lambda held: (-held.nbytes, held.first)):
        for others in expected:
            if all(held.last < other.first or other.last < held.first for other in others):
                others.append(held)
                break
        else:
            expected.append([held])

    def told(groups: list[list[Storage]]) -> list[list[tuple[int, int, int]]]:
        return sorted(sorted((held.nbytes, held.first, held.last) for held in group) for group in groups)

    assert told([buffer.storages for buffer in buffers]) == told(expected)
    assert all(buffer.nbytes == max(held.nbytes for held in buffer.storages) for buffer in buffers)


def test_small_arrays_share_memory_with_their_like_alone() -> None:
    shapes = [(4, 3), (12,), (4, 3), (1000,)]
    storages = [Storage("owned", shape, np.dtype(np.float64), time, time) for time, shape in enumerate(shapes)]
    buffers = packed(storages)
    assert [[held.shape for held in buffer.storages] for buffer in buffers] == [[(1000,)], [(4, 3), (4, 3)], [(12,)]]
