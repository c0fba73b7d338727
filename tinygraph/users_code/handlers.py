"""Handlers: the `try` blocks that the user's code is executing, which may catch an error."""

from __future__ import annotations

import dis
from types import CodeType, FrameType

__all__ = ["may_be_caught"]


def may_be_caught(frame: FrameType | None, until: CodeType) -> bool:
    """Return whether an error in a frame may meet an `except` before it leaves the call of some code.

    Args:
        frame: the innermost one.
        until: the code of a frame around it.
    """
    while frame is not None:
        code = frame.f_code
        if code is until:
            return False
        known = _known.get(id(code))
        ranges = _remembered(frame) if known is None else known[1]
        if ranges and any([start <= frame.f_lasti < end for start, end in ranges]):
            return True
        frame = frame.f_back
    return False


# By the id of code, which takes a while to hash, the code and the ranges of instructions whose errors may be caught.
_known: dict[int, tuple[CodeType, list[tuple[int, int]]]] = {}
KNOWN = 1024


def _remembered(frame: FrameType) -> list[tuple[int, int]]:
    """Return the ranges of instructions of a frame's code whose errors may be caught; none in code of ours."""
    if len(_known) >= KNOWN:
        _known.clear()
    is_ours = frame.f_globals.get("__name__", "").partition(".")[0] in ("tinygraph", "numpy", "contextlib")
    ranges = [] if is_ours else _handled(frame.f_code)
    _known[id(frame.f_code)] = frame.f_code, ranges
    return ranges


def _handled(code: CodeType) -> list[tuple[int, int]]:
    """Return the ranges of instructions whose errors may be caught."""
    entries = dis.Bytecode(code).exception_entries  # type: ignore[attr-defined]
    steps = [step for step in dis.get_instructions(code) if step.opname != "CACHE"] if entries else []
    catching = {entry.target for entry in entries if _catches(code, steps, entry.target)}
    for _ in entries:  # a `finally` within a `try` hands the error on to it
        outer = {
            entry.target
            for entry in entries
            if any([other.start <= entry.target < other.end and other.target in catching for other in entries])
        }
        catching |= outer
    return [(entry.start, entry.end) for entry in entries if entry.target in catching]


def _catches(code: CodeType, steps: list[dis.Instruction], target: int) -> bool:
    """Return whether a handler ends an error: an `except`, but not a `finally`, and a `with` if it is `suppress`."""
    for step in steps:
        if step.offset < target:
            continue
        if step.opname == "WITH_EXCEPT_START":
            return "suppress" in code.co_names
        if step.opname in ("CHECK_EXC_MATCH", "CHECK_EG_MATCH", "POP_EXCEPT"):
            return True
        if step.opname in ("COPY", "RERAISE"):  # the end of another handler, or of a `finally`
            return False
    return False
