"""The two runs of a function: the first records its calls, the second shows that it makes the same ones again."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import numpy as np

from tinygraph.compiler.trace.diversion import diverted
from tinygraph.compiler.trace.events import Event
from tinygraph.compiler.trace.noticing import Noticed, NoticingEvents, OpenSize, value_of
from tinygraph.compiler.trace.python_numbers import PythonNumber
from tinygraph.compiler.trace.refused import refused
from tinygraph.compiler.trace.reliance import NO_DOUBTS, Doubts
from tinygraph.compiler.trace.trace import Trace
from tinygraph.compiler.trace.traced import Traced
from tinygraph.compiler.trace.world import watched
from tinygraph.containers import opened
from tinygraph.engine.tensor import Tensor
from tinygraph.errors import UnsupportedError

__all__ = ["questions_of", "run", "trace_twice"]


def run(
    call: str, enter: Callable[[Trace], Callable[[], Any]], reference: Trace | None = None, doubts: Doubts = NO_DOUBTS,
    events: list[Event] | None = None,
) -> tuple[Trace, Any]:  # fmt: skip
    """Run a function once.

    Args:
        call: the name of the function.
        enter: makes the stand-ins for the arguments, given the trace, and returns a function that runs on them.
        reference: the run that this one repeats.
        doubts, events: see `Trace`.

    Returns:
        The trace, and the result of the function with events in place of arrays.
    """
    trace = Trace(call, reference, doubts, events)
    with diverted(trace):
        call_once = enter(trace)
        try:
            with watched() if reference is None else contextlib.nullcontext():
                result = call_once()
        except ValueError as error:
            # NumPy hides the refusal of `array[0] = stand_in` behind "setting an array element".
            if isinstance(error.__cause__, UnsupportedError):
                raise error.__cause__ from None
            raise
        if trace.refusal is not None:
            raise trace.refusal
        trace.execution.check_failures()
        outline = results_of(trace, opened(result))
    trace.tape.check_complete()
    return trace, outline


def results_of(trace: Trace, result: Any) -> Any:
    """Return the result of a function, an opened nest, with events in place of arrays.

    Raises:
        UnsupportedError: it holds an object that a program cannot return.
    """
    if isinstance(result, dict):
        for key in result:
            _check_written(key, f"a key of a dict that {trace.tape.call_name} returns")
        return {key: results_of(trace, item) for key, item in result.items()}
    if isinstance(result, list | tuple):
        items = [results_of(trace, item) for item in result]
        if hasattr(result, "_fields"):
            return type(result)(*items)
        return tuple(items) if isinstance(result, tuple) else items
    if type(result) is PythonNumber:
        return trace.recording.operand(trace.recording.number(result))
    if type(result) in (Traced, Tensor) or isinstance(result, np.ndarray):
        return trace.recording.operand(result)
    if type(result) is OpenSize:
        return value_of(result)
    if not (isinstance(result, np.dtype) or (isinstance(result, type) and issubclass(result, np.generic))):
        _check_written(result, f"what {trace.tape.call_name} returns")
    return result


def _check_written(value: Any, what: str) -> None:
    """Refuse a result that is neither an array nor a constant that a program can write."""
    if type(value) is tuple:
        for item in value:
            _check_written(item, what)
    elif type(value) not in _WRITTEN and not isinstance(value, np.number | np.bool):
        raise refused(
            f"{what} is, or holds, a {type(value).__name__}",
            "A program returns arrays, numbers, strings and None, in tuples, lists, dicts and dataclasses: return what "
            "is in it, and make the object outside",
        )


_WRITTEN = frozenset((int, float, complex, bool, str, bytes, type(None), type(Ellipsis), slice, range))


def trace_twice(
    call: str, enter: Callable[[Trace], Callable[[], Any]], doubts: Doubts = NO_DOUBTS
) -> tuple[Trace, Any]:  # fmt: skip
    """Run a function twice; return the second run and its result, as `run` does."""
    first, _ = run(call, enter, None, doubts)
    second, result = run(call, enter, first, doubts)
    if not second.recording.numbers.reckoning.is_as(first.recording.numbers.reckoning):
        raise second.tape.differs()
    first.let_go()
    return second, result


def questions_of(
    enter: Callable[[Trace], Callable[[], Any]], trace: Trace, shapes: list[tuple[int, ...]], sizes: tuple[int, int]
) -> list[str]:
    """Run a function once more, and return who asks for the values of open sizes; see `noticing`.

    Args:
        enter: see `run`.
        trace: the run that is repeated.
        shapes: of the events of an earlier recording, at another size.
        sizes: the size then, and now.
    """
    noticed = Noticed()
    try:
        run(trace.tape.call_name, enter, trace, trace.doubts, NoticingEvents(noticed, shapes, sizes))
    except Exception as error:  # such as code that wants an int and nothing else
        return [*noticed.questions, repr(error)]
    return noticed.questions
