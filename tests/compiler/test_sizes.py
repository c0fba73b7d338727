"""A shape, a count or an axis that is computed, or read from an array outside, is checked at each call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygraph as tg
import tinygraph.numpy as tnp

# The functions of an array x of shape (3, 4), sizes n and m with n · m = 12, and a count k of at most 2.
CALLS: dict[str, Callable[[Any, Any, Any], Any]] = {
    "reshape": lambda x, shape, k: np.reshape(x, shape), "the method": lambda x, shape, k: (x * 2).reshape(shape),
    "broadcast_to": lambda x, shape, k: np.broadcast_to(x[:1, :1], shape),
    "tile": lambda x, shape, k: np.tile(x, shape),
    "resize": lambda x, shape, k: np.resize(x, shape), "repeat": lambda x, shape, k: np.repeat(x, shape[:1], axis=0),
    "counts": lambda x, shape, k: np.repeat(x[0, :2], shape), "pad": lambda x, shape, k: np.pad(x, shape),
    "delete": lambda x, shape, k: np.delete(x[0], np.minimum(shape, 3)),
    "fft": lambda x, shape, k: np.fft.fft(x, k + 2),
    "fft2": lambda x, shape, k: np.fft.fft2(x, s=shape), "diff": lambda x, shape, k: np.diff(x, k),
    "diag": lambda x, shape, k: np.diag(x[0], k), "diagonal": lambda x, shape, k: np.diagonal(x, k),
    "axis": lambda x, shape, k: np.sum(x, axis=k % 2), "cumsum": lambda x, shape, k: np.cumsum(x, k % 2),
    "flip": lambda x, shape, k: np.flip(x, k % 2), "moveaxis": lambda x, shape, k: np.moveaxis(x, k % 2, 0),
    "rot90": lambda x, shape, k: np.rot90(x, k), "vander": lambda x, shape, k: np.vander(x[0], k + 1),
    "split": lambda x, shape, k: np.split(x, np.minimum(shape, 4), axis=1)[1], "slice": lambda x, shape, k: x[k:, :k],
    "power": lambda x, shape, k: np.linalg.matrix_power(x[:, :3], k),
}  # fmt: skip


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("is_given", [True, False])
def test_another_size_is_another_program(name: str, is_given: bool) -> None:
    x = np.random.default_rng(0).normal(size=(3, 4))
    outside = {"shape": np.array([4, 3]), "k": np.array(1)}

    def call(x: Any, shape: Any = None, k: Any = None) -> Any:
        return CALLS[name](x, shape, k) if is_given else CALLS[name](x, outside["shape"], outside["k"])

    def loss(x: Any, *sizes: Any) -> Any:
        found = call(x, *sizes)
        return np.sum(np.abs(found) ** 2 * np.arange(1.0, found.size + 1).reshape(found.shape))

    value, gradient = tg.compile(call), tg.compile(tg.grad(loss))
    for shape, k in ([4, 3], 1), ([3, 4], 2), ([2, 6], 0), ([4, 3], 1):
        outside["shape"][:], outside["k"][...] = shape, k
        sizes = (np.array(shape), np.array(k)) if is_given else ()
        assert np.shape(value(x, *sizes)) == np.shape(call(x, *sizes))
        np.testing.assert_allclose(value(x, *sizes), call(x, *sizes), rtol=1e-13)
        np.testing.assert_allclose(gradient(x, *sizes), tg.grad(loss)(x, *sizes), rtol=1e-12, atol=1e-14)
    assert outside["k"] == 1


def test_an_array_of_the_function_is_a_size_that_is_known() -> None:
    reshaped = tg.compile(lambda x: np.reshape(x, np.array([2, 3])) * 2)
    assert reshaped(np.arange(6.0)).tolist() == [[0, 2, 4], [6, 8, 10]]
    assert "Left" not in reshaped.source


def test_a_power_of_a_matrix_leaves_the_exponent_as_it_is() -> None:
    exponent = np.array(3)
    tg.grad(lambda a: np.sum(np.linalg.matrix_power(a, exponent)))(np.eye(2))
    assert exponent == 3
    with pytest.raises(TypeError):
        tg.grad(lambda a: np.sum(np.linalg.matrix_power(a, 2.0)))(np.eye(2))  # type: ignore[arg-type]


# The uses of a number n that is an element of an array of ints: in NumPy, as the count of a list, and in our namespace.
COUNTS: dict[str, Callable[[Any, Any], Any]] = {
    "if and slice": lambda x, n: x[:n] if n else x,
    "if and range": lambda x, n: sum(x[i] for i in range(n)) if n else x,
    "slice and if": lambda x, n: x[:n] if x[:n].size == 1 or n else -x, "a list": lambda x, n: sum([x] * n),
    "a tuple": lambda x, n: sum(n * (x, 2 * x)), "a count of numbers": lambda x, n: x * len([0] * n),
    "zeros": lambda x, n: tnp.zeros(n) + x[0], "ones": lambda x, n: tnp.ones((n, 2)) * x[0],
    "eye": lambda x, n: tnp.eye(n) * x[0], "tri": lambda x, n: tnp.tri(n, 3) * x[0],
    "full": lambda x, n: tnp.full((n, 2), x[0]), "full of it": lambda x, n: tnp.full(2, n) * x[0],
    "hanning": lambda x, n: tnp.hanning(n) * x[0], "zeros of ints": lambda x, n: tnp.zeros(n, int) + x[0],
}  # fmt: skip


@pytest.mark.parametrize("name", COUNTS)
def test_a_truth_is_no_count(name: str) -> None:
    def call(x: Any, counts: Any) -> Any:
        return COUNTS[name](x, counts[0])

    x = np.arange(1.0, 5.0)
    value, gradient = tg.compile(call), tg.compile(tg.grad(lambda x, n: np.sum(np.sin(call(x, n)))))
    for n in (1, 2, 0, 3, 1):
        counts = np.array([n])
        expected = call(x, counts)
        expected = expected.data if isinstance(expected, tg.Tensor) else expected
        np.testing.assert_array_equal(value(x, counts), expected)
        np.testing.assert_allclose(
            gradient(x, counts), tg.grad(lambda x: np.sum(np.sin(call(x, counts))))(x), rtol=1e-13
        )


@pytest.mark.parametrize(
    "text", [repr, str, lambda n: f"{n!r}", lambda n: f"{[n]}", lambda n: str([n])]
)  # fmt: skip
def test_a_text_of_a_computed_value_is_refused(text: Callable[[Any], str]) -> None:
    with pytest.raises(tg.UnsupportedError, match=r"printed.*Return it"):
        tg.compile(lambda x: x * len(text(x[0])))(np.ones(2))
