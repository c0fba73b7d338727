"""Logs of a batch: the results of an epoch so far, reckoned when a callback looks at them."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

__all__ = ["Logs", "telling"]


class Logs(dict[str, Any]):
    """A dict of the results so far. They are reckoned at the first look; where one is asked for, that one alone.

    Args:
        names: a dict with the names, which stand here until then: C code that writes a dict asks first if it is empty.
        source: has `logs()`, the results by name, and `result(name)`.
    """

    __slots__ = ("__weakref__", "_source")

    def __init__(self, names: dict[str, Any], source: Any) -> None:
        super().__init__(names)
        self._source: Any = source

    def fill(self) -> None:
        """Reckon all results, if they are not yet."""
        if self._source is not None:
            source, self._source = self._source, None
            super().update(source.logs())

    def __getitem__(self, name: str) -> Any:
        return super().__getitem__(name) if self._source is None else self._source.result(name)

    def get(self, name: str, default: Any = None) -> Any:
        """See `dict.get`."""
        try:
            return self[name]
        except KeyError:
            return default

    def __reduce__(self) -> Any:
        return dict, (dict(self),)


def _looking(method: str) -> Callable[..., Any]:
    """Return a method of dict that reckons the results first."""
    plain = getattr(dict, method)

    def look(self: Logs, *args: Any, **kwargs: Any) -> Any:
        self.fill()
        return plain(self, *args, **kwargs)

    look.__name__, look.__doc__ = method, f"See `dict.{method}`."
    return look


for _method in (
    "__contains__", "__delitem__", "__eq__", "__ior__", "__iter__", "__len__", "__ne__", "__or__", "__repr__",
    "__reversed__", "__ror__", "__setitem__", "clear", "copy", "items", "keys", "pop", "popitem", "setdefault",
    "update", "values",
):  # fmt: skip
    setattr(Logs, _method, _looking(_method))


def telling(moment: Callable[[int, Any], None], source: Any) -> Callable[[int], None]:
    """Return a function that tells callbacks of a batch, by its number, with logs.

    Args:
        moment: the callbacks.
        source: has `names()` beside what `Logs` asks.
    """
    names: dict[str, Any] = {}

    def tell(number: int) -> None:
        if not names:
            names.update(dict.fromkeys(source.names()))
        logs = Logs(names, source)
        kept = weakref.ref(logs)
        moment(number, logs)
        del logs
        still = kept()
        if still is not None:  # a callback keeps them, and the next step is going to change the results
            still.fill()

    return tell
