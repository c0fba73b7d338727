"""Nested tuples, lists and dicts, as the arguments of a call may be: their entries, and a copy with other entries."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

__all__ = ["instances", "mapped"]

Entry = TypeVar("Entry")

_NESTED = frozenset((tuple, list, dict))


def instances(kind: type[Entry], structure: Any) -> list[Entry]:
    """Return the entries of nested tuples, lists and dicts that are of a type, in order."""
    if type(structure) not in _NESTED:
        return [structure] if isinstance(structure, kind) else []
    found: list[Entry] = []
    for item in structure.values() if type(structure) is dict else structure:
        if type(item) in _NESTED:
            found += instances(kind, item)
        elif isinstance(item, kind):
            found.append(item)
    return found


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
