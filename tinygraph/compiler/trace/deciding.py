"""Deciding: Python asks a stand-in for its truth or its index. The value of the run answers, and is recorded.

The program follows the answer, and checks it at each call: see `tinygraph.compiler.program.decisions`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from tinygraph.compiler.program.decisions import decided
from tinygraph.compiler.trace.agreement import same
from tinygraph.compiler.trace.recorder import Recorder
from tinygraph.compiler.trace.refused import refused
from tinygraph.compiler.trace.tape import Tape
from tinygraph.compiler.trace.traced import Traced
from tinygraph.engine.value import Value
from tinygraph.users_code.source import users_frame
from tinygraph.users_code.while_loops import state_in_while

__all__ = ["decide"]


def decide(recorder: Recorder, tape: Tape, traced: Traced, ask: Callable[[Any], Any]) -> Any:
    """Return the answer of a stand-in's value, and record it.

    Args:
        recorder: records it.
        tape: of the run.
        traced: the stand-in.
        ask: `bool` or `operator.index`.

    Raises:
        TypeError, ValueError: NumPy would refuse the question too.
        UnsupportedError: it comes after a call that other processes take part in. A process that left the program here
            would repeat that call alone.
    """
    recorder.check_open()
    if tape.last_in_order is not None:
        raise refused(
            "a branch on a computed value comes after a call that the other ranks take part in",
            "A rank that decides otherwise would repeat that call, and the others would not. Choose with "
            "np.where(condition, a, b), decide before the call, or compile what comes before it and what comes after "
            "it as two functions",
        )
    alike = np.zeros(traced.shape, traced.dtype)
    ask(alike[()] if traced._is_number else alike)  # an array of several elements has no truth, a float is no index
    event = recorder.operand(traced)
    outcome = ask(traced._value) if tape.reference is None else _earlier_outcome(tape, event)
    recorder.call(decided, (traced, outcome, _state_now(tape)), {})
    return outcome


def _state_now(tape: Tape) -> int:
    """Return the number of the state in which Python asks, the same whenever it is the same; 0 if it is not known."""
    frame = users_frame(sys._getframe(2))
    state = None if frame is None else state_in_while(frame, _is_computed)
    return 0 if state is None else tape.states.setdefault((frame, state), len(tape.states) + 1)


def _is_computed(value: Any) -> bool:
    return type(value) is Traced or (isinstance(value, Value) and type(value._value) is Traced)


def _earlier_outcome(tape: Tape, event: Any) -> Any:
    """Return the outcome of the decision at the same position of the run that this one repeats.

    Raises:
        UnsupportedError: that run decided about something else.
    """
    assert tape.reference is not None
    calls, position = tape.reference.calls, len(tape.calls)
    earlier = calls[position] if position < len(calls) else None
    if earlier is None or earlier.function is not decided or not same(event, earlier.args[0]):
        raise tape.differs(call=earlier)
    return earlier.args[1]
