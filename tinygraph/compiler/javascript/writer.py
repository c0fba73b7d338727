"""The writer: the steps of a program, one after the other, as statements of JavaScript.

Shapes are known, so that loops run over numbers. A view is a place in memory and steps along its axes, and takes no
statement. A formula that one other value reads, element by element, is written into that one's expression.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from tinygraph.compiler.javascript.elementwise import ELEMENTWISE
from tinygraph.compiler.javascript.expressions import Expression, Place
from tinygraph.compiler.javascript.helpers import HELPERS
from tinygraph.compiler.javascript.kinds import ARRAYS, rounded
from tinygraph.compiler.javascript.naming import COUNTERS, Names
from tinygraph.compiler.javascript.values import Formula, Literal, Number, Stored, Value
from tinygraph.compiler.names import TakenNames
from tinygraph.compiler.program.facts import REDUCTIONS
from tinygraph.compiler.program.rewriting import uses_of
from tinygraph.compiler.program.steps import Step, operands_of
from tinygraph.compiler.write.comments import one_line
from tinygraph.errors import UnsupportedError
from tinygraph.graph import Graph, Node

__all__ = ["Write", "Writer", "unknown"]

Shape = tuple[int, ...]
WIDTH = 120
# An expression of more is computed in parts.
MOST_OPERATIONS = 7
INDENT = "  "


def unknown(step: Node, what: str = "") -> UnsupportedError:
    """Return the error for a call that cannot be written as JavaScript."""
    from_place = f" ({step.source})" if step.source is not None else ""
    line = f", in `{step.source.text}`" if step.source is not None and step.source.text else ""
    return UnsupportedError(
        f"save: JavaScript has no form of {step.op}{f' {what}' if what else ''}{line}{from_place}. Compute it outside "
        "and give the result to the function, write it with other functions, or save a module that needs NumPy alone: "
        'step.save("step.py")'
    )


class Writer:
    """The statements of a function.

    Args:
        tables: what writes a call, by the function that is called.
        taken: names that mean something else.
        comments: the lines of the user's code stand above the statements.

    Attributes:
        lines: the statements so far.
        constants: the arrays that are the same at every call, by their names.
        used: the names of the helpers that the statements call.
    """

    def __init__(self, tables: Mapping[Any, Write], taken: TakenNames, comments: bool = True) -> None:
        self.tables = tables
        self.taken = taken
        self._has_comments = comments
        self.lines: list[str] = []
        self.constants: dict[str, Any] = {}
        self.used: set[str] = set()
        self.depth = 1
        self.counter = ""  # of the loop around
        self.repeats: int | None = None  # how often that loop is repeated, if no condition ends it
        self.counts: list[str] = []  # of the loops that conditions end, how often they were repeated
        self.least: Mapping[int, int] = {}  # by the index of such a loop the number of iterations that is needed
        self.exits: list[tuple[Step, Value]] = []  # the values that the loop around keeps of the pass in which it ends
        self._group: Any = None
        self._names: Names = None  # type: ignore[assignment]
        self._values: dict[int, Value] = {}
        self._readers: dict[int, list[Step]] = {}
        self._uses: Mapping[int, int] = {}

    # --- a graph ------------------------------------------------------------------------------------------------------

    @contextmanager
    def within(self, graph: Graph, names: Names) -> Iterator[dict[int, Value]]:
        """Write the steps of a graph in the block, such as the body of a loop. Its values are for use there."""
        before = self._names, self._values, self._readers, self._uses
        self._names, self._values, self._uses = names, {}, uses_of(graph)
        self._readers = {}
        for step in graph.nodes:
            for operand in operands_of(step):
                self._readers.setdefault(operand.index, []).append(step)  # type: ignore[arg-type]
        try:
            yield self._values
        finally:
            self._names, self._values, self._readers, self._uses = before

    def write(self, graph: Graph) -> None:
        """Write the calls of a graph, whose inputs have values."""
        for step in graph.nodes:
            assert isinstance(step, Step)
            if step.index in self._values:
                continue
            self._values[step.index] = self._constant(step) if step.function is None else self._written(step)

    def _constant(self, step: Step) -> Value:
        array = np.asarray(step.value)
        self.kind(step, array.dtype)
        if array.size and (array == array.reshape(-1)[0]).all() and not _has_both_zeros(array):
            return Literal(array.reshape(-1)[0], array.shape, array.dtype)
        return self.kept(step.name or "constant", array)

    def kept(self, wish: str, array: Any) -> Stored:
        """Return an array that is the same at every call, under a name at the top of the file."""
        for name, other in self.constants.items():
            if other.dtype == array.dtype and other.shape == array.shape and other.tobytes() == array.tobytes():
                return Stored.whole(name, array.shape, array.dtype, is_own=False)
        name = self._names.fresh(wish)
        self.constants[name] = array
        return Stored.whole(name, array.shape, array.dtype, is_own=False)

    def _written(self, step: Step) -> Value:
        function: Any = step.function
        write = self.tables.get(function) or self.tables.get(getattr(function, "function", None))
        write = write or self.tables.get(type(function))
        if write is not None:
            return write(self, step)
        if function in ELEMENTWISE:
            return self.element(step)
        raise unknown(step)

    def kind(self, step: Step, dtype: Any) -> str:
        """Return the typed array for a dtype.

        Raises:
            UnsupportedError: there is none.
        """
        found = ARRAYS.get(np.dtype(dtype))
        if found is None:
            raise unknown(step, f"of {np.dtype(dtype)}")
        return found

    # --- values -------------------------------------------------------------------------------------------------------

    def value(self, item: Any, dtype: Any = None) -> Value:
        """Return the value of an argument: a step, an array or a number.

        Args:
            dtype: of a number of Python's.
        """
        if isinstance(item, Step):
            return self._values[item.index]
        array = np.asarray(item, dtype if not hasattr(item, "dtype") else None)
        return Literal(array[()], (), array.dtype) if not array.shape else self.kept("constant", array)

    def has_value(self, step: Step) -> bool:
        """Return whether a step of the block has been written."""
        return step.index in self._values

    def array(self, item: Any, step: Step) -> Stored | Number | Literal:
        """Return the value of an argument, in memory or one number."""
        if not isinstance(item, Step):
            return self.stored(self.value(item), step)
        found = self.stored(self._values[item.index], step, self._names.of(item))
        self._values[item.index] = found  # another call that reads it finds it there
        return found

    def stored(self, value: Value, step: Step, wish: str | None = None) -> Stored | Number | Literal:
        """Return a value in memory, or one number; a formula is computed for that."""
        if isinstance(value, Stored | Number | Literal):
            return value
        name = wish or self._names.fresh("value")
        return self.fill(step, value, name)

    def let(self, step: Step, value: Value) -> Value:
        """Return a formula as the value of a step: in memory, unless its only reader can compute it."""
        return value if self._is_inline(step, value) else self.fill(step, value, self._names.of(step))

    def _is_inline(self, step: Step, value: Value) -> bool:
        """Return whether the expression of a value may stand where its elements are read."""
        readers = self._readers.get(step.index, [])
        if (
            self._names.has_own(step)
            or self._uses[step.index] != 1
            or len(readers) != 1
            or value.weight >= MOST_OPERATIONS
        ):
            return False
        reader = readers[0]
        if reader.source != step.source or reader.section != step.section:
            return False
        if reader.function in ELEMENTWISE:
            return reader.shape == step.shape
        return reader.function in REDUCTIONS and bool(step.shape)

    def new(self, step: Step, name: str | None = None, shape: Shape | None = None, dtype: Any = None) -> Stored:
        """Declare an array of zeros for a step, and return it."""
        shape, dtype = step.shape if shape is None else shape, step.dtype if dtype is None else dtype
        found = Stored.whole(name or self._names.of(step), shape, dtype)
        self.begin(step)
        self.line(f"const {found.name} = new {self.kind(step, dtype)}({found.size});")
        return found

    def fill(self, step: Step, value: Value, name: str, declare: str = "const") -> Stored | Number:
        """Compute the elements of a value, on behalf of a step, and return where they are.

        Args:
            declare: "let" for a name that stands for another array later.
        """
        kind = self.kind(step, value.dtype)
        self.begin(step)
        if not value.shape:
            self.line(f"{declare} {name} = {value.at(()).text};")
            return Number(name, (), value.dtype)
        found = Stored.whole(name, value.shape, value.dtype)
        if value.size == 1 and not isinstance(value, Stored):
            self.line(f"{declare} {name} = {kind}.of({_element(value, [Place()] * len(value.shape)).text});")
            return found
        if isinstance(value, Stored) and value.is_whole and value.dtype == found.dtype:
            self.line(f"{declare} {name} = {value.name}.slice();")
            return found
        if isinstance(value, Literal):
            filled = value.flat(Place()).text
            self.line(f"{declare} {name} = new {kind}({value.size})" + (";" if filled == "0" else f".fill({filled});"))
            return found
        self.line(f"{declare} {name} = new {kind}({found.size});")
        self.copy(value, found)
        return found

    def copy(self, value: Value, target: Stored, operator: str = "=") -> None:
        """Write the elements of a value, broadcast to a part of an array, into that part."""
        if not target.size:
            return
        same = isinstance(value, Stored) and value.is_whole and value.shape == target.shape
        if same and target.is_flat() and operator == "=" and value.size > 1:
            there = "" if target.start == Place() else f", {target.start}"
            self.line(f"{target.name}.set({value.name}{there});")  # type: ignore[attr-defined]
            return
        if value.shape == target.shape and value.is_flat() and target.is_flat():
            with self.loop(target.size) as place:
                self.line(f"{target.flat(place).text} {operator} {_flat(value, place).text};")
            return
        with self.loops(target.shape) as index:
            self.line(f"{target.at(index).text} {operator} {_over(value, target.shape, index).text};")

    # --- elements -----------------------------------------------------------------------------------------------------

    def element(self, step: Step) -> Value:
        """Write a call that computes its result element by element."""
        function: Any = step.function
        given = step.args[: function.nin] if isinstance(function, np.ufunc) else step.args
        if step.kwargs or len(given) != len(step.args):
            raise unknown(step, f"with {', '.join([f'{name}=' for name in step.kwargs]) or 'such arguments'}")
        return self.computed(step, function, given)

    def computed(self, step: Step, function: Any, given: Sequence[Any]) -> Value:
        """Write the elements of a step by the table, for some operands."""
        if not all(isinstance(item, Step | np.ndarray | np.generic | int | float | complex) for item in given):
            raise unknown(step, "of lists, tuples or words")
        operands = given[1:] if function is np.where else given
        kinds = [item.dtype if isinstance(item, Step) else item for item in operands]
        kinds = [item.dtype if isinstance(item, np.ndarray) else item for item in kinds]
        common = np.result_type(*kinds)
        formula = ELEMENTWISE[function].formula(step.dtype, [common])
        if formula is None:
            raise unknown(step, f"of {common}")
        values = [self.value(item, common) for item in given]
        return self.let(step, self.formula(step, values, formula, ELEMENTWISE[function].is_exact))

    def formula(self, step: Step, values: Sequence[Value], formula: Callable[..., Expression], exact: bool) -> Formula:
        """Return the formula of a step."""
        self.kind(step, step.dtype)
        return Formula(step.shape, step.dtype, values, formula, exact)

    # --- text ---------------------------------------------------------------------------------------------------------

    def line(self, text: str) -> None:
        """Append a line."""
        self.used.update([name for name in HELPERS if f"{name}(" in text])
        indent = INDENT * self.depth
        if len(indent) + len(text) <= WIDTH or '"' in text or text.endswith("{"):
            self.lines.append(f"{indent}{text}" if text else "")
        else:  # a line that begins with an operator goes on with the one before
            inside = f"{indent}{INDENT}"
            self.lines += textwrap.wrap(text, WIDTH, initial_indent=indent, subsequent_indent=inside,
                                        break_long_words=False, break_on_hyphens=False)  # fmt: skip

    def begin(self, step: Step) -> None:
        """Begin a group of statements, if a step belongs to another line of the user's than the one before."""
        source = step.source
        group = (step.section, None if source is None else (source.file, source.line))
        if group == self._group or not self._has_comments:
            return
        self._group = group
        if self.lines and not self.lines[-1].endswith("{"):
            self.lines.append("")
        where = "" if source is None else f"({one_line(str(source))})"
        words = f"// {step.section}" + (f" · {one_line(source.text)}" if source is not None and source.text else "")
        room = WIDTH - len(INDENT * self.depth) - len(where) - 2
        words = words if len(words) <= room else f"{words[: room - 3]}..."
        self.lines.append(f"{INDENT * self.depth}{words:<60}  {where}".rstrip())

    @contextmanager
    def block(self, head: str) -> Iterator[None]:
        """Write the lines of the block in braces behind a head; one that is short stands on the head's line."""
        before = len(self.lines)
        self.line(f"{head} {{")
        self.depth += 1
        try:
            yield
        finally:
            self.depth -= 1
        if len(self.lines) == before + 2 and self.lines[-1].endswith(";") and head.startswith("for"):
            inside = self.lines.pop().strip()
            self.lines[-1] = f"{INDENT * self.depth}{head} {inside}"
            if len(self.lines[-1]) > WIDTH:
                self.lines[-1] = f"{INDENT * self.depth}{head} {{"
                self.lines += [f"{INDENT * (self.depth + 1)}{inside}", f"{INDENT * self.depth}}}"]
        else:
            self.lines.append(f"{INDENT * self.depth}}}")

    @contextmanager
    def loop(self, size: int, counter: str = COUNTERS[0]) -> Iterator[Place]:
        """Repeat the lines of the block for each number below a size, which a place stands for there."""
        if size == 1:
            yield Place()
            return
        with self.block(f"for (let {counter} = 0; {counter} < {size}; {counter}++)"):
            yield Place.of(counter)

    @contextmanager
    def loops(self, shape: Shape, first: int = 0) -> Iterator[list[Place]]:
        """Repeat the lines of the block for each place in a shape.

        Args:
            first: the number of counters that are taken.
        """
        if not shape:
            yield []
            return
        with (
            self.loop(shape[0], COUNTERS[first]) as place,
            self.loops(shape[1:], first + (shape[0] != 1)) as others,
        ):
            yield [place, *others]

    def forget(self) -> None:
        """Let the next statement begin a group, whatever line it is from."""
        self._group = None

    # --- what tables need ---------------------------------------------------------------------------------------------

    @property
    def names(self) -> Names:
        """The names of the graph that is being written."""
        return self._names

    def readers(self, step: Step) -> Sequence[Step]:
        """Return the calls that read a step."""
        return self._readers.get(step.index, [])

    def finished(self, step: Step, found: Expression) -> Stored | Number:
        """Declare the only element of a step's result."""
        name = self._names.of(step)
        if not step.shape:
            self.line(f"const {name} = {rounded(found, step.dtype).text};")
            return Number(name, (), step.dtype)
        self.line(f"const {name} = {self.kind(step, step.dtype)}.of({found.text});")
        return Stored.whole(name, step.shape, step.dtype)

    def reduced(
        self, step: Step, value: Value, axes: Iterable[int], begin: str, word: str,
        combine: Callable[[str, Expression], str], finish: Callable[[Expression], Expression] | None = None,
        kept: bool = False,
    ) -> Value:  # fmt: skip
        """Write a reduction of some axes.

        Args:
            value: what is reduced.
            begin: the number that it begins with.
            word: the name of the number that grows.
            combine: the statement by which it does, for its name and an element.
            finish: the result of its last value; None for that value.
            kept: the axes that are reduced stay, with one element each.
        """
        axes = sorted(axes)
        finish = finish or (lambda found: found)
        self.begin(step)
        if step.size == 1:
            name = self._names.of(step)
            plain = not step.shape and np.dtype(step.dtype) == np.float64 and finish(Expression(name)).text == name
            grown = name if plain else self._names.fresh(f"{name}_{word}")
            self.line(f"let {grown} = {begin};")
            self._grow(value, axes, grown, combine)
            return Number(name, (), step.dtype) if plain else self.finished(step, finish(Expression(grown)))
        target = self.new(step)
        outer = [axis for axis in range(len(value.shape)) if axis not in axes]
        with self.loops(tuple([value.shape[axis] for axis in outer])) as places:
            index: list[Place] = [Place()] * len(value.shape)
            for axis, place in zip(outer, places, strict=True):
                index[axis] = place
            self.line(f"let {word} = {begin};")
            taken = sum([size != 1 for axis, size in enumerate(value.shape) if axis in outer])
            self._grow_inside(value, axes, index, taken, word, combine)
            at = [place for axis, place in enumerate(index) if kept or axis not in axes]
            at = [Place() if kept and axis in axes else place for axis, place in enumerate(at)]
            self.line(f"{target.at(at).text} = {finish(Expression(word)).text};")
        return target

    def _grow(self, value: Value, axes: Sequence[int], word: str, combine: Callable[[str, Expression], str]) -> None:
        """Write the loops of a reduction of all axes."""
        if value.is_flat():
            if value.size:
                with self.loop(value.size) as place:
                    self.line(combine(word, value.flat(place)))
            return
        self._grow_inside(value, axes, [Place()] * len(value.shape), 0, word, combine)

    def _grow_inside(
        self, value: Value, axes: Sequence[int], index: list[Place], taken: int, word: str,
        combine: Callable[[str, Expression], str],
    ) -> None:  # fmt: skip
        if not value.size:
            return
        with self.loops(tuple([value.shape[axis] for axis in axes]), taken) as places:
            inside = list(index)
            for axis, place in zip(axes, places, strict=True):
                inside[axis] = place
            self.line(combine(word, value.at(inside)))


Write = Callable[[Writer, Step], Value]


def _element(value: Value, index: Sequence[Place]) -> Expression:
    """Return an element that is stored in an array of the value's dtype."""
    return value.at(index, is_stored=True) if isinstance(value, Formula) else value.at(index)


def _flat(value: Value, place: Place) -> Expression:
    return value.flat(place, is_stored=True) if isinstance(value, Formula) else value.flat(place)


def _over(value: Value, shape: Shape, index: Sequence[Place]) -> Expression:
    if value.shape == shape:
        return _element(value, index)
    return value.over(shape, index)


def _has_both_zeros(array: Any) -> bool:
    """Return whether an array has zeros of both signs, which are equal."""
    return array.dtype.kind == "f" and len({*np.signbit(array).reshape(-1).tolist()}) > 1
