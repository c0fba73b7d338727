"""The user's names of a graph's values: variables, attributes of modules, items of lists and dicts.

w                a variable of the caller, or of the function that made the value
scale            self.scale of the module around it
layers[0].w      the way to it from a variable of the caller, or from an attribute of the outermost module
images           a plain array that the caller gave to a layer
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from types import FrameType
from typing import Any

import numpy as np

from tinygraph.engine.keeping import Held
from tinygraph.engine.links import Call, Leaf, Put, links_in, name_of, scope_of, target_of
from tinygraph.engine.scopes import owner_of
from tinygraph.engine.tensor import Tensor
from tinygraph.users_code.reach import ways_to
from tinygraph.users_code.source import names_read
from tinygraph.users_code.targets import loop_variables

__all__ = ["GivenName", "Surroundings"]


class GivenName(str):
    """The variable of a plain array that the user gave to a layer, where a call inside the layer takes the array."""

    __slots__ = ()


class Surroundings:
    """The variables around a graph, and the modules that its calls were made in.

    Attributes:
        values: the values of the Tensors among the variables, by the id of the link.
    """

    def __init__(self, links: list[Any], frame: FrameType | None) -> None:
        """Look around.

        Args:
            links: of the graph, in execution order.
            frame: whose code can see the variables; None for none.
        """
        self._links = links
        self._spaces: list[dict[str, Any]] = [] if frame is None else [frame.f_globals]
        if frame is not None and frame.f_locals is not frame.f_globals:
            self._spaces.insert(0, dict(frame.f_locals))
        self._loops = frozenset() if frame is None else loop_variables(frame.f_code)
        self._arrays: dict[tuple[Any, int], dict[str, np.ndarray[Any, Any]]] = {}
        variables = _variables(self._spaces)
        self.values = {id(tensor._link): tensor._value for tensor in variables.values()}
        self._variables: dict[int, str] = {}
        self._of_loops: dict[int, str] = {}
        for name, tensor in variables.items():
            named = self._of_loops if name in self._loops else self._variables
            named.setdefault(id(tensor._link), name)

    def names(self) -> dict[int, str]:
        """Return the names of links by their ids. A link without a name is not among them."""
        written = _written_values(self._links)
        targets = {id(link): target_of(link) or "" for link in self._links if not isinstance(link, Put)}
        found: dict[int, str] = {}
        for link in self._links:
            own = targets.get(id(link), "")
            name = name_of(link) or self._variables.get(id(link)) or (own if own.isidentifier() else None)
            if name:
                found[id(link)] = name
        ways = self._ways(found)
        times = Counter(found.values())
        for link in self._links:
            key = id(link)
            said = found.get(key)
            ambiguous = isinstance(link, Leaf) and said is not None and times[said] > 1 and not name_of(link)
            if key in ways and (said is None or (ambiguous and key not in self._variables)):
                found[key] = ways[key]
            elif said is None and (name := self._otherwise(link, targets.get(key, ""), written)):
                found[key] = name
        return found

    def _otherwise(self, link: Any, target: str, written: set[int]) -> str:
        """Return the name of a link that no way leads to: 'params["b"]' on the line that made it, or a loop's variable.

        In `y[0] = t` the target of a value may be a part of an array, which is no name of the value.
        """
        loop = self._of_loops.get(id(link), "")
        return loop if id(link) in written or not target else target

    def given(self, call: Call) -> tuple[GivenName | None, ...]:
        """Return the variables of the plain arrays that the user gave to a layer, for each argument of a call inside.

        The instruction is the user's call of the layer. The array inside may be a copy in another dtype, so that the
        variable is known by its content. A name is None where no variable of that call has this content, or several.
        """
        arrays = self._arrays_read(call)
        return tuple([_only_equal(item, arrays) for item in call.args])

    def _arrays_read(self, call: Call) -> Mapping[str, np.ndarray[Any, Any]]:
        """Return the variables with plain arrays that an instruction of the user's reads."""
        place = (call.code, call.lasti)
        if call.code is not None and place not in self._arrays:
            variables = {
                name: next((space[name] for space in self._spaces if name in space), None)
                for name in names_read(call.code, call.lasti)
            }
            self._arrays[place] = {name: array for name, array in variables.items() if type(array) is np.ndarray}
        return self._arrays.get(place, {})

    def modules(self, wanted: Collection[int]) -> Mapping[int, str]:
        """Return the ways from variables to modules, by the ids of the modules. A loop's variable is none."""
        found: dict[int, str] = {}
        for space in self._spaces:
            stable = {name: value for name, value in space.items() if name not in self._loops}
            found = ways_to(set(wanted) - set(found), stable) | found if len(found) < len(wanted) else found
        return found

    def _ways(self, named: Mapping[int, str]) -> dict[int, str]:
        """Return the ways to the links without a name, or with one that others have too."""
        times = Counter(named.values())
        wanted = {id(link) for link in self._links if times[named.get(id(link), "")] != 1}
        wanted = {key for key in wanted if key not in self._variables}
        inside: list[Mapping[str, Any]] = [{"self": owner} for owner in _outermost_modules(self._links)]
        found: dict[int, str] = {}
        for space in [*inside, *self._spaces]:
            if len(found) < len(wanted):
                stable = {name: value for name, value in space.items() if name not in self._loops}
                ways = ways_to(wanted - set(found), stable, _link_of, (Tensor,))
                shared = Counter([*ways.values(), *found.values()])
                found |= {key: way for key, way in ways.items() if way not in named.values() and shared[way] == 1}
        return found


def _only_equal(item: Any, variables: Mapping[str, np.ndarray[Any, Any]]) -> GivenName | None:
    """Return the variable whose array is that of an argument; None for none and for several."""
    array = item._value if type(item) is Held else item
    if not isinstance(array, np.ndarray) or array.ndim == 0:
        return None
    found = [
        name
        for name, each in variables.items()
        if each.shape == array.shape
        and np.can_cast(each.dtype, array.dtype, "same_kind")
        and np.array_equal(each.astype(array.dtype), array)
    ]
    return GivenName(found[0]) if len(found) == 1 else None


def _link_of(item: Any) -> int | None:
    return id(item._link) if type(item) is Tensor else None


def _variables(spaces: list[dict[str, Any]]) -> dict[str, Tensor]:
    """Return the Tensors among the variables that the code of a frame can see, the innermost first."""
    found: dict[str, Tensor] = {}
    for space in spaces:
        for name, value in list(space.items()):
            if type(value) is Tensor and name.isidentifier() and not name.startswith("_"):  # pytest makes "@py_assert1"
                found.setdefault(name, value)
    return found


def _written_values(links: list[Any]) -> set[int]:
    """Return the ids of the links that are written into arrays."""
    puts = [link for link in links if isinstance(link, Put)]
    return {id(value) for put in puts for value in links_in(put.args[2:])}


def _outermost_modules(links: list[Any]) -> list[Any]:
    """Return the modules that calls were made in, without those inside other modules, each once."""
    found: dict[int, Any] = {}
    for link in links:
        owners = [owner_of(entry) for entry in scope_of(link)] if isinstance(link, Call) else []
        outermost = next((owner for owner in owners if owner is not None), None)
        if outermost is not None:
            found[id(outermost)] = outermost
    return list(found.values())
