"""The module: a compiled program as the text of a JavaScript file.

const weights = { w: Float64Array.of(...) };

function step(x, y) {
  ...
}

It is a plain script: `require` and `import` of Node find the function in it, and in a page it is a global name.
"""

from __future__ import annotations

import base64
import functools
import json
import os
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from tinygraph.compiler.javascript import images, indexing, loops, products, rearranging, reductions
from tinygraph.compiler.javascript.compositions import in_parts
from tinygraph.compiler.javascript.elementwise import ELEMENTWISE
from tinygraph.compiler.javascript.expressions import number
from tinygraph.compiler.javascript.helpers import HELPERS
from tinygraph.compiler.javascript.kinds import ARRAYS
from tinygraph.compiler.javascript.naming import Names, taken_names
from tinygraph.compiler.javascript.values import Formula, Number, Stored, Value
from tinygraph.compiler.javascript.writer import WIDTH, Writer
from tinygraph.compiler.names import TakenNames, users
from tinygraph.compiler.phases import PHASES, ROLL, phase_by_phase
from tinygraph.compiler.program.builder import steps_of
from tinygraph.compiler.program.loops import in_bodies
from tinygraph.compiler.program.program import Program
from tinygraph.compiler.program.steps import Step
from tinygraph.compiler.saving.files import write
from tinygraph.compiler.saving.saved_programs import SavedProgram
from tinygraph.compiler.schedule.unnesting import least_counts
from tinygraph.compiler.write.comments import one_line
from tinygraph.errors import UnsupportedError
from tinygraph.graph import Graph, Node

__all__ = ["javascript_of", "names_in", "save_javascript"]

_TABLES = {
    **rearranging.TABLE, **reductions.TABLE, **products.TABLE, **images.TABLE, **indexing.TABLE, **loops.TABLE,
}  # fmt: skip
# The rewrites that leave a program as a person reads it. Those behind write it for BLAS.
_READABLE = ("absorb", "fold", "simplify", "simplify again", "share")
# An array with more numbers is written as bytes, in base64.
_MOST_NUMBERS = 4096


def save_javascript(path: str | os.PathLike[str], name: str, saved: SavedProgram) -> None:
    """Write a program as a JavaScript file.

    Args:
        path: of the file, in a folder that is there.
        name: of the function.
        saved: the program, its `runner` being the `Program` itself.

    Raises:
        UnsupportedError: the program calls something that cannot be written as JavaScript. No file is written.
    """
    write(Path(path), javascript_of(name, saved), {})


def javascript_of(name: str, saved: SavedProgram, comments: bool = True) -> str:
    """Return a program as the text of a JavaScript file; see `save_javascript`.

    Args:
        comments: the lines of the user's code stand above the statements.
    """
    program: Program = saved.runner
    if saved.generators:
        raise UnsupportedError(
            f"save: {name} draws random numbers, and JavaScript has not NumPy's generators. Draw them outside, and "
            "give the numbers to the function as an argument"
        )
    if program.written:
        written = program.written[0][0].name or "an argument"
        raise UnsupportedError(
            f"save: {name} writes into {written}, an array among its arguments, and a JavaScript array may have other "
            "numbers than NumPy's. Let the function return the new values"
        )
    if program.twin is not None:
        try:
            return _File(name, saved, comments).text()
        except (UnsupportedError, NotImplementedError):  # a loop that is repeated as often as in the last call, then
            saved = replace(saved, runner=replace(program, twin=None))
    return _File(name, saved, comments).text()


def names_in(saved: SavedProgram) -> tuple[list[tuple[str, Any]], list[tuple[str, Any]]]:
    """Return the names and shapes of the arguments and of the kept values in the file of a program.

    The shape of an argument that the program does not use is None.
    """
    file = _File("step", saved)
    arguments = [(item.name, None if item.node is None else item.node.shape) for item in file.arguments]
    return arguments, [(item.name, item.node.shape) for item in file.states if item.node is not None]


def _graph_of(program: Program) -> Graph:
    """Return the graph of a program, made simpler and with its repeated steps as loops."""
    graph = steps_of(program)
    phases = (ROLL, *[phase for phase in PHASES if phase.name in _READABLE])
    for phase, after in phase_by_phase(graph, program, phases):
        if phase.name == "own":
            break
        graph = after
    split = functools.partial(in_parts, is_known=lambda function: function in _TABLES or function in ELEMENTWISE)
    return split(in_bodies(graph, split))


@dataclass(frozen=True)
class _Argument:
    """An argument of the function, or a value that the function keeps."""

    name: str
    node: Node | None

    def described(self) -> str:
        """Return the name, dtype and shape."""
        if self.node is None:
            return f"{self.name}: is not used"
        shape = self.node.shape
        return f"{self.name}: {self.node.dtype}" + (f" of shape {_shape(shape)}" if shape else "")


class _File:
    """The parts of a file.

    Args:
        name: of the function.
        saved: the program.
        comments: the lines of the user's code stand above the statements.
    """

    def __init__(self, name: str, saved: SavedProgram, comments: bool = True) -> None:
        self.saved = saved
        self.program: Program = saved.runner
        self.graph = _graph_of(self.program)
        self.taken: TakenNames = taken_names()
        self.name = self.taken.take(users(name))
        self.writer = Writer(_TABLES, self.taken, comments)
        self._returned: set[str] = set()  # the arrays that are results already
        self.writer.least = least_counts(self.graph)
        self.names = Names(self.graph, self.taken)
        given = [step for step in self.graph.nodes if isinstance(step, Step) and step.given]
        count = len(self.program.arguments)
        self.inputs, self.kept = given[:count], given[count:]
        by_leaf = dict(zip(saved.arguments, self.inputs, strict=True))
        self.arguments = [self._argument(by_leaf.get(leaf), leaf) for leaf in range(saved.leaves)]
        self.states = [_Argument(self._name(step), step) for step in self.kept]
        self._updated = {
            state.name
            for variable, state, step in zip(self.program.variables, self.states, self.kept, strict=True)
            if variable.updated is not None and step.shape
        }

    def _argument(self, step: Step | None, leaf: int) -> _Argument:
        return _Argument(self.taken.take(f"unused_{leaf}"), None) if step is None else _Argument(self._name(step), step)

    def _name(self, step: Step) -> str:
        return self.names.of(step)

    def text(self) -> str:
        """Return the whole file."""
        body = self._body()
        parts = [self._head(), *self._state(), *self._constants(), *self._helpers(), body, self._tail()]
        return "\n\n".join(["\n".join(part) for part in parts if part]) + "\n"

    # --- the function -------------------------------------------------------------------------------------------------

    def _body(self) -> list[str]:
        w = self.writer
        for argument in self.arguments:
            if argument.node is not None:
                self._converted(argument, argument.node)
        names = [state.name for state in self.states]
        if names:
            w.line(f"const {{ {', '.join(names)} }} = weights;")
        with w.within(self.graph, self.names) as values:
            for step in self.inputs:
                values[step.index] = _given(step, self.names.of(step))
            for step, state in zip(self.kept, self.states, strict=True):
                values[step.index] = _given(step, state.name)
            w.write(self.graph)
            results = self._result(self.program.results, iter(self._outputs()), values)
            self._update(values)
        self._return(results)
        head = f"function {self.name}({', '.join([argument.name for argument in self.arguments])}) {{"
        return [head, *w.lines, "}"]

    def _return(self, results: str) -> None:
        """Write the return statement, in several lines where it is long and no nest."""
        w, inside = self.writer, results[1:-1]
        if len(results) + 12 <= WIDTH or results[:1] != "[" or "[" in inside or "{" in inside:
            w.line(f"return {results};")
            return
        with_indent = textwrap.wrap(inside, WIDTH - 8, break_long_words=False)
        w.line("return [")
        w.lines += [f"    {line}" for line in with_indent]
        w.line("];")

    def _converted(self, argument: _Argument, node: Node) -> None:
        """Write the line that turns an argument into numbers of its dtype."""
        name, kind = argument.name, self.writer.kind(node, node.dtype)  # type: ignore[arg-type]
        words = json.dumps(argument.described(), ensure_ascii=False)
        found = f"array({name}, {kind}, {node.size}, {words})"
        self.writer.line(f"{name} = {found if node.shape else f'{found}[0]'};")

    def _outputs(self) -> Sequence[Step]:
        return self.graph.outputs  # type: ignore[return-value]

    def _result(self, nest: Any, outputs: Any, values: dict[int, Value]) -> str:
        """Return the expression of a nest of results, each array with memory of its own."""
        if isinstance(nest, Node):
            return self._own(next(outputs), values)
        if isinstance(nest, dict):
            items = [f"{_key(key)}: {self._result(item, outputs, values)}" for key, item in nest.items()]
            return f"{{ {', '.join(items)} }}" if items else "{}"
        if isinstance(nest, list | tuple):
            return f"[{', '.join([self._result(item, outputs, values) for item in nest])}]"
        if nest is None or isinstance(nest, str | bool):
            return json.dumps(nest)
        if isinstance(nest, int | float | np.number | np.bool_):
            return number(nest if isinstance(nest, int | float) else nest.item()).text
        array = np.asarray(nest)
        if array.dtype in ARRAYS:
            return self._copied(self.writer.kept("constant", array))
        raise UnsupportedError(
            f"save: {self.name} returns {type(nest).__name__}, which JavaScript has no word for. Return arrays, "
            "numbers, strings, and lists, tuples and dicts of them"
        )

    def _own(self, step: Step, values: dict[int, Value]) -> str:
        value = values[step.index]
        w = self.writer
        if not step.shape:
            value = self._settled(step, value, f"{self.names.of(step)}_result")
            found = value.at(()).text
            if isinstance(value, Number) and any(found == state.name for state in self.states):
                return found
            return f"Boolean({found})" if np.dtype(step.dtype).kind == "b" else found
        if isinstance(value, Stored) and value.is_whole and value.is_own and value.name not in self._returned:
            self._returned.add(value.name)
            return value.name
        if isinstance(value, Stored) and value.is_whole:
            return self._copied(value)
        filled = w.fill(step, _plainly(step, value), self.taken.take(f"{self.names.of(step)}_result"))
        return filled.name

    def _copied(self, value: Stored) -> str:
        """Return a copy of an array that others have, taken before anything is updated."""
        name = self.taken.take(f"{value.name}_copy")
        self.writer.line(f"const {name} = {value.name}.slice();")
        return name

    def _settled(self, step: Step, value: Value, name: str) -> Value:
        """Return a value that no update changes: one that is read from an array that is updated is computed before."""
        if not {*value.reads()} & self._updated:
            return value
        w, name = self.writer, self.taken.take(name)
        if step.shape:
            return w.fill(step, _plainly(step, value), name)
        w.line(f"const {name} = {value.at(()).text};")
        return Number(name, (), step.dtype)

    def _update(self, values: dict[int, Value]) -> None:
        """Write the new values of those that the function keeps."""
        w = self.writer
        pairs = [
            (state, variable.updated, step)
            for variable, state, step in zip(self.program.variables, self.states, self.kept, strict=True)
            if variable.updated is not None
        ]
        ends = self._outputs()[len(self.graph.outputs) - len(pairs) :]
        waiting = []
        for (state, _, _), end in zip(pairs, ends, strict=True):
            value = values[end.index]
            if _is_the_same(value, state.name, end):
                continue
            waiting.append((state, end, self._settled(end, value, f"{state.name}_next")))
        if waiting:
            w.forget()
            w.line("")
            w.line("// the new values of what is kept")
        for state, end, value in waiting:
            if not end.shape:
                w.line(f"weights.{state.name} = {value.at(()).text};")
            elif isinstance(value, Stored) and value.is_whole:
                w.line(f"{state.name}.set({value.name});")
            else:
                w.copy(value, Stored.whole(state.name, end.shape, end.dtype))

    # --- around it ----------------------------------------------------------------------------------------------------

    def _head(self) -> list[str]:
        given = [f"//   {argument.described()}" for argument in self.arguments]
        lines = [
            f"// {self.name}: written by tinygraph. Plain JavaScript: typed arrays and loops, no library.",
            "//",
            f"//   const {{ {self.name} }} = require(...)      in Node; in a page, the script makes {self.name} global",
        ]
        if given:
            lines += ["//", "// It is given, each array as its rows one after the other, or as nested arrays:", *given]
        lines += ["//", f"// It returns {_nest(self.program.results)}."]
        if self.states:
            lines += ["//", "// It keeps, in weights:", *[f"//   {state.described()}" for state in self.states]]
        return [*map(one_line, lines), '"use strict";']

    def _state(self) -> list[list[str]]:
        if not self.states:
            return []
        entries = [
            f"  {state.name}: {self._kept(value.value, state.node)},"
            for state, value in zip(self.states, self.saved.state, strict=True)
        ]
        return [["const weights = {", *entries, "};"]]

    def _kept(self, value: Any, node: Node | None) -> str:
        assert node is not None
        array = np.asarray(value, node.dtype)
        return _array(array, self.writer.used) if array.shape else number(array.item()).text

    def _constants(self) -> list[list[str]]:
        lines = [f"const {name} = {_array(array, self.writer.used)};" for name, array in self.writer.constants.items()]
        return [lines] if lines else []

    def _helpers(self) -> list[list[str]]:
        used = set(self.writer.used)
        for name in [*used]:
            used |= {other for other in HELPERS if other != name and f"{other}(" in HELPERS[name]}
        return [HELPERS[name].split("\n") for name in HELPERS if name in used]

    def _tail(self) -> list[str]:
        lines = [f"{self.name}.weights = weights;"] if self.states else []
        shapes = ", ".join([f"{argument.name}: {_sizes(argument.node)}" for argument in self.arguments])
        return [
            *lines,
            f"{self.name}.shapes = {{ {shapes} }};" if shapes else f"{self.name}.shapes = {{}};",
            f'if (typeof module !== "undefined") module.exports = {{ {self.name} }};',
            f"else globalThis.{self.name} = {self.name};",
        ]


def _plainly(step: Step, value: Value) -> Formula:
    """Return a value as a formula in the shape and dtype of a step."""
    return Formula(step.shape, step.dtype, [value], lambda x: x)


def _is_the_same(value: Value, name: str, end: Step) -> bool:
    """Return whether the new value of a kept one is the old one."""
    if isinstance(value, Stored):
        return value.name == name and value.is_whole and value.shape == end.shape
    return isinstance(value, Number) and value.name == name and not end.shape


def _given(step: Step, name: str) -> Value:
    """Return the value of an argument, or a kept value."""
    return Stored.whole(name, step.shape, step.dtype, is_own=False) if step.shape else Number(name, (), step.dtype)


def _shape(shape: tuple[int, ...]) -> str:
    return f"({', '.join(map(str, shape))}{',' if len(shape) == 1 else ''})"


def _sizes(node: Node | None) -> str:
    return "null" if node is None else f"[{', '.join(map(str, node.shape))}]"


def _nest(nest: Any) -> str:
    """Return the words for a nest of results."""
    if isinstance(nest, Node):
        called = f"{nest.name}: " if nest.name else ""
        return f"{called}{nest.dtype}" + (f" of shape {_shape(nest.shape)}" if nest.shape else "")
    if isinstance(nest, dict):
        return f"{{{', '.join([f'{key}: {_nest(item)}' for key, item in nest.items()])}}}"
    if isinstance(nest, list | tuple):
        return f"[{', '.join(map(_nest, nest))}]"
    return "null" if nest is None else repr(nest)


def _key(key: Any) -> str:
    """Return the key of an object. In brackets it is never the word that sets an object's prototype."""
    text = json.dumps(str(key))
    return f"[{text}]" if text == '"__proto__"' else text


def _array(array: Any, used: set[str]) -> str:
    """Return an array as an expression."""
    kind = ARRAYS[array.dtype]
    flat = np.ascontiguousarray(array).reshape(-1)
    if flat.size > _MOST_NUMBERS:
        used.add("decoded")
        stored = flat.astype(_LITTLE.get(kind, flat.dtype))
        return f'decoded("{base64.b64encode(stored.tobytes()).decode()}", {kind})'
    if flat.size and (flat == flat[0]).all() and not (flat[0] == 0 and np.signbit(flat.astype(float)).any()):
        filled = number(flat[0].item()).text
        return f"new {kind}({flat.size})" + ("" if filled == "0" else f".fill({filled})")
    numbers = [_short(item) for item in flat]
    lines, line = [], ""
    for text in numbers:
        if len(line) + len(text) > WIDTH - 10:
            lines.append(line.rstrip())
            line = ""
        line += f"{text}, "
    lines.append(line.rstrip(", "))
    return f"{kind}.of({lines[0]})" if len(lines) == 1 else f"{kind}.of(\n    " + "\n    ".join(lines) + "\n  )"


def _short(item: Any) -> str:
    """Return the shortest text of a number that is read as the same number in its dtype."""
    if item.dtype == np.float32 and np.isfinite(item) and item != np.trunc(item):
        return str(item)
    return number(item.item()).text


_LITTLE = {"Float64Array": np.dtype("<f8")}
