"""The compiled gradients of programs as a person writes them, against NumPy and JAX. Run from anywhere:

    python tests/benchmarks/written.py                              everything, in about ten minutes
    python tests/benchmarks/written.py cholesky rings --rounds 3    only kernels whose name has one of these words
    python tests/benchmarks/written.py --python jax=~/jax/bin/python   JAX from an environment of its own

Each library has a process of its own. The processes take turns, in rounds. A round in which others were busy is thrown
away. The gradients must agree with each other and with a directional difference.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(1, str(Path(__file__).parents[2]))  # a checkout that is not installed

import numpy as np
from as_written import KERNELS, Kernel
from contestant import refusal
from kernels import WAYS, directions, made, slopes
from machine import machine
from options import add_options, chosen, limit, pythons
from turns import Child, Rounds, Runner, take_turns

AIM_KERNEL, AIM_MEAN, AIM_FIRST = 4.0, 2.0, 20.0
AGREE, AGREE_WITH_DIFFERENCE = 1e-8, 1e-4


def measured(kernel: Kernel, options: argparse.Namespace) -> dict[str, Any]:
    """All that is known of one kernel, by way."""
    with tempfile.TemporaryDirectory() as folder:
        task = {"source": "kernels", "kernel": kernel.name, "folder": folder, "tiny": options.tiny}
        children = {
            way: Child(task | {"way": way}, python=pythons(options).get(way, sys.executable)).begin(options.patience)
            for way in WAYS
        }
        runners = [Runner(child, way) for way, child in children.items() if way in child.ways and not refused(child)]
        rounds = take_turns(runners, options.rounds, options.seconds, limit(options), options.quiet)
        entry: dict[str, Any] = {"kernel": kernel.name, "stops": kernel.stops}
        for way, child in children.items():
            child.end()
            entry[way] = {"refused": refused(child)} if refused(child) else dict(child.ways[way])
            if "peak_later" in child.facts:
                entry[way]["peak_later"] = child.facts["peak_later"]
        for place, runner in enumerate(runners):
            entry[runner.way] |= times(rounds, place)
        for way in ("fast", "jax"):
            if children[way].missing:
                del entry[way]
        entry |= {"rounds": len(rounds.counted), "busy": rounds.busy}
        arrays = kernel.inputs(np.random.default_rng(0), **(kernel.tiny if options.tiny else kernel.sizes))
        entry["faults"] = disagreements(kernel, arrays, entry["numpy"], saved_gradients(Path(folder)))
    return entry


def refused(child: Child) -> str | None:
    """The reason why a process measures nothing, if it does not."""
    return child.refused or child.missing or next((facts.get("refused") for facts in child.ways.values()), None)


def checked(kernel: Kernel) -> dict[str, Any]:
    """The gradients of a tiny kernel, eager and compiled, compared in this process, without times."""
    import tinygraph as tg

    arrays = kernel.inputs(np.random.default_rng(0), **kernel.tiny)
    entry: dict[str, Any] = {"kernel": kernel.name}
    gradients = {"eager": made("eager", kernel, arrays, kernel.tiny).call(*arrays)}
    try:
        gradients["compiled"] = made("compiled", kernel, arrays, kernel.tiny).call(*arrays)
    except tg.UnsupportedError as error:
        entry["compiled"] = {"refused": refusal(error)}
    entry["faults"] = disagreements(kernel, arrays, slopes(kernel, arrays, kernel.tiny), gradients)
    return entry


def times(rounds: Rounds, place: int) -> dict[str, float]:
    """The median time of a call, and the median of its ratios to NumPy's forward pass, round by round."""
    return {
        f"{what}_{clock}": found
        for clock in ("wall", "cpu")
        for what, found in (
            ("ms", rounds.seconds(place, clock) * 1e3),
            ("ratio", rounds.ratio(place, 0, clock)),
        )
    }


def saved_gradients(folder: Path) -> dict[str, Any]:
    """The gradients that the processes have written down."""
    gradients = {}
    for way in WAYS[1:]:
        if (folder / f"{way}.npz").exists():
            with np.load(folder / f"{way}.npz") as saved:
                gradients[way] = [saved[name] for name in saved.files]
    return gradients


def disagreements(kernel: Kernel, arrays: Any, forward: dict[str, float], gradients: dict[str, Any]) -> list[str]:
    """Say which gradients differ from the eager one, or from the directional difference of the forward pass."""
    found = []
    for way, parts in gradients.items():
        slope = sum(float(np.sum(g * d)) for g, d in zip(parts, directions(kernel, arrays), strict=False))
        miss = abs(slope - forward["slope"]) / max(abs(slope), 1e-3 * abs(forward["value"]))
        if not miss < AGREE_WITH_DIFFERENCE:
            found.append(f"{way}: the directional difference is off by {miss:.0e}")
        if "eager" not in gradients:
            continue
        for i, (mine, eager) in enumerate(zip(parts, gradients["eager"], strict=True)):
            miss = float(np.max(np.abs(mine - eager)) / np.max(np.abs(eager)))
            if not miss < AGREE:
                found.append(f"{way}: gradient {i} is off the eager one by {miss:.0e}")
    return found


# --- the report -------------------------------------------------------------------------------------------------------


def table(entries: list[dict[str, Any]], clock: str) -> str:
    """The kernels, in Markdown."""
    lines = [
        "| Kernel | NumPy forward | Eager ÷ forward | Compiled ÷ forward | With machine code ÷ forward | JAX ÷ forward "
        "| First call | First ÷ eager call | JAX's first call | Peak: first call, later | JAX's peaks | Lines |",
        "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for entry in entries:
        compiled, jax, eager = entry["compiled"], entry.get("jax", {}), entry["eager"]
        cells = [
            entry["kernel"],
            f"{entry['numpy'][f'ms_{clock}']:.3g} ms",
            _figure(eager.get(f"ratio_{clock}"), ".1f"),
            _figure(compiled.get(f"ratio_{clock}"), ".2f") or "refused",
            _figure(entry.get("fast", {}).get(f"ratio_{clock}"), ".2f"),
            _figure(jax.get(f"ratio_{clock}"), ".2f") or ("cannot" if entry["stops"] and jax else ""),
            _figure(compiled.get(f"first_{clock}"), ".2f", " s"),
            _figure(first_over_eager(entry, clock), ".0f"),
            _figure(jax.get(f"first_{clock}"), ".2f", " s"),
            _peaks(compiled),
            _peaks(jax),
            _figure(compiled.get("lines"), ",d"),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def summary(entries: list[dict[str, Any]], clock: str) -> str:
    """The aims and what they have become, as a list in Markdown."""
    ratio = f"ratio_{clock}"
    ours = [entry["compiled"][ratio] for entry in entries if ratio in entry["compiled"]]
    theirs = [entry["jax"][ratio] for entry in entries if ratio in entry.get("jax", {})]
    both = [entry for entry in entries if ratio in entry.get("jax", {}) and ratio in entry["compiled"]]
    faster = [entry for entry in both if entry["compiled"][ratio] < entry["jax"][ratio]]
    leaner = [entry for entry in both if peak_megabytes(entry["compiled"]) <= peak_megabytes(entry["jax"])]
    firsts = [first for entry in entries if (first := first_over_eager(entry, clock)) is not None]
    lines = [f"compiled: {len(ours)} of {len(entries)} kernels"]
    if ours:
        lines += [
            f"compiled gradient over NumPy's forward: geometric mean {statistics.geometric_mean(ours):.2f} (aim "
            f"{AIM_MEAN}), {sum(r <= AIM_KERNEL for r in ours)} of {len(ours)} within {AIM_KERNEL:.0f}, "
            f"largest {max(ours):.1f}",
            f"first call over an eager call: median {statistics.median(firsts):.0f}, largest {max(firsts):.0f} (aim "
            f"{AIM_FIRST:.0f}), {sum(first <= AIM_FIRST for first in firsts)} of {len(firsts)} within",
        ]
    fast = [entry["fast"][ratio] for entry in entries if ratio in entry.get("fast", {})]
    if fast:
        faster_still = [
            entry for entry in both if ratio in entry["fast"] and entry["fast"][ratio] < entry["jax"][ratio]
        ]
        lines.append(
            f"with machine code: geometric mean {statistics.geometric_mean(fast):.2f}, "
            f"{sum(r <= AIM_KERNEL for r in fast)} of {len(fast)} within {AIM_KERNEL:.0f}, largest {max(fast):.1f}; "
            f"faster than JAX: {len(faster_still)} of {len(both)}"
        )
    if theirs:
        lines += [
            f"JAX's gradient over NumPy's forward: geometric mean {statistics.geometric_mean(theirs):.2f}, median "
            f"{statistics.median(theirs):.2f}, largest {max(theirs):.1f}",
            f"faster than JAX: {len(faster)} of {len(both)} compiled that JAX can differentiate, of {len(theirs)} that "
            "JAX can differentiate",
            f"peak memory at most JAX's: {len(leaner)} of {len(both)}",
        ]
    return "\n".join(f"- {line}" for line in lines)


def first_over_eager(entry: dict[str, Any], clock: str) -> float | None:
    """The first call of the compiled gradient, over a steady call of the eager one."""
    if f"first_{clock}" not in entry["compiled"] or f"ms_{clock}" not in entry["eager"]:
        return None
    return float(entry["compiled"][f"first_{clock}"] / entry["eager"][f"ms_{clock}"] * 1e3)


def peak_megabytes(facts: dict[str, Any]) -> float | None:
    """The most memory over that of the library and the arguments, from the first call on."""
    if "peak_first" not in facts or "peak_later" not in facts:
        return None
    return float(max(facts["peak_first"], facts["peak_later"]) / 1e6)


def refusals(entries: list[dict[str, Any]]) -> str:
    """The kernels that were refused and those whose gradients disagree, as a list in Markdown."""
    lines = []
    for entry in entries:
        for way in WAYS:
            if "refused" in entry.get(way, {}) and not (way == "jax" and entry["stops"]):
                lines.append(f"- {entry['kernel']}, {way}: {entry[way]['refused']}")
        lines += [f"- {entry['kernel']}, {fault}" for fault in entry["faults"]]
    return "\n".join(lines)


def _peaks(facts: dict[str, Any]) -> str:
    """The peak of the first call and that of the later ones, over the library and the arguments."""
    if "peak_first" not in facts or "peak_later" not in facts:
        return ""
    return f"{facts['peak_first'] / 1e6:.1f}, {facts['peak_later'] / 1e6:.1f} MB"


def _figure(value: float | None, form: str, unit: str = "") -> str:
    return "" if value is None else f"{value:{form}}{unit}"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Measure the gradients of programs as they are written.")
    add_options(parser, rounds=15)
    parser.add_argument("--seconds", type=float, default=0.1, help="how long a turn is (default: 0.1)")
    parser.add_argument("--patience", type=float, default=300, help="seconds that a first call may take (default: 300)")
    parser.add_argument("--clock", choices=("wall", "cpu"), default="wall", help="cpu is the processor's time")
    parser.add_argument("--check", action="store_true", help="compare gradients of tiny kernels, in this process alone")
    options = parser.parse_args(arguments)
    entries = []
    names = chosen((kernel.name for kernel in KERNELS), options)
    for kernel in (kernel for kernel in KERNELS if kernel.name in names):
        print(f"{kernel.name} ...", file=sys.stderr, flush=True)
        entries.append(checked(kernel) if options.check else measured(kernel, options))
    document = {"machine": machine(pythons(options)), "kernels": entries}
    if options.json is not None:
        options.json.write_text(json.dumps(document, indent=2) + "\n")
    if not options.check:
        print(table(entries, options.clock), summary(entries, options.clock), sep="\n\n", end="\n\n")
    print(refusals(entries))
    return 1 if any(entry["faults"] for entry in entries) else 0


if __name__ == "__main__":
    sys.exit(main())
