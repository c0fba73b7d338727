"""The loops of `fit`, `evaluate` and `predict` over the batches of data."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tinygraph.engine.modes import no_grad
from tinygraph.errors import ShapeError
from tinygraph.nests import tree_leaves, tree_map
from tinygraph.training.callbacks.callback import CallbackList
from tinygraph.training.callbacks.history import History
from tinygraph.training.callbacks.terminate_on_nan import TerminateOnNaN
from tinygraph.training.checkpoint import Reached
from tinygraph.training.doubtful import warn_of_doubtful
from tinygraph.training.feeding import ArrayFeed, Feed
from tinygraph.training.interrupts import Interrupts
from tinygraph.training.logs import telling
from tinygraph.training.own_steps import has_own
from tinygraph.training.progress import Progress
from tinygraph.training.recipe import Recipe
from tinygraph.training.steps import Steps

__all__ = ["Training", "build_optimizer", "called_once", "evaluated", "predicted", "prepare", "trained"]

AtBegin = Callable[[int, dict[str, Any]], None] | None
AtEnd = Callable[[int], None] | None


@dataclass
class Training:
    """A training that is going on.

    Attributes:
        model: the model.
        recipe: its optimiser, losses and metrics.
        steps: its compiled steps.
        feed: the data.
        callbacks: those of the user, the progress, and the history.
        history: the results of each epoch.
        validate: returns the results on the validation data, by name; None for no validation.
        validation_freq: validate after every so many epochs, or after the epochs of these numbers, counted from 1.
        stop: set by `model.stop_training`.
        batch: the batch of the last step.
        reached: the finished epochs, and the callbacks.
        begun: is called when the callbacks have begun.
        comm: the ranks that compute each batch together; None for this process alone.
    """

    model: Any
    recipe: Recipe
    steps: Steps
    feed: Feed
    callbacks: CallbackList
    history: History
    validate: Callable[[], dict[str, Any]] | None = None
    validation_freq: int | Iterable[int] = 1
    stop: bool = False
    batch: Any = None
    reached: Reached = field(default_factory=Reached)
    begun: Callable[[], None] | None = None
    comm: Any = None


def prepare(model: Any, recipe: Recipe, batch: tuple[Any, Any, Any], training: bool) -> None:
    """Make what depends on the first batch: the weights, the losses and metrics, the state of the optimiser.

    Args:
        model: the model.
        recipe: its optimiser, losses and metrics.
        batch: inputs, targets and weights.
        training: the optimiser is needed, too.

    Raises:
        ValueError: the outputs do not fit the targets, losses or metrics, or there is nothing to train.
        ShapeError: the inputs do not fit a layer.

    A call that raises leaves the layers without weights, as they were.
    """
    x, y, _ = batch
    if _needs_no_call(model, recipe, "train_step" if training else "test_step"):
        if training and model.named_parameters():
            build_optimizer(model, recipe)
        return
    if not recipe.outputs or (training and not recipe.optimizer.built):
        try:
            predictions, targets = called_once(model, x, y)
            for metric in recipe.own or []:
                metric.reset_state()  # the row is no batch of the epoch
            is_new = not recipe.outputs
            recipe.bind(targets, predictions, getattr(model, "output_names", None))
            if is_new:
                warn_of_doubtful(model, recipe, predictions)
        except (ShapeError, TypeError, ValueError):
            # The step calls the model with something else than the data; its losses are bound at its `compute_loss`.
            if not has_own(model, "train_step" if training else "test_step") or not _is_built(model):
                raise
    if training:
        build_optimizer(model, recipe)


def _needs_no_call(model: Any, recipe: Recipe, method: str) -> bool:
    """Return whether a step of the model's own does all that a recipe does: the model may have no `call`."""
    if not has_own(model, method) or recipe.loss is not None or any(recipe.given):
        return False
    return _is_built(model)


def _is_built(model: Any) -> bool:
    """Return whether all modules of a model have their weights."""
    return all([module.built for module in model.modules() if module is not model])


def called_once(model: Any, x: Any, y: Any = None) -> tuple[Any, Any]:
    """Call a model on one row, so that its layers make their weights; return its result and the target of the row.

    A model with stateful layers, whose states have a row for each row of a batch, is called on the whole batch. The
    states are put back.
    """
    stateful = [module for module in model.modules() if getattr(module, "stateful", False)]
    before = [[(state, state.numpy().copy()) for state in module.states or []] for module in stateful]
    rows = slice(None if stateful else 1)
    error: ShapeError | None = None
    with no_grad():
        try:
            result = model(tree_map(lambda leaf: leaf[rows], x), training=False)
        except ShapeError as found:
            error = found
        if error is not None:
            model(x, training=False)  # so that the error names the shape of the batch
            raise error
    for module, values in zip(stateful, before, strict=True):
        if not values:
            module.reset_states()
        for state, value in values:
            state.assign(value)
    return result, None if y is None else tree_map(lambda leaf: leaf[rows], y)


def build_optimizer(model: Any, recipe: Recipe) -> None:
    """Give the optimiser of a recipe the parameters of the model if it has none yet, and their constraints.

    Raises:
        ValueError: there is nothing to train, or the optimiser has other parameters, and would leave some untrained.
    """
    parameters = model.named_parameters()
    if recipe.optimizer.built:
        _check_known(model, recipe.optimizer, parameters)
    elif not parameters:
        raise ValueError(
            f'fit: "{model.name}" has nothing to train. Its weights are frozen, or it has none; set '
            "model.trainable = True before compile"
        )
    else:
        recipe.optimizer.build(parameters)
    recipe.hold_to(model.constraints())


def _check_known(model: Any, optimizer: Any, parameters: dict[str, Any]) -> None:
    """Raise ValueError for a parameter that the optimiser does not have: it would silently stay as it is."""
    known = {id(tensor) for tensor in optimizer.parameters.values()}
    unknown = [path for path, tensor in parameters.items() if id(tensor) not in known]
    if unknown:
        kind = type(optimizer).__name__
        others = f" and {len(unknown) - 1} more" if len(unknown) > 1 else ""
        raise ValueError(
            f'fit: the {kind} of "{model.name}" would not train {unknown[0]}{others}: it was given its parameters '
            f"before, for another model or before layers were added, replaced or unfrozen. Give compile a new one, "
            f"{kind}({optimizer.learning_rate:g}), or freeze what is to stay: layer.trainable = False"
        )


def trained(training: Training, epochs: range) -> History:
    """Train for some epochs, numbered from 0, and return the history.

    Raises:
        ValueError: there is nothing to train, or the data and the model do not fit each other.
        FloatingPointError: the loss of an epoch became NaN or infinite; the weights are those before that epoch.
    """
    history, call = training.history, training.callbacks.call
    batch_begin, batch_end = _around_batches(training.callbacks, "train", training.steps.train_results)
    with Interrupts() as interrupts, training.recipe.trainable_as_compiled(training.model):
        call("on_train_begin", {})
        if training.begun is not None:
            training.begun()
        logs: dict[str, Any] = {}
        for epoch in epochs:
            if epoch != epochs.start and training.feed.has_ended():
                break
            call("on_epoch_begin", epoch, {})
            before = _Before(training)
            complete = _epoch(training, interrupts, batch_begin, batch_end)
            if training.comm is not None:
                _agree(training, interrupts)
            if interrupts.asked and not complete:
                history.interrupted = True
                break
            logs = training.steps.train_results.logs()
            if not math.isfinite(_loss_in(logs)) and not training.stop and not before.may_end_in_nan:
                before.put_back()
                raise _not_finite(epoch, _loss_in(logs), training.feed)
            if training.validate is not None and _is_due(epoch, training.validation_freq):
                logs |= {f"val_{name}": value for name, value in training.validate().items()}
            training.reached.epochs, training.reached.logs = epoch + 1, logs
            call("on_epoch_end", epoch, logs)
            if training.stop or interrupts.asked:
                history.interrupted = interrupts.asked
                break
        if training.recipe.optimizer.use_ema and training.recipe.optimizer.built:
            training.recipe.optimizer.finalize_variable_values()
            training.reached.is_final = True
        call("on_train_end", logs)
    return history


def _loss_in(logs: dict[str, Any]) -> float:
    """Return the loss among some results; 0 where a step of the model's own has none."""
    loss = logs.get("loss", 0.0)
    return loss if isinstance(loss, float) else 0.0


def _not_finite(epoch: int, loss: float, feed: Feed) -> FloatingPointError:
    """Return the error for a loss that is no number, which names infinite numbers in the data."""
    told = f"fit: the loss of epoch {epoch + 1} is {loss}. The weights are those before this epoch."
    found = feed.infinite() if isinstance(feed, ArrayFeed) else None
    if found is not None:
        return FloatingPointError(f"{told} The {found[0]} have an infinite number, first in row {found[1]}")
    return FloatingPointError(
        f"{told} Try a smaller learning rate, clipnorm= of the optimiser, or inputs scaled to deviation 1; "
        "`with tg.detect_nonfinite():` around an eager fit names the operation; the callback TerminateOnNaN ends a "
        "training without an error"
    )


def _epoch(training: Training, interrupts: Interrupts, batch_begin: AtBegin, batch_end: AtEnd) -> bool:
    """Take the steps of an epoch, and return False if Ctrl-C ended it early."""
    recipe, step = training.recipe, training.steps.train
    training.steps.train_results.reset()
    first, nothing_between = True, _nothing_between_steps(training)
    for number, batch in enumerate(training.feed.epoch()):
        if first:
            prepare(training.model, recipe, batch, training=True)
            recipe.optimizer.zero_grad()
        if batch_begin is not None:
            batch_begin(number, {})
        step(*batch)
        if first and nothing_between:
            step = getattr(step, "again", step)  # the program of the first step, without its guards
        first = False
        training.batch = batch
        if batch_end is not None:
            batch_end(number)
        if (interrupts.asked or training.stop) and training.comm is None:
            return training.stop
    return True


def _agree(training: Training, interrupts: Interrupts) -> None:
    """Add up the metrics of all ranks, and end the training on all of them if one is to end."""
    from tinygraph.distributed.gradients import total

    variables = [variable for metric in training.recipe.metrics for variable in metric.variables]
    ends = [int(interrupts.asked), int(training.stop)]
    sums, (asked, stop) = total([[variable.data for variable in variables], ends], training.comm)
    for variable, value in zip(variables, sums, strict=True):
        variable.assign(value)
    interrupts.asked, training.stop = bool(asked), bool(stop)


def _nothing_between_steps(training: Training) -> bool:
    """Return whether no code of the user's runs between two steps: then nothing changes that a step compares."""
    moments = ("on_train_batch_begin", "on_train_batch_end")
    between = [callback for moment in moments for callback in training.callbacks.with_moment(moment)]
    return isinstance(training.feed, ArrayFeed) and all([isinstance(callback, Progress) for callback in between])


def _around_batches(callbacks: CallbackList, kind: str, results: Any) -> tuple[AtBegin, AtEnd]:
    """Return what tells the callbacks that a batch begins, and that it has ended; None where no callback listens."""
    begin, end = (callbacks.at(f"on_{kind}_batch_{moment}") for moment in ("begin", "end"))
    return begin, None if end is None else telling(end, results)


class _Before:
    """The values of a model and its optimiser before an epoch, to be put back after a NaN."""

    def __init__(self, training: Training) -> None:
        callbacks = training.callbacks.callbacks
        self.may_end_in_nan = any([isinstance(callback, TerminateOnNaN) for callback in callbacks])
        tensors = [] if self.may_end_in_nan else [*training.model.weights, *training.recipe.optimizer.state.values()]
        self._values = [(tensor, tensor.numpy().copy()) for tensor in tensors]

    def put_back(self) -> None:
        """Give all Tensors their values back."""
        for tensor, value in self._values:
            tensor.assign(value)


def _is_due(epoch: int, frequency: int | Iterable[int]) -> bool:
    """Return whether to validate after this epoch, counted from 0: every so many, or where its number is listed."""
    return (epoch + 1) % frequency == 0 if isinstance(frequency, int) else epoch + 1 in frequency


def evaluated(model: Any, recipe: Recipe, steps: Steps, feed: Feed, callbacks: CallbackList) -> dict[str, Any]:
    """Return the results of a model on data, by name: "loss", and the metrics."""
    results = steps.test_results
    batch_begin, batch_end = _around_batches(callbacks, "test", results)
    model.stop_evaluating = False
    callbacks.call("on_test_begin", {})
    for number, batch in enumerate(feed.epoch()):
        if not number:
            prepare(model, recipe, batch, training=False)
            results.reset()
        if batch_begin is not None:
            batch_begin(number, {})
        steps.test(*batch)
        if batch_end is not None:
            batch_end(number)
        if model.stop_evaluating:
            break
    logs: dict[str, Any] = results.logs()
    callbacks.call("on_test_end", logs)
    return logs


def predicted(model: Any, steps: Steps, feed: Feed, callbacks: CallbackList) -> Any:
    """Return the outputs of a model on data: arrays, in the nest that the model returns."""
    batch_begin, batch_end = (callbacks.at(f"on_predict_batch_{moment}") for moment in ("begin", "end"))
    model.stop_predicting = False
    callbacks.call("on_predict_begin", {})
    found: list[Any] = []
    for number, (x, _, _) in enumerate(feed.epoch()):
        if batch_begin is not None:
            batch_begin(number, {})
        found.append(tree_map(np.array, steps.predict(x)))
        if batch_end is not None:
            batch_end(number, {"outputs": found[-1]})
        if model.stop_predicting:
            break
    callbacks.call("on_predict_end", {})
    return joined(found)


def joined(parts: list[Any]) -> Any:
    """Join the outputs of batches along their first axis."""
    if len(parts) == 1:
        return parts[0]
    columns = [np.concatenate(column) for column in zip(*[tree_leaves(part) for part in parts], strict=True)]
    remaining = iter(columns)
    return tree_map(lambda _: next(remaining), parts[0])
