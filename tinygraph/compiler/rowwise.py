"""Rowwise: the text of a run, as a function that computes a block of rows and one that goes over the blocks."""

from __future__ import annotations

import math
import re
import textwrap
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tinygraph.compiler.batches import Batch
from tinygraph.compiler.blocks import TWO_THREADS, Run, start_of
from tinygraph.compiler.image_calls import IMAGE_FUNCTIONS
from tinygraph.compiler.lines import on_lines
from tinygraph.compiler.planning import Plan, Storage
from tinygraph.compiler.profiling import TAG
from tinygraph.compiler.steps import REDUCTIONS, Step, operands_of, reduced_axes
from tinygraph.compiler.writing import WORK, Writer, dtype_text

__all__ = ["IN_TURNS", "IN_TWO", "ON_TWO_THREADS", "THREADING", "RunText", "text_of_run"]

# A thread that lets go of Python's lock for a call of 20 microseconds has it back before another has woken up, who then
# waits until the lock is taken from the first by force. By default that is 5 milliseconds, and two threads took as long
# as one for a step of a small convolutional network: 30 milliseconds, and 18 with the shorter wait.
#
# Linux at times puts a thread on the processor of the one that wakes it, above all in a virtual machine, whose idle
# processors it takes for busy ones; then the two take turns, for milliseconds. Every second step of a small transformer
# took 11 milliseconds and more; where each thread has half of the processors for itself, nearly all took 8. The
# caller's own thread is left alone: which processors it may use is its own business.
ON_TWO_THREADS = '''\
def keep_to_half(which):
    """Let a thread use every second processor: it is not put on that of the other thread, who wakes it up."""
    with suppress(AttributeError, OSError):  # not every system can do that, or lets one
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[which::2])


pools = [ThreadPoolExecutor(1, initializer=keep_to_half, initargs=(which,)) for which in (0, 1)]


def on_two_threads(*calls):
    """A call on each of two threads, which must not wait long for Python's lock."""
    patience = sys.getswitchinterval()
    if patience > 1e-5:
        sys.setswitchinterval(1e-5)
    futures = []
    try:
        for pool, call in zip(pools, calls, strict=True):
            futures.append(pool.submit(copy_context().run, *call))
        return [future.result() for future in futures]
    finally:
        for future in futures:
            future.exception()  # both have ended, whatever happened
        if patience > 1e-5:
            sys.setswitchinterval(patience)'''

# What it imports.
THREADING = frozenset((
    "from concurrent.futures import ThreadPoolExecutor", "from contextlib import suppress",
    "from contextvars import copy_context", "import os", "import sys",
))  # fmt: skip

# What is added up over the rows into arrays is added up in halves, so that it is the same numbers at every call.
IN_TWO = '''\
def in_two(part, rows, block, *arrays):
    """The rows in two halves."""
    half = (rows // block + 1) // 2 * block
    return on_two_threads((part, 0, half, 0, *arrays), (part, half, rows, 1, *arrays))'''

# Everything else goes block by block to the thread that is free: where other work took a part of one processor, 10
# million numbers took 37 milliseconds in halves 47.
IN_TURNS = '''\
def in_turns(part, rows, block, *arrays):
    """The rows in blocks, each for the thread that is free; what they give, in order."""
    starts = [None, None, *reversed(range(0, rows, block))]  # a thread ends with a None
    first, second = on_two_threads(
        (part, iter(starts.pop, None), 0, *arrays), (part, iter(starts.pop, None), 1, *arrays)
    )
    return [found for _, found in sorted([*(first or {}).items(), *(second or {}).items()])]'''


@dataclass(eq=False)
class RunText:
    """What is written for one run.

    Attributes:
        setup: lines that allocate what a block needs.
        functions: the lines of the functions.
        before: what stands in the step before the call, `call` and what follows it.
        in_turns: whether two threads take the blocks in turns, and not half of them each.
        scratch_count, scratch_bytes: of the arrays that are allocated.
    """

    setup: list[str] = field(default_factory=list)
    functions: list[str] = field(default_factory=list)
    call: list[str] = field(default_factory=list)
    threads: int = 1
    in_turns: bool = False
    scratch_count: int = 0
    scratch_bytes: int = 0


def text_of_run(
    run: Run, number: int, plan: Plan, names: dict[int, str], writer: Writer, lasting: Callable[[Storage], bool],
    comment: Callable[[Step, list[str]], None], two_threads: bool,
) -> RunText:  # fmt: skip
    """Write a run.

    Args:
        number: of the run in the program, for its names.
        names: of the values.
        writer: writes calls.
        lasting: whether a storage is the same memory at every call.
        comment: begins a group of statements for a step.
        two_threads: whether there are two.
    """
    text = RunText(threads=2 if two_threads and run.nanoseconds > TWO_THREADS else 1)
    block, rows = f"block_{number}", f"rows_{number}"
    size = run.rows_in_block
    if text.threads == 2:
        size = min(size if isinstance(run, Batch) else _of_two(size, run.rows), -(-run.rows // 2))
    size = min(size, run.rows)
    full = run.rows % size == 0  # all blocks are of one size
    once = size * text.threads >= run.rows  # a thread has one block, and what that adds up to is its total
    arrays = any(step.index in run.ending and step.shape for step in run.steps)
    text.in_turns = text.threads == 2 and not arrays and run.rows > 2 * size
    body: list[str] = []
    parameters: dict[str, str] = {}  # of the block: by name what rows_N passes for it
    outer: dict[str, None] = {}  # what rows_N gets from the step
    where = {id(plan.storage[step.index]): plan.storage[step.index] for step in run.steps}
    scratches = [held for held in where.values() if held is not None and held.kind == "scratch"]
    slot_of, slots = _slots(scratches, run, number, plan, size)

    def use(step: Step, shape: tuple[int, ...], place: int | None) -> None:
        """Make a value known inside the block, `place` being the axis its rows are on."""
        if step.is_constant and not step.shape:
            return
        name = writer.text(step)
        if name in parameters:
            return
        held = plan.storage[step.index]
        if held is not None and held.kind == "scratch":
            slot, each = slot_of[id(held)], run.each_of(step)
            stop = ":stop - start" if each == 1 else f":(stop - start) * {each}"
            parameters[name] = f"{slot}_part{'' if full else _at(run.axis_of(step), stop)}"
            return
        if held is None or not lasting(held):
            outer[name] = None
        elif place is None:
            return  # a global
        each = run.each_of(step)
        stop = "start:stop" if each == 1 else f"start * {each}:stop * {each}"
        parameters[name] = name if place is None else f"{name}{_at(place, stop)}"

    totals: list[tuple[Step, str]] = []
    starts: list[str] = []
    group: list[str] = body
    views = {step.index for step in run.steps if plan.is_view(step)}
    # Parts of what only a block needs: their places are known within the block alone.
    within = {
        step.index for step in run.steps
        if step.index in plan.parts and (held := plan.storage[step.index]) is not None and held.kind == "scratch"
    }  # fmt: skip
    for step in run.steps:
        comment(step, group)
        for operand in operands_of(step):
            if operand.index in views or operand.index in within:
                continue
            inside = plan.storage[operand.index]
            sliced = run.slices(step, operand) or (inside is not None and inside.kind == "scratch")
            use(operand, operand.shape, run.axis_of(operand) if sliced else None)
        name = names[step.index]
        if step.function in IMAGE_FUNCTIONS:
            parameters[WORK] = f"{WORK}[thread]"
        if step.index in within:
            whole, index = plan.parts[step.index]
            if whole.index not in within:
                use(whole, whole.shape, run.axis_of(whole))
            body.append(f"{name} = {writer.text(whole)}[{writer.index(index)}]{TAG}{step.index}")
            body += [f"{line}{TAG}{step.index}" for line in writer.statements(step, name)]
        elif step.index in views:
            body.append(f"{name} = {writer.view(step, of_rows=True)}{TAG}{step.index}")
        elif step.index in run.members:
            use(step, step.shape, run.axis_of(step))
            body += [f"{line}{TAG}{step.index}" for line in writer.statements(step, name)]
        elif step.index not in run.ending:
            axes = reduced_axes(step.kwargs.get("axis"), run.ndim)
            use(step, step.shape, run.axis - sum(axis < run.axis for axis in axes))
            body += [f"{line}{TAG}{step.index}" for line in writer.statements(step, name)]
        else:
            ufunc = f"np.{_combining(step)}"
            if not step.shape:
                totals.append((step, name))
                starts.append(f"{name} = {_number(start_of(step))}")
                body.append(f"{name} = float({writer.expression(step, of_rows=True)}){TAG}{step.index}")
            else:
                total = f"{name}_total"
                parameters[total] = f"{total}s[thread]"
                text.setup.append(f"{total}s = np.empty({(text.threads, *step.shape)}, dtype={dtype_text(step.dtype)})")
                if once:
                    body += [f"{line}{TAG}{step.index}" for line in writer.statements(step, total)]
                    continue
                starts.append(f"{total}s[thread].fill({_number(start_of(step))})")
                added = writer.expression(step, of_rows=True) if step.function in REDUCTIONS else f"{name}_part"
                if step.function not in REDUCTIONS:
                    parameters[added] = f"{added}s[thread]"
                    text.setup.append(
                        f"{added}s = np.empty({(text.threads, *step.shape)}, dtype={dtype_text(step.dtype)})"
                    )
                    body += [f"{line}{TAG}{step.index}" for line in writer.statements(step, added)]
                body.append(f"{ufunc}({total}, {added}, out={total}){TAG}{step.index}")
    body = _without_unused(body, {names[index] for index in views})
    text.scratch_count = len(text.setup) + len(slots)
    for slot in slots:
        text.setup += slot.lines(text.threads, writer.foreign(on_lines))
        text.scratch_bytes += text.threads * slot.nbytes
    scratch = sorted(set(slot_of.values()), key=lambda name: int(name.rpartition("_")[2]))
    finish = [name for _, name in totals]
    if text.in_turns:
        starts = ["found = {}"] if totals else []
    _functions(text, block, rows, size, run.rows, parameters, list(outer), body, starts, scratch, totals, finish)
    _call(text, rows, size, run, list(outer), totals, names)
    return text


def _without_unused(body: list[str], views: set[str]) -> list[str]:
    """The lines without those that only name a view that no other line reads."""
    words = Counter(word for line in body for word in re.findall(r"\w+", line.partition(TAG)[0]))
    return [line for line in body if words[name := line.partition(" = ")[0]] != 1 or name not in views]


# Two threads that end a call at the same time wait for each other, as Python runs one of them at a time. With blocks of
# twice the size they do so half as often: 10 million numbers took 37 milliseconds instead of 44. There must be several
# blocks for each, so that both have about as much to do.
BLOCKS_EACH = 8


def _of_two(size: int, rows: int) -> int:
    """How many rows make a block where two threads take them."""
    return 2 * size if rows >= 4 * BLOCKS_EACH * size else size


def _functions(
    text: RunText, block: str, rows: str, size: int, count: int, parameters: dict[str, str], outer: list[str],
    body: list[str], starts: list[str], slots: list[str], totals: list[tuple[Step, str]], finish: list[str],
) -> None:  # fmt: skip
    lines = [*_definition(block, list(parameters)), *[f"    {line}" if line else "" for line in body]]
    if finish:
        lines.append(f"    return {', '.join(finish)}")
    lines += ["", ""]
    lines += _definition(rows, [*(["starts"] if text.in_turns else ["begin", "end"]), "thread", *outer])
    lines += [f"    {slot}_part = {slot}[thread]" for slot in slots]
    lines += [f"    {line}" for line in starts]
    if text.in_turns:
        lines += ["    for start in starts:", f"        stop = min(start + {size}, {count})"]
    else:
        lines += [f"    for start in range(begin, end, {size}):", f"        stop = min(start + {size}, end)"]
    call = f"{block}({', '.join(parameters.values())})"
    if len(call) > 100:
        inside = ",\n            ".join(parameters.values())
        call = f"{block}(\n            {inside},\n        )"
    if not finish:
        lines.append(f"        {call}")
    elif text.in_turns:
        lines.append(f"        found[start] = {call}")
    elif len(finish) == 1:
        lines += _added(totals[0][0], finish[0], call)
    else:
        lines.append(f"        {', '.join(f'{name}_part' for name in finish)} = {call}")
        for (step, name), part in zip(totals, finish, strict=True):
            lines += _added(step, name, f"{part}_part")
    if finish:
        lines.append("    return found" if text.in_turns else f"    return {', '.join(finish)}")
    text.functions = "\n".join(lines).split("\n")


def _definition(name: str, parameters: list[str]) -> list[str]:
    """The first lines of a function."""
    line = f"def {name}({', '.join(parameters)}):"
    if len(line) <= 100:
        return [line]
    inside = textwrap.wrap(", ".join(parameters), 96, break_long_words=False)
    return [f"def {name}(", *[f"    {part}" for part in inside], "):"]


def _added(step: Step, name: str, part: str) -> list[str]:
    if step.function is np.sum:
        return [f"        {name} += {part}"]
    if step.function is np.prod:
        return [f"        {name} *= {part}"]
    return [f"        {name} = np.{REDUCTIONS[step.function].__name__}({name}, {part})"]  # type: ignore[index]


def _call(
    text: RunText, rows: str, size: int, run: Run, outer: list[str], totals: list[tuple[Step, str]],
    names: dict[int, str],
) -> None:  # fmt: skip
    if text.threads == 1:
        call = f"{rows}({', '.join(['0', str(run.rows), '0', *outer])})"
    else:
        how = "in_turns" if text.in_turns else "in_two"
        call = f"{how}({', '.join([rows, str(run.rows), str(size), *outer])})"
    several = [name for _, name in totals]
    parts = f"{rows}_parts"
    if not totals:
        text.call.append(call)
    elif text.threads == 1:
        text.call.append(f"{', '.join(several)} = {call}")
        text.call += [f"{name} = np.{step.dtype.name}({name})" for step, name in totals]
    elif text.in_turns:
        text.call.append(f"{parts} = {call}")
        for place, (step, name) in enumerate(totals):
            found = parts if len(totals) == 1 else f"[part[{place}] for part in {parts}]"
            whole = f"sum({found})" if step.function is np.sum else f"np.{_combining(step)}.reduce({found})"
            text.call.append(f"{name} = np.{step.dtype.name}({whole})")
    else:
        text.call.append(f"{parts} = {call}")
        for place, (step, name) in enumerate(totals):
            a, b = (
                (f"{parts}[0]", f"{parts}[1]") if len(totals) == 1 else (f"{parts}[0][{place}]", f"{parts}[1][{place}]")
            )
            sign = "+" if step.function is np.sum else "*" if step.function is np.prod else None
            both = f"{a} {sign} {b}" if sign else f"np.{REDUCTIONS[step.function].__name__}({a}, {b})"  # type: ignore[index]
            text.call.append(f"{name} = np.{step.dtype.name}({both})")
    for step in run.steps:
        if step.index in run.ending and step.shape:
            name = names[step.index]
            ufunc = f"np.{_combining(step)}"
            if text.threads == 1:
                text.call.append(f"np.copyto({name}, {name}_totals[0])")
            else:
                text.call.append(f"{ufunc}({name}_totals[0], {name}_totals[1], out={name})")


@dataclass(eq=False)
class Slot:
    """Memory of a block, for each thread, that several values lie in one after the other.

    Attributes:
        times: when it is in use, as places in the run.
        names: by shape and dtype what it is called; the first is the largest.
    """

    nbytes: int
    times: list[tuple[int, int]] = field(default_factory=list)
    names: dict[tuple[tuple[int, ...], Any], str] = field(default_factory=dict)

    def fits(self, first: int, last: int, dtype: Any) -> bool:
        """Whether nothing is in it from one place to another, and each thread's part is aligned."""
        return self.nbytes % dtype.itemsize == 0 and all(last < a or b < first for a, b in self.times)

    def lines(self, threads: int, on_lines: str) -> list[str]:
        """The lines that allocate it, with a function of that name, and give the other names to its beginning."""
        (shape, dtype), first = next(iter(self.names.items()))
        lines = [f"{first} = {on_lines}({(threads, *shape)}, {dtype_text(dtype)})"]
        for (other, kind), name in [*self.names.items()][1:]:
            count = math.prod(other)
            part = f"{first}.reshape({threads}, -1)"
            if kind == dtype:
                part += f"[:, :{count}]" if count < math.prod(shape) else ""
            else:
                part += f".view(np.uint8)[:, :{count * kind.itemsize}].view({dtype_text(kind)})"
            lines.append(f"{name} = {part}.reshape({(threads, *other)})")
        return lines


def _slots(
    scratches: list[Storage], run: Run, number: int, plan: Plan, size: int
) -> tuple[dict[int, str], list[Slot]]:  # fmt: skip
    """What the scratch memory of each storage is called: those not needed at the same time lie in the same.

    Args:
        size: the rows of a block.
    """
    order = {step.index: place for place, step in enumerate(run.steps)}
    last: dict[int, int] = {}
    for step in run.steps:
        for touched in [*operands_of(step), step]:
            held = plan.storage[touched.index]
            if held is not None:
                last[id(held)] = order[step.index]
    found: dict[int, str] = {}
    slots: list[Slot] = []
    count = 0
    begin = {id(held): min(order[index] for index in held.steps) for held in scratches}
    for held in sorted(scratches, key=lambda held: (-held.nbytes, begin[id(held)])):
        axis = run.axis_of(plan.by_index[held.steps[0]])
        each = held.shape[axis] // run.rows
        shape = (*held.shape[:axis], size * each, *held.shape[axis + 1 :])
        first, until = begin[id(held)], last[id(held)]
        slot = next((slot for slot in slots if slot.fits(first, until, held.dtype)), None)
        if slot is None:
            slot = Slot(math.prod(shape) * held.dtype.itemsize)
            slots.append(slot)
        slot.times.append((first, until))
        if (shape, held.dtype) not in slot.names:
            count += 1
            slot.names[shape, held.dtype] = f"scratch_{number}_{count}"
        found[id(held)] = slot.names[shape, held.dtype]
    return found, slots


def _combining(step: Step) -> str:
    """The name of the function that makes one of two parts of a total."""
    return REDUCTIONS.get(step.function, np.add).__name__  # type: ignore[arg-type]


def _at(axis: int, part: str) -> str:
    return f"[{':, ' * axis}{part}]"


def _number(value: float) -> str:
    return {np.inf: "np.inf", -np.inf: "-np.inf"}.get(value, repr(value))
