"""Unreadable: objects whose content cannot be compared from call to call, refused where a function uses them.

A lock or an open file may be found by a function that never touches it. So the error comes from a stand-in, at the line
that asks it for something. An iterator gives something else each time, so that no call is like the one before.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tinygraph.compiler.trace.refused import refused

__all__ = ["Unreadable", "is_iterator", "refused_iterator", "stand_in_for"]


def is_iterator(item: Any) -> bool:
    """Return whether an object gives something else each time it is asked: a generator, a cycle, an open file."""
    return hasattr(type(item), "__next__")


def refused_iterator(name: str, item: Any) -> Exception:
    """Return the error for an iterator that a function finds, or is given."""
    return refused(
        f"{name or 'an iterator'} is an iterator, a {type(item).__name__}: a program would use what it gave once at "
        "every call",
        "Ask it outside, and pass what it gives: step(next(batches)); draws belong to "
        "tinygraph.draws.uniform(generator, shape) or normal(generator, shape)",
    )


def stand_in_for(item: Any, name: str) -> Unreadable:
    """Return a stand-in that refuses to be used, with an error that names the object."""
    kind, iterates = type(item), is_iterator(item)

    def refusal() -> Exception:
        return refused_iterator(name, item) if iterates else refused(
            f"{name or 'an object'} is used, a {kind.__name__}: what is in it cannot be compared from call to call",
            "Use it outside; pass what the function needs of it as an argument, an array or a number",
        )  # fmt: skip

    return Unreadable(kind, refusal)


def _refusing(name: str) -> Callable[..., Any]:
    def method(self: Unreadable, *args: Any, **kwargs: Any) -> Any:
        raise object.__getattribute__(self, "_refusal")()

    method.__name__ = method.__qualname__ = name
    return method


class Unreadable:
    """A stand-in for an object that cannot be read. While a function is recorded, whatever is asked of it is refused.

    Args:
        kind: the class of the object, for `isinstance`.
        refusal: returns the error.
    """

    __slots__ = ("_kind", "_refusal")

    def __init__(self, kind: type, refusal: Callable[[], Exception]) -> None:
        object.__setattr__(self, "_kind", kind)
        object.__setattr__(self, "_refusal", refusal)

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        found: type = object.__getattribute__(self, "_kind")
        return found

    __array_priority__ = 1000.0

    __array_ufunc__ = _refusing("__array_ufunc__")
    __getattr__ = _refusing("__getattr__")
    __setattr__ = __delattr__ = _refusing("__setattr__")
    __call__ = _refusing("__call__")
    __iter__ = __next__ = __reversed__ = __len__ = __contains__ = _refusing("__iter__")
    __getitem__ = __setitem__ = __delitem__ = _refusing("__getitem__")
    __enter__ = __exit__ = _refusing("__enter__")
    __bool__ = __int__ = __float__ = __complex__ = __index__ = __str__ = __format__ = _refusing("__bool__")
    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = _refusing("__eq__")
    __hash__ = _refusing("__hash__")
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = _refusing("__add__")
    __mod__ = __rmod__ = __floordiv__ = __rfloordiv__ = __pow__ = __rpow__ = __matmul__ = __rmatmul__ = __add__
    __and__ = __rand__ = __or__ = __ror__ = __xor__ = __rxor__ = __neg__ = __pos__ = __abs__ = __invert__ = __add__

    def __repr__(self) -> str:
        return f"<a {type(self).__name__} in place of a {self.__class__.__name__}>"
