"""Named results: a program returns plain tuples and arrays, and a file makes named tuples and numbers of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["NUMBER", "has_names", "names_alone"]


def has_names(result: Any) -> bool:
    """Return whether there is a named tuple, or a number of Python's, in a result."""
    if isinstance(result, dict):
        return any(has_names(item) for item in result.values())
    if isinstance(result, list | tuple):
        return hasattr(result, "_fields") or any(has_names(item) for item in result)
    return result is not None


def names_alone(result: Any, is_number: Callable[[Any], bool]) -> Any:
    """Return an opened nest with `NUMBER` in place of the numbers of Python's in it, and None of all else.

    Args:
        result: the nest.
        is_number: says which they are.
    """
    if isinstance(result, dict):
        return {key: names_alone(item, is_number) for key, item in result.items()}
    if isinstance(result, list | tuple):
        items = [names_alone(item, is_number) for item in result]
        return type(result)(*items) if hasattr(result, "_fields") else type(result)(items)
    return NUMBER if is_number(result) else None


# The place of a float, an int or a bool of Python's, which the function computes.
NUMBER = "number"
