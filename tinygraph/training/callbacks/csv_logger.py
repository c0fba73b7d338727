"""CSVLogger: the results of each epoch as a line of a CSV file."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from tinygraph.training.callbacks.callback import Callback

__all__ = ["CSVLogger"]


class CSVLogger(Callback):
    """Write the results of each epoch as a line of a CSV file: the epoch, counted from 0, and the logs by name.

    The file is closed after each line, so that it is whole whatever happens later. A name that the logs of an epoch do
    not have is "NA".

    Args:
        filename: the file.
        separator: the character between columns.
        append: go on with a file that is there, instead of writing it anew.
    """

    def __init__(self, filename: str | os.PathLike[str], separator: str = ",", append: bool = False) -> None:
        self.filename, self.separator, self.append = Path(filename), separator, append
        self._names: list[str] | None = None
        self._has_header = False

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Begin the file, or look whether it has a line of names."""
        self._names = None
        with open(self.filename, "a" if self.append else "w", encoding="utf-8"):
            self._has_header = self.append and self.filename.stat().st_size > 0

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Write a line."""
        logs = logs or {}
        if self._names is None:
            self._names = _columns(logs)
        with open(self.filename, "a", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, ["epoch", *self._names], delimiter=self.separator)
            if not self._has_header:
                writer.writeheader()
                self._has_header = True
            writer.writerow({"epoch": epoch} | {name: _text(logs.get(name, "NA")) for name in self._names})


def _columns(logs: dict[str, Any]) -> list[str]:
    """Return the names in order; those of a validation are there, too, if it is still to come."""
    names = sorted(logs)
    return names if any([name.startswith("val_") for name in names]) else names + [f"val_{name}" for name in names]


def _text(value: Any) -> Any:
    if isinstance(value, str) or np.ndim(value) == 0 or not isinstance(value, Iterable):
        return value
    return f'"[{", ".join(map(str, value))}]"'
