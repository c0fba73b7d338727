"""Random draws that a graph can repeat: the functions through which tinygraph's own code asks a generator.

An array that `generator.random(...)` returns is a constant like any other, and a program compiled from one run would
use the numbers of that run for ever. What is drawn here is seen by the compiler, and drawn afresh at every call; and
what `checkpoint` runs again draws the same again.
"""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from tinygraph.engine import modes

__all__ = ["normal", "uniform"]


def uniform(
    generator: np.random.Generator | np.random.RandomState, shape: tuple[int, ...], dtype: Any = np.float64
) -> Any:
    """Numbers from [0, 1), of the given shape, in float32 or float64."""
    return _drawn(uniform, generator, shape, dtype)


def normal(
    generator: np.random.Generator | np.random.RandomState, shape: tuple[int, ...], dtype: Any = np.float64
) -> Any:
    """Numbers from the normal distribution of mean 0 and variance 1, of the given shape, in float32 or float64."""
    return _drawn(normal, generator, shape, dtype)


def _drawn(function: Callable[..., Any], generator: Any, shape: Any, dtype: Any) -> Any:
    source = as_generator(generator, function.__name__)
    tracer = modes.state.tracing
    if tracer is not None:
        return tracer.draw(function, source, shape, dtype)
    for draws in _active.stack:
        source = draws.source(source)
    return (source.random if function is uniform else source.standard_normal)(shape, dtype=dtype)


def as_generator(generator: Any, call: str) -> Any:
    """A generator with the methods of `numpy.random.Generator`.

    Raises:
        TypeError: it is neither one of those nor a `numpy.random.RandomState`.
    """
    if isinstance(generator, np.random.Generator | LegacyGenerator):
        return generator
    if isinstance(generator, np.random.RandomState):
        return LegacyGenerator(generator)
    raise TypeError(
        f"{call}: the generator must be a numpy.random.Generator, such as numpy.random.default_rng(0), "
        f"got {getattr(generator, '__name__', type(generator).__name__)}"
    )


class LegacyGenerator:
    """A `numpy.random.RandomState` with the methods of a `numpy.random.Generator`.

    Attributes:
        state: the RandomState.
    """

    def __init__(self, state: np.random.RandomState) -> None:
        self.state = state

    def random(self, size: Any = None, dtype: Any = np.float64, out: Any = None) -> Any:
        """See `numpy.random.Generator.random`."""
        return _as_asked(self.state.random_sample, size, dtype, out)

    def standard_normal(self, size: Any = None, dtype: Any = np.float64, out: Any = None) -> Any:
        """See `numpy.random.Generator.standard_normal`."""
        return _as_asked(self.state.standard_normal, size, dtype, out)


def _as_asked(draw: Callable[..., Any], size: Any, dtype: Any, out: Any) -> Any:
    drawn = draw(size if out is None else out.shape)
    if out is None:
        return drawn if dtype == np.float64 else np.asarray(drawn, dtype)[()]
    out[...] = drawn
    return out


class Draws:
    """The draws of a piece of code, so that it draws the same when it is run again: copies of its generators."""

    def __init__(self) -> None:
        self._before: list[Any] = []
        self._place: int | None = None

    @contextmanager
    def noted(self) -> Iterator[None]:
        """Take note of the draws that are made in the block."""
        self._place = None
        with self._in_force():
            yield

    @contextmanager
    def repeated(self) -> Iterator[None]:
        """Make the draws of the block from where the generators stood then; these stay where they are."""
        self._place = 0
        with self._in_force():
            yield

    @contextmanager
    def _in_force(self) -> Iterator[None]:
        _active.stack.append(self)
        try:
            yield
        finally:
            _active.stack.remove(self)

    def source(self, generator: Any) -> Any:
        """The generator to draw from: the one that is given, or a copy that stands where it stood."""
        if self._place is None:
            self._before.append(copy.deepcopy(generator))
            return generator
        if self._place == len(self._before):  # more than were noted: whoever runs the code again sees that it differs
            return generator
        self._place += 1
        return copy.deepcopy(self._before[self._place - 1])


class _Active(threading.local):
    """The `Draws` in force in a thread, outermost first."""

    def __init__(self) -> None:
        self.stack: list[Draws] = []


_active = _Active()
