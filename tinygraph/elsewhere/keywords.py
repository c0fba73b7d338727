"""Keywords: an argument that a class or a transform does not take is an error that names the right one."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from tinygraph.elsewhere.missing import similar

__all__ = ["OF_TRANSFORMS", "check_transform_keywords", "checked"]

# Keywords of other libraries, and tinygraph's arguments of the same meaning.
KEYWORDS = {
    "lr": "learning_rate",
    "alpha": "learning_rate",
    "betas": "beta_1= and beta_2",
    "eps": "epsilon",
    "params": "parameters",
    "dim": "axis",
    "bias": "use_bias",
    "out_features": "units",
    "out_channels": "filters",
    "stride": "strides",
    "p": "rate",
    "num_embeddings": "input_dim",
    "embedding_dim": "output_dim",
}
# Keywords of other libraries, and the code that replaces them here.
INSTEAD_OF_KEYWORDS = {
    **{
        (name, "decay"): "learning_rate=tg.optim.InverseTimeDecay(0.01, 1, 1e-6)"
        for name in ("SGD", "Momentum", "RMSprop", "Adagrad", "Adam", "AdamW")
    },
    **dict.fromkeys(
        [(name, "in_features") for name in ("Dense", "Conv2D", "Flatten")],
        "model(x): a layer takes its input size from its first batch",
    ),
}

# Keywords of the transforms of other libraries, and what replaces them here.
OF_TRANSFORMS = {
    "argnum": "argnums=",
    "wrt": "argnums=",
    "argnames": "argnums=, the positions of the arguments",
    "holomorphic": "tg.jacobian(f)(z), the complex derivative",
    "allow_int": "x.astype(float), as integers have no gradient",
    "has_auxiliary": "has_aux=True",
    "create_graph": "tg.grad(tg.grad(f)), as gradients are recorded where they are differentiated again",
}


def checked(init: Callable[..., None], check: Callable[..., None] | None = None) -> Any:
    """Return a `__new__` that explains arguments which the class does not take.

    Args:
        init: the `__init__` of the class, whose signature is shown.
        check: a further check, called with the class and the positional arguments.
    """

    @functools.wraps(init)
    def new(cls: type, *args: Any, **keywords: Any) -> Any:
        if check is not None:
            check(cls, *args)
        if keywords:
            _check_keywords(cls, keywords)
        return object.__new__(cls)

    return new


def check_transform_keywords(transform: Callable[..., Any], keywords: Iterable[str]) -> None:
    """Raise TypeError for a keyword that a transform such as `grad` does not take, with what replaces it."""
    code = inspect.unwrap(transform).__code__
    known = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    for key in keywords:
        if key not in known:
            right = similar(key, known)
            way = OF_TRANSFORMS.get(key) or (None if right is None else f"{right}=")
            told = f"It takes {', '.join(known)}" if way is None else f"Write {way}"
            raise TypeError(f"{transform.__name__}: there is no argument {key}=. {told}")


def _check_keywords(cls: type, keywords: Iterable[str]) -> None:
    """Raise TypeError for a keyword that a class does not take, with the right keyword."""
    known = _known_keywords(cls)
    unknown = [] if known is None else [key for key in keywords if key not in known]
    if known is not None and unknown:
        raise TypeError(f"{cls.__name__}: there is no argument {unknown[0]}=. {_way_out(cls, unknown[0], known)}")


def _known_keywords(cls: type) -> list[str] | None:
    """Return the keywords of a class and its bases; None for any, as a user's subclass with `**kwargs` may take."""
    known: dict[str, None] = {}
    for kind in cls.__mro__[:-1]:
        code = getattr(inspect.unwrap(vars(kind).get("__init__", kind)), "__code__", None)
        if code is not None:
            known |= dict.fromkeys(code.co_varnames[1 : code.co_argcount + code.co_kwonlyargcount])
            if code.co_flags & inspect.CO_VARKEYWORDS and not kind.__module__.startswith("tinygraph."):
                return None
    return list(known)


def _way_out(cls: type, key: str, known: Sequence[str]) -> str:
    """Return the sentence that says what to write instead of a keyword."""
    instead = INSTEAD_OF_KEYWORDS.get((cls.__name__, key))
    if instead is not None:
        return f"Write {instead}"
    theirs = KEYWORDS.get(key, "")
    right = theirs if theirs.split("=")[0] in known else similar(key, known)
    return f"It takes {', '.join(known)}" if right is None else f"Write {right}="
