"""An epoch of `fit`, with everything around the steps."""

from __future__ import annotations

from typing import Any

import numpy as np
from libraries import EAGER, FAST
from workload import Workload, one_hot, uniform


def fit(sizes: tuple[int, int, int] = (784, 128, 10), batch: int = 32, batches: int = 100) -> Workload:
    """The MLP, fitted on batches in their order, with its accuracy."""
    inputs, hidden, classes = sizes
    rng = np.random.default_rng(0)
    x = rng.normal(size=(batch * batches, inputs)).astype(np.float32)
    labels, _ = one_hot(rng, classes, batch * batches)
    starts = {
        "w": uniform(rng, inputs, hidden), "b": np.zeros(hidden, np.float32),
        "v": uniform(rng, hidden, classes), "c": np.zeros(classes, np.float32),
    }  # fmt: skip
    work = Workload(
        f"fit of the MLP {'-'.join(map(str, sizes))}, accuracy, batch {batch}", starts, units=batches, close=1e-2,
        aims={"Keras on jax": 1.0, "Keras on torch": 1.0}, without=(EAGER,), whole=True,
    )  # fmt: skip

    def fitted(model: Any, loss: Any, **options: Any) -> Any:
        model.compile("adam", loss, metrics=["accuracy"], **options)
        model.set_weights(list(starts.values()))

        def epoch() -> Any:
            return model.fit(x, labels, batch_size=batch, shuffle=False, verbose=0)

        return epoch, lambda history: [float(history.history["loss"][0])], lambda: None

    @work.spelling("numpy", "fit")
    def _(starts: Any, library: str) -> Any:
        import tinygraph as tg
        import tinygraph.keras

        model = tg.nn.Sequential([tg.nn.Dense(hidden, activation="relu"), tg.nn.Dense(classes)])
        model(x[:1])
        loss = tinygraph.keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        return fitted(model, loss, jit_compile=library == FAST)

    @work.spelling("keras", "fit")
    def _(starts: Any, library: str) -> Any:
        import keras

        model = keras.Sequential([keras.layers.Dense(hidden, activation="relu"), keras.layers.Dense(classes)])
        model.build(x.shape)
        return fitted(model, keras.losses.SparseCategoricalCrossentropy(from_logits=True))

    return work
