"""Checkpoints and backups: files of real models that are trained, and trainings that go on from them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import numpy as np
import pytest

import tinygraph as tg
from tinygraph import nn
from tinygraph.training import callbacks

pytest.importorskip("safetensors")

X = np.random.default_rng(0).normal(size=(64, 4)).astype(np.float32)
Y = (X.sum(axis=1) > 0).astype(np.int64)


@pytest.fixture(autouse=True)
def own_seed():
    yield
    nn.set_seed(None)


def model(seed=1):
    nn.set_seed(seed)
    made = nn.Sequential([nn.Dense(5, activation="tanh"), nn.Dropout(0.3), nn.Dense(2, activation="softmax")])
    made.compile(tg.optim.Adam(0.05), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return made


class Ending(callbacks.Callback):
    """Ends the training in an epoch, by an error, or as Ctrl-C does."""

    def __init__(self, epoch, by_signal=False):
        self.epoch, self.by_signal = epoch, by_signal

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == self.epoch:
            if not self.by_signal:
                raise RuntimeError("no more")
            os.kill(os.getpid(), signal.SIGINT)


def others():
    return [
        callbacks.ReduceLROnPlateau("val_loss", factor=0.5, patience=1),
        callbacks.EarlyStopping("val_loss", patience=6, restore_best_weights=True),
    ]


def fitted(made, *more, epochs=8):
    return made.fit(X, Y, epochs=epochs, batch_size=16, validation_split=0.25, callbacks=[*more, *others()], verbose=0)


ways = pytest.mark.parametrize(
    "by_signal",
    [False, pytest.param(True, marks=pytest.mark.skipif(sys.platform == "win32", reason="no such signal"))],
    ids=["error", "ctrl-c"],
)


@ways
def test_a_training_that_was_ended_goes_on_to_the_bit(tmp_path, by_signal):
    whole = model()
    expected = fitted(whole)
    backup = callbacks.BackupAndRestore(tmp_path / "backup")
    begun = model()
    if by_signal:
        assert fitted(begun, backup, Ending(3, by_signal)).interrupted
    else:
        with pytest.raises(RuntimeError):
            fitted(begun, backup, Ending(3))
    assert backup.path.exists()
    other = model(seed=2)  # as another process makes it
    history = fitted(other, callbacks.BackupAndRestore(tmp_path / "backup"))
    assert history.history == expected.history and history.epoch == expected.epoch
    assert all(map(np.array_equal, whole.get_weights(), other.get_weights()))
    assert not (tmp_path / "backup").exists()  # the training is complete


def test_a_backup_that_is_to_stay_stays_and_what_else_is_in_its_folder_does_anyway(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    fitted(model(), callbacks.BackupAndRestore(tmp_path), epochs=2)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]
    fitted(model(), callbacks.BackupAndRestore(tmp_path, delete_checkpoint=False), epochs=2)
    history = fitted(model(), callbacks.BackupAndRestore(tmp_path, delete_checkpoint=False), epochs=3)
    assert history.epoch == [0, 1, 2] and (tmp_path / "latest.safetensors").exists()


def test_a_backup_of_batches_has_the_weights_so_far(tmp_path):
    class Stop(callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if self.model.history.epoch == [0]:
                raise RuntimeError("no more")  # in the second epoch, before another backup
            self.after = self.model.get_weights()

    stop = Stop()
    with pytest.raises(RuntimeError):
        fitted(model(), callbacks.BackupAndRestore(tmp_path, save_freq=3), stop)
    seen = []
    look = callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs: seen.append((epoch, other.get_weights())))
    other = model(seed=2)
    fitted(other, callbacks.BackupAndRestore(tmp_path, save_freq=3), look, epochs=2)
    assert [epoch for epoch, _ in seen] == [0, 1]
    assert all(map(np.array_equal, seen[0][1], stop.after))  # after the three batches of the first epoch


@pytest.mark.parametrize("wrong", [{"backup_dir": ""}, {"backup_dir": "x", "save_freq": 0}])
def test_arguments_are_looked_at(wrong):
    with pytest.raises(ValueError, match="BackupAndRestore: "):
        callbacks.BackupAndRestore(**wrong)


def test_checkpoints_are_models_that_load(tmp_path):
    kept = []
    look = callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: kept.append(made.get_weights()))
    checkpoint = callbacks.ModelCheckpoint(tmp_path / "deep" / "{epoch:02d}-{val_loss:.2f}.safetensors")
    made = model()
    history = fitted(made, look, checkpoint, epochs=3).history
    names = [f"{epoch + 1:02d}-{loss:.2f}.safetensors" for epoch, loss in enumerate(history["val_loss"])]
    assert sorted(path.name for path in (tmp_path / "deep").iterdir()) == names
    for name, weights in zip(names, kept, strict=True):
        loaded = nn.load_model(tmp_path / "deep" / name)
        assert all(map(np.array_equal, weights, loaded.get_weights()))


def test_the_best_weights_alone(tmp_path):
    path = tmp_path / "best.weights.safetensors"
    best = callbacks.ModelCheckpoint(path, "loss", save_best_only=True, save_weights_only=True, verbose=0)
    kept = []
    look = callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: kept.append((logs["loss"], made.get_weights())))
    worse = callbacks.LearningRateScheduler(lambda epoch: 0.05 if epoch < 3 else 3.0)
    made = model()
    made.fit(X, Y, epochs=6, callbacks=[best, look, worse], verbose=0)
    other = model(seed=2)
    other.build((None, 4))
    other.load_weights(path)
    _, weights = min(kept, key=lambda pair: pair[0])
    assert all(map(np.array_equal, weights, other.get_weights()))


def test_a_checkpoint_of_the_training_is_one_to_go_on_from(tmp_path):
    path = tmp_path / "all.safetensors"
    expected = fitted(whole := model()).history
    begun = model()
    callback = callbacks.ModelCheckpoint(path, training=True)
    begun.fit(X, Y, epochs=3, batch_size=16, validation_split=0.25, callbacks=[*others(), callback], verbose=0)
    other = model(seed=2)
    history = other.fit(
        X, Y, epochs=8, batch_size=16, validation_split=0.25, callbacks=others(), verbose=0, resume_from=path
    )
    assert history.history == expected
    assert all(map(np.array_equal, whole.get_weights(), other.get_weights()))


def test_a_folder_and_a_name_that_is_not_there_are_errors(tmp_path):
    with pytest.raises(KeyError, match="'val_los' in it, and the logs have loss, accuracy"):
        model().fit(X, Y, callbacks=[callbacks.ModelCheckpoint(tmp_path / "{val_los}.safetensors")], verbose=0)
    with pytest.raises(ValueError, match=r"the path must end in \.safetensors or \.keras or \.py, got 'best\.h5'"):
        callbacks.ModelCheckpoint("best.h5")
    with pytest.raises(ValueError, match='save_freq must be "epoch" or a number of batches, got 0'):
        callbacks.ModelCheckpoint(tmp_path / "a.safetensors", save_freq=0)
    (tmp_path / "taken.safetensors").mkdir()
    with pytest.raises(OSError) as caught:
        model().fit(X, Y, callbacks=[callbacks.ModelCheckpoint(tmp_path / "taken.safetensors")], verbose=0)
    assert "ModelCheckpoint" in caught.value.__notes__[0]


PROGRAM = """
import hashlib, os, signal, sys
import numpy as np
import tinygraph as tg
from tinygraph.training import callbacks

folder, kills = sys.argv[1:]
x = np.random.default_rng(0).normal(size=(64, 4)).astype("float32")
y = (x.sum(axis=1) > 0).astype(int)

class Killed(callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        if kills == "yes" and len(self.model.history.epoch) == 2 and batch == 1:
            os.kill(os.getpid(), signal.SIGKILL)

tg.nn.set_seed(0)
model = tg.nn.Sequential([tg.nn.Dense(8, activation="relu"), tg.nn.Dropout(0.5), tg.nn.Dense(2, activation="softmax")])
model.compile("adam", "sparse_categorical_crossentropy")
history = model.fit(x, y, epochs=5, batch_size=16, callbacks=[callbacks.BackupAndRestore(folder), Killed()])
print(history.epoch, hashlib.sha256(b"".join(weight.tobytes() for weight in model.get_weights())).hexdigest())
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no such signal")
def test_a_process_that_is_killed_and_started_again_ends_as_one_that_was_not(tmp_path):
    def run(folder, kills):
        command = [sys.executable, "-c", PROGRAM, str(tmp_path / folder), kills]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    killed = run("backup", "yes")
    assert killed.returncode == -signal.SIGKILL and not killed.stdout
    again, whole = run("backup", "no"), run("other", "no")
    assert again.stdout == whole.stdout != "" and again.stdout.startswith("[0, 1, 2, 3, 4] ")


def test_the_curves_of_a_training_that_went_on_stand_at_their_epochs(tmp_path):
    options = {"validation_split": 0.25, "validation_freq": 2, "verbose": 0}
    checkpoint = callbacks.ModelCheckpoint(tmp_path / "all.safetensors", training=True)
    model().fit(X, Y, epochs=3, callbacks=[checkpoint], **options)
    history = model().fit(X, Y, epochs=6, resume_from=tmp_path / "all.safetensors", **options)
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("agg")
    training, validation = history.plot("loss").axes[0].lines
    assert list(training.get_xdata()) == [1, 2, 3, 4, 5, 6] and list(validation.get_xdata()) == [2, 4, 6]
