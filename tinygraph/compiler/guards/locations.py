"""Locations: the variables, closure cells, items and attributes that a function finds values in.

A location is read before each call. While the function is recorded, a stand-in may be put there; afterwards the value
is put back.
"""

from __future__ import annotations

import functools
import inspect
from collections import deque
from collections.abc import Mapping
from contextvars import ContextVar
from types import CellType
from typing import Any

from tinygraph.compiler.guards.comparing import MISSING

__all__ = ["Location", "contents_of", "namespace_of"]


class Location:
    """A holder and a key in it, with the value that was found there.

    Attributes:
        name: as the user would write it: "model.rate".
        holder, key: a dict or list and a key in it; a closure's cell, or a context variable, and None; a class or
            another object and the name of an attribute.
        value: the value that was found.
        shared: whether the holder belongs to a library, whose other users must never find a stand-in there.
    """

    __slots__ = ("holder", "key", "name", "shared", "value")

    def __init__(self, name: str, holder: Any, key: Any, value: Any, shared: bool = False) -> None:
        self.name = name
        self.holder = holder
        self.key = key
        self.value = value
        self.shared = shared

    def now(self) -> Any:
        """Return the value that is there now."""
        holder = self.holder
        if type(holder) is CellType:
            return contents_of(holder)
        if isinstance(holder, list | deque):
            return holder[self.key] if self.key < len(holder) else MISSING
        if isinstance(holder, type):
            return vars(holder).get(self.key, MISSING)
        if isinstance(holder, Mapping):
            return dict.get(holder, self.key, MISSING) if isinstance(holder, dict) else holder.get(self.key, MISSING)
        if type(holder) is ContextVar:
            return holder.get(MISSING)
        return getattr(holder, self.key, MISSING)

    def put(self, value: Any) -> None:
        """Put a value there."""
        holder = self.holder
        if type(holder) is CellType:
            holder.cell_contents = value
        elif isinstance(holder, dict) and value is MISSING:
            holder.pop(self.key, None)
        elif isinstance(holder, dict | list | deque):
            holder[self.key] = value
        elif isinstance(holder, Mapping):
            return  # it can only be read
        elif isinstance(holder, type):
            type.__delattr__(holder, self.key) if value is MISSING else type.__setattr__(holder, self.key, value)
        elif type(holder) is ContextVar:
            holder.set(value)
        elif isinstance(holder, functools.partial) and self.key == "args":
            state = (holder.func, value, holder.keywords, vars(holder))
            holder.__setstate__(state)  # type: ignore[attr-defined]
        elif value is MISSING:
            object.__delattr__(holder, self.key)
        else:
            object.__setattr__(holder, self.key, value)


def contents_of(cell: Any) -> Any:
    """Return the contents of a closure's cell."""
    try:
        return cell.cell_contents
    except ValueError:
        return MISSING


def namespace_of(item: Any) -> dict[str, Any] | None:
    """Return the attributes that an object keeps, without asking what it answers for others."""
    if inspect.getattr_static(item, "__dict__", None) is None:
        return None
    namespace = getattr(item, "__dict__", None)
    return namespace if type(namespace) is dict else None
