"""A way of doing some work, to be timed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


def _nothing() -> None:
    pass


def _no_arguments() -> tuple[Any, ...]:
    return ()


@dataclass(frozen=True)
class Way:
    """A way of doing some work.

    Attributes:
        call: does it once; the time of this is taken.
        check: from a result the numbers that all ways must agree on, in a form that JSON has.
        restart: brings everything back to the beginning, before a turn.
        fresh: makes the arguments of a call, outside the time taken.
        facts: what else a report shows, asked after the first calls.
    """

    call: Callable[..., Any]
    check: Callable[[Any], Any]
    restart: Callable[[], object] = _nothing
    fresh: Callable[[], tuple[Any, ...]] = _no_arguments
    facts: Callable[[], dict[str, Any]] = dict
