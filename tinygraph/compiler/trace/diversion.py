"""Diversion: while a function is traced, its thread reads and writes the slots of Tensors through the trace.

The slots of a class are descriptors in its `__dict__`. For the time of a run, others stand in their place.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import Any

from tinygraph.compiler.trace.outside import LEAF_ORDER, LEAF_VALUE, TENSOR_VALUE
from tinygraph.compiler.trace.trace import Trace
from tinygraph.compiler.trace.traced import Traced
from tinygraph.engine.hooks import Tracer
from tinygraph.engine.links import Leaf
from tinygraph.engine.modes import Setting, state
from tinygraph.engine.value import Value

__all__ = ["diverted", "one_at_a_time"]

_GRAD: Any = Leaf.__dict__["_grad"]
_BEFORE: Any = Leaf.__dict__["before"]
_VIEW_OF: Any = Leaf.__dict__["view_of"]
_REWRITTEN: Any = Leaf.__dict__["rewritten"]


_value_of, _set_value_of = TENSOR_VALUE.__get__, TENSOR_VALUE.__set__


class _TensorValue:
    """The slot of a Tensor's value while a function is traced."""

    def __get__(self, tensor: Any, kind: Any = None) -> Any:
        if tensor is None:
            return TENSOR_VALUE
        value = _value_of(tensor)
        if type(value) is Traced:
            return value
        trace: Any = state.tracing
        return value if trace is None else trace.outside.value_of_tensor(tensor, value)

    def __set__(self, tensor: Any, value: Any) -> None:
        trace: Any = state.tracing
        if trace is not None:
            value = value if type(value) is Traced else trace.lift(value)
            try:
                _value_of(tensor)
            except AttributeError:
                pass  # a Tensor is being made
            else:
                if trace.outside.set_value_of_tensor(tensor, value):
                    return
        _set_value_of(tensor, value)


class _LeafSlot:
    """A slot of a leaf while a function is traced: for a leaf that is older than the run, the run's copy.

    Args:
        slot: the slot of the class.
        read, write: access the copy, given the trace and the leaf.
    """

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


def _value(trace: Trace, leaf: Any, value: Any) -> Any:
    captured = trace.outside.captured_leaf(leaf)
    return trace.lift(value) if captured.value is None else captured.value


def _gradient(trace: Trace, leaf: Any, gradient: Any) -> Any:
    return trace.outside.grad_of(leaf, gradient)


def _set_gradient(trace: Trace, leaf: Any, gradient: Any) -> None:
    trace.outside.set_grad_of(leaf, gradient)


def _order(trace: Trace, leaf: Any, order: Any) -> Any:
    return trace.outside.captured_leaf(leaf).order


def _set_order(trace: Trace, leaf: Any, order: Any) -> None:
    trace.outside.captured_leaf(leaf).order = order


def _rewritten(trace: Trace, leaf: Any, order: Any) -> Any:
    return trace.outside.captured_leaf(leaf).rewritten


def _set_rewritten(trace: Trace, leaf: Any, order: Any) -> None:
    trace.outside.captured_leaf(leaf).rewritten = order


def _nothing(trace: Trace, leaf: Any, value: Any) -> None:
    """Read None, and write nothing."""


# The class, the name of the slot, the slot, and the descriptor that stands in its place during a run.
_DIVERTED_SLOTS: list[tuple[type, str, Any, Any]] = [
    (Value, "_value", TENSOR_VALUE, _TensorValue()),
    # Every write to a leaf's value is a write to its Tensor's, too, and is seen there.
    (Leaf, "_value", LEAF_VALUE, _LeafSlot(LEAF_VALUE, _value, _nothing)),
    (Leaf, "_grad", _GRAD, _LeafSlot(_GRAD, _gradient, _set_gradient)),
    (Leaf, "order", LEAF_ORDER, _LeafSlot(LEAF_ORDER, _order, _set_order)),
    (Leaf, "rewritten", _REWRITTEN, _LeafSlot(_REWRITTEN, _rewritten, _set_rewritten)),
    # `before` and `view_of` serve to notice unseen writes into the array; inside a run every write is seen.
    (Leaf, "before", _BEFORE, _LeafSlot(_BEFORE, _nothing, _nothing)),
    (Leaf, "view_of", _VIEW_OF, _LeafSlot(_VIEW_OF, _nothing, _nothing)),
]

one_at_a_time = threading.RLock()


@contextlib.contextmanager
def diverted(trace: Trace) -> Iterator[None]:
    """Let this thread record into the trace while the block runs, and write to no Tensor from outside."""
    tracer: Tracer = trace
    with one_at_a_time:
        for kind, name, _, instead in _DIVERTED_SLOTS:
            setattr(kind, name, instead)
        try:
            with Setting(tracing=tracer):
                yield
        finally:
            trace.recording.closed = True
            for kind, name, slot, _ in _DIVERTED_SLOTS:
                setattr(kind, name, slot)
