"""Images with parts of others by chance, in training, and with parts erased."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygraph import bounds, draws
from tinygraph.nn.formats import from_last, to_last
from tinygraph.nn.initializers import Seed
from tinygraph.nn.random_images import OfImages, Range, ends_of

__all__ = ["CutMix", "MixUp", "RandomErasing", "in_boxes"]


def in_boxes(height: int, width: int, rows: tuple[Any, Any], columns: tuple[Any, Any]) -> Any:
    """Return for each pixel whether it lies in the box of its image, shape (batch, height, width, 1).

    Args:
        height, width: of the images.
        rows, columns: where the box of each image begins and ends, shape (batch, 1).
    """
    down, right = np.arange(height, dtype=np.float32), np.arange(width, dtype=np.float32)
    of_rows, of_columns = (down >= rows[0]) & (down < rows[1]), (right >= columns[0]) & (right < columns[1])
    return (of_rows[:, :, np.newaxis] & of_columns[:, np.newaxis])[..., np.newaxis]


def _beta(generator: Any, count: int, alpha: Any) -> Any:
    """Return draws from the beta distribution with both parameters `alpha`, shape (count, 1)."""
    import scipy.special

    return scipy.special.betaincinv(alpha, alpha, draws.uniform(generator, (count, 1))).astype(np.float32)


class _WithBoxes(OfImages):
    """A layer that draws a box in each image."""

    def _side(self, count: int, length: int, share: Any) -> tuple[Any, Any]:
        """Return where a side of the box of each image begins and ends.

        Args:
            count: the number of images.
            length: of the images.
            share: of the length, shape (count, 1).
        """
        size = share * np.float32(length)
        begin = self._drawn(count, (0.0, 1.0)) * (np.float32(length) - size)
        return begin, begin + size


class RandomErasing(_WithBoxes):
    """A box of each image erased by chance, in training. After `eval()` the layer does nothing.

    Args:
        factor: the chance of an image to be changed is a number drawn between 0 and this; or between two.
        scale: the square of a side's share of the image is drawn between these two; or between 0 and a number.
        fill_value: what stands in the box: a number, or three for the channels; None for noise.
        value_range: the lowest and the highest number of an image.
        seed: an int, a NumPy generator to draw from, or None for new numbers in each run.
        data_format: "channels_last" or "channels_first".
        name: see `Layer`.

    Raises:
        ValueError: a number is out of its range.
        ShapeError: the batch has another number of axes.
    """

    def __init__(
        self,
        factor: Range = 1.0,
        scale: Range = (0.02, 0.33),
        fill_value: float | Sequence[float] | None = None,
        value_range: Sequence[float] = (0, 255),
        seed: Seed = None,
        data_format: str | None = None,
        **options: Any,
    ) -> None:
        super().__init__(data_format=data_format, seed=seed, **options)
        self.factor, self.scale, self.fill_value = factor, scale, fill_value
        self.value_range = tuple(value_range)
        self._ends = ends_of("RandomErasing", "factor", factor, 0, 1)
        self._squares = ends_of("RandomErasing", "scale", scale, 0, 1)

    def _changed(self, x: Any) -> Any:
        count, height, width, _ = x.shape
        columns = self._side(count, width, np.sqrt(self._drawn(count, self._squares)))
        rows = self._side(count, height, np.sqrt(self._drawn(count, self._squares)))
        erased = in_boxes(height, width, rows, columns) & self._chosen(x, self._ends)
        if self.fill_value is None:
            fill = draws.normal(self.generator, x.shape, np.float32).astype(x.dtype) * self.value_range[1]
        else:
            fill = np.asarray(self.fill_value, x.dtype)
        return np.where(erased, np.clip(fill, self.value_range[0], self.value_range[1]), x)


class _Mixing(_WithBoxes):
    """A layer that mixes the images of a batch, and their labels in the same way; a subclass has `_mixed`."""

    def call(self, x: Any) -> Any:
        """See the class."""
        if not isinstance(x, dict):
            return super().call(x)
        unknown = sorted({"bounding_boxes", "segmentation_masks"} & set(x))
        if unknown:
            raise self.misfit(f"images and labels are mixed, not {' and '.join(unknown)}")
        if not self.training or len(x["images"].shape) == 3:
            return x
        images = to_last(self._floating(x["images"]), self.data_format)
        order, mixed, share = self._mixed(images)
        found = {**x, "images": from_last(mixed, self.data_format)}
        if "labels" in x:
            labels = x["labels"] if x["labels"].dtype.kind == "f" else x["labels"].astype(np.float32)
            if len(labels.shape) != 2:
                raise self.misfit(
                    f"labels must be one-hot rows of shape (batch, classes), got {labels.shape}. Write "
                    "keras.utils.to_categorical(labels)"
                )
            found["labels"] = share * labels + (1 - share) * labels[order]
        return found

    def _changed(self, x: Any) -> Any:
        return self._mixed(x)[1]

    def _mixed(self, x: Any) -> tuple[Any, Any, Any]:
        """Return the number of the other image of each image, the mixed images, and the share of each itself."""
        raise NotImplementedError

    def _order(self, count: int) -> Any:
        return np.argsort(draws.uniform(self.generator, (count,)))


class MixUp(_Mixing):
    """Each image, and its label, mixed with another one of the batch, in training. After `eval()` it does nothing.

        mixed = MixUp()({"images": images, "labels": one_hot_labels}, training=True)

    Args:
        alpha: the share of the image itself is drawn from the beta distribution with both parameters this.
        data_format: "channels_last" or "channels_first".
        seed: an int, a NumPy generator to draw from, or None for new numbers in each run.
        name: see `Layer`.

    It is called on images, or on a dict of "images" and "labels" (one-hot rows). It needs SciPy.

    Raises:
        ValueError: alpha is not positive.
        ShapeError: the images have another number of axes, or labels are not rows.

    Source: Zhang et al., "mixup: Beyond empirical risk minimization" (2018).
    """

    def __init__(self, alpha: float = 0.2, data_format: str | None = None, seed: Seed = None, **options: Any) -> None:
        super().__init__(data_format=data_format, seed=seed, **options)
        self.alpha = bounds.number("MixUp", "alpha", alpha, above=0)

    def _mixed(self, x: Any) -> tuple[Any, Any, Any]:
        order = self._order(x.shape[0])
        share = _beta(self.generator, x.shape[0], self.alpha).astype(x.dtype)
        weight = share[:, :, np.newaxis, np.newaxis]
        return order, weight * x + (1 - weight) * x[order], share


class CutMix(_Mixing):
    """A box of each image replaced by that of another one of the batch, in training. After `eval()` it does nothing.

        mixed = CutMix()({"images": images, "labels": one_hot_labels}, training=True)

    Args:
        factor: the parameters of the beta distribution, from which the share of an image that stays is drawn, are a
            number drawn for each batch between 0 and this; or between two.
        seed: an int, a NumPy generator to draw from, or None for new numbers in each run.
        data_format: "channels_last" or "channels_first".
        name: see `Layer`.

    It is called on images, or on a dict of "images" and "labels" (one-hot rows), which are mixed by the share of the
    box. It needs SciPy.

    Raises:
        ValueError: a number is out of its range.
        ShapeError: the images have another number of axes, or labels are not rows.

    Source: Yun et al., "CutMix: Regularization strategy to train strong classifiers with localizable features" (2019).
    """

    def __init__(self, factor: Range = 1.0, seed: Seed = None, data_format: str | None = None, **options: Any) -> None:
        super().__init__(data_format=data_format, seed=seed, **options)
        self.factor = factor
        self._ends = ends_of("CutMix", "factor", factor, 0, 1)

    def _mixed(self, x: Any) -> tuple[Any, Any, Any]:
        count, height, width, _ = x.shape
        stays = _beta(self.generator, count, self._drawn(1, self._ends) + 1e-6)
        side = np.sqrt(1 - stays)
        columns, rows = self._side(count, width, side), self._side(count, height, side)
        order = self._order(count)
        mixed = np.where(in_boxes(height, width, rows, columns), x[order], x)
        box = (columns[1] - columns[0]) * (rows[1] - rows[0]) / np.float32(width * height)
        return order, mixed, (1 - box).astype(x.dtype)
