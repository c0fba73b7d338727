"""Settings: arguments that are part of the signature by their value, and told apart where Python calls them equal."""

from __future__ import annotations

import datetime
import decimal
import enum
import inspect
import math
from typing import Any

from tinygraph.compiler.guards.arguments import CONSTANTS
from tinygraph.compiler.guards.comparing import is_atom
from tinygraph.compiler.guards.followed import followed

__all__ = ["apart", "fixed"]

# Types of which equal objects are written differently: Decimal("1.0") and Decimal("1.00").
_WRITTEN = frozenset((
    decimal.Decimal, datetime.datetime, datetime.date, datetime.time, datetime.timedelta, range, slice,
))  # fmt: skip


def fixed(value: Any) -> Any:
    """Return the part of a signature for an argument that counts by value, whatever it is."""
    return "object", apart(value), value


def apart(value: Any, around: tuple[Any, ...] = ()) -> Any:
    """Return a key that tells a hashable object from others that Python, or its class, calls equal.

    1 is no 1.0 and no True, 0.0 no -0.0, and `Decimal("1.0")` no `Decimal("1.00")`. A class of the user's may compare
    some attributes and leave others out; two objects of it differ where any attribute does.

    Args:
        value: the object.
        around: the objects of which this one is an attribute.
    """
    kind = type(value)
    if isinstance(value, float):
        return kind, math.copysign(1.0, value), *_attributes(value, around)
    if isinstance(value, complex):
        return kind, math.copysign(1.0, value.real), math.copysign(1.0, value.imag), *_attributes(value, around)
    if isinstance(value, tuple):
        return kind, tuple([apart(item, around) for item in value]), *_attributes(value, around)
    if isinstance(value, frozenset):
        return kind, frozenset([(apart(item, around), item) for item in value])
    if kind in _WRITTEN:
        return kind, repr(value)
    attributes = _attributes(value, around)
    return (kind, attributes) if attributes else kind


def _attributes(value: Any, around: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return the attributes of an object if its class is the user's and has its own `__eq__`, else nothing."""
    kind = type(value)
    own = inspect.getattr_static(kind, "__eq__") is not object.__eq__
    if not own or kind in CONSTANTS or isinstance(value, enum.Enum) or not followed(kind.__module__):
        return ()
    slots = [vars(base).get("__slots__", ()) for base in kind.__mro__]
    names = [name for slot in slots for name in ((slot,) if isinstance(slot, str) else slot)]
    found = {name: getattr(value, name) for name in names if hasattr(value, name) and not name.startswith("__")}
    found.update(getattr(value, "__dict__", {}))
    inside = (*around, value)
    return tuple([(name, _attribute(item, inside)) for name, item in found.items()])


def _attribute(item: Any, around: tuple[Any, ...]) -> Any:
    """Return the key of an attribute: its value where that cannot be changed, else the identity of the object."""
    if is_atom(item):
        return apart(item), item
    if type(item) is tuple:
        return tuple([_attribute(part, around) for part in item])
    is_known = any(item is other for other in around) or type(item).__hash__ is None
    attributes = () if is_known else _attributes(item, around)
    return (type(item), attributes) if attributes else Itself(item)


class Itself:
    """An object that equals only itself, whatever its class says."""

    __slots__ = ("item",)

    def __init__(self, item: Any) -> None:
        self.item = item

    def __eq__(self, other: object) -> bool:
        return type(other) is Itself and other.item is self.item

    def __hash__(self) -> int:
        return id(self.item)
