"""Docstrings say what is done, or what a thing is; a clause in place of the noun makes a sentence be read twice."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).parent.parent
CLAUSES = frozenset(("What", "Whether", "Where", "How", "Which", "When"))


def docstrings(path: Path):
    """Yield the line and the text of each docstring of a module."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            text = ast.get_docstring(node)
            if text:
                yield getattr(node, "lineno", 1), text


def test_no_docstring_begins_with_a_clause():
    found = [
        f"{path.relative_to(ROOT)}:{line}: {text.splitlines()[0]}"
        for path in sorted((ROOT / "tinygraph").rglob("*.py"))
        for line, text in docstrings(path)
        if text.split()[0].rstrip(",:;") in CLAUSES
    ]
    assert not found, "\n".join(["Begin with a verb or a noun phrase:", *found])
