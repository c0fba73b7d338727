"""The curves of a history: a panel for each quantity, training and validation in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

__all__ = ["curves"]

PANEL = (4.2, 3.0)  # inches
MOST_IN_A_ROW = 3


def curves(
    history: Mapping[str, Sequence[Any]], epochs: Mapping[str, Sequence[int]], names: Sequence[str] | None = None
) -> Any:
    """Return a figure of matplotlib's: a panel for each quantity, its training and its validation over the epochs.

    Args:
        history: a list of numbers for each name.
        epochs: the epochs of these numbers, counted from 0.
        names: the quantities; by default all that are numbers.

    Raises:
        ImportError: matplotlib is not installed.
        ValueError: there is nothing to plot, or a name is not in the history.
    """
    chosen = list(names) if names is not None else _quantities(history)
    missing = [name for name in chosen if name not in history and f"val_{name}" not in history]
    if missing:
        known = ", ".join(history) or "nothing"
        raise ValueError(f"plot: there is no {missing[0]!r} in the history, which has {known}")
    if not chosen:
        raise ValueError("plot: the history has no epoch. Call fit first")
    try:
        from matplotlib import pyplot
    except ImportError as error:
        raise ImportError("plot: matplotlib is not installed. Write pip install 'tinygraph[train]'") from error

    columns = min(len(chosen), MOST_IN_A_ROW)
    rows = -(-len(chosen) // columns)
    figure, axes = pyplot.subplots(
        rows, columns, squeeze=False, figsize=(PANEL[0] * columns, PANEL[1] * rows), layout="constrained"
    )
    for place, panel in enumerate(axes.flat):
        if place < len(chosen):
            _draw(panel, chosen[place], history, epochs)
        else:
            panel.set_axis_off()
    if "inline" in pyplot.get_backend():
        pyplot.close(figure)  # a notebook shows the figure that is returned, and would show an open one again
    return figure


def _quantities(history: Mapping[str, Sequence[Any]]) -> list[str]:
    """Return the names of numbers, each once, without "val_"; the learning rate comes last."""
    names = dict.fromkeys(
        name.removeprefix("val_") for name, values in history.items() if all([np.ndim(value) == 0 for value in values])
    )
    return sorted(names, key=lambda name: name.startswith("learning_rate"))


def _draw(panel: Any, name: str, history: Mapping[str, Sequence[Any]], epochs: Mapping[str, Sequence[int]]) -> None:
    from matplotlib.ticker import MaxNLocator

    for key, label, style in ((name, "training", "-"), (f"val_{name}", "validation", "--")):
        values = history.get(key)
        if values:
            noted = epochs.get(key, ())
            places = [epoch + 1 for epoch in (noted if len(noted) == len(values) else range(len(values)))]
            panel.plot(places, values, style, marker="." if len(values) < 16 else None, label=label)
    panel.set_title(name.replace("_", " "))
    panel.set_xlabel("epoch")
    panel.xaxis.set_major_locator(MaxNLocator(integer=True))
    panel.grid(alpha=0.3)
    if f"val_{name}" in history and name in history:
        panel.legend()
