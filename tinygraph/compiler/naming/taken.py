"""Names that are taken: each means one thing in a program, and what wishes for it later gets it with a number."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["TakenNames"]


class TakenNames:
    """The names that mean something.

    >>> names = TakenNames(["x"])
    >>> names.take("x"), names.take("y"), names.take("x")
    ('x_2', 'y', 'x_3')
    """

    def __init__(self, names: Iterable[str] = ()) -> None:
        self._names = set(names)
        self._counts: dict[str, int] = {}  # by a wish how often it was had, so that the search begins there

    def __contains__(self, name: str) -> bool:
        return name in self._names

    def add(self, name: str) -> None:
        """Take a name, whether or not it is free."""
        self._names.add(name)

    def take(self, wish: str) -> str:
        """A name that was free: the one that is wished for, or that with a number."""
        name, count = wish, self._counts.get(wish, 1)
        while name in self._names:
            count += 1
            name = f"{wish}_{count}"
        self._counts[wish] = count
        self._names.add(name)
        return name
