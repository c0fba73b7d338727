"""Heat: the time, the bytes or the gradient norm of each call, as a colour and a number.

A share of a whole has a colour up to each of 3, 10, 20, 30, 50 and 100 %. A norm is no share: its colours are equal
factors from the least to the largest. A call whose amount is not known has no colour, and says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import numpy as np

from tinygraph.drawing.palette import HEAT, HeatLook, heat_look
from tinygraph.drawing.words.facts import nonfinite_text, norm
from tinygraph.drawing.words.numbers import number
from tinygraph.graph import Graph, Node
from tinygraph.graph.gradients import gradients_again
from tinygraph.graph.replay import seconds_of_calls
from tinygraph.graph.sizes import byte_size

__all__ = ["QUANTITIES", "Heat", "given_heat", "heat_of", "seconds_text"]

QUANTITIES = ("time", "bytes", "gradient norm")


@dataclass(frozen=True, eq=False)
class Heat:
    """The amounts of a quantity.

    Attributes:
        amounts: by the index of a node. Those of a norm have the parameters too.
        measured: the quantity in words, for the legend.
        unit: "s", "B", "norm", or "" for a quantity without a unit of ours.
        unknown: the reason for each call that has an amount which is not known, by its index: "∇ not kept".
        note: a line for the legend, or "".
    """

    amounts: Mapping[int, float]
    measured: str
    unit: Literal["s", "B", "norm", ""]
    unknown: Mapping[int, str] = field(default_factory=dict)
    note: str = ""

    @property
    def is_norm(self) -> bool:
        """True for norms, which are no shares of a whole."""
        return self.unit == "norm"

    @cached_property
    def whole(self) -> float:
        """The sum of all amounts."""
        return sum(self.amounts.values())

    def of(self, node: Node) -> float | None:
        """Return the amount of a call."""
        return self.amounts.get(node.index)

    def of_layer(self, members: Iterable[Node]) -> float | None:
        """Return the sum over a layer's calls, or the norm of the gradients of its parameters; None for none known."""
        inside = list(members)
        if self.is_norm:
            known = [self.amounts[n.index] for n in inside if n.is_input and n.index in self.amounts]
            return norm(np.array(known)) if known else None
        known = [self.amounts[node.index] for node in inside if node.index in self.amounts]
        return sum(known) if known else None

    def share(self, amount: float) -> float:
        """Return the share of an amount in the whole."""
        return amount / self.whole if self.whole > 0 else 0.0

    def text(self, amount: float) -> str:
        """Return an amount with its unit: "1.4 ms", "3 MB", "0.059"."""
        return _UNITS[self.unit](amount)

    def words(self, amount: float) -> str:
        """Return an amount as it stands on a box: "1.4 ms  45%", "‖∇‖ 0.059"."""
        if self.is_norm:
            return f"‖∇‖ {self.text(amount)}"
        share = self.share(amount)
        told = "<1%" if share < 0.005 else f"{max(100 * share, 1):.0f}%"
        return f"{self.text(amount)}\u00a0 {told}" if self.unit else told

    def look(self, amount: float, ends: tuple[float, float]) -> HeatLook:
        """Return the look of an amount.

        Args:
            amount: finite, not negative.
            ends: the least and the largest amount above 0 in the picture.
        """
        if not self.is_norm:
            return heat_look(self.share(amount))
        low, high = ends
        place = np.log(amount / low) / np.log(high / low) if amount > 0 and high > low else float(amount > 0)
        step = min(int(np.clip(place, 0, 1) * len(HEAT)), len(HEAT) - 1)
        return HEAT[step]

    def scale(self, drawn: Iterable[float]) -> tuple[str, str, str]:
        """Return the words before the colours, those after them, and a note on the colours.

        Args:
            drawn: the amounts in the picture.
        """
        amounts = [amount for amount in drawn if np.isfinite(amount)]
        low, high = self.ends(amounts)
        if self.is_norm:
            factor = (high / low) ** (1 / len(HEAT)) if low > 0 else 1.0
            zeros = ", 0 where there is none" if any(amount == 0 for amount in amounts) else ""
            note = f"each colour is a factor of {number(factor, 2)}{zeros}"
            return f"{self.measured} {self.text(low)}", self.text(high), note
        least = f"{self.text(min(amounts, default=0.0))} … {self.text(high)}" if self.unit else ""
        steps = ", ".join(f"{100 * most:.0f}" for most, *_ in HEAT)
        whole = self.text(self.whole) if self.unit else "the whole"
        return f"share of {self.measured}", least, f"colours: up to {steps} % of {whole}"

    def ends(self, drawn: Iterable[float]) -> tuple[float, float]:
        """Return the least and the largest amount above 0, of those in the picture."""
        above = [amount for amount in drawn if np.isfinite(amount) and amount > 0]
        return (min(above), max(above)) if above else (0.0, 0.0)


def seconds_text(seconds: float) -> str:
    """Write a time: "0.2 µs", "1.4 ms", "3 s"."""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= size:
            return f"{number(seconds / size, 2)} {unit}"
    return f"{number(seconds / 1e-6, 2)} µs" if seconds >= 1e-8 else f"{number(seconds / 1e-9, 2)} ns"


_UNITS: dict[str, Callable[[float], str]] = {
    "s": seconds_text,
    "B": lambda amount: byte_size(round(amount)),
    "norm": lambda amount: number(amount, 2),
    "": lambda amount: number(amount, 2),
}


def given_heat(amounts: Mapping[int, float], measured: str) -> Heat:
    """Return the heat of amounts that the user gives: seconds if they are "time", bytes if their words begin so.

    Raises:
        ValueError: an amount is negative or not finite, and has no share of their sum.
    """
    for index, amount in amounts.items():
        if not 0 <= amount < np.inf:
            raise ValueError(
                f"draw: heat[{index}] is {amount}, and an amount is a finite number from 0 on. Leave that node out"
            )
    unit: Literal["s", "B", ""] = "s" if measured == "time" else "B" if measured.startswith("bytes") else ""
    return Heat(amounts, measured, unit)


def heat_of(graph: Graph, quantity: str) -> Heat:
    """Return the heat of a graph that was recorded.

    Args:
        graph: the graph.
        quantity: "time", for which each call is made again; "bytes", of the results; "gradient norm", of the results
            and of the parameters.

    Raises:
        ValueError: another quantity; or the graph has no call that could be measured, or no gradient.
    """
    if quantity not in QUANTITIES:
        raise ValueError(f"draw: heat {quantity!r} is not known. Write one of {', '.join(map(repr, QUANTITIES))}")
    calls = [node for node in graph.nodes if not node.is_input]
    if quantity == "bytes":
        return Heat({node.index: float(node.nbytes) for node in calls}, "the bytes of all results", "B")
    if quantity == "time":
        seconds, on_ones = seconds_of_calls(graph)
        if calls and not seconds:
            raise ValueError(
                "draw: no call of this graph can be timed, since it holds no values. "
                'Write step.profile(x, y).draw() for a compiled step, or heat="bytes"'
            )
        unknown = {node.index: "not measured" for node in calls if node.index not in seconds}
        note = f"timed on ones, in place of values that the record has freed: {len(on_ones)} calls" if on_ones else ""
        return Heat(seconds, "the time of all calls", "s", unknown, note)
    norms = {node.index: norm(node.grad) for node in graph.nodes if node.grad is not None and not _is_bad(node)}
    again = {index: norm(gradient) for index, gradient in gradients_again(graph).items() if np.isfinite(gradient).all()}
    note = f"{len(again)} gradients that the record has freed are computed again" if again else ""
    norms |= again
    if not norms:
        raise ValueError('draw: this graph has no finite gradients. Call backward() first, or write heat="time"')
    unknown = {node.index: _missing(node) for node in calls if node.index not in norms}
    return Heat(norms, "gradient norm", "norm", unknown, note)


def _is_bad(node: Node) -> bool:
    return node.grad is not None and bool(nonfinite_text(node.grad))


def _missing(node: Node) -> str:
    """Return the reason why a value has no gradient norm."""
    if node.grad is not None:
        return f"∇: {nonfinite_text(node.grad)}"
    return "∇ not kept" if node.grad_freed else "no ∇"
