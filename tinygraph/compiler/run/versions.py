"""Versions: a program for one signature, with the state and the checks of its calls."""

from __future__ import annotations

import sys
import threading
from typing import Any

import numpy as np

from tinygraph.compiler.guards.surroundings import Surroundings
from tinygraph.compiler.program.program import Program, Variable
from tinygraph.compiler.run.binding import Binding, Ends, all_finite, value_at_call
from tinygraph.compiler.run.named_results import has_names, with_names
from tinygraph.compiler.run.tensor_buffers import buffer_ids, looks_into_a_buffer, own_buffer
from tinygraph.compiler.trace.orders import strides_of
from tinygraph.engine.links import DataLeaf, next_order
from tinygraph.engine.tensor import Tensor
from tinygraph.errors import GraphError, UnsupportedError

__all__ = ["Running", "Version"]

# A variable of at most this many elements that is only read is copied at each call. A program is set up for certain
# arrays, and a learning rate is another array each time somebody assigns to it.
SMALL = 64


class Running(Exception):  # noqa: N818 - no error: the caller goes another way
    """A program was called while it was running in the same thread."""


class Version:
    """A program for one signature, with what it takes to call it.

    Attributes:
        program: what was recorded.
        runner: what runs it.
        surroundings: what the function found outside, when it was recorded.
        guards: what compares the surroundings of now with those.
        layouts: where the signature is that of arrays alone, the shape and dtype of each.
    """

    def __init__(
        self, program: Program, runner: Any, surroundings: Surroundings, binding: Binding, leaves: list[Any]
    ) -> None:
        self.program = program
        self.runner = runner
        self.surroundings = surroundings
        self.guards = surroundings.guards
        self._given = binding.given
        self._plain = binding.as_they_are
        self._count = len(binding.given)
        # The Tensor, or its place among the arguments; whether it is updated; where a small one that is not goes.
        self._variables: list[Any] = [
            (
                captured.tensor if captured.argument is None else captured.argument,
                variable.updated is not None,
                _memory_for_small(variable),
            )
            for captured, variable in zip(binding.state, program.variables, strict=True)
        ]
        # The places of the variables that are written, and of those that are read where they lie.
        self._written = [place for place, (_, updated, _) in enumerate(self._variables) if updated]
        self._read = [
            place for place, (_, updated, copied) in enumerate(self._variables) if not updated and copied is None
        ]
        # The Tensors found outside that are updated, with their buffers, and the program's variables: where those are
        # the same arrays at every call. They are known from the second call on.
        self._updated: list[tuple[Tensor, Any]] = []
        self._buffers: tuple[Any, ...] | None = None
        links = [leaf.link for leaf in binding.state if leaf.argument is None]
        links += [tensor._link for tensor in surroundings.asked_tensors if tensor.is_leaf and tensor._link not in links]
        self._data = [(link, isinstance(link, DataLeaf)) for link in links]
        # The Tensors that the function finds outside, and which of the arguments are among them.
        found = [*surroundings.tensors, *[id(leaf.tensor) for leaf in binding.state if leaf.argument is None]]
        self._outside = frozenset(found) | binding.outside
        self._given_tensors = binding.tensors
        # Those whose arrays the function writes into, as opposed to giving them others.
        self._written_into = [
            leaf.tensor if leaf.argument is None else leaf.argument for leaf in binding.state if leaf.is_written_into
        ]
        self._identities = surroundings.identities(leaves) if surroundings.asks_identity else None
        self._strides = None if binding.by_strides is None else self._strides_now(binding.by_strides)
        self._finite = binding.finite
        self._careful = binding.careful
        self._graded: list[Any] = [leaf.owner for leaf in binding.graded]
        self._cleared = binding.cleared
        self._asked = binding.asked
        self._generators = binding.generators
        self._named = binding.result if has_names(binding.result) else None
        self.layouts: list[tuple[tuple[int, ...], Any]] | None = None
        self._lock = threading.Lock()

    def fits(self, arguments: tuple[Any, ...]) -> bool:
        """Return whether arguments are arrays of the shapes and dtypes that the program was made for.

        Where the signature is not of arrays alone, the answer is no.
        """
        if self.layouts is None:
            return False
        for item in arguments:
            if type(item) is not np.ndarray:
                return False
        return [(item.shape, item.dtype) for item in arguments] == self.layouts

    def holds(self, leaves: list[Any]) -> bool:
        """Return whether the program is the right one now: nothing outside has changed that it was made for."""
        for link, is_data in self._data:
            if isinstance(link, DataLeaf) is not is_data:
                return False
        for link, had in self._asked:
            if type(link) is int:
                link = leaves[link]._link
            if (link._grad is not None) is not had:
                return False
        for place, tensor in self._given_tensors:
            leaf = leaves[place]
            if leaf is not tensor and (tensor is not None or id(leaf) in self._outside):
                return False
        if self._strides is not None and self._strides_now(leaves) != self._strides:
            return False
        if self._identities is not None and self.surroundings.identities(leaves) != self._identities:
            return False
        if self._finite and all_finite(self._finite, leaves) is self._careful:
            return False
        return self.guards.hold()

    def _strides_now(self, leaves: list[Any]) -> list[Any]:
        """The strides of the program's arguments and variables."""
        owners = [leaves[owner] if type(owner) is int else owner for owner, _, _ in self._variables]
        return strides_of([*self._arguments(leaves), *[owner._value for owner in owners]])

    def bound(self, leaves: list[Any]) -> tuple[list[Any], list[Any], list[Any]]:
        """The program's arguments, variables and generators at a call, by the leaves of the call's arguments."""
        arguments = self._arguments(leaves)
        if self._written_into:
            self._check_apart(arguments, leaves)
        buffers: list[Any] = []
        for tensor, updated, copied in self._variables:
            if type(tensor) is int:
                tensor = leaves[tensor]
            if updated:
                buffers.append(own_buffer(tensor))
            elif copied is None:
                buffers.append(tensor._value)
            else:
                copied[...] = tensor._value
                buffers.append(copied)
        if self._written:
            arguments, buffers = self._apart(arguments, buffers)
        return arguments, buffers, [leaves[item] if type(item) is int else item for item in self._generators]

    def _check_runs_elsewhere(self) -> None:
        """Refuse to wait for a call that waits for this one."""
        frame = sys._getframe(2)
        while frame is not None:
            if frame.f_code is Version.__call__.__code__ and frame.f_locals["self"] is self:
                if self._written:
                    raise GraphError(
                        "compile: a compiled function that updates Tensors calls itself, in a primitive, before it is "
                        "through. Call the function that is not compiled there"
                    )
                raise Running
            frame = frame.f_back  # type: ignore[assignment]

    def _check_apart(self, arguments: list[Any], leaves: list[Any]) -> None:
        """Refuse an array that lies in the memory of a Tensor whose array the function writes into.

        Raises:
            UnsupportedError: in an eager call that array would change, too.
        """
        tensors = [leaves[tensor] if type(tensor) is int else tensor for tensor, _, _ in self._variables]
        for tensor in self._written_into:
            owner: Any = leaves[tensor] if type(tensor) is int else tensor
            others = [*arguments, *[other._value for other in tensors if other is not owner]]
            if any([isinstance(item, np.ndarray) and np.may_share_memory(item, owner._value) for item in others]):
                raise UnsupportedError(
                    f"compile: an array or a Tensor that the function is given, or finds, lies in the memory of "
                    f"{owner.name or 'a Tensor'}, which it writes into (`w.data -= step`). Give it a copy, "
                    "`w.data.copy()` or `tg.Tensor(w.data)`, or update the Tensor with `w.assign(w.data - step)`"
                )

    def _arguments(self, leaves: list[Any]) -> list[Any]:
        if self._plain and len(leaves) == self._count:
            return leaves
        return [value_at_call(item, leaves) for item in self._given]

    def _settled(self, leaves: list[Any]) -> list[Any] | None:
        """The arguments, where the variables are the arrays of the last call, and hold the Tensors' values; or None.

        What it takes to look at every variable anew was three microseconds of a step.
        """
        if self._buffers is None:
            return None
        arguments = self._arguments(leaves)
        for item in arguments:
            if type(item) is np.ndarray and item.base is None and id(item) not in buffer_ids:
                continue
            if looks_into_a_buffer(item):
                return None
        for tensor, buffer in self._updated:
            if tensor._value is not buffer:
                if self._written_into:
                    return None
                buffer[...] = tensor._value  # assigned to since
        return arguments

    def _settle(self, buffers: list[Any]) -> None:
        """Remember the variables' arrays, if they are the same at every call."""
        found = [
            (tensor, buffer)
            for (tensor, updated, _), buffer in zip(self._variables, buffers, strict=True)
            if updated and type(tensor) is not int
        ]
        if len(found) == len(self._variables) and found and not self._generators:
            self._updated, self._buffers = found, tuple(buffers)

    def _apart(self, arguments: list[Any], buffers: list[Any]) -> tuple[list[Any], list[Any]]:
        """The arguments, and the variables that are only read, with copies of those that an update would change.

        In an eager call an update gives a Tensor another array, and what was taken from it before stays what it is:
        `step(w.data)` goes on with the old weights to the end.
        """
        given = [place for place, item in enumerate(arguments) if looks_into_a_buffer(item)]
        read = [place for place in self._read if looks_into_a_buffer(buffers[place])]
        if given or read:
            written = [buffers[place] for place in self._written]
            arguments, buffers = list(arguments), list(buffers)
            for items, places in ((arguments, given), (buffers, read)):
                for place in places:
                    if any([np.may_share_memory(items[place], buffer) for buffer in written]):
                        items[place] = items[place].copy(order="K")
        return arguments, buffers

    def is_current(self) -> bool:
        """Return whether all is outside as it was when the program was made, as far as it shows without a call."""
        own = [(link, had) for link, had in self._asked if type(link) is not int]
        return (
            all(isinstance(link, DataLeaf) is is_data for link, is_data in self._data)
            and all((link._grad is not None) is had for link, had in own)
            and self.guards.hold()
        )

    def ends(self) -> Ends:
        """The origins of the program's inputs and the destinations of its results."""
        return Ends(
            given=self._given,
            tensors=[(tensor, updated) for tensor, updated, _ in self._variables],
            graded=self._graded,
            cleared=self._cleared,
            asked=self._asked,
            generators=self._generators,
            named=self._named,
            tied=any(tensor is not None for _, tensor in self._given_tensors) or self._is_one_array_given_twice(),
            written_into=bool(self._written_into),
            by_strides=self._strides is not None,
            asks_identity=self._identities is not None,
        )

    def _is_one_array_given_twice(self) -> bool:
        """Return whether the code asks which array is which, and two of them were one."""
        found = self._identities or []
        return any(outside is not None for _, outside in found) or len({first for first, _ in found}) < len(found)

    def __call__(self, leaves: list[Any]) -> Any:
        """Run the program on the leaves of the arguments.

        Raises:
            Running: it is being run in this thread, and called itself.
            GraphError: likewise, and it updates Tensors.
        """
        if self._lock.locked():
            self._check_runs_elsewhere()
        with self._lock:
            settled = self._settled(leaves)
            if settled is not None:
                results = self.runner.run(settled, self._buffers)
                for tensor, buffer in self._updated:
                    link = tensor._link
                    tensor._value = link._value = buffer
                    link.order = next_order()
            else:
                arguments, buffers, generators = self.bound(leaves)
                results = self.runner.run(arguments, buffers, generators)
                for (tensor, updated, _), buffer in zip(self._variables, buffers, strict=True):
                    if updated:
                        if type(tensor) is int:
                            tensor = leaves[tensor]
                        link = tensor._link
                        tensor._value = link._value = buffer
                        link.order = next_order()
                if self._buffers is None:
                    self._settle(buffers)
        gradients: Any = ()
        if self._graded:
            results, gradients = results
        for link, gradient in zip(self._graded, gradients, strict=True):
            (leaves[link]._link if type(link) is int else link)._grad = gradient
        for link in self._cleared:
            (leaves[link]._link if type(link) is int else link)._grad = None
        return results if self._named is None else with_names(results, self._named)


def _memory_for_small(variable: Variable) -> Any:
    """Return the buffer for a small variable that is only read, filled at each call; None for any other variable."""
    if variable.updated is not None or variable.node.size > SMALL:
        return None
    return np.empty(variable.node.shape, variable.node.dtype)
