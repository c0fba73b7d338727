"""A compiled function in a notebook: its programs as a table, the picture of the last one, and its text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape
from typing import Any

from tinygraph.graph.tables import table_html

__all__ = ["program_html", "programs_html"]


def programs_html(function: str, programs: Sequence[tuple[str, str, str]], explanation: str) -> str:
    """Return a row for each program of a function, and the explanation to unfold.

    Args:
        programs: of each its signature, the reason why it was made, and its runs.
    """
    heads = ("program for", "made because", "runs")
    table = table_html(heads, programs, texts=2) if programs else "<p>It has no program yet.</p>"
    return f"<p>{escape(function)}</p>{table}{_unfolding('explanation', explanation)}"


def program_html(source: str, draw: Callable[[], Any]) -> str:
    """Return the text of a program to unfold, and its picture; the reason where there is none.

    Args:
        draw: returns the `Drawing`.
    """
    from tinygraph.drawing import DrawingError

    try:
        picture = f"<div>{draw().svg()}</div>"
    except DrawingError as error:  # no Graphviz, or a step too large to draw
        picture = f"<p>{escape(str(error).splitlines()[0])}</p>"
    return f"{_unfolding('program', source)}{picture}"


def _unfolding(title: str, text: str) -> str:
    return f"<details><summary>{title}</summary><pre>{escape(text)}</pre></details>"
