"""ONNX: a function, such as a trained model, as a file that other runtimes read.

tg.export.onnx(model, "digits.onnx", x[:1])
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from tinygraph.errors import UnsupportedError
from tinygraph.export.examples import names_of
from tinygraph.export.inference import compiled_for_use
from tinygraph.graph import Node
from tinygraph.whole_files import checked_path, write_whole

__all__ = ["onnx"]


def onnx(
    function: Callable[..., Any], path: str | os.PathLike[str], /, *examples: Any, rows: str | None = "batch"
) -> None:
    """Write a function as an ONNX file.

    Args:
        function: of one or more batches: arrays, or lists and dicts of arrays. A model computes as outside of training,
            and is left as it was.
        path: of the file, ending in ".onnx".
        examples: a batch for each argument, of at least one row, with the dtype that the file is for.
        rows: the name of the first axis of all arrays, whose size is open in the file. None makes a file for the sizes
            of the examples alone.

    The inputs are called as the parameters of the function; the outputs "output", or "output_0" and so on, or by the
    keys of a dict. Checks of values, such as that of class numbers, are left out.

    Raises:
        ValueError: the path does not end in ".onnx", or the examples have no rows, or different numbers of them; with
            `rows=None` they may.
        FileNotFoundError: the folder is not there.
        UnsupportedError: ONNX has no operator for a call, which the error names with its line; or the function decides
            by values, or by the number of rows.
        ImportError: onnx-ir is not installed.
    """
    try:
        import onnx_ir
    except ImportError:
        raise ImportError("onnx needs onnx-ir, which is not installed: pip install 'tinygraph[onnx]'") from None
    from tinygraph.export.to_onnx.operators import OPERATORS
    from tinygraph.export.to_onnx.writer import Writer

    target = checked_path("onnx", path, ".onnx")
    with compiled_for_use("onnx", function, examples, rows is not None) as (program, given):
        saved, opened = program.recorded(tuple(given), any_size=rows is not None)
    recorded = opened.first
    if recorded.generators:
        raise UnsupportedError("onnx: the function draws random numbers. Draw them outside, and give it the numbers")
    writer = Writer(opened, rows)
    names = [*names_of(program, given)]
    inputs = [
        writer.input(node, names[position]) for node, position in zip(recorded.arguments, saved.arguments, strict=True)
    ]
    for variable, state in zip(recorded.variables, saved.state, strict=True):
        writer.weight(variable.node, state.name, state.value)
    writer.write(OPERATORS)
    outputs = [writer.result(node, name) for name, node in _named(opened.first.results, "output")]
    model = writer.model(getattr(function, "name", None) or "model", inputs, outputs)
    write_whole("onnx", target, onnx_ir.to_proto(model).SerializeToString())


def _named(result: Any, name: str) -> Iterator[tuple[str, Node]]:
    """Yield the nodes of a nest of results with their names."""
    if isinstance(result, Node):
        yield name, result
    elif isinstance(result, dict):
        for key, item in result.items():
            yield from _named(item, str(key) if name == "output" else f"{name}_{key}")
    elif isinstance(result, list | tuple):
        for place, item in enumerate(result):
            yield from _named(item, f"{name}_{place}")
    else:
        raise UnsupportedError(f"onnx: a result is {np.asarray(result).dtype} at every call, and no value of the graph")
