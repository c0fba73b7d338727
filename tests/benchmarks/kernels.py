"""The ways of running a program as it is written: NumPy's forward pass, and the gradient by tinygraph and by JAX."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from as_written import KERNELS, Kernel, objective
from ways import Way

WAYS = ("numpy", "eager", "compiled", "fast", "jax")  # "fast" is compiled with machine code

LARGEST_IN_HEAP = 3_900_000

# Loads what a library loads at its first use, which is the same for all kernels.
WARM_UP = Kernel("a square", lambda np, x: x * x, lambda jax, x: x * x, lambda rng: (np.ones(2),), {}, {})


def ways(task: dict[str, Any]) -> dict[str, Callable[[], Way]]:
    """The way of `contestant.py` for one kernel; it writes the gradients into the task's folder."""
    # glibc gives memory back to the system, and takes it again at each call, until it has seen a large array go.
    # That made NumPy's forward pass of the first kernel take six times as long in some processes.
    np.ones(LARGEST_IN_HEAP)
    kernel = next(kernel for kernel in KERNELS if kernel.name == task["kernel"])
    sizes = kernel.tiny if task["tiny"] else kernel.sizes
    arrays = kernel.inputs(np.random.default_rng(0), **sizes)
    name = task["way"]
    warm_up = made(name, WARM_UP, [np.ones(2)], {})
    warm_up.call(*warm_up.fresh())
    return {name: lambda: made(name, kernel, arrays, sizes, Path(task["folder"]))}


def made(way: str, kernel: Kernel, arrays: Any, sizes: Any, folder: Path | None = None) -> Way:
    """One of the ways, for one kernel."""
    if way == "numpy":
        return with_numpy(kernel, arrays, sizes)
    if way == "jax":
        return with_jax(kernel, arrays, sizes, folder)
    return with_tinygraph(kernel, arrays, sizes, way, folder)


def with_numpy(kernel: Kernel, arrays: Any, sizes: Any) -> Way:
    """The forward pass, which may write into its arguments, so that each call has copies."""
    return Way(
        lambda *xs: objective(np, kernel.run(np, *xs, **sizes)),
        float,
        fresh=lambda: tuple(x.copy() for x in arrays),
        facts=lambda: slopes(kernel, arrays, sizes),
    )


def with_tinygraph(kernel: Kernel, arrays: Any, sizes: Any, way: str, folder: Path | None) -> Way:
    """The gradient by tinygraph."""
    import tinygraph as tg
    import tinygraph.numpy

    def value(*xs: Any) -> Any:
        return objective(tinygraph.numpy, kernel.run(tinygraph.numpy, *xs, **sizes))

    gradient: Any = tg.grad(value, argnums=tuple(range(kernel.wrt)))
    if way == "eager":
        return Way(gradient, lambda found: saved(found, folder, "eager"), fresh=lambda: arrays)
    if way == "fast":
        import numba  # noqa: F401  the error names it where it is missing
    step: Any = tg.compile(gradient, fast=way == "fast")
    return Way(
        step,
        lambda found: saved(found, folder, way),
        fresh=lambda: arrays,
        facts=lambda: {"lines": len(step.source.splitlines())},
    )


def with_jax(kernel: Kernel, arrays: Any, sizes: Any, folder: Path | None) -> Way:
    """The gradient by JAX, in float64."""
    import jax

    jax.config.update("jax_enable_x64", True)

    def value(*xs: Any) -> Any:
        return objective(jax.numpy, kernel.port(jax, *xs, **sizes))

    gradient = jax.jit(jax.grad(value, argnums=tuple(range(kernel.wrt))))
    placed = tuple(jax.numpy.asarray(x) for x in arrays)
    return Way(
        lambda *xs: jax.block_until_ready(gradient(*xs)), lambda found: saved(found, folder, "jax"),
        fresh=lambda: placed,
    )  # fmt: skip


def saved(gradients: Any, folder: Path | None, way: str) -> None:
    """Write gradients down for the process that compares them, once."""
    if folder is not None and not (folder / f"{way}.npz").exists():
        np.savez(folder / f"{way}.npz", *[np.asarray(part) for part in gradients])


def slopes(kernel: Kernel, arrays: Any, sizes: Any) -> dict[str, float]:
    """The value, and its directional difference along one direction."""

    def along(h: float) -> float:
        moved = [x + h * d for x, d in zip(arrays, directions(kernel, arrays), strict=True)]
        return float(objective(np, kernel.run(np, *moved, **sizes)))

    return {"slope": (along(kernel.h) - along(-kernel.h)) / (2 * kernel.h), "value": along(0.0)}


def directions(kernel: Kernel, arrays: Any) -> list[Any]:
    """A direction for each array; zero for those without a gradient."""
    rng = np.random.default_rng(1)
    return [rng.normal(size=x.shape) if i < kernel.wrt else np.zeros(x.shape) for i, x in enumerate(arrays)]
