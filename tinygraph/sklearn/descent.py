"""L-BFGS on the parameters of a network: SciPy makes the steps, and the graph has the gradients."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from scipy.optimize import minimize
from sklearn.exceptions import ConvergenceWarning

from tinygraph.compiler.compiled import compile as compiled

__all__ = ["Minimum", "minimised"]

# A longer search is compiled, which takes as long as some 100 calls of a small network.
EAGER_CALLS = 100


class Minimum(NamedTuple):
    """The end of a search: the number of its iterations, and the objective there."""

    iterations: int
    objective: float


def minimised(call: str, objective: Callable[[], Any], parameters: list[Any], max_iter: int, tol: float) -> Minimum:
    """Give the parameters the values at which the objective is least.

    Args:
        call: the estimator to name in the warning.
        objective: computes the objective from the parameters, one number.
        parameters: Tensors.
        max_iter: the largest number of iterations.
        tol: the end is reached when no element of the gradient is larger.

    Source: Byrd, Lu, Nocedal and Zhu, "A limited memory algorithm for bound constrained optimization" (1995).
    """
    sizes = [parameter.size for parameter in parameters]

    def put(values: Any) -> None:
        for parameter, part in zip(parameters, np.split(values, np.cumsum(sizes)[:-1]), strict=True):
            parameter.assign(part.reshape(parameter.shape).astype(parameter.dtype))

    def pass_back() -> Any:
        for parameter in parameters:
            parameter.grad = None
        value = objective()
        value.backward()
        return value.data

    quick = compiled(pass_back)
    calls = itertools.count()

    def value_and_gradient(values: Any) -> tuple[float, Any]:
        put(values)
        value = pass_back() if next(calls) < EAGER_CALLS else quick()
        return float(value), np.concatenate([parameter.grad.reshape(-1) for parameter in parameters]).astype(float)

    start = np.concatenate([parameter.numpy().reshape(-1) for parameter in parameters]).astype(float)
    # ftol is that of scikit-learn's LogisticRegression: the gradient alone ends the search.
    options = {"maxiter": max_iter, "maxls": 50, "gtol": tol, "ftol": 64 * np.finfo(float).eps}
    found = minimize(value_and_gradient, start, jac=True, method="L-BFGS-B", options=options)
    put(found.x)
    for parameter in parameters:
        parameter.grad = None
    if found.nit >= max_iter and not found.success:
        warnings.warn(
            f"{call}: L-BFGS has not converged in {found.nit} iterations. Increase max_iter, or bring the columns of "
            "X to one scale: StandardScaler()",
            ConvergenceWarning,
            stacklevel=3,
        )
    return Minimum(int(found.nit), float(found.fun))
