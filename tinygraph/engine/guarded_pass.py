"""The guarded reverse pass: it knows the reach of each cotangent, so that elements left out contribute nothing.

An unguarded pass is repeated as a guarded one if it met an invalid operation, or if it ends with a NaN. A pass that is
recorded, compiled or watched is guarded from its beginning.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygraph.engine.delivering import Guarded, note_reach
from tinygraph.engine.gathering import Waiting
from tinygraph.engine.guarded_pulls import pull_guarded
from tinygraph.engine.links import Leaf, Like
from tinygraph.engine.modes import state
from tinygraph.engine.nonfinite import watch_pulled
from tinygraph.engine.pulling import hand
from tinygraph.engine.record import SHOWN
from tinygraph.engine.recorded_pulls import join_pieces, pull_traced
from tinygraph.engine.refusing import in_pass
from tinygraph.engine.unseen import Unseen

_AS_IT_IS = contextlib.nullcontext()


def guarded_pass(
    waiting: Waiting,
    roots: Sequence[Any],
    seeds: Sequence[Any],
    cotangents: dict[Leaf, Any],
    recorded: bool,
    show: bool,
    kept: set[int],
    until: int,
) -> dict[Leaf, Any]:
    """Run a pass with the reach of each cotangent, and return the cotangents of the leaves.

    Args:
        roots, seeds: the links where the pass begins, and their cotangents.
        cotangents: those of an unguarded pass that ended early.
        recorded, show: see `backward.pull_back`.
        kept: the ids of links whose cotangents are kept, large or not.
        until: an unguarded pass went through the calls made after this order, and NumPy has given its warnings for
            them. If no call of the pass leaves anything out, this pass goes on from there.
    """
    guarded = Guarded(waiting, cotangents, recorded)
    resumed = until != sys.maxsize and not waiting.leaves_out
    if not resumed:
        _begin(guarded, roots, seeds)
    tracing = state.tracing
    unseen = None if tracing is None or show else Unseen(waiting.calls)
    call: Any = None
    try:
        for call in reversed(waiting.calls):
            if resumed and call.order > until:
                continue
            with np.errstate(all="ignore") if call.order > until else _AS_IT_IS:
                if guarded.pieces:
                    join_pieces(call, guarded)
                g = call._adjoint
                if g is waiting:
                    continue
                if tracing is not None:
                    pull_traced(tracing, call, g, guarded)
                else:
                    pull_guarded(call, g, guarded)
            if state.watching:
                watch_pulled(call, g, guarded.cotangents)
            if not isinstance(g, np.float64) and (g.size > SHOWN or (unseen is not None and unseen.has(call))):
                _free(call, g, waiting, show or id(call) in kept)
        for link in list(guarded.pieces):
            join_pieces(link, guarded)
    except BaseException as error:
        error.add_note(in_pass(call))
        raise
    return guarded.cotangents


def _begin(guarded: Guarded, roots: Sequence[Any], seeds: Sequence[Any]) -> None:
    """Begin a pass, perhaps once more, with the reach of each seed."""
    waiting = guarded.waiting
    waiting.start_again()
    guarded.cotangents = {}
    for place, (root, seed) in enumerate(zip(roots, seeds, strict=True)):
        note_reach(root, waiting.begun[place] if waiting.begun else None, guarded)
        hand(root, seed, guarded.cotangents, waiting)


def _free(call: Any, g: Any, waiting: Waiting, kept: bool) -> None:
    """Free a large cotangent that was handed on, unless it is kept, and the value, unless the graph is retained."""
    if not kept:
        call._adjoint = Like(g)
    if not waiting.retain and type(call._value) is np.ndarray:
        waiting.freed.append((call, None))
        call._value = Like(call._value)
