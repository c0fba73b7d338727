"""check_adjoint: the vector-Jacobian and the Jacobian-vector product of a function belong to one Jacobian."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinygraph.testing.arguments import entries, filled, named_arrays, plain_array, precision_of, reals
from tinygraph.testing.check import OF_TERMS
from tinygraph.testing.report import GradientError, by_derivatives
from tinygraph.transforms import jvp, vjp


def check_adjoint(f: Callable[..., Any], *xs: Any, trials: int = 2) -> None:
    """Assert that ⟨w, J v⟩ = ⟨Jᵀ w, v⟩ for random v and w, where J is the Jacobian of f at xs.

    It takes no finite differences, so it works at kinks, in any precision, and for large arrays, at the cost of a few
    passes. It shows that both modes have the same J, not that J is right; for that there is `check_grads`.

    Args:
        f: a function of arrays that returns arrays, both nested in any way.
        xs: its arguments; floating and complex arrays vary, all else is constant.
        trials: the number of pairs of directions.

    Raises:
        GradientError: the two products differ.
        TypeError: f is no function, or no argument is floating or complex.
    """
    __tracebackhide__ = by_derivatives
    if not callable(f):
        raise TypeError(f"check_adjoint: expected a function, got {type(f).__name__}. Write check_adjoint(f, x, ...)")
    arrays = [item.array for item in named_arrays(xs, [""] * len(xs))]
    if not arrays:
        raise TypeError("check_adjoint: no argument is a floating array, so there is nothing to differentiate")

    def function(*given: Any) -> list[Any]:
        results = f(*filled(xs, iter(given)))
        return [item for _, item in entries(results) if np.result_type(plain_array(item)).kind in "fc"]

    random = np.random.default_rng(0)

    def direction(like: Any) -> Any:
        like = plain_array(like)
        parts = random.normal(size=(2, *like.shape))
        return np.asarray(parts[0] + 1j * parts[1] if like.dtype.kind == "c" else parts[0]).astype(like.dtype)

    values, pull = vjp(function, *arrays)
    tolerance = 10 * OF_TERMS[min([8, *[precision_of(plain_array(item)) for item in (*arrays, *values)]])]
    for _ in range(trials):
        vs, ws = [direction(array) for array in arrays], [direction(value) for value in values]
        _, pushed = jvp(function, arrays, vs)
        sides = []
        for left, right in ((ws, pushed), (pull(ws), vs)):
            terms = [reals(plain_array(a)) * reals(plain_array(b)) for a, b in zip(left, right, strict=True)]
            together = np.concatenate([np.zeros(1), *terms])
            sides.append((float(np.sum(together)), float(np.sum(np.abs(together)))))
        (forward, size), (backward, other) = sides
        if not abs(forward - backward) <= tolerance * (size + other) and forward != backward:
            raise GradientError(
                f"the two modes differ: ⟨w, J v⟩ is {forward:.12g} by jvp, ⟨Jᵀ w, v⟩ is {backward:.12g} by vjp",
                1, "jvp and vjp", (), backward, forward,
            )  # fmt: skip
