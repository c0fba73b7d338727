"""A small network written out in full: who is admitted to graduate school?

Six numbers describe an application: the GRE score and the grade point average, both standardised, and four numbers 0 or
1 for the four ranks of schools. The network has two hidden units and an output, all sigmoids without a bias:

    hidden = sigmoid(x @ w_input)       x (records, 6), w_input (6, 2)
    output = sigmoid(hidden @ w_output)                 w_output (2,)

The demo follows a tutorial, which works out the gradient by hand, error times slope of the sigmoid times input, and
takes steps of rate × sum over the records ÷ number of records. This is the gradient of half the mean squared error: the
half cancels the 2 from the derivative of the square. So the cost below has a factor of one half, and the steps of
backward() are exactly those of the tutorial. The printed error is the plain mean over the training set, after the step
of its epoch.

The two published errors, 0.268560 and 0.254414, are the first and the last of the ten printed errors: after epoch 0 and
after epoch 810 of 900. The run ends lower, at 0.253066.

An honest word about the result: the steps are so small that 900 epochs barely begin to learn. A test accuracy of 0.725
is 29 right out of 40, and the answer "nobody is admitted" would be right 26 times.

With admissions.csv in the data folder the figures are the published ones. Otherwise the demo makes up a similar table,
with figures of its own.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

import tinygraph as tg
from demos import plots
from demos.optimise import gradient_descent
from demos.results import Results

EPOCHS = 900
RATE = 0.005
PUBLISHED_ERROR = {0: 0.268560, 810: 0.254414}
PUBLISHED_ACCURACY = 0.725


class Records(NamedTuple):
    """Features, shape (records, 6), and admissions, 0 or 1 of shape (records,)."""

    x_train: NDArray[np.float64]
    y_train: NDArray[np.float64]
    x_test: NDArray[np.float64]
    y_test: NDArray[np.float64]


def main(out: Path) -> Results:
    """Train, print the ten errors beside the published ones, and draw the error and the graph."""
    published = tg.data.available("admissions.csv")
    print("data:", "admissions.csv" if published else "a made-up table of 400 applications (no data folder)")
    records = split(tg.data.admissions() if published else made_up())

    w_input, w_output = initial()
    errors = train(records, w_input, w_output)
    right = (predict(records.x_test, w_input, w_output) > 0.5) == records.y_test
    accuracy = float(np.mean(right))
    nobody = float(np.mean(records.y_test == 0))
    report(errors, accuracy, nobody, published)

    beside = (list(PUBLISHED_ERROR), list(PUBLISHED_ERROR.values())) if published else None
    lines = {"this run": errors}
    plots.curves(out / "admissions_error.png", lines, "epoch", "mean squared error, training set", published=beside)
    draw_graph(out / "admissions_graph.svg", records, w_input, w_output)
    return Results(
        {"errors": errors, "accuracy": accuracy, "nobody": nobody},
        {
            "admissions_graph.svg": "The network after training: two matrix products, two sigmoids, and the cost. The "
            "orange rows are the gradients that the tutorial works out by hand.",
            "admissions_error.png": "The mean squared error on the training set after each epoch: a straight line "
            "down, far from where it could level off.",
        },
    )


# --- the network ------------------------------------------------------------------------------------------------------


def initial(seed: int = 21) -> tuple[tg.Tensor, tg.Tensor]:
    """Draw the tutorial's first weights, with the same older generator of NumPy."""
    random = np.random.RandomState(seed)
    w_input = random.normal(scale=1 / 6**0.5, size=(6, 2))
    w_output = random.normal(scale=1 / 6**0.5, size=2)
    return tg.Tensor(w_input, name="w_input"), tg.Tensor(w_output, name="w_output")


def forward(x: Any, w_input: tg.Tensor, w_output: tg.Tensor) -> Any:
    """Return the probability of admission of each record, shape (records,)."""
    with tg.scope("hidden layer"):
        hidden = tg.sigmoid(x @ w_input)
    with tg.scope("output layer"):
        return tg.sigmoid(hidden @ w_output)


def train(records: Records, w_input: tg.Tensor, w_output: tg.Tensor, compiled: bool = True) -> list[float]:
    """Run gradient descent on all records at once, and return the mean squared error after each step.

    The whole step is compiled: so small a step spends most of its time in Python, and a program has less of it.
    """

    def step(x: Any, y: Any, rate: float) -> Any:
        cost = np.mean((y - forward(x, w_input, w_output)) ** 2) / 2
        cost.backward()
        gradient_descent([w_input, w_output], rate)
        return np.mean((y - predict(x, w_input, w_output)) ** 2)

    run = tg.compile(step) if compiled else step
    return [float(run(records.x_train, records.y_train, RATE)) for _ in range(EPOCHS)]


def predict(x: NDArray[np.float64], w_input: tg.Tensor, w_output: tg.Tensor) -> NDArray[np.float64]:
    """Return the probabilities as an array, without a record."""
    with tg.no_grad():
        return forward(x, w_input, w_output).numpy()


# --- the records ------------------------------------------------------------------------------------------------------


def split(table: tg.data.Admissions, seed: int = 21) -> Records:
    """Standardise the scores, mark the ranks, and draw 360 of the 400 records for training."""
    scores = np.stack([table.gre, table.gpa], axis=1)
    standardised = (scores - scores.mean(axis=0)) / scores.std(axis=0, ddof=1)
    ranks = table.rank[:, None] == np.arange(1, 5)
    x = np.hstack([standardised, ranks])
    y = table.admit.astype(np.float64)

    learnt = np.random.RandomState(seed).choice(np.arange(len(y)), size=360, replace=False)
    kept = np.setdiff1d(np.arange(len(y)), learnt)
    return Records(x[learnt], y[learnt], x[kept], y[kept])


def made_up(seed: int = 0) -> tg.data.Admissions:
    """Make up 400 applications, drawn from the logistic model that fits UCLA's table best.

    Source of the coefficients: UCLA's statistics pages, "Logit regression: R data analysis examples".
    """
    rng = np.random.default_rng(seed)
    gre = np.clip(np.round(rng.normal(588, 116, 400), -1), 220, 800)
    gpa = np.clip(np.round(rng.normal(3.39, 0.38, 400), 2), 2.26, 4)
    rank = rng.choice([1, 2, 3, 4], size=400, p=[0.15, 0.38, 0.30, 0.17])
    logit = -3.990 + 0.00226 * gre + 0.804 * gpa - np.array([0, 0.675, 1.340, 1.551])[rank - 1]
    admit = rng.random(400) < tg.sigmoid(logit)
    return tg.data.Admissions(admit.astype(int), gre, gpa, rank)


# --- report and draw --------------------------------------------------------------------------------------------------


def report(errors: list[float], accuracy: float, nobody: float, published: bool) -> None:
    """Print the error after every ninetieth epoch, and the accuracy."""
    print("epoch   training error" + "   published" * published)
    for epoch in range(0, EPOCHS, 90):
        beside = f"   {PUBLISHED_ERROR[epoch]:.6f}" if published and epoch in PUBLISHED_ERROR else ""
        print(f"{epoch:5d}   {errors[epoch]:.6f}      {beside}".rstrip())
    print(f"{EPOCHS - 1:5d}   {errors[-1]:.6f}")
    print(f"test accuracy {accuracy:.3f}" + f"   published {PUBLISHED_ACCURACY}" * published)
    print(f'saying "nobody is admitted" scores {nobody:.3f}')


def draw_graph(path: Path, records: Records, w_input: tg.Tensor, w_output: tg.Tensor) -> None:
    """Run one more pass, and draw it."""
    x = tg.Tensor(records.x_train, name="x", requires_grad=False)
    y = tg.Tensor(records.y_train, name="y", requires_grad=False)
    output = forward(x, w_input, w_output)
    with tg.scope("half mean squared error"):
        cost = np.mean((y - output) ** 2) / 2
    cost.backward(retain_graph=True)
    tg.draw(cost, view="full", title="admissions, after training").save(path)
    w_input.grad = w_output.grad = None
