"""Quick links: the most frequent kinds of call, each with its operands in slots of their own.

A `Spread` holds any call, in a tuple of arguments and a dict of keywords. The classes here also say which operands a
gradient flows to, so that neither `quick` nor `quick_backward` has to ask.
"""

from __future__ import annotations

from typing import Any

from tinygraph.engine.links import Call

__all__ = ["Both", "First", "Left", "Right", "Unary"]


class Unary(Call):
    """f(x)"""

    __slots__ = ("x",)

    keywords = {}

    x: Any

    @property
    def args(self) -> tuple[Any, ...]:  # type: ignore[override]
        """The operand."""
        return (self.x,)


class Binary(Call):
    """f(x, y)"""

    __slots__ = ("x", "y")

    keywords = {}

    x: Any
    y: Any

    @property
    def args(self) -> tuple[Any, ...]:  # type: ignore[override]
        """The two operands."""
        return self.x, self.y


class Both(Binary):
    """f(x, y) with a gradient to both."""

    __slots__ = ()


class Left(Binary):
    """f(x, y) with a gradient to x alone; y is data or a constant."""

    __slots__ = ()


class Right(Binary):
    """f(x, y) with a gradient to y alone; x is data or a constant."""

    __slots__ = ()


class First(Call):
    """f(x, *rest, **keywords) with a gradient to x; the rest are constants."""

    __slots__ = ("keywords", "rest", "x")

    x: Any
    rest: tuple[Any, ...]

    @property
    def args(self) -> tuple[Any, ...]:  # type: ignore[override]
        """All positional arguments."""
        return (self.x, *self.rest)
