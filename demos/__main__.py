"""Run the demos: `python -m demos` takes the whole tour, `python -m demos pythagoras` a part of it."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import inspect
import io
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import TextIO

from demos.page import Chapter, heading, page
from tinygraph.drawing.errors import DrawingError

NAMES = (
    "pythagoras",
    "logistic_regression",
    "deep_network",
    "admissions",
    "digits_mlp",
    "iris",
    "mnist_mlp",
    "mnist_cnn",
    "sklearn_compare",
    "rnn",
    "lstm",
    "gan",
    "rbm",
    "autoencoder",
    "transfer",
    "microgpt",
    "transformer",
)
PAGE_NAME = "index.html"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line, and return the exit status."""
    options = parser().parse_args(arguments)
    if options.list:
        for name in NAMES:
            print(f"{name:20} {heading(documentation(module(name)))}")
        return 0
    names = list(dict.fromkeys(options.names)) or list(NAMES)
    if options.images is not None and "deep_network" not in names:
        print("demos: --images belongs to deep_network, which is not among the demos asked for", file=sys.stderr)
        return 2
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal without "√" shows "?"
    try:
        written = tour(names, options.out, options.images)
    except ModuleNotFoundError as error:
        print(f'demos: {error}. The demos need more than tinygraph does: pip install -e ".[demos]"', file=sys.stderr)
        return 1
    except (OSError, ValueError, ImportError, DrawingError) as error:
        print(f"demos: {error}", file=sys.stderr)
        return 1
    print(f"All pictures on one page: {written.resolve()}")
    return 0


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    made = argparse.ArgumentParser(
        prog="python -m demos",
        description="Worked examples of tinygraph; without names, all of them. No network is needed.",
        epilog="Where the environment variable TINYGRAPH_DATA names a folder with sign_digits.npz, "
        "admissions.csv, mnist.npz or tinyshakespeare.txt, the demos use these instead of scikit-learn's small data "
        "and Python's language reference, and show the published figures beside their own. Then the tour takes "
        "minutes.",
    )
    made.add_argument("names", nargs="*", metavar="NAME", type=known, help=f"one of {', '.join(NAMES)}")
    made.add_argument(
        "--out", type=Path, default=Path("pictures"), metavar="DIR", help="where the pictures go (default: ./pictures)"
    )
    made.add_argument("--images", metavar="FOLDER", help="deep_network: learn from the images in FOLDER, cat* or not")
    made.add_argument("--list", action="store_true", help="say what there is, and stop")
    return made


def known(name: str) -> str:
    """Return the name of a demo; refuse any other name."""
    if name not in NAMES:
        raise argparse.ArgumentTypeError(f"there is no demo {name!r}; there are {', '.join(NAMES)}")
    return name


def tour(names: Sequence[str], out: Path, images: str | None = None) -> Path:
    """Run some demos, write one page with everything, and return the path of the page."""
    out.mkdir(parents=True, exist_ok=True)
    chapters = [run(name, out, images) for name in names]
    path = out / (PAGE_NAME if len(names) > 1 else f"{names[0]}.html")
    path.write_text(page(chapters, out, "A tour of tinygraph"), "utf-8")
    return path


def run(name: str, out: Path, images: str | None = None) -> Chapter:
    """Run one demo, and show its output."""
    from threadpoolctl import threadpool_limits  # scikit-learn brings it

    demo = module(name)
    title = heading(documentation(demo))
    print(f"{title}\n{'-' * len(title)}")
    printed = Tee(sys.stdout)
    started = time.perf_counter()
    # Small matrices gain next to nothing from a second thread, and on a busy machine the threads wait for each other:
    # five epochs of MNIST took 98 s with two threads, 8 s with one.
    with contextlib.redirect_stdout(printed), threadpool_limits(1):
        results = demo.main(out, images=images) if name == "deep_network" else demo.main(out)
    print(f"({name}: {time.perf_counter() - started:.1f} s)\n")
    return Chapter(name, documentation(demo), printed.getvalue(), inspect.getsource(demo), results.pictures)


class Tee(io.StringIO):
    """A stream that keeps its text and shows it at the same time."""

    def __init__(self, shown: TextIO) -> None:
        super().__init__()
        self.shown = shown

    def write(self, text: str) -> int:
        """Keep the text, and show it."""
        self.shown.write(text)
        return super().write(text)

    def flush(self) -> None:
        """Show the text written so far."""
        self.shown.flush()


def module(name: str) -> ModuleType:
    """The module of a demo."""
    return importlib.import_module(f"demos.{name}")


def documentation(demo: ModuleType) -> str:
    """Return the docstring of a demo."""
    return inspect.getdoc(demo) or demo.__name__


if __name__ == "__main__":
    sys.exit(main())
