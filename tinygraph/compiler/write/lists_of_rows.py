"""Lists of rows: the list that a loop goes over is made of a view in one line, where nothing else takes the view.

all_h_part = all_h[49::-1]
each_all_h_part = list(all_h_part)      ->      each_all_h_part = list(all_h[49::-1])
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from tinygraph.compiler.write.width import WIDTH

__all__ = ["with_views_inside"]

_LIST = re.compile(r"(\w+) = list\((\w+)\)")
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
        view = None if match is None else made.get(match[2])
        if match is not None and view is not None and uses[match[2]] == 2 and len(line) + len(view) <= WIDTH:
            inside[match[2]] = view
    kept = [line for line in setup if line.partition(" = ")[0] not in inside]
    return [_LIST.sub(lambda match: f"{match[1]} = list({inside.get(match[2], match[2])})", line) for line in kept]
