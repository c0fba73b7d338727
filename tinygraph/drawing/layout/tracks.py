"""Tracks of the chain view: each operand's way to its operation, and the lane of its gradient beside it.

A track over several ranks has a stop on each of them, which keeps room for both ways.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace

from tinygraph.drawing.scenes.scene import Scene

__all__ = ["Track", "most_beside", "ranks", "tracks"]


@dataclass(frozen=True)
class Track:
    """The way from a value to an operation, and back from the operation's result to the value.

    Attributes:
        tail: the box of the value.
        head: the operation.
        result: the card of the operation's result.
        forward: the number of the arrow among the links of the scene.
        backward: the number of the arrow back; None without one.
        side: 1 if the lane back is to the right of the arrow, or below it, and -1 if it is to the left.
        turn: how many tracks lead from the same value to the same operation before this one.
        stops: ids for the places on the ranks between.
    """

    tail: str
    head: str
    result: str
    forward: int
    backward: int | None
    side: int
    turn: int
    stops: tuple[str, ...]


def tracks(scene: Scene, rank: dict[str, int]) -> list[Track]:
    """Return a track for each operand of each operation, in the order of the links.

    Args:
        scene: a scene of the chain view.
        rank: the rank of each box.
    """
    results = {link.tail: link.head for link in scene.links if _leaves_operation(link.tail, link.kind, scene)}
    backward: dict[tuple[str, str], list[int]] = {}
    for number, link in enumerate(scene.links):
        if link.kind == "backward":
            backward.setdefault((link.tail, link.head), []).append(number)
    found: list[Track] = []
    lanes: Counter[str] = Counter()
    times: Counter[tuple[str, str]] = Counter()
    for number, link in enumerate(scene.links):
        if link.kind != "value" or link.head not in results:
            continue
        waiting = backward.get((link.tail, results[link.head]), [])
        back = waiting.pop(0) if waiting else None
        stops = tuple(f"w{number}_{at}" for at in range(rank[link.tail] + 1, rank[link.head]))
        side = -1 if scene.direction == "TB" and back is not None and not lanes[link.head] else 1
        lanes[link.head] += back is not None
        turn = times[link.tail, link.head]
        times[link.tail, link.head] += 1
        found.append(Track(link.tail, link.head, results[link.head], number, back, side, turn, stops))
    alone = {head for head, count in lanes.items() if count == 1}
    return [replace(each, side=1) if each.head in alone else each for each in found]


def _leaves_operation(tail: str, kind: str, scene: Scene) -> bool:
    return kind == "value" and scene.box[tail].kind == "operation"


def ranks(scene: Scene) -> dict[str, int]:
    """Return a rank for each box: an input just before its first consumer, a branch close to where it is used."""
    rank: dict[str, int] = {}
    for box in scene.boxes:
        rank[box.id] = max((rank[link.tail] for link in scene.into[box.id]), default=-1) + 1
    for box in reversed(scene.boxes):
        out, into = scene.out_of[box.id], scene.into[box.id]
        if not out or (box.kind == "operation" and scene.box[out[0].head].node is box.node):
            continue
        operation = next((link.tail for link in into if scene.box[link.tail].node is box.node), "")
        behind = [link for link in scene.into[operation] if not _follows(link.tail, scene)] if operation else into
        if len(out) >= len(behind):
            rank[box.id] = max(rank[box.id], min(rank[link.head] for link in out) - 1)
            if operation:  # the card of a result stays beside its operation
                rank[operation] = rank[box.id] - 1
    return rank


def most_beside(scene: Scene) -> int:
    """Return the largest number of operations side by side on one rank."""
    rank = ranks(scene)
    return max(Counter(rank[box.id] for box in scene.boxes if box.kind == "operation").values(), default=0)


def _follows(box: str, scene: Scene) -> bool:
    """Return whether a box is an input that moves along with its only consumer."""
    return not scene.into[box] and len(scene.out_of[box]) == 1
