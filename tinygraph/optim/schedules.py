"""Learning rates that change with the number of steps taken: `Adam(parameters, CosineDecay(0.001, 1000))`.

A schedule is any function from the number of steps taken before, float64, to a learning rate. It is called at each
step. A schedule of NumPy's functions alone, without branches, can be compiled with the step.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal, Self

import numpy as np

from tinygraph import bounds

SCHEDULES = [
    "CosineDecay",
    "CosineDecayRestarts",
    "ExponentialDecay",
    "InverseTimeDecay",
    "OneCycle",
    "PiecewiseConstant",
    "PiecewiseConstantDecay",
    "PolynomialDecay",
    "StepDecay",
    "WarmUp",
]
__all__ = [*SCHEDULES, "LearningRateSchedule", "deserialize", "serialize"]


class LearningRateSchedule:
    """The base of the schedules, and of your own that are to be saved: a class with a method `__call__`.

    A plain function does as well, if the optimiser need not be saved as data. A dataclass needs no `get_config`.
    """

    def __call__(self, steps: Any) -> Any:
        """Return the learning rate after a number of steps, which is of float64."""
        raise NotImplementedError(f"{type(self).__name__} has no rule for the rate. Give it a method `__call__`")

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the schedule again, as plain data."""
        names = getattr(self, "__dataclass_fields__", None)
        if names is None:
            call = type(self).__name__
            raise NotImplementedError(f"{call} has no `get_config`. Give it one, or make the class a dataclass")
        return {name: _plain(getattr(self, name)) for name in names}

    @classmethod
    def from_config(cls, config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Self:
        """Return the schedule that `get_config` made data of; a name, as Keras's schedules have, is left out."""
        known = getattr(cls, "__dataclass_fields__", config)
        given = {name: item for name, item in config.items() if name in known or name != "name"}
        return cls(
            **{
                name: deserialize(item, custom_objects) if isinstance(item, Mapping) else item
                for name, item in given.items()
            }
        )


# --- one decay --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ExponentialDecay(LearningRateSchedule):
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
        _check(self, "decay_steps")

    def __call__(self, steps: Any) -> Any:
        """Return the learning rate after a number of steps."""
        periods = steps / self.decay_steps
        return self.initial_learning_rate * self.decay_rate ** (np.floor(periods) if self.staircase else periods)


@dataclass(frozen=True)
class StepDecay(LearningRateSchedule):
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
        _check(self, "decay_steps")

    def __call__(self, steps: Any) -> Any:
        """Return the learning rate after a number of steps."""
        return self.initial_learning_rate * self.decay_rate ** np.floor(steps / self.decay_steps)


@dataclass(frozen=True)
class InverseTimeDecay(LearningRateSchedule):
    """initial_learning_rate ÷ (1 + decay_rate · steps ÷ decay_steps)

    Args:
        initial_learning_rate: the rate of the first step.
        decay_steps: number of steps until the divisor has grown by `decay_rate`.
        decay_rate: the growth of the divisor.
        staircase: let the divisor grow at once, every `decay_steps` steps, instead of gradually.

    Raises:
        ValueError: `decay_steps` is not positive.

    Source: `keras.optimizers.schedules.InverseTimeDecay`.
    """

    initial_learning_rate: float
    decay_steps: float
    decay_rate: float
    staircase: bool = False

    def __post_init__(self) -> None:
        _check(self, "decay_steps")

    def __call__(self, steps: Any) -> Any:
        """Return the learning rate after a number of steps."""
        periods = steps / self.decay_steps
        return self.initial_learning_rate / (1 + self.decay_rate * (np.floor(periods) if self.staircase else periods))


@dataclass(frozen=True)
class PolynomialDecay(LearningRateSchedule):
    """A power of a straight line down: a straight line itself, if the power is 1.

        rate = (initial_learning_rate − end_learning_rate) · (1 − steps ÷ decay_steps)^power + end_learning_rate

    After `decay_steps` the rate stays. With `cycle` the decay is stretched instead to the next multiple of
    `decay_steps`, so that the rate jumps up and falls again.

    Args:
        initial_learning_rate: the rate of the first step.
        decay_steps: number of steps of the decay.
        end_learning_rate: the rate at the end.
        power: the exponent.
        cycle: go on after `decay_steps`.

    Raises:
        ValueError: `decay_steps` is not positive.

    Source: `keras.optimizers.schedules.PolynomialDecay`.
    """

    initial_learning_rate: float
    decay_steps: float
    end_learning_rate: float = 0.0001
    power: float = 1.0
    cycle: bool = False

    def __post_init__(self) -> None:
        _check(self, "decay_steps")

    def __call__(self, steps: Any) -> Any:
        """Return the learning rate after a number of steps."""
        periods = steps / self.decay_steps
        done = periods / np.maximum(np.ceil(periods), 1.0) if self.cycle else np.minimum(periods, 1.0)
        return (self.initial_learning_rate - self.end_learning_rate) * (1 - done) ** self.power + self.end_learning_rate


@dataclass(frozen=True)
class CosineDecay(LearningRateSchedule):
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
        _check(self, "decay_steps")
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
class CosineDecayRestarts(LearningRateSchedule):
    """Half waves of the cosine, one after the other, each from the top again.

    The first takes `first_decay_steps`; each takes `t_mul` times the steps of the last, and begins at `m_mul` times
    its rate.

    Args:
        initial_learning_rate: the rate of the first step.
        first_decay_steps: number of steps of the first wave.
        t_mul: the factor of the lengths, 1 or larger.
        m_mul: the factor of the heights.
        alpha: the rate at the end of a wave, as a share of the first step's.

    Raises:
        ValueError: `first_decay_steps` is not positive, or `t_mul` is less than 1.

    Source: Loshchilov and Hutter, "SGDR: stochastic gradient descent with warm restarts" (2017), section 3;
    `keras.optimizers.schedules.CosineDecayRestarts`.
    """

    initial_learning_rate: float
    first_decay_steps: float
    t_mul: float = 2.0
    m_mul: float = 1.0
    alpha: float = 0.0

    def __post_init__(self) -> None:
        _check(self, "first_decay_steps")
        if not self.t_mul >= 1:
            raise ValueError(f"CosineDecayRestarts: t_mul must be 1 or larger, got {self.t_mul!r}")

    def __call__(self, steps: Any) -> Any:
        """Return the learning rate after a number of steps."""
        periods = steps / self.first_decay_steps
        # The first step of a wave must not round to the last of the wave before.
        if self.t_mul == 1:
            waves = np.floor(periods + 1e-9)
            done = periods - waves
        else:
            waves = np.floor(np.log(1 + periods * (self.t_mul - 1)) / math.log(self.t_mul) + 1e-9)
            length = self.t_mul**waves
            done = (periods - (length - 1) / (self.t_mul - 1)) / length
        wave = 0.5 * self.m_mul**waves * (1 + np.cos(math.pi * done))
        return self.initial_learning_rate * ((1 - self.alpha) * wave + self.alpha)


# --- several phases ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class PiecewiseConstant(LearningRateSchedule):
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


PiecewiseConstantDecay = PiecewiseConstant  # Keras's name


@dataclass(frozen=True)
class WarmUp(LearningRateSchedule):
    """A straight line up to the first rate of a schedule, and then this schedule.

        WarmUp(PolynomialDecay(0.001, 1000, 0.0), 100)

    Args:
        schedule: the schedule after the climb, which counts the steps from its end; or a number.
        warmup_steps: number of steps of the climb.
        initial_learning_rate: the rate of the first step.

    Raises:
        ValueError: `warmup_steps` is not positive.

    Source: Goyal et al., "Accurate, large minibatch SGD: training ImageNet in 1 hour" (2017), section 2.2.
    """

    schedule: Any
    warmup_steps: float
    initial_learning_rate: float = 0.0

    def __post_init__(self) -> None:
        _check(self, "warmup_steps")

    def __call__(self, steps: Any) -> Any:
        """Return the learning rate after a number of steps."""
        after = np.maximum(steps - self.warmup_steps, 0.0)
        rate = self.schedule(after) if callable(self.schedule) else self.schedule
        climb = steps / self.warmup_steps
        up = self.initial_learning_rate + (rate - self.initial_learning_rate) * climb
        return np.where(climb < 1, up, rate)


@dataclass(frozen=True)
class OneCycle(LearningRateSchedule):
    """Up to a high rate and down to nearly 0, in one run.

    The rate begins at max_learning_rate ÷ div_factor, is at the top after the share `pct_start` of the steps, and ends
    at its beginning ÷ final_div_factor. With `three_phase` it first goes down to its beginning, as quickly as it went
    up. After `total_steps` it stays. The momentum does not change, as it does in PyTorch's by default.

    Args:
        max_learning_rate: the rate at the top.
        total_steps: number of steps in all, 2 or more.
        pct_start: the share of the steps on the way up, from 0 to 1; to 0.5 in three phases.
        anneal_strategy: "cos" for half waves of the cosine, "linear" for straight lines.
        div_factor: the rate at the top, divided by the one of the first step.
        final_div_factor: the rate of the first step, divided by the one of the last.
        three_phase: go back to the first rate before the end phase.

    Raises:
        ValueError: an argument is out of its range.

    Source: Smith and Topin, "Super-convergence: very fast training of neural networks using large learning rates"
    (2018); `torch.optim.lr_scheduler.OneCycleLR`.
    """

    max_learning_rate: float
    total_steps: int
    pct_start: float = 0.3
    anneal_strategy: Literal["cos", "linear"] = "cos"
    div_factor: float = 25.0
    final_div_factor: float = 1e4
    three_phase: bool = False

    def __post_init__(self) -> None:
        _check(self, "div_factor", "final_div_factor")
        if not self.total_steps >= 2:
            raise ValueError(f"OneCycle: total_steps must be 2 or more, got {self.total_steps!r}")
        if not 0 <= self.pct_start <= (0.5 if self.three_phase else 1):
            raise ValueError(f"OneCycle: pct_start must be a share of the steps, got {self.pct_start!r}")
        if self.anneal_strategy not in ("cos", "linear"):
            raise ValueError(f'OneCycle: anneal_strategy must be "cos" or "linear", got {self.anneal_strategy!r}')

    def __call__(self, steps: Any) -> Any:
        """Return the learning rate after a number of steps."""
        top, first = self.max_learning_rate, self.max_learning_rate / self.div_factor
        last, summit = first / self.final_div_factor, self.pct_start * self.total_steps - 1
        ends, rates = [summit, self.total_steps - 1], [first, top, last]
        if self.three_phase:
            ends, rates = [summit, 2 * summit, self.total_steps - 1], [first, top, first, last]
        rate: Any = self._between(steps, 0.0, ends[0], rates[0], rates[1])
        for begin, end, low, high in zip(ends, ends[1:], rates[1:], rates[2:], strict=False):
            rate = np.where(steps > begin, self._between(steps, begin, end, low, high), rate)
        return rate

    def _between(self, steps: Any, begin: float, end: float, low: float, high: float) -> Any:
        """Return the rate on the way from one rate to another."""
        done = np.clip((steps - begin) / (end - begin), 0.0, 1.0) if end > begin else np.float64(1.0)
        share = 0.5 * (1 - np.cos(math.pi * done)) if self.anneal_strategy == "cos" else done
        return low + (high - low) * share


# --- as plain data ----------------------------------------------------------------------------------------------------


def serialize(schedule: Any) -> dict[str, Any]:
    """Return the class and the arguments of a schedule as plain data.

    Raises:
        TypeError: it is a plain function.
    """
    if not hasattr(schedule, "get_config"):
        raise TypeError(
            "get_config: the learning rate is a plain function, which is no data. Make it a dataclass with a method "
            "__call__ that derives from tg.optim.LearningRateSchedule"
        )
    return {"class_name": type(schedule).__name__, "config": schedule.get_config()}


def deserialize(description: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Any:
    """Return the schedule that `serialize` made data of.

    Args:
        description: the class_name and the config.
        custom_objects: classes of your own, by name.

    Raises:
        ValueError: there is no schedule of this name.
    """
    kinds = {name: item for name, item in globals().items() if name in SCHEDULES} | dict(custom_objects or {})
    kind = kinds.get(description.get("class_name", ""))
    if kind is None:
        known = ", ".join(sorted(SCHEDULES))
        raise ValueError(
            f"there is no schedule {description.get('class_name')!r}. There are {known}; give a class of your own in "
            "custom_objects"
        )
    return kind.from_config(description.get("config", {}), custom_objects)


def _plain(item: Any) -> Any:
    if isinstance(item, LearningRateSchedule):
        return serialize(item)
    return list(item) if isinstance(item, tuple) else item


def _check(schedule: Any, *positive: str) -> None:
    """Check the numbers among the fields of a schedule, some of which must be positive."""
    for field in fields(schedule):
        if field.type in ("float", "int"):
            above = 0 if field.name in positive else -np.inf
            bounds.number(type(schedule).__name__, field.name, getattr(schedule, field.name), above=above)
