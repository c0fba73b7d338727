"""The signature: which properties of the arguments a program was compiled for, and which values it receives.

A call `step(x, y, mode="train")` with two arrays has the signature `x: float64(60, 784), y: float64(60, 10), mode:
'train'`. The values that the program receives at each call, the leaves, are the two arrays.
"""

from __future__ import annotations

import datetime
import decimal
import enum
import inspect
import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from tinygraph.compiler.guards.comparing import is_atom
from tinygraph.compiler.guards.followed import followed
from tinygraph.engine.links import Leaf
from tinygraph.engine.tensor import Tensor

__all__ = ["Parameters", "copied", "describe", "fixed", "rebuilt", "same_shape", "told"]

FLOAT = "float"
# The kinds of dtypes that a program computes with: floats, complex numbers, integers, unsigned ones, truth values.
NUMERIC = "fciub"
_FIXED = frozenset((int, bool, str, bytes, type(None), complex, type(Ellipsis)))
# What Python calls equal although it is written differently: Decimal("1.0") and Decimal("1.00").
_WRITTEN = frozenset((
    decimal.Decimal, datetime.datetime, datetime.date, datetime.time, datetime.timedelta, range, slice,
))  # fmt: skip


class Parameters:
    """The parameters of a function.

    Attributes:
        function: the name of the function.
        names: the positional parameters.
        rest: the name of the arguments beyond them.
        any_name: whether it takes arguments of any name, `**settings`, in the order in which they are given.
        static: the names of arguments that are part of the signature whatever they are.

    Raises:
        TypeError: there is no argument of a name in `static`.
    """

    def __init__(self, function: Callable[..., Any], static: Iterable[str]) -> None:
        try:
            kinds = {name: parameter.kind for name, parameter in inspect.signature(function).parameters.items()}
        except (TypeError, ValueError):
            kinds = {}
        self.function = getattr(function, "__qualname__", None) or type(function).__qualname__
        self.names = [
            name for name, kind in kinds.items() if kind in (kind.POSITIONAL_ONLY, kind.POSITIONAL_OR_KEYWORD)
        ]
        self.rest = next((name for name, kind in kinds.items() if kind is kind.VAR_POSITIONAL), "argument")
        self.any_name = any(kind is kind.VAR_KEYWORD for kind in kinds.values()) or not kinds
        self.static = frozenset(static)
        unknown = self.static - kinds.keys()
        if unknown:
            raise TypeError(f"compile: static_argnames: {self.function} has no argument {sorted(unknown)[0]!r}")
        self.static_positions = frozenset(place for place, name in enumerate(self.names) if name in self.static)

    def signature(self, args: tuple[Any, ...], kwargs: dict[str, Any], leaves: list[Any]) -> list[Any]:
        """Return the signature of a call, and add its leaves to `leaves`."""
        if not self.static:
            parts = [describe(item, leaves) for item in args]
        else:
            places = self.static_positions
            parts = [fixed(item) if place in places else describe(item, leaves) for place, item in enumerate(args)]
        if kwargs:
            given = [
                (name, fixed(item) if name in self.static else describe(item, leaves))
                for name, item in sorted(kwargs.items())
            ]
            parts.append(tuple(given))
            if self.any_name and len(kwargs) > 1 and [name for name, _ in given] != [*kwargs]:
                parts.append(("the order", tuple(kwargs)))
        same = _given_again(leaves)
        if same:
            parts.append(("the same", same))
        return parts

    def is_static(self, key: int | str) -> bool:
        """Return whether the argument of a position or a name is static."""
        return key in self.static_positions or key in self.static

    def told(self, signature: Sequence[Any]) -> str:
        """A signature as one would say it: "x: float64(3, 4), mode: 'train'"."""
        texts = []
        for place, part in enumerate(signature):
            if part == "no_grad":
                texts.append("under no_grad")
            elif part[0] == "the same":
                texts.append(f"{len(part[1])} Tensors given again")
            elif part[0] == "the order":
                texts.append(f"in the order {', '.join(part[1])}")
            elif _is_of_keywords(part):
                texts += [f"{name}: {told(item)}" for name, item in part]
            else:
                texts.append(f"{self.name_of(place)}: {told(part)}")
        return ", ".join(texts)

    def name_of(self, position: int) -> str:
        """Return the name of the argument at a position."""
        return self.names[position] if position < len(self.names) else self.rest

    def all_names(self, args: Sequence[Any]) -> list[str]:
        """Return a different name for each of some arguments."""
        beyond = [f"{self.rest}_{place}" for place in range(len(args) - len(self.names))]
        return [*self.names, *beyond][: len(args)]


def _given_again(leaves: list[Any]) -> tuple[tuple[int, int], ...]:
    """For each Tensor or generator that is given more than once its first place among the leaves, and the later one.

    A gradient, an update, or a draw of the one is then also that of the other, so that another program is needed.
    """
    told_apart = [id(leaf) for leaf in leaves if type(leaf) in _TOLD_APART]
    if len(told_apart) < 2 or len(set(told_apart)) == len(told_apart):
        return ()
    first: dict[int, int] = {}
    places = [(first.setdefault(id(leaf), n), n) for n, leaf in enumerate(leaves) if type(leaf) in _TOLD_APART]
    return tuple([pair for pair in places if pair[0] != pair[1]])


_TOLD_APART = frozenset((Tensor, np.random.Generator))


def _is_of_keywords(part: Any) -> bool:
    """Return whether a part of a signature is of the arguments that were given by name: pairs of a name and a part."""
    first = part[0] if isinstance(part, tuple) and part else None
    return isinstance(first, tuple) and len(first) == 2 and isinstance(first[0], str)


def describe(value: Any, leaves: list[Any]) -> Any:
    """The part of a signature that an argument makes; what is given at each call is added to `leaves`.

    Arrays count by shape and dtype, Tensors also by whether they require a gradient, Python floats by being floats.
    Ints, bools, strings, None and other objects count by what they are.

    Raises:
        TypeError: the argument can be neither an array nor told apart from another.
    """
    kind = type(value)
    if kind is np.ndarray:
        if value.dtype.kind not in NUMERIC:
            return _by_content(value)
        leaves.append(value)
        return value.shape, value.dtype
    if kind is float:
        leaves.append(np.array(value))  # NumPy takes an array of one number in half the time of a number
        return FLOAT
    if kind in _FIXED:
        return (apart(value) if kind is complex else kind), value
    if kind is Tensor:
        leaves.append(value)
        link = value._link
        return Tensor, value._value.shape, value._value.dtype, link.differentiable, isinstance(link, Leaf)
    if isinstance(value, np.generic):
        if value.dtype.kind not in NUMERIC:
            return _by_content(value)
        leaves.append(value)
        return value.dtype, "scalar"
    if kind is dict:
        return dict, tuple([
            (key if type(key) is str else fixed(key), describe(item, leaves)) for key, item in value.items()
        ])  # fmt: skip
    if isinstance(value, tuple | list):
        if kind is not tuple and kind is not list and getattr(value, "__dict__", None):
            raise TypeError(
                f"compile: an argument is a {kind.__name__}, a {'list' if isinstance(value, list) else 'tuple'} with "
                "attributes of its own, by which it cannot be told apart from another one. Give a plain one, and its "
                "attributes as further arguments"
            )
        return kind, tuple([describe(item, leaves) for item in value])
    if kind is slice:  # which Python can hash from 3.12 on
        return slice, (fixed(value.start), fixed(value.stop), fixed(value.step))
    if isinstance(value, np.random.Generator):
        leaves.append(value)
        return np.random.Generator
    if isinstance(value, np.ndarray):
        raise TypeError(f"compile: an argument is a {kind.__name__}; give a plain array, np.asarray(x)")
    try:
        hash(value)
    except TypeError:
        raise TypeError(
            f"compile: an argument is a {kind.__name__}, which cannot be told apart from another one: it is neither an "
            "array, a Tensor, a number, a string, nor a tuple, list or dict of them, and it cannot be hashed"
        ) from None
    return fixed(value)


def _by_content(value: Any) -> Any:
    """The part of a signature that an array, or a value, of texts, dates or rows makes: it counts by what it is.

    Raises:
        TypeError: it is of objects, which cannot be told apart.
    """
    if value.dtype.hasobject:
        raise TypeError(
            "compile: an argument is an array of objects, which cannot be told apart from others; give an array of "
            "numbers, or a list"
        )
    return "array", value.shape, value.dtype, value.tobytes()


def fixed(value: Any) -> Any:
    """The part of a signature that an argument makes which counts by what it is, whatever it is."""
    return "object", apart(value), value


def apart(value: Any, around: tuple[Any, ...] = ()) -> Any:
    """The parts that tell a hashable object from others that Python, or its class, calls equal.

    1 is no 1.0 and no True, 0.0 no -0.0, and `Decimal("1.0")` no `Decimal("1.00")`. Two objects of a class of the
    user's that compares some attributes, and leaves others out, differ where any attribute does.

    Args:
        value: the object.
        around: the objects that it is an attribute of.
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
    """The attributes of an object of the user's whose class says what equals it; of any other one nothing."""
    kind = type(value)
    own = inspect.getattr_static(kind, "__eq__") is not object.__eq__
    if not own or kind in _FIXED or isinstance(value, enum.Enum) or not followed(kind.__module__):
        return ()
    slots = [vars(base).get("__slots__", ()) for base in kind.__mro__]
    names = [name for slot in slots for name in ((slot,) if isinstance(slot, str) else slot)]
    found = {name: getattr(value, name) for name in names if hasattr(value, name) and not name.startswith("__")}
    found.update(getattr(value, "__dict__", {}))
    inside = (*around, value)
    return tuple([(name, _told(item, inside)) for name, item in found.items()])


def _told(item: Any, around: tuple[Any, ...]) -> Any:
    """An attribute as a part of a signature: by its value where it cannot be changed, else by which object it is."""
    if is_atom(item):
        return apart(item), item
    if type(item) is tuple:
        return tuple([_told(part, around) for part in item])
    is_known = any(item is other for other in around) or type(item).__hash__ is None
    attributes = () if is_known else _attributes(item, around)
    return (type(item), attributes) if attributes else Itself(item)


class Itself:
    """An object that equals nothing but itself, whatever its class says."""

    __slots__ = ("item",)

    def __init__(self, item: Any) -> None:
        self.item = item

    def __eq__(self, other: object) -> bool:
        return type(other) is Itself and other.item is self.item

    def __hash__(self) -> int:
        return id(self.item)


def rebuilt(value: Any, name: str, enter: Callable[[Any, str], Any], fixed: dict[str, Any]) -> Any:
    """An argument with stand-ins for what is given at each call.

    Args:
        value: the argument.
        name: what it is called.
        enter: makes the stand-in, given the value and its name.
        fixed: gets the other objects, by name.
    """
    if isinstance(value, np.ndarray | np.generic):
        if value.dtype.kind in NUMERIC:
            return enter(value, name)
        fixed[name] = value
        return value
    if isinstance(value, Tensor | np.random.Generator) or type(value) is float:
        return enter(value, name)
    if type(value) is dict:
        return {key: rebuilt(item, f"{name}_{key}", enter, fixed) for key, item in value.items()}
    if isinstance(value, tuple | list):
        items = [rebuilt(item, f"{name}_{place}", enter, fixed) for place, item in enumerate(value)]
        if isinstance(value, tuple):
            return tuple.__new__(type(value), items)
        made = type(value).__new__(type(value))
        list.extend(made, items)
        return made
    if type(value) not in _FIXED:
        fixed[name] = value
    return value


def same_shape(built: Any, kept: Any) -> bool:
    """Return whether a function left the containers that it was given as they were."""
    if isinstance(kept, dict):
        return list(built) == list(kept) and all(same_shape(built[key], kept[key]) for key in kept)
    if isinstance(kept, list | tuple):
        return len(built) == len(kept) and all(same_shape(a, b) for a, b in zip(built, kept, strict=True))
    return built is kept


def copied(structure: Any) -> Any:
    """Return copies of the containers, around the same items."""
    if type(structure) is dict:
        return {key: copied(item) for key, item in structure.items()}
    return [copied(item) for item in structure] if isinstance(structure, list | tuple) else structure


def told(part: Any) -> str:
    """A part of a signature as one would say it: "float64(3, 4)", "mode 'train'"."""
    if part == FLOAT:
        return "float"
    if part is np.random.Generator:
        return "generator"
    first = part[0]
    if first is slice:
        return repr(slice(*[item[-1] for item in part[1]]))
    if first == "array" and len(part) == 4:
        return f"{part[2]}{part[1]}, as it is"
    if first is Tensor:
        return f"Tensor {part[2]}{part[1]}" + ("" if part[3] else ", no gradient")
    if first is dict:
        keys = [(key if type(key) is str else key[-1], item) for key, item in part[1]]
        return "{" + ", ".join(f"{key}: {told(item)}" for key, item in keys) + "}"
    if isinstance(first, type) and issubclass(first, tuple | list):
        inside = ", ".join(told(item) for item in part[1])
        return f"[{inside}]" if issubclass(first, list) else f"({inside})"
    if isinstance(first, np.dtype):
        return f"{first} number"
    if isinstance(part[1], np.dtype):
        return f"{part[1]}{part[0]}"
    return repr(part[-1])
