"""The architecture of a model as plain data: its layers, and the calls that connect them.

A sequential model has its layers in their order. A network of symbols has its symbols by number, and its calls in their
order; reading makes the calls again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tinygraph.engine.nested import mapped
from tinygraph.nn.arguments import Reference, plain_of, thing_of, together
from tinygraph.nn.module import Module
from tinygraph.nn.symbolic import Symbol, symbolic_call, symbols_in

__all__ = ["freeze_as_written", "frozen_modules", "network_config", "network_of", "sequential_config", "sequential_of"]


# --- layers one after the other ---------------------------------------------------------------------------------------


def sequential_config(model: Any) -> dict[str, Any]:
    """Return the layers of a `Sequential`, and its input, as plain data.

    Raises:
        TypeError: a layer is a function or an object that plain data cannot stand for.
    """
    with together():
        layers = [plain_of(layer, f'"{model.name}": layer {number}') for number, layer in enumerate(model.layers)]
    given = _symbol_data(model.inputs[0]) if model.inputs else None
    return {"name": model._name, "input": given, "layers": layers, **_frozen(model)}


def sequential_of(kind: Any, config: Mapping[str, Any]) -> Any:
    """Make a `Sequential` of what `sequential_config` returned."""
    with together():
        layers = thing_of(config["layers"])
    begin = [_symbol_of(config["input"])] if config["input"] is not None else []
    return freeze_as_written(kind([*begin, *layers], name=config["name"]), config)


# --- networks of symbols ----------------------------------------------------------------------------------------------


def network_config(model: Any) -> dict[str, Any]:
    """Return the layers and the calls of a network of symbols as plain data.

    Raises:
        TypeError: plain data cannot stand for a layer, or for an argument of a call.
    """
    numbers: dict[int, int] = {}

    def note(structure: Any) -> None:
        for symbol in symbols_in(structure):
            numbers.setdefault(id(symbol), len(numbers))

    def by_number(structure: Any) -> Any:
        return mapped(structure, lambda item: Reference(numbers[id(item)]) if type(item) is Symbol else item)

    note(model.inputs)
    calls: list[dict[str, Any]] = []
    with together():
        for call in model._calls:
            where = f'"{model.name}": {getattr(call.function, "name", None) or getattr(call.function, "__name__", "")}'
            calls.append(
                {
                    "call": plain_of(call.function, where),
                    "args": plain_of(by_number(call.args), where),
                    "kwargs": plain_of(by_number(call.kwargs), where),
                    "first": len(numbers),
                }
            )
            note(call.result)
    return {
        "name": model._name,
        "symbols": [_symbol_data(symbol) for symbol in model.inputs],
        "inputs": plain_of(by_number(model._nests[0])),
        "outputs": plain_of(by_number(model._nests[1])),
        "calls": calls,
        **_frozen(model),
    }


def network_of(kind: Any, config: Mapping[str, Any]) -> Any:
    """Make a `Model` of what `network_config` returned.

    Raises:
        ValueError: a call needs a symbol that is not there.
    """
    symbols: list[Any] = [_symbol_of(data) for data in config["symbols"]]

    def found(item: Any) -> Any:
        if not isinstance(item, Reference):
            return item
        if not 0 <= item.number < len(symbols):
            raise ValueError(f"a call of the network needs symbol {item.number}, which no call before it makes")
        return symbols[item.number]

    with together():
        for call in config["calls"]:
            args, kwargs = mapped(thing_of(call["args"]), found), mapped(thing_of(call["kwargs"]), found)
            symbols += symbols_in(_called(thing_of(call["call"]), args, kwargs))
    inputs, outputs = (mapped(thing_of(config[name]), found) for name in ("inputs", "outputs"))
    return freeze_as_written(kind(inputs, outputs, name=config["name"]), config)


def _called(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    if not callable(function):
        raise ValueError(f"{function!r} cannot be called: it is no layer of a network")
    training = kwargs.pop("training", None) if isinstance(function, Module) else None
    return symbolic_call(function, args, kwargs, training)


def _symbol_data(symbol: Symbol) -> dict[str, Any]:
    return {"shape": list(symbol.shape), "dtype": symbol.dtype.name, "name": symbol.name}


def _symbol_of(data: Mapping[str, Any]) -> Symbol:
    return Symbol(tuple(data["shape"]), data["dtype"], data["name"])


# --- frozen modules ---------------------------------------------------------------------------------------------------


def frozen_modules(model: Any) -> list[int]:
    """Return the numbers of the modules that are frozen, in the order of `modules()`."""
    return [number for number, module in enumerate(model.modules()) if not module.trainable]


def _frozen(model: Any) -> dict[str, Any]:
    frozen = frozen_modules(model)
    return {"frozen": frozen} if frozen else {}


def freeze_as_written(model: Any, config: Mapping[str, Any]) -> Any:
    """Freeze the modules whose numbers stand in the data, let the others be trained, and return the model."""
    if "frozen" in config:
        frozen = set(config["frozen"])
        for number, module in enumerate(model.modules()):
            module.set_own_trainable(number not in frozen)
    return model
