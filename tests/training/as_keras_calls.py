"""One callback over a made-up training: what it does to the model, ours or Keras's.

`python -m tests.training.as_keras_calls`, where Keras is installed, records what Keras's do in keras_callbacks.json.
"""

from __future__ import annotations

import json
import os
import sys
import warnings
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

RECORDED = Path(__file__).with_name("keras_callbacks.json")

NAN = float("nan")
DOWN = [1.0, 0.8, 0.7, 0.65, 0.65, 0.66, 0.64, 0.7, 0.7, 0.7]
UP = [0.1, 0.5, 0.6, 0.6, 0.59, 0.61, 0.6, 0.6, 0.6, 0.6]
WITH_NAN = [1.0, 0.8, NAN, NAN, 0.7, NAN, NAN, NAN]

# The name of a trial: the class, its arguments, and the numbers by their name in the logs.
TRIALS: dict[str, tuple[str, dict[str, Any], dict[str, list[float]]]] = {
    "stopping": ("EarlyStopping", {}, {"val_loss": DOWN}),
    "stopping after two": ("EarlyStopping", {"patience": 2}, {"val_loss": DOWN}),
    "stopping after three, a delta": ("EarlyStopping", {"patience": 3, "min_delta": 0.06}, {"val_loss": DOWN}),
    "stopping, a negative delta": ("EarlyStopping", {"patience": 1, "min_delta": -0.07}, {"val_loss": DOWN}),
    "stopping, best weights": ("EarlyStopping", {"patience": 1, "restore_best_weights": True}, {"val_loss": DOWN}),
    "stopping never, best weights": (
        "EarlyStopping", {"patience": 50, "restore_best_weights": True}, {"val_loss": DOWN},
    ),
    "stopping, baseline": ("EarlyStopping", {"patience": 3, "baseline": 0.66}, {"val_loss": DOWN}),
    "stopping, baseline never reached": (
        "EarlyStopping", {"patience": 3, "baseline": 0.1, "restore_best_weights": True}, {"val_loss": DOWN},
    ),
    "stopping, late": ("EarlyStopping", {"start_from_epoch": 4}, {"val_loss": DOWN}),
    "stopping, late, best weights": (
        "EarlyStopping", {"start_from_epoch": 3, "restore_best_weights": True}, {"val_loss": DOWN},
    ),
    "stopping, max": ("EarlyStopping", {"monitor": "acc", "mode": "max", "patience": 2}, {"acc": UP}),
    "stopping, max, a delta": (
        "EarlyStopping", {"monitor": "acc", "mode": "max", "patience": 2, "min_delta": 0.15}, {"acc": UP},
    ),
    "stopping, NaN": ("EarlyStopping", {"monitor": "loss", "patience": 2}, {"loss": WITH_NAN}),
    "stopping, NaN, best weights": (
        "EarlyStopping", {"monitor": "loss", "patience": 1, "restore_best_weights": True}, {"loss": WITH_NAN},
    ),
    "stopping, only NaN": (
        "EarlyStopping", {"monitor": "loss", "patience": 2, "restore_best_weights": True}, {"loss": [NAN] * 6},
    ),
    "stopping, nothing to look at": ("EarlyStopping", {"monitor": "val_loss"}, {"loss": DOWN}),
    "plateau": ("ReduceLROnPlateau", {"patience": 1}, {"val_loss": DOWN}),
    "plateau, two": ("ReduceLROnPlateau", {"patience": 2, "factor": 0.5}, {"val_loss": DOWN}),
    "plateau, cooldown": ("ReduceLROnPlateau", {"patience": 1, "factor": 0.5, "cooldown": 2}, {"val_loss": DOWN * 2}),
    "plateau, a least rate": (
        "ReduceLROnPlateau", {"patience": 0, "factor": 0.1, "min_lr": 0.002}, {"val_loss": DOWN},
    ),
    "plateau, a delta": ("ReduceLROnPlateau", {"patience": 2, "min_delta": 0.09, "factor": 0.5}, {"val_loss": DOWN}),
    "plateau, max": (
        "ReduceLROnPlateau", {"monitor": "acc", "mode": "max", "patience": 1, "factor": 0.5}, {"acc": UP},
    ),
    "plateau, NaN": ("ReduceLROnPlateau", {"monitor": "loss", "patience": 2}, {"loss": WITH_NAN}),
    "plateau, nothing to look at": ("ReduceLROnPlateau", {"patience": 1}, {"loss": DOWN}),
    "schedule": ("LearningRateScheduler", {"schedule": "both"}, {"loss": DOWN}),
    "schedule of the epoch": ("LearningRateScheduler", {"schedule": "epoch"}, {"loss": DOWN}),
    "file": ("CSVLogger", {}, {"loss": DOWN[:3], "acc": UP[:3]}),
    "file, validated": ("CSVLogger", {"separator": ";"}, {"val_loss": UP[:3], "loss": DOWN[:3]}),
    "file, later validated": ("CSVLogger", {}, {"loss": DOWN[:4], "val_loss": [None, UP[0], None, UP[1]]}),
    "file, appended": ("CSVLogger", {"append": True}, {"loss": DOWN[:3]}),
    "file, arrays": ("CSVLogger", {}, {"loss": DOWN[:2], "f1": [[0.5, 0.25], [0.5, 0.75]]}),
    "checkpoints": ("ModelCheckpoint", {"filepath": "{epoch:02d}-{val_loss:.2f}"}, {"val_loss": DOWN}),
    "checkpoints, weights": (
        "ModelCheckpoint", {"filepath": "{epoch}", "save_weights_only": True}, {"val_loss": DOWN},
    ),
    "checkpoints, the best": (
        "ModelCheckpoint", {"filepath": "{epoch:02d}-{val_loss:.2f}", "save_best_only": True}, {"val_loss": DOWN},
    ),
    "checkpoints, the best, max": (
        "ModelCheckpoint", {"filepath": "{epoch}", "save_best_only": True, "monitor": "acc", "mode": "max"},
        {"acc": UP},
    ),
    "checkpoints, the best, a threshold": (
        "ModelCheckpoint", {"filepath": "{epoch}", "save_best_only": True, "initial_value_threshold": 0.66},
        {"val_loss": DOWN},
    ),
    "checkpoints, the best, NaN": (
        "ModelCheckpoint", {"filepath": "{epoch}", "save_best_only": True, "monitor": "loss"}, {"loss": WITH_NAN},
    ),
    "checkpoints, the best of nothing": (
        "ModelCheckpoint", {"filepath": "{epoch}", "save_best_only": True}, {"loss": DOWN[:3]},
    ),
    "checkpoints of batches": (
        "ModelCheckpoint", {"filepath": "{epoch}-{batch}", "save_freq": 4, "monitor": "loss"}, {"loss": DOWN[:5]},
    ),
    "NaN": ("TerminateOnNaN", {}, {"loss": WITH_NAN}),
    "infinity": ("TerminateOnNaN", {}, {"loss": [1.0, float("inf"), 1.0]}),
}  # fmt: skip

SCHEDULES = {"both": lambda epoch, rate: rate * 0.5 + epoch * 0.001, "epoch": lambda epoch: 0.1 / (1 + epoch)}
BATCHES = 3


class Model:
    """A model that counts its epochs in its only weight, and notes what a callback does to it."""

    def __init__(self, rate: float = 0.01) -> None:
        self.optimizer = SimpleNamespace(learning_rate=rate, state={"learning_rate": rate})
        self.metrics: list[Any] = []
        self.stop_training = False
        self.weight = 0
        self.saved: list[str] = []

    def get_weights(self) -> list[Any]:
        return [self.weight]

    def set_weights(self, values: list[Any]) -> None:
        self.weight = values[0]

    def save(self, path: Any, **_: Any) -> None:
        self.saved.append(f"model {_name(path)}")

    def save_weights(self, path: Any, **_: Any) -> None:
        self.saved.append(f"weights {_name(path)}")


def _name(path: Any) -> str:
    name = os.path.basename(path)
    for suffix in (".weights.h5", ".keras", ".safetensors"):
        name = name.removesuffix(suffix)
    return name


def trial(callbacks: Any, name: str, folder: Path) -> dict[str, Any]:
    """Run a callback of a module over the training of a trial, and return what it did."""
    kind, arguments, numbers = TRIALS[name]
    arguments = dict(arguments)
    if "schedule" in arguments:
        arguments["schedule"] = SCHEDULES[arguments["schedule"]]
    if kind == "CSVLogger":
        arguments["filename"] = str(folder / "log.csv")
    if kind == "ModelCheckpoint":
        keras_suffix = ".weights.h5" if arguments.get("save_weights_only") else ".keras"
        suffix = ".safetensors" if callbacks.__name__.startswith("tinygraph") else keras_suffix
        arguments["filepath"] = str(folder / (arguments["filepath"] + suffix))
    callback = getattr(callbacks, kind)(**arguments)
    model = Model()
    callback.set_model(model)
    callback.set_params({"epochs": 10, "steps": BATCHES, "verbose": 0})
    with warnings.catch_warnings(record=True) as given:
        warnings.simplefilter("always")
        found = [_trained(callback, model, numbers)]
        if arguments.get("append"):
            found.append(_trained(callback, model, numbers))
    done: dict[str, Any] = {"epochs": found, "weight": model.weight, "saved": model.saved, "warned": bool(given)}
    if kind == "CSVLogger":
        done["text"] = (folder / "log.csv").read_bytes().decode()
    return done


def _trained(callback: Any, model: Model, numbers: dict[str, list[Any]]) -> list[Any]:
    """Return the learning rate of each epoch, until the training stops."""
    rates = []
    model.stop_training = False
    callback.on_train_begin({})
    for epoch in range(max(len(values) for values in numbers.values())):
        logs = {key: values[epoch] for key, values in numbers.items() if values[epoch] is not None}
        callback.on_epoch_begin(epoch, {})
        for batch in range(BATCHES):
            callback.on_train_batch_begin(batch, {})
            model.weight += 1
            callback.on_train_batch_end(batch, dict(logs))
        callback.on_epoch_end(epoch, logs)
        rates.append([round(float(model.optimizer.learning_rate), 9), round(logs.get("learning_rate", 0.0), 9)])
        if model.stop_training:
            break
    callback.on_train_end({})
    return rates


def fitted(keras: Any, folder: Path) -> dict[str, Any]:
    """Return the history of a training with callbacks, and the weights at its end, of Keras or of our face of it."""
    x = np.cos(np.arange(120.0) * 0.7).reshape(40, 3).astype(np.float32)
    y = np.sin(x @ np.array([[1.0], [-2.0], [0.5]])).astype(np.float32)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1, kernel_initializer="zeros")])
    model.compile(keras.optimizers.SGD(0.6), "mean_squared_error", metrics=["mae"])
    names = keras.callbacks
    callbacks = [
        names.EarlyStopping("val_loss", patience=4, restore_best_weights=True),
        names.ReduceLROnPlateau("val_loss", factor=0.5, patience=1, min_delta=0.0),
        names.LearningRateScheduler(lambda epoch, rate: rate * 0.99),
        names.CSVLogger(str(folder / "log.csv")),
    ]
    history = model.fit(
        x, y, batch_size=8, epochs=60, shuffle=False, validation_split=0.2, verbose=0, callbacks=callbacks
    )
    return {
        "history": {name: [float(value) for value in values] for name, values in sorted(history.history.items())},
        "epochs": list(history.epoch),
        "weights": [np.asarray(weight).tolist() for weight in model.get_weights()],
        "names": (folder / "log.csv").read_text().splitlines()[0],
    }


def keras_itself() -> Any:
    """Return Keras."""
    os.environ.setdefault("KERAS_BACKEND", "jax")
    import keras

    return keras


def record(folder: Path) -> dict[str, Any]:
    """Return what Keras does in all trials."""
    found = {}
    for each in TRIALS:
        place = folder / str(len(found))
        place.mkdir()
        found[each] = trial(keras_itself().callbacks, each, place)
    return found


if __name__ == "__main__":
    import tempfile

    with tempfile.TemporaryDirectory() as place:
        recorded = {"trials": record(Path(place)), "training": fitted(keras_itself(), Path(place))}
    parts = {name: json.dumps(item).replace('}, "', '},\n"') for name, item in recorded.items()}
    RECORDED.write_text("{\n" + ",\n".join(f"{json.dumps(name)}:\n{text}" for name, text in parts.items()) + "\n}\n")
    print(len(recorded["trials"]), "trials recorded", file=sys.stderr)
