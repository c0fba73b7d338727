"""Steps of JAX, compiled, which take and give back all that changes, in the memory of what they took."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
from libraries import WORDS
from ways import Way
from workload import Adam, Spelling, Workload, numbers

lib = WORDS["jax"]()


def step(library: str, work: Workload, spelling: Spelling) -> Way:
    """A step of one spelling."""
    if any(np.asarray(start).dtype == np.float64 for start in work.starts.values()):
        jax.config.update("jax_enable_x64", True)
    arrays = tuple(jax.numpy.asarray(array) for array in spelling.arrays)
    return (_gradient if work.optimizer is None else _training)(work, spelling, arrays)


def _training(work: Workload, spelling: Spelling, arrays: tuple[Any, ...]) -> Way:
    stages = list(zip(work.losses(spelling), work.trained(), strict=True))

    def train(weights: Any, moments: Any, count: Any, *arrays: Any) -> Any:
        weights, moments, count = dict(weights), dict(moments), count + 1
        losses = []
        for loss_of, names in stages:
            before, trained = dict(weights), {name: weights[name] for name in names}
            loss, gradients = jax.value_and_grad(lambda trained: loss_of(lib, before | trained, *arrays))(trained)
            losses.append(loss)
            for name in names:
                change, moments[name] = _change(work.optimizer, gradients[name], moments[name], count)
                weights[name] = weights[name] - change
        return weights, moments, count, losses

    compiled = jax.jit(train, donate_argnums=(0, 1))
    state: list[Any] = []

    def restart() -> None:
        weights = {name: jax.numpy.array(start) for name, start in work.starts.items()}
        moments = {name: (jax.numpy.zeros_like(w), jax.numpy.zeros_like(w)) for name, w in weights.items()}
        state[:] = [weights, moments if isinstance(work.optimizer, Adam) else dict.fromkeys(weights), np.float32(0)]

    def run() -> Any:
        *state[:], losses = compiled(*state, *arrays)
        jax.block_until_ready((state, losses))
        return losses

    restart()
    return Way(run, lambda losses: [float(loss) for loss in losses], restart)


def _change(kind: Any, gradient: Any, moments: Any, count: Any) -> tuple[Any, Any]:
    """Return the amount that a weight loses in a step, and its moments after it."""
    if not isinstance(kind, Adam):
        return kind.rate * gradient, moments
    first, second = moments
    first = kind.beta_1 * first + (1 - kind.beta_1) * gradient
    second = kind.beta_2 * second + (1 - kind.beta_2) * gradient * gradient
    rate = kind.rate * jax.numpy.sqrt(1 - kind.beta_2**count) / (1 - kind.beta_1**count)
    return rate * first / (jax.numpy.sqrt(second) + kind.epsilon), (first, second)


def _gradient(work: Workload, spelling: Spelling, arrays: tuple[Any, ...]) -> Way:
    compiled = jax.jit(jax.value_and_grad(lambda weights, *arrays: spelling.build(lib, weights, *arrays)))
    weights = {name: jax.numpy.asarray(start) for name, start in work.starts.items()}
    return Way(
        lambda: jax.block_until_ready(compiled(weights, *arrays)),
        lambda found: numbers(found[0], [found[1][name] for name in work.starts]),
    )
