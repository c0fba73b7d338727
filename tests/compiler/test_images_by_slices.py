"""Convolutions that are written as sums over the places of a kernel: a program calls the kernels for them."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.lib.stride_tricks import sliding_window_view

import tinygraph as tg

Convolution = Callable[[Any, Any], Any]


def images(*shape: int, dtype: Any = np.float64) -> Any:
    return np.random.default_rng(0).normal(size=shape).astype(dtype)


def places(k: Any) -> list[tuple[int, int]]:
    return list(itertools.product(range(k.shape[0]), range(k.shape[1])))


def size_of(x: Any, k: Any) -> tuple[int, int]:
    """The rows and columns of a convolution."""
    return x.shape[1] - k.shape[0] + 1, x.shape[2] - k.shape[1] + 1


def slices(x: Any, k: Any) -> list[Any]:
    high, wide = size_of(x, k)
    return [x[:, i : i + high, j : j + wide] for i, j in places(k)]


def by_sum(x: Any, k: Any) -> Any:
    return sum(part @ k[place] for part, place in zip(slices(x, k), places(k), strict=True))


def by_loop(x: Any, k: Any) -> Any:
    high, wide = size_of(x, k)
    total = np.zeros((len(x), high, wide, k.shape[3]), x.dtype)
    for i, j in places(k):
        total = total + np.einsum("bhwc,cf->bhwf", x[:, i : i + high, j : j + wide, :], k[i, j])
    return total


def of_separate_matrices(x: Any, k: Any) -> Any:
    matrices = [k[place] * 1.0 for place in places(k)]
    products = [part @ matrix for part, matrix in zip(slices(x, k), matrices, strict=True)]
    return products[0] + sum(products[1:])


def beside_each_other(x: Any, k: Any) -> Any:
    return np.concatenate(slices(x, k), axis=-1) @ k.reshape(-1, k.shape[3])


def stacked(x: Any, k: Any) -> Any:
    columns = np.stack(slices(x, k), axis=3)
    shape = columns.shape[:3]
    return (columns.reshape(-1, k.shape[0] * k.shape[1] * k.shape[2]) @ k.reshape(-1, k.shape[3])).reshape(*shape, -1)


def channels_first(x: Any, k: Any) -> Any:
    windows = sliding_window_view(x.transpose(0, 3, 1, 2), k.shape[:2], axis=(2, 3))
    return np.einsum("bchwij,fcij->bfhw", windows, k.transpose(3, 2, 0, 1)).transpose(0, 2, 3, 1)


SPELLINGS: dict[str, Convolution] = {
    "sum": by_sum, "loop": by_loop, "separate matrices": of_separate_matrices, "concatenate": beside_each_other,
    "stack": stacked, "channels first": channels_first,
}  # fmt: skip


def agreeing(loss: Callable[..., Any], *arrays: Any) -> str:
    """Return the text of a function's compiled gradient, which is the eager one."""
    pulled = tg.value_and_grad(loss, argnums=tuple(range(len(arrays))))
    compiled = tg.compile(pulled)
    found, expected = compiled(*arrays), pulled(*arrays)
    precision = 1e-4 if arrays[0].dtype == np.float32 else 1e-10
    np.testing.assert_allclose(found[0], expected[0], rtol=precision, atol=precision)
    for slope, other in zip(found[1], expected[1], strict=True):
        np.testing.assert_allclose(slope, other, rtol=precision, atol=10 * precision)
    return compiled.source


def kernels(source: str) -> set[str]:
    return {*re.findall(r"^    ((?:winograd_)?convolve\w*|winograd_(?:input|kernel))\(", source, re.MULTILINE)}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", SPELLINGS)
def test_a_sum_over_the_places_of_a_kernel_is_a_convolution(name: str, dtype: Any) -> None:
    x, k, g = images(4, 8, 9, 6, dtype=dtype), images(3, 2, 6, 5, dtype=dtype), images(4, 6, 8, 5, dtype=dtype)
    source = agreeing(lambda x, k: np.sum(SPELLINGS[name](np.tanh(x), np.tanh(k)) * g), x, k)
    forward_and_images = {"convolve", "convolve_input"}
    assert kernels(source) >= forward_and_images | ({"convolve_kernel"} if name != "separate matrices" else set())
    assert "np.add.at" not in source


def test_a_sum_over_many_places_is_a_convolution_and_no_loop() -> None:
    x, k = images(4, 12, 13, 6), images(5, 4, 6, 5)

    def loss(x: Any, k: Any) -> Any:
        out = np.zeros((4, 8, 10, 5), like=x)
        for i, j in places(k):
            out += x[:, i : i + 8, j : j + 10] @ k[i, j]
        return np.sum(np.maximum(out, 0.5) ** 2)

    source = agreeing(loss, x, k)
    assert kernels(source) == {"convolve", "convolve_input", "convolve_kernel"}
    assert len(source.splitlines()) < 90


@pytest.mark.parametrize("name", SPELLINGS)
def test_a_network_of_such_convolutions(name: str) -> None:
    x, first, second, b = images(6, 10, 10, 3), images(3, 3, 3, 16), images(3, 3, 16, 16), images(16)

    def loss(x: Any, first: Any, second: Any, b: Any) -> Any:
        h = tg.max_pool2d(tg.relu(SPELLINGS[name](x, first) + b), 2)
        return np.mean(SPELLINGS[name](h, second) ** 2) + np.mean(first**2)

    agreeing(loss, x, first, second, b)


def strided(x: Any, k: Any) -> Any:
    return sum(x[:, i : i + 5 : 2, j : j + 7 : 3] @ k[i, j] for i, j in places(k))


def from_the_second_row(x: Any, k: Any) -> Any:
    return sum(x[:, i + 1 : i + 4, j + 2 : j + 4] @ k[i, j] for i, j in places(k)) + x[:, :3, :2] @ k[0, 0] * 2


def padded(x: Any, k: Any) -> Any:
    return by_sum(np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0))), k)


def with_more_terms(x: Any, k: Any) -> Any:
    return 1.5 + by_sum(x, k) + x[:, :6, :8] @ k[0, 0] * 0.5 + k[1, 1, 0]


def with_a_gap(x: Any, k: Any) -> Any:
    return sum(x[:, i : i + 6, j : j + 8] @ k[i, j] for i, j in places(k)[1:])


def twice_at_a_place(x: Any, k: Any) -> Any:
    return by_sum(x, k) + x[:, :6, :8] @ k[2, 1]


def dilated(x: Any, k: Any) -> Any:
    return sum(x[:, 2 * i : 2 * i + 4, 3 * j : 3 * j + 6] @ k[i, j] for i, j in places(k))


def turned_round(x: Any, k: Any) -> Any:
    return sum(x[:, i : i + 6, j : j + 8] @ k[2 - i, 1 - j] for i, j in places(k))


def of_two_images(x: Any, k: Any) -> Any:
    return sum((x if i else x * 2)[:, i : i + 6, j : j + 8] @ k[i, j] for i, j in places(k))


def columns_in_another_order(x: Any, k: Any) -> Any:
    return np.concatenate(slices(x, k)[::-1], axis=-1) @ k.reshape(-1, k.shape[3])


def columns_and_more(x: Any, k: Any) -> Any:
    columns = np.concatenate(slices(x, k), axis=-1)
    return np.tanh(columns @ k.reshape(-1, k.shape[3])) + np.sum(columns**2)


def read_in_between(x: Any, k: Any) -> Any:
    total, found = 0.0, []
    for part, place in zip(slices(x, k), places(k), strict=True):
        total = total + part @ k[place]
        found.append(np.sum(np.sin(total)))
    return total * sum(found)


OTHERS = [
    strided, from_the_second_row, padded, with_more_terms, with_a_gap, twice_at_a_place, dilated, turned_round,
    of_two_images, columns_in_another_order, columns_and_more, read_in_between,
]  # fmt: skip


@pytest.mark.parametrize("function", OTHERS)
def test_variations_are_what_they_are_eagerly(function: Convolution) -> None:
    x, k = images(4, 8, 9, 6), images(3, 2, 6, 5)
    agreeing(lambda x, k: np.sum(np.sin(function(x, k))), x, k)


@given(data=st.data())
def test_random_sums_of_slices(data: Any) -> None:
    rows, columns, channels, filters = [data.draw(st.integers(1, 3)) for _ in range(4)]
    down, right = [data.draw(st.integers(1, 2)) for _ in range(2)]
    top, left = [data.draw(st.integers(0, 1)) for _ in range(2)]
    high, wide = [data.draw(st.integers(1, 4)) for _ in range(2)]
    beyond = data.draw(st.integers(0, 2))
    tall, broad = top + rows + (high - 1) * down + beyond, left + columns + (wide - 1) * right + beyond
    x, k = images(2, tall, broad, channels), images(rows, columns, channels, filters)
    order = data.draw(st.permutations(list(itertools.product(range(rows), range(columns)))))

    def loss(x: Any, k: Any) -> Any:
        y = np.tanh(x)
        total = sum(
            y[:, i + top : i + top + (high - 1) * down + 1 : down, j + left : j + left + (wide - 1) * right + 1 : right]
            @ k[i, j]
            for i, j in order
        )
        return np.sum(np.sin(total))

    agreeing(loss, x, k)


def test_second_derivatives_of_a_sum_of_slices() -> None:
    x, k = images(2, 6, 6, 3), images(3, 3, 3, 4)
    loss = lambda x, k: np.sum(np.sin(by_sum(x, k)))
    found = tg.compile(lambda x, k, v: tg.hvp(lambda x: loss(x, k), (x,), (v,)))(x, k, x[::-1].copy())
    np.testing.assert_allclose(found, tg.hvp(lambda x: loss(x, k), (x,), (x[::-1].copy(),)), rtol=1e-9, atol=1e-11)
