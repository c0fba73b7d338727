"""Instructions: the bytecode of a function, and the one that a frame is executing."""

from __future__ import annotations

import dis
import sys
from collections.abc import Iterator
from types import CodeType, FrameType
from typing import Any, NamedTuple

__all__ = [
    "Plain", "has_arguments", "instructions", "is_import", "is_indexing", "is_same_code", "operation_at",
    "plain_instructions", "stores_a_part",
]  # fmt: skip

_STORES = frozenset(dis.opmap[name] for name in ("STORE_SUBSCR", "STORE_SLICE") if name in dis.opmap)
_INDEXES = frozenset(dis.opmap[name] for name in ("BINARY_SUBSCR",) if name in dis.opmap)

# The number of an instruction that names something is the place of the name, with so many bits of flags behind it.
_FLAGS = {"LOAD_GLOBAL": 1, "LOAD_ATTR": int(sys.version_info >= (3, 12)), "LOAD_SUPER_ATTR": 2}
_FLAG_BITS = [_FLAGS.get(name, 0) for name in dis.opname]
_CONSTANT, _NAME, _CELL = frozenset(dis.hasconst), frozenset(dis.hasname), frozenset(dis.hasfree)
_SILENT = frozenset(dis.opmap[name] for name in ("CACHE", "NOP", "PUSH_NULL", "PRECALL") if name in dis.opmap)


class Plain(NamedTuple):
    """An instruction without its place in the text.

    Attributes:
        opname: of the instruction.
        argval: the constant; the name of the global, the attribute or the cell; the number of a binary operation; None
            for any other instruction.
    """

    opname: str
    argval: Any


_BINARY = dis.opmap["BINARY_OP"]
_OTHERS = [Plain(name, None) for name in dis.opname]


def plain_instructions(code: CodeType) -> list[Plain]:
    """Return the instructions of code that do something, each with its name or constant.

    `dis.get_instructions`, which knows lines and jumps as well, takes four times as long on Python 3.11, and eleven
    times on 3.13: a quarter of the first call of an MLP's step.
    """
    found: list[Plain] = []
    raw, names, constants, high = code.co_code, code.co_names, code.co_consts, 0
    for op, low in zip(raw[::2], raw[1::2], strict=True):
        if op in _SILENT:
            continue
        arg, high = high | low, 0
        if op == dis.EXTENDED_ARG:
            high = arg << 8
        elif op in _NAME:
            found.append(Plain(dis.opname[op], names[arg >> _FLAG_BITS[op]]))
        elif op in _CONSTANT:
            found.append(Plain(dis.opname[op], constants[arg]))
        elif op in _CELL:
            found.append(Plain(dis.opname[op], code._varname_from_oparg(arg)))  # type: ignore[attr-defined]
        else:
            found.append(Plain("BINARY_OP", arg) if op == _BINARY else _OTHERS[op])
    return found


def instructions(code: CodeType) -> Iterator[dis.Instruction]:
    """Yield the instructions of code, one for each name: an instruction of Python 3.13 may load or store two.

    Such an instruction has the place of its first name. The second name gets the place of the call or attribute that
    follows; before any other instruction it gets the end of that one, which uses it.
    """
    steps = [step for step in dis.get_instructions(code) if step.opname != "CACHE"]
    for step, following in zip(steps, [*steps[1:], None], strict=True):
        if not (isinstance(step.argval, tuple) and step.opname.count("_FAST") == 2):
            yield step
            continue
        at = None if following is None else following.positions
        if at is not None and following is not None and following.opname not in ("PUSH_NULL", "LOAD_ATTR"):
            at = dis.Positions(at.end_lineno, at.end_lineno, at.end_col_offset, at.end_col_offset)
        end = max(step.opname.rfind("_LOAD_"), step.opname.rfind("_STORE_"))
        yield step._replace(opname=step.opname[:end], argval=step.argval[0])
        yield step._replace(opname=step.opname[end + 1 :], argval=step.argval[1], positions=at)


def operation_at(code: CodeType, lasti: int) -> tuple[str, str]:
    """Return the names of the instruction at `lasti` and of its operation: ("BINARY_OP", "*")."""
    # A frame that is waiting for a Python function stands at the end of its call's cache entries.
    steps = [step for step in dis.get_instructions(code) if step.offset <= lasti and step.opname != "CACHE"]
    if not steps:
        return "", ""
    # In Python 3.11 code that has run a few times calls C functions from PRECALL, in front of CALL.
    name = "CALL" if steps[-1].opname == "PRECALL" else steps[-1].opname
    return name, steps[-1].argrepr


def stores_a_part(frame: FrameType) -> bool:
    """Return whether a frame is executing `array[index] = value`."""
    return frame.f_code.co_code[frame.f_lasti] in _STORES


def is_indexing(frame: FrameType) -> bool:
    """Return whether a frame is executing `array[index]`, by an instruction of its own."""
    return frame.f_code.co_code[frame.f_lasti] in _INDEXES


def is_import(frame: FrameType) -> bool:
    """Return whether a frame is executing `from module import name`."""
    return frame.f_code.co_code[frame.f_lasti] == dis.opmap["IMPORT_FROM"]


def has_arguments(frame: FrameType) -> bool:
    """Return whether a frame is executing a call with arguments."""
    call = next((step for step in dis.get_instructions(frame.f_code) if step.offset == frame.f_lasti), None)
    return call is not None and call.opname.startswith(("CALL", "PRECALL")) and bool(call.arg)


def is_same_code(code: CodeType, other: CodeType) -> bool:
    """Return whether two code objects do the same, on any lines."""
    if code.co_code != other.co_code or code.co_names != other.co_names or len(code.co_consts) != len(other.co_consts):
        return False
    return all(_is_same_constant(a, b) for a, b in zip(code.co_consts, other.co_consts, strict=True))


def _is_same_constant(a: Any, b: Any) -> bool:
    if isinstance(a, CodeType) and isinstance(b, CodeType):
        return is_same_code(a, b)
    return repr(a) == repr(b) or _are_sets(a, b)


def _are_sets(a: Any, b: Any) -> bool:
    return isinstance(a, frozenset) and bool(a == b)
