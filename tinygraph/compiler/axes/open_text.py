"""Open texts: one text for many sizes of an axis, from the texts that the compiler writes for three of them.

    sizes 67, 71, 73        z = np.empty((67, 10))          z = np.empty((n, 10))
                            rows_1(0, 67, 0, y)             rows_1(0, n, 0, y)
                            loss = total / 67.0             loss = total / n

The three texts must be the same but for numbers, and each number must have a form. The sizes are primes that the
program does not know otherwise, so that nothing holds for them by chance: no rows that are divided evenly into blocks,
no size that equals the width of a layer. What holds for three such sizes holds for others, too, with these conditions:

- The program itself is right at the size. That is not known here: see `tinygraph.compiler.axes.families`.
- The values fit into the memory that they share with larger ones, which is seen when the memory is made.
- A thread has one block of rows, or several, as in the text.
- A size is at most four times as large or as small as those that the text was written for: what is quickest differs.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from tinygraph.compiler.axes.explaining import Unexplained, explained, put_in
from tinygraph.compiler.axes.open_program import OpenProgram
from tinygraph.compiler.schedule.blas_threads import Load, Setting, load_of, setting_of
from tinygraph.compiler.schedule.blocks import Fusion
from tinygraph.compiler.schedule.division import division_of

__all__ = ["NOTE", "RANGE", "OpenText", "open_text"]

# The line between the imports and what follows.
NOTE = "# The size {} of an axis is open: everything is made once for each size."

# What is quickest for one size is quick for sizes up to so many times as large or small.
RANGE = 4

# Of so few rows it makes no difference what is quickest.
SMALL = 64

# Texts are compared at no smaller sizes: of small numbers several forms have the same values. (n - 1) // 2 and
# (n + 2) // 3 are both 2, 2, 3 at 5, 6 and 7.
LEAST = 37

_NUMBER = r"(?<![\w.])\d+(?:\.\d*)?(?:e[+-]?\d+)?"
_TOKEN = re.compile(rf"{_NUMBER}|[^\W\d]\w*|\s+|.", re.DOTALL)
_COMMENT = re.compile(r"^ *#.*$", re.MULTILINE)
_NAMES = ("n", "size", "length", "n_open")


@dataclass(eq=False)
class OpenText:
    """A text that is executed once for each size.

    Attributes:
        sample: the runner of the program at one of the sizes that the text was made of.
        tagged: the text, as in `Text.tagged`.
        name: the size's name in it.
        constants: by name the arrays that the text is given, with forms where they depend on the size.
        least, most: the range of sizes.
        divisions: for each fusion of rows their number, that of a block's rows, and that of the threads.
        load: the products that threads of BLAS could divide; its price is that for each place of the axis.
    """

    sample: Any
    tagged: str
    name: str
    constants: dict[str, Any]
    least: int
    most: int
    divisions: list[tuple[Any, Any, int]]
    load: Load

    def setting(self, size: int) -> Setting | None:
        """Return the threads of BLAS for a size."""
        load = self.load
        return setting_of(Load(put_in(load.segments, size), load.inside, load.price * size))

    def holds(self, size: int) -> bool:
        """Return whether the text is right and quick for a size, as far as can be told before its memory is made."""
        if not self.least <= size <= self.most:
            return False
        found = [[put_in(part, size) for part in division] for division in self.divisions]
        return all(
            (rows > 0 and width > 0) and (width * threads >= rows) == is_one
            for (rows, width, threads), is_one in zip(found, self.has_one_block(), strict=True)
        )

    def has_one_block(self) -> list[bool]:
        """Return for each fusion of rows whether a thread has one block in the text, as opposed to several."""
        return [width * threads >= rows for rows, width, threads in _divisions_of(self.sample)]


def open_text(program: OpenProgram, size: int, write: Callable[..., Any]) -> OpenText | None:
    """Return a text for sizes near one, or None where the texts for some sizes have not one form.

    Args:
        program: of which the text is written.
        size: for which it is needed.
        write: the compiler: returns the runner of a program.
    """
    first = max(size, LEAST)
    for start in (first, first + first // 4 + 8, 2 * first):  # the next may be on the other side of a threshold
        sizes = _samples(start, program)
        try:
            runners = _written(program, sizes, write)
            found = None if runners is None else _merged(sizes, runners, size)
        except (ArithmeticError, AssertionError, LookupError, TypeError, ValueError):
            found = None  # it is no program at these sizes, such as one that reshapes half of an odd number of rows
        except Unexplained:
            found = None
        if found is not None and found.holds(size):
            return found
    return None


def _samples(start: int, program: OpenProgram) -> list[int]:
    """Return sizes from one on that the program does not know otherwise: primes.

    Where it divides the size, as in `x[: len(x) // 2]`, there is one for each remainder, some of them small multiples
    of primes: what is written for odd sizes alone may not be right for even ones.
    """
    parts = math.lcm(*program.parts_of_size)
    found: list[int] = []
    for turn in range(max(3, parts)):
        number = max(start, LEAST)
        while not (
            number not in found and number not in program.fixed and number % parts == (turn + 1) % parts
            and _is_prime(number // math.gcd(number, parts))
        ):  # fmt: skip
            number += 1
        found.append(number)
    return sorted(found)


def _is_prime(number: int) -> bool:
    return number > 1 and all(number % divisor for divisor in range(2, math.isqrt(number) + 1))


def _written(program: OpenProgram, sizes: Sequence[int], write: Callable[..., Any]) -> list[Any] | None:
    """Return the runners of a program at some sizes, or None where their texts are not alike."""
    runners: list[Any] = []
    for size in sizes:
        runner = write(program.at(size), open_size=size)
        if getattr(runner, "text", None) is None or runner.in_arrays() is not runner:
            return None
        if runners and len(_TOKEN.findall(runner.text.tagged)) != len(_TOKEN.findall(runners[0].text.tagged)):
            return None
        runners.append(runner)
    return runners


def _merged(sizes: Sequence[int], runners: Sequence[Any], size: int) -> OpenText:
    """Return the text of which those of some runners are instances.

    Raises:
        Unexplained: there is none.
    """
    first = runners[0]
    tokens = [_TOKEN.findall(runner.text.tagged) for runner in runners]
    used = {token for runner in runners for token in _TOKEN.findall(_COMMENT.sub("", runner.text.tagged))}
    name = next((name for name in _NAMES if name not in used), None)
    if name is None:
        raise Unexplained
    renamed = _renamed(tokens, used)
    parts = ["".join(part) for part in _parts(sizes, tokens, renamed, name)]
    return OpenText(
        sample=first,
        tagged=_with_note("".join(parts), name),
        name=name,
        constants=_constants(sizes, runners, renamed),
        least=size // RANGE if size > SMALL else 2,
        most=RANGE * max(size, SMALL),
        divisions=explained(sizes, [_divisions_of(runner) for runner in runners]),
        load=_load_of(sizes, runners),
    )


def _renamed(tokens: Sequence[list[str]], used: set[str]) -> dict[tuple[str, ...], str]:
    """Return a name for each value that has another one in each text, such as one named after a number."""
    apart = [alike for alike in zip(*tokens, strict=True) if len({*alike}) > 1 and alike[0].isidentifier()]
    found: dict[tuple[str, ...], str] = {}
    for alike in apart:
        if alike not in found:
            number = len(found) + 1
            while f"by_size_{number}" in used:
                number += 1
            found[alike] = f"by_size_{number}"
    for position in range(len(tokens)):  # one name in one text is one name in all
        if len({alike[position] for alike in found}) < len(found):
            raise Unexplained
    return found


def _parts(
    sizes: Sequence[int], tokens: Sequence[list[str]], renamed: dict[tuple[str, ...], str], name: str
) -> Iterator[str]:
    """Yield the parts of the merged text."""
    all_alike = list(zip(*tokens, strict=True))
    for position, alike in enumerate(all_alike):
        if alike in renamed:
            yield renamed[alike]
        elif len({*alike}) == 1:
            yield alike[0]
        elif all(_is_number.match(token) for token in alike):
            form = explained(sizes, [_value(token) for token in alike])
            text: str = form.text(name)
            alone = text == name or _stands_alone(all_alike, position)
            yield text if alone else f"({text})"
        else:
            raise Unexplained


_is_number = re.compile(r"\d")


def _value(token: str) -> Any:
    return int(token) if token.isdigit() else float(token)


def _stands_alone(tokens: Sequence[tuple[str, ...]], position: int) -> bool:
    """Return whether a number stands between brackets and commas, so that a sum in its place needs no brackets."""
    before = "".join([alike[0] for alike in tokens[max(0, position - 2) : position]]).rstrip()
    after = "".join([alike[0] for alike in tokens[position + 1 : position + 3]]).lstrip()
    return before[-1:] in ("(", "[", ",", ":", "=") and after[:1] in (")", "]", ",", ":", "")


def _with_note(text: str, name: str) -> str:
    """Return a text that says what the name of the size is."""
    note = NOTE.format(name)
    head, found, rest = text.partition("\nimport numpy as np\n")
    while rest.startswith(("import ", "from ")):
        line, _, rest = rest.partition("\n")
        found += f"{line}\n"
    return f"{head}{found}\n{note}\n{rest}"


def _constants(
    sizes: Sequence[int], runners: Sequence[Any], renamed: dict[tuple[str, ...], str]
) -> dict[str, Any]:  # fmt: skip
    """Return the arrays that the text is given, by their names in it."""
    given = [runner.text.references.constants for runner in runners]
    found = {}
    for names in zip(*given, strict=True):
        if len({*names}) > 1 and names not in renamed:
            raise Unexplained
        values = [constants[name] for constants, name in zip(given, names, strict=True)]
        found[renamed.get(names, names[0])] = explained(sizes, values)
    return found


def _divisions_of(runner: Any) -> list[tuple[int, int, int]]:
    """Return for each fusion of a program the number of its rows, of those of a block, and of the threads."""
    fusions = [item for item in runner.plan.items if isinstance(item, Fusion)]
    found = [division_of(fusion, runner.task.threads) for fusion in fusions]
    return [(division.rows, division.size, division.threads) for division in found]


def _load_of(sizes: Sequence[int], runners: Sequence[Any]) -> Load:
    """Return the products that threads of BLAS could divide, with forms where the size counts."""
    loads = [load_of(runner.graph, runner.plan.items, runner.task.threads) for runner in runners]
    first = loads[0]
    return Load(explained(sizes, [load.segments for load in loads]), first.inside, first.price / sizes[0])
