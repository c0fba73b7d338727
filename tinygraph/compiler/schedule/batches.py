"""Batches: the parts of a program that go over the examples of a batch, a few of them at a time. See `Batch`.

Where all examples wait for a number that depends on all, as in batch normalization, one part of the program ends, and
another begins.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from tinygraph.compiler.kernels.image_calls import IMAGE_FUNCTIONS, images_axis
from tinygraph.compiler.kernels.products import turned_product
from tinygraph.compiler.program.cost import flops
from tinygraph.compiler.program.loop_marks import Begin, End, iterations
from tinygraph.compiler.program.predicates import looks_like_view
from tinygraph.compiler.program.steps import Step, operands_of
from tinygraph.compiler.schedule.batch import Batch, work_of
from tinygraph.compiler.schedule.batch_axis import BATCHED, turned_for_products
from tinygraph.compiler.schedule.blocks import TWO_THREADS
from tinygraph.graph import Graph

__all__ = ["batches_of"]

# Where one part of a program follows another, both threads are awake, and two pay from this many nanoseconds of work:
# all forty parts of a residual network with batch normalization are divided, and to hand them over took 3 of the 45
# milliseconds that its step takes of the processors.
AWAKE = 250_000.0

# So many sizes of axes are tried as the number of examples.
SIZES_TRIED = 3

# The nanoseconds that a call of NumPy takes, however little it computes.
CALL = 700.0


def batches_of(graph: Graph, overwrites: dict[int, int]) -> list[list[Step] | Batch]:
    """Return the parts of a graph that go over the examples of a batch, and the steps before, between and after them.

    Several sizes of axes may be the number of examples. The one with which most of the work is divided is taken.

    Args:
        graph: of steps.
        overwrites: by the index of a step that computes a variable's new value the index of the variable.
    """
    steps = [step for step in graph.nodes if isinstance(step, Step) and step.function is not None]
    best: list[list[Step] | Batch] = [steps]
    most = _work_of_loops(steps)
    beginnings = _beginnings(graph, steps, overwrites)
    turned = turned_for_products(graph) if beginnings else set()
    for rows, seeds in beginnings:
        parts = _divided(steps, overwrites, rows, seeds, turned)
        work = sum([part.nanoseconds for part in parts if isinstance(part, Batch)])
        if work > most:
            best, most = parts, work
    for part in best:
        if isinstance(part, Batch) and most > 2 * TWO_THREADS:
            part.pays_from = AWAKE
    return best


def _work_of_loops(steps: list[Step]) -> float:
    """Return the nanoseconds of the loops of a program. If they are more than those of its batches, it has none."""
    times = iterations(steps)
    return sum([work_of(step) * times[step.index] for step in steps if times[step.index] > 1])


def _beginnings(graph: Graph, steps: list[Step], overwrites: dict[int, int]) -> list[tuple[int, dict[int, int]]]:
    """Return possible numbers of examples, those with most work first, each with the axis of each possible seed."""
    large = [step for step in steps if 0 not in step.shape and _has_examples(step)]
    if not large:
        return []
    variables = {*overwrites.values()}
    outside = [
        step for step in graph.nodes
        if isinstance(step, Step) and _may_be_a_batch(step) and step.index not in variables
    ]  # fmt: skip
    work: Counter[int] = Counter()
    for size in {size for step in outside for size in step.shape if size > 1}:
        work[size] = sum([flops(step) for step in large if _may_be_of(step, size)])
    found: list[tuple[int, dict[int, int]]] = []
    sizes = sorted([size for size, amount in work.items() if amount], key=lambda size: (-work[size], -size))
    for rows in sizes[:SIZES_TRIED]:
        divided = [step for step in outside if rows in step.shape]
        first = {step.index: step.shape.index(rows) for step in divided}
        last = {step.index: len(step.shape) - 1 - step.shape[::-1].index(rows) for step in divided}
        found += [(rows, first), (rows, last)] if first != last else [(rows, first)]
    return found


def _has_examples(step: Step) -> bool:
    """Return whether a call is of a kind whose examples are worth doing a few at a time."""
    if step.function is turned_product and len(step.args[0].shape) == 2 and step.args[2][0] != 0:
        return False  # of two matrices, in pieces
    return step.function in IMAGE_FUNCTIONS or (step.function in BATCHED and len(step.shape) > 2)


def _may_be_a_batch(x: Step) -> bool:
    """Return whether an array from outside may have a part for each example."""
    return bool(x.shape) and (x.given or x.draws or (x.is_constant and len(x.shape) > 2))


def _may_be_of(step: Step, rows: int) -> bool:
    """Return whether a call may be made of so many examples."""
    known = IMAGE_FUNCTIONS.get(step.function)
    if known is None:
        return step.shape[0] % rows == 0
    operands = [step.args[place] for place in known.images]
    return any([type(item) is Step and item.shape[images_axis(item)] == rows for item in operands])


def _divided(
    steps: list[Step], overwrites: dict[int, int], rows: int, seeds: dict[int, int], turned: set[int]
) -> list[list[Step] | Batch]:
    """Return the parts of a program for a number of examples: the members of one part are seeds of the next."""
    found: list[list[Step] | Batch] = [[]]
    while True:
        growth = _grown(steps, overwrites, rows, seeds, turned)
        batch = growth.batch
        if not batch.steps:
            _last_list(found).extend(steps)
            return found
        _last_list(found).extend(growth.before)
        if _is_worth_it(batch):
            found += [batch, []]
        else:
            _last_list(found).extend(batch.steps)
        members = [step for step in batch.steps if step.index in batch.members]
        seeds = batch.seeds | {step.index: int(step.index in turned) or batch.axis_of(step) for step in members}
        steps = growth.after


def _last_list(found: list[list[Step] | Batch]) -> list[Step]:
    last = found[-1]
    assert isinstance(last, list)
    return last


def _is_worth_it(batch: Batch) -> bool:
    """Return whether a part of a program takes less time in blocks on two threads: blocks make more calls."""
    if batch.has_images:
        return True
    work = batch.nanoseconds
    blocks = max(2, -(-batch.rows // batch.rows_in_block))
    calls = sum([not looks_like_view(step) for step in batch.steps])
    return work > TWO_THREADS and work / 2 + calls * blocks * CALL < work + calls * CALL


@dataclass(eq=False)
class _Growth:
    """A batch as it grows, step by step of a program.

    Attributes:
        batch: the batch.
        overwrites: see `batches_of`.
        before, after: the steps before the batch, and behind it.
        refused: the weak seeds of the values that the batch could not divide.
    """

    batch: Batch
    overwrites: dict[int, int]
    before: list[Step] = field(default_factory=list)
    after: list[Step] = field(default_factory=list)
    refused: set[int] = field(default_factory=set)
    _late: set[int] = field(default_factory=set)  # what is computed behind the batch, or is whole at its end
    _depth: int = 0  # of the loops around the step
    _ended: bool = False

    def add(self, step: Step) -> None:
        """Let a step join the batch, or put it before or behind the batch."""
        batch, mark, operands = self.batch, type(step.function), operands_of(step)
        # What comes after a decision is not computed before it, and what is in a loop stays in it.
        self._ended = self._ended or bool(batch.steps and (step.decides or mark is Begin))
        self._depth += (mark is Begin) - (mark is End)
        inside = [operand for operand in operands if operand.index in batch.members]
        is_late = step.index in self.overwrites or any([operand.index in self._late for operand in operands])
        if self._ended or is_late:
            self._put_behind(step)
        elif self._depth or mark is End:
            self.before.append(step)
        elif not inside and (batch.is_view_of_outside(step) or not batch.begins(step)):
            self.before.append(step)
            batch.note_made_before(step)
        elif not batch.takes(step):
            self._put_behind(step)
            self.refused.update(*[batch.origins.get(operand.index, ()) for operand in inside])
        elif step.index in batch.ending:
            self._late.add(step.index)

    def _put_behind(self, step: Step) -> None:
        self.after.append(step)
        self._late.add(step.index)


def _grown(
    steps: list[Step], overwrites: dict[int, int], rows: int, seeds: dict[int, int], turned: set[int]
) -> _Growth:  # fmt: skip
    """Return the growth of the first part that goes over examples, the one with most work.

    If a step needs all of a value that was made of weak seeds alone, these are no seeds, and the part grows anew.
    """
    best = None
    while True:
        growth = _Growth(Batch(rows, 0, 4, seeds=dict(seeds), turned=turned), overwrites)
        for step in steps:
            growth.add(step)
        if best is None or growth.batch.nanoseconds > best.batch.nanoseconds:
            best = growth
        if not growth.refused:
            return best
        seeds = {index: axis for index, axis in seeds.items() if index not in growth.refused}
