"""Learning on from what was learnt: features of the digits 0 to 4 serve for 5 to 9.

A convolutional network has two parts. The features, two convolutions with pooling, turn a picture into numbers:
strokes, corners, loops. The head, two dense layers, tells digits from these numbers. The features of one task serve
another one:

    1. Train both parts on the digits 0 to 4.
    2. Keep the features and freeze them, `features.trainable = False`. Train a new head on the digits 5 to 9.
    3. Let the features be trained again, with small steps. This is called fine-tuning.

Beside it, the same network is trained on 5 to 9 from random weights. So many pictures of 5 to 9 are at hand that it
does about as well without what was learnt: here the frozen features save time.

A frozen weight gets no gradient, and the compiled step has none of the work for it. The convolutions take most of the
time of a step, and the way back through them is the larger part of that. So a step with frozen features is shorter.

The demo uses mnist.npz from the data folder, or scikit-learn's digits of 8 × 8 pixels.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

import tinygraph as tg
from demos import plots
from demos.digits_mlp import eight_by_eight, mnist
from demos.results import Results
from tinygraph import nn

BATCH = 32


class Task(NamedTuple):
    """Pictures, float32 of shape (pictures, width, width, 1), and their classes, 0 to 4."""

    x: NDArray[np.float32]
    y: NDArray[np.integer]
    x_test: NDArray[np.float32]
    y_test: NDArray[np.integer]


def main(out: Path, epochs: int | None = None) -> Results:
    """Train on 0 to 4, then on 5 to 9 in three ways; print and draw accuracies and the times of a step."""
    large = tg.data.available("mnist.npz")
    print("data:", "MNIST, 28 × 28" if large else "scikit-learn's digits, 8 × 8", end=", ")
    low, high = (task(large, first) for first in (0, 5))
    print(f"{len(low.x):,} pictures of 0 to 4, and {len(high.x):,} of 5 to 9")
    epochs = epochs or (2 if large else 12)
    rng = np.random.default_rng(0)

    features = new_features(rng)
    first = network(features, rng)
    trained(first, low, epochs)
    known = percent_right(first, low)
    print(f"0 to 4: {known:.1f} % of the test pictures right")

    features.trainable = False
    frozen = network(features, rng)
    curves = {"frozen features": trained(frozen, high, epochs)}
    frozen_ms = step_time(frozen, high)
    draw_graph(out / "transfer_graph.svg", frozen, high)

    scratch = network(new_features(rng), rng)
    curves["from random weights"] = trained(scratch, high, epochs)
    whole_ms = step_time(scratch, high)

    features.trainable = True
    tuned = trained(frozen, high, max(1, epochs // 2), rate=2e-4)
    right = {name: curve[-1] for name, curve in curves.items()} | {"fine-tuned": tuned[-1]}
    for name, percent in right.items():
        print(f"5 to 9, {name:19}: {percent:.1f} % right")
    print(f"a step: {frozen_ms:.2f} ms with frozen features, {whole_ms:.2f} ms with all weights trained")

    plots.curves(out / "transfer_accuracy.png", curves, "epoch", "% of the test pictures of 5 to 9 right", first=1)
    draw_features(out / "transfer_features.png", features, high)
    return Results(
        {"known": known, "right": right, "curves": curves, "frozen_ms": frozen_ms, "whole_ms": whole_ms},
        {
            "transfer_graph.svg": "A step with frozen features: gradients, in orange, reach the head alone.",
            "transfer_features.png": "A picture of each new digit, and the six liveliest of the numbers that the first "
            "convolution makes of it. It learnt them from 0 to 4.",
            "transfer_accuracy.png": "How many of 5 to 9 it gets right, with the features of 0 to 4 and without.",
        },
    )


# --- the network ------------------------------------------------------------------------------------------------------


def new_features(rng: np.random.Generator) -> Any:
    """Make two convolutions with pooling."""
    return nn.Sequential(
        [
            nn.Conv2D(16, 3, padding="same", activation="relu", seed=rng),
            nn.MaxPooling2D(),
            nn.Conv2D(32, 3, padding="same", activation="relu", seed=rng),
            nn.MaxPooling2D(),
            nn.Flatten(),
        ],
        name="features",
    )


def network(features: Any, rng: np.random.Generator) -> Any:
    """Make a network of features and a new head for five classes."""
    head = nn.Sequential([nn.Dense(64, activation="relu", seed=rng), nn.Dense(5, seed=rng)], name="head")
    return nn.Sequential([features, head], name="digits")


def trained(model: Any, task: Task, epochs: int, rate: float = 1e-3) -> list[float]:
    """Train, and return the accuracy on the test pictures in percent after each epoch."""
    loss = tg.training.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(tg.optim.Adam(rate), loss=loss, metrics=["accuracy"])
    history = model.fit(
        task.x, task.y, batch_size=BATCH, epochs=epochs, validation_data=(task.x_test, task.y_test), verbose=0
    )
    return [100 * share for share in history.history["val_accuracy"]]


def percent_right(model: Any, task: Task) -> float:
    """Return the accuracy on the test pictures in percent."""
    return float(100 * model.evaluate(task.x_test, task.y_test, verbose=0, return_dict=True)["accuracy"])


def step_time(model: Any, task: Task, steps: int = 20) -> float:
    """Return the milliseconds that a step takes the processor. The weights are put back."""
    x, y = task.x[:BATCH], task.y[:BATCH]
    weights = model.get_weights()
    started = time.process_time()
    for _ in range(steps):
        model.train_on_batch(x, y)
    taken = time.process_time() - started
    model.set_weights(weights)
    return 1000 * taken / steps


# --- the pictures -----------------------------------------------------------------------------------------------------


def task(large: bool, first: int) -> Task:
    """Return the pictures of five digits, from the first on."""
    digits = mnist() if large else eight_by_eight()
    shape = (-1, digits.width, digits.width, 1)
    chosen, tested = ((y >= first) & (y < first + 5) for y in (digits.y_train, digits.y_test))
    return Task(
        digits.x_train[chosen].reshape(shape), digits.y_train[chosen].astype(int) - first,
        digits.x_test[tested].reshape(shape), digits.y_test[tested].astype(int) - first,
    )  # fmt: skip


# --- draw -------------------------------------------------------------------------------------------------------------


def draw_graph(path: Path, model: Any, task: Task) -> None:
    """Draw a training step, without the update."""
    for parameter in model.parameters():
        parameter.grad = None
    x = tg.Tensor(task.x[:BATCH], name="pictures", requires_grad=False)
    loss = tg.cross_entropy(model.call(x), task.y[:BATCH], from_logits=True)  # not model(x), which is one card
    loss.backward(retain_graph=True)
    tg.draw(loss, view="collapsed", title="one step on a batch of 32 pictures").save(path)


def draw_features(path: Path, features: Any, task: Task) -> None:
    """Draw a picture of each class, and the channels of the first convolution that differ most over them."""
    chosen = [int(np.flatnonzero(task.y == label)[0]) for label in range(5)]
    x = task.x[chosen]
    with tg.no_grad():
        found = features.layers[0](x).numpy()
    liveliest = np.argsort(-found.std(axis=(0, 1, 2)))[:6]
    images = [image for row, maps in zip(x, found, strict=True) for image in (row[..., 0], *as_grey(maps, liveliest))]
    captions = [caption for label in range(5) for caption in (f"a {label + 5}", *(f"channel {c}" for c in liveliest))]
    plots.image_grid(path, images, captions, [False] * len(images), columns=7)


def as_grey(maps: NDArray[np.floating], channels: NDArray[np.integer]) -> list[NDArray[np.floating]]:
    """Return some channels, each from 0 to 1."""
    return [maps[..., channel] / max(float(maps[..., channel].max()), 1e-9) for channel in channels]
