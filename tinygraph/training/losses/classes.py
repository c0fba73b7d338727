"""The losses as objects, with Keras 3's names, arguments and defaults."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tinygraph.training.losses import distances, entropies
from tinygraph.training.losses.formulas import labels_of
from tinygraph.training.losses.loss import FunctionLoss

__all__ = [
    "BinaryCrossentropy",
    "BinaryFocalCrossentropy",
    "CategoricalCrossentropy",
    "CategoricalFocalCrossentropy",
    "CategoricalHinge",
    "CosineSimilarity",
    "Hinge",
    "Huber",
    "KLDivergence",
    "LogCosh",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanSquaredError",
    "MeanSquaredLogarithmicError",
    "Poisson",
    "SparseCategoricalCrossentropy",
    "SquaredHinge",
    "SumOfSquaredErrors",
]

BY_BATCH = "sum_over_batch_size"


class BinaryCrossentropy(FunctionLoss):
    """The log loss of answers of yes or no: `binary_crossentropy`."""

    function = staticmethod(entropies.binary_crossentropy)

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = BY_BATCH,
        name: str | None = "binary_crossentropy",
        dtype: Any = None,
    ) -> None:
        keywords = {"from_logits": from_logits, "label_smoothing": label_smoothing, "axis": axis}
        super().__init__(reduction, name, dtype, **keywords)


class BinaryFocalCrossentropy(FunctionLoss):
    """The log loss of answers of yes or no in which what is easy counts less: `binary_focal_crossentropy`."""

    function = staticmethod(entropies.binary_focal_crossentropy)

    def __init__(
        self,
        apply_class_balancing: bool = False,
        alpha: float = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = BY_BATCH,
        name: str | None = "binary_focal_crossentropy",
        dtype: Any = None,
    ) -> None:
        keywords = {"apply_class_balancing": apply_class_balancing, "alpha": alpha, "gamma": gamma}
        more = {"from_logits": from_logits, "label_smoothing": label_smoothing, "axis": axis}
        super().__init__(reduction, name, dtype, **keywords, **more)


class CategoricalCrossentropy(FunctionLoss):
    """The log loss of one class of several, targets as rows of probabilities: `categorical_crossentropy`."""

    function = staticmethod(entropies.categorical_crossentropy)

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = BY_BATCH,
        name: str | None = "categorical_crossentropy",
        dtype: Any = None,
    ) -> None:
        keywords = {"from_logits": from_logits, "label_smoothing": label_smoothing, "axis": axis}
        super().__init__(reduction, name, dtype, **keywords)


class CategoricalFocalCrossentropy(FunctionLoss):
    """The log loss of one class of several in which what is easy counts less: `categorical_focal_crossentropy`."""

    function = staticmethod(entropies.categorical_focal_crossentropy)

    def __init__(
        self,
        alpha: float | Sequence[float] = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = BY_BATCH,
        name: str | None = "categorical_focal_crossentropy",
        dtype: Any = None,
    ) -> None:
        keywords = {"alpha": alpha, "gamma": gamma, "from_logits": from_logits, "label_smoothing": label_smoothing}
        super().__init__(reduction, name, dtype, **keywords, axis=axis)


class SparseCategoricalCrossentropy(FunctionLoss):
    """The log loss of one class of several, targets as class numbers: `sparse_categorical_crossentropy`.

    The mean is that over the examples whose class is not ignored.
    """

    function = staticmethod(entropies.sparse_categorical_crossentropy)

    def __init__(
        self,
        from_logits: bool = False,
        ignore_class: int | None = None,
        reduction: str | None = BY_BATCH,
        axis: int = -1,
        name: str | None = "sparse_categorical_crossentropy",
        dtype: Any = None,
    ) -> None:
        keywords = {"from_logits": from_logits, "ignore_class": ignore_class, "axis": axis}
        super().__init__(reduction, name, dtype, **keywords)

    def counted(self, y_true: Any, values: Any) -> Any:
        """Return which of the examples have a class that is not ignored."""
        ignored = self.keywords["ignore_class"]
        if ignored is None:
            return None
        return labels_of(y_true, values.ndim + 1, self.keywords["axis"], self.name) != ignored


class MeanSquaredError(FunctionLoss):
    """The mean of (y − p)²."""

    function = staticmethod(distances.mean_squared_error)

    def __init__(
        self, reduction: str | None = BY_BATCH, name: str | None = "mean_squared_error", dtype: Any = None
    ) -> None:
        super().__init__(reduction, name, dtype)


class SumOfSquaredErrors(FunctionLoss):
    """The sum of (y − p)², over the examples, too."""

    function = staticmethod(distances.sum_of_squared_errors)

    def __init__(
        self, reduction: str | None = "sum", name: str | None = "sum_of_squared_errors", dtype: Any = None
    ) -> None:
        super().__init__(reduction, name, dtype)


class MeanAbsoluteError(FunctionLoss):
    """The mean of |y − p|."""

    function = staticmethod(distances.mean_absolute_error)

    def __init__(
        self, reduction: str | None = BY_BATCH, name: str | None = "mean_absolute_error", dtype: Any = None
    ) -> None:
        super().__init__(reduction, name, dtype)


class MeanAbsolutePercentageError(FunctionLoss):
    """100 times the mean of |y − p| ÷ |y|."""

    function = staticmethod(distances.mean_absolute_percentage_error)

    def __init__(
        self, reduction: str | None = BY_BATCH, name: str | None = "mean_absolute_percentage_error", dtype: Any = None
    ) -> None:
        super().__init__(reduction, name, dtype)


class MeanSquaredLogarithmicError(FunctionLoss):
    """The mean of (ln (1 + y) − ln (1 + p))²."""

    function = staticmethod(distances.mean_squared_logarithmic_error)

    def __init__(
        self, reduction: str | None = BY_BATCH, name: str | None = "mean_squared_logarithmic_error", dtype: Any = None
    ) -> None:
        super().__init__(reduction, name, dtype)


class LogCosh(FunctionLoss):
    """The mean of ln cosh (p − y)."""

    function = staticmethod(distances.log_cosh)

    def __init__(self, reduction: str | None = BY_BATCH, name: str | None = "log_cosh", dtype: Any = None) -> None:
        super().__init__(reduction, name, dtype)


class Huber(FunctionLoss):
    """The mean of squares for errors up to `delta`, of distances for larger ones: `huber`."""

    function = staticmethod(distances.huber)

    def __init__(
        self,
        delta: float = 1.0,
        reduction: str | None = BY_BATCH,
        name: str | None = "huber_loss",
        dtype: Any = None,
    ) -> None:
        super().__init__(reduction, name, dtype, delta=delta)


class Hinge(FunctionLoss):
    """The mean of max(1 − y p, 0)."""

    function = staticmethod(distances.hinge)

    def __init__(self, reduction: str | None = BY_BATCH, name: str | None = "hinge", dtype: Any = None) -> None:
        super().__init__(reduction, name, dtype)


class SquaredHinge(FunctionLoss):
    """The mean of max(1 − y p, 0)²."""

    function = staticmethod(distances.squared_hinge)

    def __init__(self, reduction: str | None = BY_BATCH, name: str | None = "squared_hinge", dtype: Any = None) -> None:
        super().__init__(reduction, name, dtype)


class CategoricalHinge(FunctionLoss):
    """max(1 + the largest of (1 − y) p − the sum of y p, 0)."""

    function = staticmethod(distances.categorical_hinge)

    def __init__(
        self, reduction: str | None = BY_BATCH, name: str | None = "categorical_hinge", dtype: Any = None
    ) -> None:
        super().__init__(reduction, name, dtype)


class KLDivergence(FunctionLoss):
    """The sum of y ln (y ÷ p)."""

    function = staticmethod(entropies.kl_divergence)

    def __init__(self, reduction: str | None = BY_BATCH, name: str | None = "kl_divergence", dtype: Any = None) -> None:
        super().__init__(reduction, name, dtype)


class Poisson(FunctionLoss):
    """The mean of p − y ln p."""

    function = staticmethod(distances.poisson)

    def __init__(self, reduction: str | None = BY_BATCH, name: str | None = "poisson", dtype: Any = None) -> None:
        super().__init__(reduction, name, dtype)


class CosineSimilarity(FunctionLoss):
    """Minus the cosine of the angle between y and p."""

    function = staticmethod(distances.cosine_similarity)

    def __init__(
        self,
        axis: int = -1,
        reduction: str | None = BY_BATCH,
        name: str | None = "cosine_similarity",
        dtype: Any = None,
    ) -> None:
        super().__init__(reduction, name, dtype, axis=axis)
