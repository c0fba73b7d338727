"""Functions as JavaScript: Node computes what NumPy does, for every function of the tables."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinygraph as tg
from tests.compiler.in_javascript import agrees, some
from tests.compiler.node import calls_in_node, needs_node
from tinygraph.compiler.javascript.elementwise import ELEMENTWISE
from tinygraph.compiler.javascript.kinds import ARRAYS

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


@needs_node
def test_gradients_of_norms(tmp_path: Path):
    def clipped(x: Any) -> Any:
        x = tg.Tensor(x)
        loss = np.linalg.norm(x) + np.linalg.norm(x, axis=1).sum()
        loss.backward()
        return loss, x.grad, x.grad / np.linalg.norm(x.grad)

    agrees(tmp_path, clipped, [[some(3, 4)]])


@needs_node
@pytest.mark.parametrize("shape", [(), (0,), (1,), (1, 1), (0, 3), (2, 0)])
def test_numbers_and_empty_arrays(tmp_path: Path, shape: tuple[int, ...]):
    def all_of_them(x: Any) -> Any:
        return [x * 2, np.sum(np.exp(x)), x + np.ones((1,) * x.ndim), np.sum(x, axis=-1) if x.ndim else x, x.T, -x]

    agrees(tmp_path, all_of_them, [[some(*shape)], [some(*shape, seed=1)]])


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
