"""The walk: from a function to each object that it can find, and from there to the objects inside.

    walk.look(item, name)     looks into an object, by its kind
    walk.add(location)        keeps a location, and looks into its value later

The kinds of objects, with what is inside an object of each, are in `kinds.py`, `in_code.py` and `in_objects.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tinygraph.compiler.guards.asked import Asked
from tinygraph.compiler.guards.comparing import is_atom
from tinygraph.compiler.guards.contents import Content, generators_in, lends_memory, reader_of
from tinygraph.compiler.guards.found import Found
from tinygraph.compiler.guards.locations import Location
from tinygraph.compiler.guards.replacing import REPLACEABLE
from tinygraph.compiler.guards.unreadable import stand_in_for

__all__ = ["Walk"]

# The walk ends at so many locations: a table of data, not settings.
LOCATIONS = 100_000


def _distance(name: str) -> tuple[int, int, str]:
    """Return the number of items and attributes on the way to a location, for comparisons."""
    return name.count(".") + name.count("["), len(name), name


class Walk:
    """One walk through the surroundings of a function.

    Attributes:
        asked: the attributes that the code asks for. Each function on the way adds its own.
        found: the objects found so far.
    """

    def __init__(self, asked: Asked, look_into: Callable[[Walk, Any, str], None]) -> None:
        self.asked = asked
        self.found = Found()
        self._look_into = look_into
        self._waiting: list[tuple[Any, str]] = []
        self._in_classes: set[tuple[int, str]] = set()

    def go(self, items: list[tuple[Any, str]]) -> Found:
        """Look into some objects, each given with its name, and into all that they lead to."""
        self._waiting = items
        while self._waiting and len(self.found.locations) < LOCATIONS:
            self._look(*self._waiting.pop())
        self._name_tensors()
        return self.found

    def _name_tensors(self) -> None:
        """Call each Tensor by the nearest of its locations: "w", and not "optimizer.parameters[0]"."""
        names = self.found.tensors
        for location in self.found.locations:
            key = id(location.value)
            if key in names:
                names[key] = min(names[key], location.name, key=_distance)

    def look(self, item: Any, name: str) -> None:
        """Look into an object that is at no location of its own, unless it was looked into before."""
        if type(item) in REPLACEABLE:
            self.found.elsewhere.add(id(item))
        self._look(item, name)

    def _look(self, item: Any, name: str) -> None:
        if not is_atom(item) and id(item) not in self.found.seen:
            self.found.seen[id(item)] = item
            self._look_into(self, item, name)

    def add(self, location: Location) -> None:
        """Keep a location. Its value is looked into later."""
        self.found.locations.append(location)
        self.found.at_locations.add(id(location.value))
        self._waiting.append((location.value, location.name))

    def look_later(self, item: Any, name: str) -> None:
        """Look into an object that stays where it is, after what is being looked into now."""
        self._waiting.append((item, name))

    def is_new(self, kind: type, key: str) -> bool:
        """Return whether an attribute of a class was not met before, and take note of it."""
        if (id(kind), key) in self._in_classes:
            return False
        self._in_classes.add((id(kind), key))
        return True

    def read(self, item: Any, name: str) -> bool:
        """Read the content of an object, to be compared at each call. Return whether that can be done."""
        reader = reader_of(item)
        if reader is None:
            return False
        self.found.contents.append(Content.of(item, name, reader))
        for generator in [] if lends_memory(item) else generators_in(item):
            self.found.generators.setdefault(id(generator), (name, generator))
        return True

    def read_or_refuse(self, item: Any, name: str) -> None:
        """Read the content of an object, or refuse the object where the function uses it."""
        if not self.read(item, name):
            self.refuse(item, name)

    def refuse(self, item: Any, name: str) -> None:
        """Refuse an object where the function uses it."""
        self.found.unreadable[id(item)] = (item, stand_in_for(item, name))
