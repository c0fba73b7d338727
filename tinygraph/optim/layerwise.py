"""Optimisers that look at a whole parameter, and not at each number alone: Lamb, Adafactor, Muon."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, Unpack

import numpy as np

from tinygraph import bounds
from tinygraph.engine.fitting import wide
from tinygraph.engine.tensor import Tensor
from tinygraph.optim.arguments import Options
from tinygraph.optim.formulas import kept_share
from tinygraph.optim.optimizer import Optimizer
from tinygraph.optim.parameters import Group
from tinygraph.optim.rates import Rate, checked_number
from tinygraph.optim.values import Array

__all__ = ["Adafactor", "Lamb", "Muon"]


class Lamb(Optimizer):
    """Adam's step, made as long as the parameter itself: for batches of thousands of examples.

        mean   ← beta_1 · mean + (1 − beta_1) · gradient
        square ← beta_2 · square + (1 − beta_2) · gradient²
        step   ← mean ÷ (1 − beta_1^t) ÷ (√(square ÷ (1 − beta_2^t)) + epsilon)
        value  ← value − rate · ‖value‖ ÷ ‖step‖ · step

    in the t-th step. Where a norm is 0 the factor ‖value‖ ÷ ‖step‖ is 1.

    Args:
        parameters: the Tensors to move: one, or several in lists, tuples and dicts; None to give them later.
        learning_rate: a number or a schedule.
        beta_1, beta_2: the share of the running means that is kept at each step, from 0 to below 1.
        epsilon: keeps the divisor from 0.
        weight_decay: the share of the learning rate by which parameters shrink at each step.
        options: see `Optimizer`.

    Raises:
        TypeError, ValueError: see `Optimizer`; ValueError also where a number is out of its range.

    Source: You et al., "Large batch optimization for deep learning: training BERT in 76 minutes" (2020), algorithm 2,
    with the defaults of `keras.optimizers.Lamb`.
    """

    moments = ("mean", "square")

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
        return rate, 1 - self.beta_1**step, 1 - self.beta_2**step

    def move(self, value: Array, gradient: Array, *rest: Any) -> tuple[Array, ...]:
        """See `Optimizer.move`."""
        rate, of_mean, of_square, mean, square = rest
        mean = kept_share(mean, gradient, 1 - self.beta_1)
        square = kept_share(square, gradient * gradient, 1 - self.beta_2, is_own=True)
        step = mean / of_mean / (np.sqrt(square / of_square) + self.epsilon)
        length, of_step = _norm(value), _norm(step)
        factor = np.where((length > 0) & (of_step > 0), length / np.where(of_step > 0, of_step, 1), 1)
        return value - (factor * rate).astype(value.dtype) * step, mean, square


class Adafactor(Optimizer):
    """Gradients divided by roots of running means, of which a matrix keeps one for each row and each column.

        rows, columns ← the running means of the means of gradient² + epsilon_1 over rows and columns
        step  ← gradient ÷ √(rows · columns ÷ mean of rows),  made smaller if its root mean square is above
                clip_threshold
        value ← value − min(rate, 1 ÷ √t) · max(epsilon_2, root mean square of value) · step

    in the t-th step. The running means keep 1 − t^beta_2_decay. A parameter with one axis keeps one mean a number.

    Args:
        parameters: the Tensors to move: one, or several in lists, tuples and dicts; None to give them later.
        learning_rate: a number or a schedule.
        beta_2_decay: how fast the share that is kept grows towards 1, a negative number.
        epsilon_1: is added to the squares.
        epsilon_2: the least size that is assumed of a parameter.
        clip_threshold: the largest root mean square of a step.
        relative_step: of Keras, without effect: the rate is at most 1 ÷ √t.
        weight_decay: the share of the learning rate by which parameters shrink at each step.
        options: see `Optimizer`.

    Raises:
        TypeError, ValueError: see `Optimizer`; ValueError also where a number is out of its range.

    Source: Shazeer and Stern, "Adafactor: adaptive learning rates with sublinear memory cost" (2018), algorithms 4 and
    5, with the defaults of `keras.optimizers.Adafactor`.
    """

    moments = ("rows", "columns")

    def __init__(
        self,
        parameters: Any = None,
        learning_rate: Rate = 0.001,
        beta_2_decay: float = -0.8,
        epsilon_1: float = 1e-30,
        epsilon_2: float = 1e-3,
        clip_threshold: float = 1.0,
        relative_step: bool = True,
        weight_decay: float | None = None,
        **options: Unpack[Options],
    ) -> None:
        call = type(self).__name__
        self.beta_2_decay = bounds.number(call, "beta_2_decay", beta_2_decay, most=0)
        self.epsilon_1 = checked_number(call, "epsilon_1", epsilon_1)
        self.epsilon_2 = checked_number(call, "epsilon_2", epsilon_2)
        self.clip_threshold = bounds.number(call, "clip_threshold", clip_threshold, above=0)
        self.relative_step = relative_step
        super().__init__(parameters, learning_rate, weight_decay=weight_decay, **options)

    def beginning(self, moment: str, path: str, parameter: Tensor) -> Array:
        """See `Optimizer.beginning`: zeros for each row, and for each column."""
        shape = parameter.shape
        if len(shape) >= 2:
            shape = (*shape[:-1], 1) if moment == "rows" else (*shape[:-2], 1, shape[-1])
        elif moment == "columns":
            shape = ()
        return np.zeros(shape, wide(parameter.dtype))

    def factors(self, rate: Any, step: Any) -> tuple[Any, ...]:
        """See `Optimizer.factors`."""
        return np.minimum(rate, 1 / np.sqrt(step)), step**self.beta_2_decay

    def move(self, value: Array, gradient: Array, *rest: Any) -> tuple[Array, ...]:
        """See `Optimizer.move`."""
        rate, share, rows, columns = rest
        square = gradient * gradient + self.epsilon_1
        if value.ndim >= 2:
            rows = rows + share * (np.mean(square, axis=-1, keepdims=True) - rows)
            columns = columns + share * (np.mean(square, axis=-2, keepdims=True) - columns)
            size = rows / np.mean(rows, axis=-2, keepdims=True) * columns
        else:
            size = rows = rows + share * (square - rows)
        step = gradient / np.sqrt(size)
        step = step / np.maximum(1, _root_mean_square(step) / self.clip_threshold)
        return value - np.maximum(self.epsilon_2, _root_mean_square(value)) * rate * step, rows, columns


class Muon(Optimizer):
    """Momentum whose matrices are made orthogonal: a step has the same size in all directions. Others move by Adam.

        velocity ← momentum · velocity + gradient
        ahead    ← gradient + momentum · velocity,  or with `nesterov=False` the velocity
        step     ← the orthogonal matrix nearest to `ahead`, found in ns_steps steps
        value    ← value − rate · √(the larger side of the matrix) · rms_rate · step

    A parameter that is no matrix, an embedding, and one that `exclude_layers` names move by Adam.

    Args:
        parameters: the Tensors to move: one, or several in lists, tuples and dicts; None to give them later.
        learning_rate: a number or a schedule.
        adam_beta_1, adam_beta_2, epsilon: of Adam's steps.
        adam_weight_decay: the share of the learning rate by which parameters shrink that move by Adam; or None.
        weight_decay: that share for the others; or None.
        exclude_layers: regular expressions for the names of parameters that move by Adam.
        exclude_embeddings: parameters with "embedding" in their name move by Adam.
        muon_a, muon_b, muon_c: the coefficients of the polynomial that makes a matrix orthogonal.
        adam_lr_ratio: Adam's learning rate, as a share of the other.
        momentum: the share of the velocity that is kept at each step, from 0 to below 1.
        ns_steps: how often the polynomial is applied.
        nesterov: look one step ahead.
        rms_rate: the root mean square of a step, as a share of the rate; None for the orthogonal matrix itself.
        options: see `Optimizer`.

    Raises:
        TypeError, ValueError: see `Optimizer`; ValueError also where a number is out of its range.

    Source: Jordan et al., "Muon: an optimizer for hidden layers in neural networks" (2024); Liu et al., "Muon is
    scalable for LLM training" (2025) for `rms_rate`; defaults are those of `keras.optimizers.Muon`.
    """

    moments = ("mean", "square")

    def __init__(
        self,
        parameters: Any = None,
        learning_rate: Rate = 0.001,
        adam_beta_1: float = 0.9,
        adam_beta_2: float = 0.999,
        adam_weight_decay: float | None = 0.004,
        epsilon: float = 1e-7,
        weight_decay: float | None = 0.004,
        exclude_layers: Sequence[str] | None = None,
        exclude_embeddings: bool = True,
        muon_a: float = 3.4445,
        muon_b: float = -4.7750,
        muon_c: float = 2.0315,
        adam_lr_ratio: float = 1,
        momentum: float = 0.95,
        ns_steps: int = 5,
        nesterov: bool = True,
        rms_rate: float | None = 0.2,
        **options: Unpack[Options],
    ) -> None:
        call = type(self).__name__
        self.adam_beta_1 = checked_number(call, "adam_beta_1", adam_beta_1, below=1)
        self.adam_beta_2 = checked_number(call, "adam_beta_2", adam_beta_2, below=1)
        self.adam_weight_decay = adam_weight_decay
        self.epsilon = checked_number(call, "epsilon", epsilon)
        self.exclude_layers = list(exclude_layers or [])
        self.exclude_embeddings = exclude_embeddings
        self.muon_a, self.muon_b, self.muon_c = muon_a, muon_b, muon_c
        self.adam_lr_ratio = checked_number(call, "adam_lr_ratio", adam_lr_ratio)
        self.momentum = checked_number(call, "momentum", momentum, below=1)
        self.ns_steps = bounds.whole(call, "ns_steps", ns_steps, least=0)
        self.nesterov, self.rms_rate = nesterov, rms_rate
        self._by_adam: frozenset[str] = frozenset()
        super().__init__(parameters, learning_rate, weight_decay=weight_decay, **options)

    def build(self, parameters: Any) -> None:
        """See `Optimizer.build`."""
        if self.parameters:
            super().build(parameters)
            return
        super().build(parameters)
        self._by_adam = frozenset(path for path, item in self.parameters.items() if self._moves_by_adam(path, item))
        self.groups = [part for group in self.groups for part in self._parted(group)]

    def beginning(self, moment: str, path: str, parameter: Tensor) -> Array:
        """See `Optimizer.beginning`: only Adam has a mean of squares."""
        no_square = moment == "square" and not self._moves_by_adam(path, parameter)
        return np.zeros(() if no_square else parameter.shape, wide(parameter.dtype))

    def _moves_by_adam(self, path: str, parameter: Tensor) -> bool:
        name = f"{parameter.name or ''} {path}"
        is_embedding = self.exclude_embeddings and "embedding" in name.lower()
        return parameter.ndim != 2 or is_embedding or any(re.search(word, name) for word in self.exclude_layers)

    def _parted(self, group: Group) -> list[Group]:
        """Return a group as two, each with the weight decay of its rule."""
        parts = []
        for by_adam, decay in ((False, self.weight_decay), (True, self.adam_weight_decay)):
            paths = [path for path in group.paths if (path in self._by_adam) == by_adam]
            if paths:
                part = Group(type(self).__name__, paths, None, (decay or 0.0) if group.weight_decay is None else None)
                part.weight_decay = part.weight_decay if group.weight_decay is None else group.weight_decay
                part.rate = group.rate
                parts.append(part)
        return parts

    def factors(self, rate: Any, step: Any) -> tuple[Any, ...]:
        """See `Optimizer.factors`."""
        of_adam = rate * self.adam_lr_ratio * np.sqrt(1 - self.adam_beta_2**step) / (1 - self.adam_beta_1**step)
        return rate, of_adam

    def rule(self, path: str) -> Callable[..., Any]:
        """See `Optimizer.rule`."""
        return self._adam if path in self._by_adam else self.move

    def move(self, value: Array, gradient: Array, *rest: Any) -> tuple[Array, ...]:
        """See `Optimizer.move`."""
        rate, _, velocity, square = rest
        velocity = self.momentum * velocity + gradient
        ahead = gradient + self.momentum * velocity if self.nesterov else velocity
        size = 1.0 if self.rms_rate is None else max(value.shape) ** 0.5 * self.rms_rate
        return value - rate * size * self._orthogonal(ahead), velocity, square

    def _adam(self, value: Array, gradient: Array, *rest: Any) -> tuple[Array, ...]:
        _, rate, mean, square = rest
        mean = kept_share(mean, gradient, 1 - self.adam_beta_1)
        square = kept_share(square, gradient * gradient, 1 - self.adam_beta_2, is_own=True)
        return value - rate * mean / (np.sqrt(square) + self.epsilon), mean, square

    def _orthogonal(self, matrix: Any) -> Any:
        """Return about the orthogonal matrix nearest to a matrix, by Newton's and Schulz's iteration."""
        is_tall = matrix.shape[0] > matrix.shape[1]
        x = matrix.T if is_tall else matrix
        x = x / (_norm(x) + 1e-7)
        for _ in range(self.ns_steps):
            square = x @ x.T
            x = self.muon_a * x + (self.muon_b * square + self.muon_c * square @ square) @ x
        return x.T if is_tall else x


def _norm(array: Array) -> Any:
    return np.sqrt(np.sum(array * array))


def _root_mean_square(array: Array) -> Any:
    return np.sqrt(np.mean(array * array))
