"""The part of a compiled function that writes its programs into files, of Python or JavaScript."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tinygraph.compiler.axes import has_its_shapes
from tinygraph.compiler.axes.open_program import OpenProgram, closed
from tinygraph.compiler.pipeline import name_of
from tinygraph.compiler.programs_for_calls import NO_COUNTERS, ProgramsForCalls
from tinygraph.compiler.run.versions import Version
from tinygraph.compiler.saving import checked_call, save_versions
from tinygraph.compiler.saving.current_programs import current_programs
from tinygraph.compiler.saving.open_programs import (
    SIZES,
    AnySize,
    not_open,
    open_recording,
    resized,
    rows_of,
    sizes_to_try,
)
from tinygraph.compiler.saving.saved_programs import SavedProgram, saved_version
from tinygraph.compiler.saving.tail import Tail
from tinygraph.errors import UnsupportedError
from tinygraph.whole_files import check_folder

__all__ = ["Saving"]


class Saving:
    """The methods of `Compiled` that save its programs, and make those that are still missing."""

    _function: Callable[..., Any]
    _programs: ProgramsForCalls

    def save(
        self, path: str | os.PathLike[str], /, *args: Any, parameters: str = "beside", any_size: bool = False,
        **kwargs: Any,
    ) -> None:  # fmt: skip
        """Write a module that computes the same and needs NumPy alone, with its arrays in an npz beside it.

        Args:
            path: of the module, ending in ".py". One that ends in ".js" is that of a plain script for a page or Node,
                with the one program for the arguments, or the one that was run last.
            args, kwargs: of the call that it is written for, which is compiled if it was not yet. Without any the
                module has a program for each signature that the function was called with so far.
            parameters: "beside" puts the values of Tensors that the function finds outside into the npz of the same
                name, "arguments" makes them arguments of the function, after the others. Where it updates them it then
                returns a pair: what it returned before, and a dict of the new values.

            any_size: the arrays among the arguments that have as many rows as the first one may have any number of
                rows, if they all have the same. It needs arguments, and a function that does not decide by that number.

        The saved function is called like this one, returns the same, and refuses arguments of other shapes, dtypes or
        values than it was written for: an int among them counts by its value, even one that a program is given at each
        call. Arrays that the function found outside, and numbers that change there, are in the npz as they are now. A
        module, a function, and other objects among the arguments are part of the program and no arguments of the saved
        one.

        Raises:
            ValueError: the path does not end in ".py" or ".js", or `parameters` is something else.
            GraphError: the function has not been called, and no arguments are given.
            UnsupportedError: a program calls a function, or reads an object, that cannot be written into a file, or
                with `any_size` the function decides by the number of rows.
        """
        self.save_as(path, args, kwargs, parameters=parameters, any_size=any_size)

    def save_as(
        self, path: str | os.PathLike[str], args: tuple[Any, ...], kwargs: dict[str, Any], *,
        parameters: str = "beside", any_size: bool = False, tail: Tail | None = None,
    ) -> None:  # fmt: skip
        """Write a module as `save` does, with more functions at its end.

        Args:
            path, args, kwargs, parameters, any_size: see `save`.
            tail: the functions.
        """
        if Path(path).suffix == ".js":
            self._save_javascript(path, args, kwargs, parameters, any_size)
            return
        if Path(path).suffix != ".py":
            raise ValueError(f"save: the path must end in .py, or in .js for a script of JavaScript, got {str(path)!r}")
        opened = None
        if any_size:
            versions, opened = self._for_any_size(parameters, args, kwargs)
        elif args or kwargs:
            versions = [(self._programs.on_its_path(args, kwargs, by_value=True)[0], 0)]
        else:
            versions = self._current()
        save_versions(
            path,
            name_of(self._function),
            self._programs.saved_parameters,
            self._programs.parameters.static,
            [(version, self._programs.calls[version], group) for version, group in versions],
            parameters,
            opened,
            tail,
        )

    def _current(self) -> list[tuple[Version, int]]:
        """Return the programs for what the function finds outside now, each with the number of its signature.

        Raises:
            GraphError: the function has not been called.
            UnsupportedError: what it found outside has changed since.
        """
        self._programs.used()
        with self._programs.lock:
            found = current_programs(self._programs.kept.by_signature, self._programs.calls)
        if not found:
            raise UnsupportedError(
                f"save: what {self._programs.name} found outside has changed since it was compiled. Call it once "
                "more, or give save the arguments of a call: save(path, ...)"
            )
        return found

    def _save_javascript(
        self, path: str | os.PathLike[str], args: tuple[Any, ...], kwargs: dict[str, Any], parameters: str,
        any_size: bool,
    ) -> None:  # fmt: skip
        """Write the program for a call, or the one that was run last, as a JavaScript file."""
        from tinygraph.compiler.javascript.module import save_javascript

        if parameters != "beside" or any_size:
            raise ValueError(
                "save: a JavaScript file is for arrays of one size, and keeps the values of Tensors itself. Leave "
                "parameters= and any_size= out, or save a module of Python, whose path ends in .py"
            )
        check_folder("save", Path(path))
        save_javascript(path, name_of(self._function), self.as_saved(args, kwargs))

    def as_saved(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> SavedProgram:
        """Return the program for a call with all that it takes from outside, its `runner` being the `Program`.

        Args:
            args, kwargs: of the call; none for the program that was run last.

        Raises:
            GraphError: the function has not been called, and no arguments are given.
            UnsupportedError: the program needs something that a file cannot have.
        """
        if args or kwargs:
            version = self._programs.on_its_path(args, kwargs, by_value=True)[0]
        else:
            last, current = self._programs.used(), [item for item, _ in self._current()]
            version = last if last in current else current[-1]
        call = checked_call(self._programs.name, self._programs.calls[version])
        if version.ends().by_strides and call.ordered != call.texts:
            raise UnsupportedError(
                f"save: {self._programs.name} asks in which order its arguments lie in memory, and arrays of "
                "JavaScript lie in C order. Call it with np.ascontiguousarray(x) before saving"
            )
        return saved_version(version, call, lambda program: program, None)[0]

    def recorded(self, args: tuple[Any, ...], any_size: bool) -> tuple[SavedProgram, OpenProgram]:
        """Return the program that is recorded for a call, for those who write it in another language.

        Args:
            args: of the call.
            any_size: the first axis of the arrays may have any size, as in `save`.

        Returns:
            The program with what it takes from outside, its `runner` being the `Program`; and the same program with
            forms in place of what depends on the size.

        Raises:
            UnsupportedError: the function cannot be recorded, or not for any size.
        """
        if any_size:
            _, sizes = self._for_any_size("beside", args, {})
            recording = open_recording(self._programs.name, sizes)
            return recording.at_sizes[0], recording.program
        version = self._programs.on_its_path(args, {}, by_value=True)[0]
        call = self._programs.calls[version]
        if call is None or version.decisions:
            raise UnsupportedError(f"{self._programs.name} decides by values, or takes arguments that are no arrays")
        saved, _ = saved_version(version, call, lambda program: program, None)
        return saved, closed(saved.runner)

    def _for_any_size(
        self, parameters: str, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[list[tuple[Version, int]], AnySize]:
        """Return the program for one row, and the recordings for any other number of rows.

        Raises:
            ValueError: the arguments have no rows, or Tensors are to be arguments.
            UnsupportedError: the programs for several numbers of rows have not one form.
        """
        if parameters != "beside":
            raise ValueError('save: any_size needs parameters="beside"')
        rows = rows_of(self._programs.signed(args, kwargs, NO_COUNTERS).leaves)

        def version_at(size: int) -> Version:
            return self._programs.on_its_path(resized(args, rows, size), resized(kwargs, rows, size), by_value=True)[0]

        recorded = [version_at(size) for size in SIZES]
        sizes: list[int] = []
        signature = self._programs.signed(resized(args, rows, SIZES[-1]), resized(kwargs, rows, SIZES[-1]), NO_COUNTERS)
        family = self._programs.kept.family(signature.key, sizes)
        found = next((one for one in family.opened if one.size_of(sizes) == SIZES[-1]), None)
        if found is None:
            raise not_open(self._programs.name, f"its programs for {', '.join(map(str, SIZES))} rows have not one form")
        for size in sizes_to_try(found.program):
            leaves = self._programs.signed(resized(args, rows, size), resized(kwargs, rows, size), NO_COUNTERS).leaves
            if not has_its_shapes(found.program.at(size), *recorded[-1].bound(leaves)):
                raise not_open(self._programs.name, f"for {size} rows its arrays have other shapes, or it fails")
        calls = [(version, self._programs.calls[version]) for version in recorded]
        any_size = AnySize(calls, found.questions, found.write)
        try:
            closed = [(version_at(1), 0)]
        except Exception:  # the function has no meaning for one row, and the file refuses it
            closed = []
        return closed, any_size
