"""The role of a box, which decides on its look: a key of `palette.ROLES`."""

from __future__ import annotations

from tinygraph.drawing.scenes.scene import Box, Scene

__all__ = ["role_of"]


def role_of(box: Box, scene: Scene) -> str:
    """Return the role of a box as it looks in a picture: that of its value, unless the value is not finite.

    An operation and its backward step have the role "operation" and "pullback", an operation that was spoilt
    "spoilt operation": their looks are not those of cards.
    """
    if box.kind == "constant":
        return "constant"
    if box.kind == "pulled":
        return "pullback"
    born = scene.birth.call if scene.birth is not None else None
    if box.kind == "layer" and born in box.members:
        return "birth_layer"
    if box.kind == ("pullback" if scene.pairs else "operation") and born is not None and born.index == box.node.index:
        return "birth"
    if box.kind == "layer":
        bad = {node.index for node in box.members} & scene.spoilt
        return "origin_layer" if scene.origin in bad else "spoilt_layer" if bad else box.role
    if box.kind == "chip":
        is_value = box.constant is None and box.layer is None
        return "spoilt" if is_value and box.node.index in scene.spoilt else box.role
    if box.kind in {"gradient", "gradient value", "pullback", "update"} or box.node.index not in scene.spoilt:
        return "pullback" if box.kind == "pullback" else box.role
    is_origin = box.node.index == scene.origin
    if box.kind == "operation":
        return "origin" if is_origin else "spoilt_operation"
    return "origin_value" if is_origin and box.node.is_input else "spoilt"
