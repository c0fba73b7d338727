"""The compiled gradients of programs as a person writes them, against NumPy and JAX. Run from anywhere:

    python tests/benchmarks/written.py                              everything, in about ten minutes
    python tests/benchmarks/written.py cholesky rings --rounds 3    only kernels whose name has one of these words
    python tests/benchmarks/written.py --jax ~/jax/bin/python       JAX from an environment of its own

Each library has a process of its own. The processes take turns, in rounds. A round in which somebody else had the
processor is thrown away. The gradients must agree with each other and with a directional difference.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(1, str(Path(__file__).parents[2]))  # a checkout that is not installed

import numpy as np
from as_written import KERNELS, Kernel
from contestant import WAYS, directions, made, refusal, slopes
from report import machine

CONTESTANT = Path(__file__).parent / "contestant.py"

AIM_KERNEL, AIM_MEAN, AIM_FIRST = 4.0, 2.0, 20.0
AGREE, AGREE_WITH_DIFFERENCE = 1e-8, 1e-4
BUSY = 1.15  # clock over processor time of a call that had a processor to itself


class Contestant:
    """A process that measures one way of running one kernel."""

    def __init__(self, way: str, kernel: Kernel, folder: str, options: argparse.Namespace) -> None:
        python = options.jax if way == "jax" else sys.executable
        command = [python, str(CONTESTANT), way, kernel.name, folder, "tiny" if options.tiny else "full"]
        self.way = way
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
            env=os.environ | {"PYTHONHASHSEED": "0"},
        )  # fmt: skip
        self.facts = self._answer(options.patience)
        self.rounds: list[dict[str, float]] = []

    def _answer(self, patience: float) -> dict[str, Any]:
        """The next line of the process, or a refusal if none comes in time."""
        import select

        assert self.process.stdout is not None
        if not select.select([self.process.stdout], [], [], patience)[0]:
            self.process.kill()
            return {"refused": f"no answer in {patience:.0f} s"}
        line = self.process.stdout.readline()
        return json.loads(line) if line else {"refused": "the process ended"}

    @property
    def refused(self) -> bool:
        return "refused" in self.facts

    def measure(self, seconds: float) -> None:
        """One round of calls."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{seconds}\n")
        self.process.stdin.flush()
        self.rounds.append(self._answer(600.0))

    def end(self) -> None:
        """Ask for the peak of the memory, and let the process go."""
        if not self.refused:
            assert self.process.stdin is not None
            self.process.stdin.close()
            self.facts |= self._answer(60.0)
        self.process.wait()


def measured(kernel: Kernel, options: argparse.Namespace) -> dict[str, Any]:
    """All that is known of one kernel, by way."""
    with tempfile.TemporaryDirectory() as folder:
        ways = [way for way in WAYS if way != "jax" or options.jax]
        contestants = [Contestant(way, kernel, folder, options) for way in ways]
        running = [contestant for contestant in contestants if not contestant.refused]
        for round_ in range(options.rounds):
            for place in range(len(running)):
                running[(place + round_) % len(running)].measure(options.seconds)
        for contestant in contestants:
            contestant.end()
        entry: dict[str, Any] = {"kernel": kernel.name, "stops": kernel.stops}
        kept = quiet_rounds(running)
        for contestant in contestants:
            entry[contestant.way] = contestant.facts | times(contestant, running[0], kept)
        entry["rounds"], entry["busy"] = len(kept), options.rounds - len(kept)
        arrays = kernel.inputs(np.random.default_rng(0), **(kernel.tiny if options.tiny else kernel.sizes))
        entry["faults"] = disagreements(kernel, arrays, entry["numpy"], saved_gradients(Path(folder)))
    return entry


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


def quiet_rounds(contestants: list[Contestant]) -> list[int]:
    """The rounds in which nobody waited for a processor; at least a third of them, the quietest."""

    def waiting(round_: int) -> float:
        taken = [contestant.rounds[round_] for contestant in contestants]
        return max(each["wall"] / max(each["cpu"], 1e-9) for each in taken)

    rounds = sorted(range(len(contestants[0].rounds)), key=waiting)
    quiet = [round_ for round_ in rounds if waiting(round_) < BUSY]
    return quiet if len(quiet) * 3 >= len(rounds) else rounds[: max(1, len(rounds) // 3)]


def times(contestant: Contestant, forward: Contestant, kept: list[int]) -> dict[str, float]:
    """The median time of a call, and the median of its ratios to NumPy's forward pass, round by round."""
    if contestant.refused:
        return {}
    found = {}
    for clock in ("wall", "cpu"):
        mine = [contestant.rounds[round_][clock] for round_ in kept]
        theirs = [forward.rounds[round_][clock] for round_ in kept]
        found[f"ms_{clock}"] = statistics.median(mine) * 1e3
        found[f"ratio_{clock}"] = statistics.median(a / b for a, b in zip(mine, theirs, strict=True))
    return found


def saved_gradients(folder: Path) -> dict[str, Any]:
    """The gradients that the processes have written down."""
    gradients = {}
    for way in ("eager", "compiled", "jax"):
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
        "| Kernel | NumPy forward | Eager ÷ forward | Compiled ÷ forward | JAX ÷ forward | First call "
        "| First ÷ eager call | JAX's first call | Peak: first call, later | JAX's peaks | Lines |",
        "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for entry in entries:
        compiled, jax, eager = entry["compiled"], entry.get("jax", {}), entry["eager"]
        cells = [
            entry["kernel"],
            f"{entry['numpy'][f'ms_{clock}']:.3g} ms",
            _figure(eager.get(f"ratio_{clock}"), ".1f"),
            _figure(compiled.get(f"ratio_{clock}"), ".2f") or "refused",
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
    if "peak_later" not in facts:
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
    if "peak_later" not in facts:
        return ""
    return f"{facts['peak_first'] / 1e6:.1f}, {facts['peak_later'] / 1e6:.1f} MB"


def _figure(value: float | None, form: str, unit: str = "") -> str:
    return "" if value is None else f"{value:{form}}{unit}"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Measure the gradients of programs as they are written.")
    parser.add_argument("words", nargs="*", help="only kernels whose name has one of these words")
    parser.add_argument("--rounds", type=int, default=15, help="how often each process has its turn (default: 15)")
    parser.add_argument("--seconds", type=float, default=0.1, help="how long a turn is (default: 0.1)")
    parser.add_argument("--patience", type=float, default=300, help="seconds that a first call may take (default: 300)")
    parser.add_argument("--clock", choices=("wall", "cpu"), default="wall", help="cpu is the processor's time")
    parser.add_argument("--cores", type=int, help="let the processes use so many cores")
    parser.add_argument("--jax", help="the Python that has JAX (default: this one, if it has)")
    parser.add_argument("--tiny", action="store_true", help="sizes that show only that the kernels run")
    parser.add_argument("--check", action="store_true", help="compare gradients of tiny kernels, in this process alone")
    parser.add_argument("--json", type=Path, help="write the numbers to this file")
    options = parser.parse_args(arguments)
    if options.jax is None and _has_jax():
        options.jax = sys.executable
    if options.cores is not None:
        os.sched_setaffinity(0, set(sorted(os.sched_getaffinity(0))[: options.cores]))
    words = [word.lower() for word in options.words]
    entries = []
    for kernel in KERNELS:
        if words and not any(word in kernel.name.lower() for word in words):
            continue
        print(f"{kernel.name} ...", file=sys.stderr, flush=True)
        entries.append(checked(kernel) if options.check else measured(kernel, options))
    document = {"machine": machine(), "kernels": entries}
    if options.json is not None:
        options.json.write_text(json.dumps(document, indent=2) + "\n")
    if not options.check:
        print(table(entries, options.clock), summary(entries, options.clock), sep="\n\n", end="\n\n")
    print(refusals(entries))
    return 1 if any(entry["faults"] for entry in entries) else 0


def _has_jax() -> bool:
    import importlib.util

    return importlib.util.find_spec("jax") is not None


if __name__ == "__main__":
    sys.exit(main())
