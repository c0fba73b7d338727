"""Negating later: a negative that ends in sums is not computed, the sums become differences.

    d = -(g / y); gx = gx + d * a; gy = gy + np.vdot(d, b)  ->  d = g / y; gx = gx - d * a; gy = gy - np.vdot(d, b)

A product with -d is the negative of that with d, to the bit, and so are a quotient and a sum of products.
"""

from __future__ import annotations

import operator
from collections import defaultdict
from dataclasses import replace
from typing import Any

import numpy as np

from tinygraph.compiler.program.builder import Builder
from tinygraph.compiler.program.counting import AtCount, Ragged, counts
from tinygraph.compiler.program.predicates import is_basic
from tinygraph.compiler.program.rewriting import rewritten_by_originals, steps_in
from tinygraph.compiler.program.steps import Step, operands_of
from tinygraph.graph import Graph

__all__ = ["negate_later"]

# The functions whose result is negated with one operand: all operands, or the first.
_OF_EACH: frozenset[Any] = frozenset((np.multiply, np.matmul, np.dot, np.vdot))
_OF_FIRST: frozenset[Any] = frozenset((np.divide, np.reshape, np.transpose, np.sum))

# So many calls are followed from a negative to the sums.
FAR = 8


def negate_later(graph: Graph) -> Graph:
    """gx + (-d) * a  ->  gx - d * a, where all that reads -d ends in sums, in gradients alone: of zeros the sign may
    differ.
    """
    negatives = [step for step in steps_in(graph) if _is_negative(step)]
    if not negatives:
        return graph
    found = _Found(graph)
    dropped = {step.index for step in negatives if found.ends_in_sums(step)}
    if not dropped:
        return graph

    def change(builder: Builder, step: Step, original: Step) -> Step | None:
        if original.index in dropped:
            negated: Step = step.args[0]
            return negated
        if original.index not in found.turned:
            return None
        plain = np.add if _plain(step.function) is np.subtract else np.subtract
        function = replace(step.function, function=plain) if counts(step.function) else plain  # type: ignore[type-var]
        args = step.args[::-1] if found.turned[original.index] == 0 else step.args
        return builder.add(replace(step, function=function, args=args))

    return rewritten_by_originals(graph, change)


class _Found:
    """The sums that negatives end in.

    Attributes:
        turned: by the index of a sum, or a difference, the position of the operand that changes its sign.
    """

    def __init__(self, graph: Graph) -> None:
        self.turned: dict[int, int] = {}
        self._passed: set[int] = set()  # the calls whose result changes its sign
        self._outputs = {output.index for output in graph.outputs}
        self._readers: dict[int, list[Step]] = defaultdict(list)
        for step in steps_in(graph):
            for operand in operands_of(step):
                self._readers[operand.index].append(step)

    def ends_in_sums(self, negative: Step) -> bool:
        """Return whether all that reads a negative ends in sums; note them if so."""
        passed: set[int] = set()
        turned: dict[int, int] = {}
        if not self._follow(negative, negative, passed, turned, FAR) or not turned:
            return False
        self._passed |= passed
        self.turned |= turned
        return True

    def _follow(self, step: Step, first: Step, passed: set[int], turned: dict[int, int], far: int) -> bool:
        if step.index in self._outputs or not far:
            return False
        for reader in self._readers[step.index]:
            known = reader.index in self._passed or reader.index in passed
            taken = reader.index in self.turned or reader.index in turned
            if known or taken or reader.dtype != first.dtype or reader.section != "backward":
                return False
            function = _plain(reader.function)
            positions = [position for position, item in enumerate(reader.args) if item is step]
            if len(positions) != 1 or operands_of(reader).count(step) != 1:
                return False
            if function is np.add or (function is np.subtract and positions == [1]):
                if reader.kwargs or type(reader.args[1 - positions[0]]) is not Step:
                    return False
                turned[reader.index] = positions[0]
            elif self._is_odd(reader, function, positions[0]):
                passed.add(reader.index)
                if not self._follow(reader, first, passed, turned, far - 1):
                    return False
            else:
                return False
        return bool(self._readers[step.index])

    @staticmethod
    def _is_odd(reader: Step, function: Any, position: int) -> bool:
        """Return whether a result changes its sign with an operand."""
        if function is operator.getitem:
            return position == 0 and (counts(reader.function) or is_basic(reader.args[1]))
        if function in _OF_FIRST:
            return position == 0 and (
                not reader.kwargs or (function is np.sum and {*reader.kwargs} <= {"axis", "keepdims"})
            )
        return function in _OF_EACH and not reader.kwargs and len(reader.args) == 2


def _is_negative(step: Step) -> bool:
    """Return whether a step is the negative of real numbers in a gradient."""
    negative = _plain(step.function) is np.negative and not step.kwargs and step.section == "backward"
    return negative and step.dtype.char in "fd" and step.args[0].dtype == step.dtype


def _plain(function: Any) -> Any:
    """Return a function itself, where it is one among whose arguments are numbers that count."""
    return function.function if type(function) in (AtCount, Ragged) else function
