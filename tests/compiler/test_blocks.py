"""Runs: the same results as call by call, on one thread and on two."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygraph as tg
from tests.compiler.programs import program_of
from tinygraph.compiler.pipeline import compile_program
from tinygraph.compiler.schedule import blocks, division
from tinygraph.compiler.schedule.blocks import Fusion
from tinygraph.compiler.write import two_threads

rng = np.random.default_rng(0)

CASES: dict[str, tuple[Callable[..., Any], list[Any]]] = {
    "elementwise": (
        lambda x: np.mean(np.tanh(np.sin(x) * np.exp(-(x**2) / 2) + tg.sigmoid(x) * np.log1p(x**2))),
        [rng.normal(size=70_001)],
    ),
    "rows of a matrix": (lambda x: np.sum(tg.softmax(x) * np.sin(x)), [rng.normal(size=(1003, 50))]),
    "a row for all": (
        lambda x, row: np.sum(np.tanh(x * row + 1)),
        [rng.normal(size=(1000, 60)), rng.normal(size=60)],
    ),
    "a column for all": (
        lambda x, column: np.sum(np.tanh(x * column)),
        [rng.normal(size=(1000, 60)), rng.normal(size=(1000, 1))],
    ),
    "axes of 1 in front": (
        lambda x: np.sum(np.exp(x) * np.sin(x), axis=(0, 1)) + np.sum(np.exp(x)),
        [rng.normal(size=(1, 40_000, 2))],
    ),
    "largest": (lambda x: np.max(np.sin(x) + np.cos(x)) - np.min(np.cos(x) * 2), [rng.normal(size=50_000)]),
    "through a product": (
        lambda x, w: np.sum(np.tanh(np.sin(x * x) @ w)),
        [rng.normal(size=(2000, 30)), rng.normal(size=(30, 30))],
    ),
    "transposed": (lambda x: np.sum(np.sin(x) * np.exp(x.T) + np.cos(x)), [rng.normal(size=(220, 220))]),
    "its own sum": (lambda x: np.sum(np.exp(x - np.max(x)) / np.sum(np.exp(x))), [rng.normal(size=40_000)]),
    "large result": (lambda x: np.sin(x) * np.cos(x), [rng.normal(size=40_000)]),
}


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("name", CASES)
def test_blocks_compute_what_whole_arrays_do(name: str, threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(division, "TWO_THREADS", 0.0)
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 40_000)
    function, inputs = CASES[name]
    program = program_of(function, inputs, backward=True)
    runner = compile_program(program, threads=threads)
    assert any(isinstance(item, Fusion) for item in runner.plan.items), runner.source
    assert ("on_two_threads" in runner.source) == (threads == 2)
    for _ in range(2):
        for result, output in zip(runner.run(inputs), program.graph.outputs, strict=True):
            np.testing.assert_allclose(result, output.value, rtol=1e-9, atol=1e-12, err_msg=runner.source)


def test_small_arrays_need_no_blocks() -> None:
    runner = compile_program(program_of(lambda x: np.sum(np.sin(x) * np.cos(x)), [np.ones(1000)]))
    assert not any(isinstance(item, Fusion) for item in runner.plan.items)
    assert "def block" not in runner.source


def test_what_only_a_block_needs_has_a_block_of_memory() -> None:
    x = np.linspace(-1, 1, 1_000_000)
    runner = compile_program(program_of(lambda x: np.sum(np.sin(x) * np.cos(x) + np.exp(x)), [x]), threads=1)
    assert runner.cost.buffer_bytes <= 3 * blocks.BLOCK_BYTES
    np.testing.assert_allclose(runner.run([x])[0], np.sum(np.sin(x) * np.cos(x) + np.exp(x)))


def test_variables_are_updated_block_by_block(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 40_000)

    def function(x: Any, w: Any, m: Any) -> Any:
        moment = 0.9 * m + 0.1 * x
        return np.sum(x), [w - 0.01 * moment / (np.sqrt(moment * moment) + 1e-7), moment]

    x, w, m = [rng.normal(size=(500, 200)) for _ in range(3)]
    runner = compile_program(program_of(function, [x], [w, m]))
    variables = [w.copy(), m.copy()]
    runner.run([x], variables)
    _, expected = function(x, w, m)
    for variable, value in zip(variables, expected, strict=True):
        np.testing.assert_allclose(variable, value)
    assert runner.cost.buffer_bytes < w.nbytes / 2


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes do not fork here")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded")
def test_a_forked_process_has_threads_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(division, "TWO_THREADS", 0.0)
    x = np.ones(100_000)
    runner = compile_program(program_of(lambda x: np.sum(np.sqrt(x) * np.sin(x)), [x]), threads=2)
    (expected,) = runner.run([x])
    child = os.fork()
    if child == 0:
        os._exit(0 if runner.run([x])[0] == expected else 1)
    for _ in range(600):
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            assert status == 0
            return
        time.sleep(0.05)
    os.kill(child, signal.SIGKILL)
    pytest.fail("the child waits for a thread that it does not have")


def test_an_error_on_either_thread_reaches_the_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(division, "TWO_THREADS", 0.0)
    x = np.ones(100_000)
    runner = compile_program(program_of(lambda x: np.sum(np.sqrt(x) * np.sin(x)), [x]), threads=2)
    with np.errstate(all="raise"), pytest.raises(FloatingPointError):
        runner.run([-x])
    np.testing.assert_allclose(runner.run([x])[0], np.sum(np.sin(x)))


def of_two_threads() -> dict[str, Any]:
    """The lines of the text about threads, executed."""
    space: dict[str, Any] = {}
    exec("\n".join([*two_threads.THREADING, two_threads.ON_TWO_THREADS]), space)
    return space


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="threads cannot choose their processors here")
def test_each_thread_keeps_to_its_half_of_the_processors_and_the_callers_to_none() -> None:
    space = of_two_threads()
    before = os.sched_getaffinity(0)
    both = threading.Barrier(2)

    def processors() -> set[int]:
        found = os.sched_getaffinity(0)
        both.wait(60)  # neither has ended, so that the other is not late
        return found

    first, second = space["on_two_threads"]((processors,), (processors,))
    assert first | second == os.sched_getaffinity(0) == before
    assert not first & second or len(before) == 1


def test_where_threads_cannot_choose_their_processors_they_run_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*args: Any) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "sched_setaffinity", forbidden, raising=False)
    space = of_two_threads()
    assert space["on_two_threads"]((int, 1), (int, 2)) == [1, 2]


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="threads cannot choose their processors here")
def test_a_late_thread_goes_on_on_the_processors_of_the_other_and_then_on_its_own() -> None:
    space = of_two_threads()
    processors = os.sched_getaffinity

    def late() -> set[int]:
        own, until = processors(0), time.monotonic() + 60
        while processors(0) == own and len(os.sched_getaffinity(os.getpid())) > 1 and time.monotonic() < until:
            time.sleep(0.001)
        return processors(0)

    both = threading.Barrier(2)
    quick = (lambda: (both.wait(60), processors(0))[1],)
    for calls in ((quick, (lambda: (both.wait(60), late())[1],)), ((lambda: (both.wait(60), late())[1],), quick)):
        first, second = space["on_two_threads"](*calls)
        assert first == second
        own = space["on_two_threads"](*[(lambda: (processors(0), both.wait(60))[0],)] * 2)
        assert own[0] | own[1] == processors(0)


def test_a_call_that_has_not_begun_is_made_by_the_thread_that_is_free() -> None:
    space = of_two_threads()
    kept = threading.Event()
    space["pools"][1].submit(kept.wait, 60)  # it is at something else
    try:
        names = space["on_two_threads"]((threading.get_ident,), (threading.get_ident,))
    finally:
        kept.set()
    assert names[0] == names[1]


def test_a_call_that_fails_waits_for_the_other() -> None:
    space = of_two_threads()
    ended: list[int] = []

    def slow() -> None:
        time.sleep(0.05)
        ended.append(1)

    patience = sys.getswitchinterval()
    with pytest.raises(ValueError):
        space["on_two_threads"]((int, "one"), (slow,))
    assert ended == [1] and sys.getswitchinterval() == patience


def test_where_no_thread_can_be_had_the_wait_for_pythons_lock_is_set_back() -> None:
    space = of_two_threads()
    space["pools"][1].shutdown()
    patience = sys.getswitchinterval()
    with pytest.raises(RuntimeError):
        space["on_two_threads"]((int, "1"), (int, "2"))
    assert sys.getswitchinterval() == patience


def test_rows_of_a_single_block_need_no_function_for_blocks() -> None:
    x = np.linspace(-1, 1, 50_000, dtype=np.float32).reshape(500, 100)
    for wide, several in ((x, False), (np.concatenate([x, x]), True)):
        step: Any = tg.compile(lambda x: np.sin(x) * np.exp(x) + np.sum(x * x))
        np.testing.assert_allclose(step(wide), np.sin(wide) * np.exp(wide) + np.sum(wide * wide), rtol=1e-4)
        assert ("def block_" in step.source) == several
