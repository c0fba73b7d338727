"""Saving: compiled programs as a module that needs NumPy alone, with their arrays in an npz beside it.

A file has a program for each signature that it was saved for, and refuses every other. The function in it is called as
the compiled one is, and returns the same.

    saved_calls       the call that a program was made for, in words
    current_programs  the programs that a file has where no call is given
    open_programs     texts for any number of rows
    saved_programs    a program with everything that it takes from outside
    header            the parameters of the saved function
    sources           functions that a program calls, as text
    top_names         the names at the top of the file
    factories         the functions that set programs up
    lookup            the function that finds the program for a call
    runtime           the functions that stand in every file
    tail              functions behind the others, which call the saved one
    wrapping          lines within the width
    saved_module      the text of the whole file
    files             the file and the npz beside it, written
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Sequence
from inspect import Parameter
from pathlib import Path
from typing import Any

import numpy as np

from tinygraph.compiler.names import TakenNames, users
from tinygraph.compiler.program.program import Program
from tinygraph.compiler.run.runner import Runner
from tinygraph.compiler.run.versions import Version
from tinygraph.compiler.saving.files import write
from tinygraph.compiler.saving.header import header_of
from tinygraph.compiler.saving.open_programs import AnySize, opened_program
from tinygraph.compiler.saving.saved_calls import SavedCall
from tinygraph.compiler.saving.saved_module import saved_module
from tinygraph.compiler.saving.saved_programs import SavedProgram, SavedValue, changing_values, saved_version
from tinygraph.compiler.saving.tail import Tail
from tinygraph.errors import UnsupportedError
from tinygraph.graph import Graph, nodes_in
from tinygraph.whole_files import checked_path

__all__ = ["checked_call", "save_program", "save_versions"]


def save_versions(
    path: str | os.PathLike[str], name: str, parameters: Sequence[Parameter], static: frozenset[str],
    versions: Sequence[tuple[Version, SavedCall | None, int]], values: str,
    any_size: AnySize | None = None, tail: Tail | None = None,
) -> None:  # fmt: skip
    """Write a module with a program for each of some signatures of a function.

    Args:
        path: of the module, ending in ".py".
        name: of the function.
        parameters: of the function.
        static: the names of arguments that are part of the signature whatever they are.
        versions: the programs, each with the call it was made for, or None where a file has no words for that call, and
            with the number of its signature: programs of one signature are paths.
        values: "beside" puts the values of Tensors into the npz, "arguments" makes them arguments.
        any_size: the recordings for a program for any size, if there is to be one.
        tail: the lines at the end of the file, if there are any.

    Raises:
        ValueError: the path does not end in ".py", or `values` is something else.
        FileNotFoundError: its folder is not there.
        UnsupportedError: a program cannot do without something that has no place in a file.
    """
    target = _checked(path, values)
    given_by_name = [word for _, call, _ in versions if call is not None for word in call.keywords]
    name_of = _naming(TakenNames([*[parameter.name for parameter in parameters], *given_by_name]))
    ordered = any(version.ends().by_strides for version, _, _ in versions)
    programs: list[SavedProgram] = []
    given: dict[str, tuple[Any, Any]] = {}
    left_out: list[str] = []
    named = name_of if values == "arguments" else None
    changing: defaultdict[int, set[Any]] = defaultdict(set)
    for version, call, group in versions if named else ():
        changing[group] |= changing_values(version, checked_call(name, call))
    for version, call, group in versions:
        call = checked_call(name, call)
        saved, state = saved_version(version, call, version.runner.of, named, ordered, group, changing[group])
        programs.append(saved)
        given.update({name_of(item): (item.key, item.value) for item in state})
        left_out += [item for item in call.left_out if item not in left_out]
    for saved in programs:
        _complete(saved, given)
    _check_apart(name, programs, left_out)
    words = [*[saved.words for saved in programs], *([any_size.words(name)] if any_size is not None else [])]
    header = header_of(parameters, words, list(given), static)
    opened = None if any_size is None else opened_program(name, any_size, header.names)
    module = saved_module(target, name, header, programs, left_out, ordered, opened, tail)
    write(target, module.text, module.arrays)


def _naming(taken: TakenNames) -> Callable[[SavedValue], str]:
    """Return what gives each value its name in a file, the same in all programs."""
    names: dict[Any, str] = {}

    def name_of(value: SavedValue) -> str:
        if value.key not in names:
            wish = users(value.name)
            # A Tensor among the arguments keeps its name: it is one of the parameters already.
            own = value.key[0] == "argument" and wish not in names.values()
            names[value.key] = wish if own else taken.take(wish)
            taken.add(wish)
        return names[value.key]

    return name_of


def save_program(
    path: str | os.PathLike[str], runner: Runner, values: Sequence[Any] = (), *, parameters: str = "beside"
) -> None:  # fmt: skip
    """Write a module with one program, whose arguments are arrays.

    Args:
        path: of the module, ending in ".py".
        runner: the program.
        values: of its variables, in order.
        parameters: "beside" puts the values into an npz of the same name, which the module reads at its import.
            "arguments" makes them arguments, after the others; new values are returned, in a dict behind the results.

    Raises:
        ValueError: the path does not end in ".py", or `parameters` is something else.
        UnsupportedError: the program calls a function that cannot be written down.
    """
    target = _checked(path, parameters)
    program = runner.task.program
    taken = TakenNames()
    names = [taken.take(users(node.name or "x")) for node in program.arguments]
    words = {name: f"{node.dtype}{node.shape}" for name, node in zip(names, program.arguments, strict=True)}
    given: dict[str, tuple[Any, Any]] = {}
    if parameters == "arguments" and program.variables:
        program, given = _without_state(program, taken)
        values = ()
    kept = zip(program.variables, values, strict=True)
    saved = SavedProgram(
        runner=runner.of(program),
        words=words,
        arguments=[*range(len(names)), *given],
        leaves=len(names),
        state=[SavedValue(position, variable.name, value) for position, (variable, value) in enumerate(kept)],
        updated=[position for position, variable in enumerate(program.variables) if variable.updated is not None],
        generators=list(program.generators),
    )
    _complete(saved, given)
    plain = [Parameter(name, Parameter.POSITIONAL_OR_KEYWORD) for name in names]
    header = header_of(plain, [saved.words], list(given), frozenset())
    module = saved_module(target, runner.task.name, header, [saved])
    write(target, module.text, module.arrays)


def _checked(path: str | os.PathLike[str], values: str) -> Path:
    """Return the path of a module, if it can be one."""
    found = checked_path("save", path, ".py")
    if values not in ("beside", "arguments"):
        raise ValueError(f'save: parameters must be "beside" or "arguments", got {values!r}')
    return found


def checked_call(name: str, call: SavedCall | None) -> SavedCall:
    """Refuse a call that a file cannot tell from others.

    Args:
        name: of the function.
    """
    if call is None:
        raise UnsupportedError(
            f"save: {name} was called with arguments that a file cannot tell apart. Give it arrays, numbers, "
            "strings, and tuples, lists and dicts of them"
        )
    if call.mixed:
        raise UnsupportedError(
            f"save: {call.mixed[0]} has both arrays and objects in it which a file of its own cannot name. Give "
            f"{name} the objects as an argument of their own: they become part of the program"
        )
    return call


def _complete(saved: SavedProgram, given: dict[str, tuple[Any, Any]]) -> None:
    """Add the Tensors that are arguments to those of a program: behind the others, the same for all programs."""
    order = [key for key, _ in given.values()]
    saved.words.update({name: f"{value.dtype}{value.shape}" for name, (_, value) in given.items()})
    saved.arguments[:] = [item if type(item) is int else saved.leaves + order.index(item) for item in saved.arguments]


def _check_apart(name: str, programs: Sequence[SavedProgram], left_out: Sequence[str]) -> None:
    """Refuse two programs, of which none is another path, for calls that a file cannot tell apart."""
    groups: defaultdict[Any, set[int]] = defaultdict(set)
    for saved in programs:
        groups[tuple(saved.words.items())].add(saved.group)
    if any(len(found) > 1 for found in groups.values()):
        raise UnsupportedError(
            f"save: {name} was compiled for several objects as {', '.join(left_out)}, which a file cannot tell apart. "
            "Save one of them: save(path, ...) with the arguments of a call"
        )


def _without_state(program: Program, taken: TakenNames) -> tuple[Program, dict[str, tuple[Any, Any]]]:
    """Return a program whose variables are arguments, and their new values results; and by name these arguments.

    Args:
        taken: the names of the other arguments.
    """
    names = [taken.take(users(variable.name)) for variable in program.variables]
    pairs = list(zip(program.variables, names, strict=True))
    given = {name: (name, np.empty(variable.node.shape, variable.node.dtype)) for variable, name in pairs}
    updated = {name: variable.updated for variable, name in pairs if variable.updated is not None}
    results = (program.results, updated) if updated else program.results
    stateless = Program(
        graph=Graph(program.graph.nodes, tuple(nodes_in(results))),
        arguments=(*program.arguments, *[variable.node for variable in program.variables]),
        results=results,
        sections=program.sections,
        generators=program.generators,
        numbers=program.numbers,
        quiet=program.quiet,
    )
    return stateless, given
