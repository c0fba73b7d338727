"""NumPy under its own names, whose arrays take Tensors in.

    import tinygraph.numpy as np          # the one line that changes

    def kernel(a):
        y = np.zeros(3)
        y[0] = a[0] * a[1]                # a gradient flows through the write
        return np.sum(y)

What NumPy makes of numbers, `np.zeros(3)`, is a Tensor without a gradient here, which can be written into. All other
functions are NumPy's own: of plain arrays they make plain arrays, of Tensors Tensors.
"""

from __future__ import annotations

from typing import Any

import numpy as _numpy

from tinygraph.numpy import making as _making

_MADE = {name: getattr(_making, name) for name in _making.__all__}
globals().update(_MADE)


def __getattr__(name: str) -> Any:
    return getattr(_numpy, name)


def __dir__() -> list[str]:
    return sorted({*dir(_numpy), *_MADE})
