"""Losses by name."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from tinygraph.elsewhere import meant
from tinygraph.training.losses import alignment, classes, classes_of_pairs, distances, entropies, regions, similarities
from tinygraph.training.losses.loss import Loss, LossFunctionWrapper

__all__ = ["FUNCTIONS", "SHORT", "get", "loss_for", "of_names"]

SHORT = {
    "bce": "binary_crossentropy",
    "kld": "kl_divergence",
    "mae": "mean_absolute_error",
    "mape": "mean_absolute_percentage_error",
    "mse": "mean_squared_error",
    "msle": "mean_squared_logarithmic_error",
    "sse": "sum_of_squared_errors",
}

FUNCTIONS: Mapping[str, Any] = MappingProxyType(
    {
        name: getattr(file, name)
        for file in (entropies, distances, regions, similarities, alignment)
        for name in file.__all__
        if name not in ("unit_vectors", "aligned")
    }
)


def of_names(functions: Mapping[str, Any], made: Mapping[str, type]) -> dict[str, Any]:
    """Return functions and classes by all of their names: `mean_squared_error`, `mse`, `MSE`, `MeanSquaredError`."""
    short = {key: functions[name] for key, name in SHORT.items() if name in functions}
    more = {key.upper(): function for key, function in short.items()}
    # Names of Keras 2, which tutorials write.
    old = {
        "kullback_leibler_divergence": "kl_divergence",
        "logcosh": "log_cosh",
        "cosine_proximity": "cosine_similarity",
    }
    return {
        **functions,
        **short,
        **more,
        **{key: functions[name] for key, name in old.items() if name in functions},
        **made,
        "huber_loss": functions["huber"],
    }


_NAMES = of_names(
    FUNCTIONS, {name: getattr(file, name) for file in (classes, classes_of_pairs) for name in file.__all__}
)


def get(identifier: Any, names: Mapping[str, Any] = MappingProxyType(_NAMES)) -> Any:
    """Return a loss: a function of targets and predictions, or an object that is called with them.

    Args:
        identifier: the name of a loss, `"categorical_crossentropy"`, `"mse"`, `"MSE"` or `"MeanSquaredError"`; a
            dict with "class_name" and "config"; a class; a function or an object, which is returned as it is; or None,
            which is returned, too.
        names: the losses by name.

    Returns:
        A function for the name of a function, an object for that of a class, as in Keras.

    Raises:
        ValueError: there is no such loss.
    """
    if identifier is None:
        return None
    found, config = identifier, {}
    if isinstance(identifier, dict):
        found, config = names.get(identifier.get("class_name", "")), identifier.get("config", {})
    elif isinstance(identifier, str):
        found = names.get(identifier)
    if isinstance(found, type):
        return found(**config)
    if not callable(found):
        told = f"a loss is a function, an object, or one of {', '.join(sorted(names))}; got {identifier!r}"
        raise ValueError(told + meant(identifier, names))
    return found


def loss_for(identifier: Any, output_shape: tuple[int, ...] = (), target_shape: tuple[int, ...] = ()) -> Any:
    """Return a loss as an object, which takes sample weights and returns one number.

    Args:
        identifier: as of `get`; also "ce" and "crossentropy", the cross-entropy that the shapes of predictions and
            targets ask for.
        output_shape: that of the predictions.
        target_shape: that of the targets.

    Returns:
        A `Loss`; an object of another class as it is.

    Raises:
        ValueError: there is no such loss.
    """
    if isinstance(identifier, str) and identifier.lower() in ("ce", "crossentropy"):
        identifier = _entropy_for(output_shape, target_shape)
    loss = get(identifier)
    if loss is None or isinstance(loss, Loss) or not hasattr(loss, "__name__"):
        return loss
    return LossFunctionWrapper(loss, name=identifier if isinstance(identifier, str) else None)


def _entropy_for(output_shape: tuple[int, ...], target_shape: tuple[int, ...]) -> str:
    if not output_shape or output_shape[-1] == 1:
        return "binary_crossentropy"
    sparse = len(target_shape) < len(output_shape) or target_shape[-1] == 1
    return "sparse_categorical_crossentropy" if sparse else "categorical_crossentropy"
