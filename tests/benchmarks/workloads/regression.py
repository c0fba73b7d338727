"""Logistic regression."""

from __future__ import annotations

from typing import Any

import numpy as np
from workload import Descent, Workload


def logistic(features: int = 4096, images: int = 348) -> Workload:
    """Gradient descent on the log loss in float64; pictures are columns, as in the tutorials."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(features, images)) / np.sqrt(features)
    y = (rng.random((1, images)) > 0.5) * 1.0
    rate = 0.01
    starts = {"w": np.zeros((features, 1)), "b": np.zeros((1, 1))}
    work = Workload(
        f"logistic regression {features}×{images}, float64", starts, Descent(rate), close=1e-7, aim=0.75, eager_aim=1.0,
        aims={"NumPy by hand": 1.0},
    )  # fmt: skip

    def plain(lib: Any, w: Any, x: Any, y: Any) -> Any:
        p = lib.sigmoid(w["w"].T @ x + w["b"])
        return lib.sum(-y * lib.log(p) - (1 - y) * lib.log(1 - p)) / x.shape[1]

    for family in ("numpy", "torch", "jax"):
        work.spelling(family, "w.T @ x, formula" if family == "numpy" else "", x, y)(plain)

    @work.spelling("by hand", "", x, y)
    def _(starts: Any, x: Any, y: Any) -> Any:
        state: list[Any] = []

        def restart() -> None:
            state[:] = starts["w"].copy(), starts["b"].copy()

        def step() -> Any:
            w, b = state
            p = 1 / (1 + np.exp(-(np.dot(w.T, x) + b)))
            cost = np.sum(-y * np.log(p) - (1 - y) * np.log(1 - p)) / images
            error = p - y
            state[:] = w - rate * (np.dot(x, error.T) / images), b - rate * (np.sum(error) / images)
            return cost

        return step, lambda cost: [float(cost)], restart

    rows, targets = np.ascontiguousarray(x.T), np.ascontiguousarray(y.T)

    @work.spelling("numpy", "w.T @ x, library's loss", x, y)
    def _(lib: Any, w: Any, x: Any, y: Any) -> Any:
        import tinygraph as tg

        return tg.binary_cross_entropy(w["w"].T @ x + w["b"], y, from_logits=True)

    @work.spelling("numpy", "pictures in rows", rows, targets)
    def _(lib: Any, w: Any, x: Any, y: Any) -> Any:
        p = lib.sigmoid(x @ w["w"] + w["b"])
        return -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))

    @work.spelling("numpy", "einsum, softplus", x, y)
    def _(lib: Any, w: Any, x: Any, y: Any) -> Any:
        z = np.einsum("io,im->om", w["w"], x) + w["b"]
        return np.mean(lib.softplus(z) - y * z)

    @work.spelling("numpy", "(x.T @ w).T, exp by hand", x, y)
    def _(lib: Any, w: Any, x: Any, y: Any) -> Any:
        p = 1 / (1 + np.exp(-((x.T @ w["w"]).T + w["b"])))
        return -np.sum(np.where(y > 0, np.log(p), np.log(1 - p))) / images

    return work
