"""The share of the variance that a regression explains: R²."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygraph.errors import ShapeError
from tinygraph.training.metrics.metric import Metric, add, cast_to, plain

__all__ = ["R2Score"]


class R2Score(Metric):
    """1 − the squared errors ÷ the squared distances from the mean, for each output.

    Args:
        class_aggregation: None, one score an output; "uniform_average", their mean; "variance_weighted_average", their
            mean weighted by the variance of the targets.
        num_regressors: the number p of inputs, for the adjusted score 1 − (1 − R²)(n − 1) ÷ (n − p − 1) of n examples;
            0 for R² itself. Where n is at most p + 1 the score is R², too.
        name, dtype: as of `Metric`.

    Raises:
        ValueError: an argument is something else.
    """

    def __init__(
        self,
        class_aggregation: str | None = "uniform_average",
        num_regressors: int = 0,
        name: str | None = "r2_score",
        dtype: Any = None,
    ) -> None:
        super().__init__(name, dtype)
        if class_aggregation not in (None, "uniform_average", "variance_weighted_average"):
            raise ValueError(
                f"{self.name}: class_aggregation must be None, 'uniform_average' or 'variance_weighted_average', got "
                f"{class_aggregation!r}"
            )
        if num_regressors < 0:
            raise ValueError(f"{self.name}: num_regressors must be 0 or more, got {num_regressors!r}")
        self.class_aggregation, self.num_regressors = class_aggregation, num_regressors
        self._sums: list[Any] = []
        self._seen = self.add_variable((), "seen")

    def build(self, target_shape: tuple[int, ...], output_shape: tuple[int, ...]) -> None:
        """Make the sums of the outputs."""
        if not self._sums:
            names = ("weight", "total", "squares", "errors")
            self._sums = [self.add_variable(output_shape[1:], name) for name in names]

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take in a batch, of targets and predictions of shape (n, outputs).

        Raises:
            ShapeError: they have other shapes.
        """
        y, p = plain(y_true).astype(np.float64), plain(y_pred).astype(np.float64)
        if y.ndim != 2 or y.shape != p.shape:
            raise ShapeError(
                f"{self.name}: targets and predictions must have one shape (n, outputs), got {y.shape} and {p.shape}. "
                "Reshape them, y.reshape(-1, 1)"
            )
        self.build(y.shape, p.shape)
        weights = np.ones((1, 1)) if sample_weight is None else plain(sample_weight).astype(np.float64).reshape(-1, 1)
        weights = np.broadcast_to(weights, y.shape)
        parts = weights, weights * y, weights * y * y, weights * (y - p) ** 2
        for total, part in zip(self._sums, parts, strict=True):
            add(total, np.sum(part, axis=0))
        add(self._seen, np.float64(y.shape[0]))

    def result(self) -> Any:
        """Return the score; 0 before there is an example, and for an output whose targets are all equal."""
        if not self._sums:
            return self.dtype.type(0)
        weight, total, squares, errors = (item.data for item in self._sums)
        variance = squares - total * total / np.where(weight == 0, 1, weight)
        each = np.where(variance == 0, 0.0, 1 - errors / np.where(variance == 0, 1, variance))
        if self.class_aggregation is not None:
            shares = np.ones(each.shape) if self.class_aggregation == "uniform_average" else variance
            summed = np.sum(shares)
            each = np.sum(each * shares) / np.where(summed == 0, 1, summed)
        if self.num_regressors:
            seen = self._seen.data
            left = seen - self.num_regressors - 1
            each = np.where(left > 0, 1 - (1 - each) * (seen - 1) / np.where(left > 0, left, 1), each)
        return cast_to(self.dtype, each)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the same metric."""
        own = {"class_aggregation": self.class_aggregation, "num_regressors": self.num_regressors}
        return {**super().get_config(), **own}
