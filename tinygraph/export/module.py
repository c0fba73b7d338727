"""Modules: a function, such as a trained model, as a Python file that needs NumPy alone, or as a script for a page.

save_module(model, "digits.py", x[:1])

import digits
digits.predict(images)                  any number of images, batch by batch
digits.call(images)                     all at once
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tinygraph.compiler.saving.tail import Tail
from tinygraph.compiler.saving.wrapping import divided
from tinygraph.export import predicting
from tinygraph.export.inference import compiled_for_use

__all__ = ["save_module"]


def save_module(function: Callable[..., Any], path: str | os.PathLike[str], /, *examples: Any) -> None:
    """Write an inference module: a Python file that needs NumPy alone, with its arrays in an npz beside it.

    The file has two functions, both for any number of rows. `predict(x, batch_size=32)` computes them batch by batch,
    and turns its arguments into arrays of the dtypes of the examples. `call(x)` computes all rows at once, and takes
    arrays of these dtypes alone. Both return the nest of arrays that the function returns, and refuse other shapes with
    a `ValueError`.

    A path that ends in ".js" gives a plain script of JavaScript instead, for a page or Node. Its `predict(x)` computes
    as many rows as the examples have.

    Args:
        function: of one or more batches: arrays, or lists and dicts of arrays. A model computes as outside of training,
            and is left as it was.
        path: of the module, ending in ".py" or ".js".
        examples: a batch for each argument, of at least one row. The first axis of all arrays is that of the batch.

    Raises:
        ValueError: the path ends otherwise, or the examples have no rows, or different numbers of them.
        FileNotFoundError: the folder is not there.
        UnsupportedError: the function decides by values or by the number of rows, or it calls something that cannot be
            written into a file.
    """
    if Path(path).suffix == ".js":
        with compiled_for_use("save_module", function, examples, called="predict") as (program, given):
            program.save_as(path, tuple(given), {})
        return
    with compiled_for_use("save_module", function, examples) as (program, given):
        tail = _tail([*inspect.signature(program).parameters], [_wanted(example) for example in given])
        program.save_as(path, tuple(given), {}, any_size=True, tail=tail)


def _wanted(example: Any) -> Any:
    """Return the dtypes and the shapes of the rows in an example, as `predicting` has them."""
    if isinstance(example, dict):
        return {key: _wanted(item) for key, item in example.items()}
    if isinstance(example, list):
        return [_wanted(item) for item in example]
    return str(example.dtype), example.shape[1:]


def _tail(names: list[str], wanted: list[Any]) -> Tail:
    """Return `predict`, for arguments of these names."""

    def lines(call: str, functions: Sequence[str]) -> list[str]:
        given = ", ".join(names)
        shown = ", ".join([f'"{name}"' for name in names])
        return [
            "# Of each argument the dtype, and the shape of a row.",
            *divided("WANTED = [", [repr(part) for part in wanted], "]"),
            "",
            "",
            f"def predict({given}, batch_size=32):",
            '    """Compute for any number of rows, batch by batch. Arguments of other shapes are a ValueError."""',
            *divided(f"    return {functions[0]}(", [call, f"[{shown}]", f"[{given}]", "WANTED", "batch_size"], ")"),
        ]

    told = f"predict({', '.join(names)}, batch_size=32) does so batch by batch, and turns what it is given into arrays."
    return Tail(["predict", "WANTED"], [predicting.in_batches], lines, told)
