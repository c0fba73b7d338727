"""Keras's description of a model, its config.json, made a model of layers."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import numpy as np

from tinygraph.nn import activations, constraints, initializers, regularizers
from tinygraph.nn.arguments import found_class, registered
from tinygraph.nn.configured import spelt
from tinygraph.nn.inputs import Input
from tinygraph.nn.keras_files.operations import FUNCTIONS
from tinygraph.nn.layer import Layer
from tinygraph.nn.symbolic import Symbol, symbols_in

__all__ = ["model_of", "thing_of_keras"]

_FAMILIES = {"keras.initializers": initializers, "keras.regularizers": regularizers, "keras.constraints": constraints}

# Arguments of Keras's layers that layers here do not have, and the values with which they do nothing.
_WITHOUT_EFFECT: Mapping[str, tuple[Any, ...]] = {
    "build_input_shape": (None,),
    "ragged": (False,),
    "sparse": (False,),
    "synchronized": (False,),
    "use_gate": (False,),
    "renorm": (False,),
    "renorm_clipping": (None,),
    "renorm_momentum": (0.99,),
    "quantization_config": (None,),
    "lora_rank": (None,),
    "lora_alpha": (None,),
    "flash_attention": (None,),
    "sliding_window": (None,),
    "force_generator": (False,),
    "optional": (False,),
}


def model_of(data: Mapping[str, Any]) -> Any:
    """Return the model that a description of Keras describes, with new weights.

    Raises:
        ValueError: a layer, a function or an argument is not known here, or code stands in the description.
    """
    kind, config = data["class_name"], data["config"]
    own = registered().get(kind)
    if own is None and kind == "Sequential":
        return _sequential_of(config)
    if "layers" in config and "output_layers" in config:
        return _network_of(config, own or found_class("keras.Model"))
    return thing_of_keras(data)


def thing_of_keras(data: Any) -> Any:
    """Return the value that a part of a description stands for.

    Raises:
        ValueError: see `model_of`.
    """
    if isinstance(data, list):
        return [thing_of_keras(item) for item in data]
    if not isinstance(data, Mapping):
        return data
    if "class_name" not in data:
        return {key: thing_of_keras(item) for key, item in data.items()}
    kind, config, module = data["class_name"], data.get("config"), str(data.get("module"))
    if kind in _VALUES:
        return _VALUES[kind](data)
    if kind == "function":
        return _function_of(config)
    if module in _FAMILIES and kind in _FAMILIES[module].__all__:
        return _configured(getattr(_FAMILIES[module], kind), config or {})
    if kind in ("Sequential", "Functional", "Model") and "layers" in (config or {}):
        return model_of(data)
    return _layer_of(kind, module, config or {}, data)


_VALUES: Mapping[str, Any] = {
    "DTypePolicy": lambda data: data["config"]["name"],
    "__tuple__": lambda data: tuple(thing_of_keras(data["items"])),
    "__slice__": lambda data: slice(*(thing_of_keras(data["config"][name]) for name in ("start", "stop", "step"))),
    "__ellipsis__": lambda data: Ellipsis,
    "__numpy__": lambda data: np.array(data["config"]["value"], data["config"]["dtype"]),
    "__tensor__": lambda data: np.array(data["config"]["value"], data["config"]["dtype"]),
}


def _function_of(name: Any) -> Any:
    if isinstance(name, str) and (name in activations.ACTIVATIONS or name in registered()):
        return registered().get(name) or name
    raise ValueError(f"the function {name!r} is not known here. Register it, @tg.nn.register, or give custom_objects=")


def _configured(kind: type, config: Mapping[str, Any]) -> Any:
    names = inspect.signature(kind).parameters
    return kind(**{name: thing_of_keras(item) for name, item in config.items() if name in names or item is not None})


def _layer_of(kind: str, module: str, config: Mapping[str, Any], data: Mapping[str, Any]) -> Any:
    """Return a layer of these arguments, or the function of an operation."""
    if module.startswith("keras.src.ops"):
        return _operation_of(kind, config)
    if kind == "Lambda" or "__lambda__" in str(config.get("function")):
        raise ValueError('a layer "Lambda" has code in the file, which is not run. Make the model in code')
    own = registered().get(str(data.get("registered_name") or kind).rpartition(">")[2]) or registered().get(kind)
    cls = own or found_class(f"keras.{kind}") or found_class(kind)
    if cls is None or not hasattr(cls, "modules"):
        raise ValueError(
            f"there is no layer {kind!r} here. Register your own before the model is loaded, @tg.nn.register, or give "
            "custom_objects="
        )
    values = {name: thing_of_keras(item) for name, item in config.items()}
    if own is not None and "from_config" in vars(own):
        return own.from_config(values)
    trainable = values.pop("trainable", True)
    layer = cls(**_known_arguments(cls, kind, values))
    if not trainable:
        layer.trainable = False
    return layer


def _known_arguments(cls: type, kind: str, values: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments that a class takes; the others must be without effect."""
    names: set[str] = set()
    for base in cls.__mro__:
        if "__init__" in vars(base) and issubclass(base, Layer):
            names |= set(inspect.signature(base.__init__).parameters)
    for name, value in values.items():
        if name not in names and value not in (None, False, *_WITHOUT_EFFECT.get(name, ())):
            raise ValueError(f"{kind}: there is no argument {name} here, and the file has {name}={value!r}")
    return {name: tuple(value) if isinstance(value, list) and _is_flat(value) else value
            for name, value in values.items() if name in names}  # fmt: skip


def _is_flat(value: list[Any]) -> bool:
    return all(isinstance(item, int) for item in value)


def _operation_of(kind: str, config: Mapping[str, Any]) -> Any:
    given = {name: item for name, item in config.items() if name != "name" and item not in (None, False)}
    function = FUNCTIONS.get(spelt(kind))
    if function is None or given:
        raise ValueError(f"the operation {kind} is not read here{f', with {given}' if given else ''}")
    return function


# --- models -----------------------------------------------------------------------------------------------------------


def _input_of(config: Mapping[str, Any]) -> Any:
    shape = config.get("batch_shape") or config.get("batch_input_shape")
    if shape is None:
        raise ValueError("an InputLayer has no batch_shape")
    return Input(batch_shape=tuple(shape), dtype=config.get("dtype"), name=config.get("name"))


def _sequential_of(config: Mapping[str, Any]) -> Any:
    layers = [
        _input_of(data["config"]) if data["class_name"] == "InputLayer" else thing_of_keras(data)
        for data in config["layers"]
    ]
    shape = config.get("build_input_shape")
    if shape is not None and not any(isinstance(layer, Symbol) for layer in layers):
        layers.insert(0, Input(batch_shape=tuple(shape)))
    return found_class("keras.Sequential")(layers, name=config.get("name"))


def _network_of(config: Mapping[str, Any], cls: Any) -> Any:
    """Return a network: its layers, called in an order in which each call has what it needs."""
    made: dict[tuple[str, int], list[Any]] = {}
    waiting: list[tuple[str, int, Any, Any]] = []
    for data in config["layers"]:
        name = data.get("name") or data["config"]["name"]
        if data["class_name"] == "InputLayer":
            made[name, 0] = [_input_of(data["config"])]
            continue
        layer = thing_of_keras(data)
        waiting += [(name, number, layer, node) for number, node in enumerate(data["inbound_nodes"])]
    while waiting:
        later = []
        for name, number, layer, node in waiting:
            if all((place[0], place[1]) in made for place in _places_in(node)):
                args, kwargs = _with_symbols(node["args"], made), _with_symbols(node["kwargs"], made)
                kwargs = {key: item for key, item in kwargs.items() if item is not None}
                made[name, number] = symbols_in(_called(layer, args, kwargs))
            else:
                later.append((name, number, layer, node))
        if len(later) == len(waiting):
            raise ValueError(f'the calls of the network go round in a circle, or need a layer that lacks: "{name}"')
        waiting = later
    ends = [_ends(config[key], made) for key in ("input_layers", "output_layers")]
    model = cls(ends[0], ends[1], name=config.get("name"))
    if not config.get("trainable", True):
        model.trainable = False
    return model


def _called(function: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:
    if function is FUNCTIONS["get_item"]:
        index = args[1]
        return args[0][tuple(index) if isinstance(index, list) else index]
    return function(*args, **kwargs)


def _places_in(data: Any) -> list[Any]:
    """Return the symbols that the arguments of a call name: layer, number of the call, number of the result."""
    if isinstance(data, list):
        return [place for item in data for place in _places_in(item)]
    if not isinstance(data, Mapping):
        return []
    if data.get("class_name") == "__keras_tensor__":
        return [data["config"]["keras_history"]]
    return [place for item in data.values() for place in _places_in(item)]


def _with_symbols(data: Any, made: Mapping[tuple[str, int], list[Any]]) -> Any:
    if isinstance(data, list):
        return [_with_symbols(item, made) for item in data]
    if isinstance(data, Mapping):
        if data.get("class_name") == "__keras_tensor__":
            name, call, number = data["config"]["keras_history"]
            return made[name, call][number]
        if "class_name" not in data:
            return {key: _with_symbols(item, made) for key, item in data.items()}
    return thing_of_keras(data)


def _ends(data: Any, made: Mapping[tuple[str, int], list[Any]]) -> Any:
    """Return the inputs or outputs in their nest."""
    if isinstance(data, Mapping):
        return {key: _ends(item, made) for key, item in data.items()}
    if len(data) == 3 and isinstance(data[0], str) and isinstance(data[1], int):
        return made[data[0], data[1]][data[2]]
    return [_ends(item, made) for item in data]
