"""Storage: the memory of values that follow each other; buffers, in which storages follow each other; the `Plan`.

`h = np.tanh(x @ w)` computes two values, and both lie in one `Storage`: the tangent is written over the product, which
nobody needs any more. Later, when `h` has been read for the last time, another storage may lie in the same `Buffer`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from tinygraph.compiler.memory.layouts import is_view
from tinygraph.compiler.program.steps import Step
from tinygraph.compiler.schedule.blocks import Fusion

__all__ = ["NO_MEMORY", "Buffer", "Plan", "Storage"]


@dataclass(eq=False)
class Storage:
    """Memory that one value has, or several that follow each other in place.

    Attributes:
        kind: "argument", "variable", "constant"; "owned" for what the program computes into its own memory; "kept" for
            a list of memory that an open loop makes longer; "fresh" for what a function without out= returns;
            "scratch" for a part of a value, needed within a block only.
        shape, dtype: of the first value.
        first, last: the items that write it first and read it last.
        escapes: whether the caller gets the storage, so that it must be new at each call.
        steps: the indices of the values, views too, in execution order.
        in_parts: whether parts of it are computed one by one.
        middle: the byte at which the second of two threads of BLAS begins to write; 0 where one thread writes.
        last_read: the position of the last call that reads it, in the order of execution; -1 for none.
        blocks: by the id of a fusion that reads it, the shapes and strides in which a block reads its own rows; None is
            among them where a block reads all of it.
        behind: for what a function without out= returns, the storages that it may be a view of.
    """

    kind: str
    shape: tuple[int, ...]
    dtype: Any
    first: int
    last: int
    escapes: bool = False
    steps: list[int] = field(default_factory=list)
    in_parts: bool = False
    middle: int = 0
    last_read: int = -1
    behind: list[Storage] = field(default_factory=list)
    blocks: dict[int, set[Any]] = field(default_factory=dict)

    @property
    def nbytes(self) -> int:
        """The size of the storage in bytes."""
        return math.prod(self.shape) * int(self.dtype.itemsize)

    @property
    def is_lasting(self) -> bool:
        """True if it is the same memory at every call."""
        return self.kind in ("variable", "constant", "kept") or (self.kind == "owned" and not self.escapes)


@dataclass(eq=False)
class Buffer:
    """An array that the program allocates once, with the storages that lie in it one after the other.

    The first storage is the largest; the others lie at its beginning.
    """

    storages: list[Storage] = field(default_factory=list)

    @property
    def nbytes(self) -> int:
        """The size of the buffer in bytes."""
        return self.storages[0].nbytes

    @property
    def line(self) -> int:
        """The element of the first storage that should begin a line of the cache."""
        first = self.storages[0]
        return next((held.middle // first.dtype.itemsize for held in self.storages if held.middle), 0)


@dataclass(eq=False)
class Plan:
    """The places of a program's values in memory.

    Attributes:
        items: the executed steps and fusions of steps, in order.
        storage: by a step's index; None for numbers, which are Python objects.
        layouts: by a step's index an array with its shape, dtype and strides, to learn from and not to read.
        buffers: the memory that the program allocates.
        copied: pairs of the index of an input and the step that is copied into it at the end.
        by_index: the calls, by their index.
        straight: by a step's index the index of the variable that its number is written into at once.
        parts: by a step's index the assembled array that it is computed into a part of, and the index of the part.
    """

    items: list[Step | Fusion]
    storage: dict[int, Storage | None]
    layouts: dict[int, Any]
    buffers: list[Buffer]
    copied: list[tuple[int, Step]]
    by_index: dict[int, Step]
    straight: dict[int, int]
    parts: dict[int, tuple[Step, Any]] = field(default_factory=dict)

    def is_view(self, step: Step) -> bool:
        """Return whether a step only looks at memory in another way."""
        return is_view(step, self.layouts)


NO_MEMORY = Plan([], {}, {}, [], [], {}, {})
