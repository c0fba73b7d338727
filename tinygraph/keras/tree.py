"""Keras's functions for nests of dicts, lists, tuples and deques. What is none of these is a leaf, None included.

The entries of a dict are taken in the order of its keys, those of an `OrderedDict` in its own order, as in Keras.
"""

from __future__ import annotations

import copy
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable
from typing import Any

__all__ = [
    "MAP_TO_NONE",
    "assert_same_paths",
    "assert_same_structure",
    "flatten",
    "flatten_with_path",
    "is_nested",
    "lists_to_tuples",
    "map_shape_structure",
    "map_structure",
    "map_structure_up_to",
    "pack_sequence_as",
    "traverse",
]


class MAP_TO_NONE:  # noqa: N801 - Keras's name
    """The result of the function given to `traverse` for a part that becomes None."""


def is_nested(structure: Any) -> bool:
    """Return whether a value has entries: a dict, a list, a tuple or a deque."""
    return isinstance(structure, dict | list | tuple | deque)


def flatten(structure: Any) -> list[Any]:
    """Return the leaves, in order; a leaf alone is a list of one."""
    return [leaf for _, leaf in flatten_with_path(structure)]


def flatten_with_path(structure: Any) -> list[tuple[tuple[Any, ...], Any]]:
    """Return the leaves, in order, each as (path, leaf); a path has the keys and places on the way to the leaf."""
    if not is_nested(structure):
        return [((), structure)]
    return [((key, *path), leaf) for key, part in _entries(structure) for path, leaf in flatten_with_path(part)]


def map_structure(func: Callable[..., Any], *structures: Any, none_is_leaf: bool = True) -> Any:
    """Return the first structure with each leaf replaced by the function's result for the leaves at its place.

    Args:
        func: takes a leaf of each structure.
        structures: one or more, with the same layout.
        none_is_leaf: call the function on None, too; else None stays.

    Raises:
        TypeError: there is no structure, or `func` is not callable.
        ValueError: the structures have different layouts.
    """
    _check(func, structures)
    for other in structures[1:]:
        assert_same_structure(structures[0], other)

    def of_leaves(*leaves: Any) -> Any:
        return None if leaves[0] is None and not none_is_leaf else func(*leaves)

    return _mapped(of_leaves, structures[0], structures)


def map_structure_up_to(shallow_structure: Any, func: Callable[..., Any], *structures: Any) -> Any:
    """Return the shallow structure with each leaf replaced by the function's result for what stands at its place.

    Args:
        shallow_structure: its leaves are the places; what the others have below a place is given as it is.
        func: takes what each structure has at a place.
        structures: one or more; each has at least the entries of the shallow structure.

    Raises:
        TypeError: there is no structure, or `func` is not callable.
        ValueError: a structure is not as deep as the shallow one, or has other entries.
    """
    _check(func, structures)
    return _mapped(func, shallow_structure, structures)


def pack_sequence_as(structure: Any, flat_sequence: Iterable[Any]) -> Any:
    """Return the structure with its leaves replaced by these values, in the order of `flatten`.

    Raises:
        TypeError: `flat_sequence` is a single value.
        ValueError: there are more values than leaves, or fewer.
    """
    if not isinstance(flat_sequence, Iterable):
        raise TypeError(f"pack_sequence_as: flat_sequence must be a list, got {type(flat_sequence).__name__}")
    values, leaves = list(flat_sequence), len(flatten(structure))
    if len(values) != leaves:
        raise ValueError(f"pack_sequence_as: the structure has {leaves} leaves, and there are {len(values)} values")
    remaining = iter(values)
    return _mapped(lambda _: next(remaining), structure, (structure,))


def assert_same_structure(a: Any, b: Any, check_types: bool | None = None) -> None:
    """Raise ValueError for two structures with different layouts: kinds of nests, numbers of entries or keys.

    Args:
        a, b: two structures. All dicts are of one kind.
        check_types: of Keras; without effect here and there.
    """
    if _kind(a) is not _kind(b) or (is_nested(a) and _keys(a) != _keys(b)):
        raise ValueError(f"the two structures do not have the same layout: {a!r} and {b!r}")
    if is_nested(a):
        for (_, mine), (_, theirs) in zip(_in_order_of(a, a), _in_order_of(a, b), strict=True):
            assert_same_structure(mine, theirs)


def assert_same_paths(a: Any, b: Any) -> None:
    """Raise ValueError for two structures whose leaves have different paths; lists, tuples and deques are alike."""
    mine, theirs = ({path for path, _ in flatten_with_path(structure)} for structure in (a, b))
    if mine != theirs:
        raise ValueError(f"the two structures do not have the same paths: {sorted(mine ^ theirs, key=str)} differ")


def lists_to_tuples(structure: Any) -> Any:
    """Return the structure with tuples in place of lists."""
    if not is_nested(structure):
        return structure
    parts = [lists_to_tuples(part) for _, part in _entries(structure)]
    return tuple(parts) if isinstance(structure, list) else _rebuilt(structure, parts)


def map_shape_structure(func: Callable[[Any], Any], structure: Any) -> Any:
    """Return the structure with each shape, a list or tuple of numbers and None, replaced by the function's result."""
    if isinstance(structure, list | tuple) and all(isinstance(size, int | None) for size in structure):
        return func(tuple(structure))
    if not is_nested(structure):
        raise ValueError(f"map_shape_structure: expected shapes, tuples of whole numbers and None, got {structure!r}")
    return _rebuilt(structure, [map_shape_structure(func, part) for _, part in _entries(structure)])


def traverse(func: Callable[[Any], Any], structure: Any, top_down: bool = True) -> Any:
    """Call a function on the structure and on all its parts, and return the structure with what it replaced.

    Args:
        func: takes a part. It returns None to leave the part as it is, `MAP_TO_NONE` to replace it by None, or another
            value to replace it.
        structure: of any depth.
        top_down: call it on a nest before its entries, which are passed over where the nest is replaced; else after.

    Raises:
        TypeError: `func` is not callable.
    """
    _check(func, (structure,))
    if top_down and (found := func(structure)) is not None:
        return None if found is MAP_TO_NONE else found
    if is_nested(structure):
        structure = _rebuilt(structure, [traverse(func, part, top_down) for _, part in _entries(structure)])
    if not top_down and (found := func(structure)) is not None:
        return None if found is MAP_TO_NONE else found
    return structure


def _check(func: Any, structures: tuple[Any, ...]) -> None:
    if not callable(func):
        raise TypeError(f"expected a function, got {type(func).__name__}")
    if not structures:
        raise TypeError("expected a structure after the function")


def _keys(structure: Any) -> Any:
    return set(structure) if isinstance(structure, dict) else len(structure)


def _kind(structure: Any) -> Any:
    if not is_nested(structure):
        return None
    return dict if isinstance(structure, dict) else type(structure)


def _entries(structure: Any) -> list[tuple[Any, Any]]:
    """Return the entries with their keys or places, in Keras's order."""
    if isinstance(structure, OrderedDict):
        return list(structure.items())
    if isinstance(structure, dict):
        return [(key, structure[key]) for key in sorted(structure)]
    return list(enumerate(structure))


def _in_order_of(first: Any, structure: Any) -> list[tuple[Any, Any]]:
    """Return the entries of a structure in the order of those of the first one, which has the same keys."""
    if isinstance(first, dict):
        return [(key, structure[key]) for key, _ in _entries(first)]
    return list(enumerate(structure))


def _mapped(func: Callable[..., Any], shallow: Any, structures: tuple[Any, ...]) -> Any:
    if not is_nested(shallow):
        return func(*structures)
    for other in structures:
        if _kind(other) is not _kind(shallow) or _keys(other) != _keys(shallow):
            raise ValueError(f"the structures do not have the same layout: {shallow!r} and {other!r}")
    columns = [_in_order_of(shallow, other) for other in structures]
    parts = [
        _mapped(func, part, tuple(column[place][1] for column in columns))
        for place, (_, part) in enumerate(_entries(shallow))
    ]
    return _rebuilt(shallow, parts)


def _rebuilt(structure: Any, parts: list[Any]) -> Any:
    """Return a nest of the same kind with other entries, given in Keras's order."""
    if isinstance(structure, dict):
        twin = copy.copy(structure)  # a defaultdict cannot be made of a dict alone
        twin.update(zip([key for key, _ in _entries(structure)], parts, strict=True))
        return twin
    if hasattr(structure, "_fields"):
        return type(structure)(*parts)
    return deque(parts, structure.maxlen) if isinstance(structure, deque) else type(structure)(parts)
