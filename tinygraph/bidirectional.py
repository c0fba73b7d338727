"""Names from right to left in texts that run from left to right: no number beside one changes sides."""

from __future__ import annotations

import unicodedata

__all__ = ["ISOLATE", "LEFT_TO_RIGHT", "POP", "TURNING", "isolated"]

# Signs that turn the text around them, not only the name with the sign.
TURNING = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
ISOLATE, POP = "\u2068", "\u2069"
# A sign in front of a text: the text runs from left to right, with any first letter.
LEFT_TO_RIGHT = "\u200e"


def isolated(text: str) -> str:
    """The text with each name from right to left in isolation, so that no number or sign beside it changes sides.

    A text of one such name, without a power or a number of tinygraph's, is returned unchanged.
    """
    if text.isascii() or not any(map(_is_right_to_left, text)):
        return text
    ours = any(unicodedata.category(character) == "No" for character in text)
    if _is_right_to_left(text[0]) and _end_of_name(text, 0) == len(text) and not ours:
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
    """Return the end of a name from right to left, its number or power (x₁, x²) and further words included."""
    while place < len(text):
        character = text[place]
        inside = character.isalnum() or character == "_" or unicodedata.combining(character)
        between_words = character == " " and _is_right_to_left(text[place + 1 : place + 2] or " ")
        if not (inside or between_words or _is_right_to_left(character)):
            break
        place += 1
    return place
