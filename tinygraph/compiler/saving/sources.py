"""Sources: functions that a program calls, written into a file of their own with all that they call.

A function of tinygraph's, or a primitive of a user's, stands in a saved file as it stands in its module, without its
annotations. Its constants are written before it, and modules that it uses are imported.
"""

from __future__ import annotations

import ast
import functools
import inspect
import re
import sys
import textwrap
from collections.abc import Callable
from types import CodeType, ModuleType
from typing import Any

import numpy as np

from tinygraph.compiler.names import TakenNames, is_free
from tinygraph.compiler.program.decisions import Left
from tinygraph.compiler.write.literals import number_text
from tinygraph.engine.probing import reach_of, read_for
from tinygraph.errors import GraphError, NonFiniteError, ShapeError, UnsupportedError
from tinygraph.users_code.instructions import is_same_code

__all__ = ["Sources"]


_LEFT = '"""A call leaves the path of a program: the number of the decision, its outcome, and the line."""'


class Sources:
    """The functions of a file, each once.

    Attributes:
        taken: the names that mean something at the top of the file.
        modules: the lines that import what the functions use, by the name that they give it.
        needs: the packages besides NumPy and Python's own that they use.
    """

    def __init__(self, alone: bool = False) -> None:
        """Begin without functions.

        Args:
            alone: they are for one function that is added, and stand in a scope of its own.
        """
        self._alone = alone
        self.taken = TakenNames()
        self.modules: dict[str, str] = {}
        self.needs: set[str] = set()
        self._written: dict[str, str] = {}  # by name the text of a function or a constant, in the order of the file
        self._meant: dict[str, Any] = {}  # by name the function, constant or module itself

    @property
    def texts(self) -> list[str]:
        """The functions and constants, each before the first that uses it."""
        return [text for text in self._written.values() if text]

    def add(self, function: Callable[..., Any]) -> str:
        """Write down a function and all that it calls; return its name in the file.

        Raises:
            UnsupportedError: it cannot be written down.
        """
        if hasattr(function, "while_recording"):
            raise UnsupportedError(
                f"save: the program calls {function.__name__}, which other ranks take part in, and a file is for one "
                "process. Compile and save the function that computes without it"
            )
        if function in (reach_of, read_for):
            raise UnsupportedError(
                "save: a condition leaves out a part of a result that is computed from whole arrays, as in "
                "np.where(mask, np.linalg.norm(x, axis=1), 0). The program finds with tinygraph which numbers its "
                "gradient depends on, and a file has NumPy alone. Save the function without its gradient, or apply the "
                "condition to the arguments of the call: np.linalg.norm(np.where(mask[:, None], x, 0), axis=1)"
            )
        plain = inspect.unwrap(function)
        known = next((name for name, meant in self._meant.items() if meant is plain), None)
        if known is not None:
            return known
        own = getattr(plain, "__name__", "")
        free = own.isidentifier() and is_free(own) and own not in self.taken
        name = own if free else self.taken.take(own if own.isidentifier() else "function")
        if (line := _import_of(function, name)) is not None:
            self._meant[name], self.modules[name] = plain, line
            self.taken.add(name)
            return name
        before = dict(self._written), dict(self._meant), dict(self.modules)
        try:
            self._write(name, plain)
        except _ClashError:
            if self._alone:
                raise
            self._written, self._meant, self.modules = before
            self._write_apart(name, plain)
        return name

    def _write_apart(self, name: str, plain: Any) -> None:
        """Write down a function in a scope of its own: what it calls has names that mean something else in the file."""
        scope = Sources(alone=True)
        own = scope.add(plain)
        for used, line in scope.modules.items():
            if self.modules.setdefault(used, line) != line or (used in self._meant and used not in self.modules):
                raise _ClashError(name, used)
        self.needs |= scope.needs
        outer = self.taken.take(f"{name}_apart")
        inside = textwrap.indent("\n\n".join(scope.texts), "    ")
        self._written[name] = f"def {outer}():\n{inside}\n\n    return {own}\n\n\n{name} = {outer}()"
        self._meant[name] = plain
        self.taken.add(name)

    def _write(self, name: str, plain: Any) -> None:
        """Write down a function under a name, after all that it calls."""
        if self._meant.setdefault(name, plain) is not plain:
            raise _ClashError(name, name)
        if name in self._written:
            return
        self.taken.add(name)
        if plain is Left:
            self._written[name] = f"class {name}(Exception):\n    {_LEFT}\n"
            return
        self._written[name] = ""  # a function may call itself
        text, definition = _definition(name, plain)
        bare = _bare(text, definition, name)
        written = ast.parse(bare)
        if re.search(r"\btinygraph\b", ast.unparse(written)):
            raise _cannot(name, "it imports from tinygraph")
        self._note_imports(written)
        for used in sorted(_names_in(written)):
            if used in plain.__globals__:
                self._use(name, used, plain.__globals__[used])
        if name != plain.__name__ and plain.__name__ in _names_in(written):
            raise _cannot(name, "it calls itself, and its name means something else in the file")
        del self._written[name]
        self._written[name] = bare

    def _use(self, name: str, used: str, value: Any) -> None:
        """Write down what a function finds at the top of its module."""
        if value is np and used == "np":
            return
        if isinstance(value, ModuleType):
            if value.__name__.partition(".")[0] == "tinygraph":
                raise _cannot(name, f"it uses the module {value.__name__}")
            self._mean(name, used, value)
            line = value.__name__ if value.__name__ == used else f"{value.__name__} as {used}"
            self.modules[used] = f"import {line}"
            self._need(value.__name__)
        elif _has_literal(value):
            self._mean(name, used, value)
            self._written.setdefault(used, f"{used} = {_literal_text(value)}")
        elif any(value is error for error in _ERRORS):
            self._mean(name, used, value)
            self._written.setdefault(used, f"{used} = {value.__base__.__name__}")
        elif (imported := _import_of(value, used)) is not None:
            self._mean(name, used, inspect.unwrap(value))
            self.modules[used] = imported
        elif value is Left or inspect.isfunction(inspect.unwrap(value)):
            self._write(used, inspect.unwrap(value))
        else:
            raise _cannot(name, f"it uses {used}, a {type(value).__name__}")

    def _mean(self, name: str, used: str, value: Any) -> None:
        """Take a name for a module or a constant, which must not mean something else in the file."""
        meant = self._meant.setdefault(used, value)
        if meant is not value and not (_has_literal(meant) and _has_literal(value) and repr(meant) == repr(value)):
            raise _ClashError(name, used)
        self.taken.add(used)

    def _note_imports(self, definition: ast.AST) -> None:
        """Note the packages that a function imports itself."""
        for node in ast.walk(definition):
            if isinstance(node, ast.Import):
                for item in node.names:
                    self._need(item.name)
            elif isinstance(node, ast.ImportFrom):
                self._need(node.module or "")

    def _need(self, module: str) -> None:
        package = module.partition(".")[0]
        if package not in sys.stdlib_module_names and package not in ("numpy", ""):
            self.needs.add(package)


# The errors of tinygraph that have one base, which stands in a file in their place.
_ERRORS = (GraphError, NonFiniteError, ShapeError, UnsupportedError)


class _ClashError(UnsupportedError):
    """Two different things that a file needs have one name."""

    def __init__(self, name: str, used: str) -> None:
        super().__init__(
            f"save: the program calls {name}, and two different things that it needs are both called {used}. "
            "Give one of them another name"
        )


def _import_of(function: Any, name: str) -> str | None:
    """Return the line that imports a function under a name, if it stands in one of NumPy's public modules."""
    module, own = getattr(function, "__module__", None) or "", getattr(function, "__name__", "")
    if module.partition(".")[0] != "numpy" or "._" in module:
        return None
    if getattr(sys.modules.get(module), own, None) is not function:
        return None
    return f"from {module} import {own}{'' if own == name else f' as {name}'}"


def _definition(name: str, plain: Any) -> tuple[str, ast.FunctionDef]:
    """Return the text of a function, and its definition, which must be that of the function as it is now."""
    try:
        text = textwrap.dedent(inspect.getsource(plain))
        tree = ast.parse(text)
    except (OSError, TypeError, SyntaxError):
        raise _cannot(name, "its source is not at hand") from None
    definition = tree.body[0]
    if not isinstance(definition, ast.FunctionDef) or plain.__closure__:
        raise _cannot(name, "it is not a function at the top of a module")
    written = _codes("".join(inspect.findsource(plain)[0]), plain.__code__.co_filename)
    if not any(is_same_code(code, plain.__code__) for code in written if code.co_name == plain.__code__.co_name):
        raise _cannot(name, "its source is another than when it was loaded")
    return text, definition


@functools.lru_cache(maxsize=32)
def _codes(source: str, file: str) -> tuple[CodeType, ...]:
    """Return the code of the functions at the top of a module."""
    try:
        module = compile(source, file, "exec", dont_inherit=True)
    except (SyntaxError, ValueError):
        return ()
    return tuple([item for item in module.co_consts if isinstance(item, CodeType)])


def _has_literal(value: Any) -> bool:
    """Return whether a value is a number, a string or None, or a tuple of them, which Python writes as they are."""
    if type(value) is tuple:
        return all(_has_literal(item) for item in value)
    return type(value) in (int, float, str, bool, type(None))


def _literal_text(value: Any) -> str:
    if type(value) is tuple:
        inside = ", ".join([_literal_text(item) for item in value])
        return f"({inside},)" if len(value) == 1 else f"({inside})"
    return number_text(value) if type(value) is float else repr(value)


# What is said in comments to those who check the code.
_CHECKED = re.compile(r"[ ]*# (type: ignore|noqa|fmt:).*$", re.MULTILINE)


def _bare(text: str, definition: ast.FunctionDef, name: str) -> str:
    """Return a function's own text under a name, without annotations, and without decorators other than NumPy's."""
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


def _names_in(tree: ast.AST) -> set[str]:
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}


def _cannot(name: str, why: str) -> UnsupportedError:
    return UnsupportedError(
        f"save: the program calls {name}, which cannot be written into a file of its own: {why}. Write it with NumPy's "
        "functions instead of making it a primitive, or define it at the top of a module with NumPy alone"
    )
