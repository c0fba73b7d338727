"""The tracer: all that the engine tells it, and asks of it, while a function is being compiled.

The engine runs NumPy calls on arrays. While `modes.state.tracing` is a `Tracer`, some of these arrays are stand-ins,
whose calls the tracer records. The engine needs nothing else of a compiler, and knows no more of it than this page.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence, Sized
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Protocol

from tinygraph.errors import UnsupportedError

if TYPE_CHECKING:
    from tinygraph.engine.links import Call
    from tinygraph.engine.table import Operation

__all__ = ["FirstPull", "Tracer"]


class FirstPull(Protocol):
    """The first pull of its kind through a call. Later ones repeat what it did."""

    def note(self, cotangent: Any = None, reach: Any = None) -> None:
        """Note that the rules have run, or that a cotangent with this reach was fitted to its operand."""

    def go_on(self) -> None:
        """Note that what was recorded since the last note is none of the pull's."""

    def remember(self) -> None:
        """Remember what the pull made, for pulls that are like it."""


class Tracer(Protocol):
    """A recorder of NumPy calls: those of the user's code, and those of the engine's rules.

    Attributes:
        refusal: the first error that said what cannot be compiled; user code may have caught it.
        events: the values that the run met and computed so far.
        notes: what others keep for the time of the run, each under a key of its own.
    """

    refusal: UnsupportedError | None
    notes: dict[str, Any]

    @property
    def events(self) -> Sized:
        """The events of the run so far: the values it met and computed."""

    def has_met(self, tensor: Any) -> bool:
        """Return whether a Tensor's value is one of the run so far: reading that of another makes it one."""

    # --- arrays -----------------------------------------------------------------------------------------------------

    def lift(self, value: Any) -> Any:
        """Return the stand-in for an array or a NumPy number."""

    def own(self, value: Any) -> Any:
        """Return a stand-in for an array of its own, with the same values."""

    def copied(self, array: Any) -> Any:
        """Return the stand-in for a copy of a stand-in, laid out as `np.copy` does."""

    def layout_of(self, array: Any) -> Any:
        """Return an array that lies in memory as the one that a stand-in stands for; None in a run without values."""

    def lies_in(self, array: Any, order: str) -> bool:
        """Return whether what a stand-in stands for lies in memory in an order: each run gets the same answer."""

    def lay_out(self, array: Any, like: Any) -> None:
        """Note that what a stand-in stands for lies in memory as another array does."""

    def as_array(self, value: Any, dtype: Any = None) -> Any:
        """Return `np.asarray(value, dtype)`; a stand-in stays one."""

    def holds_traced(self, structure: Any) -> bool:
        """Return whether there is a stand-in inside nested tuples, lists and dicts."""

    def calls_of_elements(self, start: int, elements: Any, result: Any) -> list[Any] | None:
        """Return the calls since the event `start`, if each computes an element of one element each of the operands.

        Args:
            start: the number of events before the calls.
            elements: the array that they are calls of.
            result: what they computed.

        Returns:
            The functions and their operands, the same for an array of another length; None if there are other calls.
        """

    def unfixed(self, mask: Any) -> Any:
        """Return the stand-in for an array from outside whose values may be others at the next run."""

    def with_known_mask(self, args: tuple[Any, ...]) -> tuple[Any, ...] | None:
        """Return the arguments of a selection with the values of a condition from outside; None if it has none."""

    def known_values(self, mask: Any) -> Any:
        """Return the values of an array outside for which the program is made; None for what it computes."""

    def as_of(self, item: Any, order: int) -> Any:
        """Return an argument as it was when the call of this order was made, before later writes into it."""

    def plain_index(self, index: Any) -> Any:
        """Return the index of a write with the values of the Tensors in it, and known ends of slices."""

    # --- calls ------------------------------------------------------------------------------------------------------

    def call(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Carry out a call and record it as one event."""

    def with_sizes(
        self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return the arguments of a call with whole numbers in place of computed sizes and axes."""

    def call_function(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Carry out a call of a NumPy function and record it, or record what it is written out with."""

    def call_primitive(
        self, primitive: Callable[..., Any], function: Callable[..., Any], args: Any, kwargs: Any
    ) -> Any:
        """Carry out a call of a function under `tg.primitive` and record it."""

    def call_in_order(self, function: Callable[..., Any], x: Any, args: tuple[Any, ...]) -> Any:
        """Record a call of a function under `ordered`, which each run makes after the one before it."""

    def draw(self, function: Callable[..., Any], generator: Any, shape: Any, dtype: Any) -> Any:
        """Draw random numbers now, and record that each run draws new ones."""

    def unwatched(self) -> AbstractContextManager[None]:
        """Return a block that runs no code of the user's, so that nothing in it reads a clock or a file."""

    def repeating(self, step: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function that does what a step of a loop of ours does, which makes the same calls each time.

        Args:
            step: takes an input, and a list of states; returns an output, and a list of the new states. It runs no code
                of the user's, and reads no Tensor that is assigned while the loop goes on.
        """

    def unrecorded(self) -> AbstractContextManager[None]:
        """Return a block in which calls are computed and not recorded."""

    # --- Tensors ----------------------------------------------------------------------------------------------------

    def shown(self, value: Any, link: Any) -> Any:
        """Return a Tensor's value as `t.data` hands it out: of a leaf the array itself, else a read-only view."""

    def check_own(self, link: Any, what: str) -> None:
        """Raise UnsupportedError if the link is older than the run, in which nothing but its value can change."""

    # --- the backward pass ------------------------------------------------------------------------------------------

    def enter_backward(self, seeds: Sequence[Any], calls: Sequence[Call]) -> Sequence[Any]:
        """Begin a backward pass through some calls. Returns the stand-ins for its seeds."""

    def repeated_pass(
        self, waiting: Any, roots: Sequence[Any], seeds: Sequence[Any], settings: tuple[bool, ...],
        keep: Sequence[Any],
    ) -> dict[Any, Any] | None:  # fmt: skip
        """Return the cotangents of the leaves, and give the calls theirs, if the pass is known; None if it is not.

        Args:
            waiting: the state of the pass.
            roots, seeds: the links where the pass begins, with the stand-ins for their cotangents.
            settings: what else decides which calls the pass makes, and what it keeps.
            keep: links whose cotangents are asked for.
        """

    def note_pass(self, cotangents: dict[Any, Any]) -> None:
        """Note that a pass that was not known has been made, and the cotangents of the leaves."""

    def leave_backward(self) -> None:
        """End a backward pass."""

    def check_passable(self, calls: list[Call]) -> None:
        """Raise GraphError if a call is older than the run: its rules would belong to no program."""

    def name_cotangent(self, call: Call, g: Any) -> None:
        """Name a cotangent for the call it belongs to."""

    def pull_alike(self, call: Call, g: Any, guarded: Any) -> FirstPull | bool:
        """Pull a cotangent through a call as it was pulled through one that is like it.

        Args:
            call: the call that is pulled through.
            g: the cotangent of its result, reached everywhere.
            guarded: the state of the pass, a `Guarded`.

        Returns:
            True where that is done; the pull, where it is the first of its kind; False where the rules have to run.
        """

    def own_gradient(self, gradient: Any) -> Any:
        """Return a leaf's gradient as an array of its own; a Tensor, of a recorded pass, as it is."""

    def is_finite(self, cotangent: Any) -> bool:
        """Return whether a cotangent has no NaN and no infinity, for arguments that are finite."""

    def stays_finite(self, found: list[tuple[Any, Any]], g: Any, begun: int, least: int, loose: bool) -> bool:
        """Return whether rules make no NaN of a cotangent of 0.

        Args:
            found: for each operand its link and the cotangent that its rule made, in the events from `begun` on.
            g: the cotangent of the result.
            begun: the number of events before the rules.
            least: 1 if finite operands are enough, 2 if they are so where it takes little time to look at them.
            loose: only a choice of values left something out.
        """

    def put_away(self, op: Operation, reach: Any, z: Any, args: tuple[Any, ...]) -> tuple[Any, tuple[Any, ...]] | None:
        """Return an elementwise call's result and arguments with a regular point where nothing was reached, or None."""
