"""The card of a repeat: one step's operations, the carried and the shared values, and the gradients step by step."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygraph.drawing.grouping.repeats import MOST_CARRIED, common_name, repeat_of
from tinygraph.drawing.looks.cards import heat_rows
from tinygraph.drawing.looks.layer_cards import parameter_row, trouble_rows
from tinygraph.drawing.looks.tables import block, cell, font, table, tinted, unstretched
from tinygraph.drawing.scenes.gradient_words import gradient_words
from tinygraph.drawing.scenes.layer_words import layer_operations, layer_summary, loop_lines
from tinygraph.drawing.scenes.scene import Box, Scene
from tinygraph.drawing.words.expressions import constant_key
from tinygraph.drawing.words.facts import norm
from tinygraph.drawing.words.numbers import number, shape
from tinygraph.drawing.words.symbols import UNNAMED, array_constants, grouped, index_text, scalar_constant, sign
from tinygraph.drawing.words.text import SPACE, clean, clip
from tinygraph.graph import Node
from tinygraph.graph.repeats import Repeat

__all__ = ["Norms", "norms_of", "repeat_card", "repeat_facts"]

SPARK_WIDTH, SPARK_HEIGHT, LOWEST = 168, 20, 2
WIDEST_BAR = 7
MOST_BARS = 84
DECADE = 10.0
MOST_ROWS = 5
MOST_DATA = 3


@dataclass(frozen=True)
class Norms:
    """The norm of a gradient in each step.

    Attributes:
        sizes: from the first step to the last; None where the gradient was not kept, or is not finite.
        missing: the number of steps whose gradient was not kept.
        bad: the steps, from 1, whose gradient is not finite.
    """

    sizes: tuple[float | None, ...]
    missing: int
    bad: tuple[int, ...]

    @property
    def known(self) -> list[tuple[int, float]]:
        """The steps, from 1, with their norms."""
        return [(step, size) for step, size in enumerate(self.sizes, 1) if size is not None]

    @property
    def is_logarithmic(self) -> bool:
        """True if the norms span more than a power of ten."""
        positive = [size for _, size in self.known if size > 0]
        return bool(positive) and max(positive) > DECADE * min(positive)

    def heights(self) -> list[float | None]:
        """Return the height of each bar, from 0 to 1: of the largest norm in a few steps, where there are many."""
        each = math.ceil(len(self.sizes) / MOST_BARS)
        groups = [[s for s in self.sizes[at : at + each] if s is not None] for at in range(0, len(self.sizes), each)]
        sizes = [max(group, default=None) for group in groups]
        positive = [size for size in sizes if size]
        if not positive:
            return [None if size is None else 0.0 for size in sizes]
        low, high = min(positive), max(positive)
        if not self.is_logarithmic:
            return [None if size is None else size / high for size in sizes]
        decades = math.log(high / low)
        return [None if size is None else math.log(size / low) / decades if size else 0.0 for size in sizes]

    def words(self, step: str = "step") -> str:
        """The norms in words: "0.0021 first, 1.3 last, largest 2.4 at step 7"."""
        known = self.known
        if not known:
            return ""
        (first, first_size), (last, last_size) = known[0], known[-1]
        if all(size == first_size for _, size in known):
            return f"{number(first_size, 2)} in all" if not self.missing else f"{number(first_size, 2)}"
        ends = [
            f"{number(first_size, 2)} {'first' if first == 1 else f'at {step} {first}'}",
            f"{number(last_size, 2)} {'last' if last == len(self.sizes) else f'at {step} {last}'}",
        ]
        for word, choose in (("largest", max), ("smallest", min)):
            at, size = choose(known, key=lambda pair: pair[1])
            if size not in {first_size, last_size} and number(size, 2) not in {
                number(first_size, 2),
                number(last_size, 2),
            }:
                ends.append(f"{word} {number(size, 2)} at {step} {at}")
        return ", ".join(ends)


def norms_of(nodes: Sequence[Node]) -> Norms:
    """Return the norms of the gradients of some values, one of each step."""
    sizes = [None if node.grad is None else norm(node.grad) for node in nodes]
    bad = tuple([step for step, size in enumerate(sizes, 1) if size is not None and not math.isfinite(size)])
    finite = tuple([size if size is not None and math.isfinite(size) else None for size in sizes])
    return Norms(finite, sum(size is None for size in sizes), bad)


def repeat_card(box: Box, scene: Scene) -> str:
    """Return the card of a closed repeat."""
    assert box.layer is not None
    repeat = repeat_of(box.layer.names[-1])
    assert repeat is not None
    heading = font(box.layer.title, 13, "text", bold=True) + font(SPACE * 2 + layer_operations(box), 11)
    rows = [cell(heading), *[cell(font(line)) for line in loop_lines(box)]]
    rows += [cell(font(layer_summary(box, scene))), *heat_rows(box, scene)]
    rows += [cell(font(line)) for line in _data_lines(repeat)]
    rows += _carried_rows(repeat, scene)
    rows += _parameter_rows(repeat, box, scene)
    return table([*rows, *trouble_rows(box, scene)])


def repeat_facts(repeat: Repeat) -> Iterator[tuple[str, str]]:
    """Yield pairs of a word and a fact for a panel: the data of each step, and the gradients step by step."""
    yield "has", ", ".join(_data_lines(repeat))
    for title, nodes in _carried(repeat):
        yield f"{title} step by step", norms_of(nodes).words()
    for nodes in repeat.own:
        if nodes[0].requires_grad:
            words = norms_of(nodes).words()
            yield _common(nodes), f"{len(nodes)} of {shape(nodes[0].shape)}" + (f", ‖∇‖ {words}" if words else "")


def _carried(repeat: Repeat) -> list[tuple[str, Sequence[Node]]]:
    """Return the carried values, one of each step, with the signs of the norms of their gradients."""
    found: dict[int, tuple[str, Sequence[Node]]] = {}
    for made in repeat.made:
        name = grouped(clip(common_name(made)))
        found.setdefault(made[0].index, (f"|∇{name}|" if made[-1].shape == () else f"‖∇{name}‖", made))
    return list(found.values())


def _common(nodes: Sequence[Node]) -> str:
    return clip(common_name(nodes)) or "parameter"


def _carried_rows(repeat: Repeat, scene: Scene) -> list[str]:
    """Return the gradients of the carried values, step by step."""
    rows = [_gradients(title, nodes, repeat, scene) for title, nodes in _carried(repeat)]
    return [row for row in rows if row][:MOST_CARRIED]


def _gradients(title: str, nodes: Sequence[Node], repeat: Repeat, scene: Scene) -> str:
    """Return a row with a bar for each step, and numbers below; "" where no gradient was kept."""
    norms = norms_of(nodes)
    words = norms.words()
    if scene.is_plan or not (words or norms.bad):
        return ""
    each = math.ceil(len(nodes) / MOST_BARS)
    how = [f"one bar for {each} steps" if each > 1 else "", "log scale" if norms.is_logarithmic else ""]
    notes = ", ".join(["step by step" if repeat.scope is None else "one by one", *[note for note in how if note]])
    lines = [font(f"{title}{SPACE}", 10, "gradient", bold=True) + font(notes, 9)]
    if words:
        lines += [_spark(norms.heights()), font(words, 10, "gradient")]
    if norms.missing:
        lines.append(font(f"not kept in {norms.missing} of {len(nodes)} steps", 9))
    content = table([cell(line) for line in lines])
    if norms.bad:
        where = f"not finite at step {norms.bad[0]}" + (f" and {len(norms.bad) - 1} others" if norms.bad[1:] else "")
        content = table([cell(content), cell(font(where, 10, "non-finite", bold=True))])
    return tinted(content, "gradient fill")


def _spark(heights: Sequence[float | None]) -> str:
    """Return a bar for each height; a gap where there is none."""
    width = max(2, min(WIDEST_BAR, SPARK_WIDTH // len(heights)))
    columns = []
    for height in heights:
        pixels = 0 if height is None else LOWEST + round(height * (SPARK_HEIGHT - LOWEST))
        parts = [block(width, SPARK_HEIGHT - pixels)] if pixels < SPARK_HEIGHT else []
        parts += [block(width, pixels, "gradient")] if pixels else []
        columns.append("\n" + cell(table(parts, padding=0)))
    return unstretched(table(["".join(columns)], padding=0), len(heights) * width, SPARK_HEIGHT)


def _parameter_rows(repeat: Repeat, box: Box, scene: Scene) -> list[str]:
    """Return the parameters that all steps share, and those that each step has for itself."""
    assert box.layer is not None
    groups = [nodes for nodes in repeat.own if nodes[0].requires_grad]
    unit = "step" if repeat.scope is None else "one"
    shared = {node.index for node in repeat.shared}
    first = {node.index for taken in repeat.carried for node in taken if node is not None and node.is_input}
    rows = []
    for words, chosen in ((f"shared by every {unit}", shared), (f"before the first {unit}", first - shared)):
        nodes = [node for node in box.parameters if node.index in chosen]
        if nodes:
            shown = nodes if len(nodes) <= MOST_ROWS + 1 else nodes[:MOST_ROWS]
            lines = [parameter_row(node, scene, box.layer) for node in shown]
            rows += [cell(font(words, 9)), cell(table(lines, padding=2)), *_more(len(nodes) - len(shown))]
    if groups:
        lines = [_own_line(nodes, scene) for nodes in groups[:MOST_ROWS]]
        rows += [cell(font(f"of each {unit}", 9)), cell(table(lines, padding=2))]
        rows += _more(len(groups) - min(len(groups), MOST_ROWS), "more of each")
    return rows


def _data_lines(repeat: Repeat) -> list[str]:
    """Return the data and the numbers of each step: "x[t] 5×3, E[3, 1, 4 …], × 0.9 … 0.28 of each step"."""
    found = {_with_shape(common_name(n), n[-1].shape): None for n in repeat.own if not n[0].requires_grad}
    for node, before in zip(repeat.steps[-1], repeat.steps[-2], strict=True):
        for (name, array), (_, other) in zip(array_constants(node), array_constants(before), strict=True):
            if constant_key(name, array) != constant_key(name, other):
                found[_with_shape(clip(clean(name)), array.shape)] = None
    for calls in zip(*repeat.steps, strict=True):
        found.update(dict.fromkeys(_numbers_of_each(calls)))
    if not found:
        return []
    others = [f"{len(found) - MOST_DATA} others"] if len(found) > MOST_DATA else []
    return [f"{', '.join([*list(found)[:MOST_DATA], *others])} of each {'step' if repeat.scope is None else 'one'}"]


def _with_shape(name: str, size: tuple[int, ...]) -> str:
    return f"{name or 'data'}{SPACE}{shape(size)}" if size else name or "a number"


def _numbers_of_each(calls: Sequence[Node]) -> Iterator[str]:
    """Yield the numbers of a call that are others in each step: those of subscripts, unless they count evenly."""
    last = calls[-1]
    if last.op == "getitem" and len(last.args) == 2:
        picks = [index_text(call.args[1]) for call in calls]
        if len(set(picks)) > 1 and not _count_evenly([call.args[1] for call in calls]):
            name = common_name([call.args[0] for call in calls if isinstance(call.args[0], Node)])
            yield f"{clip(name) or UNNAMED}[{', '.join(picks[:MOST_DATA])} …]"
        return
    for arguments in zip(*[call.args for call in calls], strict=False):
        numbers = [scalar_constant(argument) for argument in arguments]
        if not any(each is None for each in numbers) and len(set(map(number, numbers))) > 1:
            yield f"{sign(last.op)} {number(numbers[0])} … {number(numbers[-1])}"


def _count_evenly(indices: Sequence[Any]) -> bool:
    """Return whether all whole numbers in some subscripts go on evenly."""
    return all(len(set(np.diff(column))) == 1 for column in np.transpose([list(_whole_numbers(i)) for i in indices]))


def _whole_numbers(index: Any) -> Iterator[int]:
    if isinstance(index, tuple):
        for part in index:
            yield from _whole_numbers(part)
    elif isinstance(index, slice):
        yield from _whole_numbers((index.start, index.stop, index.step))
    elif isinstance(index, int):
        yield index


def _own_line(nodes: Sequence[Node], scene: Scene) -> str:
    """Return a parameter of each step: its name, its shape, and the norm of its gradient step by step."""
    name = cell(font(_common(nodes), 10, "parameter", bold=True))
    line = name + cell(font(f"{len(nodes)} of {shape(nodes[0].shape)}"))
    norms = norms_of(nodes)
    told = norms.words().split(", ")[:2]
    if scene.is_plan or not told[0]:
        return line + cell(font("" if scene.is_plan else gradient_words(nodes[-1], scene), 9), extra=' COLSPAN="2"')
    spark = _spark(norms.heights()) if len({size for _, size in norms.known}) > 1 else font("")
    return line + cell(spark) + cell(font(f"‖∇‖ {', '.join(told)}", 10, "gradient"))


def _more(number: int, what: str = "more parameters") -> list[str]:
    return [cell(font(f"and {number} {what}", 9))] if number else []
