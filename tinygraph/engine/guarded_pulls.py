"""One call of a reverse pass that knows the reach of its cotangents: elements that were left out contribute nothing.

An unguarded pass does not know it. It is repeated with these pulls if it met an invalid operation, or ends with a NaN.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygraph.engine.delivering import Guarded, deliver_reached
from tinygraph.engine.dependence import SELECTIONS, is_elementwise, may_leave_out
from tinygraph.engine.links import Call
from tinygraph.engine.masks import found_reach, within
from tinygraph.engine.modes import no_grad, on_behalf_of
from tinygraph.engine.nested import mapped
from tinygraph.engine.operands import plain
from tinygraph.engine.pulling import apply_rules, release, value_of
from tinygraph.engine.putting_away import put_away
from tinygraph.engine.reaching import Towards, dropped, reaches, reads_numbers
from tinygraph.engine.recorded_pulls import reads_computed, tensor_of


def pull_guarded(call: Call, g: Any, guarded: Guarded) -> None:
    """Pull a cotangent back from its reach. NaNs and infinities are reported as `np.seterr` asks for."""
    links, keywords = call.args, call.keywords
    waiting, recorded = guarded.waiting, guarded.recorded
    if len(links) == 1 and isinstance(x := links[0], Call) and x.order < waiting.since and x not in waiting.ends:
        return  # the argument of a transform, seen from the transforms around it
    if call.op.pieces is not None:
        guarded.pieces.setdefault(links[0], []).append((g, call))
        return
    reach = guarded.reach.get(call)
    with on_behalf_of(call, recorded, reach):
        if reach is None and not may_leave_out(call):
            read = tensor_of if recorded else value_of
            for argument, cotangent in apply_rules(call, g, read(call), mapped(links, read), links, keywords):
                deliver_reached(argument, cotangent, None, call, guarded)
            release(call, waiting)
            return
        towards = reaches(call.op, reach, call._value, mapped(links, value_of), links, keywords)
        if reach is None and all([item.result is None for item in towards]):
            read = tensor_of if recorded else value_of
            found = apply_rules(call, g, read(call), mapped(links, read), links, keywords)
        else:
            found, finite = _found(call, g, reach, towards, recorded)
            if not (finite or all([_is_finite(cotangent) for _, cotangent in found])):
                with no_grad():  # the same once more, for NumPy's warnings
                    apply_rules(call, plain(g), call._value, mapped(links, value_of), links, keywords)
        for (argument, cotangent), towards_it in zip(found, towards, strict=True):
            deliver_reached(argument, cotangent, towards_it.operand, call, guarded)
    release(call, waiting)


@np.errstate(all="ignore")
def _found(
    call: Call, g: Any, reach: Any, towards: list[Towards], recorded: bool
) -> tuple[list[tuple[Any, Any]], bool]:
    """Apply the rules to a cotangent, and drop their results for the elements that were left out.

    Returns:
        The results, and whether they were finite before anything was dropped.
    """
    links, keywords = call.args, call.keywords
    read = tensor_of if recorded else value_of
    found = apply_rules(call, g, read(call), mapped(links, read), links, keywords)
    mixes = not is_elementwise(call.op.function) and call.op.function not in SELECTIONS
    finite = all([_is_finite(cotangent) for _, cotangent in found])
    if reach is not None and mixes and (not finite or reads_computed(call.op, links, recorded)):
        values = mapped(links, value_of)
        reach = found_reach(reach) if reads_numbers(call.op, values) else None
        if reach is not None:
            z, args = read(call), mapped(links, read)
            z, args = put_away(call.op, reach, z, args, keywords, call._value, values)
            found = apply_rules(call, g, z, args, links, keywords)
    found = dropped(found, towards)
    if mixes and not all([_is_finite(cotangent) for _, cotangent in found]):
        # A row of zeros times an infinite weight is NaN, also in a row of x that was left out of x @ w.
        found = [
            (link, within(cotangent, item.operand)) for (link, cotangent), item in zip(found, towards, strict=True)
        ]
    return found, finite


def _is_finite(cotangent: Any) -> bool:
    if isinstance(cotangent, list | tuple):
        return all([_is_finite(part) for part in cotangent])
    value = plain(cotangent)
    return value.dtype.kind not in "fc" or bool(np.all(np.isfinite(value)))
