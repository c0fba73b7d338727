"""Modes of a thread: recording or not, the scope, the tracer, the line that calls are made on behalf of."""

from __future__ import annotations

import contextlib
import functools
import threading
from collections.abc import Callable
from types import CodeType
from typing import TYPE_CHECKING, Any, Self

from tinygraph.engine.scopes import Entry, Label

if TYPE_CHECKING:
    from tinygraph.engine.hooks import Tracer


class State(threading.local):
    """The modes of one thread.

    Attributes:
        recording: True if calls are recorded.
        watching: True if the first NaN or infinity is an error.
        label: the label of the calls that are made: their scope; None for a call in no scope.
        origin: the code and instruction that calls are made on behalf of; None for the caller's own.
        last_loss: a weak reference to the Tensor that `backward` was last called on.
        differentiating: the order at which the innermost transform began.
        inputs: the links of the inputs of all transforms that are running.
        taken_numbers: the `leaving.TakenNumbers` of the innermost transform.
        reach: the reach of the cotangent that a rule is being given; None for everywhere. See `reaching`.
        tracing: the `hooks.Tracer` of the function that is being compiled, or None.
        before: for each `with` block that was entered, the modes that it has changed, as they were.
    """

    def __init__(self) -> None:
        self.recording = True
        self.watching = False
        self.label: Label | None = None
        self.origin: tuple[CodeType | None, int] | None = None
        self.last_loss: Any = None
        self.differentiating: int | None = None
        self.inputs: tuple[Any, ...] = ()
        self.taken_numbers: Any = None
        self.reach: Any = None
        self.tracing: Tracer | None = None
        self.before: list[dict[str, Any]] = []


state = State()

# How many `with` blocks of any thread have changed a State. While there is none, no call needs to look at its own:
# reading a thread-local costs a tenth of recording a scalar operation.
unusual = 0
_lock = threading.Lock()


def begin_unusual() -> None:
    """Count one more block that has changed a State."""
    global unusual
    with _lock:
        unusual += 1


def end_unusual() -> None:
    """Count one block less, whose changes are undone."""
    global unusual
    with _lock:
        unusual -= 1


class Setting:
    """A `with` block, and decorator, that changes modes of this thread and puts them back."""

    __slots__ = ("_changes",)

    def __init__(self, **changes: Any) -> None:
        self._changes = changes

    def _now(self) -> dict[str, Any]:
        return self._changes

    def __enter__(self) -> None:
        changes = self._now()
        modes = state.__dict__  # of this thread
        before = {key: modes[key] for key in changes}
        begin_unusual()
        modes["before"].append(before)
        modes.update(changes)

    def __exit__(self, *exc: object) -> None:
        modes = state.__dict__
        modes.update(modes["before"].pop())
        end_unusual()

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function with the setting in force while it runs."""

        @functools.wraps(function)
        def inside(*args: Any, **kwargs: Any) -> Any:
            with type(self)(*self._arguments()):
                return function(*args, **kwargs)

        return inside

    def _arguments(self) -> tuple[Any, ...]:
        return ()


class _Switch(Setting):
    """A setting that takes no arguments."""

    __slots__ = ()

    def __new__(cls, *args: Any) -> Self:
        """Make a block. A block decorates a function; its class does not."""
        if args:
            raise TypeError(f"{cls.__name__}: it takes no arguments, and no function. Write @tg.{cls.__name__}()")
        return super().__new__(cls)


class no_grad(_Switch):  # noqa: N801 - the name users know
    """Compute without recording: `with tg.no_grad():`, or `@tg.no_grad()` on a function.

    Results are Tensors that require no gradient. Only the thread that entered the block is affected.
    """

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__(recording=False)


class enable_grad(_Switch):  # noqa: N801 - the name users know
    """Record again, inside a `no_grad` block."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__(recording=True)


class detect_nonfinite(_Switch):  # noqa: N801 - a `with` block, like no_grad
    """Stop at the first operation, forward or backward, that makes a NaN or an infinity.

        with tg.detect_nonfinite():
            loss = model(x)
            loss.backward()

    The error, `tg.NonFiniteError`, says which operation it was, on which line, how many elements are affected, and
    what the operands were like. Looking takes a pass over each result: use it to find a fault, not to train.
    """

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__(watching=True)


class scope(Setting):  # noqa: N801 - a `with` block, like no_grad
    """Put a name on the calls made inside: `with tg.scope("layer 1"):`. Scopes nest, and are drawn as boxes.

    Each block is a scope of its own: of two with one name a picture says "layer 1 1" and "layer 1 2".

    Args:
        name: what the box is called.

    Raises:
        TypeError: the name is not a string.
    """

    __slots__ = ("_name",)

    def __init__(self, name: str) -> None:
        if not isinstance(name, str):
            raise TypeError(f"scope: the name must be a string, got {type(name).__name__}")
        super().__init__()
        self._name = name

    def _now(self) -> dict[str, Any]:
        return {"label": inside(Entry(self._name))}

    def _arguments(self) -> tuple[Any, ...]:
        return (self._name,)


def on_behalf_of(call: Any, recording: bool, reach: Any = None) -> Setting:
    """Return a block whose calls are made on behalf of a forward call: on its line of the user's code, in its scope.

    Args:
        call: the forward call.
        recording: whether the calls in the block are recorded.
        reach: the reach of the forward call's cotangent, for a rule that goes backward itself.
    """
    label = Label(None, () if call.label is None else call.label.scope, True)
    return Setting(origin=(call.code, call.lasti), label=label, recording=recording, reach=reach)


def inside(entry: Entry) -> Label:
    """Return the label of the calls in one more scope."""
    label = state.label
    return Label(None, (entry,), False) if label is None else Label(None, (*label.scope, entry), label.inner)


def current_scope() -> tuple[str, ...]:
    """Return the entries into the scopes that calls are made in, outermost first."""
    return () if state.label is None else state.label.scope


def is_tracing() -> bool:
    """Return whether a function is being compiled in this thread."""
    return unusual > 0 and state.tracing is not None


def code_of_ours() -> contextlib.AbstractContextManager[None]:
    """Return a block that runs no code of the user's. A function is compiled in less time if its loops say so."""
    tracer = state.tracing
    return contextlib.nullcontext() if tracer is None else tracer.unwatched()


def step_of_ours(step: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that does what a step of a loop of ours does: `hooks.Tracer.repeating` says what it may do."""
    tracer = state.tracing
    return step if tracer is None else tracer.repeating(step)


def for_any_values() -> bool:
    """Return whether a rule must be right for any values, and so may not look at those at hand to choose its course.

    Of `np.where(gone, 0, x) if for_any_values() or np.any(gone) else x` both courses are right for these values, and
    the first is right for all.
    """
    return unusual > 0 and state.tracing is not None


def calls_of_elements(function: Callable[[], Any], elements: Any) -> tuple[Any, list[Any] | None]:
    """Return what a function returns while it is compiled, and its calls. See `Tracer.calls_of_elements`."""
    tracer: Any = state.tracing
    start = len(tracer.events)
    result = function()
    return result, tracer.calls_of_elements(start, elements, result)


def is_recording() -> bool:
    """Return whether calls on Tensors are being recorded in this thread."""
    return state.recording
