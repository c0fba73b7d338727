"""Tables: as text, and for notebooks."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from html import escape

__all__ = ["table_html", "table_lines"]


def table_lines(rows: Sequence[Sequence[str]], texts: Collection[int] = (0,)) -> list[str]:
    """Return the lines of a table as text, its columns two blanks apart.

    Args:
        rows: the text of each cell, the heads first.
        texts: the columns of text; the others are numbers, which stand to the right.
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) if column in texts else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


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
