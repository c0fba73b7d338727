"""Reach: objects that a variable leads to, and the way there as the user writes it: `layers[0].w`, `params["b"]`."""

from __future__ import annotations

import types
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

import numpy as np

from tinygraph.users_code.targets import key_text

__all__ = ["ways_to"]

# A notebook may hold anything. A walk through 20,000 objects takes about 10 ms.
MOST_OBJECTS = 20_000
MOST_ITEMS = 1000
MOST_STEPS = 4
CLOSED = (str, bytes, int, float, complex, type, np.ndarray, np.generic, types.ModuleType, types.FunctionType)
NOTEBOOKS_OWN = frozenset(("In", "Out", "exit", "quit", "get_ipython"))


def ways_to(
    wanted: Collection[int],
    roots: Mapping[str, Any],
    identity: Callable[[Any], int | None] = id,
    whole: tuple[type, ...] = (),
) -> dict[int, str]:
    """Return the shortest way to each object that is wanted and found, by its identity.

    No code of the user's runs: no property, and no `__getattr__`.

    Args:
        wanted: the identities of objects.
        roots: variables by name. The way from `self` leaves "self." out.
        identity: the identity of an object; None for an object that is not looked for.
        whole: types whose objects are not looked into.
    """
    found: dict[int, str] = {}
    missing = set(wanted)
    seen: set[int] = set()
    queue = deque((name, value, 0) for name, value in roots.items() if not _is_private(name))
    while queue and missing and len(seen) < MOST_OBJECTS:
        way, item, steps = queue.popleft()
        if isinstance(item, CLOSED) or id(item) in seen:
            continue
        seen.add(id(item))
        if way != "self" and (key := identity(item)) in missing and key is not None:
            found[key] = way
            missing.discard(key)
        if steps < MOST_STEPS and not isinstance(item, whole):
            queue.extend((f"{way}{step}".removeprefix("self."), part, steps + 1) for step, part in _parts(item))
    return found


def _is_private(name: str) -> bool:
    return name.startswith("_") or not name.isidentifier() or name in NOTEBOOKS_OWN


def _parts(item: Any) -> Iterator[tuple[str, Any]]:
    """Yield the items and attributes of an object, with the text that leads there from the object: "[0]", ".w"."""
    fields = getattr(type(item), "_fields", None)
    few = not isinstance(item, dict | list | tuple) or len(item) <= MOST_ITEMS
    if isinstance(item, dict) and few:
        yield from ((f"[{text}]", part) for key, part in list(item.items()) if (text := key_text(key)))
    elif isinstance(item, tuple) and isinstance(fields, tuple):
        yield from ((f".{field}", part) for field, part in zip(fields, item, strict=False))
    elif isinstance(item, list | tuple) and few:
        yield from ((f"[{place}]", part) for place, part in enumerate(list(item)))
    if type(item) not in (dict, list, tuple):
        yield from ((f".{name}", part) for name, part in _attributes(item) if not name.startswith("_"))


def _attributes(item: Any) -> list[tuple[str, Any]]:
    """Return the attributes that an object holds, those in slots included."""
    try:
        held = object.__getattribute__(item, "__dict__")
    except AttributeError:
        held = {}
    found = list(held.items()) if type(held) is dict and len(held) <= MOST_ITEMS else []
    for kind in type(item).__mro__:
        for name, descriptor in list(vars(kind).items()):
            if type(descriptor) is types.MemberDescriptorType and not name.startswith("_"):
                try:
                    found.append((name, descriptor.__get__(item)))
                except AttributeError:
                    continue
    return found
