"""Steps of Keras: `train_on_batch` of a model with the same weights."""

from __future__ import annotations

from typing import Any

import keras
from ways import Way
from workload import Adam, Spelling, Workload


def step(library: str, work: Workload, spelling: Spelling) -> Way:
    """A step of one model; with it come its weights in the order of its layers, and a loss if it is another one."""
    model, starts, *loss = spelling.build(keras, work.starts)
    kind = work.optimizer
    optimizer = keras.optimizers.Adam(kind.rate) if isinstance(kind, Adam) else keras.optimizers.SGD(kind.rate)
    model.compile(optimizer, loss[0] if loss else keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    x, y = spelling.arrays
    model.build(x.shape)
    optimizer.build(model.trainable_variables)

    def restart() -> None:
        model.set_weights(starts)
        for variable in optimizer.variables:
            if variable is not optimizer._learning_rate:
                variable.assign(variable.value * 0)

    def check(loss: Any) -> list[float]:
        model.reset_metrics()  # the loss that Keras returns is the mean since the last reset
        return [float(loss)]

    return Way(lambda: model.train_on_batch(x, y), check, restart)
