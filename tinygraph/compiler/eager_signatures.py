"""Eager signatures: those of a compiled function whose calls run eagerly, each with the reason."""

from __future__ import annotations

from collections import Counter
from typing import Any, NoReturn

from tinygraph.compiler.explanation import Eager
from tinygraph.compiler.guards.signature import Parameters
from tinygraph.compiler.kept_programs import KeptPrograms
from tinygraph.compiler.run.eagerly import Eagerly, warn_at_call
from tinygraph.compiler.run.paths import MOST_PATHS, STRAYED, line_of_most

__all__ = ["EagerSignatures"]


class EagerSignatures:
    """The signatures whose calls run eagerly, and the calls on their way there.

    Args:
        parameters: of the compiled function. They name the function, and tell its signatures as text.
        kept: its programs. A signature that runs eagerly has none.
    """

    def __init__(self, parameters: Parameters, kept: KeptPrograms) -> None:
        self._parameters = parameters
        self._kept = kept
        self._reasons: dict[Any, str] = {}
        self._strayed: Counter[Any] = Counter()  # by a signature the calls that left the program made for them
        self._strayed_at = ""

    @property
    def strayed(self) -> int:
        """The number of calls that left the program made for them."""
        return self._strayed.total()

    def check(self, key: Any) -> None:
        """Let a call of an eager signature run eagerly.

        Raises:
            Eagerly: it is one.
        """
        if key in self._reasons:
            raise Eagerly(self._reasons[key])

    def note(self, key: Any, why: str) -> None:
        """Let the calls of a signature run eagerly, without a warning."""
        self._reasons[key] = why

    def stray(self, key: Any, line: str) -> None:
        """Count a call that left the program made for it at a line: rounding decided a comparison the other way."""
        self._strayed[key] += 1
        self._strayed_at = line

    def check_paths(self, key: Any, leaves: list[Any]) -> None:
        """Let the calls of a signature run eagerly from now on, if it has too many paths.

        Raises:
            Eagerly: it has.
        """
        if self._strayed[key] >= STRAYED:
            self.turn(
                key,
                f"{self._parameters.function} runs eagerly for these arguments: {STRAYED} times a decision at "
                f"{self._strayed_at} was so near that rounding decided it, and a program rounds otherwise than an "
                "eager call",
            )
        holding = [version for version in self._kept.of(key) if version.holds(leaves)]
        if len({version.decisions for version in holding}) + self._strayed[key] >= MOST_PATHS:
            self.turn(
                key,
                f"{self._parameters.function} runs eagerly for these arguments: more than {MOST_PATHS} paths lead "
                f"through it, and most part at {line_of_most(holding)}. Compute there with np.where or np.take, which "
                "are recorded; where a while loop counts, count in an array, n = np.zeros((), like=x)",
            )

    def turn(self, key: Any, why: str) -> NoReturn:
        """Let the calls of a signature run eagerly from now on, and warn if the reason is new.

        Raises:
            Eagerly: always.
        """
        if why not in self._reasons.values():
            warn_at_call(f"compile: {why}")
        while len(self._reasons) >= self._kept.maxsize:
            del self._reasons[next(iter(self._reasons))]
        self._reasons[key] = why
        self._kept.drop(key)
        raise Eagerly(why)

    def told(self) -> tuple[Eager, ...]:
        """Return the signatures as text, each with its reason."""
        begin = f"{self._parameters.function} runs eagerly: "
        return tuple([Eager(self._parameters.told(key), why.removeprefix(begin)) for key, why in self._reasons.items()])

    def clear(self) -> None:
        """Forget all of them."""
        self._reasons.clear()
        self._strayed.clear()
