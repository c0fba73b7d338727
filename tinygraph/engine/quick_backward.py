"""The quick reverse pass: gathering and pulling, written out for each of the kinds of call in `quick_links`.

The plain pass loops over the arguments of a call and asks each for its kind. Here the code of one kind of call stands
without a loop, since every call of a pass is gathered and pulled. Like the plain pull, each pull runs every rule first
and delivers the cotangents afterwards. They are never given complex cotangents, or those of float16.

`install` puts them in the place of the plain ones. With `TINYGRAPH_QUICK=0` in the environment nothing is installed.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygraph.engine import gathering
from tinygraph.engine.fitting import fit
from tinygraph.engine.gathering import DATA, Waiting, meet, meet_arguments, meet_data
from tinygraph.engine.keeping import Held
from tinygraph.engine.links import Call, Leaf, Live, Put, Spread
from tinygraph.engine.pulling import PULL, hand, pull_piece, value_of
from tinygraph.engine.quick_links import Both, First, Left, Right, Unary

__all__ = ["install"]

__warningregistry__ = None  # as in `record`
_float64 = np.float64
_LINKS = (Call, Leaf)


def _pull_both(call: Any, g: Any, cotangents: dict[Leaf, Any], waiting: Waiting) -> None:
    x = call.x
    y = call.y
    x_value = x._value
    y_value = y._value
    z = call._value
    x_rule, y_rule = call.op.rules
    to_x = x_rule(g, z, x_value, y_value)
    to_y = y_rule(g, z, x_value, y_value)
    if (type(to_x) is not _float64 or type(x_value) is not _float64) and (
        to_x.dtype is not x_value.dtype or to_x.shape != x_value.shape
    ):
        to_x = fit(to_x, x_value)
    if (type(to_y) is not _float64 or type(y_value) is not _float64) and (
        to_y.dtype is not y_value.dtype or to_y.shape != y_value.shape
    ):
        to_y = fit(to_y, y_value)
    if x._adjoint is waiting:
        x._adjoint = to_x
    else:
        hand(x, to_x, cotangents, waiting)
    if y._adjoint is waiting:
        y._adjoint = to_y
    else:
        hand(y, to_y, cotangents, waiting)


def _pull_unary(call: Any, g: Any, cotangents: dict[Leaf, Any], waiting: Waiting) -> None:
    x = call.x
    x_value = x._value
    cotangent = call.op.rules[0](g, call._value, x_value)
    if (type(cotangent) is not _float64 or type(x_value) is not _float64) and (
        cotangent.dtype is not x_value.dtype or cotangent.shape != x_value.shape
    ):
        cotangent = fit(cotangent, x_value)
    if x._adjoint is waiting:
        x._adjoint = cotangent
    else:
        hand(x, cotangent, cotangents, waiting)


def _pull_left(call: Any, g: Any, cotangents: dict[Leaf, Any], waiting: Waiting) -> None:
    x = call.x
    x_value = x._value
    y = call.y
    cotangent = call.op.rules[0](g, call._value, x_value, value_of(y))
    if (type(cotangent) is not _float64 or type(x_value) is not _float64) and (
        cotangent.dtype is not x_value.dtype or cotangent.shape != x_value.shape
    ):
        cotangent = fit(cotangent, x_value)
    if x._adjoint is waiting:
        x._adjoint = cotangent
    else:
        hand(x, cotangent, cotangents, waiting)
    if type(y) is Held and not waiting.retain:
        waiting.held.append(y)


def _pull_right(call: Any, g: Any, cotangents: dict[Leaf, Any], waiting: Waiting) -> None:
    y = call.y
    y_value = y._value
    x = call.x
    cotangent = call.op.rules[1](g, call._value, value_of(x), y_value)
    if (type(cotangent) is not _float64 or type(y_value) is not _float64) and (
        cotangent.dtype is not y_value.dtype or cotangent.shape != y_value.shape
    ):
        cotangent = fit(cotangent, y_value)
    if y._adjoint is waiting:
        y._adjoint = cotangent
    else:
        hand(y, cotangent, cotangents, waiting)
    if type(x) is Held and not waiting.retain:
        waiting.held.append(x)


def _pull_first(call: Any, g: Any, cotangents: dict[Leaf, Any], waiting: Waiting) -> None:
    x = call.x
    op = call.op
    x_value = x._value
    rest = call.rest
    keywords = call.keywords
    if op.pieces is not None and x_value.shape:
        pull_piece(call, x, rest[0], g, cotangents, waiting)
        return
    if keywords and type(op.function) is np.ufunc:
        keywords = {}
    cotangent = fit(op.rules[0](g, call._value, x_value, *rest, **keywords), x_value)
    if x._adjoint is waiting:
        x._adjoint = cotangent
    else:
        hand(x, cotangent, cotangents, waiting)


def _meet_operands(waiting: Waiting) -> None:
    """Meet the operands of each call of a pass, as `gathering.meet_operands` does."""
    since = waiting.since
    calls = waiting.calls
    for call in calls:  # grows while we walk it
        kind = type(call)
        if kind is Spread or kind is Live:
            meet_arguments(call, waiting)
            continue
        if kind is Put:
            _meet_of_write(call, waiting)
            continue
        op = call.op
        if kind is Right:
            link, read = call.y, op.needs_y
            if op.needs_x and isinstance(call.x, DATA):
                meet_data(call.x, call.order, waiting)
        else:
            link, read = call.x, op.needs_x
            if kind is Both:
                other = call.y
                if other.is_call and other._adjoint is None and other.order >= since:
                    other._adjoint = waiting
                    calls.append(other)
                elif type(other) is not Leaf or not since <= other.order < call.order:
                    meet(other, call.order, op.needs_y, waiting)
            elif kind is Left and op.needs_y and isinstance(call.y, DATA):
                meet_data(call.y, call.order, waiting)
        # The same as `meet` for a call met the first time, in a third of the time. `meet` does nothing with a leaf that
        # nobody else holds, and that has the value that the call was given.
        if link.is_call and link._adjoint is None and link.order >= since:
            link._adjoint = waiting
            calls.append(link)
        elif type(link) is not Leaf or not since <= link.order < call.order:
            meet(link, call.order, read, waiting)


def _meet_of_write(call: Any, waiting: Waiting) -> None:
    """Meet the whole that was written into and the value. The rules read neither."""
    old, _, value = call.args
    for link in (value, old):
        if not isinstance(link, _LINKS):
            continue
        if link.is_call and link._adjoint is None and link.order >= waiting.since:
            link._adjoint = waiting
            waiting.calls.append(link)
        elif link.differentiable:
            meet(link, call.order, False, waiting)


def install() -> None:
    """Gather and pull the most frequent kinds of call in the quick way."""
    gathering.meet_operands = _meet_operands
    PULL.update({
        Both: _pull_both, Unary: _pull_unary, Left: _pull_left, Right: _pull_right, First: _pull_first,
    })  # fmt: skip
