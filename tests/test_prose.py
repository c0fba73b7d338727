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


def _is_page(path):
    """Return whether an `__init__.py` is a page for readers, and no face with names for users."""
    return len(ast.parse(path.read_text(encoding="utf-8")).body) == 1


PAGES = [path.parent for path in sorted((ROOT / "tinygraph").rglob("__init__.py")) if _is_page(path)]
# These have names for users, and a page for readers beside.
FACES = [ROOT / "tinygraph" / room for room in ("elsewhere", "expression", "functions", "graph")]
FACES += [path.parent for path in (ROOT / "tinygraph" / "compiler").glob("*/__init__.py") if not _is_page(path)]


@pytest.mark.parametrize("room", [*PAGES, *FACES], ids=lambda room: f"{room.parent.name}/{room.name}")
def test_the_page_of_a_room_names_its_files(room):
    page = ast.get_docstring(ast.parse((room / "__init__.py").read_text(encoding="utf-8")))
    files = {path.stem for path in room.glob("*.py")} - {"__init__"}
    assert not files - set(re.findall(r"[a-z_0-9]+", page))
    named = re.findall(r"^(?: {4})?([a-z_0-9]+) {2,}(?=[^ `])", page, re.MULTILINE)
    assert not set(named) - files
