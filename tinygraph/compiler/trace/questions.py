"""Questions: `type(x)`, `isinstance(x, float)`, `hasattr(x, "shape")`, `len(x)`, answered as of an array or a number.

`x.__class__` of a stand-in is `np.ndarray`, or the class of its number. But `type` looks past `__class__`, and so do
the abstract classes of `collections.abc`. So while a function is recorded, these names mean the functions of this file
in the user's modules. `id(x)` would be the stand-in's, and is refused.
"""

from __future__ import annotations

import builtins
from typing import Any

from tinygraph.compiler.trace.noticing import OpenSize
from tinygraph.compiler.trace.python_numbers import PythonNumber, asked_for
from tinygraph.compiler.trace.refused import refused
from tinygraph.compiler.trace.traced import Traced
from tinygraph.engine.tensor import Tensor

__all__ = ["ANSWERS"]

_STAND_INS = frozenset((Traced, PythonNumber, OpenSize))


class _Asked(type):
    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        if len(args) != 1 or kwargs or cls is not _Type:
            return type.__call__(builtins.type, *args, **kwargs)
        kind = args[0].__class__ if builtins.type(args[0]) in _STAND_INS else builtins.type(args[0])
        return _Type if kind is builtins.type else kind  # so that `type(c) is type` holds of a class

    def __instancecheck__(cls, item: Any) -> bool:
        return isinstance(item, builtins.type)

    def __subclasscheck__(cls, kind: Any) -> bool:
        return issubclass(kind, builtins.type)


class _Type(type, metaclass=_Asked):
    """`type`: `type(x)`, `type(name, bases, namespace)`, and the class itself."""


def _isinstance(item: Any, kinds: Any) -> bool:
    if type(item) not in _STAND_INS:
        return isinstance(item, kinds)
    try:
        return issubclass(item.__class__, kinds)
    except TypeError:  # a protocol with data, or a class that answers for instances only
        return isinstance(item, kinds)


def _hasattr(item: Any, name: str) -> bool:
    return hasattr(item.__class__ if type(item) in _STAND_INS else item, name)


def _id(item: Any) -> int:
    if type(item) is PythonNumber:
        raise asked_for(item, "id() is called")
    if type(item) is Traced:
        raise refused(
            "id() is asked of an array",
            "Ask which array is which with `x is y`; keep what belongs to an array under a name, and pass both",
        )
    return id(item)


def _len(item: Any) -> Any:
    """Return the length of an array as `x.shape[0]`: of an open axis that is no int yet."""
    return item.shape[0] if type(item) in _ARRAYS and item.shape else len(item)


_ARRAYS = frozenset((Traced, Tensor))

# By the name of a built-in function the one that stands in its place.
ANSWERS: dict[str, Any] = {"type": _Type, "isinstance": _isinstance, "hasattr": _hasattr, "id": _id, "len": _len}
