"""NumPy under its own names, whose arrays take Tensors in. It is a namespace of the array API standard too.

    import tinygraph.numpy as np          # the one line that changes

    def kernel(a):
        y = np.zeros(3)
        y[0] = a[0] * a[1]                # a gradient flows through the write
        return np.sum(y)

NumPy makes an array of numbers, with `np.zeros(3)` for instance. Here it is a Tensor without a gradient, which can be
written into. As long as no Tensor with a gradient meets it, each call is NumPy's own. All other functions are NumPy's:
of plain arrays they make plain arrays, of Tensors Tensors.
"""

from __future__ import annotations

import importlib
import sys
from typing import Any

import numpy as _numpy

_ROOMS = ("asking", "converting", "joining", "making", "vectorizing")
_MADE: dict[str, Any] = {}
for _room in _ROOMS:
    _module = importlib.import_module(f"tinygraph.numpy.{_room}")
    _MADE.update({_name: getattr(_module, _name) for _name in _module.__all__})
globals().update(_MADE)

# `from tinygraph.numpy.linalg import solve` finds NumPy's own module.
for _room in ("fft", "linalg", "random"):
    sys.modules[f"{__name__}.{_room}"] = importlib.import_module(f"numpy.{_room}")

__all__ = list(_numpy.__all__)


def __getattr__(name: str) -> Any:
    try:
        return getattr(_numpy, name)
    except AttributeError:
        from tinygraph.elsewhere import absent_in_numpy

        raise absent_in_numpy(name, __dir__()) from None


def __dir__() -> list[str]:
    return sorted({*dir(_numpy), *_MADE})
