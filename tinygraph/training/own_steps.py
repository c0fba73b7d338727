"""Steps of a model's own class: `train_step(self, data)`, `test_step(self, data)` and `predict_step(self, data)`.

    class Own(tg.nn.Model):
        def train_step(self, data):
            x, y = data
            self.zero_grad()
            loss = self.compute_loss(y=y, y_pred=self(x, training=True))
            loss.backward()
            self.optimizer.step()
            return {"loss": loss}

The first step runs as it is, and makes what is made once, such as the state of an optimiser. The others are programs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from tinygraph.nests import plain, tree_map

__all__ = ["OwnStep", "has_own", "pack_x_y_sample_weight", "unpack_x_y_sample_weight"]


def has_own(model: Any, method: str) -> bool:
    """Return whether the class of a model has a step of its own."""
    return not getattr(type(model), method).__module__.startswith("tinygraph.training.")


def pack_x_y_sample_weight(x: Any, y: Any = None, sample_weight: Any = None) -> Any:
    """Return the data of a step: (x, y, sample_weight), (x, y), or x alone; (x,) where x is a list or tuple."""
    if sample_weight is not None:
        return x, y, sample_weight
    if y is not None:
        return x, y
    return (x,) if isinstance(x, list | tuple) else x


def unpack_x_y_sample_weight(data: Any) -> tuple[Any, Any, Any]:
    """Return the inputs, targets and weights in the data of a step, None for those that it does not have.

    Raises:
        ValueError: it has more than three parts.
    """
    parts = tuple(data) if isinstance(data, list | tuple) else (data,)
    if len(parts) > 3:
        raise ValueError(f"the data of a step are (x, y, sample_weight), got {len(parts)} parts")
    x, y, weight = (*parts, None, None)[:3]
    return x, y, weight


def _step_of(model: Any, method: str) -> Callable[[Any], Any]:
    """Return a step as a function of the data."""

    def step(data: Any) -> Any:
        with model.in_own_step():
            return plain(getattr(model, method)(data))

    step.__qualname__ = f"{type(model).__name__}.{method}"  # in warnings and errors
    return step


class OwnStep:
    """A step of training or of evaluation that a model has of its own, and the results of the last one.

    Args:
        model: the model.
        method: "train_step" or "test_step".
        compiled: compiles a function; None to run all steps as they are.

    Attributes:
        step: the step as a function of the data, compiled from the second step on.
    """

    def __init__(self, model: Any, method: str, compiled: Callable[[Any], Any] | None) -> None:
        self._model, self._method = model, method
        self.step = _step_of(model, method)
        self._compiled = compiled
        self._found: dict[str, Any] = {}

    def __call__(self, x: Any, y: Any, w: Any) -> None:
        """Take the step of a batch."""
        found = self.step(pack_x_y_sample_weight(x, y, w))
        if not isinstance(found, dict):
            kind = type(found).__name__
            raise TypeError(
                f"{type(self._model).__name__}.{self._method} must return its results by name, got {kind}. Write "
                'return {"loss": loss}, or return {m.name: m.result() for m in self.metrics}'
            )
        self._found = tree_map(np.array, found)
        if self._compiled is not None:
            self.step, self._compiled = self._compiled(self.step), None

    # --- the results, as a recipe has them ----------------------------------------------------------------------------

    def reset(self) -> None:
        """Begin the metrics of the model anew."""
        self._found = {}
        self._model.reset_metrics()

    def names(self) -> Iterable[str]:
        """Return the names of the results."""
        return list(self._found)

    def logs(self) -> dict[str, Any]:
        """Return the results of the last step, by name."""
        return {name: self.result(name) for name in self._found}

    def result(self, name: str) -> Any:
        """Return a result of the last step; raise KeyError if there is none of this name."""
        value = self._found[name]
        return float(value) if isinstance(value, np.ndarray) and value.ndim == 0 else value
