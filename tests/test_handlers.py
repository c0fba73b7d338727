"""An error may be caught where the user's code executes a `try` with an `except`."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable
from typing import Any

import pytest

from tinygraph.users_code.handlers import may_be_caught


def asked() -> bool:
    return may_be_caught(sys._getframe(1), answer_of.__code__)


def answer_of(function: Callable[[], Any]) -> Any:
    return function()


def in_try() -> Any:
    try:
        return asked()
    except ValueError:
        return None


def in_bare_try() -> Any:
    try:
        return asked()
    except:  # noqa: E722
        return None


def in_finally_within_try() -> Any:
    try:
        try:
            return asked()
        finally:
            len([])
    except ValueError:
        return None


def in_with_within_try() -> Any:
    try:
        with contextlib.nullcontext():
            return asked()
    except ValueError:
        return None


def in_suppress() -> Any:
    with contextlib.suppress(ValueError):
        return asked()


def called_in_try() -> Any:
    try:
        return plain()
    except ValueError as error:
        raise RuntimeError from error


def plain() -> Any:
    return asked()


def behind_try() -> Any:
    try:
        len([])
    except ValueError:
        return None
    return asked()


def in_finally() -> Any:
    try:
        return asked()
    finally:
        len([])


def in_with() -> Any:
    with contextlib.nullcontext():
        return asked()


def in_except() -> Any:
    try:
        raise ValueError
    except ValueError:
        return asked()


def in_generator() -> Any:
    return next(asked() for _ in range(1))


@pytest.mark.parametrize(
    "function", [in_try, in_bare_try, in_finally_within_try, in_with_within_try, in_suppress, called_in_try]
)
def test_an_except_may_catch_it(function: Callable[[], Any]) -> None:
    assert answer_of(function)


@pytest.mark.parametrize("function", [plain, behind_try, in_finally, in_with, in_except, in_generator])
def test_nothing_catches_it(function: Callable[[], Any]) -> None:
    assert not answer_of(function)


def test_a_try_around_the_call_does_not_count() -> None:
    try:
        assert not answer_of(plain)
    except ValueError:
        raise
