"""Gradients that are added up over several steps before the parameters move."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygraph import bounds
from tinygraph.engine.tensor import Tensor
from tinygraph.optim.values import current

__all__ = ["Accumulation"]


class Accumulation:
    """The sums of the gradients since the parameters have moved, and their number.

    No method branches on a value, so that a step that was compiled once is right for every later one.

    Args:
        call: the optimiser's class, for messages.
        every: after how many gradients the parameters move, 2 or more.

    Attributes:
        waiting: a Tensor, the number of gradients in the sums.
        sums: Tensors, by the paths of the parameters.
    """

    def __init__(self, call: str, every: int) -> None:
        self.every = bounds.whole(call, "gradient_accumulation_steps", every, least=2)
        self.waiting = Tensor(0.0, name="waiting", requires_grad=False)
        self.sums: dict[str, Tensor] = {}

    def added(self, gradients: dict[str, Any]) -> tuple[dict[str, Any], Any, list[tuple[Tensor, Any]]]:
        """Return the means of the gradients, whether the parameters move, and the values of the Tensors after it.

        Args:
            gradients: arrays by path. The sum of a parameter without a gradient stays.
        """
        count = current(self.waiting) + 1
        is_whole = np.equal(count, self.every)
        sums = {path: current(self.sums[path]) + gradient for path, gradient in gradients.items()}
        after = [(self.waiting, np.where(is_whole, 0.0, count))]
        after += [(self.sums[path], np.where(is_whole, total.dtype.type(0), total)) for path, total in sums.items()]
        return {path: total / total.dtype.type(self.every) for path, total in sums.items()}, is_whole, after
