"""References: what a text refers to by name: arrays that it is given, and functions that are not NumPy's.

A statement such as `np.dot(centers, x)` refers to `centers`, an array that the program was made with, and one such as
`scatter(g, index, 12)` to a function that the text imports. Each has one name, which nothing else in the text has.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from keyword import iskeyword
from typing import Any

import numpy as np

from tinygraph.compiler.names import TakenNames, identifier, users
from tinygraph.compiler.trace.functions import Method
from tinygraph.compiler.write.literals import ones_text
from tinygraph.engine.table import function_name

__all__ = ["References", "is_written"]

# A constant of at most this many elements is written into the text.
WRITTEN = 16


@dataclass(eq=False, kw_only=True)
class References:
    """The names that are taken, and what some of them stand for.

    Attributes:
        taken: every name that means something.
        constants: by name the arrays that the text refers to.
        functions: by name the functions that are not NumPy's.
        imports: lines that import them.
        made: the names of arrays of ones, and of single numbers, by the text that makes them.
    """

    taken: TakenNames = field(default_factory=TakenNames)
    constants: dict[str, Any] = field(default_factory=dict)
    functions: dict[str, Callable[..., Any]] = field(default_factory=dict)
    imports: dict[str, str] = field(default_factory=dict)
    made: dict[str, str] = field(default_factory=dict)
    _known: dict[int, tuple[str, Any]] = field(default_factory=dict)
    _written: dict[Any, str] = field(default_factory=dict)

    def array(self, value: Any, name: str | None) -> str:
        """Return the name of an array that the program was made with. Those that are written alike share a name."""
        if id(value) not in self._known:
            key = (name, value.dtype, value.shape, value.strides, value.tobytes()) if is_written(value) else id(value)
            if key not in self._written:
                self._written[key] = self.taken.take(users(name or "constant"))
                self.constants[self._written[key]] = value
            self._known[id(value)] = self._written[key], value  # whose id stays its own
        return self._known[id(value)][0]

    def made_once(self, text: str, wish: str) -> str:
        """Return the name of an array that is made once, by an expression."""
        if text not in self.made:
            self.made[text] = self.taken.take(wish)
        return self.made[text]

    def ones(self, size: int, dtype: np.dtype[Any]) -> str:
        """Return the name of an array of ones."""
        return self.made_once(ones_text(size, dtype), "ones")

    def function(self, function: Callable[..., Any]) -> str:
        """Return the name of a function in the text."""
        if isinstance(function, Method):
            return f"{self.function(function.ufunc)}.{function.method}"
        name = function_name(function)
        if name.startswith("special.") and isinstance(function, np.ufunc):
            self.imports["special"] = "from scipy import special"
            return name
        found: Any = np
        for part in name.split("."):
            found = getattr(found, part, None)
        return f"np.{name}" if found is function else self.foreign(function)

    def foreign(self, function: Callable[..., Any]) -> str:
        """Return the name of a function that is not NumPy's, which the text imports or is given."""
        module, qualified = getattr(function, "__module__", None), getattr(function, "__qualname__", "")
        name = qualified if qualified.isidentifier() else identifier(getattr(function, "__name__", "function"))
        while self.functions.get(name, function) is not function or (name in self.taken and name not in self.functions):
            name = f"{name}_"
        self.functions[name] = function
        self.taken.add(name)
        if name == qualified and _is_at(function, module, qualified):
            self.imports[name] = f"from {module} import {name}"
        return name


def _is_at(function: Any, module: Any, name: str) -> bool:
    """Return whether an import can be written that finds a function in a module."""
    dotted = isinstance(module, str) and all(part.isidentifier() and not iskeyword(part) for part in module.split("."))
    return dotted and getattr(sys.modules.get(module), name, None) is function


def is_written(value: Any) -> bool:
    """Return whether a constant is small enough to be written into the text."""
    return bool(0 < value.size <= WRITTEN and value.dtype.kind in "biuf" and np.all(np.isfinite(value)))
