"""Tables of Graphviz's HTML-like labels: cells, runs of text, and bars of coloured cells."""

from __future__ import annotations

from tinygraph.drawing.palette import COLOURS
from tinygraph.drawing.words.text import SPACE, markup

__all__ = ["alarm", "bar_cells", "beside", "block", "cell", "font", "table", "tinted", "unstretched"]

BAR_WIDTH, BAR_HEIGHT, LOWEST_BAR = 6, 14, 2


def font(text: str, size: int = 10, colour: str = "muted", bold: bool = False) -> str:
    """Return a run of text in one of the palette's colours."""
    written = markup(text) or SPACE
    written = f"<B>{written}</B>" if bold else written
    return f'<FONT POINT-SIZE="{size}" COLOR="{COLOURS[colour]}">{written}</FONT>'


def table(rows: list[str], padding: int = 1, spacing: int = 0, extra: str = "") -> str:
    """Return a borderless table, a row a line, so that no line of DOT grows long."""
    head = f'<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="{spacing}" CELLPADDING="{padding}"{extra}>'
    return "\n".join([head, *(f"<TR>{row}</TR>" for row in rows), "</TABLE>"])


def cell(content: str, align: str = "LEFT", extra: str = "") -> str:
    """Return a cell."""
    return f'<TD ALIGN="{align}"{extra}>{content}</TD>'


def block(width: int, height: int, colour: str = "") -> str:
    """Return a cell of fixed size, in pixels."""
    fill = f' BGCOLOR="{COLOURS[colour]}"' if colour else ""
    return f'<TD FIXEDSIZE="TRUE" WIDTH="{width}" HEIGHT="{height}"{fill}></TD>'


def unstretched(content: str, width: int, height: int) -> str:
    """Return a table of fixed size, in pixels. Graphviz stretches all others to fill their cell."""
    size = f' FIXEDSIZE="TRUE" WIDTH="{width}" HEIGHT="{height}"'
    return table([cell(content, extra=size)], padding=0)


def tinted(content: str, fill: str, align: str = "LEFT") -> str:
    """Return a cell on a ground of its own colour."""
    return cell(content, align, f' BGCOLOR="{COLOURS[fill]}" STYLE="ROUNDED"')


def alarm(text: str) -> str:
    """Return a cell that says in red what is not finite, or not well."""
    return tinted(font(text, 10, "non-finite", bold=True), "non-finite fill")


def bar_cells(heights: tuple[float, ...], colour: str) -> str:
    """Return a histogram of coloured cells, which need no font. The heights are from 0 to 1."""
    columns = []
    for height in heights:
        pixels = round(LOWEST_BAR + height * (BAR_HEIGHT - LOWEST_BAR))
        air = [block(BAR_WIDTH, BAR_HEIGHT - pixels)] if pixels < BAR_HEIGHT else []
        columns.append("\n" + cell(table([*air, block(BAR_WIDTH, pixels, colour)], padding=0)))
    return unstretched(table(["".join(columns)], padding=0), len(heights) * BAR_WIDTH, BAR_HEIGHT)


def beside(bars: str, words: str) -> str:
    """Return a histogram with words on its right."""
    bars, words = cell(bars), cell(words, "RIGHT", ' VALIGN="BOTTOM"')
    return table([bars + words])
