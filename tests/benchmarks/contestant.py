"""One way of running one kernel, in a process of its own; `written.py` starts it.

python contestant.py WAY KERNEL FOLDER SIZES   WAY is numpy, eager, compiled or jax; SIZES is full or tiny.

It speaks in lines of JSON: one after the first call, then one for each line "SECONDS" it reads, with the times of the
calls of about so many seconds, and one with its peak of memory when the lines end. The gradients are in FOLDER.
"""

from __future__ import annotations

import contextlib
import gc
import json
import statistics
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(1, str(Path(__file__).parents[2]))  # a checkout that is not installed

import numpy as np
from as_written import KERNELS, Kernel, objective
from children import peak, resident

WAYS = ("numpy", "eager", "compiled", "jax")

LARGEST_IN_HEAP = 3_900_000

# Loads what a library loads at its first use, which is the same for all kernels.
WARM_UP = Kernel("a square", lambda np, x: x * x, lambda jax, x: x * x, lambda rng: (np.ones(2),), {}, {})


class Way:
    """A call to be timed, and what is known of it.

    Attributes:
        call: called with the arrays; returns the gradients, or for NumPy the value.
        fresh: makes the arrays for a call, outside the time taken.
        facts: what else the report shows, asked after the first call.
    """

    def __init__(self, call: Callable[..., Any], fresh: Callable[[], Any], facts: Callable[[], Any] = dict) -> None:
        self.call, self.fresh, self.facts = call, fresh, facts


def with_numpy(kernel: Kernel, arrays: Any, sizes: Any) -> Way:
    """The forward pass, which may write into its arguments, so that each call has copies."""
    return Way(lambda *xs: objective(np, kernel.run(np, *xs, **sizes)), lambda: [x.copy() for x in arrays])


def with_tinygraph(kernel: Kernel, arrays: Any, sizes: Any, compiled: bool) -> Way:
    """The gradient by tinygraph."""
    import tinygraph as tg
    import tinygraph.numpy

    def value(*xs: Any) -> Any:
        return objective(tinygraph.numpy, kernel.run(tinygraph.numpy, *xs, **sizes))

    gradient: Any = tg.grad(value, argnums=tuple(range(kernel.wrt)))
    if not compiled:
        return Way(gradient, lambda: arrays)
    step: Any = tg.compile(gradient)
    return Way(step, lambda: arrays, lambda: {"lines": len(step.source.splitlines())})


def with_jax(kernel: Kernel, arrays: Any, sizes: Any) -> Way:
    """The gradient by JAX, in float64."""
    import jax

    jax.config.update("jax_enable_x64", True)

    def value(*xs: Any) -> Any:
        return objective(jax.numpy, kernel.port(jax, *xs, **sizes))

    gradient = jax.jit(jax.grad(value, argnums=tuple(range(kernel.wrt))))
    placed = [jax.numpy.asarray(x) for x in arrays]
    return Way(lambda *xs: jax.block_until_ready(gradient(*xs)), lambda: placed)


def made(way: str, kernel: Kernel, arrays: Any, sizes: Any) -> Way:
    """One of the ways, for one kernel."""
    if way == "numpy":
        return with_numpy(kernel, arrays, sizes)
    if way == "jax":
        return with_jax(kernel, arrays, sizes)
    return with_tinygraph(kernel, arrays, sizes, way == "compiled")


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


def refusal(error: Exception) -> str:
    """The first sentence of an error, after the place."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:300]}"


def timed(way: Way, seconds: float, once: float) -> dict[str, float]:
    """The medians of the clock and of the processor time of some calls."""
    wall, cpu = [], []
    gc.collect()
    for _ in range(max(1, min(1000, round(seconds / once)))):
        arrays = way.fresh()
        cpu_0, wall_0 = time.process_time(), time.perf_counter()
        way.call(*arrays)
        wall_1, cpu_1 = time.perf_counter(), time.process_time()
        wall.append(wall_1 - wall_0)
        cpu.append(cpu_1 - cpu_0)
    return {"wall": statistics.median(wall), "cpu": statistics.median(cpu), "calls": len(wall)}


def forget_peak() -> None:
    """Begin the peak of the memory anew, where Linux lets it."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def say(**facts: Any) -> None:
    """Send a line to the process that started this one."""
    print(json.dumps(facts), flush=True)


def main() -> None:
    name, kernel_name, folder, which = sys.argv[1:]
    kernel = next(kernel for kernel in KERNELS if kernel.name == kernel_name)
    sizes = kernel.tiny if which == "tiny" else kernel.sizes
    arrays = kernel.inputs(np.random.default_rng(0), **sizes)
    try:
        # glibc gives memory back to the system, and takes it again at each call, until it has seen a large array go.
        # That made NumPy's forward pass of the first kernel take six times as long in some processes.
        np.ones(LARGEST_IN_HEAP)
        warm_up = made(name, WARM_UP, [np.ones(2)], {})
        warm_up.call(*warm_up.fresh())
        gc.collect()
        before = resident()
        forget_peak()
        cpu, wall = time.process_time(), time.perf_counter()
        way = made(name, kernel, arrays, sizes)
        result = way.call(*way.fresh())
        first = {"first_wall": time.perf_counter() - wall, "first_cpu": time.process_time() - cpu}
        peak_first = peak() - before
    except Exception as error:
        if "--trace" in sys.argv:
            traceback.print_exc()
        say(refused=refusal(error))
        return
    extra = slopes(kernel, arrays, sizes) if name == "numpy" else {}
    if name != "numpy":
        np.savez(Path(folder) / f"{name}.npz", *[np.asarray(part) for part in result])
    del result
    once = timed(way, 0.0, 1.0)["wall"]
    gc.collect()
    forget_peak()
    say(**first, peak_first=peak_first, **extra, **way.facts())
    for line in sys.stdin:
        say(**timed(way, float(line), once))
    say(peak_later=peak() - before)


if __name__ == "__main__":
    main()
