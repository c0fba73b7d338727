"""Adam whose steps are averaged, in the place of a schedule that ends at 0."""

from __future__ import annotations

from typing import Any, Unpack

import numpy as np

from tinygraph import bounds
from tinygraph.engine.fitting import wide
from tinygraph.engine.tensor import Tensor
from tinygraph.optim.arguments import Options
from tinygraph.optim.blocks import elementwise
from tinygraph.optim.formulas import kept_share
from tinygraph.optim.optimizer import Optimizer
from tinygraph.optim.rates import Rate, checked_number
from tinygraph.optim.values import Array

__all__ = ["ScheduleFreeAdamW"]


class ScheduleFreeAdamW(Optimizer):
    """Adam's steps from a point z, and the mean x of all z. The parameter lies between the two.

        x      ← (value − (1 − beta_1) · z) ÷ beta_1
        square ← beta_2 · square + (1 − beta_2) · gradient²
        z      ← z − rate · gradient ÷ (√(square ÷ (1 − beta_2^t)) + epsilon)
        x      ← x + (z − x) ÷ t
        value  ← (1 − beta_1) · z + beta_1 · x

    in the t-th step. A schedule is not needed: the mean is as steady as the end of one.

    Args:
        parameters: the Tensors to move: one, or several in lists, tuples and dicts; None to give them later.
        learning_rate: a number or a schedule.
        beta_1: the share of the mean x in the parameter, above 0 and below 1.
        beta_2: the share of the running mean of squares that is kept at each step, from 0 to below 1.
        epsilon: keeps the divisor from 0.
        warmup_steps: the number of steps in which the rate grows from 0 to the learning rate.
        weight_decay: the share of the learning rate by which parameters shrink at each step.
        options: see `Optimizer`.

    Raises:
        TypeError, ValueError: see `Optimizer`; ValueError also where a number is out of its range.

    Source: Defazio et al., "The road less scheduled" (2024), algorithm 1, with the defaults of
    `keras.optimizers.ScheduleFreeAdamW`.
    """

    moments = ("z", "square")

    def __init__(
        self,
        parameters: Any = None,
        learning_rate: Rate = 0.0025,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        warmup_steps: int = 0,
        weight_decay: float | None = None,
        **options: Unpack[Options],
    ) -> None:
        call = type(self).__name__
        self.beta_1 = bounds.number(call, "beta_1", beta_1, above=0, below=1)
        self.beta_2 = checked_number(call, "beta_2", beta_2, below=1)
        self.epsilon = checked_number(call, "epsilon", epsilon)
        self.warmup_steps = bounds.whole(call, "warmup_steps", warmup_steps, least=0)
        super().__init__(parameters, learning_rate, weight_decay=weight_decay, **options)

    def beginning(self, moment: str, path: str, parameter: Tensor) -> Array:
        """See `Optimizer.beginning`: z begins at the parameter."""
        if moment == "z":
            return np.array(parameter.data, wide(parameter.dtype))
        return super().beginning(moment, path, parameter)

    def factors(self, rate: Any, step: Any) -> tuple[Any, ...]:
        """See `Optimizer.factors`."""
        if self.warmup_steps:
            rate = rate * np.minimum(step / self.warmup_steps, 1.0)
        return rate, 1 - self.beta_2**step, 1 / step

    @elementwise
    def move(self, value: Array, gradient: Array, *rest: Any) -> tuple[Array, ...]:
        """See `Optimizer.move`."""
        rate, correction, share, z, square = rest
        mean = (value - (1 - self.beta_1) * z) / self.beta_1
        square = kept_share(square, gradient * gradient, 1 - self.beta_2, is_own=True)
        z = z - rate * gradient / (np.sqrt(square / correction) + self.epsilon)
        mean = (1 - share) * mean + share * z
        return (1 - self.beta_1) * z + self.beta_1 * mean, z, square
