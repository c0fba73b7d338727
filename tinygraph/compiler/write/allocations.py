"""The lines before the first call: constants, the memory of the plan, and the names of what lies in it.

# Memory: allocated once, and used again at every call.
z = y_head = np.empty((1, 348))
d_w = z.reshape(-1)[:40].reshape((40, 1))
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence

import numpy as np

from tinygraph.compiler.kernels.image_calls import IMAGE_FUNCTIONS, work_of
from tinygraph.compiler.memory import Buffer, Plan, Storage
from tinygraph.compiler.memory.lines import LARGE_BYTES, on_lines
from tinygraph.compiler.program.steps import Step
from tinygraph.compiler.schedule.blocks import Fusion, calls_in
from tinygraph.compiler.write.calls import WORK
from tinygraph.compiler.write.literals import dtype_text, empty_text, size_text
from tinygraph.compiler.write.references import is_written
from tinygraph.compiler.write.width import WIDTH, comment_lines, divided_array
from tinygraph.compiler.write.writer import Writer
from tinygraph.graph import Node

__all__ = [
    "arrays_in",
    "arrays_of_one_shape_in",
    "constant_lines",
    "memory_lines",
    "names_in",
    "reckoned_lines",
    "state_lines",
    "work_line",
]

# What the functions for images work in at least: part of the second-level cache.
WORK_BYTES = 1 << 21


def state_lines(variables: Iterable[Node], writer: Writer) -> list[str]:
    """Write a comment on the arrays that are not made here: variables, and constants too large to be written out."""
    said = [f"{writer.names[node.index]} {node.dtype}{list(node.shape)}" for node in variables]
    said += [
        f"{name} {value.dtype}{list(value.shape)}" for name, value in writer.constants.items() if not is_written(value)
    ]
    return [*comment_lines(f"Given from outside: {', '.join(said)}."), ""] if said else []


def reckoned_lines(names: Sequence[str], reckoned: dict[int, str]) -> list[str]:
    """Write a comment on the arguments that Python computes from ints before each call.

    Args:
        names: of all arguments.
        reckoned: by the position of an argument the text of the computed value.
    """
    said = [f"{names[position]} = {text}" for position, text in reckoned.items() if names[position] != text]
    return [*comment_lines(f"Computed by Python before each call: {', '.join(said)}."), ""] if said else []


def constant_lines(writer: Writer) -> list[str]:
    """Small constants, written out, and the arrays of ones and of single numbers; larger constants are named only."""
    lines = []
    for name, value in writer.constants.items():
        if is_written(value):
            dtype = "" if value.dtype in (np.float64, np.int64, np.bool_) else f", dtype={dtype_text(value.dtype)}"
            lines += divided_array(f"{name} = np.array({value.tolist()!r}{dtype})")
    return [*lines, *[f"{name} = {made}" for made, name in writer.made.items()]]


def memory_lines(plan: Plan, writer: Writer, threads: int, unused: frozenset[str] = frozenset()) -> list[str]:
    """Return the arrays that are allocated once, and the names of the values that lie in them.

    Args:
        unused: names that nothing else in the text has.
    """
    lines = [line for buffer in plan.buffers for line in _lines_of(buffer, plan, writer, threads, unused)]
    return ["# Memory: allocated once, and used again at every call.", *lines] if lines else []


def _lines_of(buffer: Buffer, plan: Plan, writer: Writer, threads: int, unused: frozenset[str]) -> list[str]:
    """One line for each array in some memory, with the names of all values that it is: the others are parts of the
    first.
    """
    largest = buffer.storages[0]
    named = [
        (name, shape, held) for held in buffer.storages for name, shape in names_in(held, plan, writer.names).items()
    ]
    if all([name in unused for name, _, _ in named]):
        return []
    first = named[0][0]
    arrays: dict[str, list[str]] = {first: [first]}
    for name, shape, held in named[1:]:
        if name in unused:
            continue
        arrays.setdefault(_part_of(first, largest, held, shape), []).append(name)
    names = arrays.pop(first)
    lines = _assigned(names, _made(buffer, writer, threads))
    return lines + [line for text, names in arrays.items() for line in _assigned(names, text)]


def _assigned(names: list[str], text: str) -> list[str]:
    """Return the lines that give an array its names: one, or more where there are many names."""
    targets = [f"{names[0]}"]
    for name in names[1:]:
        if len(targets[-1]) + len(name) + len(text) + 6 > WIDTH:
            targets.append(name)
        else:
            targets[-1] += f" = {name}"
    return [f"{targets[0]} = {text}", *[f"{others} = {names[0]}" for others in targets[1:]]]


def names_in(held: Storage, plan: Plan, names: dict[int, str]) -> dict[str, tuple[int, ...]]:
    """Return the names of the values that follow each other in a storage, with their shapes."""
    steps = [plan.by_index[index] for index in held.steps if index not in plan.parts]
    return {names[step.index]: step.shape for step in steps if not plan.is_view(step)}


def arrays_in(plan: Plan, names: dict[int, str]) -> dict[str, object]:
    """Return by the names of the values in the memory what is the same for two names of one array."""
    return {
        name: (id(buffer), shape, held.dtype)
        for buffer in plan.buffers
        for held in buffer.storages
        for name, shape in names_in(held, plan, names).items()
    }


def arrays_of_one_shape_in(plan: Plan, names: dict[int, str]) -> dict[str, object]:
    """Return what `arrays_in` does, without the arrays in whose memory a value goes over into one of another shape: a
    loop may carry a value that is written as (6, 4), and read as (3, 8).
    """
    found = arrays_in(plan, names)
    for buffer in plan.buffers:
        values = [names_in(held, plan, names) for held in buffer.storages]
        if any(len({*shapes.values()}) > 1 for shapes in values):
            for name in itertools.chain.from_iterable(values):
                del found[name]
    return found


def _made(buffer: Buffer, writer: Writer, threads: int) -> str:
    """Return the allocation of some memory, large ones and those that two threads of BLAS write into on lines."""
    held = buffer.storages[0]
    line = buffer.line if threads > 1 else 0
    if buffer.nbytes < LARGE_BYTES and not line:
        return empty_text(held.shape, held.dtype)
    element = f", {line}" if line else ""
    return f"{writer.foreign(on_lines)}({size_text(held.shape)}, {dtype_text(held.dtype)}{element})"


def _part_of(first: str, largest: Storage, held: Storage, shape: tuple[int, ...]) -> str:
    """Return the beginning of an array as one of another shape and dtype."""
    if shape == largest.shape and held.dtype == largest.dtype:
        return first
    if held.dtype == largest.dtype and held.nbytes == largest.nbytes:
        return f"{first}.reshape({shape})"
    if held.dtype == largest.dtype:
        return f"{first}.reshape(-1)[:{held.nbytes // held.dtype.itemsize}].reshape({shape})"
    view = f"{first}.reshape(-1).view(np.uint8)[:{held.nbytes}].view({dtype_text(held.dtype)})"
    return f"{view}.reshape({shape})"


def work_line(items: Iterable[Step | Fusion], threads: int, writer: Writer) -> tuple[list[str], int]:
    """Allocate the scratch memory of the functions for images, where any is called.

    Args:
        threads: each has its own; there is one where no fusion calls such a function.

    Returns:
        The line that allocates it, if there is one, and its bytes.
    """
    uses = [(step, item) for item in items for step in calls_in(item) if step.function in IMAGE_FUNCTIONS]
    if not uses:
        return [], 0
    size = max(WORK_BYTES, *[work_of(step) for step, _ in uses])
    threads = threads if any(isinstance(item, Fusion) for _, item in uses) else 1
    return [f"{WORK} = {writer.foreign(on_lines)}({(threads, size)}, np.uint8)"], threads * size
