"""Optimisers that size the step of each number by its past gradients: Adagrad, Adadelta, RMSprop, Adam and its kin."""

from __future__ import annotations

from typing import Any, Unpack

import numpy as np

from tinygraph.optim.arguments import Options
from tinygraph.optim.blocks import elementwise
from tinygraph.optim.formulas import kept_share, less, over_root
from tinygraph.optim.optimizer import Optimizer
from tinygraph.optim.rates import Rate, checked_number
from tinygraph.optim.values import Array

__all__ = ["Adadelta", "Adagrad", "Adam", "AdamW", "Adamax", "RMSprop"]


class Adagrad(Optimizer):
    """Gradients divided by the root of the sum of all their squares so far.

        square ← square + gradient²
        value  ← value − rate · gradient ÷ √(square + epsilon)

    Args:
        parameters: the Tensors to move: one, or several in lists, tuples and dicts; None to give them later.
        learning_rate: a number or a schedule; 1.0 is the paper's.
        initial_accumulator_value: the sum of the squares before the first step.
        epsilon: keeps the divisor from 0.
        weight_decay: the share of the learning rate by which parameters shrink at each step.
        options: see `Optimizer`.

    Raises:
        TypeError, ValueError: see `Optimizer`; ValueError also where a number is out of its range.

    Source: Duchi, Hazan and Singer, "Adaptive subgradient methods for online learning and stochastic optimization"
    (2011), figure 1; defaults and the place of epsilon are those of `keras.optimizers.Adagrad`.
    """

    moments = ("square",)

    def __init__(
        self,
        parameters: Any = None,
        learning_rate: Rate = 0.001,
        initial_accumulator_value: float = 0.1,
        epsilon: float = 1e-7,
        weight_decay: float | None = None,
        **options: Unpack[Options],
    ) -> None:
        call = type(self).__name__
        self.initial_accumulator_value = checked_number(call, "initial_accumulator_value", initial_accumulator_value)
        self.epsilon = checked_number(call, "epsilon", epsilon)
        super().__init__(parameters, learning_rate, weight_decay=weight_decay, **options)

    def initial(self, moment: str) -> float:
        """See `Optimizer.initial`."""
        return self.initial_accumulator_value

    @elementwise
    def move(self, value: Array, gradient: Array, *rest: Any) -> tuple[Array, ...]:
        """See `Optimizer.move`."""
        rate, square = rest
        square = square + gradient * gradient
        return less(value, over_root(rate, gradient, square, self.epsilon, inside=True)), square


class Adadelta(Optimizer):
    """Steps of the size of the steps before them, so that the rate has no unit.

        square ← rho · square + (1 − rho) · gradient²
        step   ← √(moved + epsilon) ÷ √(square + epsilon) · gradient
        moved  ← rho · moved + (1 − rho) · step²
        value  ← value − rate · step

    Args:
        parameters: the Tensors to move: one, or several in lists, tuples and dicts; None to give them later.
        learning_rate: a number or a schedule; 1.0 is the paper's.
        rho: the share of the running means that is kept at each step, from 0 to below 1.
        epsilon: keeps the roots from 0; the first steps are of its root.
        weight_decay: the share of the learning rate by which parameters shrink at each step.
        options: see `Optimizer`.

    Raises:
        TypeError, ValueError: see `Optimizer`; ValueError also where a number is out of its range.

    Source: Zeiler, "ADADELTA: an adaptive learning rate method" (2012), algorithm 1, with the defaults of
    `keras.optimizers.Adadelta`.
    """

    moments = ("square", "moved")

    def __init__(
        self,
        parameters: Any = None,
        learning_rate: Rate = 0.001,
        rho: float = 0.95,
        epsilon: float = 1e-7,
        weight_decay: float | None = None,
        **options: Unpack[Options],
    ) -> None:
        call = type(self).__name__
        self.rho = checked_number(call, "rho", rho, below=1)
        self.epsilon = checked_number(call, "epsilon", epsilon)
        super().__init__(parameters, learning_rate, weight_decay=weight_decay, **options)

    @elementwise
    def move(self, value: Array, gradient: Array, *rest: Any) -> tuple[Array, ...]:
        """See `Optimizer.move`."""
        rate, square, moved = rest
        square = kept_share(square, gradient * gradient, 1 - self.rho, is_own=True)
        step = np.sqrt(moved + self.epsilon) / np.sqrt(square + self.epsilon) * gradient
        return value - rate * step, square, kept_share(moved, step * step, 1 - self.rho, is_own=True)


class RMSprop(Optimizer):
    """Gradients divided by the root of a running mean of their squares.

        square ← rho · square + (1 − rho) · gradient²
        step   ← rate · gradient ÷ √(square + epsilon)
        value  ← value − step

    With `centered` the root is that of the variance, square − mean², where mean ← rho · mean + (1 − rho) · gradient.
    With `momentum` the last line is value ← value − velocity, where velocity ← momentum · velocity + step.

    Args:
        parameters: the Tensors to move: one, or several in lists, tuples and dicts; None to give them later.
        learning_rate: a number or a schedule.
        rho: the share of the running means that is kept at each step, from 0 to below 1.
        momentum: the share of the velocity that is kept at each step, from 0 to below 1.
        epsilon: keeps the divisor from 0.
        centered: divide by the root of the variance of the gradients.
        weight_decay: the share of the learning rate by which parameters shrink at each step.
        options: see `Optimizer`.

    Raises:
        TypeError, ValueError: see `Optimizer`; ValueError also where a number is out of its range.

    Source: Hinton, "Neural networks for machine learning", lecture 6e (2012); Graves, "Generating sequences with
    recurrent neural networks" (2013), equations 38 to 41, for the centred form; defaults and the place of epsilon are
    those of `keras.optimizers.RMSprop`.
    """

    def __init__(
        self,
        parameters: Any = None,
        learning_rate: Rate = 0.001,
        rho: float = 0.9,
        momentum: float = 0.0,
        epsilon: float = 1e-7,
        centered: bool = False,
        weight_decay: float | None = None,
        **options: Unpack[Options],
    ) -> None:
        call = type(self).__name__
        self.rho = checked_number(call, "rho", rho, below=1)
        self.momentum = checked_number(call, "momentum", momentum, below=1)
        self.epsilon = checked_number(call, "epsilon", epsilon)
        self.centered = centered
        self.moments = ("square", *(("mean",) if centered else ()), *(("velocity",) if momentum else ()))
        super().__init__(parameters, learning_rate, weight_decay=weight_decay, **options)

    @elementwise
    def move(self, value: Array, gradient: Array, *rest: Any) -> tuple[Array, ...]:
        """See `Optimizer.move`."""
        rate, square, *others = rest
        square = kept_share(square, gradient * gradient, 1 - self.rho, is_own=True)
        kept = [square]
        size = square
        if self.centered:
            mean = kept_share(others[0], gradient, 1 - self.rho)
            kept.append(mean)
            size = np.maximum(square - mean * mean, 0)  # of equal gradients the difference may round to below 0
        step = over_root(rate, gradient, size, self.epsilon, inside=True)
        if self.momentum:
            step = self.momentum * others[-1] + step
            kept.append(step)
        return value - step, *kept


class Adam(Optimizer):
    """Steps of about `learning_rate` in each coordinate, whatever the size of its gradients.

        mean   ← beta_1 · mean + (1 − beta_1) · gradient
        square ← beta_2 · square + (1 − beta_2) · gradient²
        value  ← value − rate · √(1 − beta_2^t) ÷ (1 − beta_1^t) · mean ÷ (√square + epsilon)

    in the t-th step. The running means begin at 0; the factors with t correct for that. With `amsgrad` the divisor
    has the largest `square` so far.

    Args:
        parameters: the Tensors to move: one, or several in lists, tuples and dicts; None to give them later.
        learning_rate: a number or a schedule.
        beta_1, beta_2: the share of the running means that is kept at each step, from 0 to below 1.
        epsilon: keeps the divisor from 0.
        amsgrad: divide by the root of the largest `square` so far.
        weight_decay: the share of the learning rate by which parameters shrink at each step.
        options: see `Optimizer`.

    Raises:
        TypeError, ValueError: see `Optimizer`; ValueError also where a beta or `epsilon` is out of its range.

    Source: Kingma and Ba, "Adam: a method for stochastic optimization" (2015), algorithm 1 in the form of the end of
    section 2, with the defaults of `keras.optimizers.Adam`. There, and here, epsilon is the paper's "epsilon hat":
    PyTorch's stands beside √(square ÷ (1 − beta_2^t)), and is 1e-8. For amsgrad: Reddi, Kale and Kumar, "On the
    convergence of Adam and beyond" (2018), algorithm 2.
    """

    def __init__(
        self,
        parameters: Any = None,
        learning_rate: Rate = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        weight_decay: float | None = None,
        **options: Unpack[Options],
    ) -> None:
        call = type(self).__name__
        self.beta_1 = checked_number(call, "beta_1", beta_1, below=1)
        self.beta_2 = checked_number(call, "beta_2", beta_2, below=1)
        self.epsilon = checked_number(call, "epsilon", epsilon)
        self.amsgrad = amsgrad
        self.moments = ("mean", "square", "largest square") if amsgrad else ("mean", "square")
        super().__init__(parameters, learning_rate, weight_decay=weight_decay, **options)

    def factors(self, rate: Any, step: Any) -> tuple[Any, ...]:
        """See `Optimizer.factors`."""
        return (rate * np.sqrt(1 - self.beta_2**step) / (1 - self.beta_1**step),)

    @elementwise
    def move(self, value: Array, gradient: Array, *rest: Any) -> tuple[Array, ...]:
        """See `Optimizer.move`."""
        rate, mean, square, *largest = rest
        mean = kept_share(mean, gradient, 1 - self.beta_1)
        square = kept_share(square, gradient * gradient, 1 - self.beta_2, is_own=True)
        largest = [np.maximum(item, square) for item in largest]
        size = largest[0] if self.amsgrad else square
        return less(value, over_root(rate, mean, size, self.epsilon)), mean, square, *largest


class AdamW(Adam):
    """Adam with weight decay: at each step the parameters shrink by a share of the learning rate.

        value ← value − rate · weight_decay · value,   then as in `Adam`

    Args:
        parameters: the Tensors to move: one, or several in lists, tuples and dicts; None to give them later.
        learning_rate: a number or a schedule.
        weight_decay: the share of the learning rate by which parameters shrink.
        beta_1, beta_2, epsilon, amsgrad: as for `Adam`.
        options: see `Optimizer`.

    Raises:
        TypeError, ValueError: see `Adam`; ValueError also where `weight_decay` is negative.

    Source: Loshchilov and Hutter, "Decoupled weight decay regularization" (2019), algorithm 2, with the defaults of
    `keras.optimizers.AdamW`.
    """

    def __init__(
        self,
        parameters: Any = None,
        learning_rate: Rate = 0.001,
        weight_decay: float = 0.004,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        **options: Unpack[Options],
    ) -> None:
        if weight_decay is None:
            raise TypeError(f"{type(self).__name__}: weight_decay must be a number, got None. Write Adam without one")
        super().__init__(parameters, learning_rate, beta_1, beta_2, epsilon, amsgrad, weight_decay, **options)


class Adamax(Optimizer):
    """Adam with the largest of the decaying sizes of the gradients in the place of their root mean square.

        mean    ← beta_1 · mean + (1 − beta_1) · gradient
        largest ← max(beta_2 · largest, |gradient|)
        value   ← value − rate ÷ (1 − beta_1^t) · mean ÷ (largest + epsilon)

    in the t-th step.

    Args:
        parameters: the Tensors to move: one, or several in lists, tuples and dicts; None to give them later.
        learning_rate: a number or a schedule.
        beta_1: the share of the running mean that is kept at each step, from 0 to below 1.
        beta_2: the share of the largest size that is kept at each step, from 0 to below 1.
        epsilon: keeps the divisor from 0.
        weight_decay: the share of the learning rate by which parameters shrink at each step.
        options: see `Optimizer`.

    Raises:
        TypeError, ValueError: see `Optimizer`; ValueError also where a number is out of its range.

    Source: Kingma and Ba, "Adam: a method for stochastic optimization" (2015), algorithm 2, with the defaults and the
    epsilon of `keras.optimizers.Adamax`.
    """

    moments = ("mean", "largest")

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

    def factors(self, rate: Any, step: Any) -> tuple[Any, ...]:
        """See `Optimizer.factors`."""
        return (rate / (1 - self.beta_1**step),)

    @elementwise
    def move(self, value: Array, gradient: Array, *rest: Any) -> tuple[Array, ...]:
        """See `Optimizer.move`."""
        rate, mean, largest = rest
        mean = kept_share(mean, gradient, 1 - self.beta_1)
        largest = np.maximum(self.beta_2 * largest, np.abs(gradient))
        return value - rate * mean / (largest + self.epsilon), mean, largest
