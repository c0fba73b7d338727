"""Logistic regression as a graph: is this the picture of a zero or of a one?

A picture is a column of numbers x, one for each pixel. The model has a weight for each pixel and one bias. It computes
a weighted sum of the pixels and squeezes the sum into a probability:

    z      = w.T @ x + b
    y_head = sigmoid(z)             the probability that it is a one
    cost   = mean of −y ln(y_head) − (1 − y) ln(1 − y_head)

The cost is small if the true answers got high probabilities. Every line above is a line of NumPy below, so the graph
shows exactly these operations, and backward() finds the derivative of the cost by each weight. Gradient descent then
takes many small steps downhill.

`tg.compile` then runs one such step, from the cost to the new weights, and writes down its NumPy calls. The result is
the program that one would write by hand, derivatives included, and it takes the same steps faster.

The pictures are columns: x has the shape (pixels, pictures), so one product w.T @ x serves all of them.

With sign_digits.npz in the data folder, these are photographs of hands that sign zero and one, 64 × 64 pixels, and the
cost agrees with the tutorial's published run to 1e-4. Otherwise they are the zeros and ones among
scikit-learn's handwritten digits, 8 × 8 pixels.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

import tinygraph as tg
from demos import plots
from demos.optimise import gradient_descent
from demos.results import Results

# The published cost before each tenth step, and the published accuracies in percent.
PUBLISHED_COSTS = (
    14.014222, 2.544689, 2.577950, 2.397999, 2.185019, 1.968348, 1.754195, 1.535079, 1.297567, 1.031919, 0.737019,
    0.441355, 0.252278, 0.205168, 0.196168,
)  # fmt: skip
PUBLISHED_ACCURACY = {"train": 92.816091954023, "test": 93.54838709677419}
PUBLISHED_SKLEARN = {"train": 100.0, "test": 96.7742}


class Pictures(NamedTuple):
    """Pictures as columns, shape (pixels, pictures), their labels, shape (1, pictures), and their width in pixels."""

    x_train: NDArray[np.float64]
    y_train: NDArray[np.float64]
    x_test: NDArray[np.float64]
    y_test: NDArray[np.float64]
    width: int


def main(out: Path) -> Results:
    """Train, compare with the published run and with scikit-learn, and draw the curve, some pictures and the graph."""
    published = tg.data.available("sign_digits.npz")
    pictures = sign_language() if published else handwriting()
    rate = 0.01 if published else 0.1  # the small pictures have few pixels, and allow larger steps
    print("data:", "hands that sign 0 and 1, 64 × 64" if published else "scikit-learn's digits 0 and 1, 8 × 8")

    started = time.perf_counter()
    w, b, costs = train(pictures.x_train, pictures.y_train, rate)
    seconds = time.perf_counter() - started
    accuracy = {
        "train": percent_right(predict(pictures.x_train, w, b), pictures.y_train),
        "test": percent_right(predict(pictures.x_test, w, b), pictures.y_test),
    }
    other = scikit_learn(pictures)
    report(costs, accuracy, other, published)
    compiled = compiled_run(pictures, rate, costs, seconds)

    draw_curve(out, costs, published)
    draw_samples(out, pictures, predict(pictures.x_test, w, b))
    draw_graph(out, pictures, w, b)
    return Results(
        {"costs": costs, "compiled": compiled, "accuracy": accuracy, "scikit-learn": other},
        {
            "logistic_regression_graph.svg": "The whole model after training. Read it downwards for the values; the "
            "orange rows are what backward() found on its way up.",
            "logistic_regression_cost.png": "The cost before each step of gradient descent. Where it zigzags, the "
            "steps are a little too long: they cross the valley instead of following it.",
            "logistic_regression_samples.png": "Pictures that were not used for training: the model's answer and the "
            "probability it gives to a one. An orange answer is wrong.",
        },
    )


# --- the model --------------------------------------------------------------------------------------------------------


def forward(x: Any, y: Any, w: tg.Tensor, b: tg.Tensor) -> tuple[tg.Tensor, tg.Tensor]:
    """Compute the model and its cost, in plain NumPy."""
    with tg.scope("model"):
        z = w.T @ x + b
        y_head = tg.sigmoid(z)
    with tg.scope("mean log loss"):
        cost = -np.mean(y * np.log(y_head) + (1 - y) * np.log(1 - y_head))
    return y_head, cost


def train(x: Any, y: Any, rate: float = 0.01, iterations: int = 150) -> tuple[tg.Tensor, tg.Tensor, list[float]]:
    """Run gradient descent on all pictures at once.

    Returns:
        The weights, shape (pixels, 1), the bias, and the cost before each step.
    """
    w, b = initial(len(x))
    step = downhill(w, b)
    costs = [step(x, y, rate).item() for _ in range(iterations)]
    return w, b, costs


def initial(pixels: int) -> tuple[tg.Tensor, tg.Tensor]:
    """Return the tutorial's first weights: all 0.01, and no bias."""
    return tg.Tensor(np.full((pixels, 1), 0.01), name="w"), tg.Tensor(0.0, name="b")


def downhill(w: tg.Tensor, b: tg.Tensor) -> Callable[..., Any]:
    """Return one step of gradient descent: a function of the pictures and the rate that returns the cost before it."""

    def step(x: Any, y: Any, rate: float) -> Any:
        _, cost = forward(x, y, w, b)
        cost.backward()
        gradient_descent([w, b], rate)
        return cost

    return step


def compiled_run(pictures: Pictures, rate: float, costs: list[float], seconds: float) -> list[float]:
    """Repeat the run, compiled, and print the program, with its time beside that of the first run.

    Args:
        costs, seconds: of the first run.

    Returns:
        The cost before each step.
    """
    step = tg.compile(downhill(*initial(len(pictures.x_train))))
    started = time.perf_counter()
    again = [float(step(pictures.x_train, pictures.y_train, rate))]
    first = time.perf_counter() - started
    again += [float(step(pictures.x_train, pictures.y_train, rate)) for _ in costs[1:]]
    later = time.perf_counter() - started - first
    print()
    print(f"{len(costs)} steps as they are        {1000 * seconds:7.1f} ms")
    print(f"compiled, the first step    {1000 * first:7.1f} ms, in which the program is made")
    print(f"compiled, the {len(costs) - 1} others    {1000 * later:7.1f} ms")
    print(f"largest difference of costs {np.max(np.abs(np.subtract(again, costs))):7.1g}")
    print(f"\nThe program:\n\n{step.source}")
    return again


def predict(x: NDArray[np.float64], w: tg.Tensor, b: tg.Tensor) -> NDArray[np.float64]:
    """Return the probability that each picture is a one, shape (1, pictures)."""
    with tg.no_grad():
        return tg.sigmoid(w.T @ x + b).numpy()


def percent_right(y_head: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    """Return the share of right answers in percent; the answer is "one" above a probability of one half."""
    return float(100 * np.mean((y_head > 0.5) == y))


# --- the pictures -----------------------------------------------------------------------------------------------------


def sign_language() -> Pictures:
    """Load 205 hands that sign zero and 205 that sign one."""
    images, _ = tg.data.sign_digits()
    zeros_and_ones = np.concatenate([images[204:409], images[822:1027]])
    # The published arrays hold the bytes divided by 255 in single precision; the weights are double.
    values = zeros_and_ones.astype(np.float32) / np.float32(255)
    labels = np.concatenate([np.zeros(205), np.ones(205)])
    return split(values.reshape(410, -1).astype(np.float64), labels, width=64)


def handwriting() -> Pictures:
    """Load the 178 zeros and 182 ones among scikit-learn's digits."""
    from sklearn.datasets import load_digits

    values, labels = load_digits(n_class=2, return_X_y=True)
    return split(values / 16, labels.astype(np.float64), width=8)


def split(rows: NDArray[np.float64], labels: NDArray[np.float64], width: int) -> Pictures:
    """Keep 15 % of the pictures for the test, the same in each run, and turn rows into columns."""
    from sklearn.model_selection import train_test_split

    x_train, x_test, y_train, y_test = train_test_split(rows, labels, test_size=0.15, random_state=42)
    return Pictures(x_train.T, y_train[None, :], x_test.T, y_test[None, :], width)


# --- compare and draw -------------------------------------------------------------------------------------------------


def scikit_learn(pictures: Pictures) -> dict[str, float]:
    """Return the accuracies in percent of scikit-learn's model, which has a weight penalty and a faster optimiser."""
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(max_iter=150).fit(pictures.x_train.T, pictures.y_train[0])
    return {
        "train": float(100 * model.score(pictures.x_train.T, pictures.y_train[0])),
        "test": float(100 * model.score(pictures.x_test.T, pictures.y_test[0])),
    }


def report(costs: list[float], accuracy: dict[str, float], other: dict[str, float], published: bool) -> None:
    """Print the cost before each tenth step and the accuracies, beside the published ones where there are any."""
    print("step      cost" + "   published" * published)
    for step, theirs in zip(range(0, len(costs), 10), PUBLISHED_COSTS, strict=False):
        print(f"{step:4d} {costs[step]:9.6f}" + f"   {theirs:9.6f}" * published)
    for part in ("train", "test"):
        beside = f"   published {PUBLISHED_ACCURACY[part]:.3f} %" if published else ""
        beside_other = f"   published {PUBLISHED_SKLEARN[part]:.3f} %" if published else ""
        print(f"{part:5} accuracy {accuracy[part]:7.3f} %{beside}")
        print(f"      scikit-learn's {other[part]:7.3f} %{beside_other}")


def draw_curve(out: Path, costs: list[float], published: bool) -> None:
    """Draw the cost over the steps, with the published points."""
    beside = (range(0, 150, 10), PUBLISHED_COSTS) if published else None
    path = out / "logistic_regression_cost.png"
    plots.curves(path, {"this run": costs}, "step", "mean log loss", published=beside, log=published)


def draw_samples(out: Path, pictures: Pictures, y_head: NDArray[np.float64]) -> None:
    """Draw sixteen test pictures with the model's answers, the wrong ones first."""
    answers = y_head[0] > 0.5
    wrong = answers != pictures.y_test[0]
    chosen = np.argsort(~wrong, kind="stable")[:16]
    images = pictures.x_test.T[chosen].reshape(-1, pictures.width, pictures.width)
    captions = [f"{answers[i]:d}  ({y_head[0, i]:.2f})" for i in chosen]
    plots.image_grid(out / "logistic_regression_samples.png", images, captions, wrong[chosen])


def draw_graph(out: Path, pictures: Pictures, w: tg.Tensor, b: tg.Tensor) -> None:
    """Run one more forward and backward pass that keeps its arrays, and draw it."""
    x = tg.Tensor(pictures.x_train, name="x", requires_grad=False)
    y = tg.Tensor(pictures.y_train, name="y", requires_grad=False)
    _, cost = forward(x, y, w, b)
    cost.backward(retain_graph=True)
    drawing = tg.draw(cost, view="full", title="logistic regression after training")
    drawing.save(out / "logistic_regression_graph.svg")
