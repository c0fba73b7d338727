"""Going on with a training from a file, to the bit: `fit(..., resume_from=path)`."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np

from tinygraph.export.tensor_files import check_arrays, load_arrays
from tinygraph.training.checkpoint import (
    OPTIMIZER,
    carried_states,
    check_generators,
    generators_of,
    load_generators,
    part_of,
    unpacked,
    weights_of,
)
from tinygraph.training.loop import Training, prepare

__all__ = ["resumed"]


def resumed(
    training: Training, path: str | os.PathLike[str], shuffling: np.random.Generator
) -> tuple[int, Callable[[], None]]:
    """Give a training the state of a file.

    Args:
        training: one that has not begun.
        path: of a file that `model.save(path, training=True)` wrote.
        shuffling: the generator of the orders of rows.

    Returns:
        The number of epochs that are finished, and a function that gives the callbacks their states, to be called when
        they have begun.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file has no state of a training, or the model or its optimiser is another than in the file.

    A call that raises leaves the weights, the optimiser and the generators as they were.
    """
    arrays, header = load_arrays(path)
    data = header.get("training") if isinstance(header, dict) else None
    if data is None:
        raise ValueError(
            f"fit: {os.fspath(path)!r} has weights, and no state of a training. Write files to go on from with "
            "model.save(path, training=True)"
        )
    model, recipe = training.model, training.recipe
    state = unpacked(data, arrays)
    with recipe.trainable_as_compiled(model):
        prepare(model, recipe, training.feed.first(), training=True)
        weights, of_optimizer = weights_of(arrays), part_of(arrays, OPTIMIZER)
        generators = {"shuffling": shuffling, **generators_of(model)}
        check_arrays(path, model.tensors(), weights)
        check_arrays(path, recipe.optimizer.state, of_optimizer)
        carried = carried_states(model)
        if [one.shape for one in carried] != [other.shape for other in state["carried"]]:
            raise ValueError(
                "fit: the stateful layers carry states of other shapes than in the file: another batch_size"
            )
        check_generators("fit", generators, state["generators"])
        for name, tensor in model.tensors().items():
            tensor.assign(weights[name])
        recipe.optimizer.load_state_dict(of_optimizer)
        for one, other in zip(carried, state["carried"], strict=True):
            one.assign(other)
        load_generators(generators, state["generators"])
    return state["epochs"], lambda: _load_callbacks(training.callbacks.callbacks, state["callbacks"])


def _load_callbacks(callbacks: list[Any], states: list[dict[str, Any]]) -> None:
    """Give callbacks their states: each takes the next state of its class that is left."""
    left = list(states)
    for callback in callbacks:
        for item in left:
            if item["class"] == type(callback).__name__:
                callback.load_state_dict(item["state"])
                left.remove(item)
                break
