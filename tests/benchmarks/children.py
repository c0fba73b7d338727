"""Measurements in fresh processes: memory per node, and the time of an import.

python children.py NAME NODES   builds one chain and prints what it took, as JSON; `costs.py` starts it.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

BOUND_BYTES = 250
BOUND_IMPORT_MS = 15


def environment() -> dict[str, str]:
    """The environment of a child process, which imports the same tinygraph as this one."""
    import tinygraph

    paths = [str(Path(tinygraph.__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    return os.environ | {"PYTHONPATH": os.pathsep.join(path for path in paths if path)}


def memory(pythons: dict[str, str], nodes: int = 1_000_000) -> dict[str, dict[str, Any]]:
    """Bytes a node of a chain of products takes, by library: after the forward pass, and at most with backward."""
    found = {}
    for name in ("tinygraph", "torch", "micrograd"):
        child = subprocess.run(
            [pythons.get(name, sys.executable), __file__, name, str(nodes)],
            capture_output=True, text=True, env=environment(), check=False,
        )  # fmt: skip
        if child.returncode == 0:
            found[name] = json.loads(child.stdout)
        else:
            found[name] = {"note": "not installed" if "ModuleNotFoundError" in child.stderr else "failed"}
    return found


def peaks(pythons: dict[str, str], megabytes: float = 8, calls: int = 100) -> dict[str, float]:
    """Megabytes that a chain of tanh on one array takes at most, forward and backward, by library."""
    found = {}
    for name in ("tinygraph", "torch"):
        child = subprocess.run(
            [pythons.get(name, sys.executable), __file__, name, str(calls), str(megabytes)],
            capture_output=True, text=True, env=environment(), check=False,
        )  # fmt: skip
        if child.returncode == 0:
            found[name] = float(json.loads(child.stdout))
    return found


def imports(rounds: int = 15) -> dict[str, Any]:
    """Milliseconds that `import tinygraph` takes over `import numpy`, each in a fresh process, in turns.

    The modules are compiled to bytecode in the rounds that warm up, as they are for anybody who imports them twice.
    """
    clocks: dict[str, list[float]] = {"numpy": [], "tinygraph": []}
    cpus: dict[str, list[float]] = {"numpy": [], "tinygraph": []}
    with tempfile.TemporaryDirectory() as compiled:
        variables = environment() | {"PYTHONPYCACHEPREFIX": compiled}
        variables.pop("PYTHONDONTWRITEBYTECODE", None)
        for round_ in range(-2, rounds):
            for module in ("numpy", "tinygraph") if round_ % 2 else ("tinygraph", "numpy"):
                cpu, wall = _children_cpu(), time.perf_counter()
                subprocess.run([sys.executable, "-c", f"import {module}"], env=variables, check=True)
                wall, cpu = time.perf_counter() - wall, _children_cpu() - cpu
                if round_ >= 0:
                    clocks[module].append(wall * 1e3)
                    cpus[module].append(cpu * 1e3)
    return {
        "numpy_ms": statistics.median(clocks["numpy"]),
        "tinygraph_ms": statistics.median(clocks["tinygraph"]),
        "difference_ms": _median_difference(clocks),
        "difference_cpu_ms": _median_difference(cpus),
        "rounds": rounds,
    }


def _median_difference(times: dict[str, list[float]]) -> float:
    return statistics.median(a - b for a, b in zip(times["tinygraph"], times["numpy"], strict=True))


def _children_cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


# --- in the child -----------------------------------------------------------------------------------------------------


def resident() -> int:
    """Bytes of this process in memory now."""
    status = Path("/proc/self/statm")
    if status.exists():
        return int(status.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return peak()


def peak() -> int:
    """The most bytes of this process that have been in memory at once."""
    status = Path("/proc/self/status")  # the portable number below may be that of the process which started this one
    if status.exists():
        return 1024 * int(next(line for line in status.read_text().splitlines() if line.startswith("VmHWM")).split()[1])
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def leaf(name: str) -> Any:
    """The number at the beginning of the chain."""
    if name == "tinygraph":
        import tinygraph

        return tinygraph.Tensor(1.0)
    if name == "torch":
        import torch

        return torch.tensor(1.0, dtype=torch.float64, requires_grad=True)
    from micrograd.engine import Value

    return Value(1.0)


def chain(name: str, nodes: int) -> dict[str, Any]:
    """Build a chain, go back over it, and say what it took."""
    import gc

    x = leaf(name)
    (x * x).backward()  # what the first pass loads is not a node
    x = leaf(name)
    gc.collect()
    before = resident()
    z = x
    for _ in range(nodes):
        z = z * x
    forward = resident() - before
    sys.setrecursionlimit(10 * nodes + 10_000)  # micrograd recurses
    z.backward()
    assert float(x.grad) == nodes + 1
    return {"nodes": nodes, "forward_bytes": forward / nodes, "peak_bytes": (peak() - before) / nodes}


def array_chain(name: str, calls: int, megabytes: float) -> float:
    """The most megabytes that a chain of tanh took, forward and backward, over what the process had before."""
    import numpy as np

    size = int(megabytes * 1e6 / 8)
    values = np.linspace(-1, 1, size)
    if name == "tinygraph":
        import tinygraph

        x: Any = tinygraph.Tensor(values)
        tanh: Any = np.tanh
    else:
        import torch

        x, tanh = torch.from_numpy(values.copy()).requires_grad_(), torch.tanh
    del values
    before = peak()
    h = x
    for _ in range(calls):
        h = tanh(h)
    total = h.sum()
    del h
    total.backward()
    assert x.grad is not None
    return (peak() - before) / 1e6


if __name__ == "__main__":
    if len(sys.argv) > 3:
        print(json.dumps(array_chain(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]))))
    else:
        print(json.dumps(chain(sys.argv[1], int(sys.argv[2]))))
