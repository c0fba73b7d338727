"""The public names, a line each, from their docstrings: `python -m tinygraph.reference > docs/reference.md`."""

from __future__ import annotations

import functools
import importlib
import inspect
import re
from collections.abc import Callable, Iterator
from typing import Any

import tinygraph

__all__ = ["page"]

# The names of `tinygraph` itself, by the part of the package.
PARTS = {
    "Tensors": ("engine", "errors"),
    "Derivatives of functions": ("transforms",),
    "Functions": ("functions",),
    "Graphs and pictures": ("graph", "drawing", "explaining"),
    "Programs": ("compiler",),
}
# The other rooms, and their names on the page.
ROOMS = {
    "Layers": ("tinygraph.nn", "tg.nn"),
    "Optimisers and schedules": ("tinygraph.optim", "tg.optim"),
    "Files": ("tinygraph.export", "tg.export"),
    "Losses": ("tinygraph.training.losses", "tg.training.losses"),
    "Metrics": ("tinygraph.training.metrics", "tg.training.metrics"),
    "Callbacks": ("tinygraph.training.callbacks", "tg.training.callbacks"),
    "Losses as Keras has them": ("tinygraph.keras.losses", "tg.keras.losses"),
    "Labels, sequences and seeds as Keras has them": ("tinygraph.keras.utils", "tg.keras.utils"),
    "Data": ("tinygraph.data", "tg.data"),
    "Training on several processes": ("tinygraph.distributed", "tg.distributed"),
    "Random draws": ("tinygraph.draws", "tg.draws"),
    "Checks": ("tinygraph.testing", "tg.testing"),
    "Strategies of hypothesis": ("tinygraph.testing.strategies", "tg.testing.strategies"),
}

# The bases of classes on the page, whose names stand there once or not at all.
BASES = frozenset(("Callback", "Layer", "Module", "Monitor", "Optimizer", "Setting", "object", "tuple"))

# Classes of objects that functions return; nobody calls them.
MADE_BY_CALLS = frozenset(("Compiled", "Drawing", "Graph", "Node"))

INTRODUCTION = """\
# The public names

A line each, from the docstrings; `help(tg.grad)` shows the whole one. `tg` is `tinygraph`. Which functions of NumPy and
SciPy work on Tensors is on [a page of its own](numpy.md); `tg.numpy` is NumPy under the same names, whose arrays take
Tensors in. `python -m tinygraph.reference > docs/reference.md` writes this page, and a test holds it to the code."""


def page() -> str:
    """Return the page of the documentation, in Markdown."""
    parts = [INTRODUCTION]
    for title, rooms in PARTS.items():
        names = [name for name in tinygraph.__all__ if _room(getattr(tinygraph, name)) in rooms]
        parts += [f"## {title}", "\n".join(_entries("tg", tinygraph, names))]
    for title, (module, written) in ROOMS.items():
        room = importlib.import_module(module)
        parts += [f"## {title}", "\n".join(_entries(written, room, room.__all__))]
    return "\n\n".join(parts) + "\n"


def _room(item: Any) -> str:
    """Return the part of the package with a public name."""
    return ".".join(str(getattr(item, "__module__", "")).split(".")[1:2])


def _entries(written: str, module: Any, names: Any) -> Iterator[str]:
    """Yield the lines of the names of a module, and below a class the lines of its own attributes and methods."""
    for name in sorted(names, key=lambda name: (name[0].islower(), name.lower())):
        item = getattr(module, name)
        if inspect.ismodule(item):
            continue
        signature = "" if name in MADE_BY_CALLS else _signature(item)
        yield f"- `{written}.{name}{signature}`: {_line_of(item) or f'a {type(item).__name__}.'}"
        if isinstance(item, type) and not issubclass(item, Exception):
            yield from _members(item)


def _members(cls: type) -> Iterator[str]:
    """Yield the lines of a class's own attributes and methods; ndarray's are in one line."""
    as_numpy = []
    for name in sorted(dir(cls), key=str.lower):
        member = inspect.getattr_static(cls, name)
        if name.startswith("_") or not _is_ours(cls, name) or _line_of(member) == "See the class.":
            continue
        if _line_of(member).startswith("See `numpy.ndarray."):
            as_numpy.append(f"`{name}`")
        elif not _line_of(member).startswith(("Not supported", "See ")) and _line_of(member):
            signature = "" if isinstance(member, property | functools.cached_property) else _signature(member, cls)
            yield f"  - `.{name}{signature}`: {_line_of(member)}"
    if as_numpy:
        yield f"  - ndarray's methods: {', '.join(as_numpy)}."


def _is_ours(cls: type, name: str) -> bool:
    """Return whether a class defines a name itself, or inherits it from a class that is not on the page.

    The moments of a callback stand in the base of callbacks alone.
    """
    if name.startswith("on_") and cls.__name__ != "Callback":
        return False
    owner = next(kind for kind in cls.__mro__ if name in vars(kind))
    return owner is cls or owner.__name__ not in BASES


def _signature(item: Any, cls: type | None = None) -> str:
    """Return the arguments with their defaults, without types; "" for an object that is not called."""
    function = getattr(item, "__func__", item)
    if not callable(function):
        return ""
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return ""
    if isinstance(item, type) and issubclass(item, Exception):
        return ""
    bound = cls is not None and not isinstance(item, staticmethod)
    parameters = [
        parameter.replace(annotation=inspect.Parameter.empty)
        for place, parameter in enumerate(signature.parameters.values())
        if not (bound and place == 0)
    ]
    plain = signature.replace(parameters=parameters, return_annotation=inspect.Signature.empty)
    return re.sub(r"<(?:function|class|ufunc) '?(?:[\w.]*\.)?(\w+)'?[^>]*>", r"\1", str(plain))


def _line_of(item: Any) -> str:
    """Return the first sentence or line of a docstring, in one line; "" without a docstring."""
    text = inspect.getdoc(item.fget if isinstance(item, property) else item) if _has_docstring(item) else None
    return " ".join((text or "").partition("\n\n")[0].split())


def _has_docstring(item: Any) -> bool:
    """Return whether the docstring is the item's own, and not that of its type, as it is for a dict or a tuple."""
    is_code: Callable[[Any], bool] = inspect.isroutine
    return isinstance(item, type | property | staticmethod | classmethod | functools.cached_property) or is_code(item)


if __name__ == "__main__":
    print(page(), end="")
