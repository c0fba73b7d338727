"""Width: the lines of the text, none longer than 120 characters, and the blank lines between them.

A call that is too long is divided as a formatter would do it:

    np.einsum(
        'bhqk,bkhd->bqhd', ...,
    )
"""

from __future__ import annotations

import re
import textwrap

__all__ = ["WIDTH", "comment_lines", "divided_array", "fitted", "without_double_blanks", "wrapped"]

WIDTH = 120

_CALL = re.compile(r"^(\s*)([\w.]+)\((.*)\)$")


def fitted(source: str) -> str:
    """The text with each call that is too long for a line on several."""
    return "\n".join([part for line in source.split("\n") for part in _divided(line)])


def _divided(line: str) -> list[str]:
    call = _CALL.match(line) if len(line) > WIDTH and "'" not in line else None
    if call is None:
        return [line]
    indent, function, arguments = call.groups()
    inside = textwrap.wrap(arguments, WIDTH - len(indent) - 4, break_long_words=False, break_on_hyphens=False)
    return [f"{indent}{function}(", *[f"{indent}    {part}" for part in inside], f"{indent})"]


def wrapped(line: str) -> list[str]:
    """A line of names in brackets, divided where it is too long; one with texts in it stays as it is."""
    if len(line) <= WIDTH - 4 or "'" in line or line.partition(" ")[2][:1] not in ("(", "["):
        return [line]
    return textwrap.wrap(line, WIDTH - 4, subsequent_indent="    ", break_long_words=False, break_on_hyphens=False)


def divided_array(line: str) -> list[str]:
    """A line that makes an array of numbers, divided between them where it is too long."""
    if len(line) <= WIDTH:
        return [line]
    return textwrap.wrap(line, WIDTH - 4, subsequent_indent="    ", break_long_words=False)


def comment_lines(text: str) -> list[str]:
    """A comment, on several lines where it is too long."""
    return textwrap.wrap(f"# {text}", WIDTH, subsequent_indent="#   ")


def without_double_blanks(lines: list[str]) -> list[str]:
    """The lines with two blank ones before a function, and nowhere else more than one."""
    kept: list[str] = []
    for line in lines:
        if line.startswith(("def ", "@")) and kept and not kept[-1].startswith("@"):
            while kept and not kept[-1]:
                kept.pop()
            kept += ["", ""]
        elif not line and kept and not kept[-1]:
            continue
        kept.append(line)
    return kept
