"""Runs as statements again: as a function of NumPy's calls, or in their own place."""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterable, Mapping
from typing import Any

from tinygraph.compiler.fast.calls import Call, slot_text
from tinygraph.compiler.fast.runs import Run

__all__ = ["as_function", "put_back"]


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
        name = self._names[slot_text(node.targets[0])]
        whole = ast.Subscript(ast.Name(name, ast.Load()), ast.Constant(...), ast.Store())
        return ast.copy_location(ast.Assign([whole], self.visit(node.value)), node)

    def visit_Subscript(self, node: ast.Subscript) -> ast.expr:
        return self._renamed(node)

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return self._renamed(node)

    def _renamed(self, node: ast.expr) -> ast.expr:
        name = self._names.get(slot_text(node))
        return node if name is None else ast.copy_location(ast.Name(name, ast.Load()), node)
