"""BackupAndRestore: a training that was killed goes on where its last backup was written."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from tinygraph.export.tensor_files import library_of
from tinygraph.training.callbacks.callback import Callback

__all__ = ["BackupAndRestore"]


class BackupAndRestore(Callback):
    """Keep a backup of the training in a folder, and go on from it when `fit` is called again with the same arguments.

    The backup has all that the training needs to go on to the bit: weights, the state of the optimiser, generators, the
    history, and the state of the other callbacks. It is written after all other callbacks of an epoch. When a training
    is complete its backup is deleted; after Ctrl-C or an error it stays.

    Args:
        backup_dir: a folder for this training alone.
        save_freq: "epoch"; or a number of batches after which the weights so far are written, too. The training then
            goes on with these weights from the beginning of the epoch, as with Keras.
        double_checkpoint: of Keras; it changes nothing here, where a file is replaced as a whole or not at all.
        delete_checkpoint: delete the backup of a training that is complete.

    Raises:
        ValueError: `backup_dir` is empty, or `save_freq` is neither.
        ImportError: safetensors is not installed.
    """

    def __init__(
        self,
        backup_dir: str | os.PathLike[str],
        save_freq: str | int = "epoch",
        double_checkpoint: bool = False,
        delete_checkpoint: bool = True,
    ) -> None:
        if not os.fspath(backup_dir):
            raise ValueError("BackupAndRestore: backup_dir is empty")
        is_number = isinstance(save_freq, int) and not isinstance(save_freq, bool) and save_freq >= 1
        if save_freq != "epoch" and not is_number:
            raise ValueError(f'BackupAndRestore: save_freq must be "epoch" or a number of batches, got {save_freq!r}')
        library_of("BackupAndRestore")  # not after an epoch that took an hour
        self.backup_dir = Path(backup_dir)
        self.save_freq, self.double_checkpoint = save_freq, double_checkpoint
        self.delete_checkpoint = delete_checkpoint
        self._batches = 0

    @property
    def path(self) -> Path:
        """The file of the backup."""
        return self.backup_dir / "latest.safetensors"

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Write a backup, if it is time."""
        self._batches += 1
        if self._batches == self.save_freq:
            self._save()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Write a backup, if it is time."""
        if self.save_freq == "epoch":
            self._save()

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Delete the backup of a training that is complete."""
        if self.delete_checkpoint and not self.model.history.interrupted:
            self.path.unlink(missing_ok=True)
            if self.backup_dir.is_dir() and not any(self.backup_dir.iterdir()):
                self.backup_dir.rmdir()

    def _save(self) -> None:
        self._batches = 0
        self.backup_dir.mkdir(parents=True, exist_ok=True)
        self.model.save(self.path, training=True)
