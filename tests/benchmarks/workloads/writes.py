"""Programs that write into arrays, element by element and row by row."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from libraries import OURS
from workload import Workload


def recurrence(size: int = 10_000) -> Workload:
    """An element is made of the one before."""

    def build(lib: Any, x: Any) -> Any:
        y = lib.zeros(size)
        y[0] = x[0]
        for i in range(1, size):
            y[i] = y[i - 1] * 0.9 + x[i]
        return y

    return _workload("recurrence, element by element", "write", size, np.linspace(0, 1, size), build)


def gauss_seidel(size: int = 40, sweeps: int = 3) -> Workload:
    """Sweeps of a nine-point stencil over a square, in place."""
    inside = size - 2

    def build(lib: Any, x: Any) -> Any:
        a = x * 1.0
        for _ in range(sweeps):
            for i in range(1, size - 1):
                a[i, 1:-1] += (
                    a[i - 1, :-2] + a[i - 1, 1:-1] + a[i - 1, 2:] + a[i, 2:]
                    + a[i + 1, :-2] + a[i + 1, 1:-1] + a[i + 1, 2:]
                )  # fmt: skip
                for j in range(1, size - 1):
                    a[i, j] += a[i, j - 1]
                    a[i, j] /= 9.0
        return a

    writes = sweeps * inside * (1 + 2 * inside)
    return _workload("Gauss-Seidel sweeps", "write", writes, np.random.default_rng(0).random((size, size)), build)


def runge_kutta(steps: int = 10_000) -> Workload:
    """Steps of an oscillator, each written into the trajectory."""

    def build(lib: Any, start: Any) -> Any:
        h = 0.001
        path = lib.zeros((steps + 1, 2))
        turn = lib.zeros((2, 2))
        turn[0, 1], turn[1, 0], turn[1, 1] = 1.0, -1.0, -0.1
        path[0] = start
        for i in range(steps):
            y = path[i]
            k1 = turn @ y
            k2 = turn @ (y + h / 2 * k1)
            k3 = turn @ (y + h / 2 * k2)
            k4 = turn @ (y + h * k3)
            path[i + 1] = y + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        return path

    return _workload("Runge-Kutta into a trajectory", "step", steps, np.array([1.0, 0.5]), build)


def _workload(name: str, unit: str, units: int, value: Any, build: Callable[[Any, Any], Any]) -> Workload:
    """The sum of what is built and its gradient, by each library that writes into what it differentiates."""
    without = (OURS, "torch.compile")
    work = Workload(name, {"x": value}, unit=unit, units=units, close=1e-7, eager_aim=1.0, without=without)
    for family in ("numpy", "torch"):
        work.spelling(family, "")(lambda lib, w: build(lib, w["x"]).sum())
    return work
