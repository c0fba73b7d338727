"""The options that all benchmarks have."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path

from processors import QUIET_SHARE


def add_options(parser: argparse.ArgumentParser, rounds: int) -> None:
    """Enter them."""
    parser.add_argument("words", nargs="*", help="only what has one of these words in its name")
    parser.add_argument("--rounds", type=int, default=rounds, help=f"clean rounds that are wanted (default: {rounds})")
    parser.add_argument("--limit", type=float, default=30, help="seconds to wait for clean rounds (default: 30)")
    parser.add_argument(
        "--quiet", type=float, default=QUIET_SHARE,
        help=f"the share of a processor that others may take in a clean round (default: {QUIET_SHARE})",
    )  # fmt: skip
    parser.add_argument(
        "--python", action="append", default=[], metavar="LIBRARY=PATH",
        help="the Python that has torch, jax, fast (numba), micrograd, mygrad or autograd; Keras is with its backend",
    )  # fmt: skip
    parser.add_argument("--tiny", action="store_true", help="sizes that show only that everything runs")
    parser.add_argument("--json", type=Path, help="write the numbers to this file")


def limit(options: argparse.Namespace) -> float:
    """The seconds to wait for clean rounds."""
    return 0.0 if options.tiny else float(options.limit)


def pythons(options: argparse.Namespace) -> dict[str, str]:
    """The Python of each library that has one of its own."""
    return dict(entry.split("=", 1) for entry in options.python)


def chosen(names: Iterable[str], options: argparse.Namespace) -> list[str]:
    """The names that were asked for: all of them, or those with one of the words."""
    words = [word.lower() for word in options.words]
    return [name for name in names if not words or any(word in name.lower() for word in words)]
