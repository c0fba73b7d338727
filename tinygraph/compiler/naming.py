"""Names: what the values of a program are called in its text, after the variables of the user's code."""

from __future__ import annotations

import builtins
import keyword
import re
from collections.abc import Iterable

import numpy as np

from tinygraph.compiler.cotangents import begun_with, cotangents_in, slopes_in
from tinygraph.compiler.describing import core, made_up
from tinygraph.compiler.planning import Plan
from tinygraph.compiler.rewrites.views import TRANSPOSING
from tinygraph.compiler.steps import Step, operands_of
from tinygraph.compiler.taken import TakenNames
from tinygraph.graph import Graph

__all__ = ["is_free", "names_of"]

# What a name must not be: it means something else in the program.
TAKEN = frozenset(
    (*keyword.kwlist, *keyword.softkwlist, *dir(builtins), "np", "special", "begin", "end", "thread", "start", "stop",
     "starts", "found", "pools", "keep_to_half", "on_two_threads", "in_two", "in_turns", "copy_context", "suppress",
     "os", "sys", "ThreadPoolExecutor", "Path", "values", "_tick")
)  # fmt: skip
_OURS = re.compile(r"(rows|block|scratch|generator)_\d\w*|\w+_totals?|\w+_now|rows_\d+_parts")


def is_free(name: str) -> bool:
    """Whether a name means nothing else in a program."""
    return name not in TAKEN and not _OURS.fullmatch(name)


def names_of(graph: Graph, plan: Plan, reserved: Iterable[str] = ()) -> dict[int, str]:
    """For each step that needs one a name: the user's where there is one, made from the user's where there is not.

    A value without a name of its own that lies in the same memory as a later one has that one's name: what leads to
    `y_head` in place is called `y_head`.
    """
    taken = TakenNames([*TAKEN, *reserved])
    names: dict[int, str] = {}

    def take(wish: str) -> str:
        wish = re.sub(r"\W", "_", wish) or "value"
        return taken.take(f"_{wish}" if wish[0].isdigit() else f"{wish}_" if _OURS.fullmatch(wish) else wish)

    steps = [step for step in graph.nodes if isinstance(step, Step)]
    for step in steps:
        if step.given:
            names[step.index] = take(step.name or "argument")
    own = {step.index: step.name for step in steps if step.name is not None and step.function is not None}
    slopes = slopes_in(steps)
    of_values, by_name = cotangents_in(steps)
    for step in steps:
        if step.index not in own and (begun := begun_with(step, slopes)) is not None:
            of_values.setdefault(step.index, begun)
    for index, name in by_name.items():
        own.setdefault(index, name)
    for step in steps:
        if step.function in TRANSPOSING and step.index in own and not step.args[0].given:
            own.setdefault(step.args[0].index, f"{own[step.index]}_T")
    for step in steps:
        if step.index in own:
            held = plan.storage.get(step.index)
            updates = held is not None and held.kind == "variable" and not plan.is_view(step)
            names[step.index] = names[held.steps[0]] if updates and held is not None else take(own[step.index])

    def give(step: Step) -> None:
        if step.index in plan.parts and plan.parts[step.index][0].index not in names:
            whole = plan.parts[step.index][0]
            names[whole.index] = take(made_up(whole, names, slopes))
        if step.index not in names and step.function is not None:
            shared = _of_storage(step, plan, names, own)
            wish = _part_of_whole(step, plan, names) or _sum_of_unnamed(step, own, consumers)
            names[step.index] = shared or take(wish or made_up(step, names, slopes))

    by_index = {step.index: step for step in steps}
    consumers: dict[int, list[Step]] = {}
    for step in steps:
        for operand in operands_of(step):
            consumers.setdefault(operand.index, []).append(step)
    for step in steps:
        if step.section == "forward":
            give(step)
    for index, value in of_values.items():
        if index not in own and index not in plan.parts and value.index in names:
            wish = f"d_{core(names[value.index])}"
            near = _of_storage(by_index[index], plan, names, own)
            if near is not None and core(near) == wish:  # it is added to, in place, until it is the gradient
                names[index] = near
            else:
                own[index] = wish
                names[index] = take(wish)
    for step in steps:
        give(step)
    return names


def _sum_of_unnamed(step: Step, own: dict[int, str], consumers: dict[int, list[Step]]) -> str | None:
    """`loss_sum`, for the sum that `loss` is a part of, where what is summed up has no name of the user's."""
    used = consumers.get(step.index, [])
    if step.op != "sum" or step.shape or len(used) != 1 or type(step.args[0]) is not Step:
        return None
    if step.args[0].index in own:
        return None
    scaled = used[0].function in (np.multiply, np.divide) and used[0].section == "forward"
    return f"{own[used[0].index]}_sum" if scaled and used[0].index in own else None


def _part_of_whole(step: Step, plan: Plan, names: dict[int, str]) -> str | None:
    """The name of what is computed into a part of an array."""
    if step.index not in plan.parts:
        return None
    whole, place = plan.parts[step.index]
    return f"{core(names[whole.index])}_part" if type(place) is tuple else None


def _of_storage(step: Step, plan: Plan, names: dict[int, str], own: dict[int, str]) -> str | None:
    """The name of the value that this one becomes in place, or of the one that it overwrites."""
    held = plan.storage.get(step.index)
    if held is None or plan.is_view(step) or step.index in plan.parts:
        return None
    if held.kind == "variable":
        return names[held.steps[0]]
    # A value of the forward pass may lie where a gradient will: its name is another.

    def fits(index: int) -> bool:
        other = plan.by_index[index]
        same = other.shape == step.shape and other.section == step.section
        return same and not plan.is_view(other) and index not in plan.parts

    # What has a name already is asked first, and the nearest before: a sum in place can have thousands of values.
    for index in held.steps:
        if index > step.index and index in own and fits(index):
            return names[index]
    for index in reversed(held.steps):
        if index < step.index and index in names and index not in own and fits(index):
            return names[index]
    return None
