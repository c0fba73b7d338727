"""The area under a curve that a threshold draws: AUC."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygraph.errors import ShapeError
from tinygraph.functions.activations import sigmoid
from tinygraph.training.losses.pairing import EPSILON
from tinygraph.training.metrics.counts import Counts, answers, counts_at
from tinygraph.training.metrics.metric import Metric, add, cast_to, plain, without_nan

__all__ = ["AUC"]

_HEIGHTS: dict[str, Any] = {"interpolation": lambda a, b: (a + b) / 2, "minoring": np.minimum, "majoring": np.maximum}


class AUC(Metric):
    """The area under the ROC curve or the precision-recall curve.

    Args:
        num_thresholds: how many thresholds from 0 to 1 draw the curve.
        curve: "ROC", the true positive rate over the false positive rate; "PR", precision over recall; "PRGAIN",
            precision gain over recall gain, how much of the way from a prediction of yes for all to a perfect one.
        summation_method: "interpolation", between two thresholds the mean of the heights, or for "PR" the curve that
            their counts allow; "minoring" the lower height, "majoring" the higher one.
        name, dtype: as of `Metric`.
        thresholds: some between 0 and 1, in place of `num_thresholds`.
        multi_label: one curve for each place in the last axis; the result is the mean of their areas.
        num_labels: how many places. Else the first batch says it.
        label_weights: a weight for each place in the last axis.
        from_logits: the predictions are logits.

    Raises:
        ValueError: an argument is something else.

    The area is that of Keras, and differs from the exact one by what the thresholds do not tell apart: with more of
    them by less. The memory is that of the thresholds, for any number of examples.

    Source: Davis and Goadrich, "The relationship between precision-recall and ROC curves" (2006), section 4; Flach and
    Kull, "Precision-recall-gain curves: PR analysis done right" (2015), section 3.
    """

    def __init__(
        self,
        num_thresholds: int = 200,
        curve: str = "ROC",
        summation_method: str = "interpolation",
        name: str | None = None,
        dtype: Any = None,
        thresholds: Sequence[float] | None = None,
        multi_label: bool = False,
        num_labels: int | None = None,
        label_weights: Any = None,
        from_logits: bool = False,
    ) -> None:
        super().__init__(name, dtype)
        self.curve, self.summation_method = curve.upper(), summation_method.lower()
        if self.curve not in ("ROC", "PR", "PRGAIN") or self.summation_method not in _HEIGHTS:
            raise ValueError(
                f"AUC: curve must be 'ROC', 'PR' or 'PRGAIN', and summation_method one of {', '.join(_HEIGHTS)}; got "
                f"{curve!r} and {summation_method!r}"
            )
        if thresholds is None and num_thresholds < 2:
            raise ValueError(f"AUC: num_thresholds must be 2 or more, got {num_thresholds}")
        if thresholds is not None and not all(0 <= item <= 1 for item in thresholds):
            raise ValueError(f"AUC: thresholds must lie between 0 and 1, got {thresholds!r}")
        if num_labels and not multi_label:
            raise ValueError("AUC: num_labels is for multi_label=True alone")
        self.init_thresholds = thresholds
        between = np.linspace(0, 1, num_thresholds)[1:-1] if thresholds is None else np.sort(np.asarray(thresholds))
        self.thresholds = np.concatenate([[-EPSILON], between, [1 + EPSILON]])
        self.num_thresholds = len(self.thresholds)
        self.multi_label = multi_label
        self.num_labels = num_labels
        self.label_weights = None if label_weights is None else np.asarray(label_weights, np.float64)
        self.from_logits = from_logits
        self._sums: list[Any] = []
        if not multi_label:
            self._make(())
        elif num_labels:
            self._make((num_labels,))

    def _make(self, labels: tuple[int, ...]) -> None:
        self._sums = [self.add_variable((self.num_thresholds, *labels), field) for field in Counts._fields]
        for field, total in zip(Counts._fields, self._sums, strict=True):
            setattr(self, field, total)

    def build(self, target_shape: tuple[int, ...], output_shape: tuple[int, ...]) -> None:
        """Make the sums of several labels."""
        if not self._sums:
            self._make(output_shape[1:])

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take in a batch."""
        p = plain(y_pred)
        if self.multi_label and (p.ndim != 2 or p.shape[1] != (self.num_labels or p.shape[1])):
            raise ShapeError(f"{self.name}: predictions must have the shape (n, {self.num_labels}), got {p.shape}")
        self.build(np.shape(y_true), p.shape)
        weights = None if self.multi_label else self.label_weights
        p = sigmoid(p) if self.from_logits else p
        given = answers(self.name, y_true, p, sample_weight, label_weights=weights)
        counts = counts_at(self.thresholds, given, p.shape[1] if self.multi_label else 1)
        for total, part in zip(self._sums, counts, strict=True):
            add(total, part.reshape(total.shape))

    def result(self) -> Any:
        """Return the area; 0 before there is an example."""
        if not self._sums:
            return self.dtype.type(0)
        counts = Counts(*(total.data for total in self._sums))
        areas = np.sum(self._pieces(counts), axis=0)
        if self.multi_label:
            weights = np.ones(areas.shape) if self.label_weights is None else self.label_weights
            areas = without_nan(np.sum(areas * weights), np.sum(weights))
        return cast_to(self.dtype, areas)

    def _pieces(self, counts: Counts) -> Any:
        """Return the areas between neighbouring thresholds."""
        if self.curve == "PR" and self.summation_method == "interpolation":
            return _between_counts(counts)
        recall = without_nan(counts.true_positives, counts.true_positives + counts.false_negatives)
        if self.curve == "PRGAIN":
            x, y = _gains(counts)
        elif self.curve == "ROC":
            x, y = without_nan(counts.false_positives, counts.false_positives + counts.true_negatives), recall
        else:
            x, y = recall, without_nan(counts.true_positives, counts.true_positives + counts.false_positives)
        return (x[:-1] - x[1:]) * _HEIGHTS[self.summation_method](y[:-1], y[1:])

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the same metric."""
        weights = None if self.label_weights is None else self.label_weights.tolist()
        return {
            **super().get_config(),
            "num_thresholds": self.num_thresholds,
            "curve": self.curve,
            "summation_method": self.summation_method,
            "thresholds": None if self.init_thresholds is None else list(self.init_thresholds),
            "multi_label": self.multi_label,
            "num_labels": self.num_labels,
            "label_weights": weights,
            "from_logits": self.from_logits,
        }


def _gains(counts: Counts) -> tuple[Any, Any]:
    """Return the recall gain, at least 0, and the precision gain at each threshold: 0 and 1 where nothing is right."""
    right = counts.true_positives
    odds = without_nan(right + counts.false_negatives, counts.true_negatives + counts.false_positives)
    recall = 1 - odds * without_nan(counts.false_negatives, right)
    precision = 1 - odds * without_nan(counts.false_positives, right)
    return np.maximum(np.where(right == 0, 0.0, recall), 0.0), np.where(right == 0, 1.0, precision)


def _between_counts(counts: Counts) -> Any:
    """Return the areas under precision over recall if the counts change in a straight line between thresholds.

    With tp = slope · p + intercept, p the positive answers, the area is that of slope + intercept ÷ p over tp.
    """
    right, said = counts.true_positives, counts.true_positives + counts.false_positives
    gained = right[:-1] - right[1:]
    slope = without_nan(gained, np.maximum(said[:-1] - said[1:], 0))
    intercept = right[1:] - slope * said[1:]
    both = (said[:-1] > 0) & (said[1:] > 0)
    ratio = np.where(both, said[:-1] / np.where(both, said[1:], 1), 1)
    area = slope * (gained + intercept * np.log(ratio))
    return without_nan(area, np.maximum(right[1:] + counts.false_negatives[1:], 0))
