"""Ties: results that would carry a graph out of a compiled function, into the backward pass of a caller.

@tg.compile
def half(x):            # h = half(w); h.backward() would find nothing to go back through
    return w * x / 2
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tinygraph.compiler.trace import Trace
from tinygraph.containers import opened
from tinygraph.engine.links import Call, Leaf, links_below
from tinygraph.engine.modes import state
from tinygraph.engine.passes import Freed
from tinygraph.engine.tensor import Tensor
from tinygraph.errors import GraphError
from tinygraph.nests import entries

__all__ = ["check_ties", "check_ties_of_call"]


def check_ties(trace: Trace, result: Any) -> None:
    """Refuse a result of a recorded run through which an eager call would let a gradient flow out of the run.

    Raises:
        GraphError: the result depends on a Tensor that requires a gradient, and that was given or found outside.
    """
    _check_untied(trace.tape.call_name, result, lambda link: _is_outside_run(link, trace))


def check_ties_of_call(name: str, result: Any, given: list[Tensor], since: int) -> None:
    """Refuse a result of an eager call of a compiled function in the same way.

    Args:
        name: of the function.
        result: what it returned.
        given: the Tensors among its arguments.
        since: the order, on the record's counter, at which the call began.

    Raises:
        GraphError: the gradient would be lost.
    """
    links = [tensor._link for tensor in given]
    _check_untied(
        name,
        result,
        lambda link: (
            link.differentiable and (any(link is other for other in links) or _is_around(link, link.order, since))
        ),
    )


def _check_untied(name: str, result: Any, is_outside: Callable[[Any], bool]) -> None:
    """Refuse a result that depends on a Tensor from outside."""
    for _, tensor in entries(opened(result)):
        if type(tensor) is Tensor and _has_graph(tensor._link):
            tied = next((link for link in links_below([tensor._link]) if is_outside(link)), None)
            if tied is not None:
                own = tied.name if isinstance(tied, Leaf) else None
                raise GraphError(
                    f"compile: {name} returns a value that depends on "
                    f"{own or 'a Tensor that it is given'}, which requires a gradient. A compiled function returns "
                    "plain arrays, so the gradient would be lost without a word. Compile the whole, "
                    "tg.compile(tg.grad(f)), or call backward() inside; or pass x.data, or call it under tg.no_grad()"
                )


def _has_graph(link: Any) -> bool:
    """Return whether a link is a recorded call that backward() could go through."""
    return isinstance(link, Call) and link.differentiable and type(link._adjoint) is not Freed


def _is_outside_run(link: Any, trace: Trace) -> bool:
    """Return whether a value that requires a gradient is an argument, or older than the call and the pass around it."""
    if not link.differentiable:
        return False
    captured = trace.outside.captured.get(link) if isinstance(link, Leaf) else None
    if captured is not None and captured.argument is not None:
        return True
    return _is_around(link, captured.order if captured else link.order, trace.tape.since)


def _is_around(link: Any, order: int, since: int) -> bool:
    """Return whether a value is older than a call, and belongs to a pass around it."""
    begun = state.differentiating
    if order >= since:
        return False
    return isinstance(link, Call) or (begun is not None and link.order > begun)
