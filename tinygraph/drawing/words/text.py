"""A user's text, made safe for DOT, HTML-like labels, SVG and Mermaid."""

from __future__ import annotations

import html
import unicodedata

from tinygraph.bidirectional import TURNING, isolated

__all__ = ["SPACE", "clean", "clip", "dot_string", "isolated", "markup"]

NAME_LENGTH = 24
WORD_JOINER = "\u2060"
SPACE = "\u00a0"  # a line does not break at it, and Graphviz keeps several


def clean(text: str) -> str:
    """Return one line of well-formed Unicode, without control characters, marks of direction, and double spaces."""
    if text.isascii() and text.isprintable():
        return " ".join(text.split())
    well_formed = text.encode("utf-8", "replace").decode("utf-8")
    straight = (c for c in well_formed if c not in TURNING)
    spaced = "".join(" " if unicodedata.category(c) in {"Cc", "Zl", "Zp"} else c for c in straight)
    return " ".join(c for c in "".join(map(_printable, spaced)).split(" ") if c)


def _printable(character: str) -> str:
    """Return a character that XML allows: it forbids U+FFFE and U+FFFF."""
    return "\ufffd" if ord(character) & 0xFFFE == 0xFFFE else character


def clip(text: str, length: int = NAME_LENGTH) -> str:
    """Return at most `length` characters, with "…" in place of the middle."""
    if len(text) <= length:
        return text
    tail = (length - 1) // 2
    return text[: length - 1 - tail] + "…" + text[len(text) - tail :]


def markup(text: str) -> str:
    """Text for an HTML-like label.

    Graphviz replaces `\\N`, `\\G`, `\\L`, `\\E` and `\\T` even there and knows no escape for them,
    so an invisible word joiner stands after each backslash. Before version 2.50 it trips over a bare "]".
    """
    return html.escape(isolated(clean(text)).replace("\\", "\\" + WORD_JOINER)).replace("]", "&#93;")


def dot_string(text: str, length: int = 200) -> str:
    """Text for a quoted attribute, such as a tooltip, without escapes, entities or HTML labels."""
    return html.escape(isolated(clip(clean(text), length))).replace("\\", "\\\\" + WORD_JOINER)
