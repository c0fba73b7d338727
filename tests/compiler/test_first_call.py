"""The first call of a compiled function: its work grows in proportion to what is recorded, in every stage.

The laws count calls of functions in Python, which are the same on every machine.
"""

from __future__ import annotations

import cProfile
import gc
import inspect
import pstats
import time
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygraph as tg
import tinygraph.numpy as tnp
from tests.compiler.programs import program_of
from tinygraph.compiler.memory.timetables import Timetable
from tinygraph.compiler.phases import PHASES, ROLL, phase_by_phase
from tinygraph.compiler.pipeline import compile_program
from tinygraph.compiler.program.builder import steps_of
from tinygraph.compiler.program.program import Program
from tinygraph.compiler.program.result_types import result_of
from tinygraph.compiler.rewrites import Phase
from tinygraph.compiler.trace import sizes


def pendulum(steps: int) -> Callable[..., Any]:
    """The method of Runge and Kutta, whose steps are alike."""

    def slope(y: Any, k: Any) -> Any:
        return np.stack([y[1], -k * np.sin(y[0]) - 0.1 * y[1]])

    def loss(y: Any, k: Any) -> Any:
        for _ in range(steps):
            middle = slope(y + 0.005 * slope(y, k), k)
            y = y + 0.01 * middle
        return np.sum(y**2)

    return loss


def chain(steps: int) -> Callable[..., Any]:
    """Calls on one array after another: each four are the same ones in another order."""

    def loss(y: Any, k: Any) -> Any:
        draw = np.random.default_rng(0)
        for which in np.concatenate([draw.permutation(4) for _ in range(steps // 4)]).tolist():
            y = np.sin(y) if which == 0 else y * k if which == 1 else y - np.cos(y) if which == 2 else np.tanh(y)
        return np.sum(y)

    return loss


def large(steps: int) -> Callable[..., Any]:
    """A chain on arrays that are gone over block by block."""
    small = chain(steps)
    return lambda y, k: small(np.broadcast_to(y[0, :1], (40_000,)) * 1.0, k)


FUNCTIONS = {"pendulum": pendulum, "chain": chain, "large": large}
START = (np.ones((2, 3)), np.array(2.0))


def calls_in(function: Callable[[], Any]) -> int:
    """Return how many calls of functions written in Python a call makes."""
    profile = cProfile.Profile(builtins=False)
    profile.runcall(function)
    return int(pstats.Stats(profile).total_calls)  # type: ignore[attr-defined]


def recorded(name: str, steps: int) -> Program:
    return program_of(FUNCTIONS[name](steps), START, backward=True)


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_a_first_call_makes_twice_the_calls_for_twice_the_steps(name: str) -> None:
    def first_call(steps: int) -> int:
        compiled = tg.compile(tg.grad(FUNCTIONS[name](steps)))
        return calls_in(lambda: compiled(*START))

    first_call(4)  # what is read once
    small, whole = first_call(20), first_call(40)
    assert whole <= 2.2 * small


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_rewrites_and_the_text_make_twice_the_calls_for_twice_the_steps(name: str) -> None:
    """Without loops, which leave few steps to the stages behind the rewrites."""
    phases = tuple([phase for phase in PHASES if phase is not ROLL])

    def written(steps: int) -> int:
        program = recorded(name, steps)
        return calls_in(lambda: compile_program(program, phases=phases))

    written(4)
    small, whole = written(20), written(40)
    assert whole <= 2.2 * small


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_a_phase_makes_few_calls_for_each_step(name: str) -> None:
    program = recorded(name, 30)
    graph = steps_of(program)
    size = len(graph.nodes)
    phases: list[Phase] = []
    calls = calls_in(lambda: phases.extend([phase for phase, _ in phase_by_phase(graph, program)]))
    assert calls <= 25 * size * len(phases)


def test_a_first_call_makes_few_calls_for_each_recorded_step() -> None:
    """Both runs, the graph, and its loop: 124 when this was written."""
    steps = len(recorded("pendulum", 40).graph.nodes)
    compiled = tg.compile(tg.grad(pendulum(40)))
    assert calls_in(lambda: compiled(*START)) <= 140 * steps


def test_an_iteration_of_a_recurrent_layer_makes_few_calls_for_each_recorded_step() -> None:
    """60 when this was written."""

    def first_call(length: int) -> tuple[int, int]:
        layer = tg.nn.LSTM(3)
        x = np.ones((2, length, 3), np.float32)
        layer(x)

        @tg.compile
        def step(x: Any) -> Any:
            for parameter in layer.parameters():
                parameter.grad = None
            loss = np.sum(layer(x) ** 2)
            loss.backward()
            return loss, layer.kernel.grad

        return calls_in(lambda: step(x)), len(step.program.graph.nodes)

    first_call(2)
    (calls, steps), (more_calls, more_steps) = first_call(10), first_call(30)
    assert more_calls - calls <= 70 * (more_steps - steps)


@given(st.lists(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 12), st.booleans()), max_size=12), max_size=4))
def test_a_request_gets_the_first_memory_that_suits_and_is_free(groups: list[list[tuple[int, int, bool]]]) -> None:
    timetable = Timetable()
    expected: list[list[tuple[int, int]]] = []
    for group in groups:
        timetable.begin(len(group))
        for first, length, only_even in sorted(group):
            last = first + length

            def suits(number: int, only_even: bool = only_even) -> bool:
                return not only_even or number % 2 == 0

            free = [
                number for number, times in enumerate(expected)
                if suits(number) and all(last < a or b < first for a, b in times)
            ]  # fmt: skip
            number = free[0] if free else len(expected)
            if not free:
                expected.append([])
            expected[number].append((first, last))
            assert timetable.take(first, last, suits) == number
    assert timetable.times == [sorted(times) for times in expected]


SHAPES = st.tuples(st.lists(st.integers(1, 3), max_size=2), *[st.integers(0, 3)] * 3)


@given(SHAPES, st.lists(st.booleans(), min_size=2, max_size=2), st.sampled_from([np.matmul, np.dot]))
def test_the_shape_of_a_product_is_known_without_computing_it(sizes, ones, product):
    before, rows, inner, columns = sizes
    stacks = [tuple([1 if one else size for size in before]) for one in ones]
    a, b = np.ones((*stacks[0], rows, inner), np.float32), np.ones((*stacks[1][1:], inner, columns))
    found = product(a, b)
    assert result_of(product, (a, b), {}) == (found.shape, found.dtype)
    for one, other in ((a[..., 0], b), (a, b[..., 0])) if inner and columns else ():
        try:
            found = product(one, other)
        except ValueError:
            continue
        assert result_of(product, (one, other), {}) == (found.shape, found.dtype)


def test_no_large_product_is_computed_to_learn_its_shape():
    huge = np.broadcast_to(np.float32(1), (1 << 20, 1 << 20))
    assert result_of(np.matmul, (huge, huge), {}) == (huge.shape, huge.dtype)


# --- the watch on clocks and files ------------------------------------------------------------------------------------


@tg.primitive
def squared(x: Any) -> Any:
    """x², with a rule that reads a clock."""
    return x * x


squared.derivative(lambda g, z, x: g * (2 * x + 0 * time.perf_counter()))


def test_rules_of_the_users_are_watched_and_those_of_ours_are_not() -> None:
    gradient = tg.grad(lambda x: np.sum(squared(np.sin(x))))
    with pytest.raises(tg.UnsupportedError, match="clock"):
        tg.compile(gradient)(np.ones(3))


class Stopwatch:
    """A callback of the garbage collector that is an object."""

    def __call__(self, phase: str, info: dict[str, int]) -> None:
        self.read = time.perf_counter()


def test_a_callback_of_the_garbage_collector_may_read_a_clock() -> None:
    read = []

    def at_collection(phase: str, info: dict[str, int]) -> None:
        read.append(time.perf_counter())

    def tripled(x: Any) -> Any:
        gc.collect()
        return 3 * x

    callbacks = [at_collection, Stopwatch()]
    gc.callbacks.extend(callbacks)
    try:
        assert np.array_equal(tg.compile(tripled)(np.ones(3)), [3, 3, 3])
    finally:
        for callback in callbacks:
            gc.callbacks.remove(callback)
    assert read
    with pytest.raises(tg.UnsupportedError, match="clock"):
        tg.compile(lambda x: x * time.perf_counter())(np.ones(3))


def test_a_first_call_can_be_profiled() -> None:
    gradient = tg.grad(lambda x: np.sum(np.sin(x) ** 2))
    compiled = tg.compile(gradient)
    profile = cProfile.Profile()
    found = profile.runcall(compiled, np.ones(3))
    assert np.allclose(found, gradient(np.ones(3)))


def states_of_rows(n: int) -> Callable[..., Any]:
    """A layer whose states are written into one array, row by row."""

    def loss(x: Any) -> Any:
        states = tnp.zeros((n, x.size))
        for i in range(n):
            x = np.tanh(x)
            states[i] = x
        return np.sum(states**2)

    return loss


def columns_of_a_table(n: int) -> Callable[..., Any]:
    """A filter that goes over the columns of a table and reads the one before."""

    def loss(x: Any) -> Any:
        table = tnp.zeros((x.size, n))
        table[:, 0] = x
        for i in range(1, n):
            table[:, i] = np.sin(table[:, i - 1]) * 0.5
        return np.sum(table**2)

    return loss


@pytest.mark.parametrize("loss", [states_of_rows, columns_of_a_table])
def test_an_array_that_is_written_in_parts_is_recorded_in_little_memory(loss: Callable[..., Any]) -> None:
    n, x = 100, np.linspace(0.1, 1, 2000)
    gradient = tg.grad(loss(n))
    compiled = tg.compile(gradient)
    tracemalloc.start()
    try:
        found = compiled(x)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert np.allclose(found, gradient(x), rtol=1e-12)
    assert peak < 30 * n * x.nbytes  # a copy for each write would take 100 times the array


def test_arrays_are_read_as_they_were_before_writes_into_parts_of_them() -> None:
    def loss(x: Any, c: Any) -> Any:
        v, total = c * 2.0, 0.0
        for i in range(6):
            total = total + np.sum(np.sin(x * v) * v[i])
            v[i, :] = v[i + 1] + i
            v[2:][:, 3] *= 0.5
            v.T[5, i:] = 1.25 * i
            if i == 3:
                v[...] = v * 1.5
        return total

    rng = np.random.default_rng(0)
    x, c = rng.normal(size=(2, 40, 30))
    gradient = tg.grad(loss)
    assert np.allclose(tg.compile(gradient)(x, c), gradient(x, c), rtol=1e-12)
    step = 1e-6 * rng.normal(size=x.shape)
    difference = loss(x + step, c) - loss(x - step, c)
    assert np.isclose(2 * np.sum(gradient(x, c) * step), difference, rtol=1e-6)


def test_parameters_are_those_that_inspect_finds() -> None:
    functions = [getattr(module, name) for module in (np, np.linalg, np.fft) for name in dir(module)]
    checked = 0
    for function in functions:
        if callable(function) and not isinstance(function, type | np.ufunc):
            checked += getattr(function, "__text_signature__", None) is not None
            try:
                expected = list(inspect.signature(function).parameters)
            except (TypeError, ValueError):
                expected = []
            assert sizes._parameters_of(function) == expected, function
    assert checked
