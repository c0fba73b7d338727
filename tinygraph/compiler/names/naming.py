"""Names are given to the values of a program, in this order: the user's first, those of gradients, made-up ones."""

from __future__ import annotations

import operator
from collections.abc import Iterable

import numpy as np

from tinygraph.compiler.kernels.parts import part_written
from tinygraph.compiler.memory import Plan
from tinygraph.compiler.memory.writing_parts import is_written_in_place, place_read
from tinygraph.compiler.names.cotangents import cotangents_in
from tinygraph.compiler.names.describing import core, made_up
from tinygraph.compiler.names.slope_values import begun_with, slopes_in
from tinygraph.compiler.names.taken import TakenNames, users
from tinygraph.compiler.program.facts import TRANSPOSING
from tinygraph.compiler.program.loop_marks import Begin, End, kept, put_row, stacked
from tinygraph.compiler.program.loops import goes_on
from tinygraph.compiler.program.predicates import is_write
from tinygraph.compiler.program.steps import Step, operands_of
from tinygraph.graph import Graph

__all__ = ["names_of"]

# A value that is written over given memory has the name of the given value.
GIVEN = ("argument", "variable")


def names_of(graph: Graph, plan: Plan, reserved: Iterable[str] = ()) -> dict[int, str]:
    """Return the names of steps by their indices: the user's names, and names made from them.

    A value without a name of its own that lies in the same memory as a later one has that one's name: what leads to
    `y_head` in place is called `y_head`.

    Args:
        reserved: names that mean something else.
    """
    naming = _Naming(graph, plan, reserved)
    naming.name_all()
    return naming.names


class _Naming:
    """The names of a program as they are given.

    Attributes:
        names: by a step's index.
        own: those of steps that have a name before one is made up: the user's, or that of a gradient.
    """

    def __init__(self, graph: Graph, plan: Plan, reserved: Iterable[str]) -> None:
        self.plan = plan
        self.steps = [step for step in graph.nodes if isinstance(step, Step)]
        self.names: dict[int, str] = {}
        self._taken = TakenNames(reserved)
        self._slopes = slopes_in(self.steps)
        self._consumers: dict[int, list[Step]] = {}
        for step in self.steps:
            for operand in operands_of(step):
                self._consumers.setdefault(operand.index, []).append(step)
        self.own = {step.index: step.name for step in self.steps if step.name is not None and step.function is not None}

    def name_all(self) -> None:
        """Give every value its name, in the order that the top of this file tells."""
        self._name_given()
        gradients = self._gradients()
        self._name_turned()
        self._name_own()
        for step in self.steps:
            if step.section == "forward":
                self._name(step)
        self._name_gradients(gradients)
        for step in self.steps:
            self._name(step)

    def _take(self, wish: str) -> str:
        """Take a name as near to a wish as can be."""
        return self._taken.take(users(wish))

    # --- in this order ------------------------------------------------------------------------------------------------

    def _name_given(self) -> None:
        for step in self.steps:
            if step.given:
                self.names[step.index] = self._take(step.name or "argument")

    def _gradients(self) -> dict[int, Step]:
        """Return by the index of a call the value whose gradient it is; a guess becomes the call's own name."""
        values, guesses = cotangents_in(self.steps)
        for step in self.steps:
            if step.index not in self.own and (begun := begun_with(step, self._slopes)) is not None:
                values.setdefault(step.index, begun)
        for index, name in guesses.items():
            self.own.setdefault(index, name)
        return values

    def _name_turned(self) -> None:
        """Name a value after its transpose, if only the transpose has a name: `d_w_T`."""
        for step in self.steps:
            if step.function in TRANSPOSING and step.index in self.own and not step.args[0].given:
                self.own.setdefault(step.args[0].index, f"{self.own[step.index]}_T")

    def _name_own(self) -> None:
        """Give each step its own name; a value that is written over a variable has the variable's."""
        for step in self.steps:
            if step.index in self.own:
                held = self.plan.storage.get(step.index)
                is_whole = not self.plan.is_view(step) and step.index not in self.plan.parts
                if held is not None and held.kind in GIVEN and is_whole:
                    self.names[step.index] = self.names[held.steps[0]]
                else:
                    self.names[step.index] = self._take(self.own[step.index])

    def _name_gradients(self, gradients: dict[int, Step]) -> None:
        """Call the gradient of z d_z."""
        for index, value in gradients.items():
            if index not in self.own and index not in self.plan.parts and value.index in self.names:
                wish = f"d_{core(self.names[value.index])}"
                near = _of_storage(self.plan.by_index[index], self.plan, self.names, self.own)
                if near is not None and core(near) == wish:  # it is added to, in place, until it is the gradient
                    self.names[index] = near
                else:
                    self.own[index] = wish
                    self.names[index] = self._take(wish)

    def _name(self, step: Step) -> None:
        """Give a step a name that is made up, if it has none."""
        if step.function is put_row:
            stack, value, _ = step.args
            all_of_it = f"all_{core(self.names.get(value.index, 'values'))}"
            if stack.function is operator.getitem:  # the loop goes over it from its end
                self.names.setdefault(stack.args[0].index, self._take(all_of_it))
                all_of_it = f"{all_of_it}_backwards"
            self.names.setdefault(stack.index, self._take(all_of_it))
            return
        if step.function is goes_on or isinstance(step.function, End) or self._is_kept_in(step):
            return
        if isinstance(step.function, Begin):
            self.names.setdefault(step.index, self._take("n" if step.function.is_open else "i"))
            return
        if step.index in self.plan.parts:
            whole = self.plan.parts[step.index][0]
            if whole.index not in self.names and is_write(whole):
                self._name(whole)
            elif whole.index not in self.names and not self._is_kept_in(whole):
                self.names[whole.index] = self._take(made_up(whole, self.names, self._slopes))
        if step.index not in self.names and (place := self._of_place(step)) is not None:
            self.names[step.index] = place
        if step.index not in self.names and step.function is not None:
            shared = _of_storage(step, self.plan, self.names, self.own)
            wish = _part_of_whole(step, self.plan, self.names) or _sum_of_unnamed(step, self.own, self._consumers)
            self.names[step.index] = shared or self._take(wish or made_up(step, self.names, self._slopes))

    def _is_kept_in(self, step: Step) -> bool:
        """Return whether a step is memory for values of every iteration, or looks at it before it has its name."""
        if step.function is operator.getitem and type(step.args[0]) is Step and step.args[0].function is stacked:
            return step.args[0].index not in self.names
        return step.function in (stacked, kept)

    def _of_place(self, step: Step) -> str | None:
        """Return the name of the array that a write leaves in its place, or of the place that a value is written to."""
        storage = self.plan.storage
        if is_write(step) and is_written_in_place(step, storage):
            return self.names.get(step.args[0].index)
        if step.index in self.plan.parts and self.plan.parts[step.index][0].function is part_written:
            place = place_read(step, storage, self.plan.layouts)
            return None if place is None else self.names.get(place.index)
        return None


def _sum_of_unnamed(step: Step, own: dict[int, str], consumers: dict[int, list[Step]]) -> str | None:
    """Return `loss_sum`, for the sum that `loss` is a part of, where what is summed up has no name of the user's."""
    used = consumers.get(step.index, [])
    if step.op != "sum" or step.shape or len(used) != 1 or type(step.args[0]) is not Step:
        return None
    if step.args[0].index in own:
        return None
    scaled = used[0].function in (np.multiply, np.divide) and used[0].section == "forward"
    return f"{own[used[0].index]}_sum" if scaled and used[0].index in own else None


def _part_of_whole(step: Step, plan: Plan, names: dict[int, str]) -> str | None:
    """Return the name of a value that is computed into a part of an array."""
    if step.index not in plan.parts:
        return None
    whole, place = plan.parts[step.index]
    return f"{core(names[whole.index])}_part" if type(place) is tuple else None


def _of_storage(step: Step, plan: Plan, names: dict[int, str], own: dict[int, str]) -> str | None:
    """Return the name of the value that this one becomes in place, or of the one that it overwrites."""
    held = plan.storage.get(step.index)
    if held is None or plan.is_view(step) or step.index in plan.parts:
        return None
    if held.kind in GIVEN:
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
