"""Marks on boxes and arrows: new ones in a picture, gone ones, changed ones, and those computed together."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal, NamedTuple

from tinygraph.drawing.palette import COLOURS

__all__ = ["Mark", "marked", "marked_arrow"]

SIZE = 9


class Mark(NamedTuple):
    """A mark on a box.

    Attributes:
        kind: "added", "removed" or "changed"; "kept" for a box that has words alone.
        words: above the text of the box, or "".
    """

    kind: Literal["added", "removed", "changed", "kept"]
    words: str = ""


def marked(look: Mapping[str, str], mark: Mark, is_operation: bool, word: str) -> dict[str, str]:
    """Return the look of a box with its mark.

    Args:
        look: the attributes without the mark.
        mark: the mark.
        is_operation: True for a box that is filled with its colour.
        word: the words of the mark as a run of text, or "".
    """
    label = look["label"][1:-1]
    if mark.kind == "removed":
        label = re.sub(r'(<FONT [^>]*COLOR=")[^"]*("[^>]*>)(.*?)</FONT>', _struck, label, flags=re.DOTALL)
    if word:
        rows = f'<TR><TD ALIGN="CENTER">{word}</TD></TR>\n<TR><TD>{label}</TD></TR>'
        label = f'<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="1">\n{rows}\n</TABLE>'
    found = {**look, "label": f"<{label}>"}
    if word and look.get("shape") == "circle":
        found |= {"shape": "box", "style": "rounded,filled", "height": "0.31", "width": "0.31", "margin": "0.09,0.03"}
        found.pop("fixedsize", None)
    if mark.kind == "removed":
        style = found.get("style", "filled")
        return found | {"color": COLOURS["removed"], "fillcolor": COLOURS["removed fill"], "style": f"{style},dashed"}
    if mark.kind == "kept":
        return found
    fill = COLOURS[mark.kind if is_operation else f"{mark.kind} fill"]
    return found | {"color": COLOURS[mark.kind], "fillcolor": fill, "penwidth": "2"}


def _struck(match: re.Match[str]) -> str:
    before, after, text = match.groups()
    return f"{before}{COLOURS['removed text']}{after}<S>{text}</S></FONT>"


def marked_arrow(tail: Mark | None, head: Mark | None) -> dict[str, str]:
    """Return the attributes of an arrow between two boxes, by their marks."""
    kinds = {mark.kind for mark in (tail, head) if mark is not None}
    if "removed" in kinds:
        return {"color": COLOURS["removed"], "style": "dashed", "weight": "1"}
    return {"color": COLOURS["added"], "penwidth": "1.8"} if "added" in kinds else {}
