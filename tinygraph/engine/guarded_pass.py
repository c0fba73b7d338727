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

from tinygraph.engine.delivering import note_reach
from tinygraph.engine.gathering import Waiting
from tinygraph.engine.guarded_pulls import pull_guarded
from tinygraph.engine.links import Leaf, Like
from tinygraph.engine.modes import state
from tinygraph.engine.nonfinite import watch_pulled
from tinygraph.engine.pulling import hand
from tinygraph.engine.record import SHOWN
from tinygraph.engine.recorded_pulls import join_pieces, pull_traced
from tinygraph.engine.refusing import in_pass

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
    resumed = until != sys.maxsize and not waiting.leaves_out
    if not resumed:
        cotangents = _begin(waiting, roots, seeds)
    tracing = state.tracing
    pieces = waiting.pieces
    call: Any = None
    try:
        for call in reversed(waiting.calls):
            if resumed and call.order > until:
                continue
            with np.errstate(all="ignore") if call.order > until else _AS_IT_IS:
                if pieces:
                    join_pieces(call, cotangents, waiting, recorded)
                g = call._adjoint
                if g is waiting:
                    continue
                if tracing is not None:
                    pull_traced(tracing, call, g, cotangents, waiting, recorded)
                else:
                    pull_guarded(call, g, cotangents, waiting, recorded)
            if state.watching:
                watch_pulled(call, g, cotangents)
            if isinstance(g, np.float64) or g.size <= SHOWN:
                continue
            if not show and id(call) not in kept:
                call._adjoint = Like(g)
            if not waiting.retain and type(call._value) is np.ndarray:
                waiting.freed.append((call, None))
                call._value = Like(call._value)
        for link in list(pieces):
            join_pieces(link, cotangents, waiting, recorded)
    except BaseException as error:
        error.add_note(in_pass(call))
        raise
    return cotangents


def _begin(waiting: Waiting, roots: Sequence[Any], seeds: Sequence[Any]) -> dict[Leaf, Any]:
    """Begin a pass, perhaps once more, with the reach of each seed. Return the cotangents of the leaves so far."""
    waiting.start_again()
    cotangents: dict[Leaf, Any] = {}
    for place, (root, seed) in enumerate(zip(roots, seeds, strict=True)):
        note_reach(root, waiting.begun[place] if waiting.begun else None, waiting)
        hand(root, seed, cotangents, waiting)
    return cotangents
