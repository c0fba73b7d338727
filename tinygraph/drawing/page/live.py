"""Live pages: a page may carry the program that computes its numbers anew.

The program is compiled, and the compiler stands below the pictures. So its room is loaded by its name, when a page is
made; see `tinygraph.live`.
"""

from __future__ import annotations

import importlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygraph.graph import Graph

__all__ = ["Live", "live", "live_markup", "numbers_in_page"]

ROOM = "tinygraph.live"


@dataclass(frozen=True)
class Live:
    """The programs of a page, and the boxes that their numbers belong to.

    Attributes:
        data: the inputs with their values, and what each result of the programs is; anything that JSON has.
        programs: JavaScript by a name, each a file whose only function the page calls.
    """

    data: Mapping[str, Any]
    programs: Mapping[str, str]


def live(graph: Graph, step: Any = None) -> Live | None:
    """Return the programs of a page of a graph; None where its values cannot be computed again.

    Args:
        graph: with the values of its inputs.
        step: a compiled step that trains the graph's parameters, or None.
    """
    found: Live | None = importlib.import_module(ROOM).live_of(graph, step)
    return found


def numbers_in_page(array: Any) -> list[float | str]:
    """Return the numbers of an array in C order, as JavaScript's `Number` reads them: JSON itself has no infinity."""
    return [
        number if math.isfinite(number) else str(number).replace("inf", "Infinity").replace("nan", "NaN")
        for number in np.asarray(array).astype(float).reshape(-1).tolist()
    ]


def live_markup(parts: Live | None) -> str:
    """Return the elements of a page that carry its programs; "" for a page without."""
    if parts is None:
        return ""
    data = json.dumps(dict(parts.data), separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
    programs = ",\n".join(f"{name}: {_enclosed(text)}" for name, text in parts.programs.items())
    return (
        f'<script type="application/json" id="live-data">{data}</script>\n'
        f"<script>\nwindow.tinygraphPrograms = {{\n{programs}\n}};\n</script>\n"
    )


def _enclosed(text: str) -> str:
    """Return a file as an expression: its function. A line of the user's may hold what ends a script."""
    written = text.replace("</", "<\\/").replace("<!--", "<\\!--")
    return f"(() => {{\nconst module = {{}};\n{written}return Object.values(module.exports)[0];\n}})()"
