"""An autoencoder: pictures of digits squeezed through two numbers.

An encoder turns a picture into two numbers, a decoder turns the two numbers back into a picture. Both learn at once, to
make what comes out like what went in:

    two numbers = encoder(picture)           pixels → 128 → 32 → 2
    picture     = decoder(two numbers)       2 → 32 → 128 → pixels
    loss        = mean of −x ln(y) − (1 − x) ln(1 − y), over the pixels x and their copies y

No label takes part. Only a point of the plane gets through the middle, so pictures that are alike must lie close to
each other. Coloured by their labels, the points of each digit lie together.

The best that a straight projection to two numbers can do are the first two principal components. The autoencoder's
curved ones lose less.

The demo uses mnist.npz from the data folder, or scikit-learn's digits of 8 × 8 pixels.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

import tinygraph as tg
from demos import plots
from demos.digits_mlp import Digits, eight_by_eight, mnist
from demos.results import Results
from tinygraph import nn


class Autoencoder(NamedTuple):
    """The two halves, and both in a row."""

    encoder: Any
    decoder: Any
    whole: Any


def main(out: Path, epochs: int | None = None) -> Results:
    """Train, print the error beside that of the principal components, and draw copies, the plane and the graph."""
    large = tg.data.available("mnist.npz")
    digits = mnist() if large else eight_by_eight()
    epochs = epochs or (10 if large else 80)
    print("data:", "MNIST, 28 × 28" if large else "scikit-learn's digits, 8 × 8", end=", ")
    print(f"{len(digits.x_train):,} pictures to learn from, {len(digits.x_test):,} to test")

    network = made(digits.x_train.shape[1])
    network.whole.compile(tg.optim.Adam(2e-3), loss="binary_crossentropy")
    history = network.whole.fit(
        digits.x_train, digits.x_train, batch_size=128 if large else 32, epochs=epochs,
        validation_data=(digits.x_test, digits.x_test), verbose=0,
    )  # fmt: skip
    copies, points = network.whole.predict(digits.x_test, verbose=0), network.encoder.predict(digits.x_test, verbose=0)
    error = float(np.mean((copies - digits.x_test) ** 2))
    straight = float(np.mean((principal(digits) - digits.x_test) ** 2))
    near = nearest_agree(points, digits.y_test)
    print(f"mean squared error of a pixel: {error:.4f} through two numbers, {straight:.4f} by principal components")
    print(f"the nearest other point of the plane has the same digit for {near:.0f} % of the test pictures")

    losses = {"training": history.history["loss"], "test": history.history["val_loss"]}
    plots.curves(out / "autoencoder_loss.png", losses, "epoch", "cross-entropy of a pixel", first=1)
    draw_copies(out / "autoencoder_copies.png", digits, copies)
    plots.plane(out / "autoencoder_plane.png", points, digits.y_test)
    draw_plane(out / "autoencoder_between.png", network.decoder, points, digits.width)
    draw_graph(out / "autoencoder_graph.svg", network.whole, digits.x_train[:32])
    return Results(
        {**losses, "error": error, "straight": straight, "nearest": near},
        {
            "autoencoder_graph.svg": "One training step on 32 pictures: encoder and decoder, layer by layer.",
            "autoencoder_loss.png": "The loss after each epoch.",
            "autoencoder_copies.png": "Test pictures, and under each its copy that came through two numbers.",
            "autoencoder_plane.png": "The two numbers of each test picture, coloured by the digit, which the network "
            "never saw.",
            "autoencoder_between.png": "What the decoder makes of points all over the plane: digits, and what lies "
            "between them.",
        },
    )


# --- the network ------------------------------------------------------------------------------------------------------


def made(pixels: int, seed: int = 0) -> Autoencoder:
    """Make an encoder to two numbers, a decoder from them, and both in a row."""
    rng = np.random.default_rng(seed)

    def hidden(units: int) -> Any:
        return nn.Dense(units, activation="relu", kernel_initializer="he_normal", seed=rng)

    encoder = nn.Sequential([nn.Input((pixels,)), hidden(128), hidden(32), nn.Dense(2, seed=rng)], name="encoder")
    last = nn.Dense(pixels, activation="sigmoid", seed=rng)
    decoder = nn.Sequential([nn.Input((2,)), hidden(32), hidden(128), last], name="decoder")
    return Autoencoder(encoder, decoder, nn.Sequential([nn.Input((pixels,)), encoder, decoder], name="autoencoder"))


def principal(digits: Digits) -> NDArray[np.floating]:
    """Return the test pictures as their first two principal components give them back."""
    mean = digits.x_train.mean(axis=0, dtype=float)
    centred = digits.x_train - mean
    _, vectors = np.linalg.eigh(centred.T @ centred)
    plane = vectors[:, -2:]
    return mean + (digits.x_test - mean) @ plane @ plane.T


def nearest_agree(points: NDArray[np.floating], labels: NDArray[np.integer], count: int = 1000) -> float:
    """Return for how many of the first points, in percent, the nearest other point has the same label."""
    points, labels = points[:count], labels[:count]
    distances = np.sum((points[:, None] - points) ** 2, axis=-1)
    np.fill_diagonal(distances, np.inf)
    return float(100 * np.mean(labels[distances.argmin(axis=1)] == labels))


# --- draw -------------------------------------------------------------------------------------------------------------


def draw_copies(path: Path, digits: Digits, copies: NDArray[np.floating]) -> None:
    """Draw two rows of test pictures, and under each row their copies."""
    rows = [part[begin : begin + 8] for begin in (0, 8) for part in (digits.x_test, copies)]
    images = np.concatenate(rows).reshape(-1, digits.width, digits.width)
    captions = (["picture"] * 8 + ["copy"] * 8) * 2
    plots.image_grid(path, images, captions, [False] * len(images))


def draw_plane(path: Path, decoder: Any, points: NDArray[np.floating], width: int, side: int = 12) -> None:
    """Draw what the decoder makes of a grid of points, at the quantiles of the plane."""
    shares = np.linspace(0.03, 0.97, side)
    across, up = (np.quantile(points[:, axis], shares) for axis in (0, 1))
    grid = np.stack(np.meshgrid(across, up[::-1]), axis=-1).reshape(-1, 2).astype(np.float32)
    images = decoder.predict(grid, verbose=0).reshape(side, side, width, width)
    plots.image(path, images.swapaxes(1, 2).reshape(side * width, side * width))


def draw_graph(path: Path, whole: Any, x: NDArray[np.floating]) -> None:
    """Draw one training step, without the update."""
    for parameter in whole.parameters():
        parameter.grad = None
    copies = whole.call(tg.Tensor(x, name="pictures", requires_grad=False))  # not whole(x), which is one card
    loss = tg.binary_cross_entropy(copies, x, from_logits=False)
    loss.backward(retain_graph=True)
    tg.draw(loss, view="collapsed", title="one step on 32 pictures").save(path)
