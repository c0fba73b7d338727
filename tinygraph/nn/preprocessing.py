"""Layers that make data ready inside of a model: Normalization, CategoryEncoding, Discretization, RandomFlip."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygraph import bounds, draws
from tinygraph.engine.tensor import Tensor
from tinygraph.functions import one_hot
from tinygraph.nn.defaults import floatx
from tinygraph.nn.formats import check_format
from tinygraph.nn.initializers import Seed
from tinygraph.nn.layer import Layer

__all__ = ["CategoryEncoding", "Discretization", "Normalization", "RandomFlip"]

LEAST_DEVIATION = 1e-7
FLIPS = ("horizontal_and_vertical", "horizontal", "vertical")
ENCODINGS = ("one_hot", "multi_hot", "count")


class Normalization(Layer):
    """(x − mean) ÷ deviation for each feature: data of mean 0 and deviation 1.

        normalization = nn.Normalization()
        normalization.adapt(x_train)  # before the training
        model = nn.Sequential([normalization, nn.Dense(1)])

    Args:
        axis: the axis of the features, or several, each of whose places has a mean and a variance; None for one of all.
        mean, variance: numbers, or arrays of the sizes of `axis`. Without them `adapt` finds them in data.
        invert: compute x · deviation + mean instead.
        name: see `Layer`.

    Its weights are mean and variance, which are not trained, and a count that is 0, as Keras's layer has.

    Raises:
        ValueError: only one of mean and variance is given.
    """

    def __init__(
        self, axis: Any = -1, mean: Any = None, variance: Any = None, invert: bool = False, **options: Any
    ) -> None:
        super().__init__(**options)
        if (mean is None) != (variance is None):
            raise ValueError("Normalization: give both mean and variance, or neither and call adapt(x)")
        self.axis = () if axis is None else tuple(axis) if isinstance(axis, list | tuple) else (axis,)
        self.input_mean, self.input_variance, self.invert = mean, variance, invert

    def build(self, shape: tuple[int, ...]) -> None:
        """See `Layer.build`."""
        self._kept(len(shape))
        if self.input_mean is not None:
            return
        sizes = tuple([shape[axis] for axis in self._kept(len(shape))])
        self.mean = self.weight("mean", sizes, "zeros", trainable=False)
        self.variance = self.weight("variance", sizes, "ones", trainable=False)
        self.count = self.weight("count", (), "zeros", trainable=False)

    def adapt(self, data: Any) -> None:
        """Find the mean and the variance of data. Call it before the training.

        Args:
            data: an array, a list or a frame; or batches, of which (x, y) count as x.

        Raises:
            ValueError: there are no rows, or mean and variance were given to the layer.
        """
        if self.input_mean is not None:
            raise ValueError("Normalization: mean and variance were given, so there is nothing to adapt")
        rows, mean, squares = 0.0, 0.0, 0.0
        shape: tuple[int, ...] | None = None
        for batch in _batches(data):
            shape = batch.shape
            kept = self._kept(len(shape))
            over = tuple([axis for axis in range(len(shape)) if axis not in kept])
            size = float(np.prod([shape[axis] for axis in over]))
            if size:
                apart = np.mean(batch, axis=over) - mean
                squares = squares + np.var(batch, axis=over) * size + apart**2 * rows * size / (rows + size)
                mean, rows = mean + apart * size / (rows + size), rows + size
        if shape is None or not rows:
            raise ValueError("Normalization: adapt was given no rows")
        if not self.built:
            self.build_for((None, *shape[1:]))
        self.mean.assign(mean)
        self.variance.assign(squares / rows)

    def call(self, x: Any) -> Any:
        """See the class."""
        x = self._floating(x)
        mean: Any = self.input_mean
        variance: Any = self.input_variance
        if mean is None:
            mean, variance = self.mean, self.variance
        else:
            mean, variance = (np.asarray(item, x.dtype) for item in (mean, variance))
        if np.ndim(mean):
            sizes = [1] * len(x.shape)
            for axis, size in zip(self._kept(len(x.shape))[::-1], mean.shape[::-1], strict=False):
                sizes[axis] = size
            mean, variance = np.reshape(mean, sizes), np.reshape(variance, sizes)
        deviation = np.maximum(np.sqrt(variance), LEAST_DEVIATION)
        return x * deviation + mean if self.invert else (x - mean) / deviation

    def _kept(self, ndim: int) -> tuple[int, ...]:
        """Return the axes of the features, counted from the first."""
        if any([not -ndim <= axis < ndim for axis in self.axis]):
            raise self.misfit(f"axis {self.axis} is not among the {ndim} axes of the batch")
        return tuple(sorted([axis % ndim for axis in self.axis]))


def _batches(data: Any) -> Iterator[NDArray[Any]]:
    """Yield data in float64, batch by batch."""
    if isinstance(data, list | tuple) or hasattr(data, "shape"):
        yield np.asarray(data.data if isinstance(data, Tensor) else data, float)
        return
    batches = (data[place] for place in range(len(data))) if hasattr(data, "__getitem__") else data
    for batch in batches:
        x = batch[0] if isinstance(batch, tuple) else batch
        yield np.asarray(x.data if isinstance(x, Tensor) else x, float)


class CategoryEncoding(Layer):
    """Class numbers as rows of zeros and ones.

    Args:
        num_tokens: the number of classes.
        output_mode: "one_hot", a row for each number; "multi_hot", one row for all numbers of an example; "count", a
            row with how often each comes.
        sparse: of Keras; must be False.
        name: see `Layer`.

    Raises:
        ValueError: an argument is not one of these, or (when called) a number is not from 0 to num_tokens − 1.
    """

    def __init__(
        self, num_tokens: int | None = None, output_mode: str = "multi_hot", sparse: bool = False, **options: Any
    ) -> None:
        super().__init__(**options)
        if num_tokens is None or sparse:
            raise ValueError("CategoryEncoding: give num_tokens, the number of classes, and sparse=False")
        if output_mode not in ENCODINGS:
            raise ValueError(
                f"CategoryEncoding: output_mode must be one of {', '.join(ENCODINGS)}, got {output_mode!r}"
            )
        self.num_tokens = bounds.whole("CategoryEncoding", "num_tokens", num_tokens, least=1)
        self.output_mode, self.sparse = output_mode, sparse

    def call(self, x: Any, count_weights: Any = None) -> Any:
        """Encode whole numbers of shape (batch,) or (batch, numbers); with "count" each may have a weight."""
        numbers = (x.data if isinstance(x, Tensor) else x).astype(int)
        if self.output_mode == "one_hot":
            numbers = numbers[..., 0] if len(numbers.shape) > 1 and numbers.shape[-1] == 1 else numbers
            return self._encoded(numbers)
        rows = self._encoded(numbers)
        if self.output_mode == "multi_hot":
            return np.max(rows, axis=-2)
        weights = 1.0 if count_weights is None else np.asarray(count_weights)[..., None]
        return np.sum(rows * weights, axis=-2).astype(rows.dtype)

    def _encoded(self, numbers: Any) -> Any:
        return one_hot(numbers, self.num_tokens).astype(self.dtype or floatx())


class Discretization(Layer):
    """Numbers as the numbers of their bins.

    Args:
        bin_boundaries: the boundaries, rising: below the first is bin 0, from it on bin 1, and so on.
        num_bins: the number of bins whose boundaries `adapt` finds in data: as many numbers in each.
        epsilon: of Keras; the quantiles here are exact.
        output_mode: "int" for the bins; "one_hot", "multi_hot" or "count" as for `CategoryEncoding`.
        sparse: of Keras; must be False.
        dtype, name: see `Layer`.

    Raises:
        ValueError: not one of `bin_boundaries` and `num_bins` is given, or an argument is none of these.
    """

    def __init__(
        self,
        bin_boundaries: Any = None,
        num_bins: int | None = None,
        epsilon: float = 0.01,
        output_mode: str = "int",
        sparse: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        if (bin_boundaries is None) == (num_bins is None) and not (bin_boundaries is not None and num_bins):
            raise ValueError("Discretization: give bin_boundaries, or num_bins and call adapt(x)")
        if output_mode not in ("int", *ENCODINGS) or sparse:
            raise ValueError(
                f"Discretization: output_mode must be int or one of {', '.join(ENCODINGS)}, with sparse=False, got "
                f"{output_mode!r}"
            )
        self.bin_boundaries = None if bin_boundaries is None else [float(item) for item in bin_boundaries]
        self.num_bins, self.epsilon, self.output_mode, self.sparse = num_bins, epsilon, output_mode, sparse

    def adapt(self, data: Any, steps: int | None = None) -> None:
        """Find the boundaries of the bins in data.

        Raises:
            ValueError: boundaries were given to the layer, or there are no numbers.
        """
        if self.num_bins is None:
            raise ValueError("Discretization: bin_boundaries were given, so there is nothing to adapt")
        parts = [batch.reshape(-1) for number, batch in enumerate(_batches(data)) if steps is None or number < steps]
        numbers = np.concatenate(parts) if parts else np.zeros(0)
        if not numbers.size:
            raise ValueError("Discretization: adapt was given no numbers")
        self.bin_boundaries = np.quantile(numbers, np.arange(1, self.num_bins) / self.num_bins).tolist()

    def call(self, x: Any) -> Any:
        """See the class."""
        if self.bin_boundaries is None:
            raise ValueError("Discretization: it has no bin_boundaries yet. Call adapt(x)")
        values = x.data if isinstance(x, Tensor) else x
        bins = np.searchsorted(np.asarray(self.bin_boundaries), values, side="right")
        if self.output_mode == "int":
            return bins.astype(np.int64)
        encoding = CategoryEncoding(len(self.bin_boundaries) + 1, self.output_mode, dtype=self.dtype)
        return encoding.call(bins)


class RandomFlip(Layer):
    """Each image mirrored, or not, by chance, in training. After `eval()` the layer does nothing.

    Args:
        mode: "horizontal" for left and right, "vertical" for top and bottom, or "horizontal_and_vertical" for
            both, each by a chance of its own.
        seed: an int, a NumPy generator to draw from, or None for new numbers in each run.
        data_format: "channels_last" or "channels_first".
        name: see `Layer`.

    Called on x of shape (batch, height, width, channels) or (height, width, channels) it returns that shape.

    Raises:
        ValueError: there is no such mode.
        ShapeError: the batch has another number of axes.
    """

    def __init__(
        self, mode: str = "horizontal_and_vertical", seed: Seed = None, data_format: str | None = None, **options: Any
    ) -> None:
        super().__init__(seed=seed, **options)
        if mode not in FLIPS:
            raise ValueError(f"RandomFlip: mode must be one of {', '.join(FLIPS)}, got {mode!r}")
        self.mode, self.data_format = mode, check_format("RandomFlip", data_format)

    def call(self, x: Any) -> Any:
        """See the class."""
        if len(x.shape) not in (3, 4):
            raise self.misfit(f"images must have the shape (batch, height, width, channels), got {x.shape}")
        if not self.training:
            return x
        height = -2 if self.data_format == "channels_first" else -3
        chances = (x.shape[0], 1, 1, 1) if len(x.shape) == 4 else (1, 1, 1)
        for word, axis in (("horizontal", height + 1), ("vertical", height)):
            if word in self.mode:
                turned = draws.uniform(self.generator, chances, np.float32) < 0.5
                x = np.where(turned, np.flip(x, axis=axis), x)
        return x
