"""Learning rates that change with the number of steps taken: `Adam(parameters, CosineDecay(0.001, 1000))`.

A schedule is any function from the number of steps taken before, float64, to a learning rate. It is called at each
step. A schedule of NumPy's functions alone, without branches, can be compiled with the step.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["CosineDecay", "ExponentialDecay", "PiecewiseConstant", "StepDecay"]


@dataclass(frozen=True)
class ExponentialDecay:
    """initial_learning_rate · decay_rate^(steps ÷ decay_steps)

    Args:
        initial_learning_rate: the rate of the first step.
        decay_steps: number of steps until the rate is multiplied by `decay_rate`.
        decay_rate: the factor.
        staircase: multiply at once, every `decay_steps` steps, instead of gradually.

    Raises:
        ValueError: `decay_steps` is not positive.

    Source: `keras.optimizers.schedules.ExponentialDecay`.
    """

    initial_learning_rate: float
    decay_steps: float
    decay_rate: float
    staircase: bool = False

    def __post_init__(self) -> None:
        _check_positive(self, "decay_steps")

    def __call__(self, steps: Any) -> Any:
        """Return the learning rate after a number of steps."""
        periods = steps / self.decay_steps
        return self.initial_learning_rate * self.decay_rate ** (np.floor(periods) if self.staircase else periods)


@dataclass(frozen=True)
class StepDecay:
    """A rate that is multiplied by `decay_rate` every `decay_steps` steps, and constant in between.

    Args:
        initial_learning_rate: the rate of the first step.
        decay_steps: number of steps for which the rate stays.
        decay_rate: the factor at the end of them.

    Raises:
        ValueError: `decay_steps` is not positive.

    Source: `torch.optim.lr_scheduler.StepLR`; the same as an `ExponentialDecay` with `staircase=True`.
    """

    initial_learning_rate: float
    decay_steps: float
    decay_rate: float = 0.1

    def __post_init__(self) -> None:
        _check_positive(self, "decay_steps")

    def __call__(self, steps: Any) -> Any:
        """Return the learning rate after a number of steps."""
        return self.initial_learning_rate * self.decay_rate ** np.floor(steps / self.decay_steps)


@dataclass(frozen=True)
class CosineDecay:
    """Half a wave of the cosine: slowly at first, then fast, and slowly towards the end.

        rate = initial_learning_rate · ((1 − alpha) · (1 + cos(π · steps ÷ decay_steps)) ÷ 2 + alpha)

    After `decay_steps` the rate stays. With a `warmup_target` the rate first climbs in a straight line from the initial
    rate to the target, in `warmup_steps`; the wave begins there.

    Args:
        initial_learning_rate: the rate of the first step.
        decay_steps: number of steps of the wave.
        alpha: the rate at the end, as a share of the rate at the top.
        warmup_target: the rate at the top; None for no warm-up.
        warmup_steps: number of steps of the climb.

    Raises:
        ValueError: `decay_steps` is not positive, or only one of `warmup_target` and `warmup_steps` is given.

    Source: Loshchilov and Hutter, "SGDR: stochastic gradient descent with warm restarts" (2017), equation 5;
    `keras.optimizers.schedules.CosineDecay`.
    """

    initial_learning_rate: float
    decay_steps: float
    alpha: float = 0.0
    warmup_target: float | None = None
    warmup_steps: float = 0

    def __post_init__(self) -> None:
        _check_positive(self, "decay_steps")
        if (self.warmup_target is None) != (self.warmup_steps == 0) or self.warmup_steps < 0:
            raise ValueError("CosineDecay: a warm-up needs both warmup_target and warmup_steps, a positive number")

    def __call__(self, steps: Any) -> Any:
        """Return the learning rate after a number of steps."""
        top = self.initial_learning_rate if self.warmup_target is None else self.warmup_target
        done = np.clip((steps - self.warmup_steps) / self.decay_steps, 0.0, 1.0)
        down = top * ((1 - self.alpha) * (0.5 * (1 + np.cos(math.pi * done))) + self.alpha)
        if self.warmup_target is None:
            return down
        up = self.initial_learning_rate + (top - self.initial_learning_rate) * (steps / self.warmup_steps)
        return np.where(steps < self.warmup_steps, up, down)


@dataclass(frozen=True)
class PiecewiseConstant:
    """values[0] up to and including step number boundaries[0], then values[1], and so on.

    Args:
        boundaries: numbers of steps, increasing.
        values: the rates, one more than boundaries.

    Raises:
        ValueError: the number of values is wrong, or the boundaries do not increase.

    Source: `keras.optimizers.schedules.PiecewiseConstantDecay`.
    """

    boundaries: Sequence[float]
    values: Sequence[float]

    def __post_init__(self) -> None:
        if len(self.values) != len(self.boundaries) + 1:
            raise ValueError(
                f"PiecewiseConstant: {len(self.boundaries)} boundaries need {len(self.boundaries) + 1} values, "
                f"got {len(self.values)}"
            )
        if any(np.diff(self.boundaries) <= 0):
            raise ValueError(f"PiecewiseConstant: each boundary must be larger than the last, got {self.boundaries}")

    def __call__(self, steps: Any) -> Any:
        """Return the learning rate after a number of steps."""
        rate: Any = np.float64(self.values[0])
        for boundary, value in zip(self.boundaries, self.values[1:], strict=True):
            rate = np.where(steps > boundary, value, rate)
        return rate


def _check_positive(schedule: Any, name: str) -> None:
    if not getattr(schedule, name) > 0:
        raise ValueError(f"{type(schedule).__name__}: {name} must be positive, got {getattr(schedule, name)!r}")
