"""check_grads: compare the derivatives of a function with finite differences."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from tinygraph import bounds
from tinygraph.engine.modes import no_grad
from tinygraph.engine.tensor import Tensor
from tinygraph.testing.arguments import (
    Array,
    argument_names,
    entries,
    exact,
    filled,
    named_arrays,
    plain_array,
    precision_of,
    reals,
)
from tinygraph.testing.differences import FIRST_STEP, Slope, slope
from tinygraph.testing.report import GradientError, by_derivatives, check_form, report
from tinygraph.transforms import jvp, vjp
from tinygraph.transforms.compiled import plain_function

# The tolerance of a derivative in each precision: relative to the derivative, and relative to the terms that add up to
# it, since terms may cancel to almost nothing.
RELATIVE = {8: 1e-5, 4: 2e-3, 2: 5e-2}
OF_TERMS = {8: 1e-8, 4: 1e-4, 2: 1e-2}
EPS = {8: 2.0**-52, 4: 2.0**-23, 2: 2.0**-10}


def check_grads(
    f: Callable[..., Any],
    *xs: Any,
    order: int = 2,
    modes: Sequence[str] = ("vjp", "jvp"),
    rtol: float | None = None,
    atol: float = 0.0,
    step: float | None = None,
) -> None:
    """Assert that the derivatives of a function agree with finite differences.

    Args:
        f: a function of arrays that returns an array, or arrays nested in dicts, lists and tuples. It is called on
            plain arrays for the differences, and on Tensors for the derivatives.
        xs: its arguments, nested likewise. The check varies floating and complex arrays and Python floats; anything
            else, integers and booleans too, is constant.
        order: the highest derivative. 2 checks the gradient, and the gradient of the gradient, which comes from the
            recorded rules.
        modes: "vjp" checks each element of the gradient of a weighted sum of the outputs; "jvp" checks each element of
            the derivative along one direction.
        rtol: the allowed relative error; by default 1e-5 for float64, 2e-3 for float32, 5e-2 for float16.
        atol: an allowed absolute error, in addition.
        step: the longest step of the differences; by default 1/128 for functions that compute in float64, and longer
            in a lower precision.

    Raises:
        GradientError: a derivative is wrong, or has another shape or dtype than its argument, or f returns another
            value on Tensors than on arrays. The message names the element and the order, and says if the point looks
            like a kink.
        TypeError: f is no function or returns None, or no argument is floating or complex.
        ValueError: a mode is neither "vjp" nor "jvp", there is none, or a number is below 0.

    The differences are taken in float64, for arguments of any dtype. Weights and directions are random, but
    the same in each call.

    A complex number counts as its two parts. The gradient by a complex argument is ∂L/∂Re x + i·∂L/∂Im x, the direction
    of steepest ascent, where L is the sum of Re w · Re y + Im w · Im y over the outputs y, with weights w.

    Example:
        >>> check_grads(np.multiply, np.array([1.0, 2.0]), 3.0)
    """
    __tracebackhide__ = by_derivatives
    if not callable(f):
        raise TypeError(f"check_grads: expected a function, got {type(f).__name__}. Write check_grads(f, x, ...)")
    _check_settings(order, modes, rtol, atol, step)
    found = list(named_arrays(xs, argument_names(f, len(xs))))
    if not found:
        raise TypeError(
            "check_grads: no argument is a floating array, so there is nothing to differentiate. Write 1.0 for 1, and "
            "x.astype(float) for an array x of integers"
        )
    arrays = [item.array for item in found]
    function, names = _of_arrays(f, xs, arrays)
    precision = min([8, *[precision_of(array) for array in arrays]])
    check = _Check([item.name for item in found], rtol, atol, step, precision, np.random.default_rng(0))
    check.value(function, names, arrays)
    for depth in range(1, order + 1):
        weights = check.weights(function, arrays)
        if "vjp" in modes:
            check.vjp(function, arrays, weights, depth)
        if "jvp" in modes:
            check.jvp(function, names, arrays, depth)
        function, names = _gradient(function, weights), [f"gradient of {name}" for name in check.names]


def _check_settings(
    order: int, modes: Sequence[str], rtol: float | None, atol: float, step: float | None
) -> None:  # fmt: skip
    """Refuse settings under which the check would check nothing, or could not be passed."""
    bounds.whole("check_grads", "order", order, least=0)
    if isinstance(modes, str) or not modes or not set(modes) <= {"vjp", "jvp"}:
        raise ValueError(f'check_grads: modes are "vjp", "jvp" or both, got {modes!r}. Write modes=("vjp",)')
    bounds.number("check_grads", "atol", atol, least=0)
    if rtol is not None:
        bounds.number("check_grads", "rtol", rtol, least=0)
    if step is not None:
        bounds.number("check_grads", "step", step, above=0)


def _of_arrays(
    f: Callable[..., Any], xs: tuple[Any, ...], arrays: list[Array]
) -> tuple[Callable[..., list[Any]], list[str]]:
    """Return f as a function of the arrays in its arguments, which returns a list of arrays, and the names of these.

    Raises:
        TypeError: f returns None.
    """

    def function(*given: Any) -> list[Any]:
        called = plain_function(f) if any([isinstance(item, Tensor) for item in given]) else f
        results = called(*filled(xs, iter(given)))
        return [item for _, item in entries(results) if np.result_type(item).kind in "fc"]

    try:
        results = f(*filled(xs, iter(arrays)))
    except TypeError as error:
        if len(xs) == 1 and isinstance(xs[0], tuple):
            error.add_note("check_grads takes the arguments one by one: check_grads(f, *xs)")
        raise
    if results is None:
        raise TypeError(
            "check_grads: the function returns None, so there is nothing to check. Does it end without a return?"
        )
    return function, [name for name, item in entries(results) if np.result_type(item).kind in "fc"]


def _gradient(function: Callable[..., list[Any]], weights: list[Array]) -> Callable[..., list[Any]]:
    """Return the gradient of a weighted sum of a function's results, as a function of the same arrays."""

    def gradient(*given: Any) -> list[Any]:
        _, pull = vjp(function, *given)
        return list(pull(weights))

    return gradient


# --- the comparison ---------------------------------------------------------------------------------------------------


@dataclass(eq=False)
class _Check:
    """The settings of one call of `check_grads`, and its comparisons.

    Attributes:
        names: of the arrays in the arguments.
        rtol, atol, step: see `check_grads`.
        precision: the bytes of a number in the arguments, in those of the lowest precision.
        random: draws weights and directions.
        scale: the largest value of the function that the differences so far met.
    """

    names: list[str]
    rtol: float | None
    atol: float
    step: float | None
    precision: int
    random: np.random.Generator
    scale: float = 0.0

    def weights(self, function: Callable[..., list[Any]], arrays: list[Array]) -> list[Array]:
        """Draw a random cotangent for each result, without elements near zero."""
        return [self._random(plain_array(item)) for item in function(*arrays)]

    def _random(self, like: Array) -> Array:
        def part() -> Array:
            sign = np.where(self.random.random(like.shape) < 0.5, -1, 1)
            return np.asarray(sign * self.random.uniform(0.5, 1.5, like.shape))

        return np.asarray(part() + 1j * part() if like.dtype.kind == "c" else part(), dtype=like.dtype)

    def value(self, function: Callable[..., list[Any]], names: list[str], arrays: list[Array]) -> None:
        """Check that the function returns the same values on Tensors as on arrays."""
        __tracebackhide__ = by_derivatives
        expected = function(*arrays)
        got = function(*[Tensor(array) for array in arrays])
        for name, on_arrays, on_tensors in zip(names, map(plain_array, expected), map(plain_array, got), strict=True):
            where = f"output{name}"
            check_form(0, where, on_arrays, on_tensors)
            self._compare(0, where, on_arrays, on_tensors, 0.0, _largest(on_arrays))

    def vjp(self, function: Callable[..., list[Any]], arrays: list[Array], weights: list[Array], order: int) -> None:
        """Check the gradient of the weighted sum of the results against differences by each element."""
        __tracebackhide__ = by_derivatives
        found = _gradient(function, weights)(*arrays)
        middle = _At.of(function, arrays)
        for which, (name, array, item) in enumerate(zip(self.names, arrays, found, strict=True)):
            got = plain_array(item)
            check_form(order, name, array, got)
            slopes: Array = np.zeros(array.shape, np.complex128 if array.dtype.kind == "c" else np.float64)
            noise, terms = 0.0, 0.0
            sides: dict[tuple[int, ...], _Along] = {}
            for index in np.ndindex(array.shape):
                for unit in (1, 1j) if array.dtype.kind == "c" else (1,):
                    direction = [np.zeros(other.shape, exact(other).dtype) for other in arrays]
                    direction[which][index] = unit
                    along = self._slope(function, arrays, middle, direction)
                    parts = [reals(w) * reals(v) for w, v in zip(weights, along.values, strict=True)]
                    slopes[index] += unit * sum(float(np.sum(part)) for part in parts)
                    terms = max(terms, sum(float(np.sum(np.abs(part))) for part in parts))
                    noise = max(noise, along.slope.noise * max((_largest(w) for w in weights), default=0.0))
                    if index not in sides or not sides[index].slope.kinked:
                        sides[index] = along
            self._compare(order, name, slopes, got, noise, terms, sides, array)

    def jvp(self, function: Callable[..., list[Any]], names: list[str], arrays: list[Array], order: int) -> None:
        """Check the derivative along one direction against differences along that direction."""
        __tracebackhide__ = by_derivatives
        direction = [self._random(array) for array in arrays]
        _, pushed = jvp(function, arrays, direction)
        middle = _At.of(function, arrays)
        along = self._slope(function, arrays, middle, [exact(item) for item in direction])
        for name, slopes, item in zip(names, along.values, pushed, strict=True):
            where = f"output{name} along a direction (jvp)" if order == 1 else f"{name} along a direction (jvp)"
            got = plain_array(item)
            if got.shape != slopes.shape:
                raise GradientError(
                    f"order {order}: the derivative of {where} has shape {got.shape}, expected {slopes.shape}",
                    order, where,
                )  # fmt: skip
            sides = dict.fromkeys(np.ndindex(got.shape), along)
            self._compare(order, where, slopes, got, along.slope.noise, _largest(slopes), sides)

    def _slope(
        self, function: Callable[..., list[Any]], arrays: list[Array], middle: _At, direction: list[Array]
    ) -> _Along:
        """Return the slopes of a function's results along a direction. Its results at the arrays are `middle`."""

        def along(step: float) -> Array:
            return _At.of(function, arrays, step, direction).values

        first = self.step or FIRST_STEP[middle.precision]
        found = slope(along, first, EPS[middle.precision], self.scale, middle.values)
        # Terms that cancel leave rounding errors, at higher orders too.
        self.scale = found.scale
        return _Along(found, middle.results)

    def _compare(
        self, order: int, where: str, expected: Array, got: Array, noise: float, terms: float,
        sides: dict[tuple[int, ...], _Along] | None = None, at: Array | None = None,
    ) -> None:  # fmt: skip
        """Compare a derivative with the finite differences.

        Args:
            noise: the rounding error of the differences.
            terms: the largest sum of the absolute values of terms that add up to an element of `expected`.
            sides: the differences for each element, to find a kink.
            at: the argument that the derivative is by, which has an element for each of `expected`.
        """
        __tracebackhide__ = by_derivatives
        if got.size == 0:
            return
        size = min(precision_of(got), self.precision)
        rtol = RELATIVE[size] if self.rtol is None else self.rtol
        with np.errstate(invalid="ignore", over="ignore"):
            error = np.abs(exact(got) - expected)
            error = np.where(got == expected, 0.0, error)
        allowed = self.atol + rtol * np.abs(expected) + OF_TERMS[size] * terms + noise
        if np.all((error <= allowed) | (np.isnan(expected) & np.isnan(got) & (order == 0))):
            return
        wrong = ~(error <= allowed)
        excess = np.where(wrong, np.where(np.isfinite(error), error / np.where(allowed > 0, allowed, 1), np.inf), -1)
        index = tuple(int(place) for place in np.unravel_index(int(np.argmax(excess)), got.shape))
        message = report(order, where, index, expected, got, int(np.sum(wrong)), None if at is None else at[index])
        if sides is not None:
            message += _doubts(sides[index])
        raise GradientError(message, order, where, index, expected[index].item(), got[index].item())


@dataclass(frozen=True)
class _At:
    """The results of a function at a point.

    Attributes:
        results: an array each, in double precision.
        values: the numbers of all results, one after the other.
        precision: the bytes of a number in the result that is computed with the fewest.
    """

    results: list[Array]
    values: Array
    precision: int

    @classmethod
    def of(
        cls, function: Callable[..., list[Any]], arrays: list[Array], step: float = 0.0,
        direction: list[Array] | None = None,
    ) -> _At:  # fmt: skip
        """Call a function at a step along a direction from some arrays."""
        moves = [0.0] * len(arrays) if direction is None else [step * item for item in direction]
        point = [exact(array) + move for array, move in zip(arrays, moves, strict=True)]
        with no_grad(), np.errstate(all="ignore"):
            results = [plain_array(item) for item in function(*point)]
        precision = min([8, *[precision_of(item) for item in results]])
        results = [exact(item) for item in results]
        return cls(results, np.concatenate([reals(item) for item in results] or [np.zeros(0)]), precision)


@dataclass(frozen=True)
class _Along:
    """The slopes of all results of a function along one direction; `likes` are the results."""

    slope: Slope
    likes: list[Array]

    @property
    def values(self) -> list[Array]:
        ends = np.cumsum([0, *[reals(like).size for like in self.likes]]).tolist()
        parts = [self.slope.value[start:end] for start, end in pairwise(ends)]
        return [np.reshape(part.view(like.dtype), like.shape) for part, like in zip(parts, self.likes, strict=True)]


def _doubts(along: _Along) -> str:
    """Return the reason to doubt the differences rather than the derivative, if there is one."""
    found = along.slope
    if not np.all(np.isfinite(found.value)):
        return "\n  The function is not finite on both sides of this point, however close"
    if found.kinked:
        place = int(np.argmax(np.abs(found.left - found.right)))
        return (
            f"\n  There may be a kink or a jump here: the slope is {found.left[place]:.6g} from the left and "
            f"{found.right[place]:.6g} from the right. Check at a point away from it"
        )
    if found.error > 1e-5 * _largest(found.value) + found.noise:
        return (
            f"\n  The differences did not converge: they may be off by {found.error:.1e} themselves.\n"
            "  There may be a kink or a jump here, or the function bends fast. Check at a point away from it"
        )
    return ""


def _largest(values: Array) -> float:
    finite = values[np.isfinite(values)]
    return float(np.max(np.abs(finite), initial=0.0))
