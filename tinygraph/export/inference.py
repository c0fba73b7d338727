"""Inference: a function, such as a model, compiled as it computes outside of training. The model stays as it was."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from tinygraph.compiler import compiled
from tinygraph.engine.modes import no_grad
from tinygraph.export.examples import as_call, check_rows, first_row, plain

__all__ = ["compiled_for_use"]


@contextlib.contextmanager
def compiled_for_use(
    name: str,
    function: Callable[..., Any],
    examples: Sequence[Any],
    any_size: bool = True,
    called: str = "call",
) -> Iterator[tuple[compiled.Compiled, list[Any]]]:
    """Compile a function as it computes outside of training, once its layers have their weights.

    The compiled function, whose parameters have names, and the examples as nests of arrays are for use in the block.

    Args:
        name: the function that writes the file, for errors.
        function: of one or more batches.
        examples: a batch for each argument.
        any_size: their number of rows is open, and one row is enough to make the weights.
        called: the name of the compiled function.

    Raises:
        ValueError: the examples have no rows, or different numbers of them, and the number is open.
    """
    given = [plain(example) for example in examples]
    if any_size:
        check_rows(name, given)
    with _in_eval_mode(function), no_grad():
        function(
            *[first_row(example) if any_size else example for example in given]
        )  # makes the weights of layers that have none yet
        yield compiled.compile(as_call(function, len(given), called)), given


@contextlib.contextmanager
def _in_eval_mode(function: Any) -> Iterator[None]:
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
