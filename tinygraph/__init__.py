"""Differentiate plain NumPy code, see the graph, get back the NumPy program.

    >>> import numpy as np, tinygraph as tg
    >>> a, b = tg.Tensor(3.0), tg.Tensor(4.0)
    >>> c = np.sqrt(a**2 + b**2)
    >>> c.backward()
    >>> a.grad, b.grad
    (array(0.6), array(0.8))
    >>> tg.draw(c).save("c.svg")  # doctest: +SKIP
    >>> hypotenuse = tg.compile(lambda a, b: np.sqrt(a**2 + b**2))
    >>> hypotenuse(3.0, 4.0)
    np.float64(5.0)
    >>> print(hypotenuse.source)  # doctest: +SKIP

`_PUBLIC` lists the public names. Each is loaded at its first use.
"""

from __future__ import annotations

import gc
import importlib
import os
from typing import Any

from tinygraph.users_code.warning_lines import at_users_line

at_users_line()

# Whoever imports tinygraph is about to use a Tensor. An import statement would leave a name that is not public.
importlib.import_module("tinygraph.engine.tensor")
importlib.import_module("tinygraph.engine.table").read_usual()

if os.environ.get("TINYGRAPH_QUICK") != "0":
    from tinygraph.engine import quick, quick_backward, quick_writes

    quick.install()
    quick_backward.install()
    quick_writes.install()

__version__ = "0.1.0"

# The public names by the module that each lives in; "" has the modules that are public themselves. `__init__.pyi` tells
# type checkers the same, and a test compares the two.
_PUBLIC = {
    "": "data distributed draws export keras nn numpy optim testing training",
    "compiler.compiled": "Compiled compile",
    "drawing": "Animation Drawing animate diff draw",
    "drawing.health_report": "health",
    "engine.modes": "detect_nonfinite enable_grad no_grad scope",
    "engine.primitives": "primitive",
    "engine.tensor": "Tensor",
    "errors": "GraphError NonFiniteError ShapeError UnsupportedError",
    "explaining": "explain",
    "functions": "avg_pool2d binary_cross_entropy conv2d cross_entropy elu gelu leaky_relu log_softmax logsumexp "
    "max_pool2d one_hot relu sigmoid silu softmax softplus",
    "graph": "Difference Graph Node",
    "transforms": "checkpoint grad hessian hvp jacobian jvp trace value_and_grad vjp",
}
_HOME = {name: module for module, names in _PUBLIC.items() for name in names.split()}
# Rooms that are attributes, although their own names are not public.
_ROOMS = frozenset(("compiler", "drawing", "functions", "graph", "scipy", "sklearn", "transforms"))

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if _HOME.get(name):
        value = getattr(_imported(f"tinygraph.{_HOME[name]}"), name)
    elif name in _HOME or name in _ROOMS:
        value = _imported(f"tinygraph.{name}")
    else:
        from tinygraph.elsewhere import absent_in_tinygraph

        raise absent_in_tinygraph(name, __all__)
    globals()[name] = value
    return value


def _imported(name: str) -> Any:
    """Import a module. The garbage collector waits: modules stay, so that it finds nothing."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        return importlib.import_module(name)
    finally:
        if collecting:
            gc.enable()


def __dir__() -> list[str]:
    return sorted({*__all__, *(name for name in globals() if name.startswith("__"))})
