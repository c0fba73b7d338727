"""Reasons: why a program is made, in words, beside the programs that are there already."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tinygraph.compiler.guards.signature import Parameters
from tinygraph.compiler.program.decisions import Left, decided
from tinygraph.compiler.run.versions import Version

__all__ = ["other_path", "reason"]


def reason(
    parameters: Parameters, versions: Mapping[Any, Sequence[Version]], key: Any, leaves: list[Any], fresh: Sequence[str]
) -> str:
    """Return why a program is made for a call, where none is right for it.

    Args:
        parameters: of the function.
        versions: the programs by their signatures, the most recently used last.
        key: the signature of the call.
        leaves: of the call.
        fresh: the names of ints that have become counters with this call.
    """
    if fresh:
        enters = "enters" if len(fresh) == 1 else "enter"
        return f"{' and '.join(fresh)} had a third value, and {enters} arithmetic alone"
    if not versions:
        return "it was the first call"
    if versions.get(key):
        return versions[key][0].differs(leaves)
    texts = parameters.texts(key)
    others = [parameters.texts(other) for other in reversed(versions)]
    nearest = max(others, key=lambda other: sum(a == b for a, b in zip(texts, other, strict=False)))
    changed = [
        f"{was} became {now.partition(': ')[2] or now}"
        for was, now in zip(nearest, texts, strict=False)
        if was != now and was.partition(": ")[0] == now.partition(": ")[0]
    ]
    if texts in others:
        return "arguments were given by name that were given by position, or the other way round"
    names, before = [[text.partition(": ")[0] for text in found] for found in (texts, nearest)]
    changed += [f"{text} was given" for name, text in zip(names, texts, strict=True) if name not in before]
    changed += [f"{name} was left out" for name in before if name not in names]
    return "; ".join(changed) or "other arguments were given"


def other_path(version: Version, left: Left) -> str:
    """Return why a program is made for a call that left the path of another one."""
    nodes = [node for node in version.program.graph.nodes if node.function is decided]
    source = nodes[left.number].source if left.number < len(nodes) else None
    line = f"{source} {source.text}" if source is not None else left.line or "an unknown line"
    was = version.decisions[left.number] if left.number < len(version.decisions) else "otherwise"
    return f"{line} was {was}, and is {left.outcome}"
