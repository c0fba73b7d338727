"""Paths: the programs of one signature that differ in their decisions.

A call runs the program that ran last. Where it decides otherwise, its decisions up to there are known, and the next
program is one that begins with them. So a call runs few beginnings, and a program is made only for a new path.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from tinygraph.compiler.program.decisions import Left, begins_with, decided, outcomes_at
from tinygraph.compiler.run.versions import Version

__all__ = ["MOST_PATHS", "STRAYED", "along", "line_of_most", "weight_of"]

# A function with more paths for one signature runs eagerly.
MOST_PATHS = 32

# So many calls may leave the program that was made for them, each after two recordings, before all run eagerly.
STRAYED = 3


def along(
    run: Callable[[Version, list[Any]], Any], versions: Sequence[Version], version: Version, left: Left,
    leaves: list[Any],
) -> tuple[Any, Version | None]:  # fmt: skip
    """Return the result of a call that left the path of a program, and the program that computed it; None for none.

    Args:
        run: runs a program.
        versions: of the signature, the one that ran last first.
        version: the program that was left.
        left: where, and how.
        leaves: of the arguments of the call.
    """
    tried: list[Version] = []
    following: Version | None = version
    while following is not None:
        tried.append(following)
        begun = (*outcomes_at(following.decisions, left.trips)[: left.number], left.outcome)
        following = next(
            (
                other
                for other in versions
                if other not in tried and begins_with(other.decisions, begun) and other.holds(leaves)
            ),
            None,
        )
        if following is not None:
            try:
                return run(following, leaves), following
            except Left as again:
                left = again.with_traceback(None)
    return None, None


def weight_of(versions: Sequence[Version]) -> int:
    """Return for how many programs the versions of a signature count: its paths count as one.

    Those of which there are several for one path were made for other surroundings.
    """
    alike = Counter(version.decisions for version in versions)
    return max(*alike.values(), -(-len(versions) // MOST_PATHS), 0)


def line_of_most(versions: Iterable[Version]) -> str:
    """Return the user's line of the decision at which most paths part."""
    outcomes: defaultdict[tuple[Any, ...], set[Any]] = defaultdict(set)
    lines: dict[tuple[Any, ...], str] = {}
    for version in versions:
        begun: tuple[Any, ...] = ()
        for node in version.program.graph.nodes:
            if node.function is decided:
                outcomes[begun].add(node.args[1])
                lines[begun] = str(node.source) if node.source is not None else "an unknown line"
                begun = (*begun, node.args[1])
    parted: Counter[str] = Counter()
    for begun, found in outcomes.items():
        parted[lines[begun]] += len(found) - 1
    return parted.most_common(1)[0][0] if parted else "an unknown line"
