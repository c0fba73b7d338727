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
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, field, replace
from typing import Any

from tinygraph.compiler.fast.calls import Call, Known, Number, call_of, is_numpy, number_of
from tinygraph.compiler.fast.unread import is_alone, scratch_of, viewed_names

__all__ = ["Run", "Runs"]

# Parameters that are whole numbers, so that `x[thread]` is a view.
_WHOLE = frozenset(("thread",))


@dataclass
class Run:
    """Consecutive calls.

    Attributes:
        name: of the function in their place.
        calls: in their order.
        slots: what the function is given, by its text: a name or a view. Those that are written come first.
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
            source: the text.
            memory: the names of the values that have memory of their own, and for each a key, the same for all names
                of one array.
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
            global_axes = {name: count for name, count in (axes or {}).items() if name not in own}
            runs._replace(function, Known(runs.constants, global_axes, parameters & _WHOLE), is_repeated=False)
            unread = scratch_of(function, tree) if is_part else frozenset[str]()
            for run in runs.found[before:]:
                run.parameters = parameters
                run.unread = {name: name for name in unread if is_alone({name}, run.calls, run.slots, function)}
            if len(runs.found) > before:
                runs.functions.body.append(function)
        runs._find_unread(tree, memory or {})
        return runs

    def _find_unread(self, tree: ast.Module, memory: Mapping[str, object]) -> None:
        """Find the memory that only one run uses."""
        groups: dict[object, set[str]] = {}
        for name, array in memory.items():
            groups.setdefault(array, set()).add(name)
        kept = viewed_names(tree, memory.keys())
        for run in self.found:
            for array in {memory[call.target] for call in run.calls if call.target in memory}:
                names = groups[array]
                if names.isdisjoint(kept | run.parameters) and is_alone(names, run.calls, run.slots, tree):
                    run.unread = {**run.unread, **dict.fromkeys(names & run.slots.keys(), min(names))}

    def _replace(self, owner: Any, known: Known, is_repeated: bool) -> None:
        """Replace the runs in the lists of statements that a statement has."""
        if isinstance(owner, ast.For) and isinstance(owner.target, ast.Name) and _is_range(owner.iter):
            known = replace(known, whole=known.whole | {owner.target.id})
        is_repeated = is_repeated or isinstance(owner, ast.For | ast.While)
        for part in ("body", "orelse", "finalbody"):
            statements = getattr(owner, part, None)
            if isinstance(statements, list):
                setattr(owner, part, [*self._replaced(statements, known, is_repeated)])

    def _replaced(self, statements: list[ast.stmt], known: Known, is_repeated: bool) -> Iterator[ast.stmt]:
        """The statements of a list, with its runs replaced."""
        calls: list[Call] = []
        slots: dict[str, ast.expr] = {}
        for statement in [*statements, None]:
            found = None if statement is None else call_of(statement, known)
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


def _is_range(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "range"


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
        is_array = isinstance(call.func, ast.Attribute) and call.func.attr == "array" and is_numpy(call.func.value)
        number = number_of(call.args[0]) if is_array and len(call.args) == 1 and len(call.keywords) < 2 else None
        if type(number) is int and not call.keywords:
            continue  # an array of whole numbers
        dtype = ast.unparse(call.keywords[0].value) if call.keywords else "np.float64"
        if number is not None and isinstance(target, ast.Name) and dtype in ("np.float32", "np.float64"):
            found[target.id] = Number(number, dtype.removeprefix("np."))
    return {name: number for name, number in found.items() if name not in parameters}
