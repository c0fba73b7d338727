"""Explanation: for each program of a compiled function why it was made, what guards it, and how often it ran.

    print(step.explain())

The reasons are gathered where a program is made, in `reasons.py`; the rest is read when somebody asks. A call of a
program adds to its count of runs, and notes the time.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any

from tinygraph.compiler.axes import SizedRunner
from tinygraph.compiler.notebook import programs_html
from tinygraph.compiler.program.decisions import decided
from tinygraph.compiler.program.loop_marks import Begin
from tinygraph.compiler.program.loops import goes_on
from tinygraph.compiler.program.spelling import spelt_count
from tinygraph.compiler.run.versions import Version

__all__ = ["Eager", "Explained", "Explanation", "Gone", "Refusal", "explained"]

# A line names so many things at most, and counts the rest.
NAMED = 8


@dataclass(frozen=True)
class Explained:
    """A program of a compiled function.

    Attributes:
        signature: that it was made for. An open axis has a name, "n".
        why: the reason why it was made.
        outside: the values outside that it was made with, compared before each call: "model.rate is 0.5".
        others: how many other objects outside are compared, by identity or by their contents.
        reads: the arrays and Tensors outside that it reads at each call.
        updates: the Tensors that it updates.
        conditions: further conditions under which it is right.
        decisions: the decisions it was made for, each with the user's line and its outcomes.
        computed: what Python computes from counters before each call.
        remarks: what else is to be said of it: its loops, its sizes.
        runs: how often it ran.
        ago: the seconds since its last run; None if it never ran to its end.
    """

    signature: str
    why: str
    outside: tuple[str, ...]
    others: int
    reads: tuple[str, ...]
    updates: tuple[str, ...]
    conditions: tuple[str, ...]
    decisions: tuple[str, ...]
    computed: tuple[str, ...]
    remarks: tuple[str, ...]
    runs: int
    ago: float | None

    def lines(self) -> list[str]:
        """Return the lines of a text, without the signature."""
        as_they_were = "as it was" if self.others == 1 else "as they were"
        others = [f"{_counted(self.others, 'object')} outside {as_they_were}"] if self.others else []
        guards = [*self.outside, *self.conditions, *others]
        found = [
            ("because", [self.why]),
            ("while", guards),
            ("decided", self.decisions),
            ("computes", self.computed),
            ("reads", self.reads),
            ("updates", self.updates),
            ("has", self.remarks),
        ]
        return [f"{head:<8} {_listed(items)}" for head, items in found if items]


@dataclass(frozen=True)
class Eager:
    """A signature whose calls run eagerly, and the reason."""

    signature: str
    why: str


@dataclass(frozen=True)
class Refusal:
    """An error that said what cannot be compiled, and the signature of the call."""

    signature: str
    message: str


@dataclass(frozen=True)
class Gone:
    """A program that was thrown away, and the reason for the program that took its place."""

    signature: str
    why: str


@dataclass(frozen=True)
class Explanation:
    """The programs of a compiled function, and what has become of its calls. Printed, it is a text.

    Attributes:
        function: the name of the function.
        programs: its programs, in the order in which they were made.
        counters: the ints that changed from call to call, and what is made of each.
        eager: the signatures whose calls run eagerly.
        strayed: how many calls ran eagerly, since rounding decided otherwise in the program than in the recording.
        refusals: the last errors that said what cannot be compiled.
        thrown_away: the programs that were thrown away last.
        evicted: how many were thrown away.
        maxsize: how many are kept.
    """

    function: str
    programs: tuple[Explained, ...]
    counters: tuple[str, ...]
    eager: tuple[Eager, ...]
    strayed: int
    refusals: tuple[Refusal, ...]
    thrown_away: tuple[Gone, ...]
    evicted: int
    maxsize: int

    def __str__(self) -> str:
        runs = sum(program.runs for program in self.programs)
        lines = [f"{self.function}: {_counted(len(self.programs), 'program')}, {_counted(runs, 'run')}"]
        last = min([item.ago for item in self.programs if item.ago is not None], default=None)
        for number, program in enumerate(self.programs, 1):
            ran = "never to its end" if not program.runs else _counted(program.runs, "run")
            when = _when(program.ago, is_last=len(self.programs) > 1 and program.ago == last)
            lines += ["", f"{number}. {program.signature or 'no arguments'}   ({ran}{when})"]
            lines += [f"   {line}" for line in program.lines()]
        for head, items in (
            ("Ints that change from call to call:", self.counters),
            ("Run eagerly:", _gathered([(item.signature, item.why) for item in self.eager])),
            ("Refused, the last ones:", _gathered([(item.signature, item.message) for item in self.refusals])),
            (
                f"Thrown away, {self.evicted} so far, since {self.maxsize} are kept; the last ones:",
                [f"{item.signature or 'no arguments'}, when {item.why}" for item in self.thrown_away],
            ),
        ):  # fmt: skip
            lines += ["", head, *[f"   {item}" for item in items]] if items else []
        if self.strayed:
            lines += ["", f"{_counted(self.strayed, 'call')} ran eagerly: rounding decided otherwise in the program."]
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"<explanation of {self.function}, {_counted(len(self.programs), 'program')}>"

    def _repr_html_(self) -> str:
        """Return a table of the programs for a notebook."""
        rows = [(item.signature or "no arguments", item.why, f"{item.runs:,}") for item in self.programs]
        return programs_html(self.function, rows, str(self))


def explained(signature: str, versions: Sequence[Version]) -> Explained:
    """Return the explanation of a program, from its versions: one for each size of its open axes."""
    first, last = versions[0], max(versions, key=lambda version: version.last_run)
    found, names = first.surroundings.told(), [variable.name for variable in first.program.variables]
    updated = [variable.name for variable in first.program.variables if variable.updated is not None]
    reckoned = first.program.reckoned
    arguments = [node.name or "a number" for node in first.program.arguments]
    return Explained(
        signature=signature,
        why=first.why,
        outside=tuple(found.values),
        others=found.others,
        reads=(*found.arrays, *[name for name in names if name not in updated]),
        updates=tuple(updated),
        conditions=tuple(first.conditions()),
        decisions=tuple(_decisions(first)),
        computed=tuple([f"{arguments[at]} = {text}" for at, text in reckoned.items() if arguments[at] != text]),
        remarks=tuple(_remarks(versions)),
        runs=sum(version.runs for version in versions),
        ago=monotonic() - last.last_run if last.runs else None,
    )


def _decisions(version: Version) -> list[str]:
    """Return a text for each line that decides, with its outcomes: "solve.py:9 while err > tol: 12 times True"."""
    of_lines: dict[Any, list[Any]] = {}
    for node in version.program.graph.nodes:
        if node.function is decided:
            of_lines.setdefault(node.source, []).append(node.args[1])
    ends = {step.source: step.args[1] for step in version.runner.graph.nodes if step.function is goes_on}
    return [
        f"{_line(source)}: {f'any number of times {ends[source]}' if source in ends else _runs_of(outcomes)}"
        for source, outcomes in of_lines.items()
    ]


def _line(source: Any) -> str:
    """Return a line of the user's: "solve.py:9 while err > tol"."""
    return "an unknown line" if source is None else f"{source} {source.text.removesuffix(':')}"


def _runs_of(outcomes: list[Any]) -> str:
    """Return outcomes in words: "True", "12 times True, then False", "True, then False, and so on"."""
    runs: list[list[Any]] = []
    for outcome in outcomes:
        if runs and runs[-1][0] is outcome:
            runs[-1][1] += 1
        else:
            runs.append([outcome, 1])
    words = [str(outcome) if count == 1 else f"{count} times {outcome}" for outcome, count in runs]
    return ", then ".join(words[:NAMED]) + (", and so on" if len(words) > NAMED else "")


def _remarks(versions: Sequence[Version]) -> list[str]:
    """Return what else is to be said of a program. A room that makes programs of another form adds its line here."""
    runner = versions[0].runner
    if type(runner) is SizedRunner:
        sizes = sorted({version.runner.size for version in versions})
        return [f"an open axis: one text for the sizes {_listed([str(size) for size in sizes], ', ')}"]
    counts = [spelt_count(step.function.count) for step in runner.graph.nodes if type(step.function) is Begin]
    loops = [f"{_counted(len(counts), 'loop')}, of {_listed(counts, ', ')} iterations"] if counts else []
    divided = 0 if runner.setting is None else len(runner.setting.divided)
    return [*loops, *([f"{_counted(divided, 'product')} on several threads of BLAS"] if divided else [])]


def _gathered(found: Iterable[tuple[str, str]]) -> list[str]:
    """Return a line for each message, with the signatures that it belongs to."""
    by_message: dict[str, list[str]] = {}
    for signature, message in found:
        by_message.setdefault(message.removeprefix("compile: "), []).append(signature or "no arguments")
    return [
        f"{signatures[0]}{f', and {len(signatures) - 1} more' if len(signatures) > 1 else ''}: {message}"
        for message, signatures in by_message.items()
    ]


def _when(ago: float | None, is_last: bool) -> str:
    if ago is not None and ago > 60:
        return f", the last {ago / 60:.0f} minutes ago"
    return ", the last one" if is_last else ""


def _listed(items: Iterable[str], between: str = "; ") -> str:
    found = [*items]
    rest = len(found) - NAMED
    return between.join([*found[:NAMED], *([f"and {rest} more"] if rest > 0 else [])])


def _counted(count: int, word: str) -> str:
    return f"{count} {word}" if count == 1 else f"{count:,} {word}s"
