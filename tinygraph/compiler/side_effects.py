"""Side effects: the errors for a function that changes something outside. A program would not repeat the change."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tinygraph.errors import UnsupportedError
from tinygraph.users_code.source import place

__all__ = ["side_effect"]

_DRAWN = (
    "A program would use the numbers of one draw at every call. Draw with tinygraph.draws.uniform(generator, shape) or "
    "normal(generator, shape), where the generator is one of numpy.random.default_rng(); or draw outside, and pass the "
    "numbers"
)
_SET = (
    "A program computes arrays, and leaves no other object changed. Return what is to be kept, and set it outside; or "
    "keep it in a Tensor that is made before, `self.h = tg.Tensor(np.zeros(shape), requires_grad=False)`, and write "
    "`self.h.assign(h)` here. Layers that make their weights at the first call should be called once before"
)
_OTHER = (
    "A program computes arrays; other effects of the function happen once, when it is compiled, and not at each call. "
    "Return what is to be kept, and keep it outside; a counter or a moving average belongs in a Tensor, updated with "
    "t.assign(value); draws belong to tinygraph.draws.uniform(generator, shape) or normal(generator, shape); layers "
    "that make their weights at the first call should be called once before"
)


def side_effect(function: Callable[..., Any], name: str, effect: str) -> UnsupportedError:
    """Return the error for a function with a side effect.

    Args:
        function: the function.
        name: of the function.
        effect: a clause without its subject, "drew from generator".
    """
    code = getattr(function, "__code__", None)
    where = f" ({place(code.co_filename, code.co_firstlineno)})" if code is not None else ""
    if effect.startswith("drew from"):
        instead = _DRAWN
    elif effect.startswith("set ") or effect.endswith(("to a computed array", "to a Tensor")):
        instead = _SET
    else:
        instead = _OTHER
    return UnsupportedError(f"compile: {name}{where} {effect}. {instead}")
