"""Deliver the results of rules together with their reach, in a pass that knows it."""

from __future__ import annotations

from typing import Any

from tinygraph.engine.fitting import fit
from tinygraph.engine.gathering import Waiting
from tinygraph.engine.links import Call, Leaf
from tinygraph.engine.masks import united
from tinygraph.engine.pulling import deliver, hand


def deliver_reached(
    argument: Any, cotangent: Any, reach: Any, call: Call, cotangents: dict[Leaf, Any], waiting: Waiting
) -> None:
    """Hand a rule's result to its argument, with its reach."""
    if isinstance(argument, Call | Leaf):
        if argument.differentiable:
            note_reach(argument, reach, waiting)
            hand(argument, fit(cotangent, argument._value), cotangents, waiting)
    elif type(argument) in (list, tuple) and len(cotangent) == len(argument):
        masks = reach if type(reach) in (list, tuple) else [None] * len(argument)  # reached everywhere
        for item, part, mask in zip(argument, cotangent, masks, strict=True):
            deliver_reached(item, part, mask, call, cotangents, waiting)
    else:
        deliver(argument, cotangent, call, cotangents, waiting)


def note_reach(link: Any, reach: Any, waiting: Waiting) -> None:
    """Remember the reach of the cotangent that a link is about to be handed."""
    if not link.is_call:
        return
    if link._adjoint is not waiting:
        reach = united(waiting.reach.get(link), reach)
    if reach is None:
        waiting.reach.pop(link, None)
    else:
        waiting.reach[link] = reach
