"""Sequences in four shapes: one to one, one to many, many to one, many to many.

A recurrent network reads a sequence one time step at a time, and keeps a state h:

    h' = tanh(x @ kernel + h @ recurrent_kernel + bias)

The same weights are used at each step. The sequences here are scikit-learn's 1,797 handwritten digits, read as a
scanner would: eight rows from top to bottom, and each row is a time step of eight numbers. The four kinds of networks
are named for the steps that go in and come out:

    one to one      the whole picture in a single step → the digit
    one to many     the digit, the same at each step → the eight rows of a picture of it
    many to one     eight rows → the digit, after the last row
    many to many    eight rows → the digit after each row, as far as one can tell

A recurrent layer over one step is an ordinary layer, since there is no state before. One to many trains on the squared
error, so the best picture of a digit is the mean of all pictures of that digit; the printed error stands beside the
error of that mean. Many to many, with a gated recurrent unit, shows how the answer becomes certain from row to row.

The record of a step has each time step: the first picture of the network, unrolled. The compiler finds the repetition,
and its program is a loop, of the same length for any number of time steps: the second picture, rolled.
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

UNITS = 48
BATCH = 64
Array = NDArray[Any]


class Sequences(NamedTuple):
    """Pictures as sequences of rows, shape (pictures, 8, 8), from 0 to 1, and their digits."""

    x_train: Array
    y_train: Array
    x_test: Array
    y_test: Array


def main(out: Path, epochs: int = 12) -> Results:
    """Train the four networks, print their results, and draw graphs, curves and pictures."""
    data = digits()
    print(f"data: scikit-learn's digits row by row, {len(data.x_train):,} to learn from, {len(data.x_test):,} to test")
    nn.set_seed(0)

    one = one_to_one(data, epochs)
    written, error, best = one_to_many(data, 3 * epochs)
    many = many_to_one(data, epochs)
    per_row = many_to_many(data, epochs)
    print(f"one to one     {100 * one:.1f} % of the test pictures right")
    print(f"one to many    squared error of a pixel {error:.4f}, of the mean pictures {best:.4f}")
    print(f"many to one    {100 * many:.1f} % right after the last row")
    print("many to many   right after each row:", " ".join(f"{100 * share:.0f}" for share in per_row), "%")

    names = [str(digit) for digit in range(10)]
    plots.image_grid(out / "rnn_written.png", written, names, [False] * 10, columns=10)
    percent = [100 * share for share in per_row]
    plots.curves(out / "rnn_rows.png", {"many to many": percent}, "rows read", "% right", first=1)
    draw_graphs(out, data)
    return Results(
        {"one to one": one, "one to many": (error, best), "many to one": many, "many to many": per_row},
        {
            "rnn_unrolled.svg": "Many to one, one training step as it was recorded: the cards of the eight time steps, "
            "each with the same weights.",
            "rnn_rolled.svg": "The way forward as a program. The box of the loop has the calls of one time step, and "
            "the state that it hands on to the next.",
            "rnn_written.png": "One to many: the network writes a picture of each digit, row by row.",
            "rnn_rows.png": "Many to many: how many test pictures are read rightly after so many rows.",
        },
    )


# --- the four networks ------------------------------------------------------------------------------------------------


def one_to_one(data: Sequences, epochs: int) -> float:
    """Read a picture in a single time step; return the share of right answers."""
    model = nn.Sequential([nn.Reshape((1, 64)), nn.SimpleRNN(UNITS), nn.Dense(10, activation="softmax")])
    return share_right(model, data, epochs)


def one_to_many(data: Sequences, epochs: int) -> tuple[Array, float, float]:
    """Write pictures of digits.

    Returns:
        The ten pictures, the mean squared error on the test pictures, and that of the mean pictures.
    """
    model = nn.Sequential(
        [nn.RepeatVector(8), nn.SimpleRNN(UNITS, return_sequences=True), nn.Dense(8, activation="sigmoid")]
    )
    model.compile(tg.optim.Adam(0.01), "mse")
    which = np.eye(10, dtype=np.float32)
    model.fit(which[data.y_train], data.x_train, batch_size=BATCH, epochs=epochs, verbose=0)
    written = model.predict(which)
    means = np.stack([data.x_train[data.y_train == digit].mean(axis=0) for digit in range(10)])
    error, best = (float(np.mean((data.x_test - of[data.y_test]) ** 2)) for of in (written, means))
    return written, error, best


def many_to_one(data: Sequences, epochs: int) -> float:
    """Read a picture row by row; return the share of right answers after the last row."""
    return share_right(reader(), data, epochs)


def reader() -> nn.Sequential:
    """Make the network of many to one."""
    return nn.Sequential([nn.SimpleRNN(UNITS), nn.Dense(10, activation="softmax")], name="reader")


def many_to_many(data: Sequences, epochs: int) -> list[float]:
    """Read a picture row by row; return the share of right answers after each row."""
    model = nn.Sequential([nn.GRU(UNITS, return_sequences=True), nn.Dense(10, activation="softmax")])
    model.compile(tg.optim.Adam(0.01), "sparse_categorical_crossentropy")
    at_each_row = np.repeat(data.y_train[:, None], 8, axis=1)
    model.fit(data.x_train, at_each_row, batch_size=BATCH, epochs=epochs, verbose=0)
    answers = model.predict(data.x_test, batch_size=len(data.x_test)).argmax(axis=2)
    return [float(share) for share in np.mean(answers == data.y_test[:, None], axis=0)]


def share_right(model: nn.Sequential, data: Sequences, epochs: int) -> float:
    """Train a network that reads digits, and return the share of the test pictures that it reads rightly."""
    model.compile(tg.optim.Adam(0.005), "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(data.x_train, data.y_train, batch_size=BATCH, epochs=epochs, verbose=0)
    _, accuracy = model.evaluate(data.x_test, data.y_test, batch_size=len(data.x_test), verbose=0)
    return float(accuracy)


# --- the pictures -----------------------------------------------------------------------------------------------------


def digits() -> Sequences:
    """Load scikit-learn's digits; a quarter of the pictures of each digit is kept for the test."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    loaded = load_digits()
    x = (loaded.images / 16).astype(np.float32)
    x_train, x_test, y_train, y_test = train_test_split(
        x, loaded.target, test_size=0.25, random_state=0, stratify=loaded.target
    )
    return Sequences(x_train, y_train, x_test, y_test)


# --- draw -------------------------------------------------------------------------------------------------------------


def draw_graphs(out: Path, data: Sequences) -> None:
    """Draw one training step of many to one: as it was recorded, and as the program that the compiler wrote."""
    model, labels = reader(), data.y_train[:BATCH]
    rows = tg.Tensor(data.x_train[:BATCH], name="rows", requires_grad=False)
    loss = tg.cross_entropy(model(rows), labels)
    loss.backward(retain_graph=True)
    tg.draw(loss, view="full", title="many to one, unrolled").save(out / "rnn_unrolled.svg")
    for parameter in model.parameters():
        parameter.grad = None

    @tg.compile
    def read(rows: Any) -> Any:
        return model(rows)

    read(data.x_train[:BATCH])
    read.draw(rewritten=True, view="full", title="many to one, rolled").save(out / "rnn_rolled.svg")
