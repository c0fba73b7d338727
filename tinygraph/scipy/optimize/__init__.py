"""`scipy.optimize` on Tensors: roots, fixed points, minima and fits, by the implicit function theorem.

SciPy finds the solution with plain numbers. Gradients then flow through the equation that the solution satisfies, to
the Tensors in `args` and to those that the function uses from outside; none flows to the starting point.
"""

from tinygraph.scipy.optimize.fits import curve_fit, least_squares
from tinygraph.scipy.optimize.minima import minimize, minimize_scalar
from tinygraph.scipy.optimize.roots import (
    bisect,
    brenth,
    brentq,
    fixed_point,
    fsolve,
    newton,
    ridder,
    root,
    root_scalar,
    toms748,
)

__all__ = [
    "bisect", "brenth", "brentq", "curve_fit", "fixed_point", "fsolve", "least_squares", "minimize", "minimize_scalar",
    "newton", "ridder", "root", "root_scalar", "toms748",
]  # fmt: skip
