"""The overlap of regions: intersection over union, for the classes of pixels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygraph.errors import ShapeError
from tinygraph.functions.checks import class_numbers
from tinygraph.training.losses.pairing import EPSILON
from tinygraph.training.metrics.metric import Metric, add, cast_to, plain, without_nan

__all__ = ["BinaryIoU", "IoU", "MeanIoU", "OneHotIoU", "OneHotMeanIoU"]


class IoU(Metric):
    """The mean over some classes of what two regions have in common, as a share of what they cover together.

    Of a class, true positives ÷ (true positives + false positives + false negatives). A class that is neither in the
    targets nor in the predictions does not count.

    Args:
        num_classes: how many classes there are.
        target_class_ids: the classes that count.
        name, dtype: as of `Metric`.
        ignore_class: the class in the targets whose places do not count.
        sparse_y_true, sparse_y_pred: targets and predictions are class numbers; else they have a number for each class.
        axis: the axis of the classes where there is one.

    Raises:
        ValueError: a class is not below `num_classes`.

    Source: Rahman and Wang, "Optimizing intersection-over-union in deep neural networks for image segmentation" (2016),
    section 2, in the form of `keras.metrics.IoU`.
    """

    def __init__(
        self,
        num_classes: int,
        target_class_ids: Sequence[int],
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = True,
        axis: int = -1,
    ) -> None:
        super().__init__(name, dtype)
        self.num_classes, self.target_class_ids = num_classes, list(target_class_ids)
        if not all(0 <= item < num_classes for item in self.target_class_ids):
            raise ValueError(f"{self.name}: target_class_ids must be below {num_classes}, got {target_class_ids!r}")
        self.ignore_class, self.axis = ignore_class, axis
        self.sparse_y_true, self.sparse_y_pred = sparse_y_true, sparse_y_pred
        self.matrix = self.add_variable((num_classes, num_classes), "matrix")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take in a batch.

        Args:
            y_true, y_pred: classes of any shape, or numbers for each class.
            sample_weight: a weight for each place, or one for each place of the last axes.

        Raises:
            ShapeError: the shapes differ.
        """
        y = plain(y_true) if self.sparse_y_true else np.argmax(plain(y_true), axis=self.axis)
        p = plain(y_pred) if self.sparse_y_pred else np.argmax(plain(y_pred), axis=self.axis)
        y, p = y.reshape(-1), p.reshape(-1)
        if y.shape != p.shape:
            raise ShapeError(f"{self.name}: targets of shape {y.shape} beside predictions of shape {p.shape}")
        weights = np.ones(1) if sample_weight is None else plain(sample_weight).astype(np.float64).reshape(-1)
        weights = np.broadcast_to(weights, y.shape)
        if self.ignore_class is not None:
            counts = y != self.ignore_class
            y, p, weights = np.where(counts, y, 0), np.where(counts, p, 0), weights * counts
        rows, columns = (class_numbers(item, self.num_classes, self.name).astype(np.intp) for item in (y, p))
        cells = np.bincount(rows * self.num_classes + columns, weights=weights, minlength=self.num_classes**2)
        add(self.matrix, cells.reshape(self.num_classes, self.num_classes))

    def result(self) -> Any:
        """Return the mean; 0 before there is a place of one of the classes."""
        matrix = self.matrix.data
        common = np.diag(matrix)
        together = np.sum(matrix, axis=0) + np.sum(matrix, axis=1) - common
        places = np.array(self.target_class_ids)
        common, together = common[places], together[places]
        return cast_to(self.dtype, without_nan(np.sum(common / (together + EPSILON)), np.sum(together > 1e-9)))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the same metric."""
        return {
            **super().get_config(),
            "num_classes": self.num_classes,
            "target_class_ids": self.target_class_ids,
            "ignore_class": self.ignore_class,
            "sparse_y_true": self.sparse_y_true,
            "sparse_y_pred": self.sparse_y_pred,
            "axis": self.axis,
        }

    def _without(self, *names: str) -> dict[str, Any]:
        """Return the arguments of `IoU` without some, for the classes that set them."""
        return {name: value for name, value in IoU.get_config(self).items() if name not in names}


class MeanIoU(IoU):
    """`IoU` of all classes.

    Args: as of `IoU`, without the classes that count.
    """

    def __init__(
        self,
        num_classes: int,
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = True,
        axis: int = -1,
    ) -> None:
        super().__init__(
            num_classes, range(num_classes), name, dtype, ignore_class, sparse_y_true, sparse_y_pred, axis
        )  # fmt: skip

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the same metric."""
        return self._without("target_class_ids")


class BinaryIoU(IoU):
    """`IoU` of two classes, 0 and 1.

    Args:
        target_class_ids: the classes that count.
        threshold: a prediction from it on is class 1.
        name, dtype: as of `Metric`.
    """

    def __init__(
        self,
        target_class_ids: Sequence[int] = (0, 1),
        threshold: float = 0.5,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(2, target_class_ids, name, dtype)
        self.threshold = threshold

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take in a batch, whose predictions are numbers for class 1."""
        super().update_state(y_true, (plain(y_pred) >= self.threshold).astype(np.int64), sample_weight)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the same metric."""
        others = ("num_classes", "ignore_class", "sparse_y_true", "sparse_y_pred", "axis")
        return {**self._without(*others), "threshold": self.threshold}


class OneHotIoU(IoU):
    """`IoU` for targets with a number for each class.

    Args: as of `IoU`; the predictions have a number for each class, too, unless `sparse_y_pred` is true.
    """

    def __init__(
        self,
        num_classes: int,
        target_class_ids: Sequence[int],
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_pred: bool = False,
        axis: int = -1,
    ) -> None:
        super().__init__(num_classes, target_class_ids, name, dtype, ignore_class, False, sparse_y_pred, axis)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the same metric."""
        return self._without("sparse_y_true")


class OneHotMeanIoU(MeanIoU):
    """`OneHotIoU` of all classes.

    Args: as of `OneHotIoU`, without the classes that count.
    """

    def __init__(
        self,
        num_classes: int,
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_pred: bool = False,
        axis: int = -1,
    ) -> None:
        super().__init__(num_classes, name, dtype, ignore_class, False, sparse_y_pred, axis)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the same metric."""
        return self._without("target_class_ids", "sparse_y_true")
