"""Instructions: the bytecode of a function, and the one that a frame is executing."""

from __future__ import annotations

import dis
from collections.abc import Iterator
from types import CodeType, FrameType
from typing import Any

__all__ = ["has_arguments", "instructions", "is_indexing", "is_same_code", "operation_at", "stores_a_part"]

_STORES = frozenset(dis.opmap[name] for name in ("STORE_SUBSCR", "STORE_SLICE") if name in dis.opmap)
_INDEXES = frozenset(dis.opmap[name] for name in ("BINARY_SUBSCR",) if name in dis.opmap)


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
