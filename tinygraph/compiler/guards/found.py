"""Found: everything that one walk through a function's surroundings found, sorted by its use."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tinygraph.compiler.guards.containers import Container
from tinygraph.compiler.guards.contents import Content
from tinygraph.compiler.guards.generators import EVERYBODYS
from tinygraph.compiler.guards.locations import Location
from tinygraph.compiler.guards.unreadable import Unreadable

__all__ = ["Found", "is_plain"]


@dataclass(eq=False)
class Found:
    """The objects that a function, and the code it calls, can find outside.

    Attributes:
        locations: where each value was found.
        containers: the dicts, lists, sets and deques, with their items.
        contents: objects of libraries that can be read, with the bytes in them.
        functions: the user's functions.
        hiding: namespaces of the user's classes and objects. A new entry in one hides what stood behind it.
        classes: objects of the user's with their classes.
        bases: classes of the user's with the classes that they inherit from.
        arrays: by id the plain arrays, which become arguments of the program.
        tensors: by id the names of the Tensors.
        generators: by id the random generators, with their names.
        unreadable: by id the objects that cannot be read, each with the stand-in that refuses to be used.
        iterators: the iterators, with their names.
        asking: namespaces of functions that use `type`, `isinstance`, `hasattr`, `id`, `min` or `max`, each with that
            name.
        seen: by id every object that was looked into. It stays alive here, so that no other object gets its id.
        counters: the locations of ints that change from call to call.
        elsewhere: the ids of arrays and Tensors that the function finds at no location, inside a tuple for instance.
        at_locations: the ids of the values for which a stand-in can be put: those at a location, or inside one.
    """

    locations: list[Location] = field(default_factory=list)
    containers: list[Container] = field(default_factory=list)
    contents: list[Content] = field(default_factory=list)
    functions: list[Any] = field(default_factory=list)
    hiding: list[Any] = field(default_factory=list)
    classes: list[tuple[Any, type]] = field(default_factory=list)
    bases: list[tuple[type, tuple[type, ...]]] = field(default_factory=list)
    arrays: dict[int, Any] = field(default_factory=dict)
    tensors: dict[int, str] = field(default_factory=dict)
    generators: dict[int, tuple[str, Any]] = field(default_factory=dict)
    unreadable: dict[int, tuple[Any, Unreadable]] = field(default_factory=dict)
    iterators: list[tuple[str, Any]] = field(default_factory=list)
    asking: dict[tuple[int, str], tuple[dict[str, Any], str]] = field(default_factory=dict)
    seen: dict[int, Any] = field(default_factory=dict)
    counters: list[Location] = field(default_factory=list)
    elsewhere: set[int] = field(default_factory=set)
    at_locations: set[int] = field(default_factory=set)

    def add_everybodys_generators(self) -> None:
        """Add the generators that `np.random` and `random` draw from, which every function finds."""
        for generator, name in EVERYBODYS:
            self.generators.setdefault(id(generator), (name, generator))


def is_plain(value: Any) -> bool:
    """Return whether a value is an array that can be an argument of a program; a file that is mapped is one, too."""
    return type(value) in (np.ndarray, np.memmap) and value.dtype.kind in "fciub"
