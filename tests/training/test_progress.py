"""The bar of a training: where it is shown, what is on it, and its cost."""

from __future__ import annotations

import contextlib
import io
import os
import re
import sys
import time
import types

import numpy as np
import pytest

import tinygraph as tg
from tinygraph.training import progress as of_progress
from tinygraph.training.callbacks import Callback, LambdaCallback
from tinygraph.training.callbacks.callback import CallbackList
from tinygraph.training.logs import telling
from tinygraph.training.progress import Progress, progress

X = np.random.default_rng(0).normal(size=(64, 4)).astype(np.float32)
Y = (X.sum(axis=1) > 0).astype(np.int64)


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self):
        return True

    def lines(self):
        """Return the lines as they look at the end."""
        return [line.split("\r")[-1].rstrip() for line in self.getvalue().split("\n")]


def in_a_terminal(run):
    """Return the terminal in which a function was run, which may fail."""
    made = Terminal()
    with contextlib.redirect_stdout(made), contextlib.suppress(RuntimeError):
        run()
    return made


@pytest.fixture
def at_each_look(monkeypatch):
    monkeypatch.setattr(of_progress, "SECONDS_BETWEEN", 0.0)


def model():
    tg.nn.set_seed(1)
    made = tg.nn.Sequential([tg.nn.Dense(2, activation="softmax")])
    made.compile(loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return made


def test_nothing_is_shown_where_nobody_watches(capsys):
    made = model()
    made.fit(X, Y, validation_split=0.5)
    made.evaluate(X, Y)
    made.predict(X)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("verbose", [1, 2])
def test_a_line_an_epoch_where_lines_cannot_be_written_over(capsys, verbose):
    made = model()
    history = made.fit(X, Y, epochs=3, validation_split=0.5, verbose=verbose).history
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    for number, line in enumerate(lines):
        assert re.match(rf"Epoch {number + 1}/3 1/1, [\d.]+ s  [\d.]+ (ms|µs|s)/step  loss ", line)
        assert f"loss {history['loss'][number]:.4f}  accuracy {history['accuracy'][number]:.4f}  val_loss" in line
        assert line.endswith(f"val_accuracy {history['val_accuracy'][number]:.4f}")
    made.evaluate(X, Y, verbose=verbose)
    made.predict(X, verbose=verbose)
    evaluated, predicted = capsys.readouterr().out.splitlines()
    assert evaluated.startswith("Evaluate 2/2, ") and predicted.startswith("Predict 2/2, ")


@pytest.mark.parametrize("has_tqdm", [True, False])
def test_a_bar_in_a_terminal(at_each_look, monkeypatch, has_tqdm):
    if has_tqdm:
        pytest.importorskip("tqdm")
    else:
        monkeypatch.setitem(sys.modules, "tqdm", None)
    terminal = in_a_terminal(lambda: model().fit(X, Y, epochs=2, batch_size=16, validation_split=0.5))
    lines = terminal.lines()
    assert len(lines) == 3 and lines[-1] == ""
    bar = "██████████ " if has_tqdm else ""
    for number, line in enumerate(lines[:2]):
        assert line.startswith(f"Epoch {number + 1}/2 {bar}2/2, ") and "val_accuracy 0." in line
    assert " s left" in terminal.getvalue()


@pytest.mark.parametrize("bases", [(), (type("ZMQInteractiveShell", (), {}),)], ids=["jupyter", "colab"])
def test_a_bar_in_a_notebook(monkeypatch, at_each_look, bases):
    shell = type("Shell" if bases else "ZMQInteractiveShell", bases, {})()
    monkeypatch.setitem(sys.modules, "IPython", types.SimpleNamespace(get_ipython=lambda: shell))
    monkeypatch.setattr(Terminal, "isatty", lambda self: False)
    assert in_a_terminal(lambda: model().fit(X, Y)).lines()[0].startswith("Epoch 1/1 ")


def test_the_number_of_steps_of_a_generator_is_known_when_it_has_ended(at_each_look):
    def batches():
        for place in range(0, 64, 16):
            yield X[place : place + 16], Y[place : place + 16]

    terminal = in_a_terminal(lambda: model().fit(batches()))
    assert re.match(r"Epoch 1/1 \S* ?4/4, ", terminal.lines()[0]) and "3/?" in terminal.getvalue()


def test_short_epochs_share_a_line(monkeypatch):
    monkeypatch.setattr(of_progress, "SECONDS_BETWEEN", 1e9)
    lines = in_a_terminal(lambda: model().fit(X, Y, epochs=50)).lines()
    assert len(lines) == 2 and lines[0].startswith("Epoch 50/50 ")


def test_predict_is_shown_where_it_takes_a_while_or_where_one_asks():
    made = model()
    made.fit(X, Y)
    assert in_a_terminal(lambda: made.predict(X)).getvalue() == ""
    assert in_a_terminal(lambda: made.predict(X, verbose=1)).lines()[0].startswith("Predict ")
    assert in_a_terminal(lambda: made.predict(X[:1], verbose=1)).lines()[0].startswith("Predict ")
    slow = LambdaCallback(on_predict_batch_begin=lambda batch, logs: time.sleep(0.06))
    assert in_a_terminal(lambda: made.predict(X, batch_size=16, callbacks=slow)).lines()[0].startswith("Predict ")


def test_an_error_after_a_short_epoch_shows_the_results_of_that_epoch(monkeypatch):
    class Failing(Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 2:
                raise RuntimeError("no more")

    monkeypatch.setattr(of_progress, "SECONDS_BETWEEN", 1e9)
    made = model()
    (line, _) = in_a_terminal(lambda: made.fit(X, Y, epochs=5, callbacks=[Failing()])).lines()
    assert line.startswith("Epoch 2/5 ") and f"loss {made.history.history['loss'][1]:.4f}" in line


def test_the_time_of_a_step_is_without_the_first_and_without_the_validation(capsys):
    slow = LambdaCallback(
        on_train_batch_begin=lambda batch, logs: time.sleep(0.3 if batch == 0 else 0.01),
        on_test_begin=lambda logs: time.sleep(0.3),
    )
    made = model()
    made.fit(X, Y, validation_split=0.5)
    made.fit(X, Y, batch_size=8, validation_split=0.5, callbacks=[slow], verbose=2)
    whole, step = re.search(r"([\d.]+) s  ([\d.]+) ms/step", capsys.readouterr().out).groups()
    assert float(whole) >= 0.6 and 10 <= float(step) < 100


def test_an_error_ends_the_line(at_each_look):
    class Failing(Callback):
        def on_train_batch_end(self, batch, logs=None):
            raise RuntimeError("no more")

    lines = in_a_terminal(lambda: model().fit(X, Y, callbacks=[Failing()])).lines()
    assert len(lines) == 2 and lines[0].startswith("Epoch 1/1 ") and not lines[1]


@pytest.mark.parametrize("verbose", ["loud", 3, -1, None])
def test_another_verbose_is_refused(verbose):
    with pytest.raises(ValueError, match='fit: verbose must be "auto", 0, 1 or 2'):
        model().fit(X, Y, verbose=verbose)


def test_a_process_without_an_output_is_silent(monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)
    assert progress("auto") is None


def test_arrays_among_the_results_are_shown_by_their_shape(capsys):
    made = tg.nn.Sequential([tg.nn.Dense(2, activation="softmax")])
    made.compile(loss="categorical_crossentropy", metrics=["f1_score"])
    made.fit(X, np.eye(2)[Y], verbose=2)
    assert "f1_score array of shape (2,)" in capsys.readouterr().out


def test_results_are_reckoned_only_when_the_clock_says_so(monkeypatch):
    asked = []

    class Recipe:
        def names(self):
            return ["loss"]

        def logs(self):
            asked.append(1)
            return {"loss": 0.5}

    clock = iter(np.arange(0, 1000, 0.0003))  # a step of 0.3 ms
    monkeypatch.setattr(of_progress.time, "perf_counter", lambda: float(next(clock)))
    bar = Progress()
    called = CallbackList([bar], None, {"epochs": 1, "steps": 1000})
    bar.on_epoch_begin(0, {})
    tell = telling(called.at("on_train_batch_end"), Recipe())
    in_a_terminal(lambda: [tell(batch) for batch in range(1000)])
    monkeypatch.undo()
    assert 2 <= len(asked) <= 4  # 0.3 s


@pytest.mark.skipif(os.environ.get("CI") is not None, reason="a time is measured")
def test_a_step_costs_little_more_with_a_bar():
    bar = Progress()
    called = CallbackList([bar], None, {"epochs": 1, "steps": 10**6})
    tell = telling(called.at("on_train_batch_end"), types.SimpleNamespace(names=list, logs=dict))
    best = 1.0
    for _ in range(20):
        bar.on_epoch_begin(0, {})
        begun = time.perf_counter()
        in_a_terminal(lambda: [tell(batch) for batch in range(1000)])
        best = min(best, (time.perf_counter() - begun) / 1000)
    assert best < 6e-6  # 1.5 µs were measured, where 1 % of a step of 0.3 ms is 3


def test_a_callback_may_print_between_bars(at_each_look):
    said = LambdaCallback(on_epoch_end=lambda epoch, logs: print("said", epoch))
    lines = in_a_terminal(lambda: model().fit(X, Y, epochs=2, callbacks=[said])).lines()
    assert [line.partition(" ")[0] for line in lines] == ["Epoch", "said", "Epoch", "said", ""]


def test_a_terminal_without_a_size_shows_the_whole_line(monkeypatch):
    pytest.importorskip("tqdm")
    pty = pytest.importorskip("pty")
    reading, writing = pty.openpty()
    with os.fdopen(writing, "w") as terminal:
        monkeypatch.setattr(sys, "stdout", terminal)
        bar = of_progress.Bar()
        bar.show("Epoch 1/3", 3, 3, "loss 0.1", last=True)
        bar.end()
        terminal.flush()
        shown = os.read(reading, 10_000).decode()
    os.close(reading)
    assert "Epoch 1/3" in shown and "3/3, loss 0.1" in shown
