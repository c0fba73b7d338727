"""The names at the top of a saved file: functions, arrays, random generators and kinds of named tuples, each once.

Of a program in whose text a variable is `w` and a constant `mask`, a file may have the arrays `w_2` and `mask`: the
function that sets the program up takes them as its arguments.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygraph.compiler.names import users
from tinygraph.compiler.saving.saved_programs import SavedProgram
from tinygraph.compiler.saving.sources import Sources
from tinygraph.compiler.saving.wrapping import divided
from tinygraph.compiler.write.literals import string_text
from tinygraph.compiler.write.references import is_written

__all__ = ["TopNames"]


class TopNames:
    """The names at the top of a file, and their meanings.

    Attributes:
        sources: the functions.
        arrays: of the npz beside the file, by name.
        updated: the names of the arrays that the programs update, in the order of the file.
        generators: the names of the random generators.
        tuples: the lines that make the kinds of named tuples.
    """

    def __init__(self) -> None:
        self.sources = Sources()
        self.arrays: dict[str, Any] = {}
        self.updated: dict[str, None] = {}
        self.generators: list[str] = []
        self.tuples: list[str] = []
        self._names: dict[Any, str] = {}  # of arrays, generators and kinds of tuples, each by its identity

    def take(self, wish: str) -> str:
        """Take a name that means nothing else in the file: this one, or one near to it."""
        return self.sources.taken.take(wish)

    def given(self, saved: SavedProgram, functions: dict[str, str]) -> dict[str, str]:
        """Name the arrays, generators and functions of a program: by the name in its text, the name in the file."""
        text = saved.runner.text
        found: dict[str, str] = {}
        for position, (own, state) in enumerate(zip(text.variables, saved.state, strict=True)):
            updated = position in saved.updated
            found[own] = self._array(state.key, state.name, np.array(state.value, order="C" if updated else "K"))
            if updated:
                self.updated[found[own]] = None
        for own, value in text.references.constants.items():
            if not is_written(value):
                found[own] = self._array(("constant", id(value)), own, value)
        for own, generator in zip(saved.runner.task.generators, saved.generators, strict=True):
            if type(generator) is not int:
                found[own] = self._generator(generator)
        return {**found, **{own: name for own, name in functions.items() if own != name}}

    def _array(self, key: Any, wish: str, value: Any) -> str:
        """Return the name of an array of the npz."""
        if key not in self._names:
            self._names[key] = self.take(users(wish))
            self.arrays[self._names[key]] = value
        return self._names[key]

    def _generator(self, generator: Any) -> str:
        """Return the name of a random generator."""
        key = ("generator", id(getattr(generator, "state", generator)))  # a RandomState has several faces
        if key not in self._names:
            self._names[key] = self.take(f"generator_{len(self.generators)}")
            self.generators.append(self._names[key])
        return self._names[key]

    def kind(self, kind: Any) -> str:
        """Return the name of a kind of named tuples."""
        if kind not in self._names:
            name = self._names[kind] = self.take(users(kind.__name__))
            fields = ", ".join([string_text(field) for field in kind._fields])
            self.tuples += divided(f"{name} = namedtuple(", [string_text(name), f"[{fields}]"], ")")
        return self._names[kind]
