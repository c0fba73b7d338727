"""Memory per node and at its peak, and the time that an import takes. Run from anywhere:

python tests/benchmarks/costs.py
python tests/benchmarks/costs.py memory --python torch=/venv/bin/python
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(1, str(Path(__file__).parents[2]))  # a checkout that is not installed

from children import BOUND_BYTES, BOUND_IMPORT_MS, imports, memory, peaks
from libraries import OURS
from machine import machine
from options import add_options, chosen, pythons


def measured(name: str, options: argparse.Namespace) -> Any:
    """One of the costs."""
    if name == "memory":
        return memory(pythons(options), 1_000 if options.tiny else 1_000_000)
    if name == "peaks":
        return peaks(pythons(options), 0.1 if options.tiny else 8)
    return imports(options.rounds)


def memory_table(found: dict[str, dict[str, Any]]) -> str:
    """Bytes per node, in Markdown."""
    lines = ["| Library | Nodes | Forward | At most, with backward | Aim |", "|---|--:|--:|--:|--:|"]
    for name, taken in found.items():
        if "note" in taken:
            lines.append(f"| {name} | | {taken['note']} | | |")
            continue
        aim = f"≤ {BOUND_BYTES}" if name == OURS else ""
        lines.append(
            f"| {name} | {taken['nodes']:,} | {taken['forward_bytes']:.0f} bytes per node "
            f"| {taken['peak_bytes']:.0f} bytes per node | {aim} |"
        )
    return "\n".join(lines)


def peaks_table(found: dict[str, float]) -> str:
    """Megabytes of a hundred calls of tanh, in Markdown."""
    lines = ["| Library | 100 × tanh on 8 MB, forward and backward | Aim |", "|---|--:|--:|"]
    aim = f"≤ {found['torch']:.0f} MB" if "torch" in found else ""
    return "\n".join(
        [*lines, *(f"| {name} | {taken:.0f} MB | {aim if name == OURS else ''} |" for name, taken in found.items())]
    )


def import_table(taken: dict[str, Any]) -> str:
    """Import times, in Markdown."""
    return "\n".join(
        [
            "| `import numpy` | `import tinygraph` | Difference | by processor time | Aim |",
            "|--:|--:|--:|--:|--:|",
            f"| {taken['numpy_ms']:.0f} ms | {taken['tinygraph_ms']:.0f} ms | {taken['difference_ms']:.1f} ms "
            f"| {taken['difference_cpu_ms']:.1f} ms | ≤ {BOUND_IMPORT_MS} ms |",
        ]
    )


TABLES = {"memory": memory_table, "peaks": peaks_table, "import": import_table}


def run(options: argparse.Namespace) -> dict[str, Any]:
    """The costs that were asked for, by name."""
    found = {}
    for name in chosen(TABLES, options):
        print(f"{name} ...", file=sys.stderr, flush=True)
        found[name] = measured(name, options)
    return found


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Measure memory and imports.")
    add_options(parser, rounds=15)
    options = parser.parse_args(arguments)
    found = run(options)
    print("\n\n".join(TABLES[name](taken) for name, taken in found.items()))
    if options.json is not None:
        options.json.write_text(json.dumps({"machine": machine(pythons(options)), **found}, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
