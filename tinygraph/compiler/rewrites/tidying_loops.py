"""Tidying loops: unused results of a loop are not computed, and values that never change are not carried."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygraph.compiler.program.builder import Builder
from tinygraph.compiler.program.counting import Affine, item_at
from tinygraph.compiler.program.steps import Step
from tinygraph.compiler.rewrites.changing_loops import Changed, OldLoop, loops_changed, old_loop
from tinygraph.compiler.rewrites.sharing import identity
from tinygraph.graph import Graph

__all__ = ["tidy_loops"]


def tidy_loops(graph: Graph) -> Graph:
    """for t in ...: a, b, c = f(a), g(b), c; return a  ->  for t in ...: a = f(a); return a."""
    return loops_changed(graph, _tidied)


def _tidied(builder: Builder, step: Step, read: set[int]) -> Changed | None:
    old = old_loop(builder, step)
    loop = old.loop
    _find_repeated(old)
    _find_constants(old)
    _find_alike(old)
    results = list(loop.body.outputs)
    kept = [output for number, output in enumerate(results) if number >= loop.carried and number in read]
    carried = _needed(old, read, kept)  # type: ignore[arg-type]
    stacks = _once([output for output in loop.stacks if output in kept and not _is_known(old, output)])
    lasts = _once([output for output in loop.lasts if output in kept and not _is_known(old, output)])
    if _is_tidy(old, carried, stacks, lasts):
        return None
    new = old.new_loop(builder, carried, stacks, lasts)
    found: dict[int, Step] = {}
    for number in read:
        output: Any = results[number]
        if number < loop.carried:
            number_now = old.alike.get(number, number)
            is_fixed = old.carried[number].index in old.outside
            found[number] = old.firsts[number] if is_fixed else old.result(builder, new, carried.index(number_now))
        elif number < loop.carried + loop.stacked:
            found[number] = (
                _repeated(builder, new, old.known(builder, output), loop.count) if _is_known(old, output)
                else old.result(builder, new, len(carried) + stacks.index(output))
            )  # fmt: skip
        else:
            found[number] = (
                old.known(builder, output) if _is_known(old, output)
                else old.result(builder, new, len(carried) + len(stacks) + lasts.index(output))
            )  # fmt: skip
    return new, found


def _is_known(old: OldLoop, output: Any) -> bool:
    return old.is_known(output)


def _find_repeated(old: OldLoop) -> None:
    """Note each row of a value from outside that is repeated: it is the value itself."""
    for step in old.body:
        whole = old.fixed.get(step.args[0].index) if step.function == item_at and type(step.args[0]) is Step else None
        if whole is None or whole.function is not np.broadcast_to or type(step.args[1]) is not Affine:
            continue
        value = whole.args[0]
        if type(value) is Step and (value.shape, value.dtype) == (step.shape, step.dtype):
            old.outside[step.index] = value


def _find_constants(old: OldLoop) -> None:
    """Note each carried value whose next value is its first one: it never changes."""
    found = True
    while found:
        found = False
        for first, inner, following in zip(old.firsts, old.carried, old.loop.nexts, strict=True):
            if inner.index in old.outside:
                continue
            then = old.outside.get(following.index, old.fixed.get(following.index))
            if following is inner or then is first:
                old.outside[inner.index] = first
                found = True


def _find_alike(old: OldLoop) -> None:
    """Note each carried value that begins as another one does, or with an equal constant, and goes on as that does."""
    known: dict[Any, int] = {}
    for number, (first, following) in enumerate(zip(old.firsts, old.loop.nexts, strict=True)):
        if old.carried[number].index not in old.outside:
            other = known.setdefault((identity(first), following.index), number)
            if other != number:
                old.alike[number] = other


def _needed(old: OldLoop, read: set[int], kept: list[Step]) -> list[int]:
    """Return the numbers of the carried values that are read, in the loop or behind it."""
    candidates = [
        number for number, inner in enumerate(old.carried)
        if inner.index not in old.outside and number not in old.alike
    ]  # fmt: skip
    read = {old.alike.get(number, number) for number in read}
    needed = {number for number in candidates if number in read}
    while True:
        alive = old.alive([*[old.loop.nexts[number] for number in needed], *kept])
        more = {number for number in candidates if old.carried[number].index in alive} - needed
        if not more:
            return sorted(needed)
        needed |= more


def _once(outputs: list[Step]) -> list[Step]:
    return list(dict.fromkeys(outputs))


def _is_tidy(old: OldLoop, carried: list[int], stacks: list[Step], lasts: list[Step]) -> bool:
    """Return whether the loop is one already that has only this, and inputs that are read, each once."""
    loop = old.loop
    if any([step.index in old.outside for step in old.body if not step.given and not step.is_constant]):
        return False
    if (len(carried), len(stacks), len(lasts)) != (loop.carried, loop.stacked, loop.last):
        return False
    alive = old.alive(loop.body.outputs)  # type: ignore[arg-type]
    outer = [value.index for value in old.fixed.values()]
    return len(set(outer)) == len(outer) and all([index in alive for index in old.fixed])


def _repeated(builder: Builder, like: Step, value: Step, count: int) -> Step:
    return builder.call(like, np.broadcast_to, value, (count, *value.shape))
