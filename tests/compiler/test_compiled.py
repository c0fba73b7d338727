"""Compiled functions give what eager ones do, call after call: results, state, gradients and random streams."""

from __future__ import annotations

import copy
import functools
import sys
import threading
import warnings
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygraph as tg
from tests.compiler.programs import interpreted
from tinygraph import draws
from tinygraph.testing.strategies import arrays

X = np.linspace(-1.5, 2.0, 12).reshape(4, 3)


@pytest.fixture(params=["compiled", "interpreted"])
def compile_(request):
    """`tg.compile`, and the same with a plain walk over the nodes in place of the written program."""
    if request.param == "compiled":
        return tg.compile
    return interpreted


# --- training steps ---------------------------------------------------------------------------------------------------


def logistic_regression(update):
    w, b = tg.Tensor(np.linspace(-0.1, 0.1, 5)[:, None]), tg.Tensor([[0.0]])

    def step(x, y, rate):
        probability = 1 / (1 + np.exp(-(w.T @ x + b)))
        loss = -np.mean(y * np.log(probability) + (1 - y) * np.log(1 - probability))
        loss.backward()
        update(w, rate)
        update(b, rate)
        return loss, probability

    return step, (w, b)


def by_assign(w, rate):
    w.assign(w.data - rate * w.grad)
    w.grad = None


def by_data(w, rate):
    w.data -= rate * w.grad
    w.grad = None


def by_no_grad(w, rate):
    with tg.no_grad():
        w -= rate * w.grad
    w.grad = None


def by_scaling_the_gradient(w, rate):
    w.grad *= rate
    w.data = w.data - w.grad
    w.grad = None


def by_leaving_the_gradient(w, rate):
    w.assign(w.data - rate * w.grad)


@pytest.mark.parametrize("update", [by_assign, by_data, by_no_grad, by_scaling_the_gradient, by_leaving_the_gradient])
def test_logistic_regression(compile_, update):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(5, 30)), (rng.random((1, 30)) > 0.5).astype(float)
    eager, ours = logistic_regression(update)
    step, theirs = logistic_regression(update)
    compiled = compile_(step)
    for call in range(5):
        rate = 0.1 if call < 3 else 0.05
        expected, found = eager(x, y, rate), compiled(x, y, rate)
        np.testing.assert_allclose(found[0], expected[0].data, rtol=1e-12)
        np.testing.assert_allclose(found[1], expected[1].data, rtol=1e-12)
        assert isinstance(found[1], np.ndarray)
        for a, b in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(b.data, a.data, rtol=1e-12)
            assert b.data.shape == a.data.shape
            assert (a.grad is None) == (b.grad is None)
            if a.grad is not None:
                np.testing.assert_allclose(b.grad, a.grad, rtol=1e-10)
    # A gradient that is there when the step begins is another program than none.
    assert len(compiled.signatures) == (2 if update is by_leaving_the_gradient else 1)


class Adam:
    def __init__(self, parameters, rate):
        self.parameters, self.beta, self.gamma = parameters, 0.9, 0.999
        self.rate = tg.Tensor(rate, requires_grad=False)
        self.steps = tg.Tensor(0.0, requires_grad=False)
        self.means = [tg.Tensor(np.zeros_like(p.data), requires_grad=False) for p in parameters]
        self.squares = [tg.Tensor(np.zeros_like(p.data), requires_grad=False) for p in parameters]

    def step(self):
        self.steps.assign(self.steps.data + 1)
        for p, mean, square in zip(self.parameters, self.means, self.squares, strict=True):
            mean.assign(self.beta * mean.data + (1 - self.beta) * p.grad)
            square.assign(self.gamma * square.data + (1 - self.gamma) * p.grad**2)
            bias = np.sqrt(1 - self.gamma**self.steps.data) / (1 - self.beta**self.steps.data)
            p.assign(p.data - self.rate.data * bias * mean.data / (np.sqrt(square.data) + 1e-8))
            p.grad = None


class Network:
    def __init__(self, dtype=np.float64):
        rng = np.random.default_rng(0)
        self.layers = [
            {"w": tg.Tensor((rng.normal(size=(i, o)) * 0.3).astype(dtype)), "b": tg.Tensor(np.zeros(o, dtype))}
            for i, o in ((8, 16), (16, 3))
        ]
        self.rng, self.training, self.rate = np.random.default_rng(1), True, 0.25

    @property
    def parameters(self):
        return [tensor for layer in self.layers for tensor in layer.values()]

    def __call__(self, x):
        hidden, last = self.layers
        h = tg.relu(x @ hidden["w"] + hidden["b"])
        if self.training:
            kept = draws.uniform(self.rng, h.shape, h.dtype) >= self.rate
            h = h * kept / (1 - self.rate)
        return h @ last["w"] + last["b"]


def training(dtype=np.float64):
    network = Network(dtype)
    adam = Adam(network.parameters, 0.01)

    def step(batch):
        loss = tg.cross_entropy(network(batch["x"]), batch["y"], from_logits=True)
        loss.backward()
        adam.step()
        return {"loss": loss}

    return network, adam, step


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_network_with_dropout_and_adam(compile_, dtype):
    rng = np.random.default_rng(2)
    ours, our_adam, eager = training(dtype)
    theirs, their_adam, step = training(dtype)
    compiled = compile_(step)
    for call in range(9):
        size = 6 if call % 3 else 4
        batch = {"x": rng.normal(size=(size, 8)).astype(dtype), "y": rng.integers(0, 3, size)}
        if call == 5:
            ours.training = theirs.training = False  # an attribute: another program
        if call == 7:
            our_adam.rate.assign(0.1)  # state: the same program
            their_adam.rate.assign(0.1)
        expected, found = eager(batch)["loss"], compiled(batch)["loss"]
        assert found.dtype == expected.dtype
        np.testing.assert_allclose(found, expected.data, rtol=1e-9 if dtype is np.float64 else 1e-4)
        assert ours.rng.bit_generator.state == theirs.rng.bit_generator.state
        for a, b in zip(ours.parameters, theirs.parameters, strict=True):
            np.testing.assert_allclose(b.data, a.data, rtol=1e-8, atol=1e-9 if dtype is np.float64 else 1e-3)
            assert b.grad is None
    assert their_adam.steps.data == 9
    assert len(compiled.signatures) == 4
    assert sum("Tensor" not in line for line in compiled.signatures) == 4


def test_tensors_given_as_arguments_are_updated(compile_):
    def step(parameters, x):
        loss = np.mean((x @ parameters["w"]) ** 2)
        loss.backward()
        for p in parameters.values():
            p.assign(p.data - 0.1 * p.grad)
            p.grad = None
        return loss

    compiled = compile_(step)
    for start in (1.0, 2.0):  # other Tensors, the same program
        ours, theirs = {"w": tg.Tensor(np.full(3, start))}, {"w": tg.Tensor(np.full(3, start))}
        for _ in range(3):
            np.testing.assert_allclose(compiled(theirs, X), step(ours, X).data)
            np.testing.assert_allclose(theirs["w"].data, ours["w"].data)
    assert compiled.signatures == ("parameters: {w: Tensor float64(3,)}, x: float64(4, 3)",)


def test_gradients_add_up_as_they_do_without(compile_):
    def make():
        w = tg.Tensor(np.ones(3))

        def step(x):
            np.sum((x @ w) ** 2).backward()
            np.sum(x @ w).backward()

        return w, step

    (ours, eager), (theirs, step) = make(), make()
    compiled = compile_(step)
    for call in range(4):
        eager(X)
        assert compiled(X) is None
        np.testing.assert_allclose(theirs.grad, ours.grad)
        if call == 2:
            ours.grad = theirs.grad = None
    assert len(compiled.signatures) == 2


# --- what changes outside ---------------------------------------------------------------------------------------------

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


# --- signatures and the cache -----------------------------------------------------------------------------------------


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


def test_what_there_is_to_see(tmp_path):
    w = tg.Tensor(np.ones(3), name="w")

    @tg.compile
    def step(x):
        loss = np.mean((x @ w) ** 2)
        loss.backward()
        w.assign(w.data - 0.1 * w.grad)
        w.grad = None
        return loss

    for ask in (step.draw, lambda: step.source, lambda: step.save(tmp_path / "step.js")):
        with pytest.raises(tg.GraphError, match=r"not been called yet.* Run it once"):
            ask()
    step(X)
    with pytest.raises(ValueError, match="rewritten must be False, True or \"diff\", got 'no'"):
        step.draw(rewritten="no")
    with pytest.raises(ValueError, match=r"must end in \.py, or in \.js .*'step\.txt'"):
        step.save("step.txt")
    before = w.data.copy()
    assert "update" in step.source
    assert step.cost.flops > 0
    assert "loss" in step.draw().source
    assert "loss" in step.draw(rewritten=True).source
    assert "\nupdate test_compiled.py:" in str(step.profile(X))
    np.testing.assert_array_equal(w.data, before)
    step.save(tmp_path / "step.py")
    space = {"__name__": "step", "__file__": str(tmp_path / "step.py")}
    exec((tmp_path / "step.py").read_text(), space)
    saved = space["step"](X)
    np.testing.assert_allclose(saved, step(X))

    by_argument = tg.compile(lambda w, x: w.assign(w.data + x))
    by_argument(tg.Tensor(np.ones(3)), np.ones(3))
    with pytest.raises(tg.GraphError, match="arguments"):
        by_argument.save(tmp_path / "other.py")


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


# --- any graph --------------------------------------------------------------------------------------------------------

UNARY = (np.sin, np.tanh, np.exp, np.square, np.negative, tg.sigmoid, tg.relu, lambda x: x.T.T, lambda x: x[::-1])
BINARY = (np.add, np.multiply, np.subtract, np.maximum, lambda x, y: np.where(x > y, x, y * 0.5))
REDUCE = (np.sum, np.mean, np.max, tg.logsumexp, lambda x: np.sum(tg.softmax(x) ** 2), lambda x: x.std())


@st.composite
def graphs(draw):
    """A function of two arrays, made of calls on what was computed before."""
    plan = draw(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 99), st.integers(0, 99), st.integers(0, 99)),
                         min_size=1, max_size=8))  # fmt: skip
    last = draw(st.sampled_from(REDUCE))

    def f(x, y):
        known = [x, y]
        for kind, which, left, right in plan:
            a, b = known[left % len(known)], known[right % len(known)]
            value = UNARY[which % len(UNARY)](a) if kind else BINARY[which % len(BINARY)](a, b)
            known.append(np.clip(value, -50, 50) if which % 7 == 0 else np.tanh(value))
        return last(known[-1]) + np.sum(known[len(known) // 2])

    return f


@given(graphs(), arrays((3, 2)), arrays((3, 2)))
def test_eager_interpreted_and_emitted_agree(f, x, y):
    w = [tg.Tensor(np.ones((3, 2))) for _ in range(3)]

    def step(w):
        def run(x, y):
            loss = f(x * w, y) + np.sum(w * y)
            loss.backward()
            w.assign(w.data - 0.1 * w.grad)
            w.grad = None
            return loss, tg.grad(lambda x: f(x, y))(x)

        return run

    eager, runner, plain = step(w[0]), tg.compile(step(w[1])), interpreted(step(w[2]))
    for _ in range(2):
        loss, gradient = eager(x, y)
        for run, tensor in ((runner, w[1]), (plain, w[2])):
            found, found_gradient = run(x, y)
            np.testing.assert_allclose(found, loss.data, rtol=1e-9, atol=1e-11)
            np.testing.assert_allclose(found_gradient, gradient, rtol=1e-8, atol=1e-10)
            np.testing.assert_allclose(tensor.data, w[0].data, rtol=1e-8, atol=1e-10)


def test_the_picture_of_a_step_has_its_sections_and_says_what_is_updated():
    w = tg.Tensor(np.ones(3), name="w")

    @tg.compile
    def step(x):
        with tg.scope("model"):
            loss = np.sum((w * x) ** 2)
        w.grad = None
        loss.backward()
        w.assign(w.data - 0.1 * w.grad)
        return loss

    step(np.arange(3.0))
    for rewritten in (False, True):
        drawn = step.draw(rewritten=rewritten, view="full").source
        assert "w, updated" in drawn
        for section in ("forward/model", "backward/model", "update"):
            assert f'tooltip="{section}"' in drawn or f"tooltip={section}" in drawn
    assert "update" in step.profile(np.arange(3.0)).draw().source
    forward = tg.compile(lambda x: np.exp(x))
    forward(np.arange(3.0))
    assert "tooltip=forward" not in forward.draw().source


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


def test_the_closed_layers_of_a_profile_have_their_time_in_both_passes():
    model = tg.nn.Sequential([tg.nn.Dense(4, activation="tanh") for _ in range(16)])
    model(np.ones((2, 4)))
    optimizer = tg.optim.Adam(list(model.parameters()))

    @tg.compile
    def step(x):
        loss = np.mean(model(x) ** 2)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    x = np.ones((5, 4))
    step(x)
    drawn = step.profile(x).draw()
    assert any(box.kind == "layer" and box.role == "gradient" for box in drawn._scene.boxes)
    pytest.importorskip("pygraphviz")
    groups = {group.get("data-box"): "".join(group.itertext()) for group in ElementTree.fromstring(drawn.svg()).iter()}
    assert all("µs" in groups[box] or "ms" in groups[box] for box in drawn._scene.heated)


def test_the_profile_of_a_large_step_is_drawn_in_columns_whose_boxes_have_all_of_its_time():
    weights = [tg.Tensor(np.full(shape, 0.1)) for shape in ((3, 4), (4,), (4, 1), (1,))]
    optimizer = tg.optim.Adam(weights)

    @tg.compile
    def step(x):
        loss = np.mean((np.tanh(x @ weights[0] + weights[1]) @ weights[2] + weights[3]) ** 2)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    x = np.ones((5, 3))
    step(x)
    profile = step.profile(x)
    assert len(profile.graph) > 60
    for by, whole in (("time", sum(profile.heat().values())), ("bytes", sum(entry.bytes for entry in profile.entries))):
        scene = profile.draw(by)._scene
        assert scene.view == "columns" and {"pulled", "update"} <= {box.kind for box in scene.boxes}
        assert sum(scene.heated.values()) == pytest.approx(whole)
    dot, plan = profile.draw().source, profile.draw(view="full")
    assert dot.count("µs") >= len(profile.draw()._scene.heated)
    assert plan._scene.view == "full" and len(plan._scene.boxes) > len(profile.draw()._scene.boxes)


def test_the_bytes_of_a_profile_are_rounded_and_not_cut_off():
    step = tg.compile(lambda x: np.exp(x))
    step(np.ones(249))
    profile = step.profile(np.ones(249))
    assert [row[2] for row in profile.by_operation()] == [3984]
    assert "3.98 kB" in str(profile) and "3.98 kB" in profile._repr_html_()
