"""The name of a value within a layer, which need not say the layer again."""

from __future__ import annotations

from tinygraph.drawing.grouping.scopes import Scope
from tinygraph.drawing.scenes.scene import Scene
from tinygraph.drawing.words.text import clean, clip
from tinygraph.graph import Node

__all__ = ["inner_name"]


def inner_name(scope: Scope | None, node: Node, scene: Scene) -> str:
    """Return the name of a value within a layer: "kernel" where the box around it says "dense"."""
    said = clean(node.name or "")
    own = said if scope is None else scope.inside(said)
    if own == said:
        return scene.names[node.index]
    number = scene.names[node.index].removeprefix(clip(said))  # of a name that returns
    return clip(own) + number if number.isdigit() else clip(own)
