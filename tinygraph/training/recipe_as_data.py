"""The recipe of a training as plain data: the arguments of `compile`, and back."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from tinygraph import optim
from tinygraph.optim.by_name import KINDS
from tinygraph.training import losses as of_losses
from tinygraph.training import metrics as of_metrics
from tinygraph.training.losses.names import FUNCTIONS
from tinygraph.training.recipe import Recipe

__all__ = ["arguments_of", "recipe_data"]

_ARGUMENTS = ("loss", "loss_weights", "metrics", "weighted_metrics")


def recipe_data(model: Any, recipe: Recipe, run_eagerly: bool, jit_compile: bool) -> dict[str, Any]:
    """Return the arguments that a model was compiled with as plain data.

    Functions and classes of the user's own stand in it by their names, and must be known by these when it is read.

    Raises:
        TypeError: a learning rate is a plain function, or an argument is nothing that plain data can stand for.
    """
    kind = type(recipe.optimizer)
    if KINDS.get(kind.__name__.lower(), kind) is not kind:
        raise TypeError(f"save: the optimiser {kind.__name__} has the name of one of tinygraph. Give its class another")
    given = (recipe.loss, recipe.loss_weights, *recipe.given)
    frozen = [number for number, module in enumerate(model.modules()) if recipe.is_frozen(module)]
    return {
        "optimizer": optim.serialize(recipe.optimizer),
        **{name: _plain(value, name) for name, value in zip(_ARGUMENTS, given, strict=True)},
        "run_eagerly": run_eagerly,
        "jit_compile": jit_compile,
        "frozen": frozen,
    }


def arguments_of(data: Mapping[str, Any], own: Mapping[str, Any] = MappingProxyType({})) -> dict[str, Any]:
    """Return the arguments of `compile` that `recipe_data` made data of.

    Args:
        data: the data.
        own: classes and functions of the user's own, by name.

    Raises:
        ValueError: there is no optimiser, loss, metric or function of a name.
    """
    optimizer = optim.deserialize(data["optimizer"], own)
    found = {name: _made(data[name], name, own) for name in _ARGUMENTS}
    ways = {"run_eagerly": bool(data["run_eagerly"]), "jit_compile": data.get("jit_compile", "auto")}
    return {"optimizer": optimizer, **ways, **found}


def _plain(value: Any, name: str) -> Any:
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list | tuple):
        return [_plain(item, name) for item in value]
    if isinstance(value, Mapping):
        return {"dict": {str(key): _plain(item, name) for key, item in value.items()}}
    if hasattr(value, "get_config") and not isinstance(value, type):
        config = {key: _plain(item, name) for key, item in value.get_config().items()}
        return {"class": _name_of(type(value)), "config": config}
    if getattr(value, "__name__", None) is None:
        raise TypeError(f"save: {name}: {value!r} cannot be written as data. Give its class a method get_config")
    return {"class" if isinstance(value, type) else "function": _name_of(value)}


def _made(value: Any, name: str, own: Mapping[str, Any]) -> Any:
    if isinstance(value, list):
        return [_made(item, name, own) for item in value]
    if not isinstance(value, Mapping):
        return value
    if "dict" in value:
        return {key: _made(item, name, own) for key, item in value["dict"].items()}
    called = str(value["function"] if "function" in value else value["class"])
    found = own[called] if called in own else _known(called)
    if found is None:
        raise ValueError(
            f"{name}: {called} is nothing of tinygraph. Register your own before the model is loaded, "
            "@tg.nn.register; or load the model without its recipe, load_model(path, compile=False)"
        )
    if "config" not in value:
        return found
    return found(**{key: _made(item, name, own) for key, item in value["config"].items()})


# --- names ------------------------------------------------------------------------------------------------------------

# The rooms of losses and metrics, by the beginnings of the names; the user's own have none.
_ROOMS = {
    "losses.": "tinygraph.training.losses",
    "metrics.": "tinygraph.training.metrics",
    "keras.losses.": "tinygraph.keras.losses",
}


def _name_of(thing: Any) -> str:
    """Return the name of a class or function: "losses.Huber", or that of the user's own."""
    name = str(thing.__name__)
    for beginning, room in _ROOMS.items():
        if getattr(sys.modules.get(room), name, None) is thing:
            return f"{beginning}{name}"
    return name


def _known(name: str) -> Any:
    """Return the class or function of tinygraph that has a name of `_name_of`; None for any other name."""
    beginning, _, own_name = name.rpartition(".")
    if f"{beginning}." not in _ROOMS:
        return None
    found = getattr(importlib.import_module(_ROOMS[f"{beginning}."]), own_name, None)
    is_class = isinstance(found, type) and issubclass(found, of_losses.Loss | of_metrics.Metric)
    return found if is_class or (own_name in FUNCTIONS and callable(found)) else None
