"""Monitor: the base of callbacks that look whether a number has improved."""

from __future__ import annotations

import sys
import warnings
from typing import Any

from tinygraph import bounds
from tinygraph.training.callbacks.callback import Callback
from tinygraph.users_code.source import users_frame

__all__ = ["Monitor", "warned"]

# The metrics that are better when they are larger, by the names of their classes. All others of ours count errors.
LARGER_IS_BETTER = frozenset(
    ("AUC", "Accuracy", "AnyAccuracy", "BinaryAccuracy", "BinaryIoU", "CategoricalAccuracy", "CosineSimilarity",
     "F1Score", "FBetaScore", "IoU", "MeanIoU", "OneHotIoU", "OneHotMeanIoU", "Precision", "PrecisionAtRecall",
     "R2Score", "Recall", "RecallAtPrecision", "SensitivityAtSpecificity", "SparseCategoricalAccuracy",
     "SparseTopKCategoricalAccuracy", "SpecificityAtSensitivity", "TopKCategoricalAccuracy", "TrueNegatives",
     "TruePositives")
)  # fmt: skip
SMALLER_IS_BETTER = frozenset(
    ("BinaryCrossentropy", "CategoricalCrossentropy", "CategoricalHinge", "FalseNegatives", "FalsePositives", "Hinge",
     "KLDivergence", "LogCoshError", "MeanAbsoluteError", "MeanAbsolutePercentageError", "MeanSquaredError",
     "MeanSquaredLogarithmicError", "Poisson", "RootMeanSquaredError", "SparseCategoricalCrossentropy", "SquaredHinge")
)  # fmt: skip


class Monitor(Callback):
    """The base of callbacks that look whether a number has improved.

    Args:
        monitor: the name of the number: "loss", "accuracy", or with "val_" before it that of the validation.
        mode: "min" or "max", the better end; "auto" finds it from the metric of this name: a metric of your own says
            so by an attribute `direction`, "up" or "down".
        best: the number to begin with; None for none.
        min_delta: the least change that is an improvement.

    Attributes:
        best: the best number so far.
    """

    def __init__(
        self, monitor: str = "val_loss", mode: str = "auto", best: float | None = None, min_delta: float = 0
    ) -> None:
        if mode not in ("auto", "min", "max"):
            raise ValueError(f'{type(self).__name__}: mode must be "auto", "min" or "max", got {mode!r}')
        bounds.number(type(self).__name__, "min_delta", min_delta)
        self.monitor, self.mode, self.best, self.min_delta = monitor, mode, best, abs(min_delta)
        self._sign: int | None = {"min": -1, "max": 1}.get(mode)

    def is_better(self, current: Any, before: Any) -> bool:
        """Return whether a number improves on another one by `min_delta`, or there is no other. NaN never does."""
        if before is None:
            return True
        sign = self.sign()
        return bool(sign * current - self.min_delta > sign * before)

    def sign(self) -> int:
        """Return 1 if larger numbers are better, else -1.

        Raises:
            ValueError: nothing tells.
        """
        if self._sign is None:
            self._sign = self._found_sign()
        return self._sign

    def _found_sign(self) -> int:
        name = self.monitor.removeprefix("val_")
        if name == "loss" or name.endswith("_loss"):
            return -1
        for metric in getattr(self.model, "metrics", None) or []:
            if metric.name == name:
                if (direction := getattr(metric, "direction", None)) in ("up", "down"):
                    return 1 if direction == "up" else -1
                kinds = {kind.__name__ for kind in type(metric).__mro__}
                if kinds & LARGER_IS_BETTER:
                    return 1
                if kinds & SMALLER_IS_BETTER or _is_loss(metric):
                    return -1
        raise ValueError(
            f'{type(self).__name__}: monitor={self.monitor!r} does not tell which end is better. Give mode="max" or '
            'mode="min"'
        )

    def value(self, logs: dict[str, Any], purpose: str) -> Any:
        """Return the monitored number, or None with a warning if the logs do not have it."""
        current = logs.get(self.monitor)
        if current is None:
            warned(
                f"{type(self).__name__}: {purpose} by {self.monitor!r}, which is not among {', '.join(logs) or 'logs'}"
            )
        return current


def _is_loss(metric: Any) -> bool:
    """Return whether a metric is the mean of a loss of ours."""
    return "tinygraph.training.losses" in str(getattr(getattr(metric, "fn", None), "__module__", ""))


def warned(message: str) -> None:
    """Give a warning at the user's line."""
    frame = users_frame(sys._getframe(1))
    if frame is None:
        warnings.warn(message, UserWarning, stacklevel=2)
        return
    known = frame.f_globals.setdefault("__warningregistry__", {})
    warnings.warn_explicit(message, UserWarning, frame.f_code.co_filename, frame.f_lineno, registry=known)
