"""A model as Keras's description, its config.json."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from tinygraph.nn.arguments import plain_of, registered
from tinygraph.nn.inputs import InputLayer
from tinygraph.nn.keras_files.groups import is_network, is_sequential
from tinygraph.nn.keras_files.operations import FUNCTIONS, OF_NUMPY
from tinygraph.nn.layer_names import unused
from tinygraph.nn.module import Module
from tinygraph.nn.symbolic import Symbol, symbols_in

__all__ = ["description_of"]

_FAMILIES = ("initializers", "regularizers", "constraints")


def description_of(model: Any) -> dict[str, Any]:
    """Return the description of a model that `keras.models.load_model` reads.

    Raises:
        TypeError: Keras has no description of a layer, a function or an argument.
    """
    if is_sequential(model):
        return _sequential(model)
    if is_network(model):
        return _network(model)
    return _layer(model)


def _sequential(model: Any) -> dict[str, Any]:
    layers = [_described(layer) for layer in model.layers if not isinstance(layer, InputLayer)]
    if (symbol := model.input_symbol()) is not None:
        layers.insert(0, _input(symbol, "input_layer"))
    return _of_kind("keras", "Sequential", {"name": model.name, "trainable": True, "layers": layers})


def _described(layer: Any) -> dict[str, Any]:
    if is_sequential(layer) or is_network(layer):
        return description_of(layer)
    return _layer(layer)


def _layer(layer: Any) -> dict[str, Any]:
    name = getattr(layer, "name", None) or getattr(layer, "__name__", str(layer))
    if not isinstance(layer, Module):
        raise TypeError(f"{name}: Keras's files have layers and no functions. Write keras.layers.Activation(function)")
    if type(layer).__name__ == "Lambda":
        raise TypeError(f'"{name}": the code of a Lambda is written into no file. Write a class with a method call')
    config = _translated(plain_of(layer, f'"{name}"'), f'"{name}"')
    if not layer.trainable:
        config["config"]["trainable"] = False
    return config  # type: ignore[no-any-return]


def _of_kind(module: str | None, kind: str, config: Mapping[str, Any]) -> dict[str, Any]:
    registered = None if module is not None else f"Custom>{kind}"
    return {"module": module, "class_name": kind, "config": dict(config), "registered_name": registered}


def _translated(data: Any, place: str) -> Any:
    """Return plain data of ours as Keras's.

    Raises:
        TypeError: Keras has nothing for it.
    """
    if isinstance(data, list):
        return [_translated(item, place) for item in data]
    if not isinstance(data, Mapping) or "class_name" in data:  # in Keras's form already, by the user's get_config
        return data
    if "class" in data:
        family, _, kind = data["class"].rpartition(".")
        config = {key: _translated(item, f"{place}: {key}") for key, item in data["config"].items()}
        if family in _FAMILIES:
            return _of_kind(f"keras.{family}", kind, config)
        if "layers" in config:
            raise TypeError(f"{place}: a model inside of a layer is written into no file of Keras")
        return _of_kind(_module_of(kind), kind, {key: item for key, item in config.items() if key != "input_shape"})
    if "tuple" in data:
        return [_translated(item, place) for item in data["tuple"]]
    if "dict" in data:
        return {key: _translated(item, place) for key, item in data["dict"].items()}
    if "number" in data:
        return data["number"]
    if "array" in data:
        return np.reshape(data["array"], data["shape"]).tolist()
    if "function" in data and data["function"].startswith("activations."):
        return data["function"].removeprefix("activations.")
    if (name := data.get("function")) in registered():
        named = {"class_name": "function", "config": name, "registered_name": f"Custom>{name}"}
        return {"module": "builtins", **named}
    raise TypeError(f"{place}: {str(dict(data))[:60]} has no description in Keras. Write save('model.safetensors')")


def _module_of(kind: str) -> str | None:
    return None if kind in registered() else "keras.layers"


# --- networks ---------------------------------------------------------------------------------------------------------


def _input(symbol: Symbol, name: str) -> dict[str, Any]:
    config = {"batch_shape": list(symbol.shape), "dtype": symbol.dtype.name, "name": symbol.name or name}
    return _of_kind("keras.layers", "InputLayer", config)


def _network(model: Any) -> dict[str, Any]:
    """Return a network: its layers in their order, each with its calls."""
    names: dict[int, str] = {}
    taken: set[str] = set()

    def named(item: Any, wanted: str) -> str:
        if id(item) not in names:
            names[id(item)] = unused(wanted, taken)
            taken.add(names[id(item)])
        return names[id(item)]

    history: dict[int, list[Any]] = {}
    given = {id(layer._given): layer for layer in model.layers if getattr(layer, "_given", None) is not None}
    described: dict[int, dict[str, Any]] = {}
    for symbol in model.inputs:
        owner = given.get(id(symbol))
        name = named(symbol, symbol.name or getattr(owner, "name", None) or "input_layer")
        history[id(symbol)] = [name, 0, 0]
        described[id(symbol)] = {**_input(symbol, name), "name": name, "inbound_nodes": []}
        described[id(symbol)]["config"]["name"] = name
    for call in model._calls:
        is_layer = isinstance(call.function, Module)
        key = call.function if is_layer else call  # each call of a function is an operation of its own
        name = named(key, call.function.name if is_layer else _operation_name(call.function))
        if id(key) not in described:
            made = _described(call.function) if is_layer else _operation(call.function, name)
            described[id(key)] = {**made, "name": name, "inbound_nodes": []}
            described[id(key)]["config"]["name"] = name
        nodes = described[id(key)]["inbound_nodes"]
        for number, symbol in enumerate(symbols_in(call.result)):
            history[id(symbol)] = [name, len(nodes), number]
        args = [_argument(item, history, name) for item in call.args]
        kwargs = {key: _argument(item, history, name) for key, item in call.kwargs.items()}
        nodes.append({"args": args, "kwargs": kwargs})
    order = [*(symbol for symbol in model.inputs), *model.layers]
    layers = [described.pop(id(item)) for item in order if id(item) in described]
    ends = [_places(nest, history) for nest in model._nests]
    config = {
        "name": model.name, "trainable": True, "layers": [*layers, *described.values()], "input_layers": ends[0],
        "output_layers": ends[1],
    }  # fmt: skip
    return _of_kind("keras.src.models.functional", "Functional", config)


def _operation_name(function: Any) -> str:
    for name, item in FUNCTIONS.items():
        if item is function:
            return name
    raise TypeError(
        f"{getattr(function, '__name__', function)}: this call between layers has no description in Keras's files. "
        "Write a layer, or save('model.safetensors')"
    )


def _operation(function: Any, name: str) -> dict[str, Any]:
    own = _operation_name(function)
    kind = "".join(part.capitalize() for part in own.split("_"))
    module = "keras.src.ops.numpy" if own in OF_NUMPY else "keras.src.ops.nn"
    return {**_of_kind(module, kind, {"name": name}), "registered_name": kind}


def _argument(item: Any, history: Mapping[int, list[Any]], place: str) -> Any:
    if type(item) is Symbol:
        config = {"shape": list(item.shape), "dtype": item.dtype.name, "keras_history": history[id(item)]}
        return {"class_name": "__keras_tensor__", "config": config}
    if isinstance(item, list | tuple):
        return [_argument(part, history, place) for part in item]
    if isinstance(item, dict):
        return {key: _argument(part, history, place) for key, part in item.items()}
    if isinstance(item, slice):
        config = {"start": item.start, "stop": item.stop, "step": item.step}
        return {"class_name": "__slice__", "config": config}
    if item is Ellipsis:
        return {"class_name": "__ellipsis__", "config": {}}
    if isinstance(item, np.generic | np.ndarray):
        return {"class_name": "__numpy__", "config": {"value": item.tolist(), "dtype": item.dtype.name}}
    if item is None or isinstance(item, bool | int | float | str):
        return item
    raise TypeError(f'"{place}": the argument {item!r} has no description in Keras. Write save("model.safetensors")')


def _places(nest: Any, history: Mapping[int, list[Any]]) -> Any:
    if type(nest) is Symbol:
        return history[id(nest)]
    if isinstance(nest, dict):
        return {key: _places(item, history) for key, item in nest.items()}
    return [_places(item, history) for item in nest]
