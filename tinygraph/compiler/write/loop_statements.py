"""Loop statements: the loops of a program of arrays.

for x_t, h in zip(each_x, all_h):       the rows of arrays that are read, and of the values kept of every iteration
    np.dot(x_t, w, out=h)
    np.copyto(h_before, h)              the value carried into the next iteration
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tinygraph.compiler.memory import Plan
from tinygraph.compiler.program.counting import FromCount, kept_at, kept_rows
from tinygraph.compiler.program.loop_marks import Begin, End, carried, kept, put_row, row, stacked
from tinygraph.compiler.program.steps import Step
from tinygraph.compiler.write.conditions import Conditions
from tinygraph.compiler.write.literals import empty_text
from tinygraph.compiler.write.repeating import counts_in, draws_in, first_lines, rows_in
from tinygraph.compiler.write.statements import Statements
from tinygraph.compiler.write.targets import Targets
from tinygraph.compiler.write.writer import Writer

__all__ = ["LoopStatements", "is_of_loop"]


# From so many arrays on, one list has the rows of all of them.
ZIPPED = 3


class LoopStatements:
    """The statements of loops as they are written among those of a step.

    Args:
        plan: of the memory.
        writer: writes arguments.
        statements: gets the lines.
        targets: the arrays that calls write into.
        conditions: the decisions of the program.
    """

    def __init__(
        self, plan: Plan, writer: Writer, statements: Statements, targets: Targets, conditions: Conditions
    ) -> None:  # fmt: skip
        self._plan = plan
        self._writer = writer
        self._names = writer.names
        self._statements = statements
        self._targets = targets
        self._conditions = conditions
        self._calls = list(plan.by_index.values())
        self._numbered: set[int] = set()  # open loops whose iterations are counted
        self._each: dict[str, str] = {}  # by what a loop goes over the name of a list of it

    def write(self, step: Step) -> None:
        """Write a step of a loop."""
        _FORMS[_key(step)](self, step)

    def is_there(self, step: Step) -> bool:
        """Return whether a step is the first of a loop's carried values, and lies where the next ones will."""
        held = self._plan.storage[step.index]
        if step.function is not carried or held is None or held.kind == "fresh":
            return False
        first = step.args[0]
        return self._plan.storage.get(first.index) is held and not self._plan.is_view(first)

    def _begin_stack(self, step: Step) -> None:
        """Write the memory for a value of every iteration, where the caller gets it."""
        held = self._plan.storage[step.index]
        if step.function is kept:
            self._statements.setup.append(f"{self._names[step.index]} = []")
        elif held is not None:
            self._targets.name_part(step)
            self._targets.begin(held, step)

    def _begin_loop(self, step: Step) -> None:
        """Write the first line of a loop."""
        for draw in draws_in(self._calls, step):
            self._statements.put(*self._conditions.before_draw(draw))
        self._statements.comment(step)
        function: Any = step.function
        if function.is_open:
            self._begin_open(step)
            return
        read, put = rows_in(self._calls, step)
        rows = [(self._names[item.index], item.args[0], item) for item in read]
        for item in put:
            stack, value, _ = item.args
            if value.shape:
                rows.append((self._name_row(item), stack, value))
        counter = self._names[step.index] if counts_in(self._calls, step) else None
        names, wholes = [name for name, _, _ in rows], [self._writer.text(whole) for _, whole, _ in rows]
        lasting = [self._has_lasting_rows(whole, entry) for _, whole, entry in rows]
        if all(lasting) and len(rows) >= ZIPPED:
            sources = [self._list(f"zip({', '.join(wholes)})", "each_iteration")]
        else:
            sources = [
                self._list(text, f"each_{text}") if lasts else text for text, lasts in zip(wholes, lasting, strict=True)
            ]
        self._statements.put(*first_lines(names, sources, counter, self._writer.text(function.count)))
        self._statements.loops.append(step)
        self._writer.counter = self._names[step.index]

    def _begin_open(self, step: Step) -> None:
        """Write the first lines of a loop that a condition ends."""
        function: Any = step.function
        name = self._names[step.index]
        self._writer.counts.append(name)
        _, put = rows_in(self._calls, step)
        numbered = bool(put) or function.least > 0 or self._conditions.has_decisions or self._is_counted(step)
        if numbered:
            self._statements.put(f"{name} = 0")
            self._numbered.add(step.index)
        self._statements.put("while True:")
        self._statements.loops.append(step)
        self._writer.counter = name
        if put:
            self._put_memory(name, put)

    def _put_memory(self, name: str, put: list[Step]) -> None:
        """Write the lines that give an iteration of an open loop memory for the values kept of it.

        Args:
            name: of the number of iterations.
            put: the steps that keep a value.
        """
        self._statements.put(f"if {name} == len({self._names[put[0].args[0].index]}):")
        for item in put:
            stack, value, _ = item.args
            empty = empty_text(value.shape, value.dtype) if value.shape else "None"
            self._statements.put(f"    {self._names[stack.index]}.append({empty})")
        for item in put:
            stack, value, _ = item.args
            if value.shape:
                self._statements.put(f"{self._name_row(item)} = {self._names[stack.index]}[{name}]")

    def _name_row(self, step: Step) -> str:
        """Return the name of the row that a value is kept in: the value's own, if it is computed there."""
        stack, value, _ = step.args
        name = self._names.get(value.index) or self._names[stack.index]  # a constant has no name
        if not self._is_row(value, stack):
            name = self._names[step.index] = self._writer.taken.take(f"{name}_row")
        return name

    def _is_counted(self, step: Step) -> bool:
        """Return whether another loop, or what is read of an open one, depends on its number of iterations."""
        function: Any = step.function
        begins = [item.function for item in self._calls if isinstance(item.function, Begin)]
        number = [item for item in begins if item.is_open].index(function)
        tied = [item for item in begins if type(item.count) is FromCount and item.count.loop == number]
        return len(tied) > 1 or any([item.function in (kept_at, kept_rows) for item in self._calls])

    def _has_lasting_rows(self, whole: Step, entry: Step) -> bool:
        """Return whether the rows that a loop goes over are parts of memory that lasts: a list of them is made once."""
        held = self._plan.storage[whole.index]
        lasts = held is not None and held.is_lasting and held.kind != "kept"
        return lasts and bool(entry.shape) and whole.index not in self._writer.bound

    def _list(self, text: str, wish: str) -> str:
        """Return the name of the list of what a text goes over, which is made once."""
        if text not in self._each:
            name = self._each[text] = self._writer.taken.take(wish)
            self._statements.setup.append(f"{name} = list({text})")
        return self._each[text]

    def _is_row(self, value: Step, stack: Step) -> bool:
        """Return whether a value is computed straight into its place among those of every iteration."""
        return value.index in self._plan.parts and self._plan.parts[value.index][0] is stack

    def _keep(self, step: Step) -> None:
        """Write a value to its place among those of every iteration, if it is not computed there."""
        stack, value, begin = step.args
        if not value.shape:
            place = f"{self._names[stack.index]}[{self._names[begin.index]}]"
            self._statements.put_for(value, f"{place} = {self._writer.text(value)}")
        elif not self._is_row(value, stack):
            self._statements.put_for(value, f"np.copyto({self._names[step.index]}, {self._writer.text(value)})")

    def _end_loop(self, step: Step) -> None:
        """Write the last lines of an iteration, and what stands behind the loop."""
        self._hand_on(step)
        begin = self._statements.loops[-1]
        is_numbered = begin.index in self._numbered
        if is_numbered:
            self._statements.put(f"{self._names[begin.index]} += 1")
        self._statements.end_loop()
        function: Any = begin.function
        if is_numbered and function.least > 0:
            self._statements.put(*self._conditions.too_few(begin, self._names))
        if self._statements.loops:
            self._writer.counter = self._names[self._statements.loops[-1].index]

    def _hand_on(self, step: Step) -> None:
        """Write the values that are carried into the next iteration."""
        _, held, nexts = step.args
        targets, sources = [], []
        for old, new in zip(held, nexts, strict=True):
            name, text = self._names[old.index], self._writer.text(new)
            mine, other = self._plan.storage[old.index], self._plan.storage[new.index]
            if mine is None or mine.kind == "fresh":
                if name != text:
                    targets.append(name)
                    sources.append(text)
            elif mine is not other:
                self._statements.put_for(new, f"np.copyto({name}, {text})")
        if targets:
            self._statements.put_for(step, f"{', '.join(targets)} = {', '.join(sources)}")


def is_of_loop(step: Step) -> bool:
    """Return whether a step is written in a way of its own, since it belongs to a loop."""
    return _key(step) in _FORMS


def _key(step: Step) -> Any:
    return type(step.function) if isinstance(step.function, Begin | End) else step.function


_FORMS: dict[Any, Callable[[LoopStatements, Step], None]] = {
    stacked: LoopStatements._begin_stack,
    kept: LoopStatements._begin_stack,
    Begin: LoopStatements._begin_loop,
    row: lambda loops, step: None,  # the first line of the loop names it
    put_row: LoopStatements._keep,
    End: LoopStatements._end_loop,
}
