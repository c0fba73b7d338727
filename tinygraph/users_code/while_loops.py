"""While loops: whether an instruction stands in one, and the state of Python around it.

while err > tol:        another iteration does what this one did, if all names mean the same but computed values
    x, err = step(x)
"""

from __future__ import annotations

import ast
import functools
import linecache
import types
from collections.abc import Callable, Hashable
from types import CodeType, FrameType
from typing import Any

import numpy as np

from tinygraph.users_code.instructions import instructions, is_same_code

__all__ = ["loops_in", "state_in_while"]

# Values this deep, or so many, are not looked at: the state is not known then.
DEPTH = 4
MANY = 2_000

_THEMSELVES = (
    types.FunctionType, types.BuiltinFunctionType, types.MethodType, types.ModuleType, type, np.ufunc, np.dtype,
    np.random.Generator,
)  # fmt: skip
_VALUES = frozenset((int, float, complex, bool, str, bytes, type(None), type(Ellipsis), range, slice))


def state_in_while(frame: FrameType, is_computed: Callable[[Any], bool]) -> Hashable | None:
    """Return what decides, besides computed values, how a frame goes on from its current instruction.

    Two moments with one state go on alike where computed values decide alike.

    Args:
        frame: of the user's.
        is_computed: whether a value is computed, so that it does not count.

    Returns:
        None where the innermost loop around the instruction is no `while`, or where the state is not known.
    """
    code = frame.f_code
    position = list(code.co_positions())[frame.f_lasti // 2]
    loop = _while_around(code, position[0], position[2])
    if loop is None:
        return None
    seen: dict[int, int] = {}
    read = _names_read(code)
    found: list[Any] = [loop]
    try:
        for name, value in sorted(frame.f_locals.items()):
            if name in read:
                found.append((name, _state_of(value, is_computed, seen, DEPTH)))
    except _UnknownState:
        return None
    return tuple(found)


class _UnknownState(Exception):  # noqa: N818 - no error: nothing is made of the state
    """A value is of a kind that cannot be compared with a later one."""


def _state_of(value: Any, is_computed: Callable[[Any], bool], seen: dict[int, int], depth: int) -> Hashable:
    """Return what a value is, so that it can be compared with a later one."""
    kind = type(value)
    if kind in _VALUES:
        return (kind, repr(value))
    if isinstance(value, _THEMSELVES):
        return (kind, id(value))
    if is_computed(value):
        return "computed"
    if id(value) in seen:
        return ("again", seen[id(value)])
    seen[id(value)] = len(seen)
    if not depth or len(seen) > MANY:
        raise _UnknownState
    if isinstance(value, np.ndarray | np.generic) and value.dtype != object:
        return (value.shape, str(value.dtype), np.ascontiguousarray(value).tobytes())
    if kind is tuple or kind is list:
        return (kind, *[_state_of(item, is_computed, seen, depth - 1) for item in value])
    if kind is dict:
        return (kind, *[(repr(key), _state_of(item, is_computed, seen, depth - 1)) for key, item in value.items()])
    if isinstance(value, set | frozenset):
        return (kind, *sorted(map(repr, value)))
    if type(getattr(value, "__dict__", None)) is dict and not hasattr(value, "__next__") and not _has_slots(kind):
        return (kind, id(value), _state_of(vars(value), is_computed, seen, depth))
    raise _UnknownState


def _has_slots(kind: type) -> bool:
    """Return whether objects of a class have parts that are not in their `__dict__`."""
    own = [base for base in kind.__mro__ if base is not object]
    return any([base.__module__ == "builtins" or "__slots__" in vars(base) for base in own])


@functools.lru_cache(maxsize=256)
def _names_read(code: CodeType) -> frozenset[str]:
    """Return the names that code reads: one that is only assigned to, as `_` is, decides nothing."""
    return frozenset(
        step.argval for step in instructions(code) if step.opname.startswith("LOAD_") and type(step.argval) is str
    )


@functools.lru_cache(maxsize=256)
def _while_around(code: CodeType, line: int | None, column: int | None) -> tuple[int, int] | None:
    """Return where the innermost loop around a place of some code begins, if it is a `while`; else None.

    It is None, too, where the text is not at hand, or has been changed since the code was made of it.
    """
    text = _text_of(code.co_filename)
    if line is None or column is None or not _is_made_of(code, text):
        return None
    found: ast.AST | None = None
    for node in _loops_in(text):
        starts, ends = (node.lineno, node.col_offset), (node.end_lineno, node.end_col_offset)
        if starts <= (line, column) <= ends:
            found = node  # those within come later
    return (found.lineno, found.col_offset) if isinstance(found, ast.While) else None


def _is_made_of(code: CodeType, text: str) -> bool:
    """Return whether a function's code is what Python makes of a text now."""
    made = [other for other in _codes_in(text) if other.co_firstlineno == code.co_firstlineno]
    return any([is_same_code(other, code) for other in made])


@functools.lru_cache(maxsize=16)
def _codes_in(text: str) -> list[CodeType]:
    """Return the code of the functions in a text, compiled as a whole, and statement by statement as on a page.

    Python compiles `np.sum(x)` in another way where the import stands in the same text.
    """
    try:
        tree = ast.parse(text)
        texts = [tree, *[ast.Module([statement], []) for statement in tree.body]]
        found = [compile(item, "text", "exec", dont_inherit=True) for item in texts]
    except (SyntaxError, ValueError):
        return []
    for code in found:  # grows as it is walked
        found += [item for item in code.co_consts if isinstance(item, CodeType)]
    return found


def loops_in(file: str) -> list[Any]:
    """Return the loops and functions in a file, the outer ones first."""
    return _loops_in(_text_of(file))


def _text_of(file: str) -> str:
    linecache.checkcache(file)
    return "".join(linecache.getlines(file))


@functools.lru_cache(maxsize=64)
def _loops_in(text: str) -> list[Any]:
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return []
    kinds = (ast.While, ast.For, ast.AsyncFor, ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef,
             ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)  # fmt: skip
    return sorted(
        [node for node in ast.walk(tree) if isinstance(node, kinds)],
        key=lambda node: (node.lineno, node.col_offset, -(node.end_lineno or 0), -(node.end_col_offset or 0)),
    )
