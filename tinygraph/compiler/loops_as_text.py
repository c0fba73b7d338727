"""Loops as text: a graph with loops in it, each with the steps of an iteration below it.

%5      = for 20 iterations, with i from 0
    %5.0 h  = carried(first %3, then %5.6)
    %5.1    = outside(%2)
    %5.2    = getitem(%5.1, i)
    ...
%6 h    = every_iteration(%5.6)
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from tinygraph.compiler.program.counting import kept_at, kept_rows
from tinygraph.compiler.program.loop_marks import Begin, End, carried, kept, put_row, row, stacked
from tinygraph.compiler.program.loops import Loop, goes_on, loop_result, loops_in
from tinygraph.compiler.program.spelling import (
    CONDITIONS,
    Spelt,
    Word,
    counter_at,
    of_size,
    spelt_count,
    with_numbers_spelt,
)
from tinygraph.compiler.program.steps import Step, is_node
from tinygraph.compiler.schedule.blocks import Fusion
from tinygraph.engine.nested import mapped
from tinygraph.graph import Graph

__all__ = ["call_text", "depths_of", "indented", "loops_around", "text_of"]


def indented(text: str) -> str:
    """Return a text with each line four spaces further to the right."""
    return "\n".join([f"    {line}" if line else "" for line in text.split("\n")])


# --- graphs with loops as steps ---------------------------------------------------------------------------------------


def text_of(graph: Graph) -> str:
    """Return a graph as text, the steps of its loops below each loop."""
    if not any(loops_in(graph)):
        return str(graph)
    return "\n".join(_lines(graph, {}, "", 0))


def _lines(graph: Graph, words: dict[int, Step], prefix: str, depth: int) -> list[str]:
    """Return the lines of a graph, the last one with its outputs.

    Args:
        words: steps to be shown in the place of others, by the index of these.
        prefix: of the numbers of its steps, "5." in the body of the loop %5.
        depth: how many loops are around it.
    """
    counter = counter_at(max(depth - 1, 0))
    moved: dict[int, Step] = {}
    for step in graph.nodes:
        assert isinstance(step, Step)
        shown = _readable(with_numbers_spelt(words.get(step.index, step), counter), prefix)
        args, kwargs = mapped((shown.args, shown.kwargs), lambda item: moved[item.index] if is_node(item) else item)
        number: Any = Spelt(f"{prefix}{step.index}")
        moved[step.index] = replace(shown, index=number, args=args, kwargs=kwargs)
    shown_graph = Graph(tuple(moved.values()), tuple([moved[output.index] for output in graph.outputs]))
    lines = str(shown_graph).split("\n")
    found: list[str] = []
    for step, line in zip(graph.nodes, lines, strict=False):
        if type(step.function) is Loop:
            name = line.partition(" = ")[0]
            found.append(f"{name} = {_head(step.function, depth)}")
            found += [f"    {inner}" for inner in _body(step, moved, prefix, depth)]
        else:
            found.append(line)
    return [*found, lines[-1]]


def _head(function: Loop | Begin, depth: int) -> str:
    return f"for {spelt_count(function.count)} iterations, with {counter_at(depth)} from 0"


def _body(step: Any, around: dict[int, Step], prefix: str, depth: int) -> list[str]:
    """Return the lines of a loop's iteration.

    Args:
        around: the steps of the graph that it is in, as they are shown, by their indices.
    """
    loop, inside = step.function, f"{prefix}{step.index}."
    words: dict[int, Step] = {}
    for number, (item, given) in enumerate(zip(loop.inputs, step.args, strict=True)):
        outer = Spelt(f"%{prefix}{given.index}") if type(given) is Step else given
        if number < loop.carried:
            ways = Spelt(f"first {outer!r}"), Spelt(f"then %{inside}{loop.nexts[number].index}")
            words[item.index] = replace(item, function=Word("carried"), args=ways)
        else:
            shape = around[given.index].shape if type(given) is Step else item.shape
            words[item.index] = replace(item, function=Word("outside"), args=(outer,), shape=shape)
    return _lines(loop.body, words, inside, depth + 1)[:-1]


def _readable(step: Step, prefix: str) -> Step:
    """Return a step in place of one that only loops have."""
    if step.function is goes_on:
        return replace(step, function=CONDITIONS[step.args[1]], args=step.args[:1])
    if step.function is kept_at:
        return replace(step, function=Word("getitem"))
    if step.function is not loop_result:
        return step
    whole, position = step.args
    loop = whole.function
    value = Spelt(f"%{prefix}{whole.index}.{loop.body.outputs[position].index}")
    if loop.carried <= position < loop.carried + loop.stacked:
        return of_size(replace(step, function=Word("every_iteration"), args=(value,)), loop.count)
    return replace(step, function=Word("last_iteration"), args=(value,))


# --- loops among the calls of a program -------------------------------------------------------------------------------


def depths_of(items: Sequence[Step | Fusion]) -> list[int]:
    """Return for each item how many loops it is in."""
    found: list[int] = []
    depth = 0
    for item in items:
        found.append(depth)
        if isinstance(item, Step):
            depth += (type(item.function) is Begin) - (type(item.function) is End)
    return found


def loops_around(steps: Iterable[Step]) -> dict[int, str]:
    """Return the loops around each call, by its index: "in loop 1", "in loop 2 in loop 1"."""
    found: dict[int, str] = {}
    around: list[int] = []
    number = 0
    for step in steps:
        if type(step.function) is Begin:
            number += 1
            around.append(number)
        elif type(step.function) is End:
            around.pop()
        elif around:
            found[step.index] = " ".join([f"in loop {loop}" for loop in reversed(around)])
    return found


def call_text(step: Step, names: dict[int, str]) -> str:
    """Return a call of a program for the list of all: its number, its function, and its name in the text.

    Args:
        names: by the index of a call.
    """
    function: Any = step.function
    if type(function) is Begin:
        return f"for {spelt_count(function.count)} iterations"
    if type(function) is End:
        pairs = [f"%{new.index} as %{old.index}" for old, new in zip(step.args[1], step.args[2], strict=True)]
        return f"carry on {', '.join(pairs)}" if pairs else "carry on"
    if function is put_row:
        return f"keep %{step.args[1].index} in %{step.args[0].index}"
    if function is goes_on:
        return f"{CONDITIONS[step.args[1]].__name__} %{step.args[0].index}"
    named = f"  {names[step.index]}" if step.index in names else ""
    if function is carried:
        first = f"%{step.args[0].index}" if isinstance(step.args[0], Step) else repr(step.args[0])
        return f"%{step.index} carried, first {first}{named}"
    return f"%{step.index} {_OPERATIONS.get(function, step.op)}{named}"


_OPERATIONS = {stacked: "every iteration", kept: "every iteration", row: "row", kept_rows: "rows", kept_at: "row"}
