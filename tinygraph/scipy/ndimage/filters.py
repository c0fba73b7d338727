"""Filters with weights of a given form: smoothing, slopes and curvature."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.ndimage

from tinygraph.engine.modes import is_tracing
from tinygraph.engine.operands import plain
from tinygraph.scipy.calls import floating, is_followed, on_tensors, unsupported
from tinygraph.scipy.ndimage.correlations import correlate1d, for_each_axis, plain_output

__all__ = [
    "gaussian_filter", "gaussian_filter1d", "gaussian_gradient_magnitude", "gaussian_laplace", "laplace", "prewitt",
    "sobel", "uniform_filter", "uniform_filter1d",
]  # fmt: skip


def _gaussian_weights(sigma: Any, order: int, truncate: float, radius: int | None) -> Any:
    """Return the weights of a Gaussian, or of its derivative, from right to left, as SciPy computes them.

    The width is continuous in the weights, and a constant in their number.
    """
    if radius is None:
        if is_tracing() and is_followed(sigma):
            raise unsupported(
                "compile: ndimage.gaussian_filter", "the number of weights depends on sigma, which is computed",
                "Give radius= too, the neighbours on each side, such as 4 * sigma + 0.5 rounded down",
            )  # fmt: skip
        radius = int(truncate * float(plain(sigma)) + 0.5)
    places = np.arange(-radius, radius + 1)
    if order < 0:
        raise ValueError("order must be non-negative")
    square = sigma * sigma
    weights = np.exp(-0.5 / square * places**2)
    weights = weights / np.sum(weights)
    if order > 0:
        # The derivative of q(x) exp(-x²/2σ²) is (q' - x q / σ²) exp(-x²/2σ²): a matrix for the coefficients of q.
        degrees = np.arange(order + 1)
        q = np.eye(order + 1)[0]
        derivative = np.diag(degrees[1:], 1) + np.diag(np.full(order, -1.0), -1) / square
        for _ in range(order):
            q = derivative @ q
        weights = (places[:, None] ** degrees) @ q * weights
    return weights[::-1]


@on_tensors(scipy.ndimage.gaussian_filter1d)
def gaussian_filter1d(
    input: Any, sigma: float, axis: int = -1, order: int = 0, output: Any = None, mode: str = "reflect",  # noqa: A002
    cval: float = 0.0, truncate: float = 4.0, *, radius: int | None = None,
) -> Any:  # fmt: skip
    """Smooth an image along one axis by a Gaussian, or take its derivative; see `scipy.ndimage.gaussian_filter1d`."""
    weights = _gaussian_weights(sigma, order, truncate, radius)
    return correlate1d(input, weights, axis, output, mode, cval, 0)


@on_tensors(scipy.ndimage.gaussian_filter)
def gaussian_filter(
    input: Any, sigma: Any, order: Any = 0, output: Any = None, mode: Any = "reflect", cval: float = 0.0,  # noqa: A002
    truncate: float = 4.0, *, radius: Any = None, axes: Any = None,
) -> Any:  # fmt: skip
    """Smooth an image by a Gaussian, or take its derivatives; see `scipy.ndimage.gaussian_filter`."""
    plain_output("gaussian_filter", output, axes)
    x = floating(input)
    each = [for_each_axis(item, x.ndim) for item in (sigma, order, mode, radius)]
    for axis, (wide, derivative, edge, reach) in enumerate(zip(*each, strict=True)):
        if is_tracing() or wide > 1e-15:
            x = gaussian_filter1d(x, wide, axis, derivative, None, edge, cval, truncate, radius=reach)
    return x


@on_tensors(scipy.ndimage.uniform_filter1d)
def uniform_filter1d(
    input: Any, size: int, axis: int = -1, output: Any = None, mode: str = "reflect", cval: float = 0.0,  # noqa: A002
    origin: int = 0,
) -> Any:  # fmt: skip
    """Take the mean of `size` neighbours along one axis; see `scipy.ndimage.uniform_filter1d`."""
    return correlate1d(input, np.full(size, 1.0 / size), axis, output, mode, cval, origin)


@on_tensors(scipy.ndimage.uniform_filter)
def uniform_filter(
    input: Any, size: Any = 3, output: Any = None, mode: Any = "reflect", cval: float = 0.0, origin: Any = 0, *,  # noqa: A002
    axes: Any = None,
) -> Any:  # fmt: skip
    """Take the mean of the neighbours in a box; see `scipy.ndimage.uniform_filter`."""
    plain_output("uniform_filter", output, axes)
    x = floating(input)
    each = [for_each_axis(item, x.ndim) for item in (size, mode, origin)]
    for axis, (width, edge, shift) in enumerate(zip(*each, strict=True)):
        if width > 1:
            x = uniform_filter1d(x, int(width), axis, None, edge, cval, shift)
    return x


def _slope(call: str, image: Any, axis: int, output: Any, mode: Any, cval: float, across: list[float]) -> Any:
    """Return the difference of the neighbours along an axis, with weights across it."""
    plain_output(call, output)
    x = floating(image)
    modes = for_each_axis(mode, x.ndim)
    axis = axis % x.ndim
    found = correlate1d(x, np.array([-1.0, 0.0, 1.0]), axis, None, modes[axis], cval, 0)
    for other in range(x.ndim):
        if other != axis:
            found = correlate1d(found, np.array(across), other, None, modes[other], cval, 0)
    return found


@on_tensors(scipy.ndimage.sobel)
def sobel(input: Any, axis: int = -1, output: Any = None, mode: Any = "reflect", cval: float = 0.0) -> Any:  # noqa: A002
    """Take Sobel's slope along one axis; see `scipy.ndimage.sobel`."""
    return _slope("sobel", input, axis, output, mode, cval, [1.0, 2.0, 1.0])


@on_tensors(scipy.ndimage.prewitt)
def prewitt(input: Any, axis: int = -1, output: Any = None, mode: Any = "reflect", cval: float = 0.0) -> Any:  # noqa: A002
    """Take Prewitt's slope along one axis; see `scipy.ndimage.prewitt`."""
    return _slope("prewitt", input, axis, output, mode, cval, [1.0, 1.0, 1.0])


@on_tensors(scipy.ndimage.laplace)
def laplace(input: Any, output: Any = None, mode: Any = "reflect", cval: float = 0.0, *, axes: Any = None) -> Any:  # noqa: A002
    """Take the sum of second differences along all axes; see `scipy.ndimage.laplace`."""
    plain_output("laplace", output, axes)
    x = floating(input)
    parts = [
        correlate1d(x, np.array([1.0, -2.0, 1.0]), axis, None, edge, cval, 0)
        for axis, edge in enumerate(for_each_axis(mode, x.ndim))
    ]
    return sum(parts[1:], start=parts[0]) if parts else x


def _derivatives(x: Any, sigma: Any, order: int, mode: Any, cval: float, options: dict[str, Any]) -> list[Any]:
    """Return the derivatives of a smoothed image along each axis."""
    orders = [[order if other == axis else 0 for other in range(x.ndim)] for axis in range(x.ndim)]
    return [gaussian_filter(x, sigma, along, None, mode, cval, **options) for along in orders]


@on_tensors(scipy.ndimage.gaussian_laplace)
def gaussian_laplace(
    input: Any, sigma: Any, output: Any = None, mode: Any = "reflect", cval: float = 0.0, *, axes: Any = None,  # noqa: A002
    **options: Any,
) -> Any:  # fmt: skip
    """Take the sum of second derivatives of an image smoothed by a Gaussian; see `scipy.ndimage.gaussian_laplace`."""
    plain_output("gaussian_laplace", output, axes)
    parts = _derivatives(floating(input), sigma, 2, mode, cval, options)
    return sum(parts[1:], start=parts[0])


@on_tensors(scipy.ndimage.gaussian_gradient_magnitude)
def gaussian_gradient_magnitude(
    input: Any, sigma: Any, output: Any = None, mode: Any = "reflect", cval: float = 0.0, *, axes: Any = None,  # noqa: A002
    **options: Any,
) -> Any:  # fmt: skip
    """Take the length of the gradient of a smoothed image; see `scipy.ndimage.gaussian_gradient_magnitude`."""
    plain_output("gaussian_gradient_magnitude", output, axes)
    parts = [part * part for part in _derivatives(floating(input), sigma, 1, mode, cval, options)]
    return np.sqrt(sum(parts[1:], start=parts[0]))
