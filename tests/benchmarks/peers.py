"""The peers: imported if they are installed, and None if not."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from types import ModuleType
from typing import Any

from timing import Contender


def peer(name: str) -> ModuleType | None:
    """A library, or None where it is not installed."""
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


torch = peer("torch")
micrograd = peer("micrograd.engine")
mygrad = peer("mygrad")
autograd = peer("autograd")
autograd_numpy = peer("autograd.numpy")
threadpoolctl = peer("threadpoolctl")

MISSING = [
    name
    for name, module in {"torch": torch, "micrograd": micrograd, "mygrad": mygrad, "autograd": autograd}.items()
    if module is None
]


def numpy_contenders(name: str, run: Callable[[], Any]) -> list[Contender]:
    """Code that multiplies matrices with NumPy, whose BLAS has one thread and then two: the better one counts."""
    if threadpoolctl is None:
        return [Contender(name, run)]
    blas = threadpoolctl.ThreadpoolController().select(internal_api="openblas")
    return [Contender(name, run, lambda n=n: blas.limit(limits=n), n) for n in (1, 2)]


def torch_contenders(run: Callable[[], Any]) -> list[Contender]:
    """torch with one thread and with two: the better one counts."""
    if torch is None:
        return []
    return [Contender("torch", run, lambda n=n: torch.set_num_threads(n), n) for n in (1, 2)]


def torch_losses(optimizer: Any, loss_of: Callable[[], Any], steps: int) -> list[float]:
    """The losses of some steps of training in torch."""
    losses = []
    for _ in range(steps):
        optimizer.zero_grad()
        loss = loss_of()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses
