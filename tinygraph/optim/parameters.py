"""The parameters of an optimiser: checked, by path, and in groups with a learning rate of their own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from tinygraph.engine.tensor import Tensor
from tinygraph.nests import entries
from tinygraph.optim.rates import LearningRate, Rate, checked_number

__all__ = ["Group", "grouped", "is_rate"]

# The keys of a group, beside the one of its parameters.
OPTIONS = frozenset(("learning_rate", "weight_decay"))
PARAMETERS = frozenset(("params", "parameters"))


class Group:
    """Parameters that share a learning rate and a weight decay: an entry of `optimizer.groups`.

    Args:
        call: the optimiser's class, for messages.
        paths: those of its parameters in `optimizer.parameters`.
        learning_rate: a number or a schedule; None for the optimiser's.
        weight_decay: a number; None for the optimiser's.

    Attributes:
        paths, weight_decay: as given.
        rate: the `LearningRate` of the group, or None.
    """

    def __init__(
        self,
        call: str,
        paths: Iterable[str],
        learning_rate: Rate | None = None,
        weight_decay: float | None = None,
    ) -> None:
        self.call = call
        self.paths = tuple(paths)
        self.weight_decay = None if weight_decay is None else checked_number(call, "weight_decay", weight_decay)
        self.rate = None if learning_rate is None else LearningRate(call, learning_rate)

    @property
    def learning_rate(self) -> Rate | None:
        """The group's own number or schedule, which can be set at any time; None for the optimiser's."""
        if self.rate is None:
            return None
        return self.rate.schedule or float(self.rate.after(0.0))

    @learning_rate.setter
    def learning_rate(self, rate: Rate) -> None:
        if self.rate is None:
            self.rate = LearningRate(self.call, rate)
        else:
            self.rate.set(rate)


def grouped(parameters: Any, call: str) -> tuple[dict[str, Tensor], list[Group]]:
    """Return the Tensors of an argument `parameters` by path, and their groups; one, if none are given.

    Args:
        parameters: Tensors in lists, tuples and dicts, or a list of groups, `[{"params": ..., "learning_rate": ...}]`.
        call: the optimiser's class, for messages.

    Raises:
        TypeError: a parameter is not a Tensor, is not a leaf, or requires no gradient; a group has an unknown key.
        ValueError: there are no parameters, a Tensor comes twice, or a rate is negative or not finite.
    """
    if isinstance(parameters, Tensor):
        parameters = [parameters]
    elif isinstance(parameters, Iterator):
        parameters = list(parameters)
    if not _are_groups(parameters):
        tensors = _checked(parameters, call)
        return tensors, [Group(call, tensors)]
    options = [_options(item, call, number) for number, item in enumerate(parameters)]
    tensors = _checked([_tensors(item) for item in parameters], call)
    return tensors, [
        Group(call, [path for path in tensors if path.partition(".")[0] == str(number)], **own)
        for number, own in enumerate(options)
    ]


def is_rate(item: Any) -> bool:
    """Return whether the first argument of an optimiser is a learning rate: a number, or a schedule."""
    if isinstance(item, float | int) or getattr(item, "ndim", None) == 0:
        return not isinstance(item, Tensor | bool)
    owner = getattr(item, "__self__", item)  # of `model.parameters`, which was meant to be called
    return callable(item) and not isinstance(item, type) and not hasattr(owner, "parameters")


# --- groups -----------------------------------------------------------------------------------------------------------


def _are_groups(parameters: Any) -> bool:
    return isinstance(parameters, list | tuple) and any(
        isinstance(item, Mapping) and PARAMETERS & item.keys() for item in parameters
    )


def _tensors(group: Any) -> Any:
    """Return the parameters of a group."""
    (key,) = PARAMETERS & group.keys()
    tensors = group[key]
    if isinstance(tensors, Tensor):
        return [tensors]
    return list(tensors) if isinstance(tensors, Iterator) else tensors


def _options(group: Any, call: str, number: int) -> dict[str, Any]:
    """Return the learning rate and the weight decay of a group, where it has them."""
    if not isinstance(group, Mapping) or len(PARAMETERS & group.keys()) != 1:
        raise TypeError(
            f'{call}: group {number} must be a dict, {{"params": tensors, "learning_rate": 0.001}}, as other groups are'
        )
    unknown = sorted(map(str, group.keys() - PARAMETERS - OPTIONS))
    if unknown:
        meant = "Write learning_rate" if "lr" in unknown else "It may have learning_rate and weight_decay"
        raise TypeError(f"{call}: group {number} has no option {unknown[0]!r}. {meant}")
    return {key: group[key] for key in OPTIONS & group.keys()}


# --- checks -----------------------------------------------------------------------------------------------------------


def _checked(parameters: Any, call: str) -> dict[str, Tensor]:
    found: dict[str, Tensor] = {}
    for path, item in entries(parameters):
        place = f"{call}: parameter {path}" if path else f"{call}: the parameters"
        _check_leaf(item, place, call)
        if any(item is other for other in found.values()):
            raise ValueError(f"{place} is among the parameters already. Give each Tensor once")
        found[path] = item
    if not found:
        raise ValueError(
            f"{call}: there are no parameters. Layers make theirs when they see the first batch: call the model once "
            f"before making the optimiser, or make it without, {call}(), and call its `build` then"
        )
    return found


def _check_leaf(item: Any, place: str, call: str) -> None:
    if not isinstance(item, Tensor):
        raise TypeError(f"{place} must be a Tensor, got {type(item).__name__}. {_instead_of(item, call)}")
    if not item.is_leaf:
        raise TypeError(
            f"{place} is computed from other Tensors. Give those, or make a leaf of its values, tg.Tensor(t.data)"
        )
    if not item.requires_grad:
        raise TypeError(
            f"{place}, of dtype {item.dtype}, requires no gradient, so it would never move. Leave it out, or give "
            "tg.Tensor(t.data, dtype=float), which requires one"
        )


def _instead_of(item: Any, call: str) -> str:
    """Return the advice for something that is not a parameter."""
    if callable(getattr(item, "parameters", None)):
        return f"Write {call}(model.parameters())"
    if callable(item) and not isinstance(item, type):
        return f"Call it: {call}(model.parameters())"
    if isinstance(item, str):
        return (
            f"Write {call}(model.parameters()), with the Tensors themselves; a learning rate is a number, {call}(0.001)"
        )
    return "Make it one, tg.Tensor(values), and compute with that"
