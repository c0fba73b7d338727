"""Large results are computed into the memory of earlier ones, once nobody has them any more, and never before."""

from __future__ import annotations

import gc
import sys
import tracemalloc
import warnings
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinygraph as tg
from tests.compiler.programs import in_threads
from tests.loading import loaded
from tinygraph.compiler.memory.lines import KEPT_BYTES, memory_for

pytestmark = pytest.mark.skipif(sys.implementation.name != "cpython", reason="references are counted by CPython")

SIZE = KEPT_BYTES // 8
x = np.linspace(-1, 1, SIZE)


def compiled() -> Callable[[Any], Any]:
    """A function with a large result."""
    return tg.compile(lambda x: np.sin(x) * np.exp(x))


HOLDERS: dict[str, Callable[[Any], Any]] = {
    "itself": lambda result: result,
    "a view": lambda result: result[5:-5],
    "a view of a view": lambda result: result.reshape(2, -1).T[3:],
    "other numbers": lambda result: result.view(np.int64),
    "a memoryview": memoryview,
    "an array of a memoryview": lambda result: np.frombuffer(memoryview(result)),
    "a function": lambda result: lambda: result,
    "an iterator": lambda result: iter([result]),
}


def numbers_in(holder: Any) -> Any:
    """Return the numbers that a holder of a result sees."""
    if callable(holder):
        return holder()
    return np.asarray(holder) if isinstance(holder, np.ndarray | memoryview) else next(holder)


@pytest.mark.parametrize("name", HOLDERS)
def test_a_result_that_somebody_has_stays_what_it_is(name: str) -> None:
    function = compiled()
    result = function(x)
    expected = numbers_in(HOLDERS[name](result.copy()))
    address = result.ctypes.data
    holder = HOLDERS[name](result)
    del result
    for place in range(4):
        later = function(x + place)
        assert later.ctypes.data != address
        np.testing.assert_allclose(later, np.sin(x + place) * np.exp(x + place))
    np.testing.assert_array_equal(numbers_in(holder), expected)


def test_a_loop_goes_on_in_the_memory_of_two_results() -> None:
    function = compiled()
    places = set()
    result = function(x)
    for _ in range(6):
        result = function(x)
        places.add(result.ctypes.data)
    assert len(places) == 2
    for _ in range(3):
        del result
        result = function(x)
        assert result.ctypes.data in places


def test_what_was_done_to_an_earlier_result_does_not_matter() -> None:
    function = compiled()
    result = function(x)
    gone = weakref.ref(result)
    result.flags.writeable = False
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # NumPy 2.5 would rather have a view made
        result.shape = (2, -1)
    del result
    gc.collect()
    assert gone() is None
    again = function(x)
    assert again.shape == x.shape
    assert again.flags.writeable
    np.testing.assert_allclose(again, np.sin(x) * np.exp(x))


def test_a_steady_step_allocates_no_large_result() -> None:
    w = tg.Tensor(np.zeros(SIZE), name="w")

    @tg.compile
    def step(x: Any) -> Any:
        loss = np.sum(np.tanh(w * x + 1))
        w.grad = None
        loss.backward()
        w.assign(w.data - 0.1 * w.grad)
        return loss

    for _ in range(3):
        step(x)
    kept, value = w.grad, w.grad.copy()
    tracemalloc.start()
    try:
        step(x)
        step(x)  # allocates, as `kept` and `w` have both
        before, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        for _ in range(3):
            step(x)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak - before < KEPT_BYTES / 2
    np.testing.assert_array_equal(kept, value)


def test_several_threads_have_results_of_their_own() -> None:
    function = compiled()
    wrong: list[int] = []

    def work(seed: int) -> None:
        for place in range(5):
            shift = seed + place / 10
            result = function(x + shift)
            if not np.allclose(result, np.sin(x + shift) * np.exp(x + shift)):
                wrong.append(seed)

    in_threads(work, 4)
    assert not wrong


def test_a_saved_file_keeps_memory_too(tmp_path: Path) -> None:
    function: Any = compiled()
    function(x)
    function.save(tmp_path / "large.py")
    text = (tmp_path / "large.py").read_text()
    assert text.count("import sys\n") == 1
    module = loaded(tmp_path / "large.py")
    first = module.step(x)
    value, place = first.copy(), first.ctypes.data
    second = module.step(x + 1)
    np.testing.assert_array_equal(first, value)
    del first, second
    assert module.step(x).ctypes.data == place


def test_small_results_are_new() -> None:
    function: Any = tg.compile(lambda x: np.sin(x) * np.exp(x))
    function(x[:1000])
    assert "memory_for" not in function.source


def test_at_most_two_are_kept() -> None:
    kept: list[Any] = []
    arrays = [memory_for(kept, (3, 4), np.float32) for _ in range(5)]
    assert len({array.ctypes.data for array in arrays}) == 5
    assert all(array.ctypes.data % 64 == 0 and array.shape == (3, 4) and array.dtype == np.float32 for array in arrays)
    assert len(kept) == 2
