"""The law of programs as text: eager, compiled and saved, they do the same, and fail in the same way.

`outcome` runs a module's function `run`, eager in one copy of the module and compiled in another, call after call, and
compares all that can be seen: results, arguments that are written into, Tensors, gradients, and the generator's state.
"""

from __future__ import annotations

import itertools
import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import tinygraph as tg
from tests.compiler.programs import compiled_by, without
from tests.loading import loaded
from tinygraph.compiler.phases import PHASES, ROLL
from tinygraph.compiler.pipeline import compile_program
from tinygraph.compiler.rewrites import Rewrite
from tinygraph.compiler.rolling import rolled

Compile = Callable[[Callable[..., Any]], Any]

_numbers = itertools.count()
OWN = (tg.UnsupportedError, tg.GraphError)


class RefusedError(Exception):
    """The program is refused by name."""


class DifferenceError(AssertionError):
    """A compiled program does something else than the eager one."""


def copied(args: Sequence[Any]) -> list[Any]:
    """Copies of arguments that share memory as the arguments do."""
    made: list[Any] = []
    for item in args:
        whole = next((other for other in args if _is_view_of(item, other)), None)
        made.append(np.array(item) if isinstance(item, np.ndarray) and whole is None else item)
    for place, item in enumerate(args):
        for other, copy in zip(args, list(made), strict=True):
            if _is_view_of(item, other):
                offset = item.__array_interface__["data"][0] - other.__array_interface__["data"][0]
                made[place] = np.ndarray(item.shape, item.dtype, copy, offset, item.strides)
    return made


def nudged(args: Sequence[Any]) -> list[Any]:
    """Copies of arguments with other last digits."""
    made = copied(args)
    for item, copy in zip(args, made, strict=True):
        if isinstance(copy, np.ndarray) and not any([_is_view_of(item, other) for other in args]):
            copy *= 1 + 4 * np.finfo(copy.dtype).eps
    return made


def _is_view_of(item: Any, other: Any) -> bool:
    arrays = isinstance(item, np.ndarray) and isinstance(other, np.ndarray)
    return arrays and item is not other and item.size < other.size and np.shares_memory(item, other)


def flat(value: Any) -> Iterator[Any]:
    """The leaves of a result, with the keys between them."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from flat(item)
    elif isinstance(value, list | tuple):
        yield type(value).__name__
        for item in value:
            yield from flat(item)
    else:
        yield value.data if isinstance(value, tg.Tensor) else value


class World:
    """A copy of the module with its state: Tensors, gradients and the generator."""

    def __init__(self, path: Path) -> None:
        self.module = loaded(path)
        self.tensors = {name: item for name, item in vars(self.module).items() if isinstance(item, tg.Tensor)}
        self.generator = self.module.noise
        self.table = getattr(self.module, "table", np.zeros(0))

    def state(self) -> dict[str, Any]:
        found: dict[str, Any] = {name: np.array(item.data) for name, item in self.tensors.items()}
        for name, item in self.tensors.items():
            found[f"{name}.grad"] = None if item.grad is None else np.array(item.grad)
        found["table"] = self.table.copy()
        found["generator"] = str(self.generator.bit_generator.state)
        return found

    def restore(self, other: World, state: dict[str, Any]) -> None:
        for name, item in self.tensors.items():
            item.assign(state[name])
            gradient = state[f"{name}.grad"]
            item.grad = None if gradient is None else gradient.copy()
        self.generator.bit_generator.state = other.generator.bit_generator.state
        self.table[...] = state["table"]


def close(got: Any, wanted: Any, near: Any, accuracy: float, label: str, strictly: bool = True) -> None:
    """Hold a value to another.

    Args:
        near: the value for slightly other arguments: where it is far from `wanted`, rounding is large.
        strictly: where one is infinite or NaN the other is. A gradient of what is NaN may be NaN in more elements.
    """
    if not isinstance(wanted, np.ndarray | np.generic | float | int) or isinstance(wanted, bool):
        if not (type(got) is type(wanted) and got == wanted) and not isinstance(got, np.bool_):
            raise DifferenceError(f"{label}: {got!r} is not {wanted!r}")
        return
    one, other = np.asarray(got), np.asarray(wanted)
    if one.shape != other.shape or one.dtype != other.dtype:
        raise DifferenceError(f"{label}: {one.dtype}{one.shape} is not {other.dtype}{other.shape}")
    if other.dtype.kind != "f":
        if not np.array_equal(one, other):
            raise DifferenceError(f"{label}: {one} is not {other}")
        return
    finite = np.isfinite(other)
    if not np.array_equal(finite, np.isfinite(one)) and (strictly or not np.all(np.isfinite(one)[finite])):
        raise DifferenceError(f"{label}: {one} is not {other}")
    size = float(np.max(np.abs(other[finite]), initial=1.0))
    error = float(np.max(np.abs(one - other)[finite], initial=0.0))
    if error > accuracy * size:
        loose = 0.0
        if near is not None and np.shape(near) == other.shape:
            loose = float(np.max(np.abs(np.asarray(near, other.dtype) - other)[finite], initial=0.0))
        if not error <= 100 * loose:
            raise DifferenceError(f"{label}: error {error:.2g}, size {size:.2g}\n{one}\n{other}")


def kind_of(error: BaseException) -> str:
    """The sentence of a refusal without its place and names."""
    return re.sub(r"\(?[\w./<>-]+\.py:\d+\)?|line \d+", "LINE", str(error).partition("\n")[0])[:90]


def called(run: Any, args: list[Any]) -> tuple[Any, Exception | None]:
    try:
        return run(*args), None
    except Exception as error:  # compared with the other's
        return None, error


def outcome(
    text: str,
    calls: Sequence[tuple[Any, ...]],
    folder: Path,
    *,
    left_out: Sequence[Rewrite | None] = (),
    saves: bool = True,
    compile_: Compile = tg.compile,
) -> str:
    """Run a program in all ways, and return "agreed", or the reason why there was nothing to compare.

    Args:
        text: of a module with a function `run`, and a generator `noise`.
        calls: the arguments of each call.
        folder: for the modules.
        left_out: rewrites to leave out, one at a time.
        saves: save the compiled function, too.

    Raises:
        DifferenceError: they differ.
        RefusedError: the compiler refuses the program by name.
    """
    path = folder / f"program_{next(_numbers)}.py"
    path.write_text(text, encoding="utf-8")
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        compiled, agreed, wanted = _alternately(path, calls, compile_)
        if agreed:
            for rewrite in left_out:
                _, again, _ = _alternately(path, calls, _leaving_out(rewrite))
                if again != agreed:
                    raise DifferenceError(
                        f"without {rewrite.__name__ if rewrite else None}: {again} calls agree, not {agreed}"
                    )
            if saves:
                _saved(compiled, calls, folder)
    return wanted


def _leaving_out(rewrite: Rewrite | None) -> Compile:
    """Return a `tg.compile` without a rewrite; `rolled` is the rolling of loops."""
    phases = tuple([phase for phase in PHASES if phase is not ROLL]) if rewrite is rolled else without(rewrite)
    return compiled_by(lambda program, name: compile_program(program, name=name, phases=phases))  # type: ignore[no-any-return]


def _alternately(path: Path, calls: Sequence[tuple[Any, ...]], compile_: Compile) -> tuple[Any, int, str]:
    """Call eager and compiled. Return what is needed for saving, the number of calls that agree, and the outcome."""
    eager, ours = World(path), World(path)
    values = "\nrun = program\n" in path.read_text(encoding="utf-8")
    accuracies = {np.dtype("float64"): 1e-10, np.dtype("float32"): 2e-4}
    compiled, agreed = compile_(ours.module.run), 0
    raised: list[str] = []
    kept: list[tuple[Any, Any]] = []
    for number, args in enumerate(calls):
        accuracy = accuracies[args[0].dtype]
        before = eager.state()
        ours_before = ours.state()
        near, _ = called(eager.module.run, nudged(args))
        eager.restore(ours, before)
        given, taken = copied(args), copied(args)
        wanted, error = called(eager.module.run, given)
        if isinstance(error, OWN):
            return (compiled, ours), agreed, f"eager refuses: {kind_of(error)}"
        label = f"call {number}"
        if error is None and not all(
            np.all(np.abs(np.asarray(item)[np.isfinite(item)]) < 1e6)
            for item in flat(wanted)
            if isinstance(item, np.ndarray | np.generic) and item.dtype.kind == "f"
        ):
            return (compiled, ours), agreed, "large numbers"
        got, ours_error = called(compiled, taken)
        if isinstance(ours_error, OWN):
            if str(ours.state()) != str(ours_before):
                raise DifferenceError(f"{label}: a refused call changed the state")
            for one, other in zip(args, taken, strict=True):
                close(other, one, None, 0.0, f"{label}: a refused call wrote into an argument")
            raise RefusedError(kind_of(ours_error)) from ours_error
        if error is not None or ours_error is not None:
            if type(error) is not type(ours_error):
                raise DifferenceError(f"{label}: eager {error!r}, compiled {ours_error!r}") from (ours_error or error)
            if str(ours.state()) != str(ours_before):
                raise DifferenceError(f"{label}: a failed call changed the state")
            for one, other in zip(args, taken, strict=True):
                close(other, one, None, 0.0, f"{label}: a failed call wrote into an argument")
            eager.restore(ours, before)
            raised.append(type(error).__name__)
            continue
        pairs = [*itertools.zip_longest(flat(got), flat(wanted), flat(near))]
        for place, (one, other, third) in enumerate(pairs):
            close(one, other, third, accuracy, f"{label}, result {place}", strictly=values)
        for place, (one, other) in enumerate(zip(taken, given, strict=True)):
            close(one, other, None, accuracy * 100, f"{label}, argument {place} afterwards")
        state, ours_state = eager.state(), ours.state()
        for key, item in state.items():
            if (item is None) != (ours_state[key] is None):
                raise DifferenceError(f"{label}: {key} is {ours_state[key]}, not {item}")
            close(ours_state[key], item, None, accuracy * 100, f"{label}, {key} afterwards")
        for earlier, copy in kept:
            if not np.array_equal(earlier, copy, equal_nan=True):
                raise DifferenceError(f"{label} wrote into an earlier result")
        kept += [
            (item, np.array(item)) for item in flat(got) if isinstance(item, np.ndarray) and item.dtype.kind != "O"
        ]
        eager.restore(ours, ours_state)
        agreed += 1
    return (compiled, ours), agreed, "agreed" if not raised else f"agreed, with {' '.join(sorted(set(raised)))}"


def _saved(both: Any, calls: Sequence[tuple[Any, ...]], folder: Path) -> None:
    """Hold the saved module to the compiled function: it does the same, or refuses with a ValueError."""
    compiled, world = both
    path = folder / f"saved_{next(_numbers)}.py"
    try:
        compiled.save(path)
    except OWN:
        return
    module = loaded(path)
    function = getattr(module, compiled.__name__, None) or module.run
    for name, item in vars(module).items():
        if name.startswith("generator_"):
            item.bit_generator.state = world.generator.bit_generator.state
    for number, args in enumerate(calls):
        given, taken = copied(args), copied(args)
        wanted, error = called(compiled, given)
        if error is not None:
            continue
        got, ours = called(function, taken)
        if ours is not None:
            if isinstance(ours, ValueError) and "no program for" in str(ours):
                return  # another state from here on
            raise DifferenceError(f"saved, call {number}: {ours!r}") from ours
        accuracy = 1e-10 if args[0].dtype == np.float64 else 2e-4
        for place, (one, other) in enumerate(itertools.zip_longest(flat(got), flat(wanted))):
            close(one, other, None, accuracy, f"saved, call {number}, result {place}")
        for place, (one, other) in enumerate(zip(taken, given, strict=True)):
            close(one, other, None, accuracy, f"saved, call {number}, argument {place} afterwards")
