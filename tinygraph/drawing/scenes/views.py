"""The views: from a graph to a scene, in one of five ways."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from difflib import get_close_matches

from tinygraph.drawing.grouping.proposing import ProposedName, holds_inputs
from tinygraph.drawing.grouping.repeats import LoopName, repeat_of
from tinygraph.drawing.grouping.rolling import rolled as with_repeats
from tinygraph.drawing.grouping.scopes import Path, Scope, call_places, common
from tinygraph.drawing.scenes.assembly import Assembly
from tinygraph.drawing.scenes.scene import Link, Scene
from tinygraph.drawing.words.expressions import formula, labels
from tinygraph.drawing.words.slopes import local_derivatives, slope
from tinygraph.drawing.words.text import clean
from tinygraph.graph import Graph, Node

__all__ = ["chain", "collapsed", "full", "rolled", "values"]

# With more boxes than these the scopes beside the repeats are closed, too.
MOST_OPEN = 60

# A repeat of more calls than these opens to the cards of its steps.
MOST_UNROLLED = 150

# The error for an unknown scope names so many.
MOST_LISTED = 12


def full(graph: Graph, also: Collection[int] = ()) -> Scene:
    """Draw every operation, a card for each input, output and named value, and for those in `also`; scopes as boxes."""
    scene = Assembly(graph, closed=lambda scope: False, carded=_named_or(also)).scene("full", "TB")
    return replace(scene, reopened=lambda scopes: collapsed(graph, scopes, also))


def _named_or(also: Collection[int]) -> Callable[[Node], bool]:
    return lambda node: bool(node.name) or node.index in also


def values(graph: Graph) -> Scene:
    """Draw every operation and a card for each value, from left to right."""
    scene = Assembly(graph, closed=lambda scope: False, carded=lambda node: True).scene("values", "LR")
    return replace(scene, title=_formula_title(graph))


def chain(graph: Graph) -> Scene:
    """Draw as `values` does, with arrows back from each result to its operands: the derivatives of the chain rule.

    Raises:
        ValueError: a value is not a scalar.
    """
    for node in graph.nodes:
        if node.shape != ():
            raise ValueError(
                f"the chain rule is drawn for scalars, and {node.name or node.op!r} has shape {node.shape}; "
                'view="full" draws arrays'
            )
    scene = values(graph)
    shown = {box.node.index: box.id for box in scene.boxes if box.kind == "variable"}
    backward = []
    for node in graph.nodes:
        numbers = local_derivatives(node) if node.requires_grad else ()
        arrows = scene.into.get(f"o{node.index}", ())
        for position, (operand, number, arrow) in enumerate(zip(node.operands, numbers, arrows, strict=False)):
            if operand.requires_grad:
                text = slope(node, position, number, scene.names)
                backward.append(Link(arrow.tail, shown[node.index], "backward", text, (operand, node)))
    return replace(scene, view="chain", links=scene.links + tuple(backward))


def collapsed(graph: Graph, opened: Iterable[str | Scope] = (), also: Collection[int] = ()) -> Scene:
    """Draw each scope as one card, except those opened (by name, path, title, or as a `Scope`) and those around them.

    A scope of other scopes alone opens by itself, and so does a scope of the whole graph, or one around a loop. A
    repeat that is opened by name shows all of its steps open, if they have at most 150 calls.

    Raises:
        ValueError: a name in `opened` is that of no scope.
    """
    places = call_places(graph)
    scopes = list(dict.fromkeys(scope for path in places.values() for scope in path))
    showing, unframed = _containers(places), set[Scope]()
    for name in opened:
        found = [scope for scope in scopes if (scope == name if isinstance(name, Scope) else scope.answers_to(name))]
        if not found:
            raise ValueError(_no_scope(str(name), scopes))
        unrolled = set() if isinstance(name, Scope) else set(filter(_is_short, found))
        for path in places.values():
            for depth, scope in enumerate(path):
                if scope in found:
                    showing.update(path[: depth + 1 + (scope in unrolled)])
                if scope in unrolled and _has_plain_steps(scope):
                    unframed.add(path[depth + 1])
    assembly = Assembly(graph, lambda scope: scope not in showing, _named_or(also), frozenset(unframed))
    return replace(assembly.scene("collapsed", "TB"), reopened=lambda scopes: collapsed(graph, scopes, also))


def _no_scope(name: str, scopes: Sequence[Scope]) -> str:
    """Return the error for a name of no scope. Of many scopes it has the outermost and the nearest name."""
    known = list(dict.fromkeys("/".join(scope.names) for scope in scopes))
    told = f"there is no scope {name!r} in this graph; its scopes: "
    if len(known) <= MOST_LISTED:
        return told + (", ".join(known) or "none")
    outermost = sorted(known, key=lambda path: path.count("/"))[:MOST_LISTED]
    told += f"{', '.join(outermost)} and {len(known) - MOST_LISTED} more inside them"
    answers = [text for scope in scopes for text in (scope.names[-1], scope.title, "/".join(scope.names))]
    near = get_close_matches(name, dict.fromkeys(answers), 1)
    return f"{told}. The nearest is open={str(near[0])!r}" if near else told


def rolled(graph: Graph, opened: Iterable[str | Scope] = ()) -> Scene:
    """Draw each repeat as one card, except those opened. Other scopes are open if that makes at most 60 boxes.

    Raises:
        ValueError: a name in `opened` is that of no scope and of no repeat.
    """
    graph = with_repeats(graph)
    opened = list(opened)
    if not opened:
        assembly = Assembly(graph, _stays_closed, _named_or(()))
        scene = assembly.scene("collapsed", "TB")
        if len(scene.boxes) <= MOST_OPEN:
            return replace(scene, reopened=lambda scopes: collapsed(graph, scopes))
    return collapsed(graph, opened)


def _stays_closed(scope: Scope) -> bool:
    """Return whether a scope is a repeat, or proposed for shared inputs."""
    return repeat_of(scope.names[-1]) is not None or holds_inputs(scope.names[-1])


def _is_short(scope: Scope) -> bool:
    """Return whether a scope is a repeat whose steps can all be shown open."""
    repeat = repeat_of(scope.names[-1])
    return repeat is not None and repeat.count * len(repeat.steps[0]) <= MOST_UNROLLED


def _has_plain_steps(scope: Scope) -> bool:
    """Return whether the steps of a repeat are no scopes of the user's: boxes around them would tear a loop apart."""
    repeat = repeat_of(scope.names[-1])
    return repeat is not None and repeat.scope is None


def _containers(places: dict[int, Path]) -> set[Scope]:
    """Return the scopes that contain nothing but other scopes, and those around a loop."""
    paths = list(places.values())
    own = {path[-1] for path in paths if path}
    outer = {scope for path in paths for scope in path[:-1]}
    around_all = {scope for scope in (common(paths) if paths else ()) if not isinstance(scope.names[-1], ProposedName)}
    repeats = {scope for scope in outer if repeat_of(scope.names[-1]) is not None}
    return (outer - own | outer & around_all) - repeats | {scope for path in paths for scope in _around_loop(path)}


def _around_loop(path: Path) -> Path:
    """Return the scopes around the outermost loop of a path, if somebody named them."""
    loops = [depth for depth, scope in enumerate(path) if isinstance(scope.names[-1], LoopName)]
    around = path[: loops[0]] if loops else ()
    return tuple(itertools.takewhile(lambda scope: not isinstance(scope.names[-1], ProposedName), around))


def _formula_title(graph: Graph) -> str:
    """Return the formula of the output, and the call that went backward: "c = √(a² + b²)   after c.backward()"."""
    if len(graph.outputs) != 1:
        return ""
    (output,) = graph.outputs
    written = formula(graph, output)
    name = labels(graph)[output.index] if output.name else ""
    went_back = output.grad is not None and not output.is_input and output.gradient_note in {"", "seed"}
    called = name if name == clean(output.name or "") else ""
    ran = f"after {called}.backward()" if called and went_back else "after backward()" if went_back else ""
    told = f"{name} = {written}" if name and written else written or ""
    return "\u00a0\u00a0 ".join(part for part in (told, ran) if told and part)
