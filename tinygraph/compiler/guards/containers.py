"""Containers: dicts, lists, sets and deques that a function finds, with the items that they had."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tinygraph.compiler.guards.comparing import ATOMS, MISSING, equal, key_in_set, same_items, short

__all__ = ["ITEMS", "Container"]

# In a container of more items than these a number has no location of its own.
ITEMS = 4096


@dataclass(eq=False)
class Container:
    """A container that was found, and its items.

    Attributes:
        name: as the user would write it.
        holder: the container.
        before: its items: a dict for a mapping, a set for a set, else a list.
        whole: whether each of its items matters, as opposed to those that the code names.
        counters: the keys of ints that change from call to call.
    """

    name: str
    holder: Any
    before: Any
    whole: bool
    counters: set[Any] = field(default_factory=set)

    def holds(self) -> bool:
        """Return whether it has the items that it had, in their order."""
        holder, before = self.holder, self.before
        if isinstance(holder, set):
            return bool(holder == before) and {*map(key_in_set, holder)} == {*map(key_in_set, before)}
        if len(holder) != len(before):
            return False
        if self.counters:
            return self._holds_apart_from_counters()
        if isinstance(before, dict):
            return same_items([*holder], [*before]) and same_items([*holder.values()], [*before.values()])
        return same_items(holder, before)

    def _holds_apart_from_counters(self) -> bool:
        """Return whether it has the items that it had, but for those ints that change from call to call."""
        holder, before = self.holder, self.before
        if not isinstance(before, dict):
            holder, before = dict(enumerate(holder)), dict(enumerate(before))
        if not same_items([*holder], [*before]):
            return False
        keys = [key for key in before if key not in self.counters]
        return same_items([holder[key] for key in keys], [before[key] for key in keys])

    def told(self) -> str:
        """Return a sentence of what has changed, for a message."""
        holder, before, name = self.holder, self.before, self.name or "a container"
        if isinstance(holder, set) or len(holder) != len(before):
            return f"{name} has other items"
        for key, was in before.items() if isinstance(before, dict) else enumerate(before):
            now = holder[key] if not isinstance(holder, Mapping) or key in holder else MISSING
            if now is not was and not equal(now, was) and key not in self.counters:
                return f"{name}[{key!r}] was {short(was)} and is {short(now)}"
        return f"{name} has another order"

    def restore(self) -> str | None:
        """Take away what was added, put back what was taken. Return a sentence that says which, or None."""
        if isinstance(self.holder, dict):
            return self._restore_keys()
        if self.holds() or (isinstance(self.holder, Mapping) and not isinstance(self.holder, MutableMapping)):
            return None
        if isinstance(self.holder, MutableMapping):
            self._fill()
            return f"changed what is in {self.name or 'a mapping'}"
        if isinstance(self.holder, np.ndarray):
            for index, item in enumerate(self.before):
                self.holder[index] = item
            return f"changed the items of {self.name or 'an array'}"
        if isinstance(self.holder, set):
            self._fill()
            return f"changed {self.name or 'a set'}"
        return self._restore_list()

    def _restore_keys(self) -> str | None:
        """Give a dict the keys that it had. Each value has a location, and is put back there."""
        holder, before = self.holder, self.before
        new = [key for key in holder if key not in before]
        for key in new:
            del holder[key]
        if [*holder] != [*before]:  # a key that was taken away comes back where it was
            self._fill()
            return f"changed the keys of {self.name or 'a dict'}"
        return f"set {self.name}.{new[0]}" if new and self.name else f"set {new[0]}" if new else None

    def _restore_list(self) -> str | None:
        """Give a list or a deque the items that it had, but for those that are put back at their locations."""
        holder, before = self.holder, self.before
        numbers = (was is not now and isinstance(was, ATOMS) for now, was in zip(holder, before, strict=False))
        if len(holder) == len(before) and (len(before) <= ITEMS or not any(numbers)):
            return None
        changed = "the length" if len(holder) != len(before) else "the items"
        holder.clear()
        holder.extend(before)
        return f"changed {changed} of {self.name or 'a list'}"

    def _fill(self) -> None:
        self.holder.clear()
        self.holder.update(self.before)
