"""Transforms of compiled functions: `tg.grad(f)` of a compiled f is compiled, too."""

from __future__ import annotations

import functools
import sys
import types
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from tinygraph.elsewhere import check_transform_keywords

P = ParamSpec("P")
R = TypeVar("R")

__all__ = ["compiled_as_its_function", "plain_function"]


def compiled_as_its_function(transform: Callable[P, R]) -> Callable[P, R]:
    """Let a transform of a compiled function return a compiled function, with the same options.

    It transforms the function that was compiled: a program is made of the whole, and not of its part.
    """

    @functools.wraps(transform)
    def transformed(*args: Any, **kwargs: Any) -> Any:
        check_transform_keywords(transform, kwargs)
        f: Any = args[0] if args else kwargs.get("f")
        plain = plain_function(f)
        if plain is f:
            return transform(*args, **kwargs)
        given = (plain, *args[1:]) if args else ()
        made = transform(*given, **(kwargs if args else kwargs | {"f": plain}))
        return getattr(f, "__func__", f).remade(made)

    return transformed


def plain_function(f: Any) -> Any:
    """Return the function, or the method, that a compiled one was made of; any other as it is."""
    compiler = sys.modules.get("tinygraph.compiler.compiled")
    if compiler is None:  # nothing is compiled before it is imported
        return f
    if isinstance(f, types.MethodType) and isinstance(f.__func__, compiler.Compiled):
        return types.MethodType(f.__func__.__wrapped__, f.__self__)
    return f.__wrapped__ if isinstance(f, compiler.Compiled) else f
