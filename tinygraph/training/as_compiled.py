"""A model as it was compiled: its optimiser, loss and metrics, its steps, and what the last training left behind."""

from __future__ import annotations

from typing import Any

from tinygraph.nests import entries
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
    def compiled(self) -> bool:
        """True after `compile`."""
        return self._state is not None and self._state.is_compiled

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
        """The mean of the loss, the metrics from the first batch on, and those in attributes of model and layers."""
        recipe = self._state.recipe if self._state is not None and self._state.is_compiled else None
        if recipe is None:
            return self._own_metrics()
        return recipe.metrics if recipe.own is not None else [*recipe.metrics, *self._own_metrics()]

    def _own_metrics(self) -> list[Any]:
        """Return the metrics in the attributes of the model and of its layers, but not of the models inside it."""
        modules = self.modules()  # type: ignore[attr-defined]
        owners = [module for module in modules if module is self or not isinstance(module, AsCompiled)]
        items = [item for owner in owners for _, item in entries(vars(owner), "") if isinstance(item, Metric)]
        return [item for place, item in enumerate(items) if all([item is not other for other in items[:place]])]

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
        return self._is_asked_to_stop("training")

    @stop_training.setter
    def stop_training(self, stop: bool) -> None:
        self._ask_to_stop("training", stop)
        if (training := self._used().training) is not None:
            training.stop = bool(stop)

    @property
    def stop_evaluating(self) -> bool:
        """Set it to True, in a callback, to end an evaluation after the batch."""
        return self._is_asked_to_stop("evaluating")

    @stop_evaluating.setter
    def stop_evaluating(self, stop: bool) -> None:
        self._ask_to_stop("evaluating", stop)

    @property
    def stop_predicting(self) -> bool:
        """Set it to True, in a callback, to end `predict` after the batch."""
        return self._is_asked_to_stop("predicting")

    @stop_predicting.setter
    def stop_predicting(self, stop: bool) -> None:
        self._ask_to_stop("predicting", stop)

    def _is_asked_to_stop(self, what: str) -> bool:
        return self._state is not None and what in self._state.to_stop

    def _ask_to_stop(self, what: str, stop: bool) -> None:
        (self._used().to_stop.add if stop else self._used().to_stop.discard)(what)

    # --- the state --------------------------------------------------------------------------------------------------

    def _compiled(self, call: str) -> TrainingState:
        if self._state is None or not self._state.is_compiled:
            raise RuntimeError(
                f'{call}: the model is not compiled. Write model.compile(optimizer="adam", loss=...) before it'
            )
        return self._state

    def _begun(self, call: str, is_one_batch: bool = False) -> TrainingState:
        """Return the state of a model that is compiled, at the beginning of a call that takes batches into metrics.

        Args:
            call: the method to name in messages.
            is_one_batch: look for metrics of the model's own at the first batch alone: the look takes 70 µs.
        """
        state = self._compiled(call)
        before = state.recipe.own
        if is_one_batch and before is not None:
            return state
        own = self._own_metrics()
        if before is None or list(map(id, before)) != list(map(id, own)):
            state.recipe.own = own  # only where it is another: a compiled step reads it
        return state

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
