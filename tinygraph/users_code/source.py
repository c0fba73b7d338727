"""The place of a call in the user's code, decoded from a code object and an instruction only on demand."""

from __future__ import annotations

import ast
import dis
import functools
import linecache
import os
import re
import sys
from collections.abc import Callable
from types import CodeType, FrameType
from typing import Any, NamedTuple, TypeVar

from tinygraph.users_code.instructions import instructions, operation_at
from tinygraph.users_code.targets import LOADS_A_NAME, Part, targets_in

__all__ = [
    "Instruction", "Source", "argument_names", "assigned_name", "called_name", "instruction_of", "line_of", "made_at",
    "method_called", "names_read", "own_line", "place", "source_of", "stored_name", "subscripted_name", "target",
    "users_frame", "users_line", "users_origin",
]  # fmt: skip

T = TypeVar("T")

# An expression of at most this many characters can stand as the name of its value.
SHORT = 16


class Source(NamedTuple):
    """A place in the user's code.

    Attributes:
        file: the file's path, or a name such as "<stdin>".
        line: the line's number, from 1.
        text: the line without its indentation; "" where the source is not at hand.
        function: the function it stands in.
    """

    file: str
    line: int
    text: str
    function: str

    def __str__(self) -> str:
        return place(self.file, self.line)

    @property
    def of_user(self) -> bool:
        """True if the place is not in tinygraph itself, as that of `np.log` in `tg.grad(np.log)(x)` is."""
        return not self.file.startswith(_HERE)


def place(file: str, line: int) -> str:
    """The text for a line of a file: "train.py:31", or "cell 12, line 2" in a notebook. It has no line break."""
    cell = _cell(file)
    if cell is not None:
        return f"cell {cell}, line {line}"
    name = file if file.startswith("<") else os.path.basename(file)
    return f"{name if name.isprintable() else ascii(name)[1:-1]}:{line}"


# The number of a cell, in IPython's name of its code: "In[12]", or in the file name of old versions.
_NUMBER = r"In\s?\[(\d+)\]|<ipython-input-(\d+)-"


def _cell(file: str) -> str | None:
    """The number of the notebook's cell behind one of IPython's invented file names, or None."""
    label = file
    if "IPython" in sys.modules:
        shell = sys.modules["IPython"].get_ipython()
        name_of = getattr(getattr(shell, "compile", None), "format_code_name", None)
        label = " ".join((name_of(file) if name_of is not None else None) or (file,))
    found = re.search(_NUMBER, label)
    return None if found is None else found[1] or found[2]


def source_of(code: CodeType | None, lasti: int) -> Source | None:
    """The place of the instruction at byte offset `lasti`, or None where it is not known."""
    if code is None:
        return None
    lines = _line_table(code)
    line = lines[lasti // 2] if 0 <= lasti // 2 < len(lines) else None
    if line is None:
        line = code.co_firstlineno
    return Source(code.co_filename, line, linecache.getline(code.co_filename, line).strip(), code.co_name)


class Instruction(NamedTuple):
    """An instruction of the user's code.

    Attributes:
        function: the function it stands in, with the classes and functions around that: "Neuron.__call__".
        offset: its place in the function's code, in bytes; later instructions have larger ones.
        loops: the places that the loops around it begin at, outermost first.
    """

    function: str
    offset: int
    loops: tuple[int, ...]


def instruction_of(code: CodeType | None, lasti: int) -> Instruction | None:
    """Return the instruction at byte offset `lasti`, or None where it is not known."""
    if code is None:
        return None
    loops = tuple([first for first, last in _loops(code) if first <= lasti <= last])
    return Instruction(code.co_qualname, lasti, loops)


_LIBRARIES = frozenset(("tinygraph", "numpy", "scipy", *sys.stdlib_module_names))


def own_line(source: Source | None) -> str:
    """Return the text for a place, "train.py:31", or "" if it is not known or in tinygraph itself."""
    return str(source) if source is not None and source.of_user else ""


def users_line() -> str:
    """The current file and line of the user's code, outside tinygraph, NumPy, SciPy and Python's library:
    "train.py:31".
    """
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and _package(frame) in _LIBRARIES:
        frame = frame.f_back
    return line_of(frame)


def line_of(frame: FrameType | None) -> str:
    """The current file and line of a frame."""
    return "an unknown line" if frame is None else place(frame.f_code.co_filename, frame.f_lineno)


def users_frame(frame: FrameType | None) -> FrameType | None:
    """The innermost frame, from one outwards, outside of installed packages; else outside of known libraries."""
    own = known = frame
    while own is not None and (_package(own) in _LIBRARIES or re.search(_INSTALLED, own.f_code.co_filename)):
        own = own.f_back
    while own is None and known is not None and _package(known) in _LIBRARIES:
        known = known.f_back
    return own or known


def users_origin(origin: tuple[CodeType | None, int], frame: FrameType | None) -> tuple[CodeType | None, int]:
    """Return the user's code and instruction for a call made on behalf of a place.

    Args:
        origin: the place. One in tinygraph itself says nothing to the user.
        frame: of the call; the user's frame around it takes the place of such an origin.
    """
    source = source_of(*origin)
    user = None if source is None or source.of_user else users_frame(frame)
    return origin if user is None else (user.f_code, user.f_lasti)


_INSTALLED = r"[\\/](site|dist)-packages[\\/]"


def _package(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__", "")).partition(".")[0]


def made_at(link: Any) -> str:
    """Return the place a Tensor was made at, given its link, for a message: " (made at train.py:31)", or "".

    A place in a library says nothing to the user: that of an argument which `tg.grad` hands to a function, or of a
    product that pandas forms.
    """
    place = source_of(link.code, link.lasti)
    return f" (made at {place})" if place is not None and not _in_library(place.file) else ""


_HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep


def _in_library(file: str) -> bool:
    """Return whether a file belongs to tinygraph or to an installed package."""
    return file.startswith(_HERE) or re.search(_INSTALLED, file) is not None


def _by_code(make: Callable[[CodeType], T]) -> Callable[[CodeType], T]:
    """Return a function of code that remembers its results. To hash code, as `functools` does, takes a microsecond."""
    known: dict[int, tuple[CodeType, T]] = {}  # the code keeps its id

    @functools.wraps(make)
    def remembered(code: CodeType) -> T:
        found = known.get(id(code))
        if found is None:
            if len(known) == 256:
                known.clear()
            found = known[id(code)] = (code, make(code))
        return found[1]

    return remembered


@_by_code
def _line_table(code: CodeType) -> list[int | None]:
    return [position[0] for position in code.co_positions()]


@_by_code
def _loops(code: CodeType) -> list[tuple[int, int]]:
    """Return the first and the last offset of each loop in some code, outer loops first."""
    ends: dict[int, int] = {}
    for step in dis.get_instructions(code):
        if "JUMP_BACKWARD" in step.opname and "NO_INTERRUPT" not in step.opname:
            ends[step.argval] = max(step.offset, ends.get(step.argval, 0))
    return sorted(ends.items(), key=lambda ends: (ends[0], -ends[1]))


@_by_code
def _targets(code: CodeType) -> dict[int, dict[Part, str]]:
    """Map each place that a frame can stand at to the targets of its instruction, by the part of the result."""
    steps = [step for step in dis.get_instructions(code) if step.opname != "CACHE"]
    found: dict[int, dict[Part, str]] = {}
    by_offset = targets_in(code)
    for place, step in enumerate(steps):
        if step.offset not in by_offset:
            continue
        # A frame that is waiting for a Python function stands at the end of its call's cache entries.
        end = steps[place + 1].offset if place + 1 < len(steps) else step.offset + 2
        # In Python 3.11 code that has run a few times calls C functions, such as np.zeros, from PRECALL.
        begin = place - 1 if place and steps[place - 1].opname == "PRECALL" else place
        for offset in range(steps[begin].offset, end, 2):
            found[offset] = by_offset[step.offset]
    return found


def target(code: CodeType | None, lasti: int, part: Part = ()) -> str | None:
    """Return the target of the result of the instruction at `lasti`, as it is written, or None.

    Args:
        code, lasti: of the instruction.
        part: of its result; (2,) is the third value of several.

    Returns:
        "y" of `y = f(x)`, "m.w" of `m.w = f(x)`, "w" of `self.w = f(x)`, 'params["b"]' of `params["b"] = f(x)`.
    """
    return None if code is None else _targets(code).get(lasti, {}).get(part)


def assigned_name(code: CodeType | None, lasti: int) -> str | None:
    """Return the variable or attribute that the result of the instruction at `lasti` was assigned to, or None."""
    name = target(code, lasti)
    last = None if name is None else name.rpartition(".")[2]
    return last if last is not None and last.isidentifier() else None


@functools.lru_cache(maxsize=1024)
def subscripted_name(code: CodeType | None, lasti: int) -> str | None:
    """Return the variable that the instruction at `lasti` reads or writes a part of: "y" of `y[0]` and `self.y[0]`."""
    if code is None or not operation_at(code, lasti)[0].endswith(("_SUBSCR", "_SLICE")):
        return None
    steps, (first, start, last, end) = _steps_within(code, lasti)
    found: dict[str, bool] = {}
    for step in steps:
        at = step.positions
        if (
            at is None
            or (at.lineno, at.col_offset) != (first, start)
            or (at.end_lineno, at.end_col_offset) == (last, end)
        ):
            continue
        found[str(step.argval)] = step.opname.startswith((*LOADS_A_NAME, "LOAD_ATTR"))
    if not found and steps:  # the second name of an instruction that loads two stands elsewhere: see `instructions`
        found[str(steps[0].argval)] = steps[0].opname.startswith(LOADS_A_NAME)
    names = [name for name in found if name != "self"]
    return names[0] if len(names) == 1 and found[names[0]] and not names[0].startswith("_") else None


def stored_name(code: CodeType | None, lasti: int) -> str | None:
    """Return the value that the instruction at `lasti` writes into a part: "t" of `y[0] = t`, if it is short."""
    source = source_of(code, lasti)
    if code is None or source is None or not operation_at(code, lasti)[0].startswith("STORE"):
        return None
    try:
        (statement,) = ast.parse(source.text).body
    except (SyntaxError, ValueError):
        return None
    return _short(statement.value) or None if isinstance(statement, ast.Assign) else None


def argument_names(code: CodeType | None, lasti: int, count: int) -> tuple[str | None, ...]:
    """Return the names in the user's code of the arguments of the call at `lasti`: "x", or a short "1 - y".

    Args:
        code, lasti: of the call.
        count: the number of recorded positional arguments.

    Returns:
        A name for each, None where it is long or not known.
    """
    written: tuple[str | None, ...] = () if code is None else _written_arguments(code, lasti)
    if len(written) == count + 1 and written[0] is not None:  # np.dot(a, b): the first is what `dot` was looked up in
        written = written[1:]
    return tuple([name or None for name in written]) if len(written) == count else (None,) * count


@functools.lru_cache(maxsize=1024)
def called_name(code: CodeType, lasti: int) -> tuple[str, ...]:
    """Return the name of the function that an instruction calls, as written: ("math", "sin"); () if unknown.

    The instructions have the name, so the source text is not needed. The name begins where the call begins.
    """
    steps, whole = _steps_within(code, lasti)
    if not operation_at(code, lasti)[0].startswith("CALL"):
        return ()
    names: list[str] = []
    seen = set()
    for step in steps:
        at = step.positions
        if at is None or (at.lineno, at.col_offset) != whole[:2] or (at.end_lineno, at.end_col_offset) == whole[2:]:
            continue
        if (step.opname, at) in seen or step.opname in _ABOUT_ARGUMENTS:
            continue
        seen.add((step.opname, at))  # a `finally` block is there twice
        loads = step.opname.startswith(LOADS_A_NAME if not names else ("LOAD_ATTR", "LOAD_METHOD"))
        if not loads or not isinstance(step.argval, str):
            return ()
        names.append(step.argval)
    return tuple(names)


_ABOUT_ARGUMENTS = frozenset(("CACHE", "EXTENDED_ARG", "KW_NAMES", "LOAD_CONST", "NOP", "PRECALL", "PUSH_NULL"))


def method_called(code: CodeType, lasti: int) -> str | None:
    """Return the last name in front of a call's parentheses: "normal" of `default_rng(0).normal(t)`."""
    steps, whole = _steps_within(code, lasti)
    names = [
        step.argval
        for step in steps
        if step.opname.startswith(("LOAD_ATTR", "LOAD_METHOD"))
        and step.positions is not None
        and (step.positions.lineno, step.positions.col_offset) == whole[:2]
    ]
    return str(names[-1]) if names else None


def names_read(code: CodeType, lasti: int) -> frozenset[str]:
    """Return the variables in the expression that ends with the instruction at `lasti`."""
    steps, _ = _steps_within(code, lasti)
    return frozenset(str(step.argval) for step in steps if step.opname.startswith(LOADS_A_NAME))


def _steps_within(code: CodeType, lasti: int) -> tuple[list[dis.Instruction], tuple[int | None, ...]]:
    """The instructions of the expression that ends with the one at `lasti`, and its first and last position."""
    positions = list(code.co_positions())
    first, last, start, end = positions[lasti // 2] if 0 <= lasti // 2 < len(positions) else (None,) * 4
    if first is None or last is None or start is None or end is None:
        return [], (None,) * 4
    found = []
    for step in instructions(code):
        at = step.positions
        if (
            at is None
            or at.lineno is None
            or at.end_lineno is None
            or at.col_offset is None
            or at.end_col_offset is None
        ):
            continue
        if (first, start) <= (at.lineno, at.col_offset) and (at.end_lineno, at.end_col_offset) <= (last, end):
            found.append(step)
    return found, (first, start, last, end)


def _written(code: CodeType, lasti: int) -> ast.expr | None:
    """The expression that ends with the instruction at `lasti`, or None without the source text."""
    positions = list(code.co_positions())
    first, last, start, end = positions[lasti // 2] if lasti // 2 < len(positions) else (None,) * 4
    if first is None or last is None or start is None or end is None:
        return None
    lines = [linecache.getline(code.co_filename, line).encode() for line in range(first, last + 1)]
    lines[-1] = lines[-1][:end]
    lines[0] = lines[0][start:]
    try:
        return ast.parse(b"(" + b"".join(lines) + b")", mode="eval").body
    except (SyntaxError, ValueError):  # the file is another one by now
        return None


@functools.lru_cache(maxsize=1024)
def _written_arguments(code: CodeType, lasti: int) -> tuple[str | None, ...]:
    """The operands of the operator at an instruction; for a call the object before the dot and the arguments."""
    written = _written(code, lasti)
    if isinstance(written, ast.BinOp):
        return _short(written.left), _short(written.right)
    if not isinstance(written, ast.Call) or any(isinstance(part, ast.Starred) for part in written.args):
        return ()
    before = (_short(written.func.value) or "",) if isinstance(written.func, ast.Attribute) else ()
    return (*before, *[_short(part) for part in written.args])


def _short(written: ast.expr) -> str | None:
    text = ast.unparse(written).removeprefix("self.")
    return None if len(text) > SHORT or text.startswith("_") else text
