"""A batch: a fusion whose rows are the examples of a batch, and the steps that may join it.

A convolution makes large arrays of small ones, and a transformer many arrays of each sequence. Those of a few examples
fit into the second-level cache, those of all do not. The values of one example, forward and backward, depend on no
other example. So a block of a few examples is computed from the arguments to the sums that end in the gradients, before
the next block; two threads share the blocks. Values that no other block needs have memory for one block.

A batch grows from seeds: arrays from outside that have a part for each example.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from tinygraph.compiler.kernels.image_calls import IMAGE_FUNCTIONS, images_axis
from tinygraph.compiler.program.cost import flops, nanoseconds
from tinygraph.compiler.program.predicates import looks_like_view
from tinygraph.compiler.program.steps import Step, operands_of
from tinygraph.compiler.schedule.batch_axis import Parts, adds_up, own_parts
from tinygraph.compiler.schedule.blocks import Fusion

__all__ = ["Batch", "work_of"]

# The bytes of the largest array of a block of images: with half of them a step of a small network took a twentieth
# longer, with twice as many it took the same time.
IMAGE_BYTES = 1 << 21

# The bytes of the largest array of a block of sequences: with half of them a step of a transformer took a tenth longer,
# since each block makes all calls, and adds to the gradients of all weights.
BLOCK_BYTES = 1 << 20


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
        return sum(work_of(step) for step in self.steps)

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


def work_of(step: Step) -> float:
    """Return about how many nanoseconds a call takes."""
    return 0.0 if looks_like_view(step) else max(nanoseconds(step), flops(step) / 50)


def _is_weak(x: Step) -> bool:
    """Return whether an array from outside may well be something else than a batch: a matrix of weights."""
    return x.function is None and x.dtype.kind == "f" and len(x.shape) < 3
