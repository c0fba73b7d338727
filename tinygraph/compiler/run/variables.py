"""The variables of a program at its calls: the Tensors behind them, and the arrays that the program reads and updates.

Each Tensor that the program updates has a buffer of its own; see `tinygraph.compiler.run.tensor_buffers`. From the
second call on these buffers are known, and one look at each Tensor is enough.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygraph.compiler.program.program import Variable
from tinygraph.compiler.run.tensor_buffers import buffer_ids, looks_into_a_buffer, own_buffer
from tinygraph.compiler.trace import Captured
from tinygraph.engine.links import next_order
from tinygraph.engine.tensor import Tensor
from tinygraph.errors import UnsupportedError

__all__ = ["Variables", "variables_of"]

# A variable of at most this many elements that is only read is copied at each call. A program is set up for certain
# arrays, and a learning rate is another array each time somebody assigns to it.
SMALL = 64


class Variables:
    """The variables of a program.

    Attributes:
        sources: for each variable the Tensor, or its position among the leaves of the arguments; True if the program
            updates the variable; and the array that a small variable is copied into, or None.
        written_into: the Tensors, or their positions, whose arrays the function writes into. To the other updated
            Tensors it assigns.
        is_updating: True if the program updates Tensors.
        buffers: the arrays of the variables, if they are the same at every call; None before the second call.
        updated: the updated Tensors behind `buffers`, each with its buffer.
    """

    def __init__(self, sources: list[tuple[Any, bool, Any]], written_into: list[Any]) -> None:
        self.sources = sources
        self.written_into = written_into
        self.buffers: tuple[Any, ...] | None = None
        self.updated: list[tuple[Tensor, Any]] = []
        self._copied: list[tuple[Tensor, Any]] = []  # the other Tensors behind them: each with its copy, if it is small
        self._as_they_are: list[tuple[Tensor, Any]] = []  # else with its array
        self._written = [position for position, (_, updated, _) in enumerate(sources) if updated]
        self._read = [at for at, (_, updated, copied) in enumerate(sources) if not updated and copied is None]
        self.is_updating = bool(self._written)

    def owners(self, leaves: list[Any]) -> list[Any]:
        """Return the Tensor behind each variable."""
        return [leaves[tensor] if type(tensor) is int else tensor for tensor, _, _ in self.sources]

    def replace(self, others: dict[int, Any]) -> None:
        """Let other Tensors stand for some, which are given by their ids."""
        self.sources = [(others.get(id(tensor), tensor), *rest) for tensor, *rest in self.sources]
        self.written_into = [others.get(id(tensor), tensor) for tensor in self.written_into]
        self.buffers = None

    # --- arrays for a call --------------------------------------------------------------------------------------------

    def bound(self, arguments: list[Any], leaves: list[Any]) -> tuple[list[Any], list[Any]]:
        """Return the arguments of a call and the arrays of the variables, apart from each other where one is updated.

        Raises:
            UnsupportedError: an argument shares memory with a Tensor whose array the function writes into.
        """
        if self.written_into:
            self._check_apart(arguments, leaves)
        buffers: list[Any] = []
        for tensor, updated, copied in self.sources:
            if type(tensor) is int:
                tensor = leaves[tensor]
            if updated:
                buffers.append(own_buffer(tensor))
            elif copied is None:
                buffers.append(tensor._value)
            else:
                copied[...] = tensor._value
                buffers.append(copied)
        return self._apart(arguments, buffers) if self._written else (arguments, buffers)

    def _check_apart(self, arguments: list[Any], leaves: list[Any]) -> None:
        """Refuse an array that shares memory with a Tensor whose array the function writes into.

        Raises:
            UnsupportedError: in an eager call the function would change that array, too.
        """
        tensors = self.owners(leaves)
        for tensor in self.written_into:
            owner: Any = leaves[tensor] if type(tensor) is int else tensor
            others = [*arguments, *[other._value for other in tensors if other is not owner]]
            if any([isinstance(item, np.ndarray) and np.may_share_memory(item, owner._value) for item in others]):
                raise UnsupportedError(
                    f"compile: an array or a Tensor that the function is given, or finds, lies in the memory of "
                    f"{owner.name or 'a Tensor'}, which it writes into (`w.data -= step`). Give it a copy, "
                    "`w.data.copy()` or `tg.Tensor(w.data)`, or update the Tensor with `w.assign(w.data - step)`"
                )

    def _apart(self, arguments: list[Any], buffers: list[Any]) -> tuple[list[Any], list[Any]]:
        """Return the arguments and the buffers, with copies of those that share memory with an updated buffer.

        In an eager call an update gives a Tensor another array, and an array that was taken from the Tensor before
        keeps its values: `step(w.data)` computes with the old weights to the end.
        """
        given = [position for position, item in enumerate(arguments) if looks_into_a_buffer(item)]
        read = [position for position in self._read if looks_into_a_buffer(buffers[position])]
        if given or read:
            written = [buffers[position] for position in self._written]
            arguments, buffers = list(arguments), list(buffers)
            for items, positions in ((arguments, given), (buffers, read)):
                for position in positions:
                    if any([np.may_share_memory(items[position], buffer) for buffer in written]):
                        items[position] = items[position].copy(order="K")
        return arguments, buffers

    # --- the second call and later ones -------------------------------------------------------------------------------

    def settle(self, buffers: list[Any]) -> None:
        """Remember the arrays of the variables, if each is that of a Tensor from outside."""
        self.updated, self._copied, self._as_they_are = [], [], []
        for (tensor, updated, copied), buffer in zip(self.sources, buffers, strict=True):
            if type(tensor) is int:
                return
            if updated:
                self.updated.append((tensor, buffer))
            elif copied is not None:
                self._copied.append((tensor, buffer))
            elif tensor._value is buffer:
                self._as_they_are.append((tensor, buffer))
            else:  # a copy, apart from what is updated
                return
        if self.updated and not (self.written_into and self._copied):  # a copied array is looked at at each call
            self.buffers = tuple(buffers)

    def are_settled(self, arguments: list[Any]) -> bool:
        """Return whether the remembered buffers are right for a call; bring the Tensors' values into them.

        A look at every variable anew took three microseconds of a small step, and eight of one with an optimiser.
        """
        for tensor, copied in self._copied:
            copied[...] = tensor._value
        for item in arguments:
            if type(item) is np.ndarray and item.base is None and id(item) not in buffer_ids:
                continue
            if looks_into_a_buffer(item):
                return False
        for tensor, buffer in self.updated:
            if tensor._value is not buffer:
                if self.written_into:
                    return False
                buffer[...] = tensor._value  # assigned to since
        for tensor, array in self._as_they_are:
            if tensor._value is not array:
                self.buffers = None
                return False
        return True

    # --- after a call -------------------------------------------------------------------------------------------------

    def hand_over(self, buffers: list[Any], leaves: list[Any]) -> None:
        """Give each updated Tensor its buffer as its value."""
        for (tensor, updated, _), buffer in zip(self.sources, buffers, strict=True):
            if updated:
                if type(tensor) is int:
                    tensor = leaves[tensor]
                link = tensor._link
                tensor._value = link._value = buffer
                link.order = next_order()


def variables_of(variables: Sequence[Variable], state: Sequence[Captured]) -> Variables:
    """Return the variables of a program.

    Args:
        variables: of the program.
        state: the captured leaf behind each of them.
    """
    sources = [
        (_source(captured), variable.updated is not None, _memory_for_small(variable))
        for captured, variable in zip(state, variables, strict=True)
    ]
    return Variables(sources, [_source(captured) for captured in state if captured.is_written_into])


def _source(captured: Captured) -> Any:
    """Return the captured Tensor, or its position among the leaves of the arguments."""
    return captured.tensor if captured.argument is None else captured.argument


def _memory_for_small(variable: Variable) -> Any:
    """Return the array that a small variable is copied into at each call; None for an updated or a large variable."""
    if variable.updated is not None or variable.node.size > SMALL:
        return None
    return np.empty(variable.node.shape, variable.node.dtype)
