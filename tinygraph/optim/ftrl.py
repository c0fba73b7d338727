"""Ftrl: steps that keep weights at exactly 0, for large sparse linear models."""

from __future__ import annotations

from typing import Any, Unpack

import numpy as np

from tinygraph.optim.arguments import Options
from tinygraph.optim.blocks import elementwise
from tinygraph.optim.optimizer import Optimizer
from tinygraph.optim.rates import Rate, checked_number
from tinygraph.optim.values import Array

__all__ = ["Ftrl"]


class Ftrl(Optimizer):
    """Follow the regularised leader: the value that would have been best for all gradients so far.

        g         ← gradient + 2 · l2_shrinkage · value
        size      ← square^(−power),   square ← square + gradient²,   size' ← square^(−power)
        linear    ← linear + g − (size' − size) ÷ rate · value
        quadratic ← size' ÷ rate + 2 · l2 + beta ÷ rate
        value     ← (clip(linear, −l1, l1) − linear) ÷ quadratic

    Args:
        parameters: the Tensors to move: one, or several in lists, tuples and dicts; None to give them later.
        learning_rate: a number or a schedule.
        learning_rate_power: the power of the sum of the squares by which steps become shorter; −0.5 is a root, 0 keeps
            their length.
        initial_accumulator_value: the sum of the squares before the first step.
        l1_regularization_strength: the size of gradients that leaves a weight at 0.
        l2_regularization_strength: pulls weights towards 0.
        l2_shrinkage_regularization_strength: the same, by the gradient alone.
        beta: of the paper; shortens the first steps.
        weight_decay: the share of the learning rate by which parameters shrink at each step.
        options: see `Optimizer`.

    Raises:
        TypeError, ValueError: see `Optimizer`; ValueError also where a number is out of its range.

    Source: McMahan and others, "Ad click prediction: a view from the trenches" (2013), algorithm 1, with the defaults
    and the further arguments of `keras.optimizers.Ftrl`.
    """

    moments = ("square", "linear")

    def __init__(
        self,
        parameters: Any = None,
        learning_rate: Rate = 0.001,
        learning_rate_power: float = -0.5,
        initial_accumulator_value: float = 0.1,
        l1_regularization_strength: float = 0.0,
        l2_regularization_strength: float = 0.0,
        l2_shrinkage_regularization_strength: float = 0.0,
        beta: float = 0.0,
        weight_decay: float | None = None,
        **options: Unpack[Options],
    ) -> None:
        call = type(self).__name__
        if learning_rate_power > 0:
            raise ValueError(f"{call}: learning_rate_power must be at most 0, got {learning_rate_power}")
        self.learning_rate_power = float(learning_rate_power)
        numbers = {
            "initial_accumulator_value": initial_accumulator_value,
            "l1_regularization_strength": l1_regularization_strength,
            "l2_regularization_strength": l2_regularization_strength,
            "l2_shrinkage_regularization_strength": l2_shrinkage_regularization_strength,
            "beta": beta,
        }
        for name, number in numbers.items():
            setattr(self, name, checked_number(call, name, number))
        super().__init__(parameters, learning_rate, weight_decay=weight_decay, **options)

    initial_accumulator_value: float
    l1_regularization_strength: float
    l2_regularization_strength: float
    l2_shrinkage_regularization_strength: float
    beta: float

    def initial(self, moment: str) -> float:
        """See `Optimizer.initial`."""
        return self.initial_accumulator_value if moment == "square" else 0.0

    @elementwise
    def move(self, value: Array, gradient: Array, *rest: Any) -> tuple[Array, ...]:
        """See `Optimizer.move`."""
        rate, square, linear = rest
        power, limit = -self.learning_rate_power, self.l1_regularization_strength
        size = square**power
        square = square + gradient * gradient
        after = square**power
        g = gradient + 2 * self.l2_shrinkage_regularization_strength * value
        linear = linear + g - (after - size) / rate * value
        quadratic = after / rate + 2 * self.l2_regularization_strength + self.beta / rate
        return (np.clip(linear, -limit, limit) - linear) / quadratic, square, linear
