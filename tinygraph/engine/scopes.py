"""Scopes: the `with` block, the module or the composition that a call was made in, and its name in a graph.

While calls are recorded, an `Entry` stands for each time a scope is entered. Two modules of one class, and two blocks
of one name, are two scopes. So a graph gives each of them a name of its own when it is read.
"""

from __future__ import annotations

import itertools
import weakref
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

__all__ = ["Entry", "Label", "ScopeName", "given_name", "named_scopes"]

Scopes = tuple[str, ...]


class Entry(str):
    """One entry into a scope: as a text the scope's name, as an object this entry and no other.

    Attributes:
        owner: a weak reference to the module that was called. A block, which is new each time, has none.
        left: when a composition returned, on the counter that numbers the calls. Modules and blocks have none.
    """

    __slots__ = ("left", "owner")

    owner: Any
    left: int

    @classmethod
    def of(cls, name: str, owner: Any) -> Entry:
        """A call of a module."""
        entry = cls(name)
        entry.owner = weakref.ref(owner)  # the same reference each time, as long as the module is there
        return entry


class Label:
    """The label of a call that was made in a scope, or whose result was given a name.

    Calls share a label, so that it is never changed.

    Attributes:
        name: the name that the user gave the result, or None.
        scope: the entries into the scopes that the call was made in, outermost first.
        inner: True for a call inside a composition, or in the rule of a derivative: the user's instruction is that of
            the whole, and the variable that it assigns gets another result.
    """

    __slots__ = ("inner", "name", "scope")

    def __init__(self, name: str | None, scope: Scopes, inner: bool) -> None:
        self.name = name
        self.scope = scope
        self.inner = inner


class ScopeName(str):
    """The name of a scope in a graph, where no other scope inside the same one has it.

    Attributes:
        given: the name that the user gave it, which others may have too.
    """

    __slots__ = ("given",)

    given: str


def given_name(name: str) -> str:
    """Return the name that the user gave a scope: "Residual" for "Residual 2"."""
    return name.given if isinstance(name, ScopeName) else name


def named_scopes(calls: Sequence[tuple[Scopes, int]]) -> list[Scopes]:
    """Name the scopes of a graph: equal names of different modules, or of different blocks, are numbered.

    A module that is called again is the same scope once more: "Residual 1" and "Residual 1 (2)". A composition that is
    one call in the graph is no scope: the call says it all.

    Args:
        calls: for each call of the graph, in execution order, its scopes, outermost first, and its order.

    Returns:
        The names of those scopes.
    """
    lone = _lone(calls)
    paths = [tuple([entry for entry in scopes if id(entry) not in lone]) for scopes, _ in calls]
    names = _names(paths)
    return [tuple([names[ids[:end]] for end in range(1, len(ids) + 1)]) for ids in map(_ids, paths)]


def _lone(calls: Iterable[tuple[Scopes, int]]) -> set[int]:
    """Return the entries of compositions that made one call of these, or none."""
    made: dict[int, int] = {}
    for scopes, when in calls:
        for entry in scopes:
            if hasattr(entry, "left") and not hasattr(entry, "owner"):
                made[id(entry)] = made.get(id(entry), 0) + (when < entry.left)
    return {entry for entry, count in made.items() if count <= 1}


Ids = tuple[int, ...]


def _ids(path: Scopes) -> Ids:
    return tuple(map(id, path))


def _identities(path: Scopes) -> Ids:
    """Return the modules and blocks of a path: entries of one module are the same."""
    return tuple([id(getattr(entry, "owner", entry)) for entry in path])


def _names(paths: Iterable[Scopes]) -> dict[Ids, ScopeName]:
    """Return the name of each scope, by the entries that lead to it."""
    places: dict[Ids, Scopes] = {}
    for path in paths:
        for end in range(1, len(path) + 1):
            places.setdefault(_ids(path)[:end], path[:end])
    given: dict[Ids, set[str]] = {}
    alike: dict[tuple[Ids, str], dict[int, str]] = {}
    for path in places.values():
        around, own = _identities(path)[:-1], _identities(path)[-1]
        given.setdefault(around, set()).add(path[-1])
        alike.setdefault((around, path[-1]), {})[own] = path[-1]
    for (around, name), scopes in alike.items():
        if len(scopes) > 1:
            numbers = _free(f"{name} ", 1, "", given[around])
            scopes.update({own: next(numbers) for own in scopes})
    found: dict[Ids, ScopeName] = {}
    again: dict[tuple[Ids, int], Iterator[str]] = {}
    for ids, path in places.items():
        around, own = _identities(path)[:-1], _identities(path)[-1]
        name = alike[around, path[-1]][own]
        times = again.get((ids[:-1], own))
        again.setdefault((ids[:-1], own), _free(f"{name} (", 2, ")", given[around]))
        found[ids] = ScopeName(name if times is None else next(times))
        found[ids].given = str(path[-1])
    return found


def _free(before: str, start: int, after: str, taken: set[str]) -> Iterator[str]:
    """Yield texts with a number in them, counted up from `start`, that are not taken."""
    texts = (f"{before}{number}{after}" for number in itertools.count(start))
    return (text for text in texts if text not in taken)
