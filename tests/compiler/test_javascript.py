"""Programs as JavaScript: Node computes what NumPy does, for every function of the tables and for whole steps."""

from __future__ import annotations

import itertools
import operator
import random
import re
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import tinygraph as tg
from tests.compiler.agreeing import copied
from tests.compiler.cases import made_up
from tests.compiler.node import calls_in_node, needs_node
from tests.compiler.test_random_programs import programs
from tests.loading import loaded
from tinygraph.compiler.compiled import Compiled
from tinygraph.compiler.javascript.elementwise import ELEMENTWISE
from tinygraph.compiler.javascript.kinds import ARRAYS

ACCURACY = {np.dtype(np.float64): 1e-12, np.dtype(np.float32): 1e-6}
QUIET = {"invalid": "ignore", "divide": "ignore", "over": "ignore", "under": "ignore"}


def flat(nest: Any) -> list[Any]:
    """The arrays of a nest of results, in order."""
    if isinstance(nest, dict):
        return [item for part in nest.values() for item in flat(part)]
    if isinstance(nest, tuple | list):
        return [item for part in nest for item in flat(part)]
    return [np.asarray(nest)]


def close(got: Any, wanted: Any, label: str = "", accuracy: float | None = None) -> None:
    """Check the numbers of JavaScript against an array, relative to its largest one, zeros with their signs."""
    array = np.asarray(wanted)
    numbers = np.asarray(got, float).reshape(-1)
    expected = array.astype(float).reshape(-1)
    assert numbers.shape == expected.shape, (label, numbers, expected)
    finite = expected[np.isfinite(expected)]
    size = float(np.abs(finite).max()) if finite.size else 0.0
    accuracy = accuracy or ACCURACY.get(array.dtype, 1e-12)
    np.testing.assert_allclose(numbers, expected, rtol=accuracy, atol=accuracy * size, err_msg=label)


def saved(step: Compiled, path: Path, *args: Any) -> str:
    """Write a step as JavaScript, and return the text."""
    step.save(path, *args)
    return path.read_text("utf-8")


def agrees(
    folder: Path, function: Callable[..., Any], calls: Sequence[Sequence[Any]], accuracy: float | None = None
) -> str:
    """Check that Node computes what the compiled function does, and return the text of the file."""
    with np.errstate(**QUIET), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        step = tg.compile(function)
        text = saved(step, folder / "step.js", *calls[0])
        wanted = [step(*call) for call in calls]
    (found,) = calls_in_node([(folder / "step.js", calls)])
    assert "error" not in found, found.get("error", "") + "\n" + text
    for got, want in zip(found["results"], wanted, strict=True):
        _agree(got, want, text, accuracy)
    return text


def _agree(got: Any, want: Any, label: str, accuracy: float | None) -> None:
    if isinstance(want, tuple | list):
        assert len(got) == len(want), label
        for one, other in zip(got, want, strict=True):
            _agree(one, other, label, accuracy)
    elif isinstance(want, dict):
        for key, item in want.items():
            _agree(got[key], item, label, accuracy)
    elif want is None or isinstance(want, str | bool):
        assert got == want and type(got) is type(want), label
    else:
        close(got, want, label, accuracy)


# --- single functions -------------------------------------------------------------------------------------------------

SPECIAL = np.array([0.0, -0.0, 1.0, -1.0, 0.5, -2.5, 2.5, 1.5, 3.0, -7.25, np.inf, -np.inf, np.nan, 1e-9, 20.0])
POSITIVE = [np.log, np.log1p, np.log2, np.log10, np.sqrt]
OF_ONE = [
    np.absolute, np.arccos, np.arccosh, np.arcsin, np.arcsinh, np.arctan, np.arctanh, np.cbrt, np.ceil, np.cos, np.cosh,
    np.deg2rad, np.exp, np.exp2, np.expm1, np.fabs, np.floor, np.negative, np.positive, np.rad2deg, np.reciprocal,
    np.rint, np.sign, np.sin, np.sinh, np.square, np.tan, np.tanh, np.trunc, *POSITIVE, tg.sigmoid, tg.relu,
    tg.softplus, tg.leaky_relu, tg.elu, tg.silu, np.isfinite, np.isnan, np.isinf, np.signbit, np.logical_not,
    np.round, lambda x: np.round(x, 1), lambda x: x**2, lambda x: x**3.0, lambda x: x**-1.0, lambda x: x**0.5,
    lambda x: 2.0**x, lambda x: np.clip(x, -1, 2), lambda x: x.astype(np.float32), lambda x: np.where(x, x, 1.0),
    lambda x: np.negative(np.negative(x)) - np.negative(x), lambda x: (x > 0) * x + (x < 1),
]  # fmt: skip
OF_TWO = [
    np.add, np.subtract, np.multiply, np.divide, np.power, np.maximum, np.minimum, np.fmax, np.fmin, np.remainder,
    np.floor_divide, np.fmod, np.arctan2, np.hypot, np.copysign, np.logaddexp, np.logaddexp2, np.heaviside, np.greater,
    np.greater_equal, np.less, np.less_equal, np.equal, np.not_equal, np.logical_and, np.logical_or, np.logical_xor,
    np.float_power, lambda x, y: np.where(x > y, x, y), lambda x, y: (x > y) == (y > x), lambda x, y: (x > 0) & (y > 0),
]  # fmt: skip


def some(*shape: int, seed: int = 0, dtype: Any = np.float64) -> Any:
    return np.random.default_rng(seed).normal(size=shape).astype(dtype)


@needs_node
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_functions_of_one_number_are_numpys(tmp_path: Path, dtype: Any):
    def all_of_them(x: Any) -> Any:
        return [function(x) for function in OF_ONE]

    agrees(tmp_path, all_of_them, [[SPECIAL.astype(dtype)], [some(15, dtype=dtype)]])


@needs_node
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_functions_of_two_numbers_are_numpys(tmp_path: Path, dtype: Any):
    def all_of_them(x: Any, y: Any) -> Any:
        return [function(x, y) for function in OF_TWO]

    x, y = np.meshgrid(SPECIAL.astype(dtype), SPECIAL.astype(dtype))
    agrees(tmp_path, all_of_them, [[x, y], [some(15, 15, dtype=dtype), some(15, 15, seed=1, dtype=dtype)]])


NUMBERS = {
    "floats": SPECIAL,
    "whole numbers": np.array([0, 1, 2, -1, -2, 3, -3, 7, -7, 12]),
    "booleans": np.array([False, True]),
}


@needs_node
@pytest.mark.parametrize("kind", sorted(NUMBERS))
def test_every_function_of_the_table_is_numpys(tmp_path: Path, kind: str):
    formula = {"floats": "of_floats", "whole numbers": "of_whole", "booleans": "of_booleans"}[kind]
    known = [function for function, element in ELEMENTWISE.items() if getattr(element, formula) is not None]
    grids = {1: [NUMBERS[kind]], 2: np.meshgrid(NUMBERS[kind], NUMBERS[kind])}
    others: dict[int, list[Any]] = {1: [np.conjugate, np.real, np.copy], 2: [_larger, lambda x, y: x ** abs(y)]}
    for count, given_ in grids.items():
        functions = [f for f in known if isinstance(f, np.ufunc) and f.nin == count and _takes(f, given_)]
        functions += others[count]

        def all_of_them(*args: Any, functions: Any = functions) -> Any:
            return [function(*args) for function in functions]

        agrees(tmp_path, all_of_them, [given_])


def _larger(x: Any, y: Any) -> Any:
    return np.where(x > y, x, y)


def _takes(function: Any, given_: Sequence[Any]) -> bool:
    """Return whether NumPy has the function for numbers of a kind, with a result of JavaScript's kinds."""
    try:
        with np.errstate(all="ignore"):
            return function(*given_).dtype in ARRAYS
    except (TypeError, ValueError):
        return False


@needs_node
def test_whole_numbers_divide_round_and_wrap_as_numpys(tmp_path: Path):
    x, y = np.meshgrid(np.arange(-7, 8), np.array([-3, -2, -1, 1, 2, 3, 0]))

    def all_of_them(x: Any, y: Any) -> Any:
        return [
            x // y, x % y, np.fmod(x, y), x * y, x - y, -x, np.sign(x), np.maximum(x, y), x == y, x / y, abs(x),
            x.astype(np.float32), (x * 0.5).astype(np.int64), np.sum(x), np.sum(x, axis=0), np.prod(x[:, 3:5], axis=1),
            np.argmax(x, axis=1), (x > 0).astype(np.int64) + 1, np.sum(x > y), x**2, np.square(y),
        ]  # fmt: skip

    agrees(tmp_path, all_of_them, [[x, y]])
    agrees(tmp_path, lambda x: [x + 1, x * 2, np.negative(x)], [[np.array([2**31 - 1, 5, -(2**31)], np.int32)]])


@needs_node
def test_a_whole_number_that_is_too_large_is_an_error(tmp_path: Path):
    tg.compile(lambda x: x * x).save(tmp_path / "step.js", np.array([2**40]))
    (found,) = calls_in_node([(tmp_path / "step.js", [[[2.0**40]]])])
    assert "too large" in found["error"]


@needs_node
def test_an_argument_of_another_size_is_an_error(tmp_path: Path):
    tg.compile(lambda x: x * 2).save(tmp_path / "step.js", some(3))
    (found,) = calls_in_node([(tmp_path / "step.js", [[some(4)]])])
    assert "x: float64 of shape (3,) has 3 numbers, and 4 are given" in found["error"]
    (found,) = calls_in_node([(tmp_path / "step.js", [[]])])
    assert "x: float64 of shape (3,) is missing" in found["error"]


REDUCED: list[Callable[..., Any]] = [np.sum, np.mean, np.max, np.min, np.prod, np.argmax, np.argmin]


@needs_node
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_reductions_of_any_axes_are_numpys(tmp_path: Path, dtype: Any):
    def all_of_them(x: Any) -> Any:
        found = []
        for function in REDUCED:
            for axis in (None, 0, 1, 2, -1):
                found += [function(x, axis=axis), function(x, axis=axis, keepdims=True)]
            if "arg" not in function.__name__:
                found.append(function(x, axis=(0, 2)))
        found += [np.any(x > 0, axis=0), np.all(x > -2), np.cumsum(x, axis=1), np.cumprod(x, axis=0)]
        return [*found, tg.softmax(x), tg.log_softmax(x), tg.logsumexp(x, axis=1), np.var(x), np.std(x, axis=0)]

    calls = [[some(2, 3, 4, dtype=dtype)], [some(2, 3, 4, seed=3, dtype=dtype)]]
    agrees(tmp_path, all_of_them, calls, 3e-6 if dtype == np.float32 else None)
    nan = some(2, 3, 4, dtype=dtype)
    nan[0, 1, 2] = np.nan
    agrees(tmp_path, lambda x: [np.max(x), np.argmax(x), np.argmin(x, axis=1), np.min(x, axis=0)], [[nan]])
    agrees(tmp_path, lambda x: [np.sum(x), np.argmax(x), np.mean(x, axis=0), x.sum(axis=1)], [[some(1, 1)]])


@needs_node
def test_of_equal_extremes_the_first_counts(tmp_path: Path):
    x = np.random.default_rng(0).integers(0, 3, (6, 7))

    def places(x: Any) -> Any:
        return [f(x, axis=axis) for f in (np.argmin, np.argmax) for axis in (None, 0, 1)]

    agrees(tmp_path, places, [[x * 1.0]])
    agrees(tmp_path, places, [[x]])


@needs_node
def test_products_are_numpys(tmp_path: Path):
    pairs = [((2, 3), (3, 4)), ((3,), (3, 4)), ((2, 3), (3,)), ((3,), (3,)), ((5, 2, 3), (3, 4)),
             ((5, 2, 3), (5, 3, 4)), ((1, 2, 3), (5, 3, 1)), ((1, 1), (1, 1)),
             ((2, 0), (0, 3)), ((0, 2), (2, 3))]  # fmt: skip

    def all_of_them(x: Any) -> Any:
        found = [a @ b for a, b in x]
        found += [np.dot(*x[0]), np.dot(*x[3]), np.outer(x[1][0], x[2][1]), np.inner(x[2][0], x[2][0]),
                  np.einsum("ij,jk->ik", *x[0]), np.einsum("bij,bjk->bk", *x[5]), np.einsum("ii", x[0][0] @ x[0][0].T),
                  np.einsum("i,j,k->kij", x[1][0], x[2][1], x[3][0]), np.tensordot(x[5][0], x[5][1], ([0, 2], [0, 1])),
                  x[0][0].T @ x[0][0], x[0][1][::-1, ::-2] @ x[0][1].T[::2], np.vdot(x[3][0], x[3][1])]  # fmt: skip
        return found

    def of_flat(*arrays: Any) -> Any:
        return all_of_them([(arrays[2 * at], arrays[2 * at + 1]) for at in range(len(pairs))])

    agrees(tmp_path, of_flat, [[some(*shape, seed=at) for pair in pairs for at, shape in enumerate(pair)]])


@needs_node
def test_shapes_and_indices_are_numpys(tmp_path: Path):
    places = np.array([2, 0, -1, 0])

    def all_of_them(x: Any, k: Any) -> Any:
        rows = np.arange(3)
        return [
            x.T, x.reshape(4, 6), x.T.reshape(-1), x[1], x[-1, 2, ::-1], x[:, ::-2, None, 1:], x[..., 0], x[0, 1, 2],
            np.swapaxes(x, 0, 2) + 1, np.moveaxis(x, 0, -1), np.expand_dims(x, 1), np.squeeze(x[:1]), np.ravel(x),
            np.broadcast_to(x[0, 0], (3, 4)), np.flip(x, 1), np.concatenate([x, x[::-1]], 1), np.stack([x, -x], -1),
            np.pad(x, ((1, 2), (0, 1), (0, 0))), x[:, places], x[places % 2, 1], x[:, k], x[k % 2, k], x[0, k][:, k],
            x[0][rows, k[:3]], np.take(x, k, axis=1), np.take(x, places), np.take_along_axis(x[0], k[None, :], 0),
            np.roll(x, 1, axis=0), np.tril(x[0]), np.triu(x[0], 1), np.tile(x[0], 2), np.repeat(x[0], 2, axis=0),
            x[:, (2, 0)], x[((0, 1), (1, 0)), 2], x[:, range(2)],
            np.diagonal(x[0]), np.zeros_like(x), np.ones(3) * x[0, :, :1], np.vstack([x[0], x[1]]), x[:0], x[:0].sum(),
            x[0] * x[1, :, :1] + x[0, 0], x[:, np.array([True, False, True])], np.copy(x), np.diag(x[0, 0]),
            np.take(x, k + 3, axis=2, mode="clip"), np.take(x, k * 3, axis=1, mode="wrap"),
        ]  # fmt: skip

    agrees(tmp_path, all_of_them, [[some(2, 3, 4), np.array([1, -1, 0, 2])], [some(2, 3, 4), np.array([0, 0, 1, 1])]])
    (found,) = calls_in_node([(tmp_path / "step.js", [[some(2, 3, 4), np.array([1, 5, 0, 2])]])])
    assert "index 5 of an axis of 3" in found["error"]


@needs_node
def test_gradients_of_indices_add_what_is_read_twice(tmp_path: Path):
    def gradients(x: Any, k: Any) -> Any:
        x = tg.Tensor(x)
        loss = (x[k] ** 2).sum() + (x[::-2, 1] * x[1, 0]).sum() + np.log(x[np.arange(3), k] ** 2).sum()
        loss.backward()
        return loss, x.grad

    agrees(tmp_path, gradients, [[some(3, 4), np.array([1, 1, 2])], [some(3, 4), np.array([0, -1, 0])]])


@needs_node
def test_parts_that_are_written_are_numpys(tmp_path: Path):
    def written(x: Any) -> Any:
        y = np.zeros_like(x)
        y[1:, 0] = x[:-1, 1]
        y[0] += 2
        z = x * 1
        z[:, ::2] *= 3
        z.T[0] = 7
        return y, z

    agrees(tmp_path, written, [[some(3, 4)]])


# --- made-up programs -------------------------------------------------------------------------------------------------


@needs_node
@given(st.lists(programs(), min_size=12, max_size=12))
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_programs_that_are_made_up_have_the_compiled_values_and_gradients(tmp_path_factory: Any, drawn: Any):
    folder = tmp_path_factory.mktemp("made_up")
    asked: list[tuple[Path, list[Any]]] = []
    wanted: list[tuple[Any, float]] = []
    for number, (function, arrays, dtype) in enumerate(drawn):
        if dtype == np.float16:
            continue

        def with_gradients(*given: Any, function: Any = function) -> Any:
            return function(*given), tg.grad(function, tuple(range(len(given))))(*given)

        with np.errstate(**QUIET), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            step = tg.compile(with_gradients)
            path = folder / f"step_{number}.js"
            try:
                step.save(path, *arrays)
            except tg.UnsupportedError as error:
                assert "JavaScript" in str(error), error
                assert not path.exists()
                continue
            wanted.append((step(*arrays), 1e-11 if dtype == np.float64 else 1e-4))
        asked.append((path, [arrays]))
    for (path, _), (want, accuracy), found in zip(asked, wanted, calls_in_node(asked), strict=True):
        assert "error" not in found, found.get("error", "") + path.read_text("utf-8")
        _agree(found["results"][0], want, path.read_text("utf-8"), accuracy)


KINDS = ["loops", "loops in loops", "lists", "choices", "indices", "tensors", "writes", "updates of arrays",
         "functions", "branches", "inner gradients"]  # fmt: skip


@needs_node
@given(st.lists(st.integers(0, 10**6), min_size=10, max_size=10, unique=True))
@settings(max_examples=3, deadline=None, phases=[Phase.generate], suppress_health_check=[HealthCheck.too_slow])
def test_programs_as_a_person_writes_them_have_the_compiled_results(tmp_path_factory: Any, seeds: list[int]):
    folder = tmp_path_factory.mktemp("written")
    asked: list[Any] = []
    wanted: list[Any] = []
    for seed in seeds:
        drawn = random.Random(seed)
        case = made_up(drawn.choice, drawn.sample(KINDS, 3))
        path = folder / f"written_{seed}.py"
        path.write_text(case.text)
        given = case.calls[0]
        with np.errstate(**QUIET), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            step = tg.compile(loaded(path).run)
            try:
                step(*copied(given))
                step.save(folder / f"step_{seed}.js", *copied(given))
                result = step(*copied(given))
            except Exception:  # the program fails or is refused, and that is the law of another test
                continue
        asked.append((folder / f"step_{seed}.js", [given[:-1]]))  # the last one is an int, part of the signature
        wanted.append(result)
    for (path, _), want, found in zip(asked, wanted, calls_in_node(asked), strict=True):
        if "another path" in found.get("error", ""):  # a decision between numbers that are equal but for rounding
            continue
        assert "error" not in found, found.get("error", "") + path.read_text("utf-8")
        is_single = "float32" in path.read_text("utf-8")
        _agree(found["results"][0], want, path.read_text("utf-8"), 2e-3 if is_single else 1e-9)


# --- steps ------------------------------------------------------------------------------------------------------------


def steps_agree(
    folder: Path, step: Compiled, state: dict[str, Any], calls: Sequence[Sequence[Any]], accuracy: float = 1e-10
) -> str:
    """Check the results of some calls, and the weights after them."""
    step(*calls[0])
    text = saved(step, folder / "step.js")
    wanted = [step(*call) for call in calls]
    (found,) = calls_in_node([(folder / "step.js", calls)])
    assert "error" not in found, found.get("error", "") + text
    for got, want in zip(found["results"], wanted, strict=True):
        _agree(got, want, text, accuracy)
    for name, tensor in state.items():
        close(found["weights"][name], tensor.data, name, accuracy)
    return text


def test_a_step_is_text_that_one_reads(tmp_path: Path):
    w = tg.Tensor(np.zeros((3, 1)), name="w")
    b = tg.Tensor(np.zeros(1), name="b")

    @tg.compile
    def step(x: Any, y: Any, rate: float) -> Any:
        p = tg.sigmoid(x @ w + b)
        loss = -(y * np.log(p) + (1 - y) * np.log(1 - p)).mean()
        w.grad = b.grad = None
        loss.backward()
        w.assign(w.data - rate * w.grad)
        b.assign(b.data - rate * b.grad)
        return loss

    text = saved(step, tmp_path / "step.js", some(8, 3), some(8, 1) > 0, 0.1)
    assert "function step(x, y, rate) {" in text
    assert "p[i] = 1 / (1 + Math.exp(-" in text
    assert "// forward · p = tg.sigmoid(x @ w + b)" in text
    assert "sum += x[3 * i + j] * w[j];" in text
    assert "step.weights = weights;" in text
    assert "function power" not in text  # helpers that nobody calls are not there
    assert max(map(len, text.split("\n"))) <= 120


@needs_node
def test_logistic_regression_learns_as_in_python(tmp_path: Path):
    w, b = tg.Tensor(np.zeros((3, 1)), name="w"), tg.Tensor(np.zeros(1), name="b")

    @tg.compile
    def step(x: Any, y: Any, rate: float) -> Any:
        p = tg.sigmoid(x @ w + b)
        loss = -(y * np.log(p) + (1 - y) * np.log(1 - p)).mean()
        w.grad = b.grad = None
        loss.backward()
        w.assign(w.data - rate * w.grad)
        b.assign(b.data - rate * b.grad)
        return loss

    x = some(8, 3)
    y = (x[:, :1] > 0) * 1.0
    steps_agree(tmp_path, step, {"w": w, "b": b}, [[x, y, 0.5 * at] for at in range(1, 11)])


@needs_node
def test_an_mlp_learns_with_adam_as_in_python(tmp_path: Path):
    given = {"w1": some(4, 5), "b1": np.zeros(5), "w2": some(5, 3), "b2": np.zeros(3)}
    weights = {name: tg.Tensor(value, name=name) for name, value in given.items()}
    x, y = some(6, 4), np.array([0, 1, 2, 2, 1, 0])
    optimizer = tg.optim.Adam([*weights.values()], 1e-2)

    @tg.compile
    def step(x: Any, y: Any) -> Any:
        hidden = tg.relu(x @ weights["w1"] + weights["b1"])
        loss = tg.cross_entropy(hidden @ weights["w2"] + weights["b2"], y, from_logits=True)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    steps_agree(tmp_path, step, weights, [[x, y]] * 10)


@needs_node
def test_a_network_of_layers_learns_in_float32(tmp_path: Path):
    model = tg.nn.Sequential([tg.nn.Dense(5, "gelu"), tg.nn.Dense(4, "tanh"), tg.nn.Dense(3)])
    x, y = some(6, 4, dtype=np.float32), np.array([0, 1, 2, 2, 1, 0])
    model(x)
    optimizer = tg.optim.Adam(model.parameters(), 1e-2)

    @tg.compile
    def step(x: Any, y: Any) -> Any:
        loss = tg.cross_entropy(model(x), y, from_logits=True)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    steps_agree(tmp_path, step, {"dense_kernel": model.layers[0].kernel}, [[x, y]] * 10, 1e-4)


@needs_node
def test_a_recurrent_network_is_a_loop(tmp_path: Path):
    wx, wh = tg.Tensor(some(3, 4), name="wx"), tg.Tensor(some(4, 4) * 0.3, name="wh")

    @tg.compile
    def step(xs: Any) -> Any:
        h = np.zeros(4)
        for t in range(10):
            h = np.tanh(xs[t] @ wx + h @ wh)
        loss = (h**2).sum()
        wx.grad = wh.grad = None
        loss.backward()
        wx.assign(wx.data - 0.1 * wx.grad)
        wh.assign(wh.data - 0.1 * wh.grad)
        return loss, h

    text = steps_agree(tmp_path, step, {"wx": wx, "wh": wh}, [[some(10, 3, seed=at)] for at in range(3)])
    assert text.count("t < 10; t++") == 1 and text.count("Math.tanh") == 1


@needs_node
def test_loops_read_rows_from_the_end_and_from_the_beginning(tmp_path: Path):
    def around(x: Any) -> Any:
        h = x[0] * 0
        for t in range(len(x) - 1, -1, -1):
            h = np.tanh(h + x[t - 1] * x[t])  # the last one is the first and the last row
        for t in range(len(x) - 2):
            h = np.sin(h + x[t : t + 2].sum(axis=0) + x[-1 - t])
        return h

    agrees(tmp_path, around, [[some(9, 3)], [some(9, 3, seed=1)]])


@needs_node
def test_a_copy_that_several_calls_read_is_computed_once(tmp_path: Path):
    def products(x: Any) -> Any:
        y = np.copy(np.sin(x) * 2)
        return y @ y.T, y.T @ y, y[::-1] + y.sum(axis=0)

    agrees(tmp_path, products, [[some(3, 4)]])


@needs_node
def test_gradients_of_norms(tmp_path: Path):
    def clipped(x: Any) -> Any:
        x = tg.Tensor(x)
        loss = np.linalg.norm(x) + np.linalg.norm(x, axis=1).sum()
        loss.backward()
        return loss, x.grad, x.grad / np.linalg.norm(x.grad)

    agrees(tmp_path, clipped, [[some(3, 4)]])


@needs_node
def test_loops_that_exchange_what_they_carry(tmp_path: Path):
    def fibonacci(x: Any) -> Any:
        a, b = x, x * 0 + 1
        for _ in range(9):
            a, b = b, np.sin(a) + b
        return a, b

    agrees(tmp_path, fibonacci, [[some(3)], [some(3, seed=1)]])
    agrees(tmp_path, fibonacci, [[np.array(0.5)], [np.array(-1.5)]])


@needs_node
def test_loops_that_a_condition_ends_are_repeated_as_often_as_it_holds(tmp_path: Path):
    @tg.compile
    def root(x: Any) -> Any:
        x = tg.Tensor(x)
        guess = x
        while abs(guess * guess - x) > 1e-9:
            guess = (guess + x / guess) / 2
        guess.backward()
        return guess, x.grad

    calls = [[np.array(value)] for value in (2.0, 1e6, 3.0, 1.0, 1e-3)]
    for call in calls[:3]:
        root(*call)  # runs of several lengths say what depends on how often the loop is repeated
    text = saved(root, tmp_path / "step.js")
    assert "break;" in text
    (found,) = calls_in_node([(tmp_path / "step.js", [*calls[:3], calls[4]])])
    assert "error" not in found, found.get("error", "") + text
    for call, got in zip([*calls[:3], calls[4]], found["results"], strict=True):
        _agree(got, list(root(*call)), text, 1e-11)
    (found,) = calls_in_node([(tmp_path / "step.js", [calls[3]])])
    assert "for 3 iterations or more" in found["error"]  # the gradient of fewer has another program


@needs_node
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_batch_normalisation_forward_and_backward(tmp_path: Path, dtype: Any):
    def normalised(x: Any, gamma: Any, beta: Any) -> Any:
        x, gamma, beta = tg.Tensor(x), tg.Tensor(gamma), tg.Tensor(beta)
        mean = x.mean(axis=0)
        variance = ((x - mean) ** 2).mean(axis=0)
        y = gamma * (x - mean) / np.sqrt(variance + 1e-5) + beta
        loss = (y**3).sum()
        loss.backward()
        return y, loss, x.grad, gamma.grad, beta.grad

    given = [some(6, 3, dtype=dtype), some(3, dtype=dtype), some(3, seed=2, dtype=dtype)]
    agrees(tmp_path, normalised, [given], 2e-5 if dtype == np.float32 else 1e-11)


@needs_node
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_the_gradient_of_softmax_and_cross_entropy(tmp_path: Path, dtype: Any):
    def gradients(logits: Any, y: Any) -> Any:
        logits = tg.Tensor(logits)
        loss = tg.cross_entropy(logits, y, from_logits=True)
        loss.backward()
        return loss, logits.grad, tg.softmax(logits)

    calls = [[some(5, 3, dtype=dtype), np.array([0, 2, 1, 1, 0])], [some(5, 3, dtype=dtype) * 9, np.array([1] * 5)]]
    agrees(tmp_path, gradients, calls)


@needs_node
@pytest.mark.parametrize("shape", [(), (0,), (1,), (1, 1), (0, 3), (2, 0)])
def test_numbers_and_empty_arrays(tmp_path: Path, shape: tuple[int, ...]):
    def all_of_them(x: Any) -> Any:
        return [x * 2, np.sum(np.exp(x)), x + np.ones((1,) * x.ndim), np.sum(x, axis=-1) if x.ndim else x, x.T, -x]

    agrees(tmp_path, all_of_them, [[some(*shape)], [some(*shape, seed=1)]])


@needs_node
def test_what_is_returned_and_kept_is_of_the_values_before_any_update(tmp_path: Path):
    numbers = (lambda a, b, s: a[0], lambda a, b, s: b.max() + s, lambda a, b, s: s)
    arrays = (lambda a, b, s: a[::-1], lambda a, b, s: b, lambda a, b, s: a * s)
    asked, wanted = [], []
    for place, (number, first, second) in enumerate(itertools.product(numbers, arrays, arrays)):
        a, b, s = tg.Tensor(some(3)), tg.Tensor(some(3) + 5), tg.Tensor(2.0)

        @tg.compile
        def step(x: Any, a: Any = a, b: Any = b, s: Any = s, changes: Any = (first, second, number)) -> Any:
            now = a.data, b.data, s.data
            new = [change(*now) for change in changes]
            a.assign(new[0] + x)
            b.assign(new[1])
            s.assign(new[2])
            return new[2], now[0][1], new[1]

        step(some())
        path = tmp_path / f"step_{place}.js"
        step.save(path)
        asked.append((path, [[some()]] * 3))
        wanted.append([step(some()) for _ in range(3)])
    for results, found in zip(wanted, calls_in_node(asked), strict=True):
        for (number, read, array), got in zip(results, found["results"], strict=True):
            np.testing.assert_allclose(got[:2], [number, read], rtol=1e-12)
            np.testing.assert_allclose(got[2], array, rtol=1e-12)


@needs_node
def test_results_have_memory_of_their_own(tmp_path: Path):
    w = tg.Tensor(np.ones(3), name="w")

    @tg.compile
    def step(x: Any) -> Any:
        before = w.data
        w.assign(w.data + x)
        return {"before": before, "after": w.data, "x": x, "again": [x, None, "word", 2, True]}

    steps_agree(tmp_path, step, {"w": w}, [[some(3)], [some(3, seed=1)]])


@needs_node
def test_a_value_that_decides_otherwise_is_an_error_and_changes_nothing(tmp_path: Path):
    w = tg.Tensor(np.array(1.0), name="w")

    @tg.compile
    def step(x: Any) -> Any:
        w.assign(w.data + 1)
        if x.sum() > 0:
            return x
        return -x

    step(np.ones(3))
    step.save(tmp_path / "step.js", np.ones(3))
    (found,) = calls_in_node([(tmp_path / "step.js", [[-np.ones(3)]])])
    assert "the program was made for another path" in found["error"]


@needs_node
@pytest.mark.parametrize(
    ("how", "channels", "filters"),
    [
        ({}, 3, 2),
        ({"stride": 2, "padding": "same"}, 3, 2),
        ({"padding": ((0, 2), (1, 0)), "stride": (2, 1), "dilation": (1, 2)}, 3, 2),
        ({"groups": 2, "padding": 1}, 4, 6),
        ({"groups": 3, "padding": "same"}, 3, 6),  # each channel has filters of its own
        ({"groups": 3, "stride": 2}, 3, 3),
    ],
)
def test_convolutions_and_their_gradients(tmp_path: Path, how: Any, channels: int, filters: int):
    x, kernel = some(2, 7, 6, channels), some(3, 2, channels // how.get("groups", 1), filters)

    def squares(x: Any, kernel: Any) -> Any:
        return np.sum(tg.conv2d(x, kernel, **how) ** 2)

    agrees(tmp_path, lambda x, k: (tg.conv2d(x, k, **how), *tg.grad(squares, argnums=(0, 1))(x, k)), [[x, kernel]])


@needs_node
@pytest.mark.parametrize("pool", [tg.max_pool2d, tg.avg_pool2d])
@pytest.mark.parametrize(
    ("window", "how"),
    [
        (2, {}),
        ((3, 2), {"stride": 1}),
        (3, {"stride": 2, "padding": "same"}),
        (2, {"padding": ((1, 0), (0, 1))}),
        ((1, 5), {"stride": (1, 1)}),
    ],
)
def test_poolings_and_their_gradients(tmp_path: Path, pool: Any, window: Any, how: Any):
    x = np.round(some(2, 7, 6, 2))  # with ties
    weights = some(*pool(x, window, **how).shape)

    def weighted(x: Any) -> Any:
        return np.sum(weights * pool(x, window, **how) ** 2)

    def along(x: Any) -> Any:  # the derivative along a direction, too
        return pool(x, window, **how), tg.grad(weighted)(x), tg.jvp(lambda v: pool(v, window, **how), (x,), (x * x,))[1]

    agrees(tmp_path, along, [[x], [np.where(x > 1, np.nan, x)]])


@needs_node
def test_averages_that_count_the_padding(tmp_path: Path):
    agrees(tmp_path, lambda x: tg.avg_pool2d(x, 3, padding=1, count_include_pad=True), [[some(1, 5, 4, 2)]])


@needs_node
def test_a_network_of_images_learns_in_float32(tmp_path: Path):
    model = tg.nn.Sequential([
        tg.nn.Conv2D(4, 3, padding="same", activation="relu"), tg.nn.MaxPooling2D(2), tg.nn.DepthwiseConv2D(2),
        tg.nn.BatchNormalization(), tg.nn.AveragePooling2D(2), tg.nn.Flatten(), tg.nn.Dense(3),
    ])  # fmt: skip
    x, y = some(5, 8, 8, 2, dtype=np.float32), np.array([0, 1, 2, 2, 1])
    model(x)
    optimizer = tg.optim.SGD(model.parameters(), 1e-2)

    @tg.compile
    def step(x: Any, y: Any) -> Any:
        loss = tg.cross_entropy(model(x, training=True), y, from_logits=True)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    steps_agree(tmp_path, step, {"conv2d_kernel": model.layers[0].kernel}, [[x, y]] * 5, 1e-4)


def test_what_cannot_be_written_is_named_and_leaves_no_file(tmp_path: Path):
    path = tmp_path / "step.js"
    with pytest.raises(tg.UnsupportedError, match=r"no form of linalg.svd.*test_javascript.py.*step.save"):
        tg.compile(lambda x: np.linalg.svd(x)[1]).save(path, some(3, 3))
    dropout = tg.nn.Dropout(0.5)
    with pytest.raises(tg.UnsupportedError, match="draws random numbers"):
        tg.compile(lambda x: dropout(x)).save(path, some(3))
    with pytest.raises(tg.UnsupportedError, match=r"no form of sort, in `tg.compile\(lambda x: np.sort"):
        tg.compile(lambda x: np.sort(x)).save(path, some(5))
    with pytest.raises(tg.UnsupportedError, match="complex128"):
        tg.compile(lambda x: np.sum(x * 1j)).save(path, some(3))
    with pytest.raises(tg.UnsupportedError, match="writes into x"):
        tg.compile(lambda x: operator.setitem(x, 0, 1.0)).save(path, some(3))
    with pytest.raises(ValueError, match="any_size"):
        tg.compile(lambda x: x * 2).save(path, some(3), any_size=True)
    with pytest.raises(tg.GraphError, match="has not been called"):
        tg.compile(lambda x: x * 2).save(path)
    assert not path.exists()


def test_names_of_javascript_are_left_to_it(tmp_path: Path):
    def step(function: Any, i: Any, sum: Any) -> Any:  # noqa: A002
        var = function * i + sum
        let = np.exp(var)
        return let * i

    text = saved(tg.compile(step), tmp_path / "step.js", some(3), some(3), some(3))
    assert "function step(function_2, i_2, sum_2) {" in text
    assert "const var_2" in text and "let_2" in text


@needs_node
def test_an_ellipsis_parts_the_arrays_of_an_index(tmp_path: Path):
    def taken(x: Any, j: Any) -> Any:
        return [x[:, [1, 0], ..., 0], x[:, j, 0, ...], x[:, 0, ..., j], x[None, [1, 0], ..., 0], x[..., j, 0]]

    agrees(tmp_path, taken, [[some(2, 3, 2), np.array([1, 0])], [some(2, 3, 2), np.array([-1, 1])]])

    def written(x: Any) -> Any:
        y, z = x * 1, x * 1
        y[:, [1, 0], ..., 0] = np.arange(4.0).reshape(2, 2)
        z[:, [1, 2], ..., 1] += x[:, [1, 0], ..., 0]
        return [y, z, tg.grad(lambda x: np.sum(np.eye(2) * x[:, [1, 0], ..., 0]))(x)]

    agrees(tmp_path, written, [[some(2, 3, 2)]])


@needs_node
def test_the_keys_of_results_are_no_code(tmp_path: Path):
    def keyed(x: Any) -> Any:
        return {"a\nthrow 1;//": x, "__proto__": x * 3, "\u2028throw 2;": x + 1, "constructor": np.sum(x), 1: x}

    text = saved(tg.compile(keyed), tmp_path / "step.js", some(3))
    assert all(line.startswith("//") for line in text.split('"use strict"')[0].splitlines())
    (found,) = calls_in_node([(tmp_path / "step.js", [[some(3)]])])
    assert "error" not in found, found
    wanted = {str(key): item for key, item in keyed(some(3)).items()}
    assert found["results"][0].keys() == wanted.keys()
    _agree(found["results"][0], wanted, text, None)


def test_no_helper_is_written_that_nobody_calls(tmp_path: Path):
    step = tg.compile(lambda x, y: np.hypot(x, y))
    step(some(3), some(3))
    step.save(tmp_path / "step.js")
    text = (tmp_path / "step.js").read_text()
    for name in re.findall(r"^function (\w+)", text, re.MULTILINE):
        assert len(re.findall(rf"(?<![\w.]){name}\b", text)) > 1, name
    assert "Math.hypot(x[i], y[i])" in text and "function hypot" not in text


@needs_node
@pytest.mark.parametrize("index", [0, [0, 1], slice(1, None)], ids=str)
def test_one_number_for_all_is_written_without_the_axes_in_front(tmp_path: Path, index: Any):
    def step(x: Any) -> Any:
        y = np.multiply(tg.Tensor(x), 1)
        y[index] = np.full((1, 1, 3), 2.0)
        return y

    program = tg.compile(step)
    wanted = program(some(2, 3))
    program.save(tmp_path / "step.js")
    (found,) = calls_in_node([(tmp_path / "step.js", [[some(2, 3)]])])
    np.testing.assert_array_equal(np.reshape(found["results"], (2, 3)) == 2, np.asarray(wanted) == 2)


@needs_node
@pytest.mark.skipif(not hasattr(np, "vecdot"), reason="NumPy has no vecdot before 2.0")
def test_products_of_vectors_along_an_axis_and_copies(tmp_path: Path):
    x, y = np.arange(24.0).reshape(2, 3, 4), np.arange(24.0).reshape(2, 3, 4)[::-1] + 1
    for number, function in enumerate((
        lambda x, y: np.vecdot(x, y),
        lambda x, y: np.vecdot(x, y, axis=1),
        lambda x, y: np.reshape(x, (6, 4), copy=True) * 2 + np.reshape(y, (6, 4)),
    )):  # fmt: skip
        compiled = tg.compile(function)
        compiled(x, y)
        compiled.save(tmp_path / f"f{number}.js")
        (outcome,) = calls_in_node([(tmp_path / f"f{number}.js", [[x, y]])])
        np.testing.assert_allclose(np.ravel(outcome["results"][0]), np.ravel(function(x, y)))


def test_what_lies_in_another_order_and_bools_in_an_index_are_refused(tmp_path: Path):
    x = np.arange(6.0).reshape(2, 3)
    for function, array, said in (
        (lambda x: x[:, True] * 2, x, "getitem.* at a bool"),
        (lambda x: np.ravel(x, order="K") * 2, np.asfortranarray(x), r"C order\. Call it with np\.ascontiguousarray"),
    ):
        compiled = tg.compile(function)
        compiled(array)
        with pytest.raises(tg.UnsupportedError, match=said):
            compiled.save(tmp_path / "f.js")
    compiled(x)
    compiled.save(tmp_path / "f.js")
