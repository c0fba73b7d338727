"""Lending: the array of a leaf is the Tensor's own until `t.data` hands it out. Then others can write into it.

NumPy tells nobody that an array is written into. A lent array is therefore compared with a copy at each use, and a
write makes the graphs that used the old values out of date: they refuse to go backward. An array that nobody else
holds any more is taken back. The array of a result is handed out read-only, and needs none of this.
"""

from __future__ import annotations

from typing import Any

from tinygraph.engine.links import DataLeaf, Leaf, next_order
from tinygraph.engine.ownership import is_lent, same_bits

__all__ = ["UNSEEN", "LentDataLeaf", "LentLeaf", "lend", "notice_writes", "take_back"]

# In place of a copy: the array was written into just now, with the Tensor's permission, and not used since.
UNSEEN = object()


class LentLeaf(Leaf):
    """A leaf that requires a gradient, and whose array others may hold.

    `before` is a copy of the array, or the number, as it was at the last look; or `UNSEEN`. In a function that is being
    compiled it may be None. Each record and each pass reads `differentiable` of an operand, and this class looks at the
    array then: a question of its own would cost every recorded call, of any leaf.
    """

    __slots__ = ()

    @property
    def differentiable(self) -> bool:  # type: ignore[override]
        """True; writes into the array have been noticed."""
        notice_writes(self)
        return True

    ready = differentiable


class LentDataLeaf(DataLeaf):
    """A leaf that requires no gradient, and whose array others may hold. See `LentLeaf`."""

    __slots__ = ()

    @property
    def differentiable(self) -> bool:  # type: ignore[override]
        """False; writes into the array have been noticed."""
        notice_writes(self)
        return False

    ready = differentiable


def lend(link: Any, before: Any) -> None:
    """Note that others hold a leaf's array from now on; `before` is a copy of it."""
    link.before = before
    link.__class__ = LentLeaf if type(link) is Leaf else LentDataLeaf


def take_back(link: Any) -> None:
    """Note that nobody else holds a leaf's array any more."""
    link.before = None
    link.__class__ = Leaf if type(link) is LentLeaf else DataLeaf


def notice_writes(leaf: Leaf) -> None:
    """Compare a lent array with its copy. A write gives the leaf a new order; an array held by nobody is taken back."""
    if type(leaf) is not LentLeaf and type(leaf) is not LentDataLeaf:
        return
    before = leaf.before
    if before is None:  # in a function that is being compiled
        return
    written = before is not UNSEEN and not same_bits(leaf._value, before)
    if written:
        leaf.order = leaf.rewritten = next_order()
    if not is_lent(leaf):
        take_back(leaf)
    elif written or before is UNSEEN:
        leaf.before = leaf._value.copy(order="K")
