"""Factories: the functions of a saved file that set its programs up, and the table that lists them.

def program_1(w):                                             a program, with its memory
    z = np.empty((60, 10))

    def step(x, y):
        ...

    return step

    "x: float64(60, 784)": (program_1(w), (0, 1)),            its entry, with the leaves that it takes
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tinygraph.compiler.run.named_results import NUMBER
from tinygraph.compiler.saving.open_programs import SizedText
from tinygraph.compiler.saving.saved_programs import SavedProgram
from tinygraph.compiler.saving.top_names import TopNames
from tinygraph.compiler.saving.wrapping import divided, in_docstring, indented, pieces, without_double_blanks
from tinygraph.compiler.write.literals import string_text
from tinygraph.compiler.write.tags import untagged
from tinygraph.compiler.write.width import WIDTH, fitted

__all__ = ["entry_lines", "entry_of_paths", "factory_lines", "nothing_lines", "open_lines"]


def factory_lines(
    name: str, saved: SavedProgram, parameters: list[str], words: str, names: TopNames, sized: Sequence[str] = ()
) -> list[str]:  # fmt: skip
    """Return the lines of the function that sets a program up.

    Args:
        name: of the function.
        parameters: the names of the arrays, functions and generators that the file gives to the program.
        words: the signature of the program.
        names: at the top of the file.
        sized: lines before the others: arrays that depend on an open size.
    """
    task, text = saved.runner.task, saved.runner.text
    pairs = zip(task.generators, saved.generators, strict=True)
    drawn = [own for own, generator in pairs if type(generator) is int]
    header = f"def {task.name}({', '.join([*text.arguments, *drawn])}):"
    program = "\n".join([*sized, *[header if line == text.header else line for line in text.program]])
    body = fitted("\n".join([indented(line) for line in untagged(program).split("\n")]))
    return [
        "",
        "",
        *divided(f"def {name}(", parameters, "):"),
        f'    """The program for {in_docstring(words, WIDTH - 30)}"""',
        "",
        *without_double_blanks(body.split("\n")),
        "",
        *_returned(task.name, saved.result, names),
    ]


def _returned(own: str, result: Any, names: TopNames) -> list[str]:
    """Return the lines that return a program's step, with the function's named tuples in its results."""
    if result is None:
        return [f"    return {own}"]
    named = _named("found", result, names)
    return [
        "    def named(*given):",
        f"        found = {own}(*given)",
        f"        return {named}",
        "",
        "    return named",
    ]


def _named(text: str, result: Any, names: TopNames) -> str:
    """Return the text of a result with its named tuples and numbers, from the text of the plain result."""
    if isinstance(result, dict):
        items = [f"{key!r}: {_named(f'{text}[{key!r}]', item, names)}" for key, item in result.items()]
        return f"{{{', '.join(items)}}}" if items else text
    if result == NUMBER:
        return f"{text}.item()"
    if not isinstance(result, list | tuple):
        return text
    items = [_named(f"{text}[{index}]", item, names) for index, item in enumerate(result)]
    if hasattr(result, "_fields"):
        return f"{names.kind(type(result))}({', '.join(items)})"
    inside = ", ".join(items)
    return f"[{inside}]" if isinstance(result, list) else f"({inside}{',' if len(items) == 1 else ''})"


def entry_lines(saved: SavedProgram, factory: str, given: list[str], words: str) -> list[str]:
    """Return the lines of one program in the table of programs."""
    positions = _places(saved)
    line = f"    {string_text(words)}: ({factory}({', '.join(given)}), {positions!r}),"
    if len(line) <= WIDTH:
        return [line]
    return [
        "    (",
        *[f"        {part}" for part in pieces(words)],
        "    ): (",
        *divided(f"        {factory}(", given, "),"),
        *divided("        [", [str(position) for position in positions], "],"),
        "    ),",
    ]


def entry_of_paths(
    paths: Sequence[tuple[SavedProgram, str, list[str]]], words: str, on_paths: str, name: str
) -> list[str]:  # fmt: skip
    """Return the lines of several programs, each for a path of one signature, in the table of programs.

    Args:
        paths: the programs, each with its factory and what the factory is given.
        words: the signature.
        on_paths: the name of the function that makes one program of them.
        name: of the saved function.
    """
    lines: list[str] = []
    for saved, factory, given in paths:
        line = f"        ({saved.path!r}, {factory}({', '.join(given)}), {_places(saved)!r}),"
        lines += (
            [line]
            if len(line) <= WIDTH
            else [
                "        (",
                *divided("            (", [*map(repr, saved.path), ""], "),"),
                *divided(f"            {factory}(", given, "),"),
                f"            {_places(saved)!r},",
                "        ),",
            ]
        )
    count = max([place + 1 for saved, _, _ in paths for place in _places(saved)], default=0)
    return [
        "    (",
        *[f"        {part}" for part in pieces(words)],
        f"    ): ({on_paths}({string_text(name)}, [",
        *lines,
        f"    ]), {[*range(count)]!r}),",
    ]


def open_lines(texts: Sequence[tuple[SizedText, str, list[str]]], pattern: str) -> list[str]:
    """Return the lines of a program for any size in the table of open programs.

    Args:
        texts: each with its factory and what the factory is given.
        pattern: the regular expression of its signatures.
    """
    lines = [f"    ({string_text(pattern)}, ["] if len(string_text(pattern)) < WIDTH - 10 else _long_pattern(pattern)
    for text, factory, given in texts:
        size = text.name
        call = f"lambda {size}: {factory}({', '.join([*given, size])})"
        line = f"        (lambda {size}: {text.condition}, {call}),"
        lines += (
            [line]
            if len(line) <= WIDTH
            else [
                "        (",
                f"            lambda {size}: {text.condition},",
                *divided(f"            lambda {size}: {factory}(", [*given, size], "),"),
                "        ),",
            ]
        )
    return [*lines, f"    ], {_places(texts[0][0].saved)!r}),"]


def nothing_lines(words: str, result: str) -> list[str]:
    """Return the lines of the program for no rows in the table of programs.

    Args:
        words: its signature.
        result: the text of its result.
    """
    line = f"    {string_text(words)}: (lambda: {result}, []),"
    if len(line) <= WIDTH:
        return [line]
    return [
        "    (",
        *[f"        {part}" for part in pieces(words)],
        "    ): (",
        *divided("        lambda: ", [result], ","),
        "        [],",
        "    ),",
    ]


def _long_pattern(pattern: str) -> list[str]:
    parts = [f"        {part}" for part in pieces(pattern)]
    return ["    (", *parts[:-1], f"{parts[-1]}, ["]


def _places(saved: SavedProgram) -> list[int]:
    """Return the positions of the leaves that a program takes."""
    return [*saved.arguments, *[item for item in saved.generators if type(item) is int]]
