"""Functions fit on a screen, stay shallow, and leave other files' private names alone."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent
LINES, LEVELS = 60, 4
# The quick paths are written out in one piece; see `tinygraph.engine.quick` for the times.
QUICK = ("tinygraph/engine/quick.py", "tinygraph/engine/quick_writes.py")
BLOCKS = (ast.If, ast.For, ast.While, ast.With, ast.Try)


@cache
def trees() -> dict[str, ast.Module]:
    """Return the modules of tinygraph, by their paths."""
    paths = sorted((ROOT / "tinygraph").rglob("*.py"))
    return {path.relative_to(ROOT).as_posix(): ast.parse(path.read_text(encoding="utf-8")) for path in paths}


def functions() -> Iterator[tuple[str, ast.FunctionDef]]:
    """Yield each function with its path."""
    for path, tree in trees().items():
        yield from [(path, node) for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]


def lines_of(function: ast.FunctionDef) -> int:
    """Return the number of lines behind the arguments and the docstring."""
    body = function.body[1:] if ast.get_docstring(function) is not None else function.body
    return (function.end_lineno or 0) - body[0].lineno + 1 if body else 0


def levels_of(node: ast.AST) -> int:
    """Return how deep blocks stand in blocks; an `elif` is as deep as its `if`."""
    deepest = 0
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.FunctionDef | ast.ClassDef):
            is_elif = isinstance(node, ast.If) and node.orelse == [child] and isinstance(child, ast.If)
            deepest = max(deepest, levels_of(child) + (isinstance(child, BLOCKS) and not is_elif))
    return deepest


def test_a_function_fits_on_a_screen():
    long = [f"{path}: {f.name}, {lines_of(f)} lines" for path, f in functions() if lines_of(f) > LINES]
    assert not [told for told in long if not told.startswith(QUICK)]


def test_blocks_stand_in_few_others():
    assert not [f"{path}: {f.name}, {levels_of(f)} levels" for path, f in functions() if levels_of(f) > LEVELS]


def test_levels_are_counted():
    function = ast.parse("def f():\n if a:\n  pass\n elif b:\n  for c in d:\n   while e:\n    pass\n").body[0]
    assert levels_of(function) == 3


def test_no_file_imports_a_private_name():
    found = [
        f"{path}: {alias.name} of {node.module}"
        for path, tree in trees().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("tinygraph")
        for alias in node.names
        if alias.name.startswith("_") and not alias.name.startswith("__")
    ]
    assert not found


def test_names_for_others_are_listed_behind_the_imports():
    def is_list(node: ast.stmt) -> bool:
        return isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"

    for path, tree in trees().items():
        kinds = ["list" if is_list(node) else type(node).__name__ for node in tree.body]
        behind = kinds[kinds.index("list") :] if "list" in kinds else []
        assert not {"Import", "ImportFrom"} & {*behind}, path
