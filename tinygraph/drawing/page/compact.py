"""A picture in fewer bytes for a page, which carries many: the same shapes, a tenth of a point apart at most."""

from __future__ import annotations

import re
from collections.abc import Iterator

__all__ = ["compact"]

BAR = r'<polygon fill="{}" stroke="none" points="[^"]+" ?/>\s*'
BARS = re.compile(BAR.format('([^"]+)') + "(?:" + BAR.format(r"\1") + ")*")
POINTS = re.compile(r'points="([^"]+)"')
OUTLINE = re.compile(r' d="([^"]+)"')
PART = re.compile(r"([A-Z])([^A-Z]*)")
DECIMALS = re.compile(r"(\d+\.\d)\d+")
PLACES = re.compile(r' (?:points|x|y|cx|cy|rx|ry|textLength)="[^"]+"')
# The page's own style and script say these of every text.
SAID = re.compile(r' (?:font-family|lengthAdjust|xml:space)="[^"]*"| text-anchor="start"|(?<=\d)\.00?(?=")')
# A quote of the other kind needs no backslash in JSON.
QUOTED = re.compile(r"""="([^"']*)\"""")
LINES = re.compile(r"\n\s*")

# The points of one command of a path that share an origin.
TOGETHER = {"M": 1, "L": 1, "C": 3}


def compact(svg: str) -> str:
    """Return the SVG with its histograms as one shape each, and without the attributes that a page sets itself."""
    svg = BARS.sub(lambda found: _one_shape(found[0], found[1]), svg)
    svg = OUTLINE.sub(lambda found: f' d="{_relative(found[1])}"', svg)
    svg = PLACES.sub(lambda found: DECIMALS.sub(r"\1", found[0]), svg)
    return LINES.sub("", QUOTED.sub(r"='\1'", SAID.sub("", svg)))


def _one_shape(bars: str, colour: str) -> str:
    outlines = "".join(f"M{points.strip().replace(' ', 'L')}Z" for points in POINTS.findall(bars))
    return f'<path fill="{colour}" stroke="none" d="{outlines}" />'


def _relative(path: str) -> str:
    """Return the path in steps from point to point, in tenths, so that no rounding adds up."""
    return "".join(_steps(path))


def _steps(path: str) -> Iterator[str]:
    at = start = (0, 0)
    for command, numbers in PART.findall(path):
        if command not in TOGETHER:
            yield command.lower()
            at = start
            continue
        places = [round(10 * float(text)) for text in numbers.replace(",", " ").split()]
        points = list(zip(places[::2], places[1::2], strict=True))
        steps = []
        for first in range(0, len(points), TOGETHER[command]):
            group = points[first : first + TOGETHER[command]]
            steps += [number for x, y in group for number in (x - at[0], y - at[1])]
            at = group[-1]
        start = at if command == "M" else start
        yield command.lower() + _joined(steps)


def _joined(tenths: list[int]) -> str:
    """Return numbers as one text, "3-4.5" for "3,-4.5": a sign parts two numbers as well as a space does."""
    texts = [f"{tenth / 10:.1f}".removesuffix(".0").replace("-0.", "-.") for tenth in tenths]
    short = [text.removeprefix("0") if text.startswith("0.") else text for text in texts]
    return "".join(text if place == 0 or text.startswith("-") else f" {text}" for place, text in enumerate(short))
