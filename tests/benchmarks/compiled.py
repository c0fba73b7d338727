"""Compiled tinygraph against its peers and against NumPy written by hand. Run from anywhere:

    python tests/benchmarks/compiled.py                     everything, in about three minutes
    python tests/benchmarks/compiled.py logistic scalar     only the workloads whose name has one of these words
    python tests/benchmarks/compiled.py --json out.json     the numbers too

The peers are optional, and skipped where they are missing: pip install torch jax. All of them run in this process and
take turns, each after a garbage collection. They must agree on the result before a time is taken. torch.compile needs
a C++ compiler, and is skipped where it fails.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(1, str(Path(__file__).parents[2]))  # a checkout that is not installed

import numpy as np
from eager import check
from networks import cnn, deep, fitted, lstm, mlp, transformer
from peers import numpy_contenders, peer, torch, torch_contenders, torch_losses
from report import machine, results, table
from timing import OURS, Contender, Workload, take_turns

import tinygraph as tg

jax = peer("jax")


def logistic_regression(features: int = 4096, images: int = 348, steps: int = 150) -> Workload:
    """Steps of gradient descent, float64, features in rows as the tutorials have them."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(features, images)) / np.sqrt(features)
    y = (rng.random((1, images)) > 0.5) * 1.0

    w, b = tg.Tensor(np.zeros((features, 1)), name="w"), tg.Tensor(0.0, name="b")

    @tg.compile
    def step(x: Any, y: Any) -> Any:
        z = w.T @ x + b
        y_head = tg.sigmoid(z)
        loss = -y * np.log(y_head) - (1 - y) * np.log(1 - y_head)
        cost = np.sum(loss) / x.shape[1]
        w.grad = b.grad = None
        cost.backward()
        w.assign(w.data - 0.01 * w.grad)
        b.assign(b.data - 0.01 * b.grad)
        return cost

    def ours() -> list[float]:
        w.assign(np.zeros((features, 1)))
        b.assign(np.array(0.0))
        return [float(step(x, y)) for _ in range(steps)]

    def by_hand() -> list[float]:
        w, b = np.zeros((features, 1)), 0.0
        costs = []
        for _ in range(steps):
            y_head = 1 / (1 + np.exp(-(np.dot(w.T, x) + b)))
            costs.append(float(np.sum(-y * np.log(y_head) - (1 - y) * np.log(1 - y_head)) / images))
            d_z = y_head - y
            d_w, d_b = np.dot(x, d_z.T) / images, np.sum(d_z) / images
            w, b = w - 0.01 * d_w, b - 0.01 * d_b
        return costs

    def with_torch() -> list[float]:
        w = torch.zeros((features, 1), dtype=torch.float64, requires_grad=True)
        b = torch.zeros((), dtype=torch.float64, requires_grad=True)

        def cost() -> Any:
            p = torch.sigmoid(w.T @ x_torch + b)
            return -(y_torch * torch.log(p) + (1 - y_torch) * torch.log(1 - p)).sum() / images

        return torch_losses(torch.optim.SGD([w, b], lr=0.01), cost, steps)

    if torch is not None:
        x_torch, y_torch = torch.tensor(x), torch.tensor(y)
    contenders = [
        *numpy_contenders(OURS, ours),
        *numpy_contenders("NumPy by hand", by_hand),
        *torch_contenders(with_torch),
    ]
    bounds = {"NumPy by hand": 1.0, "torch": 0.75}
    return Workload(f"logistic regression {features}x{images}, a step", "step", steps, contenders, bounds)


def wave(library: Any, x: Any, sigmoid: Callable[..., Any]) -> Any:
    """mean(tanh(sin(x) · exp(−x²/2) + σ(x) · log1p(x²))) in any library."""
    return library.mean(library.tanh(library.sin(x) * library.exp(-(x**2) / 2) + sigmoid(x) * library.log1p(x**2)))


def value_and_gradient(size: int, bound: float) -> Workload:
    """A long elementwise expression of one float32 array, and its gradient."""
    x = np.random.default_rng(0).normal(size=size).astype(np.float32)
    compiled = tg.compile(tg.value_and_grad(lambda x: wave(np, x, tg.sigmoid)))

    def summary(value: Any, gradient: Any) -> list[float]:
        return [float(value), float(gradient[0]), float(gradient[size // 2]), float(gradient[-1])]

    contenders = numpy_contenders(OURS, lambda: summary(*compiled(x)))
    if torch is not None:
        leaf = torch.tensor(x, requires_grad=True)

        def with_torch(expression: Callable[..., Any]) -> list[float]:
            leaf.grad = None
            value = expression(leaf)
            value.backward()
            return summary(value.detach(), leaf.grad)

        def eager(x: Any) -> Any:
            return wave(torch, x, torch.sigmoid)

        contenders += torch_contenders(lambda: with_torch(eager))
        try:
            fused = torch.compile(eager)
            with_torch(fused)
            for contender in torch_contenders(lambda: with_torch(fused)):
                contenders.append(Contender("torch.compile", contender.run, contender.prepare, contender.threads))
        except Exception as error:  # whatever its C++ compiler says
            print(f"torch.compile is left out: {type(error).__name__}", file=sys.stderr)
    if jax is not None:
        jitted = jax.jit(jax.value_and_grad(lambda x: wave(jax.numpy, x, jax.nn.sigmoid)))

        def with_jax() -> list[float]:
            value, gradient = jitted(x)
            return summary(value, np.asarray(gradient))

        contenders.append(Contender("jax.jit", with_jax))
    bounds = {"torch": bound, "torch.compile": bound, "jax.jit": bound}
    return Workload(f"value and gradient, {size:,} float32 elements", "call", 1, contenders, bounds)


def scalar_graph(nodes: int = 20_000) -> Workload:
    """A chain of numbers: value and gradient."""

    def chain(library: Any, a: Any, b: Any) -> Any:
        x = a
        for _ in range(max(1, nodes // 5)):
            x = library.tanh(x * b + a) * 0.9 + b
        return x

    step = tg.compile(tg.value_and_grad(lambda a, b: chain(np, a, b), argnums=(0, 1)))

    def ours() -> list[float]:
        value, gradients = step(np.array(0.3), np.array(0.7))
        return [float(value), *[float(part) for part in gradients]]

    def with_torch() -> list[float]:
        a, b = [torch.tensor(value, dtype=torch.float64, requires_grad=True) for value in (0.3, 0.7)]
        value = chain(torch, a, b)
        value.backward()
        return [value.item(), a.grad.item(), b.grad.item()]

    return Workload(
        f"scalar graph of {nodes:,} nodes", "call", 1, [*numpy_contenders(OURS, ours), *torch_contenders(with_torch)],
        {"torch": 0.02},
    )  # fmt: skip


def network(sizes: tuple[int, int, int] = (784, 128, 10), batch: int = 32, steps: int = 10) -> Workload:
    """A network of two layers, tanh, softmax, and Adam: training steps in float32."""
    rng = np.random.default_rng(0)
    inputs, hidden, classes = sizes
    shapes = [(inputs, hidden), (hidden,), (hidden, classes), (classes,)]
    starts = [(rng.normal(size=shape) * 0.05).astype(np.float32) for shape in shapes]
    x = rng.normal(size=(batch, inputs)).astype(np.float32)
    labels = rng.integers(0, classes, batch)
    y = np.eye(classes, dtype=np.float32)[labels]
    weights = [tg.Tensor(start, name=name) for start, name in zip(starts, ("w1", "b1", "w2", "b2"), strict=True)]
    m = [tg.Tensor(np.zeros_like(start), requires_grad=False) for start in starts]
    v = [tg.Tensor(np.zeros_like(start), requires_grad=False) for start in starts]
    count = tg.Tensor(np.zeros((), np.float32), requires_grad=False)

    @tg.compile
    def step(x: Any, y: Any) -> Any:
        w1, b1, w2, b2 = weights
        logits = np.tanh(x @ w1 + b1) @ w2 + b2
        loss = tg.cross_entropy(logits, y, from_logits=True)
        for weight in weights:
            weight.grad = None
        loss.backward()
        t = count.data + np.float32(1)
        rate = 0.001 * np.sqrt(1 - np.float32(0.999) ** t) / (1 - np.float32(0.9) ** t)
        for weight, first, second in zip(weights, m, v, strict=True):
            first.assign(0.9 * first.data + 0.1 * weight.grad)
            second.assign(0.999 * second.data + 0.001 * weight.grad * weight.grad)
            weight.assign(weight.data - rate * first.data / (np.sqrt(second.data) + 1e-8))
        count.assign(t)
        return loss

    def ours() -> list[float]:
        for weight, first, second, start in zip(weights, m, v, starts, strict=True):
            weight.assign(start.copy())
            first.assign(np.zeros_like(start))
            second.assign(np.zeros_like(start))
        count.assign(np.zeros((), np.float32))
        return [float(step(x, y)) for _ in range(steps)]

    def with_torch() -> list[float]:
        w1, b1, w2, b2 = leaves = [torch.tensor(start, requires_grad=True) for start in starts]

        def loss() -> Any:
            return torch.nn.functional.cross_entropy(torch.tanh(x_torch @ w1 + b1) @ w2 + b2, labels_torch)

        return torch_losses(torch.optim.Adam(leaves, lr=0.001), loss, steps)

    if torch is not None:
        x_torch, labels_torch = torch.tensor(x), torch.tensor(labels)
    name = f"network {'-'.join(map(str, sizes))}, Adam, batch {batch}, float32"
    return Workload(name, "step", steps, [*numpy_contenders(OURS, ours), *torch_contenders(with_torch)], {"torch": 0.7})


def workloads(tiny: bool) -> list[tuple[Callable[[], Workload], int]]:
    """What makes each workload, and in how many rounds it is measured."""
    if tiny:
        return [
            (lambda: logistic_regression(16, 4, 2), 1),
            (lambda: value_and_gradient(100, 1.0), 1),
            (lambda: scalar_graph(100), 1),
            (lambda: network((6, 5, 3), 4, 2), 1),
            (lambda: deep((6, 5, 4, 1), 4, 2), 1),
            (lambda: mlp((6, 5, 3), 4, 2), 1),
            (lambda: fitted((6, 5, 3), 4, 2), 1),
            (lambda: cnn(10, (3, 4), 4, 2), 1),
            (lambda: lstm(3, 4, 3, 2, 2), 1),
            (lambda: transformer(1, 4, 2, 3, 2, 2), 1),
        ]
    return [
        (logistic_regression, 40),
        (lambda: value_and_gradient(100_000, 1.0), 60),
        (lambda: value_and_gradient(10_000_000, 0.65), 7),
        (scalar_graph, 9),
        (network, 40),
        (deep, 40),
        (mlp, 100),
        (fitted, 20),
        (cnn, 25),
        (lstm, 15),
        (transformer, 15),
    ]


NAMES = (
    "logistic", "value 100,000", "value 10,000,000", "scalar", "network", "deep", "mlp", "fit", "cnn", "lstm",
    "transformer",
)  # fmt: skip


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Measure compiled tinygraph against its peers.")
    parser.add_argument("words", nargs="*", help=f"only workloads with one of these words: {', '.join(NAMES)}")
    parser.add_argument("--rounds", type=float, default=1.0, help="times as many rounds (default: 1)")
    parser.add_argument("--tiny", action="store_true", help="every workload at a size that shows only that it runs")
    parser.add_argument("--json", type=Path, help="write the numbers to this file")
    options = parser.parse_args(arguments)
    entries: list[dict[str, Any]] = []
    names = NAMES[:2] + NAMES[3:] if options.tiny else NAMES
    for name, (make, rounds) in zip(names, workloads(options.tiny), strict=True):
        if options.words and not any(word in name for word in options.words):
            continue
        workload = make()
        check(workload)
        print(f"{workload.name} ...", file=sys.stderr)
        times = take_turns(workload.contenders, max(1, round(rounds * options.rounds)), True)
        entries += results(workload, times)
    print(table(entries), end="\n\n")
    document = {"machine": machine(), "times": entries}
    print("; ".join(f"{name}: {value}" for name, value in document["machine"].items()))
    if options.json is not None:
        options.json.write_text(json.dumps(document, indent=2) + "\n")


if __name__ == "__main__":
    main()
