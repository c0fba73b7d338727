"""Names that are taken: each means one thing in a program, and what wishes for it later gets it with a number.

A wish may be any text, the name that a user gave a Tensor say. It becomes an identifier first.
"""

from __future__ import annotations

import builtins
import keyword
import re
import unicodedata
from collections.abc import Iterable

__all__ = ["TakenNames", "identifier", "is_free", "users"]

# What a name must not be: it means something else in the program.
TAKEN = frozenset(
    (*keyword.kwlist, *keyword.softkwlist, *dir(builtins), "np", "special", "begin", "end", "thread", "start", "stop",
     "starts", "found", "pools", "keep_to_half", "on_two_threads", "in_two", "in_turns", "copy_context", "suppress",
     "os", "sys", "ThreadPoolExecutor", "thread_ids", "make_call", "await_late", "Empty", "SimpleQueue",
     "get_native_id", "perf_counter", "Path", "values", "_tick")
)  # fmt: skip
# Names that a program makes of others, and those with two underscores on both sides, which Python gives a meaning.
_OURS = re.compile(r"(rows|block|update|work|scratch|generator)_\d\w*|\w+_totals?|\w+_now|rows_\d+_parts|__\w*__")


class TakenNames:
    """The names that mean something: Python's and NumPy's, those that a program makes itself, and what was taken.

    >>> names = TakenNames(["x"])
    >>> names.take("x"), names.take("y"), names.take("x"), names.take("square of y")
    ('x_2', 'y', 'x_3', 'square_of_y')
    >>> names.take("rows"), names.take("rows")
    ('rows', 'rows_2_')
    """

    def __init__(self, names: Iterable[str] = ()) -> None:
        self._names = {*TAKEN, *names}
        self._counts: dict[str, int] = {}  # by a wish how often it was had, so that the search begins there

    def __contains__(self, name: str) -> bool:
        return name in self._names

    def add(self, name: str) -> None:
        """Take a name, whether or not it is free."""
        self._names.add(name)

    def take(self, wish: str) -> str:
        """Return a name that was free: the one that is wished for, or that with a number."""
        wish = identifier(wish)
        name, count = wish, self._counts.get(wish, 1)
        while name in self._names:
            count += 1
            name = users(f"{wish}_{count}")  # rows_2 is a function of the program's
        self._counts[wish] = count
        self._names.add(name)
        return name


# An item, [0] or ["b"], in the way to a value.
_ITEM = re.compile(r"""\[["']?([^\[\]"']*)["']?\]""")


def identifier(text: str) -> str:
    """Return the identifier that is nearest to a text: `square_of_w` of "square of w", `layers_0_w` of "layers[0].w".

    Python takes two spellings of one letter for the same, so that the text is normalized first.
    """
    if text.isascii() and text.isidentifier():
        return text
    plain = unicodedata.normalize("NFKC", _ITEM.sub(r"_\1", text))
    letters = [letter if f"_{letter}".isidentifier() else "_" for letter in plain]
    name = "".join(letters) or "value"
    name = name if name.isidentifier() else f"_{name}"
    return unicodedata.normalize("NFKC", name)


def users(text: str) -> str:
    """Return a user's name as a wish, with an underscore behind it where a program makes names of that form."""
    name = identifier(text)
    return f"{name}_" if _OURS.fullmatch(name) else name


def is_free(name: str) -> bool:
    """Return whether a name means nothing else in a program."""
    return name not in TAKEN and not _OURS.fullmatch(name)
