"""The state of a guarded pass, and the delivery of cotangents together with their reach."""

from __future__ import annotations

from typing import Any

from tinygraph.engine.fitting import fit
from tinygraph.engine.gathering import Waiting
from tinygraph.engine.links import Call, Leaf
from tinygraph.engine.masks import united
from tinygraph.engine.pulling import deliver, hand

# One tuple, made once: `Call | Leaf` in a call would be made again each time.
_LINKS = (Call, Leaf)


class Guarded:
    """The state of a guarded pass.

    Attributes:
        waiting: the state that every pass has.
        cotangents: those of the leaves, as far as they were delivered.
        recorded: True if the rules run on Tensors, so that the pass itself is recorded.
        reach: the reach of each cotangent that was not reached everywhere, by call.
        loose: the calls in `reach` where only a choice of values, as in `np.maximum`, left something out.
        strict: the calls in `reach` where a condition, a mask or an index left something out.
        pieces: by link, the cotangents of `x[index]`, each with its call, until the pass comes to x.
    """

    __slots__ = ("cotangents", "loose", "pieces", "reach", "recorded", "strict", "waiting")

    def __init__(self, waiting: Waiting, cotangents: dict[Leaf, Any], recorded: bool) -> None:
        self.waiting = waiting
        self.cotangents = cotangents
        self.recorded = recorded
        self.reach: dict[Any, Any] = {}
        self.loose: set[Any] = set()
        self.strict: set[Any] = set()
        self.pieces: dict[Any, list[tuple[Any, Call]]] = {}


def deliver_reached(argument: Any, cotangent: Any, reach: Any, call: Call, guarded: Guarded) -> None:
    """Hand a rule's result to its argument, with its reach."""
    if isinstance(argument, _LINKS):
        if argument.differentiable:
            note_reach(argument, reach, guarded)
            hand(argument, fit(cotangent, argument._value), guarded.cotangents, guarded.waiting)
    elif type(argument) in (list, tuple) and len(cotangent) == len(argument):
        masks = reach if type(reach) in (list, tuple) else [None] * len(argument)  # reached everywhere
        for item, part, mask in zip(argument, cotangent, masks, strict=True):
            deliver_reached(item, part, mask, call, guarded)
    else:
        deliver(argument, cotangent, call, guarded.cotangents, guarded.waiting)


def note_reach(link: Any, reach: Any, guarded: Guarded) -> None:
    """Remember the reach of the cotangent that a link is about to be handed."""
    if not link.is_call:
        return
    if link._adjoint is not guarded.waiting:
        reach = united(guarded.reach.get(link), reach)
    if reach is None:
        guarded.reach.pop(link, None)
    else:
        guarded.reach[link] = reach
