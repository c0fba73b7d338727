"""Machine code for blocks of simple arithmetic, such as the update of an optimiser, by numba.

    np.subtract(g, m, out=d)            for i in range(len(x0)):
    np.multiply(rate, d, out=d)             v0 = x0[i] - x1[i]
    np.add(m, d, out=m)                     v0 = x2 * v0
                                            v1 = x1[i] + v0
                                            x1[i] = v1

NumPy reads and writes memory at each call, and machine code once: Adam's step of 100,000 numbers of float32 takes 47
µs instead of 132. The operations and their order are the same, and so are the results, to the last bit. The text of a
program stays NumPy's: only the function in its place is another one.
"""

from __future__ import annotations

import ast
import functools
import itertools
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["Loop", "check_installed", "loops_in", "with_machine_code"]

# The calls that become operators, and those that are one instruction of the processor. A block with any other call
# stays NumPy's: NumPy is as quick at a choice, such as a maximum, and at a series, such as an exponential.
_OPERATORS = {"add": "{} + {}", "subtract": "{} - {}", "multiply": "{} * {}", "divide": "{} / {}"}
_FUNCTIONS = {"square": "{0} * {0}", "negative": "-{}", "sqrt": "sqrt({})"}
_TEXTS = {**_OPERATORS, **_FUNCTIONS}

# The functions that may be simple arithmetic, and what they are given as memory for intermediate values.
_FUNCTION = re.compile(r"(block|update)_\d+$")

# Of a parameter with fewer elements NumPy's calls take less time than it takes to look at the arrays.
FEWEST = 4096

_SCRATCH = re.compile(r"scratch_\d+_\d+$")
_WORK = re.compile(r"work_\d+")


def check_installed() -> None:
    """Raise ImportError if numba is missing."""
    try:
        import numba  # noqa: F401
    except ImportError:
        raise ImportError(
            "compile: fast=True makes machine code with numba, which is not installed: pip install tinygraph[fast]"
        ) from None


@dataclass(frozen=True)
class Loop:
    """A block as a loop over elements.

    Attributes:
        name: the name of the block's function in the program.
        parameters: of that function.
        scratch: the parameters that are memory for intermediate values; the loop needs none for these.
        steps: for each call the name of the value that it computes, and the expression, in which "{}" or "{0}" stands
            for an operand.
        operands: of each step: names of parameters or constants, or numbers.
        constants: the global names of the program that the block reads.
    """

    name: str
    parameters: tuple[str, ...]
    scratch: frozenset[str]
    steps: tuple[tuple[str, str], ...]
    operands: tuple[tuple[str | float, ...], ...]
    constants: tuple[str, ...]

    def text(self, arrays: frozenset[str]) -> str:
        """Return the text of the loop as a function of its arrays and numbers.

        Its arguments are the parameters, scratch apart, the constants, and the literals: x0, x1, ...

        Args:
            arrays: the parameters that are arrays, scratch apart. The others are numbers.
        """
        own = self.own
        given: list[str | float] = [*own, *self.constants, *self.literals]
        arguments = {item: f"x{place}" for place, item in enumerate(given)}
        known = {item: f"{name}[i]" if item in arrays else name for item, name in arguments.items()}
        computed: dict[str, str] = {}  # the local of each target, in the order in which they are computed last
        lines: list[str] = []
        for (target, expression), operands in zip(self.steps, self.operands, strict=True):
            value = expression.format(*[known[item] for item in operands])
            known[target] = computed[target] = computed.pop(target, f"v{len(computed)}")
            lines.append(f"        {known[target]} = {value}")
        lines += [f"        {arguments[name]}[i] = {value}" for name, value in computed.items() if name in arrays]
        first = next(arguments[name] for name in own if name in arrays)
        return "\n".join(
            [f"def loop({', '.join(arguments.values())}):", f"    for i in range(len({first})):", *lines, ""]
        )

    def by_shape(self, shapes: dict[str, tuple[int, ...]]) -> list[Loop] | None:
        """Return a loop for the arrays of each shape, as those of a weight and those of its bias, in the order of the
        calls; None where a call combines arrays of two shapes, or calls on some come before and behind those on others.

        Args:
            shapes: those of the parameters that are arrays, scratch too.
        """
        of_steps = []
        for (target, _), operands in zip(self.steps, self.operands, strict=True):
            found = {shapes[item] for item in (target, *operands) if item in shapes}
            if len(found) != 1 or target not in shapes:
                return None
            of_steps.append(found.pop())
        groups = [[*places] for _, places in itertools.groupby(range(len(of_steps)), key=of_steps.__getitem__)]
        if len(groups) != len({*of_steps}):
            return None
        loops = [self._of(slice(places[0], places[-1] + 1)) for places in groups]
        return loops if all([any([name in shapes for name in loop.own]) for loop in loops]) else None

    def _of(self, part: slice) -> Loop:
        """Return a loop with some of the steps, and the parameters and constants of these."""
        steps, operands = self.steps[part], self.operands[part]
        named = {target for target, _ in steps} | {item for given in operands for item in given}
        parameters = tuple([name for name in self.parameters if name in named])
        constants = tuple([name for name in self.constants if name in named])
        return Loop(self.name, parameters, self.scratch, steps, operands, constants)

    @property
    def own(self) -> list[str]:
        """The parameters, scratch apart."""
        return [name for name in self.parameters if name not in self.scratch]

    @property
    def literals(self) -> tuple[float, ...]:
        """The numbers that are written in the calls, each once, in the order of the loop's arguments for them."""
        return tuple(
            dict.fromkeys(item for operands in self.operands for item in operands if not isinstance(item, str))
        )


# --- from the text of a program to loops ------------------------------------------------------------------------------


def loops_in(source: str) -> list[Loop]:
    """Return the blocks of a program that are simple arithmetic and nothing else."""
    tree = ast.parse(source)
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef) and _FUNCTION.match(node.name)]
    found = [_loop_of(function, _scratch_of(function, tree)) for function in functions]
    return [loop for loop in found if loop is not None]


def _scratch_of(block: ast.FunctionDef, tree: ast.Module) -> frozenset[str]:
    """Return the parameters of a block that are memory for intermediate values: those that its caller gives scratch
    memory for, `scratch_1_1[thread]`, and those of the function of several updates that are called so.
    """
    names = [item.arg for item in block.args.args]
    if block.name.startswith("update_"):
        return frozenset(filter(_WORK.fullmatch, names))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and _is_name(node.func, block.name)]
    found = [
        frozenset(name for name, given in zip(names, call.args, strict=True) if _is_scratch(given)) for call in calls
    ]
    return frozenset.intersection(*found) if found else frozenset()


def _is_scratch(given: ast.expr) -> bool:
    """Return whether an argument is a part of scratch memory."""
    memory = given.value if isinstance(given, ast.Subscript) else None
    return isinstance(memory, ast.Name) and _SCRATCH.match(memory.id) is not None


def _loop_of(function: ast.FunctionDef, scratch: frozenset[str]) -> Loop | None:
    """Return a block as a loop; None if it makes other calls, or reads scratch memory that it has not written."""
    parameters = tuple([item.arg for item in function.args.args])
    steps, operands = [], []
    unwritten = {*scratch}
    for call in map(_call_of, function.body):
        if call is None or call[1] not in parameters or not unwritten.isdisjoint(call[2]):
            return None
        unwritten.discard(call[1])
        steps.append((call[1], _TEXTS[call[0]]))
        operands.append(call[2])
    names = dict.fromkeys(item for given in operands for item in given if isinstance(item, str))
    constants = tuple([name for name in names if name not in parameters])
    return Loop(function.name, parameters, scratch, tuple(steps), tuple(operands), constants)


def _call_of(statement: ast.stmt) -> tuple[str, str, tuple[str | float, ...]] | None:
    """Return the function, the target and the operands of `np.add(x, y, out=z)`; None for any other statement."""
    call = statement.value if isinstance(statement, ast.Expr) else None
    if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and _is_name(call.func.value, "np")):
        return None
    out = call.keywords[0].value if len(call.keywords) == 1 and call.keywords[0].arg == "out" else None
    operands = [_operand_of(item) for item in call.args]
    if call.func.attr not in _TEXTS or not isinstance(out, ast.Name) or None in operands:
        return None
    return call.func.attr, out.id, tuple([item for item in operands if item is not None])


def _operand_of(item: ast.expr) -> str | float | None:
    if isinstance(item, ast.Name):
        return item.id
    value = item.value if isinstance(item, ast.Constant) else None
    return value if isinstance(value, int | float) and type(value) is not bool else None


def _is_name(item: ast.expr, name: str) -> bool:
    return isinstance(item, ast.Name) and item.id == name


# --- loops that run ---------------------------------------------------------------------------------------------------


def with_machine_code(source: str, space: dict[str, Any]) -> None:
    """Replace the blocks of simple arithmetic of a program by machine code.

    Args:
        source: the text of the program.
        space: its global names, after its first part.
    """
    for loop in loops_in(source):
        space[loop.name] = _Block(loop, space[loop.name], [space[name] for name in loop.constants])


class _Block:
    """A block that runs as machine code where its arrays allow it, and otherwise with NumPy's calls.

    Args:
        loop: the block.
        otherwise: the function with NumPy's calls.
        constants: the values of the loop's constants.
    """

    def __init__(self, loop: Loop, otherwise: Callable[..., None], constants: Sequence[Any]) -> None:
        self._loop = loop
        self._otherwise = otherwise
        self._is_update = loop.name.startswith("update_")
        self._constants = dict(zip(loop.constants, constants, strict=True))
        self._given = [place for place, name in enumerate(loop.parameters) if name not in loop.scratch]
        self._made: dict[tuple[Any, ...], list[_Ready]] = {}  # by the layout of the arguments

    def __call__(self, *arguments: Any) -> None:
        if self._is_update and arguments[0].size < FEWEST:
            self._otherwise(*arguments)
            return
        given = [arguments[place] for place in self._given]
        if float in map(type, given):
            self._otherwise(*arguments)
            return
        # The last block may have fewer rows, so its first axis is no part of the layout.
        skipped = 0 if self._is_update else 1
        layout = tuple([(item.dtype, item.shape[skipped:], item.ndim, item.flags.c_contiguous) for item in given])
        if layout not in self._made:
            self._made[layout] = self._ready(arguments)
        loops = self._made[layout]
        if not loops:
            self._otherwise(*arguments)
        for loop in loops:
            own = [arguments[place] for place in loop.places]
            flat = [item.reshape(-1) if is_array else item[()] for item, is_array in zip(own, loop.arrays, strict=True)]
            loop.run(*flat, *loop.numbers)

    def _ready(self, arguments: tuple[Any, ...]) -> list[_Ready]:
        """Return the machine code for arguments: a loop for the arrays of each shape. It is empty unless these are
        contiguous and of one dtype, and no call combines arrays of two shapes.
        """
        given = [arguments[place] for place in self._given]
        arrays = [item for item in given if item.ndim > 0]
        dtypes = {item.dtype for item in (*given, *self._constants.values())}
        if (
            not arrays or len(dtypes) != 1 or arrays[0].dtype.char not in "fd"
            or not all(item.flags.c_contiguous for item in arrays)
            or any(item.ndim for item in self._constants.values())
        ):  # fmt: skip
            return []
        named = dict(zip(self._loop.parameters, arguments, strict=True))
        loops = self._loop.by_shape({name: item.shape for name, item in named.items() if item.ndim})
        return [self._ready_of(loop, named) for loop in loops or ()]

    def _ready_of(self, loop: Loop, named: dict[str, Any]) -> _Ready:
        own = loop.own
        arrays = [named[name].ndim > 0 for name in own]
        text = loop.text(frozenset(name for name, is_array in zip(own, arrays, strict=True) if is_array))
        kind = named[own[arrays.index(True)]].dtype.type
        numbers = [self._constants[name][()] for name in loop.constants] + [kind(number) for number in loop.literals]
        return _Ready(_compiled(text), [self._loop.parameters.index(name) for name in own], arrays, numbers)


@dataclass(frozen=True)
class _Ready:
    """Machine code for arguments of one layout: the places of its own among these, which of them are arrays, and the
    numbers that follow them.
    """

    run: Callable[..., None]
    places: list[int]
    arrays: list[bool]
    numbers: list[Any]


@functools.lru_cache(64)
def _compiled(text: str) -> Callable[..., None]:
    """Return the machine code of a loop. It treats infinities and NaN as NumPy does."""
    import numba

    space: dict[str, Any] = {"sqrt": np.sqrt}
    exec(text, space)
    run: Callable[..., None] = numba.njit(error_model="numpy", nogil=True)(space["loop"])
    return run
