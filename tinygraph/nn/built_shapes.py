"""The shapes that the layers of a module were built for, as plain data, and layers built for them again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tinygraph.nn.arguments import plain_of, thing_of
from tinygraph.nn.layer import Layer
from tinygraph.nn.module import Module, modules_by_path

__all__ = ["build_for_shapes", "shapes_built_for"]


def shapes_built_for(module: Module) -> dict[str, Any]:
    """Return the shapes that layers were built for, by path."""
    return {
        path: plain_of(layer._arguments.built_for)
        for path, layer in modules_by_path(module).items()
        if isinstance(layer, Layer) and layer._arguments.built_for is not None
    }


def build_for_shapes(module: Module, shapes: Mapping[str, Any]) -> None:
    """Make the weights of layers for the shapes that they were built for, by path; outer layers first."""
    paths = modules_by_path(module)
    for path, shape in shapes.items():
        if path not in paths:
            paths = modules_by_path(module)  # the layers around it have made it now
        layer = paths.get(path)
        if isinstance(layer, Layer) and not layer.built:
            layer.build_for(thing_of(shape))
