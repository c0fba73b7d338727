"""Writing out: NumPy's functions instead of tinygraph's own, so that a program needs NumPy alone.

The decompositions stand among the notes, in `tinygraph.engine.notes`. Reductions get their keywords in one form here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinygraph.compiler.program.builder import Builder
from tinygraph.compiler.program.facts import FIRST_NAMES, REDUCTIONS
from tinygraph.compiler.program.rewriting import rewritten
from tinygraph.compiler.program.steps import Step
from tinygraph.compiler.program.symbols import Symbol
from tinygraph.derivatives.reductions import reduced_axes
from tinygraph.engine.nested import mapped
from tinygraph.engine.notes import decomposition_of
from tinygraph.graph import Graph


def write_out(graph: Graph) -> Graph:
    """y = sigmoid(x)  ->  y = 1 / (1 + exp(-x)), and all other functions of tinygraph that are formulas in NumPy's.

    Part of every compilation: the other rewrites see NumPy's functions alone.
    """

    def change(builder: Builder, step: Step) -> Step | None:
        function: Any = step.function
        written_out = ONE_FORM.get(function) or decomposition_of(function)
        if written_out is None:
            return None
        given = {key: item for key, item in step.kwargs.items() if key != "where" or item is not True}
        args, kwargs = mapped(
            (step.args, given), lambda item: Symbol(builder, step, item) if type(item) is Step else item
        )
        result = written_out(*args, **kwargs)
        if type(result) is not Symbol:
            return None
        return result.astype(step.dtype).reshape(step.shape).step

    return rewritten(graph, change)


def _reduction(ufunc: np.ufunc) -> Callable[..., Any]:
    """Return the function that writes a reduction with its keywords in one form."""

    def formula(
        a: Any, axis: Any = None, dtype: Any = None, out: None = None, keepdims: Any = False, **keywords: Any
    ) -> Any:
        if dtype is not None or keywords or not hasattr(a, "shape"):
            return None
        axes = reduced_axes(axis, a.ndim)
        if not axes:
            return None
        return FIRST_NAMES[ufunc](a, axis=axes if len(axes) > 1 else axes[0], keepdims=bool(keepdims))

    return formula


# np.max and np.min have no dtype= between axis= and out=.
def _extremum(function: Callable[..., Any]) -> Callable[..., Any]:
    def formula(a: Any, axis: Any = None, out: None = None, keepdims: Any = False, **keywords: Any) -> Any:
        return _reduction(REDUCTIONS[function])(a, axis=axis, keepdims=keepdims, **keywords)

    return formula


ONE_FORM: dict[Callable[..., Any], Callable[..., Any]] = {
    function: _extremum(function) if function in (np.max, np.min, np.amax, np.amin) else _reduction(ufunc)
    for function, ufunc in REDUCTIONS.items()
    if function not in (np.any, np.all)
}
