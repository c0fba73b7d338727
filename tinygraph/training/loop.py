"""The loops of `fit`, `evaluate` and `predict` over the batches of data."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygraph.engine.modes import no_grad
from tinygraph.nests import tree_leaves, tree_map
from tinygraph.training.callbacks.callback import CallbackList
from tinygraph.training.callbacks.history import History
from tinygraph.training.feeding import Feed
from tinygraph.training.interrupts import Interrupts
from tinygraph.training.recipe import Recipe
from tinygraph.training.steps import Steps

__all__ = ["Training", "evaluated", "predicted", "prepared", "trained"]


@dataclass
class Training:
    """A training that is going on.

    Attributes:
        model: the model.
        recipe: its optimiser, losses and metrics.
        steps: its compiled steps.
        feed: the data.
        callbacks: with a `History` as the first.
        validate: returns the results on the validation data, by name; None for no validation.
        validation_freq: validate after every so many epochs, or after the epochs of these numbers, counted from 1.
        stop: set by `model.stop_training`.
    """

    model: Any
    recipe: Recipe
    steps: Steps
    feed: Feed
    callbacks: CallbackList
    validate: Callable[[], dict[str, Any]] | None = None
    validation_freq: int | Iterable[int] = 1
    stop: bool = False


def prepared(model: Any, recipe: Recipe, batch: tuple[Any, Any, Any], training: bool) -> None:
    """Make what the first batch tells: the weights, the losses and metrics, the state of the optimiser.

    A call that raises leaves the layers without weights, as they were.
    """
    x, y, _ = batch
    if not recipe.outputs or (training and not recipe.optimizer.built):
        with no_grad():
            few = tree_map(lambda leaf: leaf[:1], x)
            predictions = model(few, training=False)
            targets = None if y is None else tree_map(lambda leaf: leaf[:1], y)
            recipe.bind(targets, predictions, getattr(model, "output_names", None))
    if training and not recipe.optimizer.built:
        parameters = model.named_parameters()
        if not parameters:
            raise ValueError(
                f'fit: "{model.name}" has nothing to train. Its weights are frozen, or it has none; set '
                "model.trainable = True before compile"
            )
        recipe.optimizer.build(parameters)
        for tensor, rule in model.constraints():
            if tensor.requires_grad:
                recipe.optimizer.constrain(tensor, rule)


def trained(training: Training, epochs: range) -> History:
    """Train for some epochs, and return the history."""
    history: History = training.callbacks.callbacks[0]
    call = training.callbacks.call
    batch_begin, batch_end = (training.callbacks.at(f"on_train_batch_{moment}") for moment in ("begin", "end"))
    with Interrupts() as interrupts, training.recipe.trainable_as_compiled(training.model):
        call("on_train_begin", {})
        logs: dict[str, Any] = {}
        for epoch in epochs:
            call("on_epoch_begin", epoch, {})
            before = _Kept(training)
            complete = _epoch(training, interrupts, batch_begin, batch_end)
            if interrupts.asked and not complete:
                history.interrupted = True
                break
            logs = training.recipe.logs()
            if not math.isfinite(logs["loss"]) and not training.stop and not before.may_end_in_nan:
                before.put_back()
                raise FloatingPointError(
                    f"fit: the loss of epoch {epoch + 1} is {logs['loss']}. The weights are those before this epoch. "
                    "Try a smaller learning rate, clipnorm= of the optimiser, or inputs of size 1; `with "
                    "tg.detect_nonfinite():` around an eager fit names the operation; the callback TerminateOnNaN ends "
                    "a training without an error"
                )
            if training.validate is not None and _is_due(epoch, training.validation_freq):
                logs |= {f"val_{name}": value for name, value in training.validate().items()}
            call("on_epoch_end", epoch, logs)
            if training.stop or interrupts.asked:
                history.interrupted = interrupts.asked
                break
        call("on_train_end", logs)
    return history


def _epoch(training: Training, interrupts: Interrupts, batch_begin: Any, batch_end: Any) -> bool:
    """Take the steps of an epoch, and return True if they were taken to the end."""
    recipe, step = training.recipe, training.steps.train
    recipe.reset()
    first = True
    for number, batch in enumerate(training.feed.epoch()):
        if first:
            prepared(training.model, recipe, batch, training=True)
            recipe.optimizer.zero_grad()
            first = False
        if batch_begin is not None:
            batch_begin(number, {})
        step(*batch)
        if batch_end is not None:
            batch_end(number, _Logs(recipe))
        if interrupts.asked or training.stop:
            return training.stop
    return True


class _Logs(dict[str, Any]):
    """The results so far, reckoned when a callback looks at them."""

    def __init__(self, recipe: Recipe) -> None:
        super().__init__()
        self._recipe: Recipe | None = recipe

    def _fill(self) -> None:
        if self._recipe is not None:
            recipe, self._recipe = self._recipe, None
            self.update(recipe.logs())

    def __getitem__(self, name: str) -> Any:
        self._fill()
        return super().__getitem__(name)

    def get(self, name: str, default: Any = None) -> Any:
        """See `dict.get`."""
        self._fill()
        return super().get(name, default)

    def items(self) -> Any:
        """See `dict.items`."""
        self._fill()
        return super().items()

    def keys(self) -> Any:
        """See `dict.keys`."""
        self._fill()
        return super().keys()

    def values(self) -> Any:
        """See `dict.values`."""
        self._fill()
        return super().values()

    def __iter__(self) -> Any:
        self._fill()
        return super().__iter__()

    def __len__(self) -> int:
        self._fill()
        return super().__len__()

    def __contains__(self, name: object) -> bool:
        self._fill()
        return super().__contains__(name)

    def __repr__(self) -> str:
        self._fill()
        return super().__repr__()


class _Kept:
    """The values of a model and its optimiser at the beginning of an epoch, to be put back after a NaN."""

    def __init__(self, training: Training) -> None:
        callbacks = training.callbacks.callbacks
        self.may_end_in_nan = any([type(callback).__name__ == "TerminateOnNaN" for callback in callbacks])
        tensors = [] if self.may_end_in_nan else [*training.model.weights, *training.recipe.optimizer.state.values()]
        self._values = [(tensor, tensor.numpy().copy()) for tensor in tensors]

    def put_back(self) -> None:
        """Give all Tensors their values back."""
        for tensor, value in self._values:
            tensor.assign(value)


def _is_due(epoch: int, frequency: int | Iterable[int]) -> bool:
    return (epoch + 1) % frequency == 0 if isinstance(frequency, int) else epoch + 1 in frequency


def evaluated(model: Any, recipe: Recipe, steps: Steps, feed: Feed, callbacks: CallbackList) -> dict[str, Any]:
    """Return the results of a model on data, by name: "loss", and the metrics."""
    batch_begin, batch_end = (callbacks.at(f"on_test_batch_{moment}") for moment in ("begin", "end"))
    callbacks.call("on_test_begin", {})
    for number, batch in enumerate(feed.epoch()):
        if not number:
            prepared(model, recipe, batch, training=False)
            recipe.reset()
        if batch_begin is not None:
            batch_begin(number, {})
        steps.test(*batch)
        if batch_end is not None:
            batch_end(number, _Logs(recipe))
    logs = recipe.logs()
    callbacks.call("on_test_end", logs)
    return logs


def predicted(steps: Steps, feed: Feed, callbacks: CallbackList) -> Any:
    """Return the outputs of a model on data: arrays, in the nest that the model returns."""
    batch_begin, batch_end = (callbacks.at(f"on_predict_batch_{moment}") for moment in ("begin", "end"))
    callbacks.call("on_predict_begin", {})
    found: list[Any] = []
    for number, (x, _, _) in enumerate(feed.epoch()):
        if batch_begin is not None:
            batch_begin(number, {})
        found.append(tree_map(np.array, steps.predict(x)))
        if batch_end is not None:
            batch_end(number, {"outputs": found[-1]})
    callbacks.call("on_predict_end", {})
    return joined(found)


def joined(parts: list[Any]) -> Any:
    """Join the outputs of batches along their first axis."""
    if len(parts) == 1:
        return parts[0]
    columns = [np.concatenate(column) for column in zip(*[tree_leaves(part) for part in parts], strict=True)]
    remaining = iter(columns)
    return tree_map(lambda _: next(remaining), parts[0])
