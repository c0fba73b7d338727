"""Workloads on single numbers, the kind that micrograd was written to explain."""

from __future__ import annotations

import random
from collections.abc import Callable
from itertools import pairwise
from typing import Any

from peers import autograd, micrograd, mygrad, torch, torch_contenders
from timing import OURS, Contender, Workload

import tinygraph as tg

CHAIN = 100  # micrograd recurses: its depth is kept below Python's limit


def scalar_graph(nodes: int = 20_000) -> Workload:
    """Chains of products, sums and differences of numbers, added up: forward and backward."""
    chains = max(1, nodes // CHAIN)

    def build(a: Any, b: Any, c: Any) -> Any:
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

    def ours() -> list[float]:
        leaves = [tg.Tensor(0.9), tg.Tensor(0.3), tg.Tensor(0.1)]
        build(*leaves).backward()
        return [float(leaf.grad) for leaf in leaves]

    def with_torch() -> list[float]:
        leaves = [torch.tensor(value, dtype=torch.float64, requires_grad=True) for value in (0.9, 0.3, 0.1)]
        build(*leaves).backward()
        return [leaf.grad.item() for leaf in leaves]

    contenders = [Contender(OURS, ours), *torch_contenders(with_torch)]
    if micrograd is not None:

        def with_micrograd() -> list[float]:
            leaves = [micrograd.Value(0.9), micrograd.Value(0.3), micrograd.Value(0.1)]
            build(*leaves).backward()
            return [leaf.grad for leaf in leaves]

        contenders.append(Contender("micrograd", with_micrograd))
    if mygrad is not None:

        def with_mygrad() -> list[float]:
            leaves = [mygrad.tensor(0.9), mygrad.tensor(0.3), mygrad.tensor(0.1)]
            build(*leaves).backward()
            return [float(leaf.grad) for leaf in leaves]

        contenders.append(Contender("mygrad", with_mygrad))
    if autograd is not None:
        gradient = autograd.grad(build, (0, 1, 2))
        contenders.append(Contender("autograd", lambda: [float(part) for part in gradient(0.9, 0.3, 0.1)]))
    return Workload(
        "scalar graph, forward and backward", "node", chains * (CHAIN + 1), contenders, {"torch": 0.3, "micrograd": 1.0}
    )


def scalar_network(points: int = 10, width: int = 16) -> Workload:
    """micrograd's own demonstration: a network of single numbers, 2-16-16-1 with ReLU, and the hinge loss."""
    draw = random.Random(1)
    sizes = [2, width, width, 1]
    weights = [
        [[draw.uniform(-1, 1) for _ in range(before + 1)] for _ in range(after)] for before, after in pairwise(sizes)
    ]
    data = [([draw.uniform(-1, 1), draw.uniform(-1, 1)], draw.choice((-1.0, 1.0))) for _ in range(points)]

    def loss(make: Callable[[float], Any], relu: Callable[[Any], Any]) -> tuple[Any, list[Any]]:
        layers = [[[make(weight) for weight in neuron] for neuron in layer] for layer in weights]
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
                values = [relu(act) for act in sums] if depth < len(layers) - 1 else sums
            margin = relu(1 - label * values[0])
            total = margin if total is None else total + margin
        return total * (1.0 / points), [weight for layer in layers for neuron in layer for weight in neuron]

    def run(make: Callable[[float], Any], relu: Callable[[Any], Any]) -> list[float]:
        result, leaves = loss(make, relu)
        result.backward()
        # A weight that no point reaches has no gradient; micrograd says 0.
        return [0.0 if leaf.grad is None else float(leaf.grad) for leaf in leaves]

    def torch_number(value: float) -> Any:
        return torch.tensor(value, dtype=torch.float64, requires_grad=True)

    contenders = [Contender(OURS, lambda: run(tg.Tensor, tg.relu))]
    contenders += torch_contenders(lambda: run(torch_number, torch.relu))
    if micrograd is not None:
        contenders.append(Contender("micrograd", lambda: run(micrograd.Value, lambda value: value.relu())))
    if mygrad is not None:
        contenders.append(Contender("mygrad", lambda: run(mygrad.tensor, lambda value: mygrad.maximum(value, 0.0))))
    nodes = points * (2 * sum(a * b for a, b in pairwise(sizes)) + 2 * width + 4) + 1
    return Workload("network of single numbers, 2-16-16-1", "node", nodes, contenders)
