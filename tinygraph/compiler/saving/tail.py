"""The tail of a saved file: functions behind the others, which call the saved one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["Tail"]


@dataclass(frozen=True, eq=False)
class Tail:
    """The lines at the end of a file.

    Attributes:
        names: those that the lines define.
        functions: those that they call, which are written into the file.
        lines: returns the lines, given the name of the saved function and those of `functions`.
        told: what the top of the file says of them.
    """

    names: Sequence[str]
    functions: Sequence[Callable[..., Any]]
    lines: Callable[[str, Sequence[str]], list[str]]
    told: str
