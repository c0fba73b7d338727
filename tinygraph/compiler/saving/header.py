"""The header: the parameters of a saved function, which are those of the function that were given something.

Of `def step(model, x, mode="train", *, rate=0.5)`, called as `step(model, x, rate=0.1)`, it is `x, *, rate`: the model
is part of the program, and a mode cannot be given, since none was. With parameters="arguments" the Tensors follow.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from inspect import Parameter

__all__ = ["ABSENT", "Header", "header_of"]


@dataclass(frozen=True)
class Header:
    """The parameters of a saved function.

    Attributes:
        names: in the order in which their leaves are counted: those of the function's parameters, then the Tensors.
        text: as they stand in the definition; those that may be left out have `ABSENT` as their default.
        optional: those that may be left out.
        keywords: the parameter that takes any arguments by name, if there is one.
        static: those that are part of the signature whatever they are.
        state: those that are Tensors outside of the function.
    """

    names: list[str]
    text: str
    optional: frozenset[str]
    keywords: str | None
    static: frozenset[str]
    state: list[str]


ABSENT = "absent"


def header_of(
    parameters: Sequence[Parameter], words: Sequence[dict[str, str]], state: Sequence[str], static: frozenset[str]
) -> Header:  # fmt: skip
    """Return the parameters of a saved function.

    Args:
        parameters: of the function.
        words: for each signature by name what is given.
        state: the names of Tensors that are arguments.
        static: the names of arguments that are part of the signature whatever they are.
    """
    groups, several = _grouped(parameters, words)
    positional, either, by_name = (groups[kind] for kind in _KINDS)
    rest, more = several.get(Parameter.VAR_POSITIONAL), several.get(Parameter.VAR_KEYWORD)
    (by_name if by_name or rest else either).extend(state)
    by_position = [*positional, *either]
    names = [*by_position, *by_name]
    rare = [name for name in names if name not in state and any(name not in given for given in words)]
    first = min([by_position.index(name) for name in rare if name in by_position], default=len(by_position))
    optional = frozenset([*rare, *by_position[first:]])

    def written(names: Sequence[str]) -> list[str]:
        return [f"{name}={ABSENT}" if name in optional else name for name in names]

    parts = [
        *written(positional), *(["/"] if positional else []), *written(either),
        *([f"*{rest}"] if rest else ["*"] if by_name else []), *written(by_name), *([f"**{more}"] if more else []),
    ]  # fmt: skip
    names = [*[parameter.name for parameter in parameters if any(parameter.name in given for given in words)], *state]
    return Header(names, ", ".join(parts), optional, more, static & frozenset(names), list(state))


def _grouped(
    parameters: Sequence[Parameter], words: Sequence[dict[str, str]]
) -> tuple[dict[object, list[str]], dict[object, str]]:
    """Return the names of the parameters that are given something, by their kinds; those of several arguments apart.

    A parameter behind one that is left out has another position than before, and is given by name.
    """
    groups: dict[object, list[str]] = {kind: [] for kind in _KINDS}
    several: dict[object, str] = {}
    shifted = False
    for parameter in parameters:
        name, kind = parameter.name, parameter.kind
        if not any(name in given for given in words):
            shifted = shifted or any(groups.values())
        elif kind in groups:
            groups[Parameter.KEYWORD_ONLY if shifted else kind].append(name)
        else:
            several[kind] = name
    return groups, several


_KINDS = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD, Parameter.KEYWORD_ONLY)
