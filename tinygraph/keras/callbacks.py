"""Keras's callbacks, those of `tg.training.callbacks`."""

from __future__ import annotations

from typing import Any

from tinygraph.training.callbacks import (
    BackupAndRestore,
    Callback,
    CSVLogger,
    EarlyStopping,
    History,
    LambdaCallback,
    LearningRateScheduler,
    ModelCheckpoint,
    ReduceLROnPlateau,
    TensorBoard,
    TerminateOnNaN,
)

__all__ = [
    "BackupAndRestore",
    "CSVLogger",
    "Callback",
    "EarlyStopping",
    "History",
    "LambdaCallback",
    "LearningRateScheduler",
    "ModelCheckpoint",
    "ReduceLROnPlateau",
    "TensorBoard",
    "TerminateOnNaN",
]


def __getattr__(name: str) -> Any:
    from tinygraph.elsewhere import OF_KERAS_CALLBACKS, absent

    raise absent(__name__, name, OF_KERAS_CALLBACKS, __all__)
