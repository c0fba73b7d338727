"""Graphviz, installed in one of two ways: as the pygraphviz package, or as the `dot` program. Every layout is made in
a process of its own, within a time limit."""

from __future__ import annotations

import functools
import importlib.util
import json
import math
import os
import re
import shutil
import subprocess
import sys
import time
import warnings
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from tinygraph.drawing.errors import DrawingError, NoEngineError, NoFontsError, TooLargeError
from tinygraph.drawing.layout import workers

__all__ = ["MOST_BOXES", "SECONDS", "has_fonts", "render", "renders", "renders_many"]

MOST_BOXES = 2000
SECONDS = 20.0
LONGEST_LINE = 16_384

# The first version of the `dot` program that puts letters where the layout has room for them.
NEW_ENOUGH = (2, 50)


def render(source: str, kind: str, boxes: int = 0) -> bytes:
    """Lay DOT text out and draw it.

    Args:
        source: the text.
        kind: a format, one of Graphviz's own, such as "svg", "json", "png" or "pdf".
        boxes: the number of boxes.

    Raises:
        NoEngineError: there is neither pygraphviz nor `dot`.
        NoFontsError: the engine draws the letters of this format, and the machine has no fonts.
        TooLargeError: there are more than 2,000 boxes, or the layout took longer than 20 seconds.
        DrawingError: Graphviz complained.
    """
    return renders(source, [kind], boxes)[0]


def renders(source: str, kinds: Sequence[str], boxes: int = 0) -> list[bytes]:
    """Lay DOT text out once, and draw it in each of several formats.

    Args:
        kinds: the formats.
        source, boxes: see `render`, which raises the same.
    """
    (drawn,) = renders_many([(source, boxes)], kinds)
    if isinstance(drawn, TooLargeError):
        raise drawn
    return drawn


def renders_many(
    sources: Iterable[tuple[str, int]], kinds: Sequence[str], seconds: float | None = None
) -> Iterator[list[bytes] | TooLargeError]:
    """Lay several DOT texts out, and draw each in several formats.

    The layout of a text goes on while the text after it is made, and while its own reader works on the picture before.

    Args:
        sources: each text with the number of its boxes.
        kinds: the formats.
        seconds: the limit of all of them together; a text that is not laid out until then is a `TooLargeError`. None
            for 20 seconds each.

    Yields:
        The formats of each text, or the error of a text that is too large.

    Raises what `render` does for anything else.
    """
    _check_letters(kinds)
    end = math.inf if seconds is None else time.monotonic() + seconds
    last: _Begun | TooLargeError | None = None
    try:
        for source, boxes in sources:
            found = _finished(last)
            last = None
            last = _begun(source, kinds, boxes, min(SECONDS, end - time.monotonic()))
            if found is not None:
                yield found
        found, last = _finished(last), None
        if found is not None:
            yield found
    finally:
        if isinstance(last, _Begun):
            last.layout.abandon()


class _Begun(NamedTuple):
    layout: workers.WorkersLayout | workers.ProgramsLayout
    seconds: float


def _check_letters(kinds: Sequence[str]) -> None:
    with_letters = {"png", "pdf"}.intersection(kinds)
    if with_letters and not has_fonts():
        raise NoFontsError(
            f"this machine has no fonts, so a {min(with_letters).upper()} would show empty boxes for letters; "
            "save an .svg, or install a font (for example the system package fonts-dejavu-core)"
        )


def _begun(source: str, kinds: Sequence[str], boxes: int, seconds: float) -> _Begun | TooLargeError:
    if boxes > MOST_BOXES:
        return TooLargeError(f"{boxes:,} boxes are more than Graphviz can lay out in time; {MOST_BOXES:,} is the most")
    if any(len(line) > LONGEST_LINE for line in source.splitlines()):
        raise DrawingError(f"a line of the DOT text is longer than the {LONGEST_LINE:,} characters Graphviz reads")
    if seconds <= 0:
        return _late(SECONDS)
    folder, program = _package(), shutil.which("dot")
    if folder is not None:
        return _Begun(workers.WorkersLayout(folder, source, kinds, seconds), seconds)
    if program is not None:
        _note_if_old(program)
        return _Begun(workers.ProgramsLayout(program, source, kinds, seconds), seconds)
    raise NoEngineError(
        "a picture needs Graphviz, and this Python has no way to it. Either of these gives one:\n"
        '  pip install "tinygraph[draw]"\n'
        "  the system package graphviz (apt install graphviz, brew install graphviz)\n"
        'Drawing.text(), .mermaid() and .save("x.dot") work without.'
    )


def _finished(begun: _Begun | TooLargeError | None) -> list[bytes] | TooLargeError | None:
    if not isinstance(begun, _Begun):
        return begun
    try:
        drawn, complaints = begun.layout.finish()
    except workers.Late:
        return _late(begun.seconds)
    except workers.Lost as reason:
        raise DrawingError(f"Graphviz could not draw this: {reason}") from None
    _raise_if_any(complaints)
    return drawn


def _late(seconds: float) -> TooLargeError:
    return TooLargeError(
        f"laying this picture out took longer than {seconds:.3g} seconds; "
        "draw part of the graph, or name parts of it with tg.scope(...) and they are collapsed"
    )


def _package() -> str | None:
    """Return the folder with the pygraphviz package, or None. It is not imported here."""
    found = importlib.util.find_spec("pygraphviz")
    if found is None or not found.submodule_search_locations or not sys.executable:
        return None
    return os.path.dirname(found.submodule_search_locations[0])


@functools.cache
def _note_if_old(program: str) -> None:
    """Warn once of a `dot` that misplaces letters."""
    done = subprocess.run([program, "-V"], capture_output=True, text=True, check=False, timeout=SECONDS)
    found = re.search(r"version (\d+)\.(\d+)(?:\.\d+)*", done.stderr + done.stdout)
    if found is not None and (int(found[1]), int(found[2])) < NEW_ENOUGH:
        warnings.warn(
            f"the program dot has {found[0]}, which misplaces letters in cards. "
            'pip install "tinygraph[draw]" brings a newer Graphviz',
            stacklevel=2,
        )


def _raise_if_any(complaints: str) -> None:
    """Raise Graphviz's errors. A broken label raises none: it is missing from the picture, and C writes to stderr."""
    serious = [line for line in complaints.splitlines() if line.startswith("Error")]
    if serious:
        raise DrawingError("Graphviz could not read a part of the picture: " + "; ".join(serious))


@functools.cache
def has_fonts() -> bool:
    """Return whether letters have widths of their own; without fonts "i" is as wide as "W"."""
    letters = (f'{letter} [fontname=Helvetica label="{letter * 20}"]' for letter in "iW")
    layout = render(f"digraph {{ {'; '.join(letters)} }}", "json")
    narrow, wide = json.loads(layout)["objects"]
    return float(narrow["width"]) != float(wide["width"])
