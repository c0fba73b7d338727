"""A deep network on pictures: the gradients show why some networks do not learn.

Four layers, each a matrix product, a bias and an activation. With the sizes [12288, 20, 7, 5, 1] the first one
looks at the 64 × 64 × 3 = 12288 colours of a picture, the last one gives the probability of "yes":

    layer 1 to 3    a = relu(W @ a + b)
    layer 4         a = sigmoid(W @ a + b)
    cost            mean of −y ln(a) − (1 − y) ln(1 − a)

Pictures are columns, so W has the shape (outputs, inputs).

The same network is trained twice. The first time the weights start as in the tutorial, random numbers times 0.01. Each
layer then makes its input much smaller, and hardly anything of the picture arrives at the end. On the way back the
gradient shrinks by the same factors: the weights of the first layer, nearly all of the network, do not move. The cost
stays at ln 2 = 0.693, the cost of tossing a coin. The second time the random numbers are divided by the square root of
the number of inputs instead. Then the output of a layer is about as large as its input, at any depth, and the network
learns. Nothing else differs. Compare the gradient norms in the two graphs, layer by layer.

Give a folder of some hundred pictures (`--images FOLDER`, files named cat*.* against all others, any size and format).
Otherwise the pictures are squares cut from scikit-learn's two sample photographs, one of a flower and one of a
temple, and every third column of squares is kept for the test.
"""

from __future__ import annotations

import os
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

import tinygraph as tg
from demos import plots
from demos.optimise import gradient_descent
from demos.results import Results

SIZES = (12288, 20, 7, 5, 1)
SIDE = 64


class Pictures(NamedTuple):
    """Pictures as columns, shape (12288, pictures), labels, shape (1, pictures), and the meaning of a 1."""

    x_train: NDArray[np.float64]
    y_train: NDArray[np.float64]
    x_test: NDArray[np.float64]
    y_test: NDArray[np.float64]
    yes: str
    no: str


def main(
    out: Path, images: str | os.PathLike[str] | None = None, iterations: int = 250, rate: float = 0.0075
) -> Results:
    """Train from both starts, print and draw the gradient norms, and show the answers for new pictures."""
    pictures = two_photographs() if images is None else from_folder(images)
    print(f"data: {pictures.x_train.shape[1]} pictures to learn from, {pictures.x_test.shape[1]} to test,", end=" ")
    print(f"{pictures.yes} against {pictures.no}")

    small = initial(SIZES, lambda inputs: 0.01)
    scaled = initial(SIZES, lambda inputs: 1 / np.sqrt(inputs))
    norms = {"× 0.01": gradient_norms(pictures, small), "÷ √n": gradient_norms(pictures, scaled)}
    draw_graph(out / "deep_network_small_start.svg", pictures, small, "weights that start as random numbers × 0.01")
    draw_graph(out / "deep_network_scaled_start.svg", pictures, scaled, "weights that start as random numbers ÷ √n")

    costs = {
        "× 0.01": train(pictures.x_train, pictures.y_train, small, rate, iterations),
        "÷ √n": train(pictures.x_train, pictures.y_train, scaled, rate, iterations),
    }
    accuracy = {"× 0.01": percent_right(pictures, small), "÷ √n": percent_right(pictures, scaled)}
    report(norms, costs, accuracy)

    lines = {f"start {start}": trace for start, trace in costs.items()}
    plots.curves(out / "deep_network_cost.png", lines, "step", "mean log loss")
    draw_samples(out / "deep_network_samples.png", pictures, scaled)
    return Results(
        {"norms": norms, "costs": costs, "accuracy": accuracy},
        {
            "deep_network_small_start.svg": "The network that does not learn, before its first step, each layer as one "
            "card. Look at the norms of the gradient, ‖∇‖: they are next to nothing in every layer.",
            "deep_network_scaled_start.svg": "The same network, the same pictures, another start: the gradient arrives "
            "in every layer.",
            "deep_network_cost.png": "The cost over the steps, from both starts.",
            "deep_network_samples.png": "Pictures it has not seen: the answer of the second network and its "
            f"probability of {pictures.yes}. An orange answer is wrong.",
        },
    )


# --- the network ------------------------------------------------------------------------------------------------------


def initial(sizes: tuple[int, ...], scale: Any, seed: int = 1) -> list[tuple[tg.Tensor, tg.Tensor]]:
    """Make the weights and biases of each layer.

    Args:
        sizes: the number of inputs of the first layer, and the numbers of outputs of all layers.
        scale: the factor of the random numbers, a function of the number of inputs.
        seed: the seed of the random numbers before they are scaled.

    Returns:
        For each layer W of shape (outputs, inputs) and b, zeros of shape (outputs, 1).
    """
    rng = np.random.default_rng(seed)
    layers = []
    for number, (inputs, outputs) in enumerate(pairwise(sizes), start=1):
        weights = rng.standard_normal((outputs, inputs)) * scale(inputs)
        layers.append((tg.Tensor(weights, name=f"W{number}"), tg.Tensor(np.zeros((outputs, 1)), name=f"b{number}")))
    return layers


def forward(x: Any, layers: list[tuple[tg.Tensor, tg.Tensor]]) -> Any:
    """Return the probabilities, shape (1, pictures). The name of a scope is the title of its card in the picture."""
    a = x
    for number, (w, b) in enumerate(layers, start=1):
        activation = tg.relu if number < len(layers) else tg.sigmoid
        with tg.scope(f"layer {number}"):
            a = activation(w @ a + b)
    return a


def mean_log_loss(a: Any, y: Any) -> Any:
    """Return the mean log loss of the probabilities."""
    with tg.scope("mean log loss"):
        return -np.mean(y * np.log(a) + (1 - y) * np.log(1 - a))


def train(
    x: Any, y: Any, layers: list[tuple[tg.Tensor, tg.Tensor]], rate: float = 0.0075, iterations: int = 250,
    compiled: bool = True,
) -> list[float]:  # fmt: skip
    """Run gradient descent on all pictures at once, compiled; return the cost before each step."""
    parameters = [parameter for layer in layers for parameter in layer]

    def step(x: Any, y: Any, rate: float) -> Any:
        cost = mean_log_loss(forward(x, layers), y)
        cost.backward()
        gradient_descent(parameters, rate)
        return cost

    run = tg.compile(step) if compiled else step
    return [run(x, y, rate).item() for _ in range(iterations)]


def gradient_norms(pictures: Pictures, layers: list[tuple[tg.Tensor, tg.Tensor]]) -> list[float]:
    """Return the length of the gradient of each layer's weights."""
    mean_log_loss(forward(pictures.x_train, layers), pictures.y_train).backward()
    norms = [float(np.linalg.norm(w.grad)) for w, _ in layers]
    for w, b in layers:
        w.grad = b.grad = None
    return norms


def percent_right(pictures: Pictures, layers: list[tuple[tg.Tensor, tg.Tensor]]) -> dict[str, float]:
    """Return the share of right answers in percent, on the training and on the test pictures."""
    parts = {"train": (pictures.x_train, pictures.y_train), "test": (pictures.x_test, pictures.y_test)}
    with tg.no_grad():
        return {name: float(100 * np.mean((forward(x, layers) > 0.5) == y)) for name, (x, y) in parts.items()}


# --- the pictures -----------------------------------------------------------------------------------------------------


def two_photographs() -> Pictures:
    """Load squares of 64 × 64 pixels from scikit-learn's photographs of a flower (yes) and of a temple (no)."""
    from sklearn.datasets import load_sample_image

    flower, temple = (squares(load_sample_image(name)) for name in ("flower.jpg", "china.jpg"))
    kept = np.arange(10) % 3 == 1  # columns of squares for the test: no pixel is in both
    x_train = np.concatenate([flower[:, ~kept].reshape(-1, SIZES[0]), temple[:, ~kept].reshape(-1, SIZES[0])])
    x_test = np.concatenate([flower[:, kept].reshape(-1, SIZES[0]), temple[:, kept].reshape(-1, SIZES[0])])
    y_train, y_test = (np.repeat([1.0, 0.0], len(x) // 2)[None, :] for x in (x_train, x_test))
    return Pictures(columns(x_train), y_train, columns(x_test), y_test, "flower", "temple")


def squares(photograph: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Cut a photograph into squares: shape (down, across, 64, 64, 3)."""
    down, across = photograph.shape[0] // SIDE, photograph.shape[1] // SIDE
    whole = photograph[: down * SIDE, : across * SIDE]
    return whole.reshape(down, SIDE, across, SIDE, 3).swapaxes(1, 2)


def from_folder(folder: str | os.PathLike[str]) -> Pictures:
    """Load image files, those named cat*.* against the others; a fifth of each class is kept for the test.

    Raises:
        FileNotFoundError: there is no such folder.
        ValueError: the folder is empty, a file is not an image, or a class has fewer than two.
    """
    from sklearn.model_selection import train_test_split

    images, names = tg.data.load_images(folder, SIDE)
    labels = np.array([tg.data.class_of(name, "cat") for name in names])
    cats, others = int(labels.sum()), int((1 - labels).sum())
    if min(cats, others) < 2:
        raise ValueError(
            f"{str(folder)!r} has {cats} files named cat*.* and {others} others; at least two of each are needed, "
            "one to learn from and one to test"
        )
    kept = max(2, round(0.2 * len(images)))
    x_train, x_test, y_train, y_test = train_test_split(
        images, labels.astype(np.float64), test_size=kept, random_state=42, stratify=labels
    )
    return Pictures(columns(x_train), y_train[None, :], columns(x_test), y_test[None, :], "cat", "other")


def columns(images: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return images (pictures, ...) from 0 to 255 as columns from 0 to 1, shape (12288, pictures)."""
    return np.ascontiguousarray(images.reshape(len(images), -1).T) / 255


# --- report and draw --------------------------------------------------------------------------------------------------


def report(norms: dict[str, list[float]], costs: dict[str, list[float]], accuracy: dict[str, dict[str, float]]) -> None:
    """Print both starts side by side."""
    print("start      " + "".join(f"{start:>12}" for start in norms))
    for number, of_layer in enumerate(zip(*norms.values(), strict=True), start=1):
        print(f"|grad W{number}|  " + "".join(f"{norm:12.1e}" for norm in of_layer))
    for step in (0, len(costs["÷ √n"]) - 1):
        print(f"cost {step:4d}  " + "".join(f"{trace[step]:12.4f}" for trace in costs.values()))
    for part in ("train", "test"):
        print(f"{part:5} right" + "".join(f"{right[part]:10.1f} %" for right in accuracy.values()))


def draw_graph(path: Path, pictures: Pictures, layers: list[tuple[tg.Tensor, tg.Tensor]], title: str) -> None:
    """Draw the network after one backward pass, each layer as one card."""
    x = tg.Tensor(pictures.x_train, name="x", requires_grad=False)
    y = tg.Tensor(pictures.y_train, name="y", requires_grad=False)
    cost = mean_log_loss(forward(x, layers), y)
    cost.backward(retain_graph=True)
    tg.draw(cost, view="collapsed", title=title).save(path)
    for w, b in layers:
        w.grad = b.grad = None


def draw_samples(path: Path, pictures: Pictures, layers: list[tuple[tg.Tensor, tg.Tensor]]) -> None:
    """Draw sixteen test pictures, the wrong answers first."""
    with tg.no_grad():
        yes = forward(pictures.x_test, layers).numpy()[0]
    wrong = (yes > 0.5) != pictures.y_test[0]
    order = np.random.default_rng(0).permutation(len(wrong))
    chosen = order[np.argsort(~wrong[order], kind="stable")][:16]
    captions = [f"{pictures.yes if yes[i] > 0.5 else pictures.no} ({yes[i]:.2f})" for i in chosen]
    plots.image_grid(path, pictures.x_test.T[chosen].reshape(-1, SIDE, SIDE, 3), captions, wrong[chosen])
