"""Scopes: the `with` block, the module or the composition that a call was made in, and its name in a graph.

While calls are recorded, an `Entry` stands for each time a scope is entered. Two modules of one class, and two blocks
of one name, are two scopes. So a graph gives each of them a name of its own when it is read.
"""

from __future__ import annotations

import itertools
import re
import weakref
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Self

from tinygraph.users_code.reach import ways_to

__all__ = ["Entry", "Label", "ScopeName", "given_name", "named_scopes", "owner_of"]

Scopes = tuple[str, ...]
Ways = Callable[[Collection[int]], Mapping[int, str]]


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
        part: the place of the result among those of the user's instruction, if there are several: 2 for the third part
            of `np.split`; None for a whole result, or one on the way.
    """

    __slots__ = ("inner", "name", "part", "scope")

    def __init__(self, name: str | None, scope: Scopes, inner: bool, part: int | None = None) -> None:
        self.name = name
        self.scope = scope
        self.inner = inner
        self.part = part


class ScopeName(str):
    """The name of a scope in a graph, where no other scope inside the same one has it.

    Attributes:
        given: the name that the user gave it, which others may have too.
        base: the name without the number of a later call: "block1" for "block1 (2)".
        called: the attribute or variable that the module is known by, "block1" or "blocks[0]"; else "".
        kind: the class of the module; "" for a block.
    """

    __slots__ = ("base", "called", "given", "kind")

    base: str
    called: str
    given: str
    kind: str

    def __new__(cls, name: str) -> Self:
        """Return a name that says all there is to say."""
        made = super().__new__(cls, name)
        made.base, made.called, made.given, made.kind = name, "", name, ""
        return made


def given_name(name: str) -> str:
    """Return the name that the user gave a scope: "Residual" for "Residual 2"."""
    return name.given if isinstance(name, ScopeName) else name


def named_scopes(calls: Sequence[tuple[Scopes, int]], known: Ways = lambda owners: {}) -> list[Scopes]:
    """Name the scopes of a graph: equal names of different modules, or of different blocks, are made different.

    A module without a name of its own is named after the attribute that holds it, "block1" or "blocks[0]". Modules of
    one class are told apart by the caller's variables, or else by numbers. A module that is called again is the same
    scope once more: "Residual 1" and "Residual 1 (2)". A composition that is one call in the graph is no scope: the
    call says it all.

    Args:
        calls: for each call of the graph, in execution order, its scopes, outermost first, and its order.
        known: finds the variables that lead to some modules; see `reach.ways_to`.

    Returns:
        The names of those scopes.
    """
    lone = _lone(calls)
    # Most calls share the scopes of the call before, or of the one that they differentiate.
    distinct = {id(scopes): scopes for scopes, _ in calls}
    paths = {key: tuple([entry for entry in scopes if id(entry) not in lone]) for key, scopes in distinct.items()}
    names = _names(paths.values(), known)
    found = {
        key: tuple([names[ids[:end]] for end in range(1, len(ids) + 1)])
        for key, ids in zip(paths, map(_ids, paths.values()), strict=True)
    }
    return [found[id(scopes)] for scopes, _ in calls]


def owner_of(entry: str) -> Any:
    """Return the module whose call an entry is; None for a block, and for a module that is no longer there."""
    reference = getattr(entry, "owner", None)
    return None if reference is None else reference()


def _lone(calls: Sequence[tuple[Scopes, int]]) -> set[int]:
    """Return the entries of compositions that made one call of these, or none."""
    distinct = {id(scopes): scopes for scopes, _ in calls}  # many calls share their scopes
    made: dict[int, int] = {}
    for (key, when), count in Counter([(id(scopes), when) for scopes, when in calls]).items():
        for entry in distinct[key]:
            if hasattr(entry, "left") and not hasattr(entry, "owner"):
                made[id(entry)] = made.get(id(entry), 0) + (count if when < entry.left else 0)
    return {entry for entry, count in made.items() if count <= 1}


Ids = tuple[int, ...]


def _called(places: Iterable[Scopes], known: Ways) -> dict[int, str]:
    """Return the attributes and variables of modules, as the innermost module around them has them, by identity."""
    outermost: dict[int, Any] = {}
    inside: dict[int, dict[int, int]] = {}  # by the modules around, the modules inside, by the ids of the modules
    owners: dict[int, Any] = {}
    for path in places:
        (*around, entry), owner = path, owner_of(path[-1])
        if owner is None:
            continue
        identity = id(getattr(entry, "owner", entry))
        owners[identity] = owner
        enclosing = [outer for each in around if (outer := owner_of(each)) is not None]
        for outer in enclosing:
            owners[id(outer)] = outer
            inside.setdefault(id(outer), {})[id(owner)] = identity
        if not enclosing:
            outermost[id(owner)] = identity
    found = {outermost[owner]: way for owner, way in known(outermost).items()}
    for outer, modules in inside.items():
        for owner, way in ways_to(modules, {"self": owners[outer]}).items():
            if len(way) < len(found.get(modules[owner], way + " ")):
                found[modules[owner]] = way
    return found


def _is_of_attribute(name: str, way: str) -> bool:
    """Return whether a module has the name that it gets from its attribute: "blocks_0" from `self.blocks[0]`."""
    return re.sub(r"\W+", "_", way).strip("_") == name


def _is_own_class(own: int, name: str, places: Mapping[Ids, Scopes]) -> bool:
    """Return whether a module is named after its class: it was given no name."""
    entries = (path[-1] for path in places.values() if _identities(path)[-1] == own)
    return any(owner is not None and type(owner).__name__ == name for owner in map(owner_of, entries))


def _ids(path: Scopes) -> Ids:
    return tuple(map(id, path))


def _identities(path: Scopes) -> Ids:
    """Return the modules and blocks of a path: entries of one module are the same."""
    return tuple([id(getattr(entry, "owner", entry)) for entry in path])


def _names(paths: Iterable[Scopes], known: Ways) -> dict[Ids, ScopeName]:
    """Return the name of each scope, by the entries that lead to it."""
    places: dict[Ids, Scopes] = {}
    for path in paths:
        for end in range(1, len(path) + 1):
            places.setdefault(_ids(path)[:end], path[:end])
    called = _called(places.values(), known)
    given: dict[Ids, set[str]] = {}
    alike: dict[tuple[Ids, str], dict[int, str]] = {}
    for path in places.values():
        around, own = _identities(path)[:-1], _identities(path)[-1]
        given.setdefault(around, set()).add(path[-1])
        alike.setdefault((around, path[-1]), {})[own] = path[-1]
    for (around, name), scopes in alike.items():
        numbers = _free(f"{name} ", 1, "", given[around])
        for own in scopes:
            way = called.get(own, "")
            if way == name or (way in given[around]):
                way = ""
            if way and (_is_of_attribute(name, way) or (len(scopes) > 1 and _is_own_class(own, name, places))):
                scopes[own] = way
            elif len(scopes) > 1:
                scopes[own] = next(numbers)
    found: dict[Ids, ScopeName] = {}
    again: dict[tuple[Ids, int], Iterator[str]] = {}
    for ids, path in places.items():
        around, own = _identities(path)[:-1], _identities(path)[-1]
        name = alike[around, path[-1]][own]
        times = again.get((ids[:-1], own))
        again.setdefault((ids[:-1], own), _free(f"{name} (", 2, ")", given[around]))
        scope = found[ids] = ScopeName(name if times is None else next(times))
        owner = owner_of(path[-1])
        scope.given, scope.base = str(path[-1]), name
        scope.called, scope.kind = called.get(own, ""), "" if owner is None else type(owner).__name__
    return found


def _free(before: str, start: int, after: str, taken: set[str]) -> Iterator[str]:
    """Yield texts with a number in them, counted up from `start`, that are not taken."""
    texts = (f"{before}{number}{after}" for number in itertools.count(start))
    return (text for text in texts if text not in taken)
