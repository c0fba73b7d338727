"""Metrics by name."""

from __future__ import annotations

from typing import Any

from tinygraph.elsewhere import meant
from tinygraph.training.losses import names as of_losses
from tinygraph.training.metrics import (
    accuracies,
    classes,
    counts,
    curves,
    errors,
    metric,
    overlap,
    trade_offs,
    variance,
)
from tinygraph.training.metrics.metric import MeanMetricWrapper, Metric, snake_case

__all__ = ["get"]

_CLASSES: dict[str, type[Metric]] = {
    name: item
    for file in (accuracies, classes, counts, curves, errors, metric, overlap, trade_offs, variance)
    for name in file.__all__
    if isinstance(item := getattr(file, name), type) and issubclass(item, Metric) and item is not Metric
}
_SHORT: dict[str, type[Metric]] = {
    short: _CLASSES[name]
    for name, shorts in (
        ("BinaryCrossentropy", ("bce", "BCE")),
        ("KLDivergence", ("kld", "KLD", "kullback_leibler_divergence")),
        ("LogCoshError", ("log_cosh", "logcosh")),
        ("MeanAbsoluteError", ("mae", "MAE")),
        ("MeanAbsolutePercentageError", ("mape", "MAPE")),
        ("MeanSquaredError", ("mse", "MSE")),
        ("MeanSquaredLogarithmicError", ("msle", "MSLE")),
        ("RootMeanSquaredError", ("rmse", "RMSE")),
    )
    for short in shorts
}
_NAMES = {**{snake_case(name): item for name, item in _CLASSES.items()}, **_CLASSES, **_SHORT}

Shape = tuple[int, ...] | None


def get(identifier: Any, loss: Any = None, output_shape: Shape = None, target_shape: Shape = None) -> Any:
    """Return a metric.

    Args:
        identifier: the name of a metric, `"sparse_categorical_accuracy"`, `"mse"` or `"AUC"`; "accuracy" or "acc", and
            "crossentropy" or "ce", for which the shapes or the loss decide; the name of a loss; a function of targets
            and predictions; a class, an object, or a dict with "class_name" and "config".
        loss: that of the model, by name, as a function or an object.
        output_shape: that of the predictions.
        target_shape: that of the targets.

    Returns:
        A `Metric` with the name that was given; an object as it is. None for None.

    Raises:
        ValueError: there is no such metric.
    """
    if identifier is None or isinstance(identifier, Metric):
        return identifier
    if isinstance(identifier, dict):
        found = _NAMES.get(identifier.get("class_name", ""))
        if found is not None:
            return found(**identifier.get("config", {}))
    elif isinstance(identifier, str):
        found = _resolved(identifier.lower(), loss, output_shape, target_shape) or _NAMES.get(identifier)
        if found is not None:
            made = found()
            made.name = identifier
            return made
        if identifier in of_losses.FUNCTIONS or identifier in of_losses.SHORT:
            return MeanMetricWrapper(of_losses.get(identifier), name=identifier)
    elif isinstance(identifier, type) and issubclass(identifier, Metric):
        return identifier()
    elif callable(identifier):
        return MeanMetricWrapper(identifier)
    elif hasattr(identifier, "update_state"):
        return identifier
    told = f"a metric is a function, an object, or one of accuracy, {', '.join(sorted(_NAMES))}; got {identifier!r}"
    raise ValueError(told + meant(identifier, ["accuracy", *_NAMES]))


def _resolved(name: str, loss: Any, output_shape: Shape, target_shape: Shape) -> type[Metric] | None:
    """Return the class that "accuracy" or "crossentropy" stands for, or None for any other name."""
    kinds: dict[str, type[Metric]]
    if name in ("accuracy", "acc"):
        kinds = {
            "binary": accuracies.BinaryAccuracy,
            "sparse": accuracies.SparseCategoricalAccuracy,
            "categorical": accuracies.CategoricalAccuracy,
            "unknown": accuracies.AnyAccuracy,
        }
    elif name in ("crossentropy", "ce"):
        kinds = {
            "binary": errors.BinaryCrossentropy,
            "sparse": errors.SparseCategoricalCrossentropy,
            "categorical": errors.CategoricalCrossentropy,
        }
    else:
        return None
    kind = _kind(loss, output_shape, target_shape)
    return kinds.get(kind, kinds["categorical"])


def _kind(loss: Any, output_shape: Shape, target_shape: Shape) -> str:
    """Return which sort of classification the shapes, or else the loss, tell of."""
    if output_shape is not None and output_shape[-1:] in ((1,), ()):
        return "binary"
    if output_shape is not None and target_shape is not None:
        sparse = len(target_shape) < len(output_shape) or target_shape[-1] == 1
        return "sparse" if sparse else "categorical"
    given = loss if isinstance(loss, str) else getattr(loss, "name", None) or getattr(loss, "__name__", "")
    for kind in ("sparse", "categorical", "binary"):
        if kind in snake_case(str(given)):
            return kind if kind != "binary" or output_shape is None else "categorical"
    return "unknown"
