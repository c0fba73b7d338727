"""Single numbers, the kind that micrograd was written to explain, and small arrays: the library's own time counts."""

from __future__ import annotations

import random
from itertools import pairwise
from typing import Any

import numpy as np
from libraries import OURS
from workload import Workload

CHAIN = 100  # micrograd recurses: its depth is kept below Python's limit
ALL = ("numpy", "torch", "micrograd", "mygrad", "autograd")
EAGER_ALONE = (OURS, "torch.compile")


def numbers_graph(nodes: int = 5_000) -> Workload:
    """Chains of products, sums and differences of numbers, added up."""
    chains = max(1, nodes // CHAIN)
    starts = {name: np.float64(value) for name, value in {"a": 0.9, "b": 0.3, "c": 0.1}.items()}
    work = Workload(
        "graph of numbers", starts, unit="node", units=chains * (CHAIN + 1), close=1e-7, eager_aim=0.3,
        aims={"micrograd": 1.0}, without=EAGER_ALONE,
    )  # fmt: skip

    def build(lib: Any, w: Any) -> Any:
        a, b, c = w.values()
        total = a * 0.0
        for _ in range(chains):
            z = a
            for _ in range(CHAIN // 5):
                z = z * a
                z = z + b
                z = z * z
                z = z * 0.5
                z = z - c
            total = total + z
        return total

    for family in ALL:
        work.spelling(family, "")(build)
    return work


def numbers_network(points: int = 10, width: int = 16) -> Workload:
    """micrograd's own demonstration: a network of single numbers, 2-16-16-1 with ReLU, and the hinge loss."""
    draw = random.Random(1)
    sizes = [2, width, width, 1]
    starts = {
        f"{layer} {neuron} {place}": np.float64(draw.uniform(-1, 1))
        for layer, (before, after) in enumerate(pairwise(sizes))
        for neuron in range(after)
        for place in range(before + 1)
    }
    data = [([draw.uniform(-1, 1), draw.uniform(-1, 1)], draw.choice((-1.0, 1.0))) for _ in range(points)]
    nodes = points * (2 * sum(a * b for a, b in pairwise(sizes)) + 2 * width + 4) + 1
    work = Workload(
        f"network of numbers, {'-'.join(map(str, sizes))}", starts, unit="node", units=nodes, close=1e-7,
        eager_aim=0.3, without=EAGER_ALONE,
    )  # fmt: skip

    def build(lib: Any, w: Any) -> Any:
        weights = iter(w.values())
        layers = [[[next(weights) for _ in range(a + 1)] for _ in range(b)] for a, b in pairwise(sizes)]
        total = None
        for point, label in data:
            values: list[Any] = point
            for depth, layer in enumerate(layers):
                sums = []
                for neuron in layer:
                    act = neuron[-1]
                    for weight, value in zip(neuron, values, strict=False):
                        act = act + weight * value
                    sums.append(act)
                values = [lib.relu(act) for act in sums] if depth < len(layers) - 1 else sums
            margin = lib.relu(1 - label * values[0])
            total = margin if total is None else total + margin
        return total * (1.0 / points)

    for family in ("numpy", "torch", "micrograd", "mygrad"):
        work.spelling(family, "")(build)
    return work


def numbers_chain(nodes: int = 5_000) -> Workload:
    """A long chain of numbers, which a compiled program does not call NumPy for."""
    starts = {"a": np.float64(0.3), "b": np.float64(0.7)}
    work = Workload(
        f"chain of {nodes:,} numbers", starts, unit="call", close=1e-7, aims={"torch": 0.02},
        without=("torch.compile",), fast=False,
    )  # fmt: skip

    def build(lib: Any, w: Any) -> Any:
        a, b = w.values()
        x = a
        for _ in range(max(1, nodes // 5)):
            x = lib.tanh(x * b + a) * 0.9 + b
        return x

    for family in ("numpy", "torch"):
        work.spelling(family, "")(build)
    return work


def small_arrays(repeats: int = 30, shape: tuple[int, int] = (32, 128)) -> Workload:
    """Sums, products, tanh, exp and a square on arrays of one shape."""
    rng = np.random.default_rng(0)
    starts = {name: rng.normal(size=shape) * 0.5 for name in ("x", "w", "b")}
    work = Workload(
        f"element by element, arrays {shape[0]}×{shape[1]}", starts, unit="node", units=8 * repeats + 2, close=1e-7,
        eager_aim=0.8, without=EAGER_ALONE,
    )  # fmt: skip

    def build(lib: Any, w: Any) -> Any:
        h, factor, b = w.values()
        for _ in range(repeats):
            h = lib.tanh(h * factor + b)
            h = h - 0.1 * lib.exp(-(h * h))
        return (h * h).sum()

    for family in ("numpy", "torch", "mygrad", "autograd"):
        work.spelling(family, "")(build)
    return work


def small_products(repeats: int = 60, shape: tuple[int, int] = (32, 128)) -> Workload:
    """Dense layers, tanh(h @ w + b)."""
    rng = np.random.default_rng(0)
    rows, columns = shape
    starts = {
        "x": rng.normal(size=shape),
        "w": rng.normal(size=(columns, columns)) / np.sqrt(columns),
        "b": rng.normal(size=columns) * 0.1,
    }
    work = Workload(
        f"product, bias and tanh, arrays {rows}×{columns}", starts, unit="node", units=3 * repeats + 2, close=1e-6,
        eager_aim=0.8, without=EAGER_ALONE,
    )  # fmt: skip

    def build(lib: Any, w: Any) -> Any:
        h, factor, b = w.values()
        for _ in range(repeats):
            h = lib.tanh(h @ factor + b)
        return (h * h).sum()

    for family in ("numpy", "torch", "mygrad", "autograd"):
        work.spelling(family, "")(build)
    return work
