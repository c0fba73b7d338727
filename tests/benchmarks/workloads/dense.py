"""Networks of dense layers."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from workload import Adam, Descent, Workload, one_hot, uniform


def mlp(sizes: tuple[int, int, int] = (784, 128, 10), batch: int = 32) -> Workload:
    """Two dense layers with a ReLU between them."""
    inputs, hidden, classes = sizes
    rng = np.random.default_rng(0)
    x = rng.normal(size=(batch, inputs)).astype(np.float32)
    labels, y = one_hot(rng, classes, batch)
    starts = {
        "w": uniform(rng, inputs, hidden), "b": np.zeros(hidden, np.float32),
        "v": uniform(rng, hidden, classes), "c": np.zeros(classes, np.float32),
    }  # fmt: skip
    work = Workload(
        f"MLP {'-'.join(map(str, sizes))}, Adam, batch {batch}", starts, Adam(), aim=1.0, eager_aim=1.0
    )  # fmt: skip

    def plain(lib: Any, w: Any, x: Any, y: Any) -> Any:
        return lib.cross_entropy(lib.relu(x @ w["w"] + w["b"]) @ w["v"] + w["c"], y)

    work.spelling("numpy", "x @ w + b", x, y)(plain)
    work.spelling("jax", "", x, labels)(plain)

    @work.spelling("torch", "", x, labels)
    def _(lib: Any, w: Any, x: Any, labels: Any) -> Any:
        import torch

        return lib.cross_entropy(torch.addmm(w["c"], lib.relu(torch.addmm(w["b"], x, w["w"])), w["v"]), labels)

    @work.spelling("keras", "", x, labels)
    def _(keras: Any, starts: Any) -> Any:
        layers = [keras.layers.Dense(hidden, activation="relu"), keras.layers.Dense(classes)]
        return keras.Sequential(layers), list(starts.values())

    @work.spelling("numpy", "labels", x, labels)
    def _(lib: Any, w: Any, x: Any, labels: Any) -> Any:
        return plain(lib, w, x, labels)

    @work.spelling("numpy", "examples in columns", np.ascontiguousarray(x.T), y)
    def _(lib: Any, w: Any, x: Any, y: Any) -> Any:
        h = lib.relu(w["w"].T @ x + w["b"][:, None])
        return lib.cross_entropy((w["v"].T @ h + w["c"][:, None]).T, y)

    @work.spelling("numpy", "einsum", x, y)
    def _(lib: Any, w: Any, x: Any, y: Any) -> Any:
        h = lib.relu(np.einsum("ij,jk->ik", x, w["w"]) + w["b"])
        return lib.cross_entropy(np.einsum("ij,jk->ik", h, w["v"]) + w["c"], y)

    @work.spelling("numpy", "tensordot, softmax and log", x, y)
    def _(lib: Any, w: Any, x: Any, y: Any) -> Any:
        h = lib.relu(np.tensordot(x, w["w"], 1) + w["b"])
        return -np.mean(np.sum(y * np.log(lib.softmax(np.dot(h, w["v"]) + w["c"])), axis=1))

    @work.spelling("numpy", "bias as a row of ones", x, y)
    def _(lib: Any, w: Any, x: Any, y: Any) -> Any:
        ones = np.ones((batch, 1), np.float32)
        h = lib.relu(np.concatenate([x, ones], 1) @ np.concatenate([w["w"], w["b"][None]]))
        return lib.cross_entropy(np.concatenate([h, ones], 1) @ np.concatenate([w["v"], w["c"][None]]), y)

    @work.spelling("numpy", "relu by where", x, y)
    def _(lib: Any, w: Any, x: Any, y: Any) -> Any:
        z = x @ w["w"] + w["b"]
        return lib.cross_entropy(np.where(z > 0, z, np.float32(0)) @ w["v"] + w["c"], y)

    products = {
        "@": lambda x, w: x @ w, "np.dot": np.dot, "einsum": lambda x, w: np.einsum("ij,jk->ik", x, w),
        "tensordot": lambda x, w: np.tensordot(x, w, 1), "(w.T @ x.T).T": lambda x, w: (w.T @ x.T).T,
    }  # fmt: skip
    positives = {
        "relu": lambda lib, z: lib.relu(z), "maximum": lambda lib, z: np.maximum(z, np.float32(0)),
        "where": lambda lib, z: np.where(z > 0, z, np.float32(0)), "z (z > 0)": lambda lib, z: z * (z > 0),
    }  # fmt: skip
    targets = {"labels": labels, "one-hot": y}

    def drawing(draws: Any) -> Any:
        first, second, positive, target = (
            draws.choice(list(each)) for each in (products, products, positives, targets)
        )

        def loss(lib: Any, w: Any, x: Any, y: Any) -> Any:
            h = positives[positive](lib, products[first](x, w["w"]) + w["b"])
            return lib.cross_entropy(products[second](h, w["v"]) + w["c"], y)

        return f"{first}, {second}, {positive}, {target}", loss, (x, targets[target])

    work.drawing = drawing
    return work


def pictures(sizes: tuple[int, ...] = (12288, 20, 7, 5, 1), images: int = 13) -> Workload:
    """The network of the demo on pictures, which are columns: ReLU, a sigmoid at the end, gradient descent."""
    rng = np.random.default_rng(0)
    x = rng.random((sizes[0], images)).astype(np.float32)
    y = (rng.random((1, images)) > 0.5).astype(np.float32)
    starts = {}
    for layer, (inputs, outputs) in enumerate(pairwise(sizes)):
        starts[f"w{layer}"] = np.ascontiguousarray(uniform(rng, inputs, outputs).T)
        starts[f"b{layer}"] = np.zeros((outputs, 1), np.float32)
    last = len(sizes) - 2
    work = Workload(
        f"{'-'.join(map(str, sizes))}, {images} pictures, gradient descent", starts, Descent(0.0075), aim=1.2,
        eager_aim=1.0,
    )  # fmt: skip

    def activations(lib: Any, w: Any, x: Any) -> Any:
        for layer in range(last + 1):
            z = w[f"w{layer}"] @ x + w[f"b{layer}"]
            x = lib.relu(z) if layer < last else lib.sigmoid(z)
        return x

    def plain(lib: Any, w: Any, x: Any, y: Any) -> Any:
        a = activations(lib, w, x)
        return -lib.mean(y * lib.log(a) + (1 - y) * lib.log(1 - a))

    for family in ("numpy", "torch", "jax"):
        work.spelling(family, "pictures in columns" if family == "numpy" else "", x, y)(plain)

    @work.spelling("keras", "", np.ascontiguousarray(x.T), np.ascontiguousarray(y.T))
    def _(keras: Any, starts: Any) -> Any:
        layers = [
            keras.layers.Dense(size, activation="relu" if layer < last else "sigmoid")
            for layer, size in enumerate(sizes[1:])
        ]
        by_layer = [start.T if name[0] == "w" else start[:, 0] for name, start in starts.items()]
        return keras.Sequential(layers), by_layer, keras.losses.BinaryCrossentropy()

    @work.spelling("numpy", "pictures in rows", np.ascontiguousarray(x.T), np.ascontiguousarray(y.T))
    def _(lib: Any, w: Any, x: Any, y: Any) -> Any:
        for layer in range(last + 1):
            z = x @ w[f"w{layer}"].T + w[f"b{layer}"].T
            x = lib.relu(z) if layer < last else lib.sigmoid(z)
        return -np.mean(y * np.log(x) + (1 - y) * np.log(1 - x))

    @work.spelling("numpy", "einsum, sum over m", x, y)
    def _(lib: Any, w: Any, x: Any, y: Any) -> Any:
        for layer in range(last + 1):
            z = np.einsum("oi,im->om", w[f"w{layer}"], x) + w[f"b{layer}"]
            x = lib.relu(z) if layer < last else lib.sigmoid(z)
        return -np.sum(y * np.log(x) + (1 - y) * np.log(1 - x)) / np.float32(images)

    @work.spelling("numpy", "np.dot, maximum, where", x, y)
    def _(lib: Any, w: Any, x: Any, y: Any) -> Any:
        for layer in range(last + 1):
            z = np.dot(w[f"w{layer}"], x) + w[f"b{layer}"]
            x = np.maximum(z, np.float32(0)) if layer < last else 1 / (1 + np.exp(-z))
        return -np.mean(np.log(np.where(y > 0, x, 1 - x)))

    return work
