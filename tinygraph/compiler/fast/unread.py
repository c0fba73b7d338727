"""Memory that nothing reads behind a run, which its loop need not write: the values stay in registers.

np.multiply(x, 0.5, out=h)          nothing else reads h, and it is written before it is read:
np.exp(h, out=y)                    the loop of both calls leaves h as it is
"""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Sequence, Set

from tinygraph.compiler.fast.calls import Call

__all__ = ["is_alone", "scratch_of", "viewed_names"]

# Scratch memory where a block is called, and the parameters of an update that are memory of that kind.
_SCRATCH = re.compile(r"scratch_\d+_\d+$")
_WORK = re.compile(r"work_\d+$")


def scratch_of(function: ast.FunctionDef, tree: ast.Module) -> frozenset[str]:
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


def viewed_names(tree: ast.Module, memory: Set[str]) -> set[str]:
    """Return the names that the first part of a text reads, but for those whose memory it gives to other values."""
    found: set[str] = set()
    for statement in tree.body:
        if isinstance(statement, ast.FunctionDef):
            continue
        names = [node for node in ast.walk(statement) if isinstance(node, ast.Name)]
        if not all(node.id in memory for node in names if isinstance(node.ctx, ast.Store)):
            found |= {node.id for node in names if isinstance(node.ctx, ast.Load)}
    return found


def is_alone(names: set[str], calls: Sequence[Call], slots: Collection[str], within: ast.AST) -> bool:
    """Return whether memory is used in one run only, and is written there before it is read.

    Args:
        names: of the memory.
        calls: of the run.
        slots: of the run. Its function is called with each of them once.
        within: the function, or all functions of the text, where the names may stand.
    """
    for call in calls:
        if not names.isdisjoint(call.operands) or (call.where is not None and not names.isdisjoint(call.slots)):
            return False
        if call.target in names:
            break
    functions = within.body if isinstance(within, ast.Module) else [within]
    used = [
        node.id
        for function in functions if isinstance(function, ast.FunctionDef)
        for node in ast.walk(function) if isinstance(node, ast.Name) and node.id in names
    ]  # fmt: skip
    return len(used) == len(names.intersection(slots))
