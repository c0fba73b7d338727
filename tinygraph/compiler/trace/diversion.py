"""Diversion: while a function is traced, what its thread reads of Tensors and writes to them leads to the trace."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import Any

from tinygraph.compiler.trace.outside import LEAF_ORDER, LEAF_VALUE, TENSOR_VALUE
from tinygraph.compiler.trace.trace import Trace
from tinygraph.engine.hooks import Tracer
from tinygraph.engine.links import Leaf
from tinygraph.engine.modes import Setting, state
from tinygraph.engine.value import Value

__all__ = ["diverted"]

_GRAD: Any = Leaf.__dict__["_grad"]
_BEFORE: Any = Leaf.__dict__["before"]
_REWRITTEN: Any = Leaf.__dict__["rewritten"]


class _TensorValue:
    """In place of the slot where Tensors keep their value."""

    def __get__(self, tensor: Any, kind: Any = None) -> Any:
        if tensor is None:
            return TENSOR_VALUE
        value = TENSOR_VALUE.__get__(tensor)
        trace: Any = state.tracing
        return value if trace is None else trace.outside.value_of_tensor(tensor, value)

    def __set__(self, tensor: Any, value: Any) -> None:
        trace: Any = state.tracing
        if trace is not None:
            try:
                TENSOR_VALUE.__get__(tensor)
            except AttributeError:  # a Tensor is being made
                value = trace.lift(value)
            else:
                value = trace.lift(value)
                if trace.outside.set_value_of_tensor(tensor, value):
                    return
        TENSOR_VALUE.__set__(tensor, value)


class _LeafSlot:
    """In place of one of the slots of a leaf: those of leaves from before the run are the run's own copies."""

    def __init__(self, slot: Any, read: Callable[..., Any], write: Callable[..., Any]) -> None:
        self.slot = slot
        self.read = read
        self.write = write

    def __get__(self, leaf: Any, kind: Any = None) -> Any:
        if leaf is None:
            return self.slot
        value = self.slot.__get__(leaf)
        trace: Any = state.tracing
        return value if trace is None or LEAF_ORDER.__get__(leaf) > trace.tape.since else self.read(trace, leaf, value)

    def __set__(self, leaf: Any, value: Any) -> None:
        trace: Any = state.tracing
        if trace is not None:
            try:
                older = LEAF_ORDER.__get__(leaf) < trace.tape.since
            except AttributeError:  # a leaf is being made, and has no order yet
                older = False
            if older:
                self.write(trace, leaf, value)
                return
            if self.slot is LEAF_VALUE:
                value = trace.lift(value)
        self.slot.__set__(leaf, value)


def _leaf_value(trace: Trace, leaf: Any, value: Any) -> Any:
    captured = trace.outside.captured_leaf(leaf)
    return trace.lift(value) if captured.value is None else captured.value


def _gradient(trace: Trace, leaf: Any, gradient: Any) -> Any:
    return trace.outside.grad_of(leaf, gradient)


def _set_gradient(trace: Trace, leaf: Any, gradient: Any) -> None:
    trace.outside.set_grad_of(leaf, gradient)


def _set_order(trace: Trace, leaf: Any, order: Any) -> None:
    trace.outside.captured_leaf(leaf).order = order


def _set_rewritten(trace: Trace, leaf: Any, order: Any) -> None:
    trace.outside.captured_leaf(leaf).rewritten = order


_IN_THEIR_PLACE: list[tuple[type, str, Any, Any]] = [
    (Value, "_value", TENSOR_VALUE, _TensorValue()),
    # What is written to a leaf's own copy is written to its Tensor too.
    (Leaf, "_value", LEAF_VALUE, _LeafSlot(LEAF_VALUE, _leaf_value, lambda trace, leaf, value: None)),
    (Leaf, "_grad", _GRAD, _LeafSlot(_GRAD, _gradient, _set_gradient)),
    (
        Leaf, "order", LEAF_ORDER,
        _LeafSlot(LEAF_ORDER, lambda trace, leaf, order: trace.outside.captured_leaf(leaf).order, _set_order),
    ),
    (
        Leaf, "rewritten", _REWRITTEN,
        _LeafSlot(_REWRITTEN, lambda trace, leaf, order: trace.outside.captured_leaf(leaf).rewritten, _set_rewritten),
    ),
    # Whether somebody wrote into its array unseen is asked outside; inside every write is seen.
    (Leaf, "before", _BEFORE, _LeafSlot(_BEFORE, lambda trace, leaf, before: None, lambda trace, leaf, value: None)),
]  # fmt: skip

_one_at_a_time = threading.RLock()


@contextlib.contextmanager
def diverted(trace: Trace) -> Iterator[None]:
    """While the block runs, this thread records into the trace, and Tensors from outside are not written to."""
    tracer: Tracer = trace
    with _one_at_a_time:
        for kind, name, _, instead in _IN_THEIR_PLACE:
            setattr(kind, name, instead)
        try:
            with Setting(tracing=tracer):
                yield
        finally:
            trace.tape.closed = True
            for kind, name, slot, _ in _IN_THEIR_PLACE:
                setattr(kind, name, slot)
