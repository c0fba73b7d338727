"""Watching: the losses and scores of the epochs, and the end of a training that no longer improves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tinygraph.training.callbacks import Callback

__all__ = ["Watching"]


class Watching(Callback):
    """Notes the loss of each epoch, or the score on rows kept apart, and ends the training by scikit-learn's rule.

    The training ends after more than `patience` epochs, one after the other, each of which was not better than the best
    before it by `tol`.

    Args:
        patience: see above.
        tol: see above.
        score: computes the score of the network on the rows kept apart; None for the loss to be watched.

    Attributes:
        best: the best of what is watched so far: a score, or a loss times -1.
        losses, scores: of the epochs.
        best_score: the best score; None without `score`.
        best_weights: the weights of the epoch with the best score; None without `score`.
        ended: the training was ended by the rule.
    """

    def __init__(self, patience: float, tol: float, score: Callable[[], float] | None = None) -> None:
        self.patience, self.tol, self.score = patience, tol, score
        self.losses: list[float] = []
        self.scores: list[float] = []
        self.best: float | None = None
        self.best_score: float | None = None
        self.best_weights: list[Any] | None = None
        self.ended = False
        self._waited = 0

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Note the epoch, and end the training if it is time."""
        self.losses.append(float((logs or {})["loss"]))
        gained = -self.losses[-1]
        if self.score is not None:
            gained = self.score()
            self.scores.append(gained)
            if self.best_score is None or gained > self.best_score:
                self.best_score, self.best_weights = gained, self.model.get_weights()
        self._waited = 0 if self.best is None or gained >= self.best + self.tol else self._waited + 1
        self.best = gained if self.best is None else max(gained, self.best)
        if self._waited > self.patience:
            self.ended = self.model.stop_training = True
