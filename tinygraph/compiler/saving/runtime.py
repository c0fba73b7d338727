"""Runtime: the functions that a saved file has in it besides its programs. They stand in the file as they stand here.

A file says in words what it was made for, "x: float64(8, 3), training: False", and describes what it is called with in
the same words. Where the two differ there is no program.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from tinygraph.compiler.program.decisions import Left, begins_with, outcomes_at

__all__ = ["described", "kinds_of", "literal", "on_paths", "owner", "read", "sized"]

# The types whose values are part of a signature as Python writes them.
PLAIN = ("int", "bool", "str", "bytes", "NoneType", "complex", "float", "ellipsis")


def described(value: Any, leaves: list[Any], order: bool = False) -> str:
    """An argument in words: "float64(3, 4)", "True", "{'w': float64(3,)}"; arrays and floats are added to `leaves`.

    With `order` the order of an array in memory is part of it.
    """
    kind = type(value)
    if isinstance(value, np.ndarray | np.generic) and value.dtype.kind not in "fciub":
        return literal(value)
    if kind is np.ndarray:
        leaves.append(value)
        placed = f" with strides {value.strides}" if order and not value.flags.c_contiguous else ""
        return f"{value.dtype}{value.shape}{placed}"
    if kind is float:
        leaves.append(np.array(value))
        return "float"
    if isinstance(value, np.generic):
        leaves.append(value)
        return f"{value.dtype} number"
    if isinstance(value, np.random.Generator):
        leaves.append(value)
        return "generator"
    if kind is dict:
        return (
            "{" + ", ".join([f"{literal(key)}: {described(item, leaves, order)}" for key, item in value.items()]) + "}"
        )
    if not isinstance(value, tuple | list):
        return literal(value)
    items = [described(item, leaves, order) for item in value]
    if hasattr(value, "_fields"):
        items = [f"{name}={item}" for name, item in zip(value._fields, items, strict=True)]
    inside = ", ".join(items)
    name = "" if kind in (tuple, list) else kind.__name__
    return f"{name}[{inside}]" if isinstance(value, list) else f"{name}({inside}{',' if len(items) == 1 else ''})"


def literal(value: Any) -> str:
    """A value that is part of the signature, as Python writes it; of other objects their type alone."""
    kind = type(value)
    if kind is tuple:
        return "(" + ", ".join([literal(item) for item in value]) + ("," if len(value) == 1 else "") + ")"
    if kind.__name__ in PLAIN and kind.__module__ == "builtins":
        return repr(value)
    if isinstance(value, np.dtype):
        return f"dtype {value}"
    if kind is type and value.__module__ in ("builtins", "numpy"):
        return f"type {value.__name__}"
    if isinstance(value, np.ndarray | np.generic) and value.dtype.kind in "US":
        return f"{kind.__name__} {value.dtype}{value.shape} {value.tolist()!r}"
    return f"<{kind.__module__}.{kind.__qualname__}>"


def kinds_of(given: dict[str, Any], leaves: list[Any]) -> Any:
    """A key for a call of arrays and plain values, made in a tenth of the time of words; None for other calls.

    Arrays and floats are added to `leaves`.
    """
    kinds: list[Any] = []
    for name, value in given.items():
        kind = type(value)
        if kind is np.ndarray:
            leaves.append(value)
            kinds.append((name, value.shape, value.dtype))
        elif kind is float:
            leaves.append(np.array(value))
            kinds.append((name, kind))
        elif kind is bool or kind is int or kind is str or value is None:
            kinds.append((name, kind, value))
        else:
            return None
    return tuple(kinds)


def on_paths(name: str, paths: list[Any]) -> Any:
    """One program of several for the same arguments: each is for the path of its decisions, and takes some leaves."""

    def run(*leaves: Any) -> Any:
        begun: tuple[Any, ...] = ()
        line = ""
        for position, (path, program, places) in enumerate(paths):
            if begins_with(path, begun):
                try:
                    result = program(*[leaves[place] for place in places])
                except Left as left:
                    number, outcome, line, *trips = left.args
                    begun = (*outcomes_at(path, *(trips or [()]))[:number], outcome)
                    continue
                paths.insert(0, paths.pop(position))  # the next call tries it first
                return result
        raise ValueError(
            f"{name}: this file has no program for a call that comes to {begun[-1]} at {line}. Call the compiled "
            "function with such arguments, too, before it is saved"
        )

    return run


def sized(signature: str, opened: list[Any], made: dict[str, Any]) -> Any:
    """The program of a signature with an open size, and the leaves that it takes; None where there is none.

    The programs of the last eight sizes are kept, with their memory.
    """
    if signature in made:
        return made[signature]
    for pattern, texts, places in opened:
        match = re.fullmatch(pattern, signature)
        size = int(match[1]) if match else 0
        for holds, factory in texts if match else ():
            if holds(size):
                try:
                    program = factory(size)
                except ValueError:  # an array does not fit into the memory that it shares with others at this size
                    continue
                while len(made) >= 8:
                    del made[next(iter(made))]
                made[signature] = program, places
                return made[signature]
    return None


def owner(array: Any) -> Any:
    """The array that the memory of a view belongs to."""
    while type(array.base) is np.ndarray:
        array = array.base
    return array


def read(values: Any, name: str, wanted: str) -> Any:
    """An array of the npz beside this file, which must be of the shape and dtype that the programs were made for."""
    found = f"{values[name].dtype}{values[name].shape}" if name in values else "missing"
    if found != wanted:
        raise ImportError(
            f"{name} in the npz beside this file is {found}, and this file was written with {wanted}: the two are not "
            "from one save. Copy both files again"
        )
    return values[name]
