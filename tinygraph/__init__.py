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

What is not needed to compute and differentiate is loaded when it is first asked for.
"""

from __future__ import annotations

import importlib
import os
import sys
from typing import TYPE_CHECKING, Any

from tinygraph.engine.modes import detect_nonfinite, enable_grad, no_grad, scope
from tinygraph.engine.primitives import primitive
from tinygraph.engine.tensor import Tensor
from tinygraph.errors import GraphError, NonFiniteError, ShapeError, UnsupportedError
from tinygraph.users_code.warning_lines import at_users_line

at_users_line()

if os.environ.get("TINYGRAPH_QUICK") != "0":
    from tinygraph.engine import quick, quick_pulls

    quick.install()
    quick_pulls.install()

if TYPE_CHECKING:
    import tinygraph.data as data  # noqa: F401
    import tinygraph.keras as keras  # noqa: F401
    import tinygraph.nn as nn  # noqa: F401
    import tinygraph.optim as optim  # noqa: F401
    import tinygraph.testing as testing
    from tinygraph.compiler.compiled import Compiled as Compiled
    from tinygraph.compiler.compiled import compile as compile  # noqa: A004 - the name users know
    from tinygraph.drawing import Drawing as Drawing
    from tinygraph.drawing import draw as draw
    from tinygraph.explaining import explain as explain
    from tinygraph.functions import avg_pool2d as avg_pool2d
    from tinygraph.functions import binary_cross_entropy as binary_cross_entropy
    from tinygraph.functions import conv2d as conv2d
    from tinygraph.functions import cross_entropy as cross_entropy
    from tinygraph.functions import elu as elu
    from tinygraph.functions import gelu as gelu
    from tinygraph.functions import leaky_relu as leaky_relu
    from tinygraph.functions import log_softmax as log_softmax
    from tinygraph.functions import logsumexp as logsumexp
    from tinygraph.functions import max_pool2d as max_pool2d
    from tinygraph.functions import one_hot as one_hot
    from tinygraph.functions import relu as relu
    from tinygraph.functions import sigmoid as sigmoid
    from tinygraph.functions import silu as silu
    from tinygraph.functions import softmax as softmax
    from tinygraph.functions import softplus as softplus
    from tinygraph.graph import Graph as Graph
    from tinygraph.graph import Node as Node
    from tinygraph.transforms import checkpoint as checkpoint
    from tinygraph.transforms import grad as grad
    from tinygraph.transforms import hessian as hessian
    from tinygraph.transforms import hvp as hvp
    from tinygraph.transforms import jacobian as jacobian
    from tinygraph.transforms import jvp as jvp
    from tinygraph.transforms import trace as trace
    from tinygraph.transforms import value_and_grad as value_and_grad
    from tinygraph.transforms import vjp as vjp

# The name that PyTorch has for it is answered by `__getattr__`, and not by the module.
globals().pop("tensor", None)

__version__ = "0.1.0"

# Where each name lives that is loaded when first asked for.
_LATER = {
    name: module
    for module, names in {
        "compiler.compiled": "Compiled compile",
        "drawing": "Drawing draw",
        "explaining": "explain",
        "functions": "avg_pool2d binary_cross_entropy conv2d cross_entropy elu gelu leaky_relu log_softmax logsumexp "
        "max_pool2d one_hot relu sigmoid silu softmax softplus",
        "graph": "Graph Node",
        "transforms": "checkpoint grad hessian hvp jacobian jvp trace value_and_grad vjp",
    }.items()
    for name in names.split()
}
_ROOMS = frozenset(
    ("compiler", "data", "drawing", "functions", "graph", "keras", "nn", "optim", "testing", "transforms")
)

__all__ = [
    "GraphError", "NonFiniteError", "ShapeError", "Tensor", "UnsupportedError", "detect_nonfinite", "enable_grad",
    "no_grad", "primitive", "scope", "testing", *_LATER,
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name in _LATER:
        value = getattr(importlib.import_module(f"tinygraph.{_LATER[name]}"), name)
    elif name in _ROOMS:
        value = importlib.import_module(f"tinygraph.{name}")
    else:
        from tinygraph.elsewhere import no_name_in_tinygraph

        raise AttributeError(no_name_in_tinygraph(name, __dir__()), name=name, obj=sys.modules[__name__])
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_LATER, *_ROOMS})
