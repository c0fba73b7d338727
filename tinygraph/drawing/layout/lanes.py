"""Lanes of the chain view: the curves of the arrows, drawn over the places that Graphviz gave to the boxes.

Gradients run beside the arrows of values, and a label interrupts its line. Here a place is (along, across): along
the direction of the computation, and across it, which is down the page or to its right.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from tinygraph.drawing.layout.curves import GAP, Piece, Point, smooth, turns_of, wider_gaps
from tinygraph.drawing.layout.tracks import Track
from tinygraph.drawing.palette import COLOURS
from tinygraph.drawing.scenes.scene import Direction, Scene

__all__ = ["LABEL_ROW", "STOP", "Placed", "placed"]

# Points. An arrow head is as long as Graphviz draws one of size 0.6.
HEAD = 6.0
STOP = 18
LABEL_ROW = 15
FRAME = 4.0
SPREAD = 16.0
ABOVE_LABELS = 7.0
MOST_MOVED = 5.0
STEEPEST = math.radians(60)
BETWEEN_TURNS = math.radians(35)


@dataclass
class Placed:
    """The places of a picture, as Graphviz writes them.

    Attributes:
        around: the corners of the whole picture.
        title: the place of the words below.
        boxes: the centre of each box.
        arrows: the attributes of each arrow by its number: its curve, and the place of its label.
        scopes: the attributes of each scope's box.
    """

    around: str
    title: str
    boxes: dict[str, str] = field(default_factory=dict)
    arrows: dict[int, dict[str, str]] = field(default_factory=dict)
    scopes: dict[str, dict[str, str]] = field(default_factory=dict)


class _Text(NamedTuple):
    """A text on a box: its middle, and half its width."""

    text: str
    colour: str
    middle: Point
    half: float


class _Box(NamedTuple):
    """A box: where it begins and ends along, its middle across, the heights of its two rows, and half its extent."""

    start: float
    end: float
    value: float
    gradient: float
    half: float

    @property
    def middle(self) -> float:
        return (self.start + self.end) / 2


class _Obstacle(NamedTuple):
    """A box or a label: where it begins and ends along, and across."""

    start: float
    end: float
    low: float
    high: float


class _Station(NamedTuple):
    """A rank that a line passes: level from `start` to `end`."""

    start: float
    end: float
    column: int
    across: float


class _Line(NamedTuple):
    """An arrow: its corners, its tip, the direction there (None for an arrow back), and the place of its label."""

    number: int
    corners: list[Point]
    tip: Point
    towards: Point | None
    label: Point | None = None


class _Frame:
    """The way from Graphviz's places to (along, across), and back."""

    def __init__(self, direction: Direction, wider: Sequence[tuple[float, float]]) -> None:
        self.across_page = direction == "LR"
        self.wider = wider

    def read(self, x: float, y: float) -> Point:
        """Return a place of the layout, moved along by the room that was added to the gaps before it."""
        along, across = (x, -y) if self.across_page else (-y, x)
        return along + sum(room for gap, room in self.wider if gap < along), across

    def corners(self, text: str) -> str:
        """Return two opposite corners of the layout, as they are written."""
        x0, y0, x1, y1 = map(float, text.split(","))
        first, second = self.written(self.read(x0, y0)), self.written(self.read(x1, y1))
        return f"{first},{second}"

    def point(self, text: str) -> str:
        """Return a point of the layout, as it is written."""
        x, y = map(float, text.split(","))
        return self.written(self.read(x, y))

    def written(self, point: Point) -> str:
        """Return a point as Graphviz writes it."""
        along, across = point
        x, y = (along, -across) if self.across_page else (across, -along)
        return f"{x:.2f},{y:.2f}"


def placed(layout: dict[str, Any], scene: Scene, tracks: Sequence[Track]) -> Placed:
    """Return the places of the boxes in a layout, and curves for the arrows.

    Args:
        layout: Graphviz's JSON of the layout that kept room for the lanes.
        scene: the scene.
        tracks: its tracks.
    """
    narrow = _Lanes(layout, scene, tracks)
    wider = wider_gaps([line.corners for line in narrow.lines()])
    return (_Lanes(layout, scene, tracks, wider) if wider else narrow).placed()


class _Lanes:
    """The lines of a picture, between the places that Graphviz gave to the boxes."""

    def __init__(
        self, layout: dict[str, Any], scene: Scene, tracks: Sequence[Track], wider: Sequence[tuple[float, float]] = ()
    ) -> None:
        self.layout, self.scene, self.tracks = layout, scene, tracks
        self.frame = _Frame(scene.direction, wider)
        self.objects = {each["name"]: each for each in layout["objects"]}
        self.texts = {box.id: self._texts(box.id) for box in scene.boxes}
        self.labelled: dict[str, list[Track]] = {}
        for track in tracks:
            if track.backward is not None and scene.links[track.backward].label:
                self.labelled.setdefault(track.head, []).append(track)
        self.boxes = {box.id: self._box(box.id) for box in scene.boxes}
        self.moved: dict[str, float] = {}
        self._straighten()
        self.columns = self._obstacles()
        self.result = Placed(self.frame.corners(layout["bb"]), self.frame.point(layout.get("lp", "0,0")))

    # --- what Graphviz says -------------------------------------------------------------------------------------------

    def _texts(self, box: str) -> list[_Text]:
        """Return the texts on a box, with their places."""
        found = []
        size, colour = 12.0, ""
        for drawing in self.objects[box].get("_ldraw_", ()):
            if drawing["op"] == "F":
                size = float(drawing["size"])
            if drawing["op"] == "c":
                colour = drawing["color"]
            if drawing["op"] == "T":
                (x, y), width = drawing["pt"], float(drawing["width"])
                x = x if drawing["align"] == "c" else x + width / 2 if drawing["align"] == "l" else x - width / 2
                found.append(_Text(drawing["text"], colour, self.frame.read(x, y + size * 0.32), width / 2))
        return found

    def _rectangle(self, box: str) -> tuple[Point, float, float]:
        """Return the middle of a box, and half its extents along and across."""
        about = self.objects[box]
        x, y = map(float, about["pos"].split(","))
        width, height = (36 * float(about[side]) for side in ("width", "height"))
        along, across = (width, height) if self.frame.across_page else (height, width)
        return self.frame.read(x, y), along, across

    def _box(self, box: str) -> _Box:
        """Return the extent of a box, and the heights of the rows that arrows end at."""
        if self.scene.box[box].kind == "operation":
            return self._operation(box)
        (along, across), half_along, half_across = self._rectangle(box)
        value = gradient = across
        if self.frame.across_page and self.scene.box[box].kind == "variable":
            rows = [text.middle[1] for text in self.texts[box]]
            told = [text.middle[1] for text in self.texts[box][1:] if text.text.strip("\u2068\u00a0")[:1] in {"∂", "∇"}]
            value, gradient = rows[0], told[-1] if told else rows[-1]
        return _Box(along - half_along, along + half_along, value, gradient, half_across)

    def _operation(self, box: str) -> _Box:
        """Return the sign of an operation, beside which the labels of its lanes stand."""
        sign = [text for text in self.texts[box] if text.colour != COLOURS["gradient"]]
        sign = sign or self.texts[box][:1]
        lefts = [text.middle[not self.frame.across_page] - text.half for text in sign]
        rights = [text.middle[not self.frame.across_page] + text.half for text in sign]
        rows = [text.middle[self.frame.across_page] for text in sign]
        wide = (max(rights) - min(lefts)) / 2
        pill = len(sign) > 1 or len(sign[0].text) > 2
        wide = max(wide + 6.5, 11.2) if pill else 11.52
        high = max((max(rows) - min(rows)) / 2 + 11.2, 11.2) if pill else 11.52
        x, y = (max(rights) + min(lefts)) / 2, (max(rows) + min(rows)) / 2
        if len(sign) > 1:  # a frame stands around several lines
            wide, high = wide + FRAME, high + FRAME
        along, across, half_along, half_across = (x, y, wide, high) if self.frame.across_page else (y, x, high, wide)
        return _Box(along - half_along, along + half_along, across, across, half_across)

    def _straighten(self) -> None:
        """Move a box across by the few points by which its arrow would not be straight."""
        for link in self.scene.links:
            if link.kind == "value" and link.head not in self.moved:
                rise = self.boxes[link.tail].value - self.boxes[link.head].value
                if abs(rise) < MOST_MOVED:
                    self.moved[link.head] = rise
                    box = self.boxes[link.head]
                    self.boxes[link.head] = box._replace(value=box.value + rise, gradient=box.gradient + rise)

    def _label(self, track: Track) -> _Text:
        """Return the label of a lane: the labels of an operation have the order of its lanes."""
        labels = [text for text in self.texts[track.head] if text.colour == COLOURS["gradient"]]
        label = labels[self.labelled[track.head].index(track)]
        along, across = label.middle
        return label._replace(middle=(along, across + self.moved.get(track.head, 0.0)))

    # --- the arrows ---------------------------------------------------------------------------------------------------

    def placed(self) -> Placed:
        """Return the places of the boxes, and the curves of the lines."""
        lines = self.lines()
        turns = turns_of([line.corners for line in lines])
        for line in lines:
            self.result.arrows[line.number] = self._written(line, turns)
        for box in self.scene.boxes:
            one = self.boxes[box.id]
            if box.kind == "operation":
                self.result.boxes[box.id] = self.frame.written((one.middle, one.value))
            else:
                (along, across), _, _ = self._rectangle(box.id)
                self.result.boxes[box.id] = self.frame.written((along, across + self.moved.get(box.id, 0.0)))
        for name, about in self.objects.items():
            if name.startswith("cluster_"):
                self.result.scopes[name] = {
                    "bb": self.frame.corners(about["bb"]),
                    "lp": self.frame.point(about.get("lp", "0,0")),
                }
        return self.result

    def lines(self) -> list[_Line]:
        """Return the lines of all tracks: forward, and back where a gradient flows."""
        lanes = self._ends()
        found = []
        for track in self.tracks:
            tail, head = self.boxes[track.tail], self.boxes[track.head]
            stations = [_Station(tail.end, tail.end, self._column(track.tail), tail.value)]
            stations += self._stops(track, forward=True)
            rise = stations[-1].across - head.value
            level = abs(rise) < MOST_MOVED
            above = head.value + (0.0 if level else math.copysign(ABOVE_LABELS, rise))
            start = head.start - (0.0 if level else HEAD + GAP)
            corners = self._corners([*stations, _Station(start, start, self._column(track.head), above)])
            if level and len(corners) == 2:
                corners = corners[:1]
            found.append(_Line(track.forward, corners, *self._tip(corners[-1], head, track.turn)))
            if track.backward is not None:
                found.append(self._lane(track, *lanes[track]))
        on_tracks = {line.number for line in found}
        for number, link in enumerate(self.scene.links):
            if number not in on_tracks:
                tail, head = self.boxes[link.tail], self.boxes[link.head]
                stations = [_Station(tail.end, tail.end, self._column(link.tail), tail.value)]
                stations.append(_Station(head.start - HEAD, head.start - HEAD, self._column(link.head), head.value))
                found.append(_Line(number, self._corners(stations), (head.start, head.value), (1.0, 0.0)))
        return found

    def _column(self, box: str) -> int:
        """Return the rank of a box or a stop, as its place along: all boxes on it have their middle there."""
        return round(self._rectangle(box)[0][0])

    def _stops(self, track: Track, forward: bool) -> list[_Station]:
        room = STOP / 2 if track.backward is not None else 0.0
        found = []
        for stop in track.stops:
            (along, across), _, _ = self._rectangle(stop)
            across += (-room if forward else room) * track.side
            found.append(_Station(along, along, round(along), across))
        return found

    def _corners(self, stations: Sequence[_Station]) -> list[Point]:
        """Return the points of a line, which goes up or down only between the ranks, clear of boxes and labels."""
        points = [(stations[0].start, stations[0].across)]
        for here, there in itertools.pairwise(stations):
            if here.end != points[-1][0]:
                points.append((here.end, here.across))
            if abs(here.across - there.across) > 0.5:
                low, high = sorted((here.across, there.across))
                _, leave = self._extent(here.column, low, high)
                enter, _ = self._extent(there.column, low, high)
                if leave > here.end:
                    points.append((leave, here.across))
                if enter < there.start:
                    points.append((enter, there.across))
            points.append((there.start, there.across))
        return points

    def _extent(self, column: int, low: float, high: float) -> Point:
        """Return where the boxes and labels of a rank begin and end along, as far as they are in the way."""
        there = [each for each in self.columns.get(column, ()) if each.low < high + GAP and each.high > low - GAP]
        return min((e.start for e in there), default=math.inf), max((e.end for e in there), default=-math.inf)

    def _obstacles(self) -> dict[int, list[_Obstacle]]:
        found: dict[int, list[_Obstacle]] = {}
        for box, about in self.boxes.items():
            middle = about.value if self.scene.box[box].kind == "operation" else self._rectangle(box)[0][1]
            middle += 0.0 if self.scene.box[box].kind == "operation" else self.moved.get(box, 0.0)
            here = _Obstacle(about.start, about.end, middle - about.half, middle + about.half)
            found.setdefault(self._column(box), []).append(here)
        for track in (track for group in self.labelled.values() for track in group):
            label = self._label(track)
            along, across = label.middle
            long, wide = (label.half + 2, 6.0) if self.frame.across_page else (6.0, label.half + 2)
            here = _Obstacle(along - long, along + long, across - wide, across + wide)
            found.setdefault(self._column(track.head), []).append(here)
        return found

    def _tip(self, before: Point, head: _Box, turn: int) -> tuple[Point, Point]:
        """Return the point on an operation at which an arrow arrives, and its direction there."""
        half = (head.end - head.start) / 2
        rise = before[1] - head.value
        angle = math.atan2(rise, max(head.middle - before[0], half))
        angle = max(-STEEPEST, min(STEEPEST, angle)) - turn * BETWEEN_TURNS
        if abs(half - head.half) < 1:  # a circle
            point = (head.middle - half * math.cos(angle), head.value + half * math.sin(angle))
        else:
            point = (head.start, head.value + head.half * 0.6 * math.sin(angle))
        return point, (math.cos(angle), -math.sin(angle))

    def _ends(self) -> dict[Track, tuple[Point, Point]]:
        """Return the two ends of each lane: at the card of the operand, and at that of the result."""
        back = [track for track in self.tracks if track.backward is not None]
        first: dict[str, list[Track]] = {}
        last: dict[str, list[Track]] = {}
        for track in back:
            first.setdefault(track.tail, []).append(track)
            last.setdefault(track.result, []).append(track)
        at_tail = {track: at for box, group in first.items() for track, at in self._spread(box, group, True)}
        at_head = {track: at for box, group in last.items() for track, at in self._spread(box, group, False)}
        return {
            track: ((self.boxes[track.tail].end, at_tail[track]), (self.boxes[track.result].start, at_head[track]))
            for track in back
        }

    def _spread(self, box: str, group: list[Track], at_tail: bool) -> Iterable[tuple[Track, float]]:
        """Yield each lane's place on the edge of a card: side by side in the order in which they go on."""
        card = self.boxes[box]
        ordered = sorted(group, key=lambda track: self._goes_on(track, at_tail))
        if self.frame.across_page:
            pitch = min(6.0, SPREAD / max(len(group) - 1, 1))
            for place, track in enumerate(ordered):
                yield track, card.gradient + pitch * (place - (len(group) - 1) / 2)
            return
        for side in (1, -1):
            same = [track for track in ordered if (self._goes_on(track, at_tail) < card.value) == (side < 0)][::side]
            pitch = min(14.0, (card.half - 14) / max(len(same), 1))
            for place, track in enumerate(same):
                yield track, card.value + side * (12 + pitch * place)

    def _goes_on(self, track: Track, at_tail: bool) -> float:
        """Return the place across of a lane's next point after a card."""
        stops = self._stops(track, forward=False) if at_tail else []
        return stops[0].across if stops else self._middle(track)[0][1]

    def _middle(self, track: Track) -> list[Point]:
        """Return the two points at which a lane passes its operation: around its label, or beside the sign."""
        head = self.boxes[track.head]
        if self.frame.across_page:
            if track not in self.labelled.get(track.head, ()):
                across = head.value + head.half + GAP
                return [(head.start, across), (head.end, across)]
            label = self._label(track)
            return [(label.middle[0] + side * (label.half + 2), label.middle[1]) for side in (-1, 1)]
        rows = [each for each in self.labelled.get(track.head, ()) if each.side == track.side]
        step = 5.0 * rows.index(track) if track in rows else 0.0
        across = head.value + track.side * (head.half + 8 - min(step, 5.0))
        return [(head.start, across), (head.end, across)]

    def _lane(self, track: Track, tail: Point, result: Point) -> _Line:
        """Return an arrow back, which passes its label or the sign of its operation."""
        before, after = self._middle(track)
        base = tail[0] + HEAD
        corners = self._corners(
            [
                _Station(base, base, self._column(track.tail), tail[1]),
                *self._stops(track, forward=False),
                _Station(before[0], after[0], self._column(track.head), before[1]),
                _Station(result[0], result[0], self._column(track.result), result[1]),
            ]
        )
        assert track.backward is not None
        label = self._label(track).middle if track in self.labelled.get(track.head, ()) else None
        return _Line(track.backward, corners, tail, None, label)

    def _written(self, line: _Line, turns: Mapping[Piece, float]) -> dict[str, str]:
        """Return the attributes of an arrow in DOT."""
        points, written = smooth(line.corners, turns), self.frame.written
        if line.towards is None:
            found = {"pos": " ".join([f"s,{written(line.tip)}", *map(written, points)])}
            return found | ({"lp": written(line.label)} if line.label is not None else {})
        (along, across), towards = line.tip, line.towards
        base = (along - HEAD * towards[0], across - HEAD * towards[1])
        last = points[-1]
        reach = base[0] - last[0]
        points += [
            (last[0] + 0.45 * reach, last[1]),
            (base[0] - 0.4 * reach * towards[0], base[1] - 0.4 * reach * towards[1]),
            base,
        ]
        return {"pos": " ".join([f"e,{written(line.tip)}", *map(written, points)])}
