"""Runs: consecutive calls of a program that compute element by element, one function in place of them.

    np.subtract(g, m, out=d)
    np.multiply(rate, d, out=d)             __run_1__(m, g, d, rate)
    np.add(m, d, out=m)

A run is what stands between two statements of another kind, in the body of a function or of a loop. The function is
given the arrays that the calls read and write, or the views that they make of them: `x[:, 1:]`.
"""

from __future__ import annotations

import ast
import copy
import itertools
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, field, replace
from typing import Any

__all__ = ["Call", "Number", "Operand", "Run", "Runs", "as_function", "put_back"]

# The calls of NumPy that a run may consist of, and the number of their operands.
CALLS = {
    **dict.fromkeys(
        (
            "absolute", "arctan", "ceil", "cos", "cosh", "exp", "exp2", "expm1", "floor", "isnan", "log", "log10",
            "log1p", "log2", "logical_not", "negative", "positive", "reciprocal", "rint", "sign", "sin", "sinh", "sqrt",
            "square", "tanh", "trunc",
        ), 1,
    ),
    **dict.fromkeys(
        (
            "add", "arctan2", "copysign", "divide", "equal", "fmax", "fmin", "greater", "greater_equal", "hypot",
            "less", "less_equal", "logaddexp", "logical_and", "logical_or", "maximum", "minimum", "multiply",
            "not_equal", "subtract",
        ), 2,
    ),
    "clip": 3,
}  # fmt: skip

# Parameters that are whole numbers, so that `x[thread]` is a view.
_WHOLE = frozenset(("thread",))

_SCRATCH = re.compile(r"scratch_\d+_\d+$")
_WORK = re.compile(r"work_\d+$")


@dataclass(frozen=True)
class Number:
    """A number in a call: of a dtype, or, where that is None, of Python, which takes on that of the array beside it."""

    value: float
    dtype: str | None = None


# A slot by its text, or a number.
Operand = str | Number


@dataclass(frozen=True)
class Call:
    """A call of a run.

    Attributes:
        function: the name of NumPy's function, or "copy".
        target: the slot that is written.
        operands: what is read.
        where: the slot with the elements that are written; None for all.
        statement: as it stands in the program.
    """

    function: str
    target: str
    operands: tuple[Operand, ...]
    where: str | None
    statement: ast.stmt

    @property
    def slots(self) -> Iterator[str]:
        """The slots that are written and read."""
        yield self.target
        yield from (item for item in self.operands if isinstance(item, str))
        if self.where is not None:
            yield self.where


@dataclass
class Run:
    """Consecutive calls.

    Attributes:
        name: of the function in their place.
        calls: in their order.
        slots: by its text, what the function is given: a name or a view. Those that are written come first.
        unread: the slots that nothing reads behind the run, and for each the name of its memory.
        is_repeated: whether it stands in a loop.
        parameters: of the function that it stands in.
    """

    name: str
    calls: list[Call]
    slots: dict[str, ast.expr]
    unread: Mapping[str, str] = field(default_factory=dict)
    is_repeated: bool = False
    parameters: Set[str] = frozenset()


@dataclass(frozen=True)
class _Known:
    """The names whose values are known, in a part of a function.

    Attributes:
        constants: see `Runs`.
        axes: the numbers of axes of arrays.
        whole: names of whole numbers.
    """

    constants: Mapping[str, Number]
    axes: Mapping[str, int]
    whole: Set[str]

    def may_be_element(self, node: ast.expr) -> bool:
        """Return whether an expression may be a number, and no view: `x[0]` is one where x has one axis."""
        if not isinstance(node, ast.Subscript):
            return False
        parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        if any(isinstance(part, ast.Slice) or ast.unparse(part) in ("...", "None") for part in parts):
            return False
        return not (isinstance(node.value, ast.Name) and len(parts) < self.axes.get(node.value.id, 0))


@dataclass
class Runs:
    """The runs of a program.

    Attributes:
        functions: the functions of the program, with its runs replaced.
        found: the runs.
        constants: the numbers that the program has as arrays of one element.
    """

    functions: ast.Module
    found: list[Run] = field(default_factory=list)
    constants: Mapping[str, Number] = field(default_factory=dict)

    @classmethod
    def of(cls, source: str, memory: Mapping[str, object] | None = None, axes: Mapping[str, int] | None = None) -> Runs:
        """Find the runs in the text of a program.

        Args:
            memory: the names of the values that have memory of their own, with what is the same for two names of one
                array.
            axes: the numbers of axes of the program's global arrays and arguments, by name.
        """
        tree = ast.parse(source)
        functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
        runs = cls(ast.Module([], []), [], _constants_of(tree, functions))
        for function in functions:
            before = len(runs.found)
            parameters = {argument.arg for argument in function.args.args}
            is_part = function.name.startswith(("block_", "update_"))
            own = _bound_in(function, is_step=function is functions[-1])
            known = {name: count for name, count in (axes or {}).items() if name not in own}
            runs._replace(function, _Known(runs.constants, known, parameters & _WHOLE), False)
            unread = _scratch_of(function, tree) if is_part else frozenset[str]()
            for run in runs.found[before:]:
                run.parameters = parameters
                run.unread = {name: name for name in unread if _is_alone({name}, run, function)}
            if len(runs.found) > before:
                runs.functions.body.append(function)
        runs._find_unread(tree, memory or {})
        return runs

    def _find_unread(self, tree: ast.Module, memory: Mapping[str, object]) -> None:
        """Find the memory that only one run uses."""
        groups: dict[object, set[str]] = {}
        for name, array in memory.items():
            groups.setdefault(array, set()).add(name)
        viewed = _viewed(tree, memory.keys())
        for run in self.found:
            for array in {memory[call.target] for call in run.calls if call.target in memory}:
                names = groups[array]
                if names.isdisjoint(viewed | run.parameters) and _is_alone(names, run, tree):
                    run.unread = {**run.unread, **dict.fromkeys(names & run.slots.keys(), min(names))}

    def _replace(self, owner: Any, known: _Known, is_repeated: bool) -> None:
        """Replace the runs in the lists of statements that a statement has."""
        if isinstance(owner, ast.For) and isinstance(owner.target, ast.Name) and _is_range(owner.iter):
            known = replace(known, whole=known.whole | {owner.target.id})
        is_repeated = is_repeated or isinstance(owner, ast.For | ast.While)
        for part in ("body", "orelse", "finalbody"):
            statements = getattr(owner, part, None)
            if isinstance(statements, list):
                setattr(owner, part, [*self._replaced(statements, known, is_repeated)])

    def _replaced(self, statements: list[ast.stmt], known: _Known, is_repeated: bool) -> Iterator[ast.stmt]:
        """The statements of a list, with its runs replaced."""
        calls: list[Call] = []
        slots: dict[str, ast.expr] = {}
        for statement in [*statements, None]:
            found = None if statement is None else _call_of(statement, known)
            # The value of an element is that from before the run, so a call that may read one is the first of its run.
            if calls and (found is None or any(map(known.may_be_element, found[1].values()))):
                if len(calls) > 1:
                    yield self._add(calls, slots, is_repeated)
                else:
                    yield calls[0].statement
                calls, slots = [], {}
            if found is not None:
                calls.append(found[0])
                slots.update(found[1])
            elif statement is not None:
                self._replace(statement, known, is_repeated)
                yield statement

    def _add(self, calls: list[Call], slots: dict[str, ast.expr], is_repeated: bool) -> ast.stmt:
        """Note a run, and return the call of its function."""
        targets = {call.target for call in calls}
        ordered = dict(sorted(slots.items(), key=lambda item: item[0] not in targets))
        run = Run(f"__run_{len(self.found) + 1}__", calls, ordered, is_repeated=is_repeated)
        self.found.append(run)
        call = ast.Call(ast.Name(run.name, ast.Load()), [copy.deepcopy(node) for node in ordered.values()], [])
        return ast.fix_missing_locations(ast.copy_location(ast.Expr(call), calls[0].statement))


def as_function(run: Run, calls: list[Call]) -> ast.Module:
    """Return some calls of a run as a function of NumPy's calls, with the run's parameters."""
    names = {text: f"slot_{place}" for place, text in enumerate(run.slots)}
    body = [_Renamed(names).visit(copy.deepcopy(call.statement)) for call in calls]
    arguments = ast.arguments([], [ast.arg(name) for name in names.values()], None, [], [], None, [])
    function = ast.FunctionDef(run.name, arguments, body, [], None, None)
    ast.copy_location(function, calls[0].statement)
    return ast.fix_missing_locations(ast.Module([function], []))


def put_back(functions: ast.Module, runs: Iterable[Run]) -> ast.Module:
    """Return functions with the calls of some runs in the place of the function that stood for them."""
    calls = {run.name: [call.statement for call in run.calls] for run in runs}
    found: ast.Module = _PutBack(calls).visit(functions)
    return ast.fix_missing_locations(found)


class _PutBack(ast.NodeTransformer):
    """Statements in the place of the calls of functions, by their names."""

    def __init__(self, statements: Mapping[str, list[ast.stmt]]) -> None:
        self._statements = statements

    def visit_Expr(self, node: ast.Expr) -> Any:
        called = node.value.func if isinstance(node.value, ast.Call) else None
        return self._statements.get(called.id, node) if isinstance(called, ast.Name) else node


class _Renamed(ast.NodeTransformer):
    """Names of parameters in place of the slots."""

    def __init__(self, names: Mapping[str, str]) -> None:
        self._names = names

    def visit_Assign(self, node: ast.Assign) -> ast.stmt:
        name = self._names[_slot_text(node.targets[0])]
        whole = ast.Subscript(ast.Name(name, ast.Load()), ast.Constant(...), ast.Store())
        return ast.copy_location(ast.Assign([whole], self.visit(node.value)), node)

    def visit_Subscript(self, node: ast.Subscript) -> ast.expr:
        return self._renamed(node)

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return self._renamed(node)

    def _renamed(self, node: ast.expr) -> ast.expr:
        name = self._names.get(_slot_text(node))
        return node if name is None else ast.copy_location(ast.Name(name, ast.Load()), node)


# Of a call: the function, the operands, the target and the mask.
_Parts = tuple[str, list[ast.expr], ast.expr, ast.expr | None]


# --- what a statement is ----------------------------------------------------------------------------------------------


def _call_of(statement: ast.stmt, known: _Known) -> tuple[Call, dict[str, ast.expr]] | None:
    """Return a statement as a call, and its slots; None if it is none that a run may have."""
    slots: dict[str, ast.expr] = {}

    def operand(node: ast.expr) -> Operand | None:
        if isinstance(node, ast.Name) and node.id in known.constants:
            return known.constants[node.id]
        number = _number(node)
        return slot(node) if number is None else Number(number)

    def slot(node: ast.expr) -> str | None:
        if not _is_view(node, known.whole):
            return None
        text = _slot_text(node)
        slots[text] = _loaded(ast.parse(text, mode="eval").body, node)
        return text

    if isinstance(statement, ast.Assign):
        target = statement.targets[0]
        if len(statement.targets) != 1 or not isinstance(target, ast.Subscript) or known.may_be_element(target):
            return None
        found: _Parts | None = ("copy", [statement.value], target, None)
    else:
        found = _parts_of(statement)
    if found is None:
        return None
    name, operands, place, where = found
    written, read = slot(place), [operand(item) for item in operands]
    mask = None if where is None else slot(where)
    if written is None or written in known.constants or None in read or (where is not None and mask is None):
        return None
    return Call(name, written, tuple([item for item in read if item is not None]), mask, statement), slots


def _parts_of(statement: ast.stmt) -> _Parts | None:
    """Return the function, the operands, the target and the mask of a call such as `np.add(x, y, out=z)`."""
    call = statement.value if isinstance(statement, ast.Expr) else None
    if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and _is_numpy(call.func.value)):
        return None
    keywords = {item.arg: item.value for item in call.keywords}
    if call.func.attr == "copyto" and len(call.args) == 2 and keywords.keys() <= {"where"}:
        return "copy", [call.args[1]], call.args[0], keywords.get("where")
    if keywords.keys() != {"out"} or CALLS.get(call.func.attr) != len(call.args):
        return None
    return call.func.attr, call.args, keywords["out"], None


def _is_view(node: ast.expr, whole: Set[str]) -> bool:
    """Return whether an expression is a name, or a view or an element of an array, with nothing computed but slices."""
    if isinstance(node, ast.Name):
        return True
    if not (isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name | ast.Subscript)):
        return False
    index = node.slice
    parts = index.elts if isinstance(index, ast.Tuple) else [index]
    return _is_view(node.value, whole) and all(_is_place(part, whole) for part in parts)


def _is_place(part: ast.expr, whole: Set[str]) -> bool:
    if isinstance(part, ast.Slice):
        bounds = [bound for bound in (part.lower, part.upper, part.step) if bound is not None]
        return not any(isinstance(node, ast.Call | ast.NamedExpr) for bound in bounds for node in ast.walk(bound))
    if isinstance(part, ast.Name):
        return part.id in whole
    number = part.operand if isinstance(part, ast.UnaryOp) and isinstance(part.op, ast.USub) else part
    return isinstance(number, ast.Constant) and (
        number.value is ... or number.value is None or type(number.value) is int
    )


def _slot_text(node: ast.expr) -> str:
    """Return the text of a view; `x[...]` is x itself."""
    text = ast.unparse(node)
    return text.removesuffix("[...]")


def _loaded(node: ast.expr, at: ast.expr) -> ast.expr:
    return ast.fix_missing_locations(ast.copy_location(node, at))


def _number(node: ast.expr) -> float | None:
    """Return the number that an expression is; None if it is none."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        number = _number(node.operand)
        return None if number is None else -number
    if isinstance(node, ast.Attribute) and _is_numpy(node.value):
        return {"inf": math.inf, "nan": math.nan}.get(node.attr)
    value = node.value if isinstance(node, ast.Constant) else None
    return value if isinstance(value, int | float) and type(value) is not bool else None


def _is_numpy(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id == "np"


def _is_range(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "range"


# --- what else the text says ------------------------------------------------------------------------------------------


def _bound_in(function: ast.FunctionDef, is_step: bool) -> set[str]:
    """Return the names that a function gives to values of its own; for the step, without its parameters."""
    stored = {node.id for node in ast.walk(function) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    return stored if is_step else stored | {argument.arg for argument in function.args.args}


def _constants_of(tree: ast.Module, functions: list[ast.FunctionDef]) -> dict[str, Number]:
    """Return the names of the numbers that stand in the text as arrays: `two = np.array(2.0, dtype=np.float32)`."""
    parameters = {argument.arg for function in functions for argument in function.args.args}
    found: dict[str, Number] = {}
    for statement in tree.body:
        if not (isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Call)):
            continue
        call, target = statement.value, statement.targets[0]
        is_array = isinstance(call.func, ast.Attribute) and call.func.attr == "array" and _is_numpy(call.func.value)
        number = _number(call.args[0]) if is_array and len(call.args) == 1 and len(call.keywords) < 2 else None
        if type(number) is int and not call.keywords:
            continue  # an array of whole numbers
        dtype = ast.unparse(call.keywords[0].value) if call.keywords else "np.float64"
        if number is not None and isinstance(target, ast.Name) and dtype in ("np.float32", "np.float64"):
            found[target.id] = Number(number, dtype.removeprefix("np."))
    return {name: number for name, number in found.items() if name not in parameters}


def _scratch_of(function: ast.FunctionDef, tree: ast.Module) -> frozenset[str]:
    """Return the parameters of a function that are memory for intermediate values: those that its caller gives scratch
    memory for, `scratch_1_1[thread]`, and those of the function of several updates that are called so.
    """
    names = [item.arg for item in function.args.args]
    calls = [
        node for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == function.name
    ]  # fmt: skip
    is_update = function.name.startswith("update_")
    found = [
        {
            name
            for name, item in zip(names, call.args, strict=True)
            if (_WORK.match(name) if is_update else _is_scratch(item)) and _is_given_once(item, call)
        }
        for call in calls
    ]
    return frozenset(set.intersection(*found)) if found else frozenset()


def _is_scratch(given: ast.expr) -> bool:
    """Return whether an argument is a part of scratch memory."""
    memory = given.value if isinstance(given, ast.Subscript) else None
    return isinstance(memory, ast.Name) and _SCRATCH.match(memory.id) is not None


def _is_given_once(given: ast.expr, call: ast.Call) -> bool:
    """Return whether no other argument of a call is the same memory by the same words."""
    return [ast.unparse(item) for item in call.args].count(ast.unparse(given)) == 1


def _viewed(tree: ast.Module, memory: Set[str]) -> set[str]:
    """Return the names that the first part of a text reads, but for those whose memory it gives to other values."""
    found: set[str] = set()
    for statement in tree.body:
        if isinstance(statement, ast.FunctionDef):
            continue
        names = [node for node in ast.walk(statement) if isinstance(node, ast.Name)]
        if not all(node.id in memory for node in names if isinstance(node.ctx, ast.Store)):
            found |= {node.id for node in names if isinstance(node.ctx, ast.Load)}
    return found


def _is_alone(names: set[str], run: Run, within: ast.AST) -> bool:
    """Return whether memory is used in one run only, by its names, and is written there before it is read."""
    for call in run.calls:
        if not names.isdisjoint(call.operands) or (call.where is not None and not names.isdisjoint(call.slots)):
            return False
        if call.target in names:
            break
    used = [node.id for node in _in_functions(within) if isinstance(node, ast.Name) and node.id in names]
    return len(used) == len(names & run.slots.keys())


def _in_functions(tree: ast.AST) -> Iterator[ast.AST]:
    parts = (
        [node for node in tree.body if isinstance(node, ast.FunctionDef)] if isinstance(tree, ast.Module) else [tree]
    )
    return itertools.chain.from_iterable(map(ast.walk, parts))
