"""Tables for notebooks."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

__all__ = ["table_html"]


def table_html(head: Sequence[str], rows: Sequence[Sequence[str]], texts: int) -> str:
    """Return an HTML table.

    Args:
        head, rows: the text of each cell.
        texts: so many columns at the left are text; the others are numbers.
    """

    def line(cells: Sequence[str], tag: str) -> str:
        sides = ["left"] * texts + ["right"] * (len(cells) - texts)
        return "".join(
            f'<{tag} style="text-align:{side}">{escape(cell)}</{tag}>' for cell, side in zip(cells, sides, strict=True)
        )

    body = "".join(f"<tr>{line(row, 'td')}</tr>" for row in rows)
    return f"<table><thead><tr>{line(head, 'th')}</tr></thead><tbody>{body}</tbody></table>"
