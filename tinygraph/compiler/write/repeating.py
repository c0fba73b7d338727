"""Repeating: the first line of a loop, and which of its steps need more than a line of their own.

for x_t, h in zip(each_x, all_h):       the rows of arrays that are read, and of kept values
    np.dot(x_t, w, out=h)
    np.tanh(h, out=h)
    h_before = h                        the carried value
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tinygraph.compiler.memory import Plan
from tinygraph.compiler.program.counting import Affine, counts, kept_at, kept_rows
from tinygraph.compiler.program.loop_marks import put_row, row, with_loops
from tinygraph.compiler.program.steps import Step, operands_of
from tinygraph.compiler.write.width import WIDTH, filled

__all__ = ["bound_in_loops", "counts_in", "draws_in", "first_lines", "rows_in"]


def first_lines(names: Sequence[str], sources: Sequence[str], counter: str | None, count: str) -> list[str]:
    """Return the first line of a loop, or the lines that it is divided into.

    Args:
        names: of the rows.
        sources: the array, or the list, whose entries have each name in turn; or one list of entries for all names.
        counter: the name of the counter, where it is needed.
        count: the number of iterations, as text.
    """
    if not names:
        return [f"for {counter or '_'} in range({count}):"]
    target, source = ", ".join(names), sources[0] if len(sources) == 1 else f"zip({', '.join(sources)})"
    if len(names) > 1 and counter is not None:
        target = f"({target})"
    if counter is not None:
        target, source = f"{counter}, {target}", f"enumerate({source})"
    line = f"for {target} in {source}:"
    return [line] if len(line) <= WIDTH - 12 else _divided(target, source)


def _divided(target: str, source: str) -> list[str]:
    """Return the first lines of a loop over many arrays."""
    targets, sources = [target], [source]
    if len(target) > WIDTH - 24 or "zip(" not in source:
        targets = ["(", *_indented(target), ")"]
    if len(targets) == 1 or len(source) > WIDTH - 24:
        head, zipped, inside = source.partition("zip(")
        sources = [f"{head}{zipped}", *_indented(inside.rstrip(")")), ")" * inside.count(")")]
    *before, last = targets
    first, *behind = sources
    text = "\n".join([*before, f"{last} in {first}", *behind])
    return f"for {text}:".split("\n")


def _indented(text: str) -> list[str]:
    return [f"    {part}" for part in filled(text, WIDTH - 24)]


def rows_in(steps: Sequence[Step], begin: Step) -> tuple[list[Step], list[Step]]:
    """Return the steps that are rows of a loop, and those that keep a value of every iteration."""
    read = [step for step in steps if step.function is row and step.args[1] is begin]
    return read, [step for step in steps if step.function is put_row and step.args[2] is begin]


def counts_in(steps: Iterable[Step], begin: Step, decisions_alone: bool = False) -> bool:
    """Return whether a call of a loop needs its counter: a decision, or a call that is in no loop within it."""
    for step, around in with_loops(steps):
        reads = step.decides or (not decisions_alone and around[-1:] == (begin,) and _reads_counter(step))
        if begin in around and reads:
            return True
    return False


def draws_in(steps: Iterable[Step], begin: Step) -> list[Step]:
    """Return the draws in a loop, those in the loops within it too."""
    return [step for step, around in with_loops(steps) if step.draws and begin in around]


def _reads_counter(step: Step) -> bool:
    return counts(step.function) or (step.function is put_row and not step.args[1].shape)


def bound_in_loops(steps: Sequence[Step], plan: Plan) -> set[int]:
    """Return the indices of the steps whose names mean another part of memory in every iteration."""
    found: set[int] = set()
    for step in reversed(steps):  # the whole is behind its parts
        whole, place = plan.parts.get(step.index, (None, None))
        if type(place) is Affine or (whole is not None and whole.index in found):
            found.add(step.index)
    for step in steps:
        moves = step.function in (row, kept_at, kept_rows) or counts(step.function)
        looks = plan.is_view(step) and any([operand.index in found for operand in operands_of(step)])
        if moves or looks:
            found.add(step.index)
    return found
