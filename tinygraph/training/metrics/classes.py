"""Classes counted against each other: the confusion matrix, and the F scores."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygraph.errors import ShapeError
from tinygraph.functions.checks import class_numbers
from tinygraph.training.losses.loss import weights_for
from tinygraph.training.losses.pairing import EPSILON, numbers, predicted
from tinygraph.training.metrics.accuracies import true_classes
from tinygraph.training.metrics.metric import Metric, add, cast_to, plain

__all__ = ["ConfusionMatrix", "F1Score", "FBetaScore"]


class ConfusionMatrix(Metric):
    """The weight of examples by their true class, the row, and their predicted class, the column.

    Args:
        num_classes: how many classes there are.
        name, dtype: as of `Metric`.
    """

    def __init__(self, num_classes: int, name: str | None = "confusion_matrix", dtype: Any = None) -> None:
        super().__init__(name, dtype)
        self.num_classes = num_classes
        self.matrix = self.add_variable((num_classes, num_classes), "matrix")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take in a batch.

        Args:
            y_true: class numbers, or a probability for each class.
            y_pred: probabilities or logits of shape (n, classes), or class numbers of shape (n,).
            sample_weight: a weight for each example.
        """
        p = plain(y_pred)
        if p.ndim == 1:
            y, chosen = numbers(self.name, plain(y_true)).reshape(-1), p
        else:
            y, chosen = true_classes(self.name, y_true, p).reshape(-1), np.argmax(p, axis=-1).reshape(-1)
        if y.shape != chosen.shape:
            raise ShapeError(f"{self.name}: targets of shape {y.shape} beside predictions of shape {p.shape}")
        row, column = (class_numbers(item, self.num_classes, self.name).astype(np.intp) for item in (y, chosen))
        cells = row * self.num_classes + column
        weights = np.ones(1) if sample_weight is None else plain(sample_weight).astype(np.float64).reshape(-1)
        weights = np.broadcast_to(weights, cells.shape)
        counts = np.bincount(cells, weights=weights, minlength=self.num_classes**2)
        add(self.matrix, counts.reshape(self.num_classes, self.num_classes))

    def result(self) -> Any:
        """Return the matrix, shape (classes, classes)."""
        return cast_to(self.dtype, self.matrix.data + 0.0)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the same metric."""
        return {**super().get_config(), "num_classes": self.num_classes}


class FBetaScore(Metric):
    """(1 + β²) · precision · recall ÷ (β² · precision + recall), for each class.

    Args:
        average: None, one score a class; "micro", the score of all answers together; "macro", the mean of the scores;
            "weighted", their mean weighted by how often a class is true.
        beta: how much more recall counts than precision.
        threshold: what is above it is taken for yes; None takes the highest prediction of each example.
        name, dtype: as of `Metric`.

    Raises:
        ValueError: an argument is something else.
    """

    def __init__(
        self,
        average: str | None = None,
        beta: float = 1.0,
        threshold: float | None = None,
        name: str | None = "fbeta_score",
        dtype: Any = None,
    ) -> None:
        super().__init__(name, dtype)
        if average not in (None, "micro", "macro", "weighted"):
            raise ValueError(f"{self.name}: average must be None, 'micro', 'macro' or 'weighted', got {average!r}")
        if not beta > 0:
            raise ValueError(f"{self.name}: beta must be positive, got {beta!r}")
        if threshold is not None and not 0 < threshold <= 1:
            raise ValueError(f"{self.name}: threshold must lie between 0 and 1, got {threshold!r}")
        self.average, self.beta, self.threshold = average, beta, threshold
        self._sums: list[Any] = []

    def build(self, target_shape: tuple[int, ...], output_shape: tuple[int, ...]) -> None:
        """Make the sums of the classes."""
        if not self._sums:
            names = ("true_positives", "false_positives", "false_negatives")
            self._sums = [self.add_variable(output_shape[-1:], name) for name in names]

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take in a batch.

        Args:
            y_true: a 0 or 1 for each class, or class numbers of shape (n,) or (n, 1).
            y_pred: predictions, shape (n, classes).
            sample_weight: a weight for each example.
        """
        p = predicted(plain(y_pred))
        if p.ndim != 2:
            raise ShapeError(f"{self.name}: predictions must have the shape (n, classes), got {p.shape}")
        self.build(np.shape(y_true), p.shape)
        y = numbers(self.name, plain(y_true))
        if y.shape != p.shape:
            y = true_classes(self.name, y, p)[..., None] == np.arange(p.shape[-1]) if p.shape[-1] > 1 else y[..., None]
        if y.shape != p.shape:
            raise ShapeError(f"{self.name}: targets of shape {np.shape(y_true)} beside predictions of shape {p.shape}")
        if self.threshold is None:
            said = (p >= np.max(p, axis=-1, keepdims=True)) & (np.abs(p) > 1e-9)
        else:
            said = p > self.threshold
        said, y = said.astype(np.float64), y.astype(np.float64)
        weights = np.ones(1) if sample_weight is None else weights_for(p, plain(sample_weight), self.name)
        parts = (said * y, said * (1 - y), (1 - said) * y)
        for total, part in zip(self._sums, parts, strict=True):
            add(total, np.sum(part * weights, axis=0, dtype=np.float64))

    def result(self) -> Any:
        """Return the score, one for each class without an average; 0 before there is an example."""
        if not self._sums:
            return self.dtype.type(0)
        right, wrong, missed = (total.data + 0.0 for total in self._sums)
        true = right + missed
        if self.average == "micro":
            right, wrong, missed = (np.sum(item) for item in (right, wrong, missed))
        precision, recall = right / (right + wrong + EPSILON), right / (right + missed + EPSILON)
        squared = self.beta**2
        score = (1 + squared) * precision * recall / (squared * precision + recall + EPSILON)
        if self.average == "weighted":
            score = np.sum(score * true / (np.sum(true) + EPSILON))
        elif self.average == "macro":
            score = np.mean(score)
        return cast_to(self.dtype, score)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the same metric."""
        own = {"average": self.average, "beta": self.beta, "threshold": self.threshold}
        return {**super().get_config(), **own}


class F1Score(FBetaScore):
    """2 · precision · recall ÷ (precision + recall), for each class.

    Args:
        average, threshold, name, dtype: as of `FBetaScore`.
    """

    def __init__(
        self,
        average: str | None = None,
        threshold: float | None = None,
        name: str | None = "f1_score",
        dtype: Any = None,
    ) -> None:
        super().__init__(average, 1.0, threshold, name, dtype)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the same metric."""
        return {key: value for key, value in super().get_config().items() if key != "beta"}
