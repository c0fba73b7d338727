"""The means of losses over an epoch, as metrics."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygraph.training.losses import distances, formulas
from tinygraph.training.losses.loss import weights_for
from tinygraph.training.metrics.metric import FunctionMean, plain

__all__ = [
    "BinaryCrossentropy",
    "CategoricalCrossentropy",
    "CategoricalHinge",
    "CosineSimilarity",
    "Hinge",
    "KLDivergence",
    "LogCoshError",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanSquaredError",
    "MeanSquaredLogarithmicError",
    "Poisson",
    "RootMeanSquaredError",
    "SparseCategoricalCrossentropy",
    "SquaredHinge",
]


class BinaryCrossentropy(FunctionMean):
    """The mean log loss of answers of yes or no, of clipped probabilities."""

    function = staticmethod(formulas.binary_crossentropy)

    def __init__(
        self,
        name: str | None = "binary_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        label_smoothing: float = 0,
    ) -> None:
        super().__init__(name, dtype, from_logits=from_logits, label_smoothing=label_smoothing)


class CategoricalCrossentropy(FunctionMean):
    """The mean log loss of one class of several, targets as rows of probabilities."""

    function = staticmethod(formulas.categorical_crossentropy)

    def __init__(
        self,
        name: str | None = "categorical_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        label_smoothing: float = 0,
        axis: int = -1,
    ) -> None:
        super().__init__(name, dtype, from_logits=from_logits, label_smoothing=label_smoothing, axis=axis)


class SparseCategoricalCrossentropy(FunctionMean):
    """The mean log loss of one class of several, targets as class numbers.

    The mean is that over the examples that are not ignored, as in the loss. (Keras's metric, if there are no weights,
    counts an ignored example as a loss of 0.)
    """

    function = staticmethod(formulas.sparse_categorical_crossentropy)

    def __init__(
        self,
        name: str | None = "sparse_categorical_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        ignore_class: int | None = None,
        axis: int = -1,
    ) -> None:
        super().__init__(name, dtype, from_logits=from_logits, ignore_class=ignore_class, axis=axis)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:  # type: ignore[override]
        """Take in a batch."""
        ignored = self.keywords["ignore_class"]
        if ignored is not None:
            labels = formulas.labels_of(y_true, plain(y_pred).ndim, self.keywords["axis"], self.name)
            counted = (labels != ignored).astype(np.float64)
            given = sample_weight
            sample_weight = counted if given is None else counted * weights_for(counted, plain(given), self.name)
        super().update_state(y_true, y_pred, sample_weight)


def _squares(y_true: Any, y_pred: Any) -> Any:
    """Return (y − p)², of shape (n, outputs), or of shape (n,) if the predictions have it."""
    if len(y_pred.shape) != 1:
        return distances.mean_squared_error(y_true, y_pred)
    return distances.mean_squared_error(y_true.reshape(-1, 1), y_pred.reshape(-1, 1))


class MeanSquaredError(FunctionMean):
    """The mean of (y − p)²."""

    function = staticmethod(distances.mean_squared_error)

    def __init__(self, name: str | None = "mean_squared_error", dtype: Any = None) -> None:
        super().__init__(name, dtype)


class RootMeanSquaredError(FunctionMean):
    """The square root of the mean of (y − p)². Of one axis, each number is an example."""

    function = staticmethod(_squares)

    def __init__(self, name: str | None = "root_mean_squared_error", dtype: Any = None) -> None:
        super().__init__(name, dtype)

    def result(self) -> Any:
        """Return the root of the mean."""
        return np.sqrt(super().result())


class MeanAbsoluteError(FunctionMean):
    """The mean of |y − p|."""

    function = staticmethod(distances.mean_absolute_error)

    def __init__(self, name: str | None = "mean_absolute_error", dtype: Any = None) -> None:
        super().__init__(name, dtype)


class MeanAbsolutePercentageError(FunctionMean):
    """100 times the mean of |y − p| ÷ |y|."""

    function = staticmethod(distances.mean_absolute_percentage_error)

    def __init__(self, name: str | None = "mean_absolute_percentage_error", dtype: Any = None) -> None:
        super().__init__(name, dtype)


class MeanSquaredLogarithmicError(FunctionMean):
    """The mean of (ln (1 + y) − ln (1 + p))²."""

    function = staticmethod(distances.mean_squared_logarithmic_error)

    def __init__(self, name: str | None = "mean_squared_logarithmic_error", dtype: Any = None) -> None:
        super().__init__(name, dtype)


class LogCoshError(FunctionMean):
    """The mean of ln cosh (p − y)."""

    function = staticmethod(distances.log_cosh)

    def __init__(self, name: str | None = "logcosh", dtype: Any = None) -> None:
        super().__init__(name, dtype)


class KLDivergence(FunctionMean):
    """The mean of the sum of y ln (y ÷ p)."""

    function = staticmethod(formulas.kl_divergence)

    def __init__(self, name: str | None = "kl_divergence", dtype: Any = None) -> None:
        super().__init__(name, dtype)


class Poisson(FunctionMean):
    """The mean of p − y ln p."""

    function = staticmethod(distances.poisson)

    def __init__(self, name: str | None = "poisson", dtype: Any = None) -> None:
        super().__init__(name, dtype)


class Hinge(FunctionMean):
    """The mean of max(1 − y p, 0)."""

    function = staticmethod(distances.hinge)

    def __init__(self, name: str | None = "hinge", dtype: Any = None) -> None:
        super().__init__(name, dtype)


class SquaredHinge(FunctionMean):
    """The mean of max(1 − y p, 0)²."""

    function = staticmethod(distances.squared_hinge)

    def __init__(self, name: str | None = "squared_hinge", dtype: Any = None) -> None:
        super().__init__(name, dtype)


class CategoricalHinge(FunctionMean):
    """The mean of max(1 + the largest of (1 − y) p − the sum of y p, 0)."""

    function = staticmethod(distances.categorical_hinge)

    def __init__(self, name: str | None = "categorical_hinge", dtype: Any = None) -> None:
        super().__init__(name, dtype)


def _cosine(y_true: Any, y_pred: Any, axis: int = -1) -> Any:
    return -distances.cosine_similarity(y_true, y_pred, axis)


class CosineSimilarity(FunctionMean):
    """The mean cosine of the angle between y and p: 1 for one direction, the opposite sign of the loss."""

    function = staticmethod(_cosine)

    def __init__(self, name: str | None = "cosine_similarity", dtype: Any = None, axis: int = -1) -> None:
        super().__init__(name, dtype, axis=axis)
