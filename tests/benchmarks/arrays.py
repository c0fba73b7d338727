"""Workloads on arrays: small ones, where the library's own time counts, and a network's step."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
from peers import autograd, autograd_numpy, mygrad, numpy_contenders, torch, torch_contenders
from timing import OURS, Contender, Workload

import tinygraph as tg

Build = Callable[..., Any]


def elementwise(repeats: int = 30, shape: tuple[int, int] = (32, 128)) -> Workload:
    """Sums, products, tanh, exp and a square on arrays of one shape: forward and backward."""
    rng = np.random.default_rng(0)
    values = [rng.normal(size=shape) * 0.5 for _ in range(3)]

    def build(library: Any, x: Any, w: Any, b: Any) -> Any:
        h = x
        for _ in range(repeats):
            h = library.tanh(h * w + b)
            h = h - 0.1 * library.exp(-(h * h))
        return (h * h).sum()

    return Workload(
        f"elementwise, arrays {shape[0]}×{shape[1]}",
        "node",
        8 * repeats + 2,
        _everyone(build, values),
        {"torch": 0.8},
    )


def with_matmul(repeats: int = 60, shape: tuple[int, int] = (32, 128)) -> Workload:
    """Dense layers, tanh(h @ w + b): forward and backward."""
    rng = np.random.default_rng(0)
    rows, columns = shape
    values = [
        rng.normal(size=shape),
        rng.normal(size=(columns, columns)) / np.sqrt(columns),
        rng.normal(size=columns) * 0.1,
    ]

    def build(library: Any, x: Any, w: Any, b: Any) -> Any:
        h = x
        for _ in range(repeats):
            h = library.tanh(h @ w + b)
        return (h * h).sum()

    return Workload(
        f"matmul, bias and tanh, arrays {rows}×{columns}",
        "node",
        3 * repeats + 2,
        _everyone(build, values),
        {"torch": 0.8},
    )


def _everyone(build: Build, values: list[np.ndarray[Any, Any]]) -> list[Contender]:
    """A scalar's gradients to all of `values`, by each library that is here."""

    def ours() -> list[np.ndarray[Any, Any]]:
        leaves = [tg.Tensor(value) for value in values]
        build(np, *leaves).backward()
        return [leaf.grad for leaf in leaves]

    def with_torch() -> list[Any]:
        leaves = [torch.from_numpy(value).requires_grad_() for value in values]
        build(torch, *leaves).backward()
        return [leaf.grad.numpy() for leaf in leaves]

    def with_mygrad() -> list[Any]:
        leaves = [mygrad.tensor(value) for value in values]
        build(mygrad, *leaves).backward()
        return [leaf.grad for leaf in leaves]

    contenders = [*numpy_contenders(OURS, ours), *torch_contenders(with_torch)]
    if mygrad is not None:
        contenders += numpy_contenders("mygrad", with_mygrad)
    if autograd is not None:
        contenders += numpy_contenders("autograd", _autograd(autograd, build, values))
    return contenders


def _autograd(autograd: ModuleType, build: Build, values: list[Any]) -> Callable[[], list[Any]]:
    def scalar(*arrays: Any) -> Any:
        return build(_AutogradNumpy, *arrays)

    gradient = autograd.grad(scalar, tuple(range(len(values))))
    return lambda: list(gradient(*values))


class _AutogradNumpy:
    """autograd has functions of its own for NumPy's."""

    tanh = staticmethod(getattr(autograd_numpy, "tanh", np.tanh))
    exp = staticmethod(getattr(autograd_numpy, "exp", np.exp))


def logistic_regression(steps: int = 150, pixels: int = 4096, pictures: int = 348, formula: bool = False) -> Workload:
    """Gradient descent on the log loss, against the same with its gradient worked out by hand, in NumPy.

    Pictures are columns, so that x has the shape (pixels, pictures).

    Args:
        formula: write the loss out, `-mean(y log p + (1 - y) log (1 - p))`, and differentiate that, instead of calling
            each library's own log loss.
    """
    rng = np.random.default_rng(0)
    x = rng.normal(size=(pixels, pictures))
    y = (rng.normal(size=(1, pixels)) @ x > 0).astype(np.float64)
    rate = 0.01

    def by_hand() -> list[float]:
        w, b = np.zeros((pixels, 1)), 0.0
        losses = []
        for _ in range(steps):
            p = 1 / (1 + np.exp(-(w.T @ x + b)))
            losses.append(float(-np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))))
            error = (p - y) / pictures
            w -= rate * (x @ error.T)
            b -= rate * error.sum()
        return losses

    def ours() -> list[float]:
        w, b = tg.Tensor(np.zeros((pixels, 1))), tg.Tensor(0.0)
        losses = []
        for _ in range(steps):
            z = w.T @ x + b
            if formula:
                p = tg.sigmoid(z)
                loss = -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))
            else:
                loss = tg.binary_cross_entropy(z, y, from_logits=True)
            loss.backward()
            losses.append(loss.item())
            for parameter in (w, b):
                parameter.assign(parameter.data - rate * parameter.grad)
                parameter.grad = None
        return losses

    def with_torch() -> list[float]:
        xs, ys = torch.from_numpy(x), torch.from_numpy(y)
        w = torch.zeros((pixels, 1), dtype=torch.float64, requires_grad=True)
        b = torch.zeros((), dtype=torch.float64, requires_grad=True)
        losses = []
        for _ in range(steps):
            z = w.T @ xs + b
            if formula:
                p = torch.sigmoid(z)
                loss = -torch.mean(ys * torch.log(p) + (1 - ys) * torch.log(1 - p))
            else:
                loss = torch.nn.functional.binary_cross_entropy_with_logits(z, ys)
            loss.backward()
            losses.append(loss.item())
            with torch.no_grad():
                for parameter in (w, b):
                    parameter -= rate * parameter.grad
                    parameter.grad = None
        return losses

    contenders = [
        *numpy_contenders(OURS, ours),
        *numpy_contenders("NumPy by hand", by_hand),
        *torch_contenders(with_torch),
    ]
    name = f"logistic regression, {pixels}×{pictures}, " + (
        "formula of the loss" if formula else "log loss of the library"
    )
    return Workload(name, "step", steps, contenders, {"NumPy by hand": 1.3})


def network_step(steps: int = 20, batch: int = 128, sizes: tuple[int, int, int] = (784, 128, 10)) -> Workload:
    """Training steps of a network 784-128-10 in float32: ReLU, cross entropy, gradient descent."""
    rng = np.random.default_rng(0)
    pixels, hidden, classes = sizes
    x = rng.normal(size=(batch, pixels)).astype(np.float32)
    labels = rng.integers(0, classes, size=batch)
    first = [
        (rng.normal(size=(pixels, hidden)) * np.sqrt(2 / pixels)).astype(np.float32),
        np.zeros(hidden, np.float32),
        (rng.normal(size=(hidden, classes)) * np.sqrt(2 / hidden)).astype(np.float32),
        np.zeros(classes, np.float32),
    ]
    rate = 0.1

    def ours() -> list[float]:
        parameters = [tg.Tensor(value.copy()) for value in first]
        w1, b1, w2, b2 = parameters
        losses = []
        for _ in range(steps):
            loss = tg.cross_entropy(tg.relu(x @ w1 + b1) @ w2 + b2, labels, from_logits=True)
            loss.backward()
            losses.append(loss.item())
            for parameter in parameters:
                parameter.assign(parameter.data - rate * parameter.grad)
                parameter.grad = None
        return losses

    def with_torch() -> list[float]:
        xs, ys = torch.from_numpy(x), torch.from_numpy(labels)
        parameters = [torch.from_numpy(value.copy()).requires_grad_() for value in first]
        w1, b1, w2, b2 = parameters
        losses = []
        for _ in range(steps):
            loss = torch.nn.functional.cross_entropy(torch.relu(xs @ w1 + b1) @ w2 + b2, ys)
            loss.backward()
            losses.append(loss.item())
            with torch.no_grad():
                for parameter in parameters:
                    parameter -= rate * parameter.grad
                    parameter.grad = None
        return losses

    contenders = [*numpy_contenders(OURS, ours), *torch_contenders(with_torch)]
    return Workload(f"network {pixels}-{hidden}-{classes}, float32, batch {batch}", "step", steps, contenders)
