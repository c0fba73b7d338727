"""Calls that fail for some values: the function's own `try` decides what follows, and Python's numbers raise."""

from __future__ import annotations

import contextlib
import runpy
from typing import Any

import numpy as np
import pytest

import tinygraph as tg
from tinygraph import draws

EYE = np.eye(2)


def with_more(a: Any) -> Any:
    """The Cholesky factor of a matrix, with more and more on its diagonal."""
    for jitter in (0.0, 1.0, 10.0):
        try:
            return np.linalg.cholesky(a + jitter * EYE)
        except np.linalg.LinAlgError:
            continue
    return a


def or_zeros(a: Any) -> Any:
    try:
        return tried(np.linalg.inv, a)
    except np.linalg.LinAlgError:
        return np.zeros_like(a)


def tried(function: Any, a: Any) -> Any:
    try:
        return function(a)
    finally:
        a = None


def suppressed(a: Any) -> Any:
    found = a * 7
    with contextlib.suppress(np.linalg.LinAlgError):
        found = np.linalg.inv(a)
    return found


def of_error(a: Any) -> Any:
    try:
        return np.linalg.solve(a, a[0])
    except np.linalg.LinAlgError as error:
        return a[0] * len(str(error))


MATRICES = [EYE, 2 * EYE, -0.5 * EYE, 0 * EYE, 3 * EYE, -5 * EYE, -50 * EYE, EYE]


@pytest.mark.parametrize("function", [with_more, or_zeros, suppressed, of_error])
def test_an_error_is_caught_as_in_an_eager_call(function: Any) -> None:
    compiled = tg.compile(function)
    for a in MATRICES:
        np.testing.assert_array_equal(compiled(a), function(a))
    assert len(compiled.signatures) == 1


def test_gradients_behind_a_try() -> None:
    gradient = tg.grad(lambda a: np.sum(with_more(a)))
    compiled = tg.compile(gradient)
    for a in MATRICES[:-2]:
        np.testing.assert_allclose(compiled(a), gradient(a), atol=1e-12)


def test_a_call_that_fails_is_made_once_more_from_the_beginning() -> None:
    def step(w: Any, generator: Any, a: Any, seen: Any) -> Any:
        noise = draws.normal(generator, 2)
        w.assign(w.data + noise)
        seen[0] = noise[0]
        try:
            factor = np.linalg.cholesky(a)
        except np.linalg.LinAlgError:
            factor = a * 0 + draws.normal(generator, ())
        w.assign(w.data * 2)
        seen[1] = 5.0
        return factor + noise

    compiled = tg.compile(step)
    weights = [tg.Tensor(np.zeros(2)) for _ in range(2)]
    generators = [np.random.default_rng(0) for _ in range(2)]
    for a in (EYE, -EYE, 2 * EYE, -EYE):
        seen = [np.zeros(2) for _ in range(2)]
        got, expected = (
            f(w, generator, a, s)
            for f, w, generator, s in zip((compiled, step), weights, generators, seen, strict=True)
        )
        np.testing.assert_allclose(got, expected)
        np.testing.assert_allclose(weights[0].data, weights[1].data)
        np.testing.assert_array_equal(*seen)


def test_without_a_handler_nothing_is_updated() -> None:
    w = tg.Tensor(np.zeros(2))

    def step(a: Any) -> Any:
        with tg.no_grad():
            w.assign(w.data + 1)
            return tried(np.linalg.inv, a)

    compiled = tg.compile(step)
    compiled(EYE)
    with pytest.raises(np.linalg.LinAlgError):
        compiled(0 * EYE)
    np.testing.assert_array_equal(w.data, [1, 1])


# Of two floats of Python's the operators raise for some values; NumPy's have an infinity or NaN.
RAISING = {
    "/": (lambda x, s: x * (1.0 / s), 0.0, ZeroDivisionError),
    "//": (lambda x, s: x * (1.0 // s), 0.0, ZeroDivisionError),
    "%": (lambda x, s: x * (5.0 % s), 0.0, ZeroDivisionError),
    "of computed numbers": (lambda x, s: x * (s / (s - 2.0)), 2.0, ZeroDivisionError),
    "by 0": (lambda x, s: x * (s / 0), 2.0, ZeroDivisionError),
    "complex": (lambda x, s: x * (1.0 / (s * 1j)), 0.0, ZeroDivisionError),
    "a negative power of 0": (lambda x, s: x * s**-1, 0.0, ZeroDivisionError),
}


@pytest.mark.parametrize("sign", RAISING)
def test_floats_of_pythons_raise_what_they_raise_in_python(sign: str) -> None:
    f, value, error = RAISING[sign]

    def caught(x: Any, s: float) -> Any:
        try:
            return f(x, s)
        except ZeroDivisionError:
            return x * 3

    compiled, in_try = tg.compile(f), tg.compile(caught)
    x = np.ones(2, np.float32)
    for s in (1.0, 0.5, value, 3.0):
        np.testing.assert_array_equal(in_try(x, s), caught(x, s)) if sign != "by 0" else None
        try:
            expected = f(x, s)
        except error:
            with pytest.raises(error):
                compiled(x, s)
        else:
            got = compiled(x, s)
            assert got.dtype == expected.dtype
            np.testing.assert_allclose(got, expected, rtol=1e-6)


def test_a_power_that_would_be_complex_is_refused() -> None:
    compiled = tg.compile(lambda x, s: x * s**0.5)
    np.testing.assert_allclose(compiled(np.ones(2), 4.0), [2, 2])
    with pytest.raises(ValueError, match=r"\(-4.0\) \*\* 0.5 is a complex number.*Write complex\(base\)"):
        compiled(np.ones(2), -4.0)
    np.testing.assert_allclose(tg.compile(lambda x, s: x * s**2)(np.ones(2), -4.0), [16, 16])
    np.testing.assert_allclose(tg.compile(lambda x, s: x * (s * 1j) ** 0.5)(np.ones(2), 4.0), [2**0.5 * (1 + 1j)] * 2)


def test_a_base_that_is_known_is_checked_with_its_exponent() -> None:
    compiled = tg.compile(lambda x, s: x * (0**s) + x * (-2) ** s)
    np.testing.assert_allclose(compiled(np.ones(2), 2.0), [4, 4])
    with pytest.raises(ZeroDivisionError):
        compiled(np.ones(2), -1.0)
    with pytest.raises(ValueError, match="complex number"):
        compiled(np.ones(2), 0.5)


def test_complex_numbers_have_no_order() -> None:
    for function in (lambda x, s: x * (s > 1j), lambda x, s: x * (s * 1j < 2)):
        with pytest.raises(TypeError, match="not supported between instances"):
            tg.compile(function)(np.ones(2), 2.0)


def test_what_is_known_to_be_positive_is_not_checked() -> None:
    compiled = tg.compile(lambda x, s: x / (1 + s**2) + x * (1.0 / (1.0 + s * s)) + x * (2.0 + s**2) ** -0.5)
    compiled(np.ones(2), 3.0)
    assert "divisor" not in compiled.source
    assert "base" not in compiled.source


def test_a_saved_file_has_the_checks(tmp_path: Any) -> None:
    compiled = tg.compile(lambda x, s: x * (1.0 / s) + x * s**-0.5)
    expected = compiled(np.ones(2), 4.0)
    compiled.save(tmp_path / "scaled.py")
    saved = runpy.run_path(str(tmp_path / "scaled.py"))["step"]
    np.testing.assert_allclose(saved(np.ones(2), 4.0), expected)
    with pytest.raises(ZeroDivisionError):
        saved(np.ones(2), 0.0)


def is_positive_definite(a: Any) -> bool:
    try:
        np.linalg.cholesky(a)
    except np.linalg.LinAlgError:
        return False
    return True


def has_inverse(a: Any) -> bool:
    with contextlib.suppress(np.linalg.LinAlgError):
        np.linalg.inv(a)
        return True
    return False


def has_quotient(a: Any) -> bool:
    try:
        1 / a
    except ZeroDivisionError:
        return False
    return True


ATTEMPTS = [
    (is_positive_definite, [np.eye(2), np.array([[1.0, 2.0], [2.0, 1.0]]), 3 * np.eye(2)]),
    (has_inverse, [np.eye(2), np.ones((2, 2)), 3 * np.eye(2)]),
    (has_quotient, [2.0, 0.0, 1.0]),
    (lambda a: bool(np.linalg.eigh(a)[0].shape) and is_positive_definite(a), [np.eye(2), -np.eye(2), np.eye(2)]),
]


@pytest.mark.parametrize(("succeeds", "values"), ATTEMPTS)
def test_an_attempt_whose_result_nobody_reads_is_made(succeeds: Any, values: list[Any]) -> None:
    def signed(a: Any, x: Any) -> Any:
        return x if succeeds(a) else -x

    compiled, x = tg.compile(signed), np.arange(3.0)
    for value in values:
        np.testing.assert_array_equal(compiled(value, x), signed(value, x), strict=True)


def test_an_attempt_whose_result_is_read_is_written_as_it_is() -> None:
    @tg.compile
    def factor(a: Any) -> Any:
        try:
            return np.linalg.cholesky(a)
        except np.linalg.LinAlgError:
            return np.zeros_like(a)

    factor(np.eye(2))
    assert "attempted" not in factor.source


UNREAD = {
    "/": lambda s: 1.0 / s,
    "%": lambda s: s * s % s,
    "a negative power of 0": lambda s: s**-1.0,
    "of a quotient": lambda s: 2.0 * (s / s),
}


@pytest.mark.parametrize("operation", UNREAD)
def test_floats_of_pythons_raise_though_nobody_reads_the_result(operation: str, tmp_path: Any) -> None:
    def doubled(x: Any, s: float) -> Any:
        UNREAD[operation](s)
        return x * 2

    compiled, x = tg.compile(doubled), np.ones(2)
    for s in (1.0, 2.0):
        np.testing.assert_array_equal(compiled(x, s), x * 2)
    compiled.save(tmp_path / "doubled.py")
    for function in (doubled, compiled, runpy.run_path(str(tmp_path / "doubled.py"))["doubled"]):
        with pytest.raises(ZeroDivisionError):
            function(x, 0.0)


def test_a_saved_file_says_that_an_error_is_one_that_the_function_catches(tmp_path: Any) -> None:
    def scaled(x: Any, s: float) -> Any:
        try:
            return x * (1.0 / s)
        except ZeroDivisionError:
            return x * 7

    compiled, x = tg.compile(scaled), np.ones(2)
    np.testing.assert_array_equal(compiled(x, 2.0), x / 2)
    np.testing.assert_array_equal(compiled(x, 0.0), x * 7)
    compiled.save(tmp_path / "scaled.py")
    saved = runpy.run_path(str(tmp_path / "scaled.py"))["scaled"]
    np.testing.assert_array_equal(saved(x, 4.0), x / 4)
    with pytest.raises(RuntimeError, match=r"^scaled: a call failed\. The function has a try") as found:
        saved(x, 0.0)
    assert isinstance(found.value.__cause__, ZeroDivisionError)
