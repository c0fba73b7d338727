"""Targets: the variable, attribute or item that the result of an instruction is stored in.

The bytecode is run through once with texts in place of values: the stack holds, for each value, the instructions that
may have made it, and the way it is written, if it has one. A store then tells all of these instructions their target:

    LOAD m; LOAD x; CALL exp; STORE_ATTR h              the CALL's target is "m.h"
    LOAD z; CALL split; UNPACK_SEQUENCE 4; STORE i ...  the CALL's parts 0, 1, 2, 3 have the targets "i", "f", "g", "o"
"""

from __future__ import annotations

import dis
from types import CodeType
from typing import NamedTuple

from tinygraph.users_code.instructions import instructions

__all__ = ["LOADS_A_NAME", "Part", "key_text", "loop_variables", "targets_in"]

# The place of a value in the result of an instruction: () for the whole, (2,) for the third of several.
Part = tuple[int, ...]

LOADS_A_NAME = ("LOAD_NAME", "LOAD_GLOBAL", "LOAD_FAST", "LOAD_DEREF", "LOAD_CLASSDEREF")
_STORES_A_NAME = frozenset(("STORE_FAST", "STORE_NAME", "STORE_GLOBAL", "STORE_DEREF"))
_STORES = frozenset(("STORE_ATTR", "STORE_SUBSCR"))
_BUILDS = frozenset(("BUILD_TUPLE", "BUILD_LIST", "BUILD_MAP", "BUILD_CONST_KEY_MAP"))
_IGNORED = frozenset(("CACHE", "EXTENDED_ARG", "NOP", "KW_NAMES", "RESUME", "MAKE_CELL", "COPY_FREE_VARS", "TO_BOOL"))
_LEAVES = ("JUMP_FORWARD", "JUMP_BACKWARD", "RETURN_VALUE", "RETURN_CONST", "RAISE", "RERAISE")
# The beginnings of the names of instructions that push no result of their own.
_WITHOUT_RESULT = (
    "POP_", "END_", "DELETE_", "RETURN", "RAISE", "RERAISE", "PUSH_", "LIST_APPEND", "LIST_EXTEND", "SET_ADD",
    "SET_UPDATE", "MAP_ADD", "DICT_", "IMPORT_", "BEFORE_WITH", "SETUP_", "SEND", "GEN_", "PREP_", "CHECK_", "MATCH_",
    "LOAD_BUILD_CLASS", "WITH_EXCEPT", "JUMP_IF",
)  # fmt: skip
_HAS_END_FOR = "END_FOR" in dis.opmap  # which takes the iterator off the stack
_NULL_ABOVE = dis.opmap.get("CALL_KW") is not None  # the NULL of a call is above the function since Python 3.13
_MOST_PARTS = 64
_LONGEST_KEY = 16
_NUMBERS = [str(number) for number in range(_MOST_PARTS)]


class _Value(NamedTuple):
    """A value on the stack.

    Attributes:
        makers: pairs of the offset of an instruction and the part of its result, that may have made the value.
        text: the way the value is written, "" if it is computed.
        items: the values in a tuple, list or dict that was just built, with their keys as they are written; else None.
    """

    makers: frozenset[tuple[int, Part]] = frozenset()
    text: str = ""
    items: tuple[tuple[str, _Value], ...] | None = None


Stack = list[_Value]
Targets = dict[tuple[int, Part], str]


def targets_in(code: CodeType) -> dict[int, dict[Part, str]]:
    """Return the targets of each instruction's result and of its parts, by the offset of the instruction.

    Private names are left out, and "self." is. If a value has several targets, the first one counts.
    """
    found: Targets = {}
    waiting: dict[int, Stack] = {}  # the stacks at the targets of jumps
    stack: Stack | None = []
    for step in instructions(code):
        stack = _merged(stack, waiting.pop(step.offset, None))
        if step.opname in _IGNORED:
            continue
        if stack is None:  # after a return, until a jump leads here
            stack = []
        if "JUMP" in step.opname or step.opname == "FOR_ITER":
            waiting[step.argval] = _merged(_after_jump(stack, step), waiting.get(step.argval)) or []
        stack = None if step.opname.startswith(_LEAVES) else stack
        if stack is not None:
            _run(step, stack, found)
    targets: dict[int, dict[Part, str]] = {}
    for (offset, part), name in found.items():
        targets.setdefault(offset, {})[part] = name
    return targets


def loop_variables(code: CodeType) -> frozenset[str]:
    """Return the variables that loops assign and nothing else does: "w" of `for w in weights:`."""
    loops: set[str] = set()
    others: set[str] = set()
    at_head = False  # of a loop, where its variables are assigned
    for step in instructions(code):
        is_store = step.opname in _STORES_A_NAME
        if step.opname not in _IGNORED:
            at_head = step.opname == "FOR_ITER" or (at_head and (is_store or step.opname.startswith("UNPACK_")))
        if is_store:
            (loops if at_head else others).add(str(step.argval))
    return frozenset(loops - others)


def _merged(one: Stack | None, other: Stack | None) -> Stack | None:
    """Return the stack where two ways meet. Stacks of different depths are aligned at their tops."""
    if one is None or other is None:
        return other if one is None else one
    depth = min(len(one), len(other))
    pairs = zip(one[len(one) - depth :], other[len(other) - depth :], strict=True)
    return [_Value(a.makers | b.makers, a.text if a.text == b.text else "") for a, b in pairs]


def _after_jump(stack: Stack, step: dis.Instruction) -> Stack:
    """Return the stack where a jump leads: without the condition, and without the iterator of a loop."""
    if step.opname == "FOR_ITER" and _HAS_END_FOR:
        return [*stack, _Value()]
    return list(stack[:-1]) if step.opname.startswith(("POP_JUMP", "FOR_ITER")) else list(stack)


def _pop(stack: Stack, count: int = 1) -> list[_Value]:
    """Take values off the stack, the lowest first; unknown ones from an empty stack."""
    taken = [stack.pop() if stack else _Value() for _ in range(count)]
    return taken[::-1]


def _run(step: dis.Instruction, stack: Stack, found: Targets) -> None:
    """Change the stack as an instruction does, and note the targets of a store."""
    name = step.opname
    if name in _STORES_A_NAME or name in _STORES:
        _store(step, stack, found)
    elif name == "STORE_SLICE":
        _pop(stack, 4)
    elif name == "PRECALL":  # of Python 3.11, before a call of so many arguments
        _pop(stack, step.arg or 0)
    elif name in ("SWAP", "COPY"):
        _move(step, stack)
    elif name in ("UNPACK_SEQUENCE", "UNPACK_EX"):
        _unpack(step, stack)
    elif name in _BUILDS:
        _build(step, stack)
    elif name.startswith(LOADS_A_NAME):
        stack += _loaded(step)
    elif name in ("LOAD_CONST", "LOAD_SMALL_INT"):
        stack.append(_constant(step.argval))
    elif name in ("LOAD_ATTR", "LOAD_METHOD"):
        _load_attribute(step, stack)
    elif name == "BINARY_SUBSCR" or (name == "BINARY_OP" and step.argrepr == "[]"):
        owner, key = _pop(stack, 2)
        stack.append(_Value(_made(step), f"{owner.text}[{key.text}]" if owner.text and key.text else ""))
    elif name == "FOR_ITER":
        stack.append(_Value(_made(step)))
    else:
        _run_other(step, stack)


def _store(step: dis.Instruction, stack: Stack, found: Targets) -> None:
    """Take a value off the stack, and note the variable, attribute or item that it goes to."""
    if step.opname == "STORE_ATTR":
        value, owner = _pop(stack, 2)
        target = f"{owner.text}.{step.argval}" if owner.text else ""
    elif step.opname == "STORE_SUBSCR":
        value, owner, key = _pop(stack, 3)
        target = f"{owner.text}[{key.text}]" if owner.text and key.text else ""
    else:
        (value,) = _pop(stack)
        target = str(step.argval)
    if target:
        _note(value, target, found)


def _move(step: dis.Instruction, stack: Stack) -> None:
    """Swap the top of the stack with a value below, or copy that value to the top."""
    depth = step.arg or 0
    _pad(stack, depth)
    if step.opname == "COPY":
        stack.append(stack[-depth])
    else:
        stack[-1], stack[-depth] = stack[-depth], stack[-1]


def _build(step: dis.Instruction, stack: Stack) -> None:
    """Push a tuple, list or dict of values from the stack."""
    size = step.arg or 0
    if step.opname == "BUILD_MAP":
        pairs = _pop(stack, 2 * size)
        stack.append(_built(step, [key.text for key in pairs[::2]], pairs[1::2]))
    elif step.opname == "BUILD_CONST_KEY_MAP":
        (keys,) = _pop(stack)
        stack.append(_built(step, [key.text for _, key in keys.items or ()], _pop(stack, size)))
    else:
        stack.append(_built(step, _NUMBERS[:size], _pop(stack, size)))


def _run_other(step: dis.Instruction, stack: Stack) -> None:
    """Change the stack as an instruction does that has one result, or none."""
    try:
        effect = dis.stack_effect(step.opcode, step.arg, jump=False)
    except ValueError:  # unknown to dis
        stack.clear()
        return
    if step.opname.startswith(_WITHOUT_RESULT):
        _pop(stack, max(0, -effect))
        stack += [_Value()] * effect
        return
    _pop(stack, max(0, 1 - effect))
    stack += [_Value()] * max(0, effect - 1)
    stack.append(_Value(_made(step)))


def _pad(stack: Stack, depth: int) -> None:
    """Put unknown values below, so that the stack is as deep as an instruction needs it."""
    missing = depth - len(stack)
    if missing > 0:
        stack[:0] = [_Value()] * missing


def _made(step: dis.Instruction) -> frozenset[tuple[int, Part]]:
    """Return an instruction as the maker of its whole result."""
    return frozenset([(step.offset, ())])


def _loaded(step: dis.Instruction) -> list[_Value]:
    """Return the value of a variable, and beside it a NULL if it is a function that is about to be called."""
    pushes_null = step.opname == "LOAD_GLOBAL" and bool((step.arg or 0) & 1)
    loaded = _Value(text=str(step.argval))
    return ([loaded, _Value()] if _NULL_ABOVE else [_Value(), loaded]) if pushes_null else [loaded]


def _load_attribute(step: dis.Instruction, stack: Stack) -> None:
    """Replace an object by its attribute; push a second value if it is a method, which is about to be called."""
    (owner,) = _pop(stack)
    text = f"{owner.text}.{step.argval}" if owner.text else ""
    is_method = step.opname == "LOAD_METHOD" or (dis.stack_effect(step.opcode, step.arg) == 1)
    stack += [_Value(_made(step), text), _Value()] if is_method else [_Value(_made(step), text)]


def _constant(constant: object) -> _Value:
    """Return a constant, which may be the key of an item, or a tuple of such keys."""
    if type(constant) is tuple:
        return _Value(items=tuple(zip(_NUMBERS, map(_constant, constant), strict=False)))
    return _Value(text=key_text(constant))


def key_text(key: object) -> str:
    """Return the key of an item as it is written, 2 or "b"; "" for a key that is neither a number nor a short text."""
    if isinstance(key, str):
        return f'"{key}"' if key.isprintable() and '"' not in key and len(key) <= _LONGEST_KEY else ""
    return str(key) if type(key) is int else ""


def _built(step: dis.Instruction, keys: list[str], values: list[_Value]) -> _Value:
    """Return a new tuple, list or dict."""
    items = tuple(zip(keys, values, strict=True)) if len(keys) == len(values) else None
    return _Value(_made(step), items=items)


def _unpack(step: dis.Instruction, stack: Stack) -> None:
    """Push the parts of a value, the first one on top."""
    (whole,) = _pop(stack)
    arg = step.arg or 0
    before, after = (arg & 0xFF, arg >> 8) if step.opname == "UNPACK_EX" else (arg, 0)
    if before + after > _MOST_PARTS:
        stack += [_Value()] * (before + after + (step.opname == "UNPACK_EX"))
        return
    if whole.items is not None and step.opname == "UNPACK_SEQUENCE" and len(whole.items) == before:
        stack += [value for _, value in reversed(whole.items)]
        return
    parts = [_part(whole, place, step) for place in range(before)]
    if step.opname == "UNPACK_EX":
        parts += [_Value(), *[_part(whole, place - after, step) for place in range(after)]]
    stack += reversed(parts)


def _part(whole: _Value, place: int, step: dis.Instruction) -> _Value:
    """Return a part of an unpacked value: made by the unpacking, and a part of the results of the value's makers."""
    makers = {(offset, (*part, place)) for offset, part in whole.makers}
    return _Value(frozenset(makers | {(step.offset, (place,))}))


def _note(value: _Value, target: str, found: Targets) -> None:
    """Note the target of a value, and of the items in it; a private target counts for nothing."""
    target = target.removeprefix("self.")
    if target.startswith("_") or "._" in target:
        return
    for maker in value.makers:
        found.setdefault(maker, target)
    for key, item in value.items or ():
        if key:
            _note(item, f"{target}[{key}]", found)
