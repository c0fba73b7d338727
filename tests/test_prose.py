"""Docstrings say what is done, or what a thing is; a clause in place of the noun makes a sentence be read twice."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
CLAUSES = frozenset(("What", "Whether", "Where", "How", "Which", "When", "Who", "As"))


def statements(node: ast.AST):
    """Yield a module, or a statement, and all statements inside."""
    yield node
    for inside in ast.iter_child_nodes(node):
        if isinstance(inside, ast.stmt):
            yield from statements(inside)


def docstrings(path: Path):
    """Yield the line and the text of each docstring of a module."""
    for node in statements(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            text = ast.get_docstring(node)
            if text:
                yield getattr(node, "lineno", 1), text


def test_no_docstring_begins_with_a_clause():
    found = [
        f"{path.relative_to(ROOT)}:{line}: {text.splitlines()[0]}"
        for house in ("tinygraph", "demos", "tests")
        for path in sorted((ROOT / house).rglob("*.py"))
        for line, text in docstrings(path)
        if text.split()[0].rstrip(",:;") in CLAUSES
    ]
    assert not found, "\n".join(["Begin with a verb or a noun phrase:", *found])


ROOMS = [
    *(
        ROOT / "tinygraph" / room
        for room in ("derivatives", "elsewhere", "engine", "functions", "graph", "users_code", "expression")
    ),
    *[
        path.parent
        for house in ("compiler", "drawing", "export")
        for path in sorted((ROOT / "tinygraph" / house).glob("*/__init__.py"))
    ],
]


@pytest.mark.parametrize("room", ROOMS, ids=lambda room: f"{room.parent.name}/{room.name}")
def test_the_page_of_a_room_names_its_files(room):
    page = ast.get_docstring(ast.parse((room / "__init__.py").read_text(encoding="utf-8")))
    files = {path.stem for path in room.glob("*.py")} - {"__init__"}
    assert not files - set(re.findall(r"[a-z_]+", page))
    named = re.findall(r"^    ([a-z_]+) {2,}(?=[^ `])", page, re.MULTILINE)
    assert not set(named) - files
