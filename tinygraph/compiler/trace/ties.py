"""Ties: results through which a gradient goes on, out of a compiled function into the backward pass of a caller.

@tg.compile
def half(x):            # h = half(w); h.backward() goes back through the function
    return x / 2

A program records nothing, so such a call is no program's: it is an eager one.
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

__all__ = ["TiedError", "check_ties", "is_tied"]


class TiedError(GraphError):
    """A gradient goes on through the result of a call, or through an argument, so that no program can make it."""

    @classmethod
    def through(cls, what: str) -> TiedError:
        """Return the error for a result or an argument."""
        return cls(
            f"a gradient goes on through {what}. Compile the whole computation, its backward() included, or "
            "tg.compile(tg.grad(f)); or pass x.detach(), or call it under tg.no_grad()"
        )


def check_ties(trace: Trace, result: Any) -> None:
    """Refuse a result of a recorded run through which an eager call would let a gradient flow out of the run.

    Raises:
        TiedError: the result depends on a Tensor that requires a gradient, and that was given or found outside.
    """
    tied = _tied(result, lambda link: _is_outside_run(link, trace))
    if tied is not None:
        own = tied.name if isinstance(tied, Leaf) else None
        raise TiedError.through(f"its result to {own or 'a Tensor that it is given'}")


def is_tied(result: Any, given: list[Tensor], since: int) -> bool:
    """Return whether a gradient goes on through the result of an eager call of a compiled function.

    Args:
        result: what it returned.
        given: the Tensors among its arguments.
        since: the order, on the record's counter, at which the call began.
    """
    links = [tensor._link for tensor in given]
    return None is not _tied(
        result,
        lambda link: (
            link.differentiable and (any(link is other for other in links) or _is_around(link, link.order, since))
        ),
    )


def _tied(result: Any, is_outside: Callable[[Any], bool]) -> Any:
    """Return the link of a Tensor from outside that a result depends on; None if there is none."""
    for _, tensor in entries(opened(result)):
        if type(tensor) is Tensor and _has_graph(tensor._link):
            tied = next((link for link in links_below([tensor._link]) if is_outside(link)), None)
            if tied is not None:
                return tied
    return None


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
