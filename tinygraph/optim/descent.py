"""Gradient descent: SGD, and SGD with momentum."""

from __future__ import annotations

from typing import Any

from tinygraph.optim.optimizer import Array, Optimizer, Rate, checked_number

__all__ = ["SGD", "Momentum"]


class SGD(Optimizer):
    """Gradient descent: a step of `learning_rate` times the gradient, against it.

        value ← value − rate · gradient

    Args:
        parameters: the Tensors to move: one, or several in lists, tuples and dicts.
        learning_rate: a number or a schedule.

    Raises:
        TypeError, ValueError: see `Optimizer`.

    Source: Robbins and Monro, "A stochastic approximation method" (1951).
    """

    def __init__(self, parameters: Any, learning_rate: Rate = 0.01) -> None:
        super().__init__(parameters, learning_rate)

    def move(self, value: Array, gradient: Array, *rest: Any) -> tuple[Array, ...]:
        """See `Optimizer.move`."""
        (rate,) = rest
        return (value - rate * gradient,)


class Momentum(Optimizer):
    """Gradient descent that keeps its speed, as a heavy ball does.

        velocity ← momentum · velocity − rate · gradient
        value    ← value + velocity

    With `nesterov` the last line is value ← value + momentum · velocity − rate · gradient: it looks one step ahead.

    Args:
        parameters: the Tensors to move: one, or several in lists, tuples and dicts.
        learning_rate: a number or a schedule.
        momentum: the share of the velocity to keep at each step, from 0 to below 1.
        nesterov: use Nesterov's form, which applies the momentum once more.

    Raises:
        TypeError, ValueError: see `Optimizer`; ValueError also where `momentum` is out of its range.

    Source: Polyak, "Some methods of speeding up the convergence of iteration methods" (1964); Sutskever, Martens, Dahl
    and Hinton, "On the importance of initialization and momentum in deep learning" (2013), section 2. The formula is
    that of `keras.optimizers.SGD`. PyTorch's has the rate outside of the velocity; the two are the same as long as the
    rate does not change.
    """

    moments = ("velocity",)

    def __init__(
        self, parameters: Any, learning_rate: Rate = 0.01, momentum: float = 0.9, nesterov: bool = False
    ) -> None:
        super().__init__(parameters, learning_rate)
        self.momentum = checked_number("Momentum", "momentum", momentum, below=1)
        self.nesterov = nesterov

    def move(self, value: Array, gradient: Array, *rest: Any) -> tuple[Array, ...]:
        """See `Optimizer.move`."""
        rate, velocity = rest
        push = rate * gradient
        velocity = self.momentum * velocity - push
        return value + (self.momentum * velocity - push if self.nesterov else velocity), velocity
