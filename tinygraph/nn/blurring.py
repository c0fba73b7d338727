"""Images that are blurred or sharpened, and the edges in them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygraph import bounds, draws
from tinygraph.functions import conv2d
from tinygraph.nn.initializers import Seed
from tinygraph.nn.random_images import OfImages, Range, ends_of

__all__ = ["RandomGaussianBlur", "RandomSharpness", "blurred", "gaussian_kernel", "of_each_channel", "sharpened"]


def of_each_channel(x: Any, kernel: Any, padding: str = "same") -> Any:
    """Return the convolution of each channel with the same kernel.

    Args:
        x: images, shape (batch, height, width, channels).
        kernel: shape (rows, columns).
        padding: "same", with zeros around the image, or "valid".
    """
    count = x.shape[-1]
    bank = np.broadcast_to(kernel[:, :, np.newaxis, np.newaxis], (*kernel.shape, 1, count))
    return conv2d(x, bank, padding=padding, groups=count)


def gaussian_kernel(size: Sequence[int], sigma: Sequence[Any], dtype: Any) -> Any:
    """Return the kernel of a Gaussian blur, whose sum is 1.

    Args:
        size: the columns and the rows of the kernel.
        sigma: the deviation along each, in pixels.
        dtype: of the kernel.
    """
    along_row, along_column = (
        np.exp(-0.5 * ((np.arange(count, dtype=dtype) - dtype.type((count - 1) / 2)) / deviation) ** 2)
        for count, deviation in zip(size, sigma, strict=True)
    )
    return (along_column / np.sum(along_column))[:, np.newaxis] * (along_row / np.sum(along_row))


def blurred(x: Any, size: Sequence[int], sigma: Sequence[Any]) -> Any:
    """Return images under a Gaussian blur: see `gaussian_kernel`."""
    return of_each_channel(x, gaussian_kernel(size, sigma, x.dtype))


def sharpened(x: Any, factor: Any, value_range: Sequence[float]) -> Any:
    """Return images that are smoothed or sharpened.

    Args:
        x: images.
        factor: for each image 0 for a smooth image, 1 for the same, 2 for a sharp one; shape (batch, 1, 1, 1).
        value_range: the result stays between these.
    """
    kernel = np.full((3, 3), 1 / 13, x.dtype)
    kernel[1, 1] = 5 / 13
    return np.clip(x + (1 - factor) * (of_each_channel(x, kernel) - x), value_range[0], value_range[1])


class RandomSharpness(OfImages):
    """Each image smoothed or sharpened by chance, in training. After `eval()` the layer does nothing.

    Args:
        factor: a number drawn between 0 and this, or between two: 0 smooths, 0.5 changes nothing, 1 sharpens.
        value_range: the lowest and the highest number of an image; the result stays between them.
        data_format: "channels_last" or "channels_first".
        seed: an int, a NumPy generator to draw from, or None for new numbers in each run.
        name: see `Layer`.

    Raises:
        ValueError: a number is out of its range.
        ShapeError: the batch has another number of axes.
    """

    def __init__(
        self,
        factor: Range,
        value_range: Sequence[float] = (0, 255),
        data_format: str | None = None,
        seed: Seed = None,
        **options: Any,
    ) -> None:
        super().__init__(data_format=data_format, seed=seed, **options)
        self.factor, self.value_range = factor, tuple(value_range)
        self._ends = ends_of("RandomSharpness", "factor", factor, 0, 1)

    def _changed(self, x: Any) -> Any:
        return sharpened(x, 2 * self._numbers(x, self._ends), self.value_range)


class RandomGaussianBlur(OfImages):
    """Each image blurred by chance, in training. After `eval()` the layer does nothing.

    Args:
        factor: the chance of an image to be blurred is a number drawn between 0 and this; or between two.
        kernel_size: the columns and rows of the kernel, odd numbers, or one for both.
        sigma: the deviation in pixels, drawn for each batch and axis between 0 and this; or between two.
        value_range: the lowest and the highest number of an image; the result stays between them.
        data_format: "channels_last" or "channels_first".
        seed: an int, a NumPy generator to draw from, or None for new numbers in each run.
        name: see `Layer`.

    Raises:
        ValueError: a number is out of its range, or the size of the kernel is even.
        ShapeError: the batch has another number of axes.
    """

    def __init__(
        self,
        factor: Range = 1.0,
        kernel_size: int | Sequence[int] = 3,
        sigma: Range = 1.0,
        value_range: Sequence[float] = (0, 255),
        data_format: str | None = None,
        seed: Seed = None,
        **options: Any,
    ) -> None:
        super().__init__(data_format=data_format, seed=seed, **options)
        self.factor, self.kernel_size, self.sigma = factor, kernel_size, sigma
        self.value_range = tuple(value_range)
        sizes = tuple(kernel_size) if isinstance(kernel_size, Sequence) else (kernel_size, kernel_size)
        self._size = tuple([bounds.whole("RandomGaussianBlur", "kernel_size", item, least=1) for item in sizes])
        if any([item % 2 == 0 for item in self._size]) or len(self._size) != 2:
            raise ValueError(f"RandomGaussianBlur: kernel_size must be odd, or two odd numbers, got {kernel_size!r}")
        self._ends = ends_of("RandomGaussianBlur", "factor", factor, 0, 1)
        self._deviations = ends_of("RandomGaussianBlur", "sigma", sigma, 0, 1)

    def _changed(self, x: Any) -> Any:
        low, high = self._deviations
        drawn = low + (high - low) * draws.uniform(self.generator, (2,), np.float32).astype(x.dtype) + 1e-6
        soft = blurred(x, self._size, (drawn[0], drawn[1]))
        return np.clip(np.where(self._chosen(x, self._ends), soft, x), self.value_range[0], self.value_range[1])
