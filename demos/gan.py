"""Making digits that nobody wrote: a generator and a discriminator that learn from each other.

The generator makes a picture of 64 random numbers. The discriminator says how likely it is that a picture is real. Both
are ordinary networks, and they are trained in turn:

    the discriminator   on real pictures, target 0.9, and on made ones, target 0
    the generator       on noise through both networks, target 1: "make it say that this is real"

A target of 0.9 keeps the discriminator from being too certain (Salimans et al., 2016).

In the generator's step the discriminator is frozen. The gradient goes through it, down to the generator, but none is
computed for its own weights: its cards in the picture have no gradient, and the compiled step has no matrix product for
one. `discriminator.trainable = False`, before the second model is compiled, is all it takes. The first model was
compiled before, and goes on being trained.

The printed digit score asks a third network, which has learnt to read real digits. It is high if each made picture is
clearly one digit, and all ten digits are made: exp of the mean Kullback-Leibler divergence from a picture's
probabilities to those of all pictures, between 1 and 10 (the inception score, Salimans et al., 2016, on digits).

With mnist.npz in the data folder the pictures have 28 × 28 pixels. Otherwise they are scikit-learn's digits, 8 × 8.
Source: Goodfellow et al., "Generative adversarial nets" (2014), with the loss of its section 3, log D(G(z)).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

import tinygraph as tg
from demos import plots
from demos.results import Results
from tinygraph import nn

NOISE = 64
BATCH = 64
REAL = 0.9
SHOWN = 10  # made pictures in a row of the grid
Array = NDArray[Any]


class Pair(NamedTuple):
    """The two networks, and the generator followed by the frozen discriminator; the last two are compiled."""

    generator: nn.Sequential
    discriminator: nn.Sequential
    both: nn.Sequential


def main(out: Path, steps: int | None = None) -> Results:
    """Train, print the losses and the digit score, and draw the samples, the losses and the generator's step."""
    large = tg.data.available("mnist.npz")
    pictures, labels = mnist() if large else eight_by_eight()
    steps = steps or (3000 if large else 900)
    print("data:", "MNIST, 28 × 28," if large else "scikit-learn's digits, 8 × 8,", f"{len(pictures):,} pictures")

    nn.set_seed(0)
    rng = np.random.default_rng(0)
    pair = made(pictures.shape[1], (128, 256) if large else (64, 128))
    reader = reading(pictures, labels)
    seen, losses = train(pair, pictures, steps, rng)

    noise = rng.standard_normal((1000, NOISE), dtype=np.float32)
    score = digit_score(reader, pair.generator.predict(noise, batch_size=1000))
    real_score = digit_score(reader, pictures[:1000])
    fooled = float(np.mean(pair.discriminator.predict(pair.generator.predict(noise, batch_size=1000)) > 0))
    print(f"digit score {score:.2f} of made pictures, {real_score:.2f} of real ones, 1.00 of noise without a digit")
    print(f"the discriminator takes {100 * fooled:.0f} % of made pictures for real ones")

    draw_samples(out / "gan_samples.png", seen)
    parts = {name: np.array_split(values, min(60, steps)) for name, values in losses.items()}
    means = {name: [float(part.mean()) for part in values] for name, values in parts.items()}
    plots.curves(out / "gan_losses.png", means, "sixtieth part of the training", "cross-entropy", first=1)
    draw_step(out / "gan_generator_step.svg", pair, noise[:BATCH])
    return Results(
        {"losses": losses, "score": score, "real score": real_score, "fooled": fooled, "seen": seen},
        {
            "gan_samples.png": "The same ten noise vectors, as the generator paints them after more and more steps. "
            "Each column is one vector.",
            "gan_losses.png": "Neither loss goes to zero: each network makes the other's task harder. At a draw the "
            "generator's would be ln 2 = 0.69.",
            "gan_generator_step.svg": "The generator's step: the gradient comes back through the discriminator, whose "
            "weights have none.",
        },
    )


# --- the networks -----------------------------------------------------------------------------------------------------


def made(pixels: int, units: tuple[int, int], seed: int = 0) -> Pair:
    """Make and compile both networks.

    Args:
        pixels: the numbers of a picture.
        units: the sizes of the generator's hidden layers; the discriminator has them the other way round.
        seed: the seed of the weights.
    """
    rng = np.random.default_rng(seed)
    generator = nn.Sequential(
        [
            nn.Input((NOISE,)),
            *[layer for size in units for layer in hidden(size, rng, normalised=True)],
            nn.Dense(pixels, activation="sigmoid", seed=rng, name="pixels"),
        ],
        name="generator",
    )
    discriminator = nn.Sequential(
        [
            nn.Input((pixels,)),
            *[layer for size in reversed(units) for layer in hidden(size, rng, normalised=False)],
            nn.Dense(1, seed=rng, name="real"),
        ],
        name="discriminator",
    )
    discriminator.compile(adam(), tg.training.losses.BinaryCrossentropy(from_logits=True))
    discriminator.trainable = False  # from here on: the model below is compiled with it frozen
    both = nn.Sequential([generator, discriminator], name="generator step")
    both.compile(adam(), tg.training.losses.BinaryCrossentropy(from_logits=True))
    return Pair(generator, discriminator, both)


def hidden(units: int, rng: np.random.Generator, normalised: bool) -> list[nn.Layer]:
    """Return a hidden layer of the generator, which is normalised, or of the discriminator, which has dropout."""
    dense, leaky = nn.Dense(units, seed=rng, kernel_initializer="he_normal"), nn.LeakyReLU(0.2)
    return (
        [dense, nn.BatchNormalization(momentum=0.9), leaky] if normalised else [dense, leaky, nn.Dropout(0.3, seed=rng)]
    )


def adam() -> Any:
    """Return Adam with a short memory of the direction, since the other network changes it (Radford et al., 2016)."""
    return tg.optim.Adam(0.0005, beta_1=0.5)


def train(
    pair: Pair, pictures: Array, steps: int, rng: np.random.Generator
) -> tuple[dict[int, Array], dict[str, list[float]]]:
    """Train both networks in turn.

    Returns:
        Pictures made of the same noise, by the number of steps before them, and the losses of both networks.
    """
    shown = rng.standard_normal((SHOWN, NOISE), dtype=np.float32)
    moments = sorted({0, steps // 30, steps // 10, steps // 4, steps // 2, steps})
    targets = np.concatenate([np.full((BATCH, 1), REAL, np.float32), np.zeros((BATCH, 1), np.float32)])
    real = np.ones((BATCH, 1), np.float32)
    seen = {0: pair.generator.predict(shown)}
    losses: dict[str, list[float]] = {"discriminator": [], "generator": []}
    for step in range(1, steps + 1):
        made_up = pair.generator.predict_on_batch(rng.standard_normal((BATCH, NOISE), dtype=np.float32))
        chosen = pictures[rng.integers(len(pictures), size=BATCH)]
        losses["discriminator"].append(pair.discriminator.train_on_batch(np.concatenate([chosen, made_up]), targets))
        noise = rng.standard_normal((BATCH, NOISE), dtype=np.float32)
        losses["generator"].append(pair.both.train_on_batch(noise, real))
        if step in moments:
            seen[step] = pair.generator.predict(shown)
            last = [np.mean(values[-100:]) for values in losses.values()]
            print(f"step {step:4d}   discriminator's loss {last[0]:.3f}   generator's {last[1]:.3f}")
    return seen, losses


# --- a reader of digits -----------------------------------------------------------------------------------------------


def reading(pictures: Array, labels: Array) -> nn.Sequential:
    """Train a network that reads digits, on up to 20,000 of the real pictures."""
    reader = nn.Sequential([nn.Dense(128, activation="relu"), nn.Dense(10, activation="softmax")], name="reader")
    reader.compile("adam", "sparse_categorical_crossentropy")
    reader.fit(pictures[:20000], labels[:20000], batch_size=64, epochs=2 if len(pictures) > 5000 else 15, verbose=0)
    return reader


def digit_score(reader: nn.Sequential, pictures: Array) -> float:
    """Return exp of the mean divergence of the digits read in a picture from the digits read in all, 1 to 10."""
    one = reader.predict(pictures, batch_size=1000).astype(np.float64) + 1e-12
    divergence = np.sum(one * (np.log(one) - np.log(one.mean(axis=0))), axis=1)
    return float(np.exp(divergence.mean()))


# --- the pictures -----------------------------------------------------------------------------------------------------


def mnist() -> tuple[Array, Array]:
    """Load the 60,000 pictures for training as rows from 0 to 1, and their digits."""
    (x, y), _ = tg.data.mnist()
    return x.reshape(len(x), -1).astype(np.float32) / np.float32(255), y


def eight_by_eight() -> tuple[Array, Array]:
    """Load scikit-learn's digits as rows from 0 to 1."""
    from sklearn.datasets import load_digits

    values, labels = load_digits(return_X_y=True)
    return (values / 16).astype(np.float32), labels


# --- draw -------------------------------------------------------------------------------------------------------------


def draw_samples(path: Path, seen: dict[int, Array]) -> None:
    """Draw made pictures: a row for each moment, a column for each noise vector."""
    rows = np.concatenate(list(seen.values()))
    width = round(rows.shape[1] ** 0.5)
    captions = [f"{step:,} steps" if place == 0 else "" for step in seen for place in range(SHOWN)]
    plots.image_grid(path, rows.reshape(-1, width, width), captions, [False] * len(rows), columns=SHOWN)


def draw_step(path: Path, pair: Pair, noise: Array) -> None:
    """Draw the generator's step on a batch of noise, without the update."""
    pair.discriminator.trainable = False
    z = tg.Tensor(noise, name="noise", requires_grad=False)
    loss = tg.binary_cross_entropy(pair.both(z, training=True), np.ones((len(noise), 1), np.float32), from_logits=True)
    loss.backward(retain_graph=True)
    tg.draw(loss, view="collapsed", open=("generator", "discriminator"), title="the generator's step").save(path)
    for parameter in pair.generator.parameters():
        parameter.grad = None
