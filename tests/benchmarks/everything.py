"""The benchmarks whose tables stand in the documentation, made anew. Run from anywhere, on a machine that is idle:

    python tests/benchmarks/everything.py --python torch=/venv/bin/python --docs docs/benchmarks.md
    python tests/benchmarks/everything.py --json out.json       only print the tables, and write the numbers
    python tests/benchmarks/everything.py --from out.json --docs docs/benchmarks.md     tables of numbers made before

A table stands in the documentation between `<!-- table: NAME -->` and `<!-- end -->`. Two benchmarks are run by
themselves: `written.py`, which takes ten minutes, and `load.py`, which keeps a processor busy.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(1, str(Path(__file__).parents[2]))  # a checkout that is not installed

import beside
import costs
import first_calls
import spellings
from machine import machine
from options import add_options, pythons
from tables import aims_table, conditions, eager_table, times_table

PARTS: dict[str, Any] = {"beside": beside, "spellings": spellings, "first calls": first_calls, "costs": costs}
ROUNDS = {"beside": 5, "spellings": 5, "first calls": 3, "costs": 9}


def taken(options: argparse.Namespace) -> dict[str, Any]:
    """The numbers of all parts."""
    document: dict[str, Any] = {"machine": machine(pythons(options)), "quiet": options.quiet}
    for name, part in PARTS.items():
        began = time.perf_counter()
        wanted = argparse.Namespace(**vars(options))
        wanted.rounds = 1 if options.tiny else max(1, round(ROUNDS[name] * options.times))
        document[name] = part.run(wanted)
        print(f"{name}: {time.perf_counter() - began:.0f} s", file=sys.stderr, flush=True)
        if options.json is not None:
            options.json.write_text(json.dumps(document, indent=2) + "\n")
    return document


def tables(document: dict[str, Any]) -> dict[str, str]:
    """All tables, by name."""
    found = {
        "machine": "; ".join(f"{name}: {value}" for name, value in document["machine"].items()) + ".",
        "conditions": conditions(document["beside"], document["quiet"]),
        "aims": aims_table(document["beside"]),
        "eager": eager_table(document["beside"]),
        "times": times_table(document["beside"]),
        "law": spellings.summary(document["spellings"]),
        "spellings": spellings.table(document["spellings"]),
        "sizes": spellings.ladder_table(document["spellings"]),
        "first calls": first_calls.table(document["first calls"], document["quiet"]),
    }
    return found | {name: costs.TABLES[name](each) for name, each in document["costs"].items()}


def written_into(text: str, found: dict[str, str]) -> str:
    """The documentation with its tables made anew."""

    def table(match: re.Match[str]) -> str:
        name = match[1]
        return f"<!-- table: {name} -->\n\n{found[name]}\n\n<!-- end -->" if name in found else match[0]

    return re.sub(r"<!-- table: ([^>]*?) -->.*?<!-- end -->", table, text, flags=re.DOTALL)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Run all benchmarks.")
    add_options(parser, rounds=0)
    spellings.add_drawing(parser)
    parser.add_argument("--times", type=float, default=1.0, help="times as many rounds (default: 1)")
    parser.add_argument("--only", nargs="+", metavar="LIBRARY", help="only these libraries")
    parser.add_argument("--docs", type=Path, help="write the tables into this file, between its markers")
    parser.add_argument("--from", dest="before", type=Path, help="make no measurement; the numbers are in this file")
    options = parser.parse_args(arguments)
    document = json.loads(options.before.read_text()) if options.before else taken(options)
    found = tables(document)
    print("\n\n".join(f"<!-- table: {name} -->\n\n{text}\n\n<!-- end -->" for name, text in found.items()))
    if options.docs is not None:
        options.docs.write_text(written_into(options.docs.read_text(), found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
