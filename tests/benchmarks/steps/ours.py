"""Steps of tinygraph, compiled and eager."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from libraries import EAGER, FAST, OURS, WORDS
from ways import Way
from workload import Adam, Spelling, Workload, numbers

import tinygraph as tg

lib = WORDS["numpy"]()


def step(library: str, work: Workload, spelling: Spelling) -> Way:
    """A step of one spelling."""
    compilers = {OURS: tg.compile, FAST: functools.partial(tg.compile, fast=True), EAGER: None}
    return (_gradient if work.optimizer is None else _training)(work, spelling, compilers[library])


def _training(work: Workload, spelling: Spelling, compiler: Any) -> Way:
    weights = {name: tg.Tensor(start.copy(), name=name) for name, start in work.starts.items()}
    kind = tg.optim.Adam if isinstance(work.optimizer, Adam) else tg.optim.SGD
    optimizers = [kind({name: weights[name] for name in names}, work.optimizer.rate) for names in work.trained()]
    fresh = [optimizer.state_dict() for optimizer in optimizers]
    stages = list(zip(work.losses(spelling), optimizers, strict=True))

    def train(*arrays: Any) -> Any:
        losses = []
        for loss_of, optimizer in stages:
            loss = loss_of(lib, weights, *arrays)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss)
        return losses

    def restart() -> None:
        for name, weight in weights.items():
            weight.assign(work.starts[name].copy())
        for optimizer, state in zip(optimizers, fresh, strict=True):
            optimizer.load_state_dict(state)

    run: Any = train if compiler is None else compiler(train)
    arrays = spelling.arrays
    return Way(lambda: run(*arrays), lambda losses: [float(loss) for loss in losses], restart)


def _gradient(work: Workload, spelling: Spelling, compiler: Any) -> Way:
    """The value and the gradients to all weights."""
    names, arrays = list(work.starts), spelling.arrays
    if compiler is not None:

        def value(*leaves: Any) -> Any:
            return spelling.build(lib, dict(zip(names, leaves, strict=True)), *arrays)

        run: Any = compiler(tg.value_and_grad(value, argnums=tuple(range(len(names)))))
        starts = list(work.starts.values())
        return Way(lambda: run(*starts), lambda found: numbers(found[0], found[1]))

    def backward() -> Any:
        leaves = {name: tg.Tensor(start) for name, start in work.starts.items()}
        found = spelling.build(lib, leaves, *arrays)
        found.backward()
        return found, leaves

    return Way(backward, lambda found: numbers(found[0].data, [_gradient_of(leaf) for leaf in found[1].values()]))


def _gradient_of(leaf: Any) -> Any:
    return np.zeros_like(leaf.data) if leaf.grad is None else leaf.grad
