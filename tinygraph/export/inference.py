"""Inference: a model that is recorded as it computes outside of training, and left as it was."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

__all__ = ["in_eval_mode"]


@contextlib.contextmanager
def in_eval_mode(function: Any) -> Iterator[None]:
    """Have a model compute as outside of training: no dropout, and the statistics that batch normalisation has kept.

    Args:
        function: a model with `modules()` and `eval()`, or any other function, to which nothing happens.
    """
    if not (hasattr(function, "modules") and hasattr(function, "eval")):
        yield
        return
    modes = [(module, module.training) for module in function.modules()]
    function.eval()
    try:
        yield
    finally:
        for module, training in modes:
            if module.training != training:
                module.training = training
