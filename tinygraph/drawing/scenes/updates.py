"""The update of a training step: the calls that make the new value of each parameter, and of its optimiser's state."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from tinygraph.drawing.grouping.scopes import Scope
from tinygraph.drawing.words.expressions import fallback
from tinygraph.drawing.words.formulas_of_calls import CalledAs, formula_of_call
from tinygraph.drawing.words.numbers import shape
from tinygraph.drawing.words.symbols import grouped
from tinygraph.drawing.words.text import clean, clip
from tinygraph.graph import Graph, Node

__all__ = ["UPDATE_SIDE", "Update", "updates_of"]

UPDATE_SIDE = Scope(-3, ("update",), "update  → parameters")
LONGEST_FORMULA = 30
LONGEST_RULE = 60
MOST_GOALS = 6


class Update(NamedTuple):
    """A box of the update.

    Attributes:
        id: of the box.
        row: the forward box with the parameters that it updates, or "".
        calls: in order.
        lines: its text.
        goes_to: the names of the parameters that get the new values, each with its shape.
    """

    id: str
    row: str
    calls: tuple[Node, ...]
    lines: tuple[str, ...]
    goes_to: tuple[str, ...]


class _Rule(NamedTuple):
    """The calls that make one parameter's new value, and those of the state that goes with it."""

    goal: Node
    calls: list[Node]
    state: list[Node]
    row: str


def updates_of(
    graph: Graph, calls: Sequence[Node], updates: Mapping[int, int], names: Mapping[int, str],
    row_of: Callable[[int], str],
) -> list[Update]:  # fmt: skip
    """Return the boxes of the update: one for the parameters of each row, one for what they share, and one rule.

    Args:
        graph: the whole step.
        calls: those of the update, in order.
        updates: the input that each new value replaces, by their indices.
        names: the labels of all values.
        row_of: returns the forward box with an input, by its index, or "".
    """
    return _Writer(graph, calls, updates, names).boxes(row_of) if calls else []


class _Writer:
    def __init__(
        self, graph: Graph, calls: Sequence[Node], updates: Mapping[int, int], names: Mapping[int, str]
    ) -> None:  # fmt: skip
        self.calls = {node.index: node for node in calls}
        self.by_index = {node.index: node for node in graph.nodes}
        self.updates = updates
        self.names = names
        self.goals = [node for node in calls if node.index in updates]

    def boxes(self, row_of: Callable[[int], str]) -> list[Update]:
        """Return the boxes, those of the rows first."""
        rules, shared = self._rules(row_of)
        own = {rule.goal.index: self._formulas(rule, CalledAs(self._word, {}), LONGEST_FORMULA) for rule in rules}
        rows: dict[str, list[_Rule]] = {}
        for rule in rules:
            rows.setdefault(rule.row or f"_{rule.goal.index}", []).append(rule)
        is_told = all(len(group) == 1 for group in rows.values()) and all(map(_is_one_line, own.values()))
        rule_lines = () if is_told else self._one_rule(rules)
        found = []
        for row, group in rows.items():
            lines = (own[group[0].goal.index] or ()) if len(group) == 1 and not rule_lines else ()
            found.append(self._box(row, group, lines if lines or rule_lines else (f"{_ops(group)} ops",)))
        lines_of_shared = self._shared_lines(shared, rules)
        goes_to = tuple(self._goal(node) for node in shared if node.index in self.updates)[:MOST_GOALS]
        if rule_lines:
            calls = tuple(shared) or (rules[0].goal,)
            found.append(
                Update("u_rule", "", calls, (f"update × {len(rules)}", *rule_lines, *lines_of_shared), goes_to)
            )
        elif shared:
            lines = lines_of_shared if lines_of_shared or goes_to else (f"{len(shared)} ops",)
            found.append(Update("u_shared", "", tuple(shared), lines, goes_to))
        return found

    def _box(self, row: str, group: list[_Rule], lines: tuple[str, ...]) -> Update:
        """Return the box of the parameters in one row."""
        calls = tuple(sorted((node for rule in group for node in rule.calls), key=lambda node: node.index))
        goes_to = tuple(self._goal(rule.goal) for rule in group[:MOST_GOALS])
        if len(group) > MOST_GOALS:
            goes_to = (*goes_to[:-1], f"{len(group) - MOST_GOALS + 1} more")
        return Update(f"u{group[0].goal.index}", "" if row[:1] == "_" else row, calls, lines, goes_to)

    def _one_rule(self, rules: list[_Rule]) -> tuple[str, ...]:
        """Return the formulas of all rules, in words that are the same for all parameters; () if they differ."""
        told = {self._told_alike(rule) for rule in rules}
        return (told.pop() or ()) if len(rules) > 1 and len(told) == 1 else ()

    def _rules(self, row_of: Callable[[int], str]) -> tuple[list[_Rule], list[Node]]:
        """Return the rules, and the calls that belong to several."""
        closures = {goal.index: self._closure(goal) for goal in self.goals}
        first = [
            goal for goal in self.goals
            if not any(goal.index in closures[other.index] for other in self.goals if other is not goal)
        ]  # fmt: skip
        times: dict[int, int] = {}
        for goal in first:
            for index in closures[goal.index]:
                times[index] = times.get(index, 0) + 1
        rules, taken = [], set()
        for goal in first:
            own = sorted(index for index in closures[goal.index] if times[index] == 1)
            if goal.shape == () and not row_of(self.updates[goal.index]) and len(first) > 1:
                continue  # a count of steps is no parameter
            taken.update(own)
            state = [node for node in self.goals if node is not goal and node.index in own]
            rules.append(_Rule(goal, [self.calls[i] for i in own], state, row_of(self.updates[goal.index])))
        return rules, [node for index, node in self.calls.items() if index not in taken]

    def _closure(self, goal: Node) -> set[int]:
        found, waiting = {goal.index}, [goal]
        while waiting:
            for operand in waiting.pop().operands:
                if operand.index in self.calls and operand.index not in found:
                    found.add(operand.index)
                    waiting.append(operand)
        return found

    def _goal(self, node: Node) -> str:
        """Return the name of the input that a new value replaces, and its shape."""
        name = clean(self.names.get(self.updates[node.index], "") or "")
        return f"{name}\u00a0\u00a0{shape(node.shape)}".strip()

    def _told_alike(self, rule: _Rule) -> tuple[str, ...] | None:
        """Return the formulas of a rule in words that are the same for all parameters."""
        parameter = self.by_index[self.updates[rule.goal.index]]
        inside = {node.index for node in rule.calls}
        words = {parameter.index: "w"}
        for node in rule.state:
            of = self.by_index[self.updates[node.index]]
            words[of.index] = clean(of.name or "").partition(" of ")[0]  # "mean" of "mean of w", or "mean of 0"
        for operand in {o.index: o for node in rule.calls for o in node.operands}.values():
            if operand.index not in inside and operand.index not in words:
                if operand.index in self.calls:
                    words[operand.index] = "c"
                elif not operand.is_input:
                    words[operand.index] = "∇"
        return self._formulas(rule, CalledAs(self._word, words), LONGEST_RULE)

    def _formulas(self, rule: _Rule, words: CalledAs, longest: int) -> tuple[str, ...] | None:
        """Return a line for each value of state, with its name in what follows, and one for the parameter."""
        inside = {node.index for node in rule.calls}
        lines = []
        own = dict(words.own)
        for node in (*rule.state, rule.goal):
            called = words._replace(own=own)
            text = formula_of_call(node, inside, called, longest)
            if text is None:
                return None
            name = called.of(self.by_index[self.updates[node.index]])
            lines.append(f"{name} ← {text}" if rule.state else text)
            own[node.index] = name
        return tuple(lines)

    def _word(self, node: Node) -> str:
        name = self.names.get(node.index, "")
        if name.startswith("d_"):
            return f"∇{grouped(name.removeprefix('d_'))}"
        return name or fallback(node, dict(self.names)) or "‹input›"

    def _shared_lines(self, shared: list[Node], rules: list[_Rule]) -> tuple[str, ...]:
        """Return the lines on what several parameters share: Adam's correction of the bias, a counter."""
        inside = {node.index for node in shared}
        read = {
            operand.index: operand
            for rule in rules for node in rule.calls for operand in node.operands if operand.index in inside
        }  # fmt: skip
        inputs = {o.index: self._word(o) for node in shared for o in node.operands if o.index not in inside}
        lines = []
        for node in read.values():
            name = "c" if len(read) == 1 else self._word(node)
            text = formula_of_call(node, inside, CalledAs(self._word, {}), LONGEST_RULE)
            of = ", ".join(list(dict.fromkeys(inputs.values()))[:3])
            lines.append(f"{name} = {text}" if text else f"{name}: {len(shared)} ops of {of}")
        for node in shared if not read else ():
            text = formula_of_call(node, inside, CalledAs(self._word, {}), LONGEST_FORMULA)
            if node.index in self.updates and text:
                lines.append(text)
        return tuple(clip(line, LONGEST_RULE) for line in lines)


def _is_one_line(lines: tuple[str, ...] | None) -> bool:
    return lines is not None and len(lines) == 1


def _ops(rules: list[_Rule]) -> int:
    return sum(len(rule.calls) for rule in rules)
