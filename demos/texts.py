"""English text: Shakespeare's plays from the data folder, or else the language reference that Python has in itself."""

from __future__ import annotations

from typing import NamedTuple

import tinygraph as tg


class Text(NamedTuple):
    """A text and its title."""

    title: str
    characters: str


def english() -> Text:
    """Return tiny Shakespeare, 1.1 million characters, if it is at hand; otherwise the language reference of Python."""
    if tg.data.available("tinyshakespeare.txt"):
        return Text("Shakespeare", tg.data.tiny_shakespeare())
    from pydoc_data.topics import topics

    reference = "\n".join(topics[name] for name in sorted(topics))
    return Text("Python's language reference", reference.encode("ascii", "ignore").decode())
