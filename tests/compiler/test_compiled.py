"""Calls of a compiled function: what changes outside is seen, and each signature has its program."""

from __future__ import annotations

import copy
import functools
import pickle
import sys
import threading
import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

import tinygraph as tg
from tinygraph import draws

X = np.linspace(-1.5, 2.0, 12).reshape(4, 3)


scale = 2.0
table = np.arange(3.0)


def scaled(x):
    return x * scale + table + helper(x)


def helper(x):
    return x * offset["by"]


offset = {"by": 1.0, "other": 0}


def test_what_changes_outside_is_seen(compile_):
    global scale, table
    compiled = compile_(scaled)
    kept = (scale, table)
    try:
        np.testing.assert_array_equal(compiled(X), scaled(X))
        table[1] = 10.0  # in place: the same program
        np.testing.assert_array_equal(compiled(X), scaled(X))
        assert len(compiled.signatures) == 1
        offset["other"] = 5  # conservative: a container that the code names
        scale = 3.0
        np.testing.assert_array_equal(compiled(X), scaled(X))
        offset["by"] = -1.0
        np.testing.assert_array_equal(compiled(X), scaled(X))
        table = np.full(3, 7.0)
        np.testing.assert_array_equal(compiled(X), scaled(X))
    finally:
        scale, table = kept
        table[1] = 1.0
        offset.update(by=1.0, other=0)


def test_closures_methods_and_lists_are_seen(compile_):
    class Model:
        def __init__(self):
            self.weights = [np.ones(3), np.full(3, 2.0)]
            self.power = 2
            self.history = []

        def __call__(self, x):
            return sum(x**self.power * w for w in self.weights)

    model, shift = Model(), 1.0

    def f(x):
        return model(x) + shift

    compiled = compile_(f)
    np.testing.assert_allclose(compiled(X), f(X), rtol=1e-12)
    model.history.append(1)  # no code names it
    np.testing.assert_allclose(compiled(X), f(X), rtol=1e-12)
    assert len(compiled.signatures) == 1
    model.weights[0][:] = 5
    np.testing.assert_allclose(compiled(X), f(X), rtol=1e-12)
    model.weights.append(np.zeros(3) + 4)
    np.testing.assert_allclose(compiled(X), f(X), rtol=1e-12)
    model.power = 3
    np.testing.assert_allclose(compiled(X), f(X), rtol=1e-12)
    shift = 2.0
    np.testing.assert_allclose(compiled(X), f(X), rtol=1e-12)
    assert len(compiled.signatures) == 4


def test_an_object_as_an_argument_is_looked_into(compile_):
    class Model:
        def __init__(self, w):
            self.w, self.times = tg.Tensor(w), 2

    def apply(model, x):
        return (x @ model.w) * model.times

    compiled = compile_(apply)
    first, second = Model(np.ones(3)), Model(np.zeros(3))
    for model in (first, second, first):
        np.testing.assert_allclose(compiled(model, X), apply(model, X).data)
    assert len(compiled.signatures) == 2
    first.times = 3
    first.w.assign(np.full(3, 2.0))
    np.testing.assert_allclose(compiled(first, X), apply(first, X).data)


def test_arrays_and_results_keep_their_values(compile_):
    start = np.ones(3)
    w = tg.Tensor(start)
    before = w.data

    def step(x):
        w.assign(w.data + x)
        return w.data, w.data * 1, x

    compiled = compile_(step)
    results = [compiled(np.full(3, float(call))) for call in range(3)]
    assert start.tolist() == before.tolist() == [1.0] * 3
    assert [result[0].tolist() for result in results] == [[1.0] * 3, [2.0] * 3, [4.0] * 3]
    assert [result[1].tolist() for result in results] == [[1.0] * 3, [2.0] * 3, [4.0] * 3]
    w.assign(np.zeros(3))
    assert compiled(np.ones(3))[0].tolist() == [1.0] * 3
    w.data[0] = 10
    assert compiled(np.ones(3))[0].tolist() == [11.0, 2.0, 2.0]


def test_an_older_graph_refuses_to_go_backward_after_a_compiled_update(compile_):
    w = tg.Tensor(np.ones(3), name="w")
    compiled = compile_(lambda x: w.assign(w.data + x))
    loss = np.sum(w * w)
    compiled(np.ones(3))
    with pytest.raises(tg.GraphError, match="w was assigned a new value"):
        loss.backward()
    np.sum(w * w).backward()
    assert w.grad.tolist() == [4.0] * 3


def test_generators_as_arguments_and_replaced(compile_):
    class Noise:
        def __init__(self):
            self.rng = np.random.default_rng(5)

    noise = Noise()

    def f(x, rng):
        return x + draws.normal(rng, x.shape) + draws.uniform(noise.rng, x.shape)

    compiled = compile_(f)
    for seed in (1, 1, 2):
        noise.rng = np.random.default_rng(9)
        expected = f(X, np.random.default_rng(seed))
        noise.rng = np.random.default_rng(9)
        np.testing.assert_array_equal(compiled(X, np.random.default_rng(seed)), expected)


def test_one_number_is_drawn_in_the_dtype_that_is_asked_for(compile_):
    one, twin = np.random.default_rng(0), np.random.default_rng(0)
    for dtype in (np.float32, np.float64):
        f = compile_(lambda x, dtype=dtype: (draws.normal(one, (), dtype), x * draws.uniform(one, (), dtype)))
        drawn, scaled = f(X.astype(np.float32))
        assert drawn == draws.normal(twin, (), dtype)
        expected = X.astype(np.float32) * draws.uniform(twin, (), dtype)
        assert scaled.dtype == expected.dtype
        np.testing.assert_array_equal(scaled, expected)


def test_a_draw_that_nobody_uses_still_moves_the_stream(compile_):
    ours, theirs = np.random.default_rng(0), np.random.default_rng(0)

    def f(x, rng):
        draws.uniform(rng, (3,))
        return x + draws.uniform(rng, (3,))

    compiled = compile_(f)
    for _ in range(3):
        np.testing.assert_array_equal(compiled(X, theirs), f(X, ours))


def test_signatures_and_static_arguments(compile_):
    @compile_(static_argnames="axes")
    def f(x, axes, mode="sum", *, scale=1.0):
        """Sum or average."""
        return (np.sum if mode == "sum" else np.mean)(x, axis=axes) * scale

    np.testing.assert_array_equal(f(X, (0,)), X.sum(axis=0))
    np.testing.assert_array_equal(f(X, (1,)), X.sum(axis=1))
    np.testing.assert_array_equal(f(X, (0,), "mean"), X.mean(axis=0))
    np.testing.assert_array_equal(f(X, (0,), mode="mean", scale=2.0), 2 * X.mean(axis=0))
    np.testing.assert_array_equal(f(X, (0,), mode="mean", scale=3.0), 3 * X.mean(axis=0))
    np.testing.assert_array_equal(f(X.astype(np.float32), (0,)), X.astype(np.float32).sum(axis=0))
    assert f.__name__ == "f"
    assert f.__doc__ == "Sum or average."
    assert f.signatures[0] == "x: float64(4, 3), axes: (0,)"
    assert f.signatures[3] == "x: float64(4, 3), axes: (0,), mode: 'mean', scale: float"
    assert f.signatures[4] == "x: float32(4, 3), axes: (0,)"
    f.clear()
    assert f.signatures == ()


def test_ints_are_part_of_the_signature_and_numpys_numbers_are_not(compile_):
    compiled = compile_(lambda x, n: x[:2] * n)
    for n in (2, 3, np.int64(2), np.int64(3), True, 1):
        np.testing.assert_array_equal(compiled(X, n), X[:2] * n)
    assert len(compiled.signatures) == 5


def test_the_cache_has_a_bound_and_says_when_it_thrashes(compile_):
    compiled = compile_(lambda x, n: x * len(range(n)), maxsize=3)
    for n in range(3):
        compiled(X, n)
    with pytest.warns(RuntimeWarning, match="compiled more than 3 times.*floats, not ints.*maxsize") as caught:
        compiled(X, 3)
    assert [Path(warning.filename).parent for warning in caught] == [Path(__file__).parent]  # the line that calls
    assert [line[-1] for line in compiled.signatures] == ["1", "2", "3"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        compiled(X, 2)
        compiled(X, 4)


def test_the_warning_says_what_changes_outside():
    counter = {"n": 0}
    compiled = tg.compile(lambda x: x * len(range(counter["n"])), maxsize=2)  # it steers, and is no counter
    with pytest.warns(RuntimeWarning, match=r"counter\['n'\] was 1 and is 2"):
        for n in range(3):
            counter["n"] = n
            np.testing.assert_array_equal(compiled(X), X * n)


class Pair(NamedTuple):
    first: object
    second: object


def test_nests_keep_their_structure(compile_):
    def f(pair, items):
        return Pair(pair.second, [items["a"][0] + 1, None]), {"x": (pair.first,)}

    result, named = compile_(f)(Pair(X, 2.0), {"a": [X]})
    assert type(result) is Pair
    assert isinstance(named["x"], tuple)
    assert result.first == 2.0
    np.testing.assert_array_equal(result.second[0], X + 1)


def test_methods_and_no_grad(compile_):
    class Model:
        def __init__(self, w):
            self.w = tg.Tensor(w)

        @tg.compile
        def predict(self, x):
            assert (x @ self.w).requires_grad is recording[0]
            return x @ self.w

    recording = [True]
    model = Model(np.ones(3))
    np.testing.assert_array_equal(model.predict(X), X.sum(axis=1))
    recording[0] = False
    with tg.no_grad():
        np.testing.assert_array_equal(model.predict(X), X.sum(axis=1))


def test_mistakes_in_calls():
    with pytest.raises(TypeError, match="expected a function"):
        tg.compile(3)
    with pytest.raises(TypeError, match="has no argument 'mode'"):
        tg.compile(lambda x: x, static_argnames="mode")
    with pytest.raises(ValueError, match="maxsize"):
        tg.compile(lambda x: x, maxsize=0)
    with pytest.raises(tg.GraphError, match="has not been called"):
        tg.compile(lambda x: x).source  # noqa: B018
    with pytest.raises(TypeError, match="set, which cannot be told apart"):
        tg.compile(lambda x: x)({1})
    with pytest.raises(TypeError, match=r"MaskedArray.*plain array"):
        tg.compile(lambda x: x)(np.ma.array([1.0]))
    with pytest.raises(tg.ShapeError, match="matmul"):
        tg.compile(lambda x: tg.Tensor(x) @ np.ones(5))(X)


def test_detect_nonfinite_runs_eagerly():
    compiled = tg.compile(lambda x: np.log(tg.Tensor(x)))
    with np.errstate(all="ignore"), tg.detect_nonfinite(), pytest.raises(tg.NonFiniteError, match="log"):
        compiled(np.zeros(3))


def test_threads_may_call_one_compiled_function():
    w = tg.Tensor(np.zeros(()), requires_grad=False)

    @tg.compile
    def step(x):
        w.assign(w.data + np.sum(x))
        return x * 2

    def work(value):
        for _ in range(50):
            np.testing.assert_array_equal(step(np.full(4, value)), np.full(4, 2 * value))

    threads = [threading.Thread(target=work, args=(float(value),)) for value in (1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert w.data == 50 * 4 * 3
    assert len(step.signatures) == 1  # who came first compiled it for both


def test_slots_partials_and_classes_are_seen(compile_):
    class Settings:
        __slots__ = ("rate",)
        power = 2

        def __init__(self):
            self.rate = 0.5

    settings = Settings()

    def base(x, offset):
        return x**settings.power * settings.rate + offset

    function = functools.partial(base, offset=1.0)
    compiled = compile_(function)
    np.testing.assert_allclose(compiled(X), function(X))
    settings.rate = 0.25
    np.testing.assert_allclose(compiled(X), function(X))
    Settings.power = 3
    np.testing.assert_allclose(compiled(X), function(X))
    assert len(compiled.signatures) == 3


def test_plain_results_are_what_they_were():
    class Items(list):
        pass

    for plain in (
        complex("inf"), complex(-0.0, 1), complex(1, -0.0), float("nan"), -0.0, b"a", ..., "it's\n\"", np.float32(2),
        np.bool_(True), None, slice(1, 2), range(3), 10**30, np.complex64(1j), {float("inf"): 1, (1, "a"): 2, None: 3},
    ):  # fmt: skip
        _, result = tg.compile(lambda x, plain=plain: (x * 2, plain))(X)
        assert type(result) is type(plain)
        assert repr(result) == repr(plain)
    (result,) = tg.compile(lambda x: Items([x]))(X)
    np.testing.assert_array_equal(result, X)


def test_a_copied_model_has_a_compiled_function_of_its_own():
    class Model:
        def __init__(self):
            self.w = tg.Tensor(np.ones(3), requires_grad=False)
            self.step = tg.compile(self.scaled, maxsize=5)

        def scaled(self, x):
            self.w.assign(self.w.data * 2)
            return x * self.w

    first = Model()
    np.testing.assert_array_equal(first.step(X), X * 2)
    second = copy.deepcopy(first)
    np.testing.assert_array_equal(second.step(X), X * 4)
    np.testing.assert_array_equal(second.step(X), X * 8)
    np.testing.assert_array_equal(first.step(X), X * 4)
    assert second.step._programs.kept.maxsize == 5


@tg.compile(static_argnames="n")
def pickled_by_name(x, n=2):
    return np.sum(x**n)


def pickled_function(x, n=2):
    return np.sum(x**n)


class Pickled:
    @tg.compile
    def step(self, x):
        return np.sum(x**2)


def test_a_decorated_function_is_pickled_by_its_name_and_another_by_its_function():
    for function in (pickled_by_name, Pickled.step):
        assert pickle.loads(pickle.dumps(function)) is function
        assert copy.copy(function) is function
    assert pickle.loads(pickle.dumps(Pickled().step))(X) == np.sum(X**2)
    made = tg.compile(functools.partial(pickled_function, n=3), static_argnames="n", maxsize=3)
    made(X)
    for twin in (pickle.loads(pickle.dumps(made)), copy.copy(made)):
        assert twin is not made and not twin.signatures
        np.testing.assert_allclose(twin(X), np.sum(X**3))
        assert twin._programs.kept.maxsize == 3


def test_a_call_of_a_program_costs_eleven_python_calls_of_ours_at_most():
    """The guards compare many values at a time in C; each Python call more is felt in a small step."""
    w, rate = tg.Tensor(np.zeros((4, 1))), 0.5

    @tg.compile
    def step(x, y):
        loss = np.mean((1 / (1 + np.exp(-(x @ w))) - y) ** 2)
        w.grad = None
        loss.backward()
        w.assign(w.data - rate * w.grad)
        return loss

    x, y = np.ones((3, 4)), np.ones((3, 1))
    for _ in range(3):
        step(x, y)
    ours, calls = str(Path(tg.__file__).parent), []

    def count(frame, event, argument):
        if event == "call" and frame.f_code.co_filename.startswith(ours):
            calls.append(frame.f_code.co_qualname)

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        step(x, y)
    finally:
        sys.setprofile(before)
    assert calls[0] == "Compiled.__call__"
    assert len(calls) <= 11, calls
