"""Nadam: Adam with a look ahead."""

from __future__ import annotations

from typing import Any, Unpack

import numpy as np

from tinygraph.optim.arguments import Options
from tinygraph.optim.blocks import elementwise
from tinygraph.optim.formulas import kept_share
from tinygraph.optim.optimizer import Optimizer
from tinygraph.optim.rates import Rate, checked_number
from tinygraph.optim.values import Array

__all__ = ["Nadam"]

# The share of the momentum grows towards beta_1 as 1 - 0.5 * 0.96^t.
WARM_UP = 0.96


class Nadam(Optimizer):
    """Adam with Nesterov's momentum: a step looks ahead along the next running mean.

        share_t ← beta_1 · (1 − 0.5 · 0.96^t)
        product ← product · share_t
        mean    ← beta_1 · mean + (1 − beta_1) · gradient
        square  ← beta_2 · square + (1 − beta_2) · gradient²
        ahead   ← share_(t+1) · mean ÷ (1 − product · share_(t+1)) + (1 − share_t) · gradient ÷ (1 − product)
        value   ← value − rate · ahead ÷ (√(square ÷ (1 − beta_2^t)) + epsilon)

    in the t-th step. The product begins at 1.

    Args:
        parameters: the Tensors to move: one, or several in lists, tuples and dicts; None to give them later.
        learning_rate: a number or a schedule.
        beta_1, beta_2: the share of the running means that is kept at each step, from 0 to below 1.
        epsilon: keeps the divisor from 0.
        weight_decay: the share of the learning rate by which parameters shrink at each step.
        options: see `Optimizer`.

    Raises:
        TypeError, ValueError: see `Optimizer`; ValueError also where a number is out of its range.

    Source: Dozat, "Incorporating Nesterov momentum into Adam" (2016), algorithm 2, with the defaults, the warm-up and
    the epsilon of `keras.optimizers.Nadam`.
    """

    moments = ("mean", "square", "product")

    def __init__(
        self,
        parameters: Any = None,
        learning_rate: Rate = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        weight_decay: float | None = None,
        **options: Unpack[Options],
    ) -> None:
        call = type(self).__name__
        self.beta_1 = checked_number(call, "beta_1", beta_1, below=1)
        self.beta_2 = checked_number(call, "beta_2", beta_2, below=1)
        self.epsilon = checked_number(call, "epsilon", epsilon)
        super().__init__(parameters, learning_rate, weight_decay=weight_decay, **options)

    def initial(self, moment: str) -> float:
        """See `Optimizer.initial`."""
        return 1.0 if moment == "product" else 0.0

    def factors(self, rate: Any, step: Any) -> tuple[Any, ...]:
        """See `Optimizer.factors`."""
        share, following = (self.beta_1 * (1 - 0.5 * WARM_UP**at) for at in (step, step + 1))
        return rate, share, following, 1 - self.beta_2**step

    @elementwise
    def move(self, value: Array, gradient: Array, *rest: Any) -> tuple[Array, ...]:
        """See `Optimizer.move`."""
        rate, share, following, correction, mean, square, product = rest
        product = product * share
        mean = kept_share(mean, gradient, 1 - self.beta_1)
        square = kept_share(square, gradient * gradient, 1 - self.beta_2, is_own=True)
        ahead = following * mean / (1 - product * following) + (1 - share) * gradient / (1 - product)
        return value - rate * ahead / (np.sqrt(square / correction) + self.epsilon), mean, square, product
