"""A scene as text for a terminal: cards, operations, and lines between them.

    ╭───────╮        ╭────────╮
    │ a = 3 │──▶a²──▶│ a² = 9 │──▶ ...
    ╰───────╯        ╰────────╯

The boxes stand in layers, each behind all that it reads. A line that passes a layer has a place in it, too. Within a
layer the boxes are ordered, and moved, by the middle of their neighbours; the lines run in tracks between the layers.

Source: Sugiyama, Tagawa and Toda, "Methods for visual understanding of hierarchical system structures" (1981).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from statistics import fmean

from tinygraph.drawing.scenes.scene import Link, Scene

__all__ = ["terminal"]

SWEEPS = 8
# The gap between two boxes of a layer, across and down.
BESIDE = {"LR": 1, "TB": 3}


@dataclass(eq=False)
class _Item:
    """A box in a layer, or the place of a line that passes it.

    Attributes:
        lines: the text; empty for a line that passes.
        framed: True for a card.
        before, behind: the items of the layer before that it reads, and those of the next that read it.
        at: its middle along the layer.
    """

    lines: tuple[str, ...] = ()
    framed: bool = False
    before: list[_Item] = field(default_factory=list)
    behind: list[_Item] = field(default_factory=list)
    at: int = 0

    @property
    def width(self) -> int:
        """The number of columns."""
        return max(map(columns, self.lines), default=-4 if self.framed else 1) + 4 * self.framed

    @property
    def height(self) -> int:
        """The number of rows."""
        return max(len(self.lines), 1) + 2 * self.framed


def columns(text: str) -> int:
    """Return how many columns of a terminal a text takes: an ideograph takes two, an accent none."""
    return sum(
        0 if unicodedata.combining(letter) or unicodedata.category(letter) == "Cf"
        else 2 if unicodedata.east_asian_width(letter) in "WF" else 1
        for letter in text
    )  # fmt: skip


def terminal(scene: Scene, lines_of: Callable[[str], Sequence[str]], direction: str, most: int) -> str | None:
    """Return the picture; None if it is wider than a terminal.

    Args:
        scene: the scene.
        lines_of: returns the text on a box, by its id.
        direction: "LR", or "TB" from top to bottom.
        most: the number of columns.
    """
    layers = _layers(scene, lines_of)
    for _ in range(SWEEPS):
        for forward in (True, False):
            _order(layers, forward)
    _place(layers, direction)
    canvas = _Canvas()
    _draw(canvas, layers, direction)
    text = canvas.text()
    return text if max(map(columns, text.splitlines()), default=0) <= most else None


# --- layers -----------------------------------------------------------------------------------------------------------


def _layers(scene: Scene, lines_of: Callable[[str], Sequence[str]]) -> list[list[_Item]]:
    """Return the layers, with an item for each line that passes one."""
    pairs = list(dict.fromkeys(filter(None, map(_flow, scene.links))))
    rank = _ranks([box.id for box in scene.boxes], pairs)
    items = {}
    for box in scene.boxes:
        lines = tuple(lines_of(box.id))
        items[box.id] = _Item(lines, framed=box.kind not in {"operation", "chip", "pullback"} or len(lines) > 1)
    layers: list[list[_Item]] = [[] for _ in range(max(rank.values(), default=-1) + 1)]
    for box in scene.boxes:
        layers[rank[box.id]].append(items[box.id])
    passing: dict[tuple[str, int], _Item] = {}  # lines from one box share their places
    for tail, head in pairs:
        last = items[tail]
        for layer in range(rank[tail] + 1, rank[head]):
            place = passing.get((tail, layer))
            if place is None:
                place = passing[tail, layer] = _Item()
                layers[layer].append(place)
                _join(last, place)
            last = place
        _join(last, items[head])
    return layers


def _flow(link: Link) -> tuple[str, str] | None:
    """Return the boxes of an arrow in the order of computation; None for one that no line is drawn for."""
    if link.kind == "backflow":
        return link.head, link.tail
    return (link.tail, link.head) if link.kind in {"value", "update"} else None


def _join(first: _Item, second: _Item) -> None:
    first.behind.append(second)
    second.before.append(first)


def _ranks(boxes: Iterable[str], pairs: Sequence[tuple[str, str]]) -> dict[str, int]:
    """Return the layer of each box: behind all that it reads, and as near to its first reader as can be."""
    into: dict[str, list[str]] = {box: [] for box in boxes}
    out_of: dict[str, list[str]] = {box: [] for box in into}
    for tail, head in pairs:
        into[head].append(tail)
        out_of[tail].append(head)
    rank: dict[str, int] = {}
    order = _in_order(into)
    for box in order:
        rank[box] = max((rank.get(tail, -1) + 1 for tail in into[box]), default=0)
    for box in reversed(order):
        if out_of[box]:
            rank[box] = max(rank[box], min(rank[head] for head in out_of[box]) - 1)
    return rank


def _in_order(into: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """Return the boxes, each behind all that it reads: in a scene a backward step stands beside its forward one."""
    try:
        return tuple(TopologicalSorter(into).static_order())
    except CycleError:  # cards that read each other stand as in the scene
        return tuple(into)


def _order(layers: list[list[_Item]], forward: bool) -> None:
    """Order each layer by the mean place of the neighbours in the layer before it, or behind it."""
    for layer in layers if forward else reversed(layers):
        places = {id(item): place for other in layers for place, item in enumerate(other)}
        own = {id(item): place for place, item in enumerate(layer)}

        def wanted(item: _Item, places: Mapping[int, int] = places, own: Mapping[int, int] = own) -> float:
            neighbours = item.before if forward else item.behind
            return fmean(places[id(each)] for each in neighbours) if neighbours else own[id(item)]

        layer.sort(key=wanted)


def _place(layers: list[list[_Item]], direction: str) -> None:
    """Give each item its place along the layer: near its neighbours, and beside those of its own layer."""
    gap = BESIDE[direction]

    def size(item: _Item) -> int:
        return item.height if direction == "LR" else item.width

    for layer in layers:
        at = 0
        for item in layer:
            item.at = at + size(item) // 2
            at += size(item) + gap
    for sweep in range(2 * SWEEPS):
        for layer in layers if sweep % 2 == 0 else reversed(layers):
            wanted = []
            for item in layer:
                neighbours = (item.before or item.behind) if sweep % 2 == 0 else (item.behind or item.before)
                wanted.append(round(fmean(each.at for each in neighbours)) if neighbours else item.at)
            _separate(layer, wanted, [size(item) for item in layer], gap)
    least = min((item.at - size(item) // 2 for layer in layers for item in layer), default=0)
    for layer in layers:
        for item in layer:
            item.at -= least


def _separate(layer: list[_Item], wanted: Sequence[int], sizes: Sequence[int], gap: int) -> None:
    """Move items to where they want to be, as far as they do not overlap: groups that touch move as one."""
    groups: list[tuple[list[int], list[float]]] = []  # the items of a group, and where each wants its begin
    offsets = [0] * len(layer)

    def begin(group: tuple[list[int], list[float]]) -> float:
        return fmean(group[1])

    for place, (want, size) in enumerate(zip(wanted, sizes, strict=True)):
        groups.append(([place], [want - size // 2]))
        offsets[place] = 0
        while len(groups) > 1:
            (before, first), (behind, second) = groups[-2:]
            end = begin(groups[-2]) + offsets[before[-1]] + sizes[before[-1]] + gap
            if begin(groups[-1]) >= end:
                break
            shift = offsets[before[-1]] + sizes[before[-1]] + gap
            for item in behind:
                offsets[item] += shift
            groups[-2:] = [(before + behind, first + [want - shift for want in second])]
    for group in groups:
        start = round(begin(group))
        for item in group[0]:
            layer[item].at = start + offsets[item] + sizes[item] // 2


# --- drawing ----------------------------------------------------------------------------------------------------------

UP, DOWN, LEFT, RIGHT = 1, 2, 4, 8
LINES = {
    UP | DOWN: "│", LEFT | RIGHT: "─", DOWN | RIGHT: "╭", DOWN | LEFT: "╮", UP | RIGHT: "╰", UP | LEFT: "╯",
    UP | DOWN | RIGHT: "├", UP | DOWN | LEFT: "┤", LEFT | RIGHT | DOWN: "┬", LEFT | RIGHT | UP: "┴",
    UP | DOWN | LEFT | RIGHT: "┼", UP: "│", DOWN: "│", LEFT: "─", RIGHT: "─",
}  # fmt: skip
TIPS = {"LR": "▶", "TB": "▼"}


class _Canvas:
    """A grid of characters, and of the directions in which lines leave each cell."""

    def __init__(self) -> None:
        self.letters: dict[tuple[int, int], str] = {}
        self.lines: dict[tuple[int, int], int] = {}

    def write(self, x: int, y: int, text: str) -> None:
        """Write a line of text."""
        for letter in text:
            wide = columns(letter)
            if wide == 0 and (x - 1, y) in self.letters:
                self.letters[x - 1, y] += letter
                continue
            self.letters[x, y] = letter
            if wide == 2:
                self.letters[x + 1, y] = ""
            x += wide

    def line(self, start: tuple[int, int], end: tuple[int, int]) -> None:
        """Draw a straight line, both ends included."""
        (x, y), (to_x, to_y) = start, end
        step = (to_x > x) - (to_x < x), (to_y > y) - (to_y < y)
        ahead, back = {
            (1, 0): (RIGHT, LEFT), (-1, 0): (LEFT, RIGHT), (0, 1): (DOWN, UP), (0, -1): (UP, DOWN), (0, 0): (0, 0),
        }[step]  # fmt: skip
        while (x, y) != (to_x, to_y):
            self.lines[x, y] = self.lines.get((x, y), 0) | ahead
            x, y = x + step[0], y + step[1]
            self.lines[x, y] = self.lines.get((x, y), 0) | back

    def text(self) -> str:
        """Return the rows."""
        cells = {place: LINES.get(bits, " ") for place, bits in self.lines.items()} | self.letters
        if not cells:
            return ""
        wide, high = max(x for x, _ in cells) + 1, max(y for _, y in cells) + 1
        return "\n".join("".join(cells.get((x, y), " ") for x in range(wide)).rstrip() for y in range(high))


def _draw(canvas: _Canvas, layers: list[list[_Item]], direction: str) -> None:
    across = direction == "LR"
    at = 0  # where the layer begins, along the direction of the picture
    for layer in layers:
        depth = max((item.width if across else item.height) for item in layer)
        for item in layer:
            _draw_item(canvas, item, at, depth, across)
        at = _draw_lines(canvas, layer, at + depth, across, TIPS[direction])


def _draw_item(canvas: _Canvas, item: _Item, at: int, depth: int, across: bool) -> None:
    """Draw a box at the end of its layer, with a line from where the layer begins; or the line that passes."""
    if across:
        x, y = at + (depth - item.width if not item.before else 0), item.at - item.height // 2
    else:
        x, y = item.at - item.width // 2, at + (depth - item.height if not item.before else 0)
    end = at + depth - 1
    if not item.lines:
        canvas.line((at, item.at), (end, item.at)) if across else canvas.line((item.at, at), (item.at, end))
        return
    last = (x + item.width - 1) if across else (y + item.height - 1)
    if item.behind and last < end:
        canvas.line((last + 1, item.at), (end, item.at)) if across else canvas.line((item.at, last + 1), (item.at, end))
    if not item.framed:
        for row, line in enumerate(item.lines):
            canvas.write(x + (item.width - columns(line)) // 2, y + row, line)
        return
    inner = item.width - 4
    canvas.write(x, y, f"╭{'─' * (inner + 2)}╮")
    for row, line in enumerate(item.lines, 1):
        room = inner - columns(line)
        canvas.write(x, y + row, f"│ {' ' * (room // 2)}{line}{' ' * (room - room // 2)} │")
    canvas.write(x, y + item.height - 1, f"╰{'─' * (inner + 2)}╯")


def _draw_lines(canvas: _Canvas, layer: list[_Item], at: int, across: bool, tip: str) -> int:
    """Draw the lines from a layer to the next, each item's in a track of its own, and return where the next begins."""

    def cell(along: int, beside: int) -> tuple[int, int]:
        return (along, beside) if across else (beside, along)

    bent = [item for item in layer if any(other.at != item.at for other in item.behind)]
    track = {id(item): at + 1 + place * (2 if across else 1) for place, item in enumerate(bent)}
    end = at + 2 + len(bent) * (2 if across else 1)
    for item in layer:
        for other in item.behind:
            turn = track.get(id(item), end)
            canvas.line(cell(at - 1, item.at), cell(turn, item.at))
            canvas.line(cell(turn, item.at), cell(turn, other.at))
            canvas.line(cell(turn, other.at), cell(end, other.at))
            if other.lines:
                canvas.letters[cell(end, other.at)] = tip
    return end + 1
