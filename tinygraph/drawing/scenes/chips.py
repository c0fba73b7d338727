"""Chips: a value that is used far away has one full card, and a small named chip at each far use.

An arrow over many ranks is hard to follow, and hundreds of them make the picture of a recurrent network illegible. A
skip of a residual block has one or two consumers, and stays an arrow.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from tinygraph.drawing.scenes.inner_names import inner_name
from tinygraph.drawing.scenes.scene import Box, Link, Scene
from tinygraph.drawing.words.expressions import fallback
from tinygraph.drawing.words.symbols import grouped
from tinygraph.drawing.words.text import clean, clip
from tinygraph.graph import numbered

__all__ = ["ELSEWHERE", "FARTHEST", "chip_name", "with_chips"]

ELSEWHERE = "↗"  # the full card stands there

# The most ranks that an arrow of a shared value passes, and the most consumers of a value whose arrows may be longer.
FARTHEST = 3
FEW = 2

Ranks = Mapping[str, int]


def with_chips(scene: Scene) -> Scene:
    """Return the scene with a chip in place of each long arrow from a value with more than two consumers."""
    while far := _far_uses(scene):
        operations = [scene.box[box] for box in far if scene.box[box].kind == "operation"]
        if not operations:
            return _drawn(scene, far)
        scene = _with_cards(scene, operations)  # a card more is a rank more
    return scene


def _far_uses(scene: Scene) -> dict[str, list[str]]:
    """Return the boxes of shared values, each with its consumers that are too far away."""
    shared = [box for box in scene.boxes if _is_shared(box, scene)]
    if not shared:
        return {}
    layouts = _layouts(scene, {box.id for box in shared if not scene.into[box.id]})
    return {box.id: heads for box in shared if (heads := _far(box, scene, layouts))}


def _is_shared(box: Box, scene: Scene) -> bool:
    """Return whether a box gives one value to more than two others. A layer may give different values."""
    out = scene.out_of[box.id]
    return len({link.head for link in out}) > FEW and len({link.nodes for link in out}) == 1


def _layouts(scene: Scene, free: set[str]) -> tuple[Ranks, Ranks]:
    """Return the earliest ranks, and ranks with each box as close to its consumers as its arrows pull it.

    Graphviz makes the sum of all lengths smallest, and where several layouts have the same sum it may choose any. Its
    ranks lie between these two.

    Args:
        scene: the picture without chips.
        free: boxes whose arrows do not count: inputs that stand at their first consumer.
    """
    early: dict[str, int] = {}
    for box in scene.boxes:
        tails = [early[link.tail] for link in scene.into[box.id] if link.tail not in free]
        early[box.id] = max(tails, default=-1) + 1
    late = dict(early)
    for box in reversed(scene.boxes):
        out = scene.out_of[box.id]
        if not out or box.id in free:
            continue
        behind = [link for link in scene.into[box.id] if not _follows(link.tail, scene)]
        if sum(_pull(link, scene) for link in out) >= sum(_pull(link, scene) for link in behind):
            late[box.id] = max(late[box.id], min(late[link.head] for link in out) - 1)
    return early, late


def _follows(box: str, scene: Scene) -> bool:
    """Return whether a box is an input that moves along with its only consumer."""
    return not scene.into[box] and len(scene.out_of[box]) == 1


def _pull(link: Link, scene: Scene) -> int:
    return 1 if not scene.into[link.tail] else 8


def _far(box: Box, scene: Scene, layouts: tuple[Ranks, Ranks]) -> list[str]:
    """Return the consumers that are too far from the card of a value in one of the layouts."""
    heads = list(dict.fromkeys(link.head for link in scene.out_of[box.id]))
    if scene.into[box.id]:
        return [head for head in heads if any(ranks[head] - ranks[box.id] > FARTHEST for ranks in layouts)]
    near = _together(heads, layouts, FARTHEST)
    if len(near) < len(heads):
        near = _together(heads, layouts, 1)  # the card stands at its first use, and everything else is a chip
    return [head for head in heads if head not in near]


def _together(heads: list[str], layouts: tuple[Ranks, Ranks], most: int) -> list[str]:
    """Return the first of the boxes, and those within `most` ranks around it: the card stands one rank before them."""
    near: list[str] = []
    for head in heads:
        around = [[ranks[each] for each in (*near, head)] for ranks in layouts]
        if all(max(ranks) - min(ranks) < most for ranks in around):
            near.append(head)
    return near


def _with_cards(scene: Scene, operations: list[Box]) -> Scene:
    """Return the scene with a card for the result of each of `operations`."""
    cards = {
        box.id: Box(f"v{box.node.index}", "variable", box.node, scene.graph.role(box.node), box.place)
        for box in operations
    }
    boxes = [each for box in scene.boxes for each in (box, cards.get(box.id)) if each is not None]
    links: list[Link] = []
    for link in scene.links:
        card = cards.get(link.tail) if link.kind == "value" else None
        links.append(link if card is None else replace(link, tail=card.id, label=""))
    links += [Link(box, card.id, nodes=(card.node,)) for box, card in cards.items()]
    return replace(scene, boxes=tuple(boxes), links=tuple(links))


def _drawn(scene: Scene, far: Mapping[str, list[str]]) -> Scene:
    cards = {box: scene.box[box] for box in far}
    nameless = {box: "‹constant›" for box, card in cards.items() if card.constant is not None and not card.name}
    cards |= {box: replace(cards[box], name=name) for box, name in numbered(nameless).items()}
    before: dict[str, list[Box]] = {}
    chips: dict[tuple[str, str], str] = {}
    for card in cards.values():
        for number, head in enumerate(far[card.id], start=1):
            chips[card.id, head] = f"{card.id}_{number}"
            place = scene.box[head].place
            chip = replace(card, id=chips[card.id, head], kind="chip", place=place, card=card.id, members=())
            before.setdefault(head, []).append(chip)
    boxes = [each for box in scene.boxes for each in (*before.get(box.id, ()), cards.get(box.id, box))]
    links = [
        replace(link, tail=chips[link.tail, link.head])
        if link.kind == "value" and (link.tail, link.head) in chips
        else link
        for link in scene.links
    ]
    return replace(
        scene, boxes=tuple(boxes), links=tuple(links), names=scene.names | _new_names([*cards.values()], scene)
    )


def _new_names(cards: list[Box], scene: Scene) -> dict[int, str]:
    """Return a name for each value that has none of its own: a chip must not be taken for that of another value."""
    nodes = [card.node for card in cards if card.kind == "variable" and card.node.index not in scene.alone]
    words = {}
    for node in nodes:
        name = scene.names[node.index]
        words[node.index] = f"‹{name}›" if name else fallback(node, scene.names) or "‹input›"
    return numbered(words, scene.names.values())


def chip_name(box: Box, scene: Scene) -> str:
    """Return the name on a chip: that of its card."""
    if box.layer is not None:
        return box.layer.title
    if box.constant is not None:
        return clip(clean(box.name))
    name = inner_name(box.place[-1] if box.place else None, box.node, scene) or fallback(box.node, scene.names)
    return f"∇{grouped(name)}" if box.role == "gradient" else name
