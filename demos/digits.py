"""Pictures of handwritten digits, in the form of Keras's `mnist.load_data()`: MNIST, or scikit-learn's small ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import tinygraph as tg
from demos import plots
from tinygraph import keras

Array = NDArray[Any]


def load_data() -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    """Return (pictures, digits) to learn from, and (pictures, digits) to test with, uint8 from 0 to 255.

    With mnist.npz in the data folder they are MNIST's: 60,000 and 10,000 of 28 × 28 pixels. Otherwise they are
    scikit-learn's 1,797 digits, a quarter of them for the test, each pixel as a square of four: 16 × 16 pixels.
    """
    if tg.data.available("mnist.npz"):
        return keras.datasets.mnist.load_data()
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    values, labels = load_digits(return_X_y=True)
    pictures = np.repeat(np.repeat(values.reshape(-1, 8, 8), 2, axis=1), 2, axis=2)
    x = (pictures * (255 / 16)).astype(np.uint8)
    split = train_test_split(x, labels.astype(np.uint8), test_size=0.25, random_state=0, stratify=labels)
    x_train, x_test, y_train, y_test = split
    return (x_train, y_train), (x_test, y_test)


def describe(x_train: Array, x_test: Array) -> None:
    """Print which pictures these are, and how many."""
    name = "MNIST" if x_train.shape[1] == 28 else "scikit-learn's digits, enlarged"
    height, width = x_train.shape[1:3]
    print(f"data: {name}, {height} × {width}, {len(x_train):,} pictures to learn from, {len(x_test):,} to test")


def draw_mistakes(path: Path, pictures: Array, labels: Array, probabilities: Array) -> int:
    """Draw up to sixteen wrong answers, the most confident first; without any, the least confident right answers.

    Args:
        path: the path of the picture.
        pictures: the test pictures from 0 to 1, shape (pictures, height, width).
        labels: their digits.
        probabilities: those of the model, shape (pictures, 10).

    Returns:
        The number of wrong answers.
    """
    answers, confidence = probabilities.argmax(axis=1), probabilities.max(axis=1)
    wrong = answers != labels
    chosen = np.flatnonzero(wrong)
    chosen = chosen[np.argsort(-confidence[chosen])][:16] if len(chosen) else np.argsort(confidence)[:16]
    captions = [f"{answers[i]} ({confidence[i]:.2f}), is {labels[i]}" for i in chosen]
    plots.image_grid(path, pictures[chosen], captions, wrong[chosen])
    return int(wrong.sum())
