"""Counters: the ints that change from call to call, found among the arguments and outside.

An int is part of the signature, or is guarded. At its third value it is a counter: the function is recorded with a
stand-in for it, and if Python does not ask for its value, the program is given a number at each call. Where Python
asks, the int steers the function, and each of its values has a program, as before.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from tinygraph.compiler.guards.arguments import Counter
from tinygraph.compiler.guards.locations import Location
from tinygraph.containers import taken_apart

__all__ = ["Counters", "Place", "marked", "place_of"]

# A path among the arguments, ("config", "epoch"), or (None, the id of the holder, the key).
Place = tuple[Any, ...]
# An int gets a stand-in at so many values.
VALUES = 3
# More ints among the arguments are data, a list of indices.
INTS = 64


def place_of(location: Location) -> Place:
    """Return the place of an int that a function finds outside."""
    return (None, id(location.holder), location.key)


class Counters:
    """The ints that one compiled function met with several values.

    Attributes:
        counting: the places of those that programs are given.
        steering: the places of those that a function asked for their values.
        names: by its place the name of an int.
        reasons: by its place a clause that says where a function asked an int for its value.
    """

    def __init__(self) -> None:
        self.counting: frozenset[Place] = frozenset()
        self.steering: set[Place] = set()
        self.names: dict[Place, str] = {}
        self.reasons: dict[Place, str] = {}
        self._values: dict[Place, set[int]] = {}
        self._holders: dict[Place, Any] = {}  # they stay alive, so that no other object gets their ids

    def meet_arguments(self, given: Iterable[tuple[str, Any]]) -> None:
        """Take note of the ints among the arguments of a call that is compiled, which are given with their names."""
        found = [item for name, value in given for item in _ints_in(value, (name,))]
        for place, value in found if len(found) <= INTS else ():
            self._meet(place, _text_of(place), value)

    def meet_outside(self, changed: Iterable[tuple[Location, int]]) -> None:
        """Take note of ints outside that have changed, each with what it is now."""
        for location, now in changed:
            place = place_of(location)
            self._holders[place] = location.holder
            self._meet(place, location.name, location.value)
            self._meet(place, location.name, now)

    def _meet(self, place: Place, name: str, value: int) -> None:
        if place in self.counting or place in self.steering:
            return
        met = self._values.setdefault(place, set())
        met.add(value)
        if len(met) >= VALUES:
            self.counting |= {place}
            self.names[place] = name
            del self._values[place]

    def steer(self, places: Iterable[Place]) -> None:
        """Take note that a function asks some counters for their values: they are counters no longer."""
        self.steering |= {*places}
        self.counting -= self.steering

    def note(self, places: Iterable[Place], why: str) -> None:
        """Take note of the reason why some counters are none."""
        self.reasons.update(dict.fromkeys(places, why.removeprefix("compile: ")))

    def told(self, but_for: frozenset[Place]) -> list[str]:
        """Return a sentence for each int that had several values, but for those of which no program was made yet."""
        counting = self.counting - but_for
        given = [f"{self.names[place]} is given at each call, since its third value" for place in counting]
        asked = [
            f"{self.names[place]} has a program for each value: {self.reasons[place]}"
            for place in self.steering
            if place in self.reasons
        ]
        return [*sorted(given), *sorted(asked)]


def marked(names: Sequence[str], values: Sequence[Any], counting: frozenset[Place]) -> list[Any]:
    """Return arguments with a `Counter` in place of each int that counts."""
    heads = {place[0] for place in counting}
    pairs = zip(names, values, strict=True)
    return [_marked(value, (name,), counting) if name in heads else value for name, value in pairs]


def _marked(value: Any, place: Place, counting: frozenset[Place]) -> Any:
    kind = type(value)
    if kind is int:
        return Counter(value, place) if place in counting else value
    if kind is dict:
        return {key: _marked(item, (*place, key), counting) for key, item in value.items()}
    if kind is list or kind is tuple:
        return kind([_marked(item, (*place, key), counting) for key, item in enumerate(value)])
    container = taken_apart(value)
    if container is not None:
        pairs = zip(container.keys, container.items_of(value), strict=True)
        return container.holding([_marked(item, (*place, key), counting) for key, item in pairs])
    return value


def _ints_in(value: Any, place: Place) -> list[tuple[Place, int]]:
    """Return the ints in an argument with their places."""
    kind = type(value)
    if kind is int:
        return [(place, value)]
    if kind is dict or kind is list or kind is tuple:
        items = list(value.items() if kind is dict else enumerate(value))
    else:
        container = taken_apart(value)
        items = [] if container is None else list(zip(container.keys, container.items_of(value), strict=True))
    if len(items) > INTS:
        return []
    return [found for key, item in items for found in _ints_in(item, (*place, key))]


def _text_of(place: Place) -> str:
    return "".join([str(place[0]), *[f"[{key!r}]" for key in place[1:]]])
