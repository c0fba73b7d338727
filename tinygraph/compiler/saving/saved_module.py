'''The module: the text of a saved file.

"""step: written by tinygraph.

step(x, y) computes for these shapes and dtypes, and refuses others:
    x: float64(60, 784), y: float64(60, 10)
"""

import numpy as np

with np.load(...) as values:     the arrays of the npz beside it
    w = read(values, "w", "float64(784, 10)")


def program_1(w):                a program, with the memory that it works in
    z = np.empty((60, 10))

    def step(x, y):
        ...

    return step


PROGRAMS = {                     each with the leaves of the arguments that it takes
    "x: float64(60, 784), y: float64(60, 10)": (program_1(w), (0, 1)),
}


def run(given): ...              finds the program


def step(x, y): ...
'''

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tinygraph.compiler.names import users
from tinygraph.compiler.saving.factories import entry_lines, entry_of_paths, factory_lines, nothing_lines, open_lines
from tinygraph.compiler.saving.files import npz_of
from tinygraph.compiler.saving.header import ABSENT, Header
from tinygraph.compiler.saving.lookup import Lookup, lookup_lines
from tinygraph.compiler.saving.open_programs import OpenSaved, SizedText
from tinygraph.compiler.saving.runtime import described, kinds_of, literal, on_paths, owner, read, sized
from tinygraph.compiler.saving.saved_programs import SavedProgram
from tinygraph.compiler.saving.tail import Tail
from tinygraph.compiler.saving.top_names import TopNames
from tinygraph.compiler.saving.wrapping import (
    divided,
    in_docstring,
    with_two_blanks_at_most,
)
from tinygraph.compiler.write.literals import string_text
from tinygraph.compiler.write.width import WIDTH, filled

__all__ = ["SavedModule", "saved_module"]

# Names at the top of a file that its text refers to as they are.
_OWN = (ABSENT, "PROGRAMS", "OPEN", "MADE", "KNOWN", "OWN", "lock", "Lock", "namedtuple")


@dataclass(frozen=True, eq=False)
class SavedModule:
    """A file that is to be saved.

    Attributes:
        text: of the module.
        arrays: of the npz beside it, by name.
    """

    text: str
    arrays: dict[str, Any]


def saved_module(
    path: Path, name: str, header: Header, programs: Sequence[SavedProgram], left_out: Sequence[str] = (),
    ordered: bool = False, opened: OpenSaved | None = None, tail: Tail | None = None,
) -> SavedModule:  # fmt: skip
    """Return the file for some programs.

    Args:
        path: of the module.
        name: of the function.
        header: the parameters of the function.
        programs: for each signature one.
        left_out: the parameters that were given objects which are part of the programs.
        ordered: whether the order of arrays in memory is part of the signature.
        opened: the program for any size, if there is one.
        tail: the lines at the end of the file, if there are any.

    Raises:
        UnsupportedError: a function that a program calls cannot be written down.
    """
    writer = _ModuleWriter(path, header, programs, left_out, ordered, opened, tail)
    return SavedModule(writer.written(name), writer.names.arrays)


class _ModuleWriter:
    """The text of a file, as it is written.

    Attributes:
        names: at the top of the file.
    """

    def __init__(
        self, path: Path, header: Header, programs: Sequence[SavedProgram], left_out: Sequence[str], ordered: bool,
        opened: OpenSaved | None, tail: Tail | None,
    ) -> None:  # fmt: skip
        self.names = TopNames()
        self._path = path
        self._header = header
        self._left_out = left_out
        self._ordered = ordered
        self._programs = programs
        self._opened = opened
        self._tail = tail
        self._texts = opened.texts if opened is not None else []
        self._every = [*programs, *[text.saved for text in self._texts]]

    def written(self, name: str) -> str:
        """Write the text, with the function under its name or one near to it."""
        given = self._name_all(name)
        factories: list[str] = []
        by_words: dict[str, list[tuple[SavedProgram, str, list[str]]]] = {}
        for number, (saved, values) in enumerate(zip(self._programs, given, strict=False), 1):
            factory = self.names.take(f"program_{number}")
            words = self._words(saved)
            factories += factory_lines(factory, saved, list(values), words, self.names)
            by_words.setdefault(words, []).append((saved, factory, list(values.values())))
        entries: list[str] = []
        for words, paths in by_words.items():
            if paths[0][0].path:
                entries += entry_of_paths(paths, words, self._on_paths, self._name)
            else:
                entries += entry_lines(*paths[0], words)
        if self._opened is not None and self._opened.nothing is not None:
            entries += nothing_lines(*self._opened.nothing)
        opened = self._sized(given[len(self._programs) :], factories)
        lines = [*self._top(), *self._once(), *factories, *self._bottom(entries, opened)]
        return "\n".join(with_two_blanks_at_most(lines)) + "\n"

    def _sized(self, given: list[dict[str, str]], factories: list[str]) -> list[str]:
        """Return the lines of the table of open programs, and add their factories to the others.

        Args:
            given: for each text by the name in it, the name in the file.
            factories: the lines of factories.
        """
        if self._opened is None:
            return []
        texts: list[tuple[SizedText, str, list[str]]] = []
        for number, (text, values) in enumerate(zip(self._texts, given, strict=True), len(self._programs) + 1):
            factory = self.names.take(f"program_{number}")
            words = f"{self._opened.words} where {text.condition}"
            factories += factory_lines(factory, text.saved, [*values, text.name], words, self.names, text.sized)
            texts.append((text, factory, list(values.values())))
        return open_lines(texts, self._opened.pattern)

    def _name_all(self, name: str) -> list[dict[str, str]]:
        """Take the names at the top of the file; for each program by the name in its text, the name in the file."""
        for word in [*_OWN, *(self._tail.names if self._tail is not None else ())]:
            self.names.sources.taken.add(word)
        functions = [
            {own: self.names.sources.add(function) for own, function in saved.runner.text.references.functions.items()}
            for saved in self._every
        ]
        self._described, self._literal = self.names.sources.add(described), self.names.sources.add(literal)
        self._kinds = "" if self._ordered else self.names.sources.add(kinds_of)
        self._on_paths = self.names.sources.add(on_paths) if any(saved.path for saved in self._programs) else ""
        self._find_sized = self.names.sources.add(sized) if self._opened is not None else ""
        self._behind = [] if self._tail is None else [self.names.sources.add(item) for item in self._tail.functions]
        self._name = self.names.take(users(name))
        given = [self.names.given(saved, called) for saved, called in zip(self._every, functions, strict=True)]
        self._owner = self.names.sources.add(owner) if self.names.updated else ""
        self._read = self.names.sources.add(read) if self.names.arrays else ""
        runs = iter(lambda: self.names.take("run"), "")
        self._run = next(name for name in runs if name not in self._header.names)
        return given

    def _words(self, saved: SavedProgram) -> str:
        """Return the signature of a program in words."""
        return ", ".join([f"{name}: {saved.words[name]}" for name in self._header.names if name in saved.words])

    # --- the rest of the file -----------------------------------------------------------------------------------------

    def _top(self) -> Iterator[str]:
        """Yield the docstring and the imports."""
        plain = {line for saved in self._every for line in saved.runner.text.imports if _is_pythons(line)}
        plain |= {line for line in self.names.sources.modules.values() if _is_pythons(line)} | {
            "from threading import Lock"
        }
        plain |= {"from pathlib import Path"} if self.names.arrays else set()
        plain |= {"from collections import namedtuple"} if self.names.tuples else set()
        others = self._others()
        yield f'"""{self._name}: written by tinygraph.'
        yield ""
        said = f"{self._name}({self._header.text}) computes for these shapes, dtypes and values, and refuses others:"
        yield from filled(said, WIDTH - 4)
        if self._opened is not None:
            for part in filled(f"{in_docstring(self._opened.words)} for any {self._opened.size}", WIDTH - 8):
                yield f"    {part}"
        for words, count in Counter(map(self._words, self._programs)).items():
            several = f" ({count} paths)" if count > 1 else ""
            for part in filled(f"{in_docstring(words)}{several}", WIDTH - 8):
                yield f"    {part}"
        yield ""
        yield f"It needs {' and '.join(['NumPy', *others]) if others else 'NumPy alone'}."
        if self.names.arrays:
            yield f"Its arrays are in {in_docstring(npz_of(self._path).name)}, which belongs beside it."
        if self.names.updated:
            yield from filled(f"Each call updates, in memory: {', '.join(self.names.updated)}.", WIDTH - 4)
        if self._tail is not None:
            yield from filled(self._tail.told, WIDTH - 4)
        if self._left_out:
            yield f"The objects that were given for {', '.join(self._left_out)} are part of it, and no arguments."
        yield '"""'
        yield ""
        yield from sorted(plain, key=lambda line: (line.startswith("from"), line))
        yield ""
        yield from sorted(
            {"import numpy as np", *[line for line in self.names.sources.modules.values() if _is_numpys(line)]}
        )
        for package, lines in others.items():
            yield ""
            yield "try:"
            yield from [f"    {line}" for line in sorted(lines)]
            yield "except ImportError as error:"
            said = f"{self._name} computes with {package} besides NumPy, and it is not installed. Install {package}"
            yield f"    raise ImportError({string_text(said)}) from error"

    def _others(self) -> dict[str, set[str]]:
        """Return by package the lines that import neither Python's modules nor NumPy's."""
        lines = [line for line in self.names.sources.modules.values() if not (_is_pythons(line) or _is_numpys(line))]
        for saved in self._every:
            lines += [line for name, line in saved.runner.text.references.imports.items() if name == "special"]
        found = {package: {f"import {package}"} for package in self.names.sources.needs}
        for line in lines:
            found.setdefault(_package(line), set()).discard(f"import {_package(line)}")
            found[_package(line)].add(line)
        return {"SciPy" if package == "scipy" else package: found[package] for package in sorted(found)}

    def _once(self) -> Iterator[str]:
        """Yield the lines that run once: functions, arrays, generators and kinds of named tuples."""
        for text in self.names.sources.texts:
            yield from ["", "", *text.split("\n")] if "\n" in text else ["", text]
        yield ""
        yield ""
        if self.names.arrays:
            yield f"with np.load(Path(__file__).with_name({string_text(npz_of(self._path).name)})) as values:"
            for name, value in self.names.arrays.items():
                yield f'    {name} = {self._read}(values, "{name}", {string_text(f"{value.dtype}{value.shape}")})'
        yield from [f"{name} = np.random.default_rng()" for name in self.names.generators]
        yield from self.names.tuples

    def _lookup(self) -> Lookup:
        """Return the lookup of the file."""
        return Lookup(
            run=self._run,
            name=self._name,
            header=self._header,
            described=self._described,
            literal=self._literal,
            kinds=self._kinds,
            owner=self._owner,
            ordered=self._ordered,
            asks_identity=any(saved.asks_identity for saved in self._every),
            is_guarded=any(saved.is_guarded for saved in self._every),
            updates=bool(self.names.updated),
            sized=self._find_sized,
            told=self._told(),
            writes_into=any(saved.written_into for saved in self._every),
        )

    def _told(self) -> str:
        """Return the signatures of the file in words."""
        opened = [f"{self._opened.words} for any {self._opened.size}"] if self._opened is not None else []
        return "; one for ".join([*opened, *dict.fromkeys(map(self._words, self._programs))])

    def _bottom(self, entries: list[str], opened: list[str]) -> Iterator[str]:
        """Yield the table of programs, the function that runs one of them, and the saved function itself."""
        header = self._header
        yield from ["", "", "PROGRAMS = {", *entries, "}"]
        if opened:
            yield "OPEN = [  # for any size: the signatures as a pattern, and each text with the sizes that it is for"
            yield from [*opened, "]"]
            yield "MADE = {}  # the programs of the last sizes"
        if not self._ordered:
            yield "KNOWN = {}  # by the kinds of its arguments the program for a call that was made before"
        yield "lock = Lock()  # the programs work in memory that lasts"
        if header.optional:
            yield f"{ABSENT} = object()"
        if self.names.updated:
            yield f"OWN = {{{', '.join([f'id({self._owner}({name}))' for name in self.names.updated])}}}"
        yield from ["", "", *lookup_lines(self._lookup())]
        yield from ["", "", *divided(f"def {self._name}(", header.text.split(", ") if header.text else [], "):")]
        yield '    """Compute for arguments of the shapes, dtypes and values that the top of this file names."""'
        yield from divided(f"    return {self._run}({{", [f'"{name}": {name}' for name in header.names], "})")
        if self._tail is not None:
            yield from ["", "", *self._tail.lines(self._name, self._behind)]


def _package(line: str) -> str:
    """Return the package of a line that imports something."""
    return line.split()[1].partition(".")[0]


def _is_pythons(line: str) -> bool:
    return _package(line) in sys.stdlib_module_names


def _is_numpys(line: str) -> bool:
    return _package(line) == "numpy"
