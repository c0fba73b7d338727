"""The signature: which properties of the arguments a program was compiled for, and which values it receives.

A call `step(x, y, mode="train")` with two arrays has the signature `x: float64(60, 784), y: float64(60, 10), mode:
'train'`. The values that the program receives at each call, the leaves, are the two arrays.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygraph.compiler.guards.arguments import CONSTANTS, NUMERIC, Counter
from tinygraph.compiler.guards.settings import apart, fixed
from tinygraph.containers import Kind, taken_apart
from tinygraph.engine.links import Leaf
from tinygraph.engine.tensor import Tensor

__all__ = ["Parameters", "describe", "told"]

FLOAT = "float"
COUNTER = "int"


@dataclass(frozen=True, eq=False)
class Parameters:
    """The parameters of a function.

    Attributes:
        function: the name of the function.
        names: the positional parameters.
        rest: the name of the arguments beyond them.
        any_name: whether the function takes arguments of any name, `**settings`, whose order it sees.
        static: the names of the arguments that are part of the signature whatever they are.
        static_positions: the positions of those among them that are positional.
    """

    function: str
    names: list[str]
    rest: str
    any_name: bool
    static: frozenset[str]
    static_positions: frozenset[int]

    @classmethod
    def of(cls, function: Callable[..., Any], static_names: Iterable[str]) -> Parameters:
        """Return the parameters of a function.

        Raises:
            TypeError: the function has no argument of a name in `static_names`.
        """
        try:
            kinds = {name: parameter.kind for name, parameter in inspect.signature(function).parameters.items()}
        except (TypeError, ValueError):
            kinds = {}
        own_name = getattr(function, "__qualname__", None) or type(function).__qualname__
        static = frozenset(static_names)
        unknown = static - kinds.keys()
        if unknown:
            raise TypeError(f"compile: static_argnames: {own_name} has no argument {sorted(unknown)[0]!r}")
        names = [name for name, kind in kinds.items() if kind in (kind.POSITIONAL_ONLY, kind.POSITIONAL_OR_KEYWORD)]
        return cls(
            function=own_name,
            names=names,
            rest=next((name for name, kind in kinds.items() if kind is kind.VAR_POSITIONAL), "argument"),
            any_name=any(kind is kind.VAR_KEYWORD for kind in kinds.values()) or not kinds,
            static=static,
            static_positions=frozenset(position for position, name in enumerate(names) if name in static),
        )

    def signature(self, args: tuple[Any, ...], kwargs: dict[str, Any], leaves: list[Any]) -> list[Any]:
        """Return the signature of a call, and add its leaves to `leaves`."""
        if not self.static:
            parts = [describe(item, leaves) for item in args]
        else:
            static = self.static_positions
            parts = [fixed(item) if at in static else describe(item, leaves) for at, item in enumerate(args)]
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
        """Return a signature as text: "x: float64(3, 4), mode: 'train'"."""
        return ", ".join(self.texts(signature))

    def texts(self, signature: Sequence[Any]) -> list[str]:
        """Return the parts of a signature as texts: "x: float64(3, 4)" and "mode: 'train'"."""
        texts = []
        for position, part in enumerate(signature):
            if part == "no_grad":
                texts.append("under no_grad")
            elif type(part) is not tuple:
                texts.append(f"{self.name_of(position)}: {told(part)}")
            elif part[0] == "the same":
                texts.append(f"{len(part[1])} Tensors given again")
            elif part[0] == "the order":
                texts.append(f"in the order {', '.join(part[1])}")
            elif _is_of_keywords(part):
                texts += [f"{name}: {told(item)}" for name, item in part]
            else:
                texts.append(f"{self.name_of(position)}: {told(part)}")
        return texts

    def name_of(self, position: int) -> str:
        """Return the name of the argument at a position."""
        return self.names[position] if position < len(self.names) else self.rest

    def all_names(self, args: Sequence[Any]) -> list[str]:
        """Return a different name for each of some arguments."""
        beyond = [f"{self.rest}_{number}" for number in range(len(args) - len(self.names))]
        return [*self.names, *beyond][: len(args)]


def _given_again(leaves: list[Any]) -> tuple[tuple[int, int], ...]:
    """Return for each leaf that was given before the positions of the first and of this one: Tensors, generators.

    A gradient, an update, or a draw of the one is then also that of the other, so that another program is needed.
    """
    told_apart = [id(leaf) for leaf in leaves if type(leaf) in _TOLD_APART]
    if len(told_apart) < 2 or len(set(told_apart)) == len(told_apart):
        return ()
    first: dict[int, int] = {}
    pairs = [(first.setdefault(id(leaf), at), at) for at, leaf in enumerate(leaves) if type(leaf) in _TOLD_APART]
    return tuple([pair for pair in pairs if pair[0] != pair[1]])


_TOLD_APART = frozenset((Tensor, np.random.Generator))


def _is_of_keywords(part: Any) -> bool:
    """Return whether a part of a signature is that of the keyword arguments: pairs of a name and a part."""
    first = part[0] if isinstance(part, tuple) and part else None
    return isinstance(first, tuple) and len(first) == 2 and isinstance(first[0], str)


def describe(value: Any, leaves: list[Any]) -> Any:
    """Return the part of a signature for one argument, and add the values in it that each call gives to `leaves`.

    Arrays count by shape and dtype, Tensors also by whether they require a gradient, Python floats by being floats.
    Counters count by being ints. Other ints, bools, strings, None and other objects count by value.

    Raises:
        TypeError: the argument has no value to count by, and is no array.
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
    if kind is Counter:
        leaves.append(value.value)
        return COUNTER
    if kind in CONSTANTS:
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
        if kind is not tuple and kind is not list:
            _check_without_attributes(value)
        return kind, tuple([describe(item, leaves) for item in value])
    return _describe_other(value, leaves)


def _check_without_attributes(value: tuple[Any, ...] | list[Any]) -> None:
    """Refuse a tuple or a list of a user's class with attributes: a signature holds its items alone."""
    if getattr(value, "__dict__", None):
        raise TypeError(
            f"compile: an argument is a {type(value).__name__}, a {'list' if isinstance(value, list) else 'tuple'} "
            "with attributes of its own, by which it cannot be told apart from another one. Give a plain one, and its "
            "attributes as further arguments"
        )


def _describe_other(value: Any, leaves: list[Any]) -> Any:
    """Return the part of a signature for an argument of a rarer kind, and add a generator to `leaves`."""
    kind = type(value)
    if kind is slice:  # which Python can hash from 3.12 on
        return slice, (fixed(value.start), fixed(value.stop), fixed(value.step))
    if isinstance(value, np.random.Generator):
        leaves.append(value)
        return np.random.Generator
    if isinstance(value, np.ndarray):
        raise TypeError(f"compile: an argument is a {kind.__name__}; give a plain array, np.asarray(x)")
    container = taken_apart(value)
    if container is not None:
        inside = tuple([describe(item, leaves) for item in container.items_of(value)])
        return ("object", apart(container.keys), container), inside
    try:
        hash(value)
    except TypeError:
        raise TypeError(
            f"compile: an argument is a {kind.__name__}, which cannot be told apart from another one: it is neither an "
            "array, a Tensor, a number, a string, nor a tuple, list, dict or dataclass of them, and it cannot be "
            "hashed. Give what is in it as arguments, or in a dict, a list or a tuple"
        ) from None
    return fixed(value)


def _by_content(value: Any) -> Any:
    """Return the part of a signature for an array of texts, dates or rows, or for one such value: it counts by content.

    Raises:
        TypeError: the array is of objects, which cannot be told apart.
    """
    if value.dtype.hasobject:
        raise TypeError(
            "compile: an argument is an array of objects, which cannot be told apart from others; give an array of "
            "numbers, or a list"
        )
    return "array", value.shape, value.dtype, value.tobytes()


def told(part: Any) -> str:
    """Return a part of a signature as text: "float64(3, 4)", "'train'"."""
    if part in (FLOAT, COUNTER):
        return str(part)
    if part is np.random.Generator:
        return "generator"
    first = part[0]
    if type(first) is tuple and first and first[0] == "object" and type(first[-1]) is Kind:
        inside = ", ".join([f"{name}: {told(item)}" for name, item in zip(first[-1].names, part[1], strict=True)])
        return f"{first[-1].type.__name__}({inside})"
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
    return _shown(part[-1])


def _shown(value: Any) -> str:
    """Return an object as a signature shows it: its class alone where it has no text."""
    try:
        return repr(value)
    except Exception:
        return f"a {type(value).__name__}"
