"""Names: what the values of a program are called in its text, after the variables of the user's code."""

from __future__ import annotations

import builtins
import keyword
import re
from collections.abc import Iterable

import numpy as np

from tinygraph.compiler.planning import Plan
from tinygraph.compiler.rewrites.views import TRANSPOSING
from tinygraph.compiler.steps import Step, operands_of
from tinygraph.graph import Graph

__all__ = ["names_of"]

# What a name must not be: it means something else in the program.
TAKEN = frozenset(
    (*keyword.kwlist, *keyword.softkwlist, *dir(builtins), "np", "special", "begin", "end", "thread", "start", "stop",
     "pool", "in_two", "copy_context", "ThreadPoolExecutor", "Path", "values", "_tick")
)  # fmt: skip
_OURS = re.compile(r"(rows|block|scratch|generator)_\d\w*|\w+_totals?|\w+_now|rows_\d+_parts")

Line = tuple[str, int]


def names_of(graph: Graph, plan: Plan, reserved: Iterable[str] = ()) -> dict[int, str]:
    """For each step that needs one a name: the user's where there is one, made from the user's where there is not.

    A value without a name of its own that lies in the same memory as a later one has that one's name: what leads to
    `y_head` in place is called `y_head`.
    """
    used = {*TAKEN, *reserved}
    names: dict[int, str] = {}
    counts: dict[str, int] = {}  # by a wish how often it was had, so that the search begins there

    def take(wish: str) -> str:
        wish = re.sub(r"\W", "_", wish) or "value"
        wish = f"_{wish}" if wish[0].isdigit() else f"{wish}_" if _OURS.fullmatch(wish) else wish
        name, count = wish, counts.get(wish, 1)
        while name in used:
            count += 1
            name = f"{wish}_{count}"
        counts[wish] = count
        used.add(name)
        return name

    steps = [step for step in graph.nodes if isinstance(step, Step)]
    for step in steps:
        if step.given:
            names[step.index] = take(step.name or "argument")
    own = {step.index: step.name for step in steps if step.name is not None and step.function is not None}
    for index, name in _cotangents(steps).items():
        own.setdefault(index, name)
    for step in steps:
        if step.function in TRANSPOSING and step.index in own and not step.args[0].given:
            own.setdefault(step.args[0].index, f"{own[step.index]}_T")
    for step in steps:
        if step.index in own:
            held = plan.storage.get(step.index)
            updates = held is not None and held.kind == "variable" and not plan.is_view(step)
            names[step.index] = names[held.steps[0]] if updates and held is not None else take(own[step.index])
    for step in steps:
        if step.index not in names and step.function is not None:
            names[step.index] = _of_storage(step, plan, names, own) or take(_made_up(step, names))
    return names


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


def _made_up(step: Step, names: dict[int, str]) -> str:
    """A name that says how a value is made from one that has a name."""
    operands = [names[operand.index] for operand in operands_of(step) if operand.index in names]
    first = operands[0] if operands else None
    if first is None:
        return "value"
    if step.function in TRANSPOSING:
        return f"{first}_T" if not first.endswith("_T") else f"{first}_swapped"
    short = re.sub(r"_(flat|rows|part|\d+)$", "", first)
    if step.function is np.reshape:
        return f"{short}_flat" if len(step.shape) == 1 else f"{short}_reshaped"
    if step.function is np.subtract and step.args[0] == 1 and len(step.args) == 2:
        return f"one_minus_{short}"
    verbs = {"matmul": "product", "dot": "product", "getitem": "part", "sum": "sum", "max": "max"}
    verb = verbs.get(step.op, "")
    prefix = "d_" if step.section == "backward" and not short.startswith("d_") else ""
    if verb:
        return f"{short}_{verb}"
    if prefix:
        return f"{prefix}{short}"
    numbers = [item for item in step.args if type(item) in (int, float) or (type(item) is Step and not item.shape)]
    verb = "scaled" if step.function is np.multiply and numbers and step.shape else step.op.replace(".", "_")
    return f"{verb}_{short}" if len(short) <= 16 else short


def _cotangents(steps: list[Step]) -> dict[int, str]:
    """Names for gradients: within the backward pass of a line, the last value of the shape of one of its operands.

    A guess from shapes and lines; it decides about names alone.
    """
    operands: dict[Line, list[Step]] = {}
    groups: dict[Line, list[Step]] = {}
    for step in steps:
        if step.source is None or step.function is None:
            continue
        line = (step.source.file, step.source.line)
        if step.section == "forward":
            for operand in operands_of(step):
                if operand.name is not None and operand.requires_grad:
                    operands.setdefault(line, []).append(operand)
        elif step.section == "backward":
            groups.setdefault(line, []).append(step)
    found: dict[int, str] = {}
    seen: set[str] = set()
    for line, group in groups.items():
        without: set[tuple[int, ...]] = set()  # shapes that no unnamed value of the line has
        for operand in operands.get(line, ()):
            wish = f"d_{operand.name}"
            if wish in seen or operand.shape in without:
                continue
            match = next((s for s in reversed(group) if s.shape == operand.shape and s.name is None), None)
            if match is None:
                without.add(operand.shape)
            elif match.index not in found:
                found[match.index] = wish
                seen.add(wish)
    return found
