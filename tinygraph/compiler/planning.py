"""Planning: which values share memory, when each is needed for the last time, and which memory is used again.

Values that are views of one another, or that are computed in place, have one `Storage`. A storage is needed from the
item that first writes it to the last that reads it; storages that are never needed at the same time share a `Memory`.
"""

from __future__ import annotations

import bisect
import heapq
import itertools
import operator
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tinygraph.compiler.assembly import assembled, turned_product
from tinygraph.compiler.blocks import Run
from tinygraph.compiler.image_calls import IMAGE_FUNCTIONS
from tinygraph.compiler.lines import middle_of
from tinygraph.compiler.rewrites.views import RESHAPING, TRANSPOSING
from tinygraph.compiler.steps import REDUCTIONS, Step, is_elementwise, operands_of
from tinygraph.derivatives.indexing import scatter
from tinygraph.derivatives.products import einsum_of
from tinygraph.derivatives.shapes import astype
from tinygraph.graph import Graph

__all__ = ["Memory", "Plan", "Storage", "plan"]

# Functions that take out=, besides the ufuncs and the reductions.
WITH_OUT = frozenset(
    (np.dot, np.cumsum, np.cumprod, np.take, np.concatenate, np.stack, np.outer, einsum_of, np.where, np.copy, astype,
     scatter, assembled, turned_product, np.broadcast_to, np.reshape, np.ravel, operator.getitem)
)  # fmt: skip


@dataclass(eq=False)
class Storage:
    """Memory that one value has, or several that follow each other in place.

    Attributes:
        kind: "argument", "variable", "constant"; "owned" for what the program computes into its own memory; "fresh"
            for what a function without out= returns; "scratch" for a part of a value, needed within a block only.
        shape, dtype: of the first value.
        first, last: the items that write it first and read it last.
        escapes: whether the caller gets it, so that it must be new at each call.
        steps: the indices of the values, views too, in execution order.
        in_parts: whether parts of it are computed one by one.
        middle: the byte at which the second of two threads of BLAS begins to write; 0 where one thread writes.
    """

    kind: str
    shape: tuple[int, ...]
    dtype: Any
    first: int
    last: int
    escapes: bool = False
    steps: list[int] = field(default_factory=list)
    memory: Memory | None = None
    in_parts: bool = False
    middle: int = 0

    @property
    def nbytes(self) -> int:
        """Bytes."""
        return int(np.prod(self.shape, dtype=np.int64)) * int(self.dtype.itemsize)


@dataclass(eq=False)
class Memory:
    """An array that the program allocates once, with the storages that lie in it one after the other.

    The first storage is the largest; the others lie at its beginning.
    """

    storages: list[Storage] = field(default_factory=list)

    @property
    def nbytes(self) -> int:
        """Bytes."""
        return self.storages[0].nbytes

    @property
    def line(self) -> int:
        """The element of the first storage that should begin a line of the cache."""
        first = self.storages[0]
        return next((held.middle // first.dtype.itemsize for held in self.storages if held.middle), 0)


@dataclass(eq=False)
class Plan:
    """Where every value of a program lives.

    Attributes:
        items: what is executed, in order: steps, and runs of steps.
        storage: by a step's index; None for numbers, which are Python objects.
        layouts: by a step's index an array with its shape, dtype and strides, to learn from and not to read.
        memories: what the program allocates.
        copied: pairs of a variable's place among the variables and the step that is copied into it at the end.
        by_index: the calls, by their index.
        straight: by a step's index the place of the variable that its number is written into at once.
        parts: by a step's index the assembled array that it is computed into a part of, and the index of the part.
    """

    items: list[Step | Run]
    storage: dict[int, Storage | None]
    layouts: dict[int, Any]
    memories: list[Memory]
    copied: list[tuple[int, Step]]
    by_index: dict[int, Step]
    straight: dict[int, int]
    parts: dict[int, tuple[Step, Any]] = field(default_factory=dict)

    def is_view(self, step: Step) -> bool:
        """Whether a step only looks at memory in another way."""
        return is_view(step, self.layouts)


def looks_like_view(step: Step) -> bool:
    """Whether NumPy would make a view, if the operand's strides allow it."""
    if not step.args or type(step.args[0]) is not Step:
        return False
    if step.function is operator.getitem:
        return is_basic(step.args[1])
    return step.function in RESHAPING or step.function in TRANSPOSING or step.function in _OTHER_VIEWS


_OTHER_VIEWS = frozenset((np.broadcast_to, np.flip, np.flipud, np.fliplr, np.rot90, np.diagonal))


def is_basic(index: Any) -> bool:
    """Whether an index gives a view."""
    items = index if type(index) is tuple else (index,)
    return all(item is None or item is Ellipsis or type(item) in (int, slice) for item in items)


def is_view(step: Step, layouts: dict[int, Any]) -> bool:
    """Whether a step only looks at its operand's memory in another way."""
    if not looks_like_view(step) or not step.args[0].shape:
        return False
    layout = layouts.get(step.index)
    return layout is not None and np.may_share_memory(layout, layouts[step.args[0].index])


def layouts_of(graph: Graph, parts: dict[int, tuple[Step, Any]] | None = None) -> dict[int, Any]:
    """For each array an array of its layout. Their memory is never touched, and the system never provides it."""
    found: dict[int, Any] = {}

    def of_part(step: Step) -> Any:
        """The layout of an assembled array, or of a part of one."""
        if step.index not in found:
            inside = parts.get(step.index) if parts else None
            found[step.index] = np.empty(step.shape, step.dtype) if inside is None else of_part(inside[0])[inside[1]]
        return found[step.index]

    for step in graph.nodes:
        assert isinstance(step, Step)
        if not step.shape or step.index in found:
            continue
        if parts and step.index in parts:
            of_part(step)
            continue
        if looks_like_view(step) and step.args[0].shape and 0 not in step.shape:
            operand = found[step.args[0].index]
            view = step.function(operand, *step.args[1:], **step.kwargs) if _cheap(step, operand) else None  # type: ignore[misc]
            if view is not None and np.may_share_memory(view, operand):
                found[step.index] = view
                continue
        found[step.index] = step.value if step.value is not None else np.empty(step.shape, step.dtype)
    return found


def _cheap(step: Step, operand: Any) -> bool:
    """Whether trying out a view copies nothing much: a reshape of what is not contiguous might."""
    if step.function not in RESHAPING or operand.flags.c_contiguous or operand.size < 100_000:
        return True
    try:
        np.reshape(operand, step.shape, copy=False)
    except ValueError:
        return False
    return True


def parts_of(graph: Graph) -> dict[int, tuple[Step, Any]]:
    """By its index each step that can be computed straight into its place in an assembled array.

    Where the place is not contiguous, what nothing else reads, if it is written as quickly there.
    """
    outputs = {_looked_at(output).index for output in graph.outputs}
    wholes = [step for step in graph.nodes if step.function is assembled and step.index not in outputs]
    uses = Counter(part.index for whole in wholes for part in whole.args[0])
    read = Counter(operand.index for step in graph.nodes for operand in operands_of(step))
    found: dict[int, tuple[Step, Any]] = {}
    for whole in wholes:
        assert isinstance(whole, Step)
        whole_layout = np.empty(whole.shape, np.bool_)
        for part, place in zip(whole.args[0], whole.args[1], strict=True):
            solid = whole_layout[place].flags.c_contiguous
            if (
                part.function is not None
                and takes_out(part)
                and not looks_like_view(part)
                and uses[part.index] == 1
                and part.index not in outputs
                and part.dtype == whole.dtype
                and part.shape == whole_layout[place].shape
                and (solid or (_writes_anywhere(part) and read[part.index] == 1))
            ):
                found[part.index] = (whole, place)
    return found


def _writes_anywhere(step: Step) -> bool:
    """Whether a call writes as quickly into an array of any strides."""
    return is_elementwise(step) or step.function is turned_product


def _looked_at(step: Any) -> Any:
    """What a view shows, in the end."""
    while looks_like_view(step):
        step = step.args[0]
    return step


def plan(
    graph: Graph, items: Sequence[Step | Run], arguments: int, updates: dict[int, Step], results: Sequence[Step]
) -> Plan:
    """Decide where every value lives.

    Args:
        graph: of steps.
        items: its calls, in the order of execution.
        arguments: how many of the inputs are arguments; the other inputs are variables.
        updates: by a variable's place among the variables the step whose value it takes.
        results: what the caller gets.
    """
    parts = parts_of(graph)
    layouts = layouts_of(graph, parts)
    order: dict[int, int] = {}  # by a step's index its place among all steps in execution order
    item_of: dict[int, int] = {}
    in_run: dict[int, Run] = {}
    sequence: list[Step] = []
    for number, item in enumerate(items):
        for step in item.steps if isinstance(item, Run) else (item,):
            order[step.index], item_of[step.index] = len(sequence), number
            sequence.append(step)
            if isinstance(item, Run):
                in_run[step.index] = item
    end = len(sequence)
    storage: dict[int, Storage | None] = {}
    last_read: dict[int, int] = {}  # by id of a storage the last place, among all steps, where it is read

    for place, node in enumerate(graph.nodes):
        if node.function is None:
            assert isinstance(node, Step)
            kind = "constant" if not node.given else "argument" if place < arguments else "variable"
            held = Storage(kind, node.shape, node.dtype, -1, len(items), steps=[node.index])
            storage[node.index] = held if node.shape or node.given else None
    # Parts have the storage of the whole; views have their operand's; all else computed begins with one of its own.
    kept_by: dict[int, list[Storage]] = {}
    for step in reversed(sequence):
        if step.function is assembled and step.index not in parts:
            storage[step.index] = Storage("owned", step.shape, step.dtype, item_of[step.index], -1, steps=[step.index])
        if step.index in parts:
            whole = storage[parts[step.index][0].index]
            assert whole is not None
            storage[step.index] = whole
            whole.steps.append(step.index)
            whole.first = min(whole.first, item_of[step.index])
            whole.in_parts = True
    for step in sequence:
        if step.index in storage:
            continue
        if is_view(step, layouts):
            held_by = storage[step.args[0].index]
            assert held_by is not None
            storage[step.index] = held_by
            held_by.steps.append(step.index)
        elif not step.shape:
            storage[step.index] = None
        else:
            kind = "owned" if takes_out(step) else "fresh"
            storage[step.index] = own = Storage(
                kind, step.shape, step.dtype, item_of[step.index], -1, steps=[step.index]
            )
            if kind == "fresh":  # it may be a view of an operand for all we know
                kept_by[id(own)] = [
                    part
                    for operand in operands_of(step)
                    if (held_by := storage[operand.index])
                    for part in (held_by, *kept_by.get(id(held_by), ()))
                ]
    for step in sequence:
        for operand in operands_of(step):
            held_by = storage[operand.index]
            if held_by is not None:
                for part in (held_by, *kept_by.get(id(held_by), ())):
                    last_read[id(part)] = order[step.index]
    copied, straight = _updates_in_place(graph, arguments, updates, results, storage, layouts, order, last_read, in_run)
    for output in [*results, *[step for _, step in copied]]:
        held_by = storage[output.index]
        if held_by is not None:
            for part in (held_by, *kept_by.get(id(held_by), ())):
                last_read[id(part)] = end
    _compute_in_place(sequence, storage, layouts, order, last_read, in_run)
    for output in results:
        held_by = storage[output.index]
        if held_by is not None and held_by.kind == "owned":
            held_by.escapes = True
    owned = {id(held): held for held in storage.values() if held is not None and held.kind == "owned"}
    for held in owned.values():
        place = last_read.get(id(held), order[held.steps[-1]])
        held.last = len(items) if place >= end else item_of[sequence[place].index]
        held.last = max(held.last, *[item_of[index] for index in held.steps])
        run = in_run.get(held.steps[0])
        if run is not None and not held.escapes and held.first == held.last and all(run.aligned(i) for i in held.steps):
            held.kind = "scratch"
    for step in sequence:
        held_by = storage[step.index]
        if held_by is not None and step.function in (np.dot, np.matmul) and step.index not in parts:
            first, second = [layouts.get(item.index) if type(item) is Step else None for item in step.args[:2]]
            if first is not None and second is not None and not step.kwargs:
                held_by.middle = middle_of(first, second, step.dtype) * step.dtype.itemsize or held_by.middle
    memories = _packed([held for held in owned.values() if held.kind == "owned" and not held.escapes])
    by_index = {step.index: step for step in sequence}
    return Plan(list(items), storage, layouts, memories, copied, by_index, straight, parts)


def takes_out(step: Step) -> bool:
    """Whether the result can be written into memory that is given."""
    function = step.function
    if isinstance(function, np.ufunc):
        return function.nout == 1
    if function is operator.getitem:
        return True
    return function in REDUCTIONS or function in WITH_OUT or step.draws or function in IMAGE_FUNCTIONS


def _updates_in_place(
    graph: Graph, arguments: int, updates: dict[int, Step], results: Sequence[Step], storage: dict[int, Storage | None],
    layouts: dict[int, Any], order: dict[int, int], last_read: dict[int, int], in_run: dict[int, Run],
) -> tuple[list[tuple[int, Step]], dict[int, int]]:  # fmt: skip
    """Let the new values of variables be written over the old ones.

    Returns:
        Those that must be copied at the end; those that are numbers, and written when they are computed.
    """
    copied: list[tuple[int, Step]] = []
    straight: dict[int, int] = {}
    read = {operand.index for step in graph.nodes for operand in operands_of(step)}
    wanted = [result.index for result in results]
    for place, step in updates.items():
        variable = graph.nodes[arguments + place]
        mine = storage[variable.index]
        assert mine is not None
        own = storage[step.index]
        if (
            own is None
            and step.function is not None
            and step.index not in read
            and step.index not in wanted
            and list(updates.values()).count(step) == 1
            and last_read.get(id(mine), -1) <= order[step.index]
            and not any(storage[result.index] is mine for result in results)
        ):
            straight[step.index] = place
            continue
        if (
            own is None
            or own.kind != "owned"
            or layouts[step.index].shape != variable.shape
            or step.dtype != variable.dtype
            or is_view(step, layouts)
            or last_read.get(id(mine), -1) > order[step.index]
            or any(storage[result.index] is mine for result in results)
            or any(result is step for result in results)
            or not _may_overwrite(step, mine, storage, layouts)
            or not _read_alike(in_run.get(step.index), mine, layouts.get(variable.index), storage, layouts)
        ):
            copied.append((place, step))
            continue
        for index in own.steps:
            storage[index] = mine
            mine.steps.append(index)
        last_read[id(mine)] = max(last_read.get(id(mine), -1), last_read.get(id(own), -1))
    return copied, straight


def _may_overwrite(step: Step, target: Storage, storage: dict[int, Storage | None], layouts: dict[int, Any]) -> bool:
    """Whether a step may write into memory that some of its operands lie in."""
    for place, operand in enumerate(step.args):
        for inner in (operand,) if type(operand) is Step else _flat(operand):
            if storage[inner.index] is not target:
                continue
            first = layouts.get(target.steps[0])
            same = (
                first is not None
                and inner.shape == step.shape
                and layouts[inner.index].strides == first.strides
                and layouts[inner.index].shape == first.shape
            )
            if not (same and is_elementwise(step)) or (step.function is np.where and place != 2):
                return False
    return True


def _flat(item: Any) -> list[Step]:
    return [part for part in item if type(part) is Step] if type(item) in (tuple, list) else []


def _compute_in_place(
    sequence: list[Step], storage: dict[int, Storage | None], layouts: dict[int, Any], order: dict[int, int],
    last_read: dict[int, int], in_run: dict[int, Run],
) -> None:  # fmt: skip
    """Let elementwise calls write over an operand that nobody needs any more; not over what is assembled of parts,
    whose places are known before the step runs.
    """
    for step in sequence:
        mine = storage[step.index]
        if mine is None or mine.kind != "owned" or mine.steps[0] != step.index or not is_elementwise(step):
            continue
        for place, operand in enumerate(step.args):
            if type(operand) is not Step or operand.shape != step.shape or operand.dtype != step.dtype:
                continue
            other = storage[operand.index]
            if (
                other is not None
                and other.kind == "owned"
                and not other.in_parts
                and last_read[id(other)] == order[step.index]
                and layouts[operand.index].flags.c_contiguous
                and operand.nbytes == other.nbytes
                and operand.size
                and not (step.function is np.where and place != 2)
                and _alone(step, place, other, storage)
                and (step.index not in in_run or in_run[step.index].aligned(step.index))
                and _read_alike(in_run.get(step.index), other, layouts[operand.index], storage, layouts)
            ):  # fmt: skip
                for index in mine.steps:
                    storage[index] = other
                    other.steps.append(index)
                last_read[id(other)] = last_read.get(id(mine), order[step.index])
                break


def _read_alike(
    run: Run | None, held: Storage, like: Any, storage: dict[int, Storage | None], layouts: dict[int, Any]
) -> bool:
    """Whether all that a run reads of a storage it reads block by block: then it may be written block by block."""
    if run is None:
        return True
    return all(
        run.slices(step, operand)
        and layouts[operand.index].shape == like.shape
        and layouts[operand.index].strides == like.strides
        for step in run.steps
        for operand in operands_of(step)
        if storage[operand.index] is held
    )


def _alone(step: Step, place: int, held: Storage, storage: dict[int, Storage | None]) -> bool:
    """Whether the other operands lie elsewhere, or are the very same value."""
    return all(
        type(item) is not Step or item is step.args[place] or storage[item.index] is not held for item in step.args
    )


def _packed(storages: list[Storage]) -> list[Memory]:
    """Lay storages that are never needed at the same time into the same memory, the largest first."""
    memories: list[Memory] = []
    times: list[list[tuple[int, int]]] = []  # when each memory is in use, in order of time
    for _, alike in itertools.groupby(
        sorted(storages, key=lambda held: (-held.nbytes, held.first)), key=lambda held: held.nbytes
    ):
        larger = len(memories)
        # Storages of one size come in the order in which they are begun, so that one end says when a memory is free.
        busy: list[tuple[int, int]] = []
        free: list[int] = []
        for held in alike:
            while busy and busy[0][0] < held.first:
                heapq.heappush(free, heapq.heappop(busy)[1])
            number = next((number for number in range(larger) if _fits(held, times[number])), None)
            if number is not None:
                bisect.insort(times[number], (held.first, held.last))
                memories[number].storages.append(held)
            else:
                if free:
                    number = heapq.heappop(free)
                    times[number].append((held.first, held.last))
                    memories[number].storages.append(held)
                else:
                    number = len(memories)
                    memories.append(Memory([held]))
                    times.append([(held.first, held.last)])
                heapq.heappush(busy, (held.last, number))
            held.memory = memories[number]
    return sorted(memories, key=lambda memory: memory.storages[0].first)


def _fits(held: Storage, times: list[tuple[int, int]]) -> bool:
    """Whether a memory is free while a storage is needed."""
    place = bisect.bisect(times, (held.first, held.last))
    return (place == 0 or times[place - 1][1] < held.first) and (place == len(times) or held.last < times[place][0])
