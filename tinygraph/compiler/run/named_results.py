"""Named results: a program returns plain tuples, and a caller gets the named tuples of the function."""

from __future__ import annotations

from typing import Any

__all__ = ["has_names", "names_alone", "with_names"]


def has_names(result: Any) -> bool:
    """Return whether there is a named tuple in a result."""
    if isinstance(result, dict):
        return any(has_names(item) for item in result.values())
    return isinstance(result, list | tuple) and (hasattr(result, "_fields") or any(has_names(item) for item in result))


def names_alone(result: Any) -> Any:
    """Return a result with None in place of what is in it."""
    if isinstance(result, dict):
        return {key: names_alone(item) for key, item in result.items()}
    if isinstance(result, list | tuple):
        items = [names_alone(item) for item in result]
        return type(result)(*items) if hasattr(result, "_fields") else type(result)(items)
    return None


def with_names(result: Any, named: Any) -> Any:
    """Return a program's result with the named tuples of the function's."""
    if isinstance(named, dict):
        return {key: with_names(result[key], item) for key, item in named.items()}
    if isinstance(named, list | tuple):
        items = [with_names(*pair) for pair in zip(result, named, strict=True)]
        return type(named)(*items) if hasattr(named, "_fields") else type(named)(items)
    return result
