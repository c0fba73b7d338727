"""The memory of a program begins on lines of the cache."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.compiler.programs import program_of
from tests.loading import loaded
from tinygraph.compiler.memory.lines import middle_of, on_lines
from tinygraph.compiler.pipeline import compile_program
from tinygraph.compiler.run.runner import Runner
from tinygraph.compiler.saving import save_program


@given(
    st.lists(st.integers(1, 7), max_size=3).map(tuple),
    st.sampled_from([np.float32, np.float64, np.int8, np.complex128]),
    st.integers(0, 300),
)
def test_any_element_may_begin_a_line(shape: tuple[int, ...], dtype: Any, element: int) -> None:
    array = on_lines(shape, dtype, element)
    assert array.shape == shape
    assert array.dtype == dtype
    assert array.flags.c_contiguous
    assert array.flags.writeable
    assert (array.ctypes.data + element * array.itemsize) % 64 == 0
    array[...] = 1


x = np.linspace(-1, 1, 2000 * 301).reshape(2000, 301)
row, column = np.ones((1, 2000)), np.ones((2000, 1))


@pytest.mark.parametrize(
    ("first", "second", "middle"),
    [
        (row, x, 151),  # rows are added up
        (np.ones(2000), x, 151),
        (x.T, column, 151),
        (x.T, np.ones(2000), 151),
        (x, np.ones(301), 0),  # each row gives one number
        (np.ones(301), x.T, 0),
        (row[:, :100], x[:100], 0),  # for one thread
        (x.T, x, 0),
        (row.astype(np.float32), x, 0),
        (np.ones(2000), np.ones(2000), 0),
        (np.ones((2000, 1)), np.ones((1, 301)), 0),
        (row.astype(int), x.astype(int), 0),
    ],
)
def test_two_threads_meet_in_the_middle_of_a_sum_of_rows(first: Any, second: Any, middle: int) -> None:
    assert middle_of(first, second, np.dtype(np.float64)) == middle


def address_of(runner: Runner, name: str, variables: Any = ()) -> int:
    """Return the address of a value that the program has memory for."""
    space = runner._space(variables, [])
    exec(runner._code, space)
    return int(space[name].ctypes.data)


def weighted(x: Any, w: Any) -> Any:
    """A sum of rows, and a larger value that may lie in the same memory later."""
    z = np.tanh(w @ x)
    return np.sum(np.sin(x @ z) * 2) + np.sum(z)


def test_a_product_of_two_threads_has_its_middle_on_a_line(tmp_path: Path) -> None:
    w = np.linspace(-1, 1, 2000)
    program = program_of(weighted, [x, w])
    expected = weighted(x, w)
    runner = compile_program(program, threads=2)
    assert "on_lines(" in runner.source
    name = next(line.rpartition("out=")[2].rstrip(")") for line in runner.source.splitlines() if "np.dot(" in line)
    assert (address_of(runner, name) + 151 * 8) % 64 == 0
    np.testing.assert_allclose(runner.run([x, w])[0], expected)
    assert "on_lines" not in compile_program(program, threads=1).source

    save_program(tmp_path / "weighted.py", runner)
    text = (tmp_path / "weighted.py").read_text()
    assert "tinygraph" not in text.partition("\n")[2]
    assert "def on_lines(" in text
    module = loaded(tmp_path / "weighted.py")
    np.testing.assert_allclose(module.step(x, w)[0], expected)


def test_large_memory_and_that_of_blocks_begins_a_line() -> None:
    a = np.linspace(-1, 1, 100_000)
    for blocks in (True, False):
        runner = compile_program(program_of(lambda x: np.sum(np.sin(x) * np.exp(x)), [a]), blocks=blocks, threads=1)
        name = next(
            line.split()[0].strip(",")
            for line in runner.source.splitlines()
            if "= on_lines(" in line or "(on_lines(" in line
        )
        assert address_of(runner, name) % 64 == 0
        np.testing.assert_allclose(runner.run([a])[0], np.sum(np.sin(a) * np.exp(a)))


def test_small_memory_begins_where_numpy_says() -> None:
    a = np.linspace(-1, 1, 1000)
    runner = compile_program(program_of(lambda x: np.sum(np.sin(x) * np.exp(x)), [a]))
    assert "on_lines" not in runner.source
    assert "np.empty(1000)" in runner.source


def test_a_value_of_the_users_may_be_called_on_lines() -> None:
    a = np.linspace(-1, 1, 100_000)

    def function(x: Any) -> Any:
        on_lines = np.sin(x)
        return np.sum(on_lines * np.exp(x))

    runner = compile_program(program_of(function, [a]), threads=1)
    np.testing.assert_allclose(runner.run([a])[0], function(a))
