"""Profiling: the time of each call of a program, by operation and by line of the user's code."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tinygraph.compiler.program.cost import flops, traffic
from tinygraph.compiler.program.loop_marks import is_marker, iterations
from tinygraph.compiler.program.steps import Step
from tinygraph.graph import Graph
from tinygraph.graph.sizes import byte_size, counted
from tinygraph.graph.tables import table_html, table_lines

if TYPE_CHECKING:
    from tinygraph.drawing import Drawing

__all__ = ["Profile", "Shown", "Timing", "profiled"]

# The picture of a larger training step has a box for each part of a formula.
MOST_WHOLE = 60


@dataclass(frozen=True)
class Timing:
    """The time of one call in a program, or of a call that is made in each iteration of a loop.

    Attributes:
        step: the call.
        seconds: for one run of the program, the least of those measured.
        bytes: that it reads and writes in a run.
        flops: floating-point operations in a run.
        calls: how often it is made in a run; 0 for what a loop does itself, as to carry a value.
    """

    step: Step
    seconds: float
    bytes: int
    flops: int
    calls: int = 1

    @property
    def operation(self) -> str:
        """The name of its function, or "loop"."""
        return self.step.op if self.calls else "loop"


@dataclass(frozen=True)
class Shown:
    """The graph of a program as a picture shows it.

    Attributes:
        graph: the calls, as the program makes them; its loops are scopes.
        names: by a call's index what a picture calls it, where not by its own name.
        passes: what the calls of a training step stand for: `differentiated` and `updates` of `tinygraph.draw`.
    """

    graph: Graph
    names: Mapping[int, str] = field(default_factory=dict)
    passes: Mapping[str, Mapping[int, int]] = field(default_factory=dict)


@dataclass(frozen=True)
class Profile:
    """The time of a program, call by call.

    Attributes:
        entries: one for each call in the text that takes time, in order of execution.
        seconds: of one run of the program, as measured without looking inside.
        shown: the graph of the picture.
    """

    entries: tuple[Timing, ...]
    seconds: float
    shown: Shown

    @property
    def graph(self) -> Graph:
        """The calls, as the program makes them; its loops are scopes."""
        return self.shown.graph

    def by_line(self) -> list[tuple[str, str, float, int, int]]:
        """Return for each section and line its name, its text, seconds, bytes and calls of a run, slowest first."""
        found: dict[tuple[str, str], tuple[str, float, int, int]] = {}
        for entry in self.entries:
            source = entry.step.source
            key = (entry.step.section, str(source) if source is not None else "")
            text, seconds, size, calls = found.get(key, (source.text if source is not None else "", 0.0, 0, 0))
            found[key] = (text, seconds + entry.seconds, size + entry.bytes, calls + entry.calls)
        rows = [(f"{section} {line}".strip(), *values) for (section, line), values in found.items()]
        return sorted(rows, key=lambda row: -row[2])

    def by_operation(self) -> list[tuple[str, float, int, int]]:
        """Return for each function its name, seconds, bytes and calls, slowest first."""
        found: dict[str, tuple[float, int, int]] = {}
        for entry in self.entries:
            seconds, size, calls = found.get(entry.operation, (0.0, 0, 0))
            found[entry.operation] = (seconds + entry.seconds, size + entry.bytes, calls + entry.calls)
        return sorted([(name, *values) for name, values in found.items()], key=lambda row: -row[1])

    def heat(self) -> dict[int, float]:
        """Return the seconds that each node of the rewritten graph takes, by its index."""
        found: dict[int, float] = {}
        for entry in self.entries:
            found[entry.step.index] = found.get(entry.step.index, 0.0) + entry.seconds
        return found

    def draw(self, by: str = "time", **options: Any) -> Drawing:
        """Return the graph, each operation coloured by its share of the time, or of the bytes.

        A training step of more than 60 calls has three columns, in which each box is the sum of its calls;
        `view="full"` shows each call.

        Args:
            by: "time" or "bytes".
            options: see `tinygraph.draw`.

        Raises:
            ValueError: `by` is something else.
        """
        from tinygraph.drawing import draw

        if by not in ("time", "bytes"):
            raise ValueError(f'draw: by must be "time" or "bytes", got {by!r}')
        heat = self.heat() if by == "time" else {entry.step.index: float(entry.bytes) for entry in self.entries}
        words = "time" if by == "time" else "bytes read and written"
        sections = {step.index: step.section for step in self.graph.nodes if isinstance(step, Step)}
        boxes = sections if len(set(sections.values())) > 1 else {}
        given = {"heat": heat, "measured": words, "sections": boxes, "names": self.shown.names}
        in_columns = {"forward", "backward"} <= set(boxes.values()) and len(self.graph) > MOST_WHOLE
        view = "columns" if in_columns else "full"
        given |= self.shown.passes if options.get("view", view) == "columns" else {}
        return draw(self.graph, **{"view": view, **given, **options})

    def _rows(self) -> tuple[list[tuple[str, ...]], list[tuple[str, ...]]]:
        """Return the rows of two tables: by line, with the code at the end, and by operation."""
        total = sum(entry.seconds for entry in self.entries) or 1.0

        def numbers(sums: tuple[float, int, int]) -> tuple[str, ...]:
            seconds, size, calls = sums
            return f"{seconds * 1e6:,.1f}", f"{100 * seconds / total:.0f} %", byte_size(size), f"{calls:,}"

        lines = [(row[0], *numbers(row[2:]), row[1]) for row in self.by_line()]
        return lines, [(row[0], *numbers(row[1:])) for row in self.by_operation()]

    @property
    def _head(self) -> str:
        return f"{self.seconds * 1e6:,.1f} µs a run"

    def __str__(self) -> str:
        """Two tables: by line, and by operation."""
        rows, operations = self._rows()
        by_line = table_lines([("line", *_HEADINGS, "code"), *rows], texts=(0, 5))
        return "\n".join([self._head, "", *by_line, "", *table_lines([("operation", *_HEADINGS), *operations])])

    def __repr__(self) -> str:
        return f"<Profile of {counted(sum(entry.calls > 0 for entry in self.entries), 'call')}, {self._head}>"

    def _repr_html_(self) -> str:
        """Return the two tables for a notebook."""
        lines, operations = self._rows()
        by_line = table_html(("line", "code", *_HEADINGS), [(row[0], row[-1], *row[1:-1]) for row in lines], texts=2)
        return f"<p>{self._head}</p>{by_line}{table_html(('operation', *_HEADINGS), operations, texts=1)}"


_HEADINGS = ("µs", "share", "moved", "calls")


def _least_times(
    bind: Callable[[Callable[[int], None]], Callable[[], Any]],
    plain: Callable[[], Any],
    repeats: int,
    restore: Callable[[], None],
) -> tuple[dict[int, float], float]:
    """Return the least seconds of each step, by its index, and of a whole run without a clock inside it."""
    spent: dict[int, float] = {}
    last = 0.0
    clock = time.perf_counter

    def tick(index: int) -> None:
        nonlocal last
        now = clock()
        spent[index] = spent.get(index, 0.0) + now - last
        last = clock()

    run = bind(tick)
    least: dict[int, float] = {}
    whole = float("inf")
    for _ in range(repeats):
        spent.clear()
        restore()
        last = clock()
        run()
        for index, seconds in spent.items():
            least[index] = min(seconds, least.get(index, seconds))
        restore()
        before = clock()
        plain()
        whole = min(whole, clock() - before)
    return least, whole


def profiled(
    bind: Callable[[Callable[[int], None]], Callable[[], Any]],
    plain: Callable[[], Any],
    graph: Graph,
    repeats: int,
    restore: Callable[[], None],
    shown: Shown,
) -> Profile:
    """Run a program some times with a clock inside it, and without.

    Args:
        bind: returns a function that runs the program once, and calls its argument after each step with its index.
        plain: runs the program once.
        graph: of its steps.
        repeats: how often; the least time of each step counts.
        restore: called before each run, to undo what the run before it changed.
        shown: the graph as a picture shows it.
    """
    steps = {step.index: step for step in graph.nodes if isinstance(step, Step)}
    least, whole = _least_times(bind, plain, repeats, restore)
    made = iterations(graph.nodes)
    entries = []
    for index, seconds in sorted(least.items()):
        step = steps[index]
        times = 0 if is_marker(step) else made[index]
        entries.append(Timing(step, seconds, times * traffic(step), times * flops(step), times))
    return Profile(tuple(entries), whole, shown)
