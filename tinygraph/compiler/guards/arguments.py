"""Arguments: nests of lists, tuples and dicts, with leaves that each call gives and objects that stay the same.

The leaves are arrays, Tensors, floats, counters and random generators. While a function is recorded, it gets stand-ins
for them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygraph.containers import Kind, kind_of, sequence_of, taken_apart
from tinygraph.engine.tensor import Tensor

__all__ = ["CONSTANTS", "NUMERIC", "Counter", "copied", "rebuilt", "same_shape"]

# The kinds of dtypes that a program computes with: floats, complex numbers, integers, unsigned ones, truth values.
NUMERIC = "fciub"
# Types of Python's whose objects are part of a program.
CONSTANTS = frozenset((int, bool, str, bytes, type(None), complex, type(Ellipsis)))


@dataclass(frozen=True, slots=True)
class Counter:
    """An int among the arguments that is given at each call, as a float is; any other int is part of the program.

    Attributes:
        value: the int.
        place: its path among the arguments.
    """

    value: int
    place: tuple[Any, ...]


def rebuilt(value: Any, name: str, enter: Callable[[Any, str], Any], fixed: dict[str, Any]) -> Any:
    """Return a copy of an argument with a stand-in in place of each leaf, in the order of the leaves in a signature.

    Args:
        value: the argument.
        name: of the argument.
        enter: returns the stand-in for a leaf and its name.
        fixed: is filled with the other objects, by their names.
    """
    if isinstance(value, np.ndarray | np.generic):
        if value.dtype.kind in NUMERIC:
            return enter(value, name)
        fixed[name] = value
        return value
    if isinstance(value, Tensor | np.random.Generator) or type(value) is float:
        return enter(value, name)
    if type(value) is Counter:
        return enter(value, name)
    if type(value) is dict:
        return {key: rebuilt(item, f"{name}_{key}", enter, fixed) for key, item in value.items()}
    if isinstance(value, tuple | list):
        items = [rebuilt(item, f"{name}_{index}", enter, fixed) for index, item in enumerate(value)]
        return sequence_of(type(value), items)
    if type(value) in CONSTANTS:
        return value
    kind = taken_apart(value)
    if kind is not None:
        pairs = zip(kind.names, kind.items_of(value), strict=True)
        return kind.holding([rebuilt(item, f"{name}_{key}", enter, fixed) for key, item in pairs])
    fixed[name] = value
    return value


def same_shape(built: Any, kept: Any) -> bool:
    """Return whether a function left the containers that it was given as they were."""
    if isinstance(kept, dict):
        return list(built) == list(kept) and all(same_shape(built[key], kept[key]) for key in kept)
    if isinstance(kept, list | tuple):
        return len(built) == len(kept) and all(same_shape(a, b) for a, b in zip(built, kept, strict=True))
    if type(kept) is _Kept:
        return kind_of(built) == kept.kind and same_shape(kept.kind.items_of(built), kept.items)
    return built is kept


def copied(structure: Any) -> Any:
    """Return copies of the containers, around the same items."""
    if type(structure) is dict:
        return {key: copied(item) for key, item in structure.items()}
    if isinstance(structure, list | tuple):
        return [copied(item) for item in structure]
    kind = None if type(structure) in CONSTANTS else kind_of(structure)
    return structure if kind is None else _Kept(kind, copied(kind.items_of(structure)))


@dataclass(frozen=True, slots=True)
class _Kept:
    """A container of a rarer kind as it was."""

    kind: Kind
    items: list[Any]
