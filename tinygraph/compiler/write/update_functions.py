"""Update functions: what an optimiser does to each of several parameters stands in the text once.

    np.square(d_w, out=d_w_squared)                  def update_1(parameter, d_parameter):
    np.multiply(rate, d_w_squared, out=scaled)           work_1 = np.empty_like(parameter)
    np.subtract(w, scaled, out=w)                        np.square(d_parameter, out=work_1)
    np.square(d_b, out=d_b_squared)            ->        np.multiply(rate, work_1, out=work_1)
    np.multiply(rate, d_b_squared, out=scaled_2)         np.subtract(parameter, work_1, out=parameter)
    np.subtract(b, scaled_2, out=b)
                                                     update_1(w, d_w)
                                                     update_1(b, d_b)

Statements are alike if they are the same but for the names of the values in them. A name that is the same everywhere
stays, and so does the order of all calls. The blocks of a fusion are calls of the function, too. Large arrays for
intermediate values are arguments.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from tinygraph.compiler.program.steps import Step, operands_of
from tinygraph.compiler.write.block import Block
from tinygraph.compiler.write.block_loops import functions_of, head_of
from tinygraph.compiler.write.rowwise import FusionText
from tinygraph.compiler.write.tags import TAG
from tinygraph.compiler.write.width import fitted

__all__ = ["Known", "UpdateFunctions", "with_update_functions"]

# A function of fewer lines says no more than its calls would.
FEWEST = 4

# Arrays of at most so many bytes are made anew for intermediate values: that takes a sixth of a microsecond each.
SMALL = 1 << 16

# A call that stands alone on its line and is no part of a loop, and a name in it that is not that of an argument.
_CALL = re.compile(r"([\w.]+\(.*\))" + re.escape(TAG) + r"(\d+)")
_NAME = re.compile(r"""'[^']*'|"[^"]*"|(?<![\w.])[^\W\d]\w*(?!\w|=)""")

_COMMENT = "# update"


@dataclass(frozen=True, eq=False)
class Known:
    """The values that the statements read and write.

    Attributes:
        steps: the calls, by their indices.
        names: of their values.
        uses: how often each value is read, by the index of its step.
        arrays: by a name what tells whether another one is the same array.
        local: the names that mean another array at each call.
    """

    steps: dict[int, Step]
    names: dict[int, str]
    uses: dict[int, int]
    arrays: dict[str, object]
    local: frozenset[str]

    @cached_property
    def values(self) -> frozenset[str]:
        """The names of all values."""
        return frozenset(self.names.values())


@dataclass(frozen=True, eq=False)
class _Statement:
    """A call on a line of its own: its text, the index of its step, and the comment that it stands under."""

    text: str
    step: int
    comment: str

    def names(self, known: Known) -> list[str]:
        """Return the names of values, in order."""
        return [name for name in _NAME.findall(self.text) if name in known.values]

    def form(self, known: Known) -> tuple[str, str]:
        """Return what statements that are alike have in common."""
        return _NAME.sub(lambda found: "·" if found[0] in known.values else found[0], self.text), self.comment


@dataclass(frozen=True, eq=False)
class _Run:
    """Statements that follow each other, from one line of the step or of a block to another."""

    statements: list[_Statement]
    start: int
    stop: int
    block: Block | None = None


@dataclass(eq=False)
class _Update:
    """Statements that one call can stand for.

    Attributes:
        statements: in order.
        block: the block that they are in, or None.
        names: those of the values in the statements, in order.
    """

    statements: Sequence[_Statement]
    block: Block | None
    known: Known
    names: list[str] = field(init=False)

    def __post_init__(self) -> None:
        self.names = [name for statement in self.statements for name in statement.names(self.known)]

    @cached_property
    def is_whole(self) -> bool:
        """True if a block does nothing else."""
        block = self.block
        lines = () if block is None else [line for line in block.lines if line and not line.startswith("#")]
        return block is not None and not block.totals and not block.arrays and len(lines) == len(self.statements)

    def argument(self, place: int) -> str:
        """Return what a call passes for the name at a place."""
        name = self.names[place]
        return self._given.get(name, name) if self.is_whole else name

    def array(self, place: int) -> object:
        """Return what is the same for two names of the same array."""
        name = self.names[place]
        return self._given.get(name) or self.known.arrays.get(name, name)

    def is_local(self, place: int) -> bool:
        """Return whether the name at a place is no global one."""
        return self.names[place] in self.known.local or self.names[place] in self._given

    def results(self) -> dict[str, set[tuple[tuple[int, ...], np.dtype[Any]]]]:
        """Return by a name the shapes and dtypes of the values that the statements compute under it."""
        found: dict[str, set[tuple[tuple[int, ...], np.dtype[Any]]]] = {}
        for statement in self.statements:
            step = self.known.steps[statement.step]
            found.setdefault(self.known.names[step.index], set()).add((step.shape, step.dtype))
        return found

    @property
    def _given(self) -> dict[str, str]:
        """By the names of its parameters what a block is given."""
        return {} if self.block is None else self.block.parameters

    @cached_property
    def between(self) -> frozenset[str]:
        """The names of intermediate values alone, which no other statement reads."""
        made = [self.known.steps[statement.step] for statement in self.statements]
        reads = [operand.index for step in made for operand in operands_of(step)]
        kept = {step.index for step in made if self.known.uses[step.index] != reads.count(step.index)}
        own = {self.known.names[step.index] for step in made}
        indices = {step.index for step in made}
        outside = {self.known.names.get(index) for index in reads if index not in indices}
        return frozenset(own - outside - {self.known.names[index] for index in kept})


@dataclass(frozen=True, eq=False)
class UpdateFunctions:
    """The text of a program with functions for updates that are alike.

    Attributes:
        lines: the statements of the step, with calls of the functions.
        functions: the lines of each function.
        blocks: by the number of a fusion the statements of a block, with calls of the functions.
        calls: by the number of a fusion the call that stands for one of its block's function.
        replaced: the names in the statements that stand in functions now.
    """

    lines: list[str]
    functions: list[list[str]] = field(default_factory=list)
    blocks: dict[int, list[str]] = field(default_factory=dict)
    calls: dict[int, str] = field(default_factory=dict)
    replaced: frozenset[str] = frozenset()

    def of_fusion(self, fusion: FusionText) -> list[str]:
        """Return the lines of the functions of a fusion."""
        return functions_of(fusion.block, self.blocks.get(fusion.number), self.calls.get(fusion.number, ""))

    def unused(self, written: Iterable[str]) -> frozenset[str]:
        """Return the names of values that are passed under another name, and have no use in what is written."""
        left = {*self.replaced}
        for line in written if left else ():
            left.difference_update(_NAME.findall(line))
        return frozenset(left)


def with_update_functions(lines: list[str], fusions: Sequence[FusionText], known: Known) -> UpdateFunctions:
    """Return the statements of a step with a function for updates that are alike.

    Args:
        lines: the statements, with tags.
        fusions: the functions that compute rows block by block.
    """
    runs = [*_runs(lines, known)]
    runs += [run for fusion in fusions for run in _runs(fusion.block.lines, known, fusion.block)]
    functions: list[list[str]] = []
    calls: dict[int, str] = {}
    replaced: dict[int, tuple[_Update, str]] = {}  # by the id of the first statement
    for alike in _Search(runs, known).found():
        function = _Function(f"update_{len(functions) + 1}", alike)
        if not function.is_shorter():
            continue
        functions.append(function.lines())
        for update in alike:
            call = f"{function.call(update)}{TAG}{update.statements[-1].step}"
            if update.is_whole and update.block is not None:
                calls[update.block.number] = call
            else:
                replaced[id(update.statements[0])] = update, call
    blocks = {fusion.number: fusion.block for fusion in fusions if fusion.number not in calls}
    return UpdateFunctions(
        lines=_with_calls(lines, [run for run in runs if run.block is None], replaced),
        functions=functions,
        blocks={
            number: _with_calls(block.lines, [run for run in runs if run.block is block], replaced)
            for number, block in blocks.items()
        },
        calls=calls,
        replaced=frozenset([name for update, _ in replaced.values() for name in update.names]),
    )


# --- the statements of a step -----------------------------------------------------------------------------------------


def _runs(lines: Sequence[str], known: Known, block: Block | None = None) -> Iterator[_Run]:
    """Yield the runs of calls that belong to updates.

    A call that works in the scratch memory of its thread, as those for images do, stays in its block: the memory is a
    parameter of the block, and no value of the program.
    """
    own = frozenset() if block is None else block.parameters.keys() - known.values
    found: list[_Statement] = []
    comment, start, stop = "", 0, 0
    for number, line in enumerate([*lines, "end"]):
        if line.startswith("#"):
            comment = line
        elif (
            line
            and comment.startswith(_COMMENT)
            and (match := _CALL.fullmatch(line))
            and own.isdisjoint(_NAME.findall(match[1]))
        ):
            start, stop = start if found else number, number + 1
            found.append(_Statement(match[1], int(match[2]), comment))
        elif line and found:
            yield _Run(found, start, stop, block)
            found = []


def _with_calls(lines: list[str], runs: list[_Run], replaced: dict[int, tuple[_Update, str]]) -> list[str]:
    """Return the lines with calls in the place of updates, under the comments of their first statements."""
    written: list[str] = []
    done = 0
    for run in runs:
        if not any(id(statement) in replaced for statement in run.statements):
            continue
        written += lines[done : run.start]
        comment = run.statements[0].comment
        at = 0
        while at < len(run.statements):
            statement = run.statements[at]
            if statement.comment != comment:
                comment = statement.comment
                written += ["", comment]
            update, call = replaced.get(id(statement), (None, f"{statement.text}{TAG}{statement.step}"))
            written.append(call)
            at += 1 if update is None else len(update.statements)
        done = run.stop
        if comment != run.statements[-1].comment and any(lines[done : done + 1]):
            written += ["", run.statements[-1].comment]
    return written + lines[done:]


# --- which statements are alike ---------------------------------------------------------------------------------------


class _Search:
    """Finds updates that are alike, in the statements of a step and in the blocks of its fusions."""

    def __init__(self, runs: list[_Run], known: Known) -> None:
        self._runs = runs
        self._known = known
        self._forms = [[statement.form(known) for statement in run.statements] for run in runs]
        self._where: dict[tuple[str, str], list[tuple[int, int]]] = {}  # by a form the runs and positions that have it
        for run, forms in enumerate(self._forms):
            for at, form in enumerate(forms):
                self._where.setdefault(form, []).append((run, at))
        self._taken: set[tuple[int, int]] = set()  # the run and the position of each statement that is in an update

    def found(self) -> list[list[_Update]]:
        """Return the groups of updates that are alike."""
        groups = []
        for run, forms in enumerate(self._forms):
            for at in range(len(forms)):
                if (length := self._length(run, at)) >= FEWEST:
                    groups += self._group(forms[at : at + length])
        return groups

    def _group(self, form: list[tuple[str, str]]) -> list[list[_Update]]:
        """Return the updates of a form, as one group if there are several."""
        places = [(run, at) for run in range(len(self._runs)) for at in self._places(run, form)]
        if len(places) < 2:
            return []
        self._taken |= {(run, at + offset) for run, at in places for offset in range(len(form))}
        runs = [(self._runs[run], at) for run, at in places]
        return [[_Update(run.statements[at : at + len(form)], run.block, self._known) for run, at in runs]]

    def _places(self, run: int, form: list[tuple[str, str]]) -> Iterator[int]:
        """Yield where statements of a form begin in a run, one behind the other."""
        forms, at = self._forms[run], 0
        while at + len(form) <= len(forms):
            free = all((run, at + offset) not in self._taken for offset in range(len(form)))
            if free and forms[at : at + len(form)] == form:
                yield at
                at += len(form)
            else:
                at += 1

    def _length(self, run: int, at: int) -> int:
        """Return how many statements from a place on come again behind it, each but once; 0 for too few."""
        if (run, at) in self._taken:
            return 0
        forms = self._forms[run]
        for other, begin in self._where[forms[at]]:
            if (other, begin) > (run, at):
                others = self._forms[other]
                most = min(len(forms) - at, len(others) - begin, begin - at if other == run else len(forms))
                length = 0
                while length < most and forms[at + length] == others[begin + length]:
                    length += 1
                if length >= FEWEST:
                    return length
                if other == run and length == begin - at:  # what is repeated is shorter
                    return 0
        return 0


# --- the function -----------------------------------------------------------------------------------------------------


class _Function:
    """A function that computes updates which are alike."""

    def __init__(self, name: str, updates: list[_Update]) -> None:
        self._name = name
        self._updates = updates
        first = updates[0]
        groups: dict[tuple[object, ...], list[int]] = {}
        for place in range(len(first.names)):
            groups.setdefault(tuple([update.array(place) for update in updates]), []).append(place)
        self._called: dict[int, str] = {}  # by a place the name in the function
        self._places: list[int] = []  # one for each parameter
        self._made: list[str] = []  # the first lines, which make the arrays for intermediate values
        self._name_parameters(list(groups.values()))

    def call(self, update: _Update) -> str:
        """Return the call that stands for an update."""
        return f"{self._name}({', '.join([update.argument(place) for place in self._places])})"

    def lines(self) -> list[str]:
        """Return the lines of the function."""
        first = self._updates[0]
        names = iter([self._called[place] for place in range(len(first.names))])

        def called(found: re.Match[str]) -> str:
            return next(names) if found[0] in first.known.values else found[0]

        written: list[str] = []
        comment = ""
        for statement in first.statements:
            if statement.comment != comment:
                comment = statement.comment
                written += ["", comment] if written else [comment]
            written.append(_NAME.sub(called, statement.text))
        parameters = [self._called[place] for place in self._places]
        made = [*self._made, *written] if not written[0].startswith("#") else [written[0], *self._made, *written[1:]]
        return [*head_of(self._name, parameters), *[f"    {line}" if line else "" for line in made]]

    def is_shorter(self) -> bool:
        """Return whether the function and its calls are fewer lines than the statements."""
        statements = [statement.text for update in self._updates for statement in update.statements]
        instead = [*self.lines(), "", "", *[self.call(update) for update in self._updates]]
        return _count(instead) < _count(statements)

    def _name_parameters(self, groups: list[list[int]]) -> None:
        """Name the arrays in the function, and choose which of them are parameters: those that are not the same
        global array in all updates.
        """
        first = self._updates[0]
        fixed, given, between = [], [], []
        for group in groups:
            names = {update.names[place] for update in self._updates for place in group}
            if len(names) == 1 and not any(update.is_local(group[0]) for update in self._updates):
                fixed.append(group)
            elif all(update.names[place] in update.between for update in self._updates for place in group):
                between.append(group)
            else:
                given.append(group)
        self._called |= {place: first.names[place] for group in fixed for place in group}
        taken = {name for statement in first.statements for name in _NAME.findall(statement.text)} - first.known.values
        taken |= {first.names[group[0]] for group in fixed}
        changed, wishes = self._wishes([group[0] for group in given])
        given.sort(key=lambda group: group[0] != changed)
        for group in given:
            self._give(group, wishes[group[0]], taken)
        for number, group in enumerate(between, 1):
            self._give(group, f"work_{number}", taken)
        if changed >= 0 and between and all([self._is_made_like(group[0], changed) for group in between]):
            works = ", ".join([self._called[group[0]] for group in between])
            self._made = [f"{works} = {', '.join([f'np.empty_like({self._called[changed]})'] * len(between))}"]
            between = []
        self._places = [group[0] for group in (*given, *between)]

    def _is_made_like(self, place: int, changed: int) -> bool:
        """Return whether the function makes an array for an intermediate value: a small one, like what it updates."""
        for update in self._updates:
            made = update.results()
            work = made.get(update.names[place], set())
            if update.block is not None or work != made.get(update.names[changed]):
                return False
            if any([math.prod(shape) * dtype.itemsize > SMALL for shape, dtype in work]):
                return False
        return True

    def _give(self, group: list[int], wish: str, taken: set[str]) -> None:
        name, count = wish, 1
        while name in taken:
            count += 1
            name = f"{wish}_{count}"
        taken.add(name)
        self._called |= dict.fromkeys(group, name)

    def _wishes(self, places: list[int]) -> tuple[int, dict[int, str]]:
        """Return the place of what is updated, and names for all: `mean_of_parameter` of `mean_of_w` and `mean_of_b`.

        What is updated is the array whose name is in most of the other ones.
        """
        found: list[tuple[int, int, dict[int, str]]] = []
        for changed in places:
            wishes = {
                place: [_without(update.names[place], update.names[changed]) for update in self._updates]
                for place in places
            }
            alike = {place: names[0] for place, names in wishes.items() if len({*names}) == 1}
            found.append((len(alike), changed, alike))
        _, changed, alike = max(found, key=lambda item: item[0], default=(0, -1, {}))
        names = self._updates[0].names
        return changed, {place: alike.get(place) or _without(names[place], names[changed]) for place in places}


def _count(lines: list[str]) -> int:
    """Return the number of lines in the text, where a long one is divided."""
    return sum([fitted(f"    {line}").count("\n") + 1 for line in lines])


def _without(name: str, changed: str) -> str:
    """Return a name with "parameter" for that of what is updated."""
    return re.sub(rf"(?<![^_]){re.escape(changed)}(?![^_])", "parameter", name)
