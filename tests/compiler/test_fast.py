"""`tg.compile(fast=True)`: programs whose runs are loops compute what they do with NumPy's calls.

Python runs the loops; where numba is installed, they are machine code, too.
"""

from __future__ import annotations

import builtins
import contextlib
import importlib.util
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import tinygraph as tg
from tests.compiler.loops_in_python import in_python
from tests.compiler.test_random_programs import ACCURACY, programs
from tinygraph.compiler.fast import engine
from tinygraph.compiler.fast.loops import Loop

has_numba = importlib.util.find_spec("numba") is not None
native = pytest.mark.parametrize(
    "native", [False, pytest.param(True, marks=pytest.mark.skipif(not has_numba, reason="numba is not installed"))]
)


@contextlib.contextmanager
def loops(native: bool, made: list[Loop] | None = None) -> Iterator[None]:
    """Loops of small arrays, too, in Python or in machine code."""
    if not native:
        with in_python(made):
            yield
        return
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine, "FEWEST", 64)
        patch.setattr(engine, "FEWEST_REPEATED", 64)
        yield


@given(programs(), st.integers(0, 9))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_made_up_programs(case: Any, seed: int) -> None:
    function, arrays, dtype = case
    transformed = tg.value_and_grad(function, tuple(range(len(arrays))))
    random = np.random.default_rng(seed)
    calls = [arrays, [random.normal(size=x.shape).astype(dtype) for x in arrays], arrays]
    plain = tg.compile(transformed, otherwise="eager")
    with in_python():
        fast = tg.compile(transformed, otherwise="eager", fast=True)
        for given_ in calls:
            expected, found = plain(*given_), fast(*given_)
            for one, other in zip([found[0], *found[1]], [expected[0], *expected[1]], strict=True):
                assert (one.shape, one.dtype) == (other.shape, other.dtype)
                if np.all(np.isfinite(other)):
                    accuracy = ACCURACY[dtype] * (1 + float(np.max(np.abs(other), initial=0)))
                    np.testing.assert_allclose(one, other, rtol=ACCURACY[dtype], atol=accuracy)


def trained(kind: str, fast: bool, steps: int = 3) -> list[Any]:
    """Losses of some training steps, and the weights after them."""
    random = np.random.default_rng(0)
    layers = {
        "dense": [tg.nn.Dense(12, activation="tanh", seed=0), tg.nn.Dense(3, seed=1)],
        "lstm": [tg.nn.LSTM(5, seed=0), tg.nn.Dense(3, seed=1)],
        "gru": [tg.nn.GRU(5, seed=0, return_sequences=True), tg.nn.GRU(4, seed=2), tg.nn.Dense(3, seed=1)],
        "normalised": [tg.nn.Dense(12, seed=0), tg.nn.BatchNormalization(), tg.nn.ReLU(), tg.nn.Dense(3, seed=1)],
        "images": [
            tg.nn.Conv2D(4, 3, seed=0),
            tg.nn.ReLU(),
            tg.nn.MaxPooling2D(),
            tg.nn.Flatten(),
            tg.nn.Dense(3, seed=1),
        ],
    }[kind]
    shape = {"dense": (8, 10), "normalised": (8, 10), "images": (8, 6, 6, 2)}.get(kind, (8, 4, 6))
    model = tg.nn.Sequential(layers)
    x, y = random.normal(size=shape).astype(np.float32), random.normal(size=(8, 3)).astype(np.float32)
    model(x)
    optimizer = tg.optim.Adam(model.parameters())

    def step(x: Any, y: Any) -> Any:
        loss = np.mean((model(x) - y) ** 2)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    compiled = tg.compile(step, fast=fast)
    losses = [compiled(x, y) for _ in range(steps)]
    return [*losses, compiled(x[:5], y[:5]), *[parameter.data.copy() for parameter in model.parameters()]]


@native
@pytest.mark.parametrize("kind", ["dense", "lstm", "gru", "normalised", "images"])
def test_training_is_the_same(kind: str, native: bool) -> None:
    made: list[Loop] = []
    expected = trained(kind, fast=False)
    with loops(native, made):
        found = trained(kind, fast=True)
    assert native or made
    for plain, fast in zip(expected, found, strict=True):
        np.testing.assert_allclose(fast, plain, rtol=2e-5, atol=2e-6)


@native
def test_what_is_read_behind_an_update_is_written(native: bool) -> None:
    def updated(fast: bool) -> list[Any]:
        random = np.random.default_rng(1)
        parameters = [tg.Tensor(random.normal(size=40 + size)) for size in range(3)]
        squares, last = [[tg.Tensor(np.ones(w.shape), requires_grad=False) for w in parameters] for _ in range(2)]

        def step(x: Any) -> Any:
            loss = sum(np.sum(w * w * w * x) for w in parameters)
            loss.backward()
            moved = []
            for w, v in zip(parameters, squares, strict=True):
                v.assign(0.9 * v.data + 0.1 * np.square(w.grad))
                move = 0.1 * w.grad / (np.sqrt(v.data) + 0.1)
                w.assign(w.data - move)
                moved.append((move, w.grad))
                w.grad = None
            for before, (move, g) in zip(last, moved, strict=True):
                before.assign(0.5 * before.data + np.sqrt(np.square(move)) + g)
            return loss

        compiled = tg.compile(step, fast=fast)
        for x in (1.0, 2.0, 3.0):
            compiled(x)
        assert "def update_1(" in compiled.source
        return [item.data.copy() for item in (*parameters, *squares, *last)]

    expected = updated(False)
    with loops(native):
        for plain, fast in zip(expected, updated(True), strict=True):
            assert np.array_equal(plain, fast)


@native
def test_the_state_of_a_program_is_kept_between_its_calls(native: bool) -> None:
    """A Tensor that a step only writes, and one that it reads before: both are the caller's, and no scratch."""
    kept, total = tg.Tensor(np.zeros((6, 50))), tg.Tensor(np.zeros((6, 50)))

    def step(x: Any) -> Any:
        doubled = x * 2
        kept.assign(doubled + 1)
        total.assign(total.data + doubled * doubled)
        return np.sum(doubled)

    with loops(native):
        compiled = tg.compile(step, fast=True)
        for count in range(1, 4):
            x = np.full((6, 50), float(count))
            compiled(x)
            assert np.all(kept.data == 2 * count + 1)
            assert np.all(total.data == 4 * sum(number * number for number in range(1, count + 1)))


@native
def test_elements_that_are_written_and_read(native: bool) -> None:
    def function(x: Any, y: Any) -> None:
        x[...] = x + 1
        x[...] = x * 2
        y[...] = y * x[0, 0]
        y[...] = y + x[0, 1]
        x[0, 0] = 1.0
        x[0, 1] = 2.0
        x[1] = 3.0
        y[...] = y + x[0, 0]
        y[...] = y + x[1]

    with loops(native):
        compiled = tg.compile(function, fast=True)
        for _ in range(2):
            given_ = [np.arange(100.0).reshape(2, 50), np.ones((2, 50))]
            expected = [item.copy() for item in given_]
            function(*expected)
            compiled(*given_)
            assert all(map(np.array_equal, given_, expected))


@native
def test_a_value_that_a_loop_carries_in_another_shape(native: bool) -> None:
    def function(a: Any, u: Any) -> Any:
        b, total = a.reshape(3, 8), 0.0
        for _ in range(60):
            z = np.tanh(a + b.reshape(6, 4)) @ u
            total = total + np.sum(z**3)
            a, b = z, z.reshape(3, 8)
        return np.sum(a) + np.sum(b**2) + total

    random = np.random.default_rng(0)
    x, u = random.normal(size=(6, 4)) * 0.3, random.normal(size=(4, 4)) * 0.5
    gradient = tg.grad(function)
    with loops(native), pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine, "FEWEST_REPEATED", 0)
        compiled = tg.compile(gradient, fast=True)
        for _ in range(2):
            np.testing.assert_allclose(compiled(x, u), gradient(x, u), rtol=1e-9, atol=1e-12)


@native
def test_results_are_the_callers(native: bool) -> None:
    with loops(native):
        compiled = tg.compile(tg.grad(lambda x: np.sum(np.tanh(x) * np.exp(x))), fast=True)
        x = np.linspace(-1, 1, 300).reshape(6, 50)
        first = compiled(x)
        copy = first.copy()
        second = compiled(-x)
        assert np.array_equal(first, copy)
        for given_, found in ((x, first), (-x, second)):
            np.testing.assert_allclose(found, np.exp(given_) * (np.tanh(given_) + 1 - np.tanh(given_) ** 2), rtol=1e-12)


@native
def test_arguments_may_lie_in_memory_in_any_way(native: bool) -> None:
    def function(x: Any, y: Any) -> Any:
        return np.sum(np.sqrt(x * x + y * y) * np.maximum(x, y))

    whole = np.random.default_rng(0).normal(size=(20, 40))
    plain, cases = tg.compile(tg.grad(function, (0, 1))), [
        (whole[:10, :20], whole[10:, 20:]), (whole[:10, :20], whole[:10, :20]), (whole.T[:10, :20], whole[:10, :20]),
        (whole[::2, ::2], whole[9::-1, 19::-1]), (np.broadcast_to(whole[0, :20], (10, 20)), whole[:10, :20]),
        (whole[:10, :20], whole[1:11, :20]), (np.asfortranarray(whole[:10, :20]), whole[:10, :20].copy()),
    ]  # fmt: skip
    with loops(native):
        fast = tg.compile(tg.grad(function, (0, 1)), fast=True)
        for x, y in [*cases, *cases[::-1]]:
            for one, other in zip(fast(x, y), plain(x, y), strict=True):
                np.testing.assert_allclose(one, other, rtol=1e-12)


@native
def test_fit_has_machine_code_where_it_is_asked_for(native: bool, monkeypatch: Any) -> None:
    found, made = [], []
    for asked in ("auto", True):
        tg.nn.set_seed(0)
        model = tg.nn.Sequential([tg.nn.Dense(6, activation="tanh"), tg.nn.Dense(3, activation="softmax")])
        x = np.random.default_rng(0).normal(size=(40, 5)).astype(np.float32)
        with loops(native, made):
            monkeypatch.setattr("tinygraph.training.fitting.find_spec", lambda name: name == "numba")
            model.compile("adam", "sparse_categorical_crossentropy", jit_compile=asked)
            found.append(model.fit(x, np.arange(40) % 3, batch_size=8, epochs=2, verbose=0).history["loss"])
            assert bool(made) == (asked is True and not native)
    np.testing.assert_allclose(*found, rtol=1e-5)
    monkeypatch.setattr("tinygraph.training.fitting.find_spec", lambda name: None)
    model.compile("adam", "sparse_categorical_crossentropy", jit_compile=True)
    model.fit(x, np.arange(40) % 3, verbose=0)


def test_without_numba_the_error_says_what_to_install(monkeypatch: Any) -> None:
    imported = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name == "numba":
            raise ImportError(name)
        return imported(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ImportError, match=r"pip install tinygraph\[fast\]"):
        tg.compile(fast=True)


@native
def test_errors_that_are_asked_for_are_raised(native: bool) -> None:
    def logarithm(x: Any) -> Any:
        return np.log(x) * 2 + 1

    x = np.linspace(1, 2, 1000)
    made: list[Loop] = []
    with loops(native, made):
        step = tg.compile(logarithm, fast=True)
        for _ in range(2):
            with np.errstate(invalid="raise"):
                np.testing.assert_allclose(step(x), logarithm(x), rtol=1e-15)
                with pytest.raises(FloatingPointError, match="invalid value encountered in log"):
                    step(-x)
            assert np.isnan(step(-x)).all()
            np.testing.assert_allclose(step(x), logarithm(x), rtol=1e-15)
    assert native or len(made) == 1
