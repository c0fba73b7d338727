"""Gathering: find the calls that an output depends on, and mark them for one reverse pass.

Calls carry the number of their creation, and operands are always older than the call that uses them. So the order of
a pass needs no search: its calls are sorted by that number. The mark on each call is the state of the pass: `Waiting`.
"""

from __future__ import annotations

import operator
import sys
import threading
from collections.abc import Iterable, Sequence
from contextvars import copy_context
from typing import Any

import numpy as np

from tinygraph.engine.dependence import may_leave_out
from tinygraph.engine.keeping import Held
from tinygraph.engine.lending import notice_writes
from tinygraph.engine.links import Call, DataCall, DataLeaf, Unnamed, links_in
from tinygraph.engine.modes import state
from tinygraph.engine.ownership import share_memory
from tinygraph.engine.refusing import changed_since, not_passable
from tinygraph.errors import GraphError

_by_order = operator.attrgetter("order")

DATA = (DataCall, DataLeaf)

# To find a graph unmarked and to mark it is one step too.
GATHERING = threading.RLock()


class Waiting:
    """The state of one reverse pass, and its mark: the `_adjoint` of a gathered call that no cotangent has reached yet.

    Attributes:
        since: the pass does not enter calls made before this order.
        calls: the calls of the pass, from the oldest to the newest.
        foreign: True if the pass met a link from before `since` that requires a gradient.
        retain: True if the calls keep their values, for another pass.
        freed: calls whose values were freed; each with its value while the pass may have to be repeated, else None.
        held: large constants that the pass releases at its end.
        kept: the ids of the links whose cotangents are asked for.
        begun: for each root the reach of its seed.
        owned: by link, cotangents in arrays that the pass made itself, and adds to in place.
        ends: calls from before `since` whose cotangents are asked for.
    """

    __slots__ = (
        "_leaves_out", "_outside", "begun", "calls", "ends", "foreign", "freed", "held", "kept", "owned", "retain",
        "since",
    )  # fmt: skip

    def __init__(self, since: int) -> None:
        self.since = since
        self.calls: list[Any] = []
        self.foreign = False
        self.retain = True
        self.freed: list[tuple[Call, Any]] = []
        self.held: list[Held] = []
        self.kept: set[int] = set()
        self._leaves_out: bool | None = None
        self.begun: Sequence[Any] = ()
        self.owned: dict[Any, Any] = {}
        self.ends: frozenset[Any] = frozenset()
        self._outside = copy_context()

    @property
    def leaves_out(self) -> bool:
        """Return whether a call of the pass may leave something out, so that the pass may have to be repeated."""
        if self._leaves_out is None:
            self._leaves_out = bool(self.begun) or any(map(may_leave_out, self.calls))
        return self._leaves_out

    def start_again(self) -> None:
        """Put the calls back as they were before the pass."""
        for call in self.calls:
            call._adjoint = self
        self.put_back()
        self.owned.clear()
        self.held.clear()

    def put_back(self) -> list[Call]:
        """Put freed values back into their calls. Return the calls whose values are gone."""
        gone = []
        for call, value in self.freed:
            if value is None:
                gone.append(call)
            else:
                call._value = value
        self.freed.clear()
        return gone

    @property
    def invalid(self) -> Any:
        """The user's setting for invalid operations, which `np.seterr` made outside of the pass."""
        return self._outside.run(np.geterr)["invalid"]


def gather(roots: Iterable[Any], since: int = 0) -> Waiting:
    """Mark the calls that the roots depend on through gradients, and list them from the oldest to the newest.

    Returns:
        The mark that they now carry, with the list of them in it.

    Raises:
        GraphError: the record was freed, was changed since, or another pass is using it. No mark is left.
    """
    waiting = Waiting(since)
    calls: list[Any] = waiting.calls
    try:
        for root in roots:
            meet(root, sys.maxsize, False, waiting)
        meet_operands(waiting)
        if state.tracing is not None:
            state.tracing.check_passable(calls)
    except BaseException:
        for call in calls:
            call._adjoint = None
        raise
    calls.sort(key=_by_order)
    return waiting


def meet_operands(waiting: Waiting) -> None:
    """Meet the operands of each call of a pass. `quick_backward` replaces this function."""
    for call in waiting.calls:  # grows while we walk it
        meet_arguments(call, waiting)


def meet(link: Any, order: int, read: bool, waiting: Waiting) -> None:
    """Meet an operand of a call made at `order`. `read` says that the call's rules read the operand's value."""
    adjoint = link._adjoint
    if adjoint is waiting:
        return
    if not link.is_call:
        wanted = link.differentiable  # to ask compares the array with its copy
        if link.order > order and (read or link.rewritten > order):
            raise GraphError(changed_since(link))
        if wanted and link.order < waiting.since:
            waiting.foreign = True
    elif link.differentiable:
        if link.order < waiting.since:
            waiting.foreign = True
        elif adjoint is None:
            link._adjoint = waiting
            waiting.calls.append(link)
        else:
            raise GraphError(not_passable(link))


def meet_data(link: Any, order: int, waiting: Waiting) -> None:
    """Meet an operand that requires no gradient, and the leaves below it, which may have been written into since."""
    met = [link]
    for item in met:  # grows while we walk it
        if item.is_call:
            met += [operand for operand in links_in(item.args) if operand not in met]
        else:
            if type(item) is Unnamed and item.view_of is not None:
                meet_owner(item.view_of, item._value, order)
            meet(item, order, item is link, waiting)


def meet_owner(leaf: Any, value: Any, order: int) -> None:
    """Meet a leaf, if a detached Tensor's value is a view of its array."""
    if share_memory(leaf._value, value):
        notice_writes(leaf)
        if leaf.rewritten > order:
            raise GraphError(changed_since(leaf))


def meet_arguments(call: Any, waiting: Waiting) -> None:
    """Meet the operands of a call; some may stand inside lists."""
    for position, argument in enumerate(call.args):
        read = position in call.op.needs
        for link in links_in(argument):
            if link.is_call and link.differentiable:
                meet(link, call.order, read, waiting)
            elif read:
                meet_data(link, call.order, waiting)
            elif link.differentiable:
                meet(link, call.order, False, waiting)
