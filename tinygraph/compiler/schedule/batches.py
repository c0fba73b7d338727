"""Batches: a part of a program that goes over the examples of a batch, a few of them at a time.

A convolution makes large arrays of small ones, and a transformer many arrays of each sequence. Those of a few examples
fit into the second-level cache, those of all do not. The values of one example, forward and backward, depend on no
other example. So a block of a few examples is computed from the arguments to the sums that end in the gradients, before
the next block; two threads share the blocks. Values that no other block needs have memory for one block.

Where all examples wait for a number that depends on all, as in batch normalization, one part of the program ends, and
another begins.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from tinygraph.compiler.kernels.image_calls import IMAGE_FUNCTIONS, images_axis
from tinygraph.compiler.kernels.products import turned_product
from tinygraph.compiler.program.cost import flops, nanoseconds
from tinygraph.compiler.program.loop_marks import Begin, End, iterations
from tinygraph.compiler.program.predicates import looks_like_view
from tinygraph.compiler.program.steps import Step, operands_of
from tinygraph.compiler.schedule.batch_axis import BATCHED, Parts, adds_up, own_parts, turned_for_products
from tinygraph.compiler.schedule.blocks import TWO_THREADS, Fusion
from tinygraph.graph import Graph

__all__ = ["Batch", "batches_of"]

# The bytes of the largest array of a block of images: with half of them a step of a small network took a twentieth
# longer, with twice as many it took the same time.
IMAGE_BYTES = 1 << 21

# The bytes of the largest array of a block of sequences: with half of them a step of a transformer took a tenth longer,
# since each block makes all calls, and adds to the gradients of all weights.
BLOCK_BYTES = 1 << 20

# Where one part of a program follows another, both threads are awake, and two pay from this many nanoseconds of work:
# all forty parts of a residual network with batch normalization are divided, and to hand them over took 3 of the 45
# milliseconds that its step takes of the processors.
AWAKE = 250_000.0

# The sizes of axes that are tried as the number of examples.
TRIED = 3

# The nanoseconds that a call of NumPy takes, however little it computes.
CALL = 700.0


@dataclass(eq=False)
class Batch(Fusion):
    """A fusion whose rows are the examples of a batch. A member may have several rows of an array for each example.

    Attributes:
        seeds: by the index of an array from outside the axis along which it has a part for each example.
        turned: the indices of transposes that are used as left operands of products alone. The products add up over
            the examples.
        each: by a member's index how many rows of it belong to one example: those of x.reshape(1024, 64), made of 16
            sequences of 64 tokens, are 64.
        in_rows: by the index of an array from outside whether a block reads its own rows of it, or all of it.
        origins: by a member's index the weak seeds that it was made of, if all its seeds are weak; see `_is_weak`.
    """

    seeds: dict[int, int] = field(default_factory=dict)
    turned: set[int] = field(default_factory=set)
    each: dict[int, int] = field(default_factory=dict)
    in_rows: dict[int, bool] = field(default_factory=dict)
    origins: dict[int, frozenset[int]] = field(default_factory=dict)
    _parts: dict[int, Parts] = field(default_factory=dict)

    # --- what a block reads and computes ------------------------------------------------------------------------------

    def slices(self, step: Step, operand: Step) -> bool:
        """See `Fusion`."""
        return any(operand is item for item in self.parts(step) or ())

    def axis_of(self, operand: Step) -> int:
        """See `Fusion`."""
        return self.seeds.get(operand.index, images_axis(operand))

    def each_of(self, step: Step) -> int:
        """See `Fusion`. An array from outside of which a block reads its own rows is divided evenly, too."""
        return self.each.get(step.index) or step.shape[self.axis_of(step)] // self.rows

    def has_rows(self, x: Step) -> bool:
        """Return whether a value has a part for each example: one of the batch, or an array from outside."""
        return x.index not in self.turned and (x.index in self.members or x.index in self.seeds)

    def parts(self, step: Step) -> Parts:
        """Return the operands of which a block reads its own examples only; None if it needs others, too."""
        if step.index not in self._parts:
            found = own_parts(step, self)
            inside = [operand for operand in operands_of(step) if operand.index in self.members]
            if found is not None and not all([any(operand is item for item in found) for operand in inside]):
                found = None
            self._parts[step.index] = found
        return self._parts[step.index]

    @property
    def rows_in_block(self) -> int:
        """See `Fusion`."""
        divided = [step for step in self.steps if step.index in self.members]
        divided += [operand for step in self.steps for operand in self.parts(step) or ()]
        widest = max(step.nbytes for step in divided) // self.rows
        return max(1, self._block_bytes // max(widest, 1))

    @property
    def _block_bytes(self) -> int:
        return IMAGE_BYTES if self.has_images else BLOCK_BYTES

    @property
    def has_images(self) -> bool:
        """True if it calls a function for images."""
        return any(step.function in IMAGE_FUNCTIONS for step in self.steps)

    @property
    def nanoseconds(self) -> float:
        """See `Fusion`."""
        return sum(_work(step) for step in self.steps)

    # --- its growth ---------------------------------------------------------------------------------------------------

    def begins(self, step: Step) -> bool:
        """Return whether a step that reads no member joins: it reads seeds, and does not just add up weak ones."""
        parts = self.parts(step)
        if parts is None:
            return False
        from_outside = [item for item in parts if item.index in self.seeds]
        return bool(from_outside) and (
            not adds_up(step, self.turned) or not all([_is_weak(item) for item in from_outside])
        )

    def takes(self, step: Step) -> bool:
        """Let a step join, and return True; or return False.

        An array from outside has one name in a block, which stands for all of it or for the block's rows of it.
        """
        parts = self.parts(step)
        if parts is None:
            return False
        outside = [operand for operand in operands_of(step) if operand.index not in self.members]
        ways = {operand.index: any(operand is item for item in parts) for operand in outside}
        if any(self.in_rows.get(index, way) != way for index, way in ways.items()):
            return False
        self.in_rows.update(ways)
        self.steps.append(step)
        if adds_up(step, self.turned):
            self.ending.add(step.index)
        else:
            self.members.add(step.index)
            self._note(step, parts)
        return True

    def is_view_of_outside(self, step: Step) -> bool:
        """Return whether a step is a view of a seed that has a part for each example, too."""
        return looks_like_view(step) and step.args[0].index in self.seeds and self.parts(step) is not None

    def note_made_before(self, step: Step) -> None:
        """Note as a seed what a step before the batch makes of seeds, if its result has a row for each example."""
        made_of = [operand for operand in operands_of(step) if operand.index in self.seeds]
        if self.is_view_of_outside(step):
            # Where the examples lie along columns, they lie along the rows once the array is transposed.
            turned = step.index in self.turned and self.axis_of(step.args[0]) == 0
            self.seeds.setdefault(step.index, int(turned))
        elif step.shape[:1] == (self.rows,) and any([not _is_weak(operand) for operand in made_of]):
            self.seeds.setdefault(step.index, 0)

    def _note(self, step: Step, parts: list[Step]) -> None:
        """Note how many rows of a new member belong to an example, and what it was made of."""
        if step.index in self.turned:
            self.each[step.index] = self.each_of(step.args[0])
        else:
            self.each[step.index] = step.shape[images_axis(step)] // self.rows
        found: set[int] = set()
        for item in parts:
            if item.index in self.members:
                if item.index not in self.origins:
                    return
                found |= self.origins[item.index]
            elif item.index in self.seeds:
                if not _is_weak(item):
                    return
                found.add(item.index)
        self.origins[step.index] = frozenset(found)


def _work(step: Step) -> float:
    """Return about how many nanoseconds a call takes."""
    return 0.0 if looks_like_view(step) else max(nanoseconds(step), flops(step) / 50)


def _is_weak(x: Step) -> bool:
    """Return whether an array from outside may well be something else than a batch: a matrix of weights."""
    return x.function is None and x.dtype.kind == "f" and len(x.shape) < 3


# --- the parts of a program -------------------------------------------------------------------------------------------


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
    return sum([_work(step) * times[step.index] for step in steps if times[step.index] > 1])


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
    for rows in sizes[:TRIED]:
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
    seeds = dict(seeds)
    while True:
        before, batch, after = _grown(steps, overwrites, rows, seeds, turned)
        if not batch.steps:
            _last_list(found).extend(steps)
            return found
        _last_list(found).extend(before)
        if _is_worth_it(batch):
            found += [batch, []]
        else:
            _last_list(found).extend(batch.steps)
        members = [step for step in batch.steps if step.index in batch.members]
        seeds = batch.seeds | {step.index: int(step.index in turned) or batch.axis_of(step) for step in members}
        steps = after


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


def _grown(
    steps: list[Step], overwrites: dict[int, int], rows: int, seeds: dict[int, int], turned: set[int]
) -> tuple[list[Step], Batch, list[Step]]:
    """Return the first part that goes over examples, and the steps before and behind it.

    If a step needs all of a value that was made of weak seeds alone, these are no seeds, and the part grows anew.
    """
    best = None
    seeds = dict(seeds)
    while True:
        before, batch, after, refused = _grown_from(
            steps, overwrites, Batch(rows, 0, 4, seeds=dict(seeds), turned=turned)
        )
        if best is None or batch.nanoseconds > best[1].nanoseconds:
            best = before, batch, after
        if not refused:
            return best
        for index in refused:
            del seeds[index]


def _grown_from(
    steps: list[Step], overwrites: dict[int, int], batch: Batch
) -> tuple[list[Step], Batch, list[Step], set[int]]:  # fmt: skip
    """Let a batch grow.

    Returns:
        The steps before it, the batch, the steps behind it, and the weak seeds of the values that it could not divide.
    """
    late: set[int] = set()
    refused: set[int] = set()
    before: list[Step] = []
    after: list[Step] = []
    ended = False
    depth = 0
    for step in steps:
        mark = type(step.function)
        # What comes after a decision is not computed before it, and what is in a loop stays in it.
        ended = ended or bool(batch.steps and (step.decides or mark is Begin))
        depth += (mark is Begin) - (mark is End)
        operands = operands_of(step)
        inside = [operand for operand in operands if operand.index in batch.members]
        if ended or step.index in overwrites or any([operand.index in late for operand in operands]):
            after.append(step)
            late.add(step.index)
        elif depth or mark is End:
            before.append(step)
        elif not inside and (batch.is_view_of_outside(step) or not batch.begins(step)):
            before.append(step)
            batch.note_made_before(step)
        elif not batch.takes(step):
            after.append(step)
            late.add(step.index)
            refused.update(*[batch.origins.get(operand.index, ()) for operand in inside])
        elif step.index in batch.ending:
            late.add(step.index)
    return before, batch, after, refused
