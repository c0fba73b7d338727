"""`tg.compile`: a function of arrays, or a training step, as a program that is made once and run at each call.

@tg.compile
def step(x, y):
    ...

step(x, y)              # the first call is recorded, and makes a program
step(x, y)              # the second runs it
print(step.source)
"""

from __future__ import annotations

import copy
import functools
import threading
import types
import weakref
from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NoReturn, overload

import numpy as np

from tinygraph.compiler.axes import Family, Recording
from tinygraph.compiler.compiled_saving import Saving
from tinygraph.compiler.explanation import Eager, Explanation, Refusal, explained
from tinygraph.compiler.guards.arguments import NUMERIC
from tinygraph.compiler.guards.counters import Counters, Place, marked
from tinygraph.compiler.guards.signature import Parameters
from tinygraph.compiler.kept_programs import REMEMBERED, KeptPrograms
from tinygraph.compiler.notebook import program_html
from tinygraph.compiler.pipeline import made_version
from tinygraph.compiler.program.decisions import Left
from tinygraph.compiler.program.program import Program
from tinygraph.compiler.reasons import other_path, reason
from tinygraph.compiler.run.eagerly import EAGER, RAISE, Eagerly, eager_result, warn_at_call
from tinygraph.compiler.run.machine_code import check_installed
from tinygraph.compiler.run.paths import MOST, STRAYED, along, line_of_most
from tinygraph.compiler.run.versions import Running, Version
from tinygraph.compiler.saving.saved_calls import SavedCall, call_of, parameters_of
from tinygraph.compiler.trace.carrying_out import carrying_out
from tinygraph.compiler.trace.python_numbers import BeyondError, SteeringError
from tinygraph.engine import modes
from tinygraph.engine.modes import state
from tinygraph.errors import GraphError, UnsupportedError
from tinygraph.graph import Graph
from tinygraph.graph.sizes import counted

if TYPE_CHECKING:
    from tinygraph.compiler.stages import Stages
    from tinygraph.drawing import Drawing

__all__ = ["Compiled", "compile"]

_NONE: frozenset[Place] = frozenset()


@dataclass(frozen=True, slots=True)
class _Call:
    """A call with its signature.

    Attributes:
        args, kwargs: the arguments, with a `Counter` in place of each int that is given at each call.
        key: the signature.
        leaves: the values that the program is given.
    """

    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    key: tuple[Any, ...]
    leaves: list[Any]


class Compiled(Saving):
    """A function that is compiled when it is first called with arguments of some shapes. See `compile`.

    Attributes:
        signatures: what it has been compiled for, as text, the most recently used last.
        program, graph, source: of the version that was used last: the `Program`, its `Graph`, and its text.
    """

    def __init__(
        self, function: Callable[..., Any], static_argnames: Iterable[str], maxsize: int, otherwise: str = RAISE,
        fast: bool = False,
    ) -> None:  # fmt: skip
        functools.update_wrapper(self, function)
        self._function = function
        self._parameters = Parameters.of(function, static_argnames)
        self._name = self._parameters.function
        self._call_parameters = parameters_of(function)
        self._otherwise = otherwise
        self._fast = fast
        self._programs = KeptPrograms(maxsize, self._parameters.told)
        # For each program the call it was compiled for, as a saved file writes it; None where a file cannot.
        self._calls: weakref.WeakKeyDictionary[Version, SavedCall | None] = weakref.WeakKeyDictionary()
        self._eager: dict[Any, str] = {}  # the signatures whose calls run eagerly, each with the reason
        self._strayed_at = ""
        self._strayed: Counter[Any] = Counter()  # by a signature the calls that left the program made for them
        self._counters = Counters()
        self._count = 0  # of the programs that were made
        self._fresh = _NONE  # counters that no program was made with yet
        self._refused: deque[Refusal] = deque(maxlen=REMEMBERED)
        self._lock = threading.RLock()

    def __get__(self, instance: Any, kind: type | None = None) -> Any:
        return self if instance is None else types.MethodType(self, instance)

    def __deepcopy__(self, memo: dict[int, Any]) -> Compiled:
        """Return a compiled function of a copy, such as the method of a copied model. It has no programs yet."""
        function = copy.deepcopy(self._function, memo)
        return Compiled(function, self._parameters.static, self._programs.maxsize, self._otherwise, self._fast)

    def __repr__(self) -> str:
        return f"<compiled {self._name}, {counted(len(self._programs.by_signature), 'signature')}>"

    def _repr_html_(self) -> str:
        """Return the programs for a notebook, and the picture and the text of the one that was run last."""
        programs = self.explain()._repr_html_()
        return programs + (program_html(self.source, self.draw) if self.signatures else "")

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        """Call the function: run the program for these arguments, which is made at the first such call."""
        if modes.unusual and (state.tracing is not None or state.watching or carrying_out.function is not None):
            # Inside another function that is being compiled, the calls become part of that function's program;
            # tg.detect_nonfinite looks at every value of an eager call.
            return self._function(*args, **kwargs)
        try:
            version, leaves = self._version_for(args, kwargs)
            return version(leaves)
        except Left as found:
            left = found.with_traceback(None)  # whose frames hold the arrays of the call
        except (Running, Eagerly):  # `Running`: a primitive in the program called the function again
            return eager_result(self._function, args, kwargs)
        return self._along(version, left, args, kwargs, leaves)

    def is_ready(self, *args: Any) -> bool:
        """Return whether the last program is right for these arguments, so that `again` runs it."""
        last = self._programs.last
        leaves = None if last is None or modes.unusual else last.fits(args)
        return leaves is not None and last.holds(leaves)  # type: ignore[union-attr]

    def again(self, *args: Any) -> Any:
        """Call the function, where nothing that it finds outside has changed since the last call, as in a loop of fit.

        The last program runs if the arguments have its shapes. The guards are not asked: those of an MLP's step take
        16 µs, and 45 µs where a step of many numbers has driven them out of the caches.
        """
        last = self._programs.last
        if last is not None and not modes.unusual:
            leaves = last.fits(args)
            if leaves is not None and last.holds_again(leaves):
                try:
                    return last(leaves)
                except (Left, Running):  # nothing has been updated
                    pass
        return self(*args)

    def _along(
        self, version: Version, left: Left, args: tuple[Any, ...], kwargs: dict[str, Any], leaves: list[Any]
    ) -> Any:  # fmt: skip
        """Return the result of a call that left the path of a program: another program's, found or made."""
        key = self._signed(args, kwargs, version.counting).key
        try:
            result, found = along(Version.__call__, self._programs.of(key), version, left, leaves)
            if found is None:
                found, leaves = self._next(args, kwargs, version, left)
                result = found(leaves)
        except Left as left:  # it was made for this call, and a comparison of rounded numbers has another outcome in it
            self._strayed[key] += 1
            self._strayed_at = left.line
            return eager_result(self._function, args, kwargs)
        except (Running, Eagerly):
            return eager_result(self._function, args, kwargs)
        with self._lock:
            self._programs.put_first(key, found)
        return result

    def _next(
        self, args: tuple[Any, ...], kwargs: dict[str, Any], version: Version, left: Left
    ) -> tuple[Version, list[Any]]:
        """Make the program for one more path of a signature; return it and the leaves of the call.

        Args:
            args, kwargs: the arguments of the call.
            version, left: the program that the call has left, and where.

        Raises:
            Eagerly: the signature has too many paths, or this one cannot be compiled.
        """
        with self._lock:
            call = self._signed(args, kwargs, version.counting)
            self._check_paths(call.key, call.leaves)
            return self._compiled_with(args, kwargs, version.counting, other_path(version, left))

    def _on_its_path(
        self, args: tuple[Any, ...], kwargs: dict[str, Any], by_value: bool = False
    ) -> tuple[Version, list[Any]]:
        """Return the program that follows a call to its end, and the leaves of the call. Nothing is updated.

        Args:
            args, kwargs: the arguments of the call.
            by_value: each int among them counts by its value.

        Raises:
            UnsupportedError: calls of this signature run eagerly.
        """
        try:
            version, leaves = self._version_for(args, kwargs, by_value)
            try:
                version.try_out(leaves)
            except Left as left:
                key = self._signed(args, kwargs, version.counting).key
                _, found = along(Version.try_out, self._programs.of(key), version, left, leaves)
                version, leaves = (found, leaves) if found else self._next(args, kwargs, version, left)
        except Eagerly as reason:
            raise UnsupportedError(f"compile: {reason}") from None
        return version, leaves

    def _signed(self, args: tuple[Any, ...], kwargs: dict[str, Any], counting: frozenset[Place]) -> _Call:
        """Return a call with its signature, in which some ints count as counters."""
        if counting:
            args, kwargs = self._marked(args, kwargs, counting)
        leaves: list[Any] = []
        parts = self._parameters.signature(args, kwargs, leaves)
        if modes.unusual and not state.recording:
            parts.append("no_grad")
        return _Call(args, kwargs, tuple(parts), leaves)

    def _marked(
        self, args: tuple[Any, ...], kwargs: dict[str, Any], counting: frozenset[Place]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return the arguments of a call with a `Counter` in place of each int that changes from call to call."""
        names = self._parameters.all_names(args)
        found = marked([*names, *kwargs], [*args, *kwargs.values()], counting)
        return tuple(found[: len(args)]), dict(zip(kwargs, found[len(args) :], strict=True))

    def _version_for(
        self, args: tuple[Any, ...], kwargs: dict[str, Any], by_value: bool = False
    ) -> tuple[Version, list[Any]]:
        """Return the program for a call, and its leaves: the values among the arguments that each call gives.

        Mostly it is the last program again. Else a signature is made, and the programs of that signature are asked.
        Where the guards of none hold, the function is compiled.

        Args:
            args, kwargs: the arguments of the call.
            by_value: each int among them counts by its value.

        Raises:
            Eagerly: calls of this signature have no program.
        """
        last = self._programs.last
        if last is not None and not kwargs and not modes.unusual:
            leaves = last.fits(args)
            if leaves is not None and last.holds(leaves):
                return last, leaves
        call = self._signed(args, kwargs, _NONE if by_value else self._counters.counting)
        version = self._programs.found(call.key, call.leaves)
        if version is None:
            with self._lock:
                return self._made(args, kwargs, by_value)
        return version, call.leaves

    # --- the programs -----------------------------------------------------------------------------------------------

    @property
    def signatures(self) -> tuple[str, ...]:
        """The compiled signatures, one line each: "x: float64(3, 4), mode: 'train'". An open axis has a name, "n"."""
        with self._lock:
            return tuple([text for text, _ in self._programs.told()])

    def explain(self) -> Explanation:
        """Return why each program was made, what guards it, and how often it ran; and what ran eagerly or was refused.

        Printed, it is a text. Its attributes have the parts.
        """
        with self._lock:
            made = [(text, sorted(versions, key=lambda item: item.number)) for text, versions in self._programs.told()]
            programs = [explained(*pair) for pair in sorted(made, key=lambda pair: pair[1][0].number)]
            return Explanation(
                function=self._name,
                programs=tuple(programs),
                counters=tuple(self._counters.told(but_for=self._fresh)),
                eager=tuple(
                    [
                        Eager(self._parameters.told(key), why.removeprefix(f"{self._name} runs eagerly: "))
                        for key, why in self._eager.items()
                    ]
                ),
                strayed=self._strayed.total(),
                refusals=tuple(self._refused),
                thrown_away=tuple(self._programs.thrown_away),
                evicted=self._programs.evicted,
                maxsize=self._programs.maxsize,
            )

    def _used(self) -> Version:
        """Return the program that was run last.

        Raises:
            GraphError: there is none.
        """
        last = self._programs.last
        if last is None:
            raise GraphError(
                f"compile: {self._name} has not been called yet, so it has not been compiled. Run it once, on "
                "arguments of the shapes that it is for"
            )
        return last

    @property
    def program(self) -> Program:
        """The `Program` that was run last: the graph with the meaning of its inputs and outputs."""
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
    def stages(self) -> Stages:
        """The result of each stage of the compiler for the program that was run last, to print: see `Stages`."""
        from tinygraph.compiler.stages import stages_of

        return stages_of(self._used().runner)

    @property
    def cost(self) -> Any:
        """Operations, bytes and buffers of the program that was run last, by calculation: a `Cost`."""
        return self._used().runner.cost

    def draw(self, rewritten: bool | Literal["diff"] = False, **options: Any) -> Drawing:
        """Draw the program that was run last; a training step in three columns: forward, backward and update.

        Each call of the backward pass is in the row of the call that it differentiates, and each new value has the name
        of the parameter that it goes back into. Other views have a box around each section.

        Args:
            rewritten: the graph that the text computes, as opposed to the one that was recorded. Each of its loops is a
                scope, "loop 1 × 20": a card, or a box with the steps of one iteration. "diff" draws both in one
                picture: what went is faded, what is new and what is computed together is marked. Of a program with
                loops it shows the rewrites after the loops were found.
            options: see `tinygraph.draw`; for "diff" see `tinygraph.diff`.

        Raises:
            ValueError: `rewritten` is something else.
            GraphError: the function has not been called.
        """
        if rewritten not in (False, True, "diff"):
            raise ValueError(f'draw: rewritten must be False, True or "diff", got {rewritten!r}')
        from tinygraph.compiler.program_drawn import drawn_program

        return drawn_program(self._used(), rewritten, options)

    def profile(self, /, *args: Any, **kwargs: Any) -> Any:
        """Measure the time of each call in the program for these arguments. Nothing is updated.

        Returns:
            A `Profile`: printed, it shows tables by the user's lines and by operation.
        """
        version, leaves = self._on_its_path(args, kwargs)
        return version.runner.profile(*version.bound(leaves))

    def clear(self) -> None:
        """Forget all programs."""
        with self._lock:
            self._programs.clear()
            self._eager.clear()
            self._strayed.clear()
            self._refused.clear()

    # --- compiling --------------------------------------------------------------------------------------------------

    def _made(self, args: tuple[Any, ...], kwargs: dict[str, Any], by_value: bool) -> tuple[Version, list[Any]]:
        """Return the program for a call, and its leaves, where none was found outside the lock.

        Raises:
            Eagerly: calls of this signature have no program.
        """
        if not by_value:
            self._meet_ints(args, kwargs)
        every = _NONE if by_value else self._counters.counting
        for counting in (every, _NONE) if every else (_NONE,):
            call = self._signed(args, kwargs, counting)
            if call.key in self._eager:
                raise Eagerly(self._eager[call.key])
            version = self._programs.found(call.key, call.leaves)
            if version is None and self._programs.adopt():
                version = self._programs.found(call.key, call.leaves)
            if version is not None:
                return version, call.leaves
        return self._compiled_with(args, kwargs, every)

    def _meet_ints(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Take note of the ints among the arguments and outside, before a call is compiled."""
        before = self._counters.counting
        given = [*zip(self._parameters.all_names(args), args, strict=True), *kwargs.items()]
        self._counters.meet_arguments([pair for pair in given if pair[0] not in self._parameters.static])
        known = self._programs.of(self._signed(args, kwargs, self._counters.counting).key)
        if known:
            self._counters.meet_outside(known[0].surroundings.changed_ints())
        self._fresh |= self._counters.counting - before

    def _compiled_with(
        self, args: tuple[Any, ...], kwargs: dict[str, Any], counting: frozenset[Place], why: str | None = None
    ) -> tuple[Version, list[Any]]:
        """Make the program for a call; return it and the leaves of the call.

        Where the function asks a counter for its value, the call is recorded once more with the value as part of the
        signature, and so is every later one.

        Args:
            args, kwargs: the arguments of the call.
            counting: the places of the counters.
            why: the reason for the program, if it is known.

        Raises:
            Eagerly: no program can be made, and the call is to run eagerly then.
        """
        steering, refused = _NONE, None
        while True:
            call = self._signed(args, kwargs, counting)
            try:
                version = self._compiled(call, counting, why)
            except Exception as error:
                if not counting:
                    if isinstance(error, UnsupportedError | GraphError):
                        self._refused.append(Refusal(self._parameters.told(call.key), str(error)))
                    elif isinstance(error, Eagerly) and refused is None:
                        self._counters.steer(steering)
                    elif isinstance(error, Eagerly):  # whatever the counters are
                        self._eager[refused] = str(error)
                    raise
                if isinstance(error, BeyondError):  # for this value alone
                    counting = _NONE
                else:
                    blamed = (isinstance(error, SteeringError) and error.counters & counting) or counting
                    steering |= blamed
                    counting -= steering
                    refused = None if isinstance(error, SteeringError) else call.key
                    self._counters.note(blamed, error.why if isinstance(error, SteeringError) else str(error))
                continue
            self._counters.steer(steering)
            return version, call.leaves

    def _compiled(self, call: _Call, counting: frozenset[Place], why: str | None) -> Version:
        """Make the program for a call, and put it before the other programs of its signature.

        Args:
            call: the call.
            counting: the places of the counters.
            why: the reason for the program, if it is known.

        Raises:
            Eagerly: no program can be made, and the call is to run eagerly then.
        """
        args, kwargs, key = call.args, call.kwargs, call.key
        fresh = [self._counters.names[place] for place in counting & self._fresh]
        sizes: list[int] = []
        family = self._programs.family(key, sizes)
        version = None if self._programs.of(key) or counting or not sizes else family.unrecorded(sizes, call.leaves)
        if version is None:
            why = why or reason(self._parameters, dict(self._programs.by_signature), key, call.leaves, fresh)
            version = self._recorded(call, counting, family, sizes)
        else:
            why = "an open axis had another size"
        if self._fast:
            version.runner.use_machine_code()
        self._count += 1
        version.number, version.why, version.counting = self._count, why, counting
        self._fresh -= counting
        is_static = self._parameters.is_static
        given = call_of(self._call_parameters, is_static, args, kwargs, len(call.leaves))
        self._calls[version] = None if version.counts_arguments else given
        if not kwargs and len(key) == len(args) and all([item is None or _is_numeric(item) for item in args]):
            version.layouts = [None if item is None else (item.shape, item.dtype) for item in args]
        self._programs.add(key, version)
        while self._programs.is_full():
            self._programs.evict(why)
            if self._programs.evicted in (1, 10, 100, 1000):
                warn_at_call(
                    f"compile: {self._name} was compiled more than {self._programs.maxsize} times, and programs are "
                    f"thrown away (last because: {why}). Arguments that change at each call should be arrays of one "
                    "shape or floats, not ints that steer the function, or strings; or raise maxsize="
                )
        return version

    def _recorded(
        self, call: _Call, counting: frozenset[Place], family: Family, sizes: list[int]
    ) -> Version:  # fmt: skip
        """Record the function for a call, and make its program, or that of an open axis.

        Raises:
            Eagerly: no program can be made, and the call is to run eagerly then.
        """
        shapes: list[tuple[int, ...]] = []

        def written(recording: Recording) -> Any:
            shapes[:] = recording.shapes
            return family.runner(sizes, recording)

        earlier = self._programs.of(call.key)
        try:
            version = made_version(
                self._function, self._parameters, call.args, call.kwargs, call.leaves, written if sizes else None,
                counting, [version.program for version in earlier],
                any([version.takes_other_masks(call.leaves) for version in earlier]),
            )  # fmt: skip
        except UnsupportedError as error:
            if self._otherwise == RAISE or counting:
                raise
            self._run_eagerly(call.key, f"{self._name} runs eagerly: {str(error).removeprefix('compile: ')}")
        if sizes:
            family.note(sizes, version, shapes)
        return version

    def _check_paths(self, key: Any, leaves: list[Any]) -> None:
        """Let the calls of a signature run eagerly from now on, if it has too many paths.

        Raises:
            Eagerly: it has.
        """
        if self._strayed[key] >= STRAYED:
            self._run_eagerly(
                key,
                f"{self._name} runs eagerly for these arguments: {STRAYED} times a decision at {self._strayed_at} was "
                "so near that rounding decided it, and a program rounds otherwise than an eager call",
            )
        holding = [version for version in self._programs.of(key) if version.holds(leaves)]
        if len({version.decisions for version in holding}) + self._strayed[key] >= MOST:
            self._run_eagerly(
                key,
                f"{self._name} runs eagerly for these arguments: more than {MOST} paths lead through it, and most "
                f"part at {line_of_most(holding)}. Compute there with np.where or np.take, which are recorded; where a "
                "while loop counts, count in an array, n = np.zeros((), like=x)",
            )

    def _run_eagerly(self, key: Any, why: str) -> NoReturn:
        """Let the calls of a signature run eagerly from now on, and warn if the reason is new.

        Raises:
            Eagerly: always.
        """
        if why not in self._eager.values():
            warn_at_call(f"compile: {why}")
        while len(self._eager) >= self._programs.maxsize:
            del self._eager[next(iter(self._eager))]
        self._eager[key] = why
        self._programs.drop(key)
        raise Eagerly(why)


def _is_numeric(item: Any) -> bool:
    return type(item) is np.ndarray and item.dtype.kind in NUMERIC


@overload
def compile(  # noqa: A001 - the name users know
    function: Callable[..., Any], *, static_argnames: str | Iterable[str] = ..., maxsize: int = ...,
    otherwise: Literal["raise", "eager"] = ..., fast: bool = ...,
) -> Compiled: ...  # fmt: skip
@overload
def compile(  # noqa: A001
    function: None = None,
    *,
    static_argnames: str | Iterable[str] = ...,
    maxsize: int = ...,
    otherwise: Literal["raise", "eager"] = ...,
    fast: bool = ...,
) -> Callable[[Callable[..., Any]], Compiled]: ...
def compile(  # noqa: A001
    function: Callable[..., Any] | None = None, *, static_argnames: str | Iterable[str] = (), maxsize: int = 32,
    otherwise: Literal["raise", "eager"] = "raise", fast: bool = False,
) -> Any:  # fmt: skip
    """Compile a function of arrays, or a whole training step, to a NumPy program.

    At the first call with arguments of some shapes the function is run, and every NumPy function that it calls is
    recorded: the forward computation, `backward()`, and the update of parameters. Calls after that run the program.

    Args:
        function: takes arrays, Tensors and numbers, in lists, tuples and dicts. Arrays and floats are given anew at
            each call; ints, bools, strings, None and other objects are part of the signature. An int that only enters
            arithmetic is given at each call, too, from its third value on.
        static_argnames: arguments that are part of the signature whatever they are; they must be hashable.
        maxsize: the number of programs that are kept. Beyond it the least recently used one is thrown away. The paths
            of one signature count as one.
        otherwise: for code that cannot be compiled, "raise" an error, or run the function "eager"ly for arguments of
            this signature, with one warning that says why.
        fast: run blocks of simple arithmetic on large arrays as machine code, which numba makes at the first call in a
            second or two: an optimiser's update of 100,000 weights takes a third of the time. It needs
            `pip install tinygraph[fast]`. The results are the same, to the last bit. NumPy gives no warnings of
            divisions by zero there.

    Returns:
        A `Compiled`, which is called like the function. Its results are arrays. Tensors that the function finds outside
        are state: read at each call, and written where it assigns to them, as are their gradients.

    Steps that are recorded again and again become a loop of the program. Python may ask for a value, in an `if`, a
    `while` or an `assert`, and as an index. The program is made for the path that the answers lead to, and checks them;
    a call with other answers gets the program of its own path, and nothing has been updated before. A `while` loop on a
    value has one program for any number of iterations, from the second number on. With more than 32 paths for one
    signature the function runs eagerly, with one warning.

    Raises (when called):
        UnsupportedError: the function does what a program cannot repeat. Everything is as it was before the call.
        GraphError: a gradient would be lost.

    Raises:
        ImportError: `fast`, and numba is not installed.

    As a decorator: `@tg.compile`, or `@tg.compile(static_argnames="mode")`.
    """
    names = (static_argnames,) if isinstance(static_argnames, str) else tuple(static_argnames)
    if maxsize < 1:
        raise ValueError(f"compile: maxsize must be at least 1, got {maxsize}")
    if otherwise not in (RAISE, EAGER):
        raise ValueError(f'compile: otherwise must be "raise" or "eager", got {otherwise!r}')
    if fast:
        check_installed()
    if function is None:
        return lambda function: Compiled(function, names, maxsize, otherwise, fast)
    if not callable(function):
        raise TypeError(f"compile: expected a function, got {type(function).__name__}")
    return Compiled(function, names, maxsize, otherwise, fast)
