"""Warnings of losses that do not fit the last layer: probabilities taken for logits, logits for probabilities."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygraph.nests import plain, tree_leaves
from tinygraph.training.callbacks.monitoring import warned

__all__ = ["warn_of_doubtful"]

_OF_CLASSES = ("categoricalcrossentropy", "sparsecategoricalcrossentropy", "categoricalfocalcrossentropy")
_OF_PROBABILITIES = (*_OF_CLASSES, "binarycrossentropy", "binaryfocalcrossentropy")


def warn_of_doubtful(model: Any, recipe: Any, predictions: Any) -> None:
    """Warn of a loss for probabilities on logits, of one for logits on probabilities, and of a class that is alone.

    Args:
        model: the model.
        recipe: its losses, bound to the outputs.
        predictions: those of a first batch, in the nest that the model returns.
    """
    activations = _last_activations(model)
    leaves = [np.asarray(leaf) for leaf in tree_leaves(plain(predictions))]
    for number, (output, p) in enumerate(zip(recipe.outputs, leaves, strict=True)):
        activation = activations[number] if len(activations) == len(leaves) else ""
        kind, from_logits = _of_loss(output.loss)
        if not p.ndim or output.loss is None:
            continue
        if p.shape[-1] == 1 and (kind in _OF_CLASSES or activation == "softmax"):
            what = "a softmax over one class is always 1" if activation == "softmax" else f"{kind} of one class is 0"
            warned(f'compile: {what}. For two classes write Dense(1, activation="sigmoid"), loss="binary_crossentropy"')
        elif kind in _OF_PROBABILITIES and not from_logits and (activation == "linear" or np.any(p < 0)):
            name = type(output.loss).__name__ if kind == type(output.loss).__name__.lower() else _class_name(kind)
            warned(
                f"compile: {name} takes probabilities, and the last layer gives logits: it has no softmax or sigmoid. "
                f"Write {name}(from_logits=True), or give the last layer an activation"
            )
        elif kind in _OF_PROBABILITIES and from_logits and activation in ("softmax", "sigmoid"):
            name = _class_name(kind)
            warned(
                f"compile: {name}(from_logits=True) takes logits, and the last layer gives probabilities: it has a "
                f"{activation}. Write {name}(), or leave the activation of the last layer"
            )


def _class_name(kind: str) -> str:
    """Return the name of a loss's class."""
    return (
        kind.replace("sparse", "Sparse")
        .replace("categorical", "Categorical")
        .replace("focal", "Focal")
        .replace("binary", "Binary")
        .replace("crossentropy", "Crossentropy")
    )


def _of_loss(loss: Any) -> tuple[str, bool]:
    """Return what a loss computes, "binarycrossentropy", and whether it takes logits."""
    name = getattr(getattr(loss, "fn", None), "__name__", type(loss).__name__)
    options = getattr(loss, "keywords", {})
    return name.replace("_", "").lower(), bool(getattr(loss, "from_logits", options.get("from_logits", False)))


def _last_activations(model: Any) -> list[str]:
    """Return the names of the activations of the last layers, "" for a layer that has none; nothing if unknown."""
    if getattr(model, "is_sequential", False):
        last = list(model.layers[-1:])
    else:
        symbols = vars(model).get("outputs", [])
        last = [None if symbol.call is None else symbol.call.function for symbol in symbols]
    return [_activation_of(layer) for layer in last]


def _activation_of(layer: Any) -> str:
    kind = type(layer).__name__
    if kind in ("Sequential", "Model", "Functional"):
        return "".join(_last_activations(layer)[:1])
    if kind == "Softmax":
        return "softmax"
    activation = getattr(layer, "activation", layer)
    name = getattr(activation, "__name__", "")
    return "linear" if activation is None and kind == "Dense" else name
