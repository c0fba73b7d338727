"""The value: all that the engine knows of a Tensor."""

from __future__ import annotations

from collections.abc import Callable
from types import FrameType
from typing import Any, ClassVar

__all__ = ["Value"]


class Value:
    """An array or a number, and its link into the record.

    The record, the operands and the reverse pass know this class alone. `Tensor`, which stands at the top, derives from
    it and adds what users call. The results that the engine makes are of `Value._kind`.

    Attributes:
        _kind: the class of results, the one that derives from `Value` itself.
        _value: an ndarray, or a NumPy scalar for a single number.
        _link: a `Leaf` or a `Call`.
        _memory: the `memory.Memory` that a live Tensor lies in; not there before it is live. The links hold none, as
            the memory holds a link: what is written into is freed with its last Tensor.
        _write: writes a value at an index, on behalf of the line of a frame, for a call as the user spells it.
        _numpy: calls a function with arguments, keywords and the caller's frame, and records the call.
    """

    __slots__ = ("__weakref__", "_link", "_made", "_memory", "_value")

    _kind: ClassVar[type[Any]]

    _value: Any
    _link: Any
    _made: Any
    _memory: Any
    _numpy: Callable[[Callable[..., Any], tuple[Any, ...], dict[str, Any], FrameType], Any]
    _write: Any

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        if Value in cls.__bases__:
            Value._kind = cls
