"""Trade-offs at a threshold: the best of one share where another one is high enough."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from tinygraph.training.metrics.counts import Counts, answers, counts_at
from tinygraph.training.metrics.metric import Metric, add, cast_to, without_nan

__all__ = ["PrecisionAtRecall", "RecallAtPrecision", "SensitivityAtSpecificity", "SpecificityAtSensitivity"]


def _share(right: str, wrong: str, counts: Counts) -> Any:
    """Return at each threshold the share of right answers in them and in wrong ones."""
    found = getattr(counts, right)
    return without_nan(found, found + getattr(counts, wrong))


# By its name the fields of `Counts` that a share is made of.
_SHARES = {
    "precision": ("true_positives", "false_positives"),
    "recall": ("true_positives", "false_negatives"),
    "sensitivity": ("true_positives", "false_negatives"),
    "specificity": ("true_negatives", "false_positives"),
}


class _AtLeast(Metric):
    """The largest `best` over the thresholds at which `bound` is at least a number: names of `_SHARES`."""

    best: ClassVar[str]
    bound: ClassVar[str]

    def __init__(
        self, least: float, num_thresholds: int, class_id: int | None, name: str | None, dtype: Any
    ) -> None:  # fmt: skip
        super().__init__(name, dtype)
        if not 0 <= least <= 1:
            raise ValueError(f"{self.name}: {self.bound} must lie between 0 and 1, got {least!r}")
        if num_thresholds < 1:
            raise ValueError(f"{self.name}: num_thresholds must be 1 or more, got {num_thresholds!r}")
        setattr(self, self.bound, least)
        self.num_thresholds, self.class_id = num_thresholds, class_id
        self.thresholds = np.array([0.5]) if num_thresholds == 1 else np.linspace(0, 1, num_thresholds)
        for field in Counts._fields:
            setattr(self, field, self.add_variable((num_thresholds,), field))

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take in a batch."""
        given = answers(self.name, y_true, y_pred, sample_weight, class_id=self.class_id)
        for field, part in zip(Counts._fields, counts_at(self.thresholds, given), strict=True):
            add(getattr(self, field), part)

    def result(self) -> Any:
        """Return the largest share; 0 where no threshold is good enough."""
        counts = Counts(*(getattr(self, field).data for field in Counts._fields))
        bound, best = (_share(*_SHARES[name], counts) for name in (self.bound, self.best))
        return cast_to(self.dtype, np.max(np.where(bound >= getattr(self, self.bound), best, 0.0)))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the same metric."""
        own = {self.bound: getattr(self, self.bound), "num_thresholds": self.num_thresholds, "class_id": self.class_id}
        return {**super().get_config(), **own}


class SensitivityAtSpecificity(_AtLeast):
    """The best share of what is truly yes that is answered yes, where so much of what is truly no is answered no.

    Args:
        specificity: the least share of rightly answered no.
        num_thresholds: how many thresholds from 0 to 1 are tried.
        class_id: the only class that is looked at.
        name, dtype: as of `Metric`.

    Raises:
        ValueError: a number is out of its range.
    """

    best, bound = "sensitivity", "specificity"

    def __init__(
        self, specificity: float, num_thresholds: int = 200, class_id: int | None = None, name: str | None = None,
        dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(specificity, num_thresholds, class_id, name, dtype)


class SpecificityAtSensitivity(_AtLeast):
    """The best share of what is truly no that is answered no, where so much of what is truly yes is answered yes.

    Args: as of `SensitivityAtSpecificity`, with the least sensitivity.
    """

    best, bound = "specificity", "sensitivity"

    def __init__(
        self, sensitivity: float, num_thresholds: int = 200, class_id: int | None = None, name: str | None = None,
        dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(sensitivity, num_thresholds, class_id, name, dtype)


class PrecisionAtRecall(_AtLeast):
    """The best precision where the recall is at least a number.

    Args: as of `SensitivityAtSpecificity`, with the least recall.
    """

    best, bound = "precision", "recall"

    def __init__(
        self, recall: float, num_thresholds: int = 200, class_id: int | None = None, name: str | None = None,
        dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(recall, num_thresholds, class_id, name, dtype)


class RecallAtPrecision(_AtLeast):
    """The best recall where the precision is at least a number.

    Args: as of `SensitivityAtSpecificity`, with the least precision.
    """

    best, bound = "recall", "precision"

    def __init__(
        self, precision: float, num_thresholds: int = 200, class_id: int | None = None, name: str | None = None,
        dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(precision, num_thresholds, class_id, name, dtype)
