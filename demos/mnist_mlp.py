"""A first network for digits, as Keras's tutorial for beginners writes it.

The text is the tutorial's, but for the import line: a hidden layer of 128 units, a fifth of them dropped out in each
step, and ten logits. The loss takes the digits themselves, not rows of zeros with a 1, and the logits, not their
softmax: it is finite however sure the network is.

    model = Sequential([Flatten(input_shape=(28, 28)), Dense(128, activation="relu"), Dropout(0.2), Dense(10)])
    model.compile("adam", SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    model.fit(x_train, y_train, epochs=5)

A network that has been trained is a layer of another one. `probability_model` puts a softmax after it, so that a call
gives probabilities. The two share their weights.

The demo `digits_mlp` is this network written out: its formulas, its loss and the loop of its training.

With mnist.npz in the data folder the demo trains on 60,000 pictures, and about 98 % of 10,000 others are read right.
Otherwise it uses scikit-learn's 1,797 small digits, enlarged, and takes more epochs.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np

import tinygraph as tg
from demos import plots
from demos.digits import Array, describe, draw_mistakes, load_data
from demos.results import Results
from tinygraph import keras
from tinygraph.keras.layers import Dense, Dropout, Flatten, Softmax


def main(out: Path, epochs: int | None = None, seed: int = 0) -> Results:
    """Train, print the accuracy on the test pictures, and draw the network, the errors and the mistakes."""
    keras.utils.set_random_seed(seed)
    (x_train, y_train), (x_test, y_test) = load_data()
    describe(x_train, x_test)
    x_train, x_test = x_train / 255.0, x_test / 255.0

    model = network(x_train.shape[1:])
    untrained = model(x_train[:1]).numpy()
    print(f"loss of the first picture before training {model.loss(y_train[:1], untrained).numpy():.2f}, of a guess "
          f"{np.log(10):.2f}")  # fmt: skip
    started = time.process_time()
    history = model.fit(
        x_train, y_train, epochs=epochs or (5 if len(x_train) > 10_000 else 15),
        validation_data=(x_test, y_test), verbose=2,
    )  # fmt: skip
    seconds = time.process_time() - started
    loss, accuracy = model.evaluate(x_test, y_test, verbose=0)
    print(f"{100 * accuracy:.2f} % of the test pictures right, after {seconds:.1f} s of processor time")

    probability_model = keras.Sequential([model, Softmax()])
    print("probabilities of the first test picture, in percent:", percent(probability_model(x_test[:1]).numpy()[0]))
    probabilities = probability_model.predict(x_test, verbose=0)

    lines = {
        name: percent_wrong(history.history[key]) for name, key in (("training", "accuracy"), ("test", "val_accuracy"))
    }
    plots.curves(out / "mnist_mlp_errors.png", lines, "epoch", "% of the pictures wrong", first=1)
    tg.draw(probability_model(x_test[:1]), title="probability_model on one picture").save(out / "mnist_mlp_network.svg")
    mistakes = draw_mistakes(out / "mnist_mlp_mistakes.png", x_test, y_test, probabilities)
    return Results(
        {
            "accuracy": 100 * accuracy, "loss": loss, "seconds": seconds, "mistakes": mistakes,
            "history": history.history, "sums": probabilities.sum(axis=1),
        },
        {
            "mnist_mlp_network.svg": "The trained network, and the softmax after it, on one picture. Dropout does "
            "nothing outside of training, and so is not in the graph.",
            "mnist_mlp_errors.png": "How many pictures the network gets wrong: those it learns from, with a fifth of "
            "the units dropped out, and those of the test, with all units.",
            "mnist_mlp_mistakes.png": "Test pictures that the network got wrong, the most confident mistakes first: "
            "its answer, its probability, and what the picture is labelled.",
        },
    )  # fmt: skip


def network(shape: tuple[int, ...]) -> Any:
    """Return the compiled network for pictures of a shape."""
    model = keras.Sequential([Flatten(input_shape=shape), Dense(128, activation="relu"), Dropout(0.2), Dense(10)])
    loss_fn = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer="adam", loss=loss_fn, metrics=["accuracy"])
    return model


def percent(shares: Array) -> str:
    """Return shares as whole percents in one line."""
    return " ".join(f"{100 * share:.0f}" for share in shares)


def percent_wrong(shares: list[float]) -> list[float]:
    """Return the percents that are wrong, for shares that are right."""
    return [100 * (1 - share) for share in shares]
