"""Unseen calls: those that no Tensor stands for any more, so that nobody can ask for their gradient.

A pass keeps the small cotangents of its calls, for `t.grad` and for pictures. While a function is compiled, most are of
Tensors that are gone: the intermediate values in a loop. These are freed as soon as they are handed on.
"""

from __future__ import annotations

from typing import Any

from tinygraph.engine.links import links_in
from tinygraph.engine.ownership import holders_in_loop

__all__ = ["Unseen"]


class Unseen:
    """The counts of references among the calls of a pass, which tell whether anything else holds one.

    Args:
        calls: those of the pass.
    """

    def __init__(self, calls: list[Any]) -> None:
        self._counts: dict[int, int] = {}
        counts = self._counts
        for call in calls:
            for operand in links_in(call.args):  # a call holds them once for each time that they stand there
                counts[id(operand)] = counts.get(id(operand), 0) + 1

    def has(self, call: Any) -> bool:
        """Return whether nothing but the list of the pass, a loop over it and other calls of the pass hold a call."""
        return holders_in_loop(call) <= self._counts.get(id(call), 0)
