"""The arguments of `compile`, as files of Keras have them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tinygraph import optim
from tinygraph.nn.arguments import registered
from tinygraph.training.recipe_as_data import arguments_of, recipe_data

__all__ = ["compile_arguments", "compile_description"]


def compile_description(model: Any, state: Any) -> dict[str, Any] | None:
    """Return Keras's description of the arguments of `compile`; None where one of them is a function of the user's."""
    try:
        data = recipe_data(model, state.recipe, state.steps.run_eagerly, state.steps.jit_compile)
    except (TypeError, ValueError):
        return None
    optimizer = {"module": "keras.optimizers", "registered_name": None, **_described_rate(data["optimizer"])}
    names = ("loss", "loss_weights", "metrics", "weighted_metrics")
    try:
        return {"optimizer": optimizer, **{name: _described(data[name], name) for name in names}}
    except ValueError:
        return None


def _described_rate(optimizer: Mapping[str, Any]) -> dict[str, Any]:
    """Return an optimiser whose schedule, if it has one, is described as Keras does."""
    config = dict(optimizer["config"])
    if isinstance(config.get("learning_rate"), Mapping):
        schedule = config["learning_rate"]
        config["learning_rate"] = {"module": "keras.optimizers.schedules", "registered_name": None, **schedule}
    return {**optimizer, "config": config}


def _described(data: Any, name: str) -> Any:
    """Return losses and metrics of `recipe_data` in Keras's form.

    Raises:
        ValueError: one of them is a function or a class of the user's.
    """
    if isinstance(data, list):
        return [_described(item, name) for item in data]
    if not isinstance(data, Mapping):
        return data
    if "dict" in data:
        return {key: _described(item, name) for key, item in data["dict"].items()}
    called = str(data.get("class", data.get("function")))
    room, _, kind = called.rpartition(".")
    if not room:
        raise ValueError(f"{name}: {called} is no class of Keras")
    if "function" in data:
        return kind
    module = "keras.losses" if room.endswith("losses") else "keras.metrics"
    config = {key: item for key, item in data.get("config", {}).items() if key != "dtype"}
    return {"module": module, "class_name": kind, "config": config, "registered_name": None}


def compile_arguments(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of `compile` that a description of Keras stands for.

    Raises:
        ValueError: an optimiser, a loss or a metric is not known here.
    """
    optimizer = data["optimizer"]
    if isinstance(optimizer, str):
        optimizer = optim.serialize(optim.get(optimizer))
    config = {key: item for key, item in optimizer["config"].items() if item is not None}
    written: dict[str, Any] = {
        "optimizer": {"class_name": optimizer["class_name"], "config": config}, "run_eagerly": False,
        "loss_weights": _ours(data.get("loss_weights"), ""),
    }  # fmt: skip
    for name, room in (("loss", "keras.losses"), ("metrics", "metrics"), ("weighted_metrics", "metrics")):
        written[name] = _ours(data.get(name), room)
    return arguments_of(written, registered())


def _ours(data: Any, room: str) -> Any:
    """Return losses or metrics of a description of Keras as `recipe_data` has them."""
    if isinstance(data, list):
        return [_ours(item, room) for item in data]
    if not isinstance(data, Mapping):
        return data
    if "class_name" not in data:
        return {"dict": {key: _ours(item, room) for key, item in data.items()}}
    kind, config = str(data["class_name"]), data.get("config")
    if kind == "function":
        return {"function": config} if config in registered() else config
    given = {key: _ours(item, room) for key, item in dict(config or {}).items() if key != "dtype"}
    return {"class": kind if kind in registered() else f"{room}.{kind}", "config": given}
