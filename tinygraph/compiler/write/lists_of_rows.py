"""Lists of rows: the list that a loop goes over is made of a view in one line, where nothing else takes the view.

all_h_part = all_h[49::-1]
each_all_h_part = list(all_h_part)      ->      each_all_h_part = list(all_h[49::-1])

A list of the rows of many arrays is divided into lines.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from tinygraph.compiler.write.width import WIDTH, filled

__all__ = ["with_views_inside"]

_LIST = re.compile(r"(\w+) = list\((zip\()?([\w, ]+)\)?\)")
_NAME = re.compile(r"[^\W\d]\w*")


def with_views_inside(setup: list[str], elsewhere: Iterable[str]) -> list[str]:
    """Return the lines that are executed once, with each view that is only made a list of inside that list.

    Args:
        setup: the lines, in order.
        elsewhere: all other lines of the text.
    """
    uses = Counter([name for line in (*setup, *elsewhere) for name in _NAME.findall(line)])
    made = {name: text for name, _, text in [line.partition(" = ") for line in setup]}
    inside: dict[str, str] = {}
    for line in setup:
        match = _LIST.fullmatch(line)
        if match is None:
            continue
        for name in match[3].split(", "):
            if name in made and uses[name] == 2 and (match[2] or len(line) + len(made[name]) <= WIDTH):
                inside[name] = made[name]
    kept = [line for line in setup if line.partition(" = ")[0] not in inside]
    return [part for line in kept for part in _written(line, inside)]


def _written(line: str, inside: dict[str, str]) -> list[str]:
    """Return a line with views inside it, or the lines that it is divided into."""
    match = _LIST.fullmatch(line)
    if match is None:
        return [line]
    views = ", ".join([inside.get(name, name) for name in match[3].split(", ")])
    before, behind = f"{match[1]} = list({match[2] or ''}", "))" if match[2] else ")"
    if len(before) + len(views) + len(behind) <= WIDTH:
        return [f"{before}{views}{behind}"]
    return [before, *[f"    {part}" for part in filled(views, WIDTH - 16)], behind]
