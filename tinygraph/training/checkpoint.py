"""A checkpoint: all that a training needs to go on to the bit, as arrays by name and plain data.

The names of arrays begin with "optimizer/" for the state of the optimiser, and with "training/" for the rest; the names
of weights have no such beginning.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tinygraph.nests import entries
from tinygraph.optim import Optimizer
from tinygraph.training.callbacks.history import History

__all__ = [
    "OPTIMIZER",
    "Reached",
    "carried_states",
    "check_generators",
    "generators_of",
    "load_generators",
    "optimizer_arrays",
    "packed",
    "part_of",
    "training_data",
    "unpacked",
    "weights_of",
]

OPTIMIZER, TRAINING = "optimizer/", "training/"


@dataclass
class Reached:
    """The finished part of a training.

    Attributes:
        epochs: the number of epochs that are finished.
        callbacks: those of the training, with a `History`.
        logs: the results of the last of these epochs; None before the first.
        is_final: the parameters are their moving averages now, after the last epoch of an optimiser with `use_ema`.
    """

    epochs: int = 0
    callbacks: list[Any] = field(default_factory=list)
    logs: dict[str, Any] | None = None
    is_final: bool = False


# --- arrays by name ---------------------------------------------------------------------------------------------------


def optimizer_arrays(optimizer: Any) -> dict[str, Any]:
    """Return the state of an optimiser as arrays of a file; none before it has its parameters."""
    return {f"{OPTIMIZER}{name}": value for name, value in optimizer.state_dict().items()} if optimizer.built else {}


def weights_of(arrays: Mapping[str, Any]) -> dict[str, Any]:
    """Return the weights among the arrays of a file."""
    return {name: array for name, array in arrays.items() if not name.startswith((OPTIMIZER, TRAINING))}


def part_of(arrays: Mapping[str, Any], beginning: str) -> dict[str, Any]:
    """Return the arrays whose names have this beginning, by the rest of their names."""
    return {name.removeprefix(beginning): array for name, array in arrays.items() if name.startswith(beginning)}


# --- the training -----------------------------------------------------------------------------------------------------


def training_data(model: Any, shuffling: np.random.Generator, reached: Reached, arrays: dict[str, Any]) -> Any:
    """Return how far a training has come as plain data; arrays among them are added to those of the file.

    Args:
        model: the model.
        shuffling: the generator of the orders of rows.
        reached: the finished epochs, and the callbacks.
        arrays: those of the file so far.

    Raises:
        ValueError: the parameters were replaced by their averages, so that no step can follow.
        TypeError: the state of a callback has something in it that is no number, string, array or nest of them.
    """
    if reached.is_final:
        raise ValueError(
            "save: the weights are their moving averages now, use_ema=True, and no training goes on from these. Save "
            "during the training, by a callback, or without training=True"
        )
    _check_optimizers(model)
    generators = {"shuffling": shuffling, **generators_of(model)}
    states = [(type(callback).__name__, _state_of(callback, reached)) for callback in reached.callbacks]
    data = {
        "epochs": reached.epochs,
        "generators": {name: generator.bit_generator.state for name, generator in generators.items()},
        "callbacks": [{"class": name, "state": state} for name, state in states if state],
        "carried": [state.data for state in carried_states(model)],
    }
    return packed(data, arrays, f"{TRAINING}state")


def _check_optimizers(model: Any) -> None:
    """Refuse a model that holds optimisers of its own: a file has the state of one, that of `compile`."""
    for module in model.modules():
        for path, item in entries(vars(module)):
            if isinstance(item, Optimizer):
                raise ValueError(
                    f"save: {path} is an optimiser of the model's own, and a file has the state of that of compile "
                    "alone. Save without training=True, and the optimiser by np.savez(path, **optimizer.state_dict())"
                )


def _state_of(callback: Any, reached: Reached) -> dict[str, Any]:
    """Return the state of a callback. The history has the last epoch in it, also where it was not told of it yet."""
    if isinstance(callback, History):
        return callback.state_after(reached.epochs - 1, reached.logs)
    return dict(callback.state_dict())


def generators_of(model: Any) -> dict[str, np.random.Generator]:
    """Return the generators of a model's modules, by the number of the module and the name of the attribute."""
    return {
        f"{number}.{path}": item
        for number, module in enumerate(model.modules())
        for path, item in entries(vars(module))
        if isinstance(item, np.random.Generator)
    }


def carried_states(model: Any) -> list[Any]:
    """Return the Tensors that stateful layers carry from batch to batch, which are no weights."""
    modules = [module for module in model.modules() if getattr(module, "stateful", False)]
    return [state for module in modules for state in module.states or []]


def check_generators(call: str, generators: Mapping[str, np.random.Generator], states: Mapping[str, Any]) -> None:
    """Raise ValueError if generators cannot be set to these states."""
    kinds = {name: type(generator.bit_generator).__name__ for name, generator in generators.items()}
    saved = {name: state["bit_generator"] for name, state in states.items()}
    if kinds != saved:
        raise ValueError(
            f"{call}: the model draws from {len(kinds)} generators, and the file has {len(saved)} of the same kinds or "
            "others. Make the model as it was when the file was written"
        )


def load_generators(generators: Mapping[str, np.random.Generator], states: Mapping[str, Any]) -> None:
    """Set generators to their states."""
    for name, generator in generators.items():
        generator.bit_generator.state = states[name]


# --- plain data -------------------------------------------------------------------------------------------------------


def packed(value: Any, arrays: dict[str, Any], place: str) -> Any:
    """Return nests of numbers, strings and arrays as data that JSON has; the arrays are put beside them.

    Args:
        value: the nest.
        arrays: by name, to which those of the nest are added.
        place: the name of the nest among the arrays, and in errors.

    Raises:
        TypeError: something in the nest is none of these.
    """
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return {"float": str(value)}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.ndarray):
        arrays[place] = value
        return {"array": place}
    if isinstance(value, list | tuple):
        items = [packed(item, arrays, f"{place}/{number}") for number, item in enumerate(value)]
        return items if isinstance(value, list) else {"tuple": items}
    if isinstance(value, Mapping):
        return {"dict": [[key, packed(item, arrays, f"{place}/{key}")] for key, item in value.items()]}
    raise TypeError(f"save: {place} is {value!r}, which is no number, string or array, and no nest of them")


def unpacked(value: Any, arrays: Mapping[str, Any]) -> Any:
    """Return the nest that `packed` made data of."""
    if isinstance(value, list):
        return [unpacked(item, arrays) for item in value]
    if not isinstance(value, Mapping):
        return value
    if "float" in value:
        return float(value["float"])
    if "array" in value:
        return arrays[value["array"]]
    if "tuple" in value:
        return tuple(unpacked(item, arrays) for item in value["tuple"])
    return {key: unpacked(item, arrays) for key, item in value["dict"]}
