"""The table of a model's layers that `summary` prints, in the form of Keras's."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from tinygraph.engine.tensor import Tensor
from tinygraph.nn.layer import Layer
from tinygraph.nn.layer_names import keras_name
from tinygraph.nn.module import Module
from tinygraph.nn.symbolic import Symbol, symbolic_call, symbols_in

__all__ = ["print_summary", "summary"]

_HEADS = ("Layer (type)", "Output Shape", "Param #")
_CONNECTED = "Connected to"
_TRAINABLE = "Trainable"

# The lines of the table, where a terminal has no others.
_PLAIN = str.maketrans({**dict.fromkeys("━─", "-"), **dict.fromkeys("┃│", "|"), **dict.fromkeys("┏┳┓┡╇┩├┼┤└┴┘", "+")})


@dataclass(frozen=True)
class _Row:
    """A layer of the table: `before` names the layers that it reads, in a model of symbols."""

    layer: Any
    title: str
    shape: str
    count: str
    before: str | None = None

    @property
    def trainable(self) -> str:
        tensors = list(self.layer.tensors().values()) if isinstance(self.layer, Module) else []
        return "-" if not tensors else "Y" if any([tensor.requires_grad for tensor in tensors]) else "N"


def print_summary(text: str) -> None:
    """Print the table. A file in another encoding than UTF-8, as Windows makes them, has lines of - and |."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        text = text.translate(_PLAIN).encode(encoding, "replace").decode(encoding)
    print(text)


def summary(
    model: Any,
    line_length: int | None = None,
    expand_nested: bool = False,
    show_trainable: bool = False,
    layer_range: Sequence[str] | None = None,
) -> str:
    """Return the table: for each layer its name, the shape of its result and the numbers in its weights; then sums.

    Args:
        model: a `Model`.
        line_length: characters of a line; None for as many as are needed, at least 65.
        expand_nested: show the layers of models inside the model.
        show_trainable: show whether a layer is trained: Y or N, and "-" for a layer without weights.
        layer_range: the names of the first and the last layer to show, or regular expressions for them.
    """
    rows = _in_range(model, _rows(model), layer_range)
    rows = _expanded(rows) if expand_nested else rows
    connected = any([row.before is not None for row in rows])
    heads = (*_HEADS, *[_TRAINABLE] * show_trainable, *[_CONNECTED] * connected)
    lines = [
        (row.title, row.shape, row.count, *[row.trainable] * show_trainable, *[row.before or ""] * connected)
        for row in rows
    ]
    return "\n".join(
        [f'Model: "{model._name or keras_name(model)}"', *_table(heads, lines, line_length), *_sums(model)]
    )


def _in_range(model: Any, rows: list[_Row], names: Sequence[str] | None) -> list[_Row]:
    """Return the rows from the first to the last of a range."""
    if names is None:
        return rows
    found = []
    for name in names:
        places = [n for n, row in enumerate(rows) if re.fullmatch(name, str(getattr(row.layer, "name", "")))]
        if not places:
            raise ValueError(f'summary: "{model.name}" has no layer {name!r} for layer_range')
        found.append(places)
    return rows[found[0][0] : found[-1][-1] + 1]


def _expanded(rows: list[_Row], depth: int = 1) -> list[_Row]:
    """Return the rows, each followed by those of the layers of a model inside."""
    found: list[_Row] = []
    for row in rows:
        found.append(row)
        if isinstance(row.layer, Module) and isinstance(getattr(row.layer, "layers", None), list):
            inner = [replace(each, title=f"{'   ' * depth}└ {each.title}") for each in _rows(row.layer)]
            found += _expanded(inner, depth + 1)
    return found


def _rows(model: Any) -> list[_Row]:
    if "layers" not in vars(model):
        return [_Row(module, _title(module), "?", f"{_count(module):,}") for module in model.layers]
    if getattr(model, "_calls", None) is not None:
        return _functional_rows(model)
    shapes = _shapes_in_turn(model)
    return [
        _Row(layer, _title(layer), shape, _parameters(layer)) for layer, shape in zip(model.layers, shapes, strict=True)
    ]


def _functional_rows(model: Any) -> list[_Row]:
    """Return a row for each layer, with the names of the layers that it reads."""
    made_by: dict[int, str] = {}
    rows: list[_Row] = []
    for place, symbol in zip(model.layers, model.inputs, strict=False):
        made_by[id(symbol)] = place.name
        rows.append(_Row(place, _title(place), str(symbol.shape), "0", "-"))
    seen: set[int] = set()
    for call in model._calls:
        layer: Any = call.function
        name = str(getattr(layer, "name", None) or getattr(layer, "__name__", layer))
        before = ", ".join(dict.fromkeys(made_by[id(symbol)] for symbol in symbols_in((call.args, call.kwargs))))
        for symbol in symbols_in(call.result):
            made_by[id(symbol)] = name
        count = "0" if id(layer) in seen or not isinstance(layer, Module) else f"{_count(layer):,}"
        seen.add(id(layer))
        rows.append(_Row(layer, _title(layer), _written(call.result), count, before))
    return rows


def _shapes_in_turn(model: Any) -> list[str]:
    """Return the shapes of the results of a sequential model's layers; "?" where no shape is known yet."""
    shape = model._input_shape
    if shape is None:
        return ["?" for _ in model.layers]
    x: Any = model.inputs[0] if model.inputs else Symbol(shape, "float32")
    found: list[str] = []
    for layer in model.layers:
        x = symbolic_call(layer, (x,), {})
        found.append(_written(x))
    return found


def _written(result: Any) -> str:
    if type(result) is Symbol:
        return str(result.shape)
    return str([symbol.shape for symbol in symbols_in(result)]).replace("[", "[", 1)


def _title(layer: Any) -> str:
    if isinstance(layer, Module):
        return f"{layer.name} ({type(layer).__name__})"
    return f"{getattr(layer, '__name__', layer)} (function)"


def _parameters(layer: Any) -> str:
    if isinstance(layer, Layer) and not all([inner.built for inner in layer.modules() if isinstance(inner, Layer)]):
        return "0 (unbuilt)"
    return f"{_count(layer):,}" if isinstance(layer, Module) else "0"


def _count(module: Module) -> int:
    return sum(tensor.size for tensor in module.tensors().values())


def _table(heads: tuple[str, ...], rows: list[tuple[str, ...]], line_length: int | None) -> list[str]:
    widths = [max(len(line[column]) for line in [heads, *rows]) for column in range(len(heads))]
    least = 65 if line_length is None else line_length
    spare = max(0, least - sum(widths) - 3 * len(widths) - 1)
    widths[0] += spare - spare // 2
    widths[1] += spare // 2
    right = 2  # the column of numbers

    def line(items: tuple[str, ...], bar: str) -> str:
        cells = [
            item.rjust(w) if column == right else item.ljust(w)
            for column, (item, w) in enumerate(zip(items, widths, strict=True))
        ]
        return f"{bar} " + f" {bar} ".join(cells) + f" {bar}"

    def rule(left: str, fill: str, middle: str, end: str) -> str:
        return left + middle.join(fill * (width + 2) for width in widths) + end

    text = [rule("┏", "━", "┳", "┓"), line(heads, "┃"), rule("┡", "━", "╇", "┩")]
    for number, row in enumerate(rows):
        text += [rule("├", "─", "┼", "┤")] if number else []
        text.append(line(row, "│"))
    return [*text, rule("└", "─", "┴", "┘")]


def _sums(model: Any) -> list[str]:
    tensors = list(model.tensors().values())
    free = [tensor for tensor in tensors if tensor.requires_grad]
    fixed = [tensor for tensor in tensors if not tensor.requires_grad]
    lines = [("Total", tensors), ("Trainable", free), ("Non-trainable", fixed)]
    return [f" {name} params: {sum(t.size for t in some):,} ({_bytes(some)})" for name, some in lines]


def _bytes(tensors: list[Tensor]) -> str:
    number: float = sum(tensor.data.nbytes for tensor in tensors)
    for unit in ("B", "KB", "MB"):
        if number < 1024:
            return f"{number:.2f} {unit}"
        number /= 1024
    return f"{number:.2f} GB"
