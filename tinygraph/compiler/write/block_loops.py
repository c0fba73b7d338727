"""Loops over blocks: the function that goes over the blocks of a fusion, and its call. See `write.rowwise`."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np

from tinygraph.compiler.program.steps import Step
from tinygraph.compiler.schedule.blocks import combining
from tinygraph.compiler.write.block import Block
from tinygraph.compiler.write.width import WIDTH, filled

__all__ = ["call_of", "functions_of", "head_of"]


def functions_of(block: Block, statements: list[str] | None = None, update: str = "") -> list[str]:
    """Return the lines of the function that computes a block, and of the one that goes over the blocks.

    Args:
        statements: those of the block in another form, which may need fewer of its parameters.
        update: the call of another function that computes a block.
    """
    if statements is not None and statements != block.lines:
        words = {word for line in statements for word in re.findall(r"\w+", line)}
        needed = {name: given for name, given in block.parameters.items() if name in words}
        block = replace(block, lines=statements, parameters=needed)
    lines = [] if update else [*_function(block), "", ""]
    lines += head_of(f"rows_{block.number}", _arguments_of_loop(block))
    call = update or _call_of_block(block)
    lines += _loop_in_turns(block, call) if block.division.in_turns else _loop(block, call)
    return "\n".join(lines).split("\n")


def _function(block: Block) -> list[str]:
    lines = [*head_of(f"block_{block.number}", list(block.parameters)), *_indented(block.lines)]
    return [*lines, f"    return {_names(block)}"] if block.totals else lines


def _arguments_of_loop(block: Block) -> list[str]:
    return [*(["starts"] if block.division.in_turns else ["begin", "end"]), "thread", *block.outer]


def _loop(block: Block, call: str) -> list[str]:
    """Go over some of the rows, and add up what the blocks give."""
    size = block.division.size
    lines = _indented(block.starts)
    lines += [f"    for start in range(begin, end, {size}):", f"        stop = min(start + {size}, end)"]
    lines += [f"        {line}" for line in _added_up(block, call)]
    return [*lines, f"    return {_names(block)}"] if block.totals else lines


def _added_up(block: Block, call: str) -> list[str]:
    """Return the call of the block's function, and what becomes of its results."""
    if not block.totals:
        return [call]
    if len(block.totals) == 1:
        ((step, name),) = block.totals
        return [_added(step, name, call)]
    parts = [f"{name}_part_total" for _, name in block.totals]
    added = [_added(step, name, part) for (step, name), part in zip(block.totals, parts, strict=True)]
    return [f"{', '.join(parts)} = {call}", *added]


def _loop_in_turns(block: Block, call: str) -> list[str]:
    """Take block after block, and note what each gives."""
    size = block.division.size
    head = ["    for start in starts:", f"        stop = min(start + {size}, {block.division.rows})"]
    if not block.totals:
        return [*head, f"        {call}"]
    return ["    found = {}", *head, f"        found[start] = {call}", "    return found"]


def _call_of_block(block: Block) -> str:
    arguments = block.parameters.values()
    call = f"block_{block.number}({', '.join(arguments)})"
    if len(call) <= 100:
        return call
    inside = "\n            ".join(filled(", ".join(arguments), WIDTH - 16))
    return f"block_{block.number}(\n            {inside},\n        )"


def call_of(block: Block) -> list[str]:
    """Return the lines of the step that call the function over the blocks, and add up what its threads give."""
    return [*_call_with_numbers(block), *[_joined_array(step, block) for step in block.arrays]]


def _call_with_numbers(block: Block) -> list[str]:
    """Write the call, and its results as NumPy's numbers."""
    call, parts = _call(block), f"rows_{block.number}_parts"
    if not block.totals:
        return [call]
    if block.division.threads == 1:
        return [
            f"{_names(block)} = {call}",
            *[f"{name} = np.{step.dtype.name}({name})" for step, name in block.totals],
        ]
    several = len(block.totals) > 1
    joined = _joined_blocks if block.division.in_turns else _joined_halves
    return [
        f"{parts} = {call}",
        *[
            f"{name} = np.{step.dtype.name}({joined(step, parts, position if several else None)})"
            for position, (step, name) in enumerate(block.totals)
        ],
    ]


def _call(block: Block) -> str:
    division, rows = block.division, f"rows_{block.number}"
    if division.threads == 1:
        return f"{rows}({', '.join(['0', str(division.rows), '0', *block.outer])})"
    how = "in_turns" if division.in_turns else "in_two"
    return f"{how}({', '.join([rows, str(division.rows), str(division.size), *block.outer])})"


def _joined_blocks(step: Step, parts: str, position: int | None) -> str:
    """Return the results of all blocks as one number; `position` is that among the results of a block with several."""
    found = parts if position is None else f"[part[{position}] for part in {parts}]"
    return f"sum({found})" if step.function is np.sum else f"np.{combining(step).__name__}.reduce({found})"


def _joined_halves(step: Step, parts: str, position: int | None) -> str:
    """Return the results of two threads as one number."""
    first, second = (f"{parts}[{thread}]" + ("" if position is None else f"[{position}]") for thread in (0, 1))
    if step.function in _SIGNS:
        return f"{first} {_SIGNS[step.function]} {second}"
    return f"np.{combining(step).__name__}({first}, {second})"


def _joined_array(step: Step, block: Block) -> str:
    """Return the arrays that the threads have added up into, as one."""
    name = block.names[step.index]
    if block.division.threads == 1:
        return f"np.copyto({name}, {name}_totals[0])"
    return f"np.{combining(step).__name__}({name}_totals[0], {name}_totals[1], out={name})"


_SIGNS = {np.sum: "+", np.prod: "*"}


def _added(step: Step, name: str, part: str) -> str:
    if step.function in _SIGNS:
        return f"{name} {_SIGNS[step.function]}= {part}"
    return f"{name} = np.{combining(step).__name__}({name}, {part})"


def _names(block: Block) -> str:
    return ", ".join([name for _, name in block.totals])


def _indented(lines: list[str]) -> list[str]:
    return [f"    {line}" if line else "" for line in lines]


def head_of(name: str, parameters: list[str]) -> list[str]:
    """Return the first lines of a function."""
    line = f"def {name}({', '.join(parameters)}):"
    if len(line) <= WIDTH - 4:
        return [line]
    return [f"def {name}(", *[f"    {part}" for part in filled(", ".join(parameters), WIDTH - 16)], "):"]
