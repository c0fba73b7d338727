"""Functions that SciPy calls with plain numbers, and the Tensors from outside that they use."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinygraph.engine.backward import gradients
from tinygraph.engine.links import links_in
from tinygraph.engine.memory import stand_for
from tinygraph.engine.modes import Setting, is_recording, no_grad
from tinygraph.engine.operands import has_tensors, plain
from tinygraph.engine.record import unrecorded
from tinygraph.engine.tensor import Tensor
from tinygraph.errors import GraphError
from tinygraph.scipy.calls import array, carries_gradient, unwritten
from tinygraph.transforms.running import Run

__all__ = ["Callback", "not_compiled", "plainly"]


# Two runs on plain numbers and on Tensors may round otherwise.
_TOLERANCE = 1e-7


class Callback:
    """A function of a user's that SciPy calls.

    Gradients flow to the Tensors that it uses from outside: those in `args`, and those that it names itself.

    Args:
        call: who calls it, for messages.
        f: the function.
        args: what it is given after the numbers.

    Attributes:
        links: those of the Tensors from outside that require a gradient, once they have been looked for.
        met_tensors: True once a call has returned a Tensor.
        met_gradient: True once a call of `watched` or `explored` has returned a Tensor with a gradient.
    """

    def __init__(self, call: str, f: Callable[..., Any], args: Any = ()) -> None:
        self.call, self.f = call, f
        self.args = args if isinstance(args, tuple) else (args,)
        self.links: list[Any] = []
        self.met_tensors = has_tensors(self.args)
        self.met_gradient = False
        self._samples: list[tuple[Any, Any]] = []

    def __repr__(self) -> str:
        return getattr(self.f, "__name__", type(self.f).__name__)

    def __call__(self, *xs: Any) -> Any:
        """Return the function's result, an array or a Tensor; its calls are recorded on their own lines."""
        with Setting(origin=None):
            return array(self.f(*xs, *self.args))

    def value(self, *xs: Any) -> Any:
        """Return the function's result as plain numbers, as SciPy asks for it."""
        with no_grad():
            result = self.f(*xs, *self.args)
        if not has_tensors(result):
            return result
        self.met_tensors = True
        return plain(result) if isinstance(result, Tensor) else plain(array(result))

    def watched(self, *xs: Any) -> Any:
        """Return the same value, and notice whether a gradient flows to a Tensor from outside."""
        return self.watching(self.f)(*xs)

    def watching(self, f: Callable[..., Any]) -> Callable[..., Any]:
        """Return another function with the same `args` as one of plain numbers, which notices gradients, too."""

        @functools.wraps(f)
        def called(*xs: Any) -> Any:
            result = f(*xs, *self.args)
            if not has_tensors(result):
                return result
            self.met_tensors = True
            self.met_gradient |= carries_gradient(result)
            return plain(result) if isinstance(result, Tensor) else plain(array(result))

        return called

    def explored(self, *xs: Any, wanted: Sequence[int] = ()) -> Any:
        """Return the same value, and look for Tensors from outside in this call.

        Args:
            xs: the arguments.
            wanted: the positions of those that are Tensors in this call.
        """
        if not is_recording():
            return self.value(*xs)
        run = self.run(*xs, wanted=wanted)
        output = run.output
        if not isinstance(output, Tensor):
            return output
        self.met_tensors = True
        if output.requires_grad:
            self.met_gradient = True
            self.links += [link for link in run.foreign_links([output]) if link not in self.links]
        return plain(output)

    def has_gradient(self, *xs: Any) -> bool:
        """Return whether a gradient flows to a Tensor from outside, where the function has these arguments."""
        self.explored(*xs)
        return self.met_gradient

    def settle(self, *xs: Any, wanted: Sequence[int] = ()) -> Any:
        """Return the value, found Tensors included, and remember it: the backward pass must find the same."""
        value = self.explored(*xs, wanted=wanted)
        self._samples.append((xs, np.array(value)))
        return value

    def check(self) -> None:
        """Raise GraphError if the function computes something else than it did."""
        for xs, value in self._samples:
            again = np.asarray(self.value(*xs))
            size = _TOLERANCE * (1 + np.max(np.abs(value), initial=0))
            if again.shape != value.shape or not np.allclose(again, value, _TOLERANCE, size, equal_nan=True):
                raise GraphError(
                    f"{self.call}: {getattr(self.f, '__qualname__', type(self.f).__name__)} computed something else "
                    "when the backward pass called it again, so the gradient would be wrong. Change no value it reads "
                    "until the backward pass is over"
                )

    def run(self, *xs: Any, wanted: Sequence[int] | None = None) -> Run:
        """Run the function on Tensors in place of the arguments at some positions, by default all."""
        positions = tuple(range(len(xs))) if wanted is None else tuple(wanted)

        def recorded(*given: Any) -> Any:
            result = self.f(*given, *self.args)
            return array(result) if isinstance(result, list | tuple) else result

        return Run(self.call, recorded, xs, {}, positions, has_aux=False)

    def pulled(self, seed: Any, record: bool, *xs: Any, wanted: Sequence[int] = ()) -> list[Any]:
        """Run the function again; return the cotangents of some of its arguments, and of the Tensors from outside.

        Args:
            seed: the cotangent of its result.
            record: record the pass, so that its result can be differentiated.
            xs: the arguments.
            wanted: the positions of the arguments whose cotangents are asked for.

        Raises:
            GraphError: the function uses a Tensor from outside that it has not used before.
        """
        run = self.run(*xs, wanted=wanted)
        inputs = [*run.links, *self.links]
        tied = [operand for link in run.links if link.is_call for operand in links_in(link.args)]
        tied += [x._link for x in xs if isinstance(x, Tensor)]
        nothing = [np.zeros(link._value.shape, link._value.dtype) for link in inputs]
        output = run.output
        if not isinstance(output, Tensor) or not output.requires_grad:
            return nothing
        if not set(run.foreign_links([output])) <= {*inputs, *tied}:
            raise GraphError(
                f"{self.call}: {getattr(self.f, '__qualname__', type(self.f).__name__)} used another Tensor when the "
                "backward pass called it again, so its gradient would be lost. Use every Tensor in each call"
            )
        record = record or run.is_nested
        seed = np.broadcast_to(seed, output.shape) if np.shape(plain(seed)) != output.shape else seed
        if record and not isinstance(seed, Tensor):
            seed = unrecorded(np.asarray(seed, output.dtype))
        found = gradients(
            [output._link], [seed], inputs, since=run.since, create_graph=record, retain=record,
        )  # fmt: skip
        return [zeros if item is None else item for item, zeros in zip(found, nothing, strict=True)]

    def jacobian(self, x: Any, record: bool) -> Any:
        """Return the matrix of the slopes of all elements of the result by all elements of one argument."""
        run = self.run(x)
        output, size = run.output, np.size(plain(x))
        if not isinstance(output, Tensor) or not output.requires_grad:
            return np.zeros((np.size(plain(output)), size))
        record = record or run.is_nested
        rows = []
        for seed in np.eye(output.size, dtype=output.dtype):
            seed = np.reshape(seed, output.shape)
            found = gradients(
                [output._link], [unrecorded(seed) if record else seed], run.links, since=run.since,
                create_graph=record, retain=True,
            )  # fmt: skip
            rows.append(np.zeros(size) if found[0] is None else np.reshape(found[0], (size,)))
        return np.stack(rows) if rows else np.zeros((0, size))

    def stand_ins(self) -> list[Tensor]:
        """Return Tensors for the links."""
        return [stand_for(link) for link in self.links]


def not_compiled(call: str) -> None:
    """Raise UnsupportedError in a function that is being compiled: SciPy would call back into Python."""
    unwritten(
        call, "SciPy calls a Python function as often as the values ask for, which no program can write out",
        f"Call {call} outside of the compiled function, and give it the result",
    )  # fmt: skip


def plainly(function: Any, args: tuple[Any, ...]) -> Any:
    """Return a user's derivative as SciPy may call it, on plain numbers; what is no function stays as it is."""
    if not callable(function):
        return function

    def called(*xs: Any) -> Any:
        with no_grad():
            return plain(function(*xs, *args))

    return called
