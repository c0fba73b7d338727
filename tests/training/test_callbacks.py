"""Callbacks: what Keras's do over the same training, and what they do to a model that is really trained."""

from __future__ import annotations

import copy
import json
import math
import sys

import numpy as np
import pytest

import tinygraph as tg
from tests.training import as_keras_calls
from tinygraph.training import callbacks

X = np.random.default_rng(0).normal(size=(64, 4)).astype(np.float32)
Y = (X.sum(axis=1) > 0).astype(np.int64)


def model(optimizer="sgd", loss="sparse_categorical_crossentropy", **options):
    tg.nn.set_seed(1)
    made = tg.nn.Sequential([tg.nn.Dense(5, activation="tanh"), tg.nn.Dense(2, activation="softmax")])
    made.compile(optimizer=optimizer, loss=loss, metrics=["accuracy"], **options)
    return made


# --- beside Keras -----------------------------------------------------------------------------------------------------


def equal(a, b):
    """Return whether two results are the same; NaN equals itself, and rates agree to 1e-6 of float32."""
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(equal(a[key], b[key]) for key in a)
    if isinstance(a, list):
        return len(a) == len(b) and all(map(equal, a, b))
    return math.isclose(a, b, rel_tol=1e-6) or a != a != b if isinstance(a, float) else a == b


@pytest.mark.parametrize("name", sorted(as_keras_calls.TRIALS))
def test_a_callback_does_what_keras_does(name, tmp_path):
    ours = as_keras_calls.trial(callbacks, name, tmp_path)
    recorded = json.loads(as_keras_calls.RECORDED.read_text())["trials"][name]
    assert equal(ours, recorded), (ours, recorded)


@pytest.mark.parametrize("name", sorted(as_keras_calls.TRIALS))
def test_the_records_are_what_keras_does(name, tmp_path):
    pytest.importorskip("keras", reason="keras is not installed; the test above has its results")
    theirs = as_keras_calls.trial(as_keras_calls.keras_itself().callbacks, name, tmp_path)
    assert equal(theirs, json.loads(as_keras_calls.RECORDED.read_text())["trials"][name])


def test_the_records_are_of_these_trials():
    assert json.loads(as_keras_calls.RECORDED.read_text())["trials"].keys() == as_keras_calls.TRIALS.keys()


def test_a_training_with_callbacks_is_keras(tmp_path):
    ours = as_keras_calls.fitted(tg.keras, tmp_path)
    recorded = json.loads(as_keras_calls.RECORDED.read_text())["training"]
    assert ours["epochs"] == recorded["epochs"] and len(ours["epochs"]) < 60
    assert ours["names"] == recorded["names"]
    assert ours["history"].keys() == recorded["history"].keys()
    for name, values in recorded["history"].items():
        np.testing.assert_allclose(ours["history"][name], values, rtol=1e-5, atol=1e-7, err_msg=name)
    for weight, other in zip(ours["weights"], recorded["weights"], strict=True):
        np.testing.assert_allclose(weight, other, rtol=1e-5)


# --- in a training ----------------------------------------------------------------------------------------------------


def test_the_rate_of_a_callback_holds_in_the_compiled_step_without_another_program():
    halved = callbacks.LearningRateScheduler(lambda epoch, rate: rate / 2)
    trained = model(tg.optim.SGD(0.8))
    history = trained.fit(X, Y, epochs=4, callbacks=[halved], verbose=0)
    assert history.history["learning_rate"] == pytest.approx([0.4, 0.2, 0.1, 0.05])
    assert len(trained._state.steps.train.signatures) == 1
    eager = model(tg.optim.SGD(0.8), run_eagerly=True)
    eager.fit(X, Y, epochs=4, callbacks=[halved], verbose=0)
    for ours, other in zip(trained.get_weights(), eager.get_weights(), strict=True):
        np.testing.assert_allclose(ours, other, rtol=1e-6, atol=1e-7)


def test_a_rate_of_zero_keeps_the_weights():
    trained = model(tg.optim.Adam(0.1))
    trained.fit(X, Y, verbose=0)
    before = trained.get_weights()
    trained.fit(X, Y, verbose=0, callbacks=[callbacks.LearningRateScheduler(lambda epoch: 0.0)])
    assert all(map(np.array_equal, before, trained.get_weights()))


def test_a_schedule_must_return_a_float():
    with pytest.raises(TypeError, match="must return a float, got None for epoch 0") as caught:
        model().fit(X, Y, verbose=0, callbacks=[callbacks.LearningRateScheduler(lambda epoch: None)])
    assert "raised by the callback LearningRateScheduler, in its on_epoch_begin" in caught.value.__notes__


def test_a_plateau_of_a_schedule_is_refused():
    trained = model(tg.optim.SGD(lambda steps: 0.1))
    with pytest.raises(TypeError, match="is a schedule already"):
        trained.fit(X, Y, verbose=0, callbacks=[callbacks.ReduceLROnPlateau("loss")])


def test_the_best_weights_come_back_and_the_compiled_step_goes_on_from_them():
    seen = []
    best = callbacks.EarlyStopping("loss", patience=2, restore_best_weights=True)
    keep = callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append((logs["loss"], trained.get_weights())))
    worse = callbacks.LearningRateScheduler(lambda epoch: 0.1 if epoch < 3 else 50.0)
    trained = model(tg.optim.SGD(0.1))
    history = trained.fit(X, Y, epochs=20, batch_size=16, callbacks=[worse, best, keep], verbose=0)
    assert len(history.epoch) == best.best_epoch + 3 == len(seen)
    weights = min(seen, key=lambda pair: pair[0])[1]
    assert all(map(np.array_equal, weights, trained.get_weights()))
    trained.optimizer.learning_rate = 0.0
    trained.fit(X, Y, verbose=0)
    assert all(map(np.array_equal, weights, trained.get_weights()))


@pytest.mark.parametrize(
    ("metric", "sign"), [("accuracy", 1), ("mse", -1), ("AUC", 1), ("mean_absolute_error", -1), ("precision", 1)]
)
def test_auto_knows_the_better_end(metric, sign):
    made = tg.nn.Sequential([tg.nn.Dense(1, activation="sigmoid")])
    made.compile(loss="binary_crossentropy", metrics=[metric])
    stopping = callbacks.EarlyStopping(f"val_{metric}")
    made.fit(X, Y, validation_split=0.5, verbose=0, callbacks=[stopping])
    assert stopping.sign() == sign


def test_auto_asks_where_nothing_tells():
    def own(y_true, y_pred):
        return y_pred[:, 0]

    made = model()
    made.compile(loss="sparse_categorical_crossentropy", metrics=[own])
    with pytest.raises(ValueError, match="monitor='own' does not tell which end is better"):
        made.fit(X, Y, epochs=2, verbose=0, callbacks=[callbacks.EarlyStopping("own")])
    with pytest.raises(ValueError, match='mode must be "auto", "min" or "max", got \'up\''):
        callbacks.EarlyStopping("own", mode="up")
    made.metrics[1].direction = "up"
    stopping = callbacks.EarlyStopping("own")
    made.fit(X, Y, epochs=2, verbose=0, callbacks=[stopping])
    assert stopping.sign() == 1


def test_a_number_that_is_not_there_is_a_warning_at_the_users_line():
    with pytest.warns(UserWarning, match="'val_loss', which is not among loss, accuracy") as given:
        model().fit(X, Y, verbose=0, callbacks=[callbacks.EarlyStopping()])
    assert given[0].filename == __file__


# --- logs of batches --------------------------------------------------------------------------------------------------


def test_logs_of_batches_are_the_results_so_far_at_that_time():
    kept = []

    class Keep(callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            kept.append(logs)

    looked = []
    look = callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: looked.append(dict(logs)))
    model().fit(X, Y, batch_size=16, callbacks=[Keep()], verbose=0)
    model().fit(X, Y, batch_size=16, callbacks=[look], verbose=0)
    assert kept == looked and len(kept) == 4
    assert kept[0]["loss"] != kept[3]["loss"]


@pytest.mark.parametrize(
    "look",
    [
        dict, lambda logs: {**logs}, lambda logs: logs.copy(), lambda logs: logs | {}, lambda logs: {} | logs,
        lambda logs: json.loads(json.dumps(logs)), lambda logs: dict(logs.items()), lambda logs: eval(repr(logs)),
        lambda logs: (lambda **given: given)(**logs), lambda logs: {name: logs[name] for name in logs},
        lambda logs: dict(zip(logs.keys(), logs.values(), strict=True)), lambda logs: logs if logs else None,
        lambda logs: {name: logs.get(name) for name in ("loss", "accuracy")}, lambda logs: copy.copy(logs),
        lambda logs: {name: logs.pop(name) for name in ("loss", "accuracy")},
    ],
)  # fmt: skip
def test_logs_of_batches_are_a_dict_however_one_looks(look):
    found = []
    call = callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: found.append(look(logs)))
    history = model().fit(X, Y, batch_size=64, callbacks=[call], verbose=0).history
    assert found == [{name: values[0] for name, values in history.items()}]


def test_logs_that_nobody_looks_at_are_not_reckoned(monkeypatch):
    from tinygraph.training.recipe import Recipe

    asked = []
    monkeypatch.setattr(Recipe, "logs", lambda self: asked.append("all") or {"loss": 0.0})
    monkeypatch.setattr(Recipe, "result", lambda self, name: asked.append(name) or 0.0)
    deaf = callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: None)
    model().fit(X, Y, batch_size=16, callbacks=[deaf], verbose=0)
    assert asked == ["all"]
    asked.clear()
    model().fit(X, Y, batch_size=16, callbacks=[callbacks.TerminateOnNaN()], verbose=0)
    assert asked == ["loss"] * 4 + ["all"]


def test_logs_do_not_have_what_is_no_metric():
    with pytest.raises(KeyError, match="val_loss"):
        call = callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: logs["val_loss"])
        model().fit(X, Y, callbacks=[call], verbose=0)


# --- callbacks of the user's ------------------------------------------------------------------------------------------


def noting():
    """Return a callback with all methods, and the list of its calls."""
    called = []
    names = [name for name in dir(callbacks.Callback) if name.startswith("on_") and name != "on_exit"]
    names = [name for name in names if not name.startswith("on_batch")]
    members = {name: (lambda name: lambda self, *args: called.append((name, *args[:-1])))(name) for name in names}
    return type("Noting", (callbacks.Callback,), members)(), called


def test_the_moments_of_a_training_come_in_keras_order():
    callback, called = noting()
    model().fit(X[:32], Y[:32], batch_size=16, validation_split=0.5, callbacks=[callback], verbose=0)
    assert called == [
        ("on_train_begin",), ("on_epoch_begin", 0), ("on_train_batch_begin", 0), ("on_train_batch_end", 0),
        ("on_test_begin",), ("on_test_batch_begin", 0), ("on_test_batch_end", 0), ("on_test_end",),
        ("on_epoch_end", 0), ("on_train_end",),
    ]  # fmt: skip


def test_evaluate_and_predict_have_moments_of_their_own():
    callback, called = noting()
    made = model()
    made.evaluate(X, Y, batch_size=32, callbacks=callback, verbose=0)
    made.predict(X, batch_size=32, callbacks=[callback])
    assert called == [
        ("on_test_begin",), ("on_test_batch_begin", 0), ("on_test_batch_end", 0), ("on_test_batch_begin", 1),
        ("on_test_batch_end", 1), ("on_test_end",), ("on_predict_begin",), ("on_predict_batch_begin", 0),
        ("on_predict_batch_end", 0), ("on_predict_batch_begin", 1), ("on_predict_batch_end", 1), ("on_predict_end",),
    ]  # fmt: skip


def test_the_old_names_of_moments_are_called():
    found = []

    class Old(callbacks.Callback):
        def on_batch_end(self, batch, logs=None):
            found.append((batch, logs["loss"]))

    model().fit(X, Y, callbacks=[Old()], verbose=0)
    assert [batch for batch, _ in found] == [0, 1]


def test_a_callback_that_raises_is_named_and_leaves_a_model_that_trains_on():
    class Failing(callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if batch == 1:
                raise RuntimeError("no more")

    trained, twin = model("adam"), model("adam")
    with pytest.raises(RuntimeError, match="no more") as caught:
        trained.fit(X, Y, callbacks=[Failing()], verbose=0, shuffle=False)
    assert caught.value.__notes__ == ["raised by the callback Failing, in its on_train_batch_end"]
    twin.fit(X, Y, verbose=0, shuffle=False)
    assert not trained.stop_training
    history, other = (each.fit(X, Y, epochs=2, verbose=0, shuffle=False).history for each in (trained, twin))
    assert history == other
    assert all(map(np.array_equal, trained.get_weights(), twin.get_weights()))


def test_what_is_no_callback_is_refused():
    with pytest.raises(TypeError, match=r"is no callback. Derive its class from tg\.training\.callbacks\.Callback"):
        model().fit(X, Y, callbacks=[print], verbose=0)
    with pytest.raises(TypeError, match="there is no moment 'on_epoch_ends'"):
        callbacks.LambdaCallback(on_epoch_ends=print)


def test_a_callback_may_use_the_model():
    found = []

    class Using(callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            found.append((self.model.evaluate(X, Y, verbose=0)[0], self.model.predict(X[:3]).shape))

    used, twin = model("adam"), model("adam")
    history = used.fit(X, Y, epochs=3, validation_data=(X, Y), callbacks=[Using()], verbose=0).history
    assert [loss for loss, _ in found] == history["val_loss"] and found[0][1] == (3, 2)
    assert twin.fit(X, Y, epochs=3, validation_data=(X, Y), verbose=0).history == history


def test_stop_training_after_a_batch():
    steps = []

    class Stop(callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            steps.append(batch)
            self.model.stop_training = batch == 1

    history = model().fit(X, Y, batch_size=8, epochs=3, callbacks=[Stop()], verbose=0)
    assert steps == [0, 1] and history.epoch == [0]


def test_on_exit_is_called_after_an_error_too():
    found = []

    class Closing(callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            raise RuntimeError("no more")

        def on_train_end(self, logs=None):
            found.append("end")

        def on_exit(self):
            found.append("exit")

    with pytest.raises(RuntimeError):
        model().fit(X, Y, callbacks=[Closing()], verbose=0)
    assert found == ["exit"]


def test_a_history_of_the_users_is_the_one_that_is_returned():
    mine = callbacks.History()
    trained = model()
    assert trained.history is None
    assert trained.fit(X, Y, callbacks=[mine], verbose=0) is mine is trained.history
    trained.fit(X, Y, callbacks=[mine], verbose=0, initial_epoch=1, epochs=2)
    assert mine.epoch == [0, 1] and len(mine.history["loss"]) == 2


# --- NaN --------------------------------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:.*encountered")
def test_a_nan_ends_the_training_with_an_error_and_the_weights_before_the_epoch():
    trained = model("adam")
    trained.fit(X, Y, verbose=0)
    before, state = trained.get_weights(), trained.optimizer.state_dict()
    rate = callbacks.LearningRateScheduler(lambda epoch: 1e-3 if epoch == 1 else 1e300)
    blown = callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: trained.weights[0].assign(math.nan))
    with pytest.raises(FloatingPointError, match=r"the loss of epoch 2 is nan. The weights are those before"):
        trained.fit(X, Y, epochs=3, initial_epoch=1, verbose=0, callbacks=[blown, rate])
    assert all(map(np.array_equal, before, trained.get_weights()))
    after = trained.optimizer.state_dict()
    assert all(np.array_equal(state[name], after[name]) for name in state if name != "learning_rate")
    trained.fit(X, Y, verbose=0)


@pytest.mark.filterwarnings("ignore:.*encountered")
def test_terminate_on_nan_stops_at_once_and_without_an_error(capsys):
    steps = []
    trained = model()

    def blow(batch, logs):
        steps.append(batch)
        if batch == 1:
            trained.weights[0].assign(math.nan)

    ends = callbacks.TerminateOnNaN()
    call = callbacks.LambdaCallback(on_train_batch_end=blow)
    history = trained.fit(X, Y, batch_size=8, epochs=3, callbacks=[call, ends], verbose=0)
    assert steps == [0, 1, 2] and len(history.epoch) == 1
    assert math.isnan(history.history["loss"][0]) and np.isnan(trained.get_weights()[0]).all()
    assert capsys.readouterr().out == "Batch 2: Invalid loss, terminating training\n"


@pytest.mark.filterwarnings("ignore:.*encountered")
def test_terminate_on_nan_may_raise():
    trained = model()
    trained.build((None, 4))
    trained.weights[0].assign(math.inf)
    with pytest.raises(RuntimeError, match="the loss became nan at batch 0"):
        trained.fit(X, Y, callbacks=[callbacks.TerminateOnNaN(raise_error=True)], verbose=0)


def test_a_class_in_the_place_of_a_callback_is_told_to_be_called():
    model = tg.nn.Sequential([tg.nn.Dense(1)])
    model.compile("adam", "mse")
    with pytest.raises(TypeError, match=r"is no callback\. Write EarlyStopping\(\)$"):
        model.fit(np.ones((4, 2)), np.ones(4), callbacks=[callbacks.EarlyStopping])


@pytest.mark.parametrize(
    "make",
    [
        lambda: callbacks.ModelCheckpoint("model.safetensors"),
        lambda: callbacks.BackupAndRestore("backup"),
    ],
)
def test_a_callback_that_saves_misses_safetensors_before_the_training(make, monkeypatch):
    monkeypatch.setitem(sys.modules, "safetensors", None)
    monkeypatch.setitem(sys.modules, "safetensors.numpy", None)
    with pytest.raises(ImportError, match=r"(ModelCheckpoint|BackupAndRestore) needs safetensors.*tinygraph\[save\]"):
        make()
    callbacks.ModelCheckpoint("model.py")
    with pytest.raises(FileNotFoundError, match="there is no file"):
        tg.export.load_arrays("nowhere.safetensors")
