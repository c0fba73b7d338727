"""Beside scikit-learn: the same estimators, their accuracy and their time.

`tinygraph.sklearn` has estimators with scikit-learn's names and parameters. This demo fits both libraries' logistic
regression and network to the same rows, and tests them on the same others:

    digits          1,797 pictures of 8 × 8 pixels, ten classes
    breast cancer   569 tumours, 30 measurements, benign or malignant

A quarter of the rows is for the test. The columns are brought to mean 0 and deviation 1. The time is that of the
processor, the least of three fits, on one thread.

Both logistic regressions look for the same minimum, so their coefficients agree; scikit-learn's search is given our
tolerance. The networks have a hidden layer of 64 units, and otherwise the defaults: Adam, 200 epochs at most. They
begin at other random weights, so their accuracies differ a little: the demo takes the mean of three seeds.

Of tinygraph's time for a network, 0.1 to 0.2 s is for compiling the step: on the tumours nearly half of it.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn import linear_model, neural_network
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

import tinygraph as tg
import tinygraph.sklearn as ours
from demos import plots
from demos.results import Results

SEEDS = 3
NETWORK: dict[str, Any] = {"hidden_layer_sizes": (64,)}
LOADERS = {"digits": load_digits, "breast cancer": load_breast_cancer}


class Rows(NamedTuple):
    """The rows to learn from and those of the test, scaled columns and labels."""

    x_train: NDArray[np.float64]
    y_train: NDArray[np.integer]
    x_test: NDArray[np.float64]
    y_test: NDArray[np.integer]


class Outcome(NamedTuple):
    """The accuracy on the test in percent, the time of a fit in milliseconds, and the last estimator."""

    accuracy: float
    milliseconds: float
    estimator: Any


def main(out: Path) -> Results:
    """Fit both libraries' estimators, print a table, and draw the accuracies, the times and a network."""
    outcomes: dict[str, tuple[Outcome, Outcome]] = {}
    print(f"{'':34}{'accuracy in %':>22}{'time in ms':>22}")
    print(f"{'':34}{'tinygraph':>11}{'sklearn':>11}{'tinygraph':>11}{'sklearn':>11}")
    for name in LOADERS:
        rows = split(name)
        for model, (own, other) in pairs().items():
            pair = fitted(own, rows), fitted(other, rows)
            outcomes[f"{name}, {model}"] = pair
            figures = [pair[0].accuracy, pair[1].accuracy, pair[0].milliseconds, pair[1].milliseconds]
            print(f"{f'{name}, {model}':34}{figures[0]:11.1f}{figures[1]:11.1f}{figures[2]:11.0f}{figures[3]:11.0f}")
    apart = max(coefficients_apart(*outcomes[f"{name}, logistic"]) for name in LOADERS)
    print(f"the coefficients of the logistic regressions differ by at most {apart:.1e}")

    labels = list(outcomes)
    for what, up in (("accuracy", "% of the test right"), ("milliseconds", "ms for a fit")):
        bars = {
            library: [getattr(outcomes[label][side], what) for label in labels]
            for side, library in enumerate(("tinygraph", "scikit-learn"))
        }
        plots.bars(out / f"sklearn_compare_{what}.png", bars, labels, up, log=what == "milliseconds")
    draw_graph(out / "sklearn_compare_graph.svg", outcomes["digits, network"][0].estimator)
    return Results(
        {
            "accuracies": {label: (own.accuracy, other.accuracy) for label, (own, other) in outcomes.items()},
            "milliseconds": {label: (own.milliseconds, other.milliseconds) for label, (own, other) in outcomes.items()},
            "coefficients apart": apart,
        },
        {
            "sklearn_compare_accuracy.png": "Accuracy on the rows that were not learned from; for networks the "
            "mean of three seeds.",
            "sklearn_compare_milliseconds.png": "The time of the processor for one fit, the least of three. Lower is "
            "better.",
            "sklearn_compare_graph.svg": "The fitted network for digits, on eight pictures: it is a Sequential, and "
            "can be drawn like any other.",
        },
    )


# --- the estimators ---------------------------------------------------------------------------------------------------


def pairs() -> dict[str, tuple[Callable[[int], Any], Callable[[int], Any]]]:
    """Return functions from a seed to an estimator, ours and scikit-learn's."""
    return {
        "logistic": (
            lambda seed: ours.LogisticRegression(),
            lambda seed: linear_model.LogisticRegression(tol=1e-8, max_iter=1000),
        ),
        "network": (
            lambda seed: ours.MLPClassifier(random_state=seed, **NETWORK),
            lambda seed: neural_network.MLPClassifier(random_state=seed, **NETWORK),
        ),
    }


def fitted(make: Callable[[int], Any], rows: Rows) -> Outcome:
    """Fit an estimator with each seed."""
    accuracies, times, estimator = [], [], None
    for seed in range(SEEDS):
        estimator = make(seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # the end at 200 epochs is meant
            started = time.process_time()
            estimator.fit(rows.x_train, rows.y_train)
            times.append(time.process_time() - started)
        accuracies.append(100 * estimator.score(rows.x_test, rows.y_test))
    return Outcome(float(np.mean(accuracies)), 1000 * min(times), estimator)


def coefficients_apart(own: Outcome, other: Outcome) -> float:
    """Return the largest difference of a coefficient."""
    return float(np.abs(own.estimator.coef_ - other.estimator.coef_).max())


# --- the data ---------------------------------------------------------------------------------------------------------


def split(name: str) -> Rows:
    """Load a dataset; a quarter of each class is kept for the test, and the columns are scaled by the others."""
    x, y = LOADERS[name](return_X_y=True)
    x_train, x_test, y_train, y_test = train_test_split(x, y, test_size=0.25, random_state=0, stratify=y)
    scaler = StandardScaler().fit(x_train)
    return Rows(scaler.transform(x_train), y_train, scaler.transform(x_test), y_test)


# --- draw -------------------------------------------------------------------------------------------------------------


def draw_graph(path: Path, estimator: Any) -> None:
    """Draw a fitted network on the first rows of the test."""
    x = tg.Tensor(split("digits").x_test[:8], name="x", requires_grad=False)
    tg.draw(estimator.model_(x, training=False), title="model_ of the fitted MLPClassifier").save(path)
