"""Width: the lines of the text, none longer than 120 characters, and the blank lines between them.

A call that is too long for a line is divided behind its bracket, on two lines if they are enough:

    np.einsum('bhqk,bkhd->bqhd', ...,
              ...)
"""

from __future__ import annotations

import re
import textwrap

__all__ = ["WIDTH", "comment_lines", "divided_array", "filled", "fitted", "length", "without_double_blanks", "wrapped"]

WIDTH = 120

_CALL = re.compile(r"^(\s*)([\w.]+)\((.*)\)$")


_NUMBER = re.compile(r"(?<![\w.])\d+(?![\w.])")


def length(text: str) -> int:
    """Return the length of a text whose whole numbers have three digits at least, as one text for most sizes has."""
    return len(_NUMBER.sub(lambda number: number[0].zfill(3), text))


def fitted(source: str) -> str:
    """Return the text with each call that is too long for a line on several."""
    return "\n".join([part for line in source.split("\n") for part in _divided(line)])


def _divided(line: str) -> list[str]:
    call = _CALL.match(line) if len(line) > WIDTH else None
    if call is None:
        return [line]
    indent, function, arguments = call.groups()
    begun = f"{indent}{function}("
    first, *more = filled(f"{arguments})", WIDTH - len(begun))
    if len(more) == 1 and len(begun) <= WIDTH // 4:
        return [f"{begun}{first}", f"{' ' * len(begun)}{more[0]}"]
    inside = [f"{indent}    {part}" for part in filled(arguments, WIDTH - len(indent) - 4)]
    return [f"{indent}{function}(", *inside, f"{indent})"]


def wrapped(line: str) -> list[str]:
    """Return a line with brackets, divided at the commas in them where it is too long."""
    if len(line) <= WIDTH - 8 or line.partition(" ")[2][:1] not in ("(", "[", "{"):
        return [line]
    first, *rest = filled(line, WIDTH - 12)
    return [first, *[f"    {part}" for part in rest]]


def divided_array(line: str) -> list[str]:
    """Return a line that makes an array of numbers, divided between them where it is too long."""
    if len(line) <= WIDTH - 4:
        return [line]
    first, *rest = filled(line, WIDTH - 8)
    return [first, *[f"    {part}" for part in rest]]


# A string as Python writes it, or a letter outside of strings.
_PARTS = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|.""")


def filled(text: str, width: int) -> list[str]:
    """Return a text divided behind commas, none of them in a string, into lines of a width where that can be."""
    items: list[str] = []
    item = ""
    for part in _PARTS.findall(text):
        if part == " " and item.endswith(","):
            items.append(item)
            item = ""
        else:
            item += part
    items.append(item)
    lines = [""]
    for item in items:
        if lines[-1] and len(lines[-1]) + 1 + len(item) > width:
            lines.append("")
        lines[-1] += f" {item}" if lines[-1] else item
    return lines


def comment_lines(text: str) -> list[str]:
    """Return a comment, on several lines where it is too long."""
    return textwrap.wrap(f"# {text}", WIDTH, subsequent_indent="#   ")


def without_double_blanks(lines: list[str]) -> list[str]:
    """Return the lines with two blank ones before a function, and nowhere else more than one."""
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
