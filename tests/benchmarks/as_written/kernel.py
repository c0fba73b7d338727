"""A kernel: one program as a person writes it, with its port to JAX and its inputs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Kernel:
    """One program, written once for NumPy's namespace and once as a user of JAX writes it.

    Attributes:
        name: a few words.
        run: `run(np, *arrays, **sizes)` with NumPy or tinygraph.numpy as `np`. It may write into its arguments.
        port: `port(jax, *arrays, **sizes)`.
        inputs: `inputs(rng, **sizes)` makes the arrays.
        sizes: numbers that make NumPy's forward pass take 1 to 100 ms.
        tiny: numbers for a run that shows only that it works.
        wrt: the gradient is that with respect to so many of the first arrays.
        stops: values decide how often it iterates. JAX's `lax.while_loop` for it has no reverse mode.
        h: the step of the directional difference, small where another path of the program is near.
    """

    name: str
    run: Callable[..., Any]
    port: Callable[..., Any]
    inputs: Callable[..., tuple[Any, ...]]
    sizes: dict[str, Any]
    tiny: dict[str, Any]
    wrt: int = 1
    stops: bool = False
    h: float = 1e-6


def objective(library: Any, results: Any) -> Any:
    """Return the sum of the squares of all results: a number to differentiate, whose cotangents are not constant."""
    if not isinstance(results, tuple):
        results = (results,)
    total = library.sum(results[0] ** 2)
    for part in results[1:]:
        total = total + library.sum(part**2)
    return total
