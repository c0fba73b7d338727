"""Reading inside: an element that the next statement alone reads is read there, and a value is written to its place.

u_at_1 = u[1]
d = u_at_1 - step       ->      u[1] -= step
u[1] = d
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from tinygraph.compiler.write.tags import TAG

__all__ = ["reading_inside"]

_WORD = re.compile(r"\w+")
_PART = r"\w+\[[^\[\]]*\]"
_READ = re.compile(rf"(\w+) = ({_PART})")
_MADE = re.compile(r"(\w+) = (.+)")
_WRITE = re.compile(rf"({_PART}) = (\w+)")
_CHANGED = re.compile(rf"({_PART}) = \1 ([-+]) (.+)")

# A line of more characters stays apart.
LONGEST = 100


def reading_inside(lines: Sequence[str], elsewhere: Iterable[str] = ()) -> list[str]:
    """Return statements without the names of elements that are read once, in the next line.

    Args:
        lines: statements, perhaps tagged.
        elsewhere: other lines that may read the names.
    """
    words = Counter([word for line in (*lines, *elsewhere) for word in _WORD.findall(line.partition(TAG)[0])])
    kept: list[str] = []
    for line in lines:
        while kept and (joined := _joined(kept[-1], line, words)) is not None:
            kept.pop()
            line = joined
        kept.append(_as_change(line) if "] = " in line else line)
    return kept


def _joined(first: str, second: str, words: Counter[str]) -> str | None:
    """Return two statements as one; None where they stay two."""
    if "[" not in first and "] = " not in second:
        return None
    before, after = _parts(first), _parts(second)
    if before[0] != after[0] or not after[1] or len(before[1]) + len(after[1]) > LONGEST:
        return None
    made, write = _MADE.fullmatch(before[1]), _WRITE.fullmatch(after[1])
    if made is None or words[made[1]] != 2:
        return None
    if write is not None and write[2] == made[1]:
        return f"{after[0]}{write[1]} = {made[2]}{after[2]}"
    if _READ.fullmatch(before[1]) is None or not _reads(after[1], made[1]):
        return None
    part = made[2]
    return after[0] + re.sub(rf"\b{made[1]}\b", lambda _: part, after[1]) + after[2]


def _reads(statement: str, name: str) -> bool:
    """Return whether a statement reads a value, and neither repeats itself nor writes into it."""
    is_other = statement.startswith(("for ", "while ", "#", name))
    return not is_other and re.search(rf"(?<!out=)\b{name}\b", statement) is not None


def _as_change(line: str) -> str:
    """x[1] = x[1] - d  ->  x[1] -= d, where d is one number or a product."""
    indent, statement, tag = _parts(line)
    change = _CHANGED.fullmatch(statement)
    if change is None or re.search(r" [-+] |[<>=&|]| if ", change[3]):
        return line
    return f"{indent}{change[1]} {change[2]}= {change[3]}{tag}"


def _parts(line: str) -> tuple[str, str, str]:
    """Return the indent of a line, its statement and its tag."""
    statement, mark, number = line.partition(TAG)
    code = statement.lstrip()
    return statement[: len(statement) - len(code)], code, mark + number
