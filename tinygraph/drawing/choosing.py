"""`tg.draw`: a graph in the requested view, or in the best one."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

from tinygraph.drawing.drawing import Drawing
from tinygraph.drawing.grouping.proposing import COARSEST, proposed
from tinygraph.drawing.grouping.rolling import rolled, rolled_within
from tinygraph.drawing.grouping.scopes import Scope, call_places
from tinygraph.drawing.grouping.sections import sectioned
from tinygraph.drawing.health.heat import Heat, given_heat, heat_of
from tinygraph.drawing.images.images import ImageShape, check_image_shape, shown_maps
from tinygraph.drawing.images.thumbnails import check_fits
from tinygraph.drawing.layout.engine import MOST_BOXES
from tinygraph.drawing.layout.tracks import most_beside
from tinygraph.drawing.refusals import (
    MOST_TO_READ,
    check_nodes,
    check_size,
    check_words,
    fitting,
    too_large,
    without_graph,
)
from tinygraph.drawing.scenes import views
from tinygraph.drawing.scenes.columns import columns
from tinygraph.drawing.scenes.gradient_words import gradient_words
from tinygraph.drawing.scenes.mirror import mirror
from tinygraph.drawing.scenes.passes import Passes, has_columns
from tinygraph.drawing.scenes.scene import Scene
from tinygraph.drawing.words.numbers import number
from tinygraph.drawing.words.symbols import operation_symbol
from tinygraph.drawing.words.text import clean
from tinygraph.graph import Graph, count_nodes, read_graph

__all__ = ["draw", "graph_of"]

View = Literal["auto", "full", "chain", "values", "collapsed", "rolled", "mirror", "columns", "heat", "health"]
Direction = Literal["auto", "LR", "TB"]

VIEWS: dict[str, Callable[[Graph], Scene]] = {
    "full": views.full,
    "chain": views.chain,
    "values": views.values,
    "collapsed": views.collapsed,
    "rolled": views.rolled,
    "mirror": mirror,
    "columns": lambda graph: columns(graph, Passes()),
}
DIRECTIONS = ("auto", "LR", "TB")

MOST_SCALARS = 40
MOST_UNCOLLAPSED = 60
MOST_PROPOSED = 100
MOST_RANKS_ACROSS = 9
# Points. A notebook shows a picture of this width at three quarters of its size, its smallest letters with 10 pixels.
MOST_ACROSS = 840
LETTER, SMALL_LETTER = 6.9, 6.0
BESIDE_LETTERS = 48  # the margins of a box, and the arrow behind it
# Operations side by side, each with the labels of its lanes, in a picture as wide as a notebook.
MOST_BESIDE = 6


def draw(
    *outputs: Any,
    view: View = "auto",
    direction: Direction = "auto",
    open: str | Sequence[str] | None = None,  # noqa: A002
    title: str | None = None,
    legend: bool = True,
    heat: str | Mapping[int, float] | None = None,
    measured: str = "time",
    sections: Mapping[int, str] | None = None,
    names: Mapping[int, str] | None = None,
    differentiated: Mapping[int, int] | None = None,
    updates: Mapping[int, int] | None = None,
    images: bool = False,
    image_shape: ImageShape = None,
) -> Drawing:
    """Draw the graph that computed some Tensors.

    Args:
        outputs: Tensors, or one `Graph`.
        view: the kind of picture.
            "full": every operation, a card for each input, output and named value, scopes as boxes.
            "values": every operation and a card for each value, from left to right.
            "chain": as "values", and on each arrow back the local derivative of the chain rule; scalars only.
            "collapsed": each scope as one card. Scopes that follow one another under the same name are one card. In a
            graph without scopes each call of a function of yours is one.
            "rolled": equal steps that follow one another as one card "step × 12"; scopes are open if there is room.
            "mirror": the forward and the backward pass side by side.
            "columns": a training step with its `sections`: forward, backward and update side by side.
            "heat": operations coloured by `heat`, which is "time" if it is not given; layers collapsed as in "auto".
            "health": layers as cards with the norm of their gradient beside the largest, and marks; see `health`.
            "auto": up to 40 scalars "chain", or "values" where `backward` has not run; up to 60 nodes "full"; else
            "rolled" where steps repeat themselves (from 60 boxes on), "collapsed" where there are scopes, and "full"
            without either. With a section "backward" and without `heat` "columns".
        direction: "LR", "TB", or "auto": from left to right for "chain" and "values" if the picture is narrow enough
            for a notebook.
        open: the scopes to leave open in the collapsed or the rolled view, by name ("layer 2"), path
            ("encoder/layer 2") or title ("cell (3)"). The name of a repeat ("step") shows each of its steps.
        title: a line under the picture; None for the formula where that is short.
        legend: explain the colours.
        heat: the quantity that operations show, and are coloured by.
            "time": each call is made again, up to five times, and the least time counts.
            "bytes": of each result.
            "gradient norm": of each result, and of the parameters of a collapsed layer.
            a mapping: the amount of each call of a `Graph` by its index, such as its seconds in `Profile.heat`.
        measured: the quantity in a mapping `heat`: "time" in seconds; words that begin with "bytes"; any other words.
        sections: the section of each call of a `Graph` by its index, such as "backward": a box around its scopes.
        names: the name in the picture of each node of a `Graph`, by its index.
        differentiated: for "columns" the call that each call of the section "backward" differentiates, by their
            indices; without it their places in the code tell.
        updates: for "columns" the input that each new value replaces, by their indices.
        images: show values that are images as small pictures in their cards, at most 16 on each: a batch
            (batch, height, width, channels), a bank of kernels (rows, columns, channels, filters), the maps of a
            convolution, and an array of two image axes. Black is the least value and white the largest; a weight is
            green above 0 and purple below.
        image_shape: the height and width, (28, 28), or with 3 channels (64, 64, 3), of images that are rows of a
            batch, columns of a weight, or a whole array: one for all that fit, or a dict by the name of a value.

    Returns:
        A `Drawing`, which shows itself in a notebook and has `.save("graph.svg")`.

    Raises:
        ValueError: an unknown view, direction or scope, or no output; "chain" for arrays; an image shape that fits
            no value; a mapping that has no node's index, or an amount of heat that is negative or not finite.
        TypeError: an output is neither a Tensor nor a `Graph`; a function is to be traced first, with `tg.trace`. Or
            a title, scope or heat is of another type.
        TooLargeError: the picture would have too many boxes to read.
    """
    _check_names(view, direction)
    check_image_shape(image_shape)
    if not isinstance(images, bool):
        raise TypeError(f"draw: images is True or False, got {images!r}. A shape is image_shape={images!r}")
    check_words(title, open)
    graph = graph_of(outputs, sys._getframe(1))
    for mapping, of in ((names, "names"), (sections, "sections")):
        check_nodes(graph, mapping or {}, of)
    opened = [open] if isinstance(open, str) else list(open or ())
    passes = Passes(sections or {}, differentiated or {}, updates or {})
    show_images = images or image_shape is not None
    if view == "columns" or (view == "auto" and not heat and direction != "LR" and has_columns(graph, passes)):
        scene = _of_columns(graph, passes, opened)
    else:
        if sections or names:
            graph = sectioned(graph, sections or {}, names or {})
        measurable = "heat" if heat and view == "auto" and not opened else view  # whose boxes are the calls measured
        scene = _scene(graph, measurable, opened, show_images)
    shown = replace(
        scene,
        direction=_direction(scene) if direction == "auto" else direction,
        title=scene.title if title is None else clean(title),
        legend=legend,
        heat=_heat(graph, view, heat, measured),
        sections=sections or {},
        is_health=view == "health",
        images=show_images,
        image_shape=image_shape,
    )
    check_fits(scene, image_shape)
    return Drawing(shown)


def _check_names(view: str, direction: str) -> None:
    """Refuse a view or a direction that there is not.

    Raises:
        ValueError: there is not.
    """
    if view not in {"auto", "heat", "health"} and view not in VIEWS:
        raise ValueError(f"unknown view {view!r}; it must be one of auto, {', '.join(VIEWS)}, heat, health")
    if direction not in DIRECTIONS:
        raise ValueError(f"unknown direction {direction!r}; it must be one of {', '.join(DIRECTIONS)}")


def _of_columns(graph: Graph, passes: Passes, opened: list[str]) -> Scene:
    """Return a training step in columns. Equal steps of a large graph without scopes are rolled within a section."""
    if len(graph) > MOST_UNCOLLAPSED and not graph.scopes:  # layers are closed one by one
        graph = rolled_within(graph, passes.sections)
    return fitting(columns(graph, passes, opened))


def _heat(graph: Graph, view: str, heat: str | Mapping[int, float] | None, measured: str) -> Heat | None:
    """Return the heat of a picture, None for one without."""
    if isinstance(heat, str) or (view == "heat" and heat is None):
        return heat_of(graph, heat or "time")
    if heat is None:
        return None
    if not isinstance(heat, Mapping):
        raise TypeError(
            f"draw: heat is no {type(heat).__name__}. "
            "Write 'time', 'bytes' or 'gradient norm', or a dict of amounts by the index of a call"
        )
    if not any(node.index in heat for node in graph.nodes):
        check_nodes(graph, heat, "heat")
    return given_heat(heat, measured) if heat else None


def graph_of(outputs: tuple[Any, ...], frame: Any) -> Graph:
    """Return the graph of what `draw` is given, with the names that the variables of a frame have."""
    if len(outputs) == 1 and isinstance(outputs[0], Graph):
        check_size(len(outputs[0]))
        return outputs[0]
    if any(isinstance(output, Graph) for output in outputs):
        raise TypeError("draw one Graph at a time, or Tensors")
    if outputs and (callable(outputs[0]) or hasattr(outputs[0], "draw")):
        raise TypeError(without_graph(outputs))
    if len(outputs) == 1 and isinstance(outputs[0], list | tuple):
        raise TypeError(f"draw: a {type(outputs[0]).__name__} is no Tensor. Write tg.draw(*outputs) for its Tensors")
    check_size(count_nodes(outputs))
    return read_graph(outputs, frame)


def _scene(graph: Graph, view: str, opened: list[str], images: bool) -> Scene:
    if opened and view not in {"auto", "collapsed", "rolled", "heat", "health"}:
        raise ValueError(f'open=... belongs to the views "collapsed" and "rolled", not to {view!r}')
    large = len(graph) > MOST_UNCOLLAPSED
    if view == "health" and graph.scopes and not opened:
        return fitting(_of_layers(graph))
    closed = view in {"collapsed", "rolled"} or (view == "health" and graph.scopes)
    if closed or opened or (large and view in {"auto", "heat", "health"}):
        return fitting(_of_cards(graph, view, opened))
    if view in {"heat", "health"}:
        return fitting(views.full(graph))
    if view != "auto" and len(graph) > MOST_BOXES:  # every node is a box
        raise too_large(graph, len(graph), MOST_BOXES)
    if images and view in {"full", "auto"}:
        return fitting(views.full(graph, shown_maps(graph)), MOST_BOXES)
    if view != "auto":
        return fitting(VIEWS[view](graph), MOST_BOXES)
    if len(graph) <= MOST_SCALARS and all(node.shape == () for node in graph.nodes):
        return _of_scalars(graph)
    scene = views.full(graph)
    if len(scene.boxes) > MOST_UNCOLLAPSED and rolled(graph) is not graph:
        return views.rolled(graph)
    return fitting(scene)


def _of_scalars(graph: Graph) -> Scene:
    """Return the value of every number, and the chain rule after a backward pass, if its labels have room."""
    if any(node.grad is not None for node in graph.nodes):
        scene = views.chain(graph)
        if _direction(scene) == "LR" or most_beside(scene) <= MOST_BESIDE:
            return scene
    return views.values(graph)


def _of_cards(graph: Graph, view: str, opened: list[str]) -> Scene:
    """Return the rolled or the collapsed view of a graph. Where it has no scopes, its code proposes some.

    Of the proposals the finest one with at most 100 boxes is taken.
    """
    if graph.scopes:
        drawn = _view_of_cards(graph, view, opened)
        return _of_layers(graph) if view == "auto" and drawn is views.collapsed and not opened else drawn(graph, opened)
    for coarseness in range(COARSEST + 1):
        scoped = proposed(graph, coarseness)
        drawn = _view_of_cards(scoped, view, opened)
        scene = drawn(scoped)
        if len(scene.boxes) <= MOST_PROPOSED:
            break
    return drawn(scoped, opened) if opened else scene


def _of_layers(graph: Graph) -> Scene:
    """Return the collapsed view in which a network is not one card, which would show nothing of it.

    A card of all parameters of a network opens, and the one in it, down to a scope of at least two layers.
    """
    scene, opened = views.collapsed(graph), list[Scope]()
    around = {scope for path in call_places(graph).values() for scope in path[:-1]}
    while True:
        layers = [box.layer for box in scene.boxes if box.layer is not None and box.parameters]
        to_open = [layer for layer in layers if layer in around]
        if not to_open or len(layers) > len(graph.outputs):
            return scene
        opened += to_open
        wider = views.collapsed(graph, opened)
        if len(wider.boxes) > MOST_TO_READ:
            return scene
        scene = wider


def _view_of_cards(graph: Graph, view: str, opened: list[str]) -> Callable[..., Scene]:
    if view == "rolled" or (
        view == "auto" and (_is_rolled_first(graph, opened) if opened else rolled(graph) is not graph)
    ):
        return views.rolled
    return views.collapsed


def _is_rolled_first(graph: Graph, opened: list[str]) -> bool:
    """Return whether the scopes to open are those of the rolled view: of a large graph, or by the name of a repeat."""
    return len(graph) > MOST_UNCOLLAPSED or (not _has(graph, opened) and _has(rolled(graph), opened))


def _has(graph: Graph, names: list[str]) -> bool:
    scopes = {scope for path in call_places(graph).values() for scope in path}
    return all(any(scope.answers_to(name) for scope in scopes) for name in names)


def _direction(scene: Scene) -> Literal["LR", "TB"]:
    if scene.view in {"chain", "values"} and scene.ranks <= MOST_RANKS_ACROSS and _width(scene) <= MOST_ACROSS:
        return "LR"
    return "TB"


def _width(scene: Scene) -> float:
    """Return about the width of a picture from left to right: that of the boxes on its longest way, in points."""
    width = 0.0
    for box in map(scene.box.__getitem__, scene.trunk):
        if box.kind == "operation":
            letters = LETTER * len(operation_symbol(box.node, scene.names))
        else:
            value = box.node.value
            name = scene.names[box.node.index]
            words = name if value is None or value.ndim else f"{name} = {number(value[()])}"
            letters = max(LETTER * len(words), SMALL_LETTER * len(gradient_words(box.node, scene)))
        width += letters + BESIDE_LETTERS
    return width
