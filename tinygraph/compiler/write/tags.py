"""Tags: which step a statement of the text computes, while the text is still looked into.

np.tanh(x, out=y)  #@7      the statement computes step 7
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from tinygraph.compiler.write.width import fitted

__all__ = ["TAG", "instrumented", "surrounded", "untagged"]

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


def surrounded(
    source: str, groups: Iterable[tuple[int, int]], calls: tuple[str, str], products: Iterable[int] = (),
    product: str = "",
) -> str:  # fmt: skip
    """Return the text without tags and fitted, and with a call on the first and on the last line of each group.

    Args:
        source: the text with tags.
        groups: the first and the last step of each.
        calls: the functions that are called before a group, and behind it.
        products: the steps that call another function in the place of `np.dot`.
        product: the name of that.
    """
    before, behind = calls
    lines = source.split("\n")
    of_steps: dict[int, list[int]] = {}
    for number, line in enumerate(lines):
        if match := _TAGGED.match(line):
            of_steps.setdefault(int(match[3]), []).append(number)
    parts = [fitted(untagged(line)).split("\n") for line in lines]
    for number in [number for step in products for number in of_steps.get(step, ())]:
        parts[number] = [line.replace("np.dot(", f"{product}(") for line in parts[number]]
    for first, last in groups:
        if first in of_steps and last in of_steps:
            begin, end = parts[of_steps[first][0]], parts[of_steps[last][-1]]
            statement = begin[0].lstrip()
            begin[0] = f"{begin[0][: len(begin[0]) - len(statement)]}{before}(); {statement}"
            end[-1] = f"{end[-1]}; {behind}()"
    return "\n".join([line for part in parts for line in part])
