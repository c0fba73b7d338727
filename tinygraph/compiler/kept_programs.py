"""Kept programs: those of a compiled function, by signature, the most recently used last.

    x: float64(3, 4)      [the path that ran last, another path]
    x: float64(64, 784)   [an open program at 64]
    x: float64(80, 784)   [the same one at 80]

Beyond `maxsize` the least recently used one is thrown away.
"""

from __future__ import annotations

import contextlib
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable
from typing import Any

from tinygraph.compiler.axes import Family, SizedRunner, pattern_of, with_names
from tinygraph.compiler.explanation import Gone
from tinygraph.compiler.run.paths import weight_of
from tinygraph.compiler.run.versions import Version

__all__ = ["REMEMBERED", "KeptPrograms"]

# An open program is kept for so many sizes at most, for each program that may be kept.
SIZES = 16

# So many refusals, and programs that were thrown away, are remembered for `explain`.
REMEMBERED = 5


class KeptPrograms:
    """The programs of a compiled function. But for `found`, the methods are called under the lock of the function.

    Attributes:
        by_signature: the programs of each signature: one for each path, the one that ran last first.
        families: by a signature without its sizes.
        last: the program that was used last.
        maxsize: how many are kept.
        evicted: how many were thrown away.
        thrown_away: the last ones of them.
    """

    def __init__(self, maxsize: int, told: Callable[[Any], str]) -> None:
        """Begin without programs.

        Args:
            maxsize: how many are kept.
            told: returns a signature as text.
        """
        self.by_signature: OrderedDict[Any, list[Version]] = OrderedDict()
        self.families: dict[Any, Family] = {}
        self.last: Version | None = None
        self.maxsize = maxsize
        self.evicted = 0
        self.thrown_away: deque[Gone] = deque(maxlen=REMEMBERED)
        self._told = told

    def of(self, key: Any) -> list[Version]:
        """Return the programs of a signature."""
        return self.by_signature.get(key, [])

    def found(self, key: Any, leaves: list[Any]) -> Version | None:
        """Return the program of a signature whose guards hold, or None."""
        for version in self.by_signature.get(key, ()):
            if version.holds(leaves):
                self.last = version
                if len(self.by_signature) > 1:
                    with contextlib.suppress(KeyError):  # another thread may have thrown it away
                        self.by_signature.move_to_end(key)
                return version
        return None

    def family(self, key: Any, sizes: list[int]) -> Family:
        """Return the family of a signature, and append the sizes of its axes to a list."""
        return self.families.setdefault(pattern_of(key, sizes), Family())

    def add(self, key: Any, version: Version) -> None:
        """Put a program before the others of its signature, which becomes the one used last."""
        self.by_signature.setdefault(key, []).insert(0, version)
        self.by_signature.move_to_end(key)
        self.last = version

    def put_first(self, key: Any, version: Version) -> None:
        """Let the next call of a signature begin with a program."""
        if key in self.by_signature:
            self.by_signature[key] = [version, *[other for other in self.by_signature[key] if other is not version]]
            self.last = version

    def drop(self, key: Any) -> None:
        """Forget the programs of a signature."""
        self.by_signature.pop(key, None)
        self.last = None

    def clear(self) -> None:
        """Forget all programs."""
        self.by_signature.clear()
        self.families.clear()
        self.thrown_away.clear()
        self.last = None

    def adopt(self) -> bool:
        """Let the programs adopt arrays and Tensors that stand outside in the place of others; return if one does."""
        every = [version for versions in [*self.by_signature.values()] for version in versions]
        apart = {id(version.surroundings): version for version in every}
        return any([version.adopt() for version in apart.values()])

    def told(self) -> list[tuple[str, list[Version]]]:
        """Return each program, with its signature as text and its versions: one for each size of its open axes.

        The most recently used program is the last.
        """
        found: dict[Any, tuple[str, list[Version]]] = {}
        for key, versions in [*self.by_signature.items()]:
            for version in versions:
                runner = version.runner
                is_open = type(runner) is SizedRunner
                program = runner.opened if is_open else version
                text = self._told(with_names(key, [*runner.names]) if is_open else key)
                found[program] = text, [*found.pop(program, ("", []))[1], version]
        return list(found.values())

    def is_full(self) -> bool:
        """Return whether there are too many programs: an open one counts once, whatever its sizes are.

        The paths of a signature count as one.
        """
        if sum(map(len, self.by_signature.values())) <= self.maxsize:
            return False
        opened: defaultdict[Any, set[int]] = defaultdict(set)  # by a signature with open axes, and a path
        others, count = 0, 0
        for key, versions in [*self.by_signature.items()]:  # another thread may move one to the end
            sized = [version for version in versions if type(version.runner) is SizedRunner]
            for version in sized:
                opened[pattern_of(key, []), version.decisions].add(id(version.runner.opened))
            others += weight_of([version for version in versions if type(version.runner) is not SizedRunner])
            count += weight_of(sized)
        most: Counter[Any] = Counter()
        for (pattern, _), programs in opened.items():
            most[pattern] = max(most[pattern], len(programs))
        return most.total() + others > self.maxsize or count > SIZES * self.maxsize

    def evict(self, why: str) -> None:
        """Throw away the least recently used program, for the reason that another one was made."""
        oldest = next(iter(self.by_signature))
        pattern = pattern_of(oldest, [])
        self.families[pattern].forget(self.by_signature[oldest].pop())
        self.thrown_away.append(Gone(self._told(oldest), why))
        if not self.by_signature[oldest]:
            del self.by_signature[oldest]
            if all(pattern_of(key, []) != pattern for key in [*self.by_signature]):
                del self.families[pattern]
        self.evicted += 1
