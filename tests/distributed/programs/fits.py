"""Fit on all ranks, or without: fits.py ROWS BATCH alone|shared compiled|eager. Rank 0 prints the history."""

import json
import sys

import numpy as np

import tinygraph as tg
from tinygraph.training.callbacks import CSVLogger, EarlyStopping

rows, batch, mode, how = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4]
comm = tg.distributed.mpi() if mode == "shared" else None
rank = 0 if comm is None else comm.rank
rng = np.random.default_rng(0)
x = rng.normal(size=(rows, 5))
y = (x[:, 0] > 0).astype(int) + (x[:, 1] > 0.5)

tg.nn.set_seed(rank)  # distribute gives all ranks the weights and orders of rank 0
l2 = tg.nn.regularizers.L2(0.01)
model = tg.nn.Sequential([
    tg.nn.Input((5,), dtype="float64"),
    tg.nn.Dense(8, activation="tanh", kernel_regularizer=l2, dtype="float64"),
    tg.nn.Dense(3, activation="softmax", dtype="float64"),
])  # fmt: skip
model.compile(tg.optim.Adam(0.02), "sparse_categorical_crossentropy", metrics=["accuracy"], run_eagerly=how == "eager")
keywords = {} if comm is None else {"distribute": comm}
callbacks = [EarlyStopping("loss", patience=50)]
if len(sys.argv) > 5:
    callbacks.append(CSVLogger(sys.argv[5]))
weights = {0: 1.0, 1: 2.0, 2: 0.5}
history = model.fit(
    x, y, batch_size=batch, epochs=4, class_weight=weights, validation_data=(x[:7], y[:7]), verbose=2,
    callbacks=callbacks, **keywords,
)  # fmt: skip
if comm is not None:
    mine = np.concatenate([weight.ravel() for weight in model.get_weights()])
    np.testing.assert_allclose(tg.distributed.total(mine, comm), comm.size * mine, rtol=1e-13)
if rank == 0:
    print(json.dumps(history.history))
