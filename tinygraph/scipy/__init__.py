"""SciPy's functions on Tensors, in SciPy's modules and under SciPy's names: `from tinygraph.scipy import linalg`.

SciPy makes a plain array of what it is given, and the gradient is lost. A function here calls SciPy where no Tensor
is among its arguments, and returns what SciPy returns. On Tensors it is an operation of the graph. What is not here
differs in nothing from SciPy's; the ufuncs of `scipy.special` take Tensors themselves.

SciPy is not needed by the rest of tinygraph: `pip install tinygraph[scipy]`.
"""

from __future__ import annotations

import importlib
from typing import Any

try:
    importlib.import_module("scipy")
except ImportError:
    raise ImportError("tinygraph.scipy: SciPy is not there. Install it: pip install tinygraph[scipy]") from None

_MODULES = ("integrate", "interpolate", "linalg", "ndimage", "optimize", "signal", "sparse", "stats")

__all__ = list(_MODULES)


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"tinygraph.scipy has no module {name}. It has {', '.join(_MODULES)}")
    return importlib.import_module(f"tinygraph.scipy.{name}")


def __dir__() -> list[str]:
    return sorted({*__all__, *(name for name in globals() if name.startswith("__"))})
