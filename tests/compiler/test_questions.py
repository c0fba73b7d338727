"""Questions about an array in Python, and not in NumPy, are answered as in an eager call, or refused."""

from __future__ import annotations

import collections.abc
import datetime
import decimal
import fractions
import numbers
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygraph as tg

X = np.arange(6.0).reshape(2, 3) + 1

GIVEN: dict[str, Any] = {
    "an array": X, "an array of one": np.array(0.5), "a float": 0.5, "np.float64": np.float64(0.5),
    "np.float32": np.float32(0.5), "np.int64": np.int64(3), "np.bool": np.bool_(True),
    "integers": np.arange(3), "a Tensor": tg.Tensor(X, requires_grad=False),
}  # fmt: skip
QUESTIONS: dict[str, Callable[[Any], Any]] = {
    "np.isscalar": np.isscalar, "np.iterable": np.iterable, "callable": callable,
    "type is np.ndarray": lambda x: type(x) is np.ndarray, "type == float": lambda x: type(x) == float,  # noqa: E721
    "type is np.float64": lambda x: type(x) is np.float64, "type in": lambda x: type(x) in (float, int, np.float32),
    "type's name": lambda x: type(x).__name__ == "ndarray", "__class__": lambda x: x.__class__ is np.ndarray,
    "hasattr shape": lambda x: hasattr(x, "shape"), "hasattr __len__": lambda x: hasattr(x, "__len__"),
    "hasattr is_integer": lambda x: hasattr(x, "is_integer"), "hasattr item": lambda x: hasattr(x, "item"),
    "hasattr append": lambda x: hasattr(x, "append"),
    "float, int or str": lambda x: isinstance(x, float | int | str),
    **{
        f"a {kind.__name__}": lambda x, kind=kind: isinstance(x, kind)
        for kind in (
            float, int, np.ndarray, np.generic, np.floating, numbers.Number, numbers.Real, numbers.Integral,
            collections.abc.Sized, collections.abc.Iterable, collections.abc.Hashable, tg.Tensor, type,
        )
    },
}  # fmt: skip
# What is made of the argument before it is asked.
MADE: dict[str, Callable[[Any], Any]] = {
    "itself": lambda x: x, "its sum": lambda x: np.sum(x), "its double": lambda x: x * 2,
    "its root": lambda x: np.sqrt(x),
    "an element": lambda x: np.ravel(x)[0], "an element as an array": lambda x: np.ravel(x)[0, ...],
    "a comparison": lambda x: np.sum(x) > 1,
}  # fmt: skip


@pytest.mark.parametrize("given", GIVEN)
def test_questions_have_the_answers_of_an_eager_call(given: str) -> None:
    def answers(x: Any) -> Any:
        return tuple([bool(ask(make(x))) for make in MADE.values() for ask in QUESTIONS.values()])

    x = GIVEN[given]
    found, wanted = tg.compile(answers)(x), answers(x)
    pairs = [(made, asked) for made in MADE for asked in QUESTIONS]
    assert [pair for pair, a, b in zip(pairs, found, wanted, strict=True) if a != b] == []


def test_a_match_statement_sees_what_it_would() -> None:
    def kind(x: Any, y: Any) -> Any:
        match x:
            case float():
                return y * 2
            case np.ndarray():
                return y * 3
            case _:
                return y * 5

    for x in (X, 0.5, np.float64(0.5), np.float32(0.5), np.int64(3), np.array(0.5)):
        np.testing.assert_array_equal(tg.compile(kind)(x, X), kind(x, X))


def test_type_does_all_that_it_does() -> None:
    def f(x: Any) -> Any:
        made = type("Made", (), {"rate": 2.0})
        assert isinstance(made, type)
        assert type(made) is type
        assert issubclass(type, object)
        return x * made.rate  # type: ignore[attr-defined]

    np.testing.assert_array_equal(tg.compile(f)(X), X * 2)
    assert "type" not in f.__globals__


TEXTS, DAYS = np.array(["cat", "dog", "cat"]), np.array(["2020-01-01", "2021-01-01", "2020-01-01"], dtype="M8[D]")
ROWS = np.array([(1.0, 2), (3.0, 4), (5.0, 6)], dtype=[("a", "f8"), ("b", "i4")])
OF_TEXTS: dict[str, tuple[Any, Callable[..., Any]]] = {
    "==": (TEXTS, lambda s, x: np.where(s == "cat", 1.0, 0.0) * x),
    "!=": (TEXTS, lambda s, x: np.where(s != "cat", 1.0, 0.0) * x),
    "np.str_": (TEXTS, lambda s, x: np.where(s == np.str_("cat"), 1.0, 0.0) * x),
    "a list": (TEXTS, lambda s, x: np.where(s == ["cat", "cat", "dog"], 1.0, 0.0) * x),
    "np.isin": (TEXTS, lambda s, x: np.where(np.isin(s, ["cat"]), 1.0, 0.0) * x),
    "np.char": (TEXTS, lambda s, x: np.where(np.char.startswith(s, "c"), 1.0, 0.0) * x),
    "if": (TEXTS, lambda s, x: x * 2 if s[0] == "cat" else x),
    "np.unique": (TEXTS, lambda s, x: x * len(np.unique(s))),
    "dates": (DAYS, lambda s, x: np.where(s > np.datetime64("2020-06-01"), 1.0, 0.0) * x),
    "differences of dates": (DAYS, lambda s, x: (s - s[0]).astype(float) * x),
    "rows": (ROWS, lambda s, x: s["a"] * x),
    "a text": (np.str_("cat"), lambda s, x: x * 2 if s == "cat" else x),
    "bytes": (np.bytes_(b"cat"), lambda s, x: x * 2 if s == b"cat" else x),
    "a date": (np.datetime64("2020-01-01"), lambda s, x: x * 2 if s > np.datetime64("2000-01-01") else x),
}


@pytest.mark.parametrize("name", OF_TEXTS)
def test_arrays_of_texts_dates_and_rows_count_by_what_is_in_them(name: str) -> None:
    given, function = OF_TEXTS[name]
    compiled = tg.compile(function)
    others = [given] if not given.shape else [given, given[::-1].copy(), given]
    for other in others:
        for _ in range(2):
            np.testing.assert_array_equal(compiled(other, X), function(other, X))
    assert len(compiled.signatures) <= 2
    assert len(str(compiled.signatures[0])) < 100


def test_what_is_written_into_an_array_of_texts_is_refused_and_as_it_was() -> None:
    texts = TEXTS.copy()

    def f(s: Any, x: Any) -> Any:
        s[0] = "cow"
        return x

    with pytest.raises(tg.UnsupportedError, match="changed what is in s"):
        tg.compile(f)(texts, X)
    assert texts.tolist() == TEXTS.tolist()
    with pytest.raises(TypeError, match=r"an array of objects.*give an array of numbers"):
        tg.compile(lambda s, x: x)(np.array([None, 1]), X)


@pytest.mark.parametrize("other", ["a", b"a", None, {}, {1.0}, frozenset(), np.str_("a"), range(3), [1.0, 2.0, 3.0]])
def test_equality_with_what_is_no_number_is_numpys(other: Any) -> None:
    def f(x: Any) -> Any:
        return np.where(x == other, 1.0, 0.0) * x, np.where(x != other, 1.0, 0.0) * x

    for got, wanted in zip(tg.compile(f)(X), f(X), strict=True):
        np.testing.assert_array_equal(got, wanted)


@pytest.mark.parametrize("other", [fractions.Fraction(5, 2), decimal.Decimal(2), datetime.date(2020, 1, 1)])
@pytest.mark.parametrize("how", ["==", ">", "<", "*"])
def test_numbers_that_numpy_does_not_know_are_refused(how: str, other: Any) -> None:
    functions: dict[str, Callable[[Any], Any]] = {
        "==": lambda x: x == other, ">": lambda x: x > other, "<": lambda x: other < x, "*": lambda x: x * other,
    }  # fmt: skip
    with pytest.raises(tg.UnsupportedError, match=r"an array meets a .*float\("):
        tg.compile(functions[how])(X)
