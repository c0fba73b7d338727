"""Answers of yes or no, counted at thresholds: true and false, positive and negative."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple

import numpy as np

from tinygraph.errors import ShapeError
from tinygraph.training.losses.loss import weights_for
from tinygraph.training.losses.pairing import numbers, predicted, same_rank
from tinygraph.training.metrics.metric import Metric, add, cast_to, plain, without_nan

__all__ = [
    "Answers",
    "Counts",
    "FalseNegatives",
    "FalsePositives",
    "Precision",
    "Recall",
    "TrueNegatives",
    "TruePositives",
    "answers",
    "counts_at",
    "some_thresholds",
]

Thresholds = float | Sequence[float] | None

# The prediction of a class that is not among the first k: below any threshold.
_LOWEST = -1e10


class Answers(NamedTuple):
    """Answers in one row.

    Attributes:
        positive: the weights of the answers that are truly yes, 0 for the others.
        negative: the weights of the answers that are truly no, 0 for the others.
        predictions: the predictions.
    """

    positive: Any
    negative: Any
    predictions: Any


class Counts(NamedTuple):
    """The weights of answers at each threshold: truly positive and so on."""

    true_positives: Any
    false_positives: Any
    true_negatives: Any
    false_negatives: Any


def answers(
    call: str,
    y_true: Any,
    y_pred: Any,
    sample_weight: Any,
    top_k: int | None = None,
    class_id: int | None = None,
    label_weights: Any = None,
) -> Answers:
    """Return the answers of a batch in one row.

    Args:
        call: the metric to name in messages.
        y_true: 0 or 1; what is not 0 counts as 1. Class numbers of shape (n,) or (n, 1) beside (n, classes).
        y_pred: predictions.
        sample_weight: a weight for each example, or for each answer; or None.
        top_k: the predictions that are not among the k highest of the last axis count as no.
        class_id: the only class that is looked at, a place in the last axis.
        label_weights: a weight for each place in the last axis.

    Raises:
        ShapeError: the shapes do not fit.
    """
    p = predicted(plain(y_pred))
    y, p = same_rank(_in_rows(numbers(call, plain(y_true)), p), p)
    if y.shape != p.shape:
        raise ShapeError(
            f"{call}: targets of shape {y.shape} and predictions of shape {p.shape} must have the same shape; reshape "
            "one of them"
        )
    weights = np.ones(1) if sample_weight is None else weights_for(p, plain(sample_weight), call).astype(np.float64)
    weights = np.broadcast_to(weights, p.shape)
    if label_weights is not None:
        weights = weights * np.asarray(label_weights, np.float64)
    if top_k is not None:
        # Of equal predictions the first ones are taken, so that there are k of them, as in Keras.
        places = np.argsort(np.argsort(-p, axis=-1, kind="stable"), axis=-1)
        p = np.where(places < top_k, p, _LOWEST)
    if class_id is not None:
        if p.ndim < 2 or not -p.shape[-1] <= class_id < p.shape[-1]:
            raise ShapeError(
                f"{call}: class_id={class_id} is a place in the last axis of predictions of shape (n, classes), got "
                f"{p.shape}"
            )
        y, p, weights = y[..., class_id], p[..., class_id], weights[..., class_id]
    yes, row = (y != 0).reshape(-1), weights.reshape(-1)
    return Answers(np.where(yes, row, 0.0), np.where(yes, 0.0, row), p.reshape(-1))


def counts_at(thresholds: Any, given: Answers, groups: int = 1) -> Counts:
    """Return the counts at rising thresholds. A prediction above a threshold says yes.

    Args:
        thresholds: shape (t,).
        given: the answers.
        groups: how many groups the answers belong to, in turn: the places of a last axis.

    Returns:
        Counts of shape (t,), or (t, groups) of several.

    The answers are counted by how many thresholds they lie above. That takes no memory for each pair of a threshold and
    an answer.
    """
    bins = len(thresholds) + 1
    below = np.searchsorted(thresholds, given.predictions, side="left")
    if groups > 1:
        below = (below.reshape(-1, groups) + bins * np.arange(groups)).reshape(-1)
    counted = []
    for weights in (given.positive, given.negative):
        by_bin = np.bincount(below, weights=weights, minlength=bins * groups).reshape(groups, bins)
        above = np.flip(np.cumsum(np.flip(by_bin, axis=1), axis=1), axis=1)  # those that lie above at least so many
        total, yes = above[:, :1], above[:, 1:]
        both = [part.T if groups > 1 else part[0] for part in (yes, total - yes)]
        counted.append(both)
    (true_positives, false_negatives), (false_positives, true_negatives) = counted
    return Counts(true_positives, false_positives, true_negatives, false_negatives)


def some_thresholds(call: str, given: Thresholds, otherwise: float) -> list[float]:
    """Return thresholds as a list.

    Raises:
        ValueError: one of them is below 0 or above 1.
    """
    if given is None:
        return [otherwise]
    found = [float(item) for item in np.atleast_1d(given)]
    if not all(0 <= item <= 1 for item in found):
        raise ValueError(f"{call}: thresholds must lie between 0 and 1, got {given!r}")
    return found


def _in_rows(y: Any, p: Any) -> Any:
    """Return class numbers beside a prediction for each class as rows with a 1."""
    if p.ndim < 2 or p.shape[-1] == 1 or y.size != p.size // p.shape[-1] or y.ndim > p.ndim:
        return y
    if y.ndim == p.ndim and y.shape[-1] != 1:
        return y
    return (y.reshape(p.shape[:-1])[..., None] == np.arange(p.shape[-1])).astype(np.float64)


class _AtThresholds(Metric):
    """A metric with sums for each of some thresholds, which may be in any order."""

    def __init__(
        self,
        thresholds: Thresholds,
        name: str | None,
        dtype: Any,
        top_k: int | None = None,
        class_id: int | None = None,
    ) -> None:
        super().__init__(name, dtype)
        self.init_thresholds = thresholds
        self.top_k = top_k
        self.class_id = class_id
        self.thresholds = some_thresholds(self.name, thresholds, 0.5 if top_k is None else _LOWEST)
        self._order = np.argsort(self.thresholds)

    def _counted(self, y_true: Any, y_pred: Any, sample_weight: Any) -> Counts:
        """Return the counts of a batch, in the order of the thresholds."""
        given = answers(self.name, y_true, y_pred, sample_weight, self.top_k, self.class_id)
        counts = counts_at(np.array(self.thresholds)[self._order], given)
        back = np.argsort(self._order)
        return Counts(*(part[back] for part in counts)) if len(self.thresholds) > 1 else counts

    def _shown(self, values: Any) -> Any:
        return cast_to(self.dtype, values[0] if len(self.thresholds) == 1 else values)


class _Count(_AtThresholds):
    """The weight of one kind of answer: the attribute `kind` of its class, a field of `Counts`."""

    kind: ClassVar[str]

    def __init__(self, thresholds: Thresholds = None, name: str | None = None, dtype: Any = None) -> None:
        super().__init__(thresholds, name, dtype)
        self.accumulator = self.add_variable((len(self.thresholds),), "accumulator")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take in a batch."""
        add(self.accumulator, getattr(self._counted(y_true, y_pred, sample_weight), self.kind))

    def result(self) -> Any:
        """Return the weight, for each threshold if there are several."""
        return self._shown(self.accumulator.data + 0.0)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the same metric."""
        return {**super().get_config(), "thresholds": self.init_thresholds}


class TruePositives(_Count):
    """The weight of answers that are rightly yes.

    Args:
        thresholds: what is above one is taken for yes; 0.5 by default.
        name, dtype: as of `Metric`.
    """

    kind = "true_positives"


class FalsePositives(_Count):
    """The weight of answers that are wrongly yes.

    Args: as of `TruePositives`.
    """

    kind = "false_positives"


class TrueNegatives(_Count):
    """The weight of answers that are rightly no.

    Args: as of `TruePositives`.
    """

    kind = "true_negatives"


class FalseNegatives(_Count):
    """The weight of answers that are wrongly no.

    Args: as of `TruePositives`.
    """

    kind = "false_negatives"


class _Share(_AtThresholds):
    """The share of true positives in them and one kind of wrong answers: `wrong`, a field of `Counts`."""

    wrong: ClassVar[str]

    def __init__(
        self,
        thresholds: Thresholds = None,
        top_k: int | None = None,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(thresholds, name, dtype, top_k, class_id)
        self.true_positives = self.add_variable((len(self.thresholds),), "true_positives")
        setattr(self, self.wrong, self.add_variable((len(self.thresholds),), self.wrong))

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take in a batch."""
        counts = self._counted(y_true, y_pred, sample_weight)
        add(self.true_positives, counts.true_positives)
        add(getattr(self, self.wrong), getattr(counts, self.wrong))

    def result(self) -> Any:
        """Return the share, for each threshold if there are several; 0 of nothing."""
        right = self.true_positives.data
        return self._shown(without_nan(right, right + getattr(self, self.wrong).data))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the same metric."""
        own = {"thresholds": self.init_thresholds, "top_k": self.top_k, "class_id": self.class_id}
        return {**super().get_config(), **own}


class Precision(_Share):
    """The share of the answers yes that are right.

    Args:
        thresholds: what is above one is taken for yes; 0.5 by default.
        top_k: the k highest predictions of an example are taken for yes; with `thresholds`, those of them above one.
        class_id: the only class that is looked at.
        name, dtype: as of `Metric`.
    """

    wrong = "false_positives"


class Recall(_Share):
    """The share of what is truly yes that is answered yes.

    Args: as of `Precision`.
    """

    wrong = "false_negatives"
