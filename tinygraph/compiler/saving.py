"""Saving: a compiled program as a module that needs NumPy alone, with its arrays in an npz beside it."""

from __future__ import annotations

import ast
import inspect
import os
import re
import sys
import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from tinygraph.errors import UnsupportedError

__all__ = ["save_module", "source_without_tinygraph"]


def save_module(
    path: str | os.PathLike[str], source: str, state_comment: str, arrays: dict[str, Any], imports: dict[str, str],
    functions: dict[str, Callable[..., Any]], generators: Sequence[str],
) -> None:  # fmt: skip
    """Write a module, and an npz of the arrays it reads, if there are any.

    Args:
        path: of the module, ending in ".py"; the arrays go into the file of the same name ending in ".npz".
        source: the text of the program.
        state_comment: the lines in it that stand where the arrays are read.
        arrays: by the names that the text gives them.
        imports: by name the line that imports a function.
        functions: the functions that the text calls and that are not NumPy's.
        generators: the names of random generators.

    Raises:
        ValueError: the path does not end in ".py".
        UnsupportedError: a function that the program calls cannot be written down.
    """
    path = Path(path)
    if path.suffix != ".py":
        raise ValueError(f"save: the path must end in .py, got {str(path)!r}")
    source = source_without_tinygraph(source, imports, functions)
    lines: list[str] = []
    if arrays:
        lines += [f'with np.load(Path(__file__).with_name("{path.stem}.npz")) as values:']
        lines += [f'    {name} = values["{name}"]' for name in arrays]
        source = source.replace("import numpy as np\n", "from pathlib import Path\n\nimport numpy as np\n", 1)
    lines += [f"{name} = np.random.default_rng()" for name in generators]
    replaced = "\n".join(lines) + "\n" if lines else ""
    source = source.replace(state_comment, replaced, 1) if state_comment else source
    if arrays:
        plain: dict[str, Any] = {name: np.asarray(value) for name, value in arrays.items()}
        np.savez(path.with_suffix(".npz"), **plain)
    path.write_text(_in_order(source), encoding="utf-8")


def source_without_tinygraph(source: str, imports: dict[str, str], functions: dict[str, Callable[..., Any]]) -> str:
    """The text with each function that it takes from elsewhere written into it."""
    kept: list[str] = []
    written: dict[str, str] = {}
    needed: set[str] = set()
    for name, function in functions.items():
        source = source.replace(f"{imports[name]}\n", "", 1) if name in imports else source
        _write_down(name, function, written, needed)
    kept += written.values()
    if not kept:
        return source
    imported = "".join(f"import {module}\n" for module in sorted(needed) if f"\nimport {module}\n" not in source)
    source = source.replace(
        "import numpy as np\n", f"{imported}import numpy as np\n" if imported else "import numpy as np\n", 1
    )
    place = source.index("import numpy as np\n") + len("import numpy as np\n")
    while source[place:].startswith("from "):  # other imports stay together
        place = source.index("\n", place) + 1
    return source[:place] + "\n\n" + "\n\n\n".join(kept) + "\n\n\n" + source[place:].lstrip("\n")


def _write_down(name: str, function: Any, written: dict[str, str], needed: set[str]) -> None:
    """Write down a function and all that it calls, those first."""
    if name in written:
        return
    written[name] = ""  # a function may call itself
    plain = inspect.unwrap(function)
    try:
        text = textwrap.dedent(inspect.getsource(plain))
        tree = ast.parse(text)
    except (OSError, TypeError, SyntaxError):
        raise _cannot(name, "its source is not at hand") from None
    definition = tree.body[0]
    if not isinstance(definition, ast.FunctionDef) or plain.__closure__:
        raise _cannot(name, "it is not a function at the top of a module")
    bare = _bare(text, definition, name)
    definition = ast.parse(bare).body[0]
    for used in sorted(_names_in(definition)):
        if used not in plain.__globals__ or used in ("np",):
            continue
        value = plain.__globals__[used]
        if isinstance(value, ModuleType):
            if value.__name__.startswith("tinygraph"):
                raise _cannot(name, f"it uses the module {value.__name__}")
            needed.add(value.__name__ if value.__name__ == used else f"{value.__name__} as {used}")
        elif _is_plain(value):
            written.setdefault(used, f"{used} = {value!r}")
        elif inspect.isfunction(inspect.unwrap(value)):
            _write_down(used, value, written, needed)
        else:
            raise _cannot(name, f"it uses {used}, a {type(value).__name__}")
    del written[name]
    if re.search(r"\btinygraph\b", ast.unparse(definition)):
        raise _cannot(name, "it imports from tinygraph")
    written[name] = bare


def _is_plain(value: Any) -> bool:
    """Whether a value is written down as Python writes it."""
    if type(value) is tuple:
        return all(_is_plain(item) for item in value)
    return isinstance(value, int | float | str | bool | type(None))


# What is said in comments to those who check the code.
_CHECKED = re.compile(r"[ ]*# (type: ignore|noqa|fmt:).*$", re.MULTILINE)


def _bare(text: str, definition: ast.FunctionDef, name: str) -> str:
    """A function's own text under a name, without annotations, and without decorators other than NumPy's."""
    lines = [line.encode() for line in text.splitlines()]
    cuts: list[tuple[tuple[int, int], tuple[int, int], bytes]] = []
    for node in ast.walk(definition):
        if isinstance(node, ast.arg) and node.annotation is not None:
            cuts.append(((node.lineno, node.col_offset + len(node.arg.encode())), _end(node.annotation), b""))
        elif isinstance(node, ast.FunctionDef) and node.returns is not None:
            line = lines[node.returns.lineno - 1]
            arrow = line.rindex(b" ->", 0, node.returns.col_offset)
            cuts.append(((node.returns.lineno, arrow), _end(node.returns), b""))
        elif isinstance(node, ast.AnnAssign):
            start = _end(node.target) if node.value is not None else (node.lineno, node.col_offset)
            cuts.append((start, _end(node.annotation), b"" if node.value is not None else b"pass"))
    kept = [item for item in definition.decorator_list if _names_in(item) == {"np"}]
    decorators = [f"@{ast.unparse(item)}" for item in kept]
    place = definition.col_offset + len("def ")
    cuts.append(((definition.lineno, place), (definition.lineno, place + len(definition.name.encode())), name.encode()))
    for (row, column), (last, end), instead in sorted(cuts, reverse=True):
        lines[row - 1 : last] = [lines[row - 1][:column] + instead + lines[last - 1][end:]]
    body = b"\n".join(lines[definition.lineno - 1 :]).decode()
    return "\n".join([*decorators, _CHECKED.sub("", body)])


def _end(node: ast.AST) -> tuple[int, int]:
    return node.end_lineno, node.end_col_offset  # type: ignore[attr-defined]


def _in_order(source: str) -> str:
    """A module with the imports at its top in the order of PEP 8: those of Python's library before the others."""
    lines = source.split("\n")
    begun = next((place for place, line in enumerate(lines) if line.startswith(("import ", "from "))), None)
    if begun is None:
        return source
    end = begun
    while end < len(lines) and (not lines[end] or lines[end].startswith(("import ", "from "))):
        end += 1
    found = sorted([line for line in lines[begun:end] if line], key=lambda line: (line.startswith("from"), line))
    blank = lines[begun + max(place for place, line in enumerate(lines[begun:end]) if line) + 1 : end]
    groups = [[line for line in found if _is_pythons(line) is pythons] for pythons in (True, False)]
    ordered = "\n\n".join(["\n".join(group) for group in groups if group]).split("\n")
    return "\n".join([*lines[:begun], *ordered, *blank, *lines[end:]])


def _is_pythons(line: str) -> bool:
    return line.split()[1].partition(".")[0] in sys.stdlib_module_names


def _names_in(tree: ast.AST) -> set[str]:
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}


def _cannot(name: str, why: str) -> UnsupportedError:
    return UnsupportedError(
        f"save: the program calls {name}, which cannot be written into a file of its own: {why}. Write it with NumPy's "
        "functions instead of making it a primitive, or define it at the top of a module with NumPy alone"
    )
