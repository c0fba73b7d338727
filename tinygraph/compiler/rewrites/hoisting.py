"""Hoisting: a value that is the same in all iterations of a loop is computed before it."""

from __future__ import annotations

from tinygraph.compiler.program.builder import Builder
from tinygraph.compiler.program.counting import counts
from tinygraph.compiler.program.predicates import may_fail
from tinygraph.compiler.program.rewriting import placed
from tinygraph.compiler.program.steps import Step, operands_of
from tinygraph.compiler.rewrites.changing_loops import Changed, decides, loops_changed, old_loop
from tinygraph.graph import Graph

__all__ = ["hoist"]


def hoist(graph: Graph) -> Graph:
    """for t in ...: h = np.tanh(h @ u.T)  ->  u_T = u.T; for t in ...: h = np.tanh(h @ u_T)."""
    return loops_changed(graph, _hoisted)


def _hoisted(builder: Builder, step: Step, read: set[int]) -> Changed | None:
    old = old_loop(builder, step)
    found = False
    for inner in old.body:
        if decides(inner):
            break  # what comes behind a decision is not computed where the program ends there
        operands = operands_of(inner)
        if operands and _may_be_hoisted(inner) and all([old.is_known(operand) for operand in operands]):
            values = {operand.index: old.known(builder, operand) for operand in operands}
            old.outside[inner.index] = builder.add(placed(inner, len(builder.steps), values))
            found = True
    if not found:
        return None
    loop = old.new_loop(builder, range(old.loop.carried), old.loop.stacks, old.loop.lasts)
    return loop, {number: old.result(builder, loop, number) for number in read}


def _may_be_hoisted(step: Step) -> bool:
    """Return whether a call of a body is the same in all iterations if its operands are."""
    return not (step.function is None or step.has_effect or counts(step.function) or may_fail(step))
