"""The draft of a plan: the calls in their order, and the storage of each value before anything is done in place."""

from __future__ import annotations

import operator
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tinygraph.compiler.kernels.assembly import assembled
from tinygraph.compiler.memory.layouts import is_view, layouts_of, what_is_shown
from tinygraph.compiler.memory.parts import parts_of
from tinygraph.compiler.memory.storage import Storage
from tinygraph.compiler.program.counting import Ragged
from tinygraph.compiler.program.loop_marks import Begin, End, kept, put_row, stacked, with_loops
from tinygraph.compiler.program.predicates import may_look_at, takes_out
from tinygraph.compiler.program.steps import Step, operands_of
from tinygraph.compiler.schedule.blocks import Fusion, calls_in
from tinygraph.graph import Graph

__all__ = ["Draft", "draft_of"]


@dataclass(eq=False)
class Draft:
    """The places of a program's values in memory, so far.

    Attributes:
        graph, items: the graph and the calls to plan for.
        sequence: the calls in the order of execution, those of fusions among them.
        order, item_of, fusion_of: by the index of a call its position in the sequence; its item; the fusion it is in.
        parts, layouts: see `Plan`.
        storage: by a step's index; None for numbers.
        loops: the loops that the calls of a position are in, the outermost first.
        ends, begins: by a loop the position of its end, and the item that it begins with.
    """

    graph: Graph
    items: Sequence[Step | Fusion]
    parts: dict[int, tuple[Step, Any]]
    layouts: dict[int, Any]
    sequence: list[Step] = field(default_factory=list)
    order: dict[int, int] = field(default_factory=dict)
    item_of: dict[int, int] = field(default_factory=dict)
    fusion_of: dict[int, Fusion] = field(default_factory=dict)
    storage: dict[int, Storage | None] = field(default_factory=dict)
    loops: list[tuple[Any, ...]] = field(default_factory=list)
    ends: dict[Any, int] = field(default_factory=dict)
    begins: dict[Any, int] = field(default_factory=dict)
    _shown_by: dict[int, list[Storage]] = field(default_factory=lambda: defaultdict(list))

    def fill(self, arguments: int) -> None:
        """Number the calls, and give each value a storage.

        Args:
            arguments: the number of inputs that are arguments; the other inputs are variables.
        """
        self._number_calls()
        self._place_inputs(arguments)
        self._place_parts()
        self._place_values()
        self._note_reads()

    def merge(self, held: Storage, into: Storage) -> None:
        """Let the values of a storage be written over those of another, which is needed as long as both."""
        for index in held.steps:
            self.storage[index] = into
            into.steps.append(index)
        into.last_read = max(into.last_read, held.last_read)
        for fusion, ways in held.blocks.items():
            into.blocks.setdefault(fusion, set()).update(ways)
        # What may be a view of one memory may now be one of the other.
        for view in self._shown_by.pop(id(held), ()):
            view.behind = [into if part is held else part for part in view.behind]
            self._shown_by[id(into)].append(view)

    def read_at_end(self, outputs: Sequence[Step]) -> None:
        """Note that values are needed when all calls are made."""
        for output in outputs:
            self.read(self.storage[output.index], len(self.sequence))

    def read(self, held: Storage | None, position: int) -> None:
        """Note that a call reads a storage, and with it what it may be a view of.

        A value from before a loop that is read in the loop is read in each iteration: until the loop ends.
        """
        if held is None:
            return
        for part in (held, *held.behind):
            part.last_read = max(part.last_read, self.until(part, position))
            home = self.loops[self.order[part.steps[0]]] if part.steps[0] in self.order else ()
            left = next((loop for loop in home if loop not in self._around(position)), None)
            if left is not None:  # another iteration may begin, and end at once, before it is read
                part.first = min(part.first, self.begins[left])

    def until(self, held: Storage, position: int) -> int:
        """Return until which position a storage is needed for a call that reads it."""
        home = self.loops[self.order[held.steps[0]]] if held.steps[0] in self.order else ()
        entered = next((loop for loop in self._around(position) if loop not in home), None)
        return position if entered is None else self.ends[entered]

    def _around(self, position: int) -> tuple[Any, ...]:
        return self.loops[position] if position < len(self.loops) else ()

    def _number_calls(self) -> None:
        for number, item in enumerate(self.items):
            for step in calls_in(item):
                self.order[step.index], self.item_of[step.index] = len(self.sequence), number
                self.sequence.append(step)
                if isinstance(item, Fusion):
                    self.fusion_of[step.index] = item
        self._number_loops()

    def _number_loops(self) -> None:
        """Note which loops each call is in."""
        for position, (step, around) in enumerate(with_loops(self.sequence)):
            self.loops.append(tuple([begin.function for begin in around]))
            if type(step.function) is Begin:
                self.begins[step.function] = self.item_of[step.index]
            elif type(step.function) is End:
                self.ends[step.function.begin] = position

    def _place_inputs(self, arguments: int) -> None:
        """Give arguments, variables and constants the memory they come in; a constant that is a number has none."""
        for position, node in enumerate(self.graph.nodes):
            if node.function is None:
                assert isinstance(node, Step)
                kind = "constant" if not node.given else "argument" if position < arguments else "variable"
                held = Storage(kind, node.shape, node.dtype, -1, len(self.items), steps=[node.index])
                self.storage[node.index] = held if node.shape or node.given else None

    def _place_parts(self) -> None:
        """Give an assembled array memory of its own, from the call on that computes the first of its parts."""
        wholes = [step for step in self.sequence if step.function in (assembled, stacked, kept)]
        for step in wholes:
            if step.index not in self.parts:
                self.storage[step.index] = self._own("kept" if step.function is kept else "owned", step)
        # A stack, which is there before its rows, may itself be a part of what is assembled behind the loop.
        for step in wholes:
            if step.function is stacked:
                self._place_part(step)
        for step in self.sequence:
            if step.function is put_row and step.args[0].function is operator.getitem:  # the stack from its end
                self._look_at(step.args[0])
        for step in reversed(self.sequence):
            self._place_part(step)

    def _place_part(self, step: Step) -> None:
        """Let a step that is computed into a part of an array lie in it."""
        if step.index in self.parts and step.index not in self.storage:
            whole = self.storage[self.parts[step.index][0].index]
            assert whole is not None
            self.storage[step.index] = whole
            whole.steps.append(step.index)
            whole.first = min(whole.first, self.item_of[step.index])
            whole.in_parts = True

    def _look_at(self, view: Step) -> None:
        """Let a view lie in the memory of its operand."""
        held = self.storage[view.args[0].index]
        assert held is not None
        self.storage[view.index] = held
        held.steps.append(view.index)

    def _place_values(self) -> None:
        """Give a view the memory of its operand, and everything else that is computed memory of its own."""
        following = self._named_anew()
        for step in self.sequence:
            if step.index in self.storage:
                continue
            if is_view(step, self.layouts):
                self._look_at(step)
            elif not step.shape:
                self.storage[step.index] = None
            elif step.index in following:
                self.storage[step.index] = fresh = self._own("fresh", step)
                self._may_show(fresh, [*self._behind(step), following[step.index]])
            elif takes_out(step):
                self.storage[step.index] = self._own("owned", step)
            else:
                self.storage[step.index] = fresh = self._own("fresh", step)
                self._may_show(fresh, self._behind(step))

    def _may_show(self, fresh: Storage, behind: list[Storage]) -> None:
        """Note the memory that a result may be a view of."""
        fresh.behind = behind
        for part in behind:
            self._shown_by[id(part)].append(fresh)

    def _named_anew(self) -> dict[int, Storage]:
        """Return the kept values of every iteration that are carried by giving their names to other arrays."""
        found: dict[int, Storage] = {}
        for step in self.sequence:
            if type(step.function) is End:
                _, held, nexts = step.args
                for old, new in zip(held, nexts, strict=True):
                    whole = self.parts.get(new.index)
                    held_by = None if whole is None else self.storage[whole[0].index]
                    if (
                        whole is not None
                        and held_by is not None
                        and what_is_shown(whole[0]).function in (stacked, kept)
                    ):
                        found[old.index] = held_by
        return found

    def _own(self, kind: str, step: Step) -> Storage:
        return Storage(kind, step.shape, step.dtype, self.item_of[step.index], -1, steps=[step.index])

    def _behind(self, step: Step) -> list[Storage]:
        """Return the values that a result may be a view of: the operands, and all that the operands may be views of."""
        if type(step.function) is Ragged and not may_look_at(step):
            return []
        return [
            part
            for operand in operands_of(step)
            if (held := self.storage[operand.index]) is not None
            for part in (held, *held.behind)
        ]

    def _note_reads(self) -> None:
        for position, step in enumerate(self.sequence):
            for operand in operands_of(step):
                held = self.storage[operand.index]
                if held is not None:
                    self.read(held, position)
                    self._note_block(step, operand, held)

    def _note_block(self, step: Step, operand: Step, held: Storage) -> None:
        """Note how a fusion reads a storage, for one of its calls: its own rows of it, or all of it."""
        fusion = self.fusion_of.get(step.index)
        if fusion is not None:
            layout = self.layouts[operand.index] if fusion.slices(step, operand) else None
            way = None if layout is None else (layout.shape, layout.strides)
            held.blocks.setdefault(id(fusion), set()).add(way)


def draft_of(graph: Graph, items: Sequence[Step | Fusion], arguments: int) -> Draft:
    """Return the draft for the items of a graph, of whose inputs the first are arguments."""
    parts = parts_of(graph)
    draft = Draft(graph, items, parts, layouts_of(graph, parts))
    draft.fill(arguments)
    return draft
