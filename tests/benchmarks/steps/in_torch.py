"""Steps of PyTorch, eager and with its losses compiled."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import torch
from libraries import WORDS
from ways import Way
from workload import Adam, Spelling, Workload, numbers

lib = WORDS["torch"]()


def step(library: str, work: Workload, spelling: Spelling) -> Way:
    """A step of one spelling."""
    arrays = tuple(_tensor(array) for array in spelling.arrays)
    losses: list[Any] = [functools.partial(loss, lib) for loss in work.losses(spelling)]
    if library == "torch.compile":
        losses = [torch.compile(loss) for loss in losses]
    return (_gradient if work.optimizer is None else _training)(work, losses, arrays)


def _training(work: Workload, losses_of: list[Any], arrays: tuple[Any, ...]) -> Way:
    weights = {name: torch.tensor(start, requires_grad=True) for name, start in work.starts.items()}
    optimizers = [_optimizer(work.optimizer, [weights[name] for name in names]) for names in work.trained()]
    stages = list(zip(losses_of, optimizers, strict=True))

    def train() -> Any:
        losses = []
        for loss_of, optimizer in stages:
            loss = loss_of(weights, *arrays)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.detach())
        return losses

    def restart() -> None:
        with torch.no_grad():
            for name, weight in weights.items():
                weight.copy_(torch.tensor(work.starts[name]))
        for optimizer in optimizers:
            for state in optimizer.state.values():
                for value in state.values():
                    if value is not None:
                        value.zero_()

    return Way(train, lambda losses: [loss.item() for loss in losses], restart)


def _optimizer(kind: Any, leaves: list[Any]) -> Any:
    if isinstance(kind, Adam):
        return torch.optim.Adam(leaves, kind.rate, (kind.beta_1, kind.beta_2), kind.epsilon, fused=True)
    return torch.optim.SGD(leaves, kind.rate)


def _gradient(work: Workload, losses_of: list[Any], arrays: tuple[Any, ...]) -> Way:
    starts = {name: torch.tensor(start) for name, start in work.starts.items()}

    def backward() -> Any:
        leaves = {name: start.detach().requires_grad_() for name, start in starts.items()}
        value = losses_of[0](leaves, *arrays)
        value.backward()
        return value, leaves

    def check(found: Any) -> list[float]:
        value, leaves = found
        return numbers(value.item(), [np.zeros(1) if x.grad is None else x.grad.numpy() for x in leaves.values()])

    return Way(backward, check)


def _tensor(array: Any) -> Any:
    return torch.tensor(array) if isinstance(array, np.ndarray) else array
