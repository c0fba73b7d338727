"""ModelCheckpoint: the model in a file after each epoch, or its best one."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from tinygraph.export.tensor_files import ENDING, library_of
from tinygraph.training.callbacks.monitoring import Monitor, warned
from tinygraph.whole_files import with_ending

__all__ = ["ModelCheckpoint"]


class ModelCheckpoint(Monitor):
    """Save the model after each epoch, or after the best ones. A file is replaced when the new one is complete.

    Args:
        filepath: the file. "{epoch:02d}" and "{val_loss:.2f}" in it stand for the epoch, counted from 1, and the
            numbers of the logs; "{batch}", where batches are saved, for the batch, counted from 1.
        monitor: the name of the number that tells which model is the best.
        verbose: 1 prints a line for each file.
        save_best_only: save only when the number has improved.
        save_weights_only: save the weights, by `model.save_weights`; else all of the model, by `model.save`.
        mode: "min", "max", or "auto".
        save_freq: "epoch", or a number of batches after which to save.
        initial_value_threshold: a number that the first model must improve on, for `save_best_only`.
        training: save all that `fit(..., resume_from=path)` needs to go on to the bit. Let it then be the last of the
            callbacks, so that the file has the state that the others have after the epoch.

    Raises:
        ValueError: the path is none that `model.save` or `model.save_weights` takes, or `save_freq` is none of these.
        ImportError: safetensors is not installed.
        KeyError: in a training: the logs do not have a name in the path.
    """

    kept = ("_batches", "best")

    def __init__(
        self,
        filepath: str | os.PathLike[str],
        monitor: str = "val_loss",
        verbose: int = 0,
        save_best_only: bool = False,
        save_weights_only: bool = False,
        mode: str = "auto",
        save_freq: str | int = "epoch",
        initial_value_threshold: float | None = None,
        training: bool = False,
    ) -> None:
        super().__init__(monitor, mode, best=initial_value_threshold)
        is_number = isinstance(save_freq, int) and not isinstance(save_freq, bool) and save_freq >= 1
        if save_freq != "epoch" and not is_number:
            raise ValueError(f'ModelCheckpoint: save_freq must be "epoch" or a number of batches, got {save_freq!r}')
        others = () if training else (".weights.h5",) if save_weights_only else (".keras", ".py")
        endings = (".safetensors", *others)
        if not os.fspath(filepath).endswith(endings):
            raise ValueError(
                f"ModelCheckpoint: the path must end in {' or '.join(endings)}, got {os.fspath(filepath)!r}. "
                f"Write {with_ending(filepath, endings[0])!r}"
            )
        if os.fspath(filepath).endswith(ENDING):
            library_of("ModelCheckpoint")  # not after an epoch that took an hour
        self.filepath, self.verbose = os.fspath(filepath), verbose
        self.save_best_only, self.save_weights_only, self.save_freq = save_best_only, save_weights_only, save_freq
        self.training = training
        self._epoch = self._batches = 0

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Note the epoch, for the files of batches."""
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Save, if it is time."""
        self._batches += 1
        if self._batches == self.save_freq:
            self._batches = 0
            self._save(self._epoch, batch, logs or {})

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Save, if it is time."""
        if self.save_best_only:
            self.sign()
        if self.save_freq == "epoch":
            self._save(epoch, None, logs or {})

    def _save(self, epoch: int, batch: int | None, logs: dict[str, Any]) -> None:
        path = self._path(epoch, batch, logs)
        if self.save_best_only and not self._has_improved(logs):
            return
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        if self.save_weights_only:
            self.model.save_weights(path)
        elif self.training:
            self.model.save(path, training=True)
        else:
            self.model.save(path)
        if self.verbose:
            print(f"Epoch {epoch + 1}: ModelCheckpoint: saved {path}")

    def _has_improved(self, logs: dict[str, Any]) -> bool:
        """Return whether this model is the best so far; also where nothing tells."""
        current = self.value(logs, "the best model is found")
        if current is None:
            return True
        if np.ndim(current):
            warned(f"ModelCheckpoint: {self.monitor!r} is an array, which tells no best model, so each one is saved")
            return True
        if not self.is_better(current, self.best):
            return False
        self.best = current
        return True

    def _path(self, epoch: int, batch: int | None, logs: dict[str, Any]) -> str:
        numbers = dict(logs) if batch is None else {"batch": batch + 1, **logs}
        try:
            return self.filepath.format(epoch=epoch + 1, **numbers)
        except KeyError as error:
            raise KeyError(
                f"ModelCheckpoint: {self.filepath!r} has {error} in it, and the logs have {', '.join(numbers)}"
            ) from None
