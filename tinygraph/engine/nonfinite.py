"""The place where a NaN or an infinity was made, as `tg.detect_nonfinite` says it."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygraph.engine.links import Call, Leaf, Like, Put, links_in, name_of, variable_of
from tinygraph.engine.operands import plain
from tinygraph.engine.table import function_name
from tinygraph.errors import NonFiniteError
from tinygraph.users_code.source import source_of


def is_finite(value: Any) -> bool:
    """Return whether no element is NaN or infinite; true of integers and booleans."""
    return value.dtype.kind not in "fc" or bool(np.isfinite(value).all())


def holds_nan(value: Any) -> bool:
    """Return whether an array has a NaN, by its sum of squares, which adds no infinities of opposite signs."""
    if type(value) is np.ndarray and value.dtype.kind == "f" and value.size < _FEW:
        length = np.vdot(value, value)
        return bool(length != length)
    if type(value) is np.ndarray and 0 in value.strides and value.size:  # one number, repeated
        value = value[tuple([slice(0, 1) if stride == 0 else slice(None) for stride in value.strides])]
    return bool(np.any(np.isnan(np.min(value, initial=np.inf)))) if value.dtype.kind == "f" else _any_nan(value)


def _any_nan(value: Any) -> bool:
    return value.dtype.kind == "c" and bool(np.any(np.isnan(value)))


# Up to so many elements a product of two vectors is quicker than their minimum.
_FEW = 10_000


def watch_result(call: Call, value: Any) -> None:
    """Raise if the result of a call is not finite; of a write the value that is written."""
    value = np.asarray(plain(value))
    if not is_finite(value):
        told = f"{function_name(call.op.function)}: the result"
        told = "t[index] = value: the value" if type(call) is Put else told
        raise NonFiniteError("\n".join([f"{told} has {_counted(value)}", *_place(call), *_operands(call.args)]))


def watch_unrecorded(name: str, args: tuple[Any, ...], value: Any) -> None:
    """Raise if the result of a call that is not recorded is not finite."""
    if not is_finite(value):
        raise NonFiniteError("\n".join([f"{name}: the result has {_counted(value)}", *_operands(args)]))


def watch_pulled(call: Call, g: Any, cotangents: dict[Leaf, Any]) -> None:
    """Raise if the call that was just pulled made a NaN or an infinity of its cotangent."""
    for link in links_in(call.args):
        arrived = cotangents.get(link) if isinstance(link, Leaf) else link._adjoint
        if link.differentiable and hasattr(arrived, "dtype"):
            _watch_cotangent(call, plain(g), link, plain(arrived))


def _watch_cotangent(call: Call, g: Any, operand: Any, cotangent: Any) -> None:
    """Raise if the gradient that a call hands to an operand is not finite."""
    if not is_finite(cotangent):
        name = function_name(call.op.function)
        raise NonFiniteError(
            "\n".join(
                [
                    f"backward of {name}: the gradient of {_name(operand) or 'an operand'} has {_counted(cotangent)}",
                    *_place(call),
                    f"  gradient of the result: {_described(g)}",
                    *_operands(call.args),
                ]
            )
        )


def _counted(value: Any) -> str:
    """ "3 NaN and 1 -inf among 200 elements"."""
    kinds = {"NaN": np.isnan(value)}
    if value.dtype.kind == "c":
        kinds["infinite"] = np.isinf(value)
    else:
        kinds |= {"inf": np.isposinf(value), "-inf": np.isneginf(value)}
    counts = {kind: int(np.count_nonzero(found)) for kind, found in kinds.items()}
    found = " and ".join(f"{count} {kind}" for kind, count in counts.items() if count)
    return f"{found} among {value.size} element{'s' * (value.size != 1)}"


def _place(call: Call) -> list[str]:
    source = source_of(call.code, call.lasti)
    return [f"  at {source}: {source.text}"] if source is not None and source.of_user else []


def _operands(args: tuple[Any, ...]) -> list[str]:
    return [
        f"  operand {place}{_bracketed(_name(item))}: {_described(getattr(item, '_value', item))}"
        for place, item in enumerate(args)
        if isinstance(item, Call | Leaf | np.ndarray | np.generic | float)
    ]


def _bracketed(name: str | None) -> str:
    return f" ({name})" if name else ""


def _name(link: Any) -> str | None:
    if not isinstance(link, Call | Leaf):
        return None
    source = source_of(link.code, link.lasti)
    return name_of(link) or (variable_of(link) if source is not None and source.of_user else None)


def _described(value: Any) -> str:
    """Shape, range and what is not finite."""
    if isinstance(value, Like):
        return f"shape {value.shape}, not kept"
    value = np.asarray(value)
    if value.dtype.kind not in "fiub" or not value.size:
        return f"shape {value.shape}, {value.dtype}"
    finite = value[np.isfinite(value)]
    span = f"from {finite.min():.4g} to {finite.max():.4g}" if finite.size else "nothing finite"
    zeros = int(np.count_nonzero(value == 0))
    notes = [f"shape {value.shape}", span, f"{zeros} zero{'s' * (zeros != 1)}" if zeros else ""]
    return ", ".join([*filter(None, notes), *([] if is_finite(value) else [_counted(value)])])
