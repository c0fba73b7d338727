"""Pulls that are alike: the calls that rules made are made again, and the tape is the one that the rules would make."""

from __future__ import annotations

import functools
import gc
import itertools
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import tinygraph as tg
import tinygraph.numpy as tnp
from tests.compiler.programs import recurrent
from tests.compiler.test_scientific_programs import categories
from tinygraph.compiler import pipeline
from tinygraph.compiler.trace import repeated_passes, twice
from tinygraph.compiler.trace.alike import Alike
from tinygraph.compiler.trace.events import Event
from tinygraph.compiler.trace.pull import FirstPull
from tinygraph.compiler.trace.pulling_again import PullingAgain
from tinygraph.compiler.trace.tape import Tape
from tinygraph.engine import guarded_pass, recorded_pulls
from tinygraph.engine.table import operation_of
from tinygraph.users_code.source import source_of

RNG = np.random.default_rng(0)
STEPS = 6


def gated(x: Any, w: Any, u: Any, b: Any) -> Any:
    h = c = np.zeros((x.shape[1], 4), x.dtype)
    for t in range(x.shape[0]):
        z = x[t] @ w + h @ u + b
        i, f, o, g = [z[:, at : at + 4] for at in range(0, 16, 4)]
        c = tg.sigmoid(f) * c + tg.sigmoid(i) * np.tanh(g)
        h = tg.sigmoid(o) * np.tanh(c)
    return np.sum(h**2)


def arrays(dtype: Any, *shapes: tuple[int, ...]) -> list[Any]:
    found = [RNG.normal(size=shape) for shape in shapes]
    return [(item + 1j * item[::-1] if np.dtype(dtype).kind == "c" else item).astype(dtype) for item in found]


def repeated(step: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    def loss(x: Any, w: Any) -> Any:
        for _ in range(STEPS):
            x = step(x, w)
        return np.sum(abs(x) ** 2)

    return loss


def of_two_dtypes(x: Any, w: Any) -> Any:
    h = x[0]
    for t in range(STEPS):
        h = np.tanh(h + np.sum(x[t % 2 : t % 2 + 1] * w))
    return np.sum(h)


def written(x: Any, w: Any) -> Any:
    y = x * 1.0
    for i in range(1, 3):
        y[i] = np.tanh(y[i - 1]) * w[i] + y[i]
    return np.sum(y**2)


def stencil(x: Any, w: Any) -> Any:
    y, states = x + 0.0, tnp.zeros((STEPS, *x.shape))
    for t in range(STEPS):
        middle = y[1:-1]
        middle[:, 1:] = 0.5 * (y[:-2, 1:] + y[2:, :-1]) * w[1:]
        y.T[0, :2] -= 0.1 * np.sum(y) / 3
        states[t] = y
    return np.sum(states**2)


def path(x: Any, w: Any) -> Any:
    """The gradient of x is a row of the gradient of all rows."""
    rows = tnp.zeros((STEPS + 1, *x.shape))
    rows[0] = x
    for t in range(STEPS):
        rows[t + 1] = np.sin(rows[t]) * w
    return np.sum(rows**2)


def masked(x: Any, w: Any) -> Any:
    return np.where(x > 0, np.sqrt(abs(x) + 1) * w, x)


def waves(x: Any, w: Any) -> Any:
    """Writes at the same places in each step, behind which only a part of an array is reached."""
    e, h = x + 0.0, x * 0.5
    for t in range(STEPS):
        e[0, :] = w[t % 2]
        e[1:, :] -= 0.5 * (h[1:] - h[:-1])
        h[:-1, 1:-1] -= 0.7 * (e[:-1, 2:] - e[1:, :-2]) * w[1:-1]
    return np.sum(h**2) + np.sum(e[1:-1] ** 2)


def turned(x: Any, w: Any) -> Any:
    """The whole of an array in Fortran's order is written, and parts of its transpose."""
    y = x.T * w[:, None]
    for _ in range(STEPS):
        y *= 0.9
        y.T[1:, ::2] += np.sin(y.T[:-1, ::2])
        y[...] = np.ravel(y, order="F").reshape(4, 3) * w[:, None]
    return np.sum(y**2)


def halves(x: Any, w: Any) -> Any:
    y = x * (1 + 0.5j)
    for _ in range(STEPS):
        y.real[1:] = y.imag[:-1] * w
        y[0] += 0.1j * y[-1]
    return np.sum(abs(y) ** 2)


PAIR = ((3, 4), (4,))
PROGRAMS: dict[str, tuple[Callable[..., Any], list[Any]]] = {
    "gated": (gated, arrays(np.float32, (STEPS, 2, 3), (3, 16), (4, 16), (16,))),
    "recurrent": (recurrent, arrays(float, (STEPS, 2, 3), (3, 4), (4, 4), (4,))),
    "bias": (repeated(lambda x, w: np.tanh(x + w)), arrays(float, *PAIR)),
    "column": (repeated(lambda x, w: np.tanh(x * w[:3, None]) / (1 + x * x)), arrays(float, *PAIR)),
    "same operand": (repeated(lambda x, w: x * x + x * w), arrays(float, *PAIR)),
    "half": (repeated(lambda x, w: np.tanh(x * w) - x), arrays(np.float16, *PAIR)),
    "complex": (repeated(lambda x, w: np.exp(x * w * 0.1) + w), arrays(complex, *PAIR)),
    "views": (repeated(lambda x, w: np.sin(x.T.reshape(3, 4)[::-1] + w)), arrays(float, *PAIR)),
    "reductions": (repeated(lambda x, w: x - np.mean(x, axis=1, keepdims=True) + np.sum(x * w)), arrays(float, *PAIR)),
    "selections": (repeated(lambda x, w: np.maximum(x, w) + tg.relu(x) * np.max(x, axis=0)), arrays(float, *PAIR)),
    "conditions": (repeated(masked), arrays(float, *PAIR)),
    "numbers": (repeated(lambda x, w: x * w[0] ** 2 + np.float32(0.5) * w[1]), arrays(float, *PAIR)),
    "Fortran's order": (repeated(lambda x, w: np.reshape(x.T, (3, 4), order="F") * w), arrays(float, *PAIR)),
    "two dtypes": (of_two_dtypes, [*arrays(np.float32, (2,)), *arrays(float, (2,))]),
    "writes": (written, arrays(float, *PAIR)),
    "stencil": (stencil, arrays(float, (80, 4), (4,))),
    "path": (path, arrays(float, *PAIR)),
    "waves": (waves, arrays(float, (4, 5), (5,))),
    "half waves": (waves, arrays(np.float16, (4, 5), (5,))),
    "turned": (turned, arrays(float, *PAIR)),
    "halves": (halves, arrays(float, *PAIR)),
    "chosen waves": (lambda x, w: waves(np.where(x > 0, x, np.sqrt(abs(x) + 1)), w), arrays(float, (4, 5), (5,))),
}


def tape_of(function: Callable[..., Any], given: list[Any], monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Return the events of the second run of a function, as plain data, and the inputs that it takes to be finite."""
    traces: list[Any] = []

    def traced(*args: Any, **keywords: Any) -> Any:
        found = twice.trace_twice(*args, **keywords)
        events = [described(event) for event in found[0].events]
        traces.append([*events, found[0].tape.orders, sorted(found[0].reliance.inputs())])
        return found

    with monkeypatch.context() as patch:
        patch.setattr(pipeline, "trace_twice", traced)
        tg.compile(function)(*given)
    return traces


def described(event: Event) -> tuple[Any, ...]:
    label = event.label
    return (
        event.index, event.kind, event.shape, event.dtype, event.function, plain([event.args, event.kwargs]),
        event.code, source_of(event.code, event.lasti), label and (list(map(str, label.scope)), label.inner),
        event.section, event.differentiated and event.differentiated.index, event.name, event.low, event.finite,
        event.fixed, repr(event.content),
    )  # fmt: skip


def plain(item: Any) -> Any:
    if isinstance(item, list | tuple):
        return [plain(part) for part in item]
    if isinstance(item, dict):
        return {key: plain(part) for key, part in item.items()}
    return f"event {item.index}" if type(item) is Event else repr(item)


def differentiated() -> Iterator[Any]:
    for name, (function, given) in PROGRAMS.items():
        yield pytest.param(tg.value_and_grad(function, argnums=tuple(range(len(given)))), given, id=name)
    # The elements are read one by one, so that masks say what their cotangents reach.
    places = np.array([0, 1, 1, 2, 3, 0])
    yield pytest.param(tg.hessian(categories), [np.array([0.1, 0.2, 0.3, 0.4]), places], id="hessian")


@pytest.mark.parametrize(("function", "given"), list(differentiated()))
def test_the_tape_is_the_one_that_the_rules_make(
    function: Callable[..., Any], given: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = tape_of(function, given, monkeypatch)
    monkeypatch.setattr(Alike, "pull", lambda *args: False)
    assert found == tape_of(function, given, monkeypatch)
    monkeypatch.setattr(repeated_passes, "_key_of", lambda *args: None)
    assert found == tape_of(function, given, monkeypatch)


@pytest.fixture
def counts(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, int]]:
    """Return the number of pulls that were the first of their kind, and of those that were like one."""
    found = {"first": 0, "again": 0}

    def counted(key: str, method: Callable[..., Any]) -> Callable[..., Any]:
        def count(*args: Any) -> Any:
            found[key] += 1
            return method(*args)

        return count

    monkeypatch.setattr(FirstPull, "remember", counted("first", FirstPull.remember))
    monkeypatch.setattr(PullingAgain, "pull", counted("again", PullingAgain.pull))
    yield found


def test_a_longer_loop_has_no_more_pulls_of_a_new_kind(counts: dict[str, int]) -> None:
    def kinds(steps: int) -> int:
        counts.update(first=0, again=0)
        x, *rest = PROGRAMS["gated"][1]
        tg.compile(tg.grad(gated, argnums=1))(np.concatenate([x] * steps), *rest)
        assert counts["again"] > 15 * (STEPS * steps - 2)  # the second run makes no pulls
        return counts["first"]

    assert kinds(1) == kinds(3)


@pytest.mark.parametrize("name", ["waves", "turned"])
def test_the_same_writes_in_a_longer_loop_run_no_more_rules(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    function, given = PROGRAMS[name]
    pulled: list[None] = []
    found = recorded_pulls._found_traced
    monkeypatch.setattr(recorded_pulls, "_found_traced", lambda *args: (pulled.append(None), found(*args))[1])

    def times(steps: int) -> int:
        pulled.clear()
        monkeypatch.setattr(sys.modules[__name__], "STEPS", steps)
        tg.compile(tg.grad(function, argnums=(0, 1)))(*given)
        return len(pulled)

    assert times(12) == times(20)


def test_a_rule_of_ours_runs_no_more_often_in_a_longer_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    operation: Any = operation_of(np.tanh)
    (rule,) = operation.rules
    calls: list[None] = []

    @functools.wraps(rule)
    def counted(*args: Any) -> Any:
        calls.append(None)
        return rule(*args)

    monkeypatch.setattr(operation, "rules", (counted,))

    def times(steps: int) -> int:
        calls.clear()

        def loss(x: Any) -> Any:
            for _ in range(steps):
                x = np.tanh(x)
            return np.sum(x)

        tg.compile(tg.grad(loss))(np.ones(3))
        return len(calls)

    assert times(10) == times(30) <= 6


def test_a_rule_of_the_users_runs_each_time() -> None:
    calls: list[None] = []

    @tg.primitive
    def cube(x: Any) -> Any:
        return x**3

    def rule(g: Any, z: Any, x: Any) -> Any:
        calls.append(None)
        return g * (3 * x * x)

    cube.derivative(rule)

    def loss(x: Any) -> Any:
        for _ in range(5):
            x = cube(x) * 0.5
        return np.sum(x)

    tg.compile(tg.grad(loss))(np.ones(3))
    assert len(calls) >= 2 * 5


# --- passes of the second run -----------------------------------------------------------------------------------------


@pytest.fixture
def pulls(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The orders of the calls that the passes of both runs go through."""
    found: list[int] = []
    pull = guarded_pass.pull_traced
    monkeypatch.setattr(guarded_pass, "pull_traced", lambda tracer, call, *rest: (
        found.append(call.order), pull(tracer, call, *rest)
    ))  # fmt: skip
    return found


def stepped(loss: Callable[..., Any], *weights: Any, twice: bool = False) -> Callable[..., Any]:
    """A training step, with one or two backward passes."""

    def step(*given: Any) -> Any:
        for weight in weights:
            weight.grad = None
        found = loss(*given, *weights)
        found.backward()
        if twice:
            np.sum(np.tanh(weights[0]) ** 2).backward()
        for weight in weights:
            weight.assign(weight.data - 0.1 * weight.grad)
        return found

    return step


@pytest.mark.parametrize("twice", [False, True])
@pytest.mark.parametrize("name", ["gated", "recurrent", "column", "bias"])
def test_the_second_run_pulls_nothing(name: str, twice: bool, pulls: list[int]) -> None:
    function, given = PROGRAMS[name]

    def trained(compiled: bool) -> list[Any]:
        weights = [tg.Tensor(item.copy(), name=f"w{place}") for place, item in enumerate(given[1:])]
        step = stepped(function, *weights, twice=twice)
        step = tg.compile(step) if compiled else step
        losses = [float(step(given[0])) for _ in range(3)]
        return [*losses, *[weight.data for weight in weights], *[weight.grad for weight in weights]]

    found = trained(compiled=True)
    # Each pass goes from the newest call to the oldest.
    assert [later < earlier for earlier, later in itertools.pairwise(pulls)].count(False) == (1 if twice else 0)
    for one, other in zip(found, trained(compiled=False), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4 if given[1].dtype == np.float32 else 1e-10, atol=1e-8)


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """The number of runs so far, where no run looks for changes."""
    run = twice.run
    monkeypatch.setattr(twice, "number", 0, raising=False)

    def counted(*args: Any, **keywords: Any) -> Any:
        twice.number += 1  # type: ignore[attr-defined]
        return run(*args, **keywords)

    monkeypatch.setattr(twice, "run", counted)
    return lambda: twice.number  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", ["stencil", "path", "conditions", "selections", "waves", "turned", "halves"])
def test_the_second_run_pulls_nothing_through_writes_and_choices(name: str, pulls: list[int]) -> None:
    function, given = PROGRAMS[name]
    gradient = tg.grad(function, argnums=(0, 1))
    found = tg.compile(gradient)(*given)
    assert [later < earlier for earlier, later in itertools.pairwise(pulls)].count(False) == 0
    for one, other in zip(found, gradient(*given), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12)


def test_a_pass_that_is_taken_over_relies_on_finite_numbers_as_the_first_did() -> None:
    """At an infinite factor of what is not chosen another program is made, without 0 * inf."""
    x, w = np.array([[1.0, -1.0]]), np.array([2.0, 3.0])
    gradient = tg.grad(repeated(lambda x, w: np.where(x > 0, x, x * w)), argnums=(0, 1))
    compiled = tg.compile(gradient)
    for factor in (3.0, np.inf):
        w = np.array([factor, 3.0])
        for found, expected in zip(compiled(x, w), gradient(x, w), strict=True):
            np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_a_gradient_that_is_a_part_of_another_array_can_be_written_into() -> None:
    def function(x: Any, w: Any) -> Any:
        by_x, by_w = tg.grad(path, argnums=(0, 1))(x, w)
        by_x[1] = 2 * by_x[0]
        by_x += by_w
        return by_x, by_w * np.sum(by_x)

    given = PROGRAMS["path"][1]
    compiled = tg.compile(function)
    for _ in range(2):
        for found, expected in zip(compiled(*given), function(*given), strict=True):
            np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_a_pass_through_other_calls_is_not_taken_over(runs: Callable[[], int]) -> None:
    """Both runs make the same calls forward: nothing but the gradient tells them apart."""

    def changing(x: Any) -> Any:
        y = np.tanh(x)
        held = y.detach() if runs() == 1 else y
        return np.sum(held * x)

    with pytest.raises(tg.UnsupportedError, match="two runs of"):
        tg.compile(tg.grad(changing))(np.ones(3))


def test_a_pass_from_another_seed_is_not_taken_over(runs: Callable[[], int]) -> None:
    def changing(x: Any) -> Any:
        return tg.vjp(np.tanh, x)[1](np.full(3, float(runs())))

    with pytest.raises(tg.UnsupportedError, match="two runs of"):
        tg.compile(changing)(np.ones(3))


def test_a_plain_array_that_rules_read_is_read_at_each_call() -> None:
    """The rule of a product reads a view of an array from outside, which changes between the calls."""
    matrix = np.ones((3, 4))

    def loss(x: Any) -> Any:
        return np.sum(np.tanh(x @ matrix) ** 2)

    gradient, x = tg.compile(tg.grad(loss)), np.linspace(-1, 1, 6).reshape(2, 3)
    for _ in range(3):
        np.testing.assert_allclose(gradient(x), tg.grad(loss)(x), rtol=1e-12)
        matrix *= 0.5
        matrix[0, 1] += 1


def test_an_array_that_the_function_fills_anew_is_a_constant_of_the_pass() -> None:
    def loss(x: Any) -> Any:
        h = np.zeros((2, 4))
        h[0] = 0.5
        return np.sum(np.tanh(h @ x) ** 2)

    gradient = tg.compile(tg.grad(loss))
    for x in (np.ones((4, 3)), np.linspace(-1, 1, 12).reshape(4, 3)):
        np.testing.assert_allclose(gradient(x), tg.grad(loss)(x), rtol=1e-12)


# --- what a run leaves behind -----------------------------------------------------------------------------------------


def test_a_program_holds_nothing_of_the_run_and_leaves_no_cycles() -> None:
    w = tg.Tensor(np.ones((3, 4)), name="w")

    @tg.compile
    def step(x: Any) -> Any:
        loss = gated(x, w, np.ones((4, 16)), np.ones(16)) if x.shape[-1] == 1 else np.sum(np.tanh(x @ w) ** 2)
        w.grad = None
        loss.backward()
        w.assign(w.data - 0.1 * w.grad)
        return loss

    def living() -> int:
        return sum([type(item) in (Event, Tape) for item in gc.get_objects()])

    gc.collect()
    before = living()
    gc.disable()
    try:
        step(np.ones((2, 3)))
        assert living() <= before
    finally:
        gc.enable()
    step(np.zeros((2, 3)))


@pytest.mark.parametrize("forgets", [False, True])
def test_only_the_cotangents_of_living_tensors_are_kept(forgets: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    freed: list[Any] = []
    free = guarded_pass._free
    monkeypatch.setattr(guarded_pass, "_free", lambda call, *rest: (freed.append(call), free(call, *rest)))

    def gradients(x: Any) -> Any:
        first = z = np.tanh(x)
        for _ in range(4):
            z = np.tanh(z)
        loss = np.sum(z)
        last = None if forgets else z
        del z
        loss.backward()
        return first.grad * 2, None if last is None else last.grad + 1, x.grad

    x = np.linspace(-1, 1, 6)
    expected = gradients(tg.Tensor(x))
    found = tg.compile(gradients)(tg.Tensor(x))
    # The cotangent of z is a view of that of the loss, so that the second run makes the pass, too, where somebody asks.
    assert len(freed) == (4 if forgets else 2 * 3)
    for one, other in zip(found, expected, strict=True):
        assert (one is None) == (other is None)
        if one is not None:
            np.testing.assert_allclose(one, other, rtol=1e-12)


def test_patterns_of_many_kinds_keep_no_large_arrays() -> None:
    """Each row of a triangular matrix is read in another length, so that no pull is like another one."""
    rows, matrix = 60, np.ones((300, 300))

    def solved(lower: Any) -> Any:
        found = lower[0, :1]
        for row in range(1, rows):
            found = np.concatenate([found, (lower[row, :row] @ found)[None] / rows])
        return np.sum(found)

    step = tg.compile(tg.grad(solved))
    tracemalloc.start()
    try:
        step(matrix)
        assert tracemalloc.get_traced_memory()[1] < 40 * matrix.nbytes
    finally:
        tracemalloc.stop()


def test_a_second_run_that_goes_backward_through_other_calls_is_refused():
    limit = sys.getrecursionlimit()  # a number that changes unseen

    def slope(x):
        t = tg.Tensor(x)
        sums = np.sum(np.sin(t) * 2.0), np.sum(np.sin(t) * 3.0)
        sys.setrecursionlimit(sys.getrecursionlimit() ^ 1)
        sums[sys.getrecursionlimit() & 1].backward()
        return t.grad

    try:
        with pytest.raises(tg.UnsupportedError, match=r"two runs of .* differ"):
            tg.compile(slope)(np.ones(3))
    finally:
        sys.setrecursionlimit(limit)
