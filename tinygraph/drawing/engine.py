"""Graphviz, installed in one of two ways: as the `dot` program, or as the pygraphviz package in this process."""

from __future__ import annotations

import functools
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tinygraph.drawing.errors import DrawingError, NoEngineError, NoFontsError, TooLargeError

__all__ = ["MOST_BOXES", "has_fonts", "render"]

MOST_IN_PROCESS = 500
MOST_BOXES = 2000
SECONDS = 20
LONGEST_LINE = 16_384
ENGINE_SAYS = ("Error", "Warning", "Fontconfig", "... ", "in label", "in line", "(process", "Pango")

_one_at_a_time = threading.RLock()


def render(source: str, kind: str, boxes: int = 0) -> bytes:
    """Lay DOT text out and draw it.

    Args:
        source: the text.
        kind: a format, one of Graphviz's own, such as "svg", "json", "png" or "pdf".
        boxes: the number of boxes, which decides on the process that draws.

    Raises:
        NoEngineError: there is neither `dot` nor pygraphviz.
        NoFontsError: the engine draws the letters of this format, and the machine has no fonts.
        TooLargeError: there are more than 2,000 boxes, or the layout took longer than 20 seconds.
        DrawingError: Graphviz complained.
    """
    if boxes > MOST_BOXES:
        raise TooLargeError(f"{boxes:,} boxes are more than Graphviz can lay out in time; {MOST_BOXES:,} is the most")
    if any(len(line) > LONGEST_LINE for line in source.splitlines()):
        raise DrawingError(f"a line of the DOT text is longer than the {LONGEST_LINE:,} characters Graphviz reads")
    if kind in {"png", "pdf"} and not has_fonts():
        raise NoFontsError(
            f"this machine has no fonts, so a {kind.upper()} would show empty boxes for letters; "
            "save an .svg, or install a font (for example the system package fonts-dejavu-core)"
        )
    return _render(source, kind, boxes)


def _render(source: str, kind: str, boxes: int) -> bytes:
    program = shutil.which("dot")
    if program is not None:
        return _in_child([program, f"-T{kind}"], source)
    if importlib.util.find_spec("pygraphviz") is None:
        raise NoEngineError(
            "a picture needs Graphviz, and this Python has no way to it. Either of these gives one:\n"
            '  pip install "tinygraph[draw]"\n'
            "  the system package graphviz (apt install graphviz, brew install graphviz)\n"
            'Drawing.source, .mermaid() and .save("x.dot") work without.'
        )
    if boxes > MOST_IN_PROCESS:
        code = f"from tinygraph.drawing.engine import draw_standard_input as d; d({kind!r})"
        return _in_child([sys.executable, "-c", code], source)
    return _in_process(source, kind)


def _in_process(source: str, kind: str) -> bytes:
    """Draw a new graph once, and drop it: to draw one twice crashes the interpreter."""
    import pygraphviz

    with _captured_stderr() as complaints:
        try:
            graph = pygraphviz.AGraph(string=source)
            drawn: bytes = graph.draw(format=kind, prog="dot")
            del graph
        except Exception as error:
            raise DrawingError(f"Graphviz could not draw this: {error}") from error
    _raise_if_any(complaints[0])
    return drawn


def _in_child(command: list[str], source: str) -> bytes:
    """Draw in a process of its own, which can be stopped: layout holds the interpreter's lock and ignores Ctrl-C."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    try:
        done = subprocess.run(
            command, input=source.encode(), capture_output=True, timeout=SECONDS, check=False, env=environment
        )
    except subprocess.TimeoutExpired:
        raise TooLargeError(
            f"laying this picture out took longer than {SECONDS} seconds; "
            "draw part of the graph, or name parts of it with tg.scope(...) and they are collapsed"
        ) from None
    complaints = done.stderr.decode(errors="replace")
    _raise_if_any(complaints)
    if done.returncode or not done.stdout:
        raise DrawingError(f"Graphviz could not draw this: {complaints.strip() or f'exit status {done.returncode}'}")
    return done.stdout


def draw_standard_input(kind: str) -> None:
    """Draw the standard input: the child process runs this where there is no `dot` program."""
    sys.stdout.buffer.write(_in_process(sys.stdin.buffer.read().decode(), kind))


def _raise_if_any(complaints: str) -> None:
    """Raise Graphviz's errors. A broken label raises none: it is missing from the picture, and C writes to stderr."""
    serious = [line for line in complaints.splitlines() if line.startswith("Error")]
    if serious:
        raise DrawingError("Graphviz could not read a part of the picture: " + "; ".join(serious))


@contextmanager
def _captured_stderr() -> Iterator[list[str]]:
    """Capture the text that C code writes to file descriptor 2, as one text in a list.

    The descriptor belongs to the whole process, so one thread at a time may have it. An error gives it back, too.
    """
    heard = [""]
    with _one_at_a_time, tempfile.TemporaryFile() as file:
        try:
            saved = os.dup(2)
        except OSError:
            yield heard
            return
        try:
            if sys.stderr is not None:
                sys.stderr.flush()
            os.dup2(file.fileno(), 2)
            yield heard
        finally:
            os.dup2(saved, 2)
            os.close(saved)
            file.seek(0)
            heard[0] = file.read().decode(errors="replace")
            _give_back([line for line in heard[0].splitlines() if not line.startswith(ENGINE_SAYS)])


def _give_back(lines: list[str]) -> None:
    """Write the lines of other threads to stderr."""
    if any(lines):
        os.write(2, ("\n".join(lines) + "\n").encode())


@functools.cache
def has_fonts() -> bool:
    """Return whether letters have widths of their own; without fonts "i" is as wide as "W"."""
    narrow, wide = (
        json.loads(_render(f'digraph {{ n [fontname=Helvetica label="{letter * 20}"] }}', "json", 1)) for letter in "iW"
    )
    return float(narrow["objects"][0]["width"]) != float(wide["objects"][0]["width"])
