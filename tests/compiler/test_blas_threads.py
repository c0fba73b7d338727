"""Threads of BLAS: which products have several, what a program sets, and that all is as before behind it."""

from __future__ import annotations

import itertools
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygraph as tg
from tests.compiler.programs import in_threads, program_of
from tests.compiler.test_batches import CASES, small_blocks
from tinygraph.compiler.pipeline import compile_program
from tinygraph.compiler.run import products, threads
from tinygraph.compiler.run.products import product_in_pieces
from tinygraph.compiler.run.threads import LOSS, OVERDRAWN, PRODUCT, SWITCHES, Pace, Threads, executed
from tinygraph.compiler.schedule import blas_threads, cuts, division
from tinygraph.compiler.schedule.blas_library import Blas
from tinygraph.compiler.schedule.blas_threads import Load, Setting, saved, setting_of
from tinygraph.compiler.write.tags import surrounded

rng = np.random.default_rng(0)
SIZES = st.integers(2, 3000)


def product(m: int, k: int, n: int, size: int = 8, times: int = 1) -> Any:
    """A product of two matrices, as `load_of` describes it."""
    return 2 * m * k * n, [size * m * k, size * k * n], 1, m, n, size, times


class Noted:
    """A BLAS that notes the numbers that it is set to."""

    def __init__(self, count: int = 4) -> None:
        self.count = count
        self.set: list[int] = []

    def blas(self) -> Blas:
        return Blas(lambda: self.count, self.take, "")

    def take(self, count: int) -> None:
        self.count = count
        self.set.append(count)


@pytest.fixture
def several(monkeypatch: pytest.MonkeyPatch) -> Noted:
    """A BLAS whose threads pay for every product, and are taken to do so at every run."""
    noted = Noted()
    monkeypatch.setattr(blas_threads, "SMALL", 0)
    monkeypatch.setattr(blas_threads, "WORTH", 0.0)
    monkeypatch.setattr(blas_threads, "HANDING", -1e9)
    monkeypatch.setattr(blas_threads, "NARROW", 0)
    monkeypatch.setattr("tinygraph.compiler.run.runner.blas", noted.blas)
    monkeypatch.setattr(Pace, "has_several", lambda self: True)
    return noted


# --- which products ---------------------------------------------------------------------------------------------------


@given(SIZES, SIZES, SIZES, st.sampled_from([4, 8]), st.integers(1, 60), st.integers(0, 2), st.integers(1, 2000))
@settings(max_examples=300, deadline=None)
def test_more_work_is_never_on_fewer_threads(
    m: int, k: int, n: int, size: int, times: int, grown: int, by: int
) -> None:  # fmt: skip
    dims = [m, k, n]
    more = [dim + by * (place == grown) for place, dim in enumerate(dims)]
    assert saved(product(*more, size, times)) >= saved(product(*dims, size, times))
    assert saved(product(*dims, size, times + by)) >= saved(product(*dims, size, times))
    found = [setting_of(Load([[(0, product(*each, size, times))]], False, 0.0)) for each in (dims, more)]
    assert [bool(setting and setting.divided) for setting in found] in ([False, False], [False, True], [True, True])


@given(st.lists(st.tuples(SIZES, SIZES, SIZES), min_size=1, max_size=6), st.floats(0, 1e9), st.floats(0, 1e9))
@settings(max_examples=200, deadline=None)
def test_the_more_a_looking_thread_takes_from_fusions_the_fewer_products_have_several(
    sizes: list[tuple[int, int, int]], price: float, more: float
) -> None:
    work = [(index, product(*each)) for index, each in enumerate(sizes)]
    settings_ = [setting_of(Load([work], False, each)) for each in (price, price + more)]
    first, second = ({*(setting.divided if setting else ())} for setting in settings_)
    assert second <= first


def test_small_products_have_one_thread_and_large_ones_several() -> None:
    def setting(*shapes: tuple[int, ...]) -> Setting | None:
        arrays = [np.ones(shape, np.float32) for shape in shapes]
        return compile_program(program_of(lambda x, w: np.tanh(x @ w), arrays)).setting

    assert setting((10, 5), (5, 6)) is None
    assert setting((150, 64), (64, 16)) == Setting(())
    many = setting((512, 784), (784, 128))
    assert many is not None and len(many.divided) == 1 and not many.groups
    assert setting((20, 12288), (12288, 13)) == Setting(())  # its result is too small to be divided


def test_the_explanation_says_how_many_products_have_several_threads() -> None:
    step = tg.compile(lambda x, w: np.tanh(x @ w))
    step(np.ones((512, 784), np.float32), np.ones((784, 128), np.float32))
    assert "1 product on several threads of BLAS" in str(step.explain())
    step = tg.compile(lambda x, w: np.tanh(x @ w))
    step(np.ones((5, 7)), np.ones((7, 3)))
    assert "threads of BLAS" not in str(step.explain())


def test_a_loop_of_small_products_has_one_thread_beside_a_large_one_with_several() -> None:
    def states(x: Any, w: Any, u: Any) -> Any:
        h = np.zeros((32, 128), np.float32)
        inputs = (x.reshape(-1, 128) @ w).reshape(40, 32, 128)
        for t in range(40):
            h = np.tanh(inputs[t] + h @ u)
        return h

    arrays = [rng.normal(size=shape).astype(np.float32) for shape in ((40, 32, 128), (128, 128), (128, 128))]
    program = program_of(states, arrays)
    setting = compile_program(program, threads=1).setting
    assert setting is not None and len(setting.divided) == len(setting.groups) == 1


def test_products_between_fusions_with_products_have_several_threads_for_themselves(several: Noted) -> None:
    function, arrays = CASES["attention"]
    wide = [np.ones((4, 4))]

    def step(*arrays: Any) -> Any:
        return function(*arrays[:-1]) * np.sum(arrays[-1] @ arrays[-1]) + np.sum(np.tanh(arrays[2] @ arrays[-1]))

    program = program_of(step, [*arrays, *wide], backward=True)
    with small_blocks():
        runner = compile_program(program, threads=2)
    assert runner.setting is not None and runner.setting.groups
    results = runner.run([*arrays, *wide])
    for result, output in zip(results, program.graph.outputs, strict=True):
        np.testing.assert_allclose(result, output.value, rtol=1e-9, atol=1e-12)
    rows = len(runner.setting.groups)
    assert several.set == [1, *[4, 1] * rows, 4]  # one, several for each group, and as before
    assert SWITCHES[0] not in runner.source
    text = executed(runner.text, runner.setting)
    assert text.count(SWITCHES[0]) == text.count(SWITCHES[1]) == rows
    changed = [pair for pair in zip(runner.source.split("\n"), text.split("\n"), strict=True) if len({*pair}) > 1]
    assert all(any(name in line for name in (*SWITCHES, PRODUCT)) for _, line in changed)
    assert "products on several threads of BLAS" not in runner.source


def test_calls_around_statements_leave_every_line_at_its_place() -> None:
    long = ", ".join([f"argument_{number}" for number in range(20)])
    text = f"def f(x):\n    a = g(x)  #@1\n    h({long})  #@2\n\n    return a"
    changed = surrounded(text, [(1, 2)], ("begin", "end")).split("\n")
    assert changed[1] == "    begin(); a = g(x)" and changed[-3] == "    ); end()" and changed[-1] == "    return a"
    assert [line.replace("begin(); ", "").replace("; end()", "") for line in changed] == surrounded(
        text, [], ("begin", "end")
    ).split("\n")


def test_a_product_that_has_several_threads_is_in_pieces_on_one(
    several: Noted, monkeypatch: pytest.MonkeyPatch
) -> None:
    called: list[int] = []

    def noted_product(x: Any, y: Any, out: Any = None) -> Any:
        called.append(several.count)
        return product_in_pieces(x, y, out)

    monkeypatch.setattr(threads, "product_in_pieces", noted_product)
    x, w = rng.normal(size=(64, 784)), rng.normal(size=(784, 128))
    runner = compile_program(program_of(lambda x, w: np.tanh(x @ w) @ w.T, [x, w]))
    for has_several in (True, False, True):
        monkeypatch.setattr(Pace, "has_several", lambda self, has_several=has_several: has_several)
        (result,) = runner.run([x, w])
        np.testing.assert_allclose(result, np.tanh(x @ w) @ w.T, rtol=1e-9, atol=1e-12)
    assert called == [1, 1]
    assert PRODUCT not in runner.source and "np.dot" in runner.source


@given(SIZES, SIZES, SIZES, st.booleans(), st.booleans(), st.booleans(), st.booleans(), st.sampled_from("fd"))
@settings(max_examples=100, deadline=None)
def test_a_product_in_pieces_is_the_product(
    m: int, k: int, n: int, x_turned: bool, y_turned: bool, into: bool, at_once: bool, kind: str
) -> None:  # fmt: skip
    m, k, n = [min(size, 9 if other > 900 else 300) for size, other in zip((m, k, n), (k, n, m), strict=True)]
    x, y = [
        rng.integers(-4, 5, size=shape[::-1] if turned else shape).astype(kind)
        for shape, turned in (((m, k), x_turned), ((k, n), y_turned))
    ]
    x, y = (x.T if x_turned else x), (y.T if y_turned else y)
    out = np.empty((m, n), kind) if into else None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cuts, "multiplies_small_at_once", lambda: at_once)
        patch.setattr(cuts, "AT_ONCE", 3000)
        patch.setattr(products, "_CUTS", {})
        found = product_in_pieces(x, y, out)
    assert found.flags.c_contiguous and found.dtype == x.dtype and (out is None or found is out)
    np.testing.assert_array_equal(found, x @ y)


def test_a_product_in_pieces_of_a_part_of_a_matrix_is_the_product() -> None:
    x, y = rng.normal(size=(128, 800)), rng.normal(size=(800, 260))
    for left, right in ((x[::2, 16:], y[16:, ::2]), (x, y[:, 2]), (x[0], y), (x.T[16:], y[:128]), (x[:, :0], y[:0])):
        np.testing.assert_allclose(product_in_pieces(left, right), left @ right, rtol=1e-9, atol=1e-12)


# --- what a program sets ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("divided", [(), (3,)])
@pytest.mark.parametrize("error", [None, ValueError, KeyboardInterrupt])
def test_the_number_is_as_before_whatever_happens(divided: tuple[int, ...], error: Any) -> None:
    noted, during = Noted(), []
    setting = Threads(noted.blas(), several=bool(divided), throughout=True)

    def step() -> str:
        during.append(noted.count)
        if error is not None:
            raise error
        return "done"

    for _ in range(6):
        if error is None:
            assert setting.run(step, ()) == "done"
        else:
            with pytest.raises(error):
                setting.run(step, ())
        assert noted.count == 4
    assert {*during} == ({1, 4} if divided and error is None else {1})


def test_where_one_thread_is_set_nothing_is_changed() -> None:
    noted = Noted(1)
    setting = Threads(noted.blas(), several=True, throughout=False)
    switches = setting.calls()

    def step() -> None:
        for name in SWITCHES:
            switches[name]()

    setting.run(step, ())
    assert noted.set == [] and noted.count == 1


KINDS = st.tuples(st.booleans(), st.booleans(), st.integers(1, 3))


@given(KINDS, KINDS, st.lists(st.booleans(), min_size=18, max_size=18))
@settings(max_examples=100, deadline=None)
def test_programs_in_two_threads_leave_the_number_as_it_was(first: Any, second: Any, turns: list[bool]) -> None:
    noted = Noted()
    running = [_steps(Threads(noted.blas(), *kind), calls) for *kind, calls in (first, second)]
    for turn in turns:
        next(running[turn], None)
    for left in running:
        list(left)
    assert noted.count == 4


def _steps(program: Threads, calls: int) -> Iterator[int]:
    """A program that runs as far as it is asked to: between its switches, another one may run."""
    at, go_on = threading.Semaphore(0), threading.Semaphore(0)
    switches = program.calls()

    def step() -> None:
        for name in SWITCHES:
            at.release()
            go_on.acquire()
            switches[name]()

    def work() -> None:
        for _ in range(calls):
            program.run(step, ())
        ended.append(True)
        at.release()

    ended: list[bool] = []
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    for count in itertools.count(1):
        at.acquire()
        if ended:
            break
        yield count
        go_on.release()
    thread.join()


def test_two_compiled_functions_in_two_threads() -> None:
    blas = threads.blas()
    if blas is None:
        pytest.skip("NumPy has another BLAS than OpenBLAS")
    before = blas.get_threads()
    x, w = rng.normal(size=(256, 300)), rng.normal(size=(300, 256))
    functions = [tg.compile(lambda x, w: np.tanh(x @ w)), tg.compile(lambda x, w: np.sin(x[:64] @ w))]
    expected = [np.tanh(x @ w), np.sin(x[:64] @ w)]

    def work(which: int) -> None:
        for _ in range(20):
            np.testing.assert_allclose(functions[which](x, w), expected[which], rtol=1e-9, atol=1e-12)

    in_threads(work, 2)
    assert blas.get_threads() == before


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="there is no such signal here")
def test_an_interrupt_leaves_the_number_as_it_was() -> None:
    blas = threads.blas()
    if blas is None:
        pytest.skip("NumPy has another BLAS than OpenBLAS")
    before = blas.get_threads()
    x = rng.normal(size=(600, 600))
    step = tg.compile(lambda x: np.tanh(x @ x) @ x)
    expected = step(x)

    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    kept = signal.signal(signal.SIGALRM, interrupt)
    try:
        with pytest.raises(KeyboardInterrupt):
            signal.setitimer(signal.ITIMER_REAL, 0.02)
            while True:
                step(x)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, kept)
    assert blas.get_threads() == before
    np.testing.assert_allclose(step(x), expected, rtol=1e-9, atol=1e-12)


@given(SIZES.map(lambda size: size % 150 + 1), SIZES.map(lambda size: size % 400 + 1), st.sampled_from("fd"))
@settings(max_examples=25, deadline=None)
def test_values_are_the_same_to_rounding_for_any_number_of_threads(m: int, k: int, dtype: str) -> None:
    blas = threads.blas()
    if blas is None:
        pytest.skip("NumPy has another BLAS than OpenBLAS")
    before = blas.get_threads()
    x, w = rng.normal(size=(m, k)).astype(dtype), rng.normal(size=(k, 150)).astype(dtype)
    runner = compile_program(program_of(lambda x, w: np.sum(np.tanh(x @ w) ** 2), [x, w], backward=True))
    found = []
    try:
        for count in (1, 2, max(os.cpu_count() or 1, 2)):
            blas.set_threads(count)
            found += [runner.run([x, w]) for _ in range(6)]
            assert blas.get_threads() == count
    finally:
        blas.set_threads(before)
    accuracy = 1e-9 if dtype == "d" else 2e-3
    for results in found[1:]:
        for result, first in zip(results, found[0], strict=True):
            np.testing.assert_allclose(result, first, rtol=accuracy, atol=accuracy)


def test_what_a_program_divides_itself_is_computed_by_one_thread_where_that_is_quicker(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(division, "TWO_THREADS", 0.0)
    x = rng.normal(size=100_000)
    runner = compile_program(
        program_of(lambda x: np.sum(np.sqrt(np.abs(x)) * np.sin(x)), [x], backward=True), threads=2
    )
    found, working = [], []
    for several in (True, False, True):
        monkeypatch.setattr(Pace, "has_several", lambda self, several=several: several)
        found.append(runner.run([x]))
        working.append(runner._threads._space["on_two_threads"] is not threads.one_after_the_other)
    assert working == [True, False, True]
    for results in found[1:]:
        for result, first in zip(results, found[0], strict=True):
            np.testing.assert_array_equal(result, first)  # the blocks are the same, whoever computes them


def test_a_program_that_divides_its_work_itself_leaves_one_thread_to_its_products() -> None:
    noted, during = Noted(), []
    program = Threads(noted.blas(), several=False, throughout=True)
    program.bind({threads.OWN: lambda *calls: calls})
    for _ in range(6):
        program.run(lambda: during.append(noted.count), ())
    assert during == [1] * 6 and noted.count == 4


# --- one thread or several, as the runs have shown --------------------------------------------------------------------


ONE = 0.001  # seconds


def times_of(factor: Callable[[bool, int], float], runs: int, one: float = ONE) -> tuple[list[float], list[bool]]:
    """Return the times of some runs, as multiples of one thread's time, and which of them had several threads."""
    pace, taken, ways = Pace(), [], []
    for run in range(runs):
        several = pace.has_several()
        taken.append(factor(several, run))
        ways.append(several)
        pace.note(several, taken[-1] * one)
    return taken, ways


@given(st.lists(st.floats(0.2, 80.0), min_size=1, max_size=60), st.integers(0, 59))
@settings(max_examples=200, deadline=None)
def test_however_long_several_threads_take_all_runs_take_little_longer_than_on_one(
    several: list[float], start: int
) -> None:
    taken, _ = times_of(lambda is_several, run: several[(run + start) % len(several)] if is_several else 1.0, 1500)
    assert sum(taken[1:]) <= (1 + LOSS) * len(taken[1:]) + 2 * max(several) + OVERDRAWN + 1e-6


@given(st.floats(0.3, 1.0), st.floats(0, 600.0), st.integers(4, 900))
@settings(max_examples=100, deadline=None)
def test_what_is_quicker_stays_and_one_late_run_changes_nothing(quick: float, late: float, when: int) -> None:
    _, ways = times_of(lambda several, run: (quick if several else 1.0) + late * (run == when), 1000)
    assert [run for run, several in enumerate(ways) if not several] == [0, 1, 2, 3]


@given(st.floats(0.3, 0.7), st.floats(0, 40.0), st.integers(0, 3))
@settings(max_examples=100, deadline=None)
def test_threads_that_wake_late_after_each_pause_are_used_where_they_save_more(
    quick: float, late: float, when: int
) -> None:
    """A pause stands before every 200 calls, and the first runs with several threads behind it wake them."""
    awake = [True]

    def factor(several: bool, run: int) -> float:
        if run % 200 == when:
            awake[0] = False
        waking = several and not awake[0]
        awake[0] = awake[0] or several
        return (quick if several else 1.0) + late * waking

    taken, ways = times_of(factor, 4000)
    assert ways[4:] == [True] * 3996
    assert sum(taken) < len(taken)


def test_after_a_second_late_run_the_next_is_tried_when_one_is_nearly_paid() -> None:
    _, ways = times_of(lambda several, run: 31.1 if several else 1.0, 2000)
    tried = [run for run, several in enumerate(ways) if several]
    assert tried[1] == tried[0] + 1
    assert all(later - run > 200 for run, later in itertools.pairwise(tried[1:]))


def test_a_late_run_that_is_paid_excuses_no_later_ones() -> None:
    _, ways = times_of(lambda several, run: {4: 100.0}.get(run, 0.5 if run < 1000 else 3.0) if several else 1.0, 1100)
    assert all(ways[4:1000])
    assert sum(ways[1000:]) < 20


def test_some_slower_runs_behind_a_late_one_change_nothing() -> None:
    """So it is with threads that wake: 50 runs late, then four that take longer than on one thread."""
    slow = {4: 50.0, 5: 1.5, 6: 1.3, 7: 1.2, 8: 1.1}
    _, ways = times_of(lambda several, run: slow.get(run, 0.5) if several else 1.0, 1000)
    assert all(ways[4:])


def test_a_run_that_makes_something_first_shows_nothing() -> None:
    pace = Pace()
    for _ in range(20):
        pace.note(pace.has_several(), 0.001)
    pace.begin()
    pace.note(pace.has_several(), 5.0)
    assert pace.has_several()


def test_one_long_run_shows_how_long_one_thread_takes() -> None:
    _, ways = times_of(lambda several, run: 0.6 if several else 1.0, 100, one=0.3)
    assert [run for run, several in enumerate(ways) if not several] == [0, 1]


def test_several_threads_are_tried_again_when_the_other_work_has_ended() -> None:
    _, ways = times_of(lambda several, run: (30.0 if run < 500 else 0.6) if several else 1.0, 3000)
    assert sum(ways[:500]) < 10 and all(ways[-1000:])


def test_no_time_is_taken_where_there_is_nothing_to_choose(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "perf_counter", lambda: pytest.fail("a clock"))
    Threads(Noted().blas(), several=False, throughout=True).run(time.sleep, (0,))


@pytest.mark.parametrize("shapes", [((3, 0), (0, 2)), ((0, 3), (3, 2)), ((3, 2), (2, 0))])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_products_of_empty_matrices_are_compiled(shapes, dtype):
    x, y = [np.ones(shape, dtype) for shape in shapes]
    found = tg.compile(lambda x, y: x @ y)(x, y)
    np.testing.assert_array_equal(found, x @ y, strict=True)
    slopes = tg.grad(lambda x, y: np.sum(np.tanh(x @ y) + 1), (0, 1))
    for one, other in zip(tg.compile(slopes)(x, y), slopes(x, y), strict=True):
        np.testing.assert_array_equal(one, other, strict=True)
