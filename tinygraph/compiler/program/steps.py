"""Steps: a program's nodes as the compiler works on them.

A graph of steps begins with its inputs, always the same and in the same order: the arguments, then the variables.
A step that nothing computes and nobody gives is a constant, and has its value. Of all others only the shape and dtype
are known, since the program must hold for any values.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tinygraph import draws
from tinygraph.compiler.program.decisions import decided
from tinygraph.engine.nested import instances
from tinygraph.graph import Node
from tinygraph.graph.node import setting_slots

__all__ = ["Step", "is_node", "operands_of"]


_WITH_EFFECT = frozenset((draws.uniform, draws.normal, decided))


@setting_slots
@dataclass(frozen=True, eq=False, slots=True)
class Step(Node):
    """A node of a program that is being compiled.

    Attributes:
        section: "forward", "backward" or "update".
        origin: the index of the call in the recorded program that it comes from; -1 for none.
        given: whether it is an argument or a variable, as opposed to a constant or the result of a call.
    """

    section: str = "forward"
    given: bool = False
    origin: int = -1

    @property
    def is_constant(self) -> bool:
        """True if its value is known, and the same at every call."""
        return self.function is None and not self.given

    @property
    def draws(self) -> bool:
        """True if it draws from a generator, so that no two calls have the same result."""
        return self.function is draws.uniform or self.function is draws.normal

    @property
    def decides(self) -> bool:
        """True if it is a decision: the program ends there for a call that decides otherwise."""
        return self.function is decided

    @property
    def has_effect(self) -> bool:
        """True if it is made once, and at its place, though nobody may read its result: a draw, or a decision."""
        return self.function in _WITH_EFFECT or getattr(self.function, "has_effect", False)

    def __repr__(self) -> str:
        return f"<Step {self.index} {self.op} {self.name or ''} {self.shape}>"


def is_node(item: Any) -> bool:
    """Return whether an argument is a node."""
    return isinstance(item, Node)


def operands_of(step: Node) -> list[Step]:
    """Return the steps among the arguments, in order, each as often as it stands there."""
    found: list[Step] = []
    for item in step.args:
        kind = type(item)
        if kind is Step:
            found.append(item)
        elif kind is tuple or kind is list:
            found += instances(Step, item)
    if step.kwargs:
        found += instances(Step, step.kwargs)
    return found
