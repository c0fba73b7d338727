"""The places of weights in Keras's files: a group for each layer, "layers/dense_1/vars", with the arrays 0, 1, ..."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tinygraph.engine.tensor import Tensor
from tinygraph.nn.attention import MultiHeadAttention
from tinygraph.nn.inputs import InputLayer
from tinygraph.nn.layer_names import keras_name
from tinygraph.nn.module import Module

__all__ = ["groups_of", "is_network", "is_sequential"]

# The layers inside of MultiHeadAttention, by their names here.
_OF_ATTENTION = {"query": "query_dense", "key": "key_dense", "value": "value_dense", "attention_output": "output_dense"}


def groups_of(module: Module) -> dict[str, tuple[str, list[Tensor]]]:
    """Return the name and the weights of each layer with weights, by the path of its group without "/vars"."""
    found: dict[str, tuple[str, list[Tensor]]] = {}
    _gather(module, "", found, set())
    return found


def is_sequential(module: Any) -> bool:
    """Return whether a module is a `Sequential`."""
    return getattr(type(module), "is_sequential", False)


def is_network(module: Any) -> bool:
    """Return whether a module is a model made of symbols."""
    return getattr(module, "_calls", None) is not None and not is_sequential(module)


def _gather(module: Module, path: str, found: dict[str, tuple[str, list[Tensor]]], seen: set[int]) -> None:
    if id(module) in seen:
        return
    seen.add(id(module))
    own = [item for item in vars(module).values() if isinstance(item, Tensor) and item.is_leaf]
    if own:
        own.sort(key=lambda tensor: not tensor.requires_grad)  # Keras has those that are trained first
        inner = f"{path}/cell" if getattr(type(module), "is_own_cell", False) else path
        found[inner.strip("/")] = str(getattr(module, "name", "")), own
    for name, item in _children(module):
        if isinstance(item, Module):
            _gather(item, f"{path}/{name}".strip("/"), found, seen)
        else:
            _gather_list(item, f"{path}/{name}".strip("/"), found, seen)


def _gather_list(items: Any, path: str, found: dict[str, tuple[str, list[Tensor]]], seen: set[int]) -> None:
    """Gather the layers of a list or a dict: each has the name of its class, with a number from the second on."""
    counts: dict[str, int] = {}
    for item in items.values() if isinstance(items, dict) else items:
        is_list = isinstance(item, list | tuple | dict)
        if not is_list and not isinstance(item, Module):
            continue
        name = "container" if is_list else keras_name(item)
        number = counts[name] = counts.get(name, -1) + 1
        inside = f"{path}/{name}_{number}" if number else f"{path}/{name}"
        if is_list:
            _gather_list(item, inside, found, seen)
        else:
            _gather(item, inside, found, seen)


def _children(module: Module) -> Iterator[tuple[str, Any]]:
    """Yield the attributes with modules by Keras's names and in Keras's order: those with an underscore at last."""
    has_layers = is_network(module) or is_sequential(module)
    if has_layers:
        yield "layers", [layer for layer in vars(module)["layers"] if not isinstance(layer, InputLayer)]
    renamed = _OF_ATTENTION if isinstance(module, MultiHeadAttention) else {}
    taken = {"layers", "inputs", "outputs", "optimizer"}
    for name in sorted(set(vars(module)) - taken, key=lambda name: f"~{name}" if name.startswith("_") else name):
        item = vars(module)[name]
        if isinstance(item, Module) or (isinstance(item, list | tuple | dict) and not name.startswith("_")):
            yield renamed.get(name, name), item
    if "layers" in vars(module) and not has_layers:
        yield "layers", vars(module)["layers"]  # an attribute of a class of the user's
