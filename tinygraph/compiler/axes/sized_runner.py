"""Sized runners: an open text, executed for one size."""

from __future__ import annotations

import linecache
import threading
import weakref
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property
from types import CodeType
from typing import Any

import numpy as np

from tinygraph.compiler.axes.explaining import put_in
from tinygraph.compiler.axes.open_text import OpenText
from tinygraph.compiler.program.decisions import outcomes_in
from tinygraph.compiler.program.program import Program
from tinygraph.compiler.run.runner import Runner
from tinygraph.compiler.run.threads import executed
from tinygraph.compiler.schedule.blas_threads import Setting

__all__ = ["OpenRunner", "SizedRunner"]

# The memory of the last sizes stays.
SIZES_KEPT = 8


class OpenRunner:
    """A compiled open text.

    Attributes:
        text: the text.
        written: the text of one of its samples, with this text in its place.
    """

    def __init__(self, text: OpenText) -> None:
        self.text = text
        self.written = replace(text.sample.text, tagged=text.tagged, program=[])
        file = f"<compiled {text.sample.task.name} {id(self):x}>"
        source = self.written.source
        self.code = compile(source, file, "exec")
        self._file = file
        self._codes: dict[Setting | None, CodeType] = {None: self.code}
        linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
        weakref.finalize(self, linecache.cache.pop, file, None)
        self._recent: list[_Executed] = []
        self._lock = threading.Lock()

    def at(
        self, size: int, program: Program, write: Callable[[Program], Any], pattern: tuple[int | None, ...]
    ) -> SizedRunner:
        """Return the runner for a size; see `SizedRunner`."""
        return SizedRunner(_Executed(self, size), program, write, pattern)

    def code_with(self, setting: Setting | None) -> CodeType:
        """Return the compiled text, with several threads of BLAS for some products."""
        if setting not in self._codes:
            self._codes[setting] = compile(executed(self.written, setting), self._file, "exec")
        return self._codes[setting]

    def note(self, used: _Executed) -> None:
        """Note that the memory for a size has been made, and let go of that of the size that waits longest."""
        with self._lock:
            self._recent = [*[one for one in self._recent if one is not used], used]
            old = self._recent[:-SIZES_KEPT]
            self._recent = self._recent[-SIZES_KEPT:]
        for one in old:
            one.let_go()


class _Executed(Runner):
    """The runner of an open text for one size."""

    def __init__(self, opened: OpenRunner, size: int) -> None:
        sample = opened.text.sample
        setting = opened.text.setting(size)
        code = opened.code_with(setting)
        super().__init__(sample.task, opened.written, sample.plan, code, setting, None)
        self.opened = opened
        self.size = size

    def _bind(self, variables: Sequence[Any], generators: Sequence[Any]) -> None:
        super()._bind(variables, generators)
        self.opened.note(self)

    def _space(self, variables: Sequence[Any], generators: Sequence[Any]) -> dict[str, Any]:
        text = self.opened.text
        sized = {name: put_in(value, self.size) for name, value in text.constants.items()}
        return {**super()._space(variables, generators), **sized, text.name: self.size}

    def let_go(self) -> None:
        """Free the memory. It is made again at the next run."""
        if self._lock.acquire(blocking=False):
            try:
                self._bound, self._given, self._step = None, None, self._unbound
                self._machine_code = None
            finally:
                self._lock.release()


class SizedRunner:
    """The runner of a program at one size: it runs an open text.

    What is asked of it besides, such as its plan or a profile, is that of the program written for this size alone.

    Attributes:
        run, use_machine_code: see `Runner`.
        source: the open text.
        opened: the text for all sizes.
        size: the size.
        path: the outcomes of the decisions.
        names: for each axis in the signature the name of its size, or None where the axis is not open.
    """

    def __init__(
        self, executed: _Executed, program: Program, write: Callable[[Program], Any], pattern: tuple[int | None, ...]
    ) -> None:
        """Hold an open text for a size.

        Args:
            executed: the text, for this size.
            program: the program at this size.
            write: the compiler, for those who ask what is written for this size alone.
            pattern: the size of each axis in the signature, None for an open one.
        """
        self.run = executed.run
        self.use_machine_code = executed.use_machine_code
        self.source = executed.source
        self.opened = executed.opened
        self.size = executed.size
        self.path = outcomes_in(program.graph.nodes)
        self.names = [executed.opened.text.name if fixed is None else None for fixed in pattern]
        self._executed = executed
        self._program = program
        self._write = write

    @cached_property
    def alone(self) -> Any:
        """The runner of the program written for this size alone."""
        return self._write(self._program)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self.alone, name)

    def fits(self) -> bool:
        """Return whether all values fit into the memory of this size that they share with others."""
        variables = [np.empty(variable.node.shape, variable.node.dtype) for variable in self._program.variables]
        try:
            exec(self.opened.code, self._executed._space(variables, self._program.generators))
        except ValueError:  # a value is larger than that whose memory it shares
            return False
        return True
