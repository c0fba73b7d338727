"""The recipe of a training: an optimiser, a loss for each output, and metrics, as `compile` was given them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from tinygraph import optim
from tinygraph.nests import plain, tree_leaves
from tinygraph.training.losses import loss_for
from tinygraph.training.metrics import Mean
from tinygraph.training.metrics import get as metric_of

__all__ = ["Recipe"]


class Recipe:
    """An optimiser, losses and metrics. The losses and metrics of an output are known at the first batch.

    Args:
        model: the model that is trained.
        optimizer: an optimiser, or its name.
        loss: a loss for all outputs, or a list or a dict with one for each: an object, a function, or a name.
        loss_weights: a list or a dict of numbers: the weights of the outputs' losses in their sum.
        metrics: names, functions and objects; a list, or a list or dict of these for each output.
        weighted_metrics: the same, for metrics that count examples by their sample weights.

    Attributes:
        loss_mean: the mean of the loss over the examples of an epoch.
        outputs: the parts of the recipe for each output; empty before the first batch.
        frozen: the modules that were frozen when the model was compiled.
        own: the metrics that are attributes of the model and its layers, whose code takes batches into them; None
            before a training or an evaluation begins.
    """

    def __init__(
        self,
        model: Any,
        optimizer: Any,
        loss: Any = None,
        loss_weights: Any = None,
        metrics: Any = None,
        weighted_metrics: Any = None,
    ) -> None:
        self.optimizer = optim.get(optimizer)
        self.loss, self.loss_weights = loss, loss_weights
        self.given = metrics, weighted_metrics
        _check_weights(loss_weights)
        _check_names(loss, metrics, weighted_metrics)
        self.loss_mean = Mean("loss")
        self.outputs: list[Output] = []
        self.own: list[Any] | None = None
        self.frozen = [module for module in model.modules() if not module.trainable]
        self._held: list[tuple[Any, Any]] = []  # the constraints that the optimiser has from the model

    # --- at the first batch -----------------------------------------------------------------------------------------

    def bind(self, y_true: Any, y_pred: Any, names: Sequence[str] | None) -> None:
        """Make the losses and metrics of the outputs, from the shapes of their first targets and predictions.

        Args:
            y_true: the targets; None for a model whose losses are all its own.
            y_pred: the predictions, in the nest that the model returns.
            names: the names of the outputs.

        Raises:
            ValueError: the numbers of outputs, targets, losses or metrics differ, or an output has no name.
        """
        if self.outputs:
            return
        number = len(tree_leaves(y_pred))
        named = list(names) if names is not None and len(names) == number else None
        called = list(y_pred) if isinstance(y_pred, dict) else named or [f"output_{place}" for place in range(number)]
        several = number > 1
        losses = _for_each("loss", self.loss, called, shared=True)
        weights = _for_each("loss_weights", self.loss_weights, called, shared=False)
        unweighted, weighted = (
            _for_each(name, given, called, shared=True, lists=True)
            for name, given in zip(("metrics", "weighted_metrics"), self.given, strict=True)
        )
        _check_not_shared([*unweighted, *weighted])
        needed = [any([item is not None for item in items]) for items in zip(losses, unweighted, weighted, strict=True)]
        _, targets, predictions = _by_output(y_true, y_pred, named if several else None, needed)
        if len(targets) != number:
            raise ValueError(f"fit: the model has {number} outputs, and there are targets for {len(targets)}")
        self.outputs = [
            Output(name, losses[i], weights[i], (unweighted[i], weighted[i]), targets[i], predictions[i], several)
            for i, name in enumerate(called)
        ]

    def hold_to(self, constraints: Sequence[tuple[Any, Any]]) -> None:
        """Let the optimiser hold weights to the constraints of their layers, and no longer to those it had from them.

        A constraint that the user gave the optimiser stays.

        Args:
            constraints: pairs of a weight and a function, as `model.constraints()` returns them.
        """
        wanted = {(id(tensor), id(rule)) for tensor, rule in constraints}
        kept = [(tensor, rule) for tensor, rule in self._held if (id(tensor), id(rule)) in wanted]
        if len(kept) < len(self._held):  # a new list is a change that compiled steps look into
            for tensor, rule in self._held:
                if (id(tensor), id(rule)) not in wanted:
                    self.optimizer.constrain(tensor, None)
            self._held = kept
        for tensor, rule in constraints:
            if tensor.requires_grad and not self.optimizer.is_constrained(tensor):
                self.optimizer.constrain(tensor, rule)
                self._held.append((tensor, rule))

    @property
    def metrics(self) -> list[Any]:
        """All metrics: the mean of the loss, those of the losses of several outputs, the others, the model's own."""
        means = [output.loss_mean for output in self.outputs if output.loss_mean is not None]
        given = [metric for output in self.outputs for metric, _ in output.metrics]
        own = [item for item in self.own or [] if all([item is not metric for metric in given])]
        return [self.loss_mean, *means, *given, *own]

    # --- in each step -----------------------------------------------------------------------------------------------

    def total(self, y_true: Any, y_pred: Any, sample_weight: Any, own: Sequence[Any], masks: Sequence[Any] = ()) -> Any:
        """Return the loss of a batch: the weighted sum over the outputs, and the losses of the model's own.

        Args:
            y_true, y_pred, sample_weight: targets, predictions and weights of the batch.
            own: the numbers that the model adds.
            masks: True where an output counts, or None, for each output; nothing for no masks.
        """
        parts = [
            output.weighted(output.loss_of(y, p, w, mask))
            for output, y, p, w, mask in self._parts(y_true, y_pred, sample_weight, masks)
            if output.loss is not None
        ]
        parts += own
        if not parts:
            raise ValueError("fit: there is nothing to minimise. Give compile(loss=...), or add_loss in a layer's call")
        return sum(parts[1:], parts[0])

    def update(
        self, y_true: Any, y_pred: Any, sample_weight: Any, loss: Any, examples: int, masks: Sequence[Any] = ()
    ) -> None:
        """Take a batch into the mean of the loss and the metrics."""
        self.loss_mean.update_state(loss, sample_weight=examples)
        self.update_metrics(y_true, y_pred, sample_weight, masks)

    def update_metrics(self, y_true: Any, y_pred: Any, sample_weight: Any, masks: Sequence[Any] = ()) -> None:
        """Take a batch into the metrics, but not into the mean of the loss."""
        for output, y, p, w, mask in self._parts(y_true, y_pred, sample_weight, masks):
            output.update(y, p, w, mask)

    def _parts(
        self, y_true: Any, y_pred: Any, sample_weight: Any, masks: Sequence[Any]
    ) -> Iterator[tuple[Output, Any, Any, Any, Any]]:
        several = isinstance(y_pred, dict) or len(self.outputs) > 1
        names = [output.name for output in self.outputs] if several else None
        needed = [output.loss is not None or bool(output.metrics) for output in self.outputs]
        keys, targets, predictions = _by_output(y_true, y_pred, names, needed)
        nested = isinstance(sample_weight, list | tuple | dict)
        weights = _in_order("weights", sample_weight, keys) if nested else [sample_weight] * len(predictions)
        found = list(masks) if len(masks) == len(predictions) else [None] * len(predictions)
        yield from zip(self.outputs, targets, predictions, weights, found, strict=True)

    # --- over an epoch ----------------------------------------------------------------------------------------------

    def reset(self) -> None:
        """Begin the metrics anew."""
        for metric in self.metrics:
            metric.reset_state()

    def names(self) -> list[str]:
        """Return the names of the metrics."""
        return [metric.name for metric in self.metrics]

    def logs(self) -> dict[str, Any]:
        """Return the results of the metrics so far, by name: numbers, or arrays where a metric has several."""
        return {metric.name: _number(metric.result()) for metric in self.metrics}

    def result(self, name: str) -> Any:
        """Return the result so far of the metric of this name; raise KeyError if there is none."""
        for metric in self.metrics:
            if metric.name == name:
                return _number(metric.result())
        raise KeyError(name)

    def is_frozen(self, module: Any) -> bool:
        """Return whether a module was frozen when the model was compiled."""
        return any([module is other for other in self.frozen])

    @contextmanager
    def trainable_as_compiled(self, model: Any) -> Iterator[None]:
        """Train the modules that were trainable when the model was compiled, whatever was frozen since."""
        changed = [module for module in model.modules() if module.trainable == self.is_frozen(module)]
        for module in changed:
            module.set_own_trainable(not module.trainable)
        try:
            yield
        finally:
            for module in changed:
                module.set_own_trainable(not module.trainable)


class Output:
    """The loss and the metrics of one output.

    Args:
        name: the name of the output.
        loss: an object, a function or a name; None for no loss.
        weight: the weight of the loss in the sum; None for 1.
        metrics: what `metrics` and `weighted_metrics` gave for this output: each a list, one item, or None.
        y_true, y_pred: the first targets and predictions, whose shapes decide what names stand for.
        several: the model has other outputs, too: then metrics have the name of the output before their own.

    Attributes:
        loss: a function of targets, predictions and weights; None for an output without a loss.
        metrics: its metrics, each with True if it counts examples by their sample weights.
        loss_mean: the mean of its own loss, without its weight; None where there is one output.
    """

    def __init__(
        self, name: str, loss: Any, weight: float | None, metrics: Any, y_true: Any, y_pred: Any, several: bool
    ) -> None:
        self.name = name
        shapes = {"output_shape": y_pred.shape, "target_shape": None if y_true is None else y_true.shape}
        self.loss = None if loss is None else loss_for(loss, y_pred.shape, shapes["target_shape"] or ())
        self.weight = 1.0 if weight is None else float(weight)
        self.metrics = [
            (made, is_weighted)
            for is_weighted, given in enumerate(metrics)
            for item in (given if isinstance(given, list | tuple) else [] if given is None else [given])
            if (made := metric_of(item, loss=loss, **shapes)) is not None
        ]
        if several:
            for metric, _ in self.metrics:
                if not metric.name.startswith(f"{name}_"):  # of a loaded model
                    metric.name = f"{name}_{metric.name}"
        _name_apart(self.metrics, f"{name}_" if several else "")
        if y_true is not None:
            for metric, _ in self.metrics:
                metric.build(y_true.shape, y_pred.shape)
        self.loss_mean = Mean(f"{name}_loss") if several and self.loss is not None else None

    def loss_of(self, y_true: Any, y_pred: Any, sample_weight: Any, mask: Any = None) -> Any:
        """Return the loss of a batch, one number, without the weight of the output.

        Where the loss is a mean, it is that of the places in the mask.
        """
        assert self.loss is not None
        if mask is not None:
            counted = _places(mask, y_pred)
            if getattr(self.loss, "reduction", None) in ("mean", "sum_over_batch_size"):
                number = np.sum(counted)
                counted = counted * (counted.size / np.where(number == 0, 1, number)).astype(counted.dtype)
            sample_weight = counted if sample_weight is None else _times(counted, sample_weight)
        loss = self.loss(y_true, y_pred) if sample_weight is None else self.loss(y_true, y_pred, sample_weight)
        return loss if not loss.shape else np.mean(loss)

    def weighted(self, loss: Any) -> Any:
        """Return the loss of a batch times the weight of the output."""
        return loss if self.weight == 1 else loss * self.weight

    def update(self, y_true: Any, y_pred: Any, sample_weight: Any, mask: Any = None) -> None:
        """Take a batch into the metrics."""
        if self.loss_mean is not None:
            loss = self.loss_of(y_true, y_pred, sample_weight, mask)
            self.loss_mean.update_state(loss, sample_weight=len(y_pred))
        counted = None if mask is None else _places(mask, y_pred)
        for metric, is_weighted in self.metrics:
            weight = sample_weight if is_weighted else None
            if counted is not None:
                weight = counted if weight is None else _times(counted, weight)
            metric.update_state(y_true, y_pred, weight)


def _check_weights(loss_weights: Any) -> None:
    """Raise TypeError for weights of losses that are no numbers, such as metrics in their place."""
    for weight in tree_leaves(loss_weights):
        if weight is not None and not isinstance(weight, int | float | np.number):
            raise TypeError(
                f"compile: loss_weights are numbers, got {weight!r}. Its arguments are compile(optimizer, loss, "
                'loss_weights, metrics): write metrics=["accuracy"] by name'
            )


def _check_names(loss: Any, *metrics: Any) -> None:
    """Raise ValueError for names that nothing has, as soon as the model is compiled."""
    for item in tree_leaves(loss):
        loss_for(item)
    for item in tree_leaves(list(metrics)):
        if isinstance(item, str) and item not in ("accuracy", "acc", "crossentropy", "ce"):
            metric_of(item)


def _check_not_shared(metrics: list[Any]) -> None:
    """Raise ValueError for a metric that several outputs would add their batches to."""
    objects = [item for item in tree_leaves(metrics) if hasattr(item, "update_state")]
    for number, item in enumerate(objects):
        if any([item is other for other in objects[:number]]):
            raise ValueError(
                f"compile: the metric {item.name!r} is one object that would count several times, for several outputs "
                "or as weighted and not. Give each an object of its own, or a name"
            )


def _name_apart(metrics: list[tuple[Any, int]], prefix: str) -> None:
    """Give metrics of the same name another one: "auc", "auc_1", and "weighted_auc" for a weighted one.

    Args:
        metrics: each with True if it counts examples by their sample weights.
        prefix: what the names begin with, the name of the output.
    """
    taken: dict[str, int] = {"loss": 1}
    for metric, is_weighted in metrics:
        if is_weighted and metric.name in taken:
            metric.name = f"{prefix}weighted_{metric.name.removeprefix(prefix)}"
        name, number = metric.name, taken.get(metric.name, 0)
        taken[name] = number + 1
        if number:
            metric.name = f"{name}_{number}"


def _by_output(
    y_true: Any, y_pred: Any, names: Sequence[str] | None, needed: Sequence[bool]
) -> tuple[list[str] | None, list[Any], list[Any]]:
    """Return the names of the outputs, or None; the targets, None where there are none; the predictions.

    Args:
        y_true: the targets.
        y_pred: the predictions; a dict of them has the names.
        names: the names of the outputs otherwise; None for one output, whose targets may have any name.
        needed: True for an output with a loss or a metric; the targets of the others may be left out.
    """
    keys = list(y_pred) if isinstance(y_pred, dict) else None if names is None else list(names)
    predictions = tree_leaves(y_pred)
    targets = [None] * len(predictions) if y_true is None else _in_order("targets", y_true, keys, needed)
    return keys, targets, predictions


def _in_order(what: str, nest: Any, keys: list[str] | None, needed: Sequence[bool] = ()) -> list[Any]:
    """Return the parts of targets or weights in the order of the outputs: those of a dict by the outputs' names.

    Args:
        what: "targets" or "weights"; an output without a weight counts each example once.
        nest: an array, or a list or dict of them.
        keys: the names of the outputs; None for one output, whose part may have any name.
        needed: for targets, True for an output that needs them.
    """
    if not isinstance(nest, dict):
        parts = list(nest) if isinstance(nest, list | tuple) else [nest]
        if len(parts) != len(needed) and len(parts) == sum(needed):
            given = iter(parts)
            return [next(given) if is_needed else None for is_needed in needed]
        if keys is not None and len(parts) != len(keys):
            raise ValueError(f"fit: the model has {len(keys)} outputs, and there are {what} for {len(parts)}")
        return parts
    if keys is None:
        return list(nest.values())
    unknown = [key for key in nest if key not in keys]
    missing = [key for key, is_needed in zip(keys, needed, strict=bool(needed)) if is_needed and key not in nest]
    if unknown and what == "weights":
        raise ValueError(f"fit: the weights name {unknown[0]!r}, and the outputs are {', '.join(keys)}")
    if missing:
        raise ValueError(f"fit: there is nothing for output {missing[0]!r} in a dict of {list(nest)}")
    return [nest.get(key) for key in keys]


def _for_each(call: str, given: Any, names: Sequence[str], shared: bool, lists: bool = False) -> list[Any]:
    """Return one item of an argument for each output.

    Args:
        call: the argument.
        given: one item for all, or a list or dict with one for each.
        names: the names of the outputs.
        shared: one item may stand for all outputs.
        lists: an item may be a list itself.
    """
    if given is None:
        return [None] * len(names)
    if isinstance(given, Mapping):
        unknown = [key for key in given if key not in names]
        if unknown:
            raise ValueError(f"compile: {call} names {unknown[0]!r}, and the outputs are {', '.join(names)}")
        return [given.get(name) for name in names]
    if isinstance(given, list | tuple):
        nested = not lists or any([isinstance(item, list | tuple) or item is None for item in given])
        if nested and len(given) == len(names):
            return list(given)
        if lists and len(names) > 1 and len(given) == len(names):
            return [[item] for item in given]
        if lists and not nested and len(names) == 1:
            return [list(given)]
        raise ValueError(f"compile: {call} has {len(given)} entries for {len(names)} outputs")
    if len(names) > 1 and not shared:
        raise ValueError(f"compile: {call} must be a list or dict with an entry for each of {len(names)} outputs")
    return [given] * len(names)


def _places(mask: Any, y_pred: Any) -> Any:
    """Return a mask as weights, in the dtype of the predictions."""
    return plain(mask).astype(y_pred.dtype)


def _times(counted: Any, sample_weight: Any) -> Any:
    """Return the weights of places times those of examples."""
    extra = counted.ndim - sample_weight.ndim
    return counted * (sample_weight.reshape(sample_weight.shape + (1,) * extra) if extra > 0 else sample_weight)


def _number(result: Any) -> Any:
    """Return the result of a metric as a float, or as an array."""
    value = np.asarray(plain(result))
    return float(value) if value.ndim == 0 else value
