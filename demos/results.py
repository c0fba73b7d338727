"""The results of a demo: the figures it printed and the pictures it made."""

from __future__ import annotations

from typing import Any, NamedTuple


class Results(NamedTuple):
    """The results of a demo.

    Attributes:
        figures: the numbers, by name.
        pictures: a caption for each picture, by file name, in the order of the story.
    """

    figures: dict[str, Any]
    pictures: dict[str, str]
