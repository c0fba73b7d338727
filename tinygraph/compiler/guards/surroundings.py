"""Surroundings: the objects that a function finds outside its arguments, in globals, closures and attributes.

A program is made from one run. The settings, numbers and functions that the run found are part of it:

    guards        before each call they are compared; where one is another object, the function is compiled anew
    stand-ins     plain arrays become arguments of the program, so a stand-in replaces each while the function runs
    restoring     afterwards everything is put back; where the function changed a setting, it is refused, since the
                  program would not repeat the change

The code says which objects can be found: by its global names, its closure, and the attributes that it names. Code of
NumPy, of the standard library and of tinygraph's engine is not followed; that of models and optimisers is. Objects of
other libraries are read whole; an object that cannot be read is refused where the function uses it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from types import MethodType, ModuleType
from typing import Any
from weakref import WeakSet

import numpy as np

from tinygraph.compiler.guards.comparing import MISSING, is_atom, short
from tinygraph.compiler.guards.counters import Place, place_of
from tinygraph.compiler.guards.found import Found, is_plain
from tinygraph.compiler.guards.generators import same_state, set_state, state_of
from tinygraph.compiler.guards.guards import Guards, guards_of
from tinygraph.compiler.guards.kinds import BOUND, found_by
from tinygraph.compiler.guards.locations import Location
from tinygraph.compiler.guards.replacing import REPLACEABLE, replaced
from tinygraph.compiler.guards.unreadable import refused_iterator
from tinygraph.compiler.trace.python_functions import NUMBER_FUNCTIONS, of_math
from tinygraph.compiler.trace.questions import ANSWERS
from tinygraph.compiler.trace.traced import Traced
from tinygraph.engine.tensor import Tensor

__all__ = ["Surroundings", "surroundings_of"]


def surroundings_of(
    function: Callable[..., Any], objects: dict[str, Any], counting: frozenset[Place] = frozenset()
) -> Surroundings:
    """Return the surroundings of a function.

    Args:
        function: the function.
        objects: other objects that it is given, by their names.
        counting: the places of ints that change from call to call.
    """
    found, asked = found_by(function, objects)
    _name_after_variables(found)
    _find_counters(found, counting)
    # A program that reads a Tensor compares its `requires_grad` itself.
    asked_tensors = [found.seen[key] for key in found.tensors] if "requires_grad" in asked.names else []
    return Surroundings(found, guards_of(found), asked.identity, asked_tensors)


def _name_after_variables(found: Found) -> None:
    """Name each Tensor after a variable that holds it, before any longer way: "w", not "optimizer.parameters[0]".

    Without this the order of a set of names decides, which differs from run to run.
    """
    for location in found.locations:
        called = found.tensors.get(id(location.value))
        if called is not None:
            found.tensors[id(location.value)] = min(called, location.name, key=_by_length)


def _by_length(name: str) -> tuple[bool, int, str]:
    return not name.isidentifier(), len(name), name


def _find_counters(found: Found, counting: frozenset[Place]) -> None:
    """Take note of the locations and the items of containers that are counters."""
    if not counting:
        return
    found.counters = [item for item in found.locations if type(item.value) is int and place_of(item) in counting]
    for container in found.containers:
        container.counters = {item.key for item in found.counters if item.holder is container.holder}


@dataclass(frozen=True)
class Told:
    """The surroundings of a function in words.

    Attributes:
        values: the numbers and texts: "model.rate is 0.5".
        arrays: the names of the arrays.
        others: how many other objects are compared.
    """

    values: list[str]
    arrays: list[str]
    others: int


class Surroundings:
    """The surroundings of a function.

    Attributes:
        guards: compare the values of now with those that were found.
        tensors: by id the names of the Tensors that were found.
        generators: by id the random generators, with their names.
        asks_identity: whether the code asks which array is which, `x is y`.
        asked_tensors: Tensors whose `requires_grad` the code may ask for.
        counters: the locations of ints that change from call to call.
        versions: the programs that were made with these surroundings.
    """

    def __init__(self, found: Found, guards: Guards, asks_identity: bool, asked_tensors: list[Tensor]) -> None:
        self.guards = guards
        self.tensors = found.tensors
        self.generators = found.generators
        self.asks_identity = asks_identity
        self.asked_tensors = asked_tensors
        self.counters = found.counters
        self.versions: WeakSet[Any] = WeakSet()
        self._found = found
        self._arrays = found.arrays
        self._replaceable: list[Location] | None = None  # where arrays and Tensors were found
        self._states: dict[int, Any] = {}  # by the id of a generator its state before the run
        self._diverted: dict[int, tuple[Location, Any]] = {}  # by the id of a location: it, and the stand-in put there
        self._answers: dict[str, Any] = ANSWERS  # built-in functions with others in their places
        self._mapped: dict[int, Any] = {}  # by the id of a mapped file a plain view of it

    # --- at each call -------------------------------------------------------------------------------------------------

    def identities(self, leaves: list[Any]) -> list[Any]:
        """Return for each array among the leaves the first leaf that is the same array, and its id if it was found."""
        first: dict[int, int] = {}
        return [
            (first.setdefault(id(leaf), position), id(leaf) if id(leaf) in self._arrays else None)
            for position, leaf in enumerate(leaves)
            if type(leaf) is np.ndarray
        ]

    def replaced(self) -> list[tuple[Any, Any]]:
        """Return the arrays and Tensors in whose place others of their kind stand now, each with the other one."""
        if self.asks_identity:
            return []
        if self._replaceable is None:
            self._replaceable = [item for item in self._found.locations if type(item.value) in REPLACEABLE]
        return replaced(self._replaceable, self._found.elsewhere)

    def adopt(self, pairs: list[tuple[Any, Any]]) -> bool:
        """Let other arrays and Tensors stand for those that were found, if everything else is as it was.

        Args:
            pairs: each with the one that was found, and the one that is there now.
        """
        before = [(location, location.value) for location in self._replaceable or ()]
        others = {id(old): new for old, new in pairs}
        self._put_values([(location, others.get(id(value), value)) for location, value in before], others)
        if self.guards.hold():
            return True
        self._put_values(before, {id(new): old for old, new in pairs})
        return False

    def _put_values(self, values: list[tuple[Location, Any]], others: dict[int, Any]) -> None:
        """Let locations, containers and guards have other values.

        Args:
            values: of the locations.
            others: by the id of an array or a Tensor the one that stands for it.
        """
        holders = {id(container.holder): container.before for container in self._found.containers}
        for location, value in values:
            location.value = value
            items = holders.get(id(location.holder))
            if items is not None:
                items[location.key] = value
        arrays = [others.get(key, array) for key, array in self._arrays.items()]
        names = [(id(others[key]) if key in others else key, name) for key, name in self.tensors.items()]
        for known in (self._arrays, self.tensors):
            known.clear()
        self._arrays.update((id(array), array) for array in arrays)
        self.tensors.update(names)
        for key in others:
            self._found.seen.pop(key, None)  # it need not live any longer
        self.guards.renew(arrays)

    def finds(self, item: Any) -> bool:
        """Return whether the function finds a plain array outside."""
        return id(item) in self._arrays

    # --- before and while the function is traced ----------------------------------------------------------------------

    def check_iterators(self) -> None:
        """Refuse iterators that the function would ask for more, and that no stand-in can be put in the place of."""
        for name, item in self._found.iterators:
            if id(item) not in self._found.at_locations:
                raise refused_iterator(name, item)

    def told(self) -> Told:
        """Return what was found, in words."""
        counters = {id(location) for location in self.counters}
        values, arrays, others = dict[str, None](), dict[str, None](), set[int]()
        for location in self._found.locations:
            value = location.value
            if id(location) in counters or value is MISSING or type(value) is Tensor:
                continue
            if is_plain(value):
                arrays[location.name] = None
            elif is_atom(value):
                values[f"{location.name} is {short(value)}"] = None
            elif not isinstance(value, ModuleType):
                others.add(id(value))
        return Told([*values], [*arrays], len(others))

    def changed_ints(self) -> list[tuple[Location, int]]:
        """Return the ints that have changed since, each with what it is now."""
        found = []
        for location in self._found.locations:
            if type(location.value) is int and not location.shared and type(location.holder) is not ContextVar:
                now = location.now()
                if type(now) is int and now != location.value:
                    found.append((location, now))
        return found

    def divert(
        self, stand_in: Callable[[Any, str], Any], counter: Callable[[Location], Any], has_counters: bool
    ) -> None:
        """Put stand-ins where plain arrays and counters are, also inside tuples, and where unreadable objects are.

        Args:
            stand_in: returns the stand-in for an array and its name, the same one each time.
            counter: returns the stand-in for a counter, the same one for one place.
            has_counters: whether there are counters, outside or among the arguments.
        """
        self._answers = {**ANSWERS, **NUMBER_FUNCTIONS} if has_counters else ANSWERS
        self._states = {key: state_of(generator) for key, (_, generator) in self.generators.items()}
        self._diverted.clear()
        self._put_answers()
        for location in self._found.locations:
            if location.shared or location.value is MISSING:
                continue
            if location in self.counters:
                instead = counter(location)
            else:
                value = of_math(location.value) if has_counters else location.value
                instead = self._replaced(value, location.name, stand_in)
            if instead is not location.value:
                self._diverted[id(location)] = (location, instead)
                location.put(instead)

    def _replaced(self, value: Any, name: str, stand_in: Callable[[Any, str], Any]) -> Any:
        """Return what the function finds in place of a value: the value itself, unless an array is in it."""
        if is_plain(value):
            array = value if type(value) is np.ndarray else self._mapped.setdefault(id(value), value.view(np.ndarray))
            return stand_in(array, name)
        unreadable = self._found.unreadable
        if id(value) in unreadable:
            return unreadable[id(value)][1]
        kind = type(value)
        if kind is tuple:
            items = [self._replaced(item, name, stand_in) for item in value]
            return tuple(items) if any(a is not b for a, b in zip(items, value, strict=True)) else value
        if kind in BOUND or kind is MethodType:
            if is_plain(value.__self__):
                return getattr(stand_in(value.__self__, name), value.__name__)
            if id(value.__self__) in unreadable:
                return unreadable[id(value.__self__)][1]
        return value

    def _put_answers(self) -> None:
        """Let `type`, `isinstance`, `hasattr` and `id` take a stand-in for an array in the user's modules."""
        for namespace, name in self._found.asking.values():
            if name in self._answers:
                namespace[name] = self._answers[name]

    def _take_answers(self) -> None:
        for namespace, name in self._found.asking.values():
            if name in self._answers:
                namespace.pop(name, None)

    @contextmanager
    def as_it_is(self) -> Iterator[None]:
        """Put everything back while the block runs, for code that is run as it is and not recorded."""
        put = [(location, instead) for location, instead in self._diverted.values() if location.now() is instead]
        for location, _ in put:
            location.put(location.value)
        self._take_answers()
        try:
            yield
        finally:
            for location, instead in put:
                location.put(instead)
            self._put_answers()

    # --- afterwards ---------------------------------------------------------------------------------------------------

    def restore(self) -> str | None:
        """Put everything back. Return a sentence of what the function changed, or None.

        A list that it added to, an attribute that it set: each is afterwards as it was before.
        """
        self._take_answers()
        containers = [container.restore() for container in self._found.containers]
        contents = [content.restore() for content in self._found.contents]
        locations = [self._restored(location) for location in self._found.locations]
        draws = [self._rewound(key, name, generator) for key, (name, generator) in self.generators.items()]
        changes = [*reversed(contents), *reversed(containers), *locations, *draws]
        return next((change for change in changes if change is not None), None)

    def _restored(self, location: Location) -> str | None:
        """Put the value of a location back. Return a sentence of what the function put there, or None."""
        now, before = location.now(), location.value
        if now is before or (location.holder is sys.modules and isinstance(now, ModuleType)):
            return None  # an import is no change
        is_ours = now is self._diverted.get(id(location), (location, MISSING))[1] or _stands_for(now, before)
        location.put(before)
        if is_ours:
            return None
        if type(now) is type(before) is Tensor:
            return f"put another Tensor in the place of {location.name}, instead of updating it with assign()"
        return f"changed {location.name} from {short(before)} to {short(now)}"

    def _rewound(self, key: int, name: str, generator: Any) -> str | None:
        """Put a generator back into its state before the run. Return a sentence that it was drawn from, or None."""
        if same_state(state_of(generator), self._states[key]):
            return None
        set_state(generator, self._states[key])
        return f"drew from {name or 'a generator'}"


def _stands_for(now: Any, value: Any) -> bool:
    """Return whether `divert` put there what is there now."""
    if type(now) is Traced:
        return type(value) is np.ndarray and now._event.content is value
    if type(now) is tuple and type(value) is tuple and len(now) == len(value):
        return all(a is b or _stands_for(a, b) for a, b in zip(now, value, strict=True))
    return False
