"""Everything that has a derivative compiles, with its derivative, or is refused in words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import special

import tinygraph as tg
from tinygraph.engine import table
from tinygraph.errors import UnsupportedError

ROWS = np.array([[0.31, 0.62, 0.17], [0.44, 0.25, 0.83]])
SQUARE = np.array([[2.0, 0.3, 0.1], [0.3, 1.5, 0.2], [0.1, 0.2, 1.8]])
ARGUMENTS: list[tuple[Any, ...]] = [(ROWS,), (SQUARE,), (ROWS, ROWS + 0.5), (ROWS.ravel(), 1)]

# Every function of the table, in portions so that they can be tested side by side.
table.operation_of(special.airy)  # with which the entries for SciPy are read
FUNCTIONS = list(dict.fromkeys([*table._TABLE, *table._COMPOSITIONS]))
PORTIONS = 8


def total(function: Callable[..., Any], args: tuple[Any, ...]) -> Any:
    """One number that depends on everything that a function returns, each element with a weight of its own."""
    result = function(*args)
    parts = result if isinstance(result, tuple | list) else (result,)
    return sum(
        np.sum(np.real(part) * np.cos(np.arange(float(np.size(part))).reshape(np.shape(part))))
        for part in parts
        if getattr(part, "requires_grad", False)
    )


def eagerly(function: Callable[..., Any], args: tuple[Any, ...], arrays: list[Any]) -> Any:
    """Return the eager result; None where the function does not take such arguments."""
    try:
        return gradient_of(function, args, len(arrays))(*arrays)
    except Exception:  # whatever the function makes of arguments that are not for it
        return None


def gradient_of(function: Callable[..., Any], args: tuple[Any, ...], count: int) -> Callable[..., Any]:
    """The value and the gradients with respect to the first arguments."""
    return tg.value_and_grad(lambda *arrays: total(function, (*arrays, *args[count:])), argnums=tuple(range(count)))


@pytest.mark.parametrize("portion", range(PORTIONS))
@pytest.mark.filterwarnings("ignore")
def test_what_has_a_derivative_compiles(portion: int) -> None:
    compiled_count = 0
    for function in FUNCTIONS[portion::PORTIONS]:
        for args in ARGUMENTS:
            arrays = [item for item in args if isinstance(item, np.ndarray)]
            with np.errstate(all="ignore"):
                expected = eagerly(function, args, arrays)
                if expected is None:
                    continue
                compiled = tg.compile(gradient_of(function, args, len(arrays)))
                try:
                    results = [compiled(*arrays) for _ in range(2)]  # the second time in memory that was used
                except UnsupportedError:
                    continue  # it says why
            words = f"{table.function_name(function)} of {[np.shape(item) for item in args]}"
            for value, gradients in results:
                np.testing.assert_allclose(value, expected[0], rtol=1e-9, atol=1e-10, err_msg=words)
                for found, wanted in zip(gradients, expected[1], strict=True):
                    np.testing.assert_allclose(found, wanted, rtol=1e-7, atol=1e-9, err_msg=words)
            compiled_count += 1
    assert compiled_count > 20


def _nans(*places):
    x = np.array([[0.3, -1.2, 2.5, 0.9], [1.7, 0.1, -0.4, 3.0], [0.5, 2.0, -2.0, 1.1]])
    x.flat[list(places)] = np.nan
    return x


UNEVEN = np.array([0.0, 0.5, 0.7, 1.9])


def _agree(expected, found):
    pairs = zip(*(item if type(item) is tuple else (item,) for item in (expected, found)), strict=True)
    for one, other in pairs:
        np.testing.assert_allclose(other, one, 1e-9, 1e-12)


# Functions that eagerly look at the values: a loss of two arguments, and several of both for one program.
LOOKING = {
    "gradient": (lambda f, x: np.sum(np.gradient(f, x) ** 3), [(UNEVEN**2, UNEVEN), (UNEVEN, np.arange(4.0))]),
    "gradient, edge_order": (
        lambda f, x: np.sum(np.gradient(f, x, edge_order=2) ** 3), [(UNEVEN**3, UNEVEN), (UNEVEN, np.arange(4.0))],
    ),
    "i0": (lambda x, y: np.sum(np.i0(x) * y), [(UNEVEN, UNEVEN), (40 * UNEVEN - 30, UNEVEN), (-80 * UNEVEN, UNEVEN)]),
    "geomspace": (
        lambda a, b: np.sum(np.geomspace(a, b, 5) ** 2), [(UNEVEN + 1, UNEVEN[::-1] + 2), (UNEVEN + 5, UNEVEN + 1)],
    ),
    **{
        f"nanquantile, {keywords}": (
            lambda a, q, keywords=keywords: np.sum(np.nanquantile(a, q, **keywords) ** 2),
            [(_nans(), 0.3), (_nans(1, 5, 6), 0.3), (_nans(0, 4, 8), 0.85), (_nans(0, 1, 2, 3), np.float64(0.5))],
        )
        for keywords in ({}, {"axis": 0}, {"axis": 1, "keepdims": True})
    },
    "nanpercentile": (
        lambda a, q: np.sum(np.nanpercentile(a, q, axis=1) ** 2),
        [(_nans(), np.array([10.0, 62.0])), (_nans(1, 5, 6), np.array([0.0, 100.0])), (_nans(9), np.array([50.0, 51]))],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", LOOKING)
@pytest.mark.filterwarnings("ignore:All-NaN")
def test_a_gradient_of_a_function_that_looks_at_values_is_compiled_for_all_of_them(name):
    loss, calls = LOOKING[name]
    for derivative in (tg.value_and_grad(loss), tg.grad(lambda *both: np.sum(tg.grad(loss)(*both) ** 2))):
        compiled = tg.compile(derivative)
        for arguments in calls:
            with np.errstate(invalid="ignore"):
                _agree(derivative(*arguments), compiled(*arguments))


WITH_A_NUMBER = {
    "a list": lambda a, q: np.sum(np.polyval([q, 1.0, 2.0], a)),
    "a list of weights": lambda a, q: np.average(a, weights=[q, 1.0, 2.0, 3.0]),
    "a list of a convolution": lambda a, q: np.sum(np.convolve(a, [1.0, q]) ** 2),
    "a list of lists": lambda a, q: np.sum(a.reshape(2, 2) @ [[q, 1.0], [0.0, 2 * q]]),
    "a list of a ufunc": lambda a, q: np.sum(np.hypot(a, [q, 1.0, 2 * q, 3])),
    "a border": lambda a, q: np.sum(np.pad(a**2, 1, constant_values=q) ** 2),
    "a border of a pair": lambda a, q: np.sum(np.pad(a**2, (1, 2), constant_values=(q, 1.0)) ** 2),
    "a share": lambda a, q: np.quantile(a, q / 4) ** 2 + np.percentile(a, 10 * q),
    "an end": lambda a, q: np.sum(np.geomspace(a, q, 3) ** 2),
    "a base": lambda a, q: np.sum((q**a)[1:]) + np.sum(np.where(a > 1, 2.0**a, 0)) + np.sum(np.float_power(3, a)[1:]),
}


@pytest.mark.parametrize("name", WITH_A_NUMBER)
def test_a_number_among_the_arguments_stands_in_lists_and_keywords(name):
    loss = WITH_A_NUMBER[name]
    for derivative in (loss, tg.value_and_grad(loss), tg.hessian(loss)):
        compiled = tg.compile(derivative)
        for arguments in ((UNEVEN + 0.3, 1.7), (UNEVEN[::-1] + 0.1, 2.5)):
            _agree(derivative(*arguments), compiled(*arguments))
        assert len(compiled.signatures) == 1


def test_weights_of_a_covariance_from_outside():
    weights = np.array([1, 2, 1, 3])
    loss = lambda a: np.cov(a, UNEVEN, fweights=weights)[0, 1]
    np.testing.assert_allclose(tg.compile(tg.grad(loss))(UNEVEN**2), tg.grad(loss)(UNEVEN**2))


PIECES: dict[str, Callable[..., Any]] = {
    "two": lambda x: np.piecewise(x, [x < 1, x >= 1], [np.sin, np.cos]),
    "domains": lambda x: np.piecewise(x, [x <= 1, x > 1], [lambda v: np.sqrt(1 - v), lambda v: np.log(v - 1)]),
    "otherwise": lambda x: np.piecewise(x, x < 1, [np.sin, 2.0]),
    "arguments": lambda x: np.piecewise(x, [x < 1], [lambda v, k: v**k, lambda v, k: k * v], 3),
    "constant": lambda x: np.piecewise(x, [x < 1], [lambda v: 2.0, tg.sigmoid]),
    "choice": lambda x: np.piecewise(x, [x < 1], [lambda v: np.where(v > 0.5, v, v * v), lambda v: np.clip(v, 0, 2)]),
}
AT_ONCE: dict[str, Callable[[Any], Any]] = {
    "mean": lambda v: v - np.mean(v),
    "sum": np.sum,
    "order": np.sort,
    "count": lambda v: v * len(v),
    "places": lambda v: v * np.arange(v.size),
    "detached": lambda v: v * np.max(v.data),
    "branch": lambda v: v if np.sum(v.data) > 0 else -v,
}


@pytest.mark.parametrize("pieces", PIECES)
def test_pieces_of_each_element_alone_are_choices(pieces):
    slope = tg.value_and_grad(lambda x: np.sum(PIECES[pieces](x) ** 2))
    compiled = tg.compile(slope)
    for x in ([[0.5, 2.0, 1.5]], [[2.5, 0.25, 0.75]]):
        _agree(slope(np.array(x)), compiled(np.array(x)))
    assert len(compiled.signatures) == 1


@pytest.mark.parametrize("part", AT_ONCE)
def test_pieces_of_several_elements_are_refused(part):
    with pytest.raises(tg.UnsupportedError, match=r"np\.piecewise.*Write np\.where\(condition, f\(x\), g\(x\)\)$"):
        tg.compile(tg.grad(lambda x: np.sum(np.piecewise(x, [x < 1], [AT_ONCE[part], np.cos]))))(
            np.array([0.5, 0.7, 2.0])
        )
