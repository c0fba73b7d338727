"""Signatures: two calls that Python, or a class of the user's, calls equal have two programs where they differ."""

from __future__ import annotations

import datetime
import decimal
import enum
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

import tinygraph as tg

X = np.arange(1, 4)


class Named:
    """A setting that is equal to each other one of its name."""

    def __init__(self, name: str, rate: Any) -> None:
        self.name = name
        self.rate = rate

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Named) and other.name == self.name

    def __hash__(self) -> int:
        return hash(self.name)


class Slotted(Named):
    __slots__ = ("more",)

    def __init__(self, rate: float) -> None:
        super().__init__("a", 1.0)
        self.more = rate


@dataclass(frozen=True)
class Partly:
    name: str
    rate: Any = field(compare=False, default=1.0)


@dataclass(frozen=True)
class Within:
    inner: Any


class Whole(int):
    rate: float


class Real(float):
    rate: float


class Text(str):
    rate: float


class Kind(enum.IntEnum):
    ONE = 1
    TWO = 2


def _with_rate(item: Any, rate: float) -> Any:
    item.rate = rate
    return item


# Values that are equal, and a function that is none.
EQUAL: dict[str, tuple[Any, list[Any]]] = {
    "a name": (lambda c: c.rate, [Named("a", 2.0), Named("a", 3.0)]),
    "a name, and a list": (lambda c: c.rate[0], [Named("a", [2.0]), Named("a", [3.0])]),
    "slots": (lambda c: c.more, [Slotted(2.0), Slotted(3.0)]),
    "compare=False": (lambda c: c.rate, [Partly("a", 2.0), Partly("a", 3.0), Partly("a", 3)]),
    "inside a dataclass": (lambda c: c.inner.rate, [Within(Partly("a", 2.0)), Within(Partly("a", 3.0))]),
    "inside a tuple": (lambda c: c[0].rate, [(Named("a", 2.0),), (Named("a", 3.0),)]),
    "an int": (lambda c: c.rate, [_with_rate(Whole(1), 2.0), _with_rate(Whole(1), 3.0)]),
    "a float": (lambda c: c.rate, [_with_rate(Real(1), 2.0), _with_rate(Real(1), 3.0)]),
    "a text": (lambda c: c.rate, [_with_rate(Text("a"), 2.0), _with_rate(Text("a"), 3.0), "a"]),
    "members": (lambda c: 2.0 if isinstance(c, Kind) else 3.0, [Kind.ONE, 1, True, Kind.ONE]),
    "a frozenset": (lambda c: next(iter(c)), [frozenset([1]), frozenset([1.0]), frozenset([True])]),
    "a key": (lambda c: next(iter(c)), [{1: X}, {1.0: X}, {True: X}, {np.float32(1): X}]),
    "decimals": (lambda c: len(str(c)), [decimal.Decimal("1.0"), decimal.Decimal("1.00")]),
    "times": (
        lambda c: c.hour,
        [
            datetime.datetime(2020, 1, 1, 2, tzinfo=datetime.UTC),
            datetime.datetime(2020, 1, 1, 3, tzinfo=datetime.timezone(datetime.timedelta(hours=1))),
        ],
    ),
    "ranges": (lambda c: c.stop, [range(0, 3, 2), range(0, 4, 2)]),
    "slices": (lambda c: X[c][0], [slice(0, 2), slice(1, 3), slice(1, 3, 2)]),
}


def _rate(value: Any) -> Any:
    return value.rate if hasattr(value, "rate") else 7.0


@pytest.mark.parametrize("name", EQUAL)
def test_what_is_called_equal_and_differs(name: str) -> None:
    asked, values = EQUAL[name]
    asked = _rate if name == "a text" else asked

    def f(x: Any, setting: Any) -> Any:
        return x * asked(setting)

    for static in ("", "setting") if name != "a key" and name != "slices" else ("",):
        compiled = tg.compile(f, static_argnames=static) if static else tg.compile(f)
        for _ in range(2):
            for value in values:
                got, wanted = compiled(X, value), f(X, value)
                assert got.dtype == wanted.dtype
                np.testing.assert_array_equal(got, wanted)
        assert len(compiled.signatures) == len({id(value) for value in values})


def test_equal_settings_that_are_made_anew_have_one_program() -> None:
    compiled = tg.compile(lambda x, setting: x * setting.rate)
    for _ in range(3):
        compiled(X, Partly("a", 2.0)), compiled(X, Named("a", (2.0, "b")[0]))
    assert len(compiled.signatures) == 2


def test_the_order_of_arguments_of_any_name() -> None:
    def f(x: Any, **settings: Any) -> Any:
        for value in settings.values():
            x = x * 2 + value
        return x, list(settings)

    compiled = tg.compile(f)
    for _ in range(2):
        for settings in ({"a": 1.0, "b": X * 1.0}, {"b": X * 1.0, "a": 1.0}, {"b": 1.0, "a": X * 1.0}):
            got, wanted = compiled(X, **settings), f(X, **settings)
            np.testing.assert_array_equal(got[0], wanted[0])
            assert got[1] == wanted[1]
    assert compiled.signatures[1].endswith("in the order b, a")

    named = tg.compile(lambda x, a, b: x * a + b)
    assert np.all(named(X, a=2.0, b=1.0) == named(X, b=1.0, a=2.0))
    assert len(named.signatures) == 1


@pytest.mark.parametrize("kind", [tuple, list])
def test_containers_of_a_class_of_their_own(kind: Any) -> None:
    class Pair(kind):  # type: ignore[misc]
        def __init__(self, first: Any, second: Any) -> None:
            if kind is list:
                super().__init__((first, second))

        def __new__(cls, *items: Any) -> Any:
            return kind.__new__(cls, items) if kind is tuple else kind.__new__(cls)

        def total(self) -> Any:
            return self[0] + self[1]

    compiled = tg.compile(lambda pair: pair.total())
    for value in (1.0, 2.0):
        assert compiled(Pair(np.full(2, value), value)).tolist() == [2 * value, 2 * value]

    pair = Pair(1.0, 2.0)
    pair.rate = 3.0
    with pytest.raises(TypeError, match=r"with attributes of its own.*as further arguments"):
        compiled(pair)
