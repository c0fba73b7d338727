"""Nested tuples, lists and dicts, as the arguments of a call may be: their entries, and a copy with other entries."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

__all__ = ["instances", "mapped"]

Entry = TypeVar("Entry")

_NESTED = frozenset((tuple, list, dict))


def instances(kind: type[Entry], structure: Any) -> Iterator[Entry]:
    """Yield the entries of nested tuples, lists and dicts that are of a type, in order."""
    found = type(structure)
    if isinstance(structure, kind):
        yield structure
    elif found is tuple or found is list:
        for item in structure:
            yield from instances(kind, item)
    elif found is dict:
        for item in structure.values():
            yield from instances(kind, item)


def mapped(structure: Any, replace: Callable[[Any], Any]) -> Any:
    """Return nested tuples, lists and dicts with each entry replaced."""
    kind = type(structure)
    if kind is tuple:  # what most are, with nothing nested in it
        return tuple([mapped(item, replace) if type(item) in _NESTED else replace(item) for item in structure])
    if kind is list:
        return [mapped(item, replace) for item in structure]
    if kind is dict:
        return {key: mapped(item, replace) for key, item in structure.items()}
    return replace(structure)
