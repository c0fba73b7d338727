"""Processes that lay pictures out: each can be stopped, and one is kept warm for the next picture.

A layout is C code that holds the interpreter's lock and hears no Ctrl-C, so that none is made in this process. A new
process needs 60 ms until its first layout, a warm one under 1 ms. A worker ends with its process, at the time limit, at
Ctrl-C, and with this process: then its input ends.
"""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

__all__ = ["Drawn", "Late", "Lost", "ProgramsLayout", "WorkersLayout", "close_all"]

# A layout in each of the requested formats, and the complaints of Graphviz.
Drawn = tuple[list[bytes], str]

# As many warm workers are kept. Threads that draw at once have one each.
KEPT = 1
# Graphviz keeps some 3 kB of each layout, so that a worker is replaced after so many.
MOST_LAYOUTS = 2000
# The longest pause between two looks at a process that cannot wake this one.
PAUSE = 0.005

# Ctrl-C in a terminal is sent to every process of its group, and shall reach this one alone.
_APART: dict[str, Any]
if sys.platform == "win32":
    _APART = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW}
else:
    _APART = {"start_new_session": True}


class Late(Exception):  # noqa: N818
    """The time is up."""


class Lost(Exception):  # noqa: N818
    """A process ended without an answer."""


class _Worker:
    """A process that runs `layout_process.py`."""

    def __init__(self, folder: str) -> None:
        program = str(Path(__file__).with_name("layout_process.py"))
        self.folder = folder
        self.process = subprocess.Popen(
            [sys.executable, "-I", "-S", program, folder],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            cwd=folder,
            **_APART,
        )
        assert self.process.stdin is not None and self.process.stdout is not None
        self.input = self.process.stdin
        self.output = self.process.stdout
        self.unread = b""
        self.layouts = 0

    def send(self, source: str, kinds: Sequence[str], seconds: float) -> None:
        text = source.encode()
        request = json.dumps({"size": len(text), "kinds": list(kinds), "seconds": seconds}).encode() + b"\n"
        rest = memoryview(request + text)
        try:
            while rest:
                rest = rest[self.input.write(rest) :]
        except OSError:
            raise self._lost() from None

    def receive(self, until: float) -> Drawn:
        while b"\n" not in self.unread:
            self._read_more(until)
        line, _, self.unread = self.unread.partition(b"\n")
        told = json.loads(line)
        drawn = [self._take(size, until) for size in told["sizes"]]
        complaints = told["complaints"]
        if told["failure"] and "Error" not in complaints:
            complaints += f"Error: {told['failure']}\n"
        return drawn, complaints

    def _take(self, size: int, until: float) -> bytes:
        while len(self.unread) < size:
            self._read_more(until)
        taken, self.unread = self.unread[:size], self.unread[size:]
        return taken

    def _read_more(self, until: float) -> None:
        if not _readable(self.output.fileno(), until - time.monotonic()):
            raise Late
        part = os.read(self.output.fileno(), 1 << 20)
        if not part:
            raise self._lost()
        self.unread += part

    def _lost(self) -> Lost:
        return Lost(_ending(self.process.wait()))

    @property
    def lives(self) -> bool:
        return self.process.poll() is None

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        self.leave()

    def leave(self) -> None:
        """Let go of the pipes: those of a worker of another process close here, and stay open there."""
        self.process.returncode = self.process.returncode or 0  # else Python warns that the process still runs
        for stream in (self.input, self.output):
            stream.close()


if sys.platform == "win32":

    def _readable(descriptor: int, seconds: float) -> bool:
        """Wait until a pipe can be read, or has ended. Windows wakes nobody, so that this looks again and again."""
        import _winapi
        import msvcrt

        until = time.monotonic() + seconds
        while True:
            try:
                if _winapi.PeekNamedPipe(msvcrt.get_osfhandle(descriptor), 0)[0]:
                    return True
            except BrokenPipeError:
                return True
            if time.monotonic() > until:
                return False
            time.sleep(PAUSE)
else:
    import select

    def _readable(descriptor: int, seconds: float) -> bool:
        """Wait until a pipe can be read, or has ended. A signal interrupts it."""
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        return bool(poll.poll(max(seconds, 0) * 1000))


def _ending(status: int) -> str:
    return f"its process was ended by signal {-status}" if status < 0 else f"exit status {status}"


_idle: list[_Worker] = []
_busy: set[_Worker] = set()


class WorkersLayout:
    """A layout that a worker has begun.

    Args:
        folder: where the package pygraphviz is.
        source: the DOT text.
        kinds: Graphviz's formats, such as "svg" and "json".
        seconds: the limit.
    """

    def __init__(self, folder: str, source: str, kinds: Sequence[str], seconds: float) -> None:
        self._until = time.monotonic() + seconds
        self._worker = _free_worker(folder)
        try:
            self._worker.send(source, kinds, seconds)
        except BaseException:
            self.abandon()
            raise

    def finish(self) -> Drawn:
        """Wait for the layout, and return it in each of the formats, and the complaints of Graphviz.

        Raises:
            Late: the layout took longer. Its process is no more.
            Lost: the process ended without an answer.
        """
        try:
            found = self._worker.receive(self._until)
        except BaseException:
            self.abandon()
            raise
        _busy.discard(self._worker)
        self._worker.layouts += 1
        if len(_idle) < KEPT and self._worker.layouts < MOST_LAYOUTS:
            _idle.append(self._worker)
        else:
            self._worker.end()
        return found

    def abandon(self) -> None:
        """End the process of a layout that nobody waits for."""
        _busy.discard(self._worker)
        self._worker.end()


def _free_worker(folder: str) -> _Worker:
    while True:
        try:
            worker = _idle.pop()
        except IndexError:
            worker = _Worker(folder)
        if worker.folder == folder and worker.lives:
            _busy.add(worker)
            return worker
        worker.end()


def close_all() -> None:
    """End the workers that wait."""
    while _idle:
        _idle.pop().end()


def _forget_all() -> None:
    """Leave the workers to the process that started them: this one is its copy, made by `os.fork`."""
    for worker in [*_idle, *_busy]:
        worker.leave()
    _idle.clear()
    _busy.clear()


atexit.register(close_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)


class ProgramsLayout:
    """A layout that the program `dot` has begun.

    Args:
        program: the path of `dot`.
        source, kinds, seconds: see `WorkersLayout`.
    """

    def __init__(self, program: str, source: str, kinds: Sequence[str], seconds: float) -> None:
        self._until = time.monotonic() + seconds
        self._folder = tempfile.TemporaryDirectory(prefix="tinygraph-")
        text, self._complaints = self._file("source.dot"), self._file("complaints")
        text.write_bytes(source.encode())
        self._drawn = [self._file(f"drawn.{number}") for number in range(len(kinds))]
        outputs = [part for kind, path in zip(kinds, self._drawn, strict=True) for part in (f"-T{kind}", f"-o{path}")]
        with text.open("rb") as stdin, self._complaints.open("wb") as stderr:
            self._process = subprocess.Popen(
                [program, *outputs], stdin=stdin, stdout=subprocess.DEVNULL, stderr=stderr, **_APART
            )

    def _file(self, name: str) -> Path:
        return Path(self._folder.name, name)

    def finish(self) -> Drawn:
        """See `WorkersLayout.finish`."""
        try:
            while (status := self._process.poll()) is None:
                if time.monotonic() > self._until:
                    raise Late
                time.sleep(PAUSE)
            told = self._complaints.read_text("utf-8", errors="replace")
            found = [path.read_bytes() if path.exists() else b"" for path in self._drawn]
        finally:
            self.abandon()
        if (status or not all(found)) and "Error" not in told:
            raise Lost(told.strip() or _ending(status))
        return found, told

    def abandon(self) -> None:
        """End the process, if it still runs, and remove its files."""
        self._process.kill()
        self._process.wait()
        self._folder.cleanup()
