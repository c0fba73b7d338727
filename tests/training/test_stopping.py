"""Ctrl-C during `fit`, sent to a process as the terminal sends it."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

PROGRAM = """
import sys, time
import numpy as np
import tinygraph as tg
from tinygraph.training import callbacks

x = np.random.default_rng(0).normal(size=(64, 4)).astype("float32")
y = (x.sum(axis=1) > 0).astype(int)
tg.nn.set_seed(0)
model = tg.nn.Sequential([tg.nn.Dense(2, activation="softmax")])
model.compile("adam", "sparse_categorical_crossentropy")
model.fit(x, y)
before = model.get_weights()
ended = []

class Slow(callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        if batch == 2 and len(model.history.epoch) == 1:
            print("ready", flush=True)
        time.sleep(0.02)
    def on_train_end(self, logs=None):
        ended.append(True)

history = model.fit(x, y, batch_size=4, epochs=1000, callbacks=[Slow()])
after = model.get_weights()
print("interrupted", history.interrupted, len(history.epoch), len(history.history["loss"]), ended)
steps = int(model.optimizer.iterations.item())
print("moved", not np.array_equal(before[0], after[0]), model.history is history, steps)
again = model.fit(x, y, epochs=2)
print("again", again.interrupted, len(again.epoch), model.stop_training)
signal = __import__("signal")
assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
try:
    print("waiting", flush=True)
    time.sleep(60)
except KeyboardInterrupt:
    print("a later one is Python's")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="a process there is not sent Ctrl-C alone")
def test_ctrl_c_ends_a_training_and_keeps_the_weights_so_far():
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGINT)
        assert process.stdout.readline() == "interrupted True 1 1 [True]\n"
        moved = process.stdout.readline().split()
        assert moved[:3] == ["moved", "True", "True"] and 2 + 16 + 3 <= int(moved[3]) < 2 + 32
        assert process.stdout.readline() == "again False 2 False\n"
        assert process.stdout.readline() == "waiting\n"
        process.send_signal(signal.SIGINT)
        rest, errors = process.communicate(timeout=60)
    assert rest == "a later one is Python's\n" and not errors and not process.returncode
