"""Images that are written as views of NumPy's: a program has the kernels of convolution and pooling for them."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

import tinygraph as tg

PRODUCTS: dict[str, Callable[[Any, Any], Any]] = {
    "tensordot": lambda w, k: np.tensordot(w, k, ((4, 5, 3), (0, 1, 2))),
    "tensordot in another order": lambda w, k: np.tensordot(w, k, ((3, 5, 4), (2, 1, 0))),
    "einsum": lambda w, k: np.einsum("bijcpq,pqcf->bijf", w, k),
    "rows": lambda w, k: (w.reshape(-1, 3 * 2 * 8) @ k.transpose(2, 0, 1, 3).reshape(-1, 5)).reshape(4, 9, 10, 5),
    "transposed rows": lambda w, k: (k.reshape(-1, 5).T @ w.transpose(0, 1, 2, 4, 5, 3).reshape(-1, 48).T).T.reshape(
        4, 9, 10, 5
    ),
}


def images(*shape: int, dtype: Any = np.float32) -> Any:
    return np.random.default_rng(0).normal(size=shape).astype(dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("product", PRODUCTS.values(), ids=PRODUCTS)
def test_a_product_with_windows_is_a_convolution(product: Callable[[Any, Any], Any], dtype: Any) -> None:
    x, k, g = images(4, 11, 11, 8, dtype=dtype), images(3, 2, 8, 5, dtype=dtype), images(4, 9, 10, 5, dtype=dtype)

    def loss(x: Any, k: Any) -> Any:
        return np.sum(product(sliding_window_view(np.tanh(x), (3, 2), axis=(1, 2)), k) * g)

    compiled = tg.compile(tg.value_and_grad(loss, argnums=(0, 1)))
    value, slopes = compiled(x, k)
    expected, expected_slopes = tg.value_and_grad(loss, argnums=(0, 1))(x, k)
    precision = 1e-4 if dtype is np.float32 else 1e-10
    assert np.isclose(value, expected, rtol=precision)
    for slope, other in zip(slopes, expected_slopes, strict=True):
        np.testing.assert_allclose(slope, other, rtol=precision, atol=10 * precision)
    for kernel in ("convolve", "convolve_input", "convolve_kernel"):
        assert f"    {kernel}(" in compiled.source, compiled.source
    assert "sliding_window_view\n" not in compiled.source and "windows_added" not in compiled.source


@pytest.mark.parametrize(
    "windows",
    [
        lambda x: sliding_window_view(x, (3, 3), axis=(1, 3)),  # over pixels and channels
        lambda x: sliding_window_view(x, (3, 3), axis=(2, 1)),  # the other way round
        lambda x: sliding_window_view(x, (3, 3), axis=(1, 2))[:, ::2, ::2],  # with a stride
        lambda x: sliding_window_view(x, (3, 3), axis=(1, 2)).transpose(0, 2, 1, 3, 4, 5),
    ],
)
def test_other_windows_stay_products(windows: Callable[[Any], Any]) -> None:
    x = images(4, 9, 9, 8)
    k = images(int(np.prod(windows(x).shape[3:])), 5)

    def loss(x: Any, k: Any) -> Any:
        seen = windows(x)
        return np.sum(np.sin(seen.reshape(-1, k.shape[0]) @ k))

    compiled = tg.compile(tg.grad(loss, argnums=(0, 1)))
    for slope, other in zip(compiled(x, k), tg.grad(loss, argnums=(0, 1))(x, k), strict=True):
        np.testing.assert_allclose(slope, other, rtol=1e-3, atol=1e-3)
    assert "convolve" not in compiled.source


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [(10, 12), (11, 12), (11, 14)])
@pytest.mark.parametrize("keepdims", [False, True])
def test_the_largest_of_blocks_is_a_pooling(size: tuple[int, int], keepdims: bool, dtype: Any) -> None:
    """With ties, and with NaN; pixels that no block has are left out."""
    x = np.rint(images(4, *size, 3, dtype=dtype) * 2)
    g = images(4, 5, 4, 3, dtype=dtype)

    def blocks(x: Any) -> Any:
        return np.max(x[:, :10, :12].reshape(4, 5, 2, 4, 3, -1), axis=(2, 4), keepdims=keepdims).reshape(4, 5, 4, 3)

    compiled = tg.compile(tg.value_and_grad(lambda x: np.sum(blocks(x) * g)))
    eager = tg.value_and_grad(lambda x: np.sum(blocks(x) * g))
    value, slope = compiled(x)
    expected, expected_slope = eager(x)
    assert np.isclose(value, expected)
    np.testing.assert_allclose(slope, expected_slope, rtol=1e-6)
    assert "pool_max(" in compiled.source and "pool_max_input(" in compiled.source, compiled.source
    assert "scatter" not in compiled.source
    with_nan = x.copy()
    with_nan[1, 3, 4, 1] = np.nan
    np.testing.assert_allclose(compiled(with_nan)[1], eager(with_nan)[1], rtol=1e-6)


def test_what_is_left_out_may_be_more_than_a_block() -> None:
    x = images(2, 8, 8, 3)

    def loss(x: Any) -> Any:
        return np.sum(np.max(x[:, :4, :6].reshape(2, 2, 2, 3, 2, 3), axis=(2, 4)) ** 2)

    compiled = tg.compile(tg.grad(loss))
    np.testing.assert_allclose(compiled(x), tg.grad(loss)(x), rtol=1e-5)


@pytest.mark.parametrize("rest", [(slice(None), slice(4), slice(4)), (slice(None), slice(6), slice(1, 8))])
def test_a_part_of_a_gradient_is_another_array(rest: Any) -> None:
    """Its own gradient has zeros around it, where the gradient of the pooling has none."""
    x, y = images(2, 7, 8, 3), images(2, 7, 8, 3) + 1

    def slopes(x: Any, y: Any) -> Any:
        pooled = tg.grad(lambda x: np.sum(tg.max_pool2d(x, 2) ** 2))(x)
        return tg.grad(lambda y: np.sum(y[rest] * pooled[rest]))(y)

    np.testing.assert_allclose(tg.compile(slopes)(x, y), slopes(x, y), rtol=1e-5)


@pytest.mark.parametrize(
    "largest",
    [
        lambda x: np.max(x.reshape(2, 4, 2, 4, 2, 3), axis=(1, 3)),  # of pixels that lie apart
        lambda x: np.max(x.reshape(2, 4, 2, 4, 2, 3), axis=(2, 3)),  # of a row of blocks
        lambda x: np.max(x.reshape(2, 4, 2, 4, 2, 3), axis=(2, 4), initial=0.5),
        lambda x: np.min(x.reshape(2, 4, 2, 4, 2, 3), axis=(2, 4)),
    ],
)
def test_other_blocks_are_not_pooled(largest: Callable[[Any], Any]) -> None:
    x = images(2, 8, 8, 3)
    compiled = tg.compile(tg.grad(lambda x: np.sum(largest(x) ** 2)))
    np.testing.assert_allclose(compiled(x), tg.grad(lambda x: np.sum(largest(x) ** 2))(x), rtol=1e-5)
    assert "pool_max" not in compiled.source


def test_second_derivatives_of_views() -> None:
    x = images(2, 4, 4, 2, dtype=np.float64)

    def loss(x: Any) -> Any:
        pooled = np.max(x.reshape(2, 2, 2, 2, 2, 2), axis=(2, 4))
        seen = sliding_window_view(x, (2, 2), axis=(1, 2)).transpose(0, 1, 2, 4, 5, 3).reshape(-1, 8)
        return np.sum(pooled**3) + np.sum((seen @ np.linspace(-1, 1, 24).reshape(8, 3)) ** 3)

    v = images(*x.shape, dtype=np.float64)
    expected = tg.hvp(loss, (x,), (v,))
    found = tg.compile(lambda x, v: tg.hvp(loss, (x,), (v,)))(x, v)
    np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_pictures_with_channels_first_are_those_with_channels_last() -> None:
    """Bias, relu and their gradients are computed along the memory of the convolution; they took as long as it."""
    x, k, b = images(4, 10, 10, 3), images(3, 3, 3, 8), images(8)

    def last(x: Any, k: Any, b: Any) -> Any:
        return np.sum(tg.max_pool2d(tg.relu(tg.conv2d(x, k) + b), 2) ** 2)

    def first(x: Any, k: Any, b: Any) -> Any:
        z = tg.conv2d(x, k).transpose(0, 3, 1, 2) + b[:, None, None]
        return np.sum(tg.max_pool2d(tg.relu(z).transpose(0, 2, 3, 1), 2).transpose(0, 3, 1, 2) ** 2)

    one, other = (tg.compile(tg.grad(loss, argnums=(0, 1, 2))) for loss in (last, first))
    for slope, expected in zip(other(x, k, b), one(x, k, b), strict=True):
        np.testing.assert_allclose(slope, expected, rtol=1e-4, atol=1e-4)
    calls = [re.findall(r"^ +((?:np\.)?\w[\w.]*)\(", step.source, re.MULTILINE) for step in (one, other)]
    assert calls[0] == calls[1]
