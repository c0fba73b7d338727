"""Communicator: the processes that train one model, as a user sees them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygraph.distributed.collectives import met
from tinygraph.distributed.groups import group_of, layout_of
from tinygraph.engine.modes import is_tracing
from tinygraph.errors import UnsupportedError

__all__ = ["Communicator"]


@dataclass(frozen=True)
class Communicator:
    """A group of processes, the ranks, that train one model. It has no messages: `groups` has them.

    Attributes:
        rank: the number of this process, from 0 to size − 1.
        size: the number of processes.
        name: of the group in this process: "world" for all that `mpiexec` started.
    """

    rank: int
    size: int
    name: str

    def barrier(self) -> None:
        """Wait until every rank has come here. In a compiled step it is a step of the program."""
        met(np.zeros(()), None, "barrier", layout_of(("barrier",)), self.name)

    def of_first(self, item: Any) -> Any:
        """Return the item of rank 0, such as a seed: any object that can be pickled.

        Raises:
            UnsupportedError: the call stands in a function that is being compiled.
        """
        if is_tracing():
            raise UnsupportedError("of_first: a program computes arrays. Call it before the step, and pass its result")
        group = group_of(self.name)
        group.meet("of_first")
        return group.broadcast(item)
