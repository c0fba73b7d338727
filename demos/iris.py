"""Three kinds of irises: one network in both of Keras's forms.

Four lengths in centimetres describe a flower: length and width of its sepals and of its petals. The network has three
hidden layers of 32 units and three probabilities, and is written here as Keras's tutorials write it, but for the import
line. A stack of layers is a `Sequential`:

    model = Sequential()
    model.add(Dense(32, input_shape=(4,), activation="relu"))

A graph of layers is a `Model` from its inputs to its outputs, each layer called on the result of another:

    inputs = Input((4,))
    x = Dense(32, activation="relu")(inputs)
    model = Model(inputs=[inputs], outputs=[outputs])

Both are the same network: given the weights of the first one, the second gives the same probabilities.

A third of the 150 flowers is kept for the test. It has 50 flowers, so that a single one is 2 %; the demo therefore
trains five times, with another seed and another third each time, and tells the mean. A training has 100 epochs of four
batches. `EarlyStopping` ends one sooner, once the loss of two epochs in a row was no lower by 0.0005 than the best one
before them.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import tinygraph as tg
from demos import plots
from demos.results import Results
from tinygraph import keras
from tinygraph.keras.callbacks import EarlyStopping
from tinygraph.keras.layers import Dense, Input
from tinygraph.keras.models import Model, Sequential

EPOCHS = 100
SEEDS = range(5)
Array = NDArray[Any]


def main(out: Path) -> Results:
    """Train both forms, print their accuracies, and draw the network, the losses and the flowers."""
    accuracies, seconds = [], []
    for seed in SEEDS:
        x_train, x_test, y_train, y_test = flowers(seed)
        keras.utils.set_random_seed(seed)
        model = sequential()
        started = time.process_time()
        seen = (x_test, y_test) if seed == SEEDS[-1] else None  # for the picture
        history = model.fit(x_train, y_train, epochs=EPOCHS, validation_data=seen, verbose=0)
        seconds.append(time.process_time() - started)
        accuracies.append(100 * model.evaluate(x_test, y_test, verbose=0)[1])
        print(f"seed {seed}   {accuracies[-1]:.0f} % of the test flowers right after {EPOCHS} epochs")
    print(f"mean     {np.mean(accuracies):.1f} %")
    model.summary()

    other = functional()
    other.set_weights(model.get_weights())
    apart = float(np.abs(other.predict(x_test, verbose=0) - model.predict(x_test, verbose=0)).max())
    print(f"the probabilities of the two forms with the same weights differ by {apart:.0e}")
    stopped = early(*flowers(0))
    print(f"EarlyStopping ended after {stopped[0]} epochs, with {stopped[1]:.0f} % of the test flowers right")

    lines = {"training": history.history["loss"], "test": history.history["val_loss"]}
    plots.curves(out / "iris_loss.png", lines, "epoch", "mean log loss", first=1)
    tg.draw(model(x_test[:1]), title="the network on one flower").save(out / "iris_network.svg")
    draw_flowers(out / "iris_flowers.png", model, x_test, y_test)
    return Results(
        {
            "accuracies": accuracies, "accuracy": float(np.mean(accuracies)), "seconds": seconds,
            "apart": apart, "early_epochs": stopped[0], "early_accuracy": stopped[1],
        },
        {
            "iris_network.svg": "The network on one flower: a card for each layer, and the shapes between them.",
            "iris_loss.png": "The loss of the flowers that were learned from, and of those kept for the test.",
            "iris_flowers.png": "The test flowers by their petals, coloured by kind. A cross marks a wrong answer: "
            "such flowers lie between two kinds.",
        },
    )  # fmt: skip


# --- the network in both forms ----------------------------------------------------------------------------------------


def sequential() -> Any:
    """Return the network as a stack of layers."""
    model = Sequential()
    model.add(Dense(32, input_shape=(4,), activation="relu"))
    model.add(Dense(32, activation="relu"))
    model.add(Dense(32, activation="relu"))
    model.add(Dense(3, activation="softmax"))
    model.compile(loss="categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
    return model


def functional() -> Any:
    """Return the network as a graph of layers."""
    inputs = Input((4,))
    x = Dense(32, activation="relu")(inputs)
    x = Dense(32, activation="relu")(x)
    x = Dense(32, activation="relu")(x)
    outputs = Dense(3, activation="softmax")(x)
    model = Model(inputs=[inputs], outputs=[outputs])
    model.compile(loss="categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
    return model


def early(x_train: Array, x_test: Array, y_train: Array, y_test: Array) -> tuple[int, float]:
    """Train with EarlyStopping, and return the number of epochs and the accuracy on the test flowers in percent."""
    keras.utils.set_random_seed(0)
    model = functional()
    stop = EarlyStopping(monitor="loss", min_delta=0.0005, patience=2)
    history = model.fit(x_train, y_train, epochs=EPOCHS, callbacks=[stop], verbose=0)
    return len(history.history["loss"]), 100 * model.evaluate(x_test, y_test, verbose=0)[1]


# --- the flowers ------------------------------------------------------------------------------------------------------


def flowers(seed: int) -> tuple[Array, Array, Array, Array]:
    """Return measurements to learn from and to test with, and then the kinds of both as rows of one 1."""
    from sklearn.datasets import load_iris
    from sklearn.model_selection import train_test_split

    x, y = load_iris(return_X_y=True)
    parts = train_test_split(x, keras.utils.to_categorical(y), test_size=1 / 3, random_state=seed, stratify=y)
    return parts[0], parts[1], parts[2], parts[3]


def draw_flowers(path: Path, model: Any, x: Array, y: Array) -> None:
    """Draw flowers by the length and width of their petals, with a cross over each wrong answer."""
    kinds, answers = y.argmax(axis=1), model.predict(x, verbose=0).argmax(axis=1)
    groups = {name: x[kinds == kind, 2:] for kind, name in enumerate(("setosa", "versicolor", "virginica"))}
    plots.points(path, groups, "petal length, cm", "petal width, cm", crossed=x[kinds != answers, 2:])
