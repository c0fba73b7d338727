"""Text: a written program."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from tinygraph.compiler.write.references import References
from tinygraph.compiler.write.tags import surrounded, untagged
from tinygraph.compiler.write.width import fitted

__all__ = ["Text"]


@dataclass(frozen=True, eq=False)
class Text:
    """A program as text, and what the text needs.

    Attributes:
        tagged: the module, each statement with the tag of its step; see `tinygraph.compiler.write.tags`.
        separate: the same without functions for updates that are alike, so that each statement is that of one step.
        arguments, variables: what it calls them, in order.
        references: the arrays and functions that it refers to.
        imports: the lines in it that import something.
        header: the line that begins the function.
        program: the lines below the imports, as in `tagged`.
        divides: whether it divides work between two threads of its own.
        memory: the names of the values that have memory of their own, with what is the same for two names of one array.
        scratch_count, scratch_bytes: of the arrays that it allocates besides those of the plan.
    """

    tagged: str
    separate: str
    arguments: list[str]
    variables: list[str]
    references: References
    imports: list[str] = field(default_factory=list)
    header: str = ""
    program: list[str] = field(default_factory=list)
    scratch_count: int = 0
    scratch_bytes: int = 0
    divides: bool = False
    memory: Mapping[str, object] = field(default_factory=dict)

    @cached_property
    def source(self) -> str:
        """The module as it is shown and run: without tags, and with long calls on several lines."""
        return fitted(untagged(self.tagged))

    def executed(
        self, groups: Iterable[tuple[int, int]], calls: tuple[str, str], products: Iterable[int], product: str
    ) -> str:
        """Return the module as it is run where BLAS has several threads for some products, line for line as `source`.

        Args:
            groups: the first and the last step of each group of statements.
            calls: what is called before a group, and behind it.
            products: the steps that call another function in the place of `np.dot`.
            product: the name of that.
        """
        return surrounded(self.tagged, groups, calls, products, product)
