"""The refusals of `fit` on several ranks, tried on one. The program prints "true"."""

import numpy as np
import pytest

import tinygraph as tg
from tinygraph.training.callbacks import BackupAndRestore
from tinygraph.training.losses import SparseCategoricalCrossentropy

comm = tg.distributed.mpi()
x, y = np.ones((8, 3), np.float32), np.arange(8) % 2


def network(loss):
    model = tg.nn.Sequential([tg.nn.Input((3,)), tg.nn.Dense(2, activation="softmax")])
    model.compile("sgd", loss)
    return model


for loss in (SparseCategoricalCrossentropy(reduction="sum"), SparseCategoricalCrossentropy(ignore_class=0)):
    with pytest.raises(ValueError, match="needs a loss that is a mean over rows"):
        network(loss).fit(x, y, distribute=comm)
model = network("sparse_categorical_crossentropy")
with pytest.raises(ValueError, match="distribute= needs arrays"):
    model.fit(tg.data.batches(x, y, size=4), distribute=comm)
with pytest.raises(tg.UnsupportedError, match="BackupAndRestore does not go on"):
    model.fit(x, y, callbacks=[BackupAndRestore("there")], distribute=comm)
with pytest.raises(ValueError, match="resume_from= and distribute= do not go together"):
    model.fit(x, y, resume_from="there", distribute=comm)
with pytest.raises(TypeError, match=r"distribute= must be what tg\.distributed\.mpi\(\) returns, got bool"):
    model.fit(x, y, distribute=True)

words = tg.nn.Sequential([
    tg.nn.Input((4,), dtype="int32"), tg.nn.Embedding(5, 3, mask_zero=True), tg.nn.Dense(2, activation="softmax"),
])  # fmt: skip
words.compile("sgd", "sparse_categorical_crossentropy", run_eagerly=True)
with pytest.raises(tg.UnsupportedError, match="a mask leaves out"):
    words.fit(np.ones((8, 4), int), np.ones((8, 4), int), distribute=comm)
print("true")
