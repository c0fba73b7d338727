"""Runs: elementwise calls on large arrays that are evaluated together, block by block, so that they stay in cache."""

from __future__ import annotations

from dataclasses import dataclass, field

from tinygraph.compiler.steps import Step

__all__ = ["Run"]


@dataclass(eq=False)
class Run:
    """Elementwise calls over one shape, and reductions that end them.

    Attributes:
        steps: in order of execution.
        shape: of the elementwise results.
    """

    steps: list[Step]
    shape: tuple[int, ...]
    members: set[int] = field(default_factory=set)

    def aligned(self, index: int) -> bool:
        """Whether a block of the run computes the same block of this step's result."""
        return index in self.members
