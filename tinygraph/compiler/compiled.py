"""`tg.compile`: a function of arrays, or a training step, as a program that is made once and run at each call."""

from __future__ import annotations

import contextlib
import functools
import gc
import inspect
import keyword
import os
import re
import threading
import types
import warnings
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from tinygraph import modes, record
from tinygraph._reading import _links_below
from tinygraph.backward import FREED
from tinygraph.compiler.program import Program
from tinygraph.compiler.signature import copied, describe, rebuilt, same_shape, told
from tinygraph.compiler.surroundings import Surroundings
from tinygraph.compiler.threads import one_thread
from tinygraph.compiler.traced import refused
from tinygraph.compiler.tracing import Step, Trace, program_of, trace_twice
from tinygraph.compiler.versions import Version
from tinygraph.errors import GraphError, UnsupportedError
from tinygraph.graph import Graph
from tinygraph.links import Call, Leaf
from tinygraph.modes import state
from tinygraph.operands import tensors_in
from tinygraph.tensor import Tensor

if TYPE_CHECKING:
    from tinygraph.drawing import Drawing

__all__ = ["Compiled", "compile"]

# What makes something that runs out of a program. The tests put the interpreter here.
Maker = Callable[[Program], Any]


class Compiled:
    """A function that is compiled when it is first called with arguments of some shapes. See `compile`.

    Attributes:
        signatures: what it has been compiled for, as text, the most recently used last.
        program, graph, source: of the version that was used last: the `Program`, its `Graph`, and its text.
    """

    def __init__(
        self, function: Callable[..., Any], static_argnames: Iterable[str], maxsize: int, make: Maker | None
    ) -> None:
        functools.update_wrapper(self, function)
        self._function = function
        self._name = getattr(function, "__qualname__", None) or type(function).__qualname__
        self._make = make
        self._maxsize = maxsize
        self._versions: OrderedDict[Any, list[Version]] = OrderedDict()
        self._last: Version | None = None
        self._evicted = 0
        self._lock = threading.RLock()
        try:
            names = [(name, parameter.kind) for name, parameter in inspect.signature(function).parameters.items()]
        except (TypeError, ValueError):
            names = []
        self._names = [name for name, kind in names if kind in (kind.POSITIONAL_ONLY, kind.POSITIONAL_OR_KEYWORD)]
        self._rest = next((name for name, kind in names if kind is kind.VAR_POSITIONAL), "argument")
        self._static = frozenset(static_argnames)
        unknown = self._static - {name for name, _ in names}
        if unknown:
            raise TypeError(f"compile: static_argnames: {self._name} has no argument {sorted(unknown)[0]!r}")
        self._static_places = frozenset(place for place, name in enumerate(self._names) if name in self._static)

    def __get__(self, instance: Any, kind: type | None = None) -> Any:
        return self if instance is None else types.MethodType(self, instance)

    def __repr__(self) -> str:
        return f"<compiled {self._name}, {len(self._versions)} signatures>"

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function: run the program for these arguments, which is made at the first such call."""
        if modes.unusual and (state.tracing is not None or state.watching):
            # Inside another function that is being compiled it is part of that; tg.detect_nonfinite asks for values.
            return self._function(*args, **kwargs)
        version, leaves = self._version_for(args, kwargs)
        return version(leaves)

    def _version_for(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Version, list[Any]]:
        """The program for some arguments, and what of them it is given at each call."""
        last = self._last
        if last is not None and not kwargs and not modes.unusual and last.fits(args):
            leaves = list(args)
            if last.holds(leaves):
                return last, leaves
        leaves = []
        static = self._static
        if static:
            parts = [
                ("object", item) if place in self._static_places else describe(item, leaves)
                for place, item in enumerate(args)
            ]
        else:
            parts = [describe(item, leaves) for item in args]
        if kwargs:
            parts.append(
                tuple(
                    [
                        (key, ("object", item) if key in static else describe(item, leaves))
                        for key, item in sorted(kwargs.items())
                    ]
                )
            )
        if modes.unusual and not state.recording:
            parts.append("no_grad")
        key = tuple(parts)
        for version in self._versions.get(key, ()):
            if version.holds(leaves):
                self._last = version
                if len(self._versions) > 1:
                    with contextlib.suppress(KeyError):  # another thread may have thrown it away
                        self._versions.move_to_end(key)
                return version, leaves
        return self._compiled(key, args, kwargs, leaves), leaves

    # --- what it is made of -----------------------------------------------------------------------------------------

    @property
    def signatures(self) -> tuple[str, ...]:
        """What there are programs for, one line each: "x: float64(3, 4), mode: 'train'"."""
        with self._lock:
            return tuple(self._told(key) for key, versions in self._versions.items() for _ in versions)

    def _told(self, key: tuple[Any, ...]) -> str:
        texts = []
        for place, part in enumerate(key):
            if part == "no_grad":
                texts.append("under no_grad")
            elif isinstance(part, tuple) and part and isinstance(part[0], tuple) and len(part[0]) == 2 \
                    and isinstance(part[0][0], str):  # fmt: skip
                texts += [f"{name}: {told(item)}" for name, item in part]
            else:
                name = self._names[place] if place < len(self._names) else self._rest
                texts.append(f"{name}: {told(part)}")
        return ", ".join(texts)

    def _used(self) -> Version:
        if self._last is None:
            raise GraphError(f"compile: {self._name} has not been called yet, so it has not been compiled")
        return self._last

    @property
    def program(self) -> Program:
        """The `Program` that was run last."""
        return self._used().program

    @property
    def graph(self) -> Graph:
        """The graph of the program that was run last."""
        return self.program.graph

    @property
    def source(self) -> str:
        """The text of the program that was run last."""
        text: str = self._used().runner.source
        return text

    @property
    def cost(self) -> Any:
        """Operations, bytes and buffers of the program that was run last, by calculation: a `Cost`."""
        return self._used().runner.cost

    def draw(self, rewritten: bool = False, **options: Any) -> Drawing:
        """Draw the program that was run last, with a box around each section: forward, backward and update.

        Args:
            rewritten: the graph that the text computes, as opposed to the one that was recorded.
            options: see `tinygraph.draw`.
        """
        from tinygraph.drawing import draw

        version = self._used()
        program, graph = version.program, version.runner.graph if rewritten else version.program.graph
        own = {step.index: step.section for step in version.runner.graph.nodes} if rewritten else program.sections
        sections = {node.index: own.get(node.index, "forward") for node in graph.nodes} if program.sections else {}
        return draw(graph, **{"sections": sections, "names": program.updates_in(graph), **options})

    def save(self, path: str | os.PathLike[str], parameters: str = "beside") -> None:
        """Write the program that was run last as a module that needs NumPy alone.

        Args:
            path: of the module, ending in ".py".
            parameters: "beside" puts the Tensors' values into an npz of the same name, "arguments" makes them
                arguments of the function, after the others.

        Plain arrays that the function found outside are arguments, too, and so are gradients that it adds to.

        Raises:
            ValueError: the path does not end in ".py", or `parameters` is something else.
            UnsupportedError: the program calls a function that cannot be written down.
        """
        version = self._used()
        version.runner.save(path, version.values(), parameters=parameters)

    def profile(self, *args: Any, **kwargs: Any) -> Any:
        """Measure, call by call, how long the program for these arguments takes. Nothing is updated.

        Returns:
            A `Profile`: printed, it shows tables by the user's lines and by operation.
        """
        version, leaves = self._version_for(args, kwargs)
        return version.runner.profile(*version.bound(leaves))

    def clear(self) -> None:
        """Forget all programs."""
        with self._lock:
            self._versions.clear()
            self._last = None

    # --- compiling --------------------------------------------------------------------------------------------------

    def _compiled(self, key: Any, args: tuple[Any, ...], kwargs: dict[str, Any], leaves: list[Any]) -> Version:
        with self._lock:
            known = self._versions.get(key, [])
            why = known[0].surroundings.changed() if known else "the arguments differ"
            with _uncollected():
                version = self._traced(args, kwargs, leaves)
            if not kwargs and len(key) == len(args) and all(type(item) is np.ndarray for item in args):
                version.layouts = [(item.shape, item.dtype) for item in args]
            versions = self._versions.setdefault(key, [])
            versions.insert(0, version)
            self._versions.move_to_end(key)
            self._last = version
            while sum(len(items) for items in self._versions.values()) > self._maxsize:
                oldest = next(iter(self._versions))
                self._versions[oldest].pop()
                if not self._versions[oldest]:
                    del self._versions[oldest]
                self._evicted += 1
                if self._evicted in (1, 10, 100, 1000):
                    warnings.warn(
                        f"compile: {self._name} was compiled more than {self._maxsize} times, and programs are thrown "
                        f"away (last because: {why}). Arguments that change at each call should be arrays of one shape "
                        "or floats, not ints or strings; or raise maxsize=",
                        RuntimeWarning,
                        stacklevel=4,
                    )
            return version

    def _traced(self, args: tuple[Any, ...], kwargs: dict[str, Any], leaves: list[Any]) -> Version:
        fixed: dict[str, Any] = {}
        given_tensors = [leaf for leaf in leaves if type(leaf) is Tensor]
        if len({id(leaf) for leaf in given_tensors}) < len(given_tensors):
            raise refused("a Tensor is given twice among the arguments", "Give it once, and use it twice inside")
        for name, item in [*zip(self._all_names(args), args, strict=True), *kwargs.items()]:
            rebuilt(item, name, lambda value, name: value, fixed)
        for tensor in given_tensors:
            if tensor.requires_grad and not tensor.is_leaf and modes.is_recording():
                raise GraphError(
                    f"compile: an argument of {self._name} is a computed Tensor that requires a gradient, and a "
                    "compiled function records nothing that a later backward() could go through. Compile the whole "
                    "computation, its backward() included, or tg.compile(tg.grad(f)); or cut the tie with x.detach()"
                )
        surroundings = Surroundings(self._function, fixed)
        shared = next((tensor for tensor in given_tensors if id(tensor) in surroundings.tensors), None)
        if shared is not None:
            raise refused(
                f"{surroundings.tensors[id(shared)] or 'a Tensor'} is both an argument and found from outside",
                "Use it as one of the two",
            )
        entered: dict[int, Step] = {}
        generator_places: dict[int, int] = {}

        def enter(trace: Trace) -> Callable[[], Any]:
            entered.clear()
            remaining = iter(range(len(leaves)))

            def stand_in(value: Any, name: str) -> Any:
                place = next(remaining)
                if isinstance(value, np.random.Generator):
                    generator_places[id(value)] = place
                    return value
                if type(value) is Tensor:
                    if value.is_leaf:
                        trace.given_tensor(value, place, _identifier(name))
                        return value
                    traced = trace.argument(_raw(value), _identifier(name))
                    entered[place] = traced._step
                    return record.unrecorded(traced)
                traced = trace.argument(value, _identifier(name))
                entered[place] = traced._step
                return traced

            new_args = [
                item if place in self._static_places else rebuilt(item, name, stand_in, {})
                for place, (name, item) in enumerate(zip(self._all_names(args), args, strict=True))
            ]
            order = sorted(kwargs)
            new_kwargs = {
                key: kwargs[key] if key in self._static else rebuilt(kwargs[key], key, stand_in, {}) for key in order
            }
            new_kwargs = {key: new_kwargs[key] for key in kwargs}

            def call() -> Any:
                kept = copied([new_args, new_kwargs])
                surroundings.divert(lambda array, name: trace.array(array, _identifier(name)))
                changed: str | None = None
                try:
                    result = self._function(*new_args, **new_kwargs)
                finally:
                    changed = surroundings.restore()
                if changed is not None:
                    raise self._has_effect(changed)
                if not same_shape([new_args, new_kwargs], kept):
                    raise self._has_effect("changed a list or dict that it was given")
                self._check_ties(trace, result)
                return result

            return call

        with one_thread():  # on a busy machine two can make a recording of half a second take five
            trace, result = trace_twice(self._name, enter)
        return self._version(trace, result, surroundings, entered, generator_places, leaves)

    def _version(
        self, trace: Trace, result: Any, surroundings: Surroundings, entered: dict[int, Step],
        generator_places: dict[int, int], leaves: list[Any],
    ) -> Version:  # fmt: skip
        captured = list(trace.captured.values())
        order: list[Step] = []
        given: list[Any] = []
        for place, step in entered.items():
            order.append(step)
            given.append(place)
        for step in trace.steps:
            if step.kind == "array" and not step.fixed:
                order.append(step)
                given.append(step.content)
        asked: list[tuple[Any, bool]] = []
        cleared: list[Any] = []
        for leaf in captured:
            who = leaf.link if leaf.argument is None else leaf.argument
            if leaf.had_grad is not None:
                asked.append((who, leaf.had_grad))
            if leaf.first_grad is not None:
                order.append(leaf.first_grad)
                given.append((who,))
            if leaf.grad is None and leaf.had_grad is not False:
                cleared.append(who)
        names = {key: _identifier(name) for key, name in surroundings.tensors.items()}
        program, state_of, graded, used = program_of(trace, result, order, names)
        given = [item for item, step in zip(given, order, strict=True) if step.index in used]
        generators = [generator_places.get(id(generator), generator) for generator in trace.generators]
        runner = self._made(program)
        return Version(
            program, runner, surroundings, given, state_of, graded, cleared, asked, generators, result, leaves
        )

    def _made(self, program: Program) -> Any:
        if self._make is not None:
            return self._make(program)
        from tinygraph.compiler.emission import compile_program

        name = _identifier(getattr(self._function, "__name__", "step"))
        return compile_program(program, name="step" if name == "x_lambda" or keyword.iskeyword(name) else name)

    def _all_names(self, args: Sequence[Any]) -> list[str]:
        beyond = [f"{self._rest}_{place}" for place in range(len(args) - len(self._names))]
        return [*self._names, *beyond][: len(args)]

    def _has_effect(self, what: str) -> UnsupportedError:
        code = getattr(self._function, "__code__", None)
        where = f" ({code.co_filename.rpartition('/')[2]}:{code.co_firstlineno})" if code is not None else ""
        return UnsupportedError(
            f"compile: {self._name}{where} {what}. A program computes arrays; what Python does besides happens once, "
            "when it is made, and not at each call. Return what is to be kept, and keep it outside; a counter or a "
            "moving average belongs in a Tensor, updated with t.assign(value); draws belong to "
            "tinygraph.draws.uniform(generator, shape) or normal(generator, shape); layers that make their weights at "
            "the first call should be called once before"
        )

    def _check_ties(self, trace: Trace, result: Any) -> None:
        """Refuse to return what an eager call would return with a graph that somebody outside goes through."""
        for tensor in tensors_in(_as_lists(result)):
            link = tensor._link
            if not (isinstance(link, Call) and link.differentiable) or link._adjoint is FREED:
                continue
            for below in _links_below([link]):
                captured = trace.captured.get(below) if isinstance(below, Leaf) else None
                older = below.differentiable and (captured.order if captured else below.order) < trace.since
                begun = state.differentiating
                if (captured is not None and captured.argument is not None and below.differentiable) or (
                    older and (isinstance(below, Call) or (begun is not None and below.order > begun))
                ):
                    name = below.name if isinstance(below, Leaf) else None
                    raise GraphError(
                        f"compile: {self._name} returns a value that depends on "
                        f"{name or 'a Tensor that it is given'}, which requires a gradient. It returns plain arrays, so"
                        " the gradient would be lost without a word. Compile the whole, tg.compile(tg.grad(f)), or call"
                        " backward() inside; or pass x.data, or call it under tg.no_grad()"
                    )


@contextlib.contextmanager
def _uncollected() -> Iterator[None]:
    """No garbage is looked for while a program is made: its many objects all stay, and looking took a third."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


def _as_lists(result: Any) -> Any:
    if isinstance(result, dict):
        return [_as_lists(item) for item in result.values()]
    return [_as_lists(item) for item in result] if isinstance(result, list | tuple) else result


def _raw(tensor: Tensor) -> Any:
    from tinygraph.compiler.tracing.outside import TENSOR_VALUE

    return TENSOR_VALUE.__get__(tensor)


def _identifier(name: str) -> str:
    """A name from a path: "params['w']" becomes "params_w"."""
    found = re.sub(r"\W+", "_", name).strip("_")
    return found if found.isidentifier() else f"x_{found}"


@overload
def compile(  # noqa: A001 - the name users know
    function: Callable[..., Any], *, static_argnames: str | Iterable[str] = ..., maxsize: int = ...,
    make: Maker | None = ...,
) -> Compiled: ...  # fmt: skip
@overload
def compile(  # noqa: A001
    function: None = None, *, static_argnames: str | Iterable[str] = ..., maxsize: int = ..., make: Maker | None = ...
) -> Callable[[Callable[..., Any]], Compiled]: ...
def compile(  # noqa: A001
    function: Callable[..., Any] | None = None, *, static_argnames: str | Iterable[str] = (), maxsize: int = 32,
    make: Maker | None = None,
) -> Any:  # fmt: skip
    """Compile a function of arrays, or a whole training step, to a straight-line NumPy program.

    At the first call with arguments of some shapes the function is run, and every NumPy function that it calls is
    recorded: the forward computation, `backward()`, and the update of parameters. Calls after that run the program.

    Args:
        function: takes arrays, Tensors and numbers, in lists, tuples and dicts. Arrays and floats are given anew at
            each call; ints, bools, strings, None and other objects are part of the signature.
        static_argnames: arguments that are part of the signature whatever they are; they must be hashable.
        maxsize: how many programs are kept. When there are more, the one that was not used for longest goes.
        make: what turns a `Program` into something that runs; for tests.

    Returns:
        A `Compiled`, which is called like the function. Its results are arrays. Tensors that the function finds outside
        are state: read at each call, and written where it assigns to them, as are their gradients.

    Raises (when called):
        UnsupportedError: the function does what a program cannot repeat. Everything is as it was before the call.
        GraphError: a gradient would be lost.

    As a decorator: `@tg.compile`, or `@tg.compile(static_argnames="mode")`.
    """
    names = (static_argnames,) if isinstance(static_argnames, str) else tuple(static_argnames)
    if maxsize < 1:
        raise ValueError(f"compile: maxsize must be at least 1, got {maxsize}")
    if function is None:
        return lambda function: Compiled(function, names, maxsize, make)
    if not callable(function):
        raise TypeError(f"compile: expected a function, got {type(function).__name__}")
    return Compiled(function, names, maxsize, make)
