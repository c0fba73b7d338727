"""The scopes of a picture: each entry into a scope is a scope of its own, and a time step gets a card of its own.

A graph names each entry into a scope differently: two modules of one class, two blocks of one name, two calls of one
module. Calls that follow one another under the same name are one occurrence. A name that comes back after other calls,
in a recorded backward pass for instance, is another occurrence, titled "cell, part 2". An occurrence is a stretch of
the execution order, so its card never lies on a cycle.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

from tinygraph.drawing.grouping.repeats import repeat_of
from tinygraph.drawing.words.text import clean, clip
from tinygraph.engine.scopes import ScopeName, given_name
from tinygraph.graph import Graph

__all__ = ["Path", "Scope", "call_places", "common", "input_places", "is_of_module"]


LONGEST_CLASS = 16
LONGEST_TITLE = 32


@dataclass(frozen=True)
class Scope:
    """One occurrence of a scope.

    Attributes:
        key: its number in the order of first use, unique in a graph.
        names: its name and those of the scopes around it, outermost first.
        title: the text on its box.
    """

    key: int
    names: tuple[str, ...]
    title: str

    def answers_to(self, name: str) -> bool:
        """Return whether `name` may mean this one: its name, its attribute, its path "model/layer 1", or its title.

        The user's name means all scopes of that name, as does the class of modules: "Residual" means "Residual 1" and
        "block2 (Residual)". A path may leave out the repeats that the picture rolls.
        """
        own = self.names[-1]
        known = {own.called, own.base, own.kind} - {""} if isinstance(own, ScopeName) else set()
        written = tuple([each for each in self.names[:-1] if repeat_of(each) is None]) + self.names[-1:]
        paths = {self.names, written, tuple(map(given_name, self.names)), tuple(map(given_name, written))}
        return name in known | {self.title, *[path[-1] for path in paths], *["/".join(path) for path in paths]}

    def inside(self, name: str) -> str:
        """Return the name of a value without that of the scope around it: "kernel" for "dense.kernel" in "dense"."""
        own = self.names[-1]
        around = {own.given, own.called, own.base} if isinstance(own, ScopeName) else {own}
        prefixes = [f"{each}." for each in sorted(map(clean, around), key=len, reverse=True) if each]
        return next((name.removeprefix(prefix) for prefix in prefixes if name.startswith(prefix)), name)


Path = tuple[Scope, ...]


def call_places(graph: Graph) -> dict[int, Path]:
    """Return the occurrences around every call, outermost first, by the index of the call.

    Inputs that have a scope, such as the parameters that many calls share, are one occurrence wherever they are used.
    """
    places: dict[int, Path] = {}
    current: Path = ()
    titles: dict[tuple[str, ...], set[str]] = {}
    of_inputs: dict[tuple[str, ...], Path] = {}
    made = 0
    for node in graph.nodes:
        if node.is_input:
            if node.scope and node.scope not in of_inputs:
                of_inputs[node.scope] = (Scope(made, node.scope, _free(node.scope[-1], titles.setdefault((), set()))),)
                made += 1
            if node.scope:
                places[node.index] = of_inputs[node.scope]
            continue
        kept = 0
        while kept < min(len(current), len(node.scope)) and current[kept].names[-1] == node.scope[kept]:
            kept += 1
        current = current[:kept]
        for depth in range(kept + 1, len(node.scope) + 1):
            names = node.scope[:depth]
            title = _free(names[-1], titles.setdefault(_outside(current), set()))
            current += (Scope(made, names, title),)
            made += 1
        places[node.index] = current
    return places


def _outside(path: Path) -> tuple[str, ...]:
    """Return the names of the scopes around an occurrence: two occurrences in the same scopes need two titles."""
    return path[-1].names if path else ()


def _free(name: str, taken: set[str]) -> str:
    """Return the title of a scope, with the first number that makes it one that is not taken."""
    title = _titled(name)
    # In a graph read from a record "cell (2)" is the second call of a module.
    before, after = (", part ", "") if isinstance(name, ScopeName) else (" (", ")")
    numbered = (f"{title}{before}{time}{after}" for time in itertools.count(2))
    free = next(text for text in itertools.chain([title], numbered) if text not in taken)
    taken.add(free)
    return free


def _titled(name: str) -> str:
    """Return the attribute of a module and its class, "block1 (Residual)"; a name such as "dense_1" says the class."""
    title = clip(clean(name), LONGEST_TITLE) or "scope"
    if not isinstance(name, ScopeName) or name.base != name.called or not name.kind:
        return title
    if name.base.lower().startswith(name.kind.lower()):
        return title
    return f"{clip(clean(name.base))} ({clip(clean(name.kind), LONGEST_CLASS)}){name.removeprefix(name.base)}"


def input_places(graph: Graph, places: dict[int, Path]) -> dict[int, Path]:
    """Return for each input the innermost occurrence with all its consumers; () for data that enters from outside.

    The first data in use is the input of the whole, and so are other data in the same outermost occurrence: those of a
    model of several inputs.
    """
    found: dict[int, Path] = {}
    entered: Path | None = None
    for node in graph.inputs:
        if node.index in places:
            found[node.index] = places[node.index]
            continue
        used_in = [places[consumer.index] for consumer in graph.consumers(node)]
        path = common(used_in) if used_in else ()
        if not node.requires_grad:
            entered = path if entered is None else entered
            path = () if path[:1] == entered[:1] else path
        found[node.index] = path
    return found


def is_of_module(scope: Scope) -> bool:
    """Return whether a scope is a call of a module, and no block of the user's."""
    name = scope.names[-1]
    return isinstance(name, ScopeName) and name.kind != ""


def common(paths: list[Path]) -> Path:
    """Return the common beginning of all paths."""
    shared = paths[0]
    for path in paths[1:]:
        length = 0
        while length < min(len(shared), len(path)) and shared[length] == path[length]:
            length += 1
        shared = shared[:length]
    return shared
