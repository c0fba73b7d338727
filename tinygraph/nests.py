"""Nests of dicts, lists and tuples: map over them, list their entries by path, assign to their Tensors."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from tinygraph.engine.tensor import Tensor
from tinygraph.errors import ShapeError

__all__ = ["Nest", "assign_all", "entries", "filled", "plain", "tree_leaves", "tree_map"]

Nest = Any


# --- as a whole -------------------------------------------------------------------------------------------------------


def tree_map(function: Callable[..., Any], structure: Nest, *others: Nest) -> Nest:
    """Apply a function to the entries of nested dicts, lists and (named) tuples; None stays None."""
    if isinstance(structure, dict):
        mapped = {key: tree_map(function, item, *[other[key] for other in others]) for key, item in structure.items()}
        if type(structure) is dict:
            return mapped
        twin = copy.copy(structure)  # a defaultdict cannot be made of a dict alone
        twin.update(mapped)
        return twin
    if isinstance(structure, list | tuple):
        items = [tree_map(function, *parts) for parts in zip(structure, *others, strict=True)]
        return type(structure)(*items) if hasattr(structure, "_fields") else type(structure)(items)
    return None if structure is None else function(structure, *others)


def tree_leaves(structure: Nest) -> list[Any]:
    """Return the entries of nested dicts, lists and tuples, in order, without None."""
    found: list[Any] = []
    tree_map(found.append, structure)
    return found


def filled(structure: Nest, values: Iterable[Any]) -> Nest:
    """Return the structure with its entries replaced by these values, in order."""
    remaining = iter(values)
    return tree_map(lambda _: next(remaining), structure)


def plain(structure: Nest) -> Nest:
    """Return nested dicts, lists and tuples with the values of Tensors in their places."""
    return tree_map(lambda item: item.data if isinstance(item, Tensor) else item, structure)


# --- by path ----------------------------------------------------------------------------------------------------------


def entries(structure: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the entries of nested dicts, lists and tuples, each with its path: "hidden.bias", "layers.0"."""
    if isinstance(structure, Mapping):
        pairs: Iterable[tuple[Any, Any]] = structure.items()
    elif isinstance(structure, list | tuple):
        pairs = zip(getattr(structure, "_fields", range(len(structure))), structure, strict=True)
    else:
        yield path, structure
        return
    for key, item in pairs:
        place = f"{path}.{key}" if path else str(key)
        if _is_nest(type(item)):  # type: ignore[arg-type]
            yield from entries(item, place)
        else:
            yield place, item


@functools.lru_cache(1024)  # most entries are leaves: asking the abstract class each time took half of a small step
def _is_nest(kind: type) -> bool:
    return issubclass(kind, Mapping | list | tuple)


def assign_all(call: str, tensors: Mapping[str, Tensor], values: Mapping[str, Any]) -> None:
    """Assign values to Tensors by name: to all of them, or to none if a value does not fit.

    Raises:
        KeyError: a name is missing, or no Tensor has it.
        ShapeError: a value and its Tensor have different shapes.
        TypeError: a value is not numeric, or is complex and the Tensor is not.
    """
    missing, unknown = sorted(tensors.keys() - values.keys()), sorted(values.keys() - tensors.keys())
    if missing or unknown:
        raise KeyError(f"{call}: missing are {missing}, and nothing is called {unknown}")
    arrays = {name: np.asarray(value) for name, value in values.items()}
    for name, tensor in tensors.items():
        value = arrays[name]
        if value.shape != tensor.shape:
            raise ShapeError(f"{call}: {name} has shape {tensor.shape}, the value for it {value.shape}")
        if value.dtype.kind not in "fiub" and value.dtype.kind != tensor.dtype.kind:
            raise TypeError(f"{call}: {name} is of dtype {tensor.dtype}, the value for it of {value.dtype}")
    for name, tensor in tensors.items():
        tensor.assign(arrays[name])
