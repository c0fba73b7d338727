"""The output of a classifying network: its last layers, its loss, its logits and its probabilities.

Two classes have one logit and a sigmoid; more of them have a logit each and a softmax.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygraph import nn
from tinygraph.engine.modes import no_grad
from tinygraph.training.losses import BinaryCrossentropy, Loss, SparseCategoricalCrossentropy

__all__ = ["logits_of", "loss_of_classes", "output_layers", "outputs_of", "probabilities_of", "targets_of"]

# Rows that are computed at once: their values stay in the cache, and the record of a pass stays small.
ROWS = 1024


def output_layers(classes: int, **options: Any) -> list[Any]:
    """Return the last layers of a network that tells classes apart.

    Args:
        classes: their number, 2 or more.
        options: of the layer that computes the logits.
    """
    if classes == 2:
        return [nn.Dense(1, **options), nn.Activation("sigmoid", dtype=options.get("dtype"))]
    return [nn.Dense(classes, **options), nn.Softmax(dtype=options.get("dtype"))]


def loss_of_classes(classes: int) -> Loss:
    """Return the cross-entropy, as a mean by the weights of the rows."""
    kind = BinaryCrossentropy if classes == 2 else SparseCategoricalCrossentropy
    return kind(reduction="mean_with_sample_weight")


def targets_of(labels: Any, classes: int, dtype: Any) -> Any:
    """Return the classes of rows, numbers from 0, in the form that the loss takes."""
    return labels.astype(dtype)[:, None] if classes == 2 else labels


def logits_of(model: Any, x: Any) -> Any:
    """Return the logits: shape (rows,) for two classes, else (rows, classes)."""
    logits = _computed(model.layers[:-1], x)
    return logits[:, 0] if logits.shape[1] == 1 else logits


def probabilities_of(model: Any, x: Any) -> Any:
    """Return the probabilities of the classes, shape (rows, classes)."""
    found = outputs_of(model, x)
    return np.hstack([1 - found, found]) if found.shape[1] == 1 else found


def outputs_of(model: Any, x: Any) -> Any:
    """Return the outputs of a network, shape (rows, outputs)."""
    return _computed(model.layers, x)


def _computed(layers: list[Any], x: Any) -> Any:
    """Return the result of layers one after the other, where nothing is dropped out."""
    found = []
    with no_grad():
        for start in range(0, len(x), ROWS):
            part = x[start : start + ROWS]
            for layer in layers:
                part = layer(part, training=False)
            found.append(part.numpy())
    return np.concatenate(found)
