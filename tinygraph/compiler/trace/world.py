"""The world: clocks, entropy, files and the terminal. A function that uses them while it is recorded is refused.

A program would keep the time of the recording, and would print nothing. So a profiler watches the first run: Python
tells it of each call. Where another profiler is at work, nothing is watched.
"""

from __future__ import annotations

import builtins
import contextlib
import datetime
import gc
import io
import logging
import os
import random
import sys
import time
from collections.abc import Iterator
from types import CodeType, ModuleType
from typing import Any

import numpy as np

from tinygraph.compiler.trace.carrying_out import carrying_out
from tinygraph.compiler.trace.refused import refused
from tinygraph.engine.modes import state
from tinygraph.users_code.instructions import has_arguments

__all__ = ["unwatch", "watch", "watched"]

_CLOCK = ("a clock is read", "Read it outside, and pass the time as an argument")
_ENTROPY = (
    "random numbers are drawn from the system, by a generator without a seed or without a state",
    "Draw with tinygraph.draws.uniform(generator, shape) or normal(generator, shape), where the generator is one of "
    "numpy.random.default_rng() and was made outside",
)
_TEXT = ("something is printed, or logged", "A program prints nothing. Return it, and print it outside")
_FILE = ("a file, the terminal or the environment is read", "Read it outside, and pass what is in it as an argument")

_SECONDS = ("time", "perf_counter", "monotonic", "process_time", "thread_time")
_CLOCKS = [getattr(time, name) for seconds in _SECONDS for name in (seconds, f"{seconds}_ns") if hasattr(time, name)]
# Functions in C by the object; methods in C, which are bound anew each time, by class and name.
_FUNCTIONS: dict[Any, tuple[str, str]] = {
    **dict.fromkeys([*_CLOCKS, time.localtime, time.gmtime, time.ctime, time.strftime], _CLOCK),
    os.urandom: _ENTROPY,
    builtins.print: _TEXT,
    **dict.fromkeys(
        [builtins.open, io.open, builtins.input, os.listdir, os.scandir, os.stat, os.getcwd, np.fromfile], _FILE
    ),
}
_OF_CLASSES: set[tuple[type, str]] = {
    (datetime.datetime, "now"), (datetime.datetime, "utcnow"), (datetime.datetime, "today"), (datetime.date, "today"),
}  # fmt: skip
# Functions in Python by the id of their code: to hash code takes a microsecond.
_CODES: dict[int, tuple[str, str]] = {
    id(logging.Logger._log.__code__): _TEXT,
    id(random.SystemRandom.random.__code__): _ENTROPY,
    id(random.SystemRandom.getrandbits.__code__): _ENTROPY,
    id(os.getenv.__code__): _FILE,
    **{id(function.__code__): _FILE for function in (np.load, np.loadtxt, np.genfromtxt, np.fromregex)},
}
# These read files on their own account: to import a module, to show a warning.
_ON_THEIR_OWN = frozenset(("importlib", "warnings"))
# Open files. `io.StringIO` and `io.BytesIO` are none: they are in memory.
_FILES = (io.TextIOWrapper, io.BufferedReader, io.BufferedWriter, io.BufferedRandom, io.FileIO)
_OURS = frozenset(("tinygraph", "numpy", "scipy")) | _ON_THEIR_OWN


@contextlib.contextmanager
def watched() -> Iterator[None]:
    """Refuse calls of this thread that read or write the world while the block runs.

    Raises:
        UnsupportedError: a clock, a file, the system's entropy or the terminal was used.
    """
    if sys.getprofile() is not None:
        yield
        return
    watch()
    try:
        yield
    finally:
        sys.setprofile(None)


def unwatch() -> bool:
    """Watch no more, until `watch`: code of ours makes many calls, and reads nothing. Return whether this was new."""
    if sys.getprofile() is not _look:
        return False
    sys.setprofile(None)
    return True


def watch() -> None:
    """Watch again."""
    sys.setprofile(_look)


def _look(frame: Any, event: str, called: Any) -> None:
    # It runs at every call of the first run, so most calls cost one look-up, of a name or a code object.
    if event == "c_call":
        if called.__name__ not in _NAMES:
            return
        if id(frame.f_code) in _CODES:  # its caller was judged already
            return
        found, caller = _reason_against(called), frame
    elif (event != "call" and event != "return") or id(frame.f_code) not in _WATCHED:
        return
    elif event == "call" and id(frame.f_code) in _CODES:
        found, caller = _CODES[id(frame.f_code)], frame.f_back
        if frame.f_code is _SEEDED and frame.f_locals.get("a", 0) is not None:
            return
        if found is _ENTROPY and _is_seeded(caller):
            return
    else:
        if id(frame.f_code) in _ERRSTATE and state.tracing is not None:
            _count_errstate(frame, event)
        return
    if found is None or carrying_out.function is not None or _asker(caller) in _OURS or _is_of_collector(caller):
        return
    raise refused(*found)


def _is_of_collector(frame: Any) -> bool:
    """Return whether a call is made by a callback of the garbage collector, which may interrupt any call."""
    codes = {id(_code_of(callback) or _code_of(type(callback).__call__)) for callback in gc.callbacks}
    while frame is not None and codes:
        if id(frame.f_code) in codes:
            return True
        frame = frame.f_back
    return False


def _is_seeded(frame: Any) -> bool:
    """Return whether a generator is made with a seed: `RandomState(0)` draws entropy too, and discards it."""
    if frame is None or frame.f_globals.get("__name__", "").partition(".")[0] in sys.stdlib_module_names:
        return False
    return has_arguments(frame)


def _count_errstate(frame: Any, event: str) -> None:
    """Count the `np.errstate` blocks of the user's that are in force."""
    asked_at, step = _ERRSTATE[id(frame.f_code)]
    if asked_at == "both":  # a function that `np.errstate` decorates
        step = 1 if event == "call" else -1
        asker = (getattr(frame.f_locals.get("func"), "__module__", None) or "").partition(".")[0]
    else:
        asker = _asker(frame.f_back)
    if event == asked_at or asked_at == "both":
        trace: Any = state.tracing
        trace.execution.errors.blocks += 0 if asker in _OURS else step


def _reason_against(called: Any) -> tuple[str, str] | None:
    """Return the reason to refuse a call of a function in C, and the way out; None for no reason."""
    holder = called.__self__
    if type(holder) is type:
        return _CLOCK if (holder, called.__name__) in _OF_CLASSES else None
    if isinstance(holder, _FILES):
        return _TEXT if called.__name__.startswith("write") else _FILE
    return _FUNCTIONS.get(called) if isinstance(holder, ModuleType) else None


def _asker(frame: Any) -> str:
    """Return the package that a call is made for: the first one up the stack that is not the standard library."""
    asker = ""
    while frame is not None and asker not in _OURS:
        top: str = frame.f_globals.get("__name__", "").partition(".")[0]
        if top in _ON_THEIR_OWN:
            return top
        if not asker and top not in sys.stdlib_module_names:
            asker = top
        if top in _OURS:  # the frames above are those of whoever called the compiled function
            break
        frame = frame.f_back
    return asker


def _code_of(function: Any) -> Any:
    return getattr(function, "__code__", None)


def _inner_code_of(function: Any) -> Any:
    """Return the code of the function that a decorator makes."""
    return next((item for item in _code_of(function).co_consts if isinstance(item, CodeType)), None)


# By the id of the code that enters or leaves `np.errstate`: the profiler's event, and its part of the count.
_ERRSTATE: dict[int, tuple[str, int]] = {
    id(_code_of(np.errstate.__enter__)): ("call", 1),
    id(_code_of(np.errstate.__exit__)): ("return", -1),
    id(_inner_code_of(np.errstate.__call__)): ("both", 0),
}
_CODES[id(_code_of(np.seterr))] = (
    "np.seterr is called",
    "Call it before; inside a function write `with np.errstate(divide='ignore'):` to ignore a floating-point error",
)
_SEEDED = random.Random.seed.__code__
_CODES[id(_SEEDED)] = _ENTROPY
_WATCHED = frozenset((*_CODES, *_ERRSTATE))
_NAMES = frozenset((
    *[function.__name__ for function in _FUNCTIONS], *[name for _, name in _OF_CLASSES],
    *[name for kind in _FILES for name in dir(kind)],
))  # fmt: skip
