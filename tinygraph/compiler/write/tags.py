"""Tags: which step a statement of the text computes, while the text is still looked into.

np.tanh(x, out=y)  #@7      the statement computes step 7
"""

from __future__ import annotations

import re

__all__ = ["TAG", "instrumented", "untagged"]

# It stands behind a statement, and before the index of its step.
TAG = "  #@"
_TAGGED = re.compile(r"^(\s*)(.*?)  #@(\d+)$")


def untagged(source: str) -> str:
    """Return the text without the tags."""
    return re.sub(r"  #@\d+$", "", source, flags=re.MULTILINE)


def instrumented(source: str) -> str:
    """Return the text with `_tick(step)` after each statement."""
    lines = []
    for line in source.split("\n"):
        match = _TAGGED.match(line)
        lines += [line] if match is None else [f"{match[1]}{match[2]}", f"{match[1]}_tick({match[3]})"]
    return "\n".join(lines)
