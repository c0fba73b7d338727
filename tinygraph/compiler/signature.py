"""Signatures: what of the arguments of a call a compiled program is made for, and what it is given anew each time.

A call `step(x, y, mode="train")` with two arrays has the signature `x: float64(60, 784), y: float64(60, 10), mode:
'train'`; what it is given anew, its leaves, are the two arrays.
"""

from __future__ import annotations

import dataclasses
import inspect
import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from tinygraph.links import Leaf
from tinygraph.tensor import Tensor

__all__ = ["Parameters", "copied", "describe", "fixed", "rebuilt", "same_shape", "told"]

FLOAT = "float"
# The kinds of dtypes that a program computes with: floats, complex numbers, integers, unsigned ones, truth values.
NUMERIC = "fciub"
_FIXED = frozenset((int, bool, str, bytes, type(None), complex, type(Ellipsis)))


class Parameters:
    """The parameters of a function.

    Attributes:
        function: what the function is called.
        names: of the parameters that are given by place.
        rest: what the arguments beyond them are called.
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
        self.static = frozenset(static)
        unknown = self.static - kinds.keys()
        if unknown:
            raise TypeError(f"compile: static_argnames: {self.function} has no argument {sorted(unknown)[0]!r}")
        self.static_places = frozenset(place for place, name in enumerate(self.names) if name in self.static)

    def signature(self, args: tuple[Any, ...], kwargs: dict[str, Any], leaves: list[Any]) -> list[Any]:
        """The signature of a call; what is given at each call is added to `leaves`."""
        if not self.static:
            parts = [describe(item, leaves) for item in args]
        else:
            places = self.static_places
            parts = [fixed(item) if place in places else describe(item, leaves) for place, item in enumerate(args)]
        if kwargs:
            given = [
                (name, fixed(item) if name in self.static else describe(item, leaves))
                for name, item in sorted(kwargs.items())
            ]
            parts.append(tuple(given))
        same = _given_again(leaves)
        if same:
            parts.append(("the same", same))
        return parts

    def is_static(self, key: int | str) -> bool:
        """Return whether the argument of a place or a name is part of the signature whatever it is."""
        return key in self.static_places or key in self.static

    def told(self, signature: Sequence[Any]) -> str:
        """A signature as one would say it: "x: float64(3, 4), mode: 'train'"."""
        texts = []
        for place, part in enumerate(signature):
            if part == "no_grad":
                texts.append("under no_grad")
            elif part[0] == "the same":
                texts.append(f"{len(part[1])} Tensors given again")
            elif _is_of_keywords(part):
                texts += [f"{name}: {told(item)}" for name, item in part]
            else:
                texts.append(f"{self.name_of(place)}: {told(part)}")
        return ", ".join(texts)

    def name_of(self, place: int) -> str:
        """What an argument is called."""
        return self.names[place] if place < len(self.names) else self.rest

    def all_names(self, args: Sequence[Any]) -> list[str]:
        """Names for some arguments, a different one for each."""
        beyond = [f"{self.rest}_{place}" for place in range(len(args) - len(self.names))]
        return [*self.names, *beyond][: len(args)]


def _given_again(leaves: list[Any]) -> tuple[tuple[int, int], ...]:
    """For each Tensor that is given more than once its first place among the leaves, and the later one.

    A gradient, or an update, of the one is then also that of the other, so that another program is needed.
    """
    tensors = [id(leaf) for leaf in leaves if type(leaf) is Tensor]
    if len(tensors) < 2 or len(set(tensors)) == len(tensors):
        return ()
    first: dict[int, int] = {}
    places = [(first.setdefault(id(leaf), n), n) for n, leaf in enumerate(leaves) if type(leaf) is Tensor]
    return tuple([pair for pair in places if pair[0] != pair[1]])


def _is_of_keywords(part: Any) -> bool:
    """Whether a part of a signature is of the arguments that were given by name: pairs of a name and a part."""
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
        return dict, tuple([(key, describe(item, leaves)) for key, item in value.items()])
    if isinstance(value, tuple | list):
        return kind, tuple([describe(item, leaves) for item in value])
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


def apart(value: Any) -> Any:
    """What tells a hashable object from others that Python calls equal: 1 is no 1.0 and no True, and 0.0 no -0.0."""
    kind = type(value)
    if kind is float:
        return kind, math.copysign(1.0, value)
    if kind is complex:
        return kind, math.copysign(1.0, value.real), math.copysign(1.0, value.imag)
    if isinstance(value, tuple):
        return kind, tuple([apart(item) for item in value])
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return kind, tuple([apart(getattr(value, field.name)) for field in dataclasses.fields(value)])
    return kind


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
        return type(value)(*items) if hasattr(value, "_fields") else type(value)(items)
    if type(value) not in _FIXED:
        fixed[name] = value
    return value


def same_shape(built: Any, kept: Any) -> bool:
    """Whether a function left the containers that it was given as they were."""
    if isinstance(kept, dict):
        return list(built) == list(kept) and all(same_shape(built[key], kept[key]) for key in kept)
    if isinstance(kept, list | tuple):
        return len(built) == len(kept) and all(same_shape(a, b) for a, b in zip(built, kept, strict=True))
    return built is kept


def copied(structure: Any) -> Any:
    """The containers again, around the same things."""
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
    if first == "array" and len(part) == 4:
        return f"{part[2]}{part[1]}, as it is"
    if first is Tensor:
        return f"Tensor {part[2]}{part[1]}" + ("" if part[3] else ", no gradient")
    if first is dict:
        return "{" + ", ".join(f"{key}: {told(item)}" for key, item in part[1]) + "}"
    if isinstance(first, type) and issubclass(first, tuple | list):
        inside = ", ".join(told(item) for item in part[1])
        return f"[{inside}]" if issubclass(first, list) else f"({inside})"
    if isinstance(first, np.dtype):
        return f"{first} number"
    if isinstance(part[1], np.dtype):
        return f"{part[1]}{part[0]}"
    return repr(part[-1])
