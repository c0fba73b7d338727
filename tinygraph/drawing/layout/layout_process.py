"""The program of a layout process: it reads DOT texts, and answers each with the layout in the requested formats.

`workers.py` starts it as a script, with the folder of the pygraphviz package. It imports nothing of tinygraph, so that
it starts in some 50 ms. A request is a line of JSON, {"size": bytes of text, "kinds": formats, "seconds": limit}, and
the text. An answer is a line of JSON, {"sizes": bytes of each format, "complaints": the text that Graphviz wrote to
stderr, "failure": an exception}, and the formats. The end of the input is the end of the process.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import tempfile
from collections.abc import Sequence
from typing import IO, Any, BinaryIO

__all__ = ["answer", "lay_out"]


def lay_out(source: str, kinds: Sequence[str]) -> list[bytes]:
    """Return one layout of a DOT text in each of some formats.

    Every picture is a new graph, which is laid out once and dropped: to lay one out twice crashes the interpreter.
    """
    import pygraphviz
    from pygraphviz import graphviz

    graph = pygraphviz.AGraph(string=source)
    context = graphviz.gvContextWithBuiltins()
    try:
        if graphviz.gvLayout(context, graph.handle, b"dot"):
            raise ValueError("there is no layout of it")
        try:
            return [_rendered(graphviz, context, graph, kind) for kind in kinds]
        finally:
            graphviz.gvFreeLayout(context, graph.handle)
    finally:
        graph.close()
        graphviz.gvFreeContext(context)


def _rendered(graphviz: Any, context: Any, graph: Any, kind: str) -> bytes:
    outcome = graphviz.gvRenderData(context, graph.handle, kind.encode())
    if isinstance(outcome, int) or outcome[0]:  # a status alone for an unknown format
        raise ValueError(f"it could not be drawn as {kind!r}")
    return bytes(outcome[1])


def answer(requests: BinaryIO, answers: BinaryIO, stderr: IO[bytes]) -> None:
    """Answer requests until there are no more."""
    while line := requests.readline():
        request = json.loads(line)
        source = requests.read(request["size"]).decode()
        _end_after(request["seconds"])
        drawn: list[bytes] = []
        failure = ""
        stderr.seek(0)
        stderr.truncate()
        try:
            drawn = lay_out(source, request["kinds"])
        except Exception as error:
            failure = f"{type(error).__name__}: {error}"
        _end_after(0)
        stderr.seek(0)
        told = {"sizes": list(map(len, drawn)), "complaints": stderr.read().decode(errors="replace")}
        answers.write(json.dumps(told | {"failure": failure}).encode() + b"\n" + b"".join(drawn))
        answers.flush()


def _end_after(seconds: float) -> None:
    """End this process after some seconds, also inside of Graphviz; not at all after 0.

    The other process ends this one at the limit. If the other process was killed, nobody else would.
    """
    if sys.platform != "win32":
        signal.setitimer(signal.ITIMER_REAL, seconds and seconds + 5)


def _main(folder: str) -> None:
    if sys.platform != "win32":
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
    sys.path.append(folder)
    with tempfile.TemporaryFile() as stderr, os.fdopen(os.dup(1), "wb") as answers:
        os.dup2(stderr.fileno(), 1)
        os.dup2(stderr.fileno(), 2)
        # The package is there before the first request arrives. If it cannot be imported, that request tells why.
        with contextlib.suppress(Exception):
            import pygraphviz  # noqa: F401
        answer(sys.stdin.buffer, answers, stderr)


if __name__ == "__main__":
    _main(sys.argv[1])
