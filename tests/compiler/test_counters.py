"""Counters: an int that changes at each call, and only enters arithmetic, has one program from its third value on."""

from __future__ import annotations

import math
import operator
import warnings
from collections.abc import Callable
from math import sqrt
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygraph as tg

X = np.array([-1.5, 0.0, 2.0])
VALUES = [3, 7, 0, 1, -1, 2, -7, 10, 11, 64, -64, 2**31, -(2**40) + 1, 2**53 + 1, 2**63 - 1, 2**63, -(2**70), 5, 1000]


def outcome(f: Callable[..., Any], *args: Any) -> Any:
    """Return the bits and the dtype of a result, or the type of the error."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            result = np.asarray(f(*args))
    except (ArithmeticError, ValueError, TypeError, tg.UnsupportedError) as error:
        return "error", "Unsupported" if isinstance(error, tg.UnsupportedError) else type(error)
    return result.dtype, result.shape, result.tobytes()


def check(f: Callable[..., Any], x: Any, values: Any = VALUES, programs: int | None = None) -> Any:
    """Check that a function of an array and an int gives, compiled, what it gives eagerly."""
    compiled = tg.compile(f, maxsize=100)
    for value in values:
        assert outcome(compiled, x, value) == outcome(f, x, value), value
    if programs is not None:
        assert len(compiled.signatures) == programs
    return compiled


# --- laws -------------------------------------------------------------------------------------------------------------

BINARY = [
    operator.add, operator.sub, operator.mul, operator.truediv, operator.floordiv, operator.mod, operator.and_,
    operator.xor, operator.lt, operator.eq, operator.ge,
]  # fmt: skip
UNARY = [operator.neg, operator.pos, abs, round]
NUMBERS = st.sampled_from([0, 1, 2, 3, -1, 10, 0.5, 0.95, -2.5, 1e-3, True])


def _expressions() -> Any:
    def deeper(inner: Any) -> Any:
        return st.one_of(
            st.tuples(st.sampled_from(BINARY), inner, inner),
            st.tuples(st.sampled_from(UNARY), inner),
            st.tuples(st.just(operator.pow), st.sampled_from([2, 0.95, 3, -1, 0.5]), st.just("t")),
            st.tuples(st.just(operator.pow), inner, st.sampled_from([2, 3, -1, 0.5])),
        )

    return st.recursive(st.one_of(st.just("t"), NUMBERS), deeper, max_leaves=6)


def _value(expression: Any, t: Any) -> Any:
    if type(expression) is tuple:
        function, *parts = expression
        return function(*[_value(part, t) for part in parts])
    return t if type(expression) is str else expression


DTYPES = ["float64", "float32", "float16", "int64", "int32", "int8", "uint8", "bool", "complex64"]
MEETING = [
    operator.add, operator.mul, lambda x, n: n - x, operator.truediv, np.maximum, lambda x, n: np.where(x > 1, x, n),
    operator.lt, lambda x, n: x + np.sqrt(n), lambda x, n: n * np.float32(2) + x, lambda x, n: np.clip(x, n, None),
    lambda x, n: x // n,
]  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(
    expression=_expressions(), meet=st.sampled_from(range(len(MEETING))), dtype=st.sampled_from(DTYPES),
    values=st.lists(st.one_of(st.sampled_from(VALUES), st.integers(-50, 200)), min_size=4, max_size=8),
)  # fmt: skip
def test_arithmetic_on_a_counter_is_pythons(expression: Any, meet: int, dtype: str, values: list[int]) -> None:
    x = np.array([-2, 0, 1, 3]).astype(dtype)
    check(lambda x, t: MEETING[meet](x, _value(expression, t)), x, values)


SCHEDULES: dict[str, Callable[..., Any]] = {
    "a power": lambda x, t: x * 0.95**t,
    "bias correction": lambda x, t: x / (1 - 0.9 ** (t + 1)),
    "stairs": lambda x, t: x * 0.1 * 0.95 ** (t // 10),
    "a quotient": lambda x, t: x / (t + 1),
    "a square root": lambda x, t: x / np.sqrt(t + 1),
    "a remainder": lambda x, t: x + t % 2,
    "a square": lambda x, t: x * t**2,
    "a truth": lambda x, t: np.where(t % 10 == 0, x, -x),
    "a float beside it": lambda x, t: x * (t * 0.5 + 1),
    "a rounded one": lambda x, t: x + round(t / 3, 1) + divmod(t, 7)[1],
    "its dtype": lambda x, t: x.astype(np.float32) * t,
    "a warm-up": lambda x, t: x * min(1.0, (t + 1) / 100),
    "a cosine": lambda x, t: x * 0.5 * (1 + math.cos(math.pi * t / 40)),
    "a root of math's": lambda x, t: x / sqrt(max(3, t) if x.ndim else 1),
    "nothing": lambda x, t: x,
}


@pytest.mark.parametrize("name", sorted(SCHEDULES))
def test_schedules_have_one_program(name: str) -> None:
    compiled = check(SCHEDULES[name], X, range(40), programs=3)
    assert compiled.signatures[-1] == "x: float64(3,), t: int"


STEERING: dict[str, Callable[..., Any]] = {
    "a condition": lambda x, t: x * 2 if t % 10 == 0 else x + t,
    "equality": lambda x, t: x if t == 0 else x * t,
    "a range": lambda x, t: sum(x * k for k in range(t)) + x,
    "an index": lambda x, t: x[t % 3],
    "a slice": lambda x, t: x[t % 3 :],
    "a list": lambda x, t: x * [1.0, 2.0, 3.0][t % 3],
    "a key": lambda x, t: x * {0: 1.0}.get(t, 2.0),
    "a text": lambda x, t: x * len(str(t)),
    "a shape": lambda x, t: x + np.zeros((t, 3)),
    "repeats": lambda x, t: np.repeat(x, t),
    "a roll": lambda x, t: np.roll(x, t),
    "float()": lambda x, t: x * float(t),
    "an array": lambda x, t: x * np.array([t, 1, 2]),
    "a set": lambda x, t: x * (t in {1, 2}),
    "the larger of an int and a float": lambda x, t: x.astype(int) * max(t, 2.5),
    "the least of a list": lambda x, t: x * min([t, 3]),
    "an error of math's": lambda x, t: x * math.sqrt(2 - t),
    "what it catches": lambda x, t: x * _caught(t),
    "its type": lambda x, t: x * (1 if isinstance(2**-t, int) else 3),
    "a list that it repeats": lambda x, t: x + len([0] * t),
    "a result": lambda x, t: (x, t)[1] + 0 * np.sum(x).astype(int),
}


def _caught(t: Any) -> Any:
    try:
        return 1 / (t - 2)
    except ZeroDivisionError:
        return 0.0


@pytest.mark.parametrize("name", sorted(STEERING))
def test_what_steers_has_a_program_for_each_value(name: str) -> None:
    check(STEERING[name], X, [*range(6), *range(6)])


def test_a_bool_is_no_counter() -> None:
    compiled = tg.compile(lambda x, t: x * t)
    for value in (0, True, 1, 2, False, 3, True, 1.5):
        assert outcome(compiled, X, value) == outcome(operator.mul, X, value)
    assert compiled.signatures[-1].endswith("t: float")


def test_counters_inside_containers_and_keywords() -> None:
    compiled = tg.compile(lambda x, *, config: x * 0.9 ** config["epoch"] + config["sizes"][0])
    for epoch in range(10):
        config = {"epoch": epoch, "sizes": [2, 3]}
        np.testing.assert_array_equal(compiled(X, config=config), X * 0.9**epoch + 2)
    assert compiled.signatures[-1] == "x: float64(3,), config: {epoch: int, sizes: [2, 3]}"
    assert len(compiled.signatures) == 3


def test_one_counter_steers_and_another_does_not() -> None:
    compiled = tg.compile(lambda x, t, n: x[:n] / (t + 1))
    for t in range(12):
        np.testing.assert_array_equal(compiled(X, t, t % 3), X[: t % 3] / (t + 1))
    assert [line.split("t: ")[1] for line in compiled.signatures[-3:]] == ["int, n: 0", "int, n: 1", "int, n: 2"]


def test_static_arguments_are_no_counters() -> None:
    compiled = tg.compile(lambda x, t: x * t, static_argnames="t")
    for t in range(5):
        np.testing.assert_array_equal(compiled(X, t), X * t)
    assert len(compiled.signatures) == 5


# --- outside ----------------------------------------------------------------------------------------------------------

T = 0


class Model:
    decay = 1

    def __init__(self) -> None:
        self.t = 0
        self.settings = {"t": 0, "name": "a"}
        self.items = [0, "b"]
        self.w = tg.Tensor(np.ones(3), name="w")


def _of_global(x: Any) -> Any:
    return x * 0.9**T


def _places() -> dict[str, tuple[Callable[[Any], Any], Callable[[int], None]]]:
    model, t = Model(), 0

    def set_global(value: int) -> None:
        global T
        T = value

    def set_cell(value: int) -> None:
        nonlocal t
        t = value

    return {
        "an attribute": (lambda x: x * 0.9**model.t, lambda value: setattr(model, "t", value)),
        "a class": (lambda x: x * 0.9**model.decay, lambda value: setattr(Model, "decay", value)),
        "a dict": (lambda x: x * 0.9 ** model.settings["t"], lambda value: model.settings.update(t=value)),
        "a list": (lambda x: x * 0.9 ** model.items[0], lambda value: operator.setitem(model.items, 0, value)),
        "a closure": (lambda x: x * 0.9**t, set_cell),
        "a global": (_of_global, set_global),
    }


@pytest.mark.parametrize("name", sorted(_places()))
def test_counters_outside(name: str) -> None:
    f, put = _places()[name]
    compiled = tg.compile(f)
    for value in range(40):
        put(value)
        assert outcome(compiled, X) == outcome(f, X)
    assert len(compiled.signatures) == 3
    put(0.5)  # type: ignore[arg-type]
    assert outcome(compiled, X) == outcome(f, X)
    put(7)
    assert outcome(compiled, X) == outcome(f, X)
    assert len(compiled.signatures) == 4


def test_the_rest_of_a_dict_stays_guarded() -> None:
    settings = {"t": 0, "rate": 2.0}
    compiled = tg.compile(lambda x: x * settings["rate"] + settings["t"])
    for t in range(20):
        settings["t"], settings["rate"] = t, 2.0 if t < 10 else 3.0
        np.testing.assert_array_equal(compiled(X), X * settings["rate"] + t)
    assert len(compiled.signatures) == 4
    settings["more"] = 1
    np.testing.assert_array_equal(compiled(X), X * 3.0 + 19)
    assert len(compiled.signatures) == 5


def test_a_training_step_that_counts() -> None:
    def trained(compiled: bool) -> tuple[np.ndarray[Any, Any], int]:
        model = Model()
        m = tg.Tensor(np.zeros(3), requires_grad=False)

        def step(x: Any) -> Any:
            loss = np.sum((model.w * x - model.t) ** 2) / (model.t + 1)
            model.w.grad = None
            loss.backward()
            m.assign(0.9 * m.data + 0.1 * model.w.grad)
            model.w.assign(model.w.data - 0.01 / (1 + model.t // 5) * m.data / (1 - 0.9 ** (model.t + 1)))
            return loss

        run = tg.compile(step) if compiled else step
        for t in range(50):
            model.t = t
            run(X)
        return model.w.data.copy(), len(getattr(run, "signatures", ()))

    (got, programs), (wanted, _) = trained(True), trained(False)
    np.testing.assert_allclose(got, wanted, rtol=1e-12)
    assert programs == 3


def test_a_counter_that_the_function_changes_is_refused() -> None:
    model = Model()

    def step(x: Any) -> Any:
        model.t += 1
        return x * model.t

    compiled = tg.compile(step)
    for _ in range(4):
        with pytest.raises(tg.UnsupportedError, match="changed"):
            compiled(X)
        model.t += 1


def test_gradients_through_a_counter() -> None:
    def loss(w: Any, t: int) -> Any:
        return np.sum(np.sin(w * t) / (t + 1) + w ** (t % 3) + (w + 2) * 0.5**t)

    gradient, compiled = tg.grad(loss), tg.compile(tg.grad(loss))
    for t in range(12):
        np.testing.assert_allclose(compiled(X, t), gradient(X, t), rtol=1e-12)


def test_the_text_says_what_python_computes() -> None:
    compiled = tg.compile(lambda x, t: x * (1 / (t + 1)))
    for t in range(3):
        compiled(X, t)
    assert "# Computed by Python before each call: one_over_t_plus_one = 1 / (t + 1)." in compiled.source


def test_saving_after_counting(tmp_path: Any, monkeypatch: Any) -> None:
    import importlib

    monkeypatch.syspath_prepend(tmp_path)
    model = Model()
    counted = tg.compile(lambda x, t: x * 0.9**t + model.t)
    for t in range(5):
        counted(X, t)
    counted.save(tmp_path / "counted_one.py", X, 7)
    saved = importlib.import_module("counted_one").step
    np.testing.assert_array_equal(saved(X, 7), counted(X, 7))
    with pytest.raises(ValueError, match="t: 8"):
        saved(X, 8)

    outside = tg.compile(lambda x: x * 0.9**model.t)
    for model.t in range(5):
        outside(X)
    outside.save(tmp_path / "counted_two.py")
    np.testing.assert_array_equal(importlib.import_module("counted_two").step(X), X * 0.9**4)


def test_a_counter_costs_few_python_calls() -> None:
    import gc
    import sys

    compiled = tg.compile(lambda x, t: x * 0.9**t)
    for t in range(4):
        compiled(X, t)
    calls: list[str] = []
    gc.disable()  # Hypothesis has a function that runs when a collection begins, and when it ends
    sys.setprofile(lambda frame, event, _: calls.append(frame.f_code.co_name) if event == "call" else None)
    try:
        compiled(X, 9)
    finally:
        sys.setprofile(None)
        gc.enable()
    assert len(calls) <= 45, calls


def test_what_runs_eagerly_is_recorded_few_times() -> None:
    compiled = tg.compile(lambda x, t: x * float(np.sum(x)) * t, otherwise="eager")
    with pytest.warns(RuntimeWarning, match="runs eagerly"):
        for t in range(8):
            np.testing.assert_array_equal(compiled(X, t), X * float(np.sum(X)) * t)
    assert [item.signature.partition("t: ")[2] for item in compiled.explain().eager] == ["0", "1", "2", "int"]


W = tg.Tensor(np.ones(4), name="w")


def _updating(x: Any, t: int) -> Any:
    W.assign(W.data * 0 + 1)
    W.data = W.data * t + x
    return W.data + 0


MEETINGS: dict[str, Callable[..., Any]] = {
    "a layer": lambda x, t: tg.sigmoid(t * x),
    "a Tensor": lambda x, t: tg.sigmoid(W * t) * x,
    "an update": _updating,
    "a power": lambda x, t: np.abs(x) ** t + (t + 1) ** x,
    "bounds": lambda x, t: np.clip(x, -t, t),
    "quotients": lambda x, t: x * divmod(t, 3)[0] + divmod(x, t + 1)[1],
    "a sum of Python's": lambda x, t: x * sum([t, t, 1]),
    "any": lambda x, t: x * any([t > 2, t < 1]),
    "an order": lambda x, t: x * sorted([3, t, 5])[0],
    "functions of math's": lambda x, t: x * math.hypot(t, 3) + math.comb(t + 3, 2) + math.log(t + 1) + math.isqrt(t),
    "infinity": lambda x, t: np.minimum(x * t, math.inf),
    "bits": lambda x, t: x * (t & 3 | 4 ^ 1) * (t << 1) * (t >> 1) * ~t,
    "signs": lambda x, t: -t * x + abs(-t) + (+t),
    "an axis": lambda x, t: np.sum(x.reshape(2, 2) * t, axis=t % 2),
    "complex numbers": lambda x, t: np.abs(x * (t - 3) ** 0.5),
    "a gradient": tg.grad(lambda x, t: np.sum(x**2 * t + np.sin(x * t) / (t + 1))),
    "a gradient of a power": tg.grad(lambda x, t: np.sum((x * x + 1) ** t + (t + 1) ** x)),
    "a gradient of a choice": tg.grad(lambda x, t: np.sum(np.where(x > 0, x * t, t) + np.maximum(x * t, 0.1 * t))),
    "a gradient of bounds": tg.grad(lambda x, t: np.sum(np.clip(x * 5, -t, t))),
    "a second derivative": lambda x, t: tg.hessian(lambda x: np.sum(x**3) * t)(x),
}


@pytest.mark.parametrize("name", sorted(MEETINGS))
def test_a_counter_meets(name: str) -> None:
    f, compiled, x = MEETINGS[name], tg.compile(MEETINGS[name]), np.linspace(-1, 1, 4)
    for t in (1, 2, 3, 0, 4, 5, 6, 7, 2):
        got, wanted = compiled(x, t), f(x, t)
        wanted = wanted.data if type(wanted) is tg.Tensor else wanted
        assert got.dtype == wanted.dtype
        np.testing.assert_allclose(got, wanted, rtol=1e-12, atol=1e-14)
