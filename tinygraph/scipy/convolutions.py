"""Convolutions of arrays of any number of axes: sums of products of two arrays, which are each other's adjoints.

Of three arrays c, a and w the sum Σ c[i + k] a[i] w[k] is linear in each. Its derivative by c is the full convolution
of a and w; that by a or w is the window of one array that slides over c.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.signal

from tinygraph.engine.primitives import primitive

__all__ = ["full", "sliding"]


def _method(*arrays: Any) -> str:
    """Return the method: Fourier transforms would carry one infinite number to all results."""
    return "auto" if all(bool(np.all(np.isfinite(item))) for item in arrays) else "direct"


@primitive
def full(a: Any, w: Any) -> Any:
    """The full convolution, Σₖ a[j − k] w[k]."""
    return scipy.signal.convolve(a, w, "full", _method(a, w))


@primitive
def sliding(c: Any, w: Any) -> Any:
    """The sums of products of a window that slides over an array, Σₖ c[i + k] w[k]."""
    return scipy.signal.convolve(c, np.flip(w), "valid", _method(c, w))


full.derivative(lambda g, z, a, w: sliding(g, w), lambda g, z, a, w: sliding(g, a))
sliding.derivative(lambda g, z, c, w: full(g, w), lambda g, z, c, w: sliding(c, g))
full.__name__, sliding.__name__ = "convolve", "correlate"
