"""A user's text on its way into DOT, HTML-like labels, SVG and Mermaid, none of which may trip over it."""

from __future__ import annotations

import html
import unicodedata

__all__ = ["clean", "clip", "dot_string", "isolated", "markup"]

NAME_LENGTH = 24
WORD_JOINER = "\u2060"
# Signs that turn the text around them, not only the name that they stand in.
TURNING = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
ISOLATE, POP = "\u2068", "\u2069"
# In front of a text: it runs from left to right, whatever its first letter.
LEFT_TO_RIGHT = "\u200e"


def clean(text: str) -> str:
    """One line of well-formed Unicode: nothing that controls or turns text, no lone surrogate, one space at a time."""
    well_formed = text.encode("utf-8", "replace").decode("utf-8")
    straight = (c for c in well_formed if c not in TURNING)
    spaced = "".join(" " if unicodedata.category(c) in {"Cc", "Zl", "Zp"} else c for c in straight)
    return " ".join(c for c in "".join(map(_printable, spaced)).split(" ") if c)


def _printable(character: str) -> str:
    """XML forbids the noncharacters U+FFFE and U+FFFF."""
    return "\ufffd" if ord(character) & 0xFFFE == 0xFFFE else character


def isolated(text: str) -> str:
    """The text with each name from right to left in isolation, so that no number or sign beside it changes sides.

    A text that is nothing but such a name stays as it is.
    """
    if text.isascii() or not any(map(_is_right_to_left, text)):
        return text
    if _is_right_to_left(text[0]) and _end_of_name(text, 0) == len(text):
        return text
    pieces, place = [], 0
    while place < len(text):
        end = _end_of_name(text, place) if _is_right_to_left(text[place]) else place
        pieces.append(f"{ISOLATE}{text[place:end]}{POP}" if end > place else text[place])
        place = max(end, place + 1)
    return LEFT_TO_RIGHT + "".join(pieces)


def _is_right_to_left(character: str) -> bool:
    return unicodedata.bidirectional(character) in {"R", "AL", "AN"}


def _end_of_name(text: str, place: int) -> int:
    """Where a name from right to left ends, its number or power (x₁, x²) and further words included."""
    while place < len(text):
        character = text[place]
        inside = character.isalnum() or character == "_" or unicodedata.combining(character)
        between_words = character == " " and _is_right_to_left(text[place + 1 : place + 2] or " ")
        if not (inside or between_words or _is_right_to_left(character)):
            break
        place += 1
    return place


def clip(text: str, length: int = NAME_LENGTH) -> str:
    """At most `length` characters, the middle given up for "…"."""
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
    """Text for a quoted attribute, such as a tooltip: nothing in it is an escape, an entity or a label in HTML."""
    return html.escape(isolated(clip(clean(text), length))).replace("\\", "\\\\" + WORD_JOINER)
