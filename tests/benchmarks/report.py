"""Results as a Markdown table, and the machine in words."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import statistics
from pathlib import Path
from typing import Any

import numpy as np
from timing import OURS, Times, Workload, ratio


def results(workload: Workload, times: list[Times]) -> list[dict[str, Any]]:
    """One entry for each library, with the number of threads that it was fastest with; ratios are ours over theirs."""
    ours = min(
        (taken for contender, taken in zip(workload.contenders, times, strict=True) if contender.name == OURS),
        key=lambda taken: statistics.median(taken.wall),
    )
    best: dict[str, dict[str, Any]] = {}
    for contender, taken in zip(workload.contenders, times, strict=True):
        entry = {
            "workload": workload.name,
            "library": contender.name,
            "threads": contender.threads,
            "unit": workload.unit,
            "microseconds": statistics.median(taken.wall) / workload.units * 1e6,
            "cpu_microseconds": statistics.median(taken.cpu) / workload.units * 1e6,
            "ratio": ratio(ours.wall, taken.wall),
            "cpu_ratio": ratio(ours.cpu, taken.cpu),
            "bound": workload.bounds.get(contender.name),
            "rounds": len(taken.wall),
        }
        kept = best.get(contender.name)
        if kept is None or entry["microseconds"] < kept["microseconds"]:
            best[contender.name] = entry
    return list(best.values())


def table(entries: list[dict[str, Any]]) -> str:
    """The times of all workloads, in Markdown."""
    lines = [
        "| Workload | Library | Time | Processor time | Ours ÷ theirs | by processor time | Aim |",
        "|---|---|--:|--:|--:|--:|--:|",
    ]
    shown = ""
    for entry in entries:
        threads = "" if entry["threads"] is None else f", {entry['threads']} thread{'s' * (entry['threads'] > 1)}"
        per = f"µs per {entry['unit']}"
        peer = entry["library"] != OURS
        cells = [
            entry["workload"] if entry["workload"] != shown else "",
            entry["library"] + threads,
            f"{_three(entry['microseconds'])} {per}",
            f"{_three(entry['cpu_microseconds'])} {per}",
            f"{entry['ratio']:.2f}" if peer else "",
            f"{entry['cpu_ratio']:.2f}" if peer else "",
            f"≤ {entry['bound']}" if entry["bound"] is not None else "",
        ]
        lines.append(f"| {' | '.join(cells)} |")
        shown = entry["workload"]
    return "\n".join(lines)


def memory_table(found: dict[str, dict[str, Any]], bound: int) -> str:
    """Bytes per node, in Markdown."""
    lines = ["| Library | Nodes | Forward | At most, with backward | Aim |", "|---|--:|--:|--:|--:|"]
    for name, taken in found.items():
        if "note" in taken:
            lines.append(f"| {name} | | {taken['note']} | | |")
            continue
        aim = f"≤ {bound}" if name == OURS else ""
        lines.append(
            f"| {name} | {taken['nodes']:,} | {taken['forward_bytes']:.0f} bytes per node "
            f"| {taken['peak_bytes']:.0f} bytes per node | {aim} |"
        )
    return "\n".join(lines)


def peak_table(found: dict[str, float]) -> str:
    """Megabytes of a hundred calls of tanh, in Markdown."""
    lines = ["| Library | 100 × tanh on 8 MB, forward and backward | Aim |", "|---|--:|--:|"]
    aim = f"≤ {found['torch']:.0f} MB" if "torch" in found else ""
    return "\n".join(
        [*lines, *(f"| {name} | {taken:.0f} MB | {aim if name == OURS else ''} |" for name, taken in found.items())]
    )


def import_table(taken: dict[str, Any], bound: int) -> str:
    """Import times, in Markdown."""
    return "\n".join(
        [
            "| `import numpy` | `import tinygraph` | Difference | by processor time | Aim |",
            "|--:|--:|--:|--:|--:|",
            f"| {taken['numpy_ms']:.0f} ms | {taken['tinygraph_ms']:.0f} ms | {taken['difference_ms']:.1f} ms "
            f"| {taken['difference_cpu_ms']:.1f} ms | ≤ {bound} ms |",
        ]
    )


def machine() -> dict[str, Any]:
    """What the numbers were taken on."""
    versions = {}
    for name in ("numpy", "torch", "micrograd", "mygrad", "autograd"):
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = "not installed"
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]  # type: ignore[call-overload]
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "blas": f"{blas.get('name')} {blas.get('version')}",
        **versions,
    }


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _three(value: float) -> str:
    """Three significant digits."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
