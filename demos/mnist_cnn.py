"""A convolutional network for digits: the tutorial's training as it stands, and one that is done in a quarter of it.

The first part is Keras's example of a simple convnet, but for the import line: two convolutions of 3 × 3 pixels with 32
and 64 filters, each followed by a pooling that keeps the largest of four, half of the 1,600 numbers dropped out, and a
softmax. It trains 15 epochs on nine tenths of the pictures in batches of 128, and looks at the last tenth after each.
On MNIST, 99.2 % of 10,000 test pictures are read right.

The second part has the same convolutions and a hidden layer of 128 units after them, and trains for four epochs. Its
learning rate makes one cycle: from small to 0.004, and then down to nearly 0. The high rate finds the valley, and the
low one at the end goes to its bottom: after four epochs 99.2 % of the test pictures are read right, too.

    OneCycle(0.004, total_steps=4 * 469)

The compiled step of either is one NumPy program, with the forward pass, the backward pass and the update in it.

Without mnist.npz in the data folder, the demo uses scikit-learn's 1,797 small digits, enlarged to 16 × 16.
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
from tinygraph.keras import layers

NUM_CLASSES = 10
QUICK_EPOCHS, QUICK_RATE = 4, 0.004


def main(out: Path, epochs: int = 15, seed: int = 0) -> Results:
    """Train both networks, print their accuracies, and draw the network, the errors, the filters and the mistakes."""
    (x_train, labels), (x_test, test_labels) = load_data()
    describe(x_train, x_test)
    x_train, x_test = (np.expand_dims(x.astype("float32") / 255, -1) for x in (x_train, x_test))
    batch, quick_epochs = (128, QUICK_EPOCHS) if len(x_train) > 10_000 else (32, 2 * QUICK_EPOCHS)

    print("the tutorial's")
    keras.utils.set_random_seed(seed)
    y_train, y_test = (keras.utils.to_categorical(y, NUM_CLASSES) for y in (labels, test_labels))
    started = time.process_time()
    model = tutorial(x_train.shape[1:])
    model.summary()
    history = model.fit(x_train, y_train, batch_size=batch, epochs=epochs, validation_split=0.1, verbose=2)
    accuracy, seconds = finished(model, x_test, y_test, started)

    print("in one cycle")
    keras.utils.set_random_seed(seed)
    started = time.process_time()
    quick = in_one_cycle(x_train.shape[1:], steps=quick_epochs * -(-len(x_train) // batch))
    quick_history = quick.fit(x_train, labels, batch_size=batch, epochs=quick_epochs, verbose=2)
    quick_accuracy, quick_seconds = finished(quick, x_test, test_labels, started)

    lines = {
        "the tutorial's": errors(history.history["accuracy"]),
        "in one cycle": errors(quick_history.history["accuracy"]),
    }
    plots.curves(out / "mnist_cnn_errors.png", lines, "epoch", "% of the training pictures wrong", first=1)
    tg.draw(model(x_test[:1]), title="the tutorial's network on one picture").save(out / "mnist_cnn_network.svg")
    draw_filters(out / "mnist_cnn_filters.png", model, x_test[0])
    mistakes = draw_mistakes(
        out / "mnist_cnn_mistakes.png", x_test[..., 0], test_labels, model.predict(x_test, verbose=0)
    )
    return Results(
        {
            "accuracy": accuracy, "seconds": seconds, "history": history.history, "mistakes": mistakes,
            "quick_accuracy": quick_accuracy, "quick_seconds": quick_seconds, "quick_history": quick_history.history,
        },
        {
            "mnist_cnn_network.svg": "The tutorial's network on one picture, a card for each layer. Pooling halves the "
            "height and the width, and each convolution takes away a frame of one pixel.",
            "mnist_cnn_errors.png": "How many of the pictures it learns from each network gets wrong, with some of its "
            "units dropped out. In one cycle the last epoch, at a low rate, gains most.",
            "mnist_cnn_filters.png": "The first test picture, and what sixteen of the 32 filters of the first layer "
            "make of it: strokes of a direction, edges on one side.",
            "mnist_cnn_mistakes.png": "Test pictures that the tutorial's network got wrong, the most confident "
            "mistakes first: its answer, its probability, and what the picture is labelled.",
        },
    )  # fmt: skip


# --- the networks -----------------------------------------------------------------------------------------------------


def tutorial(shape: tuple[int, ...]) -> Any:
    """Return the tutorial's compiled network for pictures of a shape."""
    model = keras.Sequential(
        [
            keras.Input(shape=shape),
            layers.Conv2D(32, kernel_size=(3, 3), activation="relu"),
            layers.MaxPooling2D(pool_size=(2, 2)),
            layers.Conv2D(64, kernel_size=(3, 3), activation="relu"),
            layers.MaxPooling2D(pool_size=(2, 2)),
            layers.Flatten(),
            layers.Dropout(0.5),
            layers.Dense(NUM_CLASSES, activation="softmax"),
        ]
    )
    model.compile(loss="categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
    return model


def in_one_cycle(shape: tuple[int, ...], steps: int) -> Any:
    """Return the second compiled network, whose learning rate goes up and down once in a number of steps."""
    model = keras.Sequential(
        [
            keras.Input(shape=shape),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(64, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dropout(0.25),
            layers.Dense(128, activation="relu"),
            layers.Dropout(0.4),
            layers.Dense(NUM_CLASSES),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(tg.optim.Adam(tg.optim.OneCycle(QUICK_RATE, steps)), loss, metrics=["accuracy"])
    return model


def finished(model: Any, x_test: Array, y_test: Array, started: float) -> tuple[float, float]:
    """Print and return the accuracy on the test pictures in percent, and the processor time since the start."""
    accuracy = 100 * model.evaluate(x_test, y_test, verbose=0)[1]
    seconds = time.process_time() - started
    print(f"{accuracy:.2f} % of the test pictures right, after {seconds:.0f} s of processor time")
    return accuracy, seconds


# --- draw -------------------------------------------------------------------------------------------------------------


def errors(shares: list[float]) -> list[float]:
    """Return the percents that are wrong, for shares that are right."""
    return [100 * (1 - share) for share in shares]


def draw_filters(path: Path, model: Any, picture: Array) -> None:
    """Draw a picture, and the results of the first sixteen filters of the first layer, each in its own range."""
    with tg.no_grad():
        maps = np.moveaxis(model.layers[0](picture[None]).numpy()[0, :, :, :16], -1, 0)
    highest = maps.max(axis=(1, 2), keepdims=True)
    images = [picture[..., 0], *(maps / np.maximum(highest, 1e-6))]
    captions = ["the picture", *(f"filter {number}" for number in range(1, 17))]
    plots.image_grid(path, images, captions, [True, *[False] * 16], columns=9)
