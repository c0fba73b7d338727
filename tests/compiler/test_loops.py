"""Loops: programs whose repeated steps are a loop do the same as those in which every step stands for itself."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygraph as tg
from tests.compiler.programs import one_phase, program_of, recurrent, without
from tinygraph.compiler.phases import PHASES, ROLL
from tinygraph.compiler.pipeline import compile_program
from tinygraph.compiler.rewrites import Phase, Rewrite
from tinygraph.compiler.rewrites.absorbing import absorb_after, absorb_before
from tinygraph.compiler.rewrites.gathering_rows import gather_rows
from tinygraph.compiler.rewrites.gathering_sums import gather_sums
from tinygraph.compiler.rewrites.hoisting import hoist
from tinygraph.compiler.rewrites.joining_stacks import join_stacks
from tinygraph.compiler.rewrites.tidying_loops import tidy_loops

rng = np.random.default_rng(0)
UNROLLED = tuple(phase for phase in PHASES if phase is not ROLL)
REWRITES: tuple[Rewrite, ...] = (join_stacks, absorb_before, absorb_after, tidy_loops, hoist, gather_rows, gather_sums)


def starts(*shapes: tuple[int, ...]) -> list[Any]:
    return [rng.normal(size=shape) * 0.5 for shape in shapes]


def gated(x: Any, w: Any, u: Any, b: Any) -> Any:
    """A network with gates that lie side by side, and two states."""
    size = u.shape[0]
    h, c = np.zeros((x.shape[1], size)), np.zeros((x.shape[1], size))
    for t in range(x.shape[0]):
        z = x[t] @ w + h @ u + b
        i, g, o = z[:, :size], z[:, size : 2 * size], z[:, 2 * size :]
        c = tg.sigmoid(i) * c + np.tanh(g)
        h = tg.sigmoid(o) * np.tanh(c)
    return np.sum(h * h)


def states(x: Any, w: Any, u: Any) -> Any:
    """A network of whose states all are read, and one vector at a time."""
    h = np.zeros(u.shape[0])
    outputs = []
    for row in x:
        h = np.tanh(row @ w + u.T @ h)
        outputs.append(h)
    y = np.stack(outputs)
    return np.sum(y**2) + np.sum(np.sin(y[:, 0]))


def reversed_rows(x: Any, w: Any) -> Any:
    """Rows from the last to the first, what is collected turned round again."""
    outputs, h = [], np.ones(x.shape[1])
    for row in x[::-1]:
        h = np.tanh(row @ w + h)
        outputs.append(h)
    return np.sum(np.stack(outputs[::-1]) * x) + np.sum(np.concatenate(outputs)[:3])


def columns(x: Any, w: Any) -> Any:
    """Columns of a matrix, and numbers of it."""
    h = np.zeros(x.shape[1])
    for j in range(x.shape[0]):
        h = np.tanh(x.T[:, j] @ w + h * x[j, 1])
    return np.sum(h)


def losses(x: Any, w: Any) -> Any:
    """A number that is carried."""
    total, h = 0.0, np.zeros(x.shape[1])
    for t in range(x.shape[0]):
        h = np.tanh(h @ (w * 0.5) + x[t] * np.sum(w))
        total = total + np.sum((h - x[t]) ** 2)
    return total


def runge_kutta(y: Any) -> Any:
    for _ in range(7):
        k1 = -y * y
        k2 = -((y + 0.05 * k1) ** 2)
        y = y + 0.05 * (k1 + k2)
    return np.sum(y)


def leapfrog(u: Any) -> Any:
    """States that are carried over two steps, and a number that counts."""
    a, b = u, u * 0.9
    for t in range(11):
        a, b = b, 2 * b - a + 0.01 * np.sin(b) * t
    return np.sum(a * b)


def nested(x: Any, w: Any) -> Any:
    h = np.ones(w.shape[0])
    for _ in range(6):
        for t in range(5):
            h = np.tanh(h @ w + x[t] * np.mean(x))
        h = h / np.sqrt(np.sum(h * h) + 1.0)
    return np.sum(h * np.arange(float(w.shape[0])))


def stencil(u: Any) -> Any:
    for _ in range(9):
        u = np.concatenate([u[:1], u[1:-1] + 0.1 * (u[2:] - 2 * u[1:-1] + u[:-2]), u[-1:]])
    return np.sum(u**2)


def windows(x: Any, w: Any) -> Any:
    """Windows that overlap."""
    h = np.zeros(())
    for t in range(x.shape[0] - 2):
        h = np.tanh(h + np.sum(x[t : t + 3] * w))
    return h


def decayed(w: Any) -> Any:
    total: Any = 0.0
    for t in range(8):
        total = total + np.sum(np.tanh(w * 0.9**t) * np.cos(t))
    return total


def each_alone(x: Any, w: Any) -> Any:
    """A loop that carries nothing."""
    return np.sum(np.stack([np.sum(np.exp(-(w - row)) * row) for row in x]) ** 2)


def history(w: Any) -> Any:
    """A value of three steps before."""
    hs = [np.zeros(w.shape[0]), np.ones(w.shape[0]), np.full(w.shape[0], 0.5)]
    for _ in range(9):
        hs.append(np.tanh(hs[-1] @ w + hs[-3] * 0.1))
    return sum([np.sum(h**2) for h in hs])


def there_and_back(x: Any, w: Any) -> Any:
    h, outputs = np.zeros(w.shape[0]), []
    for row in x:
        h = np.tanh(row @ w + h)
        outputs.append(h)
    back = np.zeros(w.shape[0])
    for h in outputs[::-1]:
        back = np.tanh(h @ w - back * h)
    return np.sum(back)


def outer_products(x: Any, w: Any, u: Any) -> Any:
    h = np.zeros(u.shape[0])
    for row in x:
        h = np.tanh(h @ u + row @ w) * np.max(row)
    return np.sum(h**3)


CASES: dict[str, tuple[Callable[..., Any], Callable[[int], list[Any]]]] = {
    "recurrent": (recurrent, lambda n: starts((n, 2, 3), (3, 4), (4, 4), (4,))),
    "gated": (gated, lambda n: starts((n, 2, 3), (3, 12), (4, 12), (12,))),
    "states": (states, lambda n: starts((n, 3), (3, 4), (4, 4))),
    "reversed": (reversed_rows, lambda n: starts((n, 3), (3, 3))),
    "columns": (columns, lambda n: starts((n, 3), (3, 3))),
    "losses": (losses, lambda n: starts((n, 3), (3, 3))),
    "runge_kutta": (runge_kutta, lambda n: starts((n,))),
    "runge_kutta of a number": (runge_kutta, lambda n: starts(())),
    "leapfrog": (leapfrog, lambda n: starts((n,))),
    "nested": (nested, lambda n: starts((n + 2, 3), (3, 3))),
    "stencil": (stencil, lambda n: starts((n,))),
    "windows": (windows, lambda n: starts((n + 2, 2), (3, 2))),
    "decayed": (decayed, lambda n: starts((n,))),
    "each alone": (each_alone, lambda n: starts((n, 3), (3,))),
    "history": (history, lambda n: starts((3, 3))),
    "there and back": (there_and_back, lambda n: starts((n, 3), (3, 3))),
    "outer products": (outer_products, lambda n: starts((n, 3), (3, 4), (4, 4))),
}  # fmt: skip


def agree(function: Callable[..., Any], arrays: list[Any], backward: bool, alone: bool = False) -> Any:
    """The runner of a program that does the same rolled, unrolled, and without each rewrite of loops."""
    program = program_of(function, arrays, backward=backward)
    accuracy = 1e-9 if all([array.dtype == np.float64 for array in arrays]) else 2e-3
    ways: dict[str, tuple[Phase, ...]] = {"rolled": (ROLL,), "unrolled": UNROLLED}
    ways |= {f"without {rewrite.__name__}": without(rewrite) for rewrite in REWRITES}
    if alone:
        ways |= {f"{rewrite.__name__} alone": (ROLL, *one_phase(rewrite)) for rewrite in REWRITES}
    runners = {way: compile_program(program, phases=phases) for way, phases in ways.items()}
    runners |= {"without blocks": compile_program(program, blocks=False), "all": compile_program(program)}
    for way, runner in runners.items():
        for _ in range(2):
            for result, output in zip(runner.run(arrays), program.graph.outputs, strict=True):
                message = f"{way}\n{runner.source}"
                np.testing.assert_allclose(result, output.value, rtol=accuracy, atol=accuracy, err_msg=message)
    return runners["all"]


@pytest.mark.parametrize("backward", [False, True])
@pytest.mark.parametrize("name", CASES)
def test_a_loop_does_what_its_steps_do(name: str, backward: bool) -> None:
    function, arrays = CASES[name]
    runner = agree(function, arrays(12), backward, alone=True)
    short = ("each alone", "history", "there and back")
    assert re.search("^    for ", runner.source, re.MULTILINE) or name in short, runner.source


@pytest.mark.parametrize("backward", [False, True])
@pytest.mark.parametrize("name", ["leapfrog", "runge_kutta", "stencil"])
def test_large_arrays_are_gone_over_block_by_block_in_each_iteration(name: str, backward: bool) -> None:
    function, _ = CASES[name]
    runner = agree(function, starts((60_000,)), backward)
    calls = sum([runner.source.count(f"        {call}rows_") for call in ("", "in_two(", "in_turns(")])
    assert calls >= 1 + backward or name == "stencil", runner.source


@pytest.mark.parametrize("count", range(4, 10))
@pytest.mark.parametrize("name", ["gated", "history", "losses", "nested", "recurrent", "reversed", "there and back"])
def test_any_number_of_iterations(name: str, count: int) -> None:
    function, arrays = CASES[name]
    agree(function, arrays(count), backward=True)


@pytest.mark.parametrize("name", sorted(CASES))
def test_single_precision_stays(name: str) -> None:
    function, arrays = CASES[name]
    agree(function, [array.astype(np.float32) for array in map(np.asarray, arrays(7))], backward=True)


@pytest.mark.parametrize("name", sorted({*CASES} - {"stencil", "nested"}))
def test_second_derivatives(name: str) -> None:
    function, arrays = CASES[name]

    def slopes(*tensors: Any) -> Any:
        gradients = tg.grad(function, argnums=tuple(range(len(tensors))))(*tensors)
        return sum([np.sum(np.sin(gradient)) for gradient in gradients])

    agree(slopes, [np.asarray(array) for array in arrays(6)], backward=True)


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 9), st.integers(1, 3), st.integers(1, 3), st.booleans())
def test_any_gated_network(steps: int, batch: int, inputs: int, backward: bool) -> None:
    arrays = [np.random.default_rng(steps).normal(size=s) for s in ((steps, batch, inputs), (inputs, 6), (2, 6), (6,))]
    agree(gated, arrays, backward)


def counted_above(x):
    s = 0 * x
    for i in range(20):
        s = s + (x > 0.1 * i) * x + np.where(x == i * 0.1, x, 0)
    return s


def compared_otherwise(x):
    s = 0 * x
    for i in range(20):
        s = np.sin(s) + np.cos(x) + np.searchsorted(x, 0.1 * i) + np.isclose(x, 0.1 * i, 0, 1e-9) + np.isin(x, 0.1 * i)
    return s


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("function", [counted_above, compared_otherwise])
def test_a_number_of_each_iteration_has_the_dtype_of_the_arrays_beside_it(function, dtype):
    """Beside a float32 0.1 is a float32, which 0.1 as a float64 lies below."""
    x = (np.arange(40) / 10).astype(dtype)
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(tg.compile(function)(x), function(x), rtol=1e-2 if dtype == np.float16 else 1e-5)
