"""Imports point downwards: no circle of files, and no room knows a room that stands below it in the map.

The map is the table of rooms in CONTRIBUTING.md, and after it the tables of the compiler's stages and of the rooms of
pictures. A file may import what stands in its own row or higher. Imports for types and imports inside functions count
as all others do, and so does `import_module` of a name that can be read. Names in data are no imports: the public names
in `tinygraph/__init__.py`, the rarer rooms in `engine/table.py` and the room of live pages in `drawing/page/live.py`,
which are loaded when they are first asked for.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "tinygraph"

# The imports against the order, each with its reason.
AGAINST: dict[str, str] = {}

DIVIDED = {"compiler/": 1, "drawing/": 2}  # rooms with rooms of their own, and the number of their table

LONGEST_CHAIN = 11  # networks train by compiled steps, so that layers stand above the compiler


@cache
def files() -> dict[str, Path]:
    """Return the modules of tinygraph by their dotted names; a package is its `__init__.py`."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        found[name.removesuffix(".__init__")] = path
    return found


def imported(tree: ast.AST) -> Iterator[str]:
    """Yield the modules that a file imports, wherever in it the import stands."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module is not None:
            assert node.level == 0, "relative imports are not read"
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                yield full if full in files() else node.module
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in {"import_module", "importlib.import_module"}:
            yield from (item.value for item in node.args[:1] if isinstance(item, ast.Constant))


@cache
def imports() -> dict[str, list[str]]:
    """Return the modules of tinygraph that each module imports."""
    found = {}
    for name, path in files().items():
        targets = set(imported(ast.parse(path.read_text("utf-8"))))
        found[name] = sorted(target for target in targets if target in files() and target != name)
    return found


@cache
def tables() -> list[list[list[str]]]:
    """Return the tables of the map: the rooms, the stages, the rooms of pictures. A row is a list of paths."""
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8").split("## Where things are")[1].split("\n## ")[0]
    return [
        [re.findall(r"`([^`]+)`", line.split("|")[1]) for line in table.splitlines() if line.startswith("| `")]
        for table in text.split("| --- |")[1:]
    ]


def row_of(path: str, table: int) -> int:
    """Return the row of a table that a file stands in, the one with the longest path to it; -1 for none."""
    found = [
        (len(room), index)
        for index, row in enumerate(tables()[table])
        for room in row
        if path == room or (room.endswith("/") and path.startswith(room))
    ]
    return max(found, default=(0, -1))[1]


@cache
def place_of(path: str) -> tuple[int, ...]:
    """Return the place of a file in the map: its row in each table."""
    return tuple(row_of(path, table) for table in range(len(tables())))


def short(module: str) -> str:
    """Return the path of a module below `tinygraph/`."""
    return files()[module].relative_to(PACKAGE).as_posix()


@cache
def pairs() -> set[tuple[str, str]]:
    """Return all imports as pairs of paths: a file and a file that it imports."""
    return {(short(module), short(target)) for module, targets in imports().items() for target in targets}


def against_the_order() -> set[str]:
    """Return the imports of a file that stands lower in the map."""
    return {f"{file} -> {target}" for file, target in pairs() if place_of(target) > place_of(file)}


def circles() -> list[list[str]]:
    """Return the sets of files that import each other, directly or by way of others."""
    reached = {name: below(name) for name in imports()}
    found = {frozenset(b for b in reached[a] if a in reached[b]) for a in imports()}
    return sorted(sorted(map(short, circle)) for circle in found if circle)


def below(name: str) -> set[str]:
    """Return the modules that an import of `name` leads to."""
    seen: set[str] = set()
    waiting = [*imports()[name]]
    while waiting:
        target = waiting.pop()
        if target not in seen:
            seen.add(target)
            waiting += imports()[target]
    return seen


def longest_chain() -> list[str]:
    """Return the longest way down from room to room, along imports that follow the order."""
    edges: dict[int, set[int]] = {row: set() for row in range(len(tables()[0]))}
    for file, target in pairs():
        if row_of(file, 0) > row_of(target, 0):
            edges[row_of(file, 0)].add(row_of(target, 0))
    chains: dict[int, list[int]] = {}
    for row in sorted(edges):
        chains[row] = max(([row, *chains[other]] for other in sorted(edges[row])), key=len, default=[row])
    return [tables()[0][row][0] for row in max(chains.values(), key=len)]


def test_every_file_stands_in_the_map():
    unknown = [short(name) for name in files() if place_of(short(name))[0] < 0]
    unknown += [
        path
        for room, table in DIVIDED.items()
        for path in map(short, files())
        if path.startswith(room) and path != f"{room}__init__.py" and row_of(path, table) < 0
    ]
    assert not unknown, f"CONTRIBUTING.md names no room for {unknown}"


def test_every_room_of_the_map_is_there():
    missing = [room for table in tables() for row in table for room in row if not (PACKAGE / room).exists()]
    assert not missing, f"CONTRIBUTING.md names rooms that are not there: {missing}"


def test_no_files_import_each_other_in_a_circle():
    assert not circles(), "\n".join(map(" <-> ".join, circles()))


def test_imports_point_to_rooms_that_stand_higher():
    unknown = sorted(against_the_order() - AGAINST.keys())
    assert not unknown, f"against the order of rooms: {unknown}"


def test_every_import_on_the_list_is_still_there():
    gone = sorted(AGAINST.keys() - against_the_order())
    assert not gone, f"take off the list: {gone}"


def test_no_chain_of_rooms_is_long():
    chain = longest_chain()
    assert len(chain) <= LONGEST_CHAIN, " -> ".join(chain)
