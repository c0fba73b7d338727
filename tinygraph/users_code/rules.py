"""The arguments that a rule reads: the record keeps an array only for a rule that needs its values."""

from __future__ import annotations

from types import CodeType

from tinygraph.users_code.instructions import instructions

__all__ = ["positions_read"]

_METADATA = frozenset(("shape", "ndim", "size", "dtype"))


def positions_read(code: CodeType) -> set[int]:
    """Return the positions of the parameters whose values a rule reads; shape and dtype are not values.

    `*args` counts as the positions 2 to 31.
    """
    names = code.co_varnames[: code.co_argcount]
    gathered = code.co_varnames[code.co_argcount + code.co_kwonlyargcount] if code.co_flags & 0x04 else None
    read = _names_read(code)
    return {names.index(name) for name in read if name in names} | (set(range(2, 32)) if gathered in read else set())


def _names_read(code: CodeType) -> set[str]:
    """Return the variables whose values some code, or a function defined inside it, reads."""
    steps = list(instructions(code))
    read: set[str] = set()
    for step, following in zip(steps, [*steps[1:], None], strict=True):
        if not step.opname.startswith(("LOAD_FAST", "LOAD_DEREF")):
            continue
        if following is not None and following.opname == "LOAD_ATTR" and following.argval in _METADATA:
            continue
        # A variable shared with an inner function is read with LOAD_DEREF; LOAD_FAST only passes its cell.
        if step.opname == "LOAD_DEREF" or step.argval not in (*code.co_cellvars, *code.co_freevars):
            read.add(step.argval)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            read |= _names_read(constant) & {*constant.co_freevars}
    return read
