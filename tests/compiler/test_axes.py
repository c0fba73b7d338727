"""Open axes: one program for many sizes."""

from __future__ import annotations

import gc
import math
import operator
import weakref
from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygraph as tg
from tests.compiler.programs import in_threads
from tests.loading import loaded
from tinygraph import nn, optim
from tinygraph.compiler.axes import SizedRunner
from tinygraph.compiler.trace import twice

pytestmark = pytest.mark.usefixtures("double_precision")

# The sizes of a long day: 40 batches, the last ones short.
SIZES = [64, 65, 67, *range(40, 60), *range(70, 120, 5), 128, 33, 100, 77, 150, 96, 81]


def programs(step):
    """Return how many texts a compiled function has, and how many of its versions run an open one."""
    runners = [version.runner for versions in step._programs.kept.by_signature.values() for version in versions]
    opened = [runner for runner in runners if type(runner) is SizedRunner]
    return len({id(runner.opened) for runner in opened}) + len(runners) - len(opened), len(opened)


def check(make, sizes=SIZES, most=3, close=False):
    """Compare the runs of a compiled function with eager ones over some sizes, and count the programs.

    Args:
        make: returns a function, the arguments for a size and a generator, and the Tensors that it changes.
        most: the number of programs that there may be.
        close: no axis is open.
    """
    eager, arguments, expected = make()
    function, _, found = make()
    step = tg.compile(function, maxsize=100)
    for turn, size in enumerate(sizes):
        args = arguments(size, np.random.default_rng(turn))
        with np.errstate(all="ignore"):
            _assert_alike(step(*args), eager(*args), size)
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_allclose(one.data, other.data, rtol=1e-7, atol=1e-9, err_msg=f"size {size}")
    count, opened = programs(step)
    if close:
        assert opened == 0
    else:
        assert count <= most and opened >= len({*sizes}) - most
    return step


def _assert_alike(one, other, size):
    if isinstance(other, tuple | list):
        for a, b in zip(one, other, strict=True):
            _assert_alike(a, b, size)
        return
    other = other.data if isinstance(other, tg.Tensor) else other
    assert np.shape(one) == np.shape(other) and np.asarray(one).dtype == np.asarray(other).dtype
    np.testing.assert_allclose(one, other, rtol=1e-7, atol=1e-9, err_msg=f"size {size}")


# --- training steps ---------------------------------------------------------------------------------------------------


def logistic_regression():
    w, b = tg.Tensor(np.zeros((4, 1)), name="w"), tg.Tensor(0.0, name="b")

    def step(x, y):
        y_head = tg.sigmoid(x @ w + b)
        cost = np.mean(-y * np.log(y_head) - (1 - y) * np.log(1 - y_head))
        w.grad = b.grad = None
        cost.backward()
        w.assign(w.data - 0.1 * w.grad)
        b.assign(b.data - 0.1 * b.grad)
        return cost

    def arguments(n, rng):
        x = rng.normal(size=(n, 4))
        return x, (x[:, :1] > 0) * 1.0

    return step, arguments, [w, b]


def trained(model, shape, optimizer=None, dtype=np.float64):
    """Return what `check` needs for a step of a model with classes."""
    model(np.zeros((2, *shape), dtype))
    parameters = model.parameters()
    optimizer = (optimizer or optim.SGD)(parameters, 0.05)

    def step(x, y):
        optimizer.zero_grad()
        loss = tg.cross_entropy(model(x), y, from_logits=True)
        loss.backward()
        optimizer.step()
        return loss

    def arguments(n, rng):
        return rng.normal(size=(n, *shape)).astype(dtype), rng.integers(0, 3, n)

    return step, arguments, list(parameters)


def mlp(optimizer=None, dtype=np.float64):
    layers = [nn.Dense(32, activation="relu", seed=0, dtype=dtype), nn.Dense(3, seed=1, dtype=dtype)]
    return trained(nn.Sequential(layers), (20,), optimizer, dtype)


def test_logistic_regression():
    step = check(logistic_regression)
    assert "x: float64(n, 4), y: float64(n, 1)" in step.signatures


@pytest.mark.parametrize("optimizer", [optim.SGD, optim.Adam, optim.Momentum])
def test_mlp(optimizer):
    step = check(lambda: mlp(optimizer))
    assert "x: float64(n, 20), y: int64(n,)" in step.signatures


def test_mlp_in_float32():
    def make():
        step, arguments, parameters = mlp(dtype=np.float32)
        return step, arguments, []

    eager, arguments, _ = make()
    step = tg.compile(make()[0])
    for turn, size in enumerate(SIZES):
        args = arguments(size, np.random.default_rng(turn))
        np.testing.assert_allclose(step(*args), eager(*args).data, rtol=1e-4)
    assert programs(step)[0] <= 3


def test_normalization_and_noise():
    def make():
        layers = [nn.Dense(16, seed=0), nn.BatchNormalization(), nn.Dropout(0.3, seed=2), nn.Dense(3, seed=1)]
        return trained(nn.Sequential(layers), (5,))

    check(make)


def convolutional():
    layers = [nn.Conv2D(4, 3, activation="relu", seed=0), nn.MaxPooling2D(2), nn.Flatten(), nn.Dense(3, seed=1)]
    return trained(nn.Sequential(layers), (8, 8, 1))


def test_convolutional_net():
    check(convolutional)


def lstm():
    """A recurrent network over five steps."""
    rng = np.random.default_rng(0)
    w = tg.Tensor(rng.normal(size=(3, 16)) * 0.5, name="w")
    u = tg.Tensor(rng.normal(size=(4, 16)) * 0.5, name="u")
    b = tg.Tensor(np.zeros(16), name="b")
    v = tg.Tensor(rng.normal(size=(4, 2)), name="v")

    def step(x, y):
        h = c = np.zeros((x.shape[0], 4))
        for t in range(5):
            z = x[:, t] @ w + h @ u + b
            i, f, o, g = (z[:, 4 * gate : 4 * gate + 4] for gate in range(4))
            c = tg.sigmoid(f) * c + tg.sigmoid(i) * np.tanh(g)
            h = tg.sigmoid(o) * np.tanh(c)
        loss = np.mean((h @ v - y) ** 2)
        for p in (w, u, b, v):
            p.grad = None
        loss.backward()
        for p in (w, u, b, v):
            p.assign(p.data - 0.1 * p.grad)
        return loss

    return step, lambda n, rng: (rng.normal(size=(n, 5, 3)), rng.normal(size=(n, 2))), [w, u, b, v]


def test_lstm():
    check(lstm)


# --- functions --------------------------------------------------------------------------------------------------------


def _halves(x):
    return x[: len(x) // 2].sum() + x[len(x) // 2 :].mean(axis=0)


FUNCTIONS = {
    "mean": lambda x: np.mean(np.tanh(x), axis=0),
    "mean of all": lambda x: np.mean(x**3),
    "var": lambda x: np.var(x, axis=0),
    "std, one less": lambda x: np.std(x, axis=0, ddof=1),
    "softmax over the open axis": lambda x: tg.softmax(x, axis=0),
    "softmax": lambda x: tg.softmax(x) * 2.0,
    "cumsum": lambda x: np.cumsum(np.sin(x), axis=0),
    "cumsum of all": lambda x: np.cumsum(x),
    "sort": lambda x: np.sort(x * 2, axis=0),
    "argsort": lambda x: np.argsort(x, axis=0),
    "concatenate": lambda x: np.concatenate([x, x * 2, x[:3]]),
    "stack": lambda x: np.stack([x, -x]),
    "pad": lambda x: np.pad(x, ((2, 1), (0, 0))) * 3,
    "flat": lambda x: np.tanh(x.reshape(-1)),
    "in pairs of columns": lambda x: x.reshape(len(x), 2, 2).sum(axis=2),
    "every second": lambda x: x[::2] * 2,
    "all but the last": lambda x: x[:-1] - x[1:],
    "the middle": lambda x: x[len(x) // 2] + x[-1],
    "halves": _halves,
    "turned": lambda x: x[::-1] + x,
    "gram": lambda x: np.tanh(x @ x.T).sum(axis=1),
    "gram, flat": lambda x: np.mean(x @ x.T),
    "outer": lambda x: x[:, 0][:, None] * x[:, 1],
    "divided by its length": lambda x: np.sum(x, axis=0) / len(x),
    "zeros": lambda x: np.zeros(x.shape) + x,
    "eye": lambda x: np.ones((x.shape[0], 2)) @ np.ones((2, 4)) * x,
    "picked": lambda x: x[np.arange(len(x)), 1] * 3,
    "where": lambda x: np.where(x > 0, x, 0.1 * x),
    "max": lambda x: np.max(x, axis=0) - np.min(x),
    "the largest": lambda x: np.argmax(x, axis=1),
    "rolled": lambda x: np.roll(x, 2, axis=0),
    "repeated": lambda x: np.repeat(x, 2, axis=0),
    "tiled": lambda x: np.tile(x, (2, 1)),
    "diff": lambda x: np.diff(x, axis=0),
    "einsum": lambda x: np.einsum("ni,nj->ij", x, x),
    "dot": lambda x: np.dot(x[:, 0], x[:, 1]),
    "norm": lambda x: np.linalg.norm(x, axis=1),
    "shapes": lambda x: (x * 2, x.shape, len(x)),
    "wide": lambda x: np.exp(np.tile(x, (1, 300)) * 0.1).sum(axis=1),
    "one number": lambda x: np.sum(np.tile(x, (1, 300)) ** 2),
    "three axes": lambda x: np.tanh(x.reshape(-1, 2, 2) @ x[:2, :2]).sum(axis=(1, 2)),
}


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_functions(name):
    check(lambda: (FUNCTIONS[name], lambda n, rng: (rng.normal(size=(n, 4)),), []))


@pytest.mark.parametrize("name", sorted(FUNCTIONS.keys() - {"argsort", "the largest", "shapes"}))
def test_gradients(name):
    def gradient(x):
        t = tg.Tensor(x)
        y = FUNCTIONS[name](t)
        np.sum(y * np.cos(y)).backward()
        return t.grad

    check(lambda: (gradient, lambda n, rng: (rng.normal(size=(n, 4)),), []))


# --- programs that depend on the size in other ways -------------------------------------------------------------------


def _by_length(x):
    return x * 2 if len(x) > 80 else x * 3


def test_a_decision_by_the_size_makes_another_program():
    check(lambda: (_by_length, lambda n, rng: (rng.normal(size=(n, 4)),), []), most=8)


def _sum_of_rows(x):
    total = x[0] * 1.0
    for row in range(1, len(x)):
        total = total + x[row]
    return total


def _primes(x):
    return x * float(sum(all(n % d for d in range(2, n)) for n in range(2, len(x))))


CLOSED = {
    "a loop over the rows": _sum_of_rows,
    "points between two": lambda x: x[:, 0] * np.linspace(0.0, 1.0, len(x)),
    "digits": lambda x: x * len(str(len(x) ** 5)) + len(x) ** 3 % 7,
}


@pytest.mark.parametrize("name", sorted(CLOSED))
def test_closed(name):
    arguments = lambda n, rng: (rng.normal(size=(n, 4)),)
    check(lambda: (CLOSED[name], arguments, []), sizes=[5, 6, 7, 9, 12, 20, 8], close=True)


def test_a_number_that_is_no_form_of_the_size():
    check(lambda: (_primes, lambda n, rng: (rng.normal(size=(n, 4)),), []), sizes=range(4, 24), most=20)


def test_sizes_of_one_and_none():
    sizes = [5, 6, 7, 8, 1, 0, 2, 1, 9, 3]
    check(lambda: (lambda x: np.tanh(x) * 2 + x.sum(), lambda n, rng: (rng.normal(size=(n, 4)),), []), sizes, most=6)


def test_a_size_that_is_the_width_of_a_layer_too():
    check(mlp, sizes=[32, 20, 31, 3, 33, 20, 32, 3, 21])


def test_two_axes_of_one_size():
    step = check(lambda: (lambda x, y: x @ y, lambda n, rng: (rng.normal(size=(3, n)), rng.normal(size=(n, 2))), []))
    assert "x: float64(3, n), y: float64(n, 2)" in step.signatures


def test_two_axes_that_differ_later():
    step = tg.compile(lambda x, y: (x.sum(axis=0) + y.sum(axis=0)) * 2)
    rng = np.random.default_rng(0)
    for n in range(5, 12):
        x, y = rng.normal(size=(n, 3)), rng.normal(size=(n, 3))
        np.testing.assert_allclose(step(x, y), (x.sum(axis=0) + y.sum(axis=0)) * 2)
    x, y = rng.normal(size=(20, 3)), rng.normal(size=(30, 3))
    np.testing.assert_allclose(step(x, y), (x.sum(axis=0) + y.sum(axis=0)) * 2)
    assert step.signatures[-1] == "x: float64(20, 3), y: float64(30, 3)"


def test_the_last_short_batch():
    step, arguments, _ = mlp()
    step = tg.compile(step)
    for size in [64, 64, 64, 17, 64, 64, 64, 17]:
        step(*arguments(size, np.random.default_rng(size)))
    assert programs(step) == (2, 0)


def test_the_memory_of_eight_sizes_is_kept():
    step = tg.compile(lambda x: np.cumsum(np.tanh(x) * x))
    for n in range(20, 50):
        step(np.ones(n))
    runners = [version.runner for versions in step._programs.kept.by_signature.values() for version in versions]
    assert sum(runner._executed._bound is not None for runner in runners if type(runner) is SizedRunner) == 8
    for n in range(20, 50):
        np.testing.assert_allclose(step(np.ones(n)), np.cumsum(np.tanh(np.ones(n))))


def test_a_global_that_changes_with_the_size_is_no_form_of_it():
    settings = {"scale": 1.0}

    def function(x):
        return x * settings["scale"]

    step = tg.compile(function)
    for turn, n in enumerate(range(5, 15)):
        settings["scale"] = n / 7 if turn < 5 else 2.0
        x = np.arange(n) + 0.5
        np.testing.assert_allclose(step(x), x * settings["scale"])


def test_an_open_program_counts_once():
    step = tg.compile(lambda x: np.tanh(x) * 2, maxsize=4)
    for n in range(20, 60):
        step(np.ones(n))
    assert len(step.signatures) <= 4


def test_arguments_in_nests_and_tensors():
    def make():
        def function(batch, w):
            w.grad = None
            loss = np.mean((batch["x"] @ w - batch["y"][0]) ** 2)
            loss.backward()
            return loss, w.grad

        def arguments(n, rng):
            return {"x": rng.normal(size=(n, 3)), "y": [rng.normal(size=n)]}, tg.Tensor(np.ones(3))

        return function, arguments, []

    check(make)


def test_draws():
    def make():
        generator = np.random.default_rng(3)

        def function(x):
            return x * tg.draws.normal(generator, x.shape) + tg.draws.uniform(generator, (x.shape[0], 1))

        return function, lambda n, rng: (rng.normal(size=(n, 4)),), []

    check(make)


def test_what_is_asked_of_a_version_is_that_of_its_size():
    def function(x):
        return np.tanh(x) * np.sum(x)

    step, alone = tg.compile(function), tg.compile(function)
    for n in (5, 6, 7, 8):
        step(np.ones((n, 3)))
    alone(np.ones((8, 3)))
    assert "np.empty((n, 3))" in step.source
    assert step.graph.nodes[0].shape == (8, 3)
    assert step.cost == alone.cost
    assert "tanh" in str(step.stages["trace"])
    assert step.profile(np.ones((8, 3))).by_line()
    step.draw(rewritten=True)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.sampled_from(sorted(FUNCTIONS.keys() - {"argsort", "the largest", "shapes", "wide", "one number"})),
                min_size=1, max_size=3), st.lists(st.integers(2, 60), min_size=4, max_size=8))  # fmt: skip
def test_made_up_programs(names, sizes):
    def function(x):
        return [FUNCTIONS[name](x * (1 + position)) for position, name in enumerate(names)]

    def gradient(x):
        t = tg.Tensor(x)
        sum(np.sum(np.sin(part)) for part in function(t)).backward()
        return function(x), t.grad

    step = tg.compile(gradient)
    for turn, size in enumerate(sizes):
        x = np.random.default_rng(turn).normal(size=(size, 4))
        try:
            expected = gradient(x)
        except (ValueError, IndexError):
            continue
        _assert_alike(step(x), expected, size)


# --- sizes that are not recorded --------------------------------------------------------------------------------------


def questions(function, sizes=(64, 65, 67), columns=4):
    """Return who asked for the value of the open size of a function's argument."""
    step = tg.compile(function)
    for size in sizes:
        step(np.random.default_rng(size).normal(size=(size, columns)))
    return next(opened.questions for family in step._programs.kept.families.values() for opened in family.opened)


def _times_recorded(make, sizes):
    """Return how often a function is run and recorded at each size."""
    function, arguments, _ = make()
    step = tg.compile(function)
    found = []
    with mock.patch.object(twice, "run", wraps=twice.run) as run:
        for size in sizes:
            before = run.call_count
            step(*arguments(size, np.random.default_rng(size)))
            found.append(run.call_count - before)
    return found


@pytest.mark.parametrize("make", [mlp, logistic_regression, convolutional], ids=lambda make: make.__name__)
def test_from_the_fourth_size_on_nothing_is_recorded(make):
    assert _times_recorded(make, [64, 65, 67, 68, 80, 33, 64, 90])[3:] == [0] * 5


ARITHMETIC = {
    "a shape": lambda x: x.reshape(x.shape[0] * 2, -1) * 2,
    "a slice": lambda x: x[: x.shape[0] - 2],
    "a mean": lambda x: np.sum(x) / x.shape[0],
    "the shape of another": lambda x: np.broadcast_to(x[0], x.shape) + x,
    "the size": lambda x: x.reshape(x.size) * 2,
    "two that are equal": lambda x: x * 2 if x.shape[0] == (x * 3).shape[0] else x,
    "whether there is any": lambda x: x * 2 if x.shape[0] else x,
    "whether there is more than one": lambda x: x * 2 if x.shape[0] > 1 else x,
    "an int": lambda x: x * 2 if isinstance(x.shape[0], int) and type(x.shape[0]) is int else x,
    "its length": lambda x: np.sum(x, axis=0) / len(x),
    "the length of a Tensor": lambda x: tg.Tensor(x).reshape(2 * len(tg.Tensor(x)), -1) * 2,
    "of a Tensor": lambda x: tg.Tensor(x).reshape(x.shape[0] * 2, -1) * 2,
}
QUESTIONS = {
    "its type": lambda x: x * 2 if type(x.shape[0]) is int and x.shape[0] > 10 else x,
    "len, in a map": lambda x: x * 2 if next(map(len, [x])) > 10 else x,
    "len": lambda x: x * 2 if len(x) > 10 else x,
    "len of a Tensor": lambda x: x * 2 if len(tg.Tensor(x)) > 10 else x,
    "a comparison": lambda x: x * 2 if x.shape[0] > 10 else x,
    "a comparison turned round": lambda x: x * 2 if operator.le(10, x.shape[0]) else x,
    "the size": lambda x: x * 2 if x.size > 10 else x,
    "the bytes": lambda x: x * 2 if x.nbytes > 10**6 else x,
    "the size of a Tensor": lambda x: x * 2 if tg.Tensor(x).size > 10 else x,
    "np.size": lambda x: x * 2 if np.size(x) > 10 else x,
    "np.shape": lambda x: x * 2 if np.shape(x)[0] > 10 else x,
    "equality": lambda x: x if x.shape[0] == 300 else x * 2,
    "equal shapes": lambda x: x if x.shape == (300, 4) else x * 2,
    "of a result": lambda x: x if (x @ x.T).shape[1] == 300 else x * 2,
    "membership": lambda x: x if x.shape[0] in (300, 400) else x * 2,
    "a key": lambda x: x * {300: 3.0}.get(x.shape[0], 2.0),
    "a rest": lambda x: x * (x.shape[0] % 1000 > 10),
    "a half": lambda x: x[: x.shape[0] // 2],
    "a power": lambda x: x * (x.shape[0] ** 2 > 10),
    "a square": lambda x: x * (x.shape[0] * x.shape[0] > 10),
    "a root": lambda x: x * float(x.shape[0] ** 0.5 > 3),
    "math": lambda x: x * (math.sqrt(x.shape[0]) > 3.0),
    "a quotient": lambda x: x * 2 if 1 / x.shape[0] < 0.1 else x,
    "a float": lambda x: x * 2 if float(x.shape[0]) > 10.0 else x,
    "an int": lambda x: x * 2 if int(x.shape[0]) > 10 else x,
    "a text": lambda x: x * len(f"{x.shape[0]}"),
    "another text": lambda x: x * len(str(x.shape)),
    "digits": lambda x: x * len("%d" % x.shape[0]),  # noqa: UP031
    "range": lambda x: x * sum(1.0 for i in range(x.shape[0]) if i == 5),
    "a list": lambda x: x * sum([0.5] * x.shape[0] == [0.5] * 65 for _ in range(2)),
    "a place": lambda x: x * [1.0, *[2.0] * 2000][x.shape[0]],
    "np.shape of a Tensor": lambda x: x * 2 if np.shape(tg.Tensor(x))[0] > 10 else x,
    "np.size of a Tensor": lambda x: x * 2 if np.size(tg.Tensor(x)) > 10 else x,
    "np.size of an axis": lambda x: x * 2 if np.size(x, 0) > 10 else x,
    "broadcast shapes": lambda x: x * 2 if np.broadcast_shapes(x.shape, (1, 4))[0] > 10 else x,
    "a product": lambda x: x * 2 if np.prod(x.shape) > 10 else x,
    "a product in Python": lambda x: x * 2 if math.prod(x.shape) > 50 else x,
    "the places of an array": lambda x: x * float(len(np.ndindex(*x.shape[:1]).__class__.__name__) * x.shape[0] > 70),
    "an iterator": lambda x: x * float(next(iter(x)).shape[0] * x.shape[0] > 70),
    "zip": lambda x: x * sum(1.0 for _ in zip(x, range(80), strict=False)),
    "the bytes of a Tensor": lambda x: x * 2 if tg.Tensor(x).nbytes > 1000 else x,
    "a flat iterator": lambda x: x * 2 if len(tg.Tensor(x).flat) > 50 else x,
    "zeros like it": lambda x: x * float(np.zeros_like(np.zeros(x.shape)).size > 50),
    "bits": lambda x: x * float(x.shape[0] & 1024),
    "the largest": lambda x: x * (max(x.shape) > 10),
    "sorted": lambda x: x * (sorted(x.shape)[1] > 10),
    "iteration": lambda x: x * sum(2.0 for _ in x),
    "iteration over a Tensor": lambda x: x * sum(2.0 for _ in tg.Tensor(x)),
    "arange": lambda x: x * float(np.arange(x.shape[0])[-1] > 10),
    "zeros": lambda x: x + np.zeros((x.shape[0], 1)),
    "an array": lambda x: x * float(np.asarray(x.shape)[0] > 10),
    "a ufunc": lambda x: x * float(np.maximum(x.shape[0], 10) > 10),
    "a negative": lambda x: x * float(-x.shape[0] < -10),
    "a median of a Tensor": lambda x: np.median(tg.Tensor(x), axis=0),
}


@pytest.mark.parametrize("name", sorted(ARITHMETIC))
def test_arithmetic_with_a_size_is_no_question(name):
    assert questions(ARITHMETIC[name]) == []


@pytest.mark.parametrize("name", sorted(QUESTIONS))
def test_questions_for_a_size_are_noticed(name):
    function = QUESTIONS[name]
    step = tg.compile(function)
    for turn, size in enumerate([65, 67, 71, 72, 4, 300, 5, 64, 6, 1030, 12]):
        x = np.random.default_rng(turn).normal(size=(size, 4))
        _assert_alike(step(x), function(x), size)
    for family in step._programs.kept.families.values():
        assert all(opened.questions for opened in family.opened)


AT_OTHER_SIZES = {
    "clipped slice": lambda x: x[:50] * 2,
    "diagonal": lambda x: np.diagonal(x) * 2,
    "convolution": lambda x: np.convolve(x[:, 0], np.ones(40), "same"),
    "clipped take": lambda x: np.take(x, [1, 100], axis=0, mode="clip") * 2,
    "triangle": lambda x: np.tril(x) * 2,
    "median": lambda x: np.median(x, axis=0) + np.quantile(x, 0.3, axis=0),
    "median of a Tensor": lambda x: np.median(tg.Tensor(x), axis=0) + np.quantile(tg.Tensor(x), 0.3, axis=0),
    "split": lambda x: np.array_split(x, 3)[0] + np.array_split(tg.Tensor(x), 3)[0],
    "histogram": lambda x: np.histogram(x[:, 0], bins=4)[0] * 2,
    "trapezoid": lambda x: np.trapezoid(tg.Tensor(x), axis=0) + np.gradient(tg.Tensor(x)[:, 0])[0],
    "covariance": lambda x: np.cov(tg.Tensor(x).T) + np.corrcoef(x.T),
    "transform": lambda x: np.abs(np.fft.rfft(tg.Tensor(x), axis=0)) ** 2,
    "interpolation": lambda x: np.interp(tg.Tensor(x[:, 0]), np.arange(5.0), np.arange(5.0) ** 2),
    "windows": lambda x: np.lib.stride_tricks.sliding_window_view(x, 2, axis=0).sum(axis=-1),
    "unwrapped": lambda x: np.unwrap(tg.Tensor(x), axis=0),
    "rolled along": lambda x: np.roll(tg.Tensor(x), 7, axis=0) + np.roll(x, -30, axis=0),
    "powers": lambda x: np.vander(x[:, 0], 3) * 1.0,
    "padded": lambda x: np.pad(tg.Tensor(x), ((3, 40), (0, 0)), mode="reflect"),
}


@pytest.mark.parametrize("name", sorted(AT_OTHER_SIZES))
def test_shapes_that_are_no_forms_at_other_sizes(name):
    function = AT_OTHER_SIZES[name]
    step = tg.compile(function)
    for turn, size in enumerate([20, 21, 22, 23, 30, 60, 5, 3, 70, 100, 2, 24, 49, 50, 51]):
        x = np.random.default_rng(turn).normal(size=(size, 4))
        try:
            expected = function(x)
        except (ValueError, IndexError):
            continue
        _assert_alike(step(x), expected, size)


@pytest.mark.parametrize("first", [(5, 6, 7), (13, 11, 5), (8, 5, 9)], ids=str)
def test_small_sizes_do_not_tell_one_form_from_another(first):
    """(n + 2) // 3 and (n - 1) // 2 have the same values at 5, 6 and 7."""
    step = tg.compile(lambda x: np.array_split(tg.Tensor(x), 3)[0] * 2)
    for rows in (*first, 12, 14, 20, 22, 3):
        x = np.random.default_rng(rows).normal(size=(rows, 4))
        _assert_alike(step(x), np.array_split(x, 3)[0] * 2, rows)


def test_a_value_that_is_not_finite_at_a_size_that_is_not_recorded():
    def function(x):
        t = tg.Tensor(x)
        np.sum(np.where(t > 0, np.log(np.where(t > 0, t, 1.0)), t * 2)).backward()
        return t.grad

    step = tg.compile(function)
    for size in [5, 6, 7, 8, 9, 8, 9]:
        x = np.random.default_rng(size).normal(size=size)
        x[size // 2] = np.inf if size > 7 else 1.0
        with np.errstate(all="ignore"):
            np.testing.assert_allclose(step(x), function(x))


def test_paths_of_sizes_that_are_not_recorded():
    def function(x):
        return x * 2 if np.sum(x) > 0 else x * 3

    step = tg.compile(function)
    for turn in range(40):
        x = np.random.default_rng(turn).normal(size=(5 + turn % 13, 3))
        np.testing.assert_allclose(step(x), function(x))


def test_writes():
    def make():
        def function(x, y):
            y[1:] = x[:-1] * 2
            u = x * 0
            u[0] = x[0]
            u[1:-1] += x[2:]
            return u + y

        return function, lambda n, rng: (rng.normal(size=(n, 3)), rng.normal(size=(n, 3))), []

    eager, arguments, _ = make()
    step = tg.compile(eager)
    for size in [5, 6, 7, 8, 9, 20, 30, 8, 64]:
        (x, y), (x2, y2) = (arguments(size, np.random.default_rng(size)) for _ in range(2))
        np.testing.assert_allclose(step(x, y), eager(x2, y2))
        np.testing.assert_allclose(y, y2)
    assert programs(step)[0] <= 3


def test_writes_at_sizes_that_are_not_recorded():
    def function(x, y):
        y += x
        return y * 2

    step = tg.compile(function)
    for size in [5, 6, 7, 8, 9, 20, 30, 8]:
        x, y, y2 = np.ones((size, 3)), np.ones((size, 3)), np.ones((size, 3))
        np.testing.assert_allclose(step(x, y), function(x, y2))
        np.testing.assert_allclose(y, y2)
    assert [opened.questions for family in step._programs.kept.families.values() for opened in family.opened] == [[]]


def test_updates_and_draws_at_sizes_that_are_not_recorded():
    """The run that looks at the shapes changes nothing."""

    def make():
        w, generator = tg.Tensor(np.zeros(3), name="w"), np.random.default_rng(7)

        def function(x):
            noise = tg.draws.normal(generator, x.shape)
            w.assign(w.data + np.sum(x + noise, axis=0))
            return np.sum(noise, axis=0)

        return function, lambda n, rng: (rng.normal(size=(n, 3)),), [w]

    step = check(make, sizes=range(5, 25))
    assert [opened.questions for family in step._programs.kept.families.values() for opened in family.opened] == [[]]


def test_a_guard_that_fails_at_a_size_that_is_not_recorded():
    settings = {"scale": 2.0}
    step = tg.compile(lambda x: x * settings["scale"])
    for size in [5, 6, 7, 8, 9]:
        step(np.ones(size))
    settings["scale"] = 3.0
    for size in [10, 8, 11, 12, 13, 14, 15]:
        np.testing.assert_allclose(step(np.ones(size)), 3.0 * np.ones(size))


@pytest.mark.filterwarnings("ignore:compile")
def test_a_version_that_is_thrown_away_is_freed():
    step = tg.compile(lambda x, y: np.tanh(x @ y), maxsize=2)
    kept = []
    for n in range(5, 9):
        step(np.ones((n, n + 1)), np.ones((n + 1, 3 * n)))  # two sizes change: nothing is open
        kept.append(weakref.ref(step._programs.kept.last))
    gc.collect()
    assert [version() is None for version in kept] == [True, True, False, False]
    for kind in ("float32", "float64", "int64", "int32"):
        step(np.ones((2, 3), kind), np.ones((3, 2), kind))
    assert len(step._programs.kept.families) == 2


def test_an_argument_is_written_into_once_at_each_size():
    def program(x, z):
        z *= 0.5
        return np.sum(x)

    compiled = tg.compile(program)
    for length in (4, 5, 6, 3, 7, 8):
        z = np.ones(2)
        compiled(np.ones(length), z)
        np.testing.assert_array_equal(z, [0.5, 0.5])


def test_a_saved_file_has_the_sizes_that_ran(tmp_path):
    step = tg.compile(lambda x: np.tanh(x) / x.shape[0])
    for n in (5, 6, 7, 8, 9):
        step(np.ones((n, 3)))
    step.save(tmp_path / "saved_sizes.py")
    module = loaded(tmp_path / "saved_sizes.py")
    function = next(value for name, value in vars(module).items() if name.startswith("function") or name == "step")
    for n in (5, 6, 7, 8, 9):
        np.testing.assert_allclose(function(np.full((n, 3), 0.5)), np.tanh(np.full((n, 3), 0.5)) / n)
    with pytest.raises(ValueError, match=r"float64\(10, 3\)"):
        function(np.ones((10, 3)))


def test_two_threads_call_with_sizes_of_their_own():
    compiled = tg.compile(lambda x: np.tanh(x) @ np.ones((20, 3)))
    failures = []

    def work(seed):
        rng = np.random.default_rng(seed)
        for _ in range(60):
            x = rng.normal(size=(int(rng.integers(2, 40)), 20))
            if not np.allclose(compiled(x), np.tanh(x) @ np.ones((20, 3))):
                failures.append(x.shape)

    in_threads(work, 3)
    assert not failures
