"""Names of values in JavaScript: the user's, those of gradients, and names that say how a value is made."""

from __future__ import annotations

from collections.abc import Iterable

from tinygraph.compiler.javascript.helpers import HELPERS
from tinygraph.compiler.names import TakenNames, core, made_up, slopes_in, users
from tinygraph.compiler.names.cotangents import cotangents_in
from tinygraph.compiler.program.loops import Loop, loop_result
from tinygraph.compiler.program.steps import Step
from tinygraph.graph import Graph

__all__ = ["COUNTERS", "Names", "taken_names"]

# The counters of the axes of an array, from the first one on.
COUNTERS = ("i", "j", "k", "l", *[f"i_{axis}" for axis in range(5, 33)])
# Words of the language and of its library, and the names that a file has besides those of values.
_TAKEN = """
abstract arguments async await boolean break byte case catch char class const continue debugger default delete do double
else enum eval export extends false final finally float for function goto if implements import in instanceof int
interface let long native new null package private protected public return short static super switch synchronized this
throw throws transient true try typeof undefined var void volatile while with yield of get set
Array ArrayBuffer Boolean Error Float32Array Float64Array Infinity Int16Array Int32Array Int8Array JSON Math NaN Number
Object RangeError String Uint16Array Uint32Array Uint8Array atob globalThis module require exports window document
weights sum product best place found name length prototype
"""


def taken_names(others: Iterable[str] = ()) -> TakenNames:
    """Return the names that mean something in a file."""
    return TakenNames([*_TAKEN.split(), *COUNTERS, *HELPERS, *others])


class Names:
    """The names of the steps of a graph, or of the body of a loop.

    Args:
        taken: those that mean something else.
    """

    def __init__(self, graph: Graph, taken: TakenNames) -> None:
        self._taken = taken
        self._steps: list[Step] = [step for step in graph.nodes if isinstance(step, Step)]
        self._slopes = slopes_in(self._steps)
        self._gradients, guesses = cotangents_in(self._steps)
        self._own = {step.index: step.name for step in self._steps if step.name is not None}
        for index, guess in guesses.items():
            self._own.setdefault(index, guess)
        self.names: dict[int, str] = {}

    def has_own(self, step: Step) -> bool:
        """Return whether the user's code has a name for a value."""
        return step.name is not None

    def let(self, step: Step, name: str) -> None:
        """Give a step a name."""
        self.names[step.index] = name

    def of(self, step: Step) -> str:
        """Return the name of a step, which is taken if it has none yet."""
        if step.index not in self.names:
            self.names[step.index] = self._taken.take(users(self._proposed(step)))
        return self.names[step.index]

    def fresh(self, wish: str) -> str:
        """Take a name that is as near to a wish as can be."""
        return self._taken.take(users(wish))

    def wish(self, step: Step, otherwise: str) -> str:
        """Return the name that a value has in the user's code, or another wish."""
        return core(self._own.get(step.index, otherwise))

    def _proposed(self, step: Step) -> str:
        """Return the name that the user's code has for a value, or one that says how the value is made."""
        if step.index in self._own:
            return self._own[step.index]
        value = self._gradients.get(step.index)
        if value is not None and value.index in self.names:
            return f"d_{core(self.names[value.index])}"
        if type(step.function) is Loop or step.function is loop_result:
            return "gradient" if step.section == "backward" else "value"
        if step.is_constant:
            return "constant"
        return made_up(step, self.names, self._slopes)
