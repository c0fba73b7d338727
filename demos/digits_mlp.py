"""Reading handwritten digits: a hidden layer, dropout, batches and Adam.

A picture of a digit is a row of numbers. The network turns it into ten logits, one for each digit; softmax makes
them probabilities:

    hidden = relu(x @ w1 + b1)          128 units
    logits = dropped_out @ w2 + b2      10 of them
    loss   = mean of −ln softmax(logits)[the digit it is]

Dropout sets a random fifth of the hidden units to zero in each training step, so that no unit can rely on another. It
divides the rest by four fifths, so that sums keep their size. After the training nothing is dropped.

One step uses a batch of 32 pictures only. Its gradient points roughly in the direction of the gradient of all pictures,
for a fraction of the work. Adam sizes the steps: about the same in each coordinate, however steep or flat the loss is.
All arrays are float32, which is half the memory and twice the speed. The demo `mnist_mlp` is the same network in the
words of Keras's tutorial.

With mnist.npz in the data folder, the demo trains five epochs on 60,000 pictures of 28 × 28 pixels, and tests on 10,000
others. Otherwise it uses scikit-learn's 1,797 digits of 8 × 8 pixels, and keeps a quarter of them for the test.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

import tinygraph as tg
from demos import plots
from demos.results import Results

HIDDEN = 128
DROPPED = 0.2
BATCH = 32


class Digits(NamedTuple):
    """Pictures as rows from 0 to 1, float32 of shape (pictures, pixels), and their digits."""

    x_train: NDArray[np.float32]
    y_train: NDArray[np.integer]
    x_test: NDArray[np.float32]
    y_test: NDArray[np.integer]
    width: int


class Network(NamedTuple):
    """The weights and biases."""

    w1: tg.Tensor
    b1: tg.Tensor
    w2: tg.Tensor
    b2: tg.Tensor


def main(out: Path, epochs: int | None = None) -> Results:
    """Train, print the accuracy on held-out pictures, and draw the graph, the losses and the mistakes."""
    large = tg.data.available("mnist.npz")
    digits = mnist() if large else eight_by_eight()
    epochs = epochs or (5 if large else 20)
    print("data:", "MNIST, 28 × 28" if large else "scikit-learn's digits, 8 × 8", end=", ")
    print(f"{len(digits.x_train):,} pictures to learn from, {len(digits.x_test):,} to test")

    rng = np.random.default_rng(0)
    network = initial(digits.x_train.shape[1], rng)
    losses, accuracies = train(digits, network, epochs, rng)

    per_epoch = np.array(losses).reshape(epochs, -1).mean(axis=1)
    wrong = [100 - accuracy for accuracy in accuracies]
    plots.curves(out / "digits_mlp_errors.png", {"test": wrong}, "epoch", "% of the test pictures wrong", first=1)
    mistakes = draw_mistakes(out / "digits_mlp_mistakes.png", digits, network)
    draw_graph(out / "digits_mlp_graph.svg", digits, network, rng)
    return Results(
        {"losses": per_epoch.tolist(), "accuracies": accuracies, "accuracy": accuracies[-1], "mistakes": mistakes},
        {
            "digits_mlp_graph.svg": "One training step on a batch of 32. Dropout multiplies by a constant, and no "
            "gradient flows through the units that it sets to zero.",
            "digits_mlp_errors.png": "How many of the pictures that were not used for training it gets wrong, after "
            "each epoch.",
            "digits_mlp_mistakes.png": "Test pictures that the network got wrong, the most confident mistakes first: "
            "its answer, its probability, and what the picture is labelled.",
        },
    )


# --- the network ------------------------------------------------------------------------------------------------------


def initial(pixels: int, rng: np.random.Generator) -> Network:
    """Draw weights of a size that keeps the size of the signal (He et al., 2015), and make biases of zero."""

    def random(inputs: int, outputs: int) -> NDArray[np.float32]:
        return rng.standard_normal((inputs, outputs), dtype=np.float32) * np.float32((2 / inputs) ** 0.5)

    return Network(
        tg.Tensor(random(pixels, HIDDEN), name="w1"),
        tg.Tensor(np.zeros(HIDDEN, np.float32), name="b1"),
        tg.Tensor(random(HIDDEN, 10), name="w2"),
        tg.Tensor(np.zeros(10, np.float32), name="b2"),
    )


def forward(x: Any, network: Network, dropout: Callable[[Any], Any] | None = None) -> Any:
    """Return the logits, shape (pictures, 10); with dropout, some hidden units are set to zero."""
    w1, b1, w2, b2 = network
    with tg.scope("hidden layer"):
        hidden = tg.relu(x @ w1 + b1)
    if dropout is not None:
        hidden = dropout(hidden)
    with tg.scope("output layer"):
        return hidden @ w2 + b2


def mean_log_loss(logits: Any, labels: NDArray[np.integer]) -> Any:
    """Return the mean over the pictures of −ln of the probability of the right digit."""
    with tg.scope("mean log loss"):
        log_probability = tg.log_softmax(logits)
        return -np.mean(log_probability[np.arange(len(labels)), labels])


def train(
    digits: Digits, network: Network, epochs: int, rng: np.random.Generator, compiled: bool = True
) -> tuple[list[float], list[float]]:
    """Train with Adam on batches, in a new order each epoch. The step is compiled, with the draws of dropout in it.

    Returns:
        The loss of each batch, and the accuracy on the test pictures in percent after each epoch.
    """
    adam, dropout = tg.optim.Adam(network), tg.nn.Dropout(DROPPED, seed=rng)

    def step(x: Any, labels: Any) -> Any:
        loss = mean_log_loss(forward(x, network, dropout), labels)
        adam.zero_grad()
        loss.backward()
        adam.step()
        return loss

    run = tg.compile(step) if compiled else step
    losses: list[float] = []
    accuracies: list[float] = []
    for epoch in range(epochs):
        for x, labels in tg.data.batches(digits.x_train, digits.y_train, size=BATCH, shuffle=rng):
            losses.append(run(x, labels).item())
        accuracies.append(float(100 * np.mean(predict(digits.x_test, network).argmax(axis=1) == digits.y_test)))
        mean = np.mean(losses[epoch * len(losses) // (epoch + 1) :])
        print(f"epoch {epoch + 1:2d}   loss {mean:.4f}   {accuracies[-1]:.2f} % of the test pictures right")
    return losses, accuracies


def predict(x: NDArray[np.float32], network: Network) -> NDArray[np.float32]:
    """Return the probabilities of the ten digits, shape (pictures, 10), without dropout and without a record."""
    with tg.no_grad():
        return tg.softmax(forward(x, network)).numpy()


# --- the pictures -----------------------------------------------------------------------------------------------------


def mnist() -> Digits:
    """Load MNIST with its own division into training and test."""
    (x_train, y_train), (x_test, y_test) = tg.data.mnist()
    rows = [x.reshape(len(x), -1).astype(np.float32) / np.float32(255) for x in (x_train, x_test)]
    return Digits(rows[0], y_train, rows[1], y_test, width=28)


def eight_by_eight() -> Digits:
    """Load scikit-learn's digits; a quarter of the pictures of each digit is kept for the test."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    values, labels = load_digits(return_X_y=True)
    x = (values / 16).astype(np.float32)
    x_train, x_test, y_train, y_test = train_test_split(x, labels, test_size=0.25, random_state=0, stratify=labels)
    return Digits(x_train, y_train, x_test, y_test, width=8)


# --- draw -------------------------------------------------------------------------------------------------------------


def draw_mistakes(path: Path, digits: Digits, network: Network) -> int:
    """Draw up to sixteen wrong answers, the most confident first; without any, the least confident right answers."""
    probabilities = predict(digits.x_test, network)
    answers, confidence = probabilities.argmax(axis=1), probabilities.max(axis=1)
    wrong = answers != digits.y_test
    chosen = np.flatnonzero(wrong)
    chosen = chosen[np.argsort(-confidence[chosen])][:16] if len(chosen) else np.argsort(confidence)[:16]
    images = digits.x_test[chosen].reshape(-1, digits.width, digits.width)
    captions = [f"{answers[i]} ({confidence[i]:.2f}), is {digits.y_test[i]}" for i in chosen]
    plots.image_grid(path, images, captions, wrong[chosen])
    return int(wrong.sum())


def draw_graph(path: Path, digits: Digits, network: Network, rng: np.random.Generator) -> None:
    """Draw one training step, without the update."""
    x = tg.Tensor(digits.x_train[:BATCH], name="x", requires_grad=False)
    dropout = tg.nn.Dropout(DROPPED, seed=rng, name="dropout")
    loss = mean_log_loss(forward(x, network, dropout), digits.y_train[:BATCH])
    loss.backward(retain_graph=True)
    tg.draw(loss, view="full", title="one step on a batch of 32 digits").save(path)
    for parameter in network:
        parameter.grad = None
