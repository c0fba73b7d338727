"""Names in code: the globals, attributes and imports that the instructions of a function show."""

from __future__ import annotations

import dis
import functools
import operator
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import CodeType
from typing import NamedTuple

from tinygraph.users_code.instructions import Plain, plain_instructions

__all__ = ["Names", "names_in"]

_VARIABLE = frozenset(("LOAD_GLOBAL", "LOAD_NAME", "STORE_GLOBAL", "STORE_NAME"))
# Instructions that make a string of parts: the code does not contain the string.
_COMPUTED = ("FORMAT_", "BUILD_STRING", "BINARY_")
# The numbers of `%` and `%=` behind BINARY_OP: either may make a text, too.
_REMAINDERS = frozenset(
    step.arg for text in ("a % b", "a %= b") for step in dis.get_instructions(compile(text, "", "exec"))
    if step.opname == "BINARY_OP"
)  # fmt: skip
# Instructions that show a name, or make a text: the others are most of them.
_TELLING = frozenset(
    name for name in dis.opmap
    if name in _VARIABLE or "ATTR" in name or name.startswith(("FORMAT_", "CONVERT_"))
    or name in ("LOAD_DEREF", "LOAD_CLASSDEREF", "IS_OP", "BINARY_OP", "IMPORT_NAME", "IMPORT_FROM", "LOAD_METHOD")
)  # fmt: skip
_ASKING = frozenset(("getattr", "hasattr", "setattr", "delattr"))
_WHOLE = frozenset(("vars", "dir", "asdict", "astuple", "fields"))


class Names(NamedTuple):
    """The names in some code, the functions defined in it included.

    Attributes:
        variables: globals.
        attributes: pairs of an attribute's owner and its name. The owner is a global, or None for any other object.
        imports: pairs of the level and name of each `import`.
        asked_whole: the globals whose attributes the code may read under computed names, as in
            `getattr(model, f"layer_{i}")` or `vars(model)`. None among them stands for any object.
        compared: the operands on the right of `is`, without constants: ("a", None) for `x is a`, ("a", "b") for
            `x is a.b`, and (None, None) for an operand without such a name.
        texts: True if the code may make a text of an object without naming the method: `f"{x}"`, `"%s" % x`.
    """

    variables: frozenset[str]
    attributes: frozenset[tuple[str | None, str]]
    imports: frozenset[tuple[int, str]]
    asked_whole: frozenset[str | None]
    compared: frozenset[tuple[str | None, str | None]]
    texts: bool


@functools.lru_cache(maxsize=4096)
def names_in(code: CodeType) -> Names:
    """Return the names in code."""
    parts = [_in_instructions(code), _in_texts(code)]
    parts += [names_in(constant) for constant in code.co_consts if isinstance(constant, CodeType)]
    return Names(*[functools.reduce(operator.or_, found) for found in zip(*parts, strict=True)])


def _in_instructions(code: CodeType) -> Names:
    """Return the names that the instructions themselves show."""
    shown = _Shown()
    if not {"is_", "is_not"}.isdisjoint(code.co_names):
        shown.compared.add((None, None))
    steps = plain_instructions(code)
    root: str | None = None  # the global at the beginning of a.b.c
    for place, step in enumerate(steps):
        root = shown.note(steps, place, root) if step.opname in _TELLING else None
    return shown.names()


@dataclass(eq=False)
class _Shown:
    """The names that instructions have shown so far; see `Names`."""

    variables: set[str] = field(default_factory=set)
    attributes: set[tuple[str | None, str]] = field(default_factory=set)
    imports: set[tuple[int, str]] = field(default_factory=set)
    asked_whole: set[str | None] = field(default_factory=set)
    compared: set[tuple[str | None, str | None]] = field(default_factory=set)
    texts: bool = False

    def note(self, steps: Sequence[Plain], place: int, root: str | None) -> str | None:
        """Note what an instruction shows, and return the global that it loads, or whose attribute it reads.

        Args:
            steps: all instructions.
            place: of this one.
            root: the global of the instruction before.
        """
        step = steps[place]
        name = step.opname
        if name in _VARIABLE or name in ("LOAD_DEREF", "LOAD_CLASSDEREF"):
            if name in _VARIABLE:
                self.variables.add(step.argval)
            if name != "LOAD_DEREF" and step.argval in (*_ASKING, *_WHOLE):
                self.asked_whole.update(_asked_whole(steps[place + 1 :], step.argval))
            return step.argval  # type: ignore[no-any-return]
        if "ATTR" in name or name == "LOAD_METHOD":
            self.attributes.add((root, step.argval))
            if step.argval == "__dict__":
                self.asked_whole.add(root)
            return root if name in ("LOAD_ATTR", "LOAD_METHOD") else None
        if name == "IS_OP":
            self.compared |= _compared(steps[:place])
        elif name.startswith(("FORMAT_", "CONVERT_")) or (name == "BINARY_OP" and step.argval in _REMAINDERS):
            self.texts = True
        elif name == "IMPORT_NAME":
            level = steps[place - 2].argval
            self.imports.add((level if isinstance(level, int) else 0, step.argval))
        elif name == "IMPORT_FROM":
            self.attributes.add((None, step.argval))
        return None

    def names(self) -> Names:
        """Return the names."""
        return Names(
            frozenset(self.variables), frozenset(self.attributes), frozenset(self.imports),
            frozenset(self.asked_whole), frozenset(self.compared), self.texts,
        )  # fmt: skip


def _in_texts(code: CodeType) -> Names:
    """Return the names that stand in texts: `getattr(x, "name")`, and `globals()["name"]`."""
    names = [constant for constant in code.co_consts if isinstance(constant, str) and constant.isidentifier()]
    variables = frozenset(names if "globals" in code.co_names else ())
    attributes = frozenset([(None, name) for name in names])
    return Names(variables, attributes, frozenset(), frozenset(), frozenset(), False)


def _compared(before: Sequence[Plain]) -> set[tuple[str | None, str | None]]:
    """Return the operand on the right of an `is`, given the instructions before it."""
    last = before[-1]
    if last.opname == "LOAD_CONST":
        return set()
    names = (*_VARIABLE, "LOAD_DEREF")
    if last.opname in names:
        return {(last.argval, None)}
    if last.opname == "LOAD_ATTR" and len(before) > 1 and before[-2].opname in names:
        return {(before[-2].argval, last.argval)}
    return {(None, None)}


def _asked_whole(after: Sequence[Plain], function: str) -> list[str | None]:
    """Return the object, one at most, whose attributes a call of `getattr` or `vars` may read under any name.

    Args:
        after: the instructions after the one that loads the function.
        function: its name.
    """
    end = next((place for place, step in enumerate(after) if step.opname.startswith("CALL")), len(after))
    inside = after[:end]
    if not inside:
        return []
    known = [step for step in inside if step.opname == "LOAD_CONST" and isinstance(step.argval, str)]
    if function in _ASKING and known and not any(step.opname.startswith(_COMPUTED) for step in inside):
        return []
    simple = inside[0].opname in (*_VARIABLE, "LOAD_DEREF") and not (
        len(inside) > 1 and ("ATTR" in inside[1].opname or inside[1].opname == "LOAD_METHOD")
    )
    return [inside[0].argval if simple else None]
