"""A model as it was compiled: its optimiser, loss and metrics, its steps, and what the last training left behind."""

from __future__ import annotations

from typing import Any

from tinygraph.training.callbacks.history import History
from tinygraph.training.metrics import Metric
from tinygraph.training.recipe import Recipe
from tinygraph.training.state import TrainingState
from tinygraph.training.steps import Steps

__all__ = ["AsCompiled"]


class AsCompiled:
    """The properties of a model that `compile` and `fit` give it."""

    _state: TrainingState | None = None

    @property
    def optimizer(self) -> Any:
        """The optimiser that `compile` was given; None before."""
        return self._state.recipe.optimizer if self._state is not None and self._state.is_compiled else None

    @property
    def loss(self) -> Any:
        """The loss that `compile` was given; None before."""
        return self._state.recipe.loss if self._state is not None and self._state.is_compiled else None

    @property
    def metrics(self) -> list[Any]:
        """The mean of the loss, the metrics from the first batch on, and those that are attributes of the model."""
        compiled = self._state.recipe.metrics if self._state is not None and self._state.is_compiled else []
        own = [item for item in vars(self).values() if isinstance(item, Metric)]
        return [*compiled, *[item for item in own if all([item is not other for other in compiled])]]

    def reset_metrics(self) -> None:
        """Begin the sums of all metrics anew, in a loop of `train_on_batch` and `test_on_batch` after each epoch."""
        for metric in self.metrics:
            metric.reset_state()

    @property
    def metrics_names(self) -> list[str]:
        """The names of the metrics."""
        return [metric.name for metric in self.metrics]

    @property
    def compiled_steps(self) -> Steps:
        """The steps of `fit`, `evaluate` and `predict`: the functions `train(x, y, w)`, `test(x, y, w)`, `predict(x)`.

            print(model.compiled_steps.train.source)

        Each is a compiled function, with a program for each shape of batch that it was called with; `source` is the
        last one. With `run_eagerly=True` they are plain functions. They belong to the last `compile`.

        Raises:
            RuntimeError: the model was not compiled.
        """
        return self._compiled("compiled_steps").steps

    # --- the last training ------------------------------------------------------------------------------------------

    @property
    def history(self) -> History | None:
        """The history of the last `fit`, also of one that goes on or ended in an error; None before."""
        return None if self._state is None else self._state.history

    @property
    def last_batch(self) -> Any:
        """The batch of the last step of the training that is going on: inputs, targets and weights; None before it.

        The arrays are used again for later batches. Copy what you keep.
        """
        return None if self._state is None or self._state.training is None else self._state.training.batch

    @property
    def stop_training(self) -> bool:
        """Set it to True, in a callback, to end the training after the epoch."""
        return self._state is not None and self._state.training is not None and self._state.training.stop

    @stop_training.setter
    def stop_training(self, stop: bool) -> None:
        if self._state is not None and self._state.training is not None:
            self._state.training.stop = bool(stop)

    # --- the state --------------------------------------------------------------------------------------------------

    def _compiled(self, call: str) -> TrainingState:
        if self._state is None or not self._state.is_compiled:
            raise RuntimeError(
                f'{call}: the model is not compiled. Write model.compile(optimizer="adam", loss=...) before it'
            )
        return self._state

    def _used(self) -> TrainingState:
        """Return the state of a model that may not be compiled."""
        if self._state is None:
            self._state = TrainingState(self, Recipe(self, "sgd"), is_compiled=False)
        return self._state

    def _input_dtype(self) -> Any:
        """Return the dtype of the first layer that has one."""
        for module in self.modules():  # type: ignore[attr-defined]
            if getattr(module, "dtype", None) is not None:
                return module.dtype
        return self.default_dtype()  # type: ignore[attr-defined]
