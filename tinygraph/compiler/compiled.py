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
import sys
import types
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Literal, overload

from tinygraph.compiler.compiled_saving import Saving
from tinygraph.compiler.explanation import Explanation, explained
from tinygraph.compiler.notebook import program_html
from tinygraph.compiler.program.decisions import Left
from tinygraph.compiler.program.program import Program
from tinygraph.compiler.programs_for_calls import ProgramsForCalls
from tinygraph.compiler.run.eagerly import EAGER, RAISE, Eagerly, eager_result
from tinygraph.compiler.run.versions import Running
from tinygraph.compiler.trace.carrying_out import carrying_out
from tinygraph.elsewhere import no_attribute
from tinygraph.engine import modes
from tinygraph.engine.modes import state
from tinygraph.graph import Graph
from tinygraph.graph.sizes import counted

if TYPE_CHECKING:
    from tinygraph.compiler.stages import Stages
    from tinygraph.drawing import Drawing

__all__ = ["Compiled", "compile"]


class Compiled(Saving):
    """A function that is compiled when it is first called with arguments of some shapes. See `compile`.

    Attributes:
        signatures: the compiled signatures, as text, the most recently used last.
        program, graph, source: of the version that was used last: the `Program`, its `Graph`, and its text.
    """

    def __init__(
        self, function: Callable[..., Any], static_argnames: Iterable[str], maxsize: int, otherwise: str = RAISE,
        fast: bool = False,
    ) -> None:  # fmt: skip
        functools.update_wrapper(self, function)
        self._function = function
        self._programs = ProgramsForCalls(function, static_argnames, maxsize, otherwise, fast)

    if not TYPE_CHECKING:  # a type checker is to see that an attribute is missing

        def __getattr__(self, name):
            message = no_attribute("'Compiled' object", name, {}, dir(type(self)))
            if not name.startswith("_") and hasattr(vars(self).get("_function"), name):
                message = (
                    f"'Compiled' object has no attribute {name!r}: the {type(self._function).__name__} that was "
                    "compiled has it. Compile the step, with its backward(), rather than a model"
                )
            raise AttributeError(message, name=name, obj=self)

    def __get__(self, instance: Any, kind: type | None = None) -> Any:
        return self if instance is None else types.MethodType(self, instance)

    def __deepcopy__(self, memo: dict[int, Any]) -> Compiled:
        """Return a compiled function of a copy, such as the method of a copied model. It has no programs yet."""
        return self.remade(copy.deepcopy(self._function, memo))

    def __reduce__(self) -> Any:
        """Pickle a decorated function by its name, as Python does with functions; others with the function that was
        compiled. The programs are made anew, in the process that calls it.
        """
        name = getattr(self, "__qualname__", None)
        if name is not None and _found(self.__module__, name) is self:
            return name
        made = self._programs
        return Compiled, (self._function, tuple(made.parameters.static), made.kept.maxsize, made.otherwise, made.fast)

    def remade(self, function: Callable[..., Any]) -> Compiled:
        """Return a compiled function of another function, such as the gradient of this one, with the same options."""
        made = self._programs
        return Compiled(function, made.parameters.static, made.kept.maxsize, made.otherwise, made.fast)

    def __repr__(self) -> str:
        return f"<compiled {self._programs.name}, {counted(len(self._programs.kept.by_signature), 'signature')}>"

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
            version, leaves = self._programs.for_call(args, kwargs)
            return version(leaves)
        except Left as found:
            left = found.with_traceback(None)  # whose frames hold the arrays of the call
        except (Running, Eagerly):  # `Running`: a primitive in the program called the function again
            return eager_result(self._function, args, kwargs)
        return self._programs.result_on_other_path(version, left, args, kwargs, leaves)

    def is_ready(self, *args: Any) -> bool:
        """Return whether the last program is right for these arguments, so that `again` runs it."""
        last = self._programs.kept.last
        leaves = None if last is None or modes.unusual else last.fits(args)
        return leaves is not None and last.holds(leaves)  # type: ignore[union-attr]

    def again(self, *args: Any) -> Any:
        """Call the function, where nothing that it finds outside has changed since the last call, as in a loop of fit.

        The last program runs if the arguments have its shapes. The guards are not asked: those of an MLP's step take
        16 µs, and 45 µs where a step of many numbers has driven them out of the caches.
        """
        last = self._programs.kept.last
        if last is not None and not modes.unusual:
            leaves = last.fits(args)
            if leaves is not None and last.holds_again(leaves):
                try:
                    return last(leaves)
                except (Left, Running):  # nothing has been updated
                    pass
                except Eagerly:
                    return eager_result(self._function, args, {})
        return self(*args)

    # --- the programs -----------------------------------------------------------------------------------------------

    @property
    def signatures(self) -> tuple[str, ...]:
        """The compiled signatures, one line each: "x: float64(3, 4), mode: 'train'". An open axis has a name, "n"."""
        with self._programs.lock:
            return tuple([text for text, _ in self._programs.kept.told()])

    def explain(self) -> Explanation:
        """Return why each program was made, what guards it, and how often it ran; and what ran eagerly or was refused.

        Printed, it is a text. Its attributes have the parts.
        """
        of, kept = self._programs, self._programs.kept
        with of.lock:
            made = [(text, sorted(versions, key=lambda item: item.number)) for text, versions in kept.told()]
            programs = [explained(*pair) for pair in sorted(made, key=lambda pair: pair[1][0].number)]
            return Explanation(
                function=of.name,
                programs=tuple(programs),
                counters=tuple(of.counters.told(but_for=of.fresh)),
                eager=of.eager.told(),
                strayed=of.eager.strayed,
                refusals=tuple(of.refused),
                thrown_away=tuple(kept.thrown_away),
                evicted=kept.evicted,
                maxsize=kept.maxsize,
            )

    @property
    def program(self) -> Program:
        """The `Program` that was run last: the graph with the meaning of its inputs and outputs."""
        return self._programs.used().program

    @property
    def graph(self) -> Graph:
        """The graph of the program that was run last."""
        return self.program.graph

    @property
    def source(self) -> str:
        """The text of the program that was run last."""
        text: str = self._programs.used().runner.source
        return text

    @property
    def stages(self) -> Stages:
        """The result of each stage of the compiler for the program that was run last, to print: see `Stages`."""
        from tinygraph.compiler.stages import stages_of

        return stages_of(self._programs.used().runner)

    @property
    def cost(self) -> Any:
        """Operations, bytes and buffers of the program that was run last, by calculation: a `Cost`."""
        return self._programs.used().runner.cost

    def draw(self, rewritten: bool | Literal["diff"] = False, **options: Any) -> Drawing:
        """Draw the program that was run last; a training step in three columns: forward, backward and update.

        Each call of the backward pass is in the row of the call that it differentiates, and each new value has the name
        of the parameter that it goes back into. Other views have a box around each section.

        Args:
            rewritten: the graph that the text computes, as opposed to the one that was recorded. Each of its loops is a
                scope, "loop 1 × 20": a card, or a box with the steps of one iteration. "diff" draws both in one
                picture: steps that went are faded; new ones, and those computed together, are marked. Of a program with
                loops it shows the rewrites after the loops were found.
            options: see `tinygraph.draw`; for "diff" see `tinygraph.diff`.

        Raises:
            ValueError: `rewritten` is something else.
            GraphError: the function has not been called.
        """
        if rewritten not in (False, True, "diff"):
            raise ValueError(f'draw: rewritten must be False, True or "diff", got {rewritten!r}')
        from tinygraph.compiler.program_drawn import drawn_program

        return drawn_program(self._programs.used(), rewritten, options)

    def profile(self, /, *args: Any, **kwargs: Any) -> Any:
        """Measure the time of each call in the program for these arguments. Nothing is updated.

        Returns:
            A `Profile`: printed, it shows tables by the user's lines and by operation.
        """
        version, leaves = self._programs.on_its_path(args, kwargs)
        return version.runner.profile(*version.bound(leaves))

    def clear(self) -> None:
        """Forget all programs."""
        self._programs.clear()


def _found(module: str, name: str) -> Any:
    """Return what a dotted name means in a module; None if it means nothing."""
    found: Any = sys.modules.get(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    return found


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
        fast: let calls that follow each other and go over elements of one shape be one loop of machine code, which
            numba makes at the first call, in a tenth of a second for each: the cell of an LSTM, or Adam's update, takes
            a third of the time. It needs `pip install tinygraph[fast]`. Arithmetic has the same results, to the last
            bit; exponentials and their kin differ from NumPy's in the last digit. There are no warnings of divisions by
            zero or overflow there; where `np.errstate` asks for errors around a call, NumPy makes all of it. The text
            of the program stays NumPy's.

    Returns:
        A `Compiled`, which is called like the function. Its results are arrays. Tensors that the function finds outside
        are state: read at each call, and written where it assigns to them, as are their gradients.

    Steps that are recorded again and again become a loop of the program. Python may ask for a value, in an `if`, a
    `while` or an `assert`, and as an index. The program is made for the path that the answers lead to, and checks them;
    a call with other answers gets the program of its own path, and nothing has been updated before. A `while` loop on a
    value has one program for any number of iterations, from the second number on. With more than 32 paths for one
    signature the function runs eagerly, with one warning.

    `tg.grad(f)` of a compiled function is compiled, and so are the other transforms. Where a gradient goes on through a
    result, as for `f(w).backward()` with a Tensor w, a call runs eagerly and returns Tensors, with one warning.

    Raises (when called):
        UnsupportedError: the function does what a program cannot repeat. Everything is as it was before the call.

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
        from tinygraph.compiler.fast import check_installed

        check_installed()
    if function is None:
        return lambda function: Compiled(function, names, maxsize, otherwise, fast)
    if not callable(function):
        raise TypeError(f"compile: expected a function, got {type(function).__name__}")
    return Compiled(function, names, maxsize, otherwise, fast)
