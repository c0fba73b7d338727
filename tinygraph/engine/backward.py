"""The reverse pass: from an output back over the record, each call handing its cotangent to its operands.

`gathering` has found the calls that the output depends on, and sorted them. The pass walks from the newest to the
oldest. Nothing recurses, so depth costs nothing.

The cotangents of a call are added up in its `_adjoint`, those of a leaf in a dict of the pass, so that two threads can
go through different graphs of the same parameters. They become gradients when the whole pass has succeeded: a pass
that fails leaves every gradient as it was.
"""

from __future__ import annotations

import contextlib
import gc
import sys
import threading
import weakref
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from tinygraph.engine.fitting import FLOAT16, FLOAT32, rounded
from tinygraph.engine.freed_memory import keep_freed_memory
from tinygraph.engine.gathering import GATHERING, Waiting, gather
from tinygraph.engine.links import Leaf, Like, next_order
from tinygraph.engine.modes import Setting, on_behalf_of, state
from tinygraph.engine.nonfinite import holds_nan
from tinygraph.engine.operands import plain
from tinygraph.engine.ownership import apart, base_of, is_stand_in, pop_own
from tinygraph.engine.passes import SEVERAL, Freed, Pass, no_pass, note_gradient
from tinygraph.engine.pulling import PULL, hand, pull
from tinygraph.engine.record import SHOWN
from tinygraph.engine.refusing import in_pass

_float64 = np.float64
_FLOAT64 = np.dtype(np.float64)

FREED = Freed(None)

_AS_IT_IS = contextlib.nullcontext()

# Threads may share leaves: to read a gradient and to write the sum is one step.
_adding = threading.Lock()


def backward(output: Any, seed: Any, retain_graph: bool, create_graph: bool) -> None:
    """Add the gradient of `output` to the `grad` of every leaf it depends on. See `Tensor.backward`."""
    retain = retain_graph or create_graph
    state.last_loss = weakref.ref(output)
    link = output._link
    with GATHERING:
        waiting = gather([link])
    cotangents = pull_back(waiting, [link], [seed], create_graph, retain, show=retain)
    taken = [(leaf, pop_own(cotangents, leaf)) for leaf in list(cotangents)]  # no two gradients are one array
    if state.tracing is not None:
        own = state.tracing.own_gradient
        taken = [(leaf, part if type(part) is np.ndarray else own(part)) for leaf, part in taken]
    if create_graph:
        gradients_apart = apart([gradient for _, gradient in taken])
        taken = [(leaf, gradient) for (leaf, _), gradient in zip(taken, gradients_apart, strict=True)]
    this = None if state.tracing is not None else Pass(link.order, _is_unit(seed), next_order())
    with _adding:
        for leaf, gradient in taken:
            before = leaf._grad
            leaf._grad = gradient if before is None else before + gradient
            if this is not None:
                if before is None:
                    note_gradient(leaf, this, gradient)
                else:
                    leaf.passed = SEVERAL
    after = None if retain else Freed(this)  # which says of all these calls at once whose gradients they have
    for call in waiting.calls:
        adjoint = call._adjoint
        if adjoint is waiting:
            call.passed = this and no_pass(this.order)
        else:
            call._grad = adjoint
            if retain:
                call.passed = this
        call._adjoint = after


def _is_unit(seed: Any) -> bool:
    """Return whether a seed is the real number 1."""
    value = plain(seed)
    return value.ndim == 0 and value.dtype.kind == "f" and bool(value == 1)


def gradients(
    outputs: Sequence[Any],
    seeds: Sequence[Any],
    inputs: Sequence[Any],
    *,
    since: int,
    create_graph: bool | None = None,
    retain: bool = False,
    begun: Sequence[Any] = (),
) -> list[Any | None]:
    """Return the cotangents of some links. No `grad` is touched.

    Args:
        outputs, seeds: links where the pass begins, and with which cotangents.
        inputs: the links asked for.
        since: the pass does not enter calls made before this order, which depend on no input. They may be inputs.
        create_graph: record the pass; None records it if the outputs depend on more than the inputs.
        retain: keep what the calls saved, for another pass.
        begun: for each output the reach of its seed.

    Returns:
        For each input its cotangent, an array or, from a recorded pass, a Tensor; None where no output depends on it.
    """
    with GATHERING:
        waiting = gather(outputs, since)
    waiting.begun = begun
    waiting.ends = frozenset([link for link in inputs if link.is_call and link.order < since])
    recorded = waiting.foreign if create_graph is None else create_graph
    with _AS_IT_IS if state.reach is None else Setting(reach=None):  # the reach is that of a rule which makes this pass
        cotangents = pull_back(waiting, outputs, seeds, recorded, retain or recorded, keep=inputs)
    found = [
        cotangents.get(link) if isinstance(link, Leaf) or link in waiting.ends else link._adjoint for link in inputs
    ]
    if state.tracing is not None:  # so that it is an array of its own in both runs
        own = state.tracing.own
        found = [own(part) if is_stand_in(part) and base_of(part) is not None else part for part in found]
    for call in waiting.calls:
        call._adjoint = None if retain or recorded else FREED
    return [None if cotangent is waiting else cotangent for cotangent in found]


def pull_back(
    waiting: Waiting,
    roots: Sequence[Any],
    seeds: Sequence[Any],
    recorded: bool,
    retain: bool,
    show: bool = False,
    keep: Iterable[Any] = (),
) -> dict[Leaf, Any]:
    """Run the pass over gathered calls, leaving its cotangent in each call's `_adjoint`.

    Args:
        recorded: run the rules on Tensors, so that the pass itself is recorded.
        retain: let the calls keep what they saved.
        show: keep large cotangents of calls too; otherwise they are freed as soon as they are handed on.
        keep: links whose cotangents are kept, large or not.

    Returns:
        The cotangents of the leaves.
    """
    keep_freed_memory()
    waiting.retain = retain
    waiting.kept = {id(link) for link in keep}
    tracing = state.tracing
    if tracing is not None:
        seeds = tracing.enter_backward(seeds, waiting.calls)
    collecting = gc.isenabled()
    gc.disable()  # a pass creates no cycles, and looking for them among its many objects takes half its time
    try:
        repeated = None
        if tracing is not None:
            repeated = tracing.repeated_pass(waiting, roots, seeds, (recorded, retain, show), tuple(keep))
        if repeated is not None:
            cotangents = repeated
        else:
            cotangents = _made_pass(waiting, roots, seeds, recorded, show, keep)
            if tracing is not None:
                tracing.note_pass(cotangents)
    except BaseException:
        _give_up(waiting)
        raise
    finally:
        if tracing is not None:
            tracing.leave_backward()
        if collecting:
            gc.enable()
    for constant in waiting.held:
        constant.release()
    waiting.freed.clear()
    waiting.owned.clear()
    return cotangents


def _made_pass(
    waiting: Waiting, roots: Sequence[Any], seeds: Sequence[Any], recorded: bool, show: bool, keep: Iterable[Any]
) -> dict[Leaf, Any]:
    """Make a pass, once or, where an operation was invalid, twice; return the cotangents of the leaves."""
    cotangents: dict[Leaf, Any] = {}
    until = sys.maxsize
    if state.tracing is None and not recorded and not state.watching:
        cotangents, until = _unguarded_pass(waiting, roots, seeds, show, waiting.kept)
    if until >= 0 or (_has_nan(cotangents, keep) and waiting.leaves_out):
        from tinygraph.engine.guarded_pass import guarded_pass  # seldom needed, and so read late

        cotangents = guarded_pass(waiting, roots, seeds, cotangents, recorded, show, waiting.kept, until)
    _round(cotangents, keep, waiting.calls, recorded)
    return cotangents


def _round(cotangents: dict[Leaf, Any], keep: Iterable[Any], calls: list[Any], recorded: bool) -> None:
    """Convert the results of a pass to the dtypes of the values: for float16 the pass computes in float32."""
    for link, cotangent in cotangents.items():
        if cotangent.dtype is not link._value.dtype and cotangent.dtype != link._value.dtype:
            with on_behalf_of(calls[0], recorded or state.recording):
                cotangents[link] = rounded(cotangent, link._value)
    for link in keep:
        if link.is_call and link not in cotangents and link._value.dtype == FLOAT16 and hasattr(link._adjoint, "dtype"):
            with on_behalf_of(calls[0], recorded or state.recording):
                link._adjoint = rounded(link._adjoint, link._value)


@np.errstate(invalid="raise")  # an invalid operation is worth a second look, and looking costs nothing
def _unguarded_pass(
    waiting: Waiting, roots: Sequence[Any], seeds: Sequence[Any], show: bool, kept: set[int]
) -> tuple[dict[Leaf, Any], int]:
    """Run the pass without asking for the reach of a cotangent.

    Returns:
        The cotangents of the leaves, and -1; if an operation was invalid, the order of its call, where the pass ended.
    """
    cotangents: dict[Leaf, Any] = {}
    retain = waiting.retain
    freed = waiting.freed
    for root, seed in zip(roots, seeds, strict=True):
        hand(root, seed, cotangents, waiting)
    call: Any = None
    try:
        for call in reversed(waiting.calls):
            g = call._adjoint
            if g is waiting:
                continue
            # NumPy has one object for a dtype: to compare it takes half of the time of comparing its kind.
            if (
                type(g) is _float64
                or (dtype := g.dtype) is _FLOAT64
                or (dtype is FLOAT32 and call._value.dtype is not FLOAT16)
            ):
                PULL[type(call)](call, g, cotangents, waiting)
            else:
                pull(call, g, cotangents, waiting)
            if type(g) is not _float64 and g.size > SHOWN:
                if not show and id(call) not in kept:
                    call._adjoint = Like(g)
                if not retain and type(call._value) is np.ndarray:
                    # To keep what is not needed again would cost half of the time of a pass over large arrays.
                    freed.append((call, call._value if waiting.leaves_out else None))
                    call._value = Like(call._value)
    except FloatingPointError:
        return cotangents, call.order
    except BaseException as error:
        error.add_note(in_pass(call))
        raise
    return cotangents, -1


def _give_up(waiting: Waiting) -> None:
    """Leave no mark of a pass that failed: it can be made again, unless values that it needs are gone."""
    for call in waiting.calls:
        call._adjoint = None
    for call in waiting.put_back():
        call._adjoint = FREED


def _has_nan(cotangents: dict[Leaf, Any], keep: Iterable[Any]) -> bool:
    """Return whether the results of a pass have a NaN: for 0 · NaN the processor sets no flag."""
    for value in cotangents.values():
        if value != value if type(value) is _float64 else holds_nan(value):
            return True
    return any([link.is_call and hasattr(link._adjoint, "dtype") and holds_nan(link._adjoint) for link in keep])
