"""Open programs of a file: texts for any size of the first axis of the arrays that a function is given.

    x: float64(n, 784)      one text for 2 to 256 rows, another one for more

The programs recorded at three sizes are one program in which the size is open; see `tinygraph.compiler.axes`. In a file
nobody can record the function once more: where the function asks for the size, no file has all sizes.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import numpy as np

from tinygraph.compiler.axes.explaining import Counted, Uniform, forms_in
from tinygraph.compiler.axes.forms import Form
from tinygraph.compiler.axes.open_program import OpenProgram, open_program
from tinygraph.compiler.axes.open_text import NOTE, RANGE, OpenText, open_text
from tinygraph.compiler.program.program import Program
from tinygraph.compiler.run.versions import Version
from tinygraph.compiler.saving.saved_calls import SavedCall
from tinygraph.compiler.saving.saved_programs import SavedProgram, saved_version
from tinygraph.compiler.trace.agreement import same_content
from tinygraph.compiler.write.literals import number_text
from tinygraph.errors import UnsupportedError
from tinygraph.graph import Node

__all__ = [
    "SIZES", "AnySize", "OpenRecording", "OpenSaved", "SizedText", "not_open", "open_recording", "opened_program",
    "resized", "rows_of", "sizes_to_try",
]  # fmt: skip

# The sizes that a function is recorded at.
SIZES = (11, 17, 29)

# The texts are for sizes up to this one, each for a range; the last is for all larger ones, too.
LIMIT, TEXTS = 4096, 8


@dataclass(frozen=True, eq=False)
class SizedText:
    """A text for some sizes.

    Attributes:
        saved: the program.
        name: of the size in the text.
        condition: the sizes it is for, as Python writes it.
        sized: the lines that make the arrays that depend on the size.
    """

    saved: SavedProgram
    name: str
    condition: str
    sized: list[str]


@dataclass(frozen=True, eq=False)
class OpenSaved:
    """A program of a file for any size.

    Attributes:
        words: its signature, with a name for the size.
        pattern: the regular expression of the signatures, whose first group is the size.
        texts: each for some sizes.
        nothing: the signature and the result for no rows, where there is nothing to compute; else None.
    """

    words: str
    pattern: str
    texts: list[SizedText]
    nothing: tuple[str, str] | None = None

    @property
    def size(self) -> str:
        """The name of the size."""
        return self.texts[0].name


def rows_of(leaves: Sequence[Any]) -> int:
    """Return the size of the first axis of the arrays among some leaves.

    Raises:
        ValueError: there are none, or they have no rows.
    """
    sizes = [leaf.shape[0] for leaf in leaves if isinstance(leaf, np.ndarray) and leaf.ndim]
    if not sizes or sizes[0] == 0:
        raise ValueError("save: any_size needs examples: give save the arrays of a call, with at least one row")
    return int(sizes[0])


def resized(nest: Any, rows: int, size: int) -> Any:
    """Return a nest of arguments in which the arrays with so many rows have another number of them, repeated in turn.

    Args:
        nest: dicts, lists and tuples.
        rows: the number of rows in it.
        size: the number of rows in the result.
    """
    if isinstance(nest, np.ndarray) and nest.ndim and nest.shape[0] == rows:
        return np.ascontiguousarray(nest[np.arange(size) % rows])
    if isinstance(nest, tuple | list):
        parts = [resized(item, rows, size) for item in nest]
        return type(nest)(*parts) if hasattr(nest, "_fields") else type(nest)(parts)
    return {key: resized(item, rows, size) for key, item in nest.items()} if type(nest) is dict else nest


@dataclass(frozen=True, eq=False)
class AnySize:
    """The recordings that a program for any size is made of.

    Attributes:
        recorded: the programs at `SIZES`, with their calls.
        questions: who asks for the value of the size.
        write: the compiler: returns the runner of a program.
    """

    recorded: list[tuple[Version, SavedCall | None]]
    questions: Sequence[str]
    write: Callable[..., Any]

    def calls(self, name: str) -> list[SavedCall]:
        """Return the calls in words.

        Args:
            name: of the function.

        Raises:
            UnsupportedError: a file has no words for them.
        """
        found = [call for _, call in self.recorded if call is not None and not call.mixed]
        if len(found) < len(self.recorded):
            raise not_open(name, "a file cannot tell its arguments apart")
        return found

    def words(self, name: str) -> dict[str, str]:
        """Return by the name of a parameter what is given for it."""
        return self.calls(name)[0].texts


@dataclass(frozen=True, eq=False)
class OpenRecording:
    """A recorded function for any number of rows.

    Attributes:
        at_sizes: the programs at `SIZES`, with what they take from outside; `runner` is the `Program` itself.
        program: the program of which these are instances.
    """

    at_sizes: list[SavedProgram]
    program: OpenProgram


def open_recording(name: str, any_size: AnySize) -> OpenRecording:
    """Return the program for any number of rows.

    Args:
        name: of the function.
        any_size: the recordings.

    Raises:
        UnsupportedError: the programs have not one form, or the function decides by the size.
    """
    # Our own layers make arrays of a shape, and decide by nothing.
    questions = [question for question in any_size.questions if not question.startswith("tinygraph.")]
    if questions:
        raise UnsupportedError(
            f"{name} asks for the number of rows, in {questions[0]}, and may compute otherwise for another one. Do not "
            "decide by it, compute with the shape, as x.shape[0] * 2 does, and write np.zeros_like(x, shape=...) for "
            "np.zeros(...); or write it for the sizes of the examples alone"
        )
    programs: list[SavedProgram] = []
    for (version, _), call in zip(any_size.recorded, any_size.calls(name), strict=True):
        ends = version.ends()
        if version.decisions or ends.by_strides or ends.asks_identity:
            raise not_open(name, "the function decides by values, or by the order of arrays in memory")
        programs.append(saved_version(version, call, _itself, None)[0])
    found = open_program(SIZES, [saved.runner for saved in programs])
    if found is None:
        raise not_open(name, f"its programs for {', '.join(map(str, SIZES))} rows have not one form")
    return OpenRecording(programs, found)


def opened_program(name: str, any_size: AnySize, order: Sequence[str]) -> OpenSaved:
    """Return the program of a file for any size.

    Args:
        name: of the function.
        any_size: the recordings.
        order: the names of the parameters, in the order of the words.

    Raises:
        UnsupportedError: see `open_recording`; or what is written has not one form.
    """
    recording = open_recording(name, any_size)
    programs, found = recording.at_sizes, recording.program
    texts = _merged([*_texts(found, any_size.write)])
    if not texts:
        raise not_open(name, "what is written for some numbers of rows has not one form")
    words = _Words([_words(saved, order) for saved in programs])
    empty = None if programs[0].updated or programs[0].result is not None else _nothing(found)
    return OpenSaved(
        words=words.shown(texts[0].name),
        pattern=words.pattern(),
        texts=[_sized(text, programs[0]) for text in texts],
        nothing=None if empty is None else (words.shown("0"), empty),
    )


def _words(saved: SavedProgram, order: Sequence[str]) -> str:
    return ", ".join([f"{name}: {saved.words[name]}" for name in order if name in saved.words])


def _itself(program: Program) -> Program:
    return program


def not_open(name: str, why: str) -> UnsupportedError:
    """Return the error of a function that has no program for any number of rows, for a reason."""
    return UnsupportedError(
        f"{name} cannot be written for any number of rows: {why}. Write it for the sizes of the examples alone"
    )


# At these sizes the shapes of all values are compared with those that the program says.
TRIED = (2, 3, 4, 6, 13, 33, 64, 100, 257)

# A size of another axis, or a place in an index, beyond which nothing is tried.
FAR = 1000


def sizes_to_try(program: OpenProgram) -> list[int]:
    """Return the sizes at which a program's shapes are to be compared: those of `TRIED`, and around all numbers in it.

    `x[:50]` has n rows for up to 50 rows, and 50 for more: what was recorded at `SIZES` is another program there.
    """
    numbers = {*program.fixed, *_numbers_in([(part[1], part[2]) for part in program.parts])}
    near = {abs(number) + more for number in numbers if abs(number) <= FAR for more in (-1, 1)}
    return sorted({*TRIED, *[number for number in near if number > 1]} - {*SIZES})


def _numbers_in(nest: Any) -> Iterator[int]:
    """Yield the whole numbers in some arguments, those in slices too."""
    if type(nest) is int:
        yield nest
    elif isinstance(nest, tuple | list):
        for item in nest:
            yield from _numbers_in(item)
    elif type(nest) is dict:
        yield from _numbers_in([*nest.values()])
    elif type(nest) is slice:
        yield from _numbers_in((nest.start, nest.stop, nest.step))


# --- the texts --------------------------------------------------------------------------------------------------------


@dataclass(eq=False)
class _Ranged:
    """A text with the conditions that a size must fulfil for it; `most` is None where there is no largest size."""

    text: OpenText
    least: int
    most: int | None
    others: list[str]

    @property
    def name(self) -> str:
        return self.text.name

    @property
    def condition(self) -> str:
        """The sizes it is for, as Python writes it."""
        most = f" <= {self.most}" if self.most is not None else ""
        return " and ".join([f"{self.least} <= {self.name}{most}", *self.others])

    def holds(self) -> Callable[[int], bool]:
        """Return a function that tells whether a size is one of them."""
        found: Callable[[int], bool] = eval(f"lambda {self.name}: {self.condition}")
        return found

    def is_like(self, other: _Ranged) -> bool:
        """Return whether another one has the same text, and the same conditions but for the range."""
        mine, others = self.text.constants, other.text.constants
        return (
            self.text.tagged == other.text.tagged
            and self.others == other.others
            and mine.keys() == others.keys()
            and all(_is_same_array(value, others[name]) for name, value in mine.items())
        )


def _is_same_array(one: Any, other: Any) -> bool:
    return isinstance(one, np.ndarray) and isinstance(other, np.ndarray) and same_content(one, other)


def _texts(program: OpenProgram, write: Callable[..., Any]) -> Iterator[_Ranged]:
    """Yield texts, which together are for all sizes from 2 on."""
    found: list[Callable[[int], bool]] = []
    size, tried = 2, 0
    while size <= LIMIT and tried < TEXTS:
        wished = size if size <= RANGE else RANGE * size
        for start in dict.fromkeys((wished, size)):
            tried += 1
            text = open_text(program, start, write)
            if text is not None:
                ranged = _ranged(text, text.most)
                found.append(ranged.holds())
                yield ranged
                if found[-1](size):
                    break
        else:
            break
        size = next((n for n in range(size, LIMIT + 1) if not any(holds(n) for holds in found)), LIMIT + 1)
    large = open_text(program, RANGE * LIMIT, write)
    last = None if large is None else _ranged(large, None)
    if last is not None:
        yield last
    if size <= LIMIT or last is None or last.others:
        yield from _text_without_blocks(program, write)


def _ranged(text: OpenText, most: int | None) -> _Ranged:
    return _Ranged(text, text.least, most, _conditions(text, text.least, most))


def _text_without_blocks(program: OpenProgram, write: Callable[..., Any]) -> Iterator[_Ranged]:
    """Yield the text that computes each call on whole arrays: it makes no difference to it how many rows there are."""

    def plainly(at_size: Program, open_size: int) -> Any:
        return write(at_size, open_size=open_size).task.again(at_size, blocks=False, open_size=open_size)

    text = open_text(program, 2, plainly)
    if text is not None:
        yield _Ranged(text, 2, None, [])


def _conditions(text: OpenText, least: int, most: int | None) -> list[str]:
    """Return the conditions of a text besides the range, as Python writes them: each thread has one block, or several.

    See `OpenText.holds`.

    Args:
        text: the text.
        least, most: the range.
    """
    found: dict[str, None] = {}
    for (rows, width, threads), is_one in zip(text.divisions, text.has_one_block(), strict=True):
        if any(type(item) is Form for item in (rows, width, threads)):
            of_threads = "" if threads == 1 else f" * {_number(threads, text.name)}"
            written = _number(width, text.name), _number(rows, text.name)
            if written[0] == written[1] and threads == 1:
                continue  # one block, whatever the size is
            if _is_implied(rows, width, threads, is_one, least, most):
                continue
            found[f"{written[0]}{of_threads} {'>=' if is_one else '<'} {written[1]}"] = None
            found.update({f"{_number(item, text.name)} > 0": None for item in (rows, width) if _may_vanish(item)})
    return [*found]


def _is_implied(rows: Any, width: Any, threads: Any, is_one: bool, least: int, most: int | None) -> bool:
    """Return whether a condition holds in the whole range: more rows need more blocks, where these are of one size."""
    if not (type(rows) is Form and rows.over == 1 and rows.times > 0 and type(width) is int and type(threads) is int):
        return False
    if is_one:
        return most is not None and width * threads >= rows.at(most)
    return width * threads < rows.at(least)


def _number(item: Any, name: str) -> str:
    """Return a number that may depend on the size, as Python writes it in a product."""
    text = item.text(name) if type(item) is Form else str(item)
    return text if text.isidentifier() or text.isdigit() else f"({text})"


def _may_vanish(item: Any) -> bool:
    return type(item) is Form and (item.times < 0 or item.at(2) <= 0)


def _merged(texts: list[_Ranged]) -> list[_Ranged]:
    """Return the texts, where those that are the same are one for both ranges."""
    found: list[_Ranged] = []
    for text in texts:
        known = next((other for other in found if other.is_like(text)), None)
        if known is None:
            found.append(text)
        else:
            known.least = min(known.least, text.least)
            known.most = None if text.most is None or known.most is None else max(known.most, text.most)
    return found


def _sized(ranged: _Ranged, first: SavedProgram) -> SizedText:
    """Return a text as a program of a file, with what the program at the first size takes from outside."""
    text = ranged.text
    sample = text.sample.text
    references = copy.copy(sample.references)
    references.constants = {name: value for name, value in text.constants.items() if isinstance(value, np.ndarray)}
    program = text.tagged.partition(f"{NOTE.format(text.name)}\n")[2].strip("\n").split("\n")
    written = replace(sample, tagged=text.tagged, program=program, references=references)
    runner = SimpleNamespace(task=text.sample.task, text=written)
    sized = [
        f"{name} = {_made(value, text.name)}"
        for name, value in text.constants.items()
        if not isinstance(value, np.ndarray)
    ]
    return SizedText(replace(first, runner=runner), text.name, ranged.condition, sized)


def _made(value: Any, name: str) -> str:
    """Return the text that makes an array which depends on the size."""
    if type(value) is Counted:
        count = value.count.text(name)
        return f"np.arange({value.first}, {value.first} + {count}, dtype=np.{value.dtype.name})"
    if type(value) is Uniform and not [*forms_in(value.value)]:
        shape = ", ".join([item.text(name) if type(item) is Form else str(item) for item in value.shape])
        number = number_text(value.value.item()) if value.value.dtype.kind == "f" else repr(value.value.item())
        return f"np.full(({shape},), {number}, np.{value.value.dtype.name})"
    raise UnsupportedError(
        f"save: an array that depends on the number of rows cannot be written: {type(value).__name__}"
    )


# --- the signature ----------------------------------------------------------------------------------------------------


class _Words:
    """The words of a signature, cut where the size stands."""

    def __init__(self, words: Sequence[str]) -> None:
        """Cut the words of the signatures at `SIZES`."""
        alike = zip(*[re.split(r"(\d+)", text) for text in words], strict=True)
        sizes = tuple(map(str, SIZES))
        self._parts = [None if found == sizes else found[0] for found in alike]

    def shown(self, size: str) -> str:
        """Return the words with a name or a number for the size."""
        return "".join([size if part is None else part for part in self._parts])

    def pattern(self) -> str:
        """Return the words as a regular expression, whose first group is the size."""
        found = "".join([r"\1" if part is None else _escaped(part) for part in self._parts])
        return found.replace(r"\1", r"(\d+)", 1)


def _escaped(text: str) -> str:
    return re.escape(text).replace(r"\ ", " ").replace(r"\#", "#")


def _nothing(program: OpenProgram) -> str | None:
    """Return the text of the results for no rows, or None where there is something to compute then."""
    try:
        return _empty(program.at(0).results)
    except (ArithmeticError, LookupError, TypeError, ValueError):
        return None


def _empty(result: Any) -> str:
    """Return the text of a nest of arrays without elements.

    Raises:
        ValueError: there is something else in it.
    """
    if isinstance(result, Node) and result.size == 0 and min(result.shape) == 0:
        return f"np.empty({result.shape}, np.{result.dtype.name})"
    if type(result) is dict:
        return f"{{{', '.join([f'{key!r}: {_empty(item)}' for key, item in result.items()])}}}"
    if type(result) in (tuple, list):
        inside = ", ".join([_empty(item) for item in result])
        return f"[{inside}]" if type(result) is list else f"({inside},)"
    raise ValueError("there is something to compute")
