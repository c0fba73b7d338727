"""Branches: the parts of the user's code around a line that may not be run."""

from __future__ import annotations

import ast
import functools
import linecache
from collections.abc import Iterator
from typing import NamedTuple

__all__ = ["Branch", "branches_around"]


class Branch(NamedTuple):
    """Lines that are run together: a branch of a condition, the body of a loop, a handler.

    Attributes:
        first, last: its lines.
        is_bound: True for a function or a class, whose branches are apart from those around it.
    """

    first: int
    last: int
    is_bound: bool = False


def branches_around(file: str, line: int) -> tuple[Branch, ...] | None:
    """Return the branches around a line within its function, outermost first; None where the text is not at hand."""
    known = _branches("".join(linecache.getlines(file)))
    if known is None:
        return None
    found: list[Branch] = []
    for branch in known:
        if branch.first <= line <= branch.last:
            found = [] if branch.is_bound else [*found, branch]
    return tuple(found)


@functools.lru_cache(maxsize=64)
def _branches(text: str) -> list[Branch] | None:
    """Return all branches of a file, outer ones first."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return None
    found = [branch for node in ast.walk(tree) for branch in _branches_of(node)] if text else None
    return found and sorted(found, key=lambda branch: (branch.first, -branch.last, not branch.is_bound))


def _branches_of(node: ast.AST) -> Iterator[Branch]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
        yield Branch(node.lineno, node.end_lineno or node.lineno, is_bound=True)
    elif isinstance(node, ast.stmt | ast.ExceptHandler | ast.match_case) and not isinstance(node, _ALWAYS):
        for part in ("body", "handlers", "orelse", "finalbody", "cases"):
            lines = [line for child in getattr(node, part, ()) for line in _ends(child)]
            if lines:
                yield Branch(min(lines), max(lines))


_ALWAYS = (ast.With, ast.AsyncWith)


def _ends(node: ast.AST) -> tuple[int, ...]:
    if isinstance(node, ast.match_case):
        return tuple(line for child in node.body for line in _ends(child))
    first = getattr(node, "lineno", 0)
    return first, getattr(node, "end_lineno", None) or first
