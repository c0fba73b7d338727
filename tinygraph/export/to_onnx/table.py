"""A table from functions to what writes a call of them in ONNX."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tinygraph.export.to_onnx.writer import Call, Writer

__all__ = ["Table", "Write"]

# From a call to its value in the ONNX graph.
Write = Callable[[Writer, Call], Any]


class Table(dict[Any, Write]):
    """By a function what writes a call of it."""

    def writes(self, *functions: Any) -> Callable[[Write], Write]:
        """Return a decorator that enters what writes a call of some functions."""

        def enter(write: Write) -> Write:
            self.update(dict.fromkeys(functions, write))
            return write

        return enter
