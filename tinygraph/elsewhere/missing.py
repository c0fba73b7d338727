"""Missing names: the message of the error for a name that is not there, with what to write instead."""

from __future__ import annotations

import difflib
import inspect
import sys
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from tinygraph.elsewhere.tables import OF_NN, OF_TENSOR, OF_TINYGRAPH

__all__ = [
    "Late",
    "absent",
    "absent_in_nn",
    "absent_in_numpy",
    "absent_in_tinygraph",
    "meant",
    "no_attribute",
    "no_attribute_of_tensor",
    "similar",
]

# Parameter names for a second array.
_SECOND = frozenset(("b", "v", "x2", "element", "targets"))


class Late:
    """The message of an error, which is made when somebody reads it.

    `hasattr` and `getattr` with a default read none. To look for a similar name takes 0.3 ms, and a step of a network
    of three layers asked for six attributes that are not there.

    Args:
        made: returns the message.
    """

    def __init__(self, made: Callable[[], str]) -> None:
        self._made = made

    def __str__(self) -> str:
        return self._made()

    def __repr__(self) -> str:
        return repr(str(self))

    def __reduce__(self) -> Any:
        return str, (str(self),)


def no_attribute(owner: str, name: str, table: dict[str, str], known: Iterable[str] = ()) -> str:
    """Return the message for a name that a module or an object does not have.

    Args:
        owner: the module or object in words, "module 'tinygraph.nn'".
        name: the missing name.
        table: the code that does the same here, by the names of other libraries.
        known: the existing names, to suggest a similar one.
    """
    message = f"{owner} has no attribute {name!r}"
    if name in table:
        return f"{message}. Write {table[name]}"
    return message if name.startswith("_") else message + meant(name, [item for item in known if item[:1] != "_"])


def meant(name: Any, known: Iterable[str]) -> str:
    """Return ". Did you mean ...?" for the end of a message about a name that is nearly a known one; else nothing."""
    found = similar(name, known) if isinstance(name, str) else None
    return "" if found is None else f". Did you mean {found!r}?"


def similar(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that a name is nearly; None for none."""
    return next(iter(difflib.get_close_matches(name, list(known), 1, 0.75)), None)


def absent(module: str, name: str, table: dict[str, str], known: Iterable[str] = ()) -> AttributeError | ImportError:
    """Return the error for a name that a module does not have, for its `__getattr__` to raise.

    Where the name is imported, `from tinygraph.nn import Linear`, Python drops the message of an AttributeError. There
    it is an ImportError.

    Args:
        module: the name of the module.
        name, table, known: see `no_attribute`.
    """
    return _error(module, name, table, known, _is_imported(module, name))


def absent_in_nn(name: str, known: Iterable[str]) -> AttributeError | ImportError:
    """Return the error for a name that tinygraph.nn does not have: functions are in tinygraph itself."""
    functions = getattr(sys.modules.get("tinygraph"), "__all__", ())
    table = {name: f"tg.{name}"} if name in functions else OF_NN
    return _error("tinygraph.nn", name, table, known, _is_imported("tinygraph.nn", name))


def absent_in_tinygraph(name: str, known: Iterable[str]) -> AttributeError | ImportError:
    """Return the error for a name that tinygraph does not have, but one of its modules, NumPy or another library."""
    return _error("tinygraph", name, _table_for_tinygraph(name), known, _is_imported("tinygraph", name))


def absent_in_numpy(name: str, known: Iterable[str]) -> AttributeError | ImportError:
    """Return the error for a name that `tinygraph.numpy` does not have, such as one of `jax.numpy`."""
    functions = getattr(sys.modules.get("tinygraph"), "__all__", ())
    table = {name: f"tg.{name}"} if name in functions else OF_TINYGRAPH
    return _error("tinygraph.numpy", name, table, known, _is_imported("tinygraph.numpy", name))


def _error(
    module: str, name: str, table: dict[str, str], known: Iterable[str], is_imported: bool
) -> AttributeError | ImportError:  # fmt: skip
    found: Any = sys.modules[module]
    message = no_attribute(f"module {module!r}", name, table, known)
    if not is_imported:
        return AttributeError(message, name=name, obj=found)
    told = message.removeprefix(f"module {module!r} has no attribute {name!r}")
    return ImportError(f"cannot import name {name!r} from {module!r}{told}", name=module, path=found.__file__)


def _is_imported(module: str, name: str) -> bool:
    """Return whether the name is asked for by `from module import name`, in the code that called `__getattr__`."""
    instructions: Any = sys.modules["tinygraph.users_code.instructions"]  # a room that stands above this one
    # A module that is being loaded is found among the modules.
    return instructions.is_import(sys._getframe(3)) and f"{module}.{name}" not in sys.modules


def _table_for_tinygraph(name: str) -> dict[str, str]:
    """Return the table that has a name, or one with the name in tinygraph's rooms or in NumPy."""
    if name in OF_TINYGRAPH:
        return OF_TINYGRAPH
    for room in ("nn", "optim", "data"):
        module = sys.modules.get(f"tinygraph.{room}")
        if name in getattr(module, "__all__", ()):
            return {name: f"tg.{room}.{name}"}
    if name in OF_NN:
        return OF_NN
    if callable(getattr(np, name, None)):
        return {name: f"np.{name}"}
    return OF_TENSOR  # torch.masked_fill(t, ...) is t.masked_fill(...)


def no_attribute_of_tensor(name: str) -> str:
    """Return the message for an attribute that a Tensor does not have, with the code that does the same."""
    table = OF_TENSOR
    if name not in table and not name.startswith("_"):
        tinygraph: Any = sys.modules.get("tinygraph")
        if callable(getattr(np, name, None)):
            table = {name: f"np.{name}({_arguments(getattr(np, name))})"}
        elif name in getattr(tinygraph, "__all__", ()) and inspect.isroutine(getattr(tinygraph, name)):
            table = {name: f"tg.{name}({_arguments(getattr(tinygraph, name))})"}
        elif hasattr(np.ndarray, name):
            table = {name: f"t.data.{name}, of the plain array"}
        elif name.endswith("_") and isinstance(getattr(np, name[:-1], None), np.ufunc):
            table = {name: f"t.assign(np.{name[:-1]}({_arguments(getattr(np, name[:-1]))}.data))"}
    return no_attribute("'Tensor' object", name, table)


def _arguments(function: Any) -> str:
    """Return the arguments of a function that replaces a method of a Tensor t: the required ones, and `axis`."""
    if isinstance(function, np.ufunc):
        return "t, u" if function.nin == 2 else "t"
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except ValueError:
        return "t"
    needed = [item.name for item in parameters[1:] if item.default is item.empty and item.kind < item.VAR_POSITIONAL]
    written = ["t", *("u" if name in _SECOND else name for name in needed)]
    if any(item.name == "axis" for item in parameters):
        written.append("axis=axis")  # the default is all elements in some functions, and the last axis in others
    return ", ".join(written)
