"""The marks of a difference: on nodes, then on the boxes that show them."""

from __future__ import annotations

from collections.abc import Mapping

from tinygraph.drawing.grouping.union import Union
from tinygraph.drawing.scenes.marks import Mark
from tinygraph.drawing.scenes.scene import Box, Scene
from tinygraph.drawing.words.numbers import shape
from tinygraph.drawing.words.symbols import operation_symbol
from tinygraph.drawing.words.text import clean, clip
from tinygraph.graph import Change, Difference

__all__ = ["joined_words", "marks_of", "marks_of_boxes", "was_words"]

LONGEST = 32


def marks_of(union: Union, difference: Difference, more: Mapping[int, str]) -> dict[int, Mark]:
    """Return the marks of nodes by their index, with more words for some."""
    found = {index: Mark("kept", words) for index, words in more.items() if words}
    for kind, group, known in (
        ("added", difference.added, union.of_new),
        ("removed", difference.removed, union.of_old),
    ):
        for node in (node for nodes in group for node in nodes):
            index = known[node.index].index
            words = {"added": "new", "removed": "gone"}[kind]
            found[index] = Mark(kind, joined_words(words, more.get(index, "")))  # type: ignore[arg-type]
    for change in difference.changed:
        index = union.of_new[change.new.index].index
        found[index] = Mark("changed", joined_words(was_words(change), more.get(index, "")))
    return found


def joined_words(*words: str) -> str:
    """Return the words of a mark in one line."""
    return " · ".join(filter(None, words))


def was_words(change: Change) -> str:
    """Return what a node was before: "was tanh", "was named z", "was 3×4"."""
    old, _, what = change
    told = []
    if "function" in what or "arguments" in what:
        told.append(operation_symbol(old))
    if "operands" in what:
        told.append(f"of {', '.join(operand.name or operand.op for operand in old.operands)}")
    if "name" in what:
        told.append(f"named {old.name}" if old.name else "unnamed")
    if "shape" in what:
        told.append(shape(old.shape))
    if "dtype" in what:
        told.append(str(old.dtype))
    return clip(clean(f"was {', '.join(told)}"), LONGEST)


def marks_of_boxes(scene: Scene, marks: Mapping[int, Mark], on_cards: set[int]) -> dict[str, Mark]:
    """Return the marks of boxes: words stand once, on the operation or on the card of its result.

    Args:
        scene: the picture.
        marks: of nodes, by their index.
        on_cards: the changed values whose calls are as they were.
    """
    drawn = {box.node.index for box in scene.boxes if box.kind == "operation"}
    cards = {box.node.index for box in scene.boxes if box.kind == "variable"}
    found = {}
    for box in scene.boxes:
        if box.kind in {"layer", "pulled", "update"}:
            mark = _mark_of_layer(box, marks)
        elif box.kind in {"operation", "variable"}:
            index = box.node.index
            mark = marks.get(index)
            if mark is not None and index in drawn and index in cards:
                on_other = (box.kind == "operation") == (index in on_cards)
                mark = _beside_words(mark) if on_other else mark
        else:
            mark = None
        if mark is not None:
            found[box.id] = mark
    return found


def _beside_words(mark: Mark) -> Mark | None:
    """Return the mark of a box whose other half, an operation or a card, has the words."""
    return Mark(mark.kind) if mark.kind in {"added", "removed"} else None


def _mark_of_layer(box: Box, marks: Mapping[int, Mark]) -> Mark | None:
    """Return the mark of a box with many calls: that of all of them, or how many are marked."""
    if len(box.members) == 1 and box.members[0].index in marks:
        return marks[box.members[0].index]
    kinds = [marks[node.index].kind for node in box.members if node.index in marks]
    counts = {kind: kinds.count(kind) for kind in ("added", "removed", "changed")}
    for kind, word in (("added", "new"), ("removed", "gone")):
        if counts[kind] == len(box.members):
            return Mark(kind, word)  # type: ignore[arg-type]
    words = zip(("new", "gone", "changed"), counts.values(), strict=True)
    told = ", ".join(f"{size} {word}" for word, size in words if size)
    return Mark("changed", f"inside: {told}") if told else None
