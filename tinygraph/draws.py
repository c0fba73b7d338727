"""Random draws that a graph can repeat.

The array from `generator.random(...)` is a constant, and a program compiled from one run would use its numbers at every
call. The compiler sees the draws of this module, and its programs draw anew at every call. The second run of a
`checkpoint` repeats them.
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
    """Draw numbers from [0, 1), of the given shape, in float32 or float64."""
    return _drawn(uniform, generator, shape, dtype)


def normal(
    generator: np.random.Generator | np.random.RandomState, shape: tuple[int, ...], dtype: Any = np.float64
) -> Any:
    """Draw from the normal distribution of mean 0 and variance 1, of the given shape, in float32 or float64."""
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
    """Return a generator with the methods of `numpy.random.Generator`.

    Raises:
        TypeError: the argument is neither a `numpy.random.Generator` nor a `numpy.random.RandomState`.
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

    @property
    def bit_generator(self) -> LegacyBits:
        """The generator's state, as that of a `numpy.random.Generator` is asked for."""
        return LegacyBits(self.state)

    def random(self, size: Any = None, dtype: Any = np.float64, out: Any = None) -> Any:
        """See `numpy.random.Generator.random`."""
        return _as_asked(self.state.random_sample, size, dtype, out)

    def standard_normal(self, size: Any = None, dtype: Any = np.float64, out: Any = None) -> Any:
        """See `numpy.random.Generator.standard_normal`."""
        return _as_asked(self.state.standard_normal, size, dtype, out)


class LegacyBits:
    """The state of a `numpy.random.RandomState`, to be read and set."""

    def __init__(self, legacy: np.random.RandomState) -> None:
        self._legacy = legacy

    @property
    def state(self) -> Any:
        """The state, as a dict."""
        return self._legacy.get_state(legacy=False)

    @state.setter
    def state(self, state: Any) -> None:
        self._legacy.set_state(state)


def _as_asked(draw: Callable[..., Any], size: Any, dtype: Any, out: Any) -> Any:
    drawn = draw(size if out is None else out.shape)
    if out is None:
        return drawn if dtype == np.float64 else np.asarray(drawn, dtype)[()]
    out[...] = drawn
    return out


class Draws:
    """A record of the draws of a piece of code, so that a second run repeats them: copies of its generators."""

    def __init__(self) -> None:
        self._before: list[Any] = []
        self._place: int | None = None

    @contextmanager
    def noted(self) -> Iterator[None]:
        """Record the draws made in the block."""
        self._place = None
        with self._in_force():
            yield

    @contextmanager
    def repeated(self) -> Iterator[None]:
        """Repeat the recorded draws in the block; the generators themselves do not move."""
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
        """Return the generator to draw from: the given one, or a copy in its recorded state."""
        if self._place is None:
            self._before.append(copy.deepcopy(generator))
            return generator
        if self._place == len(self._before):  # more draws than recorded: the caller finds that the runs differ
            return generator
        self._place += 1
        return copy.deepcopy(self._before[self._place - 1])


class _Active(threading.local):
    """The `Draws` in force in a thread, outermost first."""

    def __init__(self) -> None:
        self.stack: list[Draws] = []


_active = _Active()
